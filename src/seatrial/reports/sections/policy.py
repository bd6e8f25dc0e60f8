"""The policy: what was asked of the candidate, and what was assumed."""

from seatrial.records import Readout, Rule
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Heading,
    Limits,
    Paragraph,
    Rows,
    Section,
    Table,
    rest,
)
from seatrial.reports.lookup import Card


def build(card: Card, limits: Limits) -> Section | None:
    """Build the section."""
    policy, assumed = card.policy, lookup.assumptions(card)
    if policy is None:
        return None
    blocks: list[Block] = []
    if policy.rules:
        shown = policy.rules[: limits.rows]
        rows = tuple(
            (
                Cell(text=words.on_slice(rule.metric, rule.slice)),
                Cell(text=rule.role),
                Cell(text=_condition(card, rule)),
            )
            for rule in shown
        )
        blocks.append(
            Table(
                caption=f"Rules of {policy.name}",
                groups=(Rows(rows=rows),),
                columns=(Column(title="Metric"), Column(title="Role"), Column(title="What must hold")),
                note=rest(len(shown), len(policy.rules), "rules"),
            )
        )
    blocks.append(
        Paragraph(
            small=True,
            text=(
                "A success metric must be better; a guardrail must not be worse by more than its margin; a "
                "secondary metric is shown and "
                "never decides. Every success metric is also a guardrail at its own margin."
            ),
        )
    )
    formulas = [f"{name} = {formula}" for name, formula in list(policy.metrics.items())[: limits.rows]]
    if formulas:
        blocks += [Heading(text="Metrics the policy defines"), Bullets(items=tuple(formulas))]
    if assumed:
        blocks += [Heading(text="What was assumed"), Bullets(items=assumed[: limits.rows])]
    given = "The policy that was given"
    if policy.assumed:
        given = "No policy was given; this one was assumed"
    elif isinstance(card, Readout) and card.plan is not None:
        given = "The policy of the plan"
    return Section(
        id="policy",
        title="Policy",
        blocks=tuple(blocks),
        lead=(f"{given}: error {numbers.plain(policy.alpha)}, power {numbers.plain(policy.power)}."),
    )


def _condition(card: Card, rule: Rule) -> str:
    known, reference = lookup.info(card, rule.metric), lookup.reference_word(card)
    scale = known.scale if known is not None else None
    if rule.below is not None:
        return f"below {numbers.plain(rule.below, scale=scale)}"
    if rule.above is not None:
        return f"above {numbers.plain(rule.above, scale=scale)}"
    if rule.margin is None:
        effect = next((one for one in card.effects if one.metric == rule.metric and one.margin is not None), None)
        margin = (
            f"{numbers.effect_margin(effect)} (the metric's default)"
            if effect is not None
            else "the metric's default margin"
        )
    else:
        margin = numbers.margin(rule.margin, relative=rule.margin_is_relative, scale=scale)
    return (
        f"better than the {reference}; margin {margin}"
        if rule.role == "success"
        else f"at most {margin} worse than the {reference}"
    )
