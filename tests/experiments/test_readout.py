"""The readout of an experiment, from arms made by hand: what decides, at which level, and what is only said."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from seatrial.records import ExperimentMetric, Finding, Rule
from seatrial.records.readout import ExperimentEffect, Readout
from seatrial.reports import render, to_json

from .by_hand import a_plan, arm_means, ask, check, effect, observe, readout, whole

REVENUE = "metrics: {revenue: mean(revenue)}\nminimum_effect: 5%\n"
BETTER, WORSE, SAME = (4000, 10.5, 5.0), (4000, 9.5, 5.0), (4000, 10.0, 5.0)
CONTROL = (4000, 10.0, 5.0)
RULES = ("fixed", "hybrid", "anytime", "group-sequential")


def welch(control: tuple[float, ...], treatment: tuple[float, ...], level: float = 0.95) -> tuple[float, float, float]:
    """(p, low, high) of treatment - control by SciPy."""
    (n0, m0, s0), (n1, m1, s1) = control, treatment
    found = stats.ttest_ind_from_stats(m1, s1, n1, m0, s0, n0, equal_var=False)
    v1, v0 = s1**2 / n1, s0**2 / n0
    df = (v1 + v0) ** 2 / (v1**2 / (n1 - 1) + v0**2 / (n0 - 1))
    half = stats.t.isf((1 - level) / 2, df) * math.sqrt(v1 + v0)
    return float(found.pvalue), m1 - m0 - half, m1 - m0 + half


def agrees(one: ExperimentEffect) -> None:
    """One interval decides the word and the p-value, also of the lift."""
    sign = 1 if one.higher_is_better else -1
    low, high = (-math.inf if one.low is None else one.low), (math.inf if one.high is None else one.high)
    if one.reason is not None:
        assert (one.difference, one.low, one.high, one.p_value, one.word) == (None, None, None, None, "cannot tell")
        return
    assert one.p_value is not None
    outside = low > 0 or high < 0
    if abs(one.p_value - (1 - one.level)) > 1e-9:
        assert outside == (one.p_value < 1 - one.level), one
    if outside:
        assert one.word == ("better" if (low > 0) == (sign > 0) else "worse")
    else:
        assert one.word in ("cannot tell", "no meaningful difference")
    if one.relative_reason is None and one.relative_low is not None and one.relative_low != 0:
        assert (one.relative_low > 0) == (low > 0)
    if one.relative_reason is None and one.relative_high is not None and one.relative_high != 0:
        assert (one.relative_high < 0) == (high < 0)


# One interval decides


@pytest.mark.parametrize(
    ("treatment", "word", "status"),
    [
        (BETTER, "better", "pass"),
        (WORSE, "worse", "fail"),
        (SAME, "no meaningful difference", "fail"),
        ((40, 10.0, 5.0), "cannot tell", "inconclusive"),
    ],
)
def test_the_word_the_check_and_the_verdict_of_one_metric(treatment: Any, word: str, status: str) -> None:
    found = readout(observe({"revenue": whole(CONTROL, treatment)}), ask(a_plan(REVENUE)))
    one = effect(found, "revenue")
    p, low, high = welch(CONTROL, treatment)
    assert one.word == word
    assert found.verdict.status == status
    assert (one.p_value, one.low, one.high) == pytest.approx((p, low, high), rel=1e-9)
    assert check(found, "revenue").p_value == one.p_value
    assert check(found, "revenue").level == one.level == 0.95
    agrees(one)


def test_lower_is_better_turns_the_word_and_not_the_numbers() -> None:
    plan = a_plan("metrics: {ms: {formula: mean(ms), lower_is_better: true}}\nminimum_effect: 5%\n")
    found = readout(observe({"ms": whole(CONTROL, WORSE)}), ask(plan))
    one = effect(found, "ms")
    assert (one.word, found.verdict.status) == ("better", "pass")
    assert one.difference == -0.5
    agrees(one)


@pytest.mark.parametrize("rule", RULES)
def test_words_intervals_and_p_agree_under_every_rule(rule: str) -> None:
    rng = np.random.default_rng(3)
    plan = a_plan(
        "metrics: {a: mean(a), b: {formula: mean(b), lower_is_better: true}, c: mean(c)}\n"
        f"primary: [a, b]\nguardrails: [c]\nminimum_effect: 3%\nstopping: {rule}\n"
    )
    for days in (4.0, 14.0):
        for _ in range(20):
            arms = {
                name: whole(CONTROL, (int(rng.integers(300, 9000)), 10 + rng.normal(0, 0.4), rng.uniform(1, 9)))
                for name in "abc"
            }
            found = readout(observe(arms, days=days), ask(plan))
            for one in found.effects:
                agrees(one)
            for one in found.verdict.checks:
                if one.role == "success" and one.p_value is not None:
                    mine = effect(found, one.metric)
                    assert (one.p_value, one.level) == (mine.p_value, mine.level)
                    assert (one.status == "pass") == (mine.word == "better")


def test_the_fixed_rule_read_early_is_inconclusive_and_says_when() -> None:
    observed = observe({"revenue": whole(CONTROL, (4000, 14.0, 5.0))}, days=9.0)
    found = readout(observed, ask(a_plan(REVENUE)))
    one = effect(found, "revenue")
    assert found.verdict.status == "inconclusive"
    assert "this is day 9 of 14" in check(found, "revenue").reason
    assert (one.word, one.low, one.high, one.p_value) == ("cannot tell", None, None, 1.0)
    assert one.difference == 4.0
    assert one.relative_difference == pytest.approx(0.4)
    assert (
        readout(observe({"revenue": whole(CONTROL, (4000, 14.0, 5.0))}), ask(a_plan(REVENUE))).verdict.status == "pass"
    )


def test_hybrid_shows_harm_at_any_time_and_benefit_only_at_the_end() -> None:
    plan = a_plan(REVENUE + "stopping: hybrid\n")
    good, bad = (4000, 14.0, 5.0), (4000, 6.0, 5.0)
    status = {
        (days, name): readout(observe({"revenue": whole(CONTROL, arm)}, days=days), ask(plan)).verdict.status
        for days in (5.0, 14.0)
        for name, arm in (("good", good), ("bad", bad))
    }
    assert status == {
        (5.0, "good"): "inconclusive",
        (5.0, "bad"): "fail",
        (14.0, "good"): "pass",
        (14.0, "bad"): "fail",
    }
    early = effect(readout(observe({"revenue": whole(CONTROL, good)}, days=5.0), ask(plan)), "revenue")
    assert early.low is None
    assert early.high is not None
    assert early.high > 4.0


def test_hybrid_at_its_end_gives_the_benefit_side_of_a_single_look() -> None:
    plan = a_plan(REVENUE + "stopping: hybrid\n")
    one = effect(readout(observe({"revenue": whole(CONTROL, BETTER)}), ask(plan)), "revenue")
    p, low, high = welch(CONTROL, BETTER)
    assert one.low == pytest.approx(low, rel=1e-9)
    assert one.p_value == pytest.approx(p, rel=1e-9)
    assert one.high is not None
    assert one.high > high


def test_hybrid_is_read_at_its_end_however_heavy_the_tails() -> None:
    plan = a_plan(REVENUE + "stopping: hybrid\n")
    arms = arm_means([[CONTROL], [(4000, 11.0, 5.0)]], skewness=20.0)
    early, end = (readout(observe({"revenue": arms}, days=days), ask(plan)) for days in (5.0, 14.0))
    assert effect(early, "revenue").reason is not None
    assert "not ready yet" in str(effect(early, "revenue").reason)
    assert "winsorise it in the plan" in str(effect(early, "revenue").reason)
    assert end.verdict.status == "pass"
    assert any("skew" in note for note in effect(end, "revenue").notes)


def test_anytime_may_ship_early_and_needs_more_for_it() -> None:
    plan = a_plan(REVENUE + "stopping: anytime\n")
    just = (4000, 10.0 + 2.3 * 5.0 * math.sqrt(2 / 4000), 5.0)
    assert welch(CONTROL, just)[0] < 0.05
    for days in (5.0, 14.0):
        assert readout(observe({"revenue": whole(CONTROL, just)}, days=days), ask(plan)).verdict.status != "pass"
        strong = readout(observe({"revenue": whole(CONTROL, (4000, 11.0, 5.0))}, days=days), ask(plan))
        assert strong.verdict.status == "pass"
        assert "anytime-valid" in str(effect(strong, "revenue").method)


def test_an_unfrozen_plan_and_none_at_all_lay_no_rule_and_say_so() -> None:
    plan = a_plan(REVENUE + "stopping: hybrid\n")
    loose = plan.model_copy(update={"frozen": False})
    arms = observe({"revenue": whole(CONTROL, BETTER)}, days=3.0)
    for request in (ask(loose), ask(metrics=["revenue"], rules=[Rule(metric="revenue", role="success")])):
        found = readout(arms, request)
        assert found.exploratory
        assert effect(found, "revenue").exploratory
        assert not effect(found, "revenue").planned
        assert found.verdict.status == "pass"
        assert any("no frozen plan" in said for said in found.not_shown)
    assert not any("no frozen plan" in said for said in readout(arms, ask(plan)).not_shown)


def test_data_that_failed_carry_no_verdict() -> None:
    broken = Finding(name="sample ratio", status="fail", sentence="The split is 60/40 where 50/50 was planned.")
    found = readout(observe({"revenue": whole(CONTROL, BETTER)}), ask(a_plan(REVENUE)), findings=[broken])
    assert found.verdict.status == "invalid"
    assert "60/40" in found.verdict.sentence
    assert found.verdict.checks == ()
    agrees(effect(found, "revenue"))


# Margins


def test_margins_by_default_are_2_percent_of_the_control_and_the_minimum_effect_of_a_success_metric() -> None:
    plan = a_plan("metrics: {a: mean(a), b: mean(b)}\nprimary: a\nguardrails: [b]\nminimum_effect: 5%\n")
    arms = whole(CONTROL, SAME)
    found = readout(observe({"a": arms, "b": arms, "c": arms}), ask(plan, metrics=["c"]))
    assert [(effect(found, m).margin, effect(found, m).margin_is_relative) for m in "abc"] == [
        (0.05, True), (0.02, True), (0.02, True),
    ]  # fmt: skip
    assert check(found, "a", "guardrail").margin == 0.05
    assert check(found, "b", "guardrail").margin == 0.02


def test_a_rule_goes_before_the_metric_and_the_metric_before_the_default() -> None:
    plan = a_plan(
        "metrics: {a: {formula: mean(a), margin: 0.3}, b: {formula: mean(b), margin: 0.3}, c: mean(c)}\n"
        "primary: c\nguardrails: [{metric: a, margin: 0.1}, b]\n"
    )
    found = readout(observe(dict.fromkeys("abc", whole(CONTROL, SAME))), ask(plan))
    assert [effect(found, name).margin for name in "abc"] == [0.1, 0.3, 0.02]


def test_the_guardrail_boundary_is_the_contrast_against_a_share_of_the_control() -> None:
    """L > -m |C| exactly when the interval of T - (1 - m) C lies above 0: SciPy's Welch on a scaled control."""
    plan = a_plan("metrics: {a: mean(a)}\nguardrails: [{metric: a, margin: 2%}]\n")
    for mean in np.linspace(9.6, 10.2, 25):
        found = readout(observe({"a": whole(CONTROL, (4000, float(mean), 5.0))}), ask(plan))
        (n, m0, s0) = CONTROL
        _, low, high = welch((n, 0.98 * m0, 0.98 * s0), (4000, float(mean), 5.0))
        expected = (
            "pass"
            if low > 0 or welch(CONTROL, (4000, float(mean), 5.0))[1] > 0
            else "fail"
            if high <= 0
            else "inconclusive"
        )
        assert check(found, "a", "guardrail").status == expected, mean


def test_a_negative_control_keeps_the_direction_of_the_margin_and_of_the_lift() -> None:
    plan = a_plan("metrics: {profit: mean(profit)}\nguardrails: [{metric: profit, margin: 10%}]\n")
    control = (4000, -10.0, 5.0)
    for mean, status in ((-10.0, "pass"), (-12.0, "fail"), (-9.0, "pass"), (-10.9, "inconclusive")):
        found = readout(observe({"profit": whole(control, (4000, mean, 5.0))}), ask(plan))
        one = effect(found, "profit")
        assert check(found, "profit", "guardrail").status == status, mean
        assert one.relative_difference == pytest.approx((mean + 10) / 10)
        agrees(one)


# Families


def three_arms(metric: str = "revenue", *, second: float = 10.27, third: float = 10.24) -> dict[str, Any]:
    return {metric: arm_means([[CONTROL], [(4000, second, 5.0)], [(4000, third, 5.0)]])}


def test_several_arms_share_the_error_by_holm() -> None:
    plan = a_plan(REVENUE + "arms: {A: 1, B: 1, C: 1}\n")
    observed = observe(three_arms(), arms=("A", "B", "C"))
    found = readout(observed, ask(plan))
    p = [welch(CONTROL, (4000, m, 5.0))[0] for m in (10.27, 10.24)]
    assert 0.0125 < p[0] < 0.025
    assert 0.025 < p[1] < 0.05
    first, second = (effect(found, "revenue", arm=arm) for arm in "BC")
    assert first.adjusted_p_value == pytest.approx(2 * p[0], rel=1e-9)
    assert second.adjusted_p_value == pytest.approx(max(2 * p[0], p[1]), rel=1e-9)
    assert (first.level, second.level) == pytest.approx((0.975, 0.95))
    assert (first.word, second.word) == ("better", "better")
    assert found.verdict.candidate == "B"
    assert [one.status for one in found.by_candidate] == ["pass", "pass"]


def test_holm_goes_over_metrics_and_arms_and_keeps_the_last_from_passing() -> None:
    plan = a_plan("metrics: {a: mean(a), b: mean(b)}\nprimary: [a, b]\nminimum_effect: 5%\narms: {A: 1, B: 1, C: 1}\n")
    observed = observe(three_arms("a") | three_arms("b", second=10.0, third=10.0), arms=("A", "B", "C"))
    found = readout(observed, ask(plan))
    assert welch(CONTROL, (4000, 10.27, 5.0))[0] * 4 > 0.05
    levels = [effect(found, name, arm=arm).level for name in "ab" for arm in "BC"]
    assert max(levels) == pytest.approx(1 - 0.05 / 4)
    for name in "ab":
        for arm in "BC":
            agrees(effect(found, name, arm=arm))


def test_guardrails_are_not_corrected() -> None:
    plan = a_plan(
        "metrics: {a: mean(a), b: mean(b), c: mean(c)}\nprimary: [a]\nguardrails: [b, c]\nminimum_effect: 5%\n"
    )
    found = readout(observe(dict.fromkeys("abc", whole(CONTROL, SAME))), ask(plan))
    assert {check(found, name, "guardrail").level for name in "abc"} == {0.95}


# Bounds


def test_a_bound_is_held_against_the_arms_own_value() -> None:
    plan = a_plan(
        "metrics: {errors: {formula: mean(error == 1), lower_is_better: true}}\nguardrails: [errors below 0.02]\n"
    )
    wilson = stats.binomtest(60, 4000).proportion_ci(method="wilson")
    assert wilson.high < 0.02
    for events, status in ((60, "pass"), (80, "inconclusive"), (120, "fail")):
        found = readout(observe({"errors": whole((4000, 60), (4000, events))}), ask(plan))
        assert found.verdict.status == status, events
    found = readout(observe({"errors": whole((4000, 60), (4000, 60))}), ask(plan))
    own = next(one for one in found.estimates if one.model == "B")
    assert (own.low, own.high) == pytest.approx((wilson.low, wilson.high), rel=1e-9)
    assert not effect(found, "errors").decides


def test_a_bound_has_the_alpha_of_its_rule() -> None:
    rule = Rule(metric="errors", role="guardrail", below=0.02, alpha=0.001)
    metric = ExperimentMetric(name="errors", formula="mean(error == 1)", higher_is_better=False)
    observed = observe({"errors": whole((4000, 60), (4000, 60))})
    loose, strict = (
        readout(observed, ask(metrics=[metric], rules=[one])) for one in (rule.model_copy(update={"alpha": None}), rule)
    )
    assert (loose.verdict.status, strict.verdict.status) == ("pass", "inconclusive")
    assert strict.verdict.checks[0].level == pytest.approx(0.999)


@pytest.mark.parametrize(("rule", "early"), [("fixed", "inconclusive"), ("group-sequential", "inconclusive"),
                                             ("hybrid", "inconclusive"), ("anytime", "inconclusive")])  # fmt: skip
def test_a_bound_waits_for_the_rule_too(rule: str, early: str) -> None:
    """Barely below by a single look: not before the end, and never under anytime."""
    plan = a_plan(
        f"metrics: {{errors: {{formula: mean(error == 1), lower_is_better: true}}}}\n"
        f"guardrails: [errors below 0.02]\nstopping: {rule}\n"
    )
    observed = {days: observe({"errors": whole((4000, 58), (4000, 58))}, days=days) for days in (5.0, 14.0)}
    assert readout(observed[5.0], ask(plan)).verdict.status == early
    assert readout(observed[14.0], ask(plan)).verdict.status == ("inconclusive" if rule == "anytime" else "pass")
    harmed = readout(observe({"errors": whole((4000, 58), (4000, 400))}, days=5.0), ask(plan))
    assert harmed.verdict.status == ("fail" if rule in ("hybrid", "anytime") else "inconclusive")


# Edges


def test_no_conversions_in_the_control() -> None:
    plan = a_plan("metrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\n")
    found = readout(observe({"buys": whole((500, 0), (500, 30))}), ask(plan))
    one = effect(found, "buys")
    assert one.word == "better"
    assert found.verdict.status == "pass"
    assert one.relative_difference is None
    assert one.relative_reason
    assert one.difference == pytest.approx(0.06)
    nothing = readout(observe({"buys": whole((500, 0), (500, 0))}), ask(plan))
    none = effect(nothing, "buys")
    assert nothing.verdict.status == "inconclusive"
    assert (none.difference, none.p_value) == (0.0, 1.0)
    assert none.low is not None
    assert none.low < 0
    agrees(none)


def test_a_constant_metric_has_a_reason_and_no_point_interval() -> None:
    found = readout(observe({"revenue": whole((400, 3.0, 0.0), (400, 4.0, 0.0))}), ask(a_plan(REVENUE)))
    one = effect(found, "revenue")
    assert one.reason is not None
    assert found.verdict.status == "inconclusive"
    assert [e.notes for e in found.estimates] == [("all 400 units have one value",)] * 2
    agrees(one)


@pytest.mark.parametrize("sizes", [(1, 2), (2, 1), (1, 1)])
def test_three_units_give_a_reason_not_a_number(sizes: tuple[int, int]) -> None:
    arms = whole((sizes[0], 3.0, 1.0), (sizes[1], 4.0, 1.0))
    for rule in RULES:
        found = readout(observe({"revenue": arms}), ask(a_plan(REVENUE + f"stopping: {rule}\n")))
        assert found.verdict.status == "inconclusive"
        assert (
            effect(found, "revenue").reason == "fewer than 2 units in one of the two arms: a variance needs at least 2"
        )
        json.loads(to_json(found))


def test_an_arm_without_units_has_a_reason_and_the_other_arm_is_still_read() -> None:
    plan = a_plan(REVENUE + "arms: {A: 1, B: 1, C: 1}\n")
    observed = observe({"revenue": arm_means([[CONTROL], [BETTER], [(0, 0.0, 0.0)]])}, arms=("A", "B", "C"))
    found = readout(observed, ask(plan))
    assert effect(found, "revenue").word == "better"
    assert effect(found, "revenue", arm="C").reason == "no units in one of the two arms"
    assert effect(found, "revenue").level == pytest.approx(0.975)  # the lost arm stays in the family
    assert [one.status for one in found.by_candidate] == ["pass", "inconclusive"]


def test_a_metric_nobody_has_is_a_reason_and_the_rest_is_read() -> None:
    plan = a_plan("metrics: {a: mean(a), b: mean(b)}\nprimary: a\nsecondary: [b]\nminimum_effect: 5%\n")
    observed = observe({"a": whole(CONTROL, BETTER), "b": whole((0, 0.0, 0.0), (0, 0.0, 0.0))})
    found = readout(observed, ask(plan))
    assert found.verdict.status == "pass"
    assert effect(found, "b").reason is not None
    assert [one.reason for one in found.estimates if one.metric == "b"] == ["no units in A", "no units in B"]


def test_several_phases_are_stratified_and_a_phase_without_an_arm_is_named() -> None:
    """A ramp: 5 % then 50 % treated while the base rises; pooled B looks better by 4, within phases nothing did."""
    ramp = [
        [(9500, 10.0, 5.0), (5000, 20.0, 5.0), (0, 0.0, 0.0)],
        [(500, 10.0, 5.0), (5000, 20.0, 5.0), (80, 3.0, 1.0)],
    ]
    arms = arm_means(ramp, phases=True)
    found = readout(observe({"revenue": arms}, phases=("p1", "p2", "p3")), ask(a_plan(REVENUE)))
    one = effect(found, "revenue")
    assert one.difference == pytest.approx(0.0, abs=1e-12)
    assert any("phase p3 is left out" in note for note in one.notes)
    assert "stratified by allocation phase" in str(one.method)
    assert one.n == 20_000
    values = {own.model: own.value for own in found.estimates}
    assert values["A"] == pytest.approx(one.baseline_value)  # the arms' own values tell the same story
    assert values["A"] == pytest.approx(15.0)


def test_unplanned_metrics_are_exploratory_and_secondary_ones_decide_nothing() -> None:
    plan = a_plan("metrics: {a: mean(a), b: mean(b)}\nprimary: a\nsecondary: [b]\nminimum_effect: 5%\n")
    found = readout(
        observe(dict.fromkeys("abc", whole(CONTROL, WORSE)) | {"a": whole(CONTROL, BETTER)}), ask(plan, metrics=["c"])
    )
    seen = {one.metric: (one.planned, one.exploratory, one.decides, one.word) for one in found.effects}
    assert seen == {
        "a": (True, False, True, "better"), "b": (True, False, False, "worse"), "c": (False, True, False, "worse"),
    }  # fmt: skip
    assert found.verdict.status == "pass"
    assert {one.metric for one in found.verdict.checks} == {"a"}


def test_without_any_rule_nothing_is_asked() -> None:
    request = ask(metrics=["revenue"], rules=[Rule(metric="revenue", role="secondary")])
    found = readout(observe({"revenue": whole(CONTROL, BETTER)}), request)
    assert found.verdict.status == "inconclusive"
    assert "nothing was asked" in found.verdict.sentence
    assert not effect(found, "revenue").decides


def test_a_plan_of_days_read_from_tables_without_times() -> None:
    arms = observe({"revenue": whole(CONTROL, BETTER)}, days=None)
    said = readout(arms, ask(a_plan(REVENUE + "stopping: hybrid\n")))
    assert said.verdict.status == "inconclusive"
    assert any("--as-of" in note for note in said.notes)
    dated = a_plan(REVENUE + "stopping: hybrid\nstart: 2026-03-02\n")
    for as_of, status in (("2026-03-15T23:59:59+00:00", "pass"), ("2026-03-08T00:00:00+00:00", "inconclusive")):
        timed = observe({"revenue": whole(CONTROL, BETTER)}, days=None, as_of=as_of)
        assert readout(timed, ask(dated)).verdict.status == status


# Handing it over


def every(found: Any) -> Sequence[Any]:
    if isinstance(found, dict):
        return [x for value in found.values() for x in every(value)]
    if isinstance(found, list):
        return [x for value in found for x in every(value)]
    return [found]


def refuse(constant: str) -> None:
    raise AssertionError(constant)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("days", [2.0, 14.0])
@pytest.mark.parametrize(
    "arms",
    [
        whole(CONTROL, BETTER),
        whole((500, 0), (500, 0)),
        whole((500, 500), (500, 500)),
        whole((0, 0), (3, 1)),
        whole((2, 0.0, 0.0), (2, 1.0, 0.0)),
        whole((10, 0.0, 3.0), (10, 0.0, 3.0)),
        whole((10, -1e-300, 1e-300), (10, 1e-300, 1e-300)),
        whole((1000, 1e12, 1e11), (1000, 2e12, 1e11)),
    ],
)
def test_no_nan_ever_reaches_the_json(rule: str, days: float, arms: Any) -> None:
    plan = a_plan(REVENUE + f"stopping: {rule}\n")
    found = readout(observe({"revenue": arms}, days=days), ask(plan))
    text = to_json(found)
    known = json.loads(text, parse_constant=refuse)
    assert all(math.isfinite(x) for x in every(known) if isinstance(x, float))
    assert Readout.model_validate_json(found.model_dump_json()) == found
    for one in found.effects:
        agrees(one)
    for kind in ("text", "markdown", "html", "junit"):
        shown = render(found, kind)  # type: ignore[arg-type]
        assert not re.search(
            r"\b(nan|inf)\b", re.sub(r"<style.*?</style>|<script.*?</script>", "", shown, flags=re.S), re.I
        )


def test_all_outputs_say_the_same_digits() -> None:
    plan = a_plan(REVENUE.replace("mean(revenue)", "{formula: mean(revenue), unit: USD}"))
    found = readout(observe({"revenue": whole(CONTROL, BETTER)}), ask(plan))
    one = effect(found, "revenue")
    assert (one.difference, one.low, one.high) == pytest.approx((0.5, *welch(CONTROL, BETTER)[1:]), rel=1e-9)
    shown = "+0.50 [+0.28, +0.72] USD"
    assert f"{one.low:+.2f}, {one.high:+.2f}" == "+0.28, +0.72"
    for kind in ("text", "markdown", "html"):
        assert shown in " ".join(render(found, kind).replace("\u00a0", " ").split()), kind  # type: ignore[arg-type]
    assert shown in found.verdict.sentence
