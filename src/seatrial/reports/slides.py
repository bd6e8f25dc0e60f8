"""A report card as slides (.pptx): the sentence, the models side by side, every case, what was not tested."""

import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.records.card import ReportCard
from seatrial.reports.card_page import card_document
from seatrial.reports.document import Block, Bullets, Callout, Checks, Document, Fold, Pair, Paragraph, Section, Table
from seatrial.reports.hostile import visible

_MOST_ROWS = 9
_MOST_COLUMNS = 6
_MOST_LINES = 9
_CHARACTERS = 170
_LEFT_OUT = frozenset({"method", "provenance"})


def write_slides(of: ReportCard, path: Path) -> None:
    """Write the slides, replaced whole or not at all; raises `UsageError` where python-pptx is not installed."""
    made = slides(of)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(made)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise UsageError(f"'{path}' cannot be written: {error.strerror}.") from None


def slides(of: ReportCard) -> bytes:
    """Return the slides: the words and digits are those of the page."""
    try:
        from pptx import Presentation
    except ImportError:
        raise UsageError("Slides need python-pptx: pip install 'seatrial[slides]'.") from None
    document = card_document(of)
    deck = Presentation()
    _first(deck, document)
    for section in document.sections:
        if section.id not in _LEFT_OUT:
            _section(deck, section)
    held = io.BytesIO()
    deck.save(held)
    return held.getvalue()


def _first(deck: Any, document: Document) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    front = document.front
    slide.shapes.title.text = _text(f"{front.symbol} {front.headline}")
    facts = "\n".join(f"{term}: {said}" for term, said in front.facts)
    slide.placeholders[1].text = _text(front.sentence, limit=600) + "\n" + _text(facts, limit=600, lines=True)
    _sized(slide.placeholders[1], 16)


def _section(deck: Any, section: Section) -> None:
    lines = [section.lead] if section.lead else []
    tables: list[Table] = []
    _gather(section.blocks, lines, tables)
    if lines or not tables:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = _text(section.title)
        shown = [_text(line) for line in lines[:_MOST_LINES]]
        if len(lines) > _MOST_LINES:
            shown.append(f"and {len(lines) - _MOST_LINES} more in the report")
        slide.placeholders[1].text = "\n".join(shown)
        _sized(slide.placeholders[1], 15)
    for table in tables[:4]:
        _table(deck, section.title, table)


def _gather(blocks: Sequence[Block], lines: list[str], tables: list[Table]) -> None:
    for block in blocks:
        if isinstance(block, Table):
            tables.append(block)
        elif isinstance(block, Bullets):
            lines += block.items
        elif isinstance(block, Callout):
            lines.append(f"{block.symbol} {block.text}")
        elif isinstance(block, Checks):
            lines += [f"{check.status}: {check.reason}" for check in block.items]
        elif isinstance(block, Paragraph) and not block.small:
            lines.append(block.text)
        elif isinstance(block, Pair):
            _gather(block.blocks, lines, tables)
        elif isinstance(block, Fold):
            continue


def _table(deck: Any, title: str, table: Table) -> None:
    from pptx.util import Inches

    columns = [at for at, column in enumerate(table.columns) if column.narrow][:_MOST_COLUMNS]
    rows = [row for group in table.groups for row in group.rows]
    shown = rows[:_MOST_ROWS]
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = _text(f"{title}: {table.caption}", limit=90)
    _sized(slide.shapes.title, 22)
    frame = slide.shapes.add_table(
        len(shown) + 1, len(columns), Inches(0.4), Inches(1.5), Inches(9.2), Inches(0.4 * (len(shown) + 1))
    )
    for place, at in enumerate(columns):
        _cell(frame.table.cell(0, place), table.columns[at].title)
        for line, row in enumerate(shown, 1):
            cell = row[at]
            said = " ".join(part for part in (cell.symbol, cell.text, cell.note) if part)
            _cell(frame.table.cell(line, place), said)
    if len(rows) > len(shown):
        box = slide.shapes.add_textbox(Inches(0.4), Inches(6.9), Inches(9), Inches(0.4))
        box.text_frame.text = f"{len(shown)} of {len(rows)} rows; the report has all."
        _sized(box, 11)


def _cell(cell: Any, text: str) -> None:
    cell.text = _text(text)
    _sized(cell, 11)


def _sized(shape: Any, points: int) -> None:
    from pptx.util import Pt

    for paragraph in shape.text_frame.paragraphs:
        for run in paragraph.runs:
            run.font.size = Pt(points)


def _text(given: str, *, limit: int = _CHARACTERS, lines: bool = False) -> str:
    if lines:
        return "\n".join(visible(line, limit=limit) for line in given.split("\n"))
    return visible(given, limit=limit)
