"""The database of a store: short transactions that many processes share, and what goes wrong in one sentence."""

import os
import random
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from seatrial.errors import DataError, SeatrialError, UsageError
from seatrial.storage.location import Location

PATIENCE = 60.0
"""Seconds that a writer waits for others."""
_LOCK = 0x5EA7_12A1
"""Of PostgreSQL's advisory locks, the one that writers of this package take."""


class Database:
    """SQLite (WAL, synchronous FULL, BEGIN IMMEDIATE) or PostgreSQL, by one interface."""

    def __init__(self, location: Location) -> None:
        self.location = location
        url = sa.make_url(location.url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._engine = sa.create_engine(url, connect_args={"timeout": PATIENCE})
            sa.event.listen(self._engine, "connect", _settle)
            sa.event.listen(self._engine, "begin", _begin)
        else:
            self._engine = sa.create_engine(url, pool_pre_ping=True, pool_size=4)
        self._writer = self._engine.execution_options(seatrial_writes=True)
        self._process = os.getpid()
        self._close = weakref.finalize(self, self._engine.dispose)

    def close(self) -> None:
        """Close every connection; the next use opens one again."""
        if self._process == os.getpid():
            self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent view of everything."""
        self._own_connections()
        with self._translated(), self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[sa.Connection]:
        """One change, whole or not at all, durable when it is left; `alone`: no other writer meanwhile.

        On SQLite every writer is alone.
        """
        self._own_connections()
        with self._translated(), self._writer.begin() as connection:
            if alone and not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection

    def use_write_ahead_log(self) -> None:
        """Set what a new SQLite file keeps for good; several processes may try at once."""
        if not self.is_sqlite:
            return
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with self._translated():
                    raw = self._engine.raw_connection()
                    try:
                        cursor = raw.cursor()
                        if cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                            return
                        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
                        if cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                            return
                        raise UsageError(
                            f"The store '{self.location.shown}' lies on a file system without locks for several "
                            "processes; name a folder on a local disk."
                        )
                    finally:
                        raw.close()
            except _BusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.005, 0.05))

    def shrink(self) -> None:
        """Give space that deleted rows took back to the system, as far as others leave it."""
        if not self.is_sqlite:
            return
        with self._translated():
            raw = self._engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("PRAGMA incremental_vacuum").fetchall()
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                raw.close()

    def text(self, column: "sa.ColumnElement[str]") -> "sa.ColumnElement[bytes]":
        """A text column as bytes, so that one that was damaged can still be read."""
        if self.is_sqlite:
            return sa.cast(column, sa.LargeBinary)
        return sa.func.convert_to(column, "UTF8", type_=sa.LargeBinary)

    def insert_new(self, table: sa.Table) -> Any:
        """Return an INSERT that leaves what is there as it is."""
        return self.insert(table).on_conflict_do_nothing()

    def insert(self, table: sa.Table) -> Any:
        """Return this database's own INSERT, which knows `on_conflict_do_update`."""
        if self.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
        return insert(table)

    def _own_connections(self) -> None:
        """A forked child must not speak through its parent's connections."""
        if self._process != os.getpid():
            self._engine.dispose(close=False)
            self._process = os.getpid()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.IntegrityError:
            raise
        except exc.DBAPIError as error:
            raise self._sentence(str(error.orig).strip()) from error
        except exc.TimeoutError:
            raise _BusyError(f"The store '{self.location.shown}' is in use; try again.") from None
        except Exception as error:
            if type(error).__module__ == "sqlite3":
                raise self._sentence(str(error)) from error
            raise

    def _sentence(self, said: str) -> SeatrialError:
        where = f"The store '{self.location.shown}'"
        low = said.lower()
        if "locked" in low or "busy" in low:
            return _BusyError(
                f"{where} is locked by another process for over {PATIENCE:.0f} s; end that one, or try again."
            )
        if "full" in low or "no space" in low or "disk i/o error" in low:
            why = "there is no space left" if "i/o" not in low else "the disk takes no more (full, or failing)"
            return UsageError(
                f"{where} cannot be written: {why}; free some and run again, what was kept before is safe."
            )
        if "readonly" in low or "read-only" in low or "unable to open" in low or "permission denied" in low:
            return UsageError(f"{where} cannot be written: permission is denied; name another with --store.")
        if "malformed" in low or "not a database" in low or "could not decode" in low:
            return DataError(f"{where} is damaged ({said.splitlines()[0]}); restore it from a copy.")
        if self.is_sqlite:
            return UsageError(f"{where} cannot be used: {said.splitlines()[0]}.")
        first = next((line for line in said.splitlines() if line.strip()), "no reason given").rstrip(".")
        return UsageError(f"{where} cannot be used: {first}. Check the URL and that the server runs.")


class _BusyError(UsageError):
    """Another process holds the database."""


def _settle(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin` alone
    for setting in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("seatrial_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
