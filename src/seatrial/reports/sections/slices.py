"""Slices: where the candidate loses or gains, by rows touched; exploratory, never an input of the verdict."""

from collections.abc import Sequence

from seatrial.records import Effect, Estimate, Scorecard
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Block, Cell, Column, Fold, Limits, Paragraph, Rows, Section, Table, rest
from seatrial.reports.reading import counts
from seatrial.reports.sections.effects import difference_cell, usual_level, word_cell

_OTHER_METRICS = 4
_SMALL_ROWS = 100


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: of effects in a comparison, of values in an evaluation."""
    effects = lookup.explored(card)
    if effects:
        return _compared(card, effects, limits)
    estimates = [item for item in card.estimates if item.slice]
    return None if lookup.is_comparison(card) or not estimates else _evaluated(card, estimates, limits)


def _compared(card: Scorecard, effects: list[Effect], limits: Limits) -> Section:
    candidate = lookup.leading_candidate(card)
    own = [effect for effect in effects if effect.candidate == candidate] or effects
    metrics = [metric for metric in lookup.metric_order(card) if any(effect.metric == metric for effect in own)]
    lead, *others = metrics
    blocks: list[Block] = [*_of_metric(lead, own, limits)]
    for metric in others[:_OTHER_METRICS]:
        blocks.append(Fold(summary=f"By {metric}", blocks=tuple(_of_metric(metric, own, limits))))
    unsaid = [f"slices by {len(others) - _OTHER_METRICS} more metrics"] if len(others) > _OTHER_METRICS else []
    unsaid += ["slices of the other candidates"] if len(lookup.candidates(card)) > 1 else []
    if unsaid:
        text = " and ".join(unsaid)
        blocks.append(Paragraph(text=f"{text[0].upper()}{text[1:]} are in the JSON.", small=True))
    return Section(
        id="slices", title="Slices", stamp="exploratory", blocks=tuple(blocks), lead=_lead(lead, candidate, card, own)
    )


def _lead(metric: str, candidate: str, card: Scorecard, own: list[Effect]) -> str:
    found = [effect for effect in own if effect.metric == metric]
    ranked = [effect for effect in found if not effect.small]
    order = ("worse", "better", "no meaningful difference", "cannot tell")
    parts = [f"{numbers.integer(count)} {word}" for word, count in counts(ranked, order).items()]
    small = len(found) - len(ranked)
    tail = f", {numbers.integer(small)} too small to rank" if small else ""
    return (
        f"{metric} of {candidate} against {card.models[0]} on {numbers.integer(len(found))} "
        f"{words.plural(len(found), 'slice')}: {', '.join(parts) or 'none large enough to rank'}{tail}. "
        "Found by looking at many slices: check it on new data before acting on it."
    )


def _of_metric(metric: str, effects: list[Effect], limits: Limits) -> list[Block]:
    found = [effect for effect in effects if effect.metric == metric]
    ranked = sorted((effect for effect in found if not effect.small), key=lambda effect: -(effect.impact or 0.0))
    small = sorted((effect for effect in found if effect.small), key=lambda effect: -effect.n)
    blocks: list[Block] = []
    if ranked:
        blocks.append(table(f"{metric}: largest loss (or smallest gain) first", ranked, limits))
    if small:
        blocks.append(
            Fold(
                summary=f"{numbers.integer(len(small))} too small to rank ({metric})",
                blocks=(table(f"{metric}: too small to rank, by rows", small, limits),),
            )
        )
    return blocks


def table(
    caption: str,
    effects: Sequence[Effect],
    limits: Limits,
    *,
    first: str = "Slice",
    sides: tuple[str, str] = ("Baseline", "Candidate"),
    impact: bool = True,
) -> Table:
    """Return effects on slices or segments, raw beside shrunken; `impact=False` leaves rows times loss out."""
    shown = effects[: limits.slices]
    usual = usual_level(shown)
    rows = tuple(
        (
            Cell(text=words.slice_label(effect.slice), verbatim=True),
            Cell(text=numbers.integer(effect.n)),
            *(Cell(text=side or "–") for side in numbers.effect_sides(effect, unit=effect.difference is None)),
            difference_cell(effect, usual=usual),
            word_cell(effect),
            Cell(text=numbers.signed_magnitude(effect.shrunken, beside=effect) or "–"),
            *((Cell(text=numbers.impact(effect.impact) or "–"),) if impact else ()),
        )
        for effect in shown
    )
    return Table(
        caption=caption,
        groups=(Rows(rows=rows),),
        columns=(
            Column(title=first),
            Column(title="n", kind="number"),
            *(Column(title=side, kind="number", narrow=False) for side in sides),
            Column(title=f"Difference [{numbers.level(usual)}]", kind="number"),
            Column(title="In a word", kind="word"),
            Column(title="Shrunken", kind="number", narrow=False),
            *((Column(title="Impact", kind="number", narrow=False),) if impact else ()),
        ),
        note=rest(len(shown), len(effects), f"{first.lower()}s"),
        key=("Impact: rows times the loss, + is loss. " if impact else "") + "Shrunken: pulled towards the "
        f"overall difference, the better guess for a {first.lower()} found by searching.",
    )


def _evaluated(card: Scorecard, estimates: list[Estimate], limits: Limits) -> Section:
    metrics = [metric for metric in lookup.metric_order(card) if any(item.metric == metric for item in estimates)]
    lead, *others = metrics
    blocks: list[Block] = [_value_table(card, lead, estimates, limits)]
    blocks += [
        Fold(summary=f"By {metric}", blocks=(_value_table(card, metric, estimates, limits),))
        for metric in others[:_OTHER_METRICS]
    ]
    total = sum(item.metric == lead for item in estimates)
    return Section(
        id="slices",
        title="Slices",
        stamp="exploratory",
        blocks=tuple(blocks),
        lead=(
            f"{lead} on {numbers.integer(total)} {words.plural(total, 'slice')}, by rows times the distance from "
            f"the value of all rows."
        ),
    )


def _value_table(card: Scorecard, metric: str, estimates: list[Estimate], limits: Limits) -> Table:
    overall = lookup.find_estimate(card, metric=metric, model=card.models[0], of={})
    found = [item for item in estimates if item.metric == metric]

    def loss(item: Estimate) -> float:
        if item.value is None or overall is None or overall.value is None or item.n < _SMALL_ROWS:
            return float("-inf")
        return item.n * (overall.value - item.value) * (1 if item.higher_is_better else -1)

    shown = sorted(found, key=lambda item: (-loss(item), -item.n))[: limits.slices]
    rows = tuple(
        (
            Cell(text=words.slice_label(item.slice), verbatim=True),
            Cell(text=numbers.integer(item.n)),
            Cell(text=numbers.estimate(item), strong=item.value is not None),
            Cell(text=item.method or "–"),
        )
        for item in shown
    )
    return Table(
        caption=f"{metric}: largest loss (or smallest gain) first",
        groups=(Rows(rows=rows),),
        columns=(
            Column(title="Slice"),
            Column(title="n", kind="number"),
            Column(title="Value [95 %]", kind="number"),
            Column(title="Method", narrow=False),
        ),
        note=f"{rest(len(shown), len(found), 'slices')} Under {_SMALL_ROWS} rows: shown last, not ranked.".strip(),
    )
