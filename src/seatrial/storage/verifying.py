"""Every digest of a store recomputed, and what does not fit named."""

import hashlib
import json
from collections.abc import Iterator

import sqlalchemy as sa

from seatrial.errors import DataError
from seatrial.records.evidence import Finding
from seatrial.records.store import LedgerCheck, StoreCheck
from seatrial.records.versions import installed
from seatrial.storage.database import Database
from seatrial.storage.ledger import Ledger
from seatrial.storage.models import run_tables, runs, tables, tags
from seatrial.storage.runs import SHOWN
from seatrial.storage.shelf import Shelf, digest_of


def verify(database: Database, shelf: Shelf, ledger: Ledger, *, name: str) -> StoreCheck:
    """Check the database's own structure, every run, table, tag and ledger entry; nothing is changed."""
    findings = list(_structure(database))
    if any(finding.status == "fail" for finding in findings):
        return StoreCheck(
            store=name,
            intact=False,
            sentence=f"{findings[0].sentence} What it holds cannot be checked; restore it from a copy.",
            findings=tuple(findings),
            runs=0,
            tables=0,
            entries=0,
            seatrial=installed("seatrial"),
        )
    counts = {}
    checks = (("runs", _runs(database)), ("tables", _tables(database, shelf)))
    for what, found in checks:
        counts[what], wrong = found
        findings += wrong or [
            Finding(
                name=what,
                status="pass",
                sentence=f"{_counted(counts[what], what)}: every digest is that of the content.",
                count=counts[what],
            )
        ]
    chain = ledger.check()
    findings.append(
        Finding(name="ledger", status="pass" if chain.intact else "fail", sentence=chain.sentence, count=chain.entries)
    )
    findings += _tags(database, ledger, chain)
    wrong = [finding for finding in findings if finding.status == "fail"]
    sentence = (
        f"Altered or missing: {wrong[0].sentence}" + (f" And {len(wrong) - 1} more." if len(wrong) > 1 else "")
        if wrong
        else f"The store is whole: {_counted(counts['runs'], 'runs')}, {_counted(counts['tables'], 'tables')} and "
        f"{_counted(chain.entries, 'entries')} of the ledger are what was stored."
    )
    return StoreCheck(
        store=name,
        intact=not wrong,
        sentence=sentence,
        findings=tuple(findings),
        runs=counts["runs"],
        tables=counts["tables"],
        entries=chain.entries,
        seatrial=installed("seatrial"),
    )


def _counted(count: int, what: str) -> str:
    one = {"entries": "entry"}.get(what, what.removesuffix("s"))
    return f"{count:,} {one if count == 1 else what}"


def _structure(database: Database) -> Iterator[Finding]:
    if not database.is_sqlite:
        return
    try:
        with database.read() as connection:
            said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
    except DataError as error:
        said = [str(error).rstrip(".")]
    if said == ["ok"]:
        yield Finding(name="database", status="pass", sentence="The database file is sound.")
    else:
        yield Finding(
            name="database", status="fail", sentence=f"The database file is damaged: {said[0].splitlines()[-1]}."
        )


def _runs(database: Database) -> tuple[int, list[Finding]]:
    wrong, count = [], 0
    columns = [database.text(column) for column in (runs.c.digest, runs.c.model, runs.c.suite, runs.c.record)]
    with database.read() as connection:
        for row in connection.execute(sa.select(*columns).order_by(runs.c.position)):
            count += 1
            digest, model, suite = (bytes(one).decode("utf-8", "replace") for one in row[:3])
            record = bytes(row[3])
            if hashlib.sha256(record).hexdigest() != digest:
                wrong.append(_altered(f"run {digest[:SHOWN]}", f"the record of {model}@{suite} is not what was stored"))
                continue
            given = json.loads(record)
            if (given["model"]["name"], given["suite"]) != (model, suite):
                named = f"{given['model']['name']}@{given['suite']}"
                wrong.append(_altered(f"run {digest[:SHOWN]}", f"it is {named}, and is listed as {model}@{suite}"))
    return count, wrong


def _tables(database: Database, shelf: Shelf) -> tuple[int, list[Finding]]:
    needed: dict[str, str] = {}
    with database.read() as connection:
        for digest, sha256 in connection.execute(sa.select(run_tables.c.digest, run_tables.c.sha256)):
            needed.setdefault(sha256, digest)
        content = sa.null() if shelf.folder is not None else sa.func.encode(sa.func.sha256(tables.c.content), "hex")
        if database.is_sqlite:
            content = sa.null()
        stored: dict[str, str | None] = {sha256: found for sha256, found in connection.execute(
            sa.select(tables.c.sha256, content)
        )}  # fmt: skip
    wrong = []
    for sha256 in sorted({*needed, *stored}):
        found = stored.get(sha256)
        if shelf.folder is not None:
            path = shelf.path(sha256)
            found = digest_of(path) if path.exists() else None
        of = f", of run {needed[sha256][:SHOWN]}," if sha256 in needed else ""
        if found is None and sha256 in needed:
            wrong.append(_altered(f"table {sha256[:SHOWN]}", f"the file{of} is missing"))
        elif found is not None and found != sha256:
            wrong.append(_altered(f"table {sha256[:SHOWN]}", f"its content{of} is not what was stored"))
    return len({*needed, *stored}), wrong


def _tags(database: Database, ledger: Ledger, chain: LedgerCheck) -> Iterator[Finding]:
    """A tag has to name what the ledger says it was last given to."""
    with database.read() as connection:
        held = {tag: digest for tag, digest in connection.execute(sa.select(tags.c.tag, tags.c.digest))}
        known = set(connection.execute(sa.select(runs.c.digest)).scalars())
    for tag, digest in sorted(held.items()):
        if digest not in known:
            yield _altered(f"tag {tag}", f"it names run {digest[:SHOWN]}, which is missing")
    if not chain.intact:
        return
    entered = {
        tag: digest for entry in ledger.entries() if entry.kind == "tag" for tag, digest in entry.digests.items()
    }
    for tag in sorted({*held, *entered}):
        if tag not in held:
            yield _altered(f"tag {tag}", "the ledger has it, and it was taken away")
        elif held[tag] != entered.get(tag):
            last = entered[tag][:SHOWN] if tag in entered else "nothing"
            yield _altered(f"tag {tag}", f"it names run {held[tag][:SHOWN]}, and by the ledger {last}")


def _altered(name: str, what: str) -> Finding:
    return Finding(name=name, status="fail", sentence=f"{name[:1].upper()}{name[1:]}: {what}.")
