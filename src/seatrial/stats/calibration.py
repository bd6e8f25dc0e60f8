"""Calibration of probabilities per slice: ECE with Clopper-Pearson bands, and the debiased squared calibration error.

ECE is the mean of |rate - score| over bins: it is not smooth where bins are calibrated, so its interval comes from
bands on the bins' rates and two ECEs are never compared by difference. The squared error is smooth: gate on that.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError, UsageError
from seatrial.stats.proportions import clopper_pearson
from seatrial.stats.ranks import complete, divide
from seatrial.stats.sorted_scores import Floats, Integers, SliceOrder

MOST_BINS = 15
ROWS_PER_BIN = 50
METHOD = "equal-mass bins, Clopper-Pearson bands"


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Bins of ascending score over K slices: bin j belongs to slice `slices[j]`, and holds `n[j]` rows.

    `mean_score`, `rate` (of positives) and `mass` (share of the slice's weight) are weighted; `effective_n` is Kish's.
    """

    slices: Integers
    n: Integers
    effective_n: Floats
    mass: Floats
    mean_score: Floats
    rate: Floats

    @cached_property
    def rate_variance(self) -> Floats:
        """Unbiased variance of each rate, rate (1 - rate) / (effective_n - 1); NaN in a bin of one row."""
        return divide(self.rate * (1 - self.rate), self.effective_n - 1)

    @cached_property
    def per_slice(self) -> Integers:
        """Number of bins in the slice of each bin."""
        return np.bincount(self.slices)[self.slices]


@dataclass(frozen=True, kw_only=True)
class CalibrationTable:
    """Calibration of S slices, (S,) each: `ece` in `low`..`high` at 1 - alpha; `squared` error with its `variance`."""

    ece: Floats
    low: Floats
    high: Floats
    squared: Floats
    squared_variance: Floats
    bins: Integers
    n: Integers

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        """Why a slice has no calibration error, None where it has one."""
        return tuple(
            None if bins else f"{n} rows are too few to bin (at least {ROWS_PER_BIN} are needed)"
            for bins, n in zip(self.bins.tolist(), self.n.tolist(), strict=True)
        )


def default_bins(n: ArrayLike) -> Integers:
    """Number of bins for n rows: min(15, n // 50), 0 when there are too few rows to bin.

    >>> default_bins([49, 100, 10_000]).tolist()
    [0, 2, 15]
    """
    return np.minimum(MOST_BINS, np.asarray(n, np.int64) // ROWS_PER_BIN)


def equal_mass_bins(order: SliceOrder, counts: ArrayLike | None = None) -> Bins:
    """Cut each slice into bins of equally many rows, never between equal scores.

    `counts` (S,) are the bins asked for per slice (`default_bins` by default). A cut moves to the nearest end of a run
    of equal scores, so a slice may get fewer. Raises `DataError` for scores outside [0, 1].
    """
    if order.lowest_score < 0 or order.highest_score > 1:
        found = f"{order.lowest_score:g} to {order.highest_score:g}"
        raise DataError(f"Calibration needs probabilities in 0..1, got scores from {found}.")
    size, first = np.diff(order.bounds), order.bounds[:-1]
    asked = default_bins(size) if counts is None else np.broadcast_to(counts, (order.n_slices,))[order.slices]
    asked = np.minimum(np.asarray(asked, np.int64), size)
    k = np.repeat(np.arange(len(size)), asked)
    step = np.arange(len(k)) - np.repeat(np.cumsum(asked) - asked, asked)
    wanted = first[k] + (step * size[k]) // np.maximum(asked[k], 1)
    cuts = _nearest_run(order, wanted, order.bounds[1:][k])
    fresh = np.ones(len(cuts), np.bool_)
    fresh[1:] = cuts[1:] != cuts[:-1]
    last = cuts == order.bounds[1:][k]
    starts, k = cuts[fresh & ~last], k[fresh & ~last]
    # rows of a slice without bins must not run on into the bin before it
    edges = np.unique(np.concatenate([starts, first, order.bounds[-1:]]))[:-1]
    mine = np.isin(edges, starts, assume_unique=True)
    n = np.diff(edges, append=len(order.label))[mine]

    def sums(rows: Floats) -> Floats:
        return np.add.reduceat(rows, edges)[mine] if len(edges) else np.zeros(0)

    if order.weight is None:
        total, effective = n.astype(np.float64), n.astype(np.float64)
        positives = (
            np.add.reduceat(order.label, edges, dtype=np.int64)[mine].astype(np.float64) if len(edges) else sums(total)
        )
        scores = sums(order.score)
    else:
        total = sums(order.weight)
        effective = total**2 / sums(order.weight**2)
        positives, scores = sums(order.weight * order.label), sums(order.weight * order.score)
    mass = total / np.bincount(k, weights=total, minlength=1)[k] if len(k) else total
    return Bins(
        slices=order.slices[k],
        n=n,
        effective_n=effective,
        mass=mass,
        mean_score=np.clip(scores / total, 0.0, 1.0),
        rate=np.clip(positives / total, 0.0, 1.0),
    )


def _nearest_run(order: SliceOrder, wanted: Integers, top: Integers) -> Integers:
    """Move positions to the nearest beginning of a run of equal scores, or to the end of their slice."""
    inside = ~order.starts_run[wanted]
    if not inside.any():
        return wanted
    starts = np.append(np.flatnonzero(order.starts_run), len(order.label))
    after = np.searchsorted(starts, wanted)
    up, back = np.minimum(starts[after], top), starts[np.maximum(after - 1, 0)]
    moved: Integers = np.where(inside, np.where(wanted - back <= up - wanted, back, up), wanted)
    return moved


def grouped_ece(order: SliceOrder, *, alpha: float = 0.05, bins: ArrayLike | None = None) -> CalibrationTable:
    """Expected calibration error per slice over min(15, n // 50) equal-mass bins, with bands, and the squared error.

    ECE = sum w_b |rate_b - score_b| (plug-in, biased upwards by noise: read the interval). Interval: with
    Clopper-Pearson limits of each rate at 1 - alpha/B, the least and the largest sum the limits allow; it covers the
    binned error that these scores have in expectation (Bonferroni; Hoeffding 1956 for unequal chances within a bin).
    Squared error: sum w_b [(rate_b - score_b)^2 - var_b] (Kumar, Liang, Ma 2019), its variance
    sum w_b^2 max(4 d^2 var - 2 var^2, 2 var^2).

    >>> from seatrial.stats.sorted_scores import SortedScores
    >>> order = SortedScores([0.25] * 100 + [0.75] * 100, [1] * 25 + [0] * 75 + [1] * 75 + [0] * 25).whole()
    >>> table = grouped_ece(order)
    >>> float(table.ece[0]), float(table.low[0]), table.bins.tolist()
    (0.0, 0.0, [2])
    """
    return binned_ece(equal_mass_bins(order, bins), order.n_pos + order.n_neg, alpha=alpha)


def binned_ece(cut: Bins, n: Integers, *, alpha: float = 0.05) -> CalibrationTable:
    """What `grouped_ece` gives, from the bins of S slices and their rows n (S,)."""
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie strictly between 0 and 1, got {alpha!r}.")
    gap = np.abs(cut.rate - cut.mean_score)
    count = cut.rate * cut.effective_n
    low, high = _bands(count, cut.effective_n, alpha / cut.per_slice if len(cut.slices) else np.zeros(0))
    nearest = np.maximum(0.0, np.maximum(low - cut.mean_score, cut.mean_score - high))
    farthest = np.maximum(np.abs(low - cut.mean_score), np.abs(high - cut.mean_score))
    v = np.nan_to_num(cut.rate_variance)
    n_bins = np.bincount(cut.slices, minlength=len(n))

    def total(per_bin: Floats) -> Floats:
        sums = np.bincount(cut.slices, weights=per_bin, minlength=len(n))
        return np.where(n_bins > 0, sums, np.nan)

    return CalibrationTable(
        ece=total(cut.mass * gap),
        low=total(cut.mass * nearest),
        high=total(cut.mass * farthest),
        squared=total(cut.mass * (gap**2 - v)),
        squared_variance=total(cut.mass**2 * np.maximum(4 * gap**2 * v - 2 * v**2, 2 * v**2)),
        bins=n_bins,
        n=n,
    )


def _bands(count: Floats, n: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Clopper-Pearson limits with a level per bin."""
    low, high = np.empty(len(n)), np.empty(len(n))
    for level in np.unique(alpha):
        at = alpha == level
        low[at], high[at] = clopper_pearson(count[at], n[at], alpha=float(level))
    return low, high


def squared_calibration_influence(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None, *, bins: int | None = None
) -> tuple[float, Floats]:
    """Debiased squared calibration error and the influence of each row, (n,), bins held fixed.

    psi_i = 2 d_b (y_i - s_i) - d_b^2 - T, d_b = rate - mean score of the row's bin, T = sum w_b d_b^2. Where all bins
    are calibrated the first-order term vanishes and sum psi^2 / (n (n-1)) overstates the variance (conservative).
    Raises `DataError` for missing values, scores outside [0, 1], or fewer than 50 rows (when `bins` is not given).

    >>> value, psi = squared_calibration_influence([0.5] * 100, [1] * 80 + [0] * 20)
    >>> round(value, 4), abs(round(float(psi.sum()), 9))
    (0.0884, 0.0)
    """
    order = complete(score, label, weight)
    cut = equal_mass_bins(order, bins)
    if not len(cut.n):
        raise DataError(f"{len(order.label)} rows are too few to bin (at least {ROWS_PER_BIN} are needed).")
    difference = cut.rate - cut.mean_score
    plug_in = float(cut.mass @ difference**2)
    d = np.repeat(difference, cut.n)
    psi = np.zeros(order.n_rows)
    rows = 2 * d * (order.label - order.score) - d**2 - plug_in
    psi[order.rows] = rows if order.weight is None else rows * order.weight / order.weight.mean()
    if order.weight is not None:
        psi *= order.n_rows / len(order.label)
    return plug_in - float(cut.mass @ np.nan_to_num(cut.rate_variance)), psi
