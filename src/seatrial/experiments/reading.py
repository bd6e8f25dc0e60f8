"""Reading a table into the engine with the types its columns' parts ask for: DuckDB, the only place that is not
portable SQL.

What comes out is plain: units BIGINT or VARCHAR, times BIGINT (microseconds, UTC), numbers DOUBLE (never NaN or
infinite), everything else VARCHAR, and NULL where missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import duckdb

from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.predictions import open_source
from seatrial.data.source import Source, as_text
from seatrial.data.staging import id_text
from seatrial.errors import DataError
from seatrial.experiments.times import SECOND, UTC_OFFSETS, Offsets, offsets, zone

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
REALS = frozenset({"DOUBLE", "FLOAT"})
BAD_SHARE = 0.05
"""More unreadable times than this share, and the column is refused."""
_MISSING = "'na|n/a|null|none|<na>|'"
_ZONE = r"':[0-9.,]+ ?([zZ]|[a-zA-Z]{3,}.*|[+-][0-9:]+)$'"


class EmptyTable(Source):
    """A table with columns and no rows."""

    def __init__(self, columns: Sequence[str], *, name: str) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.kinds = ("TEXT",) * len(self.columns)

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        wanted = ", ".join(f"CAST(NULL AS VARCHAR) AS c{place}" for place in columns) or "1 AS nothing"
        return f"(SELECT {wanted} WHERE 1 = 0)"

    def digest(self) -> str:
        import hashlib

        return hashlib.sha256("\x1f".join(self.columns).encode()).hexdigest()


def open_any(table: Any, *, name: str) -> Source:
    """Open a table that may have columns but no rows; a path, a data frame or any other table `open_source` takes."""
    columns = _columns_if_empty(table)
    return EmptyTable(columns, name=name) if columns is not None else open_source(table, name=name)[0]


def _columns_if_empty(table: Any) -> list[str] | None:
    if isinstance(table, Source | str | bytes) or not hasattr(table, "__len__"):
        return None
    names = getattr(table, "column_names", None) or getattr(table, "columns", None)
    if isinstance(table, Mapping):
        return list(map(str, table)) if table and all(len(column) == 0 for column in table.values()) else None
    try:
        return [str(one) for one in names] if names is not None and len(table) == 0 else None
    except TypeError:
        return None


def open_possibly_empty(table: Any, *, name: str, lacking: Sequence[str]) -> Source:
    """Open events or a pre-period table, for which no rows at all is an answer; a file needs only its header."""
    try:
        return open_any(table, name=name)
    except DataError as error:
        if isinstance(table, Sequence) and not isinstance(table, str | bytes) and not table:
            return EmptyTable(lacking, name=name)
        if "header but no rows" not in str(error):
            raise
        return EmptyTable(_header(table, name), name=str(table).replace("\\", "/").rsplit("/", 1)[-1])


def _header(path: Any, name: str) -> list[str]:
    import csv
    import gzip

    opener = gzip.open if str(path).endswith((".gz", ".gzip")) else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        line = file.readline()
    mark = max(",;\t|", key=line.count)
    return next(csv.reader([line], delimiter=mark))


@dataclass(frozen=True, kw_only=True)
class Read:
    """A table as it lies in the engine, and the source it came from."""

    source: Source
    table: str
    rows: int | None = None


def is_text(kind: str) -> bool:
    """Whether a column of this kind holds text, or something to be read through its text."""
    return kind not in INTEGERS | REALS | {"BOOLEAN", "HUGEINT", "UBIGINT"} and not kind.startswith("DECIMAL")


def unit_sql(column: str, kind: str, *, integer: bool = False) -> str:
    """SQL of a unit's name; NULL where it is missing."""
    return f"CAST({column} AS BIGINT)" if integer else id_text(column, kind)


def text_sql(column: str, kind: str) -> str:
    """SQL of a text without blanks around it; NULL where it is empty."""
    return f"NULLIF(trim({as_text(column, kind)}), '')"


def number_sql(column: str, kind: str) -> tuple[str, str]:
    """SQL of a finite number (true and false are 1 and 0), and of 1 where something is there that is no such number."""
    if kind in INTEGERS or kind == "BOOLEAN":
        return f"CAST({column} AS DOUBLE)", "0"
    if not is_text(kind):
        real = f"CAST({column} AS DOUBLE)"
        if kind not in REALS:
            return real, "0"
        # Not by comparing with the largest number: DuckDB would answer from Parquet's statistics, which leave NaN out.
        return f"CASE WHEN isfinite({real}) THEN {real} END", f"CASE WHEN NOT isfinite({real}) THEN 1 ELSE 0 END"
    text = column if kind in {"TEXT", "VARCHAR"} else f"CAST({column} AS VARCHAR)"
    real, word = f"TRY_CAST({text} AS DOUBLE)", f"lower(trim({text}))"
    value = f"CASE WHEN isfinite({real}) THEN {real} WHEN {word} = 'true' THEN 1.0 WHEN {word} = 'false' THEN 0.0 END"
    value = f"CAST({value} AS DOUBLE)"
    absent = f"{text} IS NULL OR regexp_full_match({word}, {_MISSING})"
    return value, f"CASE WHEN isfinite({real}) THEN 0 WHEN {absent} OR {word} IN ('true', 'false') THEN 0 ELSE 1 END"


@dataclass(frozen=True, kw_only=True)
class TimeColumn:
    """How a column of times is read: as UTC microseconds, given the clocks of the zone it may be written in."""

    column: str
    kind: str
    clocks: Offsets = UTC_OFFSETS

    @property
    def sql(self) -> str:
        """SQL of UTC microseconds; NULL where it is no time."""
        if self.kind.startswith("TIMESTAMP WITH"):
            return f"epoch_us({self.column})"
        if self.kind.startswith("TIMESTAMP") or self.kind == "DATE":
            return self.clocks.utc(f"epoch_us(CAST({self.column} AS TIMESTAMP))")
        if not is_text(self.kind):
            return _epoch(f"CAST({self.column} AS DOUBLE)")
        text = f"trim({self.column if self.kind in {'TEXT', 'VARCHAR'} else f'CAST({self.column} AS VARCHAR)'})"
        zoned = f"regexp_matches({text}, {_ZONE})"
        joined = f"replace(replace(replace({text}, ' +', '+'), ' -', '-'), 'z', 'Z')"
        absolute = f"epoch_us(TRY_CAST({joined} AS TIMESTAMPTZ))"
        local = self.clocks.utc(f"epoch_us(TRY_CAST({text} AS TIMESTAMP))")
        number = _epoch(f"TRY_CAST({text} AS DOUBLE)")
        return (
            f"CASE WHEN {zoned} THEN {absolute} WHEN contains({text}, '-') OR contains({text}, '/') THEN {local} "
            f"ELSE {number} END"
        )


def _epoch(number: str) -> str:
    """SQL of an epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by size; or of 20260301."""
    day = f"TRY_CAST(CAST({number} AS BIGINT) AS VARCHAR)"
    iso = f"substr({day}, 1, 4) || '-' || substr({day}, 5, 2) || '-' || substr({day}, 7, 2)"
    whole = f"CASE WHEN {number} BETWEEN 19000101 AND 21991231 THEN epoch_us(TRY_CAST({iso} AS TIMESTAMP)) END"
    return (
        f"CASE WHEN NOT isfinite({number}) OR abs({number}) < 1e7 THEN NULL "
        f"WHEN {number} BETWEEN 1e7 AND 9e7 THEN {whole} "
        f"WHEN abs({number}) < 1e11 THEN CAST(round({number} * {SECOND}) AS BIGINT) "
        f"WHEN abs({number}) < 1e14 THEN CAST(round({number} * 1000) AS BIGINT) "
        f"WHEN abs({number}) < 1e17 THEN CAST(round({number}) AS BIGINT) "
        f"ELSE CAST(round({number} / 1000) AS BIGINT) END"
    )


def time_column(engine: DuckDBEngine, source: Source, place: int, timezone: str) -> TimeColumn:
    """How to read a source's column of times; looks at their range where the clocks of the zone ever change."""
    where: tzinfo = zone(timezone)
    plain = TimeColumn(column=f"c{place}", kind=source.kinds[place])
    if offsets(where, 0, 0) is UTC_OFFSETS or plain.kind.startswith("TIMESTAMP WITH"):
        return plain
    try:
        low, high = engine.one(f"SELECT min({plain.sql}), max({plain.sql}) FROM {source.scan(engine, [place])}")
    except duckdb.Error as error:
        raise source.fails(error) from None
    if low is None:
        return plain
    return TimeColumn(column=plain.column, kind=plain.kind, clocks=offsets(where, low, high))


def bring(
    engine: DuckDBEngine, source: Source, columns: Mapping[str, str], places: Sequence[int], *, stem: str
) -> Read:
    """Make a table of these columns (name to SQL over `c<i>`): a view where the scan is cheap to repeat."""
    wanted = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    scan = source.scan(engine, sorted(set(places)))
    table = engine.fresh(stem, large=source.is_large)
    kind = "VIEW" if source.numbers_rows else "TABLE"
    table = table if kind == "TABLE" else engine.fresh(stem)
    try:
        engine.execute(f"CREATE {kind} {table} AS SELECT {wanted} FROM {scan} AS s")
    except duckdb.Error as error:
        raise source.fails(error) from None
    if not engine.is_large(table):
        return Read(source=source, table=table)
    view = engine.fresh(stem)
    engine.execute(f"CREATE VIEW {quoted(view)} AS SELECT * FROM {table}")
    return Read(source=source, table=view)


def refuse_bad_times(engine: DuckDBEngine, source: Source, time: TimeColumn, *, bad: int, rows: int, name: str) -> None:
    """Raise `DataError` when more than a few times cannot be read."""
    if rows == 0 or bad <= BAD_SHARE * rows:
        return
    place = source.places[name]
    text = as_text(f"c{place}", source.kinds[place])
    found = engine.rows(f"SELECT {text} FROM {source.scan(engine, [place])} WHERE {time.sql} IS NULL LIMIT 1")
    example = "empty" if not found or found[0][0] is None else f"'{str(found[0][0])[:40]}'"
    raise DataError(
        f"{source.name}: {bad:,} of {rows:,} values of '{name}' cannot be read as times (one is {example}); write ISO"
        " 8601 with or without a zone, or epoch seconds or milliseconds."
    )
