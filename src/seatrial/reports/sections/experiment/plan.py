"""The plan and every deviation from it."""

from seatrial.records import Arm, Deviation, ExperimentMetric, Plan, Readout
from seatrial.reports import numbers, words
from seatrial.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Facts,
    Limits,
    Paragraph,
    Rows,
    Section,
    Table,
    rest,
)

_DIGEST = 12
"""Characters of a model's digest; the plan has all of it."""


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: the deviations first, then what was planned; without a plan it says so."""
    blocks: list[Block] = [_callout(deviation) for deviation in readout.deviations[: limits.rows]]
    plan = readout.plan
    if plan is None:
        text = (
            "There was no plan: metrics, margins, segments and the time of looking may have been chosen after the data "
            "were seen, so everything here is exploratory. A plan that is frozen before the next test makes it count."
        )
        return Section(id="plan", title="Plan", stamp=words.EXPLORATORY, blocks=(*blocks, Paragraph(text=text)))
    if not readout.deviations and plan.frozen:
        blocks.append(Paragraph(text=f"{words.STATUS_SYMBOLS['pass']} No deviation from the plan was found."))
    if plan.hypothesis:
        blocks.append(Paragraph(term="Hypothesis:", text=plan.hypothesis))
    blocks += [arms_table(plan, limits), metrics_table(plan, limits), Facts(items=facts(plan, readout.plan_digest))]
    frozen = "frozen before the start" if plan.frozen else "not frozen: what it says may have been written afterwards"
    count = len(readout.deviations)
    found = f"{numbers.integer(count)} {words.plural(count, 'deviation')} from it" if count else "no deviation found"
    return Section(
        id="plan",
        title="Plan and deviations" if count else "Plan",
        stamp="" if plan.frozen else words.EXPLORATORY,
        lead=f"{plan.name}, version {plan.version}, {frozen}; {found}.",
        blocks=tuple(blocks),
    )


def _callout(deviation: Deviation) -> Callout:
    return Callout(
        text=f"{deviation.what}: planned {deviation.planned}, found {deviation.found}",
        symbol=words.STATUS_SYMBOLS["warn"],
        tone="bad" if deviation.serious else "unsure",
        label="serious deviation" if deviation.serious else "deviation",
    )


def arms_table(plan: Plan, limits: Limits) -> Table:
    """Return the arms of a plan: share, model, and what was found of it offline."""
    total = sum(arm.weight for arm in plan.arms) or 1.0
    by_name = {arm.name: arm for arm in plan.arms}
    shown = plan.arm_names[: limits.rows]
    return Table(
        caption="Arms of the plan",
        groups=(Rows(rows=tuple(_arm(by_name[name], plan, total) for name in shown)),),
        note=rest(len(shown), len(plan.arms), "arms"),
        columns=(
            Column(title="Arm"),
            Column(title="Share", kind="number"),
            Column(title="Model"),
            Column(title="Offline verdict", kind="word"),
            Column(title="What it said", narrow=False),
        ),
    )


def _arm(arm: Arm, plan: Plan, total: float) -> tuple[Cell, ...]:
    verdict = arm.verdict
    return (
        Cell(text=arm.name, note="control" if arm.name == plan.control else ""),
        Cell(text=numbers.percent(arm.weight / total)),
        Cell(text=arm.model or "–", note=f"digest {arm.model_digest[:_DIGEST]}" if arm.model_digest else ""),
        Cell(text="none given")
        if verdict is None
        else Cell(
            text=verdict.status, symbol=words.STATUS_SYMBOLS[verdict.status], tone=words.STATUS_TONES[verdict.status]
        ),
        Cell(text="–" if verdict is None else verdict.sentence, note="" if verdict is None else verdict.name),
    )


def metrics_table(plan: Plan, limits: Limits) -> Table:
    """Return the metrics of a plan: what each is, what it is there for, and the largest loss allowed."""
    shown = plan.metrics[: limits.rows]
    return Table(
        caption="Metrics of the plan",
        groups=(Rows(rows=tuple(_metric(metric, plan) for metric in shown)),),
        note=rest(len(shown), len(plan.metrics), "metrics"),
        columns=(
            Column(title="Metric"),
            Column(title="Role", kind="word"),
            Column(title="Formula"),
            Column(title="Largest loss allowed", kind="number", narrow=False),
            Column(title="Of each unit", narrow=False),
        ),
    )


def _metric(metric: ExperimentMetric, plan: Plan) -> tuple[Cell, ...]:
    roles = [rule.role for rule in plan.policy.rules if rule.metric == metric.name and not rule.slice]
    role = "primary" if metric.name == plan.primary else roles[0] if roles else "shown only"
    rule = next((rule for rule in plan.policy.rules if rule.metric == metric.name and rule.margin is not None), None)
    margin = (rule.margin, rule.margin_is_relative) if rule is not None else (metric.margin, metric.margin_is_relative)
    allowed = "–" if margin[0] is None else numbers.margin(margin[0], relative=margin[1], scale=metric.scale)
    return (
        Cell(text=metric.name, note=metric.summary),
        Cell(text=role, note="more is better" if metric.higher_is_better else "less is better"),
        Cell(text=metric.formula, verbatim=True),
        Cell(text=allowed),
        Cell(text="; ".join(_of_a_unit(metric)) or "–"),
    )


def _of_a_unit(metric: ExperimentMetric) -> list[str]:
    said = [f"events where {metric.where}"] if metric.where else []
    said += [f"within {metric.window} of its first exposure"] if metric.window else []
    said += [f"capped at {numbers.plain(metric.winsorize, scale=metric.scale)}"] if metric.winsorize is not None else []
    said += ["0 without events"] if metric.missing == "zero" else []
    return [*said, *([f"adjusted for {', '.join(metric.covariates)}"] if metric.covariates else [])]


def facts(plan: Plan, digest: str | None) -> tuple[tuple[str, str], ...]:
    """Return what else a plan fixes, as terms with what they are."""
    policy, stopping, sizing = plan.policy, plan.stopping, plan.sizing
    found = [("Unit", plan.unit), ("Stopping", words.STOPPING_WORDS[stopping.rule])]
    if stopping.looks:
        found.append(("Looks", ", ".join(numbers.percent(look, decimals=0) for look in stopping.looks)))
        found.append(("Spending", stopping.spending))
    found.append(("Error and power", f"{numbers.plain(policy.alpha)}, {numbers.plain(policy.power)}"))
    if plan.minimum_effect is not None:
        scale = next((metric.scale for metric in plan.metrics if metric.name == plan.primary), None)
        wanted = numbers.margin(plan.minimum_effect, relative=plan.minimum_effect_is_relative, scale=scale)
        found.append(("Smallest effect wanted", f"{wanted} of {plan.primary}"))
    if sizing is not None and sizing.units:
        needed = ", ".join(f"{numbers.integer(units)} in {arm}" for arm, units in sizing.units.items())
        found.append(("Planned units", f"{needed} (for {sizing.deciding})"))
    found += [("Start", numbers.moment(plan.start))] if plan.start is not None else []
    found += [("Duration", numbers.days(plan.days))] if plan.days is not None else []
    for phase in plan.phases:
        total = sum(phase.weights.values()) or 1.0
        weights = ", ".join(f"{arm} {numbers.percent(weight / total)}" for arm, weight in phase.weights.items())
        found.append((f"Phase from {numbers.moment(phase.start)}", weights))
    found += [("Segments", ", ".join(plan.segments))] if plan.segments else []
    found.append(("Time zone", plan.timezone))
    found += [("Amends", plan.amends)] if plan.amends is not None else []
    found += [("Digest", digest)] if digest is not None else []
    return tuple(found)
