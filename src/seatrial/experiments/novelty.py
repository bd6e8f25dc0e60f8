"""The effect by days since a unit's first exposure: does it fade, grow, or stand?"""

import math

import numpy as np

from seatrial.errors import UsageError
from seatrial.experiments.observed import Observed
from seatrial.experiments.request import Request
from seatrial.experiments.since import SinceExposure
from seatrial.records.plan import ExperimentMetric
from seatrial.records.readout import Trend
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.heterogeneity import steady_state, trend_test

LAST_DAYS = 7


def trend(
    found: SinceExposure, metric: ExperimentMetric, candidate: int, observed: Observed, request: Request
) -> Trend:
    """Slope of the effect on the log of the day, its covariance clustered by unit, over units with all days behind
    them."""
    alpha = request.policy.alpha
    effects, covariance, units = _by_day(found, candidate)
    days = len(effects)
    error = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    half = float(normal_quantile(alpha)) * error
    x = np.log(np.arange(1, days + 1))
    name = observed.arms[candidate]
    common = {
        "metric": metric.name,
        "candidate": name,
        "days": tuple(range(1, days + 1)),
        "differences": tuple(_finite(v) for v in effects),
        "lows": tuple(_finite(v) for v in effects - half),
        "highs": tuple(_finite(v) for v in effects + half),
        "units": units,
    }
    degrees = max(units - 2, 1)
    try:
        slope = trend_test(effects, covariance, x=x, degrees=degrees, alpha=alpha)
        reason = slope.reason
    except UsageError:  # the days are tied to each other exactly
        reason = "the days' values do not vary on their own"
    if reason is not None:
        sentence = f"No trend of {metric.name} by days since exposure: {reason}."
        return Trend.model_validate(common | {"reason": reason, "sentence": sentence})
    last = min(LAST_DAYS, max(days // 2, 1))
    steady = steady_state(effects, covariance, last=last, degrees=degrees, alpha=alpha)
    line = slope.slope
    if line.p_value < alpha:
        shrinks = np.sign(line.value) == -np.sign(slope.first.value)
        kind = "fades (novelty)" if shrinks else "grows (learning)"
        sentence = (
            f"The effect on {metric.name} {kind} with the days since exposure (p = {line.p_value:.2g}): read the "
            f"steady state, not the mean over all days."
        )
    else:
        sentence = (
            f"No sign that the effect on {metric.name} changes with the days since exposure (p = {line.p_value:.2g})."
        )
    return Trend.model_validate(
        common
        | {
            "slope": _finite(line.value),
            "slope_low": _finite(line.low),
            "slope_high": _finite(line.high),
            "p_value": _finite(line.p_value),
            "steady": _finite(steady.value),
            "steady_low": _finite(steady.low),
            "steady_high": _finite(steady.high),
            "sentence": sentence,
        }
    )


def _by_day(found: SinceExposure, candidate: int) -> tuple[Floats, Floats, int]:
    """The difference of each day over all phases (D,), its covariance (D, D), and the units behind it."""
    n = found.n[[0, candidate]]
    usable = np.asarray((n >= 2).all(axis=0))
    units = np.where(usable, found.n.sum(axis=0), 0.0)
    weights = units / units.sum() if units.sum() else units
    gap = np.where(usable[:, None], found.values[candidate] - found.values[0], 0.0)
    spread = np.where(usable[:, None, None], found.covariance[candidate] + found.covariance[0], 0.0)
    effects = np.einsum("p,pd->d", weights, gap)
    covariance = np.einsum("p,pde->de", weights**2, spread)
    if not usable.any():
        effects, covariance = np.full_like(effects, math.nan), np.full_like(covariance, math.nan)
    return effects, covariance, int(n[:, usable].sum())


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
