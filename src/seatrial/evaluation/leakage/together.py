"""Groups and times that a split should keep apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.leakage.columns import Codes, codes, missing

Floats = NDArray[np.float64]
FEWEST_TIMES = 0.9
"""Share of values that must read as times."""


@dataclass(frozen=True, kw_only=True)
class SharedGroups:
    """Groups that both sides have."""

    rows: Codes
    """Test rows of them."""
    partner: Codes
    """For every test row, the first training row of its group, or -1."""
    groups: int
    of: int
    """Groups of the test set."""
    known: int
    """Test rows with a group."""


def shared_groups(test: Sequence[Any], train: Sequence[Any]) -> SharedGroups:
    """Test rows whose group has training rows as well; rows without a group are left out.

    >>> shared_groups(["a", "b", None], ["b", "b"]).rows.tolist()
    [1]
    """
    first, second = codes(test, train)
    known = np.array([not missing(value) for value in test], dtype=bool)
    there = np.array([not missing(value) for value in train], dtype=bool)
    size = int(max(first.max(initial=-1), second.max(initial=-1))) + 1
    partner = np.full(size, -1, dtype=np.int64)
    positions = np.flatnonzero(there)[::-1]
    partner[second[positions]] = positions
    hit = known & (partner[first] >= 0)
    return SharedGroups(
        rows=np.flatnonzero(hit),
        partner=np.where(hit, partner[first], -1),
        groups=len(np.unique(first[hit])),
        of=len(np.unique(first[known])),
        known=int(known.sum()),
    )


@dataclass(frozen=True, kw_only=True)
class TimeTravel:
    """The ranges of both sides, and test rows that have training rows after them."""

    rows: Codes
    """Test rows before the last training row."""
    later: int
    """Training rows after the first test row."""
    test: tuple[str, str]
    train: tuple[str, str]
    known: int
    known_train: int


def time_travel(test: Sequence[Any], train: Sequence[Any]) -> TimeTravel | str:
    """Test rows with a training row after them; or why the times cannot be read.

    >>> found = time_travel(["2024-03-01", "2024-05-01"], ["2024-01-01", "2024-04-01"])
    >>> found.rows.tolist(), found.later
    ([0], 1)
    """
    sides = [instants(test), instants(train)]
    for side, name in zip(sides, ("test set", "training data"), strict=True):
        if isinstance(side, str):
            return f"the times of the {name} {side}"
    one, two = (side for side in sides if not isinstance(side, str))
    first, last = np.nanmin(one), np.nanmax(two)
    texts = [_said(values, side) for values, side in ((test, one), (train, two))]
    return TimeTravel(
        rows=np.flatnonzero(one < last),
        later=int((two > first).sum()),
        test=texts[0],
        train=texts[1],
        known=int(np.isfinite(one).sum()),
        known_train=int(np.isfinite(two).sum()),
    )


def instants(values: Sequence[Any]) -> Floats | str:
    """Times as seconds (numbers as they are), NaN where there is none; or what is wrong with them."""
    found = np.full(len(values), np.nan)
    known = 0
    for i, value in enumerate(values):
        if missing(value):
            continue
        known += 1
        instant = _instant(value)
        if instant is not None:
            found[i] = instant
    if not known:
        return "are all missing"
    if np.isfinite(found).sum() < FEWEST_TIMES * known:
        return "do not read as times (2024-03-01, 2024-03-01T10:30:00Z or a number)"
    return found


def _instant(value: Any) -> float | None:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if isinstance(value, (int, float, np.number)):
        return float(value)
    text = str(value).strip()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return _instant(datetime.fromisoformat(text))
    except ValueError:
        return None


def _said(values: Sequence[Any], seconds: Floats) -> tuple[str, str]:
    return str(values[int(np.nanargmin(seconds))]), str(values[int(np.nanargmax(seconds))])
