"""Lin's regression: what it gains, what it refuses, missing covariates."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import DataError
from seatrial.stats.regression_adjustment import filled, lin_adjusted


def experiment(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    arm = rng.permutation(n) % 2
    return 3 * x[:, 0] + 0.5 * arm + rng.normal(size=n), arm, x


def test_it_takes_the_covariate_out() -> None:
    y, arm, x = experiment()
    found = lin_adjusted(y, arm, x)
    raw = np.sqrt(y[arm == 1].var(ddof=1) / 150 + y[arm == 0].var(ddof=1) / 150)
    assert found.standard_error[0] < 0.4 * raw
    assert abs(found.difference[0] - 0.5) < 4 * found.standard_error[0]
    assert found.df[0] == 300 - 2 - 4


def test_units_of_a_covariate_and_a_constant_one_do_not_matter() -> None:
    y, arm, x = experiment()
    found = lin_adjusted(y, arm, x)
    scaled = lin_adjusted(y, arm, np.column_stack([1e6 * x[:, 0] + 1e9, 1e-3 * x[:, 1], np.ones(300)]))
    assert_allclose(scaled.difference, found.difference, rtol=1e-8)
    assert_allclose(scaled.standard_error, found.standard_error, rtol=1e-8)
    flipped = lin_adjusted(y, 1 - arm, x)
    assert_allclose(flipped.difference, -found.difference, rtol=1e-9)


def test_without_covariates_it_is_the_difference_of_means() -> None:
    y, arm, _ = experiment()
    found = lin_adjusted(y, arm, np.empty((300, 0)))
    assert found.difference[0] == pytest.approx(y[arm == 1].mean() - y[arm == 0].mean())
    assert found.var_difference[0] == pytest.approx(y[arm == 1].var(ddof=1) / 150 + y[arm == 0].var(ddof=1) / 150)


def test_missing_covariates_are_filled_beside_an_indicator() -> None:
    assert filled([[1.0, np.nan], [3.0, np.nan]], length=2).tolist() == [[1.0], [3.0]]
    y, arm, x = experiment()
    holes = np.where(np.random.default_rng(5).random((300, 2)) < 0.2, np.nan, x)
    found = lin_adjusted(y, arm, holes)
    assert found.df[0] == 300 - 2 - 8
    assert lin_adjusted(y, arm, x).standard_error[0] < found.standard_error[0]
    assert abs(found.difference[0] - 0.5) < 4 * found.standard_error[0]


def test_what_cannot_be_fitted_is_said() -> None:
    y, arm, x = experiment()
    with pytest.raises(DataError, match="collinear"):
        lin_adjusted(y, arm, np.column_stack([x, x[:, 0] + x[:, 1]]))
    with pytest.raises(DataError, match="at least 4 in each arm"):
        lin_adjusted(y[:6], [1, 1, 1, 0, 0, 0], x[:6])
    with pytest.raises(DataError, match="0 or 1"):
        lin_adjusted(y, arm + 1, x)
    with pytest.raises(DataError, match="outcome"):
        lin_adjusted(np.where(arm == 1, np.nan, y), arm, x)
    with pytest.raises(DataError, match="numbers"):
        filled([["a"]], length=1)
