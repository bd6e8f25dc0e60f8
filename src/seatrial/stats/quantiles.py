"""Quantiles (p50, p95, p99): NumPy's linear value, limits by order statistics, influences of rows, clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import DataError, UsageError
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.sorted_scores import Floats, Integers, column, narrow_codes, slice_major


@dataclass(frozen=True, kw_only=True)
class QuantileTable:
    """Quantiles of S slices at P probabilities, (S, P) each; `n` (S,). NaN and a reason where there is none."""

    probabilities: tuple[float, ...]
    value: Floats
    low: Floats
    high: Floats
    n: Integers
    alpha: float
    reasons: tuple[tuple[str | None, ...], ...]

    @property
    def standard_error(self) -> Floats:
        """(high - low) / (2 z), the standard error that the limits imply."""
        return (self.high - self.low) / (2 * normal_quantile(self.alpha))


class SortedValues:
    """One numeric column sorted once, NaN dropped: `value` ascending, `order` the original rows, `missing` dropped."""

    def __init__(self, values: ArrayLike) -> None:
        given = column(values, "values")
        self.order = np.argsort(given)
        ordered = given[self.order]
        numbers = int(np.searchsorted(ordered, np.nan, side="left"))
        self.n_rows, self.n, self.missing = len(given), numbers, len(given) - numbers
        self.order, self.value = self.order[:numbers], ordered[:numbers]


def _check(probability: float) -> None:
    if not 0 < probability < 1:
        raise UsageError(f"A quantile's probability must lie strictly between 0 and 1, got {probability!r}.")


def order_statistic_ranks(n: ArrayLike, probability: float, alpha: float = 0.05) -> tuple[Integers, Integers]:
    """Ranks (1-based) of the order statistics that bound a quantile at level 1 - alpha, 0 or n + 1 where none does.

    The largest l with P(Bin(n, nu) < l) <= alpha/2 and the smallest u with P(Bin(n, nu) >= u) <= alpha/2; then
    P(x_(l) <= q <= x_(u)) >= 1 - alpha for every distribution (David and Nagaraja, Order Statistics, 7.1).

    >>> [int(rank) for rank in order_statistic_ranks(100, 0.5)]
    [40, 61]
    """
    _check(probability)
    normal_quantile(alpha)
    size = np.asarray(n, np.float64)
    return _low_rank(size, probability, alpha / 2), (size + 1).astype(np.int64) - _low_rank(
        size, 1 - probability, alpha / 2
    )


def _low_rank(size: Floats, probability: float, tail: float) -> Integers:
    """The largest l with P(Bin(size, probability) <= l - 1) <= tail."""
    spread = np.sqrt(size * probability * (1 - probability))
    at_most = np.clip(np.floor(size * probability + special.ndtri(tail) * spread) + 2, 0, size)
    # the normal guess is a few ranks off at most; walk down while P(Bin <= at_most - 1) is too large, after stepping up
    while True:
        up = (at_most < size) & (_binomial_cdf(at_most, size, probability) <= tail)
        if not up.any():
            break
        at_most = np.where(up, at_most + 1, at_most)
    while True:
        down = (at_most > 0) & (_binomial_cdf(at_most - 1, size, probability) > tail)
        if not down.any():
            break
        at_most = np.where(down, at_most - 1, at_most)
    return np.asarray(at_most, np.float64).astype(np.int64)


def _binomial_cdf(k: Floats, size: Floats, probability: float) -> Floats:
    """P(Bin(size, probability) <= k) through the incomplete beta function."""
    inside = (k >= 0) & (k < size)
    safe_k, safe_n = np.where(inside, k, 0.0), np.where(inside, size, 1.0)
    return np.where(k < 0, 0.0, np.where(k >= size, 1.0, special.betainc(safe_n - safe_k, safe_k + 1, 1 - probability)))


def rows_short_of_quantile(n: ArrayLike, probability: float, alpha: float = 0.05) -> Floats:
    """Rows a quantile needs where `n` is too few, 0 where it suffices, (S,).

    n > z^2 nu/(1-nu) (and the same for 1 - nu), and an order statistic on either side: nu^n <= alpha/2.

    >>> rows_short_of_quantile([380, 381], 0.99).tolist()
    [381.0, 0.0]
    """
    _check(probability)
    odds = probability / (1 - probability)
    need = normal_quantile(alpha) ** 2 * max(odds, 1 / odds)
    size = np.asarray(n, np.float64)
    low, high = order_statistic_ranks(size, probability, alpha=alpha)
    enough = (size > need) & (low >= 1) & (high <= size)
    exact = np.log(alpha / 2) / np.log(max(probability, 1 - probability))
    return np.asarray(np.where(enough, 0.0, max(np.floor(need) + 1, np.ceil(exact))))


def grouped_quantiles(
    values: ArrayLike | SortedValues,
    codes: ArrayLike,
    n_slices: int,
    probabilities: tuple[float, ...],
    *,
    alpha: float = 0.05,
) -> QuantileTable:
    """Quantiles per slice with limits by order statistics; `codes` (n,) in the original row order, -1 in no slice.

    Value: NumPy's `linear`. A slice with n <= z^2 nu/(1-nu) has no value but a reason; tied limits give a value and a
    reason in place of an interval. Raises `UsageError` for probabilities or codes out of range.

    >>> table = grouped_quantiles(range(101), [0] * 101, 1, (0.5,))
    >>> float(table.value[0, 0]), float(table.low[0, 0]), float(table.high[0, 0])
    (50.0, 40.0, 60.0)
    """
    source = values if isinstance(values, SortedValues) else SortedValues(values)
    small = np.take(narrow_codes(codes, n_slices, length=source.n_rows), source.order)
    permutation, slices, bounds = slice_major(small, n_slices)
    ordered = np.take(source.value, permutation)
    first, size = bounds[:-1], np.diff(bounds)
    shape = (n_slices, len(probabilities))
    value, low, high = (np.full(shape, np.nan) for _ in range(3))
    n = np.zeros(n_slices, np.int64)
    n[slices] = size
    reasons: list[list[str | None]] = [[why_few(0, nu, alpha)] * n_slices for nu in probabilities]
    for p, nu in enumerate(probabilities):
        missing = rows_short_of_quantile(size, nu, alpha=alpha)
        l_rank, u_rank = order_statistic_ranks(size, nu, alpha=alpha)
        for k in np.flatnonzero(missing > 0):
            reasons[p][slices[k]] = why_few(int(size[k]), nu, alpha)
        some = missing == 0
        at, rows = slices[some], size[some]
        value[at, p] = _linear(ordered, first[some], rows, nu)
        low[at, p], high[at, p] = ordered[first[some] + l_rank[some] - 1], ordered[first[some] + u_rank[some] - 1]
        tied = low[at, p] == high[at, p]
        for k in at:
            reasons[p][k] = None
        for k in at[tied]:
            reasons[p][k] = f"so many rows equal {value[k, p]:g} that the interval has no width"
        low[at[tied], p] = high[at[tied], p] = np.nan
    return QuantileTable(
        probabilities=tuple(probabilities),
        value=value,
        low=low,
        high=high,
        n=n,
        alpha=alpha,
        reasons=tuple(zip(*reasons, strict=True)) if reasons else ((),) * n_slices,
    )


def why_few(n: int, probability: float, alpha: float) -> str:
    """Why a quantile of n rows has no value."""
    need = int(rows_short_of_quantile(0, probability, alpha=alpha))
    return f"{n} rows are too few for the {probability:g} quantile (at least {need} are needed)"


def quantile_ranks(size: Integers, probability: float) -> tuple[Integers, Integers, Floats]:
    """The two 0-based ranks NumPy's `linear` quantile lies between, and its share of the way."""
    exact = probability * (size - 1)
    below = np.maximum(np.floor(exact), 0).astype(np.int64)
    above: Integers = np.minimum(below + 1, np.maximum(size - 1, 0))
    return below, above, np.asarray(exact - below, np.float64)


def _linear(ordered: Floats, first: Integers, size: Integers, probability: float) -> Floats:
    """NumPy's `linear` quantile of each stretch, to the last bit."""
    below, above, share = quantile_ranks(size, probability)
    left, right = ordered[first + below], ordered[first + above]
    step = right - left
    value: Floats = np.where(share >= 0.5, right - step * (1 - share), left + step * share)
    return value


@dataclass(frozen=True, kw_only=True)
class QuantileInfluence:
    """A quantile, its limits, and the influence of each row: var(value) = sum psi^2 / (n (n-1))."""

    value: float
    low: float
    high: float
    psi: Floats


def quantile_influence(values: ArrayLike, probability: float, *, alpha: float = 0.05) -> QuantileInfluence:
    """Influence of each row on a quantile, psi_i = (mean(I) - I_i) / f with I_i = 1{x_i <= q}, (n,).

    The density is the one that the order statistic interval implies: f = sqrt(nu (1-nu) / n) / se, with
    se = (high - low) / (2 z).
    Raises `DataError` for NaN, too few rows, or tied limits.

    >>> found = quantile_influence(range(101), 0.5)
    >>> found.value, found.low, found.high
    (50.0, 40.0, 60.0)
    """
    given = column(values, "values")
    if np.isnan(given).any():
        raise DataError("A quantile needs a number in every row; leave out rows with a missing value first.")
    table = grouped_quantiles(given, np.zeros(len(given), np.int8), 1, (probability,), alpha=alpha)
    reason = table.reasons[0][0]
    if reason is not None:
        raise DataError(f"The {probability:g} quantile has no interval: {reason}.")
    value, error = float(table.value[0, 0]), float(table.standard_error[0, 0])
    density = np.sqrt(probability * (1 - probability) / len(given)) / error
    at_most = (given <= value).astype(np.float64)
    return QuantileInfluence(
        value=value,
        low=float(table.low[0, 0]),
        high=float(table.high[0, 0]),
        psi=(at_most.mean() - at_most) / density,
    )


def clustered_quantile_variance(
    variance: ArrayLike, cluster_variance: ArrayLike, n: ArrayLike, probability: float
) -> Floats:
    """Variance of a quantile of clustered rows from its i.i.d. variance, (S,).

    var = iid var x Var_cluster(I) / (nu (1-nu) / n), I = 1{x <= q}, Var_cluster(I) the cluster-robust variance of
    mean(I) (Deng, Knoblich, Lu, KDD 2018; the factor is above 1 when rows of a cluster resemble each other).

    >>> round(float(clustered_quantile_variance(4.0, 0.0005, 1000, 0.5)), 6)
    8.0
    """
    _check(probability)
    independent = probability * (1 - probability) / np.asarray(n, np.float64)
    return np.asarray(np.asarray(variance, np.float64) * np.asarray(cluster_variance, np.float64) / independent)
