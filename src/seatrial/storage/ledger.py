"""The ledger: decisions in a chain of hashes, so that a change of what was decided shows."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from seatrial.errors import DataError, UsageError
from seatrial.records.ledger import GENESIS, LedgerEntry
from seatrial.records.store import LedgerCheck
from seatrial.storage.database import Database
from seatrial.storage.models import ledger, ledger_head
from seatrial.storage.stamp import stamp


class Ledger:
    """The ledger of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self,
        connection: sa.Connection,
        *,
        kind: str,
        what: str,
        who: str,
        reason: str | None = None,
        status: str | None = None,
        digests: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> LedgerEntry:
        """Add an entry within a transaction that no other writer shares."""
        number, previous = self._end(connection)
        given = {
            "number": number + 1,
            "kind": kind,
            "when": stamp(now),
            "who": who.strip(),
            "what": what.strip(),
            "reason": reason.strip() if reason else None,
            "status": status,
            "digests": dict(digests or {}),
            "previous": previous,
        }
        entry = LedgerEntry.parse(given, what="the ledger entry")
        if not entry.what or not entry.who:
            raise UsageError(f"A ledger entry says {'what was decided' if not entry.what else 'who decided'}; give it.")
        if entry.kind == "override" and not entry.reason:
            raise UsageError("An override needs a reason: say why the verdict is set aside (--reason).")
        text = entry.canonical_json()
        digest = hashlib.sha256(text.encode()).hexdigest()
        connection.execute(sa.insert(ledger).values(number=entry.number, digest=digest, entry=text))
        head = self._database.insert(ledger_head).values(id=1, number=entry.number, digest=digest)
        connection.execute(
            head.on_conflict_do_update(index_elements=["id"], set_={"number": entry.number, "digest": digest})
        )
        return entry

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Every entry, the first first; raises `DataError` for one that cannot be read."""
        found = []
        with self._database.read() as connection:
            for number, _, text in self._stored(connection):
                try:
                    found.append(LedgerEntry.model_validate_json(text))
                except ValidationError:
                    raise DataError(
                        f"Entry {number} of the ledger cannot be read: it was altered; `seatrial ledger verify` says "
                        "more."
                    ) from None
        return tuple(found)

    def check(self, *, expected: str | None = None) -> LedgerCheck:
        """Walk the chain and name the first entry that is not what was entered."""
        with self._database.read() as connection:
            stored = list(self._stored(connection))
            row = connection.execute(sa.select(ledger_head.c.number, ledger_head.c.digest)).first()
        head = None if row is None else (int(row[0]), str(row[1]))
        altered = _first_altered(stored, head)
        digests = [_sha256(text) for _, _, text in stored]
        last = digests[-1] if digests else GENESIS
        if altered is None and expected is not None and not any(one.startswith(expected.lower()) for one in digests):
            altered = (
                1,
                f"no entry has the digest {expected[:12]}: this is not the ledger that you noted it from, or all of it "
                "was written anew",
            )
        if altered is None:
            count = "1 entry" if len(stored) == 1 else f"{len(stored):,} entries"
            sentence = (
                f"The ledger is whole: {count}, unbroken from the first to the head {last[:12]}."
                if stored
                else "The ledger is empty."
            )
            return LedgerCheck(intact=True, entries=len(stored), head=last, sentence=sentence)
        number, what = altered
        return LedgerCheck(
            intact=False, entries=len(stored), head=last, first_altered=number, problem=what,
            sentence=f"The ledger was altered, first at entry {number}: {what}.",
        )  # fmt: skip

    def _end(self, connection: sa.Connection) -> tuple[int, str]:
        """Return number and digest to go on from: the head, also where entries before it were cut off."""
        head = connection.execute(sa.select(ledger_head.c.number, ledger_head.c.digest)).first()
        last = connection.execute(
            sa.select(ledger.c.number, self._database.text(ledger.c.entry)).order_by(ledger.c.number.desc()).limit(1)
        ).first()
        if last is not None and (head is None or int(last[0]) > int(head[0])):
            return int(last[0]), _sha256(bytes(last[1]))
        return (0, GENESIS) if head is None else (int(head[0]), str(head[1]))

    def _stored(self, connection: sa.Connection) -> Iterator[tuple[int, str, bytes]]:
        wanted = sa.select(
            ledger.c.number, self._database.text(ledger.c.digest), self._database.text(ledger.c.entry)
        ).order_by(ledger.c.number)
        for number, digest, text in connection.execute(wanted):
            yield int(number), bytes(digest).decode("utf-8", "replace"), bytes(text)


def _first_altered(stored: list[tuple[int, str, bytes]], head: tuple[int, str] | None) -> tuple[int, str] | None:
    """Return the number of the first entry that is not what was entered, and what is wrong with it."""
    before, previous = 0, GENESIS
    for number, kept, text in stored:
        if number != before + 1:
            return before + 1, "it is missing" if number > before + 1 else f"its number was changed to {number}"
        found = _sha256(text)
        entry = _read(text)
        if found != kept:
            follower = _read(stored[number][2]) if number < len(stored) else {}
            as_head = head is not None and head == (number, found)
            if follower.get("previous") == found or as_head:
                return number, "the digest kept beside it was changed; its text is what the next entry rests on"
            return number, "its content was changed"
        if entry.get("previous") != previous:
            if before == 0:
                return number, "it does not begin a ledger: entries before it were taken away, or all written anew"
            return before, (
                f"it is not the entry that entry {number} was written after; it was changed together with its digest"
            )
        if entry.get("number") != number:
            return number, f"it was entered as number {entry.get('number')}"
        before, previous = number, found
    return _cut_off(before, previous, head)


def _cut_off(last: int, digest: str, head: tuple[int, str] | None) -> tuple[int, str] | None:
    if head is None:
        return (last, "the record of the ledger's head, kept apart, was taken away") if last else None
    if head == (last, digest):
        return None
    if head[0] > last:
        missing = head[0] - last
        return last + 1, f"{'it is' if missing == 1 else f'it and {missing - 1} after it are'} missing from the end"
    if head[0] < last:
        return last, f"it was added past the head, which is entry {head[0]}"
    return last, "its content was changed together with its digest; the head, kept apart, has another"


def _read(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
