"""A metric by days since a unit's first exposure, over units all of whose days are there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlglot import exp

from seatrial.errors import UsageError
from seatrial.experiments.cells import Cells, Group, Looked, rows_of
from seatrial.experiments.formulas import metric_formula
from seatrial.experiments.scan import scan
from seatrial.experiments.sums import Term, column, known, number
from seatrial.experiments.table import UnitTable
from seatrial.experiments.terms import is_quantile, sql_name
from seatrial.expressions import Mean, Node, Size, atoms, linearise, row_sql, to_text
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.contrasts import Floats


@dataclass(frozen=True, kw_only=True)
class SinceExposure:
    """A metric on each of the D days since first exposure, in A arms and P phases.

    n (A, P) units followed for all D days; values (A, P, D); covariance (A, P, D, D) of these estimates: days of one
    unit go together, so it is clustered by unit. NaN where fewer than 2 units are there.
    """

    n: Floats
    values: Floats
    covariance: Floats


def since_exposure(table: UnitTable, metrics: Sequence[ExperimentMetric], days: int) -> dict[str, SinceExposure]:
    """Every metric on each of `days` days since first exposure, with the covariance of the days (delta method).

    On a day without a value a unit is out of that day's mean: (sum of values)/(units with one), a ratio over units.
    Quantiles and tables without times have no such values: they are not in the result. Raises `UsageError` for less
    than 1 day.
    """
    if days < 1:
        raise UsageError(f"The days since exposure are 1 or more, not {days}.")
    plain = [m for m in metrics if not is_quantile(m)]
    if table.since is None or table.clustered or not plain:
        return {}
    source = exp.to_table(table.since(days))
    rows = rows_of(table.engine, source, arms=len(table.arms), phases=len(table.phases), keys=())
    seen = Looked(rows)
    made = {m.name: _Days(table, m, days) for m in plain}
    seen.add(term for one in made.values() for terms in one.terms for term in terms.values())
    seen.whole([t for one in made.values() for terms in one.terms for t in terms.values() if seen.facts[t.key].sampled])
    gaps = {key for key, facts in seen.facts.items() if facts.nullable}
    found = scan(rows, [one.group(gaps) for one in made.values()], [()], facts=seen)
    return {name: one.result(found[name][()]) for name, one in made.items()}


class _Days:
    """A metric's formula on each day: its terms, by day and atom."""

    def __init__(self, table: UnitTable, metric: ExperimentMetric, days: int) -> None:
        self.name = metric.name
        self.tree: Node = metric_formula(metric.formula, what=f"Metric '{metric.name}'")
        self.terms: list[dict[str, Term]] = []
        for day in range(days):

            def place(name: str, day: int = day) -> exp.Expr:
                return column(f"{sql_name(table, metric.name, name)}_d{day}")

            self.terms.append(
                {
                    atom.key(): Term(sql=row_sql(atom.row, place), text=f"{to_text(atom.row, rows=True)} on day {day}")
                    for atom in atoms(self.tree)
                    if isinstance(atom, Mean)
                }
            )
        self.places: list[dict[str, tuple[int, int | None]]] = []
        """By day and atom: the place of its term, and of its count where some units lack it."""

    def group(self, gaps: set[str]) -> Group:
        """The terms of all days; where some are missing they are sums and counts, over units that have any."""
        every = [term for terms in self.terms for term in terms.values()]
        ratio = any(term.key in gaps for term in every)
        some = exp.or_(*[known(term.sql) for term in every]) if ratio else None
        found: list[Term] = []
        at: dict[str, int] = {}

        def put(sql: exp.Expr, text: str) -> int:
            key = sql.sql()
            if key not in at:
                at[key] = len(found)
                found.append(Term(sql=sql, text=text))
            return at[key]

        for terms in self.terms:
            here: dict[str, tuple[int, int | None]] = {}
            for key, term in terms.items():
                if some is None:
                    here[key] = put(term.sql, term.text), None
                    continue
                there = known(term.sql)
                value = exp.Case().when(there, term.sql.copy()).else_(exp.Case().when(some.copy(), number(0.0)))
                one = (
                    exp.Case()
                    .when(there.copy(), exp.Literal.number(1))
                    .else_(exp.Case().when(some.copy(), exp.Literal.number(0)))
                )
                here[key] = put(value, term.text), put(one, f"count of {term.text}")
            self.places.append(here)
        return Group(name=self.name, terms=tuple(found), required=len(found))

    def result(self, cells: Cells) -> SinceExposure:
        moments = cells.moments
        means, n = moments.means, moments.n
        days = len(self.places)
        values = np.full((len(n), days), np.nan)
        gradient = np.zeros((len(n), days, means.shape[1]))
        for day, places in enumerate(self.places):
            given: dict[str, Floats] = {atom.key(): n for atom in atoms(self.tree) if isinstance(atom, Size)}
            for key, (total, count) in places.items():
                with np.errstate(invalid="ignore", divide="ignore"):
                    given[key] = means[:, total] if count is None else means[:, total] / means[:, count]
            linear = linearise(self.tree, given)
            values[:, day] = np.broadcast_to(linear.value, n.shape)
            for key, (total, count) in places.items():
                slope = np.broadcast_to(linear.gradient[key], n.shape)
                if count is None:
                    gradient[:, day, total] += slope
                    continue
                with np.errstate(invalid="ignore", divide="ignore"):
                    gradient[:, day, total] += slope / means[:, count]
                    gradient[:, day, count] -= slope * given[key] / means[:, count]
        with np.errstate(invalid="ignore", divide="ignore"):
            covariance = gradient @ moments.covariance @ gradient.transpose(0, 2, 1) / n[:, None, None]
        shape = cells.shape[:2]
        return SinceExposure(
            n=n.reshape(shape),
            values=values.reshape(*shape, days),
            covariance=covariance.reshape(*shape, days, days),
        )
