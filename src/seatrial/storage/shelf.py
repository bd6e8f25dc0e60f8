"""Tables of rows as Parquet named by the SHA-256 of their bytes: in a folder, or in the database of a team."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seatrial.errors import DataError, UsageError
from seatrial.storage.database import Database
from seatrial.storage.location import cannot_write
from seatrial.storage.models import tables
from seatrial.storage.stamp import stamp

LARGEST = 512 * 2**20
"""Bytes of one table within a database."""


class Shelf:
    """Where tables of rows are put, and fetched from."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.folder = database.location.tables
        """None: the tables lie in the database, and copies in a folder of this user."""

    def put(self, columns: Mapping[str, Sequence[Any]], *, now: datetime | None = None) -> str:
        """Store columns and return the SHA-256 of the file; the same columns again are the same file."""
        from seatrial.storage.parquet import write_parquet

        temp = self._temporary()
        try:
            write_parquet(columns, temp)
            sha256 = digest_of(temp)
            self._keep(temp, sha256, stamp(now))
        finally:
            temp.unlink(missing_ok=True)
        return sha256

    def get(self, sha256: str) -> Path:
        """Return the Parquet file of a table, its content checked."""
        path = self.path(sha256)
        if not path.exists() and self.folder is None:
            self._fetch(sha256, path)
        if not path.exists():
            raise DataError(f"The table {sha256[:12]} is not in the store '{self._database.location.shown}'.")
        if digest_of(path) != sha256:
            if self.folder is None:
                path.unlink()
                return self.get(sha256)
            raise DataError(
                f"The table {sha256[:12]} was altered since it was stored; `seatrial store verify` lists what else was."
            )
        return path

    def path(self, sha256: str) -> Path:
        """Return where the file of a table is, or would be."""
        return (self.folder or _own_copies()) / f"{sha256}.parquet"

    def temporaries(self) -> list[Path]:
        """Files left half-written by a process that was killed, or being written now."""
        folder = self._temporary_folder()
        return sorted(folder.glob("*.parquet")) if folder.is_dir() else []

    def _temporary_folder(self) -> Path:
        location = self._database.location
        if location.folder is not None:
            return location.folder / "temp"
        return (self.folder or _own_copies()) / "temp"

    def _temporary(self) -> Path:
        folder = self._temporary_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=folder, suffix=".parquet")
        except OSError as error:
            raise cannot_write(folder.parent, error) from None
        os.close(handle)
        return Path(name)

    def _keep(self, temp: Path, sha256: str, added: str) -> None:
        size = temp.stat().st_size
        content = None
        if self.folder is None:
            if size > LARGEST:
                raise UsageError(
                    f"A table of {size / 2**20:,.0f} MB is too large for the database; end the store's URL in "
                    "?tables=FOLDER, a folder that the team shares."
                )
            content = temp.read_bytes()
        values = {"sha256": sha256, "size": size, "added": added, "content": content}
        with self._database.write() as connection:
            if self.folder is not None:
                self._move(temp, self.folder / f"{sha256}.parquet")
            put = self._database.insert(tables).values(**values)
            connection.execute(
                put.on_conflict_do_update(index_elements=["sha256"], set_={"added": added, "content": content})
            )

    def _move(self, temp: Path, final: Path) -> None:
        if final.exists() and digest_of(final) == final.stem:
            return
        try:
            os.replace(temp, final)
            _sync_folder(final.parent)
        except OSError as error:
            raise cannot_write(final.parent, error) from None

    def _fetch(self, sha256: str, path: Path) -> None:
        with self._database.read() as connection:
            content = connection.execute(sa.select(tables.c.content).where(tables.c.sha256 == sha256)).scalar()
        if content is None:
            return
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(
                f"The table {sha256[:12]} was altered since it was stored; `seatrial store verify` lists what else was."
            )
        temp = self._temporary()
        try:
            temp.write_bytes(content)
            os.replace(temp, path)
        except OSError as error:
            temp.unlink(missing_ok=True)
            raise cannot_write(path.parent, error) from None


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_copies() -> Path:
    """Copies of a team's tables, by content: any number of stores may share them."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seatrial" / "tables"


def _sync_folder(folder: Path) -> None:
    """Force a new name to the disk, where the system can do that for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
