"""A card's sections outside HTML: tables named; in the terminal, intervals beside their numbers where there is room."""

from collections.abc import Callable
from dataclasses import replace

from seatrial.reports.document import Block, Cell, Column, Heading, Rows, Section, Table

_WIDTH = 79


def with_captions(section: Section) -> Section:
    """Set the caption of each table over it where no heading stands there: Markdown and text have none."""
    blocks: list[Block] = []
    for block in section.blocks:
        if isinstance(block, Table) and blocks and not isinstance(blocks[-1], Heading):
            blocks.append(Heading(text=block.caption))
        blocks.append(block)
    return replace(section, blocks=tuple(blocks))


def for_terminal(section: Section, level: str) -> Section:
    """Set captions, and intervals in the cell of their number."""
    named = with_captions(section)
    blocks = tuple(_with_intervals(block, level) if isinstance(block, Table) else block for block in named.blocks)
    return replace(named, blocks=blocks)


def _with_intervals(table: Table, level: str) -> Table:
    """Notes that are intervals beside their numbers, column by column while the table fits the terminal."""
    kept = [at for at, column in enumerate(table.columns) if column.narrow]
    widths = {at: _width(table, at, _cell) for at in kept}
    for at in kept:
        column = table.columns[at]
        cells = [row[at] for group in table.groups for row in group.rows]
        if column.kind != "number" or not any(cell.note.startswith(("[", "at ")) for cell in cells):
            continue
        titled = replace(column, title=f"{column.title} [{level}]")
        wide = max(_width(table, at, lambda cell: _joined(cell).text), len(titled.title))
        if sum(widths.values()) - widths[at] + wide + len(kept) > _WIDTH:
            continue
        widths[at] = wide
        table = _changed(table, at, titled)
    return table


def _changed(table: Table, at: int, column: Column) -> Table:
    groups = tuple(
        Rows(title=group.title, rows=tuple((*row[:at], _joined(row[at]), *row[at + 1 :]) for row in group.rows))
        for group in table.groups
    )
    return replace(table, columns=(*table.columns[:at], column, *table.columns[at + 1 :]), groups=groups)


def _joined(cell: Cell) -> Cell:
    if cell.note.startswith("["):
        return replace(cell, text=f"{cell.text} {cell.note}", note="")
    return replace(cell, text=f"{cell.text} ({cell.note})", note="") if cell.note.startswith("at ") else cell


def _cell(cell: Cell) -> str:
    return f"{cell.symbol} {cell.text}" if cell.symbol else cell.text


def _width(table: Table, at: int, text: Callable[[Cell], str]) -> int:
    cells = [len(text(row[at])) for group in table.groups for row in group.rows]
    return max([*cells, min(len(table.columns[at].title), 14)])
