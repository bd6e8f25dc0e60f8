"""AUC from counts per score bin, for tables too long to sort: mergeable by addition, with its error bound."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError
from seatrial.stats.ranks import divide
from seatrial.stats.sorted_scores import Floats


@dataclass(frozen=True, kw_only=True)
class HistogramAuc:
    """AUC per slice from binned scores, (S,) each: the exact AUC lies within `value` +- `error_bound`."""

    value: Floats
    error_bound: Floats
    variance: Floats


def histogram_auc(pos_counts: ArrayLike, neg_counts: ArrayLike) -> HistogramAuc:
    """AUC of S slices from counts of positives and negatives in B score bins of ascending score, (S, B) each.

    Pairs within one bin count half, so the exact AUC lies within half the share of such pairs; the variance is DeLong's
    with bins as ties. NaN where a class is absent. Raises `DataError` for shapes that differ or negative counts.

    >>> histogram_auc([[0, 1, 3]], [[3, 1, 0]]).value.tolist()
    [0.96875]
    """
    positive, negative = np.atleast_2d(np.asarray(pos_counts)), np.atleast_2d(np.asarray(neg_counts))
    if positive.shape != negative.shape:
        raise DataError(f"Counts of positives {positive.shape} and of negatives {negative.shape} must have one shape.")
    if (positive < 0).any() or (negative < 0).any():
        raise DataError("Counts must not be negative.")
    p, q = positive.astype(np.float64), negative.astype(np.float64)
    n1, n0 = p.sum(axis=1), q.sum(axis=1)
    placement1 = divide(np.cumsum(q, axis=1) - q / 2, n0[:, None])
    placement0 = divide(n1[:, None] - np.cumsum(p, axis=1) + p / 2, n1[:, None])
    value = divide((p * placement1).sum(axis=1), n1)
    center = value[:, None]
    variance = divide((p * (placement1 - center) ** 2).sum(axis=1), n1 * (n1 - 1)) + divide(
        (q * (placement0 - center) ** 2).sum(axis=1), n0 * (n0 - 1)
    )
    return HistogramAuc(value=value, error_bound=divide((p * q).sum(axis=1) / 2, n1 * n0), variance=variance)
