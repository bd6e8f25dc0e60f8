"""Proportions against statsmodels and published values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, test_proportions_2indep

from seatrial.stats.proportions import (
    clopper_pearson,
    miettinen_nurminen_interval,
    miettinen_nurminen_p_value,
    miettinen_nurminen_ratio_interval,
    wilson,
)

test_proportions_2indep.__test__ = False
GRID = [(k, n) for n in (1, 7, 60, 1234) for k in {0, 1, n // 3, n - 1, n}]


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.2])
def test_wilson_and_clopper_pearson(alpha: float) -> None:
    count, n = np.array(GRID).T
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        low, high = ours(count, n, alpha=alpha)
        expected = [proportion_confint(k, m, alpha=alpha, method=method) for k, m in GRID]
        assert_allclose(np.stack([low, high], axis=1), expected, atol=1e-9)


def test_miettinen_nurminen_p_at_zero_and_ratio_interval() -> None:
    rng = np.random.default_rng(0)
    n1, n0 = rng.integers(3, 300, (2, 40))
    x1, x0 = rng.integers(1, n1), rng.integers(1, n0)
    p = miettinen_nurminen_p_value(x1, n1, x0, n0)
    low, high = miettinen_nurminen_ratio_interval(x1, n1, x0, n0)
    for k in range(40):
        counts = x1[k], n1[k], x0[k], n0[k]
        reference = test_proportions_2indep(*counts, method="score", compare="diff", correction=True)
        assert p[k] == pytest.approx(reference.pvalue, abs=1e-9)
        limits = confint_proportions_2indep(*counts, method="score", compare="ratio", correction=True)
        assert_allclose(np.log([low[k], high[k]]), np.log(limits), atol=1e-7)  # brentq's own tolerance there


def test_miettinen_nurminen_p_away_from_zero_against_the_likelihood() -> None:
    """statsmodels is no oracle here: its cubic has a wrong coefficient for differences but 0 (its issue 10269)."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        n1, n0 = (int(x) for x in rng.integers(3, 200, 2))
        x1, x0 = int(rng.integers(1, n1)), int(rng.integers(1, n0))
        null = float(rng.uniform(-0.7, 0.7))

        def slope(p: float, x1=x1, n1=n1, x0=x0, n0=n0, null=null) -> float:
            return x1 / (p + null) - (n1 - x1) / (1 - p - null) + x0 / p - (n0 - x0) / (1 - p)

        edge = 1e-13
        p0 = optimize.brentq(slope, max(0, -null) + edge, min(1, 1 - null) - edge, xtol=1e-15)
        p1, whole = p0 + null, n1 + n0
        variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * whole / (whole - 1)
        z = (x1 / n1 - x0 / n0 - null) / np.sqrt(variance)
        assert miettinen_nurminen_p_value(x1, n1, x0, n0, null) == pytest.approx(
            2 * norm.sf(abs(z)), rel=1e-7, abs=1e-12
        )


def test_published_miettinen_nurminen_intervals() -> None:
    """Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017), chapter 4, by their R package.

    CHRNA4 and XFS (Ritland 2007): 0/16 against 15/72; two doses of epinephrine (Perondi 2004): 7/34 against 1/34.
    """
    assert_allclose(miettinen_nurminen_interval(0, 16, 15, 72), (-0.3164, -0.0056), atol=5e-5)
    assert_allclose(miettinen_nurminen_ratio_interval(7, 34, 1, 34), (1.2086, 43.0330), atol=5e-5)
