"""Evidence about rates and bounded means: the definitions by quadrature and loops, and limits that invert them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, stats

from seatrial.errors import UsageError
from seatrial.stats.bernoulli_sequences import (
    JEFFREYS,
    BetaMixture,
    Side,
    betting_difference_sequence,
    betting_sequence,
    empirical_bernstein_sequence,
    planned_mixture,
    rate_difference_p_value,
    rate_difference_sequence,
    rate_log_e_value,
    rate_p_value,
    rate_ratio_p_value,
    rate_ratio_sequence,
    rate_sequence,
)

UNIFORM = BetaMixture(parts=((1.0, 1.0, 1.0),))
MIXED = planned_mixture(0.05, 400)
SIDES: list[Side] = ["two-sided", "above", "below"]


@pytest.mark.parametrize("mixture", [JEFFREYS, UNIFORM, MIXED])
@pytest.mark.parametrize("side", SIDES)
def test_the_e_value_is_the_averaged_likelihood_ratio(mixture: BetaMixture, side: Side) -> None:
    for x, n, null in ((0, 12, 0.05), (3, 40, 0.02), (7, 9, 0.4), (9, 9, 0.7)):
        start, end = {"two-sided": (0.0, 1.0), "above": (null, 1.0), "below": (0.0, null)}[side]

        def density(q: float) -> float:
            return sum(w * stats.beta.pdf(q, a, b) for w, a, b in mixture.parts)

        def ratio(q: float, x: int = x, n: int = n, null: float = null) -> float:
            return density(q) * (q / null) ** x * ((1 - q) / (1 - null)) ** (n - x)

        inner = [p for p in (1e-6, 1e-3, 0.05, 0.1, 0.5, 0.99, 1 - 1e-6) if start < p < end]
        points = [start, *inner, end]
        whole = sum(integrate.quad(ratio, a, b, limit=200)[0] for a, b in pairwise(points))
        mass = sum(w * (stats.beta.cdf(end, a, b) - stats.beta.cdf(start, a, b)) for w, a, b in mixture.parts)
        found = float(rate_log_e_value(x, n, null, mixture=mixture, side=side))
        assert found == pytest.approx(np.log(whole / mass), abs=2e-4)  # the corners of Beta(1/2, 1/2) limit quad


@pytest.mark.parametrize("mixture", [JEFFREYS, MIXED])
@pytest.mark.parametrize("null", [0.01, 0.2, 0.5, 0.93])
def test_the_mean_evidence_is_one_under_the_null_and_no_more_on_its_side(mixture: BetaMixture, null: float) -> None:
    """Every outcome enumerated."""
    for n in (1, 7, 60):
        counts = np.arange(n + 1)

        def mean(side: Side, truth: float, n: int = n, counts: np.ndarray = counts) -> float:
            e = np.exp(rate_log_e_value(counts, n, null, mixture=mixture, side=side))
            return float((stats.binom.pmf(counts, n, truth) * e).sum())

        for side in SIDES:
            assert mean(side, null) == pytest.approx(1.0, rel=1e-9)
        for less in (0.0, 0.3, 0.9):
            assert mean("above", less * null) <= 1 + 1e-9
            assert mean("below", 1 - less * (1 - null)) <= 1 + 1e-9


@given(
    n=st.integers(1, 5000),
    share=st.floats(0, 1),
    alpha=st.sampled_from([0.2, 0.05, 1e-4]),
    side=st.sampled_from(SIDES),
)
@settings(max_examples=60, deadline=None)
def test_limits_and_p_are_one_test(n: int, share: float, alpha: float, side: Side) -> None:
    x = round(share * n)
    for mixture in (JEFFREYS, planned_mixture(0.02, 3000)):
        low, high = (float(v) for v in rate_sequence(x, n, alpha=alpha, mixture=mixture, side=side))
        assert 0 <= low <= x / n <= high <= 1
        grid = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 301), [low * (1 - 1e-6), high + (1 - high) * 1e-6]])
        p = rate_p_value(x, n, grid, mixture=mixture, side=side)
        outside = (grid < low) | (grid > high)
        decided = np.minimum(np.abs(grid - low), np.abs(grid - high)) > 1e-12
        assert ((p < alpha) == outside)[decided].all()
    if side == "above":
        assert high == 1
    if side == "below":
        assert low == 0


def test_one_side_is_sharper_on_its_side() -> None:
    x, n = np.array([0, 3, 40, 700]), np.array([300, 300, 2000, 900])
    low, high = rate_sequence(x, n)
    above, _ = rate_sequence(x, n, side="above")
    _, below = rate_sequence(x, n, side="below")
    assert (above[1:] > low[1:]).all()
    assert (below < high).all()


def test_mirrored_counts_give_mirrored_limits() -> None:
    low, high = rate_sequence([0, 3, 250], [300, 300, 300], mixture=MIXED)
    mirrored = rate_sequence([300, 297, 50], [300, 300, 300], mixture=MIXED.mirrored())
    assert_allclose((1 - mirrored[1], 1 - mirrored[0]), (low, high), atol=1e-12)


def test_a_plan_that_is_right_narrows_and_one_that_is_wrong_costs_little() -> None:
    plan = planned_mixture(0.01, 10_000)
    right = np.subtract(*rate_sequence(100, 10_000, mixture=plan)) / np.subtract(*rate_sequence(100, 10_000))
    wrong = np.subtract(*rate_sequence(900, 10_000, mixture=plan)) / np.subtract(*rate_sequence(900, 10_000))
    assert right < 0.95
    assert 1 < wrong < 1.06


def test_no_units_and_impossible_counts() -> None:
    assert [float(v) for v in rate_sequence(0, 0)] == [0.0, 1.0]
    assert float(rate_p_value(0, 0, 0.3)) == 1.0
    assert [float(v) for v in rate_difference_sequence(0, 0, 3, 10)] == [-1.0, 1.0]
    assert float(rate_difference_p_value(3, 10, 0, 0)) == 1.0
    assert float(rate_p_value(1, 100, 0.0)) == 0.0
    assert float(rate_p_value(0, 100, 0.0, side="above")) == 1.0
    with pytest.raises(UsageError, match="between 0 and"):
        rate_sequence(5, 4)
    with pytest.raises(UsageError, match="add up to 1"):
        BetaMixture(parts=((0.4, 1.0, 1.0),))
    with pytest.raises(UsageError, match="planned rate"):
        planned_mixture(0.0, 100)


def test_a_mixture_wholly_below_the_null_gives_no_evidence_above_it() -> None:
    narrow = BetaMixture(parts=((1.0, 100.0, 1e6),))
    assert rate_log_e_value(30, 1000, 0.5, mixture=narrow, side="above") == -np.inf


@pytest.mark.parametrize("mixture", [JEFFREYS, planned_mixture(0.1, 500)])
@pytest.mark.parametrize("counts", [(18, 100, 10, 100), (0, 40, 3, 70), (0, 30, 0, 50), (20, 20, 0, 9), (5, 5, 60, 80)])
def test_difference_limits_against_a_grid_of_pairs(counts: tuple[int, int, int, int], mixture: BetaMixture) -> None:
    """Every pair of rates on a fine grid that the product of the two e-values does not refute."""
    x1, n1, x0, n0 = counts
    grid = np.linspace(0, 1, 3001)
    one = rate_log_e_value(x1, n1, grid, mixture=mixture)
    two = rate_log_e_value(x0, n0, grid, mixture=mixture)
    low, high = (float(v) for v in rate_difference_sequence(*counts, mixture=mixture))
    kept = one[:, None] + two[None, :] < np.log(20)
    differences = (grid[:, None] - grid[None, :])[kept]
    assert low == pytest.approx(differences.min(), abs=1.5e-3)
    assert high == pytest.approx(differences.max(), abs=1.5e-3)
    assert low - 1e-12 <= differences.min()
    assert differences.max() <= high + 1e-12
    for null in (-0.3, 0.0, 0.07):
        along = np.linspace(max(0, -null), min(1, 1 - null), 20_001)
        e = rate_log_e_value(x1, n1, along + null, mixture=mixture) + rate_log_e_value(x0, n0, along, mixture=mixture)
        expected = min(1.0, float(np.exp(-e.min())))
        assert float(rate_difference_p_value(*counts, null, mixture=mixture)) == pytest.approx(expected, rel=1e-4)


def test_difference_p_is_below_alpha_exactly_outside_the_limits() -> None:
    rng = np.random.default_rng(0)
    n1, n0 = rng.integers(1, 3000, (2, 300))
    x1, x0 = rng.binomial(n1, rng.choice([0.01, 0.3, 0.99], 300)), rng.binomial(n0, rng.choice([0.01, 0.3, 0.99], 300))
    low, high = rate_difference_sequence(x1, n1, x0, n0)
    assert (low <= x1 / n1 - x0 / n0).all()
    assert (x1 / n1 - x0 / n0 <= high).all()
    swapped = rate_difference_sequence(x0, n0, x1, n1)
    assert_allclose(swapped, (-high, -low), atol=1e-9)
    for null in (-0.05, 0.0, 0.02, 0.3):
        p = rate_difference_p_value(x1, n1, x0, n0, null)
        clear = np.minimum(np.abs(low - null), np.abs(high - null)) > 1e-9
        assert ((p < 0.05) == ((null < low) | (null > high)))[clear].all()
    assert rate_difference_p_value(3, 10, 1, 10, 1.5) == 0.0


def test_the_product_is_narrower_than_two_sequences_at_half_of_alpha() -> None:
    low, high = rate_difference_sequence(180, 10_000, 100, 10_000)
    one, two = rate_sequence(180, 10_000, alpha=0.025), rate_sequence(100, 10_000, alpha=0.025)
    assert high - low < 0.9 * (one[1] - two[0] - one[0] + two[1])


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
def test_ratio_limits_and_p_are_one_test(share: float) -> None:
    x1, x0 = np.array([0, 4, 30, 400, 0]), np.array([9, 60, 30, 20, 0])
    for side in SIDES:
        low, high = rate_ratio_sequence(x1, x0, share=share, side=side)
        assert (low[0], low[4], high[4]) == (0.0, 0.0, np.inf)
        for ratio in (0.01, 0.3, 1.0, 1.1, 20.0):
            p = rate_ratio_p_value(x1, x0, ratio, share=share, side=side)
            assert ((p < 0.05) == ((ratio < low) | (ratio > high))).all()
    swapped = rate_ratio_sequence(x0[1:4], x1[1:4], share=1 - share)
    low, high = rate_ratio_sequence(x1[1:4], x0[1:4], share=share)
    assert_allclose((1 / swapped[1], 1 / swapped[0]), (low, high), rtol=1e-9)
    with pytest.raises(UsageError, match="share of units"):
        rate_ratio_p_value(1, 2, share=1.0)


def test_events_alone_are_sharper_for_rare_events() -> None:
    _, high = rate_difference_sequence(50, 10_000, 100, 10_000)
    _, ratio = rate_ratio_sequence(50, 100, share=0.5)
    assert ratio < 1 < 1 + high / 0.01
    assert rate_ratio_p_value(50, 100, share=0.5) < rate_difference_p_value(50, 10_000, 100, 10_000) / 4


def test_empirical_bernstein_against_a_loop() -> None:
    x = np.random.default_rng(0).beta(2, 8, 300)
    log, mean, var, total, summed, cost = np.log(2 / 0.05), 0.5, 0.25, 0.0, 0.0, 0.0
    running_sum, running_square = 0.5, 0.25
    low, high, lows, highs = 0.0, 1.0, [], []
    for i, value in enumerate(x, start=1):
        bet = min(np.sqrt(2 * log / (var * i * np.log(i + 1))), 0.5)
        total, summed = total + bet, summed + bet * value
        cost += (value - mean) ** 2 * (-np.log(1 - bet) - bet)
        low, high = max(low, (summed - log - cost) / total), min(high, (summed + log + cost) / total)
        lows.append(low)
        highs.append(high)
        running_sum += value
        mean = running_sum / (i + 1)
        running_square += (value - mean) ** 2
        var = running_square / (i + 1)
    found = empirical_bernstein_sequence(x)
    assert_allclose(found[0], lows, atol=1e-12)
    assert_allclose(found[1], highs, atol=1e-12)


def test_betting_limits_are_where_the_capital_reached_the_threshold() -> None:
    x = np.random.default_rng(1).beta(2, 8, 300)
    low, high = (float(v) for v in betting_sequence(x))

    def highest_capital(m: float, sign: float) -> float:
        log, var, capital, highest = np.log(2 / 0.05), 0.25, 1.0, 1.0
        running_sum, running_square = 0.5, 0.25
        for i, value in enumerate(x, start=1):
            bet = np.sqrt(2 * log / (var * i * np.log(i + 1)))
            capital *= 1 + sign * min(bet, 0.5 / (m if sign > 0 else 1 - m)) * (value - m)
            highest = max(highest, capital)
            running_sum += value
            running_square += (value - running_sum / (i + 1)) ** 2
            var = running_square / (i + 1)
        return highest

    assert highest_capital(low, 1.0) == pytest.approx(40, rel=1e-6)
    assert highest_capital(high, -1.0) == pytest.approx(40, rel=1e-6)
    assert low < x.mean() < high
    bernstein = empirical_bernstein_sequence(x)
    assert high - low < bernstein[1][-1] - bernstein[0][-1]


def test_streams_keep_their_shape_and_scale() -> None:
    x = np.random.default_rng(2).random((3, 2, 50))
    low, high = betting_sequence(x)
    assert low.shape == high.shape == (3, 2)
    assert_allclose(betting_sequence(x[1, 0])[0], low[1, 0], atol=1e-12)
    scaled = betting_sequence(10 + 5 * x, lower=10, upper=15)
    assert_allclose(scaled, (10 + 5 * low, 10 + 5 * high), atol=1e-9)
    path = empirical_bernstein_sequence(x)
    assert path[0].shape == x.shape
    assert (np.diff(path[0]) >= 0).all()
    assert (np.diff(path[1]) <= 0).all()
    difference = betting_difference_sequence(x[0], x[1])
    assert difference[0].shape == (2,)
    assert (difference[0] < difference[1]).all()


def test_streams_at_the_edge() -> None:
    assert [float(v) for v in betting_sequence([])] == [0.0, 1.0]
    low, high = betting_sequence(np.zeros(500))
    assert low == 0
    assert 0 < high < 0.02
    low, high = betting_sequence(np.ones(500))
    assert 0.98 < low < 1
    assert high == 1
    for bad in ([0.2, 1.2], [np.nan], [-0.1]):
        with pytest.raises(UsageError, match="within the bounds"):
            betting_sequence(bad)
    with pytest.raises(UsageError, match="in order"):
        betting_sequence([0.5], lower=1.0, upper=0.0)


def test_a_hundred_million_units_keep_their_digits() -> None:
    """Against Laplace's approximation of the averaged likelihood ratio at the truth."""
    n, p = 10**8, 0.3
    laplace = stats.beta.logpdf(p, 0.5, 0.5) + 0.5 * np.log(2 * np.pi * p * (1 - p) / n)
    assert float(rate_log_e_value(p * n, n, p)) == pytest.approx(laplace, abs=1e-5)
