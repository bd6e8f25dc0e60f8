"""Tables in memory whose cells are lists or mappings: such columns as JSON text, so that they are read as files are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def as_json_columns(table: Any) -> Any:
    """The same table with columns of lists or mappings written as JSON; whatever else is given comes back as it is."""
    if isinstance(table, Mapping):
        if not any(_nested(column) for column in table.values()):
            return table
        return {name: _json_column(column) if _nested(column) else column for name, column in table.items()}
    if isinstance(table, Sequence) and not isinstance(table, str | bytes) and table and isinstance(table[0], Mapping):
        if not any(isinstance(value, list | tuple | dict) for record in table for value in record.values()):
            return table
        return [{name: _json(value) for name, value in record.items()} for record in table]
    if type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "columns"):
        nested = [name for name in table.columns if table[name].dtype == object and _nested(table[name])]
        return table.assign(**{name: _json_column(table[name]) for name in nested}) if nested else table
    return table


def _nested(column: Any) -> bool:
    try:
        return any(isinstance(value, list | tuple | dict) for value in column)
    except TypeError:
        return False


def _json_column(column: Any) -> list[str | None]:
    return [_json(value) for value in column]


def _json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
