"""Offline against online over past launches: is an offline gain worth anything, and which metric should be the gate?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.records.evidence import Source
from seatrial.records.launches import Launches, LaunchPoint, OfflineMetric, Range
from seatrial.records.numbers import format_interval, format_value
from seatrial.records.versions import installed
from seatrial.stats.calibration_of_deltas import FEWEST_LAUNCHES, Measure, calibrate_launches

NOT_SHOWN = (
    "Why the two differ: a launch changes more than the model (placement, speed, season), and offline data are older.",
    "Launches that were never tried online because they looked bad offline: those kept out are not in this table.",
    "Whether the next launch is like the past ones: a new kind of model may break the relation.",
)


@dataclass(frozen=True, kw_only=True)
class PastLaunch:
    """One row of the table: an offline metric of a launch beside what happened online."""

    name: str
    metric: str
    offline: float
    offline_error: float
    online: float
    online_error: float


def launches(
    rows: Sequence[PastLaunch],
    *,
    online: str,
    source: Source,
    upcoming: float | None = None,
    upcoming_error: float = 0.0,
    alpha: float = 0.05,
    seed: int = 0,
) -> Launches:
    """Calibrate every offline metric against the online one; the gate is the one that foretells best.

    A metric deserves to be the gate when its noise-corrected slope is told from 0 on the good side and it foretells
    left-out launches better than their mean does. Under 8 launches nothing is extrapolated.
    """
    names = list(dict.fromkeys(row.metric for row in rows))
    found = [
        _metric([row for row in rows if row.metric == name], upcoming, upcoming_error, alpha, seed) for name in names
    ]
    worthy = [one for one in found if _deserves(one)]
    gate = min(worthy, key=lambda one: one.error or math.inf, default=None)
    calibrated = any(one.reason is None for one in found)
    return Launches(
        title=f"Offline against online over {max(one.launches for one in found)} launches",
        sentence=_sentence(found, gate, online, upcoming),
        calibrated=calibrated,
        gate=None if gate is None else gate.metric,
        online=online,
        level=1 - alpha,
        metrics=tuple(found),
        not_shown=NOT_SHOWN,
        source=source,
        seatrial=installed("seatrial"),
        seed=seed,
    )


def _deserves(one: OfflineMetric) -> bool:
    told = one.slope.low is not None and one.slope.low > 0
    return told and one.error is not None and one.error_of_mean is not None and one.error < one.error_of_mean


def _metric(
    rows: Sequence[PastLaunch], upcoming: float | None, upcoming_error: float, alpha: float, seed: int
) -> OfflineMetric:
    found = calibrate_launches(
        [row.offline for row in rows],
        [row.offline_error for row in rows],
        [row.online for row in rows],
        [row.online_error for row in rows],
        alpha=alpha,
        seed=seed,
    )
    left = found.left_out
    points = tuple(
        LaunchPoint(
            name=row.name,
            offline=row.offline,
            offline_error=row.offline_error,
            online=row.online,
            online_error=row.online_error,
            foretold=None if left is None else _finite(left.value[i]),
            foretold_low=None if left is None else _finite(left.low[i]),
            foretold_high=None if left is None else _finite(left.high[i]),
        )
        for i, row in enumerate(rows)
    )
    ahead, extrapolated = None, False
    if upcoming is not None:
        if found.reason is not None:
            ahead = Range(reason=f"{found.reason}; nothing is extrapolated")
        else:
            foretold = found.predict(upcoming, upcoming_error)
            extrapolated = foretold.extrapolated
            ahead = Range(value=_finite(foretold.value), low=_finite(foretold.low), high=_finite(foretold.high))
    return OfflineMetric(
        metric=rows[0].metric,
        launches=found.launches,
        slope=_range(found.slope),
        correlation=_range(found.correlation),
        agreement=_range(found.agreement),
        agreed=found.agreed,
        compared=found.compared,
        plain_slope=_finite(found.plain_slope),
        plain_correlation=_finite(found.plain_correlation),
        error=None if left is None else _finite(left.error),
        error_of_mean=None if left is None else _finite(left.error_of_mean),
        covered=None if left is None else left.covered,
        next_offline=upcoming,
        next=ahead,
        extrapolated=extrapolated,
        points=points,
        reason=found.reason,
        method=found.method,
    )


def _sentence(found: Sequence[OfflineMetric], gate: OfflineMetric | None, online: str, upcoming: float | None) -> str:
    most = max(one.launches for one in found)
    if all(one.reason is not None for one in found):
        if most < FEWEST_LAUNCHES:
            return (
                f"Not calibrated: {most} launches are too few to say what an offline gain is worth online; at least "
                f"{FEWEST_LAUNCHES} are needed. Nothing is extrapolated."
            )
        return f"Not calibrated: {found[0].reason}."
    best = gate or min((one for one in found if one.reason is None), key=lambda one: one.error or math.inf)
    worth = ""
    if best.slope.value is not None:
        slope = format_interval(best.slope.value, best.slope.low, best.slope.high, signed=True)
        where = "offline" if best.metric == "offline" else f"on {best.metric} offline"
        worth = f"+1 {where} was worth {slope} on {online}"
    agree = f"the signs agreed in {best.agreed} of {best.compared} launches"
    if gate is None:
        start = "No offline metric here deserves to be the gate: none foretells launches better than their mean does."
        text = f"{start} For {best.metric}, {agree}."
    else:
        text = f"{gate.metric} deserves to be the gate: {worth}, and {agree}."
    if upcoming is not None and best.next is not None and best.next.value is not None:
        text += (
            f" The next launch ({format_value(upcoming, signed=True)} offline) is foretold "
            f"{format_interval(best.next.value, best.next.low, best.next.high, signed=True)} on {online}"
            + (", beyond what past launches cover." if best.extrapolated else ".")
        )
    return text


def _range(measure: Measure) -> Range:
    return Range(
        value=_finite(measure.value), low=_finite(measure.low), high=_finite(measure.high), reason=measure.reason
    )


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
