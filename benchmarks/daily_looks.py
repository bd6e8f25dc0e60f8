"""Twenty-eight daily looks over events: per-unit state and each day's delta, against one pass that aggregates once.

The bare pass joins events with exposures, adds up each unit, and takes n, sums and squares of three means and a ratio
by arm. Done anew for each of the 28 days it would take 28 times as long.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Cost, Work, markdown, seconds
from benchmarks.unit_tables import ARMS, DAYS, EVENTS_PER_UNIT, VISITS, make_events

AIM = 3.0


def _table(given: argparse.Namespace) -> Any:
    from seatrial.experiments.units import units_from_events
    from seatrial.records.plan import Columns, ExperimentMetric

    formulas = {"revenue": "mean(revenue)", "orders": "mean(orders)", "minutes": "mean(minutes)"}
    metrics = [ExperimentMetric(name=name, formula=text, missing="zero") for name, text in formulas.items()]
    metrics.append(ExperimentMetric(name="order_value", formula="revenue / orders"))
    columns = Columns(unit="unit", arm="arm", time="time", event_time="time")
    table = units_from_events(given.other, given.file, metrics=metrics, columns=columns, control=ARMS[0])
    return table, metrics


def one_look(given: argparse.Namespace) -> Any:
    """Units from events, with all that is counted for the health checks, and every metric as it stands at the end."""
    from seatrial.experiments.measure import measure

    table, metrics = _table(given)
    return {"intervals": len(measure(table, metrics))}


def all_looks(given: argparse.Namespace) -> Any:
    """The same, and every metric as it stood at the end of each day."""
    from seatrial.experiments.daily import daily
    from seatrial.experiments.measure import measure
    from seatrial.stats.arms import contrast

    table, metrics = _table(given)
    measure(table, metrics)
    looks = daily(table, metrics)
    limits = [contrast(one.means, 1).contrast.interval(0.05)[0] for one in looks.values()]
    return {"intervals": sum(len(one) for one in limits)}


def bare(given: argparse.Namespace) -> Any:
    """One aggregate pass in DuckDB."""
    import duckdb

    by_unit = (
        "SELECT x.unit, any_value(x.arm) AS arm, sum(e.revenue) AS r, sum(e.orders) AS o, sum(e.minutes) AS m"
        f" FROM read_parquet('{given.file}') AS e JOIN read_parquet('{given.other}') AS x ON x.unit = e.unit"
        " WHERE e.time >= x.time GROUP BY x.unit"
    )
    sums = ", ".join(f"sum({a}), sum({a} * {a})" for a in ("r", "o", "m"))
    found = duckdb.connect().execute(f"SELECT arm, count(*), {sums}, sum(r * o) FROM ({by_unit}) GROUP BY arm")
    return {"cells": len(found.fetchall())}


WORKS: dict[str, Work] = {"bare": bare, "one-look": one_look, "all-looks": all_looks}


def bench(folder: Path, rows: int, *, repeat: int = 1) -> str:
    """A Markdown table of times and memory, as multiples of one pass."""
    exposures, events = make_events(folder, rows)

    def median(work: str) -> Cost:
        costs = [measuring.run("benchmarks.daily_looks", work, file=events, other=exposures) for _ in range(repeat)]
        return sorted(costs, key=lambda cost: cost.cpu)[repeat // 2]

    names = {
        "bare": "DuckDB, one bare pass (sums only)",
        "one-look": "Seatrial, one look",
        "all-looks": f"Seatrial, {DAYS} daily looks",
    }
    costs = {work: median(work) for work in names}
    base, one = costs["bare"], costs["one-look"]
    lines = [
        [
            names[work],
            seconds(cost.wall),
            seconds(cost.cpu),
            f"{cost.peak:,.0f} MB",
            f"{cost.cpu / base.cpu:.2f}",
            f"{cost.cpu / one.cpu:.2f}",
        ]
        for work, cost in costs.items()
    ]
    headings = ["contender", "wall", "processor", "peak memory", "x bare pass", "x one look"]
    return (
        f"### {DAYS} daily looks over {rows:,} events of {rows // EVENTS_PER_UNIT:,} units, {VISITS} visits each\n\n"
        f"{markdown(headings, lines)}\n\n"
        f"All looks together gave {costs['all-looks'].found['intervals']:,} intervals of four metrics."
    )


if __name__ == "__main__":
    measuring.answer(WORKS)
