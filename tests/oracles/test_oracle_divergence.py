"""Divergences against SciPy and scikit-learn, and by hand."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel

from seatrial.stats import divergence
from seatrial.stats.mix_and_within import mix_and_within
from seatrial.stats.propensity import logistic, propensity

RNG = np.random.default_rng(7)
SAMPLES = {
    "normal": (RNG.normal(size=300), RNG.normal(0.3, 1.2, 170)),
    "ties": (RNG.integers(0, 6, 200).astype(float), RNG.integers(1, 7, 333).astype(float)),
    "apart": (np.arange(5.0), np.arange(10.0, 14.0)),
    "one row": (np.array([1.0]), np.array([2.0])),
    "equal": (np.array([1.0, 2.0, 2.0]), np.array([2.0, 1.0, 2.0])),
    "heavy": (RNG.standard_cauchy(400), RNG.standard_cauchy(400) * 2),
    "constant": (np.zeros(4), np.zeros(9)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_ks_and_wasserstein_are_scipys(name: str) -> None:
    x, y = SAMPLES[name]
    assert divergence.kolmogorov_smirnov(x, y) == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-12)
    assert divergence.wasserstein(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 80), (500, 900), (60, 3000)])
def test_p_of_ks_is_near_the_exact_one(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    for shift in (0.0, 0.1, 0.3, 0.5):
        x, y = rng.normal(size=n), rng.normal(shift, 1, m)
        exact = stats.ks_2samp(x, y, method="exact")
        ours = divergence.kolmogorov_p(exact.statistic, n, m)
        assert ours == pytest.approx(exact.pvalue, rel=0.25, abs=0.012)


COUNTS = ([30, 50, 20], [80, 40, 90]), ([5, 0, 7, 9], [1, 4, 0, 3]), ([1000, 1], [1000, 9])


@pytest.mark.parametrize(("a", "b"), COUNTS)
def test_chi_square_and_jensen_shannon_are_scipys(a: list[int], b: list[int]) -> None:
    found = stats.chi2_contingency(np.array([a, b]), correction=False)
    statistic, df = divergence.chi_square(a, b)
    assert statistic == pytest.approx(found.statistic, rel=1e-12)
    assert df == found.dof
    assert divergence.chi_square_p(statistic, df) == pytest.approx(found.pvalue, rel=1e-12)
    assert divergence.jensen_shannon(a, b) == pytest.approx(jensenshannon(a, b, base=2) ** 2, abs=1e-12)


def test_kl_is_scipys_entropy() -> None:
    a, b = np.array([30, 50, 20]), np.array([80, 40, 90])
    assert divergence.kullback_leibler(a, b, smoothing=0) == pytest.approx(stats.entropy(b / b.sum(), a / a.sum()))


def test_psi_by_hand() -> None:
    p, q = [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]
    by_hand = sum((y - x) * math.log(y / x) for x, y in zip(p, q, strict=True))
    found = divergence.population_stability_index([20, 30, 50], [400, 400, 200], smoothing=0)
    assert found == pytest.approx(by_hand, rel=1e-12)
    # smoothed: half a row of the smaller sample on every share of both, then shares of the whole
    e = 0.5 / 100
    smoothed = sum(((y + e) - (x + e)) / (1 + 3 * e) * math.log((y + e) / (x + e)) for x, y in zip(p, q, strict=True))
    assert divergence.population_stability_index([20, 30, 50], [400, 400, 200]) == pytest.approx(smoothed, rel=1e-12)


@pytest.mark.parametrize("times", [1, 7, 1000])
def test_psi_of_equal_distributions_is_0(times: int) -> None:
    counts = np.array([3, 0, 12, 90])
    assert divergence.population_stability_index(counts, counts * times) == 0
    assert divergence.kullback_leibler(counts, counts * times) == 0
    assert divergence.jensen_shannon(counts, counts * times) == 0


def test_psi_is_symmetric_and_finite_where_a_level_is_new() -> None:
    a, b = [10, 0, 30], [0, 25, 40]
    one, two = divergence.population_stability_index(a, b), divergence.population_stability_index(b, a)
    assert one == pytest.approx(two)
    assert 0 < one < 100


def test_mmd_is_the_unbiased_estimate_from_the_whole_kernel() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(0.5, 1, (55, 3))
    found = divergence.mean_discrepancy(x, y, draws=199)
    gamma = 1 / (2 * found.bandwidth**2)
    xx, yy, xy = rbf_kernel(x, x, gamma), rbf_kernel(y, y, gamma), rbf_kernel(x, y, gamma)
    n, m = len(x), len(y)
    by_hand = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1)) - 2 * xy.mean()
    assert found.value == pytest.approx(by_hand, abs=1e-9)
    distances = [np.linalg.norm(p - q) for k, p in enumerate([*x, *y]) for q in [*x, *y][k + 1 :]]
    assert found.bandwidth == pytest.approx(np.median(distances), rel=1e-6)
    assert found.p_value <= 0.01


def test_logistic_regression_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 5))
    y = (rng.random(400) < 1 / (1 + np.exp(-(0.5 + x[:, 0] - 2 * x[:, 1])))).astype(int)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(x, y)
    ours = logistic(x, y)
    assert ours[0] == pytest.approx(theirs.intercept_[0], abs=1e-4)
    assert ours[1:] == pytest.approx(theirs.coef_[0], abs=1e-4)


def test_auc_of_the_classifier_is_the_mean_over_folds() -> None:
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(0.4, 1, (150, 2))])
    y = np.repeat([0, 1], [200, 150])
    found = propensity(x, y, seed=0)
    folds = [roc_auc_score(y[found.fold == k], found.log_odds[found.fold == k]) for k in range(5)]
    assert found.auc == pytest.approx(np.mean(folds), abs=1e-12)


def test_kitagawa_by_hand() -> None:
    """Two slices of accuracy .9 and .5; the second grows from 20 to 60 % and falls to .4."""
    right = {0: ([1] * 72 + [0] * 8, [1] * 10 + [0] * 10), 1: ([1] * 36 + [0] * 4, [1] * 24 + [0] * 36)}
    sides = [(np.repeat([0, 1], [len(a), len(b)]), np.array([*a, *b], dtype=float)[:, None]) for a, b in right.values()]
    found = mix_and_within(sides[0], sides[1], 2, lambda means: means[..., 0])
    assert found.total.value == pytest.approx(0.60 - 0.82)
    assert found.mix.value == pytest.approx(-0.4 * 0.9 + 0.4 * (0.5 + 0.4) / 2)
    assert found.within.value == pytest.approx((0.2 + 0.6) / 2 * (0.4 - 0.5))
    assert found.mix.value + found.within.value == pytest.approx(found.total.value)
    assert found.mix_by_slice.sum() == pytest.approx(found.mix.value)
    assert found.within_by_slice == pytest.approx([0, found.within.value])
    variance = sum(float(terms.var(ddof=1)) / len(terms) for _, terms in sides)
    assert found.total.standard_error == pytest.approx(math.sqrt(variance), rel=1e-4)


def test_parts_of_a_ratio_add_up() -> None:
    """F1 is no mean of rows, and its slices' parts add up to the change all the same."""
    rng = np.random.default_rng(5)

    def side(n: int, share: float, hit: float) -> tuple[np.ndarray, np.ndarray]:
        codes = (rng.random(n) < share).astype(int)
        truth, guess = rng.random(n) < 0.3, rng.random(n) < 0.3
        guess = np.where(rng.random(n) < hit - 0.3 * codes, truth, guess)
        return codes, np.column_stack([truth & guess, truth & ~guess, ~truth & guess]).astype(float)

    found = mix_and_within(
        side(4000, 0.2, 0.9), side(3000, 0.7, 0.8), 2, lambda m: 2 * m[..., 0] / (2 * m[..., 0] + m[..., 1] + m[..., 2])
    )
    assert found.mix.value < -0.05
    assert found.mix.value + found.within.value == pytest.approx(found.total.value, abs=1e-12)
    assert found.mix_by_slice.sum() == pytest.approx(found.mix.value, abs=1e-7)
    assert found.within_by_slice.sum() == pytest.approx(found.within.value, abs=1e-7)
