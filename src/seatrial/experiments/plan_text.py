"""A plan as the YAML it is read from, every field written out; a frozen one with its digest."""

from typing import Any

import yaml

from seatrial.errors import UsageError
from seatrial.experiments.plan_file import RULES, parse_plan
from seatrial.experiments.plan_metrics import amount_fields, metric_fields, without_none
from seatrial.records.decision import Rule
from seatrial.records.plan import Arm, Plan

FROZEN = (
    "# Frozen: do not edit. A change is a new version that names this one: seatrial plan NEW.yaml --amends THIS.yaml\n"
)


def dump_plan(plan: Plan) -> str:
    """Return YAML from which `parse_plan` makes the same plan, byte for byte the same for the same plan.

    Raises `UsageError` when the plan holds something that a plan file cannot say.

    >>> plan = parse_plan("{arms: {A: 50, B: 50}, metrics: {ctr: clicks / views}}")
    >>> parse_plan(dump_plan(plan)) == plan
    True
    """
    text = yaml.safe_dump(_plain(plan), sort_keys=False, allow_unicode=True, width=110)
    text = FROZEN + text if plan.frozen else text
    if parse_plan(text) != plan:
        raise UsageError(
            f"Plan '{plan.name}' cannot be written as a file without loss; give names without outer spaces."
        )
    return text


def _plain(plan: Plan) -> dict[str, Any]:
    known = plan.model_dump(mode="json")
    out: dict[str, Any] = {key: known[key] for key in ("schema_version", "name", "version", "amends", "frozen")}
    if plan.frozen:
        out["digest"] = plan.digest()
    out |= {key: known[key] for key in ("hypothesis", "unit", "control")}
    out["arms"] = {arm.name: _arm(arm) for arm in plan.arms}
    out["metrics"] = {metric.name: metric_fields(metric) for metric in plan.metrics}
    out |= _rules(plan)
    if plan.minimum_effect is not None:
        out |= amount_fields("minimum_effect", plan.minimum_effect, plan.minimum_effect_is_relative)
    out["segments"] = known["segments"]
    out["post_stratify"] = plan.post_stratify
    out["stopping"] = without_none(known["stopping"])
    out |= {key: known[key] for key in ("start", "days", "timezone")}
    if plan.phases:
        out["ramp"] = [{"from": phase.start, "weights": dict(phase.weights)} for phase in plan.phases]
    out["columns"] = without_none(known["columns"])
    if plan.sizing is not None:
        out["sizing"] = without_none(known["sizing"])
    return without_none(out)


def _arm(arm: Arm) -> dict[str, Any]:
    return {key: value for key, value in without_none(arm.model_dump(mode="json")).items() if key != "name"}


def _rules(plan: Plan) -> dict[str, Any]:
    """`primary`, `guardrails` and `secondary`; a policy that these cannot say is written whole."""
    policy = plan.policy
    sections = {section: [rule for rule in policy.rules if rule.role == role] for section, role in RULES.items()}
    in_order = tuple(rule for rules in sections.values() for rule in rules) == policy.rules
    simple = in_order and not policy.metrics and not policy.lower_is_better and not policy.assumed
    if simple and policy.name == plan.name and (sections["primary"] or sections["guardrails"]):
        written = {section: [_rule(rule) for rule in rules] for section, rules in sections.items() if rules}
        return {**written, "alpha": policy.alpha, "power": policy.power}
    whole = without_none(policy.model_dump(mode="json"))
    whole["rules"] = [_rule(rule) | {"role": rule.role} for rule in policy.rules]
    return {"policy": whole}


def _rule(rule: Rule) -> dict[str, Any]:
    known = without_none(rule.model_dump(mode="json", exclude={"role", "margin", "margin_is_relative"}))
    if not rule.slice:
        known.pop("slice")
    return known if rule.margin is None else known | amount_fields("margin", rule.margin, rule.margin_is_relative)
