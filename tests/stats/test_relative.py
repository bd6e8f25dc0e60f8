"""Relative lift: Fieller's set with the contrast's own df, the absolute test at 0, no bounds where there are none."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.fieller import fieller_interval
from seatrial.stats.means import IndependentMeans, PairedMeans
from seatrial.stats.miettinen_nurminen import UnpairedProportions
from seatrial.stats.monitored import Anytime, Hybrid
from seatrial.stats.relative import NOT_TOLD, AgainstEach, relative_interval


def means(candidate: Any, baseline: Any, var_c: Any, var_b: Any, df: float = 40.0) -> IndependentMeans:
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, float)) for x in (candidate, baseline, var_c, var_b)))
    c, b, vc, vb = (np.array(x) for x in arrays)
    return IndependentMeans(
        candidate=c,
        baseline=b,
        var_candidate=vc,
        var_baseline=vb,
        df_candidate=np.full(c.size, df),
        df_baseline=np.full(c.size, 2 * df),
        reasons=(None,) * c.size,
    )


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """Any other contrast: no shortcut may apply to it."""

    inner: Contrast

    @property
    def difference(self) -> Floats:
        return self.inner.difference

    @property
    def standard_error(self) -> Floats:
        return self.inner.standard_error

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return self.inner.reasons

    @property
    def methods(self) -> tuple[str, ...]:
        return self.inner.methods

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        return self.inner.interval(alpha)

    def p_value(self, null: float = 0.0) -> Floats:
        return self.inner.p_value(null)

    def against(self, factor: float) -> "Wrapped":
        return Wrapped(inner=self.inner.against(factor))

    def at(self, index: int) -> "Wrapped":
        return Wrapped(inner=self.inner.at(index))


@dataclass(frozen=True, kw_only=True)
class OneSided(Wrapped):
    """No limit above."""

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = self.inner.interval(2 * alpha)
        return low, np.full(high.shape, np.inf)

    def against(self, factor: float) -> "OneSided":
        return OneSided(inner=self.inner.against(factor))


@dataclass(frozen=True, kw_only=True)
class Each(Wrapped):
    """A contrast that takes a factor per slice, and says so."""

    def against_each(self, factors: Floats) -> Contrast:
        return self.inner.against(factors)  # type: ignore[arg-type]

    def at(self, index: int) -> "Each":
        raise AssertionError("not one slice after another")


def inside(contrast: Contrast, factor: float, alpha: float = 0.05) -> bool:
    low, high = contrast.against(factor).interval(alpha)
    return bool(low[0] <= 0 <= high[0])


numbers = st.floats(-10, 10)
spreads = st.floats(1e-4, 4.0)


@given(numbers, numbers, spreads, spreads, st.sampled_from([3.0, 30.0, 1e9]), st.sampled_from([0.001, 0.05, 0.2]))
def test_limits_are_where_the_test_changes_its_mind(
    c: float, b: float, var_c: float, var_b: float, df: float, alpha: float
) -> None:
    assume(abs(b) > 1e-3)
    contrast = means(c, b, var_c, var_b, df)
    _, low, high, reasons = relative_interval(contrast, contrast.baseline, alpha=alpha)
    if reasons[0] is not None:
        assert inside(contrast, 1e15, alpha) or inside(contrast, -1e15, alpha)
        return
    step = 1e-9 * max(1.0, abs(low[0]), abs(high[0]))
    way = 1.0 if b > 0 else -1.0
    assert inside(contrast, 1 + way * (low[0] + step), alpha)
    assert inside(contrast, 1 + way * (high[0] - step), alpha)
    assert not inside(contrast, 1 + way * (low[0] - step), alpha)
    assert not inside(contrast, 1 + way * (high[0] + step), alpha)


@given(st.floats(0.1, 10), spreads, spreads, st.integers(0, 10**6), st.booleans())
def test_at_a_lift_of_0_it_is_the_absolute_test_to_the_last_bit(
    b: float, var_c: float, var_b: float, ulps: int, negative: bool
) -> None:
    # a candidate placed within rounding of the edge of significance
    plain = means(b, b, var_c, var_b)
    edge = b + float(plain.interval(0.05)[1][0]) * (1 + (ulps - 5e5) * 1e-17)
    contrast = means(edge, b, var_c, var_b)
    if negative:
        contrast = means(-edge, -b, var_c, var_b)
    _, low, high, reasons = relative_interval(contrast, contrast.baseline)
    absolute = contrast.interval(0.05)
    if reasons[0] is None:
        assert (low[0] > 0) == (absolute[0][0] > 0)
        assert (high[0] < 0) == (absolute[1][0] < 0)


def test_slices_are_independent_of_each_other() -> None:
    rng = np.random.default_rng(0)
    contrast = means(rng.normal(3, 1, 50), rng.normal(2, 1, 50), rng.uniform(0, 0.5, 50), rng.uniform(0, 0.5, 50))
    whole = relative_interval(contrast, contrast.baseline)
    assert 0 < sum(reason == NOT_TOLD for reason in whole.reasons) < 50
    for s in range(50):
        one = relative_interval(contrast.at(s), contrast.baseline[s : s + 1])
        np.testing.assert_allclose([one.lift[0], one.low[0], one.high[0]], [a[s] for a in whole[:3]], rtol=1e-12)
        assert one.reasons[0] == whole.reasons[s]


@pytest.mark.parametrize("kind", [Wrapped, Each])
def test_any_contrast_gives_the_same_as_the_fast_way(kind: Callable[..., Contrast]) -> None:
    rng = np.random.default_rng(1)
    contrast = means(rng.normal(3, 1, 12), rng.normal(2, 1, 12), rng.uniform(0, 0.3, 12), rng.uniform(0, 0.3, 12))
    wrapped = kind(inner=contrast)
    assert isinstance(wrapped, AgainstEach) == (kind is Each)
    fast, slow = (relative_interval(one, contrast.baseline) for one in (contrast, wrapped))
    for one, other in zip(fast[:3], slow[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    assert fast.reasons == slow.reasons


def test_shares_by_their_ratio_are_the_inversion_of_against() -> None:
    contrast = UnpairedProportions(
        count_candidate=np.array([7, 0, 30]),
        n_candidate=np.array([34, 30, 400]),
        count_baseline=np.array([1, 4, 25]),
        n_baseline=np.array([34, 30, 390]),
    )
    baseline = contrast.count_baseline / contrast.n_baseline
    fast, slow = relative_interval(contrast, baseline), relative_interval(Wrapped(inner=contrast), baseline)
    np.testing.assert_allclose(fast.low, slow.low, atol=1e-9)
    np.testing.assert_allclose(fast.high, slow.high, rtol=1e-9)
    turned = relative_interval(replace(contrast, sign=-1), baseline)
    np.testing.assert_array_equal(turned.lift, fast.lift)
    np.testing.assert_array_equal(turned.low, fast.low)


def test_no_events_in_the_control() -> None:
    contrast = UnpairedProportions(
        count_candidate=np.array([5]),
        n_candidate=np.array([40]),
        count_baseline=np.array([0]),
        n_baseline=np.array([40]),
    )
    found = relative_interval(contrast, np.array([0.0]))
    assert found.reasons == (NOT_TOLD,)
    assert np.isnan([found.lift, found.low, found.high]).all()


def test_a_paired_contrast_is_fieller_with_its_covariance() -> None:
    contrast = PairedMeans(
        baseline=np.array([2.0]),
        difference=np.array([0.3]),
        var_difference=np.array([0.02]),
        var_baseline=np.array([0.05]),
        cov_baseline_difference=np.array([-0.01]),
        df=np.array([11.0]),
        n=np.array([12]),
        reasons=(None,),
        method="paired t",
        identical=np.array([False]),
    )
    found = relative_interval(contrast, contrast.baseline)
    low, high = fieller_interval(0.3, 2.0, var_top=0.02, var_bottom=0.05, covariance=-0.01, critical=2.200985160082949)
    assert found.lift[0] == pytest.approx(0.15)
    assert [found.low[0], found.high[0]] == pytest.approx([low, high], rel=1e-9)


def test_identical_columns_have_a_lift_of_exactly_0() -> None:
    contrast = PairedMeans(
        baseline=np.array([2.0]),
        difference=np.array([0.0]),
        var_difference=np.array([0.0]),
        var_baseline=np.array([0.05]),
        cov_baseline_difference=np.array([0.0]),
        df=np.array([11.0]),
        n=np.array([12]),
        reasons=(None,),
        method="paired t",
        identical=np.array([True]),
    )
    assert relative_interval(contrast, contrast.baseline)[:3] == (0.0, 0.0, 0.0)


def test_a_negative_control_is_divided_by_its_size() -> None:
    loss = relative_interval(means(-8.0, -10.0, 0.1, 0.1), np.array([-10.0]))
    gain = relative_interval(means(8.0, 10.0, 0.1, 0.1), np.array([10.0]))
    assert loss.lift[0] == pytest.approx(0.2)
    np.testing.assert_allclose([loss.low, loss.high], [-gain.high, -gain.low])


def test_a_control_not_told_from_0_gives_a_reason() -> None:
    contrast = means([1.0, 1.0, 1.0], [0.3, 0.0, 3.0], 0.04, 0.04, df=1e9)
    found = relative_interval(contrast, contrast.baseline)
    assert found.reasons == (NOT_TOLD, NOT_TOLD, None)
    assert np.isnan(found.low).tolist() == [True, True, False]
    # bounded exactly when the control's own interval excludes 0
    z = normal_quantile(0.05)
    for size, told in ((1 + 1e-6, True), (1 - 1e-6, False)):
        near = means(1.0, z * 0.2 * size, 0.04, 0.04, df=1e12)
        assert (relative_interval(near, near.baseline).reasons[0] is None) == told


def test_reasons_of_the_contrast_are_kept() -> None:
    contrast = replace(means([1.0, np.nan, 2.0], [1.0, 1.0, 1.0], 0.01, 0.01), reasons=("no clicks", None, None))
    found = relative_interval(contrast, contrast.baseline)
    assert found.reasons[0] == "no clicks"
    assert found.reasons[1] == "the value could not be computed"
    assert found.reasons[2] is None
    assert np.isnan(found.lift).tolist() == [True, True, False]


def test_a_side_without_a_limit_stays_without() -> None:
    contrast = OneSided(inner=means(11.0, 10.0, 0.04, 0.04))
    found = relative_interval(contrast, np.array([10.0]), alpha=0.025)
    both = relative_interval(contrast.inner, np.array([10.0]), alpha=0.05)
    assert found.high[0] == np.inf
    assert found.low[0] == pytest.approx(both.low[0], rel=1e-12)
    assert found.reasons == (None,)


def test_one_limit_needs_a_control_told_from_0_as_well() -> None:
    for baseline, told in ((0.5, True), (0.3, False)):  # at 2.5 and 1.5 of its standard errors
        contrast = OneSided(inner=means(4.0, baseline, 0.04, 0.04, df=1e12))
        found = relative_interval(contrast, np.array([baseline]), alpha=0.025)
        assert (found.reasons[0] is None) == told


@pytest.mark.parametrize("baseline", [10.0, -10.0])
def test_contrasts_that_may_be_looked_at_keep_their_limits(baseline: float) -> None:
    inner = means([1.03 * baseline, baseline], baseline, 0.004, 0.004, df=1e9)
    sequence = Anytime(inner=inner, fraction=np.array([0.5, 0.5]), tuned_for=0.05)
    found = relative_interval(sequence, np.array([baseline, baseline]))
    assert found.reasons == (None, None)
    way = np.sign(baseline)
    for end, outwards in ((found.low, -1e-9), (found.high, 1e-9)):
        for s in range(2):
            one = sequence.at(s)
            assert inside(one, 1 + way * (end[s] - outwards))
            assert not inside(one, 1 + way * (end[s] + outwards))
    hybrid = Hybrid(inner=inner, fraction=np.array([0.5, 0.5]), finished=False, tuned_for=0.05)
    early = relative_interval(hybrid, np.array([baseline, baseline]))
    assert np.isneginf(early.low).all()
    assert np.isfinite(early.high).all()
