"""Agreement against independent code: scikit-learn, statsmodels, and the krippendorff package."""

import numpy as np
import pytest

from seatrial.stats.agreement import LEVELS, Level, agreement


def labels(n: int, raters: int, classes: int, *, seed: int, missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, n, p=rng.dirichlet(np.ones(classes) * 2))
    codes = np.stack([np.where(rng.random(n) < 0.7, truth, rng.integers(0, classes, n)) for _ in range(raters)], axis=1)
    codes[rng.random(codes.shape) < missing] = -1
    return codes


@pytest.mark.parametrize("seed", range(5))
def test_cohens_kappa_is_scikit_learns(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    codes = labels(150, 2, 4, seed=seed)
    found = agreement(codes, size=4, draws=10).cohen
    assert found is not None
    assert found.value == pytest.approx(metrics.cohen_kappa_score(codes[:, 0], codes[:, 1]), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_fleiss_kappa_is_statsmodels(seed: int) -> None:
    rater = pytest.importorskip("statsmodels.stats.inter_rater")
    codes = labels(80, 5, 3, seed=seed)
    counts = np.stack([(codes == c).sum(1) for c in range(3)], axis=1)
    found = agreement(codes, size=3, draws=10).fleiss
    assert found is not None
    assert found.value == pytest.approx(rater.fleiss_kappa(counts), abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_that_of_the_krippendorff_package(level: Level, seed: int) -> None:
    package = pytest.importorskip("krippendorff")
    codes = labels(60, 4, 5, seed=seed, missing=0.3)
    values = np.array([1.0, 2.0, 4.0, 5.0, 9.0])
    data = np.where(codes >= 0, values[codes], np.nan).T
    expected = package.alpha(reliability_data=data, value_domain=values, level_of_measurement=level)
    found = agreement(codes, size=5, level=level, values=values, draws=10)
    assert found.alpha.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_limits_of_kappa_are_near_statsmodels_asymptotic_ones(seed: int) -> None:
    """Different methods (bootstrap here, delta there): at 2,000 items they differ by a few percent of the width."""
    rater = pytest.importorskip("statsmodels.stats.inter_rater")
    codes = labels(2000, 2, 3, seed=seed)
    table = np.zeros((3, 3))
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    expected = rater.cohens_kappa(table)
    found = agreement(codes, size=3).cohen
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    width = expected.kappa_upp - expected.kappa_low
    assert found.low == pytest.approx(expected.kappa_low, abs=0.1 * width)
    assert found.high == pytest.approx(expected.kappa_upp, abs=0.1 * width)
