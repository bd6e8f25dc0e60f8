"""Holm and Benjamini-Hochberg: adjusted p-values and the level of the interval that decides never disagree."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seatrial.stats.multiplicity import benjamini_hochberg, holm

families = st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=30).map(np.array)


def test_holm_by_hand() -> None:
    adjusted, alphas = holm([0.30, 0.001, 0.02, 0.012])
    assert_allclose(adjusted, [0.30, 0.004, 0.04, 0.036])
    assert_allclose(alphas, [0.05, 0.05 / 4, 0.05 / 2, 0.05 / 3])
    adjusted, alphas = holm([0.001, 0.04, 0.03, 0.012])
    assert_allclose(adjusted, [0.004, 0.06, 0.06, 0.036])
    assert_allclose(alphas, [0.05 / 4, 0.05 / 2, 0.05 / 2, 0.05 / 3])  # rank 4 stays at rank 3's level: rank 3 is kept


@settings(deadline=None)
@given(families, st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_interval_and_adjusted_p_agree(p: np.ndarray, alpha: float) -> None:
    adjusted, alphas = holm(p, alpha=alpha)
    clear = np.abs(adjusted - alpha) > 1e-12
    assert ((adjusted < alpha) == (p < alphas))[clear].all()
    assert (adjusted >= p).all()


@settings(deadline=None)
@given(families)
def test_bh_interval_and_adjusted_p_agree(p: np.ndarray) -> None:
    adjusted, rejected, alpha = benjamini_hochberg(p, q=0.1)
    assert ((adjusted < 0.1) == rejected).all()
    clear = np.abs(p - alpha) > 1e-12
    assert ((p < alpha) == rejected)[clear].all() or not rejected.any()
    assert not (p[~rejected & clear] < alpha).any()


def test_one_test_is_not_corrected() -> None:
    adjusted, alphas = holm([0.03])
    assert (adjusted[0], alphas[0]) == (0.03, 0.05)
    assert benjamini_hochberg([0.03])[2] == 0.1


def test_a_test_that_could_not_be_done_stays_in_holms_family_and_out_of_bhs() -> None:
    adjusted, alphas = holm([np.nan, 0.02])
    assert np.isnan(adjusted[0])
    assert adjusted[1] == 0.04
    assert_allclose(alphas, [0.05, 0.025])
    found, rejected, alpha = benjamini_hochberg([np.nan, 0.02])
    assert np.isnan(found[0])
    assert found[1] == 0.02
    assert rejected.tolist() == [False, True]
    assert alpha == 0.1


def test_empty_families() -> None:
    assert [x.size for x in holm([])] == [0, 0]
    adjusted, rejected, _ = benjamini_hochberg([])
    assert adjusted.size == rejected.size == 0
