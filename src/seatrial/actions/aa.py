"""A/A tests on one's own history, from a table of units or of their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from seatrial.actions.experiment_metrics import as_metrics
from seatrial.actions.page import PageResult
from seatrial.data.predictions import open_source
from seatrial.data.source import Source as Table
from seatrial.errors import DataError, UsageError
from seatrial.experiments.aa import aa as simulate
from seatrial.experiments.column_roles import find_column
from seatrial.experiments.history import read_history
from seatrial.experiments.reading import unit_sql
from seatrial.expressions import Node
from seatrial.records.aa import AaTest, SplitBy
from seatrial.records.evidence import Source
from seatrial.records.plan import ExperimentMetric
from seatrial.reports.document import Document

FEWEST, MOST = 100, 100_000


@dataclass(frozen=True)
class AaResult(PageResult):
    """What `aa` hands back."""

    record: AaTest

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.aa_page import aa_document

        return aa_document(self.record)


def aa(
    history: Any,
    *,
    metrics: Mapping[str, str | Node | ExperimentMetric | Mapping[str, Any]] | Sequence[str | ExperimentMetric],
    unit: str | None = None,
    cluster: str | None = None,
    split_by: SplitBy = "unit",
    winsorize: Mapping[str, float] | None = None,
    zero: Sequence[str] = (),
    simulations: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
) -> AaResult:
    """Split a history in two at random, a thousand times, and test each time: is 5 % called, as it should be?

    `history` has one row a unit, or several; `unit` is the column of what is randomised (`cluster` the same where
    `unit` is finer than that), else one with a usual name for it. `split_by="row"` splits the rows of one unit apart.
    Each metric gets the size of its test with limits, whether its p-values are uniform, and the name of what is wrong:
    clustered, outlier, discrete, or nothing.

    >>> import seatrial as st
    >>> rows = [{"user": i, "spend": (i * 7919) % 100} for i in range(400)]
    >>> aa(rows, metrics={"spend": "mean(spend)"}, simulations=200).record.metrics[0].failure
    'fine'

    Raises `UsageError` for options and formulas, `DataError` for a table that cannot carry the question.
    """
    if split_by not in get_args(SplitBy):
        raise UsageError(f"split_by is 'unit' or 'row', not {split_by!r}.")
    if not FEWEST <= simulations <= MOST:
        raise UsageError(f"simulations must lie between {FEWEST} and {MOST:,}, not {simulations}.")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must lie strictly between 0 and 0.5, not {alpha:g}.")
    wanted = as_metrics(metrics, plan=None, covariates={}, zero=zero, lower_is_better=(), winsorize=winsorize or {})
    source, inner = open_source(history, name="history")
    if inner is not None:
        raise UsageError(f"A history is a whole table; leave out '#{inner}'.")
    column = _unit(source, unit, cluster)
    read = read_history(source, wanted, unit=column)
    return AaResult(
        simulate(
            read,
            wanted,
            unit=column or "row",
            split_by=split_by,
            source=Source(
                model="history",
                name=source.name,
                sha256=source.sha256,
                rows=len(next(iter((*read.numbers.values(), *read.texts.values())), ())),
            ),
            simulations=simulations,
            alpha=alpha,
            seed=seed,
        )
    )


def _unit(source: Table, unit: str | None, cluster: str | None) -> str | None:
    """The column of what is randomised, with a value in every row; None: every row is a unit."""
    if unit is not None:
        source.place(unit, option="--unit")
    if cluster is not None:
        found: str | None = source.columns[source.place(cluster, option="--cluster")]
    else:
        found = find_column(source, "unit", unit)
    if found is None:
        return None
    place = source.places[found]
    engine = source.own_engine
    name = unit_sql(f"c{place}", source.kinds[place])
    (lacking,) = engine.one(f"SELECT count(*) FROM {source.scan(engine, [place])} WHERE {name} IS NULL")
    if lacking:
        raise DataError(f"{source.name}: {lacking:,} rows have no '{found}'; leave them out or name another column.")
    return found
