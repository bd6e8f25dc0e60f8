"""Markdown that fits a pull-request comment: the verdict, the checks and the differences in sight, the rest folded."""

import re
from dataclasses import replace

from seatrial.records import Readout
from seatrial.reports import words
from seatrial.reports.compose import compose
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Checks,
    Document,
    Facts,
    Figure,
    Fold,
    Formula,
    Heading,
    Limits,
    Pair,
    Paragraph,
    Section,
    Table,
)
from seatrial.reports.hostile import visible
from seatrial.reports.lookup import Card

MOST_CHARACTERS = 60_000
"""A comment holds 65,536 characters."""
_SECTIONS = (
    "health",
    "checks",
    "effects",
    "operational",
    "tradeoffs",
    "slices",
    "flips",
    "policy",
    "provenance",
    "not_shown",
)
_OF_ONE = tuple("estimates" if name == "effects" else name for name in _SECTIONS)
"""One version alone has values and no differences."""
_OF_EXPERIMENT = (
    "health",
    "experiment.effects",
    "checks",
    "experiment.sequences",
    "experiment.segments",
    "experiment.explored",
    "experiment.novelty",
    "experiment.beliefs",
    "experiment.costs",
    "experiment.plan",
    "provenance",
    "not_shown",
)
_IN_SIGHT = ("health", "checks", "effects", "values")
_LIMITS = Limits(rows=20, slices=8, examples=3, classes=8, characters=80, sentence=600, columns=0)
_BREAK = "\u200b"
_ESCAPES = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"([\\\\`*|$])", r"\\\1"),
        (r"(?<![a-z0-9])_|_(?![a-z0-9])", r"\\_"),
        (r"<(?=[a-z/!?])", r"\\<"),
        (r"&(?=[a-z#])", r"\\&"),
        (r"~(?=~)", r"\\~"),
        (r"\](?=[(\[:])", r"\\]"),
        (r"^(\s*)(?=[\[#>=+-](?![\d.]))", r"\1\\"),
        (r"^(\s*\d+)([.)])(?=\s)", r"\1\\\2"),
        (r"@(?=\w)", f"@{_BREAK}"),
        (r"#(?=\d)", f"#{_BREAK}"),
        (r"\b(https?|ftp|mailto|xmpp):", rf"\1{_BREAK}:"),
        (r"\bwww\.", f"www{_BREAK}."),
    )
)
"""What could be markup, and only there: a bracket before a parenthesis, an underscore at the edge of a word."""
_WITHOUT_VERDICT = {"neutral": "📏", "good": "✅", "bad": "❌", "unsure": "❓"}
_ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❓", "invalid": "⛔"}


def to_markdown(card: Card) -> str:
    """Return GitHub-flavoured Markdown of under 60,000 characters; no data can mention, link or leave its cell."""
    limits = _LIMITS
    sections = _sections(card)
    page = _page(compose(card, limits=limits, sections=sections), limits)
    while len(page) > MOST_CHARACTERS and limits.rows > 2:
        limits = replace(
            limits,
            rows=limits.rows // 2,
            slices=max(2, limits.slices // 2),
            examples=1,
            classes=max(2, limits.classes // 2),
            characters=max(30, limits.characters // 2),
            sentence=max(120, limits.sentence // 2),
        )
        page = _page(compose(card, limits=limits, sections=sections), limits)
    return page


def document_to_markdown(document: Document) -> str:
    """Return a document that is no card's report: every section in sight, what it folds away folded."""
    return _page(document, replace(_LIMITS, rows=Limits().rows), whole=True)


def _sections(card: Card) -> tuple[str, ...]:
    if isinstance(card, Readout):
        return _OF_EXPERIMENT
    return _SECTIONS if card.kind == "comparison" else _OF_ONE


def _page(document: Document, limits: Limits, *, whole: bool = False) -> str:
    front = document.front
    icon = _ICONS.get(front.code, _WITHOUT_VERDICT[front.tone])
    stamp = f" ({_text(front.stamp, limits)})" if front.stamp else ""
    facts = " · ".join(f"{_text(term.lower(), limits)} **{_text(value, limits)}**" for term, value in front.facts)
    parts = [
        f"## {icon} {_text(front.headline, limits)}{stamp}",
        f"**{_text(front.sentence, limits)}**",
        facts,
    ]
    parts += [_section(section, limits, whole=whole) for section in document.sections]
    evidence = f" · evidence `{_code(document.evidence)}`" if document.evidence else ""
    parts.append(f"<sub>Seatrial {_text(document.version, limits)}{evidence}</sub>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section, limits: Limits, *, whole: bool) -> str:
    title = f"{section.title} ({section.stamp})" if section.stamp else section.title
    body = [_text(section.lead, limits)] if section.lead else []
    folded = section.id not in _IN_SIGHT and not whole
    body += _blocks(section.blocks, limits, inner=folded or whole)
    if not folded:
        return "\n\n".join([f"### {_text(title, limits)}", *body])
    return _details(title, body, limits)


def _details(summary: str, body: list[str], limits: Limits) -> str:
    return "\n\n".join([f"<details><summary>{_html(summary, limits)}</summary>", *body, "</details>"])


def _blocks(blocks: tuple[Block, ...], limits: Limits, *, inner: bool) -> list[str]:
    found = (_block(block, limits, inner=inner) for block in blocks)
    return [text for text in found if text]


def _block(block: Block, limits: Limits, *, inner: bool) -> str:
    """Set one block; charts and, in a section in sight, folds are left to the page."""
    match block:
        case Paragraph():
            return (
                f"**{_text(block.term, limits)}** {_text(block.text, limits)}"
                if block.term
                else _text(block.text, limits)
            )
        case Bullets():
            return "\n".join(f"- {_text(item, limits)}" for item in block.items[: limits.rows])
        case Heading():
            return f"**{_text(block.text, limits)}**"
        case Formula():
            return f"`{_code(block.text)}`"
        case Facts():
            return "\n".join(
                f"- {_text(term, limits)}: `{_code(visible(value, limit=limits.characters))}`"
                for term, value in block.items
            )
        case Callout():
            return f"> **{block.symbol} {block.label}:** {_text(block.text, limits)}"
        case Checks():
            return _checks(block, limits)
        case Table():
            return _table(block, limits)
        case Pair():
            return "\n\n".join(_blocks(block.blocks, limits, inner=inner))
        case Fold():
            return (
                "\n\n".join([f"**{_text(block.summary, limits)}**", *_blocks(block.blocks, limits, inner=True)])
                if inner
                else ""
            )
        case Figure():
            return ""


def _checks(block: Checks, limits: Limits) -> str:
    lines = ["| | check | reason |", "|---|---|---|"]
    for check in block.items:
        name = (
            f"{check.name} ({check.candidate})" if block.several and check.candidate not in check.name else check.name
        )
        role = f"{check.role}, does not decide" if check.role == "secondary" else check.role
        lines.append(
            f"| {words.STATUS_SYMBOLS[check.status]} {check.status} | {_text(name, limits)} ({role}) | "
            f"{_text(check.reason, limits)} |"
        )
    more = f"\n\n{block.more} more checks are in the JSON." if block.more else ""
    return "\n".join(lines) + more


def _table(table: Table, limits: Limits) -> str:
    kept = [place for place, column in enumerate(table.columns) if column.narrow]
    lines = [
        f"| {' | '.join(_text(table.columns[place].title, limits) for place in kept)} |",
        f"|{'|'.join('---:' if table.columns[place].kind == 'number' else '---' for place in kept)}|",
    ]
    for group in table.groups:
        if group.title:
            lines.append(f"| **{_text(group.title, limits)}** |{' |' * (len(kept) - 1)}")
        lines += [f"| {' | '.join(_cell(row[place], limits) for place in kept)} |" for row in group.rows]
    note = f"\n\n{_text(table.note, limits)}" if table.note else ""
    return "\n".join(lines) + note


def _cell(cell: Cell, limits: Limits) -> str:
    if cell.verbatim:
        shown = _code(visible(cell.text, limit=limits.characters)).replace("|", "\\|")
        text = f"`{shown}`" if shown else ""
    else:
        text = _text(cell.text, limits)
    note = f" ({_text(cell.note, limits)})" if cell.note else ""
    return f"{cell.symbol} {text}{note}".strip() or " "


def _text(text: str, limits: Limits) -> str:
    """Escape text so that it reads as itself: no markup, no HTML, no mention, no link; figures keep their looks."""
    shown = visible(text.strip(), limit=limits.sentence)
    for pattern, instead in _ESCAPES:
        shown = pattern.sub(instead, shown)
    return shown


def _html(text: str, limits: Limits) -> str:
    """Escape text inside an HTML element of Markdown."""
    shown = visible(text, limit=limits.sentence).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"@(?=\w)", f"@{_BREAK}", shown)


def _code(text: str) -> str:
    """Return text for a code span, where only a backtick could end it."""
    return text.replace("`", "ˋ")
