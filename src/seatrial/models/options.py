"""Options of remote adapters: limits, JSON and environment variables, with their type or as text."""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from seatrial.errors import UsageError
from seatrial.models.base import Limits

LIMITS = tuple(one.name for one in fields(Limits))
"""`concurrency`, `per_minute`, `timeout`, `retries`, `backoff`, `longest_wait`."""
_VARIABLE = re.compile(r"\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_LEAST = {
    "concurrency": 1.0,
    "per_minute": 1e-6,
    "timeout": 1e-3,
    "retries": 0.0,
    "backoff": 0.0,
    "longest_wait": 0.0,
}


def limits_of(options: Mapping[str, Any], *, adapter: str, default: Limits | None = None) -> Limits:
    """Read the limits among some options; the others stay as `default` has them."""
    found: dict[str, Any] = {}
    for name in LIMITS:
        given = options.get(name)
        if given is None:
            continue
        value = number(given, what=f"{adapter}: {name}")
        if value < _LEAST[name]:
            raise UsageError(f"{adapter}: {name} cannot be {value:g}; give at least {_LEAST[name]:g}.")
        found[name] = whole(value, what=f"{adapter}: {name}") if name in ("concurrency", "retries") else value
    return replace(default or Limits(), **found)


def number(given: Any, *, what: str) -> float:
    """Read a finite number, also from text."""
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(given, bool) or not math.isfinite(value):
        raise UsageError(f"{what} must be a number, not {given!r:.60}.")
    return value


def whole(value: float, *, what: str) -> int:
    """Refuse a number with a fraction."""
    if value != int(value):
        raise UsageError(f"{what} must be a whole number, not {value:g}.")
    return int(value)


def structure(given: Any, *, what: str) -> Any:
    """Take a mapping or list as it is; read one from JSON text."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise UsageError(f"{what} is text that is no JSON: {given!r:.80}.") from None


def from_environment(text: str, *, what: str) -> str:
    """Put the environment's values in place of `$NAME` and `${NAME}`; `$$` is a dollar.

    Raises `UsageError` for a name that is not set: the value itself is never part of a message.

    >>> import os; os.environ["SEATRIAL_EXAMPLE"] = "abc"
    >>> from_environment("Bearer $SEATRIAL_EXAMPLE, $$5", what="headers")
    'Bearer abc, $5'
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name is None:
            return "$"
        if name not in os.environ:
            raise UsageError(f"{what}: the environment has no {name}; set it, or write $$ for a plain dollar.")
        return os.environ[name]

    return _VARIABLE.sub(value, text)
