"""When requests are due: a rate with random or even gaps, or the times of a trace."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.records.evidence import Source

Gaps = Literal["poisson", "even"]
Floats = NDArray[np.float64]
TIMES = ("time", "arrival", "arrived", "timestamp", "seconds", "at", "ts", "t", "date")
IDS = ("id", "row", "row_id")
MOST = 5_000_000


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Arrivals in order: seconds since the first, and the row each asks for where the trace says so."""

    seconds: Floats
    ids: tuple[str, ...] | None
    source: Source


def arrivals_at(rate: float, seconds: float, *, gaps: Gaps, rng: np.random.Generator) -> Floats:
    """Seconds at which requests are due at a rate, in [0, seconds).

    `poisson`: as independent users come; `even`: as a clock ticks.

    >>> arrivals_at(4, 1, gaps="even", rng=np.random.default_rng(0)).tolist()
    [0.0, 0.25, 0.5, 0.75]
    """
    if gaps == "even":
        return np.asarray(np.arange(math.ceil(rate * seconds - 1e-9)) / rate, np.float64)
    many = int(rate * seconds + 10 * math.sqrt(rate * seconds) + 20)
    due = np.cumsum(rng.exponential(1 / rate, size=many))
    return np.asarray(due[due < seconds], np.float64)


def read_trace(given: Any, *, time: str | None = None, row: str | None = None, speed: float = 1.0) -> Trace:
    """Read arrivals from a file (CSV, or any table) with a column of seconds or ISO 8601 times, or from a sequence.

    `time` and `row` name the columns; without a name the usual ones are looked for. `speed` 2 lets two seconds pass
    in one. Raises `UsageError` for a column that is not there, `DataError` for times that cannot be read.

    >>> read_trace([10, 10.5, 12], speed=2).seconds.tolist()
    [0.0, 0.25, 1.0]
    """
    if not math.isfinite(speed) or speed <= 0:
        raise UsageError(f"--speed {speed:g}: give a number above 0; 2 replays twice as fast.")
    name, columns, digest = _columns(given)
    column = _found(columns, time, TIMES, option="--time", source=name)
    if column is None:
        if len(columns) != 1:
            raise UsageError(
                f"{name}: which column holds the arrival times? Its columns: {listed(columns)}; name it with --time."
            )
        column = next(iter(columns))
    row = _found(columns, row, IDS, option="--row", source=name)
    if row == column:
        row = None
    seconds = _seconds(columns[column], source=name, column=column)
    if len(seconds) < 2:
        raise DataError(f"{name} holds {len(seconds)} arrival(s); a replay needs at least two.")
    if len(seconds) > MOST:
        raise DataError(f"{name} holds {len(seconds):,} arrivals; replay at most {MOST:,} at a time.")
    order = np.argsort(seconds, kind="stable")
    ids = None if row is None else tuple("" if columns[row][at] is None else str(columns[row][at]) for at in order)
    ordered = seconds[order]
    return Trace(
        seconds=(ordered - ordered[0]) / speed,
        ids=ids,
        source=Source(model="trace", name=name, sha256=digest, rows=len(seconds)),
    )


def _columns(given: Any) -> tuple[str, dict[str, Sequence[Any]], str]:
    if isinstance(given, (str, Path)):
        path = Path(given)
        if not path.is_file():
            raise DataError(f"There is no trace '{given}'.")
        raw = path.read_bytes()
        if path.suffix.lower() in (".csv", ".txt", ".tsv"):
            return path.name, _text_columns(raw, path.name), sha256(raw).hexdigest()
        from seatrial.data.datasets.files import read_columns

        return path.name, dict(read_columns(path)), sha256(raw).hexdigest()
    if hasattr(given, "columns") and not isinstance(given, dict):
        columns: dict[str, Sequence[Any]] = {str(name): list(given[name]) for name in given.columns}
    elif isinstance(given, dict):
        columns = {str(name): list(values) for name, values in given.items()}
    else:
        columns = {"seconds": list(given)}
    text = repr([(name, [str(one) for one in values]) for name, values in columns.items()])
    return "trace", columns, sha256(text.encode()).hexdigest()


def _text_columns(raw: bytes, name: str) -> dict[str, Sequence[Any]]:
    """Columns of a delimited file; a file of numbers alone needs no header."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name} is not UTF-8 text.") from None
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = next((one for one in ("\t", ";", ",") if one in first), ",")
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise DataError(f"{name} is not a CSV file that can be read: {error}.") from None
    if not rows:
        raise DataError(f"{name} is empty.")
    header = rows[0]
    if len(header) == 1 and _number(header[0]) is not None:
        header, rows = ["seconds"], [[""], *rows]
    for place, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise DataError(f"{name}, row {place}: {len(row)} fields where the header names {len(header)}.")
    if len(set(header)) < len(header):
        raise DataError(f"{name}: two columns have one name.")
    return {column.strip(): [row[at].strip() or None for row in rows[1:]] for at, column in enumerate(header)}


def _found(
    columns: dict[str, Sequence[Any]], named: str | None, usual: tuple[str, ...], *, option: str, source: str
) -> str | None:
    if named is not None:
        if named not in columns:
            raise UsageError(
                f"{source} has no column '{named}' ({option}).{did_you_mean(named, columns)} Its columns: "
                f"{listed(columns)}."
            )
        return named
    folded = {name.casefold(): name for name in columns}
    return next((folded[name] for name in usual if name in folded), None)


def _number(given: Any) -> float | None:
    try:
        value = float(given)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _seconds(values: Sequence[Any], *, source: str, column: str) -> Floats:
    found = np.empty(len(values), np.float64)
    for at, given in enumerate(values):
        value = _number(given) if not isinstance(given, datetime) else None
        if value is None:
            value = _moment(given)
        if value is None:
            raise DataError(
                f"{source}, row {at + 1}: {column} holds {given!r:.60}, which is neither seconds nor an ISO 8601 time."
            )
        found[at] = value
    return found


def _moment(given: Any) -> float | None:
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given.strip())
        except ValueError:
            return None
    if hasattr(given, "to_pydatetime"):
        given = given.to_pydatetime()
    if not isinstance(given, datetime):
        return None
    return (given if given.tzinfo is not None else given.replace(tzinfo=UTC)).timestamp()
