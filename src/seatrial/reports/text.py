"""Text for the terminal: the verdict first, then the checks, then the table; symbols and words, never colour alone."""

import re
from collections.abc import Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from seatrial.records import Readout
from seatrial.reports import lookup, words
from seatrial.reports.compose import compose
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Checks,
    Column,
    Document,
    Facts,
    Fold,
    Formula,
    Heading,
    Limits,
    Pair,
    Paragraph,
    Table,
)
from seatrial.reports.hostile import visible
from seatrial.reports.lookup import Card
from seatrial.reports.sections.not_shown import NOTHING
from seatrial.reports.words import Tone

_SECTIONS = ("checks", "effects", "estimates", "operational", "tradeoffs", "slices", "flips", "health")
_OF_EXPERIMENT = ("health", "experiment.effects", "checks", "experiment.sequences")
"""What fits a screen; the rest is on the page."""
_LIMITS = Limits(rows=20, slices=5, examples=0, classes=5, characters=60, sentence=400, columns=0)
_BRIEF = Limits(rows=12, slices=5, examples=0, characters=60, sentence=400, looks=2, sequences=3)
_GAPS = 3
"""Of what a readout does not show, so many lines; a scorecard names all."""
_WIDEST = 34
_TITLE = 14
_HEAD = 5
_LONG = 80
_NAME = 28
"""A name of a row gets this much before titles are cut further."""
_SHORT = 8
_NOTE = 30
"""A longer note of a word goes under the table."""
_END = re.compile(r"(?: |\x1b\[[0-9;]*m)+$")
"""Spaces at the end of a line, between codes of colour or not."""
_LEVEL = re.compile(r" \[[0-9.]+ %\]$")
_STYLES: dict[Tone, str] = {"good": "green", "bad": "red", "unsure": "yellow", "neutral": "cyan"}


def to_text(
    card: Card, *, width: int = 80, colour: bool = False, unicode: bool = True, written: Sequence[str] = ()
) -> str:
    """Return the report for a terminal of `width` columns; `written` names the files that were written.

    Nothing a data set holds can reach the terminal as a control sequence. `unicode=False` uses plain ASCII symbols.
    """
    limits = _BRIEF if isinstance(card, Readout) else _LIMITS
    document = compose(card, limits=limits, sections=_sections(card))
    gaps = card.not_shown
    if isinstance(card, Readout):
        gaps = gaps or (NOTHING,)
        if len(gaps) > _GAPS + 1:
            gaps = (*gaps[:_GAPS], f"{len(gaps) - _GAPS} more on the page and in the JSON.")
    last = (("Assumed", lookup.assumptions(card)), ("What this does not show", gaps), ("Written", written))
    return _set(document, last, width=width, colour=colour, unicode=unicode, whole=False)


def document_to_text(
    document: Document, *, width: int = 80, colour: bool = False, unicode: bool = True, written: Sequence[str] = ()
) -> str:
    """Return a document that is no card's report, as `to_text` does, with all of its sections."""
    return _set(document, (("Written", written),), width=width, colour=colour, unicode=unicode, whole=True)


def _set(
    document: Document,
    last: Sequence[tuple[str, Sequence[str]]],
    *,
    width: int,
    colour: bool,
    unicode: bool,
    whole: bool,
) -> str:
    out = StringIO()
    console = Console(
        file=out,
        width=max(40, width),
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(_page(document, last, console.width, whole=whole))
    lines = [_END.sub(lambda end: end.group().replace(" ", ""), line) for line in out.getvalue().splitlines()]
    text = "\n".join(lines).strip("\n") + "\n"
    return text if unicode else "".join(words.ascii_only(line) for line in text.splitlines(keepends=True))


def _sections(card: Card) -> tuple[str, ...]:
    """An evaluation shows its values; a comparison shows differences, which hold the values."""
    if isinstance(card, Readout):
        return tuple(name for name in _OF_EXPERIMENT if not (card.exploratory and name == "experiment.sequences"))
    without = ("estimates", "operational") if card.kind == "comparison" else ("effects",)
    return tuple(name for name in _SECTIONS if name not in without)


def _page(document: Document, last: Sequence[tuple[str, Sequence[str]]], width: int, *, whole: bool) -> Group:
    front = document.front
    style = f"bold {_STYLES[front.tone]}"
    said = (front.symbol, front.headline, front.code and f"({front.code})", front.stamp and f"[{front.stamp}]")
    lines: list[RenderableType] = [
        Text(" ".join(part for part in said if part), style=style),
        Text(_shown(front.sentence), style="bold"),
    ]
    if front.facts:
        facts = (f"{_shown(term.lower())} {_shown(value)}" for term, value in front.facts)
        lines.append(Text(" · ".join(facts), style="dim"))
    for section in document.sections:
        shown = _shown(section.title)
        title = f"{shown} ({section.stamp})" if section.stamp else shown
        lines += [Text(), Text(title, style="bold")]
        lines += [Text(_shown(section.lead))] if section.lead and section.id not in ("checks",) else []
        lines += [shown for block in section.blocks for shown in _block(block, width, whole=whole)]
    for title, items in last:
        lines += [Text(), Text(title, style="bold"), *_bullets(items[: _LIMITS.rows])] if items else []
    return Group(*lines)


def _shown(text: str) -> str:
    return visible(text, limit=_LIMITS.sentence)


def _bullets(items: Sequence[str]) -> list[RenderableType]:
    return [_hanging("-", _shown(item)) for item in items]


def _hanging(sign: str, text: str | Text, style: str = "") -> RichTable:
    """Set text beside a sign, its further lines indented."""
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(sign, style=style), text if isinstance(text, Text) else Text(text))
    return grid


def _block(block: Block, width: int, *, whole: bool = False) -> list[RenderableType]:
    """Set one block; charts and what is folded away are left to the page, and more where the page is all there is."""
    if whole:
        match block:
            case Heading():
                return [Text(_shown(block.text), style="bold")]
            case Facts():
                return [Text.assemble((f"{_shown(term)}: ", "dim"), _shown(value)) for term, value in block.items]
            case Formula():
                return [Text(f"  {_shown(block.text)}")]
            case Pair() | Fold():
                return [shown for inner in block.blocks for shown in _block(inner, width, whole=True)]
            case _:
                pass
    match block:
        case Checks():
            return [_check_lines(block)]
        case Table():
            return _table(block, width)
        case Callout():
            style = _STYLES[block.tone]
            return [_hanging(block.symbol, Text.assemble((f"{block.label}: ", style), _shown(block.text)), style)]
        case Bullets():
            return _bullets(block.items)
        case Paragraph():
            return [
                Text.assemble(
                    (f"{_shown(block.term)} " if block.term else "", "bold"),
                    (_shown(block.text), "dim" if block.small else ""),
                )
            ]
        case Fold():
            return []
        case _:
            return []


def _check_lines(block: Checks) -> Group:
    lines: list[RenderableType] = []
    for check in block.items:
        style = _STYLES[words.STATUS_TONES[check.status]]
        of = f" ({check.candidate})" if block.several and check.candidate not in check.name else ""
        role = f"{check.role}, does not decide" if check.role == "secondary" else check.role
        what = Text.assemble((_shown(check.name + of), "bold"), " ", (check.status, style), (f"  {role}", "dim"))
        lines.append(
            _hanging(words.STATUS_SYMBOLS[check.status], _two_lines(what, _shown(check.reason)), f"bold {style}")
        )
    if block.more:
        lines.append(Text(f"{block.more} more checks are in the JSON.", style="dim"))
    return Group(*lines)


def _two_lines(first: Text, second: str) -> Text:
    return Text.assemble(first, "\n", second)


def _table(table: Table, width: int) -> list[RenderableType]:
    kept = [place for place, column in enumerate(table.columns) if column.narrow]
    out = RichTable(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", show_edge=False)
    room = width - sum(_width(table, place) + 1 for place in kept[1:])
    name = min(_natural(table, kept[0]), _NAME)
    tight = room < name
    if tight:
        room = width - sum(_width(table, place, tight=True) + 1 for place in kept[1:])
    longest = max((len(piece) for row in _rows(table) for piece in _pieces(row[kept[0]].text)), default=0)
    if room < min(longest, name) and any(_LEVEL.search(table.columns[place].title) for place in kept):
        # a difference with its interval says what the two values beside it say
        kept = [p for p in kept if table.columns[p].kind != "number" or _LEVEL.search(table.columns[p].title)]
        room = width - sum(_width(table, place, tight=True) + 1 for place in kept[1:])
    first = max(min(_natural(table, kept[0]), room), min(name, _SHORT))
    worded = [place for place in kept[1:] if table.columns[place].kind == "word"]
    spare = width - first - sum(_width(table, place, tight=tight) + 1 for place in kept[1:] if place not in worded)
    for place in kept:
        column = table.columns[place]
        number = column.kind == "number"
        out.add_column(
            Text(_title(column, _width(table, place, tight=True) if tight and number else _LONG)),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number and _widest(table, place) <= _WIDEST,
            min_width=first if place == kept[0] else None,
            max_width=max(_TITLE, spare // len(worded) - 1) if place in worded else None,
        )
    for group in table.groups:
        if group.title:
            out.add_row(Text(_shown(group.title), style="bold"), *(Text() for _ in kept[1:]))
        for row in group.rows:
            out.add_row(_broken(_cell(row[kept[0]]), first), *(_cell(row[place]) for place in kept[1:]))
    return [Padding(out, (0, 0)), *(Text(line, style="dim") for line in _notes(table))]


def _notes(table: Table) -> list[str]:
    """What a narrow table leaves to a line under it: what was cut, and levels that are not the column's."""
    other = [
        f"{_shown(row[0].text)} {_shown(cell.note)}"
        for row in _rows(table)
        for cell in row
        if cell.strong and cell.note
    ]
    said = [f"Other levels: {', '.join(other)}."] if other else []
    long = [(row[0], cell) for row in _rows(table) for cell in row if cell.symbol and len(cell.note) > _NOTE]
    said += [f"{_shown(name.text)}: {_shown(cell.text)}: {_shown(cell.note)}." for name, cell in long]
    return [*said, *([_shown(table.note)] if table.note else [])]


def _width(table: Table, place: int, *, tight: bool = False) -> int:
    """Return how wide a column wants to be; words may be broken between words, and a tight title is cut further."""
    column = table.columns[place]
    if column.kind == "word":
        return _TITLE
    if tight and column.kind == "number" and not _LEVEL.search(column.title):
        return max(min(len(_title(column)), _SHORT), _widest(table, place))
    return _natural(table, place)


def _natural(table: Table, place: int) -> int:
    """Return the width that holds the title and every cell of a column."""
    return max(len(_title(table.columns[place])), _widest(table, place))


def _widest(table: Table, place: int) -> int:
    return max((len(_cell(row[place])) for row in _rows(table)), default=0)


def _broken(text: Text, room: int) -> Text:
    """Break a long name where a reader would: after a space, an underscore or a dot."""
    if len(text) <= room or room < _TITLE // 2:
        return text
    lines = [""]
    for piece in _pieces(text.plain):
        if len(lines[-1]) + len(piece.rstrip()) > room:
            lines.append("")
        lines[-1] += piece
    return Text("\n".join(line.rstrip() for line in lines if line.strip()), style=text.style)


def _pieces(text: str) -> list[str]:
    return re.findall(r"[^ _.]*[ _.]?", text)


def _rows(table: Table) -> list[tuple[Cell, ...]]:
    return [row for group in table.groups for row in group.rows]


def _title(column: Column, most: int = _LONG) -> str:
    """Cut the middle of a version's name, so that it leaves room for the numbers: versions differ at the end."""
    shown = visible(column.title, limit=_LONG)
    level = _LEVEL.search(shown)
    name = shown[: level.start()] if level else shown
    most = min(most, _TITLE)
    if len(name) > most and not name.endswith("]"):
        end = name[_HEAD + 1 - _TITLE :][-(most // 2) :] if len(column.title) <= _LONG else ""
        name = f"{name[: most - 1 - len(end)]}…{end}"
    return name + (level.group() if level else "")


def _cell(cell: Cell) -> Text:
    shown = visible(cell.text, limit=_LIMITS.characters)
    text = f"{cell.symbol} {shown}" if cell.symbol else shown
    return Text(
        f"{text} ({_shown(cell.note)})" if cell.symbol and 0 < len(cell.note) <= _NOTE else text,
        style=_STYLES[cell.tone] if cell.tone else "bold" if cell.strong else "",
    )
