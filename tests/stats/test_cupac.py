"""Cross-fitted covariates: folds by unit, nothing learnt from one's own fold, missing values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import DataError, UsageError
from seatrial.stats.cupac import assign_folds, cupac_covariate


def test_folds_hang_on_the_unit_alone() -> None:
    units = np.arange(20_000)
    fold = assign_folds(units, 5)
    assert_allclose(np.bincount(fold) / 20_000, 0.2, atol=0.01)
    order = np.random.default_rng(0).permutation(20_000)
    assert (assign_folds(units[order], 5) == fold[order]).all()
    assert (assign_folds(units, 5, seed=1) != fold).mean() > 0.7
    names = np.array([f"u{i}" for i in range(5000)])
    named = assign_folds(names, 4)
    assert_allclose(np.bincount(named) / 5000, 0.25, atol=0.03)
    assert assign_folds(names[100:110], 4).tolist() == named[100:110].tolist()
    with pytest.raises(UsageError, match="two folds"):
        assign_folds(units, 1)


def test_a_unit_never_sees_an_outcome_of_its_own_fold() -> None:
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(50), 3)
    x, y = rng.normal(size=(150, 4)), rng.normal(size=150)
    fold = assign_folds(user, 5)
    before = cupac_covariate(y, x, units=user)
    changed = np.where(fold == fold[0], y + 1000, y)
    after = cupac_covariate(changed, x, units=user)
    assert (after[fold == fold[0]] == before[fold == fold[0]]).all()
    assert (after[fold != fold[0]] != before[fold != fold[0]]).all()


def test_it_predicts_and_ignores_noise() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2000, 3))
    y = 2 * x[:, 0] + rng.normal(size=2000)
    assert np.corrcoef(cupac_covariate(y, x), y)[0, 1] == pytest.approx(2 / np.sqrt(5), abs=0.03)
    assert abs(np.corrcoef(cupac_covariate(rng.normal(size=2000), x), y)[0, 1]) < 0.2


def test_missing_values_constants_and_rows_to_learn_from() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    y = x[:, 0] + 3 * np.isnan(np.where(x[:, 1] > 1, np.nan, x[:, 1])) + rng.normal(0, 0.1, 400)
    holes = np.column_stack([x[:, 0], np.where(x[:, 1] > 1, np.nan, x[:, 1]), np.ones(400)])
    found = cupac_covariate(y, holes)
    assert np.corrcoef(found, y)[0, 1] > 0.98
    some = np.arange(400) < 300
    learnt = cupac_covariate(np.where(some, y, np.nan), holes)
    assert_allclose(learnt, cupac_covariate(y, holes, fit_on=some))
    assert np.isfinite(learnt).all()


def test_input_is_checked() -> None:
    with pytest.raises(DataError, match="to learn from"):
        cupac_covariate([1.0, np.nan, np.nan], [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="one row per unit"):
        cupac_covariate([1.0, 2.0], [[1.0], [2.0], [3.0]])
    with pytest.raises(DataError, match="one unit per row"):
        cupac_covariate([1.0, 2.0], [1.0, 2.0], units=[1])
    with pytest.raises(DataError, match="finite"):
        cupac_covariate([1.0, 2.0], [1.0, np.inf])
    with pytest.raises(UsageError, match="ridge"):
        cupac_covariate([1.0, 2.0], [1.0, 2.0], ridge=-1)
