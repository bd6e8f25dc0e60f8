"""Sorted scans of AUC and average precision: slices, ties, blocks, missing rows, edges; influences add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from seatrial.errors import DataError, UsageError
from seatrial.stats import sorted_scores
from seatrial.stats.auc_histogram import histogram_auc
from seatrial.stats.auc_small import (
    _stretches,
    auc_bootstrap,
    auc_bound_at_edge,
    few_rows_interval,
    newcombe_interval,
    paired_auc_bootstrap,
)
from seatrial.stats.average_precision import (
    average_precision_influence,
    grouped_average_precision,
    grouped_average_precision_influence,
)
from seatrial.stats.ranks import (
    auc_covariance,
    auc_has_few_rows,
    auc_influence,
    grouped_auc,
    grouped_auc_influence,
    grouped_influence_covariance,
    grouped_paired_auc,
    logit_interval,
    paired_auc,
    spearman_influence,
)
from seatrial.stats.sorted_scores import SortedScores


@pytest.fixture(params=[1 << 16, 5, 1], ids=["one block", "blocks of 5 rows", "blocks of a run"])
def block(request, monkeypatch):
    monkeypatch.setattr(sorted_scores, "BLOCK_ROWS", request.param)


def table_rows(seed=0, n=700, slices=7, decimals=1):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n).round(decimals)
    label = rng.random(n) < 1 / (1 + np.exp(-score))
    return score, label, rng.integers(-1, slices, n), rng.uniform(0.1, 2, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("measure", [grouped_auc_influence, grouped_average_precision_influence])
def test_a_slice_is_what_its_rows_alone_give(block, measure, weighted):
    score, label, codes, weight = table_rows()
    w = weight if weighted else None
    table, psi = measure(SortedScores(score, label, w).by(codes, 7))
    assert np.isnan(psi[codes == -1]).all()
    for k in range(7):
        there = codes == k
        alone, psi_alone = measure(SortedScores(score[there], label[there], None if w is None else w[there]).whole())
        assert table.value[k] == pytest.approx(alone.value[0], abs=1e-12)
        assert table.variance[k] == pytest.approx(alone.variance[0], rel=1e-9)
        assert table.df[k] == pytest.approx(alone.df[0], rel=1e-9)
        assert psi[there] == pytest.approx(psi_alone, abs=1e-9)
        assert psi[there].sum() == pytest.approx(0, abs=1e-9)
        assert (table.n_pos[k], table.n_neg[k]) == (label[there].sum(), (~label[there]).sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_variance_is_the_sum_of_squared_influences(block, weighted):
    score, label, codes, weight = table_rows()
    order = SortedScores(score, label, weight if weighted else None).by(codes, 7)
    (auc, psi), (precision, psi_precision) = grouped_auc_influence(order), grouped_average_precision_influence(order)
    precision_variance = grouped_influence_covariance(psi_precision, psi_precision, codes, 7)
    assert precision.variance == pytest.approx(precision_variance, rel=1e-9)
    for k in range(7):
        there = codes == k
        assert auc.variance[k] == pytest.approx(auc_covariance(psi[there], label[there])[0, 0], rel=1e-9)


def test_equal_weights_change_nothing():
    score, label, codes, _ = table_rows()
    for measure in (grouped_auc, grouped_average_precision):
        plain = measure(SortedScores(score, label).by(codes, 7))
        weighted = measure(SortedScores(score, label, np.full(700, 3.7)).by(codes, 7))
        for name in ("value", "variance", "df"):
            assert getattr(weighted, name) == pytest.approx(getattr(plain, name), rel=1e-9)


def test_paired_slices_are_paired_rows(block):
    score, label, codes, weight = table_rows()
    other = score + np.random.default_rng(9).normal(size=700).round(1)
    for w in (None, weight):
        found = grouped_paired_auc(
            SortedScores(score, label, w).by(codes, 7), SortedScores(other, label, w).by(codes, 7)
        )
        for k in range(7):
            there = codes == k
            alone = paired_auc(score[there], other[there], label[there], None if w is None else w[there])
            assert found.difference[k] == pytest.approx(alone.difference, abs=1e-12)
            assert np.sqrt(found.variance[k]) == pytest.approx(alone.standard_error, rel=1e-9)
            assert found.df[k] == pytest.approx(alone.df, rel=1e-9)
            assert found.covariance[k] == pytest.approx(alone.covariance[0, 1], rel=1e-8)
            assert tuple(limit[k] for limit in found.interval(0.1)) == pytest.approx(alone.interval(0.1), rel=1e-9)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.integers(-1, 2)), min_size=1, max_size=60))
def test_any_small_table_is_the_count_of_its_pairs(rows):
    score, label, codes = (np.array(part) for part in zip(*rows, strict=True))
    table = grouped_auc(SortedScores(score, label).by(codes, 3))
    for k in range(3):
        x, y = score[(codes == k) & label], score[(codes == k) & ~label]
        if len(x) and len(y):
            pairs = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
            assert table.value[k] == pytest.approx(pairs.mean(), abs=1e-12)
        else:
            assert np.isnan(table.value[k])


def test_order_of_rows_and_scale_of_scores_do_not_matter():
    score, label, codes, _ = table_rows(decimals=3)
    shuffled = np.random.default_rng(1).permutation(700)
    want = grouped_auc(SortedScores(score, label).by(codes, 7))
    moved = grouped_auc(SortedScores(np.exp(score)[shuffled], label[shuffled]).by(codes[shuffled], 7))
    assert moved.value.tolist() == want.value.tolist()
    assert moved.variance.tolist() == want.variance.tolist()
    mirrored = grouped_auc(SortedScores(-score, label).by(codes, 7))
    assert mirrored.value == pytest.approx(1 - want.value, abs=1e-12)
    assert mirrored.variance == pytest.approx(want.variance, rel=1e-9)


def test_rows_that_lack_something_are_left_out_and_counted():
    score = [0.1, np.nan, 0.3, 0.4, 0.5, 0.9]
    label = [0, 1, np.nan, 1, 0, 1]
    rows = SortedScores(score, label, [1, 1, 1, 1, 1, 0])
    assert (rows.n_rows, rows.n, rows.missing) == (6, 3, 3)
    table, psi = grouped_auc_influence(rows.whole())
    assert table.value[0] == 0.5
    assert np.isnan(psi).tolist() == [False, True, True, False, False, True]
    assert SortedScores([1, 2], [-1, 1]).missing == 1
    assert SortedScores([np.inf, -np.inf, 0.0], [1, 0, 1]).n == 3


@pytest.mark.parametrize("slices", [1, 2, 255, 256, 65_535, 65_536, 200_000])
def test_any_number_of_slices(slices):
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, slices, 3000)
    codes[:4] = slices - 1
    score, label = rng.normal(size=3000), rng.random(3000) < 0.5
    score[:4], label[:4] = [5, 6, 7, 8], [False, True, False, True]
    table = grouped_auc(SortedScores(score, label).by(codes, slices))
    inside = codes[codes >= 0]
    assert (table.n_pos + table.n_neg).tolist() == np.bincount(inside, minlength=slices).tolist()
    assert table.n_pos.tolist() == np.bincount(codes[label & (codes >= 0)], minlength=slices).tolist()
    if slices > 255:
        there = codes == slices - 1
        assert table.value[-1] == grouped_auc(SortedScores(score[there], label[there]).whole()).value[0]


def test_no_value_is_a_reason():
    codes = [0, 0, 1, 1, 2, 2, 2, 4, 4, 4, 4]
    score = [1, 2, 1, 2, 1, 2, 3, 1, 2, 3, 4]
    label = [0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1]
    order = SortedScores(score, label).by(codes, 5)
    table = grouped_auc(order)
    assert np.isnan(table.value).tolist() == [True, True, False, True, False]
    assert table.reasons == (
        "no positive labels",
        "no negative labels",
        "one row of a class has no variance",
        "no rows",
        None,
    )
    assert np.isnan(table.interval(0.05)[0]).tolist() == [True, True, True, True, False]
    precision = grouped_average_precision(order)
    assert precision.reasons[0] == "no positive labels"
    assert precision.value[1] == 1
    assert "standard error is 0" in str(precision.reasons[1])


@pytest.mark.parametrize("weight", [None, np.array([0.1, 0.7, 0.3, 0.9, 0.2, 0.6])])
@pytest.mark.parametrize("side", [1, -1])
def test_perfect_order_is_exactly_zero_or_one_and_has_no_interval(weight, side):
    table = grouped_auc(SortedScores(side * np.arange(6.0), [0, 0, 0, 1, 1, 1], weight).whole())
    assert table.value[0] == (1 if side > 0 else 0)
    assert table.variance[0] == 0
    assert np.isnan(table.interval(0.05)).all()
    assert "standard error is 0" in str(table.reasons[0])


def test_empty_tables():
    empty = SortedScores([], [])
    assert grouped_auc(empty.by(np.zeros(0, int), 3)).reasons == ("no rows",) * 3
    assert np.isnan(grouped_average_precision(empty.by(np.zeros(0, int), 3)).value).all()
    outside = SortedScores([1.0, 2.0], [0, 1]).by([-1, -1], 2)
    assert grouped_auc(outside).n_pos.tolist() == [0, 0]


def test_ten_million_pairs_of_counts_do_not_overflow():
    label = np.repeat([0, 1], 300_000)
    table = grouped_auc(SortedScores(np.zeros(600_000), label).whole())
    assert table.value[0] == 0.5
    assert table.variance[0] == 0


def test_what_is_refused():
    with pytest.raises(DataError, match=r"label must be 0 or 1, got .*2"):
        SortedScores([1, 2], [0, 2])
    with pytest.raises(DataError, match="one label per row"):
        SortedScores([1, 2], [0])
    with pytest.raises(DataError, match="boolean"):
        SortedScores([1, 2], ["no", "yes"])
    with pytest.raises(DataError, match="score must be numbers"):
        SortedScores(["a", "b"], [0, 1])
    with pytest.raises(DataError, match="not negative"):
        SortedScores([1, 2], [0, 1], [1, -1])
    rows = SortedScores([1, 2], [0, 1])
    for codes, message in (([0, 3], r"-1\.\.2"), ([0, -2], r"-1\.\.2"), ([0.0, 1.0], "integers"), ([0], "2 rows")):
        with pytest.raises(UsageError, match=message):
            rows.by(codes, 3)
    with pytest.raises(DataError, match="no negative labels"):
        auc_influence([1, 2], [1, 1])
    with pytest.raises(DataError, match="no positive labels"):
        average_precision_influence([1, 2], [0, 0])
    with pytest.raises(DataError, match="1 rows lack"):
        auc_influence([1, 2, np.nan], [1, 0, 1])
    with pytest.raises(DataError, match="same rows"):
        grouped_paired_auc(rows.whole(), SortedScores([1, np.nan], [0, 1]).whole())
    with pytest.raises(DataError, match="same rows"):
        grouped_paired_auc(rows.by([0, 1], 2), rows.by([0, 0], 2))
    with pytest.raises(DataError, match="constant"):
        spearman_influence([1, 1, 1], [1, 2, 3])
    with pytest.raises(DataError, match="three rows"):
        spearman_influence([1, 1], [1, 2])
    with pytest.raises(DataError, match="number in every row"):
        spearman_influence([1, np.nan, 2], [1, 2, 3])


def test_identical_scores_have_no_paired_interval():
    score, label, _, _ = table_rows()
    found = paired_auc(score, score, label)
    assert (found.difference, found.standard_error) == (0, 0)
    assert np.isnan(found.interval(0.05)).all()
    order = SortedScores(score, label).whole()
    assert np.isnan(grouped_paired_auc(order, order).interval(0.05)).all()


def test_logit_limits_stay_inside_and_widen_with_fewer_degrees_of_freedom():
    low, high = logit_interval([0.99, 0.5, 1.0, 0.0, 0.7], [0.01, 0.0, 0.1, 0.1, 0.01])
    assert 0 < low[0] < 0.99 < high[0] < 1
    assert np.isnan(low[1:4]).all()
    few = logit_interval(0.7, 0.01, df=5)
    assert few[0] < low[4] < 0.7 < high[4] < few[1]


def test_newcombe_limits_solve_hanley_and_mcneils_variance():
    """The score equation by the variance as Hanley and McNeil (1982) write it, sizes averaged in its numerator."""
    value, n1, n0 = np.array([0.6, 0.9, 0.99]), 12, 30
    half = (n1 + n0) / 2
    for limit in newcombe_interval(value, [n1] * 3, [n0] * 3):
        q1, q2 = limit / (2 - limit), 2 * limit**2 / (1 + limit)
        variance = (limit * (1 - limit) + (half - 1) * (q1 + q2 - 2 * limit**2)) / (n1 * n0)
        assert np.abs(value - limit) == pytest.approx(1.959963984540054 * np.sqrt(variance), rel=1e-9)


def test_limits_of_few_rows_hold_both_kinds():
    order = SortedScores([1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 1, 0, 1, 0, 1, 1]).whole()
    table = grouped_auc(order)
    low, high = few_rows_interval(table)
    for other in (table.interval(0.05), newcombe_interval(table.value, table.n_pos, table.n_neg)):
        assert low[0] <= other[0][0]
        assert high[0] >= other[1][0]


def test_where_rows_are_few():
    assert auc_has_few_rows([0.8, 0.8, 0.96, 0.96], [19, 20, 99, 100], [500] * 4).tolist() == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("n_pos", "n_neg"), [(1, 1), (10, 400), (400, 10)])
def test_bound_at_the_edge_is_that_of_independent_pairs(n_pos, n_neg):
    pairs = min(n_pos, n_neg)
    want = binomtest(pairs, pairs).proportion_ci(method="exact")
    top, bottom = auc_bound_at_edge(1.0, n_pos, n_neg), auc_bound_at_edge(0.0, n_pos, n_neg)
    assert (top.low, top.high) == pytest.approx((want.low, 1.0), abs=1e-9)
    assert (bottom.low, bottom.high) == pytest.approx((0.0, 1 - want.low), abs=1e-9)
    assert "above every negative" in top.reason
    with pytest.raises(UsageError, match="exactly 0 or 1"):
        auc_bound_at_edge(0.5, n_pos, n_neg)
    with pytest.raises(DataError, match="both classes"):
        auc_bound_at_edge(1.0, 0, 5)


def test_bootstrap_draws_are_aucs_of_stratified_resamples():
    """Same mean and spread as resampling rows one by one, on tied scores of unequal classes."""
    rng = np.random.default_rng(0)
    label = np.repeat([1, 0], [12, 60])
    a = (rng.normal(size=72) + label).round(1)
    b = (a + rng.normal(size=72)).round(1)
    plain = np.empty((3000, 2))
    for draw in range(3000):
        x, y = rng.integers(0, 12, 12), rng.integers(12, 72, 60)
        for k, s in enumerate((a, b)):
            plain[draw, k] = ((s[x][:, None] > s[y]) + 0.5 * (s[x][:, None] == s[y])).mean()
    drawn = paired_auc_bootstrap(a, b, label, draws=3000, seed=1)
    error = plain.std(axis=0) / np.sqrt(1500)
    assert (np.abs(drawn.mean(axis=0) - plain.mean(axis=0)) < 4 * error).all()
    assert np.cov(drawn.T) == pytest.approx(np.cov(plain.T), rel=0.15)
    assert (paired_auc_bootstrap(a, a, label, draws=50, seed=2) @ [1, -1] == 0).all()
    assert auc_bootstrap(a, label, draws=50, seed=3).tolist() == auc_bootstrap(a, label, draws=50, seed=3).tolist()
    with pytest.raises(DataError, match="no positive"):
        auc_bootstrap([1, 2], [0, 0])


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_stretches_keep_every_comparison_of_the_classes(rows):
    score, label = (np.array(part) for part in zip(*rows, strict=True))
    place, places = _stretches(score.astype(float), label.astype(np.uint8))
    assert places == place.max() + 1
    of_scores, of_places = (np.sign(x[label][:, None] - x[~label][None, :]) for x in (score, place))
    assert of_scores.tolist() == of_places.tolist()


def test_degrees_of_freedom_are_satterthwaites_cut_by_the_kurtosis_of_placements():
    rng = np.random.default_rng(0)
    label = np.repeat([True, False], [25, 60])
    for distance in (0.2, 1.0, 2.5, -2.5):
        score = rng.normal(size=85) + distance * label
        table = grouped_auc(SortedScores(score, label).whole())
        value = table.value[0]
        kernel = score[label][:, None] > score[~label][None, :]
        v1, v0 = kernel.mean(axis=1).var(ddof=1) / 25, kernel.mean(axis=0).var(ddof=1) / 60
        satterthwaite = (v1 + v0) ** 2 / (v1**2 / 24 + v0**2 / 59)
        larger = max(value, 1 - value)
        kurtosis = 3 + float(beta.stats(larger / (1 - larger), 1, moments="k"))
        assert table.df[0] == pytest.approx(satterthwaite * min(1.0, 2 / (kurtosis - 1)), rel=1e-9)


def test_histograms_of_slices_without_a_class_have_no_value():
    found = histogram_auc([[1, 2], [0, 0]], [[2, 1], [3, 4]])
    assert found.value[0] == pytest.approx((1 * 1 + 2 * 2 + 2 * 0.5 + 0) / 9)
    assert np.isnan(found.value[1])
    with pytest.raises(DataError, match="one shape"):
        histogram_auc([[1, 2]], [[1]])
    with pytest.raises(DataError, match="negative"):
        histogram_auc([[1, -2]], [[1, 1]])
