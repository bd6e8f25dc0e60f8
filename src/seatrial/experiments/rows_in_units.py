"""Rows finer than the unit of randomisation: sums and counts of every unit first, then ratios of them over units."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.experiments.cells import Floats, Key, Looked, Rows, rows_of
from seatrial.experiments.quantity_scan import scan_quantities
from seatrial.experiments.segment_keys import segment_keys
from seatrial.experiments.sums import Facts, Term, column, dialect_of, half_log, minus, number, times, whole
from seatrial.experiments.table import Grouping, UnitTable
from seatrial.experiments.terms import Formula, Quantity, as_ratio_of_sums, slice_reasons, table_quantity
from seatrial.expressions import Size, atoms, linearise
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans
from seatrial.stats.clusters import METHOD, cluster_covariance, cluster_variance

FEW = 20_000
"""Up to so many units their sums are read, for a variance that is right with few clusters."""
SIZE = "size"
NO_ROWS = "no rows with every input"


def measure_clustered(
    table: UnitTable, metrics: Sequence[ExperimentMetric], groupings: Sequence[Grouping]
) -> dict[str, dict[Grouping, ArmMeans]]:
    """Measure metrics whose rows are finer than the unit: each mean over rows is (sum over rows)/(rows that have it),
    both added up by unit.

    Up to 20,000 units: CR2 variance with Bell and McCaffrey's degrees of freedom from the units' sums; above it the
    delta method over units.
    """
    whole_table = _rows(table, exp.to_table(table.table), ())
    wanted = [table_quantity(table, metric) for metric in metrics]
    seen = Looked(whole_table)
    terms = {term.key: term for one in wanted for term in one.terms}
    seen.add(terms.values())
    sampled = [t for t in terms.values() if seen.facts[t.key].sampled]
    if sampled:
        seen.whole(sampled)
    names = {key: (f"sum{i}", f"count{i}") for i, key in enumerate(terms)}
    keys, by_key = segment_keys(table, groupings)
    parts = _parts(table, keys, list(by_key.values()), seen, terms, names)
    made: dict[str, dict[Grouping, ArmMeans]] = {one.name: {} for one in wanted}
    for rows, part in parts:
        if rows.count <= FEW:
            held = _read(rows)
            for one in wanted:
                for grouping in groupings:
                    if by_key[grouping] in part:
                        made[one.name][grouping] = _from_units(one, held, rows, by_key[grouping], names)
            continue
        found = scan_quantities(rows, [_over_units(one, names) for one in wanted], part)
        for one in wanted:
            for grouping in groupings:
                if by_key[grouping] in part:
                    made[one.name][grouping] = found[one.name].arm_means(by_key[grouping])
    return made


def _rows(table: UnitTable, sql: exp.Expr, keys: Sequence[Key]) -> Rows:
    return rows_of(table.engine, sql, arms=len(table.arms), phases=len(table.phases), keys=keys)


def _parts(
    table: UnitTable,
    keys: Sequence[Key],
    groupings: Sequence[Grouping],
    seen: Looked,
    terms: Mapping[str, Term],
    names: Mapping[str, tuple[str, str]],
) -> list[tuple[Rows, list[Grouping]]]:
    """Sources of units with the groupings that each serves: one where no unit is in two segments, else one for each."""

    def units(by: Sequence[str]) -> Rows:
        source = _by_unit(table, by, seen, terms, names)
        return _rows(table, source, [key for key in keys if key.name in by])

    distinct = list(dict.fromkeys(groupings))
    if len(distinct) == 1:
        return [(units(distinct[0]), distinct)]
    finest, plain = units([key.name for key in keys]), units(())
    if finest.count == plain.count:
        return [(finest, distinct)]
    return [(units(grouping) if grouping else plain, [grouping]) for grouping in distinct]


def _by_unit(
    table: UnitTable,
    by: Sequence[str],
    seen: Looked,
    terms: Mapping[str, Term],
    names: Mapping[str, tuple[str, str]],
) -> exp.Expr:
    """One row a unit (and segment): the sum of every term over its rows, and how many have it."""
    held = {key: f"r{i}" for i, key in enumerate(terms)}
    groups = [column(name) for name in ("unit", "arm", "phase", *by)]
    inner = exp.select(
        *groups, *[exp.alias_(term.sql.copy(), held[key], quoted=True) for key, term in terms.items()]
    ).from_(exp.to_table(table.table))
    outer = [g.copy() for g in groups]
    dialect = dialect_of(table.engine)
    for key in terms:
        total, count = names[key]
        r = column(held[key])
        outer.append(exp.alias_(_exact_sum(r, seen.facts[key], seen.rows.count, dialect), total, quoted=True))
        outer.append(exp.alias_(exp.Count(this=r.copy()), count, quoted=True))
    outer.append(exp.alias_(exp.Count(this=exp.Star()), SIZE, quoted=True))
    return exp.select(*outer).from_(inner.subquery("t")).group_by(*[g.copy() for g in groups]).subquery("units")


def _exact_sum(r: exp.Expr, facts: Facts, rows: int, dialect: str) -> exp.Expr:
    """The sum of a unit's rows, the same in any order; 0 for none."""
    if facts.exact:
        return exp.Coalesce(this=exp.Sum(this=r.copy()), expressions=[number(0.0)])
    power = 51 - facts.exponent - half_log(rows)
    finer = 51 - max(rows, 2).bit_length()
    scaled = times(minus(r, facts.centre), power)
    first = exp.Sum(this=whole(scaled.copy(), dialect=dialect))
    rest = exp.paren(exp.Sub(this=scaled.copy(), expression=whole(scaled.copy(), dialect=dialect)))
    second = exp.Sum(this=whole(times(rest, finer), dialect=dialect))
    total: exp.Expr = exp.Add(this=times(first, -power), expression=times(second, -power - finer))
    if facts.centre:
        counted = exp.Mul(this=number(facts.centre), expression=exp.Count(this=r.copy()))
        total = exp.Add(this=total, expression=counted)
    return exp.Coalesce(this=total, expressions=[number(0.0)])


def _over_units(one: Quantity, names: Mapping[str, tuple[str, str]]) -> Quantity:
    """A quantity over rows as one over the units of `_by_unit`; a unit without any row of the formula is out."""
    keyed = {key: names[term.key] for f in (one.formula, *one.covariates) for key, term in f.terms.items()}
    counts: exp.Expr = exp.Literal.number(0)
    for term in one.formula.terms.values():
        counts = exp.Add(this=counts, expression=column(names[term.key][1]))
    there = exp.GT(this=exp.paren(counts), expression=exp.Literal.number(0))

    def within(found: Formula) -> Formula:
        return Formula(
            tree=found.tree,
            terms={
                key: Term(sql=exp.Case().when(there.copy(), term.sql.copy()), text=term.text)
                for key, term in found.terms.items()
            },
        )

    return Quantity(
        metric=one.metric,
        formula=within(as_ratio_of_sums(one.formula, keyed, SIZE)),
        covariates=tuple(as_ratio_of_sums(f, keyed, SIZE) for f in one.covariates),
        clustered=True,
    )


def _read(rows: Rows) -> dict[str, NDArray[Any]]:
    """Every unit's sums, in the order of the units' names."""
    result = rows.engine.query(exp.select(exp.Star()).from_(rows.sql.copy()))
    keys = [np.asarray(result[key.name]) for key in rows.keys]
    order = np.lexsort([*keys, result["phase"], result["arm"], np.asarray(result["unit"], dtype=str)])
    return {name: np.asarray(values)[order] for name, values in result.items()}


def _from_units(
    one: Quantity,
    held: Mapping[str, NDArray[Any]],
    rows: Rows,
    grouping: Grouping,
    names: Mapping[str, tuple[str, str]],
) -> ArmMeans:
    """CR2 over the sums of units, cell by cell."""
    sizes = {key.name: key.size for key in rows.keys}
    full = (rows.arms, rows.phases, *(sizes[name] for name in grouping))
    at = np.ravel_multi_index([held[name].astype(np.intp) for name in ("arm", "phase", *grouping)], full)
    cells = int(np.prod(full))
    shape = (rows.arms, rows.phases, cells // (rows.arms * rows.phases))
    counts = [held[names[t.key][1]].astype(float) for t in one.formula.terms.values()]
    weight = np.max(counts, axis=0) if counts else held[SIZE].astype(float)
    mass = np.bincount(at, weight, cells)
    values: list[Floats] = []
    totals: list[Floats] = []
    said: list[str | None] = [None] * cells
    for k, found in enumerate((one.formula, *one.covariates)):
        value, total, words = _influences(found, held, at, cells, names, weight > 0)
        values.append(value)
        totals.append(total * mass[at])
        if k == 0:
            said = words
    robust = cluster_variance(np.nan_to_num(totals[0]), weight, at, cells)
    k = len(values) - 1
    with_covariates, between = np.empty((cells, k)), np.empty((cells, k, k))
    for i in range(k):
        with_covariates[:, i] = cluster_covariance(
            np.nan_to_num(totals[0]), np.nan_to_num(totals[i + 1]), weight, at, cells
        )
        for j in range(k):
            between[:, i, j] = cluster_covariance(
                np.nan_to_num(totals[i + 1]), np.nan_to_num(totals[j + 1]), weight, at, cells
            )
    n = np.bincount(at[weight > 0], minlength=cells).astype(float)
    lacking = np.isnan(values[0])
    variance = np.where(lacking, np.nan, robust.variance)
    said = [NO_ROWS if mass[i] == 0 else said[i] if said[i] is not None else robust.reasons[i] for i in range(cells)]
    value = values[0]
    reasons = slice_reasons(n.reshape(shape), value.reshape(shape), variance.reshape(shape), said)
    if shape[1] > 1:  # a phase with too few clusters is left out, as one without units is
        value = np.where(np.isfinite(variance), value, np.nan)
    return ArmMeans(
        n=n.reshape(shape),
        value=value.reshape(shape),
        variance=variance.reshape(shape),
        df=robust.df.reshape(shape),
        covariates=np.stack(values[1:], axis=-1).reshape(*shape, k) if k else np.empty((*shape, 0)),
        with_covariates=with_covariates.reshape(*shape, k),
        between_covariates=between.reshape(*shape, k, k),
        reasons=reasons,
        method=METHOD,
    )


def _influences(
    found: Formula,
    held: Mapping[str, NDArray[Any]],
    at: NDArray[np.intp],
    cells: int,
    names: Mapping[str, tuple[str, str]],
    there: NDArray[np.bool_],
) -> tuple[Floats, Floats, list[str | None]]:
    """Value in every cell, and each unit's part of it: sum g_k (s_k - m_k c_k) / C_k; units not `there` are out."""
    given: dict[str, Floats] = {}
    sums: dict[str, tuple[Floats, Floats, Floats]] = {}
    for key, term in found.terms.items():
        total, count = (np.where(there, held[name].astype(float), 0.0) for name in names[term.key])
        whole_count = np.asarray(np.bincount(at, count, cells), dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            given[key] = np.bincount(at, total, cells) / whole_count
        sums[key] = total, count, whole_count
    size = np.bincount(at, np.where(there, held[SIZE].astype(float), 0.0), cells)
    given |= {atom.key(): np.where(size > 0, size, np.nan) for atom in atoms(found.tree) if isinstance(atom, Size)}
    linear = linearise(found.tree, given)
    influence = np.zeros(len(at))
    for key, (total, count, whole_count) in sums.items():
        slope = np.broadcast_to(linear.gradient[key], (cells,))
        with np.errstate(invalid="ignore", divide="ignore"):
            influence = influence + slope[at] * (total - given[key][at] * count) / whole_count[at]
    value = np.array(np.broadcast_to(linear.value, (cells,)), dtype=float)
    reasons = [first or second for first, second in zip(linear.reason, linear.no_slope, strict=True)]
    return value, influence, list(np.broadcast_to(np.array(reasons, dtype=object), (cells,)))
