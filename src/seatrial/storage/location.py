"""Where a store is: a folder on this machine, or a PostgreSQL database."""

import os
from dataclasses import dataclass
from pathlib import Path

from seatrial.errors import UsageError

FOLDER_NAME = ".seatrial"
DATABASE_NAME = "store.db"
_OURS = {DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm", f"{DATABASE_NAME}-journal", "tables", "temp",
         ".gitignore"}  # fmt: skip


@dataclass(frozen=True)
class Location:
    """`url` for SQLAlchemy; `tables` is the folder of Parquet files, None where they lie in the database."""

    url: str
    shown: str
    """As a reader may see it: without a password."""
    tables: Path | None
    folder: Path | None = None

    @property
    def is_folder(self) -> bool:
        return self.folder is not None


def locate(location: str | Path | None = None) -> Location:
    """Return where the store is, making its folder if it is one.

    None looks for `.seatrial` here and in the folders above, and makes it here when there is none. A `postgresql://`
    URL may end in `?tables=FOLDER`, where Parquet files then lie instead of in the database. Raises `UsageError` for a
    place where no store can be.
    """
    folder = _folder_meant(location)
    return _database(str(location)) if folder is None else _folder(folder)


def existing(location: str | Path | None = None) -> str | Path | None:
    """Return a location where a store is, for whoever only looks at one; raises `UsageError` where none is."""
    folder = _folder_meant(location)
    if folder is None:
        return location
    if not os.path.exists(folder / DATABASE_NAME):
        raise UsageError(
            f"There is no store in '{folder}'; `seatrial run` makes one, --store names another."
            if location is not None
            else f"There is no store ({FOLDER_NAME}) here or above; `seatrial run` makes one, --store names another."
        )
    return folder


def whereabouts(location: str | Path | None = None) -> str:
    """Return where a store is or would be, without a password; makes nothing."""
    folder = _folder_meant(location)
    return _database(str(location)).shown if folder is None else str(folder.resolve())


def _folder_meant(location: str | Path | None) -> Path | None:
    """Return the folder of a store, None for a database."""
    if location is None:
        return _nearest(Path.cwd())
    if "://" in str(location):
        return None
    path = Path(location).expanduser()
    return path / FOLDER_NAME if _is_folder(path / FOLDER_NAME) else path


def store_there(location: str | Path | None = None) -> bool:
    """Whether there is a store already; nothing is made."""
    if location is not None and "://" in str(location):
        return True
    if location is None:
        return (_nearest(Path.cwd()) / DATABASE_NAME).exists()
    path = Path(location).expanduser()
    return (path / FOLDER_NAME / DATABASE_NAME).exists() or (path / DATABASE_NAME).exists()


def _nearest(here: Path) -> Path:
    for folder in (here, *here.parents):
        if _is_folder(folder / FOLDER_NAME):
            return folder / FOLDER_NAME
    return here / FOLDER_NAME


def _is_folder(path: Path) -> bool:
    """Return whether it is one that this user can see."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _folder(path: Path) -> Location:
    try:
        if path.exists() and not path.is_dir():
            raise UsageError(f"The store '{path}' is a file; name a folder, or a postgresql:// URL.")
        path.mkdir(parents=True, exist_ok=True)
        foreign = sorted({entry.name for entry in path.iterdir()} - _OURS)
        if foreign and not (path / DATABASE_NAME).exists():
            raise UsageError(
                f"The folder '{path}' is no store and holds other files ({foreign[0]}); name an empty or a new folder."
            )
        for name in ("tables", "temp"):
            (path / name).mkdir(exist_ok=True)
        ignore = path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None
    if not os.access(path, os.W_OK) or not os.access(path / "tables", os.W_OK):
        raise UsageError(f"The store '{path}' cannot be written: permission is denied; name another with --store.")
    path = path.resolve()
    return Location(url=f"sqlite:///{path / DATABASE_NAME}", shown=str(path), tables=path / "tables", folder=path)


def _database(text: str) -> Location:
    import sqlalchemy as sa

    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(
            "The store's URL cannot be read; write it as postgresql://user@host/database, or name a folder."
        ) from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise UsageError(
            f"A store cannot be kept in '{url.get_backend_name()}'; give a postgresql:// URL, or name a folder."
        )
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise UsageError(
            "A store in PostgreSQL needs psycopg: pip install 'seatrial[postgres]', or name a folder."
        ) from None
    given = url.query.get("tables")
    tables = None
    if given:
        tables = Path(given if isinstance(given, str) else given[-1]).expanduser()
        try:
            (tables / "temp").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(tables, error) from None
        tables = tables.resolve()
        url = url.difference_update_query(["tables"])
    shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
    url = url.set(drivername="postgresql+psycopg")
    return Location(url=url.render_as_string(hide_password=False), shown=shown, tables=tables)


def cannot_write(where: Path | str, error: OSError) -> UsageError:
    """Return the system's refusal as a sentence with what to do."""
    import errno

    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return UsageError(
            f"The store '{where}' cannot be written: there is no space left; free some and run again, what was kept "
            "before is safe."
        )
    why = {errno.EROFS: "it is read-only", errno.EACCES: "permission is denied", errno.EPERM: "permission is denied"}
    said = why.get(error.errno or 0, error.strerror or str(error))
    return UsageError(f"The store '{where}' cannot be written: {said}; name another with --store.")
