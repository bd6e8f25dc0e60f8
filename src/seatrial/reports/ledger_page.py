"""The ledger as a page: who decided what, when, on what, and whether the chain is whole."""

from seatrial.records.ledger import LedgerEntry
from seatrial.records.store import LedgerPage
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Front,
    Limits,
    Paragraph,
    Rows,
    Section,
    Table,
)
from seatrial.reports.words import Tone

_SHOWN = 12
_STATUS: dict[str, tuple[str, Tone]] = {
    "pass": ("✓", "good"),
    "fail": ("✗", "bad"),
    "inconclusive": ("?", "unsure"),
    "invalid": ("!", "unsure"),
}
_METHOD = (
    "Each entry holds the SHA-256 of the entry before it, as it was written. Changing one entry breaks the link from "
    "the next; the digest of the last is kept apart as the head, so that entries cut off at the end are missed too."
)
_NOT_SHOWN = (
    "Someone who can write to the store can write the whole ledger and its head anew. Note the head somewhere else (a "
    "pull request, a signed mail): `seatrial ledger verify --expect DIGEST` then finds that out.",
    "Who decided is what the command was told (--who, SEATRIAL_USER, or the system's user name); nobody proved it.",
    "Times are those of the machine that made the entry.",
)


def ledger_document(of: LedgerPage) -> Document:
    """Build the page; the newest entry comes first."""
    check = of.check
    last = of.entries[-1] if of.entries else None
    return Document(
        title=f"Ledger of {of.store}",
        front=Front(
            symbol="✓" if check.intact else "✗",
            tone="good" if check.intact else "bad",
            headline="The ledger is whole" if check.intact else f"Altered at entry {check.first_altered}",
            sentence=check.sentence,
            facts=(
                ("Entries", f"{check.entries:,}"),
                *((("Last entry", f"{last.when}, {last.who}"),) if last is not None else ()),
                ("Head", check.head),
            ),
            name="Ledger",
        ),
        sections=(_entries(of), _method()),
        version=of.seatrial,
        evidence=check.head,
        about="ledger of decisions",
    )


def _entries(of: LedgerPage) -> Section:
    shown = list(reversed(of.entries))[: Limits().rows]
    note = (
        "" if len(shown) == len(of.entries) else f"{len(shown)} of {len(of.entries):,} entries shown; the JSON has all."
    )
    blocks: tuple[Block, ...] = (Paragraph(text="Nothing was entered yet."),)
    if shown:
        blocks = (
            Table(
                caption="Entries, the newest first",
                columns=(
                    Column(title="No.", kind="number"),
                    Column(title="When (UTC)"),
                    Column(title="Who"),
                    Column(title="Kind"),
                    Column(title="What"),
                    Column(title="On", narrow=False),
                ),
                groups=(Rows(rows=tuple(_row(entry) for entry in shown)),),
                note=note,
            ),
        )
    return Section(id="entries", title="Entries", blocks=blocks)


def _row(entry: LedgerEntry) -> tuple[Cell, ...]:
    symbol, tone = _STATUS.get(entry.status or "", ("", None))
    kind = f"{entry.kind}: {entry.status}" if entry.status else entry.kind
    return (
        Cell(text=str(entry.number)),
        Cell(text=entry.when[:16].replace("T", " ")),
        Cell(text=entry.who, verbatim=True),
        Cell(text=kind, symbol=symbol, tone=tone, strong=entry.kind == "override"),
        Cell(text=entry.what, verbatim=True, note=f"Reason: {entry.reason}" if entry.reason else ""),
        Cell(text=", ".join(f"{name} {digest[:_SHOWN]}" for name, digest in entry.digests.items()), verbatim=True),
    )


def _method() -> Section:
    return Section(
        id="method",
        title="How it holds, and what it does not show",
        blocks=(Paragraph(text=_METHOD), Bullets(items=_NOT_SHOWN)),
    )
