"""Empirical-Bayes shrinkage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seatrial.stats.shrinkage import between_variance, shrink


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(0, 10**6), st.floats(0.0, 3.0))
def test_every_difference_moves_towards_the_mean_and_not_past_it(k: int, seed: int, tau: float) -> None:
    rng = np.random.default_rng(seed)
    error = rng.uniform(0.1, 2.0, k)
    value = rng.normal(0.5, tau, k) + rng.normal(0, error)
    pulled = shrink(value, error)
    assert np.ptp(pulled) <= np.ptp(value) + 1e-12
    assert pulled.min() >= value.min() - 1e-12
    assert pulled.max() <= value.max() + 1e-12


def test_equal_errors_have_a_closed_form() -> None:
    value = np.array([1.0, 3.0, 8.0, -2.0, 0.5])
    tau2 = value.var(ddof=1) - 0.25
    assert between_variance(value, np.full(5, 0.5)) == pytest.approx(tau2)
    expected = value.mean() + tau2 / (tau2 + 0.25) * (value - value.mean())
    assert_allclose(shrink(value, np.full(5, 0.5)), expected)


def test_noisy_slices_are_pulled_harder() -> None:
    pulled = shrink([0.0, 0.1, -0.1, 1.0, 1.0], [0.05, 0.05, 0.05, 0.05, 1.0])
    assert pulled[3] > 0.9
    assert pulled[4] < 0.5


def test_noise_alone_goes_to_the_mean() -> None:
    pulled = shrink([0.01, -0.01, 0.02], [1.0, 2.0, 1.0])
    assert_allclose(pulled, np.average([0.01, -0.01, 0.02], weights=[1, 0.25, 1]))


def test_what_has_no_error_stays() -> None:
    assert_allclose(shrink([1.0, np.nan, 3.0], [np.nan, 1.0, 0.0]), [1.0, np.nan, 3.0])
    pulled = shrink([1.0, np.nan, 3.0, 9.0], [1.0, 1.0, 1.0, 0.0])
    assert_allclose(pulled, [1.5, np.nan, 2.5, 9.0])  # tau^2 = 2 - 1 from the first and third alone


def test_shrinking_beats_the_raw_differences() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.5, 2000)
    error = rng.uniform(0.2, 1.5, 2000)
    raw = truth + rng.normal(0, error)
    assert ((shrink(raw, error) - truth) ** 2).mean() < 0.5 * ((raw - truth) ** 2).mean()
