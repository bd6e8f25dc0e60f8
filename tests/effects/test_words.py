"""One interval, one word: every branch by hand, then properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.effects.words import position, word

B, W, N, C = "better", "worse", "no meaningful difference", "cannot tell"

# (L, U, m, word when higher is better, smaller than margin)
CASES = [
    (0.001, 0.030, 0.01, B, False),
    (0.001, 0.009, 0.01, B, True),
    (0.001, 0.010, 0.01, B, False),  # U < m is strict
    (-0.030, -0.001, 0.01, W, False),
    (-0.009, -0.001, 0.01, W, True),
    (-0.010, -0.001, 0.01, W, False),  # L > -m is strict
    (-0.005, 0.005, 0.01, N, False),
    (0.0, 0.005, 0.01, N, False),  # L > 0 is strict
    (-0.005, 0.0, 0.01, N, False),  # U < 0 is strict
    (-0.010, 0.005, 0.01, C, False),
    (-0.005, 0.010, 0.01, C, False),
    (-0.020, 0.005, 0.01, C, False),
    (-0.020, 0.020, 0.01, C, False),
    (-0.005, 0.005, 0.0, C, False),  # no margin, no powered null
    (0.0, 0.0, 0.01, N, False),  # identical
    (0.0, 0.0, 0.0, N, False),  # identical needs no margin
    (np.nan, np.nan, 0.01, C, False),  # nothing could be computed
    (-np.inf, np.inf, 0.01, C, False),
    (0.002, np.inf, 0.01, B, False),
]


@pytest.mark.parametrize(("low", "high", "margin", "expected", "small"), CASES)
def test_word_by_hand(fixed, low, high, margin, expected, small):
    read = {"alpha": 0.05, "margin": margin, "margin_is_relative": False}
    words, smaller = word(fixed(low, high), higher_is_better=True, **read)
    assert (words[0], bool(smaller[0])) == (expected, small)
    # the same evidence when less is better: the interval of baseline minus candidate is (-U, -L)
    words, smaller = word(fixed(-high, -low), higher_is_better=False, **read)
    assert (words[0], bool(smaller[0])) == (expected, small)


def test_words_of_many_slices_at_once(fixed):
    low, high = np.array([0.02, -0.03, -0.002, -0.04, np.nan]), np.array([0.04, -0.02, 0.003, 0.04, np.nan])
    words, smaller = word(fixed(low, high), alpha=0.05, margin=0.01, margin_is_relative=False, higher_is_better=True)
    assert words == (B, W, N, C, C)
    assert smaller.tolist() == [False] * 5


# log-loss-like, baseline .5 without error, 2 %: the margin is .01. z = 1.959964, se = .002: half-width .00392
@pytest.mark.parametrize(
    ("difference", "expected", "small"),
    [
        (-0.0200, B, False),
        (-0.0050, B, True),
        (0.0050, W, True),
        (0.0200, W, False),
        (0.0010, N, False),
        (0.0, N, False),
    ],
)
def test_relative_margin_lower_is_better(normal, difference, expected, small):
    words, smaller = word(
        normal(difference, 0.002, baseline=0.5),
        alpha=0.05,
        margin=0.02,
        margin_is_relative=True,
        higher_is_better=False,
    )
    assert (words[0], bool(smaller[0])) == (expected, small)


def test_relative_margin_counts_the_error_of_the_baseline(normal):
    # B = 100 +- 50, D = 0 with se 2.0; m = 5 %: C - .95 B has mean 5 and se sqrt(4 + .05^2 * 2500) = 3.2016.
    # 5 - 1.96 * 3.2016 < 0, so it cannot tell; with the margin taken as a fixed 5 it would say 0 -+ 3.92 lies inside.
    read = {"alpha": 0.05, "higher_is_better": True}
    uncertain = normal(0.0, 2.0, baseline=100.0, var_baseline=2500.0)
    assert word(uncertain, margin=0.05, margin_is_relative=True, **read)[0] == (C,)
    assert word(uncertain, margin=5.0, margin_is_relative=False, **read)[0] == (N,)
    assert word(normal(0.0, 2.0, baseline=100.0), margin=0.05, margin_is_relative=True, **read)[0] == (N,)


@pytest.mark.parametrize("higher", [True, False])
def test_relative_margin_of_a_negative_baseline_is_a_share_of_its_size(normal, higher):
    # a profit of -100: 5 % is 5 either way
    where = position(
        normal([-4.0, -6.0, 4.0, 6.0], 0.1, baseline=-100.0),
        alpha=0.05,
        margin=0.05,
        margin_is_relative=True,
        higher_is_better=higher,
    )
    above_loss = [True, False, True, True] if higher else [True, True, True, False]
    below_gain = [True, True, True, False] if higher else [True, False, True, True]
    assert where.above_loss.tolist() == above_loss
    assert where.below_gain.tolist() == below_gain
    assert where.at_loss.tolist() == [not kept for kept in above_loss]


def test_slices_with_baselines_of_both_signs(normal):
    contrast = normal([-4.0, -4.0], 0.1, baseline=[100.0, -100.0])
    words, smaller = word(contrast, alpha=0.05, margin=0.05, margin_is_relative=True, higher_is_better=True)
    assert words == (W, W)
    assert smaller.tolist() == [True, True]


limits = st.floats(-1, 1, allow_nan=False)


@settings(deadline=None)
@given(a=limits, b=limits, margin=st.floats(0, 0.5), higher=st.booleans())
def test_exactly_one_meaning(fixed, a, b, margin, higher):
    low, high = min(a, b), max(a, b)
    (said,), (small,) = word(
        fixed(low, high), alpha=0.05, margin=margin, margin_is_relative=False, higher_is_better=higher
    )
    good, bad = (low > 0, high < 0) if higher else (high < 0, low > 0)
    assert (said == B) == good
    assert (said == W) == bad
    inside = (low > -margin and high < margin) or low == high == 0
    assert (said == N) == (inside and not good and not bad)
    assert bool(small) == (inside and (good or bad))


@settings(deadline=None)
@given(
    difference=st.floats(-2, 2),
    error=st.floats(0.01, 2),
    baseline=st.floats(1, 50),
    share=st.floats(0.01, 0.5),
    alpha=st.floats(0.001, 0.2),
    higher=st.booleans(),
)
def test_a_share_of_a_known_baseline_is_the_absolute_margin(normal, difference, error, baseline, share, alpha, higher):
    contrast = normal(difference, error, baseline=baseline)
    read = {"alpha": alpha, "higher_is_better": higher}
    relative = position(contrast, margin=share, margin_is_relative=True, **read)
    absolute = position(contrast, margin=share * baseline, margin_is_relative=False, **read)
    edges = np.concatenate([contrast.interval(alpha)[0], contrast.interval(alpha)[1]])
    if np.min(np.abs(np.abs(edges) - share * baseline)) < 1e-9:
        return  # at the very edge rounding decides
    for flag in ("above_zero", "below_zero", "above_loss", "below_gain", "at_loss"):
        assert getattr(relative, flag) == getattr(absolute, flag)


def test_identical_versions_are_never_at_the_loss(fixed):
    # with a margin of 0 the interval [0, 0] has U <= -m; identical versions have lost nothing
    where = position(fixed(0.0, 0.0), alpha=0.05, margin=0.0, margin_is_relative=False, higher_is_better=True)
    assert (bool(where.above_loss[0]), bool(where.below_gain[0]), bool(where.at_loss[0])) == (True, True, False)
