"""Provenance: what was computed from what, so that anyone can do it again."""

from typing import TypeVar

from seatrial.records import Readout
from seatrial.reports import numbers, words
from seatrial.reports.document import Block, Cell, Column, Facts, Fold, Limits, Rows, Section, Table, rest
from seatrial.reports.lookup import Card

_SHORT = 12
Value = TypeVar("Value")


def build(card: Card, limits: Limits) -> Section | None:
    """Build the section: inputs and digests in sight, versions and arguments folded."""
    provenance = card.provenance
    sources = provenance.sources[: limits.rows]
    rows = tuple(
        (
            Cell(text=source.model),
            Cell(text=source.name, verbatim=True),
            Cell(text=numbers.integer(source.rows)),
            Cell(text="–" if source.matched is None else numbers.integer(source.matched)),
            Cell(text=source.sha256, verbatim=True),
        )
        for source in sources
    )
    table = Table(
        caption="Inputs",
        groups=(Rows(rows=rows),),
        note=rest(len(sources), len(provenance.sources), "inputs"),
        columns=(
            Column(title="Input" if isinstance(card, Readout) else "Model"),
            Column(title="File"),
            Column(title="Rows", kind="number"),
            Column(title="Matched", kind="number"),
            Column(title="SHA-256"),
        ),
    )
    facts: list[tuple[str, str]] = [
        ("Seatrial", provenance.seatrial),
        ("Seed", str(provenance.seed)),
        ("Task", provenance.task),
    ]
    facts += [("Positive class", provenance.positive)] if provenance.positive is not None else []
    facts += [("Threshold", numbers.plain(provenance.threshold))] if provenance.threshold is not None else []
    policy_digest = provenance.policy_digest or card.verdict.policy_digest
    facts += [("Policy digest", policy_digest)] if policy_digest else []
    facts += [("Plan digest", card.plan_digest)] if isinstance(card, Readout) and card.plan_digest else []
    facts += [("Evidence digest", card.verdict.evidence_digest)] if card.verdict.evidence_digest else []
    facts.append(("Schema of the JSON", card.schema_version))
    more: list[Block] = [
        Facts(items=tuple((f"Role: {role}", _joined(used)) for role, used in _first(provenance.roles, limits)))
    ]
    if provenance.slices:
        asked = [one if isinstance(one, str) else words.slice_label(one) for one in provenance.slices]
        what = "Segments" if isinstance(card, Readout) else "Slices"
        more.append(Facts(items=((f"{what} asked for", _joined(asked)),)))
    if provenance.arguments:
        more.append(Facts(items=tuple((name, _joined(given)) for name, given in _first(provenance.arguments, limits))))
    more.append(Facts(items=tuple(_first(provenance.libraries, limits))))
    return Section(
        id="provenance",
        title="Provenance",
        lead="The same inputs, options and seed give the same bytes.",
        blocks=(
            table,
            Facts(items=tuple(facts), monospace=True),
            Fold(summary="Columns, options and library versions", blocks=tuple(more)),
        ),
    )


def _joined(given: str | list[str]) -> str:
    if isinstance(given, str):
        return given
    shown = ", ".join(given[:_SHORT])
    return shown if len(given) <= _SHORT else f"{shown} and {numbers.integer(len(given) - _SHORT)} more"


def _first(given: dict[str, Value], limits: Limits) -> list[tuple[str, Value]]:
    return list(given.items())[: limits.rows]
