"""Bootstrap: draws, intervals that are inversions of their p, and the contrast's refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UsageError
from seatrial.stats.bootstrap import (
    BootstrapContrast,
    bca_interval,
    bca_p_value,
    bootstrap_statistic,
    multinomial_draws,
    percentile_interval,
    percentile_p_value,
)


def test_draws_are_seeded_and_report_progress() -> None:
    values = np.arange(20.0)
    seen: list[tuple[int, int]] = []

    def run(seed: int, progress=None):
        return bootstrap_statistic(
            lambda w: [values @ w / w.sum(), w.sum()], rows=20, draws=50, seed=seed, progress=progress
        )

    first = run(1, lambda done, whole: seen.append((done, whole)))
    assert first.shape == (50, 2)
    assert np.array_equal(first, run(1))
    assert not np.array_equal(first, run(2))
    assert seen == [(k, 50) for k in range(1, 51)]


def test_rows_of_a_cluster_share_their_weight() -> None:
    cluster = np.array(["b", "a", "b", "c", "a"])

    def check(weights: np.ndarray) -> float:
        assert weights[0] == weights[2]
        assert weights[1] == weights[4]
        assert np.issubdtype(weights.dtype, np.integer)
        return float(weights.sum())

    assert bootstrap_statistic(check, rows=5, cluster=cluster, draws=20, seed=0).min() >= 1


def test_spread_of_the_draws_is_the_standard_error() -> None:
    values = np.random.default_rng(5).normal(size=400)
    draws = bootstrap_statistic(lambda w: values @ w / w.sum(), rows=400, draws=4000, seed=0)
    assert draws.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="0 rows"):
        bootstrap_statistic(lambda w: 0.0, rows=0, seed=0)
    with pytest.raises(UsageError, match="One cluster per row"):
        bootstrap_statistic(lambda w: 0.0, rows=3, cluster=[1, 2], seed=0)
    with pytest.raises(UsageError, match="negative"):
        multinomial_draws([-1, 2], seed=0)


def test_cells_keep_their_total_and_moments() -> None:
    counts = np.array([[50, 30, 20], [0, 0, 0], [5, 0, 0]])
    draws = multinomial_draws(counts, draws=4000, seed=0)
    assert draws.shape == (4000, 3, 3)
    assert (draws.sum(axis=-1) == [100, 0, 5]).all()
    assert draws[:, 0, 0].mean() == pytest.approx(50, abs=0.4)
    assert draws[:, 0, 0].var() == pytest.approx(25, rel=0.1)
    assert (draws[:, 2] == [5, 0, 0]).all()


samples = st.lists(st.integers(-30, 30), min_size=2, max_size=300).map(lambda x: np.array(x) / 10)
alphas = st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.25, 0.5])


@settings(deadline=None)
@given(samples, alphas, st.integers(-40, 40))
def test_percentile_limits_are_the_values_not_rejected(draws: np.ndarray, alpha: float, tenths: int) -> None:
    low, high = percentile_interval(draws, alpha=alpha)
    null = tenths / 10
    assert (percentile_p_value(draws, null) < alpha) == (null < low or null > high)


@settings(deadline=None)
@given(samples, alphas, st.integers(-40, 40), st.integers(0, 10**6))
def test_bca_limits_are_the_values_not_rejected(draws: np.ndarray, alpha: float, tenths: int, seed: int) -> None:
    left_out = np.random.default_rng(seed).exponential(size=8)
    value, null = float(np.median(draws)), tenths / 10
    low, high = bca_interval(draws, value, left_out, alpha=alpha)
    assert (bca_p_value(draws, value, left_out, null) < alpha) == (null < low or null > high)


def test_too_few_draws_give_an_infinite_limit_not_a_narrow_one() -> None:
    assert percentile_interval(np.arange(10.0), alpha=0.05) == (-np.inf, np.inf)


def test_symmetric_draws_make_bca_the_percentile_interval() -> None:
    draws = np.arange(-999.0, 1000.0)
    assert bca_interval(draws, 0.0, np.array([-1.0, 1.0])) == percentile_interval(draws)


def test_acceleration_moves_both_limits_the_same_way() -> None:
    draws = np.arange(-999.0, 1000.0)
    plain = percentile_interval(draws)
    moved = bca_interval(draws, 0.0, -np.random.default_rng(0).exponential(size=30))
    assert moved[0] > plain[0]
    assert moved[1] > plain[1]


def contrast(baseline: np.ndarray, candidate: np.ndarray, *, identical: bool = False) -> BootstrapContrast:
    return BootstrapContrast(
        baseline=0.5, candidate=0.6, baseline_draws=baseline, candidate_draws=candidate, identical=identical
    )


def test_contrast_says_why_it_has_no_interval() -> None:
    draws = np.random.default_rng(0).normal(0.5, 0.01, 1000)
    constant = contrast(draws, draws * 1.0)
    assert constant.reasons[0] == "every resample gave the same difference: no interval can be formed"
    failing = contrast(draws, np.where(np.arange(1000) < 100, np.nan, draws + draws[::-1]))
    assert failing.reasons[0] == "the statistic could not be computed on 10 % of the resamples"
    for broken in (constant, failing):
        assert np.isnan(broken.interval(0.05)).all()
        assert np.isnan(broken.p_value()).all()
        assert np.isnan(broken.standard_error).all()


def test_a_few_failed_resamples_are_left_out_and_said() -> None:
    draws = np.random.default_rng(0).normal(0.5, 0.01, (2, 1000))
    draws[1, :20] = np.nan
    some = contrast(*draws)
    assert some.reasons == (None,)
    assert "20 without a value left out" in some.methods[0]
    assert np.isfinite(some.interval(0.05)).all()


def test_identical_columns_and_one_slice_only() -> None:
    draws = np.full(10, 0.5)
    same = BootstrapContrast(baseline=0.5, candidate=0.5, baseline_draws=draws, candidate_draws=draws, identical=True)
    assert same.interval(0.05) == (0.0, 0.0)
    assert (same.p_value(0.0)[0], same.p_value(0.1)[0]) == (1.0, 0.0)
    assert same.methods == ("identical",)
    with pytest.raises(UsageError, match="no slice 3"):
        same.at(3)
