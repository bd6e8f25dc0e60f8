"""Quantiles of rows with sampling weights: the weighted form of NumPy's `linear`, and the density at them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.stats.distributions import normal_quantile
from seatrial.stats.quantiles import rows_short_of_quantile
from seatrial.stats.sorted_scores import Floats


def weighted_quantile(values: ArrayLike, weights: ArrayLike, probability: ArrayLike) -> Floats:
    """Weighted type 7 quantiles of one sample (n,) at `probability` (P,), (P,); equal weights give NumPy's `linear`.

    With n* = (sum w)^2/sum w^2 (Kish) and h = (n* - 1) p + 1, the mean of the weighted quantile function over
    ((h - 1)/n*, h/n*) (Akinshin, Weighted quantile estimators, arXiv 2304.07265). Rows of weight 0 do not count; no
    rows give NaN.

    >>> weighted_quantile([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1], [0.5]).tolist()
    [2.5]
    """
    given, weight = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    asked = np.atleast_1d(np.asarray(probability, dtype=np.float64))
    order = np.argsort(given, kind="stable")
    x, w = given[order], weight[order]
    x, w = x[w > 0], w[w > 0]
    if not len(x):
        return np.full(len(asked), np.nan)
    upto = np.concatenate([[0.0], np.cumsum(w)])
    effective = upto[-1] ** 2 / float((w * w).sum())
    upto *= effective / upto[-1]
    start = (effective - 1) * asked
    first = np.maximum(np.searchsorted(upto, start, side="right") - 1, 0)
    last = np.minimum(np.searchsorted(upto, start + 1, side="left"), len(x))
    found = np.empty(len(asked))
    for k, (low, high) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        inside = np.diff(np.clip(upto[low : high + 1] - start[k], 0.0, 1.0))
        base = x[low]  # so that equal values give exactly that value
        found[k] = base + float(inside @ (x[low:high] - base)) / float(inside.sum())
    return found


@dataclass(frozen=True, kw_only=True)
class WeightedQuantiles:
    """A quantile on S slices, (S,) each: `value`, the `density` of the values there, NaN and a reason where none."""

    value: Floats
    density: Floats
    reasons: tuple[str | None, ...]
    flat: tuple[str | None, ...]
    """Why a slice that has a value has no density."""


def grouped_weighted_quantiles(
    values: ArrayLike,
    weights: ArrayLike,
    codes: ArrayLike,
    n_slices: int,
    probability: float,
    *,
    alpha: float = 0.05,
) -> WeightedQuantiles:
    """The quantile at one probability per slice; NaN values, rows of weight 0 and rows of code -1 are left out.

    The density is 2 d/(Q(p + d) - Q(p - d)), d = z sqrt(p(1-p)/n*), as in Woodruff's interval (1952). A slice whose n*
    is too small for the quantile (`rows_short_of_quantile`) has a reason instead.

    >>> found = grouped_weighted_quantiles(range(101), [2.0] * 101, [0] * 101, 1, 0.5)
    >>> found.value.tolist(), round(float(found.density[0]), 3)
    ([50.0], 0.01)
    """
    given, weight, where = (np.asarray(a) for a in (values, weights, codes))
    there = np.isfinite(given) & (weight > 0) & (where >= 0)
    order = np.flatnonzero(there)[np.argsort(where[there], kind="stable")]
    bounds = np.searchsorted(where[order], np.arange(n_slices + 1))
    value, density = np.full(n_slices, np.nan), np.full(n_slices, np.nan)
    reasons: list[str | None] = []
    flat: list[str | None] = []
    z = normal_quantile(alpha)
    for s in range(n_slices):
        rows = order[bounds[s] : bounds[s + 1]]
        x, w = given[rows], weight[rows].astype(np.float64)
        effective = float(w.sum() ** 2 / (w * w).sum()) if len(rows) else 0.0
        few = float(rows_short_of_quantile(np.floor(effective + 1e-9), probability, alpha=alpha))
        reasons.append(
            f"{effective:.0f} effective rows are too few for the {probability:g} quantile (at least {few:.0f} are "
            "needed)"
            if few
            else None
        )
        flat.append(reasons[-1])
        if few:
            continue
        reach = z * np.sqrt(probability * (1 - probability) / effective)
        ends = np.clip([probability - reach, probability + reach], 0.0, 1.0)
        value[s], low, high = weighted_quantile(x, w, [probability, *ends])
        if high > low:
            density[s] = (ends[1] - ends[0]) / (high - low)
        else:
            flat[-1] = f"so many rows equal {value[s]:g} that the interval has no width"
    return WeightedQuantiles(value=value, density=density, reasons=tuple(reasons), flat=tuple(flat))
