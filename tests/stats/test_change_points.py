"""Change points: size under no change, and the place of a planted one."""

import numpy as np
import pytest

from seatrial.stats.change_points import change_points


def test_no_change_is_called_a_change_no_more_often_than_alpha() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.005, 0.02, size=(400, 12))
    series = 0.8 + rng.standard_normal(errors.shape) * errors
    called = sum(bool(change_points(v, e, seed=i)) for i, (v, e) in enumerate(zip(series, errors, strict=True)))
    # binomial(400, .05): 99.9 % of draws lie under 36
    assert called <= 36
    assert called >= 7


@pytest.mark.parametrize("at", [2, 6, 10])
def test_a_planted_step_is_found_at_its_place(at: int) -> None:
    rng = np.random.default_rng(at)
    errors = np.full(12, 0.01)
    series = np.where(np.arange(12) < at, 0.8, 0.7) + rng.standard_normal(12) * errors
    (jump,) = change_points(series, errors)
    assert jump.at == at
    assert jump.low < -0.1 < jump.high
    assert jump.p_value <= 0.001


def test_two_steps_are_two_changes_earliest_first() -> None:
    series = np.repeat([0.7, 0.8, 0.75], 6)
    assert [jump.at for jump in change_points(series, np.full(18, 0.005))] == [6, 12]


def test_weights_let_a_noisy_outlier_pass() -> None:
    series, errors = np.full(8, 0.8), np.full(8, 0.01)
    series[5], errors[5] = 0.5, 0.3
    assert change_points(series, errors) == ()


def test_few_values_or_no_error_give_none() -> None:
    assert change_points(np.array([0.1, 0.9, 0.9]), np.full(3, 0.01)) == ()
    assert change_points(np.array([0.1, 0.1, 0.9, 0.9]), np.array([0.0, 0.01, 0.01, 0.01])) == ()
