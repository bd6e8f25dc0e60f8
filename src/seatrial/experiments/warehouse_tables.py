"""The base tables of exposures, events and pre-period that lie in a warehouse: typed there, one column for each use.

A warehouse's columns have types, and they are taken at their word: text is no number and no time. What files need
guessed (`reading.py`) is refused here with the remedy, a view with a CAST.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlglot.expressions as exp

from seatrial.data.engine import literal
from seatrial.data.engines.base import SqlEngine
from seatrial.data.engines.dialects import as_text, finite, microseconds
from seatrial.data.engines.postgres import PostgresEngine
from seatrial.data.engines.table import EngineSource, Table
from seatrial.errors import DataError, UsageError
from seatrial.experiments.answers import one
from seatrial.experiments.levels import MISSING
from seatrial.experiments.reading import BAD_SHARE, INTEGERS, REALS, Read, TimeColumn
from seatrial.experiments.tables import Base, Opened, Uses
from seatrial.experiments.times import SECOND, UTC_OFFSETS, offsets, zone

_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def located(*tables: Any) -> list[Any]:
    """Tables as they are, those written `postgresql://...#schema.table` as tables of one connection to that database.

    Raises `UsageError` for an address that names no table, `DataError` when the database does not answer.
    """
    engines: dict[str, SqlEngine] = {}
    found = []
    for table in tables:
        if not isinstance(table, str) or not table.startswith(("postgresql://", "postgres://")):
            found.append(table)
            continue
        address, _, name = table.rpartition("#")
        if not address or not name:
            raise UsageError(
                "An address of PostgreSQL ends in the table's name: postgresql://host/database#schema.table."
            )
        if address not in engines:
            engines[address] = PostgresEngine(address)
        found.append(Table(engines[address], name))
    return found


def engine_of(tables: Sequence[Any]) -> SqlEngine | None:
    """The engine in which all tables lie; None when none of them lies in one.

    Raises `UsageError` where only some do, or they lie in several.
    """
    engines = [table.engine if isinstance(table, Table) else None for table in tables]
    if all(engine is None for engine in engines):
        return None
    first = engines[0]
    if first is None or any(engine is not first for engine in engines):
        raise UsageError(
            "Exposures, events and pre must all lie in one engine: give each as Table(engine, name) of the same engine."
        )
    return first


def opened_in(table: Any) -> Any:
    """A table of an engine as a source; anything else as it is."""
    return EngineSource(table) if isinstance(table, Table) else table


def warehouse_table(
    engine: SqlEngine, opened: Opened, uses: Uses, *, stem: str, timezone: str, integer_units: bool
) -> Base:
    """Make the base table of a source that lies in the engine: a copy there of the columns that are needed.

    A copy, because a table that grows while it is read would be counted differently by every statement.

    Raises `UsageError` for columns of the wrong type, `DataError` when more than a few times are missing.
    """
    source = opened.source
    if not isinstance(source, EngineSource):
        raise UsageError(f"{source.name} does not lie in {engine.title}.")
    inner: list[exp.Expr] = []

    def raw(sql: exp.Expr) -> str:
        inner.append(exp.alias_(sql, f"c{len(inner)}"))
        return f"b.c{len(inner) - 1}"

    def text(name: str) -> str:
        return f"NULLIF(TRIM({raw(as_text(source.column(name), source.kind(name), engine.dialect))}), '')"

    def plain(name: str) -> str:
        return raw(source.column(name))

    wanted = {}
    if integer_units:
        wanted["unit"] = f"CAST({plain(opened.unit)} AS BIGINT)"
    else:
        unit = raw(as_text(source.column(opened.unit), source.kind(opened.unit), engine.dialect))
        wanted["unit"] = f"NULLIF({unit}, '')"
    for role, name in (("time", opened.time), ("arrived", opened.arrived)):
        if name is not None:
            wanted[role] = _time(engine, source, name, raw, timezone)
    for role, name in (("arm", opened.arm), ("phase", opened.phase), ("name", opened.event), ("id", opened.event_id)):
        if name is not None:
            wanted[role] = text(name)
    for at, name in enumerate(uses.segments):
        wanted[f"s{at}"] = f"COALESCE({text(name)}, {literal(MISSING)})"
    for at, name in enumerate(uses.numbers):
        wanted[f"v{at}"], wanted[f"f{at}"] = _number(source, name, plain(name))
    for at, name in enumerate(uses.texts):
        wanted[f"t{at}"] = text(name)
    typed = exp.select(*[f"{sql} AS {name}" for name, sql in wanted.items()], dialect="duckdb")
    table = engine.fresh(stem)
    engine.create(table, typed.from_(exp.select(*inner).from_(source.relation.copy()).subquery("b")))
    time = None
    if opened.time is not None:
        time = TimeColumn(column="time", kind="BIGINT")
        _refuse_missing_times(engine, table, source, opened.time)
    return Base(opened=opened, uses=uses, read=Read(source=source, table=table), time=time)


def _number(source: EngineSource, name: str, column: str) -> tuple[str, str]:
    """SQL of a finite number (true and false are 1 and 0), and of 1 where something is there that is no such number."""
    kind = source.kind(name)
    if kind in INTEGERS:
        return f"CAST({column} AS DOUBLE)", "0"
    if kind == "BOOLEAN":
        return f"CASE WHEN {column} THEN 1.0 WHEN NOT {column} THEN 0.0 END", "0"
    if kind not in REALS and not kind.startswith("DECIMAL"):
        raise UsageError(
            f"{source.name}: '{name}' is used as a number and is none in {source.engine.title}; give a view with"
            f" CAST({name} AS DOUBLE PRECISION)."
        )
    real = f"CAST({column} AS DOUBLE)"
    holds = finite(exp.maybe_parse(real, dialect="duckdb")).sql(dialect="duckdb")
    value = f"CASE WHEN {holds} THEN {real} END"
    return value, f"CASE WHEN {column} IS NULL THEN 0 WHEN {holds} THEN 0 ELSE 1 END"


def _time(engine: SqlEngine, source: EngineSource, name: str, raw: Callable[[exp.Expr], str], timezone: str) -> str:
    """SQL of UTC microseconds; looks at their range where the clocks of the zone ever change."""
    kind, column = source.kind(name), source.column(name)
    if kind in INTEGERS or kind in REALS or kind.startswith("DECIMAL"):
        return _epoch(f"CAST({raw(column)} AS DOUBLE)")
    if kind not in _TIMES:
        raise UsageError(
            f"{source.name}: '{name}' holds times as text; give a view with CAST({name} AS TIMESTAMP), or name another"
            " column."
        )
    micros = microseconds(column, kind, engine.dialect)
    where = zone(timezone)
    if kind == "TIMESTAMP WITH TIME ZONE" or offsets(where, 0, 0) is UTC_OFFSETS:
        return raw(micros)
    ends = [exp.alias_(of(this=exp.column("t")), end) for of, end in ((exp.Min, "low"), (exp.Max, "high"))]
    times = exp.select(exp.alias_(micros.copy(), "t")).from_(source.relation.copy()).subquery("b")
    low, high = one(engine, exp.select(*ends).from_(times))
    if low is None:
        return raw(micros)
    return offsets(where, low, high).utc(raw(micros))


def _epoch(number: str) -> str:
    """SQL of an epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by size."""
    return (
        f"CASE WHEN ABS({number}) < 1e8 THEN NULL"
        f" WHEN ABS({number}) < 1e11 THEN CAST(ROUND({number} * {SECOND}) AS BIGINT)"
        f" WHEN ABS({number}) < 1e14 THEN CAST(ROUND({number} * 1000) AS BIGINT)"
        f" WHEN ABS({number}) < 1e17 THEN CAST(ROUND({number}) AS BIGINT)"
        f" WHEN ABS({number}) < 1e20 THEN CAST(ROUND({number} / 1000) AS BIGINT) END"
    )


def _refuse_missing_times(engine: SqlEngine, table: str, source: EngineSource, name: str) -> None:
    n, bad = one(engine, f"SELECT COUNT(*) AS n, SUM(CASE WHEN time IS NULL THEN 1 ELSE 0 END) AS bad FROM {table}")
    if n and bad > BAD_SHARE * n:
        raise DataError(
            f"{source.name}: {bad:,} of {n:,} values of '{name}' are missing or no times; give a view without these"
            " rows."
        )
