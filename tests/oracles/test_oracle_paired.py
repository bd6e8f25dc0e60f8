"""Paired proportions against published values, statsmodels and the likelihood itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize
from scipy.stats import binom, norm
from statsmodels.stats.contingency_tables import mcnemar

from seatrial.stats.paired import mcnemar_midp, tango_interval, tango_p_value
from seatrial.stats.ratios import paired_ratio_interval, paired_ratio_p_value


def test_published_complete_response_before_and_after_consolidation() -> None:
    """Cavo et al. 2012 in Fagerland, Lydersen and Laake (2017), chapter 8, as their R package prints: 59, 6, 16, 80."""
    assert_allclose(tango_interval(6, 16, 161), (-0.1240, -0.0054), atol=5e-5)
    assert_allclose(paired_ratio_interval(6, 16, 59), (0.7476, 0.9876), atol=5e-5)
    assert mcnemar_midp(6, 16) == pytest.approx(0.034690, abs=5e-7)


def restricted(b: int, c: int, a: int, d: int, ratio: float | None, null: float) -> float:
    """Score z of candidate - baseline = null, or with a ratio of candidate = ratio * baseline, by likelihood."""
    n = a + b + c + d

    if ratio is None:

        def up(q: float) -> float:
            return q + null

        low, high = max(0.0, -null), (1 - null) / 2
        # concordant rows share what is left, whichever way they split

        def slope(q: float) -> float:
            return b / up(q) + c / q - 2 * (a + d) / (1 - up(q) - q)

        q = optimize.brentq(slope, low + 1e-13, high - 1e-13, xtol=1e-15)
        return float((b - c - n * null) / np.sqrt(n * (up(q) + q - null**2)))

    whole = a + b + c  # rows with no event in either version do not move the ratio; their share is d/n

    def cells(q: float) -> tuple[float, float]:
        both = (whole / n - (1 + ratio) * q) / ratio
        return both, whole / n - both - q

    def slope(q: float) -> float:
        both, up = cells(q)
        return a / both * -(1 + ratio) / ratio + b / up / ratio + c / q

    low, high = max(0.0, (1 - ratio) * whole / n), whole / n / (1 + ratio)
    q = optimize.brentq(slope, low + 1e-13, high - 1e-13, xtol=1e-15)
    both, up = cells(q)
    rows = a + b - ratio * (a + c)
    return float(rows / np.sqrt(n * (both * (1 - ratio) ** 2 + up + ratio**2 * q)))


def test_score_statistics_against_the_maximised_likelihood() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        b, c, a, d = (int(x) for x in rng.integers(1, 40, 4))
        null, ratio = float(rng.uniform(-0.6, 0.6)), float(rng.uniform(0.4, 2.5))
        z = restricted(b, c, a, d, None, null)
        assert tango_p_value(b, c, a + b + c + d, null) == pytest.approx(2 * norm.sf(abs(z)), rel=1e-7, abs=1e-13)
        z = restricted(b, c, a, d, ratio, 0.0)
        assert paired_ratio_p_value(b, c, a, ratio) == pytest.approx(2 * norm.sf(abs(z)), rel=1e-7, abs=1e-13)


def test_ratio_limits_solve_their_equation_and_mirror() -> None:
    rng = np.random.default_rng(1)
    b, c, a = rng.integers(0, 30, (3, 50)) + np.array([[0], [0], [1]])
    low, high = paired_ratio_interval(b, c, a)
    _, other_high = paired_ratio_interval(c, b, a)
    assert_allclose(low * other_high, 1.0, rtol=1e-12)
    assert_allclose(paired_ratio_p_value(b, c, a, low), 0.05, atol=1e-9)
    assert_allclose(paired_ratio_p_value(b, c, a, high), 0.05, atol=1e-9)


def test_midp_is_the_exact_p_less_one_point() -> None:
    for b, c in [(3, 9), (0, 4), (20, 31), (400, 350)]:
        exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue
        assert mcnemar_midp(b, c) == pytest.approx(exact - binom.pmf(min(b, c), b + c, 0.5), abs=1e-9)


def test_p_at_zero_is_mcnemars_chi_square_without_correction() -> None:
    for b, c in [(3, 9), (20, 31), (400, 350)]:
        expected = mcnemar([[100, b], [c, 50]], exact=False, correction=False).pvalue
        assert tango_p_value(b, c, b + c + 150) == pytest.approx(expected, rel=1e-9)
