"""Which columns the formulas of metrics read, as numbers and as text, and what their row conditions are in SQL."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlglot import exp

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.formulas import event_condition, metric_formula
from seatrial.experiments.windows import window_hours
from seatrial.expressions import Node, columns, row_columns, row_sql, text_columns
from seatrial.records.plan import ExperimentMetric

EVENTS = "events"
"""In a formula over events: how many of them there are."""


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What one metric reads."""

    metric: ExperimentMetric
    formula: Node
    """Resolved: atoms, numbers and arithmetic."""
    columns: tuple[str, ...]
    """Of the formula."""
    texts: frozenset[str]
    """Those that the formula compares with words."""
    covariates: tuple[str, ...]
    """Columns of the covariates' formulas."""
    where: Node | None = None

    @property
    def where_columns(self) -> tuple[str, ...]:
        return () if self.where is None else row_columns(self.where)

    @property
    def where_texts(self) -> frozenset[str]:
        return frozenset() if self.where is None else frozenset(text_columns(self.where))


def window_of(metric: ExperimentMetric) -> int | None:
    """A metric's attribution window in microseconds."""
    return None if metric.window is None else round(window_hours(metric.window) * 3_600_000_000)


def cap_of(metric: ExperimentMetric) -> str:
    """SQL of a metric's cap; `UsageError` when it is not a number above 0."""
    if metric.winsorize is None or not 0 < metric.winsorize < float("inf"):
        raise UsageError(f"Metric '{metric.name}': winsorize is a cap above 0, not {metric.winsorize}.")
    return repr(float(metric.winsorize))


def reads(
    metric: ExperimentMetric, *, known: Collection[str] | None, before: Collection[str], rows: Collection[str]
) -> Reads:
    """What a metric reads of `known` columns; its covariates read `before`, its condition reads `rows`.

    Any name of its formula may turn out to be a column where `known` is None.

    Raises `UsageError` for a formula that is none and for a name that is not there.
    """
    what = f"Metric '{metric.name}'"
    node = metric_formula(metric.formula, what=what)
    _need(columns(node) if known is not None else (), known or (), what=what)
    found: dict[str, None] = {}
    for text in metric.covariates:
        before_exposure = columns(metric_formula(text, what=f"Covariate '{text}' of '{metric.name}'"))
        _need(before_exposure, before, what=f"Covariate '{text}' of '{metric.name}'")
        found |= dict.fromkeys(before_exposure)
    where = None if metric.where is None else event_condition(metric.where, what=f"{what}: where")
    _need(() if where is None else row_columns(where), rows, what=f"{what}: where")
    return Reads(
        metric=metric,
        formula=node,
        columns=columns(node),
        texts=frozenset(text_columns(node)),
        covariates=tuple(found),
        where=where,
    )


def _need(names: Sequence[str], known: Collection[str], *, what: str) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"{what}: there is no column '{name}'.{hint} The columns are: {listed(known)}.")


def condition_sql(where: Node, column: Callable[[str], str], *, dialect: str = "duckdb") -> str:
    """SQL of 1 or 0, or NULL, for a row condition; `column` gives the SQL name of a column."""
    return row_sql(where, lambda name: exp.to_column(column(name))).sql(dialect=dialect)
