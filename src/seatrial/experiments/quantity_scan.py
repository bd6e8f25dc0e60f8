"""Several metrics over the same rows: look, fill missing covariates, scan, and read the cells of each metric."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from sqlglot import exp

from seatrial.experiments.cells import Cells, Floats, Group, Grouping, Looked, Rows
from seatrial.experiments.scan import scan
from seatrial.experiments.sums import Term
from seatrial.experiments.terms import Quantity, arm_means, grouped
from seatrial.stats.arms import ArmMeans

TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """One metric's cells on every grouping, and where its terms are in them."""

    quantity: Quantity
    cells: dict[Grouping, Cells]
    places: dict[str, int]
    indicators: list[str]

    def arm_means(self, grouping: Grouping) -> ArmMeans:
        """The metric in every arm, phase and slice of a grouping."""
        return self.of(self.cells[grouping])

    def column_sums(self) -> dict[str, Floats]:
        """SQL columns that the formula takes the plain mean of: their sums (A, P) over the units in the metric."""
        if () not in self.cells:
            return {}
        cells = self.cells[()]
        totals = cells.moments.sums + cells.moments.n[:, None] * cells.moments.centres
        return {
            term.sql.name: np.asarray(totals[:, self.places[term.key]].reshape(cells.shape[:2]))
            for term in self.quantity.formula.terms.values()
            if isinstance(term.sql, exp.Column)
        }

    def of(self, cells: Cells) -> ArmMeans:
        """The metric in cells of the same terms."""
        return arm_means(self.quantity, cells, self.places, self.indicators)


def may_scan_as_is(wanted: Sequence[Quantity], guarded: Collection[str]) -> bool:
    """Whether what is not finite in the guarded columns shows in the sums: each stands in its terms alone."""
    return all(
        isinstance(term.sql, exp.Column) or not any(c.name in guarded for c in term.sql.find_all(exp.Column))
        for one in wanted
        for term in one.terms
    )


def scan_quantities(
    rows: Rows,
    wanted: Sequence[Quantity],
    groupings: Sequence[Grouping],
    *,
    cubes: bool = False,
    units: Rows | None = None,
) -> dict[str, Scanned]:
    """Scan quantities over rows on groupings of their keys; which covariates are missing, and what fills them, is
    found on `units` where that is another table of the same columns."""
    seen = Looked(rows)
    seen.add(term for one in wanted for term in one.terms)
    base = seen if units is None else Looked(units)
    if units is not None:
        covariates = {t.key: t for one in wanted for f in one.covariates for t in f.terms.values()}
        base.add(covariates.values())
        base.whole([t for key, t in covariates.items() if base.facts[key].sampled])
    done: dict[str, dict[Grouping, Cells]] = {}
    for _ in range(TRIES):
        gaps = _gaps(base, wanted)
        fills = _fills(base, gaps)
        made = {one.name: grouped(one, base.facts, fills, cubes=cubes) for one in wanted}
        done = scan(rows, [group for group, _, _ in made.values()], groupings, facts=seen)
        if _gaps(base, wanted).keys() == gaps.keys():  # else the first rows of a long table had every covariate
            break
    return {
        one.name: Scanned(quantity=one, cells=done[one.name], places=made[one.name][1], indicators=made[one.name][2])
        for one in wanted
    }


def _gaps(base: Looked, wanted: Sequence[Quantity]) -> dict[str, Term]:
    """Terms of covariates that some rows lack, with the other terms of the same covariate."""
    return {
        term.key: term
        for one in wanted
        for f in one.covariates
        if any(base.facts[t.key].nullable for t in f.terms.values())
        for term in f.terms.values()
    }


def _fills(base: Looked, gaps: dict[str, Term]) -> dict[str, float]:
    """The mean of every term over the rows that have it."""
    groups = [Group(name=key, terms=(term,), required=1) for key, term in gaps.items()]
    if not groups:
        return {}
    found = scan(base.rows, groups, [()], facts=base)
    means = {}
    for key in gaps:
        moments = found[key][()].moments
        n = float(moments.n.sum())
        means[key] = float(moments.centres[0] + moments.sums[:, 0].sum() / n) if n else 0.0
    return means
