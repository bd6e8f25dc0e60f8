"""`Store`: runs, rows, read counts and the ledger of one project or one team."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from seatrial.records.ledger import LedgerEntry
from seatrial.records.run import Run
from seatrial.records.store import Garbage, LedgerCheck, StoreCheck
from seatrial.storage.database import Database
from seatrial.storage.kept import StoredCache, StoredRowLog, finish_logs
from seatrial.storage.ledger import Ledger
from seatrial.storage.location import locate
from seatrial.storage.migrating import migrate
from seatrial.storage.models import reads as reads_table
from seatrial.storage.models import tags as tags_table
from seatrial.storage.runs import SHOWN, Runs, StoredRun, check_tag
from seatrial.storage.shelf import Shelf
from seatrial.storage.stamp import stamp
from seatrial.storage.who import current_user

__all__ = ["Store", "StoredRun", "open_store"]


def open_store(location: str | Path | None = None) -> "Store":
    """Open a store, making or updating it first where needed.

    `location` is a folder or a `postgresql://` URL; None is `.seatrial` here or in the nearest folder above, made here
    when there is none. Any number of processes may have it open.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
    ...     log = store.row_log("what was asked")
    ...     log.append([((0, 0), {"prediction": "yes"})])
    ...     log.kept()
    {(0, 0): {'prediction': 'yes'}}

    Raises `UsageError` where no store can be, and for one written by a newer version of this package.
    """
    database = Database(locate(location))
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Store(database)


class Store:
    """An open store; may be shared by threads, and by processes that opened it themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = Runs(database)
        self._shelf = Shelf(database)
        self._ledger = Ledger(database)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    @property
    def location(self) -> str:
        """Where it is, without a password."""
        return self._database.location.shown

    @property
    def name(self) -> str:
        """The same without folders, for reports."""
        folder = self._database.location.folder
        return self.location.rsplit("/", 1)[-1] if folder is None else folder.name

    # rows

    def row_log(self, key: str) -> StoredRowLog:
        """Return the durable log of one piece of work, begun or taken up again."""
        return StoredRowLog(self._database, key)

    def finish_logs(self, keys: Sequence[str]) -> None:
        """Say that the rows of these logs are in tables now; `add_run(..., logs=)` does it at once with the run."""
        finish_logs(self._database, keys)

    def cache(self) -> StoredCache:
        """Return the cache of answers across runs."""
        return StoredCache(self._database)

    def put_table(self, columns: Mapping[str, Sequence[Any]], *, now: datetime | None = None) -> str:
        """Store columns (str, int, float, bool, None) as Parquet; returns the SHA-256 of the file."""
        return self._shelf.put(columns, now=now)

    def table(self, sha256: str) -> Path:
        """Return the Parquet file of a table; raises `DataError` when it is missing or was altered."""
        return self._shelf.get(sha256)

    # runs

    def add_run(
        self, run: Run, *, tables: Sequence[str] = (), logs: Sequence[str] = (), now: datetime | None = None
    ) -> str:
        """Store a run and return its digest.

        `tables` are further tables it needs beside those of its cases; `logs` are the row logs it was made of, which
        garbage collection may drop from now on.
        """
        return self._runs.add(run, extra_tables=tables, logs=logs, now=now)

    def run(self, reference: str) -> StoredRun:
        """Return one run by a prefix of its digest, a tag, `model@suite`, its model's name (the latest), or `latest`.

        Raises `UsageError` when none or several fit, `DataError` when the record was altered.
        """
        return self._runs.find(reference)

    def runs(self, suite: str | None = None, model: str | None = None) -> list[StoredRun]:
        """Return runs, the oldest first."""
        return self._runs.every(suite, model)

    def tag(self, reference: str, tag: str, *, who: str | None = None, now: datetime | None = None) -> StoredRun:
        """Point a tag to a run, away from the one it named before, and enter that in the ledger."""
        check_tag(tag)
        author = who or current_user()
        with self._database.write() as connection:
            digest = self._runs.resolve(connection, reference)
            before = connection.execute(sa.select(tags_table.c.digest).where(tags_table.c.tag == tag)).scalar()
            self._runs.set_tag(connection, digest, tag, stamp(now))
            moved = f", before {before[:SHOWN]}" if before and before != digest else ""
            self._ledger.append(
                connection,
                kind="tag",
                what=f"'{tag}' names run {digest[:SHOWN]}{moved}.",
                who=author,
                digests={tag: digest},
                now=now,
            )
        return self.run(digest)

    def tags(self) -> dict[str, str]:
        """Return the digest of each tag's run."""
        return self._runs.tags()

    # reads

    def count_read(
        self, fingerprint: str, *, suite: str, model: str, run: str | None = None, now: datetime | None = None
    ) -> None:
        """Note that a data set was read for a run of a model on a suite.

        `run` is anything that names the run (the key of its row log): noted again under the same name, when a run was
        taken up again, it is the same read.
        """
        with self._database.write(alone=False) as connection:
            connection.execute(
                sa.insert(reads_table).values(
                    fingerprint=fingerprint, suite=suite, model=model, run=run, added=stamp(now)
                )
            )

    def reads(self, fingerprint: str) -> int:
        """Return how many runs have read a data set."""
        column = reads_table.c
        named = sa.func.count(sa.distinct(column.run))
        nameless = sa.func.count() - sa.func.count(column.run)
        wanted = sa.select(named + nameless).select_from(reads_table).where(column.fingerprint == fingerprint)
        with self._database.read() as connection:
            return int(connection.execute(wanted).scalar_one())

    # the ledger

    def enter(
        self,
        kind: Literal["verdict", "override", "sign-off", "tag", "note"],
        what: str,
        *,
        who: str | None = None,
        reason: str | None = None,
        status: Literal["pass", "fail", "inconclusive", "invalid"] | None = None,
        digests: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> LedgerEntry:
        """Enter a decision in the ledger; an override must give its reason.

        `who` is by default `SEATRIAL_USER`, else the system's user. `digests` are what it rests on.
        """
        author = who if who is not None else current_user()
        with self._database.write() as connection:
            return self._ledger.append(
                connection, kind=kind, what=what, who=author, reason=reason, status=status, digests=digests, now=now
            )

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Return every entry, the first first."""
        return self._ledger.entries()

    def verify_ledger(self, *, expected: str | None = None) -> LedgerCheck:
        """Check the chain; names the first altered entry.

        `expected` is a digest noted earlier (`head` of a former check) that one of the entries must have.
        """
        return self._ledger.check(expected=expected)

    # care

    def verify(self) -> StoreCheck:
        """Recompute every digest: runs, tables, tags and the ledger."""
        from seatrial.storage.verifying import verify

        return verify(self._database, self._shelf, self._ledger, name=self.name)

    def gc(self, *, dry_run: bool = False, unfinished_days: float = 30.0, now: datetime | None = None) -> Garbage:
        """Drop tables no run refers to, row logs of finished runs, files of killed processes.

        Nothing younger than a day goes, unless its run is finished. Row logs of runs that never finished go when
        nobody touched them for `unfinished_days`: they hold answers that were paid for.
        """
        from seatrial.storage.garbage import collect

        return collect(
            self._database, self._shelf, name=self.name, dry_run=dry_run, unfinished_days=unfinished_days, now=now
        )
