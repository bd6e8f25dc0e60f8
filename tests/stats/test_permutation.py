"""Permutation p-values and the Kolmogorov-Smirnov distance."""

from itertools import permutations

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.stats.permutation import ks_permutation, ks_statistic, permutation_p_value


def test_p_is_never_zero_and_counts_ties() -> None:
    assert permutation_p_value(10.0, np.zeros(99)) == 0.01
    assert permutation_p_value(0.3, np.full(99, 0.1 + 0.2)) == 1.0
    assert np.isnan(permutation_p_value(np.nan, np.zeros(9)))
    assert permutation_p_value([1.0, 3.0], [[0.0, 5.0], [2.0, 1.0], [0.5, 0.0]]).tolist() == [0.5, 0.5]


def test_permutation_p_matches_all_orders() -> None:
    scores, labels = np.array([0.1, 0.2, 0.2, 0.5, 0.6, 0.9]), np.array([0, 0, 1, 0, 1, 1])
    observed = ks_statistic(scores, labels)
    orders = {order for order in permutations(labels.tolist())}
    exact = np.mean([ks_statistic(scores, order) >= observed - 1e-12 for order in orders])
    value, p = ks_permutation(scores, labels, draws=20000, seed=0)
    assert value == observed
    assert p == pytest.approx(exact, abs=0.015)


def test_separated_and_tied_scores() -> None:
    assert ks_statistic([1, 2, 3, 4], [0, 0, 1, 1]) == 1.0
    assert ks_statistic([5, 5, 5, 5], [0, 0, 1, 1]) == 0.0
    assert ks_permutation([5, 5, 5, 5], [0, 0, 1, 1], draws=99, seed=0) == (0.0, 1.0)


def test_one_class_has_no_distance() -> None:
    assert np.isnan(ks_permutation([1, 2, 3], [1, 1, 1], draws=9, seed=0)).all()


def test_seed_decides_the_p() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=80), rng.integers(0, 2, 80)
    assert ks_permutation(scores, labels, draws=199, seed=4) == ks_permutation(scores, labels, draws=199, seed=4)


def test_bad_input_is_refused() -> None:
    with pytest.raises(UsageError, match="same length"):
        ks_statistic([1, 2], [1])
    with pytest.raises(UsageError, match="finite"):
        ks_statistic([1, np.nan], [1, 0])
