"""Quantiles per slice: refusals, ties, missing values, influences."""

import numpy as np
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.stats.quantiles import (
    SortedValues,
    clustered_quantile_variance,
    grouped_quantiles,
    order_statistic_ranks,
    quantile_influence,
    rows_short_of_quantile,
)

Z2 = 1.959963984540054**2


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.99, 0.01])
def test_a_quantile_is_refused_exactly_up_to_the_rows_it_needs(probability):
    odds = max(probability / (1 - probability), (1 - probability) / probability)
    need = int(rows_short_of_quantile(0, probability))
    assert need > Z2 * odds
    sizes = np.arange(1, need + 50)
    low, high = order_statistic_ranks(sizes, probability)
    bounded = (low >= 1) & (high <= sizes) & (sizes > Z2 * odds)
    assert bounded.tolist() == (sizes >= need).tolist()
    assert (rows_short_of_quantile(sizes, probability) == 0).tolist() == bounded.tolist()


def test_refused_slices_say_how_many_rows_they_need():
    values = np.random.default_rng(0).normal(size=1000)
    codes = np.repeat([0, 1], [900, 100])
    table = grouped_quantiles(values, codes, 3, (0.5, 0.99))
    assert table.reasons[0] == (None, None)
    assert table.reasons[1][0] is None
    assert table.reasons[1][1] == "100 rows are too few for the 0.99 quantile (at least 381 are needed)"
    assert table.reasons[2][0] == "0 rows are too few for the 0.5 quantile (at least 6 are needed)"
    assert np.isnan(table.value[1, 1])
    assert np.isnan(table.value[2]).all()
    assert table.n.tolist() == [900, 100, 0]


def test_ties_give_a_value_but_no_interval():
    table = grouped_quantiles([1.0] * 100 + [2.0] * 3, [0] * 103, 1, (0.5,))
    assert table.value[0, 0] == 1
    assert np.isnan([table.low[0, 0], table.high[0, 0]]).all()
    assert "no width" in str(table.reasons[0][0])
    with pytest.raises(DataError, match="no width"):
        quantile_influence([1.0] * 100, 0.5)


def test_missing_values_and_rows_in_no_slice_are_left_out():
    values = np.arange(200.0)
    values[::2] = np.nan
    codes = np.zeros(200, int)
    codes[150:] = -1
    kept = values[:150][~np.isnan(values[:150])]
    source = SortedValues(values)
    table = grouped_quantiles(source, codes, 1, (0.5,))
    assert (source.missing, table.n[0]) == (100, 75)
    assert table.value[0, 0] == np.quantile(kept, 0.5)


def test_a_lower_alpha_widens():
    values = np.random.default_rng(0).normal(size=2000)
    narrow, wide = (grouped_quantiles(values, np.zeros(2000, int), 1, (0.9,), alpha=a) for a in (0.1, 0.01))
    assert wide.low[0, 0] < narrow.low[0, 0] < narrow.value[0, 0] < narrow.high[0, 0] < wide.high[0, 0]
    assert narrow.standard_error[0, 0] == pytest.approx(wide.standard_error[0, 0], rel=0.3)


def test_influence_gives_the_standard_error_of_its_limits():
    values = np.random.default_rng(0).lognormal(size=2999)
    for probability in (0.5, 0.95):
        found = quantile_influence(values, probability)
        assert found.psi.sum() == pytest.approx(0, abs=1e-6)
        error = np.sqrt(found.psi @ found.psi / (2999 * 2998))
        assert error == pytest.approx((found.high - found.low) / (2 * np.sqrt(Z2)), rel=1e-3)
        assert found.psi[values > found.value].min() > 0 > found.psi[values < found.value].max()


def test_clusters_of_influences_are_the_vendors_formula_the_right_way_up():
    """The cluster-robust variance of the influences is the i.i.d. variance times Var_cluster(I) / (nu (1 - nu) / n)."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(100), 20)
    values = np.repeat(rng.normal(size=100), 20) + rng.normal(size=2000)
    found = quantile_influence(values, 0.5)

    def clustered(rows):
        totals = np.bincount(cluster, weights=rows - rows.mean())
        return totals @ totals * 100 / 99 / 2000**2

    independent = ((found.high - found.low) / (2 * np.sqrt(Z2))) ** 2
    inflated = clustered_quantile_variance(independent, clustered((values <= found.value).astype(float)), 2000, 0.5)
    assert inflated == pytest.approx(clustered(found.psi), rel=1e-9)
    assert inflated > 3 * independent


def test_what_is_refused():
    with pytest.raises(UsageError, match="strictly between"):
        grouped_quantiles([1, 2], [0, 0], 1, (1.0,))
    with pytest.raises(UsageError, match="alpha"):
        grouped_quantiles([1, 2], [0, 0], 1, (0.5,), alpha=0)
    with pytest.raises(DataError, match="number in every row"):
        quantile_influence([1, np.nan], 0.5)
    with pytest.raises(DataError, match="too few"):
        quantile_influence([1, 2], 0.5)
