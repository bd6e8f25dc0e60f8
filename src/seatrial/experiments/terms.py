"""From a metric to the terms the scan adds up, and from their moments to the metric's means in every arm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlglot import exp

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.cells import Cells, Floats, Group
from seatrial.experiments.formulas import metric_formula
from seatrial.experiments.sums import Facts, Term, column, known, number
from seatrial.experiments.table import UnitTable
from seatrial.expressions import (
    Arithmetic,
    Column,
    FilteredMean,
    Mean,
    Node,
    Quantile,
    Size,
    Total,
    as_row_proportion,
    atoms,
    linearise,
    row_sql,
    to_text,
)
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans

MEAN = "Welch t"
DELTA = "Welch t, delta method"
CLUSTERED = "Welch t, delta method over units of several rows"
NO_ROWS = "no units with every input"

Place = Callable[[str], exp.Expr]
"""From a formula's column to SQL."""


@dataclass(frozen=True, kw_only=True)
class Formula:
    """A formula of the metric or of a covariate, over atoms that are terms."""

    tree: Node
    terms: dict[str, Term]
    """By the atom's key."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A metric made ready for the scan."""

    metric: ExperimentMetric
    formula: Formula
    covariates: tuple[Formula, ...]
    clustered: bool = False

    @property
    def name(self) -> str:
        return self.metric.name

    @property
    def terms(self) -> list[Term]:
        """Every term as it is, covariates with their NULLs."""
        return [t for f in (self.formula, *self.covariates) for t in f.terms.values()]


def sql_name(table: UnitTable, metric: str, name: str) -> str:
    """The SQL column behind a column of a formula: the metric's own, else the one that all metrics share.

    Raises `UsageError` when the table has neither.
    """
    for key in (f"{metric}/{name}", name):
        if key in table.columns:
            return table.columns[key]
    plain = sorted({key.removeprefix(f"{metric}/") for key in table.columns})
    raise UsageError(
        f"Metric '{metric}': there is no column '{name}'.{did_you_mean(name, plain)} Columns: {listed(plain)}."
    )


def is_quantile(metric: ExperimentMetric) -> bool:
    """Whether a metric is one quantile; `UsageError` for formulas that mix quantiles with anything else."""
    tree = _parsed(metric.formula, f"Metric '{metric.name}'")
    found = [atom for atom in atoms(tree) if isinstance(atom, Quantile)]
    if found and not isinstance(tree, Quantile):
        raise UsageError(
            f"Metric '{metric.name}': a quantile stands alone in an experiment, as in p95(latency_ms); "
            f"`{to_text(tree)}` combines it with something else."
        )
    return bool(found)


def quantity(metric: ExperimentMetric, place: Place) -> Quantity:
    """Resolve a metric and its covariates into terms; `place` gives the SQL of a column."""
    what = f"Metric '{metric.name}'"
    made = [formula(_parsed(metric.formula, what), place)]
    for text in metric.covariates:
        tree = _parsed(text, f"Covariate '{text}' of '{metric.name}'")
        if any(isinstance(atom, Quantile) for atom in atoms(tree)):
            raise UsageError(f"Covariate '{text}' of '{metric.name}': a covariate is arithmetic over means.")
        made.append(formula(tree, place))
    return Quantity(metric=metric, formula=made[0], covariates=tuple(made[1:]))


def table_quantity(table: UnitTable, metric: ExperimentMetric) -> Quantity:
    """A metric as terms over the columns of a unit table."""
    return quantity(metric, lambda name: column(sql_name(table, metric.name, name)))


def formula(tree: Node, place: Place) -> Formula:
    """A resolved formula with the SQL of its means."""
    terms = {
        atom.key(): Term(sql=row_sql(atom.row, place), text=to_text(atom.row, rows=True))
        for atom in atoms(tree)
        if isinstance(atom, Mean)
    }
    return Formula(tree=tree, terms=terms)


def _parsed(text: str, what: str) -> Node:
    return metric_formula(text, what=what)


def as_ratio_of_sums(found: Formula, sums: Mapping[str, tuple[str, str]], size: str) -> Formula:
    """A formula over rows as one over units: each mean of rows is a sum of sums over a sum of counts.

    `sums` maps the key of a mean to the columns of a unit's sum and of its count of rows that have it; `size` is the
    column of a unit's rows.
    """

    def over_units(node: Node) -> Node:
        if isinstance(node, Total | FilteredMean):
            node = node.expanded()
        if isinstance(node, Mean):
            total, count = sums[node.key()]
            return Arithmetic("/", Mean(Column(total)), Mean(Column(count)))
        if isinstance(node, Size):
            return Arithmetic("*", Size(), Mean(Column(size)))
        return node.with_children(tuple(over_units(child) for child in node.children))

    tree = over_units(found.tree)
    texts = {name: found.terms[key].text for key, names in sums.items() if key in found.terms for name in names}
    made = formula(tree, column)
    return replace(
        made, terms={key: replace(term, text=texts.get(term.sql.name, term.text)) for key, term in made.terms.items()}
    )


def grouped(
    one: Quantity, facts: Mapping[str, Facts], fills: Mapping[str, float], *, cubes: bool
) -> tuple[Group, dict[str, int], list[str]]:
    """The terms of a metric, the place of every term by its key, and the keys of the indicators of missing covariates.

    A covariate that some rows lack is filled with its mean, and a term says where; it is one more covariate.
    """
    terms = list(one.formula.terms.values())
    required = len(terms)
    places = {term.key: i for i, term in enumerate(terms)}
    indicators: list[str] = []

    def put(key: str, term: Term) -> None:
        if key not in places:
            places[key] = len(terms)
            terms.append(term)

    for covariate in one.covariates:
        gaps = [
            t for t in covariate.terms.values() if facts[t.key].nullable and places.get(t.key, required) >= required
        ]
        there = exp.and_(*[known(t.sql) for t in gaps]) if gaps else None
        for term in covariate.terms.values():
            if there is None:
                put(term.key, term)
                continue
            filled = exp.Case().when(there.copy(), term.sql.copy()).else_(number(fills[term.key]))
            put(term.key, Term(sql=filled, text=term.text))
        if there is not None:
            flag = exp.Case().when(there, exp.Literal.number(0)).else_(exp.Literal.number(1))
            term = Term(sql=flag, text=f"missing {to_text(covariate.tree)}")
            if term.key not in indicators:
                indicators.append(term.key)
                put(term.key, term)
    return Group(name=one.name, terms=tuple(terms), required=required, cubes=cubes), places, indicators


def arm_means(one: Quantity, cells: Cells, places: Mapping[str, int], indicators: Sequence[str]) -> ArmMeans:
    """Value, covariates and their covariance in every cell by the delta method: g' S g / n.

    A cell without units, or where the formula has no value, holds NaN; a slice where no treatment can be compared with
    the control in any phase has a reason.
    """
    moments, shape = cells.moments, cells.shape
    means, n = moments.means, moments.n
    trees = [one.formula, *one.covariates]
    gradients = np.zeros((len(n), len(trees) + len(indicators), means.shape[1]))
    values = np.full((len(n), len(trees) + len(indicators)), np.nan)
    reasons: list[tuple[str | None, ...]] = []
    for k, found in enumerate(trees):
        given: dict[str, Floats] = {key: means[:, places[term.key]] for key, term in found.terms.items()}
        given |= {atom.key(): np.where(n > 0, n, np.nan) for atom in atoms(found.tree) if isinstance(atom, Size)}
        linear = linearise(found.tree, given)
        values[:, k] = np.broadcast_to(linear.value, n.shape)
        for key, term in found.terms.items():
            gradients[:, k, places[term.key]] += np.broadcast_to(linear.gradient[key], n.shape)
        if k == 0:
            reasons = [linear.reason, linear.no_slope]
    for k, key in enumerate(indicators, start=len(trees)):
        values[:, k] = means[:, places[key]]
        gradients[:, k, places[key]] = 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = np.einsum("ckt,ctu,clu->ckl", gradients, moments.covariance, gradients) / n[:, None, None]
    value = np.where(n > 0, values[:, 0], np.nan)
    said = [NO_ROWS if n[i] == 0 else (reasons[0][i] if np.isnan(value[i]) else reasons[1][i]) for i in range(len(n))]
    count = None
    if not one.clustered and _is_share(one, cells):
        count = np.round(n * np.nan_to_num(means[:, 0])).reshape(shape)
    more = (*shape, values.shape[1] - 1)
    variance = covariance[:, 0, 0].reshape(shape)
    return ArmMeans(
        n=n.reshape(shape),
        value=value.reshape(shape),
        variance=variance,
        df=np.maximum(n - 1, 0.0).reshape(shape),
        covariates=values[:, 1:].reshape(more),
        with_covariates=covariance[:, 0, 1:].reshape(more),
        between_covariates=covariance[:, 1:, 1:].reshape(*more, more[-1]),
        count=count,
        skewness=_skewness(cells, gradients),
        reasons=slice_reasons(n.reshape(shape), value.reshape(shape), variance, said),
        method=CLUSTERED if one.clustered else MEAN if isinstance(one.formula.tree, Mean) else DELTA,
    )


def slice_reasons(n: Floats, value: Floats, variance: Floats, said: Sequence[str | None]) -> tuple[str | None, ...]:
    """For every slice why no treatment can be compared with the control, where units are not what is lacking."""
    arms, _, slices = n.shape
    usable = (n >= 2) & np.isfinite(value) & np.isfinite(variance)
    pairs = usable[:1] & usable[1:] if arms > 1 else usable
    some = np.asarray(pairs.any(axis=(0, 1)))
    words = np.array(said, dtype=object).reshape(n.shape)
    found: list[str | None] = []
    for s in range(slices):
        if some[s]:
            found.append(None)
            continue
        enough = (n[:, :, s] >= 2) & ~usable[:, :, s]
        texts = [str(word) for word in words[:, :, s][enough] if word is not None]
        found.append(texts[0] if texts else None)
    return tuple(found)


def _is_share(one: Quantity, cells: Cells) -> bool:
    """Whether a metric is a share of units: a condition by its form, or a column that is 0 or 1 for every unit."""
    if as_row_proportion(one.formula.tree) is not None:
        return True
    if not isinstance(one.formula.tree, Mean) or not cells.all_whole:
        return False
    moments = cells.moments  # of whole numbers x^2 >= x, and equal for 0 and 1 only
    return bool(np.array_equal(moments.sums[:, 0], moments.products[:, 0, 0]) and moments.n.sum() > 0)


def _skewness(cells: Cells, gradients: Floats) -> Floats | None:
    """Skewness of the first term in each cell, with the sign of its slope; NaN where it does not vary."""
    if cells.cubes is None:
        return None
    m = cells.moments
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, square, cube = m.sums[:, 0] / m.n, m.products[:, 0, 0] / m.n, cells.cubes / m.n
        variance = square - mean * mean
        third = cube - 3 * mean * square + 2 * mean**3
        varies = variance > 1e-12 * square
        skew = np.where(varies, third / np.where(varies, variance, 1.0) ** 1.5 * np.sign(gradients[:, 0, 0]), np.nan)
    return np.asarray(skew.reshape(cells.shape), dtype=np.float64)
