"""An experiment of many units: three arms, ten metrics with covariates, twenty segments, every interval.

Against one bare GROUP BY of DuckDB over the same Parquet file, which computes the sums and products that are needed and
nothing more (no health checks, no intervals, sums that change with the order of the rows), and against tea-tasting.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Cost, Work, markdown, seconds
from benchmarks.unit_tables import ARMS, COUNTRIES, VALUES, make_units

MEANS = ("revenue", "orders", "converted", "sessions", "minutes", "clicks")
RATIOS = (("revenue", "orders"), ("clicks", "views"), ("minutes", "sessions"), ("revenue", "sessions"))
SOME = 2
"""Segments tea-tasting is measured on where there are many rows; each is a query of its own."""
MANY_ROWS = 10_000_000
AIM = 1.3


def seatrial(given: argparse.Namespace) -> Any:
    """The whole analysis: health, raw and adjusted effects on all units and in every segment, and the verdict."""
    import seatrial as st

    metrics = {f"{name}_per_unit": f"mean({name})" for name in MEANS}
    covariates = {f"{name}_per_unit": f"mean(pre_{name})" for name in MEANS}
    for over, under in RATIOS:
        metrics[f"{over}_per_{under}"] = f"{over} / {under}"
        covariates[f"{over}_per_{under}"] = f"pre_{over} / pre_{under}"
    result = st.analyze(
        units=given.file,
        metrics=metrics,
        covariates=covariates,
        primary=list(metrics),
        segments=["country"],
        control=ARMS[0],
        columns={"unit": "unit", "arm": "arm"},
    )
    kept = [e for e in result.effects if e.low is not None]
    adjusted = {
        f"{e.metric} {e.candidate}": [e.difference, e.standard_error]
        for e in kept
        if not e.slice and e.adjustment == "cuped"
    }
    return {"intervals": len(kept), "adjusted": adjusted}


def group_by(given: argparse.Namespace) -> Any:
    """Counts, sums and products of all terms by arm and country, each once, as plain sums of doubles."""
    import duckdb

    names = [f"{before}{name}" for before in ("", "pre_") for name in VALUES]
    together = [(name, f"pre_{name}") for name in MEANS] + [
        (over, under, f"pre_{over}", f"pre_{under}") for over, under in RATIOS
    ]
    pairs = dict.fromkeys((a, b) for terms in together for i, a in enumerate(terms) for b in terms[i:])
    wanted = ["count(*)", *(f"sum({name})" for name in names), *(f"sum({a} * {b})" for a, b in pairs)]
    columns = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in names)
    source = f"(SELECT arm, country, {columns} FROM read_parquet('{given.file}'))"
    found = duckdb.connect().execute(f"SELECT arm, country, {', '.join(wanted)} FROM {source} GROUP BY arm, country")
    return {"cells": len(found.fetchall()), "sums": len(wanted)}


def tea_tasting(given: argparse.Namespace) -> Any:
    """The same metrics in tea-tasting over the same file in DuckDB; segments are filters, one query each."""
    import ibis
    import tea_tasting as tt

    metrics: dict[str, Any] = {f"{name}_per_unit": tt.Mean(name, f"pre_{name}") for name in MEANS}
    for over, under in RATIOS:
        metrics[f"{over}_per_{under}"] = tt.RatioOfMeans(over, under, f"pre_{over}", f"pre_{under}")
    experiment = tt.Experiment(metrics, variant="arm")
    units = ibis.duckdb.connect().read_parquet(given.file)
    asked = [None, *COUNTRIES] if given.many is None else [None, *COUNTRIES[: given.many]]
    intervals = 0
    adjusted: dict[str, list[float]] = {}
    for country in asked:
        data = units if country is None else units.filter(units["country"] == country)
        result = experiment.analyze(data, control=ARMS[0], all_variants=True)
        for (control, candidate), found in result.items():
            if control != ARMS[0]:
                continue
            for name, one in found.items():
                intervals += 1
                if country is None:
                    values = one._asdict()
                    adjusted[f"{name} {candidate}"] = [values["treatment"] - values["control"]]
    return {"intervals": intervals, "adjusted": adjusted}


WORKS: dict[str, Work] = {"seatrial": seatrial, "group-by": group_by, "tea-tasting": tea_tasting}


def bench(folder: Path, rows: int, *, peers: bool = True, repeat: int = 1) -> str:
    """A Markdown table of times and memory, as multiples of the bare GROUP BY."""
    file = make_units(folder, rows)

    def run(work: str, many: int | None = None) -> Cost:
        return measuring.run("benchmarks.experiment", work, file=file, rows=rows, many=many)

    def median(work: str) -> Cost:
        return sorted((run(work) for _ in range(repeat)), key=lambda cost: cost.cpu)[repeat // 2]

    costs = {"DuckDB, one bare GROUP BY (sums only)": median("group-by"), "Seatrial, everything": median("seatrial")}
    bare, own = costs.values()
    if peers:
        if rows > MANY_ROWS:
            costs["tea-tasting, no health checks"] = _scaled(run("tea-tasting", SOME), run("tea-tasting", 0))
        else:
            costs["tea-tasting, no health checks"] = run("tea-tasting")
    lines = [
        [
            name + ("" if cost.scaled_by == 1 else " *"),
            seconds(cost.wall),
            seconds(cost.cpu),
            f"{cost.peak:,.0f} MB",
            f"{cost.wall / bare.wall:.2f}",
            f"{cost.cpu / bare.cpu:.2f}",
        ]
        for name, cost in costs.items()
    ]
    table = markdown(["contender", "wall", "processor", "peak memory", "x wall", "x processor"], lines)
    parts = [
        f"### An experiment of {rows:,} units, {len(ARMS)} arms, {len(MEANS) + len(RATIOS)} metrics with covariates, "
        f"{len(COUNTRIES)} segments",
        table,
    ]
    if any(cost.scaled_by != 1 for cost in costs.values()):
        parts.append(f"\\* measured on all units and {SOME} of the segments, and scaled up.")
    said = f"The GROUP BY gave {bare.found['sums']} sums in {bare.found['cells']} cells, "
    said += f"Seatrial {own.found['intervals']:,} effects with their intervals, raw and adjusted."
    theirs = [cost.found["adjusted"] for name, cost in costs.items() if name.startswith("tea-tasting")]
    if theirs:
        apart = _apart(own.found["adjusted"], theirs[0])
        said += f" Largest difference from tea-tasting's adjusted effects: {apart:.1e} standard errors."
    parts.append(said)
    return "\n\n".join(parts)


def _apart(own: dict[str, list[float]], theirs: dict[str, list[float]]) -> float:
    """In standard errors; theirs takes each pair's covariates alone, ours those of all arms."""
    return max(abs(difference - theirs[name][0]) / error for name, (difference, error) in own.items())


def _scaled(some: Cost, whole: Cost) -> Cost:
    """All units and some segments, scaled to all segments; what is done once is in `whole`."""
    factor = len(COUNTRIES) / SOME
    wall, cpu = (getattr(whole, k) + (getattr(some, k) - getattr(whole, k)) * factor for k in ("wall", "cpu"))
    return Cost(wall=wall, cpu=cpu, peak=some.peak, found=some.found, scaled_by=factor)


if __name__ == "__main__":
    measuring.answer(WORKS)
