"""How far two distributions lie apart: PSI, KL, Jensen-Shannon, chi-square from counts; KS, Wasserstein from values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import DataError
from seatrial.stats.contrasts import Floats
from seatrial.stats.ordered import ordered

Integers = NDArray[np.int64]
SMOOTHING = 0.5
"""A share of 0 counts as this many rows of the smaller sample; the same is added to every share of both."""
BINS = 10
"""Of a number: the reference's deciles, with open ends."""


def population_stability_index(reference: ArrayLike, current: ArrayLike, *, smoothing: float = SMOOTHING) -> float:
    """PSI = sum (q - p) ln(q/p) of two columns of counts (K,), shares p and q smoothed alike.

    Each share becomes (share + e)/(1 + K e) with e = smoothing/min(n, m), so that equal shares give exactly 0 whatever
    the sizes. Under one population it is about (1/n + 1/m) chi-square with K - 1 degrees of freedom (Yurdakul 2018).
    Raises `DataError` for counts that do not match or are all 0.

    >>> population_stability_index([10, 20, 30], [100, 200, 300])
    0.0
    >>> round(population_stability_index([500, 500], [250, 750], smoothing=0), 6)
    0.274653
    """
    p, q = _smoothed(reference, current, smoothing)
    return float(((q - p) * np.log(q / p)).sum()) if smoothing else _psi_where_known(p, q)


def kullback_leibler(reference: ArrayLike, current: ArrayLike, *, smoothing: float = SMOOTHING) -> float:
    """KL(current || reference) = sum q ln(q/p) in nats, of counts (K,), smoothed as in PSI (Kullback, Leibler 1951).

    >>> round(kullback_leibler([500, 500], [250, 750], smoothing=0), 6)
    0.130812
    """
    p, q = _smoothed(reference, current, smoothing)
    with np.errstate(divide="ignore", invalid="ignore"):
        return max(float(np.where(q > 0, q * np.log(q / p), 0.0).sum()), 0.0)


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon divergence in bits, 0 to 1: the mean of KL to the average of both, of counts (K,) (Lin 1991).

    >>> jensen_shannon([1, 0], [0, 1]), jensen_shannon([3, 1], [6, 2])
    (1.0, 0.0)
    """
    p, q = _smoothed(reference, current, 0.0)
    return float(_jensen_shannon(p, q))


def _jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Of shares (..., K), over the last axis."""
    mid = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.where(p > 0, p * np.log2(p / mid), 0.0).sum(axis=-1)
        two = np.where(q > 0, q * np.log2(q / mid), 0.0).sum(axis=-1)
    return np.asarray(np.clip((one + two) / 2, 0.0, 1.0))


def psi_of_shares(p: Floats, q: Floats, smaller: float) -> Floats:
    """PSI of shares (..., K) with `smaller` rows in the smaller sample."""
    e = SMOOTHING / max(smaller, 1.0)
    levels = p.shape[-1]
    a, b = (p + e) / (1 + levels * e), (q + e) / (1 + levels * e)
    return np.asarray(((b - a) * np.log(b / a)).sum(axis=-1))


def jensen_shannon_of_shares(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence in bits of shares (..., K)."""
    return _jensen_shannon(p, q)


def chi_square(reference: ArrayLike, current: ArrayLike) -> tuple[float, int]:
    """Pearson's chi-square of homogeneity of two columns of counts (K,), and its degrees of freedom (levels met - 1).

    >>> chi_square([10, 20], [20, 10])
    (6.666666666666667, 1)
    """
    a, b = _counts(reference, current)
    pooled = a + b
    met = pooled > 0
    n, m = a.sum(), b.sum()
    expected = pooled[met] * n / (n + m)
    # both columns have the same absolute deviation from what is expected
    statistic = ((a[met] - expected) ** 2 / expected).sum() * (n + m) / m
    return float(statistic), int(met.sum()) - 1


def chi_square_p(statistic: float, df: int) -> float:
    """Upper tail of chi-square; 1 with no degrees of freedom.

    >>> round(chi_square_p(3.841459, 1), 6)
    0.05
    """
    return 1.0 if df < 1 else float(special.chdtrc(df, statistic))


def psi_by_chance(n: float, m: float, levels: int, *, alpha: float = 0.05) -> float:
    """What PSI shows at most, in 1 - alpha of the cases, between two samples of one population (Yurdakul 2018).

    >>> round(psi_by_chance(1000, 1000, 10), 4)
    0.0338
    """
    return (1 / n + 1 / m) * float(special.chdtri(levels - 1, alpha)) if levels > 1 else 0.0


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> float:
    """The largest gap between two empirical distribution functions, exact with ties (Smirnov 1939)."""
    return ordered(reference, current).kolmogorov_smirnov


def wasserstein(reference: ArrayLike, current: ArrayLike) -> float:
    """Wasserstein-1 distance of two samples: the area between their distribution functions."""
    return ordered(reference, current).wasserstein


def kolmogorov_p(statistic: float, n: float, m: float) -> float:
    """p of a two-sample KS statistic by Kolmogorov's law with Stephens' correction (1970); conservative with ties.

    >>> round(kolmogorov_p(0.188452, 100, 100), 4)
    0.05
    """
    root = np.sqrt(n * m / (n + m))
    return float(special.kolmogorov((root + 0.12 + 0.11 / root) * statistic))


def kolmogorov_by_chance(n: float, m: float, *, alpha: float = 0.05) -> float:
    """What KS shows at most, in 1 - alpha of the cases, between two samples of one population."""
    root = np.sqrt(n * m / (n + m))
    return min(float(special.kolmogi(alpha) / (root + 0.12 + 0.11 / root)), 1.0)


def reference_edges(values: ArrayLike, *, bins: int = BINS, ascending: bool = False) -> Floats:
    """Inner edges of the reference's bins of equal mass, without those that fall together; the ends are open.

    >>> reference_edges([1.0, 2.0, 3.0, 4.0], bins=2).tolist()
    [2.0]
    """
    x = np.asarray(values, dtype=np.float64)
    x = x if ascending else np.sort(x)
    at = np.ceil(np.arange(1, bins) * len(x) / bins).astype(np.int64) - 1
    edges = np.unique(x[np.maximum(at, 0)])
    return edges[edges < x[-1]] if len(x) and edges[-1] >= x[-1] and len(edges) > 1 else edges


def binned(values: ArrayLike, edges: Floats, *, ascending: bool = False) -> Integers:
    """Counts per bin (len(edges) + 1,): an edge belongs to the bin below it; `ascending` values are cut faster."""
    if ascending:
        held = np.asarray(values, dtype=np.float64)
        return np.diff(np.searchsorted(held, edges, side="right"), prepend=0, append=len(held)).astype(np.int64)
    at = np.searchsorted(edges, np.asarray(values, dtype=np.float64), side="left")
    return np.bincount(at, minlength=len(edges) + 1)


def mean_discrepancy(reference: ArrayLike, current: ArrayLike, *, draws: int = 999, seed: int = 0) -> "Discrepancy":
    """MMD^2 with a Gaussian kernel between two sets of vectors, (n, d) and (m, d), unbiased (Gretton and others 2012).

    The bandwidth is the median distance over all pairs of rows; the null band and p come from permuting the rows. The
    cost is (n + m)^2: give a sample. Raises `DataError` under two rows a side or when dimensions differ.
    """
    x, y = np.atleast_2d(np.asarray(reference, float)), np.atleast_2d(np.asarray(current, float))
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise DataError("MMD needs two rows a side and vectors of the same length.")
    rows = np.concatenate([x, y])
    rows = rows - rows.mean(axis=0)
    norm = (rows**2).sum(axis=1)
    squared = np.maximum(norm[:, None] + norm[None, :] - 2 * rows @ rows.T, 0.0)
    width = float(np.median(squared[np.triu_indices(len(rows), 1)])) or 1.0
    kernel = np.exp(-squared / (2 * width))
    np.fill_diagonal(kernel, 0.0)
    rng = np.random.default_rng(seed)
    side = np.zeros(len(rows))
    side[: len(x)] = 1.0
    whole = float(kernel.sum())
    found = np.empty(draws + 1)
    for start in range(0, draws + 1, 250):
        many = min(250, draws + 1 - start)
        sides = rng.permuted(np.tile(side, (many, 1)), axis=1)
        if start == 0:
            sides[0] = side
        towards = sides @ kernel
        within = (towards * sides).sum(axis=1)
        across = towards.sum(axis=1) - within
        n, m = len(x), len(y)
        rest = whole - within - 2 * across
        found[start : start + many] = within / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * across / (n * m)
    observed = found[0]
    as_large = int((found[1:] >= observed - 1e-15).sum())
    return Discrepancy(
        value=float(observed),
        by_chance=float(np.quantile(found[1:], 0.95)),
        p_value=(as_large + 1) / (draws + 1),
        bandwidth=float(np.sqrt(width)),
    )


@dataclass(frozen=True, kw_only=True)
class Discrepancy:
    """MMD^2 (unbiased: it may be below 0), what chance shows at most in 95 % of cases, p, the kernel's bandwidth."""

    value: float
    by_chance: float
    p_value: float
    bandwidth: float


def _counts(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise DataError(f"Two columns of counts of the same levels are needed, not shapes {a.shape} and {b.shape}.")
    if not ((a >= 0).all() and (b >= 0).all() and a.sum() > 0 and b.sum() > 0):
        raise DataError("Counts are at least 0, and each sample needs a row.")
    return a, b


def _smoothed(reference: ArrayLike, current: ArrayLike, smoothing: float) -> tuple[Floats, Floats]:
    a, b = _counts(reference, current)
    e = smoothing / min(a.sum(), b.sum())
    return (a / a.sum() + e) / (1 + len(a) * e), (b / b.sum() + e) / (1 + len(b) * e)


def _psi_where_known(p: Floats, q: Floats) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(p == q, 0.0, (q - p) * np.log(q / p)).sum())
