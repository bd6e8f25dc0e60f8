"""How answers moved under a probe: flips, directions held, the slice that lost most."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from seatrial.errors import UsageError
from seatrial.evaluation.probes.shares import share_estimate
from seatrial.records.results import Effect, Estimate

Direction = Literal["same", "up", "down"]


def same_answer(first: Any, second: Any, *, tolerance: float = 0.0) -> bool | None:
    """Whether two answers agree: numbers within `tolerance`, anything else when equal; None where one is missing.

    >>> same_answer("1", 1.0), same_answer(0.50, 0.52, tolerance=0.05), same_answer(None, "a")
    (True, True, None)
    """
    one, two = _plain(first), _plain(second)
    if one is None or two is None:
        return None
    if isinstance(one, float) and isinstance(two, float):
        return one == two or abs(one - two) <= tolerance
    return bool(one == two)


def _plain(answer: Any) -> Any:
    if answer is None:
        return None
    if isinstance(answer, (bool, np.bool_)):
        return str(bool(answer)).lower()
    if isinstance(answer, (int, float, np.integer, np.floating)):
        return float(answer) if math.isfinite(answer) else None
    if isinstance(answer, str):
        try:
            number = float(answer)
        except ValueError:
            return answer.lower() if answer in ("True", "False") else answer
        return number if math.isfinite(number) else answer
    if isinstance(answer, np.ndarray):
        return answer.tolist()
    return answer


def flip_rate(
    clean: Sequence[Any],
    perturbed: Sequence[Any],
    touched: Sequence[bool],
    *,
    model: str,
    level: float = 0.95,
    tolerance: float = 0.0,
    cluster: Sequence[Any] | None = None,
    unit: str = "row",
    metric: str = "flip rate",
) -> Estimate:
    """Share of touched rows whose answer changed: labels that differ, numbers more than `tolerance` apart.

    A row that lacks an answer on either side is missing, and bounded. Wilson's limits, at the effective size with
    `cluster`.

    >>> flip_rate(["a", "b", "a"], ["a", "a", "b"], [True, True, False], model="m").value
    0.5
    """
    _same_length(clean, perturbed, touched)
    rows = [at for at, there in enumerate(touched) if there]
    hits = [
        None if same is None else not same
        for same in (same_answer(clean[at], perturbed[at], tolerance=tolerance) for at in rows)
    ]
    return share_estimate(
        hits,
        model=model,
        metric=metric,
        level=level,
        unit=unit,
        cluster=None if cluster is None else [cluster[at] for at in rows],
    )


def direction_held(
    clean: Sequence[Any],
    perturbed: Sequence[Any],
    touched: Sequence[bool],
    *,
    direction: Direction,
    model: str,
    level: float = 0.95,
    tolerance: float = 0.0,
    cluster: Sequence[Any] | None = None,
    unit: str = "row",
) -> Estimate:
    """Share of touched rows where what must hold did: `same` (within `tolerance`), or the score went `up` or `down`.

    A score that moved against the direction by no more than `tolerance` still holds; one that stayed where it was
    holds too, for it did not go the wrong way. `same` also takes labels. Missing as in `flip_rate`.

    >>> direction_held([0.2, 0.5], [0.4, 0.4], [True, True], direction="up", model="m").value
    0.5
    """
    _same_length(clean, perturbed, touched)
    if direction not in ("same", "up", "down"):
        raise UsageError(f"A direction is same, up or down, not '{direction}'.")
    rows = [at for at, there in enumerate(touched) if there]
    held = [_held(clean[at], perturbed[at], direction, tolerance) for at in rows]
    return share_estimate(
        held,
        model=model,
        metric=f"direction held ({direction})",
        level=level,
        unit=unit,
        cluster=None if cluster is None else [cluster[at] for at in rows],
        higher_is_better=True,
    )


def worst_slice(effects: Iterable[Effect]) -> Effect | None:
    """The slice whose metric lost most under the probe (shrunken where the difference is); None where none lost.

    All rows, slices too small to be ranked and slices without a difference are left out.

    >>> lost = [
    ...     Effect(baseline="clean", candidate="p", metric="accuracy", n=9, slice={"s": s}, difference=d)
    ...     for s, d in (("a", -0.1), ("b", -0.3), ("c", 0.2))
    ... ]
    >>> worst_slice(lost).slice
    {'s': 'b'}
    """
    found = [(_gain(one), one) for one in effects if one.slice and not one.small and one.difference is not None]
    lost = [(gain, one) for gain, one in found if gain < 0]
    return min(lost, key=lambda pair: (pair[0], sorted(pair[1].slice.items())))[1] if lost else None


def _gain(effect: Effect) -> float:
    moved = effect.shrunken if effect.shrunken is not None else effect.difference or 0.0
    return moved if effect.higher_is_better else -moved


def _held(before: Any, after: Any, direction: Direction, tolerance: float) -> bool | None:
    if direction == "same":
        return same_answer(before, after, tolerance=tolerance)
    one, two = _plain(before), _plain(after)
    if one is None or two is None:
        return None
    if not (isinstance(one, float) and isinstance(two, float)):
        raise UsageError(f"Whether an answer went {direction} takes scores or numbers, not '{before!s:.40}'.")
    moved = two - one if direction == "up" else one - two
    return moved >= -tolerance


def _same_length(clean: Sequence[Any], perturbed: Sequence[Any], touched: Sequence[bool]) -> None:
    if not len(clean) == len(perturbed) == len(touched):
        raise UsageError(
            f"Clean answers, perturbed answers and touched rows are not of one length: {len(clean)}, "
            f"{len(perturbed)}, {len(touched)}."
        )
