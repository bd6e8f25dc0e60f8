"""Every wrapper keeps the contract of a contrast: p below alpha exactly where the tested value is outside."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import UsageError
from seatrial.stats.confidence_sequences import sequence_boundary, sequence_e_value
from seatrial.stats.contrasts import Contrast
from seatrial.stats.group_sequential import boundaries, stagewise
from seatrial.stats.means import IndependentMeans
from seatrial.stats.miettinen_nurminen import UnpairedProportions
from seatrial.stats.monitored import ANYTIME, NO_CLOCK, NO_ERROR, Anytime, GroupSequential, Hybrid

S = 6
FRACTION = np.array([0.02, 0.2, 0.5, 0.9, 1.0, 1.4])
LOOKS = (0.3, 0.55, 1.0)


def means(**changed: Any) -> IndependentMeans:
    given: dict[str, Any] = {
        "candidate": np.linspace(9.0, 11.5, S),
        "baseline": np.full(S, 10.0),
        "var_candidate": np.linspace(0.02, 0.3, S),
        "var_baseline": np.linspace(0.03, 0.1, S),
        "df_candidate": np.full(S, 14.0),
        "df_baseline": np.full(S, 30.0),
        "reasons": (None,) * S,
    }
    return IndependentMeans(**(given | changed))


def shares() -> UnpairedProportions:
    return UnpairedProportions(
        count_candidate=np.array([3, 40, 55, 60, 75, 100]),
        n_candidate=np.full(S, 300),
        count_baseline=np.array([9, 20, 55, 40, 44, 40]),
        n_baseline=np.full(S, 280),
    )


WRAPPERS: dict[str, Callable[[Contrast], Contrast]] = {
    "anytime": lambda inner: Anytime(inner=inner, fraction=FRACTION),
    "anytime-tuned": lambda inner: Anytime(inner=inner, fraction=FRACTION, tuned_for=0.01),
    "first look": lambda inner: GroupSequential(inner=inner, fractions=LOOKS[:1]),
    "second look": lambda inner: GroupSequential(inner=inner, fractions=LOOKS[:2], family="pocock"),
    "last look": lambda inner: GroupSequential(inner=inner, fractions=LOOKS, family="hwang-shih-decani", parameter=1.0),
    "early last look": lambda inner: GroupSequential(inner=inner, fractions=LOOKS[:2], final=True),
    "hybrid": lambda inner: Hybrid(inner=inner, fraction=FRACTION, finished=False),
    "hybrid at the end": lambda inner: Hybrid(inner=inner, fraction=FRACTION, finished=True),
    "hybrid, lower is better": lambda inner: Hybrid(
        inner=inner, fraction=FRACTION, finished=False, higher_is_better=False
    ),
    "hybrid, lower is better, at the end": lambda inner: Hybrid(
        inner=inner, fraction=FRACTION, finished=True, higher_is_better=False
    ),
}


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("inner", [means(), shares()], ids=["means", "shares"])
@pytest.mark.parametrize("factor", [1.0, 0.98, 1.05])
def test_p_is_below_alpha_exactly_outside_the_interval(name: str, inner: Contrast, factor: float) -> None:
    contrast = WRAPPERS[name](inner).against(factor)
    assert contrast.reasons == (None,) * S
    for alpha in (0.2, 0.0125):
        low, high = contrast.interval(alpha)
        assert (low <= contrast.difference).all()
        assert (contrast.difference <= high).all()
        for null in (-2.0, -0.1, 0.0, 0.05, 2.0):
            assert ((contrast.p_value(null) < alpha) == ((null < low) | (high < null))).all()
        for s in (0, 3):
            one = contrast.at(s)
            for end, outwards in ((float(low[s]), -1e-6), (float(high[s]), 1e-6)):
                if np.isfinite(end):  # the limit itself, and a hair either way
                    assert float(one.p_value(end)[0]) == pytest.approx(alpha, rel=1e-5)
                    assert float(one.p_value(end + outwards)[0]) < alpha < float(one.p_value(end - outwards)[0])


@pytest.mark.parametrize("name", WRAPPERS)
def test_one_slice_is_that_slice(name: str) -> None:
    whole = WRAPPERS[name](means())
    for s in (0, 3, -1):
        one = whole.at(s)
        assert len(one.reasons) == len(one.methods) == 1
        assert_allclose(one.interval(0.05), np.stack(whole.interval(0.05))[:, [s]], rtol=1e-12)
        assert_allclose(one.p_value(0.3), whole.p_value(0.3)[[s]], rtol=1e-12)
        assert_allclose(one.standard_error, whole.standard_error[[s]], rtol=1e-12)


def test_anytime_is_the_sequence_around_the_difference() -> None:
    inner = means()
    contrast = Anytime(inner=inner, fraction=FRACTION)
    low, high = contrast.interval(0.05)
    half = sequence_boundary(FRACTION) * inner.standard_error
    assert_allclose(low, inner.difference - half, rtol=1e-12)
    assert_allclose(high, inner.difference + half, rtol=1e-12)
    z = inner.difference / inner.standard_error
    assert_allclose(np.exp(contrast.log_e_value()), sequence_e_value(z, FRACTION), rtol=1e-10)
    assert all(method.startswith(ANYTIME) and method.endswith("Welch t, unpaired") for method in contrast.methods)


def test_another_contrast_runs_on_its_own_information() -> None:
    inner = means()
    contrast = Anytime(inner=inner, fraction=FRACTION).against(1.5)
    other = inner.against(1.5)
    planned = 1 / inner.standard_error**2 / FRACTION
    assert_allclose(contrast.fraction, (1 / other.standard_error**2) / planned, rtol=1e-12)
    half = sequence_boundary(contrast.fraction) * other.standard_error
    assert_allclose(contrast.interval(0.05)[1], other.difference + half, rtol=1e-12)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_one_sided_harm_limit_and_its_p_are_one_test(higher_is_better: bool) -> None:
    contrast = Anytime(inner=means(), fraction=FRACTION, higher_is_better=higher_is_better)
    sign = 1.0 if higher_is_better else -1.0
    limit = contrast.harm_limit(0.02)
    assert (sign * (limit - contrast.difference) > 0).all()
    for s in range(S):
        one = contrast.at(s)
        assert float(one.harm_p_value(limit[s])[0]) == pytest.approx(0.02, rel=1e-6)
        assert float(one.harm_p_value(limit[s] + sign * 1e-6)[0]) < 0.02  # a better value is refuted
        assert float(one.harm_p_value(limit[s] - sign * 1e-6)[0]) > 0.02
        assert float(one.harm_p_value(float(contrast.difference[s]))[0]) == 1.0


def test_hybrid_says_harm_at_any_time_and_benefit_only_at_the_end() -> None:
    worse = means(candidate=np.full(S, 7.0))
    better = means(candidate=np.full(S, 13.0))
    for finished in (False, True):
        low, high = Hybrid(inner=worse, fraction=FRACTION, finished=finished).interval(0.05)
        assert (high[1:] < 0).all()  # at 2 % of the information not even this is seen
        assert np.isneginf(low).all() != finished
    low, high = Hybrid(inner=better, fraction=FRACTION, finished=False).interval(0.05)
    assert np.isneginf(low).all()
    assert (Hybrid(inner=better, fraction=FRACTION, finished=False).p_value() == 1).all()
    ended = Hybrid(inner=better, fraction=FRACTION, finished=True)
    assert_allclose(ended.interval(0.05)[0], better.interval(0.05)[0], rtol=1e-12)
    assert_allclose(ended.p_value(), better.p_value(), rtol=1e-9)
    assert "benefit at the planned end" in ended.methods[0]


def test_hybrid_with_lower_is_better_is_its_mirror_image() -> None:
    inner, mirror = means(), means(candidate=20.0 - means().candidate)
    for finished in (False, True):
        one = Hybrid(inner=inner, fraction=FRACTION, finished=finished)
        two = Hybrid(inner=mirror, fraction=FRACTION, finished=finished, higher_is_better=False)
        low, high = two.interval(0.05)
        assert_allclose(one.interval(0.05), (-high, -low), rtol=1e-9)
        assert_allclose(one.p_value(0.4), two.p_value(-0.4), rtol=1e-9)


def test_a_relative_margin_in_a_hybrid_waits_for_the_end_to_pass_and_fails_at_any_time() -> None:
    same, worse = means(candidate=np.full(S, 10.0)), means(candidate=np.full(S, 6.0))
    margin = 0.2
    for finished in (False, True):
        passed = Hybrid(inner=same, fraction=FRACTION, finished=finished).against(1 - margin).interval(0.05)[0] > 0
        assert passed.all() == passed.any() == finished
        failed = Hybrid(inner=worse, fraction=FRACTION, finished=finished).against(1 - margin).interval(0.05)[1] <= 0
        assert failed[1:].all()
    lower = Hybrid(inner=same, fraction=FRACTION, finished=True, higher_is_better=False).against(1 + margin)
    assert (lower.interval(0.05)[1] < 0).all()


def test_a_plan_of_one_look_is_the_inner_contrast() -> None:
    for inner in (means(), shares()):
        contrast = GroupSequential(inner=inner, fractions=(1.0,))
        assert_allclose(contrast.interval(0.05), inner.interval(0.05), rtol=1e-7)
        p = inner.p_value()
        keep = p > 1e-14  # smaller ones are not told apart
        assert_allclose(contrast.p_value()[keep], p[keep], rtol=1e-6)


def test_repeated_intervals_are_the_inner_ones_at_the_boundary_s_nominal_level() -> None:
    far = means(df_candidate=np.full(S, np.inf), df_baseline=np.full(S, np.inf))
    contrast = GroupSequential(inner=far, fractions=LOOKS)
    half = boundaries(LOOKS)[-1] * far.standard_error
    assert_allclose(contrast.interval(0.05)[0], far.difference - half, rtol=1e-7)
    assert contrast.methods[0] == "group-sequential (look 3, O'Brien-Fleming spending), Welch t, unpaired"
    small = GroupSequential(inner=means(), fractions=LOOKS).interval(0.05)
    assert (small[1] - small[0] > 2 * half).all()  # Student's t is kept


def test_a_look_too_early_to_stop_has_no_ends() -> None:
    contrast = GroupSequential(inner=means(), fractions=(1e-4,))
    low, high = contrast.interval(0.05)
    assert np.isneginf(low).all()
    assert np.isposinf(high).all()
    assert (contrast.p_value() == 1).all()


def test_after_stopping_the_estimate_is_that_of_stagewise_ordering() -> None:
    contrast = GroupSequential(inner=means(), fractions=LOOKS[:2], family="pocock")
    estimate, low, high, p = contrast.stopped()
    used = boundaries(LOOKS[:2], family="pocock")
    for s in range(S):
        error = float(contrast.standard_error[s])
        one = stagewise(float(contrast.difference[s]) / error, LOOKS[:2], used)
        scale = error * np.sqrt(LOOKS[1])
        assert_allclose(
            (estimate[s], low[s], high[s], p[s]), (one.drift * scale, one.low * scale, one.high * scale, one.p)
        )


WAITING = ("not ready: 40 of 100 units", None, None, "skewed", None, None)


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_slice_that_is_not_ready_has_a_reason_and_no_limits(name: str) -> None:
    from dataclasses import replace

    inner = means(reasons=(None, "no events", None, "its own", None, None))
    contrast: Any = replace(WRAPPERS[name](inner), not_ready=WAITING)  # type: ignore[type-var]
    assert contrast.reasons[:4] == ("not ready: 40 of 100 units", "no events", None, "its own")
    for values in (*contrast.interval(0.05), contrast.p_value()):
        assert np.isnan(values[[0, 1, 3]]).all()
        assert not np.isnan(values[[2, 4, 5]]).any()
    assert contrast.against(0.9).reasons[0] == contrast.at(0).reasons[0] == "not ready: 40 of 100 units"
    assert contrast.difference[0] == inner.difference[0]


def test_a_standard_error_of_zero_is_a_reason() -> None:
    flat = means(var_candidate=np.zeros(S), var_baseline=np.zeros(S))
    for contrast in (Anytime(inner=flat, fraction=FRACTION), Hybrid(inner=flat, fraction=FRACTION, finished=True)):
        assert None not in contrast.reasons
        assert np.isnan(np.stack(contrast.interval(0.05))).all()
    same = means(candidate=np.full(S, 10.0), var_candidate=np.zeros(S), var_baseline=np.zeros(S))
    assert None not in Anytime(inner=same, fraction=FRACTION).reasons
    assert set(Anytime(inner=same, fraction=FRACTION).reasons) <= {NO_ERROR, *same.reasons}


def test_an_unknown_plan_is_a_reason_and_no_information_yet_is_none() -> None:
    fraction = np.array([np.nan, 0.0, 0.5, 0.5, 0.5, 0.5])
    for contrast in (
        Anytime(inner=means(), fraction=fraction),
        Hybrid(inner=means(), fraction=fraction, finished=True),
    ):
        assert contrast.reasons == (NO_CLOCK, None, None, None, None, None)
        low, high = contrast.interval(0.05)
        assert np.isnan([low[0], high[0], contrast.p_value()[0]]).all()
        assert high[1] == np.inf


def test_one_fraction_serves_all_slices_and_a_wrong_number_is_refused() -> None:
    assert_allclose(
        Anytime(inner=means(), fraction=np.array(0.5)).interval(0.05),
        Anytime(inner=means(), fraction=np.full(S, 0.5)).interval(0.05),
    )
    with pytest.raises(UsageError, match="one information fraction per slice"):
        Anytime(inner=means(), fraction=np.ones(S - 1))
    with pytest.raises(UsageError, match="not_ready"):
        _ = Anytime(inner=means(), fraction=FRACTION, not_ready=("wait",)).reasons
