"""Units of a ready table that stand in several rows: in more than one arm, or several times in one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.data.engine import DuckDBEngine
from seatrial.errors import UsageError
from seatrial.experiments.in_place import unit_column
from seatrial.experiments.levels import code_sql
from seatrial.experiments.reading import INTEGERS, Read

MARKS = 400_000_000
"""Widest range of whole numbers for which a mark (a bit) each is kept in memory."""


HASHED_FROM = 1_000_000
"""Rows from which on units that repeat are looked for by their hashes."""
HASHES_AT_ONCE = 60_000_000
"""In memory, of eight bytes."""
MOST_TWICE = 5_000_000


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Units in more than one arm."""

    table: str | None
    """Their `unit` and the code of the first `arm` (-1: not in the plan); None: there are none."""
    by_arm: dict[int, int]


def find_crossed(
    engine: DuckDBEngine,
    rows: Read,
    codes: Mapping[str, int],
    *,
    unit: str | None,
    clustered: bool,
    timed: bool,
    in_time: str,
    total: int,
    needs_first: bool,
) -> Crossed:
    """Find units in more than one arm; `in_time` is the condition for a row (`r`) to count.

    Raises `UsageError` for units that repeat in one arm although every row should be a unit.
    """
    none = Crossed(table=None, by_arm={})
    if unit is None or (not clustered and _all_different(engine, rows, unit, total)):
        return none
    there = f"r.arm IS NOT NULL AND {in_time}"
    if not clustered and total >= HASHED_FROM:
        hashes = _twice(engine, rows, unit, total)
        if not len(hashes):
            return none
        if len(hashes) <= MOST_TWICE:
            twice = engine.fresh("twice")
            engine.connection.register(twice, {"h": hashes})
            there = f"hash({unit_column(rows, unit)}) IN (SELECT h FROM {twice}) AND {there}"
    table = engine.fresh("repeated")
    arm = f"COALESCE({code_sql('r.arm', codes)}, -1)"
    crossing = f" AND min({arm}) < max({arm})" if clustered else ""
    engine.execute(
        f"CREATE TABLE {table} AS SELECT r.unit AS unit, min({arm}) AS low, max({arm}) AS high"
        f" FROM {rows.table} AS r WHERE {there} GROUP BY r.unit HAVING count(*) > 1{crossing}"
    )
    again, example = engine.one(f"SELECT count(*), min(unit) FROM {table} WHERE low = high")
    if again:
        raise UsageError(
            f"{rows.source.name}: {again:,} values of '{unit}' stand in several rows of one arm (one is '{example}')."
            f" If rows are finer than units, say so with --cluster {unit}; daily or event rows are given as events."
        )
    if not engine.one(f"SELECT count(*) FROM {table}")[0]:
        return none
    if needs_first and not timed:
        raise UsageError("To keep crossovers by their first arm, name the column of times with --time.")
    order = "r.time, r.arm" if timed else "r.arm"
    ranked = (
        f"SELECT r.unit AS unit, {arm} AS arm, row_number() OVER (PARTITION BY r.unit ORDER BY {order}) AS place"
        f" FROM {rows.table} AS r JOIN {table} AS m ON m.unit = r.unit WHERE {there}"
    )
    first = engine.fresh("crossed")
    engine.execute(f"CREATE TABLE {first} AS SELECT unit, arm FROM ({ranked}) WHERE place = 1")
    found = engine.rows(f"SELECT arm, count(*) FROM {first} WHERE arm >= 0 GROUP BY arm")
    return Crossed(table=first, by_arm={int(code): int(count) for code, count in found})


def _twice(engine: DuckDBEngine, rows: Read, unit: str, total: int) -> NDArray[np.uint64]:
    """Hashes (64 bits) that more than one row's unit has: those of all units that repeat are among them.

    Sorting plain hashes takes a tenth of the time of grouping by units, and no more memory than is said.
    """
    column = unit_column(rows, unit)
    parts = -(-total // HASHES_AT_ONCE)
    found = []
    for part in range(parts):
        some = "" if parts == 1 else f" AND hash({column}) % {parts} = {part}"
        sql = f"SELECT hash({column}) AS h FROM {rows.table} AS r WHERE {column} IS NOT NULL{some}"
        hashes = engine.query(sql)["h"].astype(np.uint64, copy=False)
        hashes.sort()
        found.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate(found)


def _all_different(engine: DuckDBEngine, rows: Read, unit: str, total: int) -> bool:
    """Whether units that are whole numbers are all different, by a mark for each; False where that is not known."""
    source = rows.source
    if source.kinds[source.places[unit]] not in INTEGERS or total < 2:
        return False
    low, high, present = engine.one(f"SELECT min(r.unit), max(r.unit), count(r.unit) FROM {rows.table} AS r")
    if low is None or high - low >= min(MARKS, 64 * total):
        return False
    marks = f"bitstring_agg(r.unit, CAST({low} AS BIGINT), CAST({high} AS BIGINT))"
    return bool(engine.one(f"SELECT bit_count({marks}) FROM {rows.table} AS r")[0] == present)
