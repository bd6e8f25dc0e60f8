"""A metric as it stood at the end of each day, all days from one pass over what changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from sqlglot import exp

from seatrial.experiments.cells import Cells, Floats, Key, rows_of
from seatrial.experiments.measure import quantities, unit_rows
from seatrial.experiments.quantity_scan import scan_quantities
from seatrial.experiments.sums import column
from seatrial.experiments.table import Daily, UnitTable
from seatrial.experiments.terms import is_quantile
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.moments import Moments

AFTER, BEFORE = 0, 1


def daily(table: UnitTable, metrics: Sequence[ExperimentMetric], *, skewness: bool = True) -> dict[str, Daily]:
    """Every metric as it stood at the end of each day since the first exposure.

    Moments do not add over days of one unit: from each unit's state before and after a day on which it changed comes
    that day's delta of every term and product, f(after) - f(before), added up by arm, phase and day in the engine and
    over days here. A unit enters on the day of its first exposure. The last day is what `measure` says of the table.

    Quantiles, rows finer than units and tables without times have no daily values: they are not in the result.
    """
    plain = [m for m in metrics if not is_quantile(m)]
    if table.states is None or table.clustered or not plain:
        return {}
    wanted = quantities(table, plain)
    states = table.states()
    first, last = _range(table, states)
    if last < first:
        return {}
    size = last - first + 1
    columns = sorted({c.name for one in wanted for term in one.terms for c in term.sql.find_all(exp.Column)})
    rows = rows_of(
        table.engine,
        _before_and_after(states, columns),
        arms=len(table.arms),
        phases=len(table.phases),
        keys=[Key(name="day", size=size, first=first), Key(name="side", size=2)],
    )
    rows = replace(rows, first_tell=False)  # the states before the changes come last
    found = scan_quantities(rows, wanted, [("day", "side")], cubes=skewness, units=unit_rows(table))
    days = tuple(_day(table, first + i) for i in range(size))
    return {
        name: Daily(name=name, days=days, means=one.of(_cumulated(one.cells["day", "side"], size)))
        for name, one in found.items()
    }


def _range(table: UnitTable, states: str) -> tuple[int, int]:
    """The first and the last day on which anything changed."""
    day = column("day")
    ends = exp.select(exp.alias_(exp.Min(this=day), "low"), exp.alias_(exp.Max(this=day.copy()), "high"))
    result = table.engine.query(ends.from_(exp.to_table(states)))
    low, high = (np.ma.filled(np.ma.asarray(result[name], dtype=float), np.nan)[0] for name in ("low", "high"))
    return (0, -1) if np.isnan(low) or np.isnan(high) else (int(low), int(high))


def _before_and_after(states: str, columns: Sequence[str]) -> exp.Expr:
    """The states after each change, and below them those before, with `side` to tell them apart."""
    keys = [column(name) for name in ("arm", "phase", "day")]
    sides = []
    for side, prefix in ((AFTER, ""), (BEFORE, "p_")):
        values = [exp.alias_(column(f"{prefix}{name}"), name, quoted=True) for name in columns]
        marked = exp.alias_(exp.Literal.number(side), "side", quoted=True)
        sides.append(exp.select(*[k.copy() for k in keys], marked, *values).from_(exp.to_table(states)))
    return exp.union(sides[0], sides[1], distinct=False).subquery("states")


def _cumulated(cells: Cells, days: int) -> Cells:
    """Deltas added up over days: one slice a day."""
    arms, phases, _ = cells.shape

    def summed(values: Floats) -> Floats:
        split = values.reshape(arms, phases, days, 2, *values.shape[1:])
        total = np.cumsum(split[:, :, :, AFTER] - split[:, :, :, BEFORE], axis=2)
        return np.asarray(total.reshape(-1, *values.shape[1:]), dtype=np.float64)

    m = cells.moments
    return replace(
        cells,
        shape=(arms, phases, days),
        moments=Moments(n=summed(m.n), centres=m.centres, sums=summed(m.sums), products=summed(m.products)),
        cubes=None if cells.cubes is None else summed(cells.cubes),
    )


def _day(table: UnitTable, number: int) -> str:
    if table.first_day is None:
        return f"day {number + 1}"
    return (date.fromisoformat(table.first_day[:10]) + timedelta(days=number)).isoformat()
