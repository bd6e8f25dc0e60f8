"""The effects: candidate against baseline, metric by metric, as a forest and as a table."""

from collections.abc import Sequence

from seatrial.records import Effect, Scorecard
from seatrial.reports import forest, lookup, numbers, words
from seatrial.reports.document import Block, Cell, Column, Figure, Fold, Heading, Limits, Rows, Section, Table, rest
from seatrial.reports.reading import counts, reading

Labelled = list[tuple[str, Effect]]


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: forests, the table, and everything about each effect folded away.

    With several candidates: the lead metric of all of them, then every metric of the leading one, the others folded.
    """
    effects = lookup.main_effects(card)
    if not effects:
        return None
    against = [effect for effect in effects if effect.baseline == card.models[0]]
    leading = lookup.leading_candidate(card)
    labelled = [
        (words.on_slice(effect.metric, effect.slice), effect) for effect in against if effect.candidate == leading
    ]
    of_class = [
        one for one in labelled if lookup.is_of_class(one[1].metric) and not lookup.in_policy(card, one[1].metric)
    ]
    own = [one for one in labelled if not lookup.is_of_class(one[1].metric) or lookup.in_policy(card, one[1].metric)]
    blocks: list[Block] = []
    if len(lookup.candidates(card)) > 1:
        paired = _all_pairs(card, effects)
        every = [
            (f"{effect.candidate} against {effect.baseline}" if paired else effect.candidate, effect)
            for effect in (effects if paired else against)
            if effect.metric == card.lead_metric and not effect.slice
        ]
        title = f"{card.lead_metric} of every {'pair' if paired else 'candidate'}"
        first = "Pair" if paired else "Candidate"
        blocks += (
            [Heading(text=title), *_shown(title, every, limits, first=first, sides=None, id="lead")] if every else []
        )
    caption = f"{leading} against {card.models[0]}"
    if len(lookup.candidates(card)) > 1 and own:
        blocks.append(Heading(text=f"Every metric of {leading}"))
    blocks += _shown(caption, own, limits, first="Metric", sides=(card.models[0], leading), id="own")
    if own:
        summary = "Everything about each effect: p, margin, smallest detectable effect, method"
        blocks.append(Fold(summary=summary, blocks=(_details(own, limits),)))
    if of_class:
        blocks.append(
            Fold(
                summary=f"By class: {numbers.integer(len(of_class))} differences, the worst first",
                blocks=(_by_class(of_class, limits, sides=(card.models[0], leading)),),
            )
        )
    blocks += _others(card, effects, leading, limits)
    return Section(id="effects", title="What changed", lead=_lead(card, effects), blocks=tuple(blocks))


def _lead(card: Scorecard, effects: list[Effect]) -> str:
    parts = [f"{numbers.integer(count)} {word}" for word, count in counts(effects).items()]
    candidates = lookup.candidates(card)
    said = ", ".join(parts) or "nothing could be compared"
    if _all_pairs(card, effects):
        pairs = len({(effect.baseline, effect.candidate) for effect in effects})
        return f"All {pairs} pairs of {len(card.models)} versions: {said}. A difference is candidate minus baseline."
    who = candidates[0] if len(candidates) == 1 else f"{len(candidates)} candidates"
    return f"{who} against {card.models[0]}: {said}. A difference is candidate minus baseline."


def _all_pairs(card: Scorecard, effects: Sequence[Effect]) -> bool:
    return any(effect.baseline != card.models[0] for effect in effects)


def _shown(
    caption: str, labelled: Labelled, limits: Limits, *, first: str, sides: tuple[str, str] | None, id: str
) -> list[Block]:
    """Return the forests and the table of some effects, cut to what a reader can take in."""
    if not labelled:
        return []
    cut = labelled[: limits.rows]
    return [*forests(cut, limits, id=id), _table(caption, cut, len(labelled), first=first, sides=sides)]


def _by_class(labelled: Labelled, limits: Limits, *, sides: tuple[str, str]) -> Table:
    def gain(one: tuple[str, Effect]) -> float:
        effect = one[1]
        return float("inf") if effect.difference is None else effect.difference * (1 if effect.higher_is_better else -1)

    cut = sorted(labelled, key=gain)[: limits.classes]
    return _table("By class", cut, len(labelled), first="Metric", sides=sides)


def _others(card: Scorecard, effects: list[Effect], leading: str, limits: Limits) -> list[Block]:
    """Return the other candidates and pairs, each folded away."""
    folds: list[Block] = []
    pairs = dict.fromkeys((effect.baseline, effect.candidate) for effect in effects)
    for baseline, candidate in list(pairs)[: limits.models]:
        if (baseline, candidate) == (card.models[0], leading):
            continue
        found = [
            (words.on_slice(effect.metric, effect.slice), effect)
            for effect in effects
            if (effect.baseline, effect.candidate) == (baseline, candidate)
        ]
        caption = f"{candidate} against {baseline}"
        cut = found[: limits.rows // 2]
        folds.append(
            Fold(
                summary=caption, blocks=(_table(caption, cut, len(found), first="Metric", sides=(baseline, candidate)),)
            )
        )
    return folds


def forests(
    labelled: Labelled, limits: Limits, *, id: str, panels: Sequence[forest.Panel] | None = None
) -> list[Figure]:
    """Return one forest for each scale, with the figures in words; without `panels` they are made from the effects."""
    figures: list[Figure] = []
    panels = forest.panels(labelled) if panels is None else panels
    left = forest.label_width([label for label, _ in labelled])
    last = min(len(panels), limits.panels) - 1
    for place, panel in enumerate(panels[: limits.panels]):
        cut = (
            f"{len(panels) - limits.panels} more scales are in the table only."
            if place == last and len(panels) > limits.panels
            else ""
        )
        sentences = [f"{label}: {numbers.effect(effect)}, {reading(effect).word}" for label, effect in panel.rows]
        clipped = forest.CLIPPED if forest.is_clipped(panel) else ""
        figures.append(
            Figure(
                id=f"forest-{id}-{place + 1}",
                title=panel.title,
                spec=forest.chart(panel, rows=limits.rows, left=left),
                alternative=f"{'; '.join(sentences)}.",
                caption=" ".join(filter(None, (clipped, cut, forest.key(panels) if place == last else ""))),
            )
        )
    return figures


def word_cell(effect: Effect) -> Cell:
    """Return the cell of an effect's word, with its symbol and what qualifies it; without a result, the reason."""
    read = reading(effect)
    return Cell(text=read.word, symbol=read.symbol, tone=read.tone, note=read.note)


def difference_cell(effect: Effect, *, usual: float) -> Cell:
    """Return the cell of a difference with its interval; a level that is not the column's is said."""
    if effect.difference is None:
        return Cell(text="–")
    note = "" if effect.level == usual or effect.low is None else f"{numbers.level(effect.level)} interval"
    return Cell(text=numbers.effect(effect), note=note, strong=True)


def usual_level(effects: Sequence[Effect]) -> float:
    """Return the level most intervals have."""
    return (lookup.levels(effects) or (0.95,))[0]


def _table(caption: str, labelled: Labelled, total: int, *, first: str, sides: tuple[str, str] | None) -> Table:
    effects = [effect for _, effect in labelled]
    usual = usual_level(effects)
    rows: list[tuple[Cell, ...]] = []
    for label, effect in labelled:
        baseline, candidate = numbers.effect_sides(effect, unit=effect.difference is None)
        p = numbers.p_value(effect.p_value if effect.adjusted_p_value is None else effect.adjusted_p_value)
        rows.append(
            (
                Cell(text=label),
                Cell(text=baseline or "–"),
                Cell(text=candidate or "–"),
                difference_cell(effect, usual=usual),
                word_cell(effect),
                Cell(text=p or "–"),
                Cell(text=numbers.integer(effect.n)),
            )
        )
    keys = [
        "p: how surprising these data would be if there were no difference"
        + (
            ", adjusted where several claims share the error"
            if any(effect.adjusted_p_value is not None for effect in effects)
            else ""
        )
        + "."
    ]
    keys += ["Levels differ where several claims share the error."] if len(lookup.levels(effects)) > 1 else []
    names = sides or ("Baseline", "Candidate")
    return Table(
        caption=caption,
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(labelled), total, "effects"),
        key=" ".join(keys),
        columns=(
            Column(title=first),
            Column(title=names[0], kind="number"),
            Column(title=names[1], kind="number"),
            Column(title=f"Difference [{numbers.level(usual)}]", kind="number"),
            Column(title="In a word", kind="word"),
            Column(title="p", kind="number", narrow=False),
            Column(title="n", kind="number", narrow=False),
        ),
    )


def _details(labelled: Labelled, limits: Limits) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for label, effect in labelled[: limits.rows]:
        adjusted = numbers.p_value(effect.adjusted_p_value)
        needed = (
            ""
            if effect.rows_needed is None or effect.rows_needed <= effect.n
            else f"{numbers.integer(effect.rows_needed)} rows would tell"
        )
        missing = f"{numbers.integer(effect.missing)} missing" if effect.missing else ""
        rows.append(
            (
                Cell(text=label),
                Cell(text=numbers.effect_margin(effect) or "–"),
                Cell(text=numbers.p_value(effect.p_value) or "–", note=f"adjusted {adjusted}" if adjusted else ""),
                Cell(text=numbers.magnitude(effect.smallest_detectable_effect, beside=effect) or "–", note=needed),
                Cell(text=numbers.integer(effect.n), note=missing),
                Cell(text=effect.unit),
                Cell(text=numbers.level(effect.level)),
                Cell(text=effect.method or "–", note="; ".join(effect.notes)),
            )
        )
    return Table(
        caption="Everything about each effect",
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(rows), len(labelled), "effects"),
        columns=(
            Column(title="Metric"),
            Column(title="Margin", kind="number"),
            Column(title="p", kind="number"),
            Column(title="Smallest detectable", kind="number"),
            Column(title="n", kind="number"),
            Column(title="Unit"),
            Column(title="Level", kind="number"),
            Column(title="Method"),
        ),
    )
