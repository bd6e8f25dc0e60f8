"""Files as in `compare`: CSV, TSV, JSON, JSONL, Parquet, Arrow; texts are typed by their columns' values."""

from pathlib import Path
from typing import Any

import duckdb

from seatrial.data.datasets.raw import Asked, RawTable, place_of, short_name
from seatrial.data.datasets.typed import nested, plain, typed
from seatrial.data.files import open_file
from seatrial.data.source import Source
from seatrial.data.textfiles import JsonFile
from seatrial.errors import DataError
from seatrial.records.suite import DatasetSource


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read a table from a file. Raises `UsageError` or `DataError` in one sentence that names the file."""
    path = place_of(source.path or "", asked)
    return RawTable(name=short_name(source, path.name), columns=read_columns(path))


def read_columns(path: Path) -> dict[str, list[Any]]:
    """Every column of a table file, in the order of the rows."""
    return columns_of(open_file(path))


def columns_of(opened: Source) -> dict[str, list[Any]]:
    """Every column of an opened table: typed files keep their types, texts are typed by their values."""
    try:
        wanted = ", ".join(f"c{place}" for place in range(len(opened.columns)))
        scan = opened.scan(opened.own_engine, range(len(opened.columns)))
        found = opened.own_engine.rows(f"SELECT {wanted} FROM {scan}")
    except duckdb.Error as error:
        raise opened.fails(error) from None
    if not found:
        raise DataError(f"{opened.name} has no rows.")
    columns: dict[str, list[Any]] = {}
    for place, (name, kind) in enumerate(zip(opened.columns, opened.kinds, strict=True)):
        values = [row[place] for row in found]
        if kind == "TEXT":
            texts = [value if value != "" else None for value in values]
            inner = nested(texts) if isinstance(opened, JsonFile) else None
            columns[name] = typed(texts) if inner is None else inner
        else:
            columns[name] = [plain(value) for value in values]
    return columns
