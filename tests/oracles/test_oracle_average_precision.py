"""Average precision, its curve and its influences against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from seatrial.stats.average_precision import average_precision_influence, grouped_average_precision
from seatrial.stats.curves import precision_recall_points
from seatrial.stats.sorted_scores import SortedScores


def scored(seed, n, decimals):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    label = rng.random(n) < 1 / (1 + np.exp(1 - score))
    return score if decimals is None else score.round(decimals), label, rng.integers(-1, 6, n), rng.uniform(0.2, 3, n)


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_average_precision_of_every_slice_is_scikit_learns(decimals):
    score, label, codes, weight = scored(0, 3000, decimals)
    for w in (None, weight):
        table = grouped_average_precision(SortedScores(score, label, w).by(codes, 6))
        for k in range(6):
            there = codes == k
            want = average_precision_score(label[there], score[there], sample_weight=None if w is None else w[there])
            assert table.value[k] == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("weighted", [False, True])
def test_influence_is_the_slope_of_scikit_learns_value_in_the_rows_weight(decimals, weighted):
    """psi_i = n w_i dAP/dw_i: the infinitesimal jackknife by central differences."""
    score, label, _, weight = scored(1, 60, decimals)
    w = weight if weighted else np.ones(60)
    value, psi = average_precision_influence(score, label, w if weighted else None)
    assert value == pytest.approx(average_precision_score(label, score, sample_weight=w), abs=1e-12)
    step = 1e-5
    for i in range(60):
        up, down = w.copy(), w.copy()
        up[i] += step
        down[i] -= step
        slope = (
            average_precision_score(label, score, sample_weight=up)
            - average_precision_score(label, score, sample_weight=down)
        ) / (2 * step)
        assert psi[i] == pytest.approx(60 * w[i] * slope, abs=2e-7)


def test_variance_agrees_with_the_jackknife():
    score, label, _, _ = scored(2, 800, None)
    left_out = np.array([average_precision_score(np.delete(label, i), np.delete(score, i)) for i in range(800)])
    table = grouped_average_precision(SortedScores(score, label).whole())
    assert table.variance[0] == pytest.approx(799 * left_out.var(), rel=0.02)


@pytest.mark.parametrize("decimals", [None, 1])
def test_precision_recall_points_are_scikit_learns(decimals):
    score, label, _, weight = scored(3, 120, decimals)
    for w in (None, weight):
        precision, recall, threshold = precision_recall_curve(label, score, sample_weight=w)
        points = precision_recall_points(score, label, w)
        many = len(points.recall)  # scikit-learn goes on to thresholds below that of full recall
        assert points.recall == pytest.approx(recall[::-1][:many], abs=1e-12)
        assert points.precision == pytest.approx(precision[::-1][:many], abs=1e-12)
        assert points.threshold[1:] == pytest.approx(threshold[::-1][: many - 1])
        assert points.recall[-1] == 1


def test_a_thinned_curve_keeps_its_ends_and_its_area():
    score, label, _, _ = scored(4, 20_000, None)
    points = precision_recall_points(score, label, max_points=200)
    assert len(points.recall) <= 200
    assert (points.recall[0], points.precision[0], points.recall[-1]) == (0, 1, 1)
    area = float(np.sum(np.diff(points.recall) * (points.precision[1:] + points.precision[:-1]) / 2))
    assert area == pytest.approx(average_precision_score(label, score), abs=2e-3)
