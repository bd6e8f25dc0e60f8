"""Segments and days: planted differences are found, Berkeley's admissions are turned, slopes are those of the line."""

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.stats.heterogeneity import (
    interaction_contrast,
    interaction_test,
    simpson_check,
    steady_state,
    trend_test,
)


def test_planted_plus_4_and_minus_4_are_found_and_equal_effects_are_not() -> None:
    planted = interaction_test([0.04, -0.04], [0.01, 0.01])
    assert planted.p_value < 1e-7
    assert planted.common == pytest.approx(0.0)
    equal = interaction_test([0.02, 0.02, 0.02], [0.01, 0.02, 0.03])
    assert equal.statistic == pytest.approx(0.0)
    assert equal.p_value == pytest.approx(1.0)
    assert equal.i_squared == 0.0


def test_two_segments_are_a_z_test_of_their_difference() -> None:
    found = interaction_test([0.03, 0.01], [0.008, 0.006])
    contrast = interaction_contrast([0.03, 0.01], [0.008, 0.006], 0)
    assert found.p_value == pytest.approx(contrast.p_value)
    assert found.statistic == pytest.approx((0.02 / 0.01) ** 2)
    assert contrast.low == pytest.approx(0.02 - 1.959964 * 0.01)
    assert contrast.high == pytest.approx(0.02 + 1.959964 * 0.01)


def test_segments_without_an_estimate_are_left_out() -> None:
    with_gaps = interaction_test([0.03, np.nan, 0.01, 5.0], [0.01, 0.01, 0.01, 0.0])
    assert with_gaps == interaction_test([0.03, 0.01], [0.01, 0.01])
    assert with_gaps.segments == 2


def test_one_segment_has_nothing_to_interact_with() -> None:
    found = interaction_test([0.03, np.nan], [0.01, 0.01])
    assert found.reason == "fewer than two segments with an estimate and a standard error"
    assert np.isnan(found.p_value)
    assert np.isnan(interaction_contrast([0.03, np.nan], [0.01, 0.01], 0).p_value)


def test_few_degrees_of_freedom_make_the_test_more_careful() -> None:
    given = [0.3, 0.0, -0.3], [0.1, 0.15, 0.1]
    assert interaction_test(*given, degrees=[8, 8, 8]).p_value > interaction_test(*given).p_value
    assert interaction_test(*given, degrees=[1e9] * 3).p_value == pytest.approx(
        interaction_test(*given).p_value, rel=1e-6
    )
    assert interaction_test(*given, degrees=np.inf).p_value == interaction_test(*given).p_value


def test_shares_weigh_the_rest() -> None:
    found = interaction_contrast([0.1, 0.0, 0.03], [0.01, 0.01, 0.01], 0, shares=[10, 10, 20])
    assert found.value == pytest.approx(0.1 - 0.02)
    assert found.standard_error == pytest.approx(0.01 * np.sqrt(1 + 1 / 9 + 4 / 9))


# Bickel, Hammel and O'Connell, Science 187 (1975): men and women, applicants and admitted, departments A to F
MEN = np.array([825, 560, 325, 417, 191, 373]), np.array([512, 353, 120, 138, 53, 22])
WOMEN = np.array([108, 25, 593, 375, 393, 341]), np.array([89, 17, 202, 131, 94, 24])


def test_berkeley_admissions_are_turned() -> None:
    men, women = MEN[1] / MEN[0], WOMEN[1] / WOMEN[0]
    errors = np.sqrt(men * (1 - men) / MEN[0] + women * (1 - women) / WOMEN[0])
    pooled_men, pooled_women = MEN[1].sum() / MEN[0].sum(), WOMEN[1].sum() / WOMEN[0].sum()
    pooled_error = np.sqrt(
        pooled_men * (1 - pooled_men) / MEN[0].sum() + pooled_women * (1 - pooled_women) / WOMEN[0].sum()
    )
    found = simpson_check(pooled_women - pooled_men, pooled_error, women - men, errors, shares=MEN[0] + WOMEN[0])
    assert found.pooled.value == pytest.approx(-0.1416, abs=1e-4)
    assert found.within.low > 0
    assert found.opposed == (0,)  # department A, the one that favoured women beyond noise
    assert found.reversed


def test_agreeing_segments_are_not_a_reversal() -> None:
    found = simpson_check(0.02, 0.004, [0.02, 0.03, -0.005], [0.005, 0.01, 0.01])
    assert not found.reversed
    assert found.opposed == ()
    unknown = simpson_check(0.02, 0.004, [np.nan], [0.01])
    assert np.isnan(unknown.within.value)
    assert not unknown.reversed


def test_noise_around_0_is_not_a_reversal() -> None:
    assert not simpson_check(0.001, 0.004, [-0.03, -0.02], [0.005, 0.005]).reversed


def test_a_straight_line_is_met_exactly() -> None:
    x = np.log(np.arange(1, 15))
    spread = np.diag(np.linspace(1, 2, 14)) + 0.5
    found = trend_test(0.1 - 0.03 * x, spread)
    assert found.slope.value == pytest.approx(-0.03)
    assert found.first.value == pytest.approx(0.1)
    assert found.last.value == pytest.approx(0.1 - 0.03 * np.log(14))
    assert found.days == 14


def test_days_without_an_estimate_are_left_out() -> None:
    gap = trend_test([0.1, np.nan, 0.05, 0.04], [0.01, 0.01, 0.01, 0.02])
    kept = trend_test([0.1, 0.05, 0.04], [0.01, 0.01, 0.02], x=np.log([1, 3, 4]))
    assert gap == kept
    none = trend_test([0.1, np.nan, 0.05], [0.01] * 3)
    assert none.reason == "fewer than three days with an estimate and a standard error"
    assert np.isnan(none.slope.p_value)


def test_an_estimated_covariance_widens_the_interval() -> None:
    known = trend_test([0.1, 0.05, 0.04, 0.03], [0.01] * 4)
    estimated = trend_test([0.1, 0.05, 0.04, 0.03], [0.01] * 4, degrees=20)
    factor = np.sqrt(20 * 19 / (18 * 17))
    assert estimated.slope.value == pytest.approx(known.slope.value)
    assert estimated.slope.standard_error == pytest.approx(known.slope.standard_error * factor)
    assert estimated.slope.p_value > known.slope.p_value


def test_steady_state_weighs_the_last_days_by_their_precision() -> None:
    found = steady_state([9.0, 0.02, 0.05], [0.01, 0.01, 0.02], last=2)
    assert found.value == pytest.approx((4 * 0.02 + 0.05) / 5)
    assert found.standard_error == pytest.approx(0.01 / np.sqrt(1.25))
    shared = np.full((3, 3), 0.5) + np.diag([0.5, 0.5, 0.5])
    assert steady_state([1.0, 2.0, 4.0], shared, last=2).standard_error == pytest.approx(np.sqrt(0.75))
    assert np.isnan(steady_state([np.nan], [0.1]).value)


def test_what_cannot_be_given() -> None:
    with pytest.raises(UsageError, match="not positive definite"):
        trend_test([0.1, 0.2, 0.3], np.ones((3, 3)))
    with pytest.raises(UsageError, match="degrees of freedom"):
        trend_test([0.1, 0.2, 0.3, 0.1], [0.1] * 4, degrees=3)
    with pytest.raises(UsageError, match="one x for each"):
        trend_test([0.1, 0.2, 0.3], [0.1] * 3, x=[1, 2])
    with pytest.raises(UsageError, match="covariance"):
        trend_test([0.1, 0.2, 0.3], [0.1] * 2)
    with pytest.raises(UsageError, match="at least one day"):
        steady_state([0.1], [0.1], last=0)
    with pytest.raises(UsageError, match="no segment"):
        interaction_contrast([0.1, 0.2], [0.1, 0.1], 2)
    with pytest.raises(UsageError, match="positive share"):
        interaction_contrast([0.1, 0.2], [0.1, 0.1], 0, shares=[1, 0])
    with pytest.raises(UsageError, match="must be positive"):
        interaction_test([0.1, 0.2], [0.1, 0.1], degrees=[0, 3])
    with pytest.raises(UsageError, match="one difference"):
        interaction_test([[0.1, 0.2]], [[0.1, 0.1]])
