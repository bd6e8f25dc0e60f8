"""ECE against scikit-learn's bins and a plain loop, KS against SciPy."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve

from seatrial.stats.calibration import grouped_ece
from seatrial.stats.curves import reliability_points
from seatrial.stats.kolmogorov import ks_permutation_p, ks_statistic
from seatrial.stats.sorted_scores import SortedScores


def scored(seed, n):
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 3, n)
    return score, rng.random(n) < score**1.3, rng


def test_reliability_points_are_scikit_learns_quantile_bins():
    score, label, _ = scored(0, 1500)
    rate, mean = calibration_curve(label, score, n_bins=15, strategy="quantile")
    points = reliability_points(score, label, bins=15)
    assert points.mean_score == pytest.approx(mean, abs=1e-12)
    assert points.rate == pytest.approx(rate, abs=1e-12)
    for k in (0, 7, 14):
        exact = stats.binomtest(round(rate[k] * 100), 100).proportion_ci(method="exact")
        assert (points.low[k], points.high[k]) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_ece_of_every_slice_is_that_of_a_plain_loop():
    score, label, rng = scored(1, 6000)
    codes = rng.integers(-1, 4, 6000)
    codes[(codes == 3) & (rng.random(6000) < 0.9)] = -1
    table = grouped_ece(SortedScores(score, label).by(codes, 4))
    for k in range(4):
        order = np.argsort(score[codes == k])
        s, y = score[codes == k][order], label[codes == k][order]
        n_bins = min(15, len(s) // 50)
        edges = [j * len(s) // n_bins for j in range(n_bins + 1)]
        ece = low = high = squared = 0.0
        for a, b in pairwise(edges):
            share, rate, mean = (b - a) / len(s), y[a:b].mean(), s[a:b].mean()
            band = stats.binomtest(int(y[a:b].sum()), b - a).proportion_ci(1 - 0.05 / n_bins, "exact")
            ece += share * abs(rate - mean)
            low += share * max(0, band.low - mean, mean - band.high)
            high += share * max(abs(band.low - mean), abs(band.high - mean))
            squared += share * ((rate - mean) ** 2 - rate * (1 - rate) / (b - a - 1))
        assert table.bins[k] == n_bins
        assert (table.ece[k], table.low[k], table.high[k], table.squared[k]) == pytest.approx(
            (ece, low, high, squared), abs=1e-9
        )


def test_ks_is_scipys():
    score, label, _ = scored(2, 700)
    for s in (score, score.round(1)):
        assert ks_statistic(s, label) == pytest.approx(stats.ks_2samp(s[label], s[~label]).statistic, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_permutation_p_is_the_share_of_all_relabelings(ties):
    score = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10.0])
    if ties:
        score = np.ceil(score / 3)
    label = np.array([0, 0, 1, 0, 0, 1, 0, 1, 1, 1])
    observed = ks_statistic(score, label)
    every = []
    for chosen in combinations(range(10), 5):
        relabeled = np.zeros(10, int)
        relabeled[list(chosen)] = 1
        every.append(ks_statistic(score, relabeled) >= observed - 1e-12)
    exact = np.mean(every)
    drawn = ks_permutation_p(score, label, draws=20_000, seed=0)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))
