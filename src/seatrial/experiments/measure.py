"""Measure metrics on a unit table: one scan for all metrics, arms, phases and segments."""

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.cells import Key, Rows, rows_of
from seatrial.experiments.quantiles import measure_quantile
from seatrial.experiments.quantity_scan import Scanned, may_scan_as_is, scan_quantities
from seatrial.experiments.rows_in_units import measure_clustered
from seatrial.experiments.segment_keys import segment_keys
from seatrial.experiments.table import Grouping, Measured, UnitTable
from seatrial.experiments.terms import Quantity, is_quantile, table_quantity
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans
from seatrial.stats.contrasts import Floats


def measure(
    table: UnitTable,
    metrics: Sequence[ExperimentMetric],
    groupings: Sequence[Grouping] = ((),),
    *,
    skewness: bool = True,
) -> dict[str, Measured]:
    """Measure every metric on every grouping in one pass over the unit table (quantiles read their column each).

    A unit that lacks an input of a formula is out of that metric; value and variance come from the moments of the
    formula's terms by the delta method, var = g' S g / n, covariates with them. A covariate that some units lack is
    filled with its mean and brings an indicator as one more covariate. Where the rows are finer than the unit of
    randomisation, a mean over rows is a ratio of sums over units. `skewness` is that of the units' values (of the first
    mean of the formula where there are several).

    Raises `UsageError` for columns, segments or formulas that are not there, `DataError` for numbers too large.
    """
    _checked(table, metrics, groupings)
    wanted = list(dict.fromkeys(groupings)) or [()]
    made: dict[str, dict[Grouping, ArmMeans]] = {}
    sums: dict[str, dict[str, Floats]] = {}
    plain: list[ExperimentMetric] = []
    for metric in metrics:
        if is_quantile(metric):
            made[metric.name] = measure_quantile(table, metric, wanted)
        else:
            plain.append(metric)
    if plain and table.clustered:
        made |= measure_clustered(table, plain, wanted)
    elif plain:
        keys, by_key = segment_keys(table, wanted)
        found = _scanned(table, unit_rows(table, keys), plain, list(by_key.values()), skewness=skewness)
        made |= {name: {g: one.arm_means(by_key[g]) for g in wanted} for name, one in found.items()}
        sums = {name: one.column_sums() for name, one in found.items()}
    levels = {grouping: levels_of(table, grouping) for grouping in wanted}
    return {
        m.name: Measured(
            name=m.name,
            arms=table.arms,
            phases=table.phases,
            by=made[m.name],
            levels=levels,
            sums=sums.get(m.name, {}),
        )
        for m in metrics
    }


def _scanned(
    table: UnitTable,
    rows: Rows,
    metrics: Sequence[ExperimentMetric],
    groupings: Sequence[Grouping],
    *,
    skewness: bool,
) -> dict[str, Scanned]:
    """Scan the table, as it is where that may be done and the sums turn out finite."""
    wanted = quantities(table, metrics)
    if table.as_is is not None and may_scan_as_is(wanted, table.as_is.guarded):
        as_is = table.as_is
        quick = replace(rows, sql=exp.to_table(as_is.table), must_be_finite=True, complete=as_is.complete)
        try:
            return scan_quantities(quick, wanted, groupings, cubes=skewness)
        except DataError:  # then the tested numbers say what is wrong, or are fine
            pass
    return scan_quantities(rows, wanted, groupings, cubes=skewness)


def levels_of(table: UnitTable, grouping: Grouping) -> tuple[str, ...]:
    """Levels of a grouping in the order of its slices; of several columns joined by a comma."""
    levels = [""]
    for k, name in enumerate(grouping):
        segment = next(s for s in table.segments if s.name == name)
        levels = [f"{old}, {level}" if k else level for old in levels for level in segment.levels]
    return tuple(levels)


def unit_rows(table: UnitTable, keys: Sequence[Key] = ()) -> Rows:
    """The rows of a unit table, counted."""
    source = exp.to_table(table.table)
    return rows_of(table.engine, source, arms=len(table.arms), phases=len(table.phases), keys=keys, count=table.rows)


def quantities(table: UnitTable, metrics: Sequence[ExperimentMetric]) -> list[Quantity]:
    """Metrics as terms over the columns of the table."""
    return [table_quantity(table, metric) for metric in metrics]


def _checked(table: UnitTable, metrics: Sequence[ExperimentMetric], groupings: Sequence[Grouping]) -> None:
    """Refuse segments the table does not have, and two metrics of one name."""
    names = [m.name for m in metrics]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"Two metrics are named '{twice}'; give each a name of its own.")
    segments = [s.name for s in table.segments]
    for name in (name for grouping in groupings for name in grouping):
        if name not in segments:
            given = f" Segments: {listed(segments)}." if segments else " The unit table has no segments."
            raise UsageError(f"There is no segment '{name}'.{did_you_mean(name, segments)}{given}")
