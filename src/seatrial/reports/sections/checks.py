"""The checks: each rule of the policy, decided."""

from typing import Literal

from seatrial.decisions.checks import GUARDED_TOO
from seatrial.records import Check, Readout
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Block, Cell, Checks, Column, Fold, Limits, Paragraph, Rows, Section, Table, rest
from seatrial.reports.lookup import Card

CheckStatus = Literal["pass", "fail", "inconclusive"]
_ORDER: dict[CheckStatus, int] = {"fail": 0, "inconclusive": 1, "pass": 2}
_SAID: dict[CheckStatus, str] = {"fail": "failed", "inconclusive": "inconclusive", "pass": "passed"}


def build(card: Card, limits: Limits) -> Section | None:
    """Build the section: what failed first; with several candidates, those of the leading one in full."""
    checks = card.verdict.checks
    if not checks:
        return None
    candidates = lookup.candidates(card)
    several = len(candidates) > 1
    leading = lookup.leading_candidate(card)
    own = tuple(check for check in checks if check.candidate == leading) or checks
    others = tuple(check for check in checks if check not in own)
    blocks: list[Block] = [_listed(own, limits, several=several)]
    if others:
        blocks += [
            _standings(candidates, checks, limits),
            Fold(summary="The checks of the other candidates", blocks=(_listed(others, limits, several=True),)),
        ]
    if any(check.name.endswith(GUARDED_TOO) for check in checks):
        blocks.append(
            Paragraph(text="Guarded too: every success metric is also a guardrail, at its own margin.", small=True)
        )
    if card.policy is not None and card.policy.assumed:
        how = "a plan registers your own" if isinstance(card, Readout) else "--policy sets your own"
        blocks.append(Paragraph(text=f"No policy was given, so this one was assumed: {how}.", small=True))
    return Section(id="checks", title="Checks", lead=lead(checks), blocks=tuple(blocks))


def ranked(checks: tuple[Check, ...]) -> list[Check]:
    """Return what decides before what does not, and of each what failed first."""
    return sorted(checks, key=lambda check: (check.role == "secondary", _ORDER[check.status]))


def lead(checks: tuple[Check, ...]) -> str:
    """Count the checks: `4 checks: 1 failed, 3 passed.`"""
    counts = {status: sum(check.status == status for check in checks) for status in _ORDER}
    parts = [f"{numbers.integer(count)} {_SAID[status]}" for status, count in counts.items() if count]
    return f"{numbers.integer(len(checks))} {words.plural(len(checks), 'check')}: {', '.join(parts)}."


def _listed(checks: tuple[Check, ...], limits: Limits, *, several: bool) -> Checks:
    shown = ranked(checks)[: limits.rows]
    return Checks(items=tuple(shown), several=several, more=len(checks) - len(shown))


def _standings(candidates: tuple[str, ...], checks: tuple[Check, ...], limits: Limits) -> Table:
    """Count the checks of each candidate that decide."""
    rows: list[tuple[Cell, ...]] = []
    for candidate in candidates[: limits.models]:
        own = [check.status for check in checks if check.candidate == candidate and check.role != "secondary"]
        worst: CheckStatus = min(own, key=lambda status: _ORDER[status], default="pass")
        rows.append(
            (
                Cell(text=candidate),
                *(Cell(text=numbers.integer(own.count(status))) for status in _ORDER),
                Cell(
                    text="all hold" if worst == "pass" else f"at least one {_SAID[worst]}",
                    symbol=words.STATUS_SYMBOLS[worst],
                    tone=words.STATUS_TONES[worst],
                ),
            )
        )
    return Table(
        caption="Checks of every candidate",
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(rows), len(candidates), "candidates"),
        columns=(
            Column(title="Candidate"),
            *(Column(title=said.capitalize(), kind="number") for said in _SAID.values()),
            Column(title="Checks", kind="word"),
        ),
    )
