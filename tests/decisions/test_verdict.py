"""Health and checks to verdict: the order of STATISTICS section 1, families, candidates, matched ids, sentences."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seatrial.decisions.checks import Evidence
from seatrial.decisions.policy import default_policy, parse_policy
from seatrial.decisions.verdict import decide, status_of
from seatrial.records import Check, Estimate, Finding, Policy, Rule

POLICY = parse_policy("""
success: [roc_auc]
guardrails:
  - recall
  - {metric: recall, slice: sex=Female, margin: 0.02}
  - latency_ms.p95 below 100
""")


def latency(value: float, half: float) -> Estimate:
    return Estimate(
        model="m", metric="latency_ms.p95", n=2400, value=value, low=value - half, high=value + half, scale="ms"
    )


@pytest.fixture(scope="session")
def run(normal):
    """run(policy, {"roc_auc": contrast or estimate, "recall/sex=Female": ..., ("roc_auc", "forest"): ...}, ...)."""

    def make(policy, changes=(), *, candidates=("boosting",), findings=(), lower=("log_loss",), **options):
        table = {
            "roc_auc": normal(0.021, 0.0045),
            "recall": normal(0.004, 0.004),
            "recall/sex=Female": normal(0.003, 0.008),
            "latency_ms.p95": latency(81.2, 3.2),
            "log_loss": normal(-0.02, 0.004),
            **dict(changes),
        }

        def evidence(rule: Rule, candidate: str) -> Evidence:
            key = "/".join([rule.metric, *(f"{c}={v}" for c, v in rule.slice.items())])
            found = table[key, candidate] if (key, candidate) in table else table[key]
            if isinstance(found, Evidence):
                return found
            if isinstance(found, Estimate):
                return Evidence(n=found.n, estimate=found)
            return Evidence(n=2400, contrast=found, higher_is_better=rule.metric not in lower)

        return decide(
            policy, findings=findings, evidence=evidence, candidates=candidates, baseline="logistic", **options
        )

    return make


def check(role: str, status: str, worse: bool = False) -> Check:
    return Check(name="c", role=role, status=status, reason="r", metric="m", candidate="b", condition="c", worse=worse)


P, F, Q, W = ("pass", False), ("fail", False), ("inconclusive", False), ("fail", True)


# (success checks, guardrail statuses) -> status, mixed
@pytest.mark.parametrize(
    ("success", "guardrails", "status", "mixed"),
    [
        ([P], ["pass"], "pass", False),
        ([], ["pass", "pass"], "pass", False),
        ([P], [], "pass", False),
        ([P, F], ["pass"], "pass", False),
        ([P, Q], ["pass"], "pass", False),
        ([P], ["pass", "fail"], "fail", True),
        ([P], ["inconclusive", "fail"], "fail", True),
        ([Q], ["fail"], "fail", False),
        ([], ["fail"], "fail", False),
        ([W], ["pass"], "fail", False),
        ([P, W], ["pass"], "fail", True),
        ([W, Q], ["inconclusive"], "fail", False),
        ([P], ["inconclusive"], "inconclusive", False),
        ([F], ["inconclusive"], "inconclusive", False),
        ([], ["inconclusive"], "inconclusive", False),
        ([F], ["pass"], "fail", False),
        ([F, F], ["pass"], "fail", False),
        ([F, Q], ["pass"], "inconclusive", False),
        ([Q], ["pass"], "inconclusive", False),
        ([], [], "inconclusive", False),
    ],
)
def test_status_by_hand(success, guardrails, status, mixed):
    checks = [check("success", *one) for one in success] + [check("guardrail", one) for one in guardrails]
    assert status_of(checks) == (status, mixed)
    assert status_of(checks[::-1]) == (status, mixed)
    if checks:  # what is secondary never decides
        assert status_of([*checks, check("secondary", "fail", True)]) == (status, mixed)


def test_status_of_every_combination_of_three_checks():
    kinds = [("success", *one) for one in (P, F, Q, W)] + [("guardrail", s) for s in ("pass", "fail", "inconclusive")]
    for combination in product(kinds, repeat=3):
        status, mixed = status_of(check(*one) for one in combination)
        success = [one[1] for one in combination if one[0] == "success"]
        guards = [one[1] for one in combination if one[0] == "guardrail"]
        if "fail" in guards or ("success", *W) in combination:
            assert (status, mixed) == ("fail", "pass" in success)
        else:
            assert not mixed
            if status == "pass":
                assert set(guards) <= {"pass"}
                assert not success or "pass" in success
            elif status == "fail":
                assert set(guards) <= {"pass"}
                assert set(success) == {"fail"}
            else:
                assert "inconclusive" in guards + success
                assert "inconclusive" in guards or "pass" not in success


def test_ship(run):
    decision = run(POLICY)
    verdict = decision.verdict
    assert (verdict.status, verdict.mixed, verdict.candidate) == ("pass", False, "boosting")
    assert (
        verdict.sentence
        == "Ship boosting: roc_auc is better than logistic (+0.021 [+0.012, +0.030]), and all 4 guardrails hold."
    )
    assert [(c.name, c.role, c.status) for c in verdict.checks] == [
        ("roc_auc better", "success", "pass"),
        ("recall at most 0.01 worse", "guardrail", "pass"),
        ("recall (sex=Female) at most 0.02 worse", "guardrail", "pass"),
        ("latency_ms.p95 below 100", "guardrail", "pass"),
        ("roc_auc at most 0.01 worse (guarded too)", "guardrail", "pass"),
    ]
    assert verdict.policy_digest == POLICY.digest()
    assert decision.by_candidate == (verdict,)


def test_mixed(run, normal):
    verdict = run(POLICY, {"recall/sex=Female": normal(-0.034, 0.006)}).verdict
    assert (verdict.status, verdict.mixed) == ("fail", True)
    assert verdict.sentence == (
        "Do not ship boosting (mixed): roc_auc is better than logistic (+0.021 [+0.012, +0.030]), "
        "but recall for sex=Female is worse than the margin allows (-0.034 [-0.046, -0.022], margin 0.02)."
    )


def test_a_bound_stops_a_ship(run, normal):
    changes = {"latency_ms.p95": latency(131.4, 7.2), "roc_auc": normal(0.005, 0.006)}
    verdict = run(POLICY, changes).verdict
    assert (verdict.status, verdict.mixed) == ("fail", False)
    assert verdict.sentence == "Do not ship boosting: latency_ms.p95 is 131 [124, 139] ms, above its bound of 100 ms."
    more = run(POLICY, {**changes, "recall": normal(-0.05, 0.004)}).verdict
    assert more.sentence.startswith("Do not ship boosting: recall is worse than the margin allows (-0.050 ")
    assert more.sentence.endswith("margin 0.01). 1 more check failed.")


def test_cannot_tell_yet(run, normal):
    verdict = run(POLICY, {"recall/sex=Female": normal(-0.008, 0.009)}).verdict
    assert verdict.status == "inconclusive"
    assert verdict.sentence == (
        "Cannot tell yet whether to ship boosting: roc_auc is better than logistic (+0.021 [+0.012, +0.030]), "
        "but recall for sex=Female may be worse than the margin allows (-0.008 [-0.026, +0.010], margin 0.02). "
        "It would take about 3,820 such rows (there are 2,400)."
    )


def test_success_alone(run, normal):
    policy = parse_policy("success: [roc_auc]")
    assert run(policy, {"roc_auc": normal(0.021, 0.0045)}).verdict.sentence == (
        "Ship boosting: roc_auc is better than logistic (+0.021 [+0.012, +0.030])."
    )
    assert run(policy, {"roc_auc": normal(0.001, 0.003)}).verdict.status == "fail"
    assert run(policy, {"roc_auc": normal(0.008, 0.006)}).verdict.status == "inconclusive"
    worse = run(policy, {"roc_auc": normal(-0.004, 0.001)}).verdict  # within its margin as a guardrail, yet worse
    assert (worse.status, [c.status for c in worse.checks]) == ("fail", ["fail", "pass"])
    assert worse.sentence == (
        "Do not ship boosting: roc_auc is worse than logistic, though by less than the margin "
        "(-0.0040 [-0.0060, -0.0020], margin 0.01)."
    )


def test_a_success_metric_is_also_a_guardrail_at_its_own_margin(run, normal):
    policy = parse_policy("success: [roc_auc, {metric: recall, margin: 0.03}]\nguardrails: [roc_auc below 1]")
    changes = {"roc_auc": normal(0.03, 0.004), "recall": normal(-0.02, 0.011)}
    verdict = run(policy, changes | {("roc_auc", "boosting"): normal(0.03, 0.004)}).verdict
    assert [(c.metric, c.role, c.margin) for c in verdict.checks][-2:] == [
        ("roc_auc", "guardrail", 0.01),
        ("recall", "guardrail", 0.03),
    ]
    assert verdict.status == "inconclusive"  # recall may be down by more than .03, and may be better
    listed = run(parse_policy("success: [recall]\nguardrails: [{metric: recall, margin: 0.05}]"), changes).verdict
    assert [(c.role, c.margin) for c in listed.checks] == [("success", 0.01), ("guardrail", 0.05)]
    sliced = run(parse_policy("success: [recall]\nguardrails: [{metric: recall, slice: sex=Female}]"), changes).verdict
    assert [(c.role, c.slice) for c in sliced.checks] == [
        ("success", {}),
        ("guardrail", {"sex": "Female"}),
        ("guardrail", {}),
    ]


def test_holm_over_success_metrics_and_candidates(run, normal):
    # z = 2.1 (p .0357) and z = 3 (p .0027): Holm reads the larger z at .05/2 and, that being rejected, the other at .05
    policy = parse_policy("success: [roc_auc, log_loss]\nguardrails: [recall]\nsecondary: [f1]")
    changes = {"roc_auc": normal(0.021, 0.010), "log_loss": normal(-0.03, 0.010)}
    decision = run(policy, changes)
    auc, loss = decision.deciding("roc_auc", {}, "boosting"), decision.deciding("log_loss", {}, "boosting")
    p_auc, p_loss = 2 * stats.norm.sf(2.1), 2 * stats.norm.sf(3.0)
    assert (auc.alpha, auc.adjusted_p_value) == (pytest.approx(0.05), pytest.approx(p_auc))
    assert (loss.alpha, loss.adjusted_p_value) == (pytest.approx(0.025), pytest.approx(2 * p_loss))
    assert [c.status for c in decision.verdict.checks[:2]] == ["pass", "pass"]
    assert decision.verdict.checks[1].adjusted_p_value == pytest.approx(2 * p_loss)
    # the guardrails, also the derived ones, are not corrected
    assert {c.level for c in decision.verdict.checks if c.role == "guardrail"} == {0.95}
    assert decision.deciding("recall", {}, "boosting").alpha == 0.05
    assert decision.deciding("f1", {"sex": "Male"}, "boosting").alpha == 0.05
    # two candidates: four in the family, the same z of 2.1 no longer stands at .05/3
    both = run(
        policy,
        changes | {("log_loss", "forest"): normal(0.0, 0.01), ("roc_auc", "forest"): normal(0.0, 0.01)},
        candidates=("boosting", "forest"),
    )
    assert both.deciding("log_loss", {}, "boosting").alpha == pytest.approx(0.05 / 4)
    assert both.deciding("roc_auc", {}, "boosting").alpha == pytest.approx(0.05 / 3)
    assert both.by_candidate[0].checks[0].status == "inconclusive"
    assert both.by_candidate[0].checks[0].name == "boosting: roc_auc better"


def test_levels_carry_the_rule_s_margin_and_alpha(run):
    policy = parse_policy("""
success: [{metric: roc_auc, margin: 0.005}]
guardrails: [{metric: recall, margin: 3%, alpha: 0.01}, {metric: roc_auc, margin: 0.02}]
secondary: [{metric: log_loss, margin: 0.5}, recall]
""")
    decision = run(policy)
    recall = decision.deciding("recall", {}, "boosting")
    assert (recall.alpha, recall.margin, recall.margin_is_relative) == (0.01, pytest.approx(0.03), True)
    assert decision.deciding("roc_auc", {}, "boosting").margin == 0.005
    assert decision.deciding("log_loss", {}, "boosting").margin == 0.5
    assert decision.deciding("f1", {}, "boosting").margin is None
    assert {c.level for c in decision.verdict.checks if c.metric == "recall"} == {0.99}


def test_health_comes_first(run):
    findings = [
        Finding(name="label sets", status="warn", sentence="One label occurs in one file only."),
        Finding(name="duplicate ids", status="fail", sentence="14 ids occur twice in new.csv."),
        Finding(name="targets", status="fail", sentence="3 targets differ."),
    ]
    decision = run(POLICY, findings=findings)
    assert decision.verdict.status == "invalid"
    assert (
        decision.verdict.sentence
        == "These data cannot carry a verdict: 14 ids occur twice in new.csv. 1 more fault was found."
    )
    assert decision.verdict.checks == ()
    assert run(POLICY, findings=findings[:1]).verdict.status == "pass"


def test_invalid_data_are_not_measured():
    def never(rule: Rule, candidate: str) -> Evidence:
        raise AssertionError

    finding = Finding(name="n", status="fail", sentence="One side is empty.")
    assert decide(POLICY, findings=[finding], evidence=never, candidates=["b"]).verdict.status == "invalid"


def test_nothing_asked(run):
    for policy in (Policy(rules=()), parse_policy("secondary: [recall]")):
        verdict = run(policy).verdict
        assert (verdict.status, verdict.checks) == ("inconclusive", ())
        assert "nothing was asked" in verdict.sentence


def test_one_model_with_bounds(run):
    policy = parse_policy("bounds: [latency_ms.p95 below 100]")
    assert (
        run(policy).verdict.sentence
        == "Ship boosting: latency_ms.p95 is 81.2 [78.0, 84.4] ms, below its bound of 100 ms."
    )
    alone = run(
        parse_policy("bounds: [latency_ms.p95 below 100]\nguardrails: [recall]"), {"recall": Evidence(n=10)}
    ).verdict
    assert alone.status == "inconclusive"
    assert "there is no baseline to compare with" in alone.sentence


def test_the_assumed_policy_says_so(run):
    verdict = run(default_policy("recall")).verdict
    assert verdict.sentence == (
        "Ship boosting: recall is not worse than logistic by as much as the margin (+0.004 [-0.004, +0.012], "
        "margin 0.01). "
        "No policy was given: this one was assumed."
    )


def test_identical_versions(run, fixed):
    same = fixed(0.0, 0.0, p=1.0, error=0.0)
    verdict = run(default_policy("recall"), {"recall": same}).verdict
    assert verdict.status == "pass"
    assert verdict.sentence.startswith("Ship boosting: recall is that of logistic exactly, row by row.")
    strict = parse_policy("guardrails: [{metric: recall, margin: 0}]")
    assert run(strict, {"recall": same}).verdict.status == "pass"
    assert run(parse_policy("success: [recall]"), {"recall": same}).verdict.status == "fail"


@pytest.mark.parametrize(
    ("share", "worst", "status"),
    [
        (1.0, None, "pass"),
        (0.99, None, "pass"),
        (0.9899, None, "inconclusive"),
        (0.9899, {"boosting": False}, "inconclusive"),
        (0.9899, {"other": True}, "inconclusive"),
        (0.9899, {"boosting": True}, "pass"),
        (0.6, {"boosting": True}, "pass"),
    ],
)
def test_under_99_percent_matched(run, normal, share, worst, status):
    verdict = run(POLICY, matched_share=share, worst_case_passes=worst).verdict
    assert verdict.status == status
    assert ("98.9 % of" in verdict.sentence) == (share == 0.9899)
    # it never turns a fail into something better
    failed = run(POLICY, {"recall": normal(-0.05, 0.004)}, matched_share=share, worst_case_passes=worst).verdict
    assert (failed.status, failed.mixed) == ("fail", True)


CANDIDATES = ("boosting", "forest", "net")


def test_the_best_of_those_that_pass_is_recommended(run, normal):
    decision = run(
        POLICY,
        {("roc_auc", "forest"): normal(0.03, 0.004), ("roc_auc", "net"): normal(-0.03, 0.004)},
        candidates=CANDIDATES,
    )
    assert (decision.verdict.status, decision.verdict.candidate) == ("pass", "forest")
    assert [v.status for v in decision.by_candidate] == ["pass", "pass", "fail"]
    assert decision.verdict.sentence.startswith("Ship forest: roc_auc is better than logistic (+0.030 ")
    assert decision.verdict.sentence.endswith(
        "2 of 3 candidates pass; forest has the best roc_auc of them, untested against the others."
    )
    assert len(decision.verdict.checks) == 15
    assert len({c.name for c in decision.verdict.checks}) == 15


def test_less_is_better_ranks_the_other_way(run, normal):
    policy = parse_policy("success: [log_loss]")
    changes = {"log_loss": normal(-0.02, 0.004), ("log_loss", "net"): normal(-0.05, 0.004)}
    assert run(policy, changes, candidates=CANDIDATES).verdict.candidate == "net"


def test_one_of_several_passes(run, normal):
    verdict = run(
        POLICY, {"recall": normal(-0.05, 0.004), ("recall", "net"): normal(0.0, 0.004)}, candidates=CANDIDATES
    ).verdict
    assert (verdict.status, verdict.candidate) == ("pass", "net")
    assert verdict.sentence.endswith("Of 3 candidates no other passes.")


def test_while_one_may_still_pass_it_is_open(run, normal):
    changes = {"recall": normal(-0.05, 0.004), ("recall", "net"): normal(0.0, 0.008)}
    verdict = run(POLICY, changes, candidates=CANDIDATES).verdict
    assert (verdict.status, verdict.candidate, verdict.mixed) == ("inconclusive", None, False)
    assert verdict.sentence.startswith("Cannot tell yet whether to ship net: ")


def test_none_of_several(run, normal):
    verdict = run(POLICY, {"recall": normal(-0.05, 0.004)}, candidates=CANDIDATES).verdict
    assert (verdict.status, verdict.candidate, verdict.mixed) == ("fail", None, True)
    assert verdict.sentence.startswith(
        "Do not ship any of the 3 candidates. boosting: recall is worse than the margin allows (-0.050 "
    )
    assert verdict.sentence.endswith("1 more fails.")


def test_several_with_bounds_only_take_the_first_listed(run):
    verdict = run(parse_policy("bounds: [latency_ms.p95 below 100]"), candidates=CANDIDATES).verdict
    assert verdict.candidate == "boosting"
    assert "boosting comes first in the list" in verdict.sentence


statuses = st.tuples(st.floats(-0.05, 0.05), st.floats(0.001, 0.03))


@settings(deadline=None, max_examples=150)
@given(
    data=st.dictionaries(st.sampled_from(["roc_auc", "recall", "recall/sex=Female", "log_loss"]), statuses),
    p95=st.tuples(st.floats(50, 150), st.floats(0.1, 60)),
    name=st.text(min_size=1, max_size=80),
    share=st.sampled_from([1.0, 0.97]),
    several=st.booleans(),
)
def test_every_verdict_follows_from_its_checks_and_reads_well(run, normal, data, p95, name, share, several):
    policy = parse_policy("""
success: [roc_auc, log_loss]
guardrails: [recall, {metric: recall, slice: sex=Female, margin: 2%}, latency_ms.p95 below 100]
""")
    changes = {key: normal(d, e, baseline=0.6) for key, (d, e) in data.items()} | {"latency_ms.p95": latency(*p95)}
    candidates = (name, name + "2", "third") if several and name + "2" != "third" != name else (name,)
    decision = run(policy, changes, candidates=candidates, matched_share=share)
    for verdict in (decision.verdict, *decision.by_candidate):
        assert 0 < len(verdict.sentence) <= 300
        assert verdict.sentence.isprintable()
        start = {"pass": "Ship ", "fail": "Do not ship ", "inconclusive": "Cannot tell yet"}[verdict.status]
        assert verdict.sentence.startswith(start)
    for verdict in decision.by_candidate:
        status, mixed = status_of(verdict.checks)
        expected = "inconclusive" if status == "pass" and share < 0.99 else status
        assert (verdict.status, verdict.mixed) == (expected, mixed)
        for one in verdict.checks:
            if one.role == "success":
                deciding = decision.deciding(one.metric, one.slice, one.candidate)
                assert one.level == pytest.approx(1 - deciding.alpha)
                if abs(one.adjusted_p_value - 0.05) > 1e-9:
                    assert (one.adjusted_p_value < 0.05) == (one.status == "pass" or one.worse)
    ranks = {"pass": 0, "inconclusive": 1, "fail": 2}
    assert ranks[decision.verdict.status] == min(ranks[v.status] for v in decision.by_candidate)


@pytest.mark.parametrize(("loss", "most"), [(0.01, 0.025), (0.02, 0.025)])
def test_a_true_loss_at_the_margin_passes_no_more_often_than_half_alpha(run, normal, loss, most):
    rng = np.random.default_rng(0)
    policy = parse_policy("guardrails: [recall]")
    passed = sum(
        run(policy, {"recall": normal(d, 0.005)}).verdict.status == "pass" for d in rng.normal(-loss, 0.005, 1000)
    )
    assert passed <= stats.binom.isf(1e-3, 1000, most)
