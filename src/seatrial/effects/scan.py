"""The scan: one GROUP BY GROUPING SETS gives, for every slice at once, the cells of the confusion matrices and the
moments of real terms.

Counts are integers. A real term is shifted by its centre and summed as fixed point (term x 2^k, rounded, as integers),
because
parallel float sums differ from run to run; so the same input gives the same bytes at any thread count. A paired
difference
is a term of its own, so that a small difference between two nearly equal versions does not cancel away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.data.frame import Frame
from seatrial.effects.cases import Cases, Floats
from seatrial.effects.columns import column_sql, label_names
from seatrial.effects.grouping import Grouping
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.expressions import Mean, Share, row_sql
from seatrial.stats.moments import Moments

MAX_CELL_CLASSES = 50
"""Up to so many classes the confusion cells are grouped in the engine; above it rows are read, one grouping at a
time."""

LOOK = 1_000
"""Rows looked at to choose centres."""

FIXED_POINT_BITS = 61


@dataclass(frozen=True, kw_only=True)
class TermGroup:
    """The atoms of one metric: its terms are valid only together, on rows that have them for every version."""

    name: str
    atoms: tuple[Mean | Share, ...]


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """What came back for one grouping: cells (classification), moments of each term group, rows a slice."""

    rows: Floats
    cells: Cases | None
    moments: dict[str, Moments]
    """Terms in the order: each atom of the baseline, then each atom's difference candidate - baseline."""


def scan(
    frame: Frame, groups: Sequence[TermGroup], groupings: Sequence[Grouping], pair: tuple[int, ...], *, cells: bool
) -> list[Scanned]:
    """Run the scan for one version `(i,)` or a pair `(baseline, candidate)`."""
    terms = _Terms(frame, groups, pair)
    keys = _cell_keys(frame, pair) if cells else []
    result = frame.engine.query(_query(frame, terms, groupings, keys))
    return [_unpack(frame, terms, grouping, result, pair, cells=cells, every=groupings) for grouping in groupings]


class _Terms:
    """The real terms of all groups: their SQL, centres and fixed-point scales."""

    def __init__(self, frame: Frame, groups: Sequence[TermGroup], pair: tuple[int, ...]) -> None:
        self.groups = groups
        self.paired = len(pair) == 2
        self.raw: list[exp.Expr] = []
        """Inner columns r0..: every atom of every group for every version of the frame."""
        self.at: dict[tuple[str, int, int], int] = {}
        positions: dict[str, int] = {}
        for group in groups:
            for k, atom in enumerate(group.atoms):
                for model in range(len(frame.models)):
                    sql = _atom_sql(frame, atom, model)
                    text = sql.sql(dialect="duckdb")
                    if text not in positions:
                        positions[text] = len(self.raw)
                        self.raw.append(sql)
                    self.at[group.name, k, model] = positions[text]
        self.pair = pair
        self.models = len(frame.models)
        self.centres, self.reach = _look(frame, self.raw)

    def columns(self, group: TermGroup) -> list[tuple[exp.Expr, float, float]]:
        """(SQL, centre, largest size) of each shifted term of a group: the baseline's atoms, then the differences."""
        found = []
        for k in range(len(group.atoms)):
            first = self.at[group.name, k, self.pair[0]]
            found.append((_minus(_inner(first), self.centres[first]), self.centres[first], self.reach[first]))
        for k in range(len(group.atoms)) if self.paired else ():
            first, second = self.at[group.name, k, self.pair[0]], self.at[group.name, k, self.pair[1]]
            size = self.reach[first] + self.reach[second] + abs(self.centres[first] - self.centres[second])
            found.append((exp.paren(exp.Sub(this=_inner(second), expression=_inner(first))), 0.0, size))
        return found

    def valid(self, group: TermGroup) -> exp.Expr:
        """SQL condition: every atom of the group is there for every version."""
        places = sorted(
            {self.at[group.name, k, model] for k in range(len(group.atoms)) for model in range(self.models)}
        )
        return exp.and_(*[exp.Not(this=exp.Is(this=_inner(place), expression=exp.null())) for place in places])


def _look(frame: Frame, raw: list[exp.Expr]) -> tuple[list[float], list[float]]:
    """A centre near the mean (from the first rows) and the largest distance from it, for every inner column."""
    if not raw:
        return [], []
    named = [exp.alias_(sql.copy(), f"r{i}") for i, sql in enumerate(raw)]
    few = (
        exp.select(*named)
        .from_(frame.table)
        .where(exp.LT(this=exp.column("row"), expression=exp.Literal.number(LOOK)))
        .order_by("row")
    )
    head = frame.engine.query(few)
    inner = exp.select(*[n.copy() for n in named]).from_(frame.table).subquery("t")
    ends = [
        exp.alias_(f(this=exp.column(f"r{i}")), f"{name}{i}")
        for i in range(len(raw))
        for name, f in (("low", exp.Min), ("high", exp.Max))
    ]
    extremes = frame.engine.query(exp.select(*ends).from_(inner))
    centres, reach = [], []
    for i in range(len(raw)):
        seen = np.asarray(head[f"r{i}"], dtype=float)
        seen = seen[np.isfinite(seen)]
        low, high = float(extremes[f"low{i}"][0]), float(extremes[f"high{i}"][0])
        if not np.isfinite(low) or not np.isfinite(high):
            low = high = 0.0
        centre = float(np.float32(seen.mean())) if len(seen) else (low + high) / 2
        centre = centre if np.isfinite(centre) else (low + high) / 2
        centres.append(centre)
        reach.append(max(abs(low - centre), abs(high - centre)))
    return centres, reach


def _atom_sql(frame: Frame, atom: Mean | Share, model: int) -> exp.Expr:
    if isinstance(atom, Share):
        return _share_sql(frame, atom, model)

    return row_sql(atom.row, lambda name: column_sql(frame, name, model), labels=label_names(frame))


def _share_sql(frame: Frame, share: Share, model: int) -> exp.Expr:
    name = share.which
    if share.label is not None and share.label not in frame.labels:
        raise UsageError(
            f"No class '{share.label}'.{did_you_mean(share.label, frame.labels)} Classes: {listed(frame.labels)}."
        )
    code = frame.positive if share.label is None else frame.labels.index(share.label)
    if code is None:
        raise UsageError(f"'{name}' needs a class: write {name}['CLASS'], or name one with --positive.")
    positive = exp.Literal.number(code)
    t, p = exp.column("target"), exp.column(f"prediction_{model}")
    is_t: exp.Expr = (
        exp.EQ(this=t, expression=positive) if name in ("tp", "fn") else exp.NEQ(this=t, expression=positive)
    )
    is_p: exp.Expr = (
        exp.EQ(this=p, expression=positive.copy())
        if name in ("tp", "fp")
        else exp.NEQ(this=p, expression=positive.copy())
    )
    both = exp.and_(is_t, is_p)
    return exp.Case().when(both, exp.Literal.number(1)).when(exp.not_(both.copy()), exp.Literal.number(0))


def _cell_keys(frame: Frame, pair: tuple[int, ...]) -> list[tuple[str, exp.Expr]]:
    """Target and predictions as grouping keys, NULL unless every version of the frame has its label."""
    every = ["target", *(f"prediction_{m}" for m in range(len(frame.models)))]
    complete = exp.and_(*[exp.Not(this=exp.Is(this=exp.column(c), expression=exp.null())) for c in every])
    chosen = ["target", *(f"prediction_{m}" for m in pair)]
    return [(f"key{k}", exp.Case().when(complete.copy(), exp.column(c))) for k, c in enumerate(chosen)]


def _query(frame: Frame, terms: _Terms, groupings: Sequence[Grouping], keys: list[tuple[str, exp.Expr]]) -> exp.Expr:
    used = sorted({k for g in groupings for k in g.columns})
    inner = exp.select(
        *[exp.column(f"slice_{k}") for k in used],
        *[exp.alias_(sql.copy(), name) for name, sql in keys],
        *[exp.alias_(sql.copy(), f"r{i}") for i, sql in enumerate(terms.raw)],
    )
    if not inner.expressions:
        inner = exp.select(exp.alias_(exp.Literal.number(1), "one"))
    inner = inner.from_(frame.table)
    outer: list[exp.Expr] = [exp.alias_(exp.Count(this=exp.Star()), "n")]
    for k in used:
        column = exp.column(f"slice_{k}")
        outer.append(exp.alias_(column, f"s{k}"))
        outer.append(exp.alias_(exp.Anonymous(this="GROUPING", expressions=[column.copy()]), f"g{k}"))
    outer += [exp.alias_(exp.column(name), name) for name, _ in keys]
    for at, group in enumerate(terms.groups):
        valid = terms.valid(group)
        outer.append(exp.alias_(exp.Count(this=exp.Case().when(valid, exp.Literal.number(1))), f"n{at}"))
        columns = terms.columns(group)
        for i, (sql, _, size) in enumerate(columns):
            outer.append(exp.alias_(_fixed_sum(valid, sql, _bits(size)), f"m{at}_{i}"))
            for j in range(i, len(columns)):
                product = exp.Mul(this=sql.copy(), expression=columns[j][0].copy())
                outer.append(exp.alias_(_fixed_sum(valid, product, _bits(size * columns[j][2])), f"x{at}_{i}_{j}"))
    query = exp.select(*outer).from_(inner.subquery("t"))
    names = [exp.column(name) for name, _ in keys]
    sets = [
        exp.Tuple(expressions=[*[exp.column(f"slice_{k}") for k in g.columns], *[n.copy() for n in names]])
        for g in groupings
    ]
    if any(s.expressions for s in sets):
        query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
    return query


def _inner(place: int) -> exp.Expr:
    return exp.column(f"r{place}")


def _minus(sql: exp.Expr, centre: float) -> exp.Expr:
    return sql if centre == 0 else exp.paren(exp.Sub(this=sql, expression=_number(centre)))


def _number(value: float) -> exp.Expr:
    return exp.cast(exp.Literal.string(repr(value)), "double")


def _bits(size: float) -> int:
    """The power of two that makes the largest term fill an 8-byte integer."""
    return FIXED_POINT_BITS - (int(np.ceil(np.log2(size))) if size > 0 else 0)


def _fixed_sum(valid: exp.Expr, sql: exp.Expr, bits: int) -> exp.Expr:
    scaled = exp.Mul(this=exp.paren(sql.copy()), expression=_number(2.0**bits))
    rounded = exp.cast(exp.Round(this=scaled), "bigint")
    return exp.Sum(this=exp.Case().when(valid.copy(), rounded))


def _unpack(
    frame: Frame,
    terms: _Terms,
    grouping: Grouping,
    result: dict[str, NDArray[Any]],
    pair: tuple[int, ...],
    *,
    cells: bool,
    every: Sequence[Grouping],
) -> Scanned:
    used = sorted({k for g in every for k in g.columns})
    mine = np.ones(len(result["n"]), dtype=bool)
    for k in used:
        mine &= result[f"g{k}"].astype(int) == (0 if k in grouping.columns else 1)
    where = (
        grouping.combine([result[f"s{k}"][mine] for k in grouping.columns])
        if grouping.columns
        else np.zeros(int(mine.sum()), dtype=np.intp)
    )
    keys = [np.asarray(result[f"key{k}"])[mine].astype(np.intp) for k in range(1 + len(pair))] if cells else []
    order = np.lexsort([*keys[::-1], where])
    where, keys = where[order], [key[order] for key in keys]
    count = np.asarray(result["n"], dtype=float)[mine][order]
    rows = np.bincount(where, count, grouping.size).astype(np.float64, copy=False)

    def summed(column: str, bits: int | None) -> Floats:
        amounts = np.nan_to_num(np.asarray(result[column], dtype=float)[mine][order])
        return np.asarray(np.bincount(where, amounts, grouping.size) * (1.0 if bits is None else 2.0**-bits), float)

    moments: dict[str, Moments] = {}
    for at, group in enumerate(terms.groups):
        columns = terms.columns(group)
        many = len(columns)
        sums, products = np.empty((grouping.size, many)), np.empty((grouping.size, many, many))
        for i, (_, _, size) in enumerate(columns):
            sums[:, i] = summed(f"m{at}_{i}", _bits(size))
            for j in range(i, many):
                products[:, i, j] = products[:, j, i] = summed(f"x{at}_{i}_{j}", _bits(size * columns[j][2]))
        moments[group.name] = Moments(
            n=summed(f"n{at}", None), centres=np.array([c for _, c, _ in columns]), sums=sums, products=products
        )
    return Scanned(
        rows=rows, cells=_cells(frame, grouping, where, keys, count, pair) if cells else None, moments=moments
    )


def _cells(
    frame: Frame,
    grouping: Grouping,
    where: NDArray[np.intp],
    keys: list[NDArray[np.intp]],
    count: Floats,
    pair: tuple[int, ...],
) -> Cases:
    codes = dict(zip(pair, keys[1:], strict=True))

    def column(name: str, model: int) -> NDArray[Any]:
        return keys[0] if name == "target" else codes[model]

    return Cases(
        size=grouping.size,
        slice_index=where,
        count=count,
        target=keys[0],
        predictions=codes,
        column=column,
        positive=frame.positive,
        labels=frame.labels,
        label_names=label_names(frame),
    )
