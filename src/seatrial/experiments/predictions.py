"""CUPAC on a unit table: a metric's covariates become one, a prediction that never saw the unit's own outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.data.engine import DuckDBEngine
from seatrial.errors import UsageError
from seatrial.experiments.formulas import metric_formula
from seatrial.experiments.table import UnitTable
from seatrial.expressions import Mean, evaluate_rows, row_columns
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.cupac import cupac_covariate

Floats = NDArray[np.float64]


def with_predictions(
    table: UnitTable, metrics: Sequence[ExperimentMetric], *, seed: int = 0
) -> tuple[UnitTable, tuple[ExperimentMetric, ...]]:
    """Add a column `cupac(NAME)` for every metric that asks for it, and make it that metric's only covariate.

    Raises `UsageError` for a metric that is no mean of units, and for tables that lie in another engine.
    """
    asked = [metric for metric in metrics if metric.cupac and metric.covariates]
    if not asked:
        return table, tuple(metrics)
    engine = table.engine
    if not isinstance(engine, DuckDBEngine) or table.clustered:
        raise UsageError("CUPAC reads one row a unit, from files or data frames; use covariates without cupac here.")
    made: dict[str, Floats] = {}
    for metric in asked:
        made[metric.name] = _prediction(engine, table, metric, seed)
    columns = dict(table.columns)
    scanned: dict[str, NDArray[Any]] = {"u": np.arange(len(next(iter(made.values()))))}
    for at, (name, values) in enumerate(made.items()):
        scanned[f"cupac{at}"] = values
        columns[f"{name}/{_name(name)}"] = f"cupac{at}"
    source, target = engine.fresh("predictions"), engine.fresh("units")
    engine.connection.register(source, scanned)
    wanted = ", ".join(f"p.cupac{at}" for at in range(len(made)))
    engine.execute(
        f"CREATE TABLE {target} AS SELECT t.*, {wanted} FROM {_numbered(table.table)} AS t "
        f"JOIN {source} AS p ON p.u = t.u"
    )
    covariate = {metric.name: (f"mean(col({_name(metric.name)!r}))",) for metric in asked}
    changed = tuple(
        metric.model_copy(update={"covariates": covariate[metric.name]}) if metric.name in covariate else metric
        for metric in metrics
    )
    return replace(table, table=target, columns=columns), changed


def _name(metric: str) -> str:
    return f"cupac({metric})"


def _numbered(table: str) -> str:
    """The table with its rows numbered in the order of the units' names, so that the order of the input is nothing."""
    return f"(SELECT *, ROW_NUMBER() OVER (ORDER BY unit) - 1 AS u FROM {table})"


def _prediction(engine: DuckDBEngine, table: UnitTable, metric: ExperimentMetric, seed: int) -> Floats:
    tree = metric_formula(metric.formula)
    if not isinstance(tree, Mean):
        raise UsageError(f"CUPAC predicts a mean of units; '{metric.name}' is `{metric.formula}`: leave out cupac.")
    covariates = [metric_formula(formula) for formula in metric.covariates]
    rows = [covariate.row for covariate in covariates if isinstance(covariate, Mean)]
    if len(rows) < len(covariates):
        raise UsageError(f"The covariates of '{metric.name}' must be columns or means of them for CUPAC.")
    names = list(dict.fromkeys(name for row in (tree.row, *rows) for name in row_columns(row)))
    places = {name: _column(table.columns, metric.name, name) for name in names}
    select = exp.Select(
        expressions=[
            exp.alias_(exp.func("COALESCE", exp.column(place), exp.cast(exp.Literal.string("nan"), "DOUBLE")), f"v{at}")
            for at, place in enumerate(places.values())
        ]
        + [exp.column("unit")]
    ).sql("duckdb")
    found = engine.query(f"{select} FROM {_numbered(table.table)} ORDER BY u")
    values: Mapping[str, Floats] = {name: np.asarray(found[f"v{at}"], dtype=float) for at, name in enumerate(places)}
    outcome = np.asarray(evaluate_rows(tree.row, values), dtype=float)
    inputs = np.column_stack([np.asarray(evaluate_rows(row, values), dtype=float) for row in rows])
    return cupac_covariate(outcome, inputs, units=np.asarray(found["unit"], dtype=str), seed=seed)


def _column(columns: Mapping[str, str], metric: str, name: str) -> str:
    return columns.get(f"{metric}/{name}") or columns[name]
