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
"""Rows looked at, evenly spaced, to choose centres."""

FIXED_POINT_BITS = 61
"""Bits of the largest term; its sums are 16-byte integers."""
WIDE_POINT_BITS = 125
"""Bits of the largest *sum*, where terms are 16-byte integers themselves."""
HEAVY = 4_096
"""A column whose largest term exceeds its small ones by more than this is summed in wide integers."""
MOST_BITS = 1_000
"""The largest power of two a term is multiplied by, so that the factor itself is a number."""


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
    candidates: dict[str, Moments]
    """Of a pair: each atom of the candidate by itself, so that its own small numbers do not drown in the baseline's."""


def scan(
    frame: Frame, groups: Sequence[TermGroup], groupings: Sequence[Grouping], pair: tuple[int, ...], *, cells: bool
) -> list[Scanned]:
    """Run the scan for one version `(i,)` or a pair `(baseline, candidate)`."""
    terms = _Terms(frame, groups, pair)
    keys = _cell_keys(frame, pair) if cells else []
    finest = [g for g in groupings if not any(set(g.columns) < set(other.columns) for other in groupings)]
    result = frame.engine.query(_query(frame, terms, finest, keys))
    return [_unpack(frame, terms, grouping, result, pair, cells=cells, every=finest) for grouping in groupings]


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
        self.names = {f"r{i}" for i in range(len(self.raw))}
        self.pair = pair
        self.models = len(frame.models)
        self.apart = (
            sorted(
                {
                    (self.at[g.name, k, pair[0]], self.at[g.name, k, pair[1]])
                    for g in groups
                    for k in range(len(g.atoms))
                }
            )
            if self.paired
            else []
        )
        """Pairs of inner columns whose differences are terms."""
        seen = _look(frame, self.raw, self.apart)
        self.columns_seen = seen[: len(self.raw)]
        self.differences_seen = dict(zip(self.apart, seen[len(self.raw) :], strict=True))
        self.wide_bits = WIDE_POINT_BITS - frame.n.bit_length()

    def columns(self, group: TermGroup) -> "list[_Term]":
        """Each shifted term of a group: the baseline's atoms, then the differences."""
        found = []
        for k in range(len(group.atoms)):
            first = self.at[group.name, k, self.pair[0]]
            seen = self.columns_seen[first]
            found.append(_Term(sql=_minus(_inner(first), seen.centre), seen=seen))
        for k in range(len(group.atoms)) if self.paired else ():
            first, second = self.at[group.name, k, self.pair[0]], self.at[group.name, k, self.pair[1]]
            found.append(_Term(sql=_difference(first, second), seen=self.differences_seen[first, second]))
        return found

    def own(self, group: TermGroup) -> "list[_Term]":
        """The candidate's atoms by themselves; none without a pair."""
        places = [self.at[group.name, k, self.pair[1]] for k in range(len(group.atoms))] if self.paired else []
        seen = [(place, self.columns_seen[place]) for place in places]
        return [_Term(sql=_minus(_inner(place), found.centre), seen=found) for place, found in seen]

    def bits(self, first: "_Term", second: "_Term | None" = None) -> tuple[int, int, bool]:
        """Powers of two to multiply a term by (or the two of a product), and whether the result is a wide integer."""
        wide = first.seen.heavy or (second is not None and second.seen.heavy)
        bits = self.wide_bits if wide else FIXED_POINT_BITS
        if second is None:
            return _power(first.seen.reach, bits), 0, wide
        return _power(first.seen.reach, bits - bits // 2), _power(second.seen.reach, bits // 2), wide

    def valid(self, group: TermGroup) -> exp.Expr:
        """SQL condition: every atom of the group is there for every version."""
        places = sorted(
            {self.at[group.name, k, model] for k in range(len(group.atoms)) for model in range(self.models)}
        )
        return exp.and_(*[exp.Not(this=exp.Is(this=_inner(place), expression=exp.null())) for place in places])


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a look at a column found."""

    centre: float
    reach: float
    """Largest distance from the centre."""
    heavy: bool
    """Whether that distance dwarfs the usual ones."""


@dataclass(frozen=True, kw_only=True)
class _Term:
    sql: exp.Expr
    """The column minus its centre."""
    seen: _Seen


def _look(frame: Frame, raw: list[exp.Expr], apart: list[tuple[int, int]]) -> list[_Seen]:
    """A centre near the mean (from some rows) and the range, of every inner column and then of the differences."""
    if not raw:
        return []
    inner = exp.select(exp.column("row"), *[exp.alias_(sql.copy(), f"r{i}") for i, sql in enumerate(raw)])
    inner = inner.from_(frame.table)
    columns = [*[_inner(i) for i in range(len(raw))], *[_difference(a, b) for a, b in apart]]
    step = exp.Literal.number(max(1, frame.n // LOOK))
    spaced = exp.EQ(this=exp.Mod(this=exp.column("row"), expression=step), expression=exp.Literal.number(0))
    named = [exp.alias_(sql.copy(), f"r{i}") for i, sql in enumerate(columns)]
    some = frame.engine.query(exp.select(*named).from_(inner.subquery("t")).where(spaced).order_by("row"))
    ends = [
        exp.alias_(f(this=sql.copy()), f"{name}{i}")
        for i, sql in enumerate(columns)
        for name, f in (("low", exp.Min), ("high", exp.Max))
    ]
    extremes = frame.engine.query(exp.select(*ends).from_(inner.copy().subquery("t")))
    found: list[_Seen] = []
    for i in range(len(columns)):
        seen = _numbers(some[f"r{i}"])
        low, high = (float(_numbers(extremes[f"{name}{i}"]).sum()) for name in ("low", "high"))
        centre = _centre(seen, low, high) if i < len(raw) else 0.0
        reach = max(abs(low - centre), abs(high - centre))
        near = np.abs(seen - centre)
        near = near[near > 0]
        heavy = len(near) == 0 or reach > HEAVY * float(np.quantile(near, 0.01))
        found.append(_Seen(centre=centre, reach=reach, heavy=heavy))
    return found


def _numbers(column: NDArray[Any]) -> Floats:
    """The numbers of a column, without those that are missing."""
    values: NDArray[Any] = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
    return np.asarray(values[np.isfinite(values)])


def _centre(seen: Floats, low: float, high: float) -> float:
    """The median of the rows seen (one huge row must not move it), with few digits and inside the range."""
    middle = low / 2 + high / 2
    with np.errstate(over="ignore"):
        centre = float(np.float32(np.median(seen))) if len(seen) else middle
    return centre if low <= centre <= high else middle


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
    known = [exp.Not(this=exp.Is(this=label.copy(), expression=exp.null())) for label in (t, p)]
    counted = exp.Case().when(exp.and_(is_t, is_p), exp.Literal.number(1)).else_(exp.Literal.number(0))
    return exp.Case().when(exp.and_(*known), counted)


def _cell_keys(frame: Frame, pair: tuple[int, ...]) -> list[tuple[str, exp.Expr]]:
    """Target and predictions as grouping keys, NULL unless every version of the frame has its label."""
    every = ["target", *(f"prediction_{m}" for m in range(len(frame.models)))]
    complete = exp.and_(*[exp.Not(this=exp.Is(this=exp.column(c), expression=exp.null())) for c in every])
    chosen = ["target", *(f"prediction_{m}" for m in pair)]
    return [(f"key{k}", exp.Case().when(complete.copy(), exp.column(c))) for k, c in enumerate(chosen)]


def _query(frame: Frame, terms: _Terms, groupings: Sequence[Grouping], keys: list[tuple[str, exp.Expr]]) -> exp.Expr:
    """The integers are made under the grouping: what stands inside SUM may be computed again for every grouping set."""
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
    integers: dict[str, exp.Expr] = {}
    for at, group in enumerate(terms.groups):
        valid = terms.valid(group)
        integers[f"n{at}"] = exp.Case().when(valid, exp.Literal.number(1))
        for side, columns in (("", terms.columns(group)), ("c", terms.own(group))):
            for i, term in enumerate(columns):
                bits, _, wide = terms.bits(term)
                integers[f"{side}m{at}_{i}"] = _fixed_point(valid, _scaled(term.sql, bits), wide)
                for j, other in enumerate(columns[i:], start=i):
                    bits, others, wide = terms.bits(term, other)
                    product = exp.Mul(this=_scaled(term.sql, bits), expression=_scaled(other.sql, others))
                    integers[f"{side}x{at}_{i}_{j}"] = _fixed_point(valid, product, wide)
    kept = [exp.column(part.alias_or_name) for part in inner.expressions if part.alias_or_name not in terms.names]
    middle = exp.select(*kept, *[exp.alias_(sql, name) for name, sql in integers.items()]).from_(inner.subquery("r"))
    for name in integers:
        total = exp.Count if name.startswith("n") else exp.Sum
        outer.append(exp.alias_(total(this=exp.column(name)), name))
    query = exp.select(*outer).from_(middle.subquery("t"))
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


def _difference(first: int, second: int) -> exp.Expr:
    return exp.paren(exp.Sub(this=_inner(second), expression=_inner(first)))


def _power(size: float, bits: int) -> int:
    """The power of two that makes a number of this size fill `bits` bits."""
    return min(bits - (int(np.ceil(np.log2(size))) if size > 0 else 0), MOST_BITS)


def _scaled(sql: exp.Expr, bits: int) -> exp.Expr:
    return exp.paren(exp.Mul(this=exp.paren(sql.copy()), expression=_number(2.0**bits)))


def _fixed_point(valid: exp.Expr, sql: exp.Expr, wide: bool) -> exp.Expr:
    rounded = exp.cast(exp.Round(this=sql), "int128" if wide else "bigint")
    return exp.Case().when(valid.copy(), rounded)


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
    """One grouping from the result: its own rows, or those of the smallest finer grouping, summed."""
    used = sorted({k for g in every for k in g.columns})
    source = min((g for g in every if set(grouping.columns) <= set(g.columns)), key=lambda g: g.size)
    mine = np.ones(len(result["n"]), dtype=bool)
    for k in used:
        mine &= result[f"g{k}"].astype(int) == (0 if k in source.columns else 1)
    where = (
        grouping.combine([result[f"s{k}"][mine] for k in grouping.columns])
        if grouping.columns
        else np.zeros(int(mine.sum()), dtype=np.intp)
    )
    keys = [_codes(result[f"key{k}"])[mine] for k in range(1 + len(pair))] if cells else []
    # a total order, so that sums do not hang on the order in which the engine's threads came home
    within = source.combine([result[f"s{k}"][mine] for k in source.columns]) if source.columns else where
    order = np.lexsort([within, *keys[::-1], where])
    where, keys = where[order], [key[order] for key in keys]
    count = np.asarray(result["n"], dtype=float)[mine][order]
    rows = np.bincount(where, count, grouping.size).astype(np.float64, copy=False)

    def summed(column: str, bits: int = 0) -> Floats:
        held: NDArray[Any] = np.ma.filled(np.ma.asarray(result[column], dtype=float), 0.0)
        amounts = np.nan_to_num(held[mine][order])
        with np.errstate(over="ignore"):
            return np.asarray(np.ldexp(np.bincount(where, amounts, grouping.size), -bits), float)

    def of(side: str, at: int, columns: list[_Term]) -> Moments:
        many = len(columns)
        sums, products = np.empty((grouping.size, many)), np.empty((grouping.size, many, many))
        for i, term in enumerate(columns):
            sums[:, i] = summed(f"{side}m{at}_{i}", terms.bits(term)[0])
            for j, other in enumerate(columns[i:], start=i):
                found = summed(f"{side}x{at}_{i}_{j}", sum(terms.bits(term, other)[:2]))
                products[:, i, j] = products[:, j, i] = found
        centres = np.array([term.seen.centre for term in columns])
        return Moments(n=summed(f"n{at}"), centres=centres, sums=sums, products=products)

    moments = {group.name: of("", at, terms.columns(group)) for at, group in enumerate(terms.groups)}
    own = {group.name: of("c", at, terms.own(group)) for at, group in enumerate(terms.groups) if terms.paired}
    if not cells:
        return Scanned(rows=rows, cells=None, moments=moments, candidates=own)
    firsts = np.flatnonzero(np.concatenate([[True], np.any(np.diff([where, *keys]), axis=0)])[: len(where)])
    where, keys, count = where[firsts], [key[firsts] for key in keys], np.add.reduceat(count, firsts)
    return Scanned(rows=rows, cells=_cells(frame, grouping, where, keys, count, pair), moments=moments, candidates=own)


def _codes(column: NDArray[Any]) -> NDArray[np.intp]:
    """Class codes, -1 where missing: the engine hands out a masked array, whose data under the mask mean nothing."""
    filled: NDArray[Any] = np.ma.filled(np.ma.masked_invalid(column), -1)
    return filled.astype(np.intp)


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
