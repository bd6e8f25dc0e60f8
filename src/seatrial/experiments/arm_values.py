"""Each arm's own value of each metric, with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.experiments.observed import Observed
from seatrial.records.numbers import format_count
from seatrial.records.plan import ExperimentMetric
from seatrial.records.results import Estimate
from seatrial.stats.arms import ArmMeans
from seatrial.stats.distributions import student_quantile
from seatrial.stats.proportions import proportion_interval


def arm_estimates(observed: Observed, metrics: Sequence[ExperimentMetric], *, alpha: float) -> list[Estimate]:
    """Each arm's own value of each metric over all units, with its interval.

    On a ramp each phase counts by the units of all arms in it, as in effects: an arm that came late is not flattered by
    the days on which it was large.
    """
    found = []
    for metric in metrics:
        means = observed.arms_means(metric.name)
        for arm, name in enumerate(observed.arms):
            n = means.n[arm, :, 0]
            usable = (n >= 1) & np.isfinite(means.value[arm, :, 0])
            total = float(n[usable].sum())
            reason = None if total else (means.reasons[0] if means.reasons else None) or f"no units in {name}"
            own = _Own.of(means, arm, usable, alpha) if total else _Own()
            found.append(
                Estimate(
                    model=name,
                    metric=metric.name,
                    n=int(total),
                    missing=max(observed.units_of(arm) - int(total), 0),
                    value=own.value,
                    reason=reason,
                    standard_error=own.error,
                    low=own.low,
                    high=own.high,
                    level=1 - alpha,
                    method=own.method,
                    unit=observed.unit,
                    scale=metric.scale,
                    higher_is_better=metric.higher_is_better,
                    notes=() if reason or own.low is not None else (_why_no_interval(int(total), own.variance),),
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class _Own:
    """One arm's value over its phases."""

    value: float | None = None
    variance: float = math.nan
    error: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None

    @classmethod
    def of(cls, means: ArmMeans, arm: int, usable: NDArray[np.bool_], alpha: float) -> "_Own":
        n, values = means.n[arm, usable, 0], means.value[arm, usable, 0]
        weight = means.n[:, usable, 0].sum(axis=0)
        weight = weight / weight.sum()
        value, parts = float(weight @ values), weight**2 * means.variance[arm, usable, 0]
        variance = float(parts.sum())
        error = math.sqrt(variance) if 0 < variance < math.inf else None
        phases = ", stratified by allocation phase" if len(n) > 1 else ""
        if means.count is not None:
            units = float(n.sum())
            size = units if len(n) == 1 or error is None else value * (1 - value) / variance
            low, high, methods = proportion_interval(value * units, units, alpha=alpha, effective_n=size)
            named = methods[0].removesuffix(" at the effective size") + phases
            return cls(
                value=value, variance=variance, error=error, low=float(low[0]), high=float(high[0]), method=named
            )
        method = means.method.replace("Welch t", "Student t") + phases
        if error is None:
            return cls(value=value, variance=variance, method=method)
        df = variance**2 / float((parts[parts > 0] ** 2 / means.df[arm, usable, 0][parts > 0]).sum())
        half = float(student_quantile(df, alpha)) * error
        return cls(value=value, variance=variance, error=error, low=value - half, high=value + half, method=method)


def _why_no_interval(units: int, variance: float) -> str:
    if variance == 0:
        return f"all {format_count(units)} units have one value"
    return "fewer than 2 units (in a phase), so no interval"
