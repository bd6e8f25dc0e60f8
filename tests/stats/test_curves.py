"""Points of curves: ends, ties, limits on their number."""

import numpy as np
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.stats.curves import precision_recall_points, reliability_points, roc_points


@pytest.mark.parametrize("max_points", [10, 50, 200])
@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("share", [0.001, 0.5])
def test_points_are_few_enough_ordered_and_keep_both_ends(max_points, decimals, share):
    rng = np.random.default_rng(0)
    score = rng.random(20_000) if decimals is None else rng.random(20_000).round(decimals)
    label = rng.random(20_000) < share
    roc, pr = (f(score, label, max_points=max_points) for f in (roc_points, precision_recall_points))
    for x, y, points in (
        (roc.false_positive_rate, roc.true_positive_rate, roc),
        (pr.recall, pr.precision, pr),
    ):
        assert len(x) == len(y) == len(points.threshold) <= max_points
        assert (np.diff(x) >= 0).all()
        assert (np.diff(points.threshold) < 0).all()
    assert (roc.false_positive_rate[[0, -1]].tolist(), roc.true_positive_rate[[0, -1]].tolist()) == ([0, 1], [0, 1])
    assert pr.recall[[0, -1]].tolist() == [0, 1]


def test_every_kept_point_is_on_the_full_curve():
    rng = np.random.default_rng(1)
    score, label = rng.random(5000), rng.random(5000) < 0.3
    thin = roc_points(score, label, max_points=40)
    for fpr, tpr, threshold in zip(thin.false_positive_rate, thin.true_positive_rate, thin.threshold, strict=True):
        assert tpr == pytest.approx((score[label] >= threshold).mean())
        assert fpr == pytest.approx((score[~label] >= threshold).mean())


def test_constant_scores_give_the_diagonal():
    points = roc_points([0.5] * 4, [0, 1, 0, 1])
    assert points.false_positive_rate.tolist() == points.true_positive_rate.tolist() == [0, 1]
    assert precision_recall_points([0.5] * 4, [0, 1, 0, 1]).precision.tolist() == [1, 0.5]


def test_reliability_of_few_rows_and_of_weights():
    points = reliability_points([0.2, 0.4, 0.9], [0, 0, 1])
    assert (points.n.tolist(), points.rate.tolist()) == ([3], [1 / 3])
    weighted = reliability_points([0.2, 0.4, 0.9], [0, 0, 1], [1, 1, 2])
    assert weighted.rate[0] == 0.5
    assert weighted.mean_score[0] == pytest.approx((0.2 + 0.4 + 1.8) / 4)
    assert weighted.high[0] - weighted.low[0] > points.high[0] - points.low[0]  # fewer effective rows


def test_what_is_refused():
    with pytest.raises(DataError, match="both classes"):
        roc_points([1, 2], [1, 1])
    with pytest.raises(DataError, match="positive labels"):
        precision_recall_points([1, 2], [0, 0])
    with pytest.raises(UsageError, match="max_points"):
        roc_points([1, 2], [0, 1], max_points=3)
    with pytest.raises(DataError, match="probabilities"):
        reliability_points([1.5, 0.2], [0, 1])
    with pytest.raises(UsageError, match="bins"):
        reliability_points([0.5, 0.2], [0, 1], bins=0)
    with pytest.raises(DataError, match="rows"):
        reliability_points([], [])
