"""SQL: the rows of one query through SQLAlchemy, read-only; passwords stand in the environment, never in messages."""

import os
import re
from pathlib import Path
from typing import Any

from seatrial.data.datasets.raw import Asked, RawTable
from seatrial.data.datasets.typed import plain
from seatrial.errors import DataError, UsageError
from seatrial.records.suite import DatasetSource

_NAME = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>[A-Za-z_]\w*))")
_READS = re.compile(r"^(\s|--[^\n]*(\n|$)|/\*.*?\*/|\()*(select|with|values|table|from)\b", re.IGNORECASE | re.DOTALL)


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Run the query and take its rows in the order the database gives them: write ORDER BY for the same fingerprint.

    Raises `UsageError` for a query that is none, a missing variable or driver, `DataError` for what the database says.
    """
    sql = (source.sql or "").strip()
    if not _READS.match(sql):
        raise UsageError("'sql' must be one query (SELECT ... or WITH ...); data sets are only read.")
    url = _url(source.url or "", asked.folder)
    name = source.name or _name(url)
    columns = _rows(url, sql, name)
    if not next(iter(columns.values()), []):
        raise DataError(f"{name}: the query returns no rows.")
    return RawTable(name=name, columns=columns, guesses=_order_said(sql))


def _order_said(sql: str) -> tuple[str, ...]:
    if re.search(r"\border\s+by\b", sql, re.IGNORECASE):
        return ()
    return ("the query has no ORDER BY: rows may come in another order next time, as another data set (sql)",)


def _url(given: str, folder: Path) -> Any:
    """The URL with variables of the environment filled in, and an SQLite file found from the suite's folder."""
    import sqlalchemy
    from sqlalchemy.engine import make_url

    missing: list[str] = []

    def value(match: "re.Match[str]") -> str:
        name = match["braced"] or match["bare"]
        if name not in os.environ:
            missing.append(name)
        return os.environ.get(name, "")

    filled = _NAME.sub(value, given)
    if missing:
        raise UsageError(f"The 'url' of the data set needs the environment variable {missing[0]}, which is not set.")
    try:
        url = make_url(filled)
    except sqlalchemy.exc.ArgumentError:
        raise UsageError(
            "The 'url' of the data set is no SQLAlchemy URL; write sqlite:///rows.db or "
            "postgresql+psycopg://user:$PASSWORD@host/name."
        ) from None
    if url.get_backend_name() == "sqlite":
        file = url.database
        if not file or file == ":memory:":
            raise UsageError("The 'url' of the data set names no SQLite file; write sqlite:///rows.db.")
        path = folder / file
        if not path.is_file():
            raise UsageError(f"There is no SQLite file '{file}'.")
        return url.set(database=f"file:{path.resolve()}", query={"mode": "ro", "uri": "true"})
    return url


def _rows(url: Any, sql: str, name: str) -> dict[str, list[Any]]:
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool, hide_parameters=True)
    except ImportError as error:
        raise UsageError(f"{name}: the driver of {url.drivername} is not installed ({error.name}).") from None
    except sqlalchemy.exc.ArgumentError:
        raise UsageError(f"{name}: there is no database driver '{url.drivername}'.") from None
    try:
        with engine.connect() as connection:
            if url.get_backend_name() == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            result = connection.execute(sqlalchemy.text(sql.replace(":", r"\:")))
            if not result.returns_rows:
                raise UsageError(f"{name}: the query returns no table; write SELECT ....")
            names = [str(key) for key in result.keys()]  # noqa: SIM118 (a result is no mapping)
            twice = next((key for key in names if names.count(key) > 1), None)
            if twice is not None:
                raise DataError(f"{name}: the query gives two columns '{twice}'; rename one with AS.")
            found = result.fetchall()
            connection.rollback()
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
        raise DataError(f"{name}: the database refuses the query: {_without_secrets(said, url).rstrip('.')}.") from None
    finally:
        engine.dispose()
    return {key: [plain(row[place]) for row in found] for place, key in enumerate(names)}


def _without_secrets(text: str, url: Any) -> str:
    secret = url.password
    return text.replace(str(secret), "***") if secret else text


def _name(url: Any) -> str:
    file = str(url.database or "query").removeprefix("file:")
    return Path(file).stem or "query"
