"""Permutation p-values."""

import numpy as np

from seatrial.stats.permutation import permutation_p_value


def test_p_is_never_zero_and_counts_ties() -> None:
    assert permutation_p_value(10.0, np.zeros(99)) == 0.01
    assert permutation_p_value(0.3, np.full(99, 0.1 + 0.2)) == 1.0
    assert np.isnan(permutation_p_value(np.nan, np.zeros(9)))
    assert permutation_p_value([1.0, 3.0], [[0.0, 5.0], [2.0, 1.0], [0.5, 0.0]]).tolist() == [0.5, 0.5]
