"""Proportions: Wilson, Clopper-Pearson at the edges, effective sizes, F1 of one class; unpaired ones re-exported."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile, student_quantile
from seatrial.stats.miettinen_nurminen import (
    UnpairedProportions,
    miettinen_nurminen_interval,
    miettinen_nurminen_p_value,
    miettinen_nurminen_ratio_interval,
    miettinen_nurminen_ratio_p_value,
)

__all__ = [
    "UnpairedProportions",
    "clopper_pearson",
    "effective_size",
    "f1_interval",
    "miettinen_nurminen_interval",
    "miettinen_nurminen_p_value",
    "miettinen_nurminen_ratio_interval",
    "miettinen_nurminen_ratio_p_value",
    "proportion_interval",
    "wilson",
]

WILSON = "Wilson score interval"
CLOPPER_PEARSON = "Clopper-Pearson interval"
NO_ROWS = "none: no rows"


def wilson(count: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Wilson score limits of a proportion: the p with (count/n - p)^2 = z^2 p(1-p)/n (Wilson 1927).

    `count` and `n` are (S,), `n` may be a real effective size; n = 0 gives NaN.

    >>> [round(float(x), 6) for x in wilson(8, 10)]
    [0.490162, 0.943318]
    """
    z2 = normal_quantile(alpha) ** 2
    events, size = _pair(count, n)
    size = np.where(size > 0, size, np.nan)
    share = events / size
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 * (share * (1 - share) / size + z2 / (4 * size * size))) / (1 + z2 / size)
    low = np.where(share <= 0, 0.0, np.clip(centre - half, 0.0, 1.0))
    high = np.where(share >= 1, 1.0, np.clip(centre + half, 0.0, 1.0))
    return np.where(np.isnan(share), np.nan, low), np.where(np.isnan(share), np.nan, high)


def clopper_pearson(count: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Two-sided exact limits of a proportion from the binomial tails at alpha/2 each (Clopper and Pearson 1934).

    `count` and `n` are (S,) and may be real effective sizes; n = 0 gives NaN.

    >>> [round(float(x), 4) for x in clopper_pearson(0, 300)]
    [0.0, 0.0122]
    """
    normal_quantile(alpha)
    events, size = _pair(count, n)
    size = np.where(size > 0, size, np.nan)
    events = np.clip(events, 0.0, size)
    low = special.betaincinv(np.where(events > 0, events, np.nan), size - events + 1, alpha / 2)
    high = special.betainccinv(events + 1, np.where(size - events > 0, size - events, np.nan), alpha / 2)
    known = ~np.isnan(size)
    low = np.where(known & (events <= 0), 0.0, low)
    high = np.where(known & (events >= size), 1.0, high)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def proportion_interval(
    count: ArrayLike, n: ArrayLike, *, alpha: float = 0.05, effective_n: ArrayLike | None = None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Limits of a proportion and the method of each slice: Wilson, or Clopper-Pearson two-sided at 0 or n events.

    `count` and `n` are (S,). With `effective_n` (clusters or weights) both work on share * effective_n of effective_n.
    n = 0 gives NaN and the method "none: no rows".

    >>> low, high, methods = proportion_interval([0, 8], [300, 10])
    >>> high.round(4).tolist(), methods
    ([0.0122, 0.9433], ('Clopper-Pearson interval', 'Wilson score interval'))
    """
    events, size = np.atleast_1d(*_pair(count, n))
    at_edge = (events <= 0) | (events >= size)
    wilson_name, exact_name = WILSON, CLOPPER_PEARSON
    if effective_n is not None:
        effective = np.broadcast_to(np.asarray(effective_n, dtype=np.float64), size.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(size > 0, events / size, np.nan)
        events, size = share * effective, np.where(size > 0, effective, np.nan)
        wilson_name, exact_name = f"{WILSON} at the effective size", f"{CLOPPER_PEARSON} at the effective size"
    low, high = wilson(events, size, alpha=alpha)
    exact_low, exact_high = clopper_pearson(events[at_edge], size[at_edge], alpha=alpha)
    low[at_edge], high[at_edge] = exact_low, exact_high
    methods = tuple(
        NO_ROWS if unknown else exact_name if edge else wilson_name
        for unknown, edge in zip(np.isnan(low).tolist(), at_edge.tolist(), strict=True)
    )
    return low, high, methods


def f1_interval(
    tp: ArrayLike, false: ArrayLike, *, alpha: float = 0.05, effective_n: ArrayLike | None = None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Limits of F1 of one class: those of the Jaccard share J = tp/(tp + fp + fn), mapped by F1 = 2J/(1 + J).

    `tp` and `false` = fp + fn are (S,); given how many rows are not true negatives, tp is binomial, so the interval
    of J is a proportion's. `effective_n` is the effective size of tp + false.

    >>> low, high, _ = f1_interval(50, 50)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.5753], [0.747])
    """
    hits, misses = _pair(tp, false)
    low, high, methods = proportion_interval(hits, hits + misses, alpha=alpha, effective_n=effective_n)
    names = tuple(name if name == NO_ROWS else f"{name} on tp/(tp+fp+fn), mapped to F1" for name in methods)
    return 2 * low / (1 + low), 2 * high / (1 + high), names


def effective_size(
    variance: ArrayLike,
    value: ArrayLike,
    n: ArrayLike,
    *,
    df: ArrayLike | None = None,
    independent: ArrayLike | None = None,
    alpha: float = 0.05,
) -> Floats:
    """How many independent rows would give a proportion `value` the design-based `variance` it has, (S,).

    n_eff = 1 + value(1 - value)/variance: the variance of n independent rows is estimated by value(1 - value)/(n - 1),
    so clusters of one row give exactly n. With `df` the size is scaled by (t_{n-1}/t_df)^2, which carries the
    uncertainty of the variance into Wilson's limits (Korn and Graubard 1998). Never more than `n`. Where every row
    agrees (variance 0) the size is `independent`, the number of clusters, or `n` without it.

    >>> float(effective_size(0.25 / 99, 0.5, 100).round(9))
    100.0
    """
    spread, share, rows = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (variance, value, n)))
    fallback = rows if independent is None else np.broadcast_to(np.asarray(independent, dtype=np.float64), rows.shape)
    agree = (spread <= 0) | (share <= 0) | (share >= 1)
    size = 1.0 + share * (1 - share) / np.where(agree, np.nan, spread)
    if df is not None:
        with np.errstate(invalid="ignore"):
            size = size * (student_quantile(rows - 1, alpha) / student_quantile(df, alpha)) ** 2
    return np.asarray(np.minimum(np.where(agree, fallback, size), rows))


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    one, two = np.broadcast_arrays(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    return one, two
