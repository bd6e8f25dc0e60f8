"""Means: Student and logit intervals, paired and independent contrasts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import CONSTANT, TOO_FEW, IndependentMeans, PairedMeans, logit_interval, mean_interval


def paired_means(
    baseline: NDArray[np.float64], candidate: NDArray[np.float64], *, identical: bool = False
) -> PairedMeans:
    change, n = candidate - baseline, len(baseline)
    covariance = np.cov(baseline, change) / n
    return PairedMeans(
        baseline=np.array([baseline.mean()]),
        difference=np.array([change.mean()]),
        var_difference=covariance[1:, 1],
        var_baseline=covariance[:1, 0],
        cov_baseline_difference=covariance[:1, 1],
        df=np.array([n - 1.0]),
        n=np.array([n]),
        reasons=(None,),
        method="paired t",
        identical=np.array([identical]),
    )


@pytest.fixture
def sides() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    baseline = rng.gamma(2.0, 10.0, 60)
    return baseline, baseline * 0.97 + rng.normal(0, 2, 60)


def test_relative_contrast_equals_the_test_on_the_rows(
    sides: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    baseline, candidate = sides
    relative = paired_means(baseline, candidate).against(0.95)
    rows = candidate - 0.95 * baseline
    assert relative.difference == pytest.approx(rows.mean())
    assert relative.standard_error == pytest.approx(rows.std(ddof=1) / np.sqrt(60))
    assert "0.95 x baseline" in relative.methods[0]


def test_a_constant_difference_gives_a_reason() -> None:
    baseline = np.arange(10.0)
    contrast = paired_means(baseline, baseline + 0.5)
    assert contrast.reasons == (CONSTANT,)
    assert np.isnan(contrast.interval(0.05)).all()
    assert np.isnan(contrast.p_value()).all()
    assert contrast.against(0.9).reasons == (None,)


def test_identical_columns_are_exactly_nothing() -> None:
    baseline = np.arange(10.0)
    contrast = paired_means(baseline, baseline, identical=True)
    assert contrast.reasons == (None,)
    assert contrast.interval(0.05) == (0.0, 0.0)
    assert (contrast.p_value(0.0)[0], contrast.p_value(0.1)[0]) == (1.0, 0.0)
    low, high = contrast.against(0.9).interval(0.05)
    assert low == high == pytest.approx(0.45)


def test_one_row_gives_a_reason() -> None:
    contrast = IndependentMeans(
        candidate=np.array([1.0, 2.0]),
        baseline=np.array([0.5, 0.5]),
        var_candidate=np.array([np.nan, 0.01]),
        var_baseline=np.array([0.02, 0.02]),
        df_candidate=np.array([0.0, 9.0]),
        df_baseline=np.array([9.0, 9.0]),
        reasons=(None, None),
    )
    assert contrast.reasons[0] is not None
    assert contrast.reasons[1] is None
    assert np.isnan(contrast.interval(0.05)[0][0])
    one = PairedMeans(
        baseline=np.array([1.0]),
        difference=np.array([0.5]),
        var_difference=np.array([0.0]),
        var_baseline=np.array([0.0]),
        cov_baseline_difference=np.array([0.0]),
        df=np.array([0.0]),
        n=np.array([1]),
        reasons=(None,),
        method="paired t",
        identical=np.array([False]),
    )
    assert one.reasons == (TOO_FEW,)


def test_given_reasons_are_kept() -> None:
    contrast = IndependentMeans(
        candidate=np.array([np.nan]),
        baseline=np.array([0.5]),
        var_candidate=np.array([np.nan]),
        var_baseline=np.array([0.02]),
        df_candidate=np.array([np.nan]),
        df_baseline=np.array([9.0]),
        reasons=("no positive labels in region=EU",),
    )
    assert contrast.reasons == ("no positive labels in region=EU",)


def test_independent_factor_scales_the_baseline() -> None:
    contrast: Contrast = IndependentMeans(
        candidate=np.array([10.0]),
        baseline=np.array([9.0]),
        var_candidate=np.array([0.04]),
        var_baseline=np.array([0.09]),
        df_candidate=np.array([50.0]),
        df_baseline=np.array([40.0]),
        reasons=(None,),
    )
    relative = contrast.against(1.05)
    assert relative.difference == pytest.approx(10 - 1.05 * 9)
    assert relative.standard_error == pytest.approx(np.sqrt(0.04 + 1.05**2 * 0.09))
    assert relative.at(0).p_value() == pytest.approx(relative.p_value())


def test_logit_interval_stays_inside_and_refuses_the_ends() -> None:
    low, high = logit_interval([0.999, 0.5, 1.0, 0.0, 0.7], [0.01, 0.05, 0.01, 0.01, 0.0])
    assert 0 < low[0] < 0.999 < high[0] < 1
    assert_allclose(low[1] + high[1], 1.0)
    assert np.isnan(low[2:]).all()
    assert np.isnan(high[2:]).all()


def test_mean_interval_without_an_error_is_unknown() -> None:
    assert np.isnan(mean_interval(1.0, 0.0, 10)).all()
    assert np.isnan(mean_interval(1.0, 0.1, 0)).all()
    assert_allclose(mean_interval(1.0, 0.1, np.inf), (1 - 0.1959963984540054, 1 + 0.1959963984540054), rtol=1e-12)


def test_a_factor_for_each_slice_is_the_same_as_slice_by_slice() -> None:
    rng = np.random.default_rng(8)
    some = rng.normal(size=(5, 6))
    contrast = PairedMeans(
        baseline=np.array([2.0, -1.5, 0.0, 3.0, 4.0, np.nan]),
        difference=np.array([0.1, 0.2, 0.3, 0.5, 0.0, 0.1]),
        var_difference=np.abs(some[0]) * [1, 1, 1, 0, 0, 1],
        var_baseline=np.abs(some[1]),
        cov_baseline_difference=some[2] * 0.1,
        df=np.array([30.0, 5.0, 1e6, 20.0, 20.0, 9.0]),
        n=np.full(6, 40.0),
        reasons=(None, None, "too dark to see", None, None, None),
        method="paired t",
        identical=np.array([False, False, False, False, True, False]),
    )
    assert contrast.reasons[3] == CONSTANT
    for factors in (np.ones(6), np.array([1.0, 0.9, 1.1, 1.0, 1.3, 0.5]), rng.normal(1, 1, 6)):
        each = contrast.against_each(factors)
        for s, factor in enumerate(factors.tolist()):
            alone = contrast.at(s).against(factor)
            assert each.reasons[s] == alone.reasons[0]
            for ends in zip(each.interval(0.03), alone.interval(0.03), strict=True):
                assert_allclose(ends[0][s], ends[1][0], rtol=0, atol=0)
            assert_allclose(each.p_value(0.1)[s], alone.p_value(0.1)[0], rtol=0, atol=0)
