"""Levels: by hand, and interval and adjusted p never disagree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seatrial.effects.families import explored, success_family


def test_holm_levels_by_hand():
    # K = 4, sorted .001 .012 .03 .2: .001 < .05/4, .012 < .05/3, .03 > .05/2 stops (s = 3): the rest are read at .05/2
    family = success_family([0.03, 0.001, 0.2, 0.012], alpha=0.05)
    assert [a for a, _ in family] == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])
    assert [p for _, p in family] == pytest.approx([0.06, 0.004, 0.2, 0.036])


def test_one_member_is_read_at_alpha():
    assert success_family([0.04], alpha=0.05) == ((0.05, 0.04),)
    assert success_family([], alpha=0.05) == ()


def test_a_metric_that_cannot_be_computed_stays_in_the_family():
    (first, p), (_, none) = success_family([0.03, None], alpha=0.05)
    assert (first, p, none) == (0.025, 0.06, None)


@settings(deadline=None)
@given(z=st.lists(st.floats(-6, 6), min_size=1, max_size=12), alpha=st.floats(0.005, 0.2))
def test_success_interval_and_adjusted_p_agree(z, alpha):
    p_values = (2 * stats.norm.sf(np.abs(z))).tolist()
    for p, (level, adjusted) in zip(p_values, success_family(p_values, alpha=alpha), strict=True):
        if abs(adjusted - alpha) > 1e-12:
            assert (p < level) == (adjusted < alpha)


def test_explored_slices_by_hand(normal):
    # m = 4 eligible: p = .001 .03 .2 .9; BH at .10: .001 <= .025, .03 <= .05, .2 > .075 -> R = 2, alpha = 2 * .1 / 4
    z = stats.norm.isf(np.array([0.001, 0.03, 0.2, 0.9, 1e-9]) / 2)
    found = explored(normal(z, 1.0), np.array([True, True, True, True, False]))
    assert found.alpha == pytest.approx(0.05)
    assert found.rejected.tolist() == [True, True, False, False, False]
    assert found.adjusted_p_values[:4] == pytest.approx([0.004, 0.06, 0.8 / 3, 0.9])
    assert np.isnan(found.adjusted_p_values[4])


def test_nothing_found_is_read_as_if_one_were(normal):
    found = explored(normal(np.zeros(20), 1.0), np.ones(20, bool))
    assert found.alpha == pytest.approx(0.1 / 20)
    assert not found.rejected.any()


def test_no_eligible_slice(normal):
    found = explored(normal(np.zeros(3), 1.0), np.zeros(3, bool))
    assert np.isnan(found.adjusted_p_values).all()
    assert 0 < found.alpha <= 0.1


@settings(deadline=None)
@given(z=st.lists(st.floats(-6, 6), min_size=1, max_size=40), data=st.data())
def test_explored_interval_and_rejection_agree(normal, z, data):
    eligible = np.array(data.draw(st.lists(st.booleans(), min_size=len(z), max_size=len(z))))
    contrast = normal(z, 1.0)
    found = explored(contrast, eligible)
    low, high = contrast.interval(found.alpha)
    clear = np.minimum(np.abs(low), np.abs(high)) > 1e-9
    excludes = (low > 0) | (high < 0)
    assert (found.rejected == (excludes & eligible))[clear].all()
