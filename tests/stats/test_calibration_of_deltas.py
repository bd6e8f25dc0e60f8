"""Offline against online deltas: refusals, attenuation, limits where nothing is noisy, predictions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from seatrial.errors import DataError, UsageError
from seatrial.stats.calibration_of_deltas import FLAT, calibrate_launches


def launches(n: int, noise: float, seed: int = 0, slope: float = 0.2) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    true = rng.normal(0.5, 1, n)
    online = 0.1 + slope * true + rng.normal(0, 0.1, n)
    return true + rng.normal(0, noise, n), np.full(n, noise), online + rng.normal(0, 0.05, n), np.full(n, 0.05)


def test_without_noise_it_is_least_squares() -> None:
    """With no measurement error the pivots are those of Student's t, here to the error of 40,000 draws."""
    x, _, y, _ = launches(20, 0.0)
    zero = np.zeros(20)
    found = calibrate_launches(x, zero, y, zero, draws=40_000)
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 18) * fit.stderr
    assert found.slope.value == pytest.approx(fit.slope, rel=1e-9)
    assert found.plain_slope == pytest.approx(fit.slope, rel=1e-9)
    assert_allclose([found.slope.low, found.slope.high], [fit.slope - half, fit.slope + half], atol=0.03 * half)
    assert found.correlation.value == pytest.approx(fit.rvalue, abs=0.01)  # n - 2 in place of n - 1
    assert found.reliability.offline == 1.0
    spread = np.sqrt(((y - fit.intercept - fit.slope * x) ** 2).sum() / 18)
    off = spread * np.sqrt(1 + 1 / 20 + (1.3 - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()) * stats.t.ppf(0.975, 18)
    ahead = found.predict(1.3, 0.0)
    assert ahead.value == pytest.approx(fit.intercept + 1.3 * fit.slope, rel=1e-9)
    assert_allclose([ahead.low, ahead.high], [ahead.value - off, ahead.value + off], atol=0.03 * off)


def test_equal_noise_is_the_classical_correction() -> None:
    x, u, y, v = launches(60, 0.8)
    found = calibrate_launches(x, u, y, v, draws=500)
    classical = np.cov(x, y)[0, 1] / (x.var(ddof=1) - 0.8**2)  # Fuller, Measurement Error Models (1987), 1.2
    assert found.slope.value == pytest.approx(classical, rel=1e-6)
    assert found.reliability.offline == pytest.approx(1 - 0.8**2 / x.var(ddof=1), rel=1e-6)
    assert found.plain_slope < found.slope.value
    assert abs(found.plain_correlation) < abs(found.correlation.value)


def test_the_correction_removes_the_attenuation() -> None:
    corrected, plain = zip(
        *(
            (found.slope.value, found.plain_slope)
            for found in (calibrate_launches(*launches(40, 0.7, seed), draws=50) for seed in range(30))
        ),
        strict=True,
    )
    assert np.median(corrected) == pytest.approx(0.2, abs=0.03)
    assert np.median(plain) < 0.16


def test_under_eight_launches_nothing_is_extrapolated() -> None:
    found = calibrate_launches(*launches(7, 0.1))
    assert found.reason == "not calibrated: 7 launches, at least 8 are needed"
    assert np.isnan(found.slope.value)
    assert found.slope.reason == found.reason
    assert found.left_out is None
    assert found.compared == 7
    assert found.agreement.low < found.agreement.value
    with pytest.raises(DataError, match="7 launches"):
        found.predict(0.5, 0.1)
    assert calibrate_launches(*launches(8, 0.1), draws=100).reason is None
    assert calibrate_launches([], [], [], []).launches == 0


def test_offline_deltas_of_nothing_but_noise_have_no_slope() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 12), rng.normal(0, 1, 12)
    found = calibrate_launches(x, np.full(12, 1.5), y, np.full(12, 0.1), draws=500)
    assert found.slope.reason == FLAT
    assert np.isnan(found.slope.low)
    assert found.reliability.offline == 0
    ahead = found.predict(1.0, 1.5)  # then the best guess is near the mean, and no narrower than what was seen
    assert ahead.low < y.mean() < ahead.high
    assert ahead.high - ahead.low > 2 * y.std()
    same = calibrate_launches(np.ones(9), np.full(9, 0.1), rng.normal(size=9), np.full(9, 0.1))
    assert same.reason == "not calibrated: the offline deltas are all the same"


def test_predictions_beyond_the_past_are_flagged_and_wider() -> None:
    x, u, y, v = launches(15, 0.2)
    found = calibrate_launches(x, u, y, v)
    inside, outside = found.predict(float(np.median(x)), 0.2), found.predict(float(x.max()) + 3, 0.2)
    assert not inside.extrapolated
    assert outside.extrapolated
    assert outside.high - outside.low > inside.high - inside.low
    seen = found.predict(float(np.median(x)), 0.2, online_se=1.0)
    assert seen.value == inside.value
    assert seen.high - seen.low > 3.5
    # a vaguer offline delta is worth less: it is pulled to the mean of the past ones
    assert found.predict(3.0, 3.0).value < found.predict(3.0, 0.1).value
    with pytest.raises(UsageError, match="finite"):
        found.predict(np.nan, 0.1)


def test_each_launch_left_out() -> None:
    x, u, y, v = launches(30, 0.3)
    found = calibrate_launches(x, u, y, v, draws=100).left_out
    assert found is not None
    assert found.error < found.error_of_mean
    assert found.covered >= 25
    # what is foretold of a launch does not hang on its own outcome
    moved = calibrate_launches(x, u, np.where(np.arange(30) == 3, y + 50, y), v, draws=100).left_out
    assert moved is not None
    assert moved.value[3] == pytest.approx(found.value[3])
    assert moved.covered <= found.covered


def test_one_launch_that_is_all_the_spread() -> None:
    x = np.array([1.0] * 8 + [3.0])
    y = np.arange(9) / 10
    found = calibrate_launches(x, np.zeros(9), y, np.zeros(9), draws=200)
    assert found.slope.low < found.slope.value < found.slope.high
    assert found.left_out is not None
    assert np.isnan(found.left_out.value[8])
    assert np.isfinite(found.left_out.error)


def test_a_perfect_line() -> None:
    x = np.arange(10.0)
    found = calibrate_launches(x, np.zeros(10), 2 * x + 1, np.zeros(10), draws=200)
    assert found.slope.value == pytest.approx(2)
    assert found.slope.high - found.slope.low < 1e-3
    assert found.correlation.value == pytest.approx(1)


def test_signs() -> None:
    found = calibrate_launches([1, -1, 2, 0], [0.1] * 4, [1, 1, 3, 5], [0.1] * 4)
    assert (found.agreed, found.compared, found.agreement.value) == (2, 3, pytest.approx(2 / 3))


def test_the_same_seed_gives_the_same_and_the_order_does_not_change_the_estimate() -> None:
    x, u, y, v = launches(12, 0.3)
    one, two = (calibrate_launches(x, u, y, v, draws=200) for _ in range(2))
    assert one.slope == two.slope
    order = np.random.default_rng(1).permutation(12)
    turned = calibrate_launches(x[order], u[order], y[order], v[order], draws=200)
    assert turned.slope.value == pytest.approx(one.slope.value, rel=1e-9)


def test_units_do_not_matter() -> None:
    x, u, y, v = launches(12, 0.3)
    one = calibrate_launches(x, u, y, v, draws=200)
    scaled = calibrate_launches(1e-4 * x, 1e-4 * u, 1e5 * y, 1e5 * v, draws=200)
    assert_allclose(scaled.slope.low, 1e9 * one.slope.low, rtol=1e-6)
    assert_allclose(scaled.correlation.high, one.correlation.high, rtol=1e-6)


def test_input_is_checked() -> None:
    with pytest.raises(DataError, match="online_se must not be negative"):
        calibrate_launches([1.0], [0.1], [1.0], [-0.1])
    with pytest.raises(DataError, match="offline must be a finite"):
        calibrate_launches([np.nan], [0.1], [1.0], [0.1])
    with pytest.raises(DataError, match="rows"):
        calibrate_launches([1.0, 2.0], [0.1], [1.0], [0.1])
