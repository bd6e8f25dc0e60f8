"""Templates: text with `{column}` for a row's values, and JSON whose texts are such templates."""

import base64
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.models.base import Row

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
WHOLE_ROW = "*"
"""`"{*}"` in a JSON template: all columns of the row, as an object."""


@lru_cache(maxsize=1024)
def parts(template: str) -> tuple[tuple[str, bool], ...]:
    """A template as (text, False) and (column, True), in order.

    >>> parts("Say {{hi}} to {name}.")
    (('Say {hi} to ', False), ('name', True), ('.', False))
    """
    found: list[tuple[str, bool]] = []
    plain, at = "", 0
    for one in _PART.finditer(template):
        plain += template[at : one.start()]
        at = one.end()
        if one[0] in ("{{", "}}"):
            plain += one[0][0]
            continue
        if one[1] is None:
            raise UsageError(
                f"A template has a lone '{one[0]}' near {template[max(0, one.start() - 20) : one.end() + 20]!r}; "
                f"write '{one[0] * 2}' for a brace."
            )
        if plain:
            found.append((plain, False))
            plain = ""
        found.append((one[1].strip(), True))
    plain += template[at:]
    if plain:
        found.append((plain, False))
    return tuple(found)


def columns_of(template: Any) -> tuple[str, ...]:
    """Columns that a template (text, or JSON of texts) names, each once."""
    if isinstance(template, str):
        return tuple(dict.fromkeys(text for text, is_column in parts(template) if is_column))
    inner = template.values() if isinstance(template, Mapping) else template if isinstance(template, list) else ()
    return tuple(dict.fromkeys(name for one in inner for name in columns_of(one)))


def rendered(template: str, row: Row) -> str:
    """Put a row's values into a text; a missing value is empty.

    >>> rendered("{{{word}}}: {word} is {n}", {"word": "ship", "n": None})
    '{ship}: ship is '

    Raises `UsageError` for a column the row does not have, or a lone brace.
    """
    return "".join([_text(_value(text, row)) if is_column else text for text, is_column in parts(template)])


def filled(template: Any, row: Row) -> Any:
    """Put a row's values into JSON: a text that is `{column}` alone takes the value with its type.

    >>> filled({"inputs": ["{age}", "aged {age}"], "row": "{*}", "top": 1}, {"age": 39})
    {'inputs': [39, 'aged 39'], 'row': {'age': 39}, 'top': 1}
    """
    if isinstance(template, str):
        pieces = parts(template)
        if len(pieces) == 1 and pieces[0][1]:
            if pieces[0][0] == WHOLE_ROW and WHOLE_ROW not in row:
                return {name: as_json(value) for name, value in row.items()}
            return as_json(_value(pieces[0][0], row))
        return rendered(template, row)
    if isinstance(template, Mapping):
        return {name: filled(one, row) for name, one in template.items()}
    if isinstance(template, list):
        return [filled(one, row) for one in template]
    return template


def as_json(value: Any) -> Any:
    """A row's value as JSON has it: arrays as lists, bytes as base64, NaN and infinities as null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if hasattr(value, "tolist"):
        return as_json(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _value(column: str, row: Row) -> Any:
    if column not in row:
        known = [str(name) for name in row]
        raise UsageError(
            f"A template names '{column}', which is no input column.{did_you_mean(column, known)} The inputs: "
            f"{listed(known)}. Write {{{{ for a brace."
        )
    return row[column]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    plain = as_json(value)
    if isinstance(plain, (dict, list)):
        import json

        return json.dumps(plain, ensure_ascii=False)
    return "" if plain is None else str(plain)
