"""Cluster-robust variance of a mean from cluster totals and sizes: CR2 with Bell and McCaffrey's degrees of freedom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats

FEWEST_CLUSTERS = 5.0
"""Below this many effective clusters a cluster-robust variance is refused."""
METHOD = "CR2 cluster-robust variance, Bell-McCaffrey degrees of freedom"


@dataclass(frozen=True, kw_only=True)
class ClusterVariance:
    """CR2 variance of one value per slice, (S,) each; refused slices hold NaN and a reason."""

    variance: Floats
    df: Floats
    effective_clusters: Floats
    """(sum m)^2 / sum m^2."""
    clusters: Floats
    reasons: tuple[str | None, ...]


def cluster_variance(totals: ArrayLike, sizes: ArrayLike, slice_index: ArrayLike, n_slices: int) -> ClusterVariance:
    """CR2 variance and df of a mean of mean-zero influences, from one entry per (slice, cluster).

    For the model with only an intercept, leverage adjusts the total e_g of cluster g to e_g (1 - m_g/M)^(-1/2), so
    variance = sum e_g^2/(1 - m_g/M)/M^2 with M = sum m_g. Under working independence Satterthwaite's degrees of
    freedom are df = 1/(sum s^2 + (sum v)^2 - sum v^2), s = m_g/M and v = s^2/(1 - s); G equal clusters give G - 1
    (Bell and McCaffrey, Survey Methodology 28, 2002).

    `totals` (E,) are sums of (row value - slice value) over the rows of a cluster, times the row's weight or
    denominator; `sizes` (E,) the sums of those weights (rows when there are none); `slice_index` (E,) in
    0..n_slices-1. Entries of size 0 are ignored. Below 5 effective clusters the slice is refused with a reason.

    >>> found = cluster_variance([3, -1, 1, -2, -1, 0], [2, 2, 2, 2, 2, 2], [0] * 6, 1)
    >>> found.variance.round(6).tolist(), found.df.round(9).tolist()
    ([0.133333], [5.0])
    """
    return _found(totals, totals, sizes, slice_index, n_slices)


def cluster_covariance(
    totals: ArrayLike, other: ArrayLike, sizes: ArrayLike, slice_index: ArrayLike, n_slices: int
) -> Floats:
    """CR2 covariance (S,) of two values with influences `totals` and `other` over the same clusters.

    >>> totals = [3, -1, 1, -2, -1, 0]
    >>> cluster_covariance(totals, totals, [2] * 6, [0] * 6, 1).round(6).tolist()
    [0.133333]
    """
    return _found(totals, other, sizes, slice_index, n_slices).variance


def _found(
    totals: ArrayLike, other: ArrayLike, sizes: ArrayLike, slice_index: ArrayLike, n_slices: int
) -> ClusterVariance:
    first, second, size = (np.asarray(x, dtype=np.float64) for x in (totals, other, sizes))
    index = np.asarray(slice_index, dtype=np.intp)
    if not first.shape == second.shape == size.shape == index.shape:
        raise UsageError(f"Totals, sizes and slices need one entry each: {first.shape}, {size.shape}, {index.shape}.")
    if (size < 0).any():
        raise UsageError("A cluster's size cannot be negative.")
    there = size > 0
    first, second, size, index = first[there], second[there], size[there], index[there]

    def per_slice(values: Floats | None = None) -> Floats:
        return np.asarray(np.bincount(index, weights=values, minlength=n_slices), dtype=np.float64)

    whole = per_slice(size)
    clusters = per_slice()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = size / whole[index]
        rest = 1.0 - share
        ratio = share * share / rest
        variance = per_slice(first * second / rest) / whole**2
        effective = 1.0 / per_slice(share * share)
        df = 1.0 / (1.0 / effective + per_slice(ratio) ** 2 - per_slice(ratio * ratio))
    effective = np.where(clusters > 0, effective, 0.0)
    refused = ~(effective >= FEWEST_CLUSTERS * (1 - 1e-12))
    reasons = tuple(
        None
        if not no
        else "no rows"
        if count == 0
        else f"only {many:.1f} effective clusters ({int(count)} in all): at least {FEWEST_CLUSTERS:g} are needed"
        for no, many, count in zip(refused.tolist(), effective.tolist(), clusters.tolist(), strict=True)
    )
    return ClusterVariance(
        variance=np.where(refused, np.nan, variance),
        df=np.where(refused, np.nan, df),
        effective_clusters=effective,
        clusters=clusters,
        reasons=reasons,
    )
