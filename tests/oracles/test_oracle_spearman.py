"""Spearman's rho against SciPy; its influences against central differences of a definition over all pairs."""

import numpy as np
import pytest
from scipy import stats

from seatrial.stats.ranks import spearman_influence


def rho(x, y, w):
    """Correlation of mid-distribution values under weights, looking at every pair."""
    w = w / w.sum()
    u, v = (((z[None, :] < z[:, None]) + 0.5 * (z[None, :] == z[:, None])) @ w for z in (x, y))
    u, v = u - w @ u, v - w @ v
    return (w @ (u * v)) / np.sqrt((w @ u**2) * (w @ v**2))


@pytest.mark.parametrize("decimals", [3, 0])
def test_rho_is_scipys(decimals):
    rng = np.random.default_rng(0)
    x = rng.normal(size=500).round(decimals)
    y = (x + rng.normal(size=500)).round(decimals)
    assert spearman_influence(x, y)[0] == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)
    assert spearman_influence(x, -x)[0] == -1


@pytest.mark.parametrize("decimals", [3, 0])
@pytest.mark.parametrize("weighted", [False, True])
def test_influence_is_the_slope_in_the_rows_weight(decimals, weighted):
    rng = np.random.default_rng(1)
    x = rng.normal(size=50).round(decimals)
    y = (x + rng.normal(size=50)).round(decimals)
    w = rng.uniform(0.3, 2, 50) if weighted else np.ones(50)
    value, psi = spearman_influence(x, y, w if weighted else None)
    assert value == pytest.approx(rho(x, y, w), abs=1e-12)
    assert psi.sum() == pytest.approx(0, abs=1e-10)
    step = 1e-5
    for i in range(50):
        up, down = w.copy(), w.copy()
        up[i] += step
        down[i] -= step
        assert psi[i] == pytest.approx(50 * w[i] * (rho(x, y, up) - rho(x, y, down)) / (2 * step), abs=1e-6)
