"""CR2 and Bell-McCaffrey in closed form against the matrices they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from seatrial.errors import UsageError
from seatrial.stats.clusters import cluster_covariance, cluster_variance


def by_matrices(values: NDArray[np.float64], cluster: NDArray[np.int64]) -> tuple[float, float]:
    """CR2 and Satterthwaite df of the mean, with the hat matrix, symmetric roots and all (Bell and McCaffrey 2002)."""
    n = len(values)
    design = np.ones((n, 1))
    bread = np.linalg.inv(design.T @ design)
    keep = np.eye(n) - design @ bread @ design.T
    residual = keep @ values
    variance, columns = 0.0, []
    for code in np.unique(cluster):
        rows = np.flatnonzero(cluster == code)
        eigenvalues, vectors = np.linalg.eigh(keep[np.ix_(rows, rows)])
        root = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        weights = root @ design[rows] @ bread
        variance += float((weights[:, 0] @ residual[rows]) ** 2)
        columns.append(keep[:, rows] @ weights[:, 0])
    stacked = np.stack(columns, axis=1)
    gram = stacked.T @ stacked
    return variance, float(np.trace(gram) ** 2 / np.trace(gram @ gram))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=6, max_size=14), st.integers(0, 10**6))
def test_closed_form_equals_the_matrices(sizes: list[int], seed: int) -> None:
    counts = np.array(sizes)
    if counts.sum() ** 2 / (counts**2).sum() < 5:
        counts = np.maximum(counts, 5)
    cluster = np.repeat(np.arange(len(counts)), counts)
    values = np.random.default_rng(seed).normal(size=counts.sum())
    totals = np.bincount(cluster, weights=values - values.mean())
    found = cluster_variance(totals, counts, np.zeros(len(counts), dtype=int), 1)
    variance, df = by_matrices(values, cluster)
    assert found.reasons == (None,)
    assert found.variance[0] == pytest.approx(variance, rel=1e-9)
    assert found.df[0] == pytest.approx(df, rel=1e-9)


def test_clusters_of_one_row_are_the_plain_variance() -> None:
    values = np.random.default_rng(0).normal(size=37)
    found = cluster_variance(values - values.mean(), np.ones(37), np.zeros(37, dtype=int), 1)
    assert found.variance[0] == pytest.approx(values.var(ddof=1) / 37)
    assert found.df[0] == pytest.approx(36)
    assert found.effective_clusters[0] == pytest.approx(37)


def test_slices_are_independent_of_each_other() -> None:
    rng = np.random.default_rng(1)
    totals, sizes = rng.normal(size=30), rng.integers(1, 9, 30)
    index = np.repeat([2, 0], [18, 12])
    both = cluster_variance(totals, sizes, index, 4)
    for code in (0, 2):
        rows = index == code
        alone = cluster_variance(totals[rows], sizes[rows], np.zeros(rows.sum(), dtype=int), 1)
        assert both.variance[code] == pytest.approx(alone.variance[0])
        assert both.df[code] == pytest.approx(alone.df[0])
    assert both.reasons[1] == "no rows"
    assert np.isnan(both.variance[[1, 3]]).all()
    assert both.clusters.tolist() == [12, 0, 18, 0]


def test_empty_entries_change_nothing() -> None:
    totals, sizes = np.array([1.0, -2, 3, -1, 0, -1]), np.array([2.0, 1, 3, 1, 2, 2])
    plain = cluster_variance(totals, sizes, np.zeros(6, dtype=int), 1)
    padded = cluster_variance(np.append(totals, 0), np.append(sizes, 0), np.zeros(7, dtype=int), 1)
    assert_allclose(padded.variance, plain.variance)
    assert padded.clusters == plain.clusters == 6


def test_too_few_effective_clusters_are_refused() -> None:
    four = cluster_variance([1, -1, 1, -1], [3, 3, 3, 3], [0] * 4, 1)
    assert four.reasons[0] == "only 4.0 effective clusters (4 in all): at least 5 are needed"
    assert np.isnan(four.variance[0])
    five = cluster_variance([1, -1, 1, -1, 0], [3] * 5, [0] * 5, 1)
    assert five.reasons == (None,)
    giant = cluster_variance(np.zeros(20), np.append(np.ones(19), 1000), [0] * 20, 1)
    assert giant.reasons[0] is not None


def test_covariance_is_the_polarised_variance() -> None:
    rng = np.random.default_rng(2)
    x, y, sizes, index = rng.normal(size=40), rng.normal(size=40), rng.integers(1, 5, 40), np.repeat([0, 1], 20)
    total = cluster_variance(x + y, sizes, index, 2).variance
    apart = cluster_variance(x - y, sizes, index, 2).variance
    assert_allclose(cluster_covariance(x, y, sizes, index, 2), (total - apart) / 4, rtol=1e-9)


def test_scaling_the_sizes_only_scales_the_value() -> None:
    rng = np.random.default_rng(4)
    totals, sizes = rng.normal(size=15), rng.uniform(0.5, 3, 15)
    one = cluster_variance(totals, sizes, [0] * 15, 1)
    ten = cluster_variance(10 * totals, 10 * sizes, [0] * 15, 1)
    assert_allclose([ten.variance, ten.df], [one.variance, one.df])


def test_shapes_and_signs_are_checked() -> None:
    with pytest.raises(UsageError, match="one entry each"):
        cluster_variance([1, 2], [1], [0, 0], 1)
    with pytest.raises(UsageError, match="negative"):
        cluster_variance([1.0], [-1.0], [0], 1)
