"""Flips: the rows whose answer changed, both ways, with examples."""

from seatrial.records import Example, Flips, Scorecard
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Block, Bullets, Cell, Column, Fold, Limits, Paragraph, Rows, Section, Table, rest


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: the leading candidate in full, the others as one line each."""
    if not card.flips:
        return None
    leading = lookup.leading_candidate(card)
    main = next(
        (flips for flips in card.flips if flips.candidate == leading and flips.baseline == card.models[0]),
        card.flips[0],
    )
    return Section(
        id="flips",
        title="Flips",
        lead=flips_lead(main, card.task),
        blocks=tuple(flips_blocks(card.flips, main, card.task, limits)),
    )


def flips_blocks(every: tuple[Flips, ...], main: Flips, task: str, limits: Limits) -> list[Block]:
    """Every pair as one line, and one of them by class and with examples."""
    said = sides(task)
    blocks: list[Block] = []
    if len(every) > 1:
        blocks.append(_overview(every, limits, said))
    if main.by_class:
        blocks.append(_classes(main, limits, said))
    for title, examples, total in (
        (said[1], main.lost_examples, main.lost),
        (said[0], main.gained_examples, main.gained),
    ):
        if examples:
            blocks.append(
                Fold(
                    summary=f"{title}: {min(len(examples), limits.examples)} of {numbers.integer(total)} rows",
                    blocks=(_examples(title, main, examples, limits),),
                )
            )
    if main.notes and task != "regression":
        blocks.append(Bullets(items=main.notes))
    if not blocks:
        blocks.append(Paragraph(text="No examples were kept."))
    return blocks


def sides(task: str) -> tuple[str, str]:
    """Say what was gained and what was lost: a number is not right or wrong, it is nearer or farther."""
    if task == "regression":
        return "Nearer to the target", "Farther from it"
    return "Newly right", "Newly wrong"


def flips_lead(flips: Flips, task: str) -> str:
    """One sentence: how many answers changed, each way."""
    said = sides(task)
    p = numbers.p_value(flips.mcnemar_p_value)
    return (
        f"{flips.candidate} answers {numbers.count_of(flips.changed, flips.n)} rows differently from {flips.baseline}: "
        f"{numbers.integer(flips.gained)} {said[0].lower()}, {numbers.integer(flips.lost)} {said[1].lower()}"
        f"{f' (McNemar mid-p: {p})' if p else ''}."
    )


def _overview(every: tuple[Flips, ...], limits: Limits, said: tuple[str, str]) -> Table:
    rows = tuple(
        (
            Cell(text=f"{flips.candidate} against {flips.baseline}"),
            Cell(text=numbers.integer(flips.gained)),
            Cell(text=numbers.integer(flips.lost)),
            Cell(text=numbers.fixed(flips.gained - flips.lost, decimals=0, signed=True)),
            Cell(text=numbers.percent(flips.churn)),
            Cell(text=numbers.p_value(flips.mcnemar_p_value) or "–"),
        )
        for flips in every[: limits.rows]
    )
    return Table(
        caption="Flips of every candidate",
        groups=(Rows(rows=rows),),
        note=rest(len(rows), len(every), "pairs"),
        columns=(
            Column(title="Pair"),
            Column(title=said[0], kind="number"),
            Column(title=said[1], kind="number"),
            Column(title="Net", kind="number"),
            Column(title="Churn", kind="number"),
            Column(title="McNemar mid-p", kind="number", narrow=False),
        ),
    )


def _classes(flips: Flips, limits: Limits, said: tuple[str, str]) -> Table:
    ranked = sorted(flips.by_class, key=lambda one: (one.gained - one.lost, -one.n))
    shown = ranked[: limits.classes]
    rows = tuple(
        (
            Cell(text=one.label, verbatim=True),
            Cell(text=numbers.integer(one.n)),
            Cell(text=numbers.integer(one.gained)),
            Cell(text=numbers.integer(one.lost)),
            _net(one.gained - one.lost),
            Cell(text=numbers.percent(one.lost / one.n) if one.n else "–"),
        )
        for one in shown
    )
    return Table(
        caption="By class: most forgotten first",
        groups=(Rows(rows=rows),),
        columns=(
            Column(title="Class"),
            Column(title="Rows", kind="number"),
            Column(title=said[0], kind="number"),
            Column(title=said[1], kind="number"),
            Column(title="Net", kind="number"),
            Column(title="Forgotten", kind="number"),
        ),
        note=rest(len(shown), len(ranked), words.plural(len(ranked), "class", "classes")),
    )


def _net(change: int) -> Cell:
    symbol = "▲" if change > 0 else "▼" if change < 0 else ""
    tone: words.Tone | None = "good" if change > 0 else "bad" if change < 0 else None
    return Cell(text=numbers.fixed(change, decimals=0, signed=True), symbol=symbol, tone=tone)


def _examples(title: str, flips: Flips, examples: tuple[Example, ...], limits: Limits) -> Table:
    shown = examples[: limits.examples]
    columns = list(dict.fromkeys(name for example in shown for name in example.columns))
    kept = columns[: limits.columns]
    rows = tuple(
        (
            Cell(text=example.id, verbatim=True),
            Cell(text=example.target, verbatim=True),
            Cell(text=example.baseline, verbatim=True, note=numbers.score(example.baseline_score)),
            Cell(text=example.candidate, verbatim=True, note=numbers.score(example.candidate_score)),
            *(Cell(text=example.columns.get(name, ""), verbatim=True) for name in kept),
        )
        for example in shown
    )
    cut = f"{len(columns) - len(kept)} more columns are in the JSON." if len(columns) > len(kept) else ""
    return Table(
        caption=title,
        groups=(Rows(rows=rows),),
        note=cut,
        key="Under an answer: its score.",
        columns=(
            Column(title="Id"),
            Column(title="True"),
            Column(title=flips.baseline),
            Column(title=flips.candidate),
            *(Column(title=name, narrow=False) for name in kept),
        ),
    )
