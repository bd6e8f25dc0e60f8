"""Units an experiment needs and what given units show: published numbers, inverses, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import UsageError
from seatrial.stats.sample_size import (
    achieved_power,
    contrast_errors,
    guardrail_units_per_arm,
    minimum_detectable_effect,
    paired_proportion_units,
    paired_units,
    proportion_minimum_detectable_effect,
    proportion_units_per_arm,
    required_information,
    shared_power,
    traffic_shares,
    units_per_arm,
)


@pytest.mark.parametrize(("baseline", "effect", "n"), [(0.05, 0.0025, 122_121), (0.10, 0.01, 14_748)])
def test_published_sizes_of_two_shares(baseline: float, effect: float, n: int) -> None:
    assert proportion_units_per_arm(baseline, effect).tolist() == [n, n]  # STATISTICS.md 3.12, unpooled


def test_a_paired_margin_at_6_percent_discordance() -> None:
    assert paired_proportion_units(0.06, margin=0.005) == 18_838  # STATISTICS.md 3.12


def test_a_paired_effect_takes_its_square_off_the_variance() -> None:
    assert paired_proportion_units(0.06, effect=0.02) == paired_units(0.06 - 0.0004, 0.02)
    assert paired_proportion_units(0.06, effect=0.01, margin=0.01) < paired_proportion_units(0.06, margin=0.01)


def test_kohavis_rule_of_16() -> None:
    # n = 16 s2/d2 per arm at 80 % and .05 (van Belle 2002), rounded from 15.7
    assert units_per_arm(9.0, 0.5).tolist() == pytest.approx([16 * 9 / 0.25] * 2, rel=0.02)


def test_the_weakest_contrast_sets_the_size() -> None:
    whole = units_per_arm([4.0, 4.0, 16.0], 0.1, weights=(2, 1, 1))
    alone = units_per_arm([4.0, 16.0], 0.1, weights=(2, 1))
    assert whole[:2].tolist() == pytest.approx([alone[0], alone[0] / 2], abs=1)
    power = achieved_power([4.0, 4.0, 16.0], whole, 0.1)
    assert power[1] == pytest.approx(0.8, abs=1e-4)
    assert power[0] > 0.9


def test_power_is_shared_with_guardrails() -> None:
    assert shared_power(0.8, 0) == pytest.approx(0.8)
    assert shared_power(0.8, 4) == pytest.approx(0.96)
    assert units_per_arm(1.0, 0.1, guardrails=4).tolist() == units_per_arm(1.0, 0.1, power=0.96).tolist()


def test_sequential_inflation_multiplies_the_units() -> None:
    plain, inflated = units_per_arm(1.0, 0.01)[0], units_per_arm(1.0, 0.01, inflation=1.25)[0]
    assert inflated == pytest.approx(1.25 * plain, abs=2)
    assert achieved_power(1.0, [inflated] * 2, 0.01, inflation=1.25)[0] == pytest.approx(0.8, abs=1e-4)


def test_cuped_and_a_ratio_come_in_by_their_variance() -> None:
    plain, adjusted = units_per_arm(25.0, 0.1)[0], units_per_arm(25.0 * (1 - 0.6**2), 0.1)[0]
    assert adjusted / plain == pytest.approx(0.64, rel=1e-4)


def test_a_guardrail_is_sized_by_its_margin_at_a_true_difference_of_0() -> None:
    assert guardrail_units_per_arm(2.0, 0.05).tolist() == units_per_arm(2.0, 0.05).tolist()
    assert (guardrail_units_per_arm(2.0, 0.05, true_difference=-0.02) > guardrail_units_per_arm(2.0, 0.05)).all()
    with pytest.raises(UsageError, match="not inside the margin"):
        guardrail_units_per_arm(2.0, 0.05, true_difference=-0.05)


@given(
    st.floats(0.001, 100),
    st.floats(0.001, 10),
    st.lists(st.floats(0.05, 1), min_size=2, max_size=5),
    st.floats(0.001, 0.2),
    st.floats(0.5, 0.99),
)
def test_the_detectable_effect_of_the_needed_units_is_the_effect(
    variance: float, effect: float, weights: list[float], alpha: float, power: float
) -> None:
    effect = effect * np.sqrt(variance) / 100
    units = units_per_arm(variance, effect, weights=weights, alpha=alpha, power=power)
    found = minimum_detectable_effect(variance, units, alpha=alpha, power=power)
    fewer = minimum_detectable_effect(variance, units - 1, alpha=alpha, power=power)
    assert found.max() <= effect * (1 + 1e-5) + 1e-12
    assert fewer.max() >= effect * (1 - 1e-5)
    assert achieved_power(variance, units, found.max(), alpha=alpha).min() == pytest.approx(power, abs=1e-9)


@given(st.floats(0.001, 0.999), st.integers(50, 10**7), st.integers(50, 10**7), st.booleans())
def test_the_detectable_share_is_the_one_whose_own_variance_finds_it(p: float, n0: int, n1: int, down: bool) -> None:
    found = float(proportion_minimum_detectable_effect(p, [n0, n1], decrease=down)[0])
    reached = p - found if down else p + found
    if np.isinf(found):
        return
    error = np.sqrt(p * (1 - p) / n0 + reached * (1 - reached) / n1)
    assert found == pytest.approx(2.801585 * error, rel=1e-5, abs=1e-12)


def test_a_share_cannot_fall_below_0() -> None:
    assert np.isinf(proportion_minimum_detectable_effect(0.001, [100, 100], decrease=True)[0])


def test_many_durations_at_once() -> None:
    units = np.array([[100, 100, 50], [400, 400, 200]])
    found = minimum_detectable_effect(1.0, units)
    assert found.shape == (2, 2)
    np.testing.assert_allclose(found[0], 2 * found[1])
    assert np.isinf(minimum_detectable_effect(1.0, [100, 0])).all()
    assert achieved_power(1.0, [100, 0], 0.3).tolist() == pytest.approx([0.025])


def test_information_is_one_over_the_squared_error() -> None:
    units = units_per_arm(3.0, 0.02)
    assert 1 / contrast_errors(3.0, units)[0] ** 2 == pytest.approx(required_information(0.02), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: units_per_arm(1.0, 0.0), "other than 0"),
        (lambda: units_per_arm(1.0, float("nan")), "other than 0"),
        (lambda: units_per_arm(float("nan"), 0.1), "variance must be"),
        (lambda: units_per_arm(-1.0, 0.1), "variance must be"),
        (lambda: units_per_arm([1.0, 1.0, 1.0], 0.1), "one for each of the 2 arms"),
        (lambda: units_per_arm(1.0, 1e-12), "too small"),
        (lambda: units_per_arm(1.0, 0.1, power=80), "Power must lie"),
        (lambda: units_per_arm(1.0, 0.1, alpha=0), "alpha must lie"),
        (lambda: units_per_arm(1.0, 0.1, inflation=0.9), "at least 1"),
        (lambda: units_per_arm(1.0, 0.1, guardrails=-1), "cannot be negative"),
        (lambda: units_per_arm(1.0, 0.1, alpha=0.9, power=0.1), "without any units"),
        (lambda: traffic_shares([1.0]), "two or more arms"),
        (lambda: traffic_shares([1.0, 0.0]), "positive weight"),
        (lambda: proportion_units_per_arm(0.99, 0.02), "between 0 and 1"),
        (lambda: guardrail_units_per_arm(1.0, 0.0), "margin must be positive"),
        (lambda: paired_proportion_units(0.01, effect=0.02), "at least the effect"),
        (lambda: minimum_detectable_effect(1.0, 100), "control first"),
        (lambda: minimum_detectable_effect(1.0, [-1, 100]), "cannot be negative"),
    ],
)
def test_plans_that_cannot_be(call: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()  # type: ignore[operator]
