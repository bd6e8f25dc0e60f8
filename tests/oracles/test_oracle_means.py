"""Paired and independent means, clusters of equal size, against SciPy's t tests and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import stats

from seatrial.stats.clusters import cluster_variance
from seatrial.stats.means import IndependentMeans, PairedMeans


def test_paired_t() -> None:
    rng = np.random.default_rng(0)
    baseline = rng.gamma(2, 5, 23)
    candidate = baseline + rng.normal(0.4, 1, 23)
    change = candidate - baseline
    ours = PairedMeans(
        baseline=np.array([baseline.mean()]),
        difference=np.array([change.mean()]),
        var_difference=np.array([change.var(ddof=1) / 23]),
        var_baseline=np.array([baseline.var(ddof=1) / 23]),
        cov_baseline_difference=np.array([np.cov(baseline, change)[0, 1] / 23]),
        df=np.array([22.0]),
        n=np.array([23]),
        reasons=(None,),
        method="paired t",
        identical=np.array([False]),
    )
    reference = stats.ttest_rel(candidate, baseline)
    interval = reference.confidence_interval(0.99)
    assert_allclose(np.ravel(ours.interval(0.01)), [interval.low, interval.high], rtol=1e-9)
    assert ours.p_value()[0] == pytest.approx(reference.pvalue, rel=1e-9)
    scaled = stats.ttest_rel(candidate, 0.9 * baseline)
    assert ours.against(0.9).p_value()[0] == pytest.approx(scaled.pvalue, rel=1e-9)
    shifted = stats.ttest_1samp(change, -0.3)
    assert ours.p_value(-0.3)[0] == pytest.approx(shifted.pvalue, rel=1e-9)


def test_welch() -> None:
    rng = np.random.default_rng(1)
    candidate, baseline = rng.normal(3, 1, 14), rng.normal(2, 4, 9)
    ours = IndependentMeans(
        candidate=np.array([candidate.mean()]),
        baseline=np.array([baseline.mean()]),
        var_candidate=np.array([candidate.var(ddof=1) / 14]),
        var_baseline=np.array([baseline.var(ddof=1) / 9]),
        df_candidate=np.array([13.0]),
        df_baseline=np.array([8.0]),
        reasons=(None,),
    )
    reference = stats.ttest_ind(candidate, baseline, equal_var=False)
    interval = reference.confidence_interval(0.95)
    assert ours.df[0] == pytest.approx(reference.df, rel=1e-9)
    assert_allclose(np.ravel(ours.interval(0.05)), [interval.low, interval.high], rtol=1e-9)
    scaled = stats.ttest_ind(candidate, 1.1 * baseline, equal_var=False)
    assert ours.against(1.1).p_value()[0] == pytest.approx(scaled.pvalue, rel=1e-9)


def test_equal_clusters_are_a_t_test_on_their_means() -> None:
    values = np.random.default_rng(2).normal(size=(12, 7)) + np.random.default_rng(3).normal(size=(12, 1))
    totals = (values - values.mean()).sum(axis=1)
    ours = cluster_variance(totals, np.full(12, 7), np.zeros(12, dtype=int), 1)
    reference = stats.ttest_1samp(values.mean(axis=1), 0.0)
    assert ours.df[0] == pytest.approx(reference.df, rel=1e-9)
    assert values.mean() / np.sqrt(ours.variance[0]) == pytest.approx(reference.statistic, rel=1e-9)


def test_without_leverage_adjustment_it_is_statsmodels_cluster_covariance() -> None:
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 30, 40)
    cluster = np.repeat(np.arange(40), sizes)
    values = rng.normal(size=sizes.sum())
    fitted = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    totals = np.bincount(cluster, weights=values - values.mean())
    rest = 1 - sizes / sizes.sum()
    ours = cluster_variance(totals * np.sqrt(rest), sizes, np.zeros(40, dtype=int), 1)
    assert ours.variance[0] == pytest.approx(fitted.cov_params()[0, 0], rel=1e-9)
