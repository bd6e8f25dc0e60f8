"""AUC, its curve and DeLong's covariance against scikit-learn and a reference that looks at every pair."""

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from seatrial.stats.auc_histogram import histogram_auc
from seatrial.stats.curves import roc_points
from seatrial.stats.ranks import auc_covariance, auc_influence, grouped_auc, grouped_paired_auc, paired_auc
from seatrial.stats.sorted_scores import SortedScores


def scored(seed, n, decimals):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    label = rng.random(n) < 1 / (1 + np.exp(-score))
    other = score + rng.normal(size=n)
    if decimals is not None:
        score, other = score.round(decimals), other.round(decimals)
    return score, other, label, rng.integers(-1, 6, n), rng.uniform(0.2, 3, n)


def delong(scores, label):
    """Covariance of AUCs from the full matrix of pairs, as DeLong, DeLong and Clarke-Pearson (1988) write it."""
    positive, negative = [], []
    for score in scores:
        x, y = score[label], score[~label]
        kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
        positive.append(kernel.mean(axis=1))
        negative.append(kernel.mean(axis=0))
    return np.cov(positive) / label.sum() + np.cov(negative) / (~label).sum()


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_auc_of_every_slice_is_scikit_learns(decimals):
    score, _, label, codes, weight = scored(0, 3000, decimals)
    for w in (None, weight):
        table = grouped_auc(SortedScores(score, label, w).by(codes, 6))
        for k in range(6):
            there = codes == k
            want = roc_auc_score(label[there], score[there], sample_weight=None if w is None else w[there])
            assert table.value[k] == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_covariance_of_two_aucs_is_delongs_to_1e_9(decimals):
    score, other, label, codes, _ = scored(1, 900, decimals)
    want = delong([score, other], label)
    assert paired_auc(score, other, label).covariance == pytest.approx(want, rel=1e-9)
    pairs = grouped_paired_auc(SortedScores(score, label).by(codes, 6), SortedScores(other, label).by(codes, 6))
    for k in range(6):
        there = codes == k
        want = delong([score[there], other[there]], label[there])
        assert pairs.first.variance[k] == pytest.approx(want[0, 0], rel=1e-9)
        assert pairs.second.variance[k] == pytest.approx(want[1, 1], rel=1e-9)
        assert pairs.covariance[k] == pytest.approx(want[0, 1], rel=1e-9, abs=1e-15)
        assert pairs.variance[k] == pytest.approx(want[0, 0] + want[1, 1] - 2 * want[0, 1], rel=1e-9)


def test_covariance_of_five_models():
    score, _, label, _, _ = scored(2, 400, 1)
    scores = [score + np.random.default_rng(k).normal(size=400).round(1) for k in range(5)]
    psi = [auc_influence(s, label)[1] for s in scores]
    assert auc_covariance(psi, label) == pytest.approx(delong(scores, label), rel=1e-9)


def test_delong_near_one_keeps_its_digits():
    rng = np.random.default_rng(3)
    label = np.arange(2000) % 2 == 0
    score = np.where(label, 4.5, 0.0) + rng.normal(size=2000)
    table = grouped_auc(SortedScores(score, label).whole())
    assert table.value[0] > 0.999
    assert table.variance[0] == pytest.approx(delong([score, score], label)[0, 0], rel=1e-9)


@pytest.mark.parametrize("decimals", [None, 1])
def test_roc_points_are_scikit_learns(decimals):
    score, _, label, _, weight = scored(4, 150, decimals)
    for w in (None, weight):
        fpr, tpr, threshold = roc_curve(label, score, sample_weight=w, drop_intermediate=False)
        points = roc_points(score, label, w)
        assert points.false_positive_rate == pytest.approx(fpr, abs=1e-12)
        assert points.true_positive_rate == pytest.approx(tpr, abs=1e-12)
        assert points.threshold[1:] == pytest.approx(threshold[1:])


def test_a_histogram_of_distinct_scores_is_exact():
    score, _, label, _, _ = scored(5, 2000, 1)
    levels, where = np.unique(score, return_inverse=True)
    counts = [np.bincount(where[keep], minlength=len(levels)) for keep in (label, ~label)]
    found = histogram_auc(counts[0], counts[1])
    assert found.value[0] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert found.variance[0] == pytest.approx(delong([score, score], label)[0, 0], rel=1e-9)


@pytest.mark.parametrize("bins", [5, 50, 1000])
def test_the_bound_of_a_coarse_histogram_holds(bins):
    score, _, label, _, _ = scored(6, 1500, None)
    where = np.clip(((score + 4) / 8 * bins).astype(int), 0, bins - 1)
    found = histogram_auc(np.bincount(where[label], minlength=bins), np.bincount(where[~label], minlength=bins))
    together = where[label][:, None] == where[~label][None, :]
    assert found.error_bound[0] == pytest.approx(together.mean() / 2, abs=1e-12)
    assert 0 < abs(found.value[0] - roc_auc_score(label, score)) <= found.error_bound[0]


def test_a_thinned_curve_keeps_its_ends_and_its_area():
    score, _, label, _, _ = scored(7, 20_000, None)
    points = roc_points(score, label, max_points=200)
    x, y = points.false_positive_rate, points.true_positive_rate
    assert len(x) <= 200
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert auc(x, y) == pytest.approx(roc_auc_score(label, score), abs=2e-4)
