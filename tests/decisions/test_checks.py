"""Rule and evidence to check: every branch of the three status rules, tested values, sentences, rows needed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seatrial.decisions.checks import Evidence, Question, bound_status, decide_rule, guardrail_status, success_status
from seatrial.effects.families import Deciding
from seatrial.effects.words import position, word
from seatrial.records import Estimate, Rule
from seatrial.stats.paired import PairedProportions

# (L, U, success check, guardrail) at margin .01, + is good
CASES = [
    (0.001, 0.030, "pass", "pass"),
    (0.001, 0.005, "pass", "pass"),  # better by less than the margin is still better
    (-0.005, 0.030, "inconclusive", "pass"),
    (0.0, 0.030, "inconclusive", "pass"),
    (-0.005, 0.005, "fail", "pass"),  # a powered null
    (-0.009, -0.001, "fail", "pass"),  # worse, but by less than the margin
    (-0.010, 0.005, "inconclusive", "inconclusive"),
    (-0.030, 0.030, "inconclusive", "inconclusive"),
    (-0.030, -0.001, "fail", "inconclusive"),
    (-0.030, -0.0099, "fail", "inconclusive"),
    (-0.030, -0.010, "fail", "fail"),  # U <= -m
    (-0.030, -0.020, "fail", "fail"),
    (0.0, 0.0, "fail", "pass"),  # identical
]


def question(contrast=None, *, rule=None, higher=True, alpha=0.05, **evidence):
    return Question(
        rule=rule or Rule(metric="recall", role="guardrail"),
        candidate="new",
        baseline="old",
        deciding=Deciding(alpha=alpha),
        evidence=Evidence(contrast=contrast, higher_is_better=higher, **{"n": 2400, **evidence}),
    )


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize(("low", "high", "success", "guardrail"), CASES)
def test_status_by_hand(fixed, low, high, success, guardrail, higher):
    contrast = fixed(low, high) if higher else fixed(-high, -low)
    place = position(contrast, alpha=0.05, margin=0.01, margin_is_relative=False, higher_is_better=higher)
    assert success_status(place) == success
    assert guardrail_status(place) == guardrail
    checks = [
        decide_rule(question(contrast, rule=Rule(metric="recall", role=role), higher=higher)).check
        for role in ("success", "guardrail")
    ]
    assert [check.status for check in checks] == [success, guardrail]
    assert checks[0].worse == (high < 0)
    assert not checks[1].worse
    derived = decide_rule(question(contrast, rule=Rule(metric="recall", role="success"), higher=higher), derived=True)
    assert (derived.check.status, derived.check.role, derived.derived) == (guardrail, "guardrail", True)


@pytest.mark.parametrize(
    ("low", "high", "rule", "status"),
    [
        (90.0, 99.9, {"below": 100}, "pass"),
        (90.0, 100.0, {"below": 100}, "inconclusive"),
        (100.0, 110.0, {"below": 100}, "inconclusive"),
        (100.1, 110.0, {"below": 100}, "fail"),
        (90.0, 110.0, {"below": 100}, "inconclusive"),
        (0.81, 0.85, {"above": 0.8}, "pass"),
        (0.80, 0.85, {"above": 0.8}, "inconclusive"),
        (0.75, 0.80, {"above": 0.8}, "inconclusive"),
        (0.75, 0.79, {"above": 0.8}, "fail"),
        (None, None, {"below": 100}, "inconclusive"),
        (None, 90.0, {"below": 100}, "pass"),
        (110.0, None, {"below": 100}, "fail"),
        (90.0, None, {"below": 100}, "inconclusive"),
    ],
)
def test_bound_by_hand(low, high, rule, status):
    assert bound_status(low, high, Rule(metric="m", role="guardrail", **rule)) == status


def bound(rule: Rule, **estimate: object):
    return decide_rule(
        question(rule=rule, estimate=Estimate(model="new", metric="latency_ms.p95", n=2400, scale="ms", **estimate))
    )


def test_bound_sentences():
    rule = Rule(metric="latency_ms.p95", role="guardrail", below=100)
    failed = bound(rule, value=131.4, low=125.2, high=139.9)
    assert failed.clause == "latency_ms.p95 is 131 [125, 140] ms, above its bound of 100 ms"
    assert failed.check.name == "latency_ms.p95 below 100"
    assert (failed.check.tested_value, failed.check.p_value, failed.check.level) == (100, None, 0.95)
    open_ = bound(rule, value=98.4, low=95.2, high=104.9)
    assert open_.check.reason == (
        "latency_ms.p95 is 98 [95, 105] ms, on both sides of its bound of 100 ms; interval at 95 %; "
        "more rows would narrow the interval (there are 2,400)."
    )
    # a limit that would be rounded onto the bound is written with the digits that tell them apart
    assert "[95.0, 99.9]" in bound(rule, value=97.4, low=95.0, high=99.9).clause


def test_a_reason_is_never_a_number():
    rule = Rule(metric="latency_ms.p95", role="guardrail", below=100)
    unknown = bound(rule, reason="no latency was recorded").check
    assert (unknown.status, unknown.tested_value) == ("inconclusive", None)
    assert unknown.reason == "latency_ms.p95 cannot be held against its bound: no latency was recorded."
    assert decide_rule(question(rule=rule)).check.status == "inconclusive"
    # 0 errors of 300 has no plain value but an exact bound, and that decides
    exact = bound(rule, reason="no failures: the exact bound is shown", low=0.0, high=1.2)
    assert exact.check.status == "pass"


def test_a_contrast_with_a_reason_is_inconclusive(fixed):
    missing = fixed(np.nan, np.nan, p=np.nan, reasons=("no positive labels in region=EU",))
    for role in ("success", "guardrail"):
        check = decide_rule(question(missing, rule=Rule(metric="recall", role=role, slice={"region": "EU"}))).check
        assert check.status == "inconclusive"
        assert check.reason == "recall for region=EU cannot be compared: no positive labels in region=EU."
        assert (check.p_value, check.worse) == (None, False)
    assert "no interval could be computed" in decide_rule(question(fixed(np.nan, np.nan))).check.reason
    assert "no baseline" in decide_rule(question(None)).check.reason


def test_guardrail_p_is_at_the_margin(normal):
    # D = +.004, se .004, margin .01: z = .014/.004 = 3.5
    check = decide_rule(question(normal(0.004, 0.004))).check
    assert check.tested_value == -0.01
    assert check.p_value == pytest.approx(2 * stats.norm.sf(3.5))
    assert check.margin == 0.01
    lower = decide_rule(question(normal(-0.004, 0.004), higher=False)).check
    assert lower.tested_value == 0.01
    assert lower.p_value == pytest.approx(2 * stats.norm.sf(3.5))


@pytest.mark.parametrize(
    ("baseline", "higher", "difference", "tested"),
    [
        (0.5, False, 0.004, 0.01),
        (0.5, True, -0.004, -0.01),
        (-0.5, False, 0.004, 0.01),
        (-0.5, True, -0.004, -0.01),
    ],
)
def test_relative_guardrail_p_is_of_the_contrast_at_the_margin(normal, baseline, higher, difference, tested):
    # 2 % of .5 is .01; var(B) = .0009, so C - (1 -+ .02) B has variance .002^2 + .02^2 * .0009; .006 from the edge
    contrast = normal(difference, 0.002, baseline=baseline, var_baseline=0.0009)
    rule = Rule(metric="log_loss", role="guardrail", margin=0.02, margin_is_relative=True)
    check = decide_rule(question(contrast, rule=rule, higher=higher)).check
    error = np.sqrt(0.002**2 + 0.02**2 * 0.0009)
    assert check.tested_value == pytest.approx(tested)
    assert check.p_value == pytest.approx(2 * stats.norm.sf(0.006 / error))
    assert check.status == "pass"
    assert check.name == "log_loss at most 2 % worse"


def test_success_p_is_at_zero_and_read_at_its_level(normal):
    rule = Rule(metric="roc_auc", role="success")
    contrast = normal(0.021, 0.01)  # z = 2.1: p = .0357, better at .05, not at .025
    assert decide_rule(question(contrast, rule=rule, alpha=0.05)).check.status == "pass"
    check = decide_rule(question(contrast, rule=rule, alpha=0.025)).check
    assert check.status == "inconclusive"
    assert (check.tested_value, check.p_value, check.level) == (0.0, pytest.approx(2 * stats.norm.sf(2.1)), 0.975)
    assert "at 97.5 %" in check.reason


def test_sentences(normal, fixed):
    female = Rule(metric="recall", role="guardrail", slice={"sex": "Female"}, margin=0.02)
    assert decide_rule(question(normal(-0.034, 0.006), rule=female)).check.reason == (
        "recall for sex=Female is worse than the margin allows (-0.034 [-0.046, -0.022] at 95 %, margin 0.02)."
    )
    assert decide_rule(question(normal(0.021, 0.0045))).check.reason == (
        "recall is better than old (+0.021 [+0.012, +0.030] at 95 %, margin 0.01)."
    )
    assert decide_rule(question(normal(0.001, 0.0045))).check.reason == (
        "recall is not worse than old by as much as the margin (+0.001 [-0.008, +0.010] at 95 %, margin 0.01)."
    )
    assert "is worse than old, but by less than the margin" in decide_rule(question(normal(-0.004, 0.001))).clause
    assert "is worse than old, perhaps by more" in decide_rule(question(normal(-0.01, 0.001))).clause
    assert decide_rule(question(fixed(0.0, 0.0))).check.reason == "recall is that of old exactly, row by row."
    success = Rule(metric="recall", role="success")
    assert "though by less than the margin" in decide_rule(question(normal(0.004, 0.001), rule=success)).clause
    assert "not meaningfully different" in decide_rule(question(normal(0.0, 0.001), rule=success)).clause
    assert "less is better" in decide_rule(question(normal(0.0, 0.001), rule=success, higher=False)).check.reason


def test_rows_needed_by_hand(normal):
    # (z_.975 + z_.8) = 2.801585; se .009: 0.0252143; (0.0252143 / .02)^2 * 2400 = 3814.5
    rule = Rule(metric="recall", role="guardrail", slice={"sex": "Female"}, margin=0.02)
    decided = decide_rule(question(normal(-0.008, 0.009), rule=rule, counted="positives"))
    assert decided.need == "it would take about 3,820 such positives (there are 2,400)"
    assert decided.check.reason.endswith("; it would take about 3,820 such positives (there are 2,400).")
    # a success metric at Holm's .025: (2.241403 + .841621) * .006 = .0184981; (.0184981/.01)^2 * 2400 = 8212.3
    success = decide_rule(question(normal(0.008, 0.006), rule=Rule(metric="auc", role="success"), alpha=0.025))
    assert success.need == "it would take about 8,210 rows (there are 2,400)"


def test_rows_needed_never_follows_the_observed_effect(normal):
    needs = {decide_rule(question(normal(d, 0.009))).need for d in (-0.008, -0.004, 0.0, 0.007)}
    assert len(needs) == 1


def test_when_there_are_rows_enough_it_says_so(normal):
    # se .003: detectable .0084 < .01; D = -.006: L = -.0119 fails to clear
    decided = decide_rule(question(normal(-0.006, 0.003)))
    assert decided.check.status == "inconclusive"
    assert decided.need == (
        "2,400 rows are enough for a version with no true difference to pass, so the truth may lie close to the margin"
    )


def test_no_margin_no_number_of_rows(normal):
    rule = Rule(metric="recall", role="guardrail", margin=0.0)
    assert decide_rule(question(normal(0.0, 0.01), rule=rule)).need == (
        "with a margin of 0 no number of rows shows it; give it a margin"
    )


def test_a_score_interval_without_flips_still_says_what_it_takes(fixed):
    # Tango at n = 100 without flips: +-z^2/(n + z^2) = .036994, standard error 0. Its width stands for
    # se = .036994/1.959964 = .018875: (2.801585 * .018875/.01)^2 * 100 = 2796.2
    half = 1.959963984540054**2 / (100 + 1.959963984540054**2)
    decided = decide_rule(question(fixed(-half, half, error=0.0), n=100))
    assert decided.need == "it would take about 2,800 rows (there are 100)"


def test_without_flips_a_share_of_the_baseline_is_as_open_as_the_difference():
    # 100 rows, none differs, baseline .6: the plain error of C - .98 B is .02 * sqrt(.6 * .4/100) = .00098,
    # and would say that 100 rows are enough to clear 2 % of .6 = .012; the score interval says they are not
    none = np.array([0])
    contrast = PairedProportions(
        gained=none, lost=none, n=np.array([100]), baseline_value=np.array([0.6]), identical=np.array([False])
    )
    rule = Rule(metric="recall", role="guardrail", margin=0.02, margin_is_relative=True)
    decided = decide_rule(question(contrast, rule=rule, n=100))
    assert decided.check.status == "inconclusive"
    assert decided.need is not None
    assert decided.need.startswith("it would take about ")


def test_a_success_metric_with_rows_enough_says_so(normal):
    # se .003: detectable .0084 < .01, yet neither better nor within the margin
    decided = decide_rule(question(normal(0.005, 0.003), rule=Rule(metric="recall", role="success")))
    assert decided.check.status == "inconclusive"
    assert (
        decided.need == "2,400 rows are enough to see a gain as large as the margin, so a true gain is probably smaller"
    )


def test_names_from_files_cannot_break_the_line(normal):
    rule = Rule(metric="re\ncall", role="guardrail", slice={"c\x1b[31m": "x" * 500})
    clause = decide_rule(question(normal(0.0, 0.001), rule=rule)).clause
    assert clause.isprintable()
    assert len(clause) < 250


@settings(deadline=None)
@given(
    difference=st.floats(-0.1, 0.1),
    error=st.floats(0.0005, 0.05),
    margin=st.floats(0.0005, 0.05),
    alpha=st.floats(0.001, 0.2),
    higher=st.booleans(),
    relative=st.booleans(),
    role=st.sampled_from(["success", "guardrail"]),
)
def test_word_check_and_p_never_disagree(normal, difference, error, margin, alpha, higher, relative, role):
    contrast = normal(difference, error, baseline=0.7, var_baseline=0.0004)
    rule = Rule(metric="m", role=role, margin=margin, margin_is_relative=relative)
    check = decide_rule(question(contrast, rule=rule, higher=higher, alpha=alpha)).check
    if abs(check.p_value - alpha) < 1e-9:
        return
    good_side = (difference - check.tested_value) * (1 if higher else -1) > 0
    if role == "guardrail":
        expected = "inconclusive" if check.p_value >= alpha else "pass" if good_side else "fail"
        assert check.status == expected
    else:
        (said,), _ = word(contrast, alpha=alpha, margin=margin, margin_is_relative=relative, higher_is_better=higher)
        assert (check.status == "pass") == (said == "better") == (check.p_value < alpha and good_side)
        assert check.worse == (said == "worse") == (check.p_value < alpha and not good_side)
        assert (check.status == "fail") == (said in ("worse", "no meaningful difference"))
