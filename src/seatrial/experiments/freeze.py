"""A plan is frozen before its first unit and never edited after: a change is a new version that names the old one."""

from typing import Any

from seatrial.errors import UsageError, listed
from seatrial.experiments.request import DEFAULT_MARGIN
from seatrial.records.decision import Rule
from seatrial.records.numbers import format_percent, format_value
from seatrial.records.plan import ExperimentMetric, Plan, Stopping


def freeze(plan: Plan) -> Plan:
    """Return the plan as it is kept: frozen, named by its digest; a frozen one stays as it is.

    >>> from seatrial.experiments.plan_file import parse_plan
    >>> plan = freeze(parse_plan("{arms: {A: 50, B: 50}, metrics: {ctr: clicks / views}}"))
    >>> plan.frozen, len(plan.digest())
    (True, 64)
    """
    return plan if plan.frozen else plan.model_copy(update={"frozen": True})


def amend(new: Plan, old: Plan) -> Plan:
    """Return `new` as the next version of the frozen plan `old`, named by its digest, ready to be frozen.

    Raises `UsageError` when `old` was never frozen, `new` already is, or nothing changed.
    """
    if not old.frozen:
        raise UsageError(f"Plan '{old.name}' was never frozen, so there is nothing to amend: change its file.")
    if new.frozen:
        raise UsageError(f"Plan '{new.name}' is frozen itself and cannot become an amendment: write the change anew.")
    if not changes(new, old):
        raise UsageError(f"Plan '{new.name}' says the same as the plan it amends; nothing changed.")
    return new.model_copy(update={"version": old.version + 1, "amends": old.digest()})


def changes(new: Plan, old: Plan) -> tuple[str, ...]:
    """Say in words what a plan changes against an older version, one sentence a change.

    >>> from seatrial.experiments.plan_file import parse_plan
    >>> text = "{arms: {A: 50, B: 50}, metrics: {ctr: clicks / views}, minimum_effect: %s}"
    >>> changes(parse_plan(text % "3%"), parse_plan(text % "2%"))
    ('the minimum effect is 3 % (was 2 %)',)
    """
    said = [
        _changed(what, getattr(old, field) or "none", getattr(new, field) or "none")
        for field, what in (
            ("name", "the name"),
            ("hypothesis", "the hypothesis"),
            ("unit", "the unit"),
            ("control", "the control"),
            ("start", "the start"),
            ("days", "the days planned"),
            ("timezone", "the time zone"),
        )
    ]
    said += _arms(new, old)
    said += _by_name("metric", {m.name: m for m in new.metrics}, {m.name: m for m in old.metrics}, _metric)
    said += _by_name(
        "rule", _rules(new), _rules(old), lambda a, b: [f"{margin_text(a, None)} (was {margin_text(b, None)})"]
    )
    said.append(_changed("the minimum effect", minimum_effect_text(old), minimum_effect_text(new)))
    said.append(_changed("alpha", f"{old.policy.alpha:g}", f"{new.policy.alpha:g}"))
    said.append(_changed("the power", format_percent(old.policy.power), format_percent(new.policy.power)))
    said.append(_changed("the stopping rule", stopping_text(old.stopping), stopping_text(new.stopping)))
    said.append(_changed("the strata", old.post_stratify or "none", new.post_stratify or "none"))
    said.append(_changed("the segments", listed(old.segments) or "none", listed(new.segments) or "none"))
    if new.phases != old.phases:
        said.append("the ramp is another one")
    if new.columns != old.columns:
        said.append("the columns' roles are other ones")
    known = tuple(one for one in said if one)
    if known or new.policy == old.policy:
        return known
    return ("the policy is another one",)


def minimum_effect_text(plan: Plan) -> str:
    """`2 %`, `0.5 USD`, or `none`."""
    if plan.minimum_effect is None:
        return "none"
    if plan.minimum_effect_is_relative:
        return format_percent(plan.minimum_effect)
    return format_value(plan.minimum_effect, scale=plan.metric(plan.primary).scale)


def stopping_text(stopping: Stopping) -> str:
    """The stopping rule in a few words: `group-sequential, 5 looks, obrien-fleming spending`."""
    if stopping.rule != "group-sequential":
        return stopping.rule
    equal = all(abs(look - (i + 1) / len(stopping.looks)) < 1e-9 for i, look in enumerate(stopping.looks))
    shares = "" if equal else f" at {', '.join(format_percent(look) for look in stopping.looks)}"
    futility = ", futility not binding" if stopping.futility else ""
    return f"group-sequential, {len(stopping.looks)} looks{shares}, {stopping.spending} spending{futility}"


def margin_text(rule: Rule, metric: ExperimentMetric | None) -> str:
    """What a rule asks, in a few words: `margin 5 % of the control's value`, `below 300`."""
    if rule.below is not None or rule.above is not None:
        return f"below {rule.below:g}" if rule.below is not None else f"above {rule.above:g}"
    if rule.margin is not None:
        margin, relative, said = rule.margin, rule.margin_is_relative, ""
    elif metric is not None and metric.margin is not None:
        margin, relative, said = metric.margin, metric.margin_is_relative, ""
    else:
        margin, relative, said = DEFAULT_MARGIN, True, " (the default)"
    if relative:
        return f"margin {format_percent(margin)} of the control's value{said}"
    return f"margin {format_value(margin, scale=None if metric is None else metric.scale)}{said}"


def _rules(plan: Plan) -> dict[str, Rule]:
    def name(rule: Rule) -> str:
        where = "".join(f" on {column}={level}" for column, level in rule.slice.items())
        side = " below" if rule.below is not None else " above" if rule.above is not None else ""
        return f"{rule.metric}{where}{side} as {rule.role}"

    return {name(rule): rule for rule in plan.policy.rules}


def _by_name(what: str, new: dict[str, Any], old: dict[str, Any], say: Any) -> list[str]:
    said = [f"{what} {name} is new" for name in new if name not in old]
    said += [f"{what} {name} is gone" for name in old if name not in new]
    for name in new:
        if name in old and new[name] != old[name]:
            said += [f"{what} {name}: {one}" for one in say(new[name], old[name])]
    return said


def _metric(new: ExperimentMetric, old: ExperimentMetric) -> list[str]:
    before, after = old.model_dump(), new.model_dump()
    return [f"{key} is {_short(after[key])} (was {_short(before[key])})" for key in after if after[key] != before[key]]


def _arms(new: Plan, old: Plan) -> list[str]:
    def shares(plan: Plan) -> str:
        return ", ".join(f"{arm.name} {arm.weight:g}" for arm in plan.arms)

    said = [_changed("the arms", shares(old), shares(new))]
    before = {arm.name: arm for arm in old.arms}
    for arm in new.arms:
        was = before.get(arm.name)
        if was is not None and (was.model, was.model_digest) != (arm.model, arm.model_digest):
            said.append(f"arm {arm.name} serves {arm.model or arm.model_digest} (was {was.model or was.model_digest})")
        elif was is not None and was.verdict != arm.verdict:
            said.append(f"arm {arm.name} has another offline verdict")
    return said


def _changed(what: str, old: object, new: object) -> str:
    return "" if old == new else f"{what} is {new} (was {old})"


def _short(value: object) -> str:
    if value is None or value == () or value == "":
        return "none"
    return listed(map(str, value)) if isinstance(value, tuple) else str(value)
