"""Many tests at once: Holm for a family that decides, Benjamini-Hochberg with FCR intervals for exploration."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.contrasts import Floats


def holm(p_values: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Holm's adjusted p-values and the alpha of each test's deciding interval, both in the order given (Holm 1979).

    The j-th smallest of m is adjusted to max over i <= j of (m - i + 1) p_i, at most 1. Its interval is at level 1 -
    alpha/(m - min(j, s) + 1), s the first rank not rejected, so an interval excludes the null exactly when the
    adjusted p is below `alpha`. A NaN stands for a test that could not be done: it stays in the family, last, and its
    p stays NaN.

    >>> adjusted, alphas = holm([0.01, 0.04, 0.03])
    >>> adjusted.round(6).tolist(), alphas.round(6).tolist()
    ([0.03, 0.06, 0.06], [0.016667, 0.025, 0.025])
    """
    given = np.asarray(p_values, dtype=np.float64)
    m = given.size
    if m == 0:
        return np.empty(0), np.empty(0)
    order = np.argsort(np.where(np.isnan(given), 2.0, given), kind="stable")
    ranked = np.where(np.isnan(given), 1.0, given)[order]
    step_down = np.minimum(np.maximum.accumulate((m - np.arange(m)) * ranked), 1.0)
    kept = np.flatnonzero(step_down >= alpha)
    first_kept = int(kept[0]) if kept.size else m
    adjusted, alphas = np.empty(m), np.empty(m)
    adjusted[order] = step_down
    alphas[order] = alpha / (m - np.minimum(np.arange(m), first_kept))
    return np.where(np.isnan(given), np.nan, adjusted), alphas


def benjamini_hochberg(p_values: ArrayLike, *, q: float = 0.10) -> tuple[Floats, NDArray[np.bool_], float]:
    """Adjusted p-values, which are below `q`, and the alpha of intervals for the selected ones.

    Benjamini and Hochberg (1995): min over i >= j of m p_i/i. Intervals of the R selected at level 1 - R q/m keep the
    false coverage rate at q (Benjamini and Yekutieli 2005); the same level, with R at least 1, is returned for all,
    and it excludes the null exactly for the selected. NaN (not tested) is outside the family.

    >>> adjusted, rejected, alpha = benjamini_hochberg([0.01, 0.04, 0.30, 0.60])
    >>> adjusted.round(4).tolist(), rejected.tolist(), alpha
    ([0.04, 0.08, 0.4, 0.6], [True, True, False, False], 0.05)
    """
    given = np.asarray(p_values, dtype=np.float64)
    tested = ~np.isnan(given)
    m = int(tested.sum())
    adjusted = np.full(given.shape, np.nan)
    if m:
        order = np.argsort(given[tested], kind="stable")
        scaled = given[tested][order] * m / np.arange(1, m + 1)
        step_up = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
        back = np.empty(m)
        back[order] = step_up
        adjusted[tested] = back
    rejected = tested & (np.where(tested, adjusted, 1.0) < q)
    return adjusted, rejected, max(int(rejected.sum()), 1) * q / max(m, 1)
