"""Every contrast keeps the same promises: interval and p agree, swapping sides turns it, slices stand alone."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seatrial.stats.bootstrap import BootstrapContrast
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import IndependentMeans, PairedMeans
from seatrial.stats.paired import PairedProportions
from seatrial.stats.proportions import UnpairedProportions

NEAR = 1e-7
"""A null this near to a limit may fall on either side of it by rounding."""


def paired_proportions(rng: np.random.Generator, swap: bool) -> Contrast:
    b, c, a, d = (int(rng.integers(0, 25 if k < 2 else 200)) for k in range(4))
    n = a + b + c + d + 1
    up, down = (c, b) if swap else (b, c)
    return PairedProportions(
        gained=np.array([up]),
        lost=np.array([down]),
        n=np.array([n]),
        baseline_value=np.array([(a + down) / n]),
        identical=np.array([False]),
    )


def unpaired_proportions(rng: np.random.Generator, swap: bool) -> Contrast:
    n = rng.integers(1, 150, 2)
    x = rng.integers(0, n + 1)
    one, two = (1, 0) if swap else (0, 1)
    return UnpairedProportions(
        count_candidate=x[[one]], n_candidate=n[[one]], count_baseline=x[[two]], n_baseline=n[[two]]
    )


def paired_means(rng: np.random.Generator, swap: bool) -> Contrast:
    left, right = rng.gamma(2, 1, 12), rng.gamma(2, 1.2, 12)
    baseline, candidate = (right, left) if swap else (left, right)
    covariance = np.cov(baseline, candidate - baseline) / 12
    return PairedMeans(
        baseline=np.array([baseline.mean()]),
        difference=np.array([(candidate - baseline).mean()]),
        var_difference=covariance[1:, 1],
        var_baseline=covariance[:1, 0],
        cov_baseline_difference=covariance[:1, 1],
        df=np.array([11.0]),
        n=np.array([12]),
        reasons=(None,),
        method="paired t",
        identical=np.array([False]),
    )


def independent_means(rng: np.random.Generator, swap: bool) -> Contrast:
    value, variance, df = rng.normal(5, 1, 2), rng.uniform(0.01, 1, 2), rng.integers(3, 90, 2).astype(float)
    one, two = (1, 0) if swap else (0, 1)
    return IndependentMeans(
        candidate=value[[one]],
        baseline=value[[two]],
        var_candidate=variance[[one]],
        var_baseline=variance[[two]],
        df_candidate=df[[one]],
        df_baseline=df[[two]],
        reasons=(None,),
    )


def percentile_bootstrap(rng: np.random.Generator, swap: bool) -> Contrast:
    draws = rng.normal([[0.8], [0.82]], 0.02, (2, 999))
    one, two = (1, 0) if swap else (0, 1)
    return BootstrapContrast(
        baseline=(0.8, 0.82)[one],
        candidate=(0.8, 0.82)[two],
        baseline_draws=draws[one],
        candidate_draws=draws[two],
    )


def bca_bootstrap(rng: np.random.Generator, swap: bool) -> Contrast:
    draws = rng.gamma(4, [[0.2], [0.21]], (2, 999))
    left_out = rng.gamma(4, 0.01, (2, 40))
    one, two = (1, 0) if swap else (0, 1)
    return BootstrapContrast(
        baseline=(0.8, 0.84)[one],
        candidate=(0.8, 0.84)[two],
        baseline_draws=draws[one],
        candidate_draws=draws[two],
        jackknife_baseline=left_out[one],
        jackknife_candidate=left_out[two],
    )


MAKERS = [
    paired_proportions,
    unpaired_proportions,
    paired_means,
    independent_means,
    percentile_bootstrap,
    bca_bootstrap,
]
every = pytest.mark.parametrize("make", MAKERS)


@every
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    alpha=st.sampled_from([0.001, 0.01, 0.05, 0.1, 0.5]),
    null=st.one_of(st.just(0.0), st.floats(-0.999, 0.999)),
    factor=st.sampled_from([1.0, 0.98, 1.05, 0.5]),
)
def test_p_is_below_alpha_exactly_when_the_null_is_outside(make, seed, alpha, null, factor) -> None:
    contrast = make(np.random.default_rng(seed), False).against(factor)
    low, high = contrast.interval(alpha)
    if np.isnan(low[0]):
        assert contrast.reasons[0] is not None
        assert np.isnan(contrast.p_value(null)[0])
        return
    assume(min(abs(low[0] - null), abs(high[0] - null)) > NEAR)
    assert (contrast.p_value(null)[0] < alpha) == (null < low[0] or null > high[0])


@every
@pytest.mark.parametrize("seed", range(5))
def test_swapping_the_versions_turns_the_interval(make, seed: int) -> None:
    one, two = (make(np.random.default_rng(seed), swap) for swap in (False, True))
    assert_allclose(one.difference, -two.difference, atol=1e-12)
    assert_allclose(one.standard_error, two.standard_error, rtol=1e-9)
    low, high = one.interval(0.05)
    other_low, other_high = two.interval(0.05)
    assert_allclose([low, high], [-other_high, -other_low], atol=1e-12)
    assert_allclose(one.p_value(0.0), two.p_value(0.0), rtol=1e-9)
    assert_allclose(one.p_value(0.013), two.p_value(-0.013), rtol=1e-9)


@every
@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_the_difference_and_grows_with_the_level(make, seed: int) -> None:
    contrast = make(np.random.default_rng(seed), False)
    previous = (contrast.difference, contrast.difference)
    for alpha in (0.5, 0.1, 0.05, 0.01):
        low, high = contrast.interval(alpha)
        assert low[0] <= previous[0][0]
        assert high[0] >= previous[1][0]
        previous = low, high


@every
def test_a_slice_is_the_contrast_of_that_slice(make) -> None:
    contrast = make(np.random.default_rng(8), False)
    for one in (contrast.at(0), contrast.at(-1)):
        assert_allclose(one.interval(0.03), contrast.interval(0.03))
        assert one.methods == contrast.methods
        assert one.reasons == contrast.reasons


@every
def test_a_smaller_share_of_the_baseline_is_easier_to_pass(make) -> None:
    contrast = make(np.random.default_rng(11), False)
    plain, easier = contrast.against(0.999).interval(0.05), contrast.against(0.9).interval(0.05)
    assert easier[0][0] > plain[0][0]


def test_the_ratio_contrast_of_a_share_nearly_one_meets_the_difference() -> None:
    contrast = paired_proportions(np.random.default_rng(5), False)
    near = contrast.against(1 - 1e-12)
    assert_allclose(near.p_value(0.0), contrast.p_value(0.0), rtol=1e-6)


def test_an_empty_side_is_a_reason_against_any_share() -> None:
    empty = UnpairedProportions(
        count_candidate=np.array([0, 3]),
        n_candidate=np.array([0, 9]),
        count_baseline=np.array([4, 4]),
        n_baseline=np.array([8, 8]),
    )
    for contrast in (empty, empty.against(0.9)):
        assert contrast.reasons[0] is not None
        assert contrast.reasons[1] is None
        assert np.isnan(contrast.interval(0.05)[0]).tolist() == [True, False]
        assert np.isnan(contrast.p_value()).tolist() == [True, False]
        assert np.isnan(contrast.standard_error).tolist() == [True, False]


def test_less_is_better_turns_the_unpaired_contrast() -> None:
    counts = {
        "count_candidate": np.array([3]),
        "n_candidate": np.array([90]),
        "count_baseline": np.array([14]),
        "n_baseline": np.array([80]),
    }
    plain, turned = UnpairedProportions(**counts), UnpairedProportions(**counts, sign=-1)
    for one, other in ((plain, turned), (plain.against(0.9), turned.against(0.9))):
        low, high = one.interval(0.05)
        other_low, other_high = other.interval(0.05)
        assert_allclose([low, high], [-other_high, -other_low])
        assert_allclose(one.p_value(0.02), other.p_value(-0.02))
        assert_allclose(one.difference, -other.difference)
