"""The ledger's front doors: show it, check it, enter notes, sign-offs and overrides."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seatrial import __version__
from seatrial.actions.page import PageResult
from seatrial.errors import UsageError, did_you_mean
from seatrial.records.ledger import LedgerEntry
from seatrial.records.store import LedgerPage
from seatrial.reports.document import Document

if TYPE_CHECKING:
    from seatrial.storage.store import Store

Kind = Literal["note", "sign-off", "override"]
_STATUSES: tuple[Literal["pass", "fail", "inconclusive", "invalid"], ...] = ("pass", "fail", "inconclusive", "invalid")


@dataclass(frozen=True)
class LedgerResult(PageResult):
    """What `show_ledger` hands back."""

    record: LedgerPage

    @property
    def intact(self) -> bool:
        return self.record.check.intact

    @property
    def sentence(self) -> str:
        return self.record.check.sentence

    def document(self) -> Document:
        from seatrial.reports.ledger_page import ledger_document

        return ledger_document(self.record)


def show_ledger(store: str | Path | None = None, *, expect: str | None = None, entries: bool = True) -> LedgerResult:
    """Return the ledger of a store with the check of its chain.

    `expect` is a digest noted earlier (the head of a former check) that one of the entries must have. Without
    `entries` only the chain is checked. A ledger that was altered is a result, no error: `intact` is False, and the
    entries are left out where they cannot be read. Raises `UsageError` for a place without a store.
    """
    from seatrial.errors import DataError
    from seatrial.storage.location import existing
    from seatrial.storage.store import open_store

    if expect is not None and not re.fullmatch(r"[0-9a-fA-F]{8,64}", expect):
        raise UsageError(f"--expect '{expect:.70}' is no digest; give 8 or more of its characters (0-9, a-f).")
    with open_store(existing(store)) as opened:
        check = opened.verify_ledger(expected=expect)
        found: tuple[LedgerEntry, ...] = ()
        if entries:
            try:
                found = opened.ledger()
            except DataError:
                if check.intact:
                    raise
        return LedgerResult(LedgerPage(store=opened.name, entries=found, check=check, seatrial=__version__))


def enter_in_ledger(
    kind: Kind,
    what: str,
    *,
    on: Sequence[str] | Mapping[str, str] = (),
    reason: str | None = None,
    status: str | None = None,
    who: str | None = None,
    store: str | Path | None = None,
) -> LedgerEntry:
    """Enter a note, a sign-off or an override, and return the entry.

    `on` says what it rests on: references of runs (a digest, a tag, `model@suite`, `latest`) or whole digests, each
    `NAME=REFERENCE` where there are several. An override gives its reason and the status it sets; `who` is by default
    `SEATRIAL_USER`, else the system's user. Raises `UsageError` for an entry that says too little.
    """
    from seatrial.storage.location import existing
    from seatrial.storage.store import open_store

    given = status
    if given is not None and given not in _STATUSES:
        raise UsageError(f"There is no status '{given}': {', '.join(_STATUSES)}.{did_you_mean(given, _STATUSES)}")
    if kind == "override" and not (reason or "").strip():
        raise UsageError("An override needs a reason: say why the verdict is set aside (--reason).")
    if kind in {"sign-off", "override"} and not on:
        raise UsageError(f"Say what the {kind} rests on: --on RUN (a digest, a tag, model@suite, latest).")
    chosen = next((one for one in _STATUSES if one == given), None)
    with open_store(existing(store)) as opened:
        digests = _digests(opened, on)
        return opened.enter(kind, what, who=who, reason=reason, status=chosen, digests=digests)


def _digests(opened: "Store", on: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    pairs = list(on.items()) if isinstance(on, Mapping) else [_named(one) for one in on]
    digests: dict[str, str] = {}
    for name, reference in pairs:
        if name in digests:
            raise UsageError(f"--on names '{name}' twice; give each its own name: --on baseline=... --on candidate=...")
        whole = re.fullmatch(r"[0-9a-f]{64}", reference)
        digests[name] = reference if whole else opened.run(reference).digest
    return digests


def _named(text: str) -> tuple[str, str]:
    name, equals, reference = text.partition("=")
    return (name.strip(), reference.strip()) if equals else ("run", text.strip())
