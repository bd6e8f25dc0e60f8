"""Plan files: what they say, what they refuse and how, and that a plan written out is the plan read back."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UsageError
from seatrial.experiments.plan_file import load_plan, parse_plan, parse_plan_file
from seatrial.experiments.plan_text import dump_plan
from seatrial.records.decision import Policy, Rule
from seatrial.records.plan import Arm, ExperimentMetric, OfflineEffect, OfflineVerdict, Plan, Stopping

FULL = """
name: ranker-2.1
hypothesis: The new ranker raises revenue per user.
unit: user_id
arms:
  A: {weight: 50, model: ranker 2.0}
  B: {weight: 50, model: ranker 2.1}
metrics:
  revenue_per_user: {formula: mean(revenue), missing: zero, unit: USD, winsorize: 500, covariates: [pre_revenue],
                     window: 7d, where: "event == 'purchase'"}
  aov: revenue / orders
  latency_p95: {formula: p95(latency_ms), unit: ms, lower_is_better: true}
primary: revenue_per_user
guardrails:
  - {metric: latency_p95, margin: 5%}
secondary: [aov]
minimum_effect: 2%
segments: [country]
stopping: {rule: group-sequential, looks: [0.2, 0.5, 1], spending: pocock, futility: true}
new_units_per_day: 12000
start: 2026-12-01
days: 14
timezone: Europe/Berlin
ramp: [{from: 2026-12-01, weights: {A: 95, B: 5}}, {from: 2026-12-03, weights: {A: 50, B: 50}}]
columns: {arm: variant, time: exposed_at}
base: {value: 4.1, standard_deviation: 21}
"""
SMALL: dict[str, Any] = {"arms": {"A": 50, "B": 50}, "metrics": {"ctr": "clicks / views"}}


def test_a_whole_plan_file_says_what_it_says() -> None:
    found = parse_plan_file(FULL)
    plan = found.plan
    assert (plan.name, plan.unit, plan.control, plan.primary) == ("ranker-2.1", "user_id", "A", "revenue_per_user")
    assert plan.arms[1] == Arm(name="B", weight=50, model="ranker 2.1")
    assert plan.metrics[0] == ExperimentMetric(
        name="revenue_per_user", formula="mean(revenue)", scale="USD", where="event == 'purchase'", window="7d",
        missing="zero", winsorize=500, covariates=("pre_revenue",),
    )  # fmt: skip
    assert not plan.metric("latency_p95").higher_is_better
    assert [(rule.metric, rule.role, rule.margin, rule.margin_is_relative) for rule in plan.policy.rules] == [
        ("revenue_per_user", "success", None, False),
        ("latency_p95", "guardrail", 0.05, True),
        ("aov", "secondary", None, False),
    ]
    assert (plan.minimum_effect, plan.minimum_effect_is_relative) == (0.02, True)
    assert plan.stopping == Stopping(rule="group-sequential", looks=(0.2, 0.5, 1.0), spending="pocock", futility=True)
    assert plan.phases[0].weights == {"A": 95, "B": 5}
    assert (plan.columns.arm, plan.columns.time, plan.columns.unit) == ("variant", "exposed_at", None)
    assert found.assumptions.base["revenue_per_user"].standard_deviation == 21
    assert found.assumptions.traffic is not None
    assert found.assumptions.traffic.new_per_day == (12000,)


def test_what_is_left_out_has_a_default() -> None:
    plan = parse_plan(SMALL, name="small")
    assert (plan.name, plan.control, plan.primary, plan.timezone) == ("small", "A", "ctr", "UTC")
    assert (plan.policy.alpha, plan.policy.power, plan.stopping.rule) == (0.05, 0.8, "hybrid")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hypotesis": "x"}, "unknown key 'hypotesis'. Did you mean 'hypothesis'?"),
        ({"arms": {"A": {"wieght": 1}, "B": 1}}, "'arms' 'A': unknown key 'wieght'. Did you mean 'weight'?"),
        ({"metrics": {"ctr": {"formula": "clicks / views", "winsorise": 3}}}, "Did you mean 'winsorize'?"),
        ({"metrics": {"ctr": "clicks /"}}, "metric 'ctr': "),
        ({"metrics": {"ctr": "tp / (tp + fp)"}}, "is for offline comparisons"),
        ({"metrics": {"ctr": {"formula": "mean(x)", "where": "event"}}}, "must be a condition on events"),
        ({"metrics": {"ctr": {"formula": "mean(x)", "window": "7 fortnights"}}}, "written like 36h, 7d or 2w"),
        ({"metrics": {"ctr": {"formula": "mean(x)", "missing": "zeros"}}}, "Did you mean 'zero'?"),
        ({"metrics": {"ctr": {"formula": "mean(x)", "margin": "120%"}}}, "below 100 %"),
        ({"metrics": {}}, "'metrics' must map a name to a formula"),
        ({"primary": "crt"}, "names 'crt', which is no metric of the plan. Did you mean 'ctr'?"),
        ({"secondary": ["ctr"]}, "says nothing that decides"),
        ({"guardrails": [{"metric": "ctr", "margn": 1}]}, "Did you mean 'margin'?"),
        ({"guardrails": ["ctr", "ctr"], "primary": "ctr"}, "lists 'ctr' twice as guardrail"),
        ({"primary": "ctr", "policy": {"success": ["ctr"]}}, "give 'policy' or 'primary', not both"),
        ({"arms": {"X": 1, "Y": 1}}, "which arm is the control? Write 'control: X'"),
        ({"control": "a"}, "the control 'a' is no arm. Arms: A, B."),
        ({"arms": {"A": 1, "B": 0}}, "at least two arms need a weight above 0"),
        ({"arms": {"A": 1, "B": -1}}, "weight"),
        ({"arms": {"A": 1}}, "at least two arms"),
        ({"minimum_effect": "2 percent"}, "'minimum_effect' must be a number"),
        ({"minimum_effect": 0}, "minimum_effect"),
        ({"alpha": 0.6}, "alpha"),
        ({"stopping": "sequential"}, "there is no 'sequential'. Did you mean 'group-sequential'?"),
        ({"stopping": {"rule": "fixed", "looks": 5}}, "'looks' are planned for 'group-sequential'"),
        ({"stopping": {"rule": "group-sequential", "looks": [0.5, 0.4, 1]}}, "rise"),
        ({"stopping": {"rule": "group-sequential", "looks": 2.5}}, "how many looks"),
        ({"timezone": "Europe/Berln"}, "there is no time zone 'Europe/Berln'. Did you mean 'Europe/Berlin'?"),
        ({"start": "01.12.2026"}, "'start' must be a date such as 2026-12-01"),
        ({"days": 0}, "'days' must be a whole number of at least 1"),
        ({"days": 5, "metrics": {"ctr": {"formula": "mean(x)", "window": "2w"}}}, "no unit would ever count"),
        ({"ramp": [{"from": "2026-12-01", "weights": {"A": 1, "C": 1}}]}, "unknown key 'C'"),
        (
            {"ramp": [{"from": d, "weights": {"A": 1, "B": 1}} for d in ("2026-12-03", "2026-12-01")]},
            "put phases in order",
        ),
        ({"start": "2026-12-05", "ramp": [{"from": "2026-12-01", "weights": {"A": 1, "B": 1}}]}, "before the start"),
        (
            {"start": "2026-12-01", "days": 7, "ramp": [{"from": "2026-12-20", "weights": {"A": 1, "B": 1}}]},
            "last phase begins",
        ),
        ({"columns": {"arms": "x"}}, "unknown key 'arms'. Did you mean 'arm'?"),
        ({"base": {"vlaue": 1}}, "Did you mean 'value'?"),
        ({"base": {"value": 1, "standard_deviation": -1}}, "must be above 0"),
        ({"new_units_per_day": [-1, 3]}, "'new_units_per_day' must be the units first seen each day"),
        ({"new_units_per_day": {"daily_active": 5}}, "needs 'daily_active' and 'population'"),
        ({"new_units_per_day": {"daily_active": 5, "population": 2}}, "at most the population"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_plan_file({**SMALL, **change}, name="bad")
    assert said in str(error.value)
    assert str(error.value).startswith("Plan 'bad'")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- a\n- b", "name: [", "name: x\nname: y", "a: " + "[" * 5000])
def test_a_text_that_is_no_plan(text: str) -> None:
    with pytest.raises(UsageError, match="Plan 'plan'"):
        parse_plan(text)


def test_a_file_is_named_and_read_or_not(tmp_path: Path) -> None:
    path = tmp_path / "checkout.v2.yaml"
    path.write_text("arms: {A: 1, B: 1}\nmetrics: {buys: mean(bought)}\n")
    assert load_plan(path).name == "checkout"
    with pytest.raises(UsageError, match="There is no plan file"):
        load_plan(tmp_path / "none.yaml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a text file"):
        load_plan(path)


def card(tmp_path: Path, candidates: tuple[str, ...] = ("new",)) -> Path:
    effects = [
        {"candidate": name, "metric": "accuracy", "slice": where, "difference": 0.01 * k, "low": 0.0, "high": 0.02,
         "higher_is_better": True}
        for k, name in enumerate(candidates, start=1)
        for where in ({}, {"sex": "F"})
    ]  # fmt: skip
    verdict = {"status": "pass", "sentence": "Ship.", "policy_digest": "p", "evidence_digest": "e", "candidate": "new"}
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps({"verdict": verdict, "effects": effects}))
    return path


def with_verdict(tmp_path: Path, model: str | None = None) -> Plan:
    arm = {"weight": 50, "verdict": "verdict.json"} | ({"model": model} if model else {})
    return parse_plan({**SMALL, "arms": {"A": 50, "B": arm}}, folder=tmp_path)


def test_an_offline_verdict_is_kept_with_its_differences_over_all_rows(tmp_path: Path) -> None:
    card(tmp_path)
    assert with_verdict(tmp_path).arms[1].verdict == OfflineVerdict(
        name="verdict.json", status="pass", sentence="Ship.", policy_digest="p", evidence_digest="e",
        effects=(OfflineEffect(metric="accuracy", difference=0.01, low=0.0, high=0.02),),
    )  # fmt: skip


def test_of_several_candidates_the_arms_model_is_taken(tmp_path: Path) -> None:
    card(tmp_path, ("new", "newer"))
    verdict = with_verdict(tmp_path, "newer").arms[1].verdict
    assert verdict is not None
    assert verdict.effects[0].difference == 0.02
    with pytest.raises(UsageError, match="say which one the arm serves"):
        with_verdict(tmp_path, "other")


def test_a_verdict_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file 'verdict\.json'"):
        with_verdict(tmp_path)
    for text in ("{", "[]", '{"verdict": {}}'):
        (tmp_path / "verdict.json").write_text(text)
        with pytest.raises(UsageError, match="is not the JSON of `seatrial compare`"):
            with_verdict(tmp_path)


def test_a_plan_written_out_is_the_plan_read_back(tmp_path: Path) -> None:
    card(tmp_path)
    for plan in (parse_plan(FULL), parse_plan(SMALL), with_verdict(tmp_path)):
        text = dump_plan(plan)
        assert parse_plan(text) == plan
        assert dump_plan(parse_plan(text)) == text


def test_a_policy_no_section_can_say_is_written_whole() -> None:
    rules = (
        Rule(metric="ctr", role="guardrail", margin=1 / 3, margin_is_relative=True),
        Rule(metric="ctr", role="success"),
    )
    plan = parse_plan(SMALL).model_copy(update={"policy": Policy(name="own", rules=rules)})
    assert parse_plan(dump_plan(plan)) == plan


@given(
    effect=st.floats(1e-6, 0.9),
    margin=st.floats(1e-6, 0.9),
    weight=st.floats(0.01, 100),
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
)
@settings(max_examples=40, deadline=None)
def test_any_number_and_text_survives_the_file(effect: float, margin: float, weight: float, text: str) -> None:
    if not text.strip():
        return
    made = {
        **SMALL, "arms": {"A": 1, "B": weight}, "minimum_effect": effect, "hypothesis": text, "primary": "ctr",
        "guardrails": [{"metric": "ctr", "margin": margin, "margin_is_relative": True}],
        "minimum_effect_is_relative": True,
    }  # fmt: skip
    plan = parse_plan(made)
    assert parse_plan(dump_plan(plan)) == plan
