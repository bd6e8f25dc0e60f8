"""Records as a data frame of whichever library the user has."""

import importlib.util
from collections.abc import Sequence
from typing import Any

from seatrial.errors import UsageError
from seatrial.records import Record

LIBRARIES = ("pandas", "polars", "pyarrow")


def to_frame(records: Sequence[Record], *, library: str | None = None) -> Any:
    """One row a record; a slice is written `sex=Female & age=17 to 28`, notes are joined. Raises `UsageError` without
    a library."""
    chosen = library or next((name for name in LIBRARIES if importlib.util.find_spec(name)), None)
    if chosen is None or chosen not in LIBRARIES or importlib.util.find_spec(chosen) is None:
        wanted = f"'{library}'" if library else "A data frame"
        raise UsageError(f"{wanted} needs one of pandas, polars and pyarrow installed: pip install pandas.")
    rows = [{name: _plain(value) for name, value in record.model_dump(mode="json").items()} for record in records]
    if chosen == "pandas":
        import pandas

        return pandas.DataFrame(rows)
    if chosen == "polars":
        import polars

        return polars.DataFrame(rows, infer_schema_length=None)
    import pyarrow

    return pyarrow.Table.from_pylist(rows)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return " & ".join(f"{k}={v}" for k, v in value.items())
    return "; ".join(str(v) for v in value) if isinstance(value, list) else value
