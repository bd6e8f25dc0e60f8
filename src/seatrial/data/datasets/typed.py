"""Text to values: a column of text is numbers only if every value is one, truth only if every value is true or false.

One odd value keeps the whole column text: `NA`, `?`, `12 kg`. A number with a leading zero is a name (`007`), and so is
`nan`. A missing value is the empty text, or null; it is None in every column.
"""

import datetime
import decimal
import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.data.labels import is_number

_WHOLE = re.compile(r"[+-]?\d{1,18}")
_TRUTH = {"true": True, "false": False}


def typed(texts: Sequence[str | None]) -> list[Any]:
    """Return the values of a column of text.

    >>> typed(["1", None, "2"]), typed(["1", "2.5"]), typed(["1", "NA"]), typed(["True", "false"])
    ([1, None, 2], [1.0, 2.5], ['1', 'NA'], [True, False])
    """
    distinct = {text for text in texts if text is not None}
    if not distinct:
        return list(texts)
    values: dict[str | None, Any] = {None: None}
    if all(_WHOLE.fullmatch(text.strip()) and is_number(text) for text in distinct):
        values |= {text: int(text) for text in distinct}
    elif all(is_number(text) for text in distinct):
        values |= {text: float(text) for text in distinct}
    elif all(text.casefold() in _TRUTH for text in distinct):
        values |= {text: _TRUTH[text.casefold()] for text in distinct}
    else:
        return list(texts)
    return [values[text] for text in texts]


def nested(texts: Sequence[str | None]) -> list[Any] | None:
    """Return a column of JSON text as Python values if every value is an object or an array, else None.

    >>> nested(['{"a": 1}', None]), nested(["[a]"])
    ([{'a': 1}, None], None)
    """
    found: list[Any] = []
    for text in texts:
        if text is None:
            found.append(None)
            continue
        if text.lstrip()[:1] not in ("{", "["):
            return None
        try:
            found.append(json.loads(text))
        except (ValueError, RecursionError):
            return None
    return found if any(value is not None for value in found) else None


def plain(value: Any) -> Any:
    """Return one value of a typed source as plain Python: dates as ISO text, decimals as floats, NaN as None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, decimal.Decimal):
        return plain(float(value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | bytes):
        return value
    return str(value)
