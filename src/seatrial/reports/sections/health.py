"""Health of the data: looked at before any result, because nothing below holds on broken data."""

from seatrial.records import Finding
from seatrial.reports import numbers, words
from seatrial.reports.document import Block, Callout, Cell, Column, Fold, Limits, Rows, Section, Table, rest
from seatrial.reports.lookup import Card


def build(card: Card, limits: Limits) -> Section | None:
    """Build the section: what is wrong in full, what is fine folded away."""
    if not card.health:
        return None
    failed = [finding for finding in card.health if finding.status == "fail"]
    warned = [finding for finding in card.health if finding.status == "warn"]
    blocks: list[Block] = [_callout(finding) for finding in (*failed, *warned)[: limits.rows]]
    blocks.append(Fold(summary=_every(len(card.health)), blocks=(_table(card, limits),)))
    return Section(
        id="health",
        title="Health of the data",
        lead=_lead(len(card.health), len(failed), len(warned)),
        blocks=tuple(blocks),
    )


def _every(total: int) -> str:
    if total <= 2:
        return ("The one health check", "Both health checks")[total - 1]
    return f"All {numbers.integer(total)} health checks"


def _lead(total: int, failed: int, warned: int) -> str:
    if not failed and not warned:
        return f"{words.STATUS_SYMBOLS['pass']} {_every(total)} passed: nothing speaks against these data."
    parts = [
        f"{numbers.integer(count)} {what}"
        for count, what in ((failed, "failed"), (warned, "to look at"), (total - failed - warned, "passed"))
        if count
    ]
    return f"Of {total} health {words.plural(total, 'check')}: {', '.join(parts)}."


def _callout(finding: Finding) -> Callout:
    label = "problem" if finding.status == "fail" else "warning"
    return Callout(
        text=finding.sentence,
        symbol=words.STATUS_SYMBOLS[finding.status],
        tone=words.STATUS_TONES[finding.status],
        label=label,
    )


def _table(card: Card, limits: Limits) -> Table:
    shown = card.health[: limits.rows]
    rows = tuple(
        (
            Cell(text=finding.name),
            Cell(
                text=finding.status,
                symbol=words.STATUS_SYMBOLS[finding.status],
                tone=words.STATUS_TONES[finding.status],
            ),
            Cell(text=finding.sentence),
        )
        for finding in shown
    )
    return Table(
        caption="Health checks",
        columns=(Column(title="Check"), Column(title="Status", kind="word"), Column(title="Finding")),
        groups=(Rows(rows=rows),),
        note=rest(len(shown), len(card.health), "checks"),
    )
