"""Points to draw: ROC, precision-recall and reliability, thinned so that the shape and the area stay."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError, UsageError
from seatrial.stats.calibration import default_bins, equal_mass_bins
from seatrial.stats.proportions import clopper_pearson
from seatrial.stats.ranks import complete
from seatrial.stats.sorted_scores import Floats, Integers, SliceOrder


@dataclass(frozen=True, kw_only=True)
class RocPoints:
    """Points from (0, 0) to (1, 1) of ascending rates; `threshold` infinite at the first."""

    false_positive_rate: Floats
    true_positive_rate: Floats
    threshold: Floats


@dataclass(frozen=True, kw_only=True)
class PrecisionRecallPoints:
    """Points of ascending recall, from precision 1 at recall 0 by convention; `threshold` infinite there."""

    recall: Floats
    precision: Floats
    threshold: Floats


@dataclass(frozen=True, kw_only=True)
class ReliabilityPoints:
    """Per bin: mean score, rate of positives with Clopper-Pearson limits at 1 - alpha for this bin alone, rows."""

    mean_score: Floats
    rate: Floats
    low: Floats
    high: Floats
    n: Integers


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Weight of `positive` and `negative` rows at or above each `threshold`, descending; starts with (0, 0, inf)."""

    positive: Floats
    negative: Floats
    threshold: Floats


def totals(order: SliceOrder) -> Totals:
    """Totals over the distinct scores of an order of one slice: what both curves are drawn from."""
    starts = np.flatnonzero(order.starts_run)
    positive, negative = np.zeros(len(starts) + 1), np.zeros(len(starts) + 1)
    if order.weight is None:
        ones = np.add.reduceat(order.label, starts, dtype=np.int64)
        np.cumsum(ones[::-1], out=positive[1:])
        np.cumsum((np.diff(starts, append=len(order.label)) - ones)[::-1], out=negative[1:])
    else:
        np.cumsum(np.add.reduceat(order.weight * order.label, starts)[::-1], out=positive[1:])
        np.cumsum(np.add.reduceat(order.weight * (1 - order.label), starts)[::-1], out=negative[1:])
    return Totals(positive=positive, negative=negative, threshold=np.concatenate(([np.inf], order.score[starts][::-1])))


def _thin(along: Floats, count: int) -> Integers:
    """Positions of at most `count` points at equal steps of a non-decreasing length, both ends kept."""
    if len(along) <= count:
        return np.arange(len(along))
    steps = np.linspace(along[0], along[-1], count)
    right = np.clip(np.searchsorted(along, steps), 1, len(along) - 1)
    nearest = right - (steps - along[right - 1] < along[right] - steps)
    nearest[0], nearest[-1] = 0, len(along) - 1
    return np.unique(nearest)


def _check_points(max_points: int) -> None:
    if max_points < 10:
        raise UsageError(f"max_points must be at least 10, got {max_points}.")


def roc_points(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None, *, max_points: int = 200
) -> RocPoints:
    """ROC curve over distinct scores, at most `max_points` points at equal steps of FPR + TPR.

    Thinning moves the area by at most 1/(2 max_points) at worst; a point left out lies within one step of its chord.
    Raises `DataError` for missing values or an absent class.

    >>> roc_points([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).true_positive_rate.tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    return roc_curve(totals(complete(score, label, weight)), max_points=max_points)


def roc_curve(above: Totals, *, max_points: int = 200) -> RocPoints:
    """What `roc_points` gives, from totals."""
    _check_points(max_points)
    positive, negative, threshold = above.positive, above.negative, above.threshold
    if not (positive[-1] > 0 and negative[-1] > 0):
        raise DataError("A ROC curve needs rows of both classes.")
    tpr, fpr = positive / positive[-1], negative / negative[-1]
    kept = _thin(tpr + fpr, max_points)
    return RocPoints(false_positive_rate=fpr[kept], true_positive_rate=tpr[kept], threshold=threshold[kept])


def precision_recall_points(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None, *, max_points: int = 200
) -> PrecisionRecallPoints:
    """Precision and recall over distinct scores up to the first of full recall, at most `max_points` points.

    Half of the points lie at equal steps of recall, half at equal steps of log(rows kept), where precision moves most.
    Raises `DataError` for missing values or without positives.

    >>> precision_recall_points([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).precision.round(3).tolist()
    [1.0, 1.0, 0.5, 0.667]
    """
    return precision_recall_curve(totals(complete(score, label, weight)), max_points=max_points)


def precision_recall_curve(above: Totals, *, max_points: int = 200) -> PrecisionRecallPoints:
    """What `precision_recall_points` gives, from totals."""
    _check_points(max_points)
    positive, negative, threshold = above.positive, above.negative, above.threshold
    if not positive[-1] > 0:
        raise DataError("A precision-recall curve needs positive labels.")
    complete_at = int(np.searchsorted(positive, positive[-1])) + 1
    positive, negative, threshold = positive[:complete_at], negative[:complete_at], threshold[:complete_at]
    reached = positive + negative
    recall = positive / positive[-1]
    precision = np.concatenate(([1.0], positive[1:] / reached[1:]))
    if len(recall) > max_points:
        by_rank = 1 + _thin(np.log(reached[1:]), max_points // 2 - 1)
        kept = np.unique(np.concatenate(([0], _thin(recall, max_points // 2), by_rank)))
        recall, precision, threshold = recall[kept], precision[kept], threshold[kept]
    return PrecisionRecallPoints(recall=recall, precision=precision, threshold=threshold)


def reliability_points(
    score: ArrayLike,
    label: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bins: int | None = None,
    alpha: float = 0.05,
) -> ReliabilityPoints:
    """Mean score against rate of positives over equal-mass bins (min(15, n // 50), at least 1, by default).

    Raises `DataError` for missing values or scores outside [0, 1], `UsageError` for `bins` under 1.

    >>> reliability_points([0.25] * 4 + [0.75] * 4, [0, 0, 0, 1, 1, 1, 1, 0], bins=2).rate.tolist()
    [0.25, 0.75]
    """
    return reliability_curve(complete(score, label, weight), bins=bins, alpha=alpha)


def reliability_curve(order: SliceOrder, *, bins: int | None = None, alpha: float = 0.05) -> ReliabilityPoints:
    """What `reliability_points` gives, from an order of one slice."""
    if bins is not None and bins < 1:
        raise UsageError(f"bins must be at least 1, got {bins}.")
    if not len(order.label):
        raise DataError("A reliability curve needs rows.")
    cut = equal_mass_bins(order, max(1, int(default_bins(len(order.label)))) if bins is None else bins)
    low, high = clopper_pearson(cut.rate * cut.effective_n, cut.effective_n, alpha=alpha)
    return ReliabilityPoints(mean_score=cut.mean_score, rate=cut.rate, low=low, high=high, n=cut.n)
