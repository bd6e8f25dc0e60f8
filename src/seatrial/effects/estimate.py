"""From measured values to `Estimate` records."""

import numpy as np

from seatrial.effects.measured import Floats, Measured, Value
from seatrial.records import Estimate


def estimates(
    measured: Measured, models: tuple[str, ...], *, alpha: float = 0.05, only: int | None = None
) -> list[Estimate]:
    """One record for each version and each slice that has rows (or only the slice at a position)."""
    found: list[Estimate] = []
    held = measured.n + measured.missing > 0
    wanted = [only] if only is not None else [int(s) for s in np.flatnonzero(held)] or [0]
    for model, value in measured.values.items():
        low, high, methods = value.limits(alpha)
        for s in wanted:
            found.append(_estimate(measured, value, models[model], s, low, high, methods, alpha))
    return found


def _estimate(
    measured: Measured,
    value: Value,
    model: str,
    s: int,
    low: Floats,
    high: Floats,
    methods: tuple[str, ...],
    alpha: float,
) -> Estimate:
    rows = measured.n if value.rows is None else value.rows
    metric, n, missing = measured.metric, round(rows[s]), round(measured.missing[s])
    number, reason = float(value.value[s]), value.reasons[s]
    if reason is None and not np.isfinite(number):
        reason = "no rows with every input" if n == 0 else "it could not be computed"
    notes = list(value.notes)
    method = methods[s]
    if method.startswith("none: "):
        if reason is None:
            notes.append(f"no interval: {method.removeprefix('none: ')}")
        method = "none"
    bounds = _bounds(measured, value, s) if missing else None
    return Estimate(
        model=model,
        metric=metric.name,
        slice=measured.grouping.key(s),
        n=n,
        missing=missing,
        value=None if reason else number,
        reason=reason,
        standard_error=None if reason else finite(value.standard_error[s]),
        low=None if reason else finite(low[s]),
        high=None if reason else finite(high[s]),
        level=1 - alpha,
        method=None if reason else method,
        unit=measured.unit,
        scale=metric.scale,
        higher_is_better=metric.higher_is_better,
        notes=tuple(notes),
        bound_low=None if bounds is None else bounds[0],
        bound_high=None if bounds is None else bounds[1],
    )


def _bounds(measured: Measured, value: Value, s: int) -> tuple[float, float] | None:
    """Where a bounded mean over all rows could lie whatever the missing rows hold."""
    metric = measured.metric
    if metric.lowest is None or metric.highest is None or not np.isfinite(value.value[s]):
        return None
    if not value.is_mean:
        return None
    every = measured.n[s] + measured.missing[s]
    total = float(value.value[s] * measured.n[s])
    return (total + metric.lowest * measured.missing[s]) / every, (total + metric.highest * measured.missing[s]) / every


def finite(number: float) -> float | None:
    """The number, or None where it is NaN or infinite."""
    return float(number) if np.isfinite(number) else None
