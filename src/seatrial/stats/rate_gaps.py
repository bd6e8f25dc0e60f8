"""The largest gap between the rates of K groups, as difference and as ratio, with limits that hold together.

Every pair of groups has Miettinen and Nurminen's score limits at level 1 - alpha/(K(K-1)/2), so that all pairs are
covered at once with at least 1 - alpha (Bonferroni); the largest gap then lies between the largest lower and the
largest upper limit. The plain value, largest rate minus smallest, is biased upwards by noise, most where groups are
small and alike; a percentile bootstrap of it never covers 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.miettinen_nurminen import miettinen_nurminen_interval, miettinen_nurminen_ratio_interval

DIFFERENCE = "simultaneous Miettinen-Nurminen limits over all pairs of groups"
RATIO = "simultaneous Miettinen-Nurminen limits of the ratio over all pairs of groups"
TO_REFERENCE = "simultaneous Miettinen-Nurminen limits of the ratio to the reference"


@dataclass(frozen=True, kw_only=True)
class RateGap:
    """A gap over groups (of each data set): value, limits, p of equal rates; NaN where it cannot be formed."""

    value: Floats
    low: Floats
    high: Floats
    p_value: Floats


def rate_differences(counts: ArrayLike, sizes: ArrayLike, *, alpha: float = 0.05) -> RateGap:
    """Largest minus smallest of K rates; `counts` and `sizes` (..., K), real numbers where they are effective ones.

    low = max(0, max L_ij), high = max U_ij over ordered pairs, both at 1 - alpha/(K(K-1)/2); p by chi-square.

    >>> gap = rate_differences([60, 45, 30], [100, 100, 100])
    >>> [round(float(x), 3) for x in (gap.value, gap.low, gap.high)]
    [0.3, 0.133, 0.451]
    """
    x, n = _groups(counts, sizes)
    rates = x / n
    low, high = _pairs(x, n, alpha)
    return RateGap(
        value=rates.max(-1) - rates.min(-1),
        low=np.maximum(0.0, np.maximum(low, -high).max(-1)),
        high=np.maximum(high, -low).max(-1),
        p_value=equal_rates_p_value(x, n),
    )


def rate_ratios(counts: ArrayLike, sizes: ArrayLike, *, alpha: float = 0.05) -> RateGap:
    """Smallest over largest of K rates, with limits on log ratios; `counts` and `sizes` (..., K).

    low = min L_ij, high = min(1, min U_ij) over ordered pairs i/j at 1 - alpha/(K(K-1)/2). No events in any group: NaN.

    >>> ratio = rate_ratios([60, 45, 30], [100, 100, 100])
    >>> [round(float(x), 3) for x in (ratio.value, ratio.low, ratio.high)]
    [0.5, 0.326, 0.746]
    """
    x, n = _groups(counts, sizes)
    rates = x / n
    low, high = _ratio_pairs(x, n, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = rates.min(-1) / rates.max(-1)
        least = np.fmin(low, 1 / high).min(-1)
        most = np.minimum(1.0, np.minimum(high, np.where(low > 0, 1 / low, np.inf)).min(-1))
    none = rates.max(-1) <= 0
    return RateGap(
        value=np.where(none, np.nan, value),
        low=np.where(none, np.nan, least),
        high=np.where(none, np.nan, most),
        p_value=equal_rates_p_value(x, n),
    )


def ratios_to_best(counts: ArrayLike, sizes: ArrayLike, *, alpha: float = 0.05) -> RateGap:
    """Each of K rates over the largest one, (..., K); the limits know that the largest was picked after looking.

    p_g / max_j p_j = min_j p_g/p_j, so low = min_j L_gj and high = min(1, min_j U_gj) over the simultaneous pairs.

    >>> found = ratios_to_best([60, 45, 30], [100, 100, 100])
    >>> found.value.round(2).tolist(), found.high.round(2).tolist()
    ([1.0, 0.75, 0.5], [1.0, 1.0, 0.75])
    """
    x, n = _groups(counts, sizes)
    rates = x / n
    many = x.shape[-1]
    low, high = _ratio_pairs(x, n, alpha)
    least, most = np.full(x.shape, 1.0), np.full(x.shape, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        for at, (i, j) in enumerate(combinations(range(many), 2)):
            least[..., i] = np.fmin(least[..., i], low[..., at])
            most[..., i] = np.fmin(most[..., i], high[..., at])
            least[..., j] = np.fmin(least[..., j], 1 / high[..., at])
            most[..., j] = np.fmin(most[..., j], np.where(low[..., at] > 0, 1 / low[..., at], np.inf))
        value = rates / rates.max(-1, keepdims=True)
    none = np.broadcast_to(rates.max(-1, keepdims=True) <= 0, x.shape)
    return RateGap(
        value=np.where(none, np.nan, value),
        low=np.where(none, np.nan, least),
        high=np.where(none, np.nan, most),
        p_value=np.full(x.shape, np.nan),
    )


def ratios_to(reference: int, counts: ArrayLike, sizes: ArrayLike, *, alpha: float = 0.05) -> RateGap:
    """Each of K rates over that of a group named beforehand, (K,), limits at 1 - alpha/(K - 1); itself is 1 exactly.

    >>> found = ratios_to(0, [60, 45, 30], [100, 100, 100])
    >>> found.value.round(2).tolist(), found.high.round(2).tolist()
    ([1.0, 0.75, 0.5], [1.0, 1.02, 0.73])
    """
    x, n = _groups(counts, sizes)
    many = x.shape[-1]
    low, high = miettinen_nurminen_ratio_interval(
        x, n, np.broadcast_to(x[reference], x.shape), np.broadcast_to(n[reference], n.shape), alpha=alpha / (many - 1)
    )
    own = np.arange(many) == reference
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (x / n) / (x[reference] / n[reference])
    none = x[reference] <= 0
    low, high = np.where(own, 1.0, low), np.where(own, 1.0, high)
    return RateGap(
        value=np.where(none, np.nan, np.where(own, 1.0, value)),
        low=np.where(none, np.nan, low),
        high=np.where(none | ~np.isfinite(high), np.nan, high),
        p_value=np.full(x.shape, np.nan),
    )


def worst_of(gaps: Sequence[RateGap], *, largest: bool = True) -> RateGap:
    """The worst of several gaps, each found at alpha/len(gaps): the largest difference, or the smallest ratio.

    p is Bonferroni's over the gaps.
    """
    pick = np.maximum if largest else np.minimum
    return RateGap(
        value=pick.reduce([gap.value for gap in gaps]),
        low=pick.reduce([gap.low for gap in gaps]),
        high=pick.reduce([gap.high for gap in gaps]),
        p_value=np.minimum(1.0, len(gaps) * np.minimum.reduce([gap.p_value for gap in gaps])),
    )


def equal_rates_p_value(counts: ArrayLike, sizes: ArrayLike) -> Floats:
    """Pearson's chi-square p of K equal rates, (...,): sum (x - n p)^2/(n p (1 - p)) with K - 1 degrees of freedom.

    Every row alike (p 0 or 1): 1.

    >>> round(float(equal_rates_p_value([60, 45], [100, 100])), 4)
    0.0337
    """
    x, n = _groups(counts, sizes)
    pooled = x.sum(-1, keepdims=True) / n.sum(-1, keepdims=True)
    spread = n * pooled * (1 - pooled)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = ((x - n * pooled) ** 2 / spread).sum(-1)
    p = special.chdtrc(x.shape[-1] - 1, np.where(np.isfinite(statistic), statistic, 0.0))
    return np.asarray(np.where((spread <= 0).any(-1), 1.0, p))


def _groups(counts: ArrayLike, sizes: ArrayLike) -> tuple[Floats, Floats]:
    x, n = np.broadcast_arrays(np.asarray(counts, dtype=np.float64), np.asarray(sizes, dtype=np.float64))
    if x.ndim == 0 or x.shape[-1] < 2:
        raise UsageError("A gap between groups needs at least two of them.")
    if not (n > 0).all():
        raise UsageError("Every group of a gap needs rows; leave those without out.")
    return x, n


def _places(many: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(many, 1)
    return first, second


def _pairs(x: Floats, n: Floats, alpha: float) -> tuple[Floats, Floats]:
    i, j = _places(x.shape[-1])
    return miettinen_nurminen_interval(x[..., i], n[..., i], x[..., j], n[..., j], alpha=alpha / len(i))


def _ratio_pairs(x: Floats, n: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Limits of rate_i/rate_j for i < j; with no events on either side nothing is known: 0 to infinity."""
    i, j = _places(x.shape[-1])
    low, high = miettinen_nurminen_ratio_interval(x[..., i], n[..., i], x[..., j], n[..., j], alpha=alpha / len(i))
    return np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), np.inf, high)
