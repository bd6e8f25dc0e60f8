"""Quantiles against NumPy, the ranks of their limits against SciPy's binomial."""

import numpy as np
import pytest
from scipy import stats

from seatrial.stats.quantiles import clustered_quantile_variance, grouped_quantiles, order_statistic_ranks


@pytest.mark.parametrize("decimals", [8, 1])
def test_values_are_numpys_to_the_last_bit(decimals):
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=30_000).round(decimals)
    codes = rng.integers(-1, 7, 30_000)
    probabilities = (0.05, 0.5, 0.9, 0.95, 0.99)
    table = grouped_quantiles(values, codes, 7, probabilities)
    for k in range(7):
        assert table.value[k].tolist() == np.quantile(values[codes == k], probabilities).tolist()
        assert table.n[k] == (codes == k).sum()


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 7, 100, 1000, 12345])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_ranks_are_the_tightest_that_the_binomial_allows(probability, n, alpha):
    low, high = (int(rank) for rank in order_statistic_ranks(n, probability, alpha))
    binomial = stats.binom(n, probability)
    assert low == 0 or binomial.cdf(low - 1) <= alpha / 2
    assert binomial.cdf(low) > alpha / 2
    assert high == n + 1 or binomial.sf(high - 1) <= alpha / 2
    assert binomial.sf(high - 2) > alpha / 2


def test_limits_are_those_order_statistics():
    values = np.random.default_rng(1).normal(size=501)
    table = grouped_quantiles(values, np.zeros(501, int), 1, (0.9,))
    low, high = order_statistic_ranks(501, 0.9)
    assert (table.low[0, 0], table.high[0, 0]) == (np.sort(values)[low - 1], np.sort(values)[high - 1])


def test_ten_million_rows_have_ranks():
    low, high = order_statistic_ranks(10_000_000, 0.99)
    assert stats.binom.cdf(low - 1, 10_000_000, 0.99) <= 0.025 < stats.binom.cdf(low, 10_000_000, 0.99)
    assert stats.binom.sf(high - 1, 10_000_000, 0.99) <= 0.025 < stats.binom.sf(high - 2, 10_000_000, 0.99)


def test_copies_within_clusters_cost_what_the_copies_are():
    """Every row ten times: the variance of a quantile must be that of the single rows, ten times the naive one."""
    assert clustered_quantile_variance(1.0, 0.25 / 100, 1000, 0.5) == pytest.approx(10.0)
