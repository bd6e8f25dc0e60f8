"""Quantiles of events that come in clusters (requests of a user): p50, p95, p99 and their difference between arms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError, UsageError
from seatrial.stats.clusters import cluster_variance
from seatrial.stats.distributions import normal_quantile, student_quantile
from seatrial.stats.means import IndependentMeans
from seatrial.stats.quantiles import grouped_quantiles, rows_short_of_quantile, why_few
from seatrial.stats.sorted_scores import column

METHOD = "quantile, CR2 over units of the share below it, inverted"
DIFFERENCE = "difference of quantiles, variance of independent events x design effect (Deng, Knoblich, Lu)"
TIED = "many tied events: the density is taken over the clustered limits"


@dataclass(frozen=True, kw_only=True)
class ClusteredQuantile:
    """A quantile of events with limits at level 1 - alpha; NaN and a `reason` where there is none."""

    probability: float
    value: float
    low: float
    high: float
    standard_error: float
    """For differences: root of iid var x design effect, as Deng, Knoblich and Lu write it."""
    df: float
    n: int
    units: int
    missing: int
    """Events without a number, left out."""
    design_effect: float
    """Var_cluster(I)/(nu (1 - nu)/n): how many times the variance of independent events this is."""
    alpha: float
    reason: str | None
    note: str | None


def clustered_quantile(
    values: ArrayLike, units: ArrayLike, probability: float, *, alpha: float = 0.05
) -> ClusteredQuantile:
    """The quantile of event values clustered by unit, with limits that hold when events of a unit resemble each other.

    Value: NumPy's `linear`. The share of events at or below it, I = 1{x <= q}, is a ratio over units; its CR2 variance
    V gives the band nu +- t sqrt(V), and the limits are the order statistics at its ends (Woodruff 1952), which follow
    a tail better than value +- t se does (p95 at a design effect of 14: .93 in place of .90 of nominal .95). The
    standard error, for differences, is that of Deng, Knoblich and Lu (KDD 2018): var = iid var x V/(nu (1 - nu)/n),
    with the density that the independent limits imply. `values` (n,) with NaN for missing, `units` (n,). Refused at
    n <= z^2 nu/(1 - nu), at as few effective events, and under 5 effective units. Raises `DataError` for shapes and
    infinities.

    >>> found = clustered_quantile(np.arange(1000.0), np.arange(1000), 0.5)
    >>> found.value, found.low, found.high, round(found.design_effect, 2)
    (499.5, 467.0, 532.0, 1.0)
    """
    given = column(values, "values")
    named = np.asarray(units)
    if named.shape != given.shape:
        raise DataError(f"units has shape {named.shape} but there are {len(given)} values; give one unit per event.")
    if np.isinf(given).any():
        raise DataError("values must be finite; leave out or cap infinite events first.")
    there = ~np.isnan(given)
    x = given[there]
    n = len(x)
    codes = np.unique(named[there], return_inverse=True)[1]
    sizes = np.bincount(codes).astype(np.float64)

    def found(reason: str | None, numbers: dict[str, float], note: str | None = None) -> ClusteredQuantile:
        known = {"value": np.nan, "low": np.nan, "high": np.nan, "standard_error": np.nan, "df": np.nan}
        known |= {"design_effect": np.nan} | numbers
        return ClusteredQuantile(
            probability=probability,
            value=known["value"],
            low=known["low"],
            high=known["high"],
            standard_error=known["standard_error"],
            df=known["df"],
            n=n,
            units=len(sizes),
            missing=len(given) - n,
            design_effect=known["design_effect"],
            alpha=alpha,
            reason=reason,
            note=note,
        )

    if float(rows_short_of_quantile(n, probability, alpha=alpha)) > 0:
        return found(why_few(n, probability, alpha), {})
    value = float(np.quantile(x, probability))
    below = (x <= value).astype(np.float64)
    totals = np.bincount(codes, below - below.mean())
    robust = cluster_variance(totals, sizes, np.zeros(len(sizes), np.intp), 1)
    if robust.reasons[0] is not None:
        return found(robust.reasons[0], {"value": value})
    design, df = float(robust.variance[0]) * n / (probability * (1 - probability)), float(robust.df[0])
    numbers = {"value": value, "design_effect": design, "df": df}
    band = float(student_quantile(df, alpha)) * np.sqrt(robust.variance[0])
    first, last = int(np.floor((probability - band) * n)) - 1, int(np.ceil((probability + band) * n))
    odds = max(probability / (1 - probability), (1 - probability) / probability)
    if n <= normal_quantile(alpha) ** 2 * odds * design or first < 0 or last >= n:
        return found(
            f"{n} events of {len(sizes)} units are worth {n / design:.0f} independent ones, too few for the "
            f"{probability:g} quantile",
            numbers,
        )
    ordered = np.partition(x, [first, last])
    low, high = float(ordered[first]), float(ordered[last])
    if low == high:
        return found(f"so many events equal {value:g} that the interval has no width", numbers)
    plain = float(grouped_quantiles(x, np.zeros(n, np.int8), 1, (probability,), alpha=alpha).standard_error[0, 0])
    error, note = plain * float(np.sqrt(design)), None
    if np.isnan(plain):
        error, note = (high - low) / (2 * float(student_quantile(df, alpha))), TIED
    return found(None, numbers | {"low": low, "high": high, "standard_error": error}, note)


def clustered_quantile_contrast(
    candidate: ClusteredQuantile | Sequence[ClusteredQuantile],
    baseline: ClusteredQuantile | Sequence[ClusteredQuantile],
) -> IndependentMeans:
    """Candidate - baseline of two independent arms, one entry per slice (S,), by Welch's t.

    Raises `UsageError` for quantiles of different probabilities or a different number of slices.

    >>> one = clustered_quantile(np.arange(1000.0), np.arange(1000), 0.5)
    >>> clustered_quantile_contrast(one, one).difference.tolist()
    [0.0]
    """
    sides = [[x] if isinstance(x, ClusteredQuantile) else list(x) for x in (candidate, baseline)]
    pairs = list(zip(*sides, strict=False))
    if len(sides[0]) != len(sides[1]) or any(c.probability != b.probability for c, b in pairs):
        raise UsageError("Both arms need the same quantile on the same slices.")
    values, errors, df = (
        [np.array([getattr(x, name) for x in side]) for side in sides] for name in ("value", "standard_error", "df")
    )
    return IndependentMeans(
        candidate=values[0],
        baseline=values[1],
        var_candidate=errors[0] ** 2,
        var_baseline=errors[1] ** 2,
        df_candidate=df[0],
        df_baseline=df[1],
        reasons=tuple(c.reason or b.reason for c, b in pairs),
        method=DIFFERENCE,
    )
