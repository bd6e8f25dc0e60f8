"""Unit rows read where they lie, in Parquet: what the file's own statistics and quicker ways of reading it give."""

from collections.abc import Callable, Mapping, Sequence

from seatrial.data.engine import DuckDBEngine
from seatrial.experiments.reading import INTEGERS, REALS, Read
from seatrial.experiments.table import AsIs

Bounds = Callable[[Sequence[str]], Mapping[str, tuple[float, float]]]


SHORT = 5
"""No text of so many letters says that a unit is missing, as `none` does."""


def has_text(rows: Read, column: str) -> bool:
    """Whether a column of texts is also there as it is written, which is quicker to group, to compare and to code."""
    return rows.source.numbers_rows and rows.source.kinds[rows.source.places[column]] == "VARCHAR"


def unit_column(rows: Read, unit: str) -> str:
    """SQL of the unit of a row (`r`) that has one: a text names it as it is written."""
    return "r.unit_text" if has_text(rows, unit) else "r.unit"


def every_unit_known(engine: DuckDBEngine, rows: Read, unit: str | None) -> bool:
    """Whether it is quickly seen that no row lacks its unit: by the file's statistics, or by texts that are long."""
    if unit is None:
        return True
    if has_text(rows, unit):
        short = f"r.unit_text IS NULL OR length(r.unit_text) < {SHORT}"
        return bool(engine.one(f"SELECT count(*) FROM {rows.table} AS r WHERE {short}")[0] == 0)
    if not rows.source.numbers_rows or rows.source.kinds[rows.source.places[unit]] not in INTEGERS:
        return False
    every, there = engine.one(f"SELECT count(*), count(r.unit) FROM {rows.table} AS r")
    return bool(every == there)


def as_is_view(
    engine: DuckDBEngine, rows: Read, numbers: Sequence[str], wanted: Mapping[str, str], source: str
) -> AsIs | None:
    """Make the view of `wanted` (name to SQL) with real numbers as they are; None where the file has no such columns.

    `numbers` are the names of the columns v0, v1, ...; `source` is what stands behind SELECT.
    """
    kinds = [rows.source.kinds[rows.source.places[name]] for name in numbers]
    reals = {f"r.v{at}": f"CAST(r.v{at}_as_is AS DOUBLE)" for at, kind in enumerate(kinds) if kind in REALS}
    guarded = frozenset(name for name, sql in wanted.items() if sql in reals)
    if not guarded:
        return None
    table = engine.fresh("units_as_is")
    columns = ", ".join(f"{reals.get(sql, sql)} AS {name}" for name, sql in wanted.items())
    engine.execute(f"CREATE VIEW {table} AS SELECT {columns} {source}")
    plain = _plain(rows, numbers)
    counts = ", ".join(f"count({plain[sql]}) AS {name}" for name, sql in wanted.items() if sql in plain)
    found = engine.query(f"SELECT count(*) AS every, {counts} FROM {rows.table} AS r")  # answered by the statistics
    complete = frozenset(name for name, n in found.items() if name != "every" and n[0] == found["every"][0])
    return AsIs(table=table, guarded=guarded, complete=complete)


def _plain(rows: Read, numbers: Sequence[str]) -> dict[str, str]:
    """Columns v<i> that are numbers of the file, as they are there."""
    kinds = [rows.source.kinds[rows.source.places[name]] for name in numbers]
    return {f"r.v{at}": f"r.v{at}_as_is" for at, kind in enumerate(kinds) if kind in REALS | INTEGERS}


def bounds_of(engine: DuckDBEngine, rows: Read, numbers: Sequence[str], wanted: Mapping[str, str]) -> Bounds | None:
    """Bounds of the columns that are columns of the file: smallest and largest of all its rows, by its statistics."""
    if not rows.source.numbers_rows:
        return None
    plain = _plain(rows, numbers)

    def bounds(columns: Sequence[str]) -> Mapping[str, tuple[float, float]]:
        known = [name for name in columns if wanted.get(name) in plain]
        if not known:
            return {}
        ends = ", ".join(f"min({plain[wanted[name]]}), max({plain[wanted[name]]})" for name in known)
        found = engine.one(f"SELECT {ends} FROM {rows.table} AS r")
        pairs = zip(known, found[::2], found[1::2], strict=True)
        return {name: (float(low), float(high)) for name, low, high in pairs if low is not None}

    return bounds
