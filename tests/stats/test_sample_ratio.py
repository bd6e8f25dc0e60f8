"""Sample ratio: the published p, exactness where arms are small, phases, zero-weight arms, and the live martingale."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import UsageError
from seatrial.stats.sample_ratio import (
    first_alarm,
    sample_ratio_decision,
    sample_ratio_martingale,
    sample_ratio_test,
)


def test_a_published_mismatch() -> None:
    # Fabijan et al. (KDD 2019) and Kohavi, Tang, Xu (2020), ch. 21: 821,588 against 815,482 users
    found = sample_ratio_test([821_588, 815_482], [0.5, 0.5])
    assert f"{found.p_value:.4e}" == "1.8218e-06"
    assert found.df == 1
    assert found.expected.tolist() == [818_535, 818_535]
    assert found.deviation == pytest.approx(3_053 / 818_535)
    assert found.mismatch()


def test_weights_need_not_sum_to_1() -> None:
    assert sample_ratio_test([700, 310], [7, 3]).p_value == sample_ratio_test([700, 310], [0.7, 0.3]).p_value


def test_a_harmless_deviation_in_a_huge_experiment_does_not_break_it() -> None:
    found = sample_ratio_test([50_030_000, 49_970_000], [1, 1])
    assert found.p_value < 1e-8
    assert found.deviation == pytest.approx(0.0006)
    assert not found.mismatch()


def test_units_in_a_zero_weight_arm_break_it_at_once() -> None:
    found = sample_ratio_test([500, 505, 1], [0.5, 0.5, 0.0])
    assert found.unexpected == (2,)
    assert found.df == 1
    assert found.p_value > 0.5
    assert found.mismatch()
    assert not sample_ratio_test([500, 505, 0], [0.5, 0.5, 0.0]).mismatch()


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.02, 0.98))
def test_two_small_arms_are_tested_exactly(a: int, b: int, share: float) -> None:
    n = a + b
    found = sample_ratio_test([a, b], [share, 1 - share])
    if n == 0:
        assert found.reason == "no units"
        assert not found.mismatch()
        return
    if min(found.expected) >= 25:
        return
    chances = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    expected = min(1.0, 2 * min(math.fsum(chances[: a + 1]), math.fsum(chances[a:])))
    assert found.p_value == pytest.approx(expected, rel=1e-9)
    assert found.method == "exact binomial"


def test_the_exact_test_of_three_arms_keeps_its_level() -> None:
    n, weights = 40, (0.7, 0.2, 0.1)
    size = 0.0
    for a, b in itertools.product(range(n + 1), repeat=2):
        if a + b <= n and sample_ratio_test([a, b, n - a - b], weights).p_value < 0.05:
            ways = math.comb(n, a) * math.comb(n - a, b)
            size += ways * weights[0] ** a * weights[1] ** b * weights[2] ** (n - a - b)
    assert 0.005 < size <= 0.05


def test_a_tiny_arm_beside_large_ones() -> None:
    weights = [0.5, 0.49999, 0.00001]
    assert sample_ratio_test([500_000, 499_980, 20], weights).p_value > 0.003 / 3
    assert sample_ratio_test([500_000, 499_900, 100], weights).p_value < 1e-10
    assert sample_ratio_test([505_000, 494_990, 10], weights).p_value < 1e-10


def test_phases_with_one_allocation_are_one_table() -> None:
    phases = [[400, 600], [4_200, 5_900]]
    pooled = sample_ratio_test([4_600, 6_500], [0.4, 0.6])
    assert sample_ratio_test(phases, [0.4, 0.6]).statistic == pytest.approx(pooled.statistic)


def test_a_ramp_is_compared_with_what_its_phases_promise() -> None:
    weights = [[0.95, 0.05], [0.5, 0.5]]
    counts = [[9_500, 500], [10_000, 10_000]]
    found = sample_ratio_test(counts, weights)
    assert found.expected.tolist() == pytest.approx([19_500, 10_500])
    assert found.p_value == pytest.approx(1.0)
    shifted = sample_ratio_test([[9_500, 500], [10_100, 9_900]], weights)
    spread = 10_000 * 0.95 * 0.05 + 20_000 * 0.25  # the variance of the treated units, phase by phase
    assert shifted.statistic == pytest.approx(100**2 / spread)


def test_an_arm_that_joins_in_a_later_phase() -> None:
    weights = [[1, 1, 0], [1, 1, 1]]
    fine = sample_ratio_decision([[1_000, 1_010, 0], [990, 1_005, 1_015]], weights)
    assert not fine.failed
    assert fine.overall.df == 2
    early = sample_ratio_decision([[1_000, 1_010, 3], [990, 1_005, 1_015]], weights)
    assert early.failed
    assert early.failed_phases == (0,)


def test_the_level_within_phases_is_shared() -> None:
    # 555 to 445 has p = 5.0e-4: under .001, but not under .001/10
    level = [[555, 445]] + [[500, 500]] * 9
    decision = sample_ratio_decision(level, [1, 1])
    assert decision.phases[0].p_value < 0.001
    assert decision.failed_phases == ()
    assert sample_ratio_decision(level[:1], [1, 1]).failed_phases == (0,)


def test_faults_that_cancel_over_phases_are_seen_within() -> None:
    decision = sample_ratio_decision([[5_300, 4_700], [4_700, 5_300]], [1, 1])
    assert decision.overall.p_value == pytest.approx(1.0)
    assert decision.failed_phases == (0, 1)
    assert decision.failed


def test_one_arm_leaves_nothing_to_test() -> None:
    found = sample_ratio_test([100, 0], [1, 0])
    assert found.reason == "only one arm has a share of the traffic"
    assert np.isnan(found.p_value)
    assert not found.mismatch()


@pytest.mark.parametrize(
    ("counts", "weights"),
    [([1, 2], [1, 1, 1]), ([-1, 2], [1, 1]), ([1, 2], [0, 0]), ([1, 2], [-1, 2]), ([1, float("nan")], [1, 1])],
)
def test_counts_and_weights_that_cannot_be(counts: list[float], weights: list[float]) -> None:
    with pytest.raises(UsageError):
        sample_ratio_test(counts, weights)


def test_the_bayes_factor_of_one_unit_after_another() -> None:
    # Polya's urn: each unit's predictive probability over its planned one
    rng = np.random.default_rng(0)
    weights = np.array([0.6, 0.3, 0.1])
    arms = rng.choice(3, size=400, p=weights)
    counts, log, expected = np.zeros(3), 0.0, []
    for arm in arms:
        log += np.log((1_000 * weights[arm] + counts[arm]) / (1_000 + counts.sum())) - np.log(weights[arm])
        counts[arm] += 1
        expected.append(log)
    cumulative = np.cumsum(np.eye(3)[arms], axis=0)
    np.testing.assert_allclose(sample_ratio_martingale(cumulative, weights), expected, atol=1e-9)


def test_a_new_allocation_starts_anew() -> None:
    cumulative = np.array([[900, 100], [1_800, 210], [2_900, 1_150]])
    weights = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    found = sample_ratio_martingale(cumulative, weights)
    first = sample_ratio_martingale(cumulative[:2], [0.9, 0.1])
    second = sample_ratio_martingale(cumulative[2:] - cumulative[1], [0.5, 0.5])
    np.testing.assert_allclose(found, [*first, first[1] + second[0]])


def test_a_fault_is_found_and_stays_found() -> None:
    looks = np.arange(1, 51)[:, None] * np.array([5_150, 4_850])
    found = sample_ratio_martingale(looks, [1, 1])
    alarm = first_alarm(found, 0.001)
    assert alarm is not None
    assert (found[alarm:] > np.log(1_000)).all()
    assert first_alarm(sample_ratio_martingale(looks * 0 + 1, [1, 1]), 0.001) is None


def test_units_in_a_zero_weight_arm_are_an_alarm() -> None:
    found = sample_ratio_martingale([[10, 10, 0], [20, 20, 1], [30, 30, 1]], [1, 1, 0])
    assert np.isinf(found).tolist() == [False, True, True]
    assert first_alarm(found, 1e-9) == 1


def test_martingales_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="cannot fall"):
        sample_ratio_martingale([[10, 10], [9, 12]], [1, 1])
    with pytest.raises(UsageError, match="at least 1000"):
        sample_ratio_martingale([[10, 10]], [1, 1], k=10)
    with pytest.raises(UsageError, match="one row per look"):
        sample_ratio_martingale([10, 10], [1, 1])
    with pytest.raises(UsageError, match="alpha"):
        first_alarm([0.0], 0.0)
    assert sample_ratio_martingale(np.empty((0, 2)), [1, 1]).size == 0
