"""Units counted by arm, phase, day and segment: what the checks of allocation and logging read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import sqlglot
import sqlglot.expressions as exp

from seatrial.data.engine import quoted
from seatrial.experiments.formulas import metric_formula
from seatrial.experiments.observed import counted_by
from seatrial.experiments.table import Measured, UnitTable
from seatrial.expressions import text_columns
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.contrasts import Floats


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of units."""

    units: Floats
    """(A, P)."""
    days: tuple[str, ...]
    """Of the first exposure, from the first day to the last; empty without times."""
    by_day: Floats
    """(A, P, D)."""
    segments: Mapping[str, tuple[tuple[str, ...], Floats]]
    """Column to its levels and counts (A, P, S)."""


def tally(table: UnitTable, measured: Mapping[str, Measured]) -> Tally:
    """Count the units of a table in one query, and of segments; not again what a metric has counted."""
    counted = counted_by(table, measured) if table.first_day is None else None
    units, by_day = _by_day(table) if counted is None else (counted, np.zeros((*counted.shape, 0)))
    return Tally(
        units=units,
        days=day_names(table.first_day, by_day.shape[2]),
        by_day=by_day,
        segments={
            segment.name: (segment.levels, _by_segment(table, measured, index, units))
            for index, segment in enumerate(table.segments)
        },
    )


def _by_day(table: UnitTable) -> tuple[Floats, Floats]:
    """Units by arm and phase, and by day of the first exposure as well where all have one."""
    arms, phases = len(table.arms), len(table.phases)
    found = query(
        table,
        f"SELECT arm, phase, COALESCE(day, -1) AS day, {_units(table)} AS n FROM units GROUP BY arm, phase, "
        "COALESCE(day, -1)",
    )
    last = int(found["day"].max()) if found["day"].size else -1
    known = bool(found["day"].size) and int(found["day"].min()) >= 0
    by_day = np.zeros((arms, phases, last + 1 if known else 0))
    units = np.zeros((arms, phases))
    at = found["arm"].astype(int), found["phase"].astype(int)
    np.add.at(units, at, found["n"].astype(float))
    if known:
        np.add.at(by_day, (*at, found["day"].astype(int)), found["n"].astype(float))
    return units, by_day


def query(table: UnitTable, sql: str, *, source: str | None = None) -> dict[str, np.ndarray]:
    """Run portable SQL in which the table (or `source`) is called `units`."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    for one in tree.find_all(exp.Table):
        if one.name == "units":
            one.replace(exp.to_table(source or table.table))
    return table.engine.query(tree)


def numeric(metrics: Sequence[ExperimentMetric], metric: str, column: str) -> bool:
    """Whether a metric's formula reads a column as a number, not as a word: `mean(plan == 'pro')`."""
    formula = next(one.formula for one in metrics if one.name == metric)
    return column not in text_columns(metric_formula(formula))


def day_names(first_day: str | None, days: int) -> tuple[str, ...]:
    """Name the days: dates where the first one is known.

    >>> day_names("2024-02-28", 3), day_names(None, 2)
    (('2024-02-28', '2024-02-29', '2024-03-01'), ('day 0', 'day 1'))
    """
    if first_day is None:
        return tuple(f"day {day}" for day in range(days))
    start = date.fromisoformat(first_day[:10])
    return tuple((start + timedelta(days=day)).isoformat() for day in range(days))


def _units(table: UnitTable) -> str:
    return "COUNT(DISTINCT unit)" if table.clustered else "COUNT(*)"


def _by_segment(table: UnitTable, measured: Mapping[str, Measured], index: int, units: Floats) -> Floats:
    """Counts (A, P, S): those of a metric that every unit has, else a query."""
    segment = table.segments[index]
    if not table.clustered:
        for one in measured.values():
            grouping = (segment.name,)
            whole, split = one.by.get(()), one.by.get(grouping)
            if (
                whole is not None
                and split is not None
                and one.levels[grouping] == segment.levels
                and np.array_equal(whole.n[:, :, 0], units)
            ):
                return np.asarray(split.n, dtype=np.float64)
    code = quoted(f"s{index}")
    found = query(table, f"SELECT arm, phase, {code} AS s, {_units(table)} AS n FROM units GROUP BY arm, phase, {code}")
    counts = np.zeros((*units.shape, len(segment.levels)))
    np.add.at(
        counts, (found["arm"].astype(int), found["phase"].astype(int), found["s"].astype(int)), found["n"].astype(float)
    )
    return counts
