"""Corrections, shrinkage, bootstrap and permutation against statsmodels and SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import normal_power

from seatrial.stats.bootstrap import bca_interval
from seatrial.stats.kolmogorov import ks_statistic
from seatrial.stats.multiplicity import benjamini_hochberg, holm
from seatrial.stats.power import smallest_detectable_effect
from seatrial.stats.shrinkage import between_variance


@pytest.mark.parametrize("seed", range(5))
def test_holm_and_benjamini_hochberg(seed: int) -> None:
    p = np.random.default_rng(seed).beta(0.4, 1.5, 25)
    rejected, adjusted, _, _ = multipletests(p, 0.05, method="holm")
    assert_allclose(holm(p)[0], adjusted, rtol=1e-9)
    assert_allclose(p < holm(p)[1], rejected)
    rejected, adjusted, _, _ = multipletests(p, 0.1, method="fdr_bh")
    ours = benjamini_hochberg(p, q=0.1)
    assert_allclose(ours[0], adjusted, rtol=1e-9)
    assert_allclose(ours[1], rejected)


def test_paule_mandel() -> None:
    rng = np.random.default_rng(0)
    error = rng.uniform(0.1, 0.6, 15)
    value = rng.normal(0.2, 0.5, 15)
    reference = combine_effects(value, error**2, method_re="iterated", atol=1e-12, maxiter=1000)
    assert between_variance(value, error) == pytest.approx(reference.tau2, rel=1e-7)


def test_bca_of_scipys_own_draws() -> None:
    data = np.random.default_rng(0).lognormal(0, 1, 40)
    reference = stats.bootstrap((data,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(1))
    left_out = (data.sum() - data) / 39
    ours = bca_interval(reference.bootstrap_distribution, float(data.mean()), left_out)
    draws = np.sort(reference.bootstrap_distribution)
    for mine, theirs in zip(ours, reference.confidence_interval, strict=True):
        apart = abs(np.searchsorted(draws, mine) - np.searchsorted(draws, theirs))
        assert apart <= 2  # the same level; SciPy interpolates between draws, ours is a draw


def test_ks_statistic_with_ties() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 15, 200) / 15, rng.integers(0, 2, 200)
    expected = stats.ks_2samp(scores[labels == 1], scores[labels == 0]).statistic
    assert ks_statistic(scores, labels) == pytest.approx(expected, abs=1e-12)


def test_power_of_the_smallest_detectable_effect() -> None:
    effect = float(smallest_detectable_effect(1.0, alpha=0.05, power=0.8))
    # one observation with sigma 1: the far tail that the formula leaves out is 7e-7
    assert normal_power(effect, 1, 0.05) == pytest.approx(0.8, abs=2e-6)
