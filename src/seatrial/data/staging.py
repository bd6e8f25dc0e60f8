"""Staging: the columns of a source that are needed, typed by what they are needed for, as one table or view in the
engine.

A stage has `k` (the row's position in the source) and per column i of the source, as asked for:

    t<i>      as a label or level: BIGINT, DOUBLE, BOOLEAN or VARCHAR; NULL = missing
    v<i>      as a number: DOUBLE, NULL unless finite
    w<i>      why v<i> is what it is: 0 a number, 1 missing, 2 not a number, 3 not finite
    n<i>      number of characters
    id_n, id_t   the id: BIGINT when it is a whole number in its usual writing, else VARCHAR (one of the two, or
    neither)
"""

from dataclasses import dataclass

import duckdb

from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.source import Source, as_text

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_REALS = {"DOUBLE", "FLOAT"}
# Patterns, for the engine turns a longer IN (...) or list_contains into a join, and a join loses the order of the rows.
_NO_NUMBER = "'na|n/a|null|none|<na>|'"
_NO_ID = "'nan|none|null|<na>|nat|'"
MISSING, UNREADABLE, NOT_FINITE = 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class Uses:
    """What the columns of one source (by position) are needed for."""

    id: int | None = None
    texts: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A staged source: `table` is the name of a table or view in the engine."""

    engine: DuckDBEngine
    source: Source
    table: str
    stored: str | None = None
    """The table under the view, where the source was copied."""

    def drop(self) -> None:
        """Give back the memory of a stage that is no longer needed."""
        self.engine.execute(f"DROP VIEW {quoted(self.table)}")
        if self.stored is not None:
            self.engine.execute(f"DROP TABLE {self.stored}")

    def relation(self, model: tuple[int, str] | None, *, parameter: str = "model") -> tuple[str, dict[str, object]]:
        """Return SQL that goes behind FROM, restricted to one model's rows in a long file, and its parameters."""
        if model is None:
            return quoted(self.table), {}
        place, value = model
        return f"(SELECT * FROM {quoted(self.table)} WHERE CAST(t{place} AS VARCHAR) = ${parameter})", {
            parameter: value
        }


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one or more versions that lie in the same rows of one source."""

    alias: str
    stage: Stage
    relation: str
    """SQL behind FROM."""
    given: dict[str, object]
    """Its parameters."""
    versions: tuple[int, ...]
    rows: int = 0
    missing_ids: int = 0
    duplicate_ids: int = 0
    key: str | None = None
    """SQL of the id, over the columns of the relation."""


def stage(engine: DuckDBEngine, source: Source, uses: Uses) -> Stage:
    """Bring the needed columns of a source into the engine: a view where the scan is cheap to repeat, else a table."""
    stored: dict[str, str] = {}
    derived: dict[str, str] = {}
    places: set[int] = set()
    texts = set(uses.texts)
    for place in sorted(texts):
        places.add(place)
        stored[f"t{place}"] = _label(f"c{place}", source.kinds[place])
    for place in sorted(set(uses.numbers)):
        places.add(place)
        kind = source.kinds[place]
        if place in texts and _is_text(kind):
            derived[f"v{place}"], derived[f"w{place}"] = _number(f"t{place}", "TEXT")
        else:
            stored[f"v{place}"], stored[f"w{place}"] = _number(f"c{place}", kind)
    for place in sorted(set(uses.lengths)):
        places.add(place)
        stored[f"n{place}"] = f"CAST(length({as_text(f'c{place}', source.kinds[place])}) AS DOUBLE)"
    if uses.id is not None:
        places.add(uses.id)
        stored["id_n"], stored["id_t"] = _id(f"c{uses.id}", source.kinds[uses.id])

    table = engine.fresh("stage", large=source.is_large)
    scan = source.scan(engine, sorted(places))
    first = ["k"] if source.numbers_rows else []
    wanted = ", ".join([*first, *(f"{sql} AS {name}" for name, sql in stored.items())]) or "0 AS nothing"
    kind = "VIEW" if source.numbers_rows else "TABLE"
    try:
        engine.execute(f"CREATE {kind} {table} AS SELECT {wanted} FROM {scan} AS s")
    except duckdb.Error as error:
        raise source.fails(error) from None
    if source.numbers_rows and not derived:
        return Stage(engine=engine, source=source, table=table)
    view = engine.fresh("stage")
    number = "" if source.numbers_rows else "rowid AS k, "
    more = "".join(f", {sql} AS {name}" for name, sql in derived.items())
    engine.execute(f"CREATE VIEW {quoted(view)} AS SELECT {number}*{more} FROM {table}")
    return Stage(engine=engine, source=source, table=view, stored=None if source.numbers_rows else table)


def _is_text(kind: str) -> bool:
    return kind not in _INTEGERS | _REALS | {"BOOLEAN", "HUGEINT", "UBIGINT"} and not kind.startswith("DECIMAL")


def _label(column: str, kind: str) -> str:
    if kind in _INTEGERS:
        return f"CAST({column} AS BIGINT)"
    if kind == "BOOLEAN":
        return column
    if kind == "DOUBLE":
        return f"CASE WHEN isnan({column}) THEN NULL ELSE {column} END"
    return as_text(column, kind)


def _number(column: str, kind: str) -> tuple[str, str]:
    """Return SQL of the finite number in a column and of why there may be none."""
    if kind in _INTEGERS | {"BOOLEAN"}:
        return f"CAST({column} AS DOUBLE)", f"CAST(CASE WHEN {column} IS NULL THEN 1 ELSE 0 END AS TINYINT)"
    if not _is_text(kind):
        real, absent = f"CAST({column} AS DOUBLE)", f"{column} IS NULL"
    else:
        text = column if kind in {"TEXT", "VARCHAR"} else f"CAST({column} AS VARCHAR)"
        real = f"TRY_CAST({text} AS DOUBLE)"
        absent = f"{text} IS NULL OR regexp_full_match(lower(trim({text})), {_NO_NUMBER})"
    why = f"CASE WHEN isfinite({real}) THEN 0 WHEN {real} IS NOT NULL THEN 3 WHEN {absent} THEN 1 ELSE 2 END"
    return f"CASE WHEN isfinite({real}) THEN {real} END", f"CAST({why} AS TINYINT)"


def _id(column: str, kind: str) -> tuple[str, str]:
    """Return SQL of an id as a whole number and, where it is none, as text; a missing id is neither."""
    if kind in _INTEGERS:
        return f"CAST({column} AS BIGINT)", "CAST(NULL AS VARCHAR)"
    text = as_text(column, kind)
    digits = f"{text} BETWEEN '-' AND ':' AND length({text}) < 20"
    number = f"TRY_CAST({text} AS BIGINT)"
    whole = f"CASE WHEN {digits} AND CAST({number} AS VARCHAR) = {text} THEN {number} END"
    absent = f"length({text}) < 5 AND regexp_full_match(lower(trim({text})), {_NO_ID})"
    if not _is_text(kind):
        absent = "FALSE"
    return (
        whole,
        f"CASE WHEN {digits} AND CAST({number} AS VARCHAR) = {text} THEN NULL WHEN {absent} THEN NULL ELSE {text} END",
    )


def id_text(column: str, kind: str) -> str:
    """Return SQL of an id as the frame writes it."""
    whole, text = _id(column, kind)
    return f"COALESCE({text}, CAST({whole} AS VARCHAR))"
