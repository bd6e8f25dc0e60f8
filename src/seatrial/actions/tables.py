"""Write a table of columns to a file, the format told by its ending; cells are written as they are."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.actions.report import check_writable, replace_file
from seatrial.errors import UsageError

ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".csv.gz")


def table_ending(path: str | Path) -> str:
    """The ending of a table that can be written; raises `UsageError` for another, and where it cannot be written."""
    file = Path(path)
    found = next(
        (ending for ending in sorted(ENDINGS, key=len, reverse=True) if file.name.lower().endswith(ending)), ""
    )
    if not found:
        raise UsageError(f"'{file.name}': no table format for it; end it in {', '.join(ENDINGS)}.")
    check_writable(file)
    return found


def write_table(path: str | Path, columns: Mapping[str, Sequence[Any]]) -> Path:
    """Write columns of one length to `path`, replaced whole or not at all.

    A missing value is an empty cell (CSV, TSV), null (JSON) or NULL (Parquet). Texts are never altered: a spreadsheet
    may take one that begins with `=` for a formula.
    """
    file = Path(path)
    ending = table_ending(file)
    if ending == ".parquet":
        _parquet(file, columns)
        return file
    if ending in (".json", ".jsonl"):
        rows = [
            {name: _json(values[at]) for name, values in columns.items()}
            for at in range(len(next(iter(columns.values()), ())))
        ]
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        page = "\n".join(lines) + "\n" if ending == ".jsonl" else "[\n" + ",\n".join(lines) + "\n]\n"
        replace_file(file, page.encode(errors="replace").decode())
        return file
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t" if ending == ".tsv" else ",", lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else _cell(value) for value in row])
    page = buffer.getvalue().encode(errors="replace").decode()
    if ending == ".csv.gz":
        file.write_bytes(gzip.compress(page.encode(), mtime=0))
    else:
        replace_file(file, page)
    return file


def _cell(value: Any) -> Any:
    plain = _json(value)
    if isinstance(plain, (dict, list)):
        return json.dumps(plain, ensure_ascii=False)
    return str(plain).lower() if isinstance(plain, bool) else "" if plain is None else plain


def _json(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or isinstance(value, (str, int, float, bool, list, dict)):
        return value
    return str(value)


def _parquet(file: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    import duckdb

    from seatrial.data.engine import literal, quoted

    names = list(columns)
    plain = {name: [_json(value) for value in values] for name, values in columns.items()}
    kinds = {name: _kind(values) for name, values in plain.items()}
    connection = duckdb.connect(":memory:")
    try:
        declared = ", ".join(f"{quoted(name)} {kinds[name]}" for name in names)
        connection.execute(f"CREATE TABLE kept ({declared})")
        holes = ", ".join("?" for _ in names)
        rows = [
            tuple(_of_kind(value, kind) for value, kind in zip(row, kinds.values(), strict=True))
            for row in zip(*plain.values(), strict=True)
        ]
        for start in range(0, len(rows), 5000):
            connection.executemany(f"INSERT INTO kept VALUES ({holes})", rows[start : start + 5000])
        connection.execute(f"COPY kept TO {literal(str(file))} (FORMAT parquet)")
    finally:
        connection.close()


def _kind(values: Sequence[Any]) -> str:
    seen = {type(value) for value in values if value is not None}
    if seen == {bool}:
        return "BOOLEAN"
    if seen == {int} and all(abs(value) < 2**63 for value in values if value is not None):
        return "BIGINT"
    if seen and seen <= {int, float}:
        return "DOUBLE"
    return "VARCHAR"


def _of_kind(value: Any, kind: str) -> Any:
    if value is None or kind != "VARCHAR":
        return value
    return value if isinstance(value, str) else str(_cell(value))
