"""JSON of a scorecard or a readout: the records' own dump, one record a line, the same bytes for the same record."""

import json
from typing import Any

from seatrial.records import Record


def to_json(record: Record) -> str:
    """Return the public JSON, ending in a newline; `json.loads` of it equals `model_dump(mode="json")`."""
    dumped = record.model_dump(mode="json")
    lines = [f"  {_compact(key)}: {_value(value)}" for key, value in dumped.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _value(value: Any) -> str:
    """Put each record of a list on its own line; a single record gets a line a field."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {_compact(item)}" for item in value) + "\n  ]"
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"    {_compact(key)}: {_inner(item)}" for key, item in value.items()) + "\n  }"
    return _compact(value)


def _inner(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"      {_compact(item)}" for item in value) + "\n    ]"
    return _compact(value)
