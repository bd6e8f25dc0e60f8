"""In-memory tables as sources: pandas, polars, pyarrow, NumPy, DuckDB relations, Ibis tables, lists of records."""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.files import ParquetFile
from seatrial.data.source import Source, aliases, as_text, checked_names
from seatrial.errors import DataError, UsageError

_ACCEPTED = (
    "a path, a pandas or polars data frame, a pyarrow table, a dict of arrays, a list of records, a DuckDB "
    "relation or an"
    " Ibis table"
)


def open_table(table: Any, *, name: str) -> Source:
    """Return an in-memory table as a source.

    Raises `UsageError` for something that is no table, `DataError` for one that cannot be read or is empty.
    """
    package = type(table).__module__.split(".")[0]
    if isinstance(table, duckdb.DuckDBPyRelation):
        return _through_parquet(table.write_parquet, table, name)
    if package == "pandas" and hasattr(table, "columns"):
        return _from_pandas(table, name)
    if package == "polars" and type(table).__name__ in {"DataFrame", "LazyFrame"}:
        return _from_polars(table, name)
    if package == "ibis":
        return _registered(table.to_pyarrow(), table, name)
    if isinstance(table, np.ndarray) and table.dtype.names:
        return _from_arrays({column: table[column] for column in table.dtype.names}, table, name)
    if isinstance(table, Mapping):
        return _from_arrays(table, table, name)
    if isinstance(table, Sequence) and not isinstance(table, str | bytes) and table and isinstance(table[0], Mapping):
        return _from_records(table, name)
    if package == "pyarrow" and hasattr(table, "read_all"):
        return _registered(table.read_all(), table, name)
    if package == "pyarrow" and hasattr(table, "schema"):
        return _registered(_as_arrow(table) if not hasattr(table, "scanner") else table, table, name)
    if hasattr(table, "__arrow_c_stream__") and find_spec("pyarrow") is not None:
        return _registered(_as_arrow(table), table, name)
    raise UsageError(f"A {type(table).__name__} cannot be read as a table; give {_ACCEPTED}.")


class MemoryTable(Source):
    """A table that DuckDB can scan where it lies in memory."""

    def __init__(self, scanned: Any, *, names: Iterable[object], owner: object, name: str) -> None:
        self.name = name
        self.columns = checked_names([str(one) for one in names], source=name)
        if not self.columns:
            raise DataError(f"{name} has no columns.")
        self._scanned = scanned
        self._owner = owner
        engine = self.own_engine
        described = engine.rows(f"DESCRIBE SELECT * FROM {self._register(engine)}")
        self.kinds = tuple(str(row[1]) for row in described)
        if not engine.rows(f"SELECT 1 FROM {self.scan(engine, [0])} LIMIT 1"):
            raise DataError(f"{name} has no rows.")

    @property
    def identity(self) -> object:
        return id(self._owner)

    def _register(self, engine: DuckDBEngine) -> str:
        table = engine.fresh("memory")
        try:
            engine.connection.register(table, self._scanned)
        except (duckdb.Error, ValueError, TypeError) as error:
            raise DataError(f"{self.name} cannot be read as a table: {str(error).splitlines()[0]}") from None
        return quoted(table)

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        wanted = ", ".join(f"c{place}" for place in columns) or "1"
        return f"(SELECT {wanted} FROM {self._register(engine)} AS t{aliases(len(self.columns))})"

    def digest(self) -> str:
        return content_digest(self)


class _Exported(Source):
    """A table written to a private Parquet file, which goes with the source."""

    numbers_rows = True

    def __init__(self, folder: Path, owner: object, name: str) -> None:
        self._owner = owner
        self._file = ParquetFile(folder / "table.parquet")
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.name = name
        self.columns = self._file.columns
        self.kinds = self._file.kinds

    @property
    def identity(self) -> object:
        return id(self._owner)

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        return self._file.scan(engine, columns)

    def digest(self) -> str:
        return content_digest(self)


def content_digest(source: Source) -> str:
    """Return the SHA-256 of a table's content: its column names, then its values in the order of the rows.

    Numbers count as 64-bit integers or reals, everything else as text (the 128-bit MD5 of a row's texts), so that the
    same table in pandas, polars or Arrow has the same digest.
    """
    sha = hashlib.sha256("\x1f".join(source.columns).encode())
    engine = source.own_engine
    scan = source.scan(engine, range(len(source.columns)))
    texts: list[str] = []
    for place, kind in enumerate(source.kinds):
        column = f"c{place}"
        if kind in {"DOUBLE", "FLOAT"}:
            wanted = f"COALESCE(CAST({column} AS DOUBLE), CAST('nan' AS DOUBLE)) AS value"
        elif kind in _INTEGERS:
            wanted = f"CAST(COALESCE({column}, 0) AS BIGINT) AS value, {column} IS NULL AS missing"
        else:
            text = as_text(column, kind)
            texts.append(f"CASE WHEN {text} IS NULL THEN '-' ELSE length({text}) || ':' || {text} END")
            continue
        for array in engine.query(f"SELECT {wanted} FROM {scan}").values():
            sha.update(np.ascontiguousarray(array).tobytes())
    for start in range(0, len(texts), 100):
        row = f"concat({', '.join(texts[start : start + 100])})"
        halves = f"md5_number_lower({row}) AS low, md5_number_upper({row}) AS high"
        for array in engine.query(f"SELECT {halves} FROM {scan}").values():
            sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}


def _registered(scanned: Any, owner: object, name: str) -> Source:
    return MemoryTable(scanned, names=scanned.schema.names, owner=owner, name=name)


def _as_arrow(table: Any) -> Any:
    import pyarrow as arrow

    return arrow.table(table)


def _from_pandas(table: Any, name: str) -> Source:
    flat = table.reset_index() if table.index.name is not None else table
    names = [" ".join(map(str, one)) if isinstance(one, tuple) else one for one in flat.columns]
    checked_names([str(one) for one in names], source=name)
    renamed = flat.set_axis([f"c{at}" for at in range(len(names))], axis=1)
    plain = (column.to_numpy() for _, column in renamed.items() if column.dtype.kind in "biufMO")
    if any(values.strides[0] < 0 for values in plain):
        renamed = renamed.copy()  # a frame turned around is a view that the engine cannot read
    return MemoryTable(renamed, names=names, owner=table, name=name)


def _from_polars(table: Any, name: str) -> Source:
    if find_spec("pyarrow") is None:
        return _through_parquet((table.sink_parquet if hasattr(table, "collect") else table.write_parquet), table, name)
    collected = table.collect() if hasattr(table, "collect") else table
    return _registered(collected.to_arrow(), table, name)


def _through_parquet(write: Any, owner: object, name: str) -> Source:
    folder = Path(tempfile.mkdtemp(prefix="seatrial-"))
    try:
        write(str(folder / "table.parquet"))
    except duckdb.Error as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(f"{name} cannot be read: {str(error).splitlines()[0]}") from None
    found = _Exported(folder, owner, name)
    if not found.own_engine.rows(f"SELECT 1 FROM {found.scan(found.own_engine, [0])} LIMIT 1"):
        raise DataError(f"{name} has no rows.")
    return found


def _from_records(records: Sequence[Mapping[str, object]], name: str) -> Source:
    names = dict.fromkeys(str(key) for record in records for key in record)
    arrays = {key: np.array([record.get(key) for record in records], dtype=object) for key in names}
    return _from_arrays(arrays, records, name)


def _from_arrays(arrays: Mapping[Any, Any], owner: object, name: str) -> Source:
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for key, values in arrays.items():
        array = np.asarray(values) if isinstance(values, np.ndarray) or not _mixed(values) else _objects(values)
        if array.ndim != 1:
            raise DataError(
                f"{name}: '{key}' is not a flat array (its shape is {array.shape}); give one array per column."
            )
        columns[str(key)] = array.astype(object) if array.dtype.kind in "US" else np.ascontiguousarray(array)
    lengths = {key: len(array) for key, array in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{key} {length:,}" for key, length in lengths.items())
        raise DataError(f"{name}: the arrays have different lengths: {shown}.")
    scanned = {f"c{at}": array for at, array in enumerate(columns.values())}
    return MemoryTable(scanned, names=columns, owner=owner, name=name)


def _mixed(values: Any) -> bool:
    """Return whether a list holds missing values or several kinds, so that NumPy must not find one type for it."""
    try:
        return len({type(value) for value in values}) > 1
    except TypeError:
        raise UsageError(
            f"A column given as {type(values).__name__} cannot be read; give a list or an array."
        ) from None


def _objects(values: Any) -> "np.ndarray[Any, Any]":
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array
