"""Logs of decisions (shadow scores, bandit choices, interleaved lists, switchback periods) as arrays of columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from seatrial.data.predictions import open_source
from seatrial.data.source import Source as Table
from seatrial.errors import DataError, UsageError
from seatrial.experiments.reading import number_sql, text_sql, time_column
from seatrial.experiments.times import day_of, zone
from seatrial.records.evidence import Source

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Instants = NDArray[np.int64]
Codes = NDArray[np.intp]
NEVER = np.iinfo(np.int64).min
"""In place of a time that is not there."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """The columns of a log by the part they play, in the order of its rows."""

    name: str
    sha256: str
    rows: int
    numbers: Mapping[str, Floats]
    """NaN where missing."""
    texts: Mapping[str, Texts]
    """None where missing."""
    times: Mapping[str, Instants]
    """Microseconds since 1970, UTC; `NEVER` where missing."""
    columns: Mapping[str, str]
    """Part to column."""

    @property
    def source(self) -> Source:
        return Source(model="log", name=self.name, sha256=self.sha256, rows=self.rows)

    def need_numbers(self, part: str) -> Floats:
        """A column of numbers, all there; raises `DataError`."""
        values = self.numbers[part]
        missing = int(np.isnan(values).sum())
        if missing:
            raise DataError(
                f"{self.name}: '{self.columns[part]}' is no finite number in {missing:,} of {self.rows:,} rows; mend "
                "them or leave them out."
            )
        return values

    def need_texts(self, part: str) -> Texts:
        """A column of names, all there; raises `DataError`."""
        values = self.texts[part]
        missing = sum(one is None for one in values.tolist())
        if missing:
            raise DataError(
                f"{self.name}: '{self.columns[part]}' is empty in {missing:,} of {self.rows:,} rows; leave those rows "
                "out."
            )
        return values


def open_log(table: Any) -> Table:
    """Open a log; raises `UsageError` and `DataError`."""
    source, inner = open_source(table, name="log")
    if inner is not None:
        raise UsageError(f"A log is a whole table; leave out '#{inner}'.")
    return source


def read_log(
    source: Table,
    *,
    numbers: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    times: Mapping[str, str] | None = None,
    timezone: str = "UTC",
) -> Log:
    """Read columns given as part -> column, each once; a part is said as the option `--part` in messages.

    Raises `UsageError` for a column that is not there, `DataError` for a table that cannot be read or has no rows.
    """
    parts = {**(numbers or {}), **(texts or {}), **(times or {})}
    places = {part: source.place(name, option=f"--{part.replace('_', '-')}") for part, name in parts.items()}
    engine = source.own_engine
    wanted: list[str] = []
    for part, place in places.items():
        column, kind = f"c{place}", source.kinds[place]
        if part in (times or {}):
            sql = time_column(engine, source, place, timezone).sql
        elif part in (numbers or {}):
            sql = number_sql(column, kind)[0]
        else:
            sql = text_sql(column, kind)
        wanted.append(f"{sql} AS {part}")
    try:
        found = engine.query(
            f"SELECT {', '.join(wanted)} FROM {source.scan(engine, sorted(set(places.values())))} AS s"
        )
    except duckdb.Error as error:
        raise source.fails(error) from None
    rows = len(next(iter(found.values())))
    if not rows:
        raise DataError(f"{source.name} has no rows.")
    return Log(
        name=source.name,
        sha256=source.sha256,
        rows=rows,
        numbers={part: np.ma.filled(np.ma.asarray(found[part]).astype(np.float64), np.nan) for part in numbers or {}},
        texts={part: _texts(found[part]) for part in texts or {}},
        times={part: np.ma.filled(np.ma.asarray(found[part]).astype(np.int64), NEVER) for part in times or {}},
        columns={part: source.columns[place] for part, place in places.items()},
    )


def _texts(column: NDArray[Any]) -> Texts:
    return np.array([None if one is None or one is np.ma.masked else str(one) for one in column], dtype=object)


def in_order(values: Texts) -> tuple[Codes, tuple[str, ...]]:
    """Codes of names and the names in their order: numbers by size, times by time, other names as they first come.

    >>> codes, names = in_order(np.array(["day 2", "day 10", "day 2"], dtype=object))
    >>> codes.tolist(), names
    ([0, 1, 0], ('day 2', 'day 10'))
    >>> in_order(np.array(["10", "9"], dtype=object))[1]
    ('9', '10')
    """
    seen = list(dict.fromkeys(values.tolist()))
    keys = _keys(seen)
    order = sorted(range(len(seen)), key=lambda i: (keys[i], i)) if keys is not None else list(range(len(seen)))
    names = tuple(seen[i] for i in order)
    code = {name: i for i, name in enumerate(names)}
    return np.array([code[value] for value in values.tolist()], dtype=np.intp), names


def _keys(names: Sequence[str]) -> list[float] | None:
    """A number to sort each name by: its value, or its time; None where they are neither."""
    try:
        found = [float(name) for name in names]
        return found if np.isfinite(found).all() else None
    except ValueError:
        pass
    try:
        moments = [datetime.fromisoformat(name) for name in names]
        if len({moment.tzinfo is None for moment in moments}) > 1:
            return None
        return [(moment - moments[0]).total_seconds() for moment in moments]
    except ValueError:
        return None


def days(times: Instants, timezone: str) -> NDArray[np.int64]:
    """Days since 1970 of each time in a zone.

    >>> days(np.array([0, 86_400_000_000]), "UTC").tolist()
    [0, 1]
    """
    where = zone(timezone)
    if timezone.upper() in {"UTC", "Z"}:
        return np.asarray(times // 86_400_000_000)
    hours, back = np.unique(times // 900_000_000, return_inverse=True)  # zones change on whole quarters of an hour
    return np.array([day_of(int(hour) * 900_000_000, where) for hour in hours], dtype=np.int64)[back]
