"""Quantile metrics: over single events (or the rows of a unit table), clustered by unit."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.errors import UsageError
from seatrial.experiments.formulas import metric_formula
from seatrial.experiments.segment_keys import segment_keys
from seatrial.experiments.sums import column
from seatrial.experiments.table import Grouping, UnitTable
from seatrial.experiments.terms import slice_reasons, sql_name
from seatrial.expressions import Quantile, row_columns, row_sql
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans
from seatrial.stats.clustered_quantiles import METHOD, clustered_quantile

Integers = NDArray[np.intp]


def measure_quantile(
    table: UnitTable, metric: ExperimentMetric, groupings: Sequence[Grouping]
) -> dict[Grouping, ArmMeans]:
    """A quantile in every arm, phase and slice: its variance is the one its interval implies, clustered by unit (Deng,
    Knoblich and Lu, KDD 2018).

    Raises `UsageError` for covariates, and for a quantile of several columns of events.
    """
    what = f"Metric '{metric.name}'"
    tree = metric_formula(metric.formula, what=what)
    if not isinstance(tree, Quantile):
        raise UsageError(f"{what} is no quantile.")
    keys, by_key = segment_keys(table, groupings)
    names = [key.name for key in keys]
    source = _source(table, metric, tree, names)
    wanted = exp.select(
        column("arm"),
        column("phase"),
        *map(column, names),
        exp.alias_(_rank(), "code"),
        column("value"),
    ).from_(source)
    result = table.engine.query(wanted)
    value: NDArray[np.float64] = np.ma.filled(np.ma.asarray(result["value"], dtype=float), np.nan)
    there = np.isfinite(value)
    codes = {name: np.asarray(result[name]).astype(np.intp)[there] for name in ("arm", "phase", "code", *names)}
    order = np.lexsort([value[there], codes["code"]])
    value, codes = value[there][order], {name: code[order] for name, code in codes.items()}
    sizes = {key.name: key.size for key in keys}
    return {
        grouping: _cells(table, tree.probability, value, codes, [(name, sizes[name]) for name in by_key[grouping]])
        for grouping in groupings
    }


def _rank() -> exp.Expr:
    """A number for every unit, whatever its name looks like."""
    window = exp.Window(
        this=exp.Anonymous(this="DENSE_RANK", expressions=[]), order=exp.Order(expressions=[column("unit")])
    )
    return window


def _source(table: UnitTable, metric: ExperimentMetric, tree: Quantile, names: Sequence[str]) -> exp.Expr:
    """Rows of unit, arm, phase, segments and value."""
    read = row_columns(tree.row)
    keys = [column(name) for name in ("unit", "arm", "phase", *names)]
    if table.occurrences is None:
        value = row_sql(tree.row, lambda name: column(sql_name(table, metric.name, name)))
        inner = exp.select(*keys, exp.alias_(value, "value", quoted=True)).from_(exp.to_table(table.table))
        return inner.subquery("t")
    if len(read) != 1:
        raise UsageError(
            f"Metric '{metric.name}': a quantile over events reads one column, as in p95(latency_ms); "
            f"`{metric.formula}` reads {len(read)}."
        )
    events: exp.Expr = exp.maybe_parse(table.occurrences(metric.name, read[0]), dialect="duckdb")
    found = exp.to_table(events.name) if isinstance(events, exp.Column) else events
    base = found.subquery("e") if isinstance(found, exp.Query) else found
    value = row_sql(tree.row, lambda name: column("value"))
    return exp.select(*keys, exp.alias_(value, "value", quoted=True)).from_(base).subquery("t")


def _cells(
    table: UnitTable,
    probability: float,
    value: NDArray[np.float64],
    codes: dict[str, Integers],
    keys: Sequence[tuple[str, int]],
) -> ArmMeans:
    shape = (len(table.arms), len(table.phases), int(np.prod([size for _, size in keys])))
    full = (shape[0], shape[1], *(size for _, size in keys))
    at = np.ravel_multi_index([codes["arm"], codes["phase"], *(codes[name] for name, _ in keys)], full)
    order = np.argsort(at, kind="stable")
    ends = np.searchsorted(at[order], np.arange(int(np.prod(shape)) + 1))
    found = [
        clustered_quantile(value[order[a:b]], codes["code"][order[a:b]], probability)
        for a, b in pairwise(ends.tolist())
    ]

    def each(name: str) -> NDArray[np.float64]:
        return np.array([float(getattr(one, name)) for one in found]).reshape(shape)

    n, values, variance = each("units"), each("value"), each("standard_error") ** 2
    reasons = slice_reasons(n, values, variance, [one.reason for one in found])
    if shape[1] > 1:  # a phase whose quantile has no interval is left out, as one without units is
        values = np.where(np.isfinite(variance), values, np.nan)
    return ArmMeans(
        n=n,
        value=values,
        variance=variance,
        df=each("df"),
        covariates=np.empty((*shape, 0)),
        with_covariates=np.empty((*shape, 0)),
        between_covariates=np.empty((*shape, 0, 0)),
        reasons=reasons,
        method=METHOD,
    )
