"""Boundaries spend what they should, p-values invert them, and what is said after stopping is unbiased."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import ndtr, ndtri

from seatrial.errors import UsageError
from seatrial.stats.group_sequential import (
    FAMILIES,
    Family,
    boundaries,
    crossing_probability,
    drift_for_power,
    futility_boundaries,
    inflation,
    repeated_p_value,
    repeated_test,
    spending,
    stagewise,
)

UNEVEN = (0.08, 0.31, 0.35, 0.7, 1.0)
looks_strategy = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6, unique_by=lambda x: round(x, 3)).map(sorted)


@pytest.mark.parametrize("family", FAMILIES)
def test_spending_rises_to_alpha(family: Family) -> None:
    spent = spending(np.linspace(0, 1.3, 27), alpha=0.025, family=family)
    assert spent[0] == 0
    assert (np.diff(spent[:21]) > 0).all()
    assert_allclose(spent[20:], 0.025, rtol=1e-12)


def test_spending_families_by_hand() -> None:
    t = 0.4
    assert spending(t, alpha=0.025, family="pocock") == pytest.approx(0.025 * np.log(1 + (np.e - 1) * t), rel=1e-12)
    assert spending(t, alpha=0.025, family="kim-demets", parameter=2.0) == pytest.approx(0.025 * t**2, rel=1e-12)
    hwang = 0.025 * (1 - np.exp(-1.5 * t)) / (1 - np.exp(-1.5))
    assert spending(t, alpha=0.025, family="hwang-shih-decani", parameter=1.5) == pytest.approx(hwang, rel=1e-12)
    assert spending(t, alpha=0.025, family="hwang-shih-decani", parameter=0.0) == pytest.approx(0.01, rel=1e-12)


@given(looks=looks_strategy, family=st.sampled_from(FAMILIES), alpha=st.sampled_from([0.2, 0.05, 0.001]))
@settings(max_examples=40, deadline=None)
def test_the_boundaries_spend_the_function_on_either_side(looks: list[float], family: Family, alpha: float) -> None:
    up, down = crossing_probability(looks, boundaries(looks, alpha=alpha, family=family))
    spent = spending(looks, alpha=alpha / 2, family=family)
    assert_allclose(up.cumsum(), spent, rtol=1e-9, atol=1e-15)
    assert_allclose(down, up, rtol=1e-9, atol=1e-15)


def test_the_first_look_is_a_fixed_test_at_what_is_spent() -> None:
    assert boundaries([1.0])[0] == pytest.approx(1.959963984540054, rel=1e-12)
    spent = spending(0.3, alpha=0.025, family="pocock")
    assert boundaries([0.3], family="pocock")[0] == pytest.approx(float(-ndtri(spent)), rel=1e-10)


def test_a_look_does_not_change_those_before_it() -> None:
    assert_allclose(boundaries(UNEVEN[:3]), boundaries(UNEVEN)[:3], rtol=1e-12)


def test_an_overrun_spends_what_is_left_and_later_looks_have_nothing() -> None:
    over = boundaries([0.5, 1.2, 1.4])
    up, _ = crossing_probability([0.5, 1.2, 1.4], over)
    assert up[:2].sum() == pytest.approx(0.025, rel=1e-9)
    assert over[2] == np.inf
    assert over[1] > boundaries([0.5, 1.0])[1]  # the later the look, the less it repeats the first one
    assert over[1] < boundaries([0.5, 3.0])[1]


def test_a_final_look_before_the_planned_information_spends_what_is_left() -> None:
    short = boundaries([0.5, 0.9], final=True)
    assert crossing_probability([0.5, 0.9], short)[0].sum() == pytest.approx(0.025, rel=1e-9)
    assert short[1] < boundaries([0.5, 0.9])[1]


@pytest.mark.parametrize("count", [28, 365])
def test_many_looks(count: int) -> None:
    looks = [(k + 1) / count for k in range(count)]
    found = boundaries(looks)
    up, down = crossing_probability(looks, found)
    assert up.sum() + down.sum() == pytest.approx(0.05, rel=1e-8)
    usual = found[count // 2 :]
    assert (np.diff(usual) < 0).all()
    # between the fixed test and the continuous boundary 2.2414/sqrt(t) of this spending function
    assert 1.96 < found[-1] < 2.2414


def test_two_looks_next_to_each_other_share_what_the_later_may_spend() -> None:
    close = boundaries([0.5, 0.999, 1.0])
    up, _ = crossing_probability([0.5, 0.999, 1.0], close)
    assert_allclose(up.cumsum(), spending([0.5, 0.999, 1.0], alpha=0.025), rtol=1e-8)


def test_looks_too_close_to_follow_are_refused() -> None:
    with pytest.raises(UsageError, match="too close"):
        boundaries([0.5, 0.5 + 1e-9, 1.0])


def test_hopelessly_early_looks_have_infinite_boundaries_and_cost_nothing() -> None:
    assert boundaries([1e-4, 1.0])[0] == np.inf
    assert boundaries([1e-4, 1.0])[1] == pytest.approx(1.959963984540054, rel=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_repeated_p_is_the_alpha_whose_boundary_is_crossed(family: Family, count: int) -> None:
    looks = UNEVEN[-count:]
    test = repeated_test(looks, family=family)
    for alpha in (0.3, 0.05, 0.0125, 1e-4, 1e-9):
        exact = float(boundaries(looks, alpha=alpha, family=family)[-1])
        assert test.critical(alpha) == pytest.approx(exact, abs=2e-8)
        assert float(test.p_value(exact)) == pytest.approx(alpha, rel=1e-6)
        assert float(test.p_value(-exact)) == float(test.p_value(exact))
        edge = test.critical(alpha)
        assert float(test.p_value(edge * (1 + 1e-9))) < alpha < float(test.p_value(edge * (1 - 1e-9)))


def test_repeated_p_falls_with_z_and_keeps_its_shape() -> None:
    z = np.linspace(0, 12, 200).reshape(4, 50)
    for looks in (UNEVEN, UNEVEN[:2], (0.5,), (0.9, 1.3)):
        p = repeated_p_value(z, looks)
        assert p.shape == z.shape
        assert (np.diff(p.ravel()) <= 0).all()
        assert p.max() <= 1
        assert p.min() > 0
    assert np.isnan(repeated_p_value(np.nan, UNEVEN))
    assert float(repeated_p_value(1.959963984540054, [1.0])) == pytest.approx(0.05, rel=1e-9)


def test_repeated_p_where_nothing_may_be_spent_yet() -> None:
    early = repeated_test([1e-4])
    assert early.critical(0.05) == np.inf
    assert early.p_value([3.0, 30.0]).tolist() == [1.0, 1.0]
    assert np.isnan(early.p_value(np.nan))
    soon = repeated_test([0.01])
    assert soon.critical(0.001) == np.inf
    assert float(soon.p_value(100.0)) > 0.001


def test_stagewise_without_a_second_look_is_the_fixed_test() -> None:
    found = stagewise(2.4, [0.7], [2.0])
    assert found.p == pytest.approx(2 * ndtr(-2.4), rel=1e-9)
    scale = np.sqrt(0.7)
    expected = (2.4 / scale, (2.4 - 1.959963984540054) / scale, (2.4 + 1.959963984540054) / scale)
    assert_allclose((found.drift, found.low, found.high), expected, rtol=1e-8)


@pytest.mark.parametrize("z", [-6.0, -2.5, -0.3, 0.0, 1.2, 2.6, 9.0])
def test_stagewise_limits_are_where_the_tail_is(z: float) -> None:
    looks = UNEVEN[:3]
    used = boundaries(looks, family="pocock")
    found = stagewise(z, looks, used, alpha=0.1)
    high, low = used.copy(), -used
    high[-1] = low[-1] = z
    for drift, tail in ((found.drift, 0.5), (found.low, 0.05), (found.high, 0.95)):
        up, down = crossing_probability(looks, high, drift, lower=low)
        assert up.sum() == pytest.approx(tail, abs=1e-8)
        assert up.sum() + down.sum() == pytest.approx(1, abs=1e-8)
    mirrored = stagewise(-z, looks, used, alpha=0.1)
    assert_allclose((mirrored.drift, mirrored.low, mirrored.high), (-found.drift, -found.high, -found.low), atol=1e-7)
    assert mirrored.p == pytest.approx(found.p, rel=1e-7)


def test_stagewise_p_at_the_boundary_is_what_was_spent() -> None:
    used = boundaries(UNEVEN)
    for k in range(1, 6):
        spent = 2 * float(spending(UNEVEN[k - 1], alpha=0.025))
        assert stagewise(used[k - 1], UNEVEN[:k], used[:k]).p == pytest.approx(spent, rel=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_futility_spends_beta_at_the_drift_that_has_the_power(family: Family) -> None:
    plan = futility_boundaries(UNEVEN, power=0.85, family="obrien-fleming", beta_family=family)
    assert_allclose(plan.efficacy, boundaries(UNEVEN), rtol=1e-12)  # non-binding: alpha does not count on it
    assert plan.futility[-1] == plan.efficacy[-1]
    assert (plan.futility[:-1] < plan.efficacy[:-1]).all()
    up, down = crossing_probability(UNEVEN, plan.efficacy, plan.drift, lower=plan.futility)
    assert up.sum() == pytest.approx(0.85, abs=1e-8)
    assert_allclose(down.cumsum(), spending(UNEVEN, alpha=0.15, family=family), rtol=1e-7)
    ignored = crossing_probability(UNEVEN, plan.efficacy)[0].sum()
    heeded = crossing_probability(UNEVEN, plan.efficacy, lower=plan.futility)[0].sum()
    assert heeded < ignored == pytest.approx(0.025, rel=1e-8)


def test_power_and_inflation() -> None:
    assert inflation(1) == pytest.approx(1.0, rel=1e-9)
    assert inflation(5) < inflation(5, family="kim-demets", parameter=1.0) < inflation(5, family="pocock")
    looks = [0.2, 0.9, 1.0]
    drift = drift_for_power(looks, boundaries(looks), power=0.9)
    assert crossing_probability(looks, boundaries(looks), drift)[0].sum() == pytest.approx(0.9, abs=1e-9)
    assert inflation(looks, power=0.9) == pytest.approx((drift / (1.959963985 + 1.281551566)) ** 2, rel=1e-8)


@pytest.mark.parametrize("looks", [[], [0.0, 1.0], [0.5, 0.5], [0.7, 0.5], [-0.1], [0.5, np.inf], [np.nan]])
def test_looks_that_do_not_ascend_are_refused(looks: list[float]) -> None:
    with pytest.raises(UsageError, match="ascend"):
        boundaries(looks)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'pocock'"):
        boundaries([1.0], family="pococ")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="takes no parameter"):
        boundaries([1.0], family="pocock", parameter=1.0)
    with pytest.raises(UsageError, match="cannot be"):
        boundaries([1.0], family="kim-demets", parameter=0.0)
    with pytest.raises(UsageError, match="alpha"):
        boundaries([1.0], alpha=1.0)
    with pytest.raises(UsageError, match="one boundary for each"):
        crossing_probability([0.5, 1.0], [2.0])
    with pytest.raises(UsageError, match="last fraction must be 1"):
        futility_boundaries([0.5, 0.9])
    with pytest.raises(UsageError, match="Power"):
        inflation(3, power=1.0)
    with pytest.raises(UsageError, match="at least one look"):
        inflation(0)
