"""Slicing: what `--by sex,age:quartiles` asks for, and the levels that come of it."""

import itertools
import re
from dataclasses import dataclass
from typing import Literal

from seatrial.data.source import Source
from seatrial.errors import UsageError

MISSING = "(missing)"
MOST_LEVELS = 200
MOST_NUMBERS = 20
"""A numeric column with more distinct values than this is cut into quartiles unless told otherwise."""

_BINS = {"halves": 2, "terciles": 3, "quartiles": 4, "quintiles": 5, "deciles": 10}
_LENGTH = re.compile(r"\s*length\s*\((.*)\)\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class SliceSpec:
    """One way to cut the rows, as asked for."""

    name: str
    """As a reader says it: `sex`, `age`, `length(text)`."""
    column: str
    of: Literal["values", "length"] = "values"
    bins: int | None = None
    """Number of bins with equally many rows."""
    edges: tuple[float, ...] = ()
    """Edges of bins, each bin with its lower and without its upper edge."""


def slice_spec(text: str, source: Source) -> SliceSpec:
    """Return what one `--by` entry asks for: `sex`, `age:quartiles`, `age:4`, `age:0,18,65`, `length(text):deciles`.

    Raises `UsageError` when the column or the way of binning is unknown.
    """
    whole = source.find(text)
    if whole is not None:
        return SliceSpec(name=source.columns[whole], column=source.columns[whole])
    inner, _, how = text.rpartition(":") if ":" in text else (text, "", "")
    if ":" in text and _bins(how) is None and source.find(inner) is None and _LENGTH.fullmatch(inner) is None:
        inner, how = text, ""
    length = _LENGTH.fullmatch(inner)
    place = source.place(length[1].strip() if length else inner.strip(), option=f"--by {text}")
    column = source.columns[place]
    name = f"length({column})" if length else column
    of: Literal["values", "length"] = "length" if length else "values"
    if not how:
        return SliceSpec(name=name, column=column, of=of, bins=4 if length else None)
    found = _bins(how)
    if found is None:
        raise UsageError(
            f"--by {text}: '{how}' is no way to bin; say quartiles, deciles, a number of bins ({column}:4) or edges"
            f" ({column}:0,18,65)."
        )
    return SliceSpec(name=name, column=column, of=of, bins=found[0], edges=found[1])


def _bins(how: str) -> tuple[int | None, tuple[float, ...]] | None:
    """Return (number of bins, edges) of the part behind the colon, None when it is neither."""
    word = how.strip().casefold()
    if word in _BINS:
        return _BINS[word], ()
    parts = [part.strip() for part in word.split(",")]
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        return None
    if len(numbers) == 1:
        whole = numbers[0].is_integer() and 2 <= numbers[0] <= MOST_LEVELS
        return (int(numbers[0]), ()) if whole else None
    ascending = all(low < high for low, high in itertools.pairwise(numbers))
    return (None, numbers) if ascending and all(abs(edge) < float("inf") for edge in numbers) else None


def parse_slices(text: str) -> tuple[str, ...]:
    """Cut the argument of `--by` at its commas, but not inside parentheses, quotes or a list of edges.

    >>> parse_slices("sex,age:0,18,65,length(text)")
    ('sex', 'age:0,18,65', 'length(text)')
    """
    parts: list[str] = []
    for part in _split(text, ","):
        if parts and ":" in parts[-1] and _is_number(part) and _is_number(parts[-1].rpartition(":")[2].split(",")[0]):
            parts[-1] += "," + part.strip()
        elif part.strip():
            parts.append(part.strip())
    return tuple(parts)


def parse_slice(text: str) -> dict[str, str]:
    """Return the conditions of a slice: `intent=cancel`, `sex=Female & age=17 to 28`, `"a=b"="x & y"`.

    Raises `UsageError` when a condition has no `=`.

    >>> parse_slice("sex=Female & age=17 to 28")
    {'sex': 'Female', 'age': '17 to 28'}
    """
    conditions: dict[str, str] = {}
    for part in _conditions(text):
        cut = _split(part, "=")
        column, value = _unquoted(cut[0]), _unquoted("=".join(cut[1:]))
        if len(cut) < 2 or not column:
            raise UsageError(f"slice '{text}': '{part.strip()}' is no condition; write column=value.")
        if column in conditions:
            raise UsageError(f"slice '{text}': '{column}' is named twice; no row has two values of it.")
        conditions[column] = value
    return conditions


def level_number(value: float) -> str:
    """Return a number as it stands in the name of a level.

    >>> level_number(28.0), level_number(0.125), level_number(1234567.891)
    ('28', '0.125', '1234570')
    """
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    short = f"{value:.6g}"
    return short if "e" not in short or abs(value) >= 1e15 or abs(value) < 1e-4 else f"{float(short):.0f}"


def bin_names(ranges: list[tuple[float, float]]) -> tuple[str, ...]:
    """Name bins by their lowest and highest value: `17 to 28`; in full where short names would be the same."""

    short = [(level_number(low), level_number(high)) for low, high in ranges]
    if len(set(short)) < len(short):
        short = [(repr(low), repr(high)) for low, high in ranges]
    return tuple(low if low == high else f"{low} to {high}" for low, high in short)


def edge_names(edges: tuple[float, ...]) -> tuple[str, ...]:
    """Name the bins that edges make, those below and above them included.

    >>> edge_names((0.0, 18.0, 65.0))
    ('under 0', '0 to under 18', '18 to under 65', '65 and over')
    """
    shown = [level_number(edge) if float(level_number(edge)) == edge else repr(edge) for edge in edges]
    between = [f"{low} to under {high}" for low, high in itertools.pairwise(shown)]
    return (f"under {shown[0]}", *between, f"{shown[-1]} and over")


def _conditions(text: str) -> list[str]:
    """Cut at `&`, but not at one inside a word: `dept=R&D` is one condition."""
    parts: list[str] = []
    for part in _split(text, "&"):
        if parts and "=" not in part and not part[:1].isspace() and not parts[-1][-1:].isspace():
            parts[-1] += f"&{part}"
        else:
            parts.append(part)
    return parts


def _split(text: str, mark: str) -> list[str]:
    """Cut at a mark that stands outside quotes and parentheses."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and text[start:at].strip()[-1:] in ("", "="):
            quote = char if char in text[at + 1 :] else ""
        elif char == "(" and ")" in text[at:]:
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif char == mark and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _unquoted(text: str) -> str:
    stripped = text.strip()
    if len(stripped) >= 2 and stripped[0] == stripped[-1] and stripped[0] in "\"'":
        return stripped[1:-1]
    return stripped


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text))
