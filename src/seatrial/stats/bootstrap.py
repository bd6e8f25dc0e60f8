"""Seeded bootstrap: Poisson weights, multinomial draws of cells, percentile and BCa intervals, the contrast."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import UsageError
from seatrial.records.numbers import format_percent
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile

Integers = NDArray[np.int64]
MOST_FAILED = 0.05
"""A statistic that fails on a larger share of the resamples than this has no bootstrap interval."""
ROUNDING = 1e-11
"""A tail this near to a level counts as reaching it, in the interval and in the p alike."""


def bootstrap_statistic(
    function: Callable[[Integers], ArrayLike],
    *,
    rows: int,
    cluster: ArrayLike | None = None,
    draws: int = 2000,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Values (draws, k) of `function(weights)` under Poisson(1) weights per row, or per cluster when one is given.

    `weights` (rows,) are integers, `function` gives k numbers (NaN where it has no value); `cluster` (rows,) are codes.
    `progress(done, draws)` is called after every draw. An all-zero draw is drawn again. Poisson weights stand for
    resampling rows with replacement (Hanley and MacGibbon 2006) and need no index of the rows.

    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> found = bootstrap_statistic(lambda w: [np.average(values, weights=w)], rows=4, draws=100, seed=0)
    >>> found.shape, bool(found.min() >= 1.0)
    ((100, 1), True)
    """
    if rows < 1 or draws < 1:
        raise UsageError(f"A bootstrap needs rows and draws, got {rows} rows and {draws} draws.")
    codes = None if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1]
    if codes is not None and codes.shape != (rows,):
        raise UsageError(f"One cluster per row is needed: {codes.size} clusters for {rows} rows.")
    units = rows if codes is None else int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    for done in range(1, draws + 1):
        weights = rng.poisson(1.0, units)
        while not weights.any():
            weights = rng.poisson(1.0, units)
        statistic = function(weights if codes is None else weights[codes])
        found.append(np.atleast_1d(np.asarray(statistic, dtype=np.float64)))
        if progress is not None:
            progress(done, draws)
    return np.stack(found)


def multinomial_draws(counts: ArrayLike, *, draws: int = 10_000, seed: int) -> Integers:
    """Resampled counts of cells, (draws, ..., C) for counts (..., C): n rows drawn with replacement, cell by cell.

    Any statistic that depends on the rows only through these cells can be bootstrapped from them at once.

    >>> multinomial_draws([90, 10], draws=5, seed=0).sum(axis=-1).tolist()
    [100, 100, 100, 100, 100]
    """
    cells = np.asarray(counts, dtype=np.int64)
    if (cells < 0).any():
        raise UsageError("Counts of cells cannot be negative.")
    whole = cells.sum(axis=-1)
    shares = cells / np.maximum(whole, 1)[..., None]
    shares[..., -1] = np.where(whole > 0, shares[..., -1], 1.0)
    return np.random.default_rng(seed).multinomial(whole, shares, size=(draws, *whole.shape))


def percentile_interval(draws: ArrayLike, *, alpha: float = 0.05) -> tuple[float, float]:
    """Percentile limits of the finite `draws` (B,): order statistics k and B + 1 - k, k = ceil(alpha (B + 1)/2) - 1.

    These are exactly the values that `percentile_p_value` does not reject; with under 2/alpha draws a limit is
    infinite.

    >>> percentile_interval(np.arange(1, 2000))
    (49.0, 1951.0)
    """
    return _interval(_finite(draws), alpha, 0.0, 0.0)


def percentile_p_value(draws: ArrayLike, null: float = 0.0) -> float:
    """Two-sided p that `percentile_interval` inverts: 2 (b + 1)/(B + 1), b the draws on the rarer side of `null`.

    >>> round(percentile_p_value(np.arange(1, 2000), 0.0), 9)
    0.001
    """
    return _p_value(_finite(draws), null, 0.0, 0.0)


def bca_interval(draws: ArrayLike, value: float, jackknife: ArrayLike, *, alpha: float = 0.05) -> tuple[float, float]:
    """Bias-corrected and accelerated limits (Efron 1987) from draws (B,), the value, and leave-one-out values (n,).

    >>> rng = np.random.default_rng(0)
    >>> low, high = bca_interval(rng.normal(5.0, 1.0, 1999), 5.0, rng.normal(5.0, 0.1, 50))
    >>> bool(2.5 < low < 3.5 and 6.5 < high < 7.5)
    True
    """
    kept = _finite(draws)
    return _interval(kept, alpha, *_corrections(kept, value, np.asarray(jackknife, dtype=np.float64)))


def bca_p_value(draws: ArrayLike, value: float, jackknife: ArrayLike, null: float = 0.0) -> float:
    """Two-sided p that `bca_interval` inverts.

    >>> draws = np.random.default_rng(0).normal(5.0, 1.0, 1999)
    >>> bca_p_value(draws, 5.0, np.array([4.9, 5.0, 5.1])) < 0.05
    True
    """
    kept = _finite(draws)
    return _p_value(kept, null, *_corrections(kept, value, np.asarray(jackknife, dtype=np.float64)))


@dataclass(frozen=True, kw_only=True)
class BootstrapContrast:
    """Contrast on one slice from draws of both versions on the same resamples: percentile, BCa with jackknife values.

    `baseline`, `candidate`: the values; the draws (B,) are aligned, so their difference keeps the pairing; the
    optional jackknife values (n,) leave out the same row, or cluster, for both. `identical`: the columns are equal
    byte for byte.
    """

    baseline: float
    candidate: float
    baseline_draws: Floats
    candidate_draws: Floats
    jackknife_baseline: Floats | None = None
    jackknife_candidate: Floats | None = None
    identical: bool = False
    factor: float = 1.0
    unit: str = "row"

    @cached_property
    def draws(self) -> Floats:
        """Finite draws of candidate - factor * baseline."""
        return _finite(self.candidate_draws - self.factor * self.baseline_draws)

    @property
    def difference(self) -> Floats:
        return np.array([self.candidate - self.factor * self.baseline])

    @property
    def standard_error(self) -> Floats:
        return np.array([np.nan if self.identical or self.reasons[0] else self.draws.std(ddof=1)])

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        if self.identical:
            return (None,)
        if not np.isfinite(self.difference[0]):
            return ("the value could not be computed",)
        failed = 1 - self.draws.size / self.baseline_draws.size
        if failed > MOST_FAILED:
            return (f"the statistic could not be computed on {format_percent(failed)} of the resamples",)
        if self.draws.size < 2 or self.draws.min() == self.draws.max():
            return ("every resample gave the same difference: no interval can be formed",)
        return (None,)

    @property
    def methods(self) -> tuple[str, ...]:
        if self.identical:
            return ("identical",)
        kind = "percentile" if self._jackknife is None else "BCa"
        what = "" if self.factor == 1.0 else f", of candidate - {self.factor:g} x baseline"
        lost = self.baseline_draws.size - self.draws.size
        without = f", {lost} without a value left out" if lost else ""
        return (f"{kind} bootstrap, paired, {self.baseline_draws.size} resamples by {self.unit}{without}{what}",)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        if self.identical:
            return self.difference, self.difference
        if self.reasons[0]:
            return np.array([np.nan]), np.array([np.nan])
        low, high = _interval(self.draws, alpha, *self._correction)
        return np.array([low]), np.array([high])

    def p_value(self, null: float = 0.0) -> Floats:
        if self.identical:
            return np.where(self.difference == null, 1.0, 0.0)
        return np.array([np.nan if self.reasons[0] else _p_value(self.draws, null, *self._correction)])

    def against(self, factor: float) -> "BootstrapContrast":
        return replace(self, factor=self.factor * factor)

    def at(self, index: int) -> "BootstrapContrast":
        """Itself: there is one slice."""
        if index not in (0, -1):
            raise UsageError(f"This contrast has one slice; there is no slice {index}.")
        return self

    @property
    def _jackknife(self) -> Floats | None:
        if self.jackknife_baseline is None or self.jackknife_candidate is None:
            return None
        return self.jackknife_candidate - self.factor * self.jackknife_baseline

    @cached_property
    def _correction(self) -> tuple[float, float]:
        left_out = self._jackknife
        return (0.0, 0.0) if left_out is None else _corrections(self.draws, float(self.difference[0]), left_out)


def _finite(draws: ArrayLike) -> Floats:
    values = np.asarray(draws, dtype=np.float64)
    return np.sort(values[np.isfinite(values)])


def _corrections(draws: Floats, value: float, jackknife: Floats) -> tuple[float, float]:
    """Bias z0 (ties count half) and acceleration a = sum u^3/(6 (sum u^2)^1.5), u = mean - leave-one-out value."""
    below = np.searchsorted(draws, value, side="left") + np.searchsorted(draws, value, side="right")
    share = np.clip(below / (2 * draws.size), 0.5 / draws.size, 1 - 0.5 / draws.size) if draws.size else 0.5
    kept = jackknife[np.isfinite(jackknife)]
    moved = kept.mean() - kept if kept.size else np.zeros(1)
    scale = float((moved**2).sum()) ** 1.5
    return float(special.ndtri(share)), float((moved**3).sum()) / (6 * scale) if scale > 0 else 0.0


def _interval(draws: Floats, alpha: float, bias: float, acceleration: float) -> tuple[float, float]:
    z = normal_quantile(alpha)
    if not draws.size:
        return np.nan, np.nan
    under = _accelerated(-z, bias, acceleration)
    above = _accelerated(z, bias, acceleration)
    first = _rank(float(special.ndtr(under)), draws.size)
    last = draws.size + 1 - _rank(float(special.ndtr(-above)), draws.size)
    low = float(draws[first - 1]) if first >= 1 else -np.inf
    high = float(draws[last - 1]) if last <= draws.size else np.inf
    return low, high


def _p_value(draws: Floats, null: float, bias: float, acceleration: float) -> float:
    if not draws.size:
        return np.nan
    at_most = (int(np.searchsorted(draws, null, side="right")) + 1) / (draws.size + 1)
    at_least = (draws.size - int(np.searchsorted(draws, null, side="left")) + 1) / (draws.size + 1)
    if bias == acceleration == 0.0:
        return min(1.0, 2 * at_most, 2 * at_least)
    under = _unaccelerated(float(special.ndtri(min(at_most, 1.0))), bias, acceleration)
    above = _unaccelerated(-float(special.ndtri(min(at_least, 1.0))), bias, acceleration)
    return float(min(1.0, 2 * special.ndtr(under) * (1 + ROUNDING), 2 * special.ndtr(-above) * (1 + ROUNDING)))


def _rank(level: float, size: int) -> int:
    """How many draws must lie on the far side of a value for its tail (b + 1)/(B + 1) to reach `level`."""
    return int(np.ceil(level * (size + 1) * (1 - ROUNDING))) - 1


def _accelerated(z: float, bias: float, acceleration: float) -> float:
    shifted = bias + z
    scale = 1 - acceleration * shifted
    return bias + shifted / scale if scale > 0 else float(np.copysign(np.inf, shifted))


def _unaccelerated(z: float, bias: float, acceleration: float) -> float:
    moved = z - bias
    if np.isinf(moved):
        return 1 / acceleration - bias if acceleration * moved > 0 else moved
    scale = 1 + acceleration * moved
    return moved / scale - bias if scale > 0 else float(np.copysign(np.inf, moved))
