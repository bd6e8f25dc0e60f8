"""Switchbacks: enumeration against brute force, limits that invert the test, blocks, burn-in, refusals."""

from itertools import permutations

import numpy as np
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.stats.switchback import switchback_effect

ALTERNATING = np.tile([0, 1], 4)


def brute(y: np.ndarray, arm: np.ndarray) -> float:
    def effect(labels: np.ndarray) -> float:
        return abs(y[labels == 1].mean() - y[labels == 0].mean())

    every = {labels for labels in permutations(arm.tolist())}
    return float(np.mean([effect(np.array(labels)) >= effect(arm) - 1e-9 for labels in every]))


def test_every_assignment_is_tried_when_there_are_few() -> None:
    y = np.random.default_rng(0).gamma(2, 1, 8) + ALTERNATING
    found = switchback_effect(y, ALTERNATING)
    assert found.assignments == 70
    assert found.p_value == pytest.approx(brute(y, ALTERNATING))
    assert found.method == "permutation of periods, all 70 assignments"


def test_the_limits_are_where_the_test_stops_accepting() -> None:
    rng = np.random.default_rng(1)
    arm, day = np.tile([0, 0, 1, 1], 5), np.repeat(np.arange(5), 4)
    y = rng.normal(size=20) + day + 0.7 * arm
    found = switchback_effect(y, arm, blocks=day, seed=3)
    assert found.assignments == 6**5
    for edge, inwards in ((found.low, 1e-6), (found.high, -1e-6)):
        assert switchback_effect(y - (edge + inwards) * arm, arm, blocks=day, seed=3).p_value > 0.05
        assert switchback_effect(y - (edge - inwards) * arm, arm, blocks=day, seed=3).p_value <= 0.05
    assert (found.low <= 0 <= found.high) == (found.p_value > 0.05)


def test_many_periods_are_drawn_with_the_seed() -> None:
    rng = np.random.default_rng(2)
    arm = rng.permutation(np.tile([0, 1], 40))
    y = rng.normal(size=80) + arm
    found = switchback_effect(y, arm, seed=5)
    assert found == switchback_effect(y, arm, seed=5)
    assert found.p_value >= 1 / 10_001
    assert found.low < found.effect < found.high
    half = 1.99 * np.hypot(y[arm == 1].std(ddof=1), y[arm == 0].std(ddof=1)) / np.sqrt(40)
    assert found.high - found.effect == pytest.approx(half, rel=0.1)


def test_blocks_take_a_trend_of_days_out() -> None:
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(8), 4)
    arm = rng.permuted(np.tile([0, 0, 1, 1], (8, 1)), axis=1).ravel()
    y = 10.0 * day + rng.normal(0, 0.2, 32) + 0.5 * arm
    inside, across = switchback_effect(y, arm, blocks=day), switchback_effect(y, arm)
    assert inside.p_value < 0.01 < 0.5 < across.p_value
    assert inside.high - inside.low < 0.1 * (across.high - across.low)


def test_burn_in_missing_periods_and_one_sided_blocks_are_left_out() -> None:
    y = np.array([99.0, 1, 2, 3, 4, np.nan, 5, 6, 7, 8, 50, 60])
    arm = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1])
    keep = np.arange(12) > 0
    day = np.array(["a"] * 10 + ["b"] * 2)
    found = switchback_effect(y, arm, blocks=day, keep=keep)
    assert found.dropped == 4
    assert found.periods == (4, 4)
    assert found.effect == pytest.approx(np.mean([2, 4, 6, 8]) - np.mean([1, 3, 5, 7]))


def test_weights_make_means_of_orders() -> None:
    y, arm = np.array([1.0, 4, 2, 6, 1, 9, 3, 2]), ALTERNATING
    w = np.array([1.0, 2, 3, 4, 1, 1, 2, 5])
    found = switchback_effect(y, arm, weights=w)
    expected = np.average(y[arm == 1], weights=w[arm == 1]) - np.average(y[arm == 0], weights=w[arm == 0])
    assert found.effect == pytest.approx(expected)
    assert found.low < found.effect < found.high


def test_a_design_that_cannot_reach_alpha_says_so() -> None:
    found = switchback_effect([1.0, 5, 2, 6], [0, 1, 0, 1])
    assert found.reason == "only 6 assignments are possible: the test cannot reach 0.05, add periods or blocks"
    assert np.isnan(found.low)
    assert found.effect == 4
    one = switchback_effect([1.0, 2], [1, 1])
    assert one.reason == "no block has periods of both arms"
    assert np.isnan(one.effect)
    assert "same outcome" in str(switchback_effect(np.ones(8), ALTERNATING).reason)


def test_a_wide_offset_does_not_blur_the_comparison() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=8) + ALTERNATING
    assert switchback_effect(y + 1e7, ALTERNATING).p_value == switchback_effect(y, ALTERNATING).p_value


def test_input_is_checked() -> None:
    with pytest.raises(DataError, match="0 or 1"):
        switchback_effect([1.0, 2.0], [0, 2])
    with pytest.raises(DataError, match="finite"):
        switchback_effect([1.0, np.inf], [0, 1])
    with pytest.raises(UsageError, match="alpha"):
        switchback_effect([1.0, 2.0], [0, 1], alpha=0)
    with pytest.raises(UsageError, match="draws"):
        switchback_effect([1.0, 2.0], [0, 1], draws=0)
