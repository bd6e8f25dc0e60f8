"""Review capacity: how many requests can be looked at, and which a model would have picked, ties by lot."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import UsageError
from seatrial.records.numbers import format_count, format_percent

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_FORM = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<percent>%)?\s*(?P<day>(?:/|per|a)\s*day)?\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """So many requests, or such a share of them; in all, or of each day."""

    count: int | None = None
    share: float | None = None
    per_day: bool = False

    def of(self, requests: int) -> int:
        """How many of so many requests are looked at: a share is rounded down, but one is."""
        if self.share is not None:
            return min(requests, max(1, math.floor(self.share * requests + 1e-9)))
        return min(requests, self.count or 0)

    @property
    def words(self) -> str:
        """How it is said behind "recall at": `500 alerts`, `2 % of requests reviewed each day`."""
        if self.share is None:
            return f"{format_count(self.count or 0)} alerts{' a day' if self.per_day else ''}"
        return f"{format_percent(self.share)} of requests reviewed{' each day' if self.per_day else ''}"

    def __str__(self) -> str:
        amount = format_percent(self.share) if self.share is not None else format_count(self.count or 0)
        return f"{amount}{' a day' if self.per_day else ''}"


def read_capacity(given: str | int | float) -> Capacity:
    """A capacity from `500`, `2%`, `500/day`, `2%/day`, or a number: a share under 1, a count from 1 on.

    Raises `UsageError` for anything else.

    >>> str(read_capacity("2%/day")), read_capacity(0.02).share, read_capacity("500").count
    ('2 % a day', 0.02, 500)
    """
    form = _FORM.fullmatch(str(given))
    wrong = UsageError(f"A review capacity is written 500, 2%, 500/day or 2%/day, not '{given}'.")
    if form is None:
        raise wrong
    number, per_day = float(form["number"]), form["day"] is not None
    if form["percent"] or number < 1:
        share = number / 100 if form["percent"] else number
        if not 0 < share < 1:
            raise UsageError(f"A review capacity is more than 0 % and less than 100 %, not '{given}'.")
        return Capacity(share=share, per_day=per_day)
    if number != int(number):
        raise wrong
    return Capacity(count=int(number), per_day=per_day)


def top_scored(
    score: Floats, lot: NDArray[np.int64], capacity: Capacity, day: NDArray[np.int64] | None
) -> tuple[Mask, int]:
    """Which requests (n,) are looked at, the highest scores first, and how many equal scores at the cut fell by `lot`.

    `lot` (n,) is a permutation that orders requests of one score; `day` (n,) splits them where the capacity is per day.

    >>> picked, tied = top_scored(np.array([0.9, 0.5, 0.5, 0.1]), np.array([0, 2, 1, 3]), Capacity(count=2), None)
    >>> picked.tolist(), tied
    ([True, False, True, False], 2)
    """
    picked = np.zeros(len(score), dtype=np.bool_)
    tied = 0
    for group in _groups(len(score), day):
        k = capacity.of(len(group))
        order = group[np.lexsort((lot[group], -score[group]))]
        picked[order[:k]] = True
        if 0 < k < len(order) and score[order[k - 1]] == score[order[k]]:
            tied += int((score[group] == score[order[k]]).sum())
    return picked, tied


def _groups(n: int, day: NDArray[np.int64] | None) -> list[NDArray[np.intp]]:
    if day is None:
        return [np.arange(n)]
    order = np.argsort(day, kind="stable")
    starts = np.flatnonzero(np.diff(day[order], prepend=day[order[0]] - 1))
    return np.split(order, starts[1:])
