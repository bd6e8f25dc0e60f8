"""Text for the terminal: the verdict first, then the checks, then the table; symbols and words, never colour alone."""

import re
from collections.abc import Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from seatrial.records import Scorecard
from seatrial.reports import words
from seatrial.reports.compose import compose
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Checks,
    Column,
    Document,
    Fold,
    Limits,
    Paragraph,
    Table,
)
from seatrial.reports.hostile import visible
from seatrial.reports.words import Tone

_SECTIONS = ("checks", "effects", "estimates", "operational", "tradeoffs", "slices", "flips", "health")
_LIMITS = Limits(rows=20, slices=5, examples=0, classes=5, characters=60, sentence=400, columns=0)
_WIDEST = 34
_TITLE = 14
_HEAD = 5
_END = re.compile(r"(?: |\x1b\[[0-9;]*m)+$")
"""Spaces at the end of a line, between codes of colour or not."""
_LEVEL = re.compile(r" \[[0-9.]+ %\]$")
_STYLES: dict[Tone, str] = {"good": "green", "bad": "red", "unsure": "yellow", "neutral": "cyan"}


def to_text(
    scorecard: Scorecard, *, width: int = 80, colour: bool = False, unicode: bool = True, written: Sequence[str] = ()
) -> str:
    """Return the report for a terminal of `width` columns; `written` names the files that were written.

    Nothing a data set holds can reach the terminal as a control sequence. `unicode=False` uses plain ASCII symbols.
    """
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
    document = compose(scorecard, limits=_LIMITS, sections=_sections(scorecard))
    console.print(_page(document, scorecard, written, console.width))
    lines = [_END.sub(lambda end: end.group().replace(" ", ""), line) for line in out.getvalue().splitlines()]
    text = "\n".join(lines).strip("\n") + "\n"
    return text if unicode else "".join(words.ascii_only(line) for line in text.splitlines(keepends=True))


def _sections(card: Scorecard) -> tuple[str, ...]:
    """An evaluation shows its values; a comparison shows differences, which hold the values."""
    without = ("estimates", "operational") if card.kind == "comparison" else ("effects",)
    return tuple(name for name in _SECTIONS if name not in without)


def _page(document: Document, card: Scorecard, written: Sequence[str], width: int) -> Group:
    front = document.front
    style = f"bold {_STYLES[front.tone]}"
    lines: list[RenderableType] = [
        Text(f"{front.symbol} {front.headline} ({front.status})", style=style),
        Text(_shown(front.sentence), style="bold"),
        Text(" · ".join(f"{term.lower()} {_shown(value)}" for term, value in front.facts), style="dim"),
    ]
    for section in document.sections:
        title = f"{section.title} ({section.stamp})" if section.stamp else section.title
        lines += [Text(), Text(title, style="bold")]
        lines += [Text(_shown(section.lead))] if section.lead and section.id not in ("checks",) else []
        lines += [shown for block in section.blocks for shown in _block(block, width)]
    if card.assumptions:
        lines += [Text(), Text("Assumed", style="bold"), *_bullets(card.assumptions[: _LIMITS.rows])]
    if card.not_shown:
        lines += [Text(), Text("What this does not show", style="bold"), *_bullets(card.not_shown[: _LIMITS.rows])]
    if written:
        lines += [Text(), Text("Written", style="bold"), *_bullets(written)]
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


def _block(block: Block, width: int) -> list[RenderableType]:
    """Set one block; charts and what is folded away are left to the page."""
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
    for place in kept:
        column = table.columns[place]
        widest = max((len(row[place].text) for group in table.groups for row in group.rows), default=0)
        out.add_column(
            Text(_title(column)),
            justify="right" if column.kind == "number" else "left",
            overflow="fold",
            no_wrap=column.kind == "number" and widest <= _WIDEST,
            min_width=10 if place == 0 else None,
        )
    room = width - sum(_width(table, place) + 1 for place in kept[1:])
    for group in table.groups:
        if group.title:
            out.add_row(Text(_shown(group.title), style="bold"), *(Text() for _ in kept[1:]))
        for row in group.rows:
            out.add_row(_broken(_cell(row[kept[0]]), room), *(_cell(row[place]) for place in kept[1:]))
    note = [Text(_shown(table.note), style="dim")] if table.note else []
    return [Padding(out, (0, 0)), *note]


def _width(table: Table, place: int) -> int:
    """Return how wide a column wants to be; words may be broken between words."""
    column = table.columns[place]
    if column.kind == "word":
        return _TITLE
    cells = (len(row[place].text) for group in table.groups for row in group.rows)
    return max(len(_title(column)), *cells, 0)


def _broken(text: Text, room: int) -> Text:
    """Break a long name where a reader would: after a space, an underscore or a dot."""
    if len(text) <= room or room < _TITLE // 2:
        return text
    lines = [""]
    for piece in re.findall(r"[^ _.]*[ _.]?", text.plain):
        if len(lines[-1]) + len(piece.rstrip()) > room:
            lines.append("")
        lines[-1] += piece
    return Text("\n".join(line.rstrip() for line in lines), style=text.style)


def _title(column: Column) -> str:
    """Cut the middle of a version's name, so that it leaves room for the numbers under it: versions differ at the end."""
    shown = visible(column.title, limit=80)
    level = _LEVEL.search(shown)
    name = shown[: level.start()] if level else shown
    cut = name if len(name) <= _TITLE else f"{name[:_HEAD]}…{name[_HEAD + 1 - _TITLE :]}"
    return cut + (level.group() if level else "")


def _cell(cell: Cell) -> Text:
    shown = visible(cell.text, limit=_LIMITS.characters)
    text = f"{cell.symbol} {shown}" if cell.symbol else shown
    return Text(
        f"{text} ({_shown(cell.note)})" if cell.note and (cell.symbol or cell.strong) else text,
        style=_STYLES[cell.tone] if cell.tone else "bold" if cell.strong else "",
    )
