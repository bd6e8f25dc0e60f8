"""The page of an overlap: every check with its count, what it means, and examples of the pairs."""

from seatrial.records.numbers import format_count, format_interval, format_value
from seatrial.records.overlap import Overlap, OverlapCheck, OverlapColumn, OverlapPair
from seatrial.reports import numbers
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Facts,
    Front,
    KeyNumber,
    Limits,
    Paragraph,
    Rows,
    Section,
    Table,
)
from seatrial.reports.hostile import visible
from seatrial.reports.words import Tone

_SYMBOLS = {"pass": "✓", "warn": "!", "fail": "✗"}
_TONES: dict[str, Tone] = {"pass": "good", "warn": "unsure", "fail": "bad"}
_WORDS = {"pass": "fine", "warn": "look at this", "fail": "found"}
_HEADLINES = {
    "pass": "Nothing found that should not be there",
    "warn": "Look at this before you trust a score",
    "fail": "A score here says little of new rows",
}
_LIMITS = Limits()
_CELL = 160
_MOST_COLUMNS = 12


def overlap_document(of: Overlap) -> Document:
    """Build the page; every number on it is in the record."""
    found = [_section(at, one) for at, one in enumerate(of.checks) if one.pairs or one.columns or one.notes]
    return Document(
        title=of.title,
        front=_front(of),
        sections=(_checks(of), *found, _not_shown(of), _method(of)),
        version=of.seatrial,
        evidence=of.digest(),
        about="overlap of a test set with the training data",
    )


def _front(of: Overlap) -> Front:
    facts = [("Test rows", numbers.integer(of.rows_test))]
    if of.rows_train is not None:
        facts.append(("Training rows", numbers.integer(of.rows_train)))
    facts.append(("Compared", f"{len(of.compared)} input {'column' if len(of.compared) == 1 else 'columns'}"))
    return Front(
        symbol=_SYMBOLS[of.status],
        tone=_TONES[of.status],
        headline=_HEADLINES[of.status],
        sentence=of.sentence,
        numbers=tuple(_key(one) for one in of.checks if one.count is not None)[:3],
        facts=tuple(facts),
        name="Answer",
    )


def _key(one: OverlapCheck) -> KeyNumber:
    return KeyNumber(
        name=one.kind.capitalize(),
        value="" if one.share is None else numbers.percent(one.share),
        interval=f"{format_count(one.count or 0)} of {format_count(one.of or 0)} test rows",
        symbol=_SYMBOLS[one.status],
        word=_WORDS[one.status],
        tone=_TONES[one.status],
    )


def _checks(of: Overlap) -> Section:
    rows = tuple(
        (
            Cell(text=one.kind),
            Cell(
                text="" if one.count is None else format_count(one.count),
                note="" if one.of is None else f"of {format_count(one.of)}",
            ),
            Cell(text=_WORDS[one.status], symbol=_SYMBOLS[one.status], tone=_TONES[one.status]),
            Cell(text=one.sentence, note=_limits(one)),
        )
        for one in of.checks
    )
    return Section(
        id="checks",
        title="What was looked for",
        lead="Counts are of test rows; where all were looked at, a count has no limits.",
        blocks=(
            Table(
                caption="Checks",
                columns=(
                    Column(title="check"),
                    Column(title="test rows", kind="number"),
                    Column(title="reading", kind="word"),
                    Column(title="in words", narrow=False),
                ),
                groups=(Rows(rows=rows),),
            ),
        ),
    )


def _limits(one: OverlapCheck) -> str:
    if one.low is None or one.high is None or one.share is None:
        return ""
    return f"sampled: {format_interval(100 * one.share, 100 * one.low, 100 * one.high)} % at 95 %"


def _section(at: int, one: OverlapCheck) -> Section:
    blocks: list[Block] = []
    if one.pairs:
        blocks.append(_pairs(one))
    if one.columns:
        blocks.append(_columns(one))
    if one.notes:
        blocks.append(Bullets(items=one.notes))
    blocks.append(Paragraph(text=f"{one.method}.", term="Method:", small=True))
    return Section(id=f"check-{at}", title=one.kind.capitalize(), lead=one.sentence, blocks=tuple(blocks))


def _pairs(one: OverlapCheck) -> Table:
    names = list(dict.fromkeys(name for pair in one.pairs for name in pair.columns))[:3]
    labelled = any(pair.targets is not None for pair in one.pairs)
    groups = []
    for pair in one.pairs[: _LIMITS.examples]:
        groups.append(
            Rows(
                title=_match(pair),
                rows=(
                    _row("test", pair.test, pair, names, labelled, side=0),
                    _row(pair.side, pair.other, pair, names, labelled, side=1),
                ),
            )
        )
    shown = min(len(one.pairs), _LIMITS.examples)
    return Table(
        caption="Examples",
        columns=(
            Column(title="side"),
            Column(title="row"),
            *((Column(title="target"),) if labelled else ()),
            *(Column(title=visible(name, limit=40), narrow=place == 0) for place, name in enumerate(names)),
        ),
        groups=tuple(groups),
        note=f"{shown} of {format_count(one.count)} rows shown; the JSON has the ids of all of them."
        if one.count is not None and one.count > shown
        else "",
    )


def _match(pair: OverlapPair) -> str:
    if pair.similarity is None or pair.similarity == 1 or pair.how.startswith("equal"):
        return visible(pair.how if pair.how.startswith(("equal", "same")) else "alike in every shingle", limit=120)
    return f"similarity {format_value(pair.similarity, 0.005)}"


def _row(where: str, id: str, pair: OverlapPair, names: list[str], labelled: bool, *, side: int) -> tuple[Cell, ...]:
    cells = [Cell(text=where), Cell(text=_cut(id, 60), verbatim=True)]
    if labelled:
        cells.append(Cell(text="" if pair.targets is None else pair.targets[side], verbatim=True))
    cells += [Cell(text=_cut(pair.columns.get(name, ("", ""))[side], _CELL), verbatim=True) for name in names]
    return tuple(cells)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _columns(one: OverlapCheck) -> Table:
    shown = one.columns[:_MOST_COLUMNS]
    return Table(
        caption="Columns alone against the target",
        columns=(
            Column(title="column"),
            Column(title="measure"),
            Column(title="value", kind="number"),
            Column(title="knowing nothing", kind="number", narrow=False),
            Column(title="rows", kind="number", narrow=False),
            Column(title="reading", kind="word"),
        ),
        groups=(Rows(rows=tuple(_column(column) for column in shown)),),
        key=f"Limits at {numbers.level(shown[0].level)} each.",
    )


def _column(one: OverlapColumn) -> tuple[Cell, ...]:
    if one.gives_away:
        word, symbol, tone = "gives the target away", "!", "unsure"
    else:
        word, symbol, tone = "does not", "–", "neutral"
    if one.name_like:
        word = "a name of rows"
    return (
        Cell(text=_cut(one.column, 80), verbatim=True),
        Cell(text=one.measure, note=one.method),
        Cell(text=format_interval(one.value, one.low, one.high)),
        Cell(text=format_value(one.base, 0.005)),
        Cell(text=numbers.integer(one.n)),
        Cell(text=word, symbol=symbol, tone=tone),  # type: ignore[arg-type]
    )


def _not_shown(of: Overlap) -> Section:
    return Section(id="not-shown", title="What this does not show", blocks=(Bullets(items=of.not_shown),))


def _method(of: Overlap) -> Section:
    methods = tuple(f"{one.kind}: {one.method}." for one in of.checks)
    facts = [(one.model, f"{one.name} {one.sha256}") for one in of.sources]
    facts += [(role, column) for role, column in of.roles.items()]
    facts += [("Compared", ", ".join(f"{name} ({kind})" for name, kind in list(of.compared.items())[:30]))]
    facts += [("Near copies from", format_value(of.threshold)), ("Seed", str(of.seed)), ("Seatrial", of.seatrial)]
    blocks: list[Block] = [Bullets(items=methods)]
    if of.notes:
        blocks.append(Bullets(items=of.notes))
    blocks.append(Facts(items=tuple(facts), monospace=True))
    return Section(id="method", title="Methods and provenance", blocks=tuple(blocks))
