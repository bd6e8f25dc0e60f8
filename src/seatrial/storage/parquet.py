"""Columns as a Parquet file, the same bytes for the same columns."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from seatrial.data.engine import DuckDBEngine, literal, quoted
from seatrial.data.source import checked_names
from seatrial.errors import DataError
from seatrial.storage.location import cannot_write

_ROW_GROUP = 122_880
_VALUE, _MISSING, _NAN = 0, 1, 2


def write_parquet(columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Write columns of equal length (str, int, float, bool, None) to a new file and force it to the disk.

    One thread, one compression and one size of row groups, so that the same columns give the same bytes (with one
    version of DuckDB). Whole numbers and numbers mixed are numbers; anything else mixed is text, lists and mappings
    as JSON. NaN stays NaN, None stays NULL. Raises `DataError` for columns that make no table, `UsageError` when the
    disk takes no more.
    """
    names = checked_names([str(name) for name in columns], source="the table of rows")
    lengths = {str(name): len(values) for name, values in columns.items()}
    if not names or not all(lengths.values()):
        raise DataError("A table without rows or columns cannot be stored; a run needs at least one row.")
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length:,}" for name, length in list(lengths.items())[:6])
        raise DataError(f"Columns of different lengths make no table: {shown}.")
    arrays: dict[str, Any] = {}
    selected = []
    for at, (name, values) in enumerate(zip(names, columns.values(), strict=True)):
        kind, filled, states = _column(values)
        arrays[f"c{at}"] = filled
        sql = f"CAST(c{at} AS {kind})"
        if states is not None:
            arrays[f"m{at}"] = states
            nan = f" WHEN {_NAN} THEN CAST('nan' AS DOUBLE)" if kind == "DOUBLE" else ""
            sql = f"CASE m{at} WHEN {_MISSING} THEN NULL{nan} ELSE {sql} END"
        selected.append(f"{sql} AS {quoted(name)}")
    with DuckDBEngine(threads=1) as engine:
        engine.connection.register("given", arrays)
        try:
            engine.execute(
                f"COPY (SELECT {', '.join(selected)} FROM given) TO {literal(str(path))} "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        except duckdb.IOException as error:
            said = str(error).splitlines()[0]
            raise cannot_write(path.parent, _as_system_error(said)) from None
        except OSError as error:
            raise cannot_write(path.parent, error) from None


def _as_system_error(said: str) -> OSError:
    import errno

    low = said.lower()
    if "no space" in low or "too large" in low or "disk is full" in low:
        return OSError(errno.ENOSPC, "no space left")
    if "permission" in low:
        return OSError(errno.EACCES, "permission is denied")
    return OSError(errno.EIO, said)


def _column(values: Sequence[Any]) -> tuple[str, Any, Any]:
    """Return the SQL type, an array without gaps, and for each value whether it is there, missing or NaN."""
    to_list = getattr(values, "tolist", None)  # NumPy, pandas
    plain = list(values if to_list is None else to_list())
    kinds = {type(value) for value in plain} - {type(None)}
    if any(issubclass(kind, np.generic) for kind in kinds):
        plain = [value.item() if isinstance(value, np.generic) else value for value in plain]
        kinds = {type(value) for value in plain} - {type(None)}
    if kinds == {bool}:
        return "BOOLEAN", np.array([bool(value) for value in plain]), _states(plain)
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in plain):
        return "BIGINT", np.array([0 if value is None else value for value in plain], dtype=np.int64), _states(plain)
    if float in kinds and kinds <= {int, float} and not _too_large(plain):
        gaps = [0.0 if value is None or value != value else float(value) for value in plain]
        return "DOUBLE", np.array(gaps, dtype=np.float64), _states(plain)
    texts = np.empty(len(plain), dtype=object)
    texts[:] = [None if value is None else _text(value) for value in plain]
    return "VARCHAR", texts, None


def _too_large(plain: list[Any]) -> bool:
    return any(isinstance(value, int) and abs(value) > 2**1000 for value in plain)


def _states(plain: list[Any]) -> Any:
    states = np.array(
        [_MISSING if value is None else _NAN if value != value else _VALUE for value in plain], dtype=np.int8
    )
    return states if states.any() else None


def _text(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    text = value if isinstance(value, str) else str(value)
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a surrogate is no character
