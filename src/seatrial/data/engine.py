"""The engine runs SQL and hands columns back as arrays: DuckDB in process, private and bounded in memory."""

import itertools
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import sqlglot.expressions as exp
from numpy.typing import NDArray

from seatrial.errors import DataError

Columns = dict[str, NDArray[Any]]
Parameters = Sequence[object] | Mapping[str, object]

_SMALLEST = (("TINYINT", 127), ("SMALLINT", 32767), ("INTEGER", 2**31 - 1))


class Engine(Protocol):
    """Whatever runs the queries: results come back as one array per column."""

    def query(self, sql: str | exp.Expr) -> Columns:
        """Run one statement; columns in the order of the SELECT, rows in the order of the result."""
        ...

    def columns(
        self, table: str, columns: Sequence[str], *, order: str, between: tuple[int, int] | None = None, step: int = 1
    ) -> Columns:
        """Read columns in the order of column `order`; NULL is -1 in integer columns, NaN in real ones, None in text.

        Only rows with first <= `order` < stop where `between` is given, and every `step`-th.
        """
        ...


def quoted(name: str) -> str:
    """Quote an identifier for SQL, whatever is in it.

    >>> quoted('a "b" c')
    '"a ""b"" c"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL, whatever is in it.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


class DuckDBEngine:
    """A private DuckDB: nothing installed or loaded from outside, memory bounded, scratch data in a folder of its own.

    `memory_limit` bounds DuckDB's own buffers; what does not fit spills to the scratch folder, which goes with the
    engine.

    >>> DuckDBEngine().query("SELECT 1 AS one")
    {'one': array([1], dtype=int32)}
    """

    def __init__(self, *, memory_limit: str = "1GB", threads: int | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="seatrial-"))
        self._names = itertools.count()
        self._in_order: dict[str, str] = {}
        self._has_scratch = False
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(self._folder / "spill"),
            "extension_directory": str(self._folder / "extensions"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
            "default_null_order": "nulls_last",
            "threads": str(threads or min(os.cpu_count() or 1, 16)),
        }
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute("SET GLOBAL pandas_analyze_sample = 0")
        self._close = weakref.finalize(self, _close, self._connection, self._folder)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection, for registering tables of the caller."""
        return self._connection

    @property
    def folder(self) -> Path:
        """The scratch folder, removed with the engine."""
        return self._folder

    def close(self) -> None:
        """Close the connection and remove the scratch folder."""
        self._close()

    def __enter__(self) -> "DuckDBEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fresh(self, stem: str, *, large: bool = False) -> str:
        """Return a table name not used before in this engine; a large one lies in the scratch file, compressed."""
        name = f"st_{stem}_{next(self._names)}"
        if not large:
            return name
        if not self._has_scratch:
            self._has_scratch = True
            self.execute(f"ATTACH {literal(str(self._folder / 'scratch.duckdb'))} AS scratch")
        return f"scratch.main.{name}"

    def is_large(self, table: str) -> bool:
        """Return whether a table lies in the scratch file."""
        return table.startswith("scratch.")

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Run a statement for its effect."""
        self._run(sql, parameters)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Run a query and return its rows as Python values."""
        return self._run(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Parameters = ()) -> tuple[Any, ...]:
        """Run a query that returns exactly one row."""
        return self.rows(sql, parameters)[0]

    def query(self, sql: str | exp.Expr) -> Columns:
        """Run one statement; columns in the order of the SELECT, rows in the order of the result.

        NULL is NaN in real columns, None in text; an integer column with NULLs comes back as a masked array.
        """
        text = sql if isinstance(sql, str) else sql.sql(dialect="duckdb")
        fetched = self._run(text).fetchnumpy()
        return {name: _plain(column) for name, column in fetched.items()}

    def keep_order(self, table: str, column: str) -> None:
        """Note that `table` is stored in the order of `column`, so that `columns` need not sort."""
        self._in_order[table] = column

    def columns(
        self, table: str, columns: Sequence[str], *, order: str, between: tuple[int, int] | None = None, step: int = 1
    ) -> Columns:
        """Read columns in the order of column `order`; NULL is -1 in integer columns, NaN in real ones, None in text.

        Only rows with first <= `order` < stop where `between` is given, and every `step`-th.
        """
        if not columns:
            return {}
        kinds = {name: str(kind) for name, kind in self._types(table).items()}
        unknown = [name for name in columns if name not in kinds]
        if unknown:
            raise KeyError(f"no column {unknown[0]!r} in table {table}")
        wanted = ", ".join(f"{_filled(quoted(name), kinds[name])} AS {quoted(name)}" for name in dict.fromkeys(columns))
        sort = "" if self._in_order.get(table) == order else f" ORDER BY {quoted(order)}"
        rows = [] if between is None else [f"{quoted(order)} BETWEEN {between[0]:d} AND {between[1] - 1:d}"]
        rows += [] if step == 1 else [f"{quoted(order)} % {step:d} = 0"]
        where = f" WHERE {' AND '.join(rows)}" if rows else ""
        return self.query(f"SELECT {wanted} FROM {quoted(table)}{where}{sort}")

    def _types(self, table: str) -> dict[str, Any]:
        description = self._run(f"SELECT * FROM {quoted(table)} LIMIT 0").description or []
        return {column[0]: column[1] for column in description}

    def _run(self, sql: str, parameters: Parameters = ()) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, parameters or None)
        except duckdb.OutOfMemoryException as error:
            raise DataError(
                "The work did not fit into memory; give it more with memory_limit, or fewer slices and columns."
            ) from error


def _filled(name: str, kind: str) -> str:
    """Return SQL that reads a column without NULLs, so that no masked copy is made."""
    if kind in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}:
        return f"COALESCE({name}, -1)"
    if kind in {"UTINYINT", "USMALLINT", "UINTEGER"}:
        wide = {"UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT"}[kind]
        return f"COALESCE(CAST({name} AS {wide}), -1)"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"COALESCE({name}, CAST('nan' AS {kind}))"
    return name


def _plain(column: Any) -> NDArray[Any]:
    if not isinstance(column, np.ma.MaskedArray):
        array: NDArray[Any] = np.asarray(column)
        return array
    if not np.ma.is_masked(column):
        return np.asarray(column.data)
    if column.dtype.kind == "f":
        return np.asarray(column.filled(np.nan))
    if column.dtype.kind == "O":
        texts: NDArray[Any] = np.array(column.data, dtype=object)
        texts[np.ma.getmaskarray(column)] = None
        return texts
    return column


def smallest_integer(largest: int) -> str:
    """Return the smallest signed SQL integer type that holds 0..largest.

    >>> smallest_integer(50)
    'TINYINT'
    """
    return next((name for name, limit in _SMALLEST if largest <= limit), "BIGINT")


def _close(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)
