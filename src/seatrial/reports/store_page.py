"""The pages of looking after a store: what was verified, what was dropped."""

from typing import Literal

from seatrial.records.store import Garbage, StoreCheck
from seatrial.reports.document import Bullets, Cell, Column, Document, Front, Limits, Paragraph, Rows, Section, Table
from seatrial.reports.words import Tone

_SIGNS: dict[Literal["pass", "warn", "fail"], tuple[str, Tone]] = {
    "pass": ("✓", "good"),
    "warn": ("!", "unsure"),
    "fail": ("✗", "bad"),
}
_NOT_SHOWN = (
    "Digests tell that a thing is what was stored, not that what was stored is true.",
    "Row logs of runs in progress and cached answers have no digest of their own; the table of a finished run has.",
    "Someone who can write to the store can change a run together with its digest; what the ledger or another place "
    "has noted of that digest then no longer fits.",
)


def store_check_document(of: StoreCheck) -> Document:
    """Build the page of `seatrial store verify`: what is wrong first."""
    ordered = sorted(of.findings, key=lambda finding: ("fail", "warn", "pass").index(finding.status))
    shown = ordered[: Limits().rows]
    rows = tuple(
        (
            Cell(text=finding.name),
            Cell(text=finding.status, symbol=_SIGNS[finding.status][0], tone=_SIGNS[finding.status][1]),
            Cell(text=finding.sentence, verbatim=True),
        )
        for finding in shown
    )
    note = "" if len(shown) == len(ordered) else f"{len(shown)} of {len(ordered):,} findings shown; the JSON has all."
    return Document(
        title=f"Store {of.store}",
        front=Front(
            symbol="✓" if of.intact else "✗",
            tone="good" if of.intact else "bad",
            headline="The store is whole" if of.intact else "Something was altered",
            sentence=of.sentence,
            facts=(("Runs", f"{of.runs:,}"), ("Tables", f"{of.tables:,}"), ("Ledger entries", f"{of.entries:,}")),
            name="Store",
        ),
        sections=(
            Section(
                id="findings",
                title="What was checked",
                blocks=(
                    Table(
                        caption="Every digest recomputed",
                        columns=(Column(title="What"), Column(title="Result", kind="word"), Column(title="Finding")),
                        groups=(Rows(rows=rows),),
                        note=note,
                    ),
                ),
            ),
            Section(id="not-shown", title="What this does not show", blocks=(Bullets(items=_NOT_SHOWN),)),
        ),
        version=of.seatrial,
        about="check of a store",
    )


def garbage_document(of: Garbage) -> Document:
    """Build the page of `seatrial store gc`."""
    named = [f"Table {sha256[:12]}" for sha256 in of.tables] + [f"Row log {key[:40]}" for key in of.row_logs]
    shown = named[: Limits().rows]
    items = (*shown, *((f"and {len(named) - len(shown):,} more; the JSON has all",) if len(named) > len(shown) else ()))
    title = "What would be dropped" if of.dry_run else "What was dropped"
    return Document(
        title=f"Store {of.store}",
        front=Front(
            symbol="–",
            tone="neutral",
            headline="Nothing was changed" if of.dry_run else "Garbage collected",
            sentence=of.sentence,
            name="Store",
        ),
        sections=(
            Section(
                id="dropped",
                title=title,
                blocks=(Bullets(items=items),) if items else (Paragraph(text="No tables and no row logs."),),
            ),
        ),
        version=of.seatrial,
        about="garbage collection of a store",
    )
