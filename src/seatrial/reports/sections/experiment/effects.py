"""The effects of an experiment: every metric of each arm against the control, raw and adjusted side by side."""

from collections.abc import Sequence

from seatrial.records import Effect, ExperimentEffect, Readout
from seatrial.reports import forest, lookup, numbers, words
from seatrial.reports.document import Block, Callout, Cell, Column, Fold, Heading, Limits, Rows, Section, Table, rest
from seatrial.reports.reading import counts
from seatrial.reports.sections.effects import difference_cell, forests, usual_level, word_cell
from seatrial.reports.sections.estimates import side_by_side, stacked

_SIDE_BY_SIDE = 4
_ROLES = {"success": "success", "guardrail": "guardrail", "secondary": "secondary, does not decide"}


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: interval plot and table of the leading arm; the other arms, phases and values folded."""
    every = [effect for effect in readout.effects if not effect.slice and effect.segment is None]
    whole = [effect for effect in every if effect.phase is None]
    if not every:
        return None
    leading = lookup.leading_candidate(readout)
    others = [arm for arm in lookup.candidates(readout) if arm != leading]
    blocks: list[Block] = [_broken()] if readout.verdict.status == "invalid" else []
    if others:
        lead = [
            effect
            for arm in lookup.candidates(readout)
            if (effect := lookup.find_effect(readout, metric=readout.lead_metric, candidate=arm, of={})) is not None
        ]
        labelled = [(effect.candidate, effect) for effect in lead if isinstance(effect, ExperimentEffect)]
        blocks += [Heading(text=f"{readout.lead_metric} of every arm"), *_shown(readout, labelled, limits, id="arms")]
        blocks.append(Heading(text=f"Every metric of {leading}"))
    own = _labelled(readout, whole, leading)
    blocks += _shown(readout, own, limits, id="own")
    if own:
        summary = "Everything about each effect: both values, margin, smallest detectable effect, method"
        blocks.append(Fold(summary=summary, blocks=(_details(readout, own, limits),)))
    for arm in others[: limits.models]:
        labelled = _labelled(readout, whole, arm)
        if labelled:
            caption = f"{arm} against {readout.arms[0]}"
            blocks.append(Fold(summary=caption, blocks=(_table(readout, caption, labelled, limits),)))
    phases = [(f"{effect.metric}, {_phase(effect)}", effect) for effect in every if effect.phase is not None]
    if phases:
        fold = Fold(summary="By phase of the allocation", blocks=(_table(readout, "By phase", phases, limits),))
        blocks.append(fold)
    blocks += _values(readout, limits)
    return Section(
        id="effects",
        title="What changed",
        stamp=words.EXPLORATORY if readout.exploratory else "",
        lead=_lead(readout, whole),
        blocks=tuple(blocks),
    )


def _broken() -> Callout:
    """Warn of numbers that rest on broken data."""
    return Callout(
        text="Read nothing into these numbers: the data they rest on are broken. First mend what health names.",
        symbol=words.STATUS_SYMBOLS["invalid"],
        tone="bad",
        label="invalid",
    )


Labelled = list[tuple[str, ExperimentEffect]]


def _phase(effect: ExperimentEffect) -> str:
    return f"phase from {numbers.moment(effect.phase or '')}, {effect.candidate}"


def _lead(readout: Readout, whole: Sequence[ExperimentEffect]) -> str:
    """Count the words of the effects that count: of a metric that is shown twice the one that decides."""
    found: list[Effect] = []
    for metric, candidate in dict.fromkeys((effect.metric, effect.candidate) for effect in whole):
        effect = lookup.find_effect(readout, metric=metric, candidate=candidate, of={})
        found += [effect] if effect is not None else []
    parts = [f"{numbers.integer(count)} {word}" for word, count in counts(found).items()]
    every = lookup.candidates(readout)
    who = every[0] if len(every) == 1 else f"{len(every)} arms"
    said = ", ".join(parts) or "nothing could be compared"
    return f"{who} against {readout.arms[0]}: {said}. A difference is treatment minus control."


def _labelled(readout: Readout, effects: Sequence[ExperimentEffect], arm: str) -> Labelled:
    """Name the effects of an arm: by metric as a reader wants them, raw before adjusted."""
    own = [effect for effect in effects if effect.candidate == arm]
    order = {name: place for place, name in enumerate(_order(readout))}
    own.sort(key=lambda effect: (order.get(effect.metric, len(order)), effect.adjustment != "none"))
    twice = {effect.metric for effect in own if effect.adjustment != "none"}
    return [(_label(effect, named=effect.metric in twice), effect) for effect in own]


def _label(effect: ExperimentEffect, *, named: bool) -> str:
    return f"{effect.metric}, {words.ADJUSTED[effect.adjustment]}" if named else effect.metric


def _order(readout: Readout) -> tuple[str, ...]:
    """Return the metrics by their role: those of success first, then guardrails, then what does not decide."""
    ranked = [rule.metric for role in _ROLES for rule in lookup.rules(readout) if rule.role == role and not rule.slice]
    return tuple(dict.fromkeys([*ranked, *lookup.metric_order(readout)]))


def _shown(readout: Readout, labelled: Labelled, limits: Limits, *, id: str) -> list[Block]:
    if not labelled:
        return []
    cut = labelled[: limits.rows]
    panels = forest.panels(cut, of_control=True, minimum=lambda effect: minimum_effect(readout, effect))
    against = labelled[0][1].candidate if id == "own" else "Every arm"
    caption = f"{against} against {readout.arms[0]}"
    first = "Metric" if id == "own" else "Arm"
    return [*forests([*cut], limits, id=id, panels=panels), _table(readout, caption, labelled, limits, first=first)]


def minimum_effect(readout: Readout, effect: Effect) -> float | None:
    """Return the smallest effect the plan wants to find, in the unit of its primary metric; None for other metrics."""
    plan = readout.plan
    if plan is None or plan.minimum_effect is None or effect.metric != plan.primary:
        return None
    if not plan.minimum_effect_is_relative:
        return plan.minimum_effect
    return None if effect.baseline_value is None else plan.minimum_effect * abs(effect.baseline_value)


def _role(readout: Readout, effect: ExperimentEffect) -> str:
    """Say what a metric was there for, and whether this line of it decides."""
    roles = [_ROLES[rule.role] for rule in lookup.rules(readout) if rule.metric == effect.metric and not rule.slice]
    said = roles[:1]
    if roles and roles[0] == _ROLES["success"] and effect.metric == readout.lead_metric:
        said = ["primary"]
    if effect.exploratory and not readout.exploratory:
        said.append("not in the plan: exploratory")
    return ", ".join([*said, *(["decides"] if effect.decides else [])])


def _table(readout: Readout, caption: str, labelled: Labelled, limits: Limits, *, first: str = "Metric") -> Table:
    effects = [effect for _, effect in labelled]
    usual = usual_level(effects)
    shown = labelled[: limits.rows]
    rows: list[tuple[Cell, ...]] = []
    for label, effect in shown:
        adjusted = numbers.p_value(effect.adjusted_p_value)
        lift, role = numbers.lift(effect), _role(readout, effect)
        rows.append(
            (
                Cell(text=label, note=f"n {numbers.per_arm(effect)}{f'; {role}' if role else ''}"),
                difference_cell(effect, usual=usual),
                Cell(text=lift or "–", note="" if lift else effect.relative_reason or ""),
                word_cell(effect),
                Cell(text=numbers.p_value(effect.p_value) or "–", note=f"adj. {adjusted}" if adjusted else ""),
            )
        )
    level = numbers.level(usual)
    counted = words.units(readout.unit)
    keys = [f"Lift: the difference as a share of the control. n: {counted} of control / treatment with the metric."]
    if any(effect.adjustment != "none" for effect in effects):
        keys.append("CUPED and the like: what was known before the exposure explains a part, which is taken out.")
    if any(effect.adjusted_p_value is not None for effect in effects):
        keys.append("Adjusted p: where several claims share the error.")
    return Table(
        caption=caption,
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(shown), len(labelled), "effects"),
        key=" ".join(keys),
        columns=(
            Column(title=first),
            Column(title=f"Difference [{level}]", kind="number"),
            Column(title=f"Lift [{level}]", kind="number"),
            Column(title="In a word", kind="word"),
            Column(title="p", kind="number", narrow=False),
        ),
    )


def _details(readout: Readout, labelled: Labelled, limits: Limits) -> Table:
    """Return what the main table leaves out: both values, margin, what could have been found, method."""
    rows: list[tuple[Cell, ...]] = []
    for label, effect in labelled[: limits.rows]:
        control, treatment = numbers.effect_sides(effect)
        missing = f"{numbers.integer(effect.missing)} missing" if effect.missing else ""
        rows.append(
            (
                Cell(text=label, note=missing),
                Cell(text=control or "–"),
                Cell(text=treatment or "–"),
                Cell(text=numbers.effect_margin(effect) or "–"),
                Cell(text=numbers.magnitude(effect.smallest_detectable_effect, beside=effect) or "–"),
                Cell(text=numbers.level(effect.level)),
                Cell(text=effect.method or "–", note="; ".join(effect.notes)),
            )
        )
    return Table(
        caption="Everything about each effect",
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(rows), len(labelled), "effects"),
        key=f"Unit of analysis: {readout.unit}. Control and treatment: adjusted where the effect is.",
        columns=(
            Column(title="Metric"),
            Column(title="Control", kind="number"),
            Column(title="Treatment", kind="number"),
            Column(title="Margin", kind="number"),
            Column(title="Smallest detectable", kind="number"),
            Column(title="Level", kind="number"),
            Column(title="Method"),
        ),
    )


def _values(readout: Readout, limits: Limits) -> list[Block]:
    """Return every arm's own values, folded away."""
    found = lookup.overall(readout.estimates)
    if not found:
        return []
    arms = list(dict.fromkeys(item.model for item in found))
    if len(arms) <= _SIDE_BY_SIDE:
        return [
            Fold(summary="The values of each arm", blocks=(side_by_side(readout, found, arms, limits),)),
            Fold(
                summary="Method, unit and missing units of each value",
                blocks=(stacked(readout, found, limits, caption="How each value was computed"),),
            ),
        ]
    return [Fold(summary="The values of each arm", blocks=(stacked(readout, found, limits, caption="Each arm"),))]
