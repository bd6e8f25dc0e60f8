"""One query over some metrics: a GROUP BY of exact sums, unpacked into moments on every grouping."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.errors import DataError
from seatrial.experiments.cells import Cells, Floats, Group, Grouping, Looked, Rows
from seatrial.experiments.sums import (
    BITS,
    Facts,
    Term,
    column,
    dialect_of,
    facts_of,
    half_log,
    known,
    minus,
    named,
    times,
    too_large,
    whole,
)
from seatrial.stats.moments import Moments

MAX_CUBE = 5_000
"""Up to so many cells the cube of all segments is grouped at once."""

Parts = Sequence[tuple[str, int]]
"""Names of sums and the powers of two they are to be multiplied by."""


@dataclass
class CellQuery:
    """One query over some groups, and its result."""

    rows: Rows
    groups: Sequence[Group]
    groupings: Sequence[Grouping]
    seen: Looked
    folds: int
    raw: dict[tuple[str, float], str] = field(default_factory=dict)
    """(SQL of a term, centre) -> name of the inner column."""
    inner: dict[str, exp.Expr] = field(default_factory=dict)
    middle: dict[str, exp.Expr] = field(default_factory=dict)
    sums: dict[str, exp.Expr] = field(default_factory=dict)
    by_text: dict[str, str] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    arrays: dict[Grouping, dict[str, Floats]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dialect = dialect_of(self.rows.engine)
        self.total = self.sum(exp.Count(this=exp.Star()))
        for group in self.groups:
            self.plan[group.name] = self.prepare(group)
        self.checks = self.check()
        """Names of counts, and the terms they count."""

    # Columns

    def base(self, term: Term, facts: Facts) -> str:
        """The inner column of a term less its centre."""
        key = term.key, facts.centre
        if key not in self.raw:
            self.raw[key] = f"r{len(self.raw)}"
            self.inner[self.raw[key]] = minus(term.sql, facts.centre)
        return self.raw[key]

    def place(self, sql: exp.Expr) -> exp.Expr:
        """A column made once, between the rows and the sums."""
        text = sql.sql()
        if text not in self.by_text:
            self.by_text[text] = f"x{len(self.middle)}"
            self.middle[self.by_text[text]] = sql
        return column(self.by_text[text])

    def sum(self, sql: exp.Expr) -> str:
        """The name of an aggregate, made once."""
        text = sql.sql()
        if text not in self.by_text:
            self.by_text[text] = f"a{len(self.sums)}"
            self.sums[self.by_text[text]] = sql
        return self.by_text[text]

    def parts(self, sql: exp.Expr, folds: int) -> list[tuple[str, int]]:
        """Sums of the whole part, and of what is behind the point in further parts; with their powers of two."""
        made: list[tuple[str, int]] = []
        finer = 51 - math.ceil(math.log2(max(self.rows.count, 2)))
        shift = 0
        for fold in range(folds):
            rounded = whole(sql.copy(), dialect=self.dialect)
            made.append((self.sum(exp.Sum(this=rounded)), -shift))
            if fold + 1 < folds:
                sql = times(exp.paren(exp.Sub(this=exp.paren(sql.copy()), expression=rounded.copy())), finer)
                shift += finer
        return made

    # Groups

    def prepare(self, group: Group) -> dict[str, Any]:
        facts = [self.seen.of(group, term) for term in group.terms]
        names = [self.base(term, f) for term, f in zip(group.terms, facts, strict=True)]
        gaps = {names[i] for i in range(group.required) if facts[i].nullable}
        on = {name: known(column(name)) for name in sorted(gaps)}

        def masked(name: str, *, free: Iterable[str]) -> exp.Expr:
            """The inner column, NULL where another required term is (unless one of `free` sees to that)."""
            others = [condition for gap, condition in on.items() if gap not in (name, *free)]
            if not others:
                return column(name)
            return self.place(exp.Case().when(exp.and_(*[o.copy() for o in others]), column(name)))

        def scaled(sql: exp.Expr, f: Facts) -> exp.Expr:
            return sql if f.shift == 0 else self.place(times(sql, f.shift))

        room = BITS - half_log(self.rows.count)
        count = self.total
        if gaps:
            first = sorted(gaps)[0]
            count = self.sum(exp.Count(this=masked(first, free=())))
            if self.rows.must_be_finite:  # also where another term is NULL
                for name in names:
                    self.sum(exp.Sum(this=column(name)))
        sums, products = [], {}
        for i, (name, f) in enumerate(zip(names, facts, strict=True)):
            sql = masked(name, free=())
            if f.exact:
                sums.append([(self.sum(exp.Sum(this=sql)), 0)])
            else:
                parts = self.parts(times(scaled(sql, f), room), self.folds)
                sums.append([(a, power - room - f.shift) for a, power in parts])
            for j in range(i, len(names)):
                other, g = names[j], facts[j]
                left = masked(name, free=(other,))
                right = column(other)
                if f.exact and g.exact:
                    made = [(self.sum(exp.Sum(this=exp.Mul(this=left, expression=right))), 0)]
                else:
                    product = exp.Mul(this=scaled(left, f), expression=scaled(right, g))
                    parts = self.parts(product, self.folds)
                    made = [(a, power - f.shift - g.shift) for a, power in parts]
                products[i, j] = made
        cubes = None
        if group.cubes and names:
            x, f = masked(names[0], free=()), facts[0]
            if f.zero_one:
                cubes = sums[0]
            elif f.exact_cubes:
                cubes = [(self.sum(exp.Sum(this=_cube(x))), 0)]
            else:
                parts = self.parts(times(exp.paren(_cube(scaled(x, f))), -BITS), 1)
                cubes = [(a, power + BITS - 3 * f.shift) for a, power in parts]
        return {"facts": facts, "count": count, "sums": sums, "products": products, "cubes": cubes}

    def check(self) -> dict[str, list[Term]]:
        """Counts of terms that the first rows never lacked, two at a time by their product, which is there anyway."""
        found: dict[str, list[Term]] = {}
        seen: set[str] = set()
        for group in self.groups:
            facts: list[Facts] = self.plan[group.name]["facts"]
            new = [i for i, t in enumerate(group.terms) if t.key not in seen and facts[i].sampled]
            new = [i for i in new if not facts[i].nullable and not self.is_complete(group.terms[i])]
            seen |= {group.terms[i].key for i in new}
            for i, j in zip(new[::2], [*new[1::2], *new[-1:]], strict=False):
                summed = self.sums[self.plan[group.name]["products"][i, j][0][0]].this
                found[self.sum(exp.Count(this=summed.copy()))] = [group.terms[i], group.terms[j]]
        return found

    def is_complete(self, term: Term) -> bool:
        return isinstance(term.sql, exp.Column) and term.sql.name in self.rows.complete

    # The query

    def execute(self) -> None:
        """Run the query, and lay out its rows as arrays (arms, phases, sizes of the keys)."""
        sizes = {key.name: key for key in self.rows.keys}
        used = [key.name for key in self.rows.keys if any(key.name in g for g in self.groupings)]
        cells = self.rows.arms * self.rows.phases * math.prod(sizes[name].size for name in used)
        finest = [g for g in dict.fromkeys(self.groupings) if not any(set(g) < set(o) for o in self.groupings)]
        cube = cells <= MAX_CUBE or len(finest) <= 1
        sources = [tuple(used)] if cube else [tuple(n for n in used if n in g) for g in finest]
        result = self.rows.engine.query(self.query(used, sources))
        n = len(next(iter(result.values()))) if result else 0
        taken = {name: _codes(result[f"key_{name}"], sizes[name].first) for name in used}
        arm, phase = _codes(result["arm"], 0), _codes(result["phase"], 0)
        for source in dict.fromkeys(sources):
            mine = (arm >= 0) & (phase >= 0) & (arm < self.rows.arms) & (phase < self.rows.phases)
            if len(sources) > 1:
                for name in used:
                    mine &= np.asarray(result[f"all_{name}"], dtype=np.int64) == (0 if name in source else 1)
            shape = (self.rows.arms, self.rows.phases, *(sizes[name].size for name in source))
            codes = [arm, phase, *(taken[name] for name in source)]
            for code, size in zip(codes, shape, strict=True):
                mine &= (code >= 0) & (code < size)
            at = np.ravel_multi_index([code[mine] for code in codes], shape) if n else np.zeros(0, np.intp)
            self.arrays[source] = {}
            for name in self.sums:
                values = np.zeros(math.prod(shape))
                values[at] = _amounts(result[name])[mine]
                self.arrays[source][name] = values.reshape(shape)
            if self.rows.must_be_finite and any(_not_finite(result[name]) for name in self.sums):
                raise DataError("A sum is infinite or no number.")

    def query(self, used: Sequence[str], sources: Sequence[Grouping]) -> exp.Expr:
        keys = ["arm", "phase", *used]
        query = _select(
            [*(named(column(k), k) for k in keys), *(named(sql, name) for name, sql in self.inner.items())],
            self.rows.sql.copy(),
        )
        deeper = {  # a scaled column may be made of a masked one: a level for each
            name for name, sql in self.middle.items() if any(c.name in self.middle for c in sql.find_all(exp.Column))
        }
        kept = [*keys, *self.inner]
        for level, names in (("t", [n for n in self.middle if n not in deeper]), ("u", [*deeper])):
            if level == "t" or names:
                made = [named(self.middle[name], name) for name in names]
                query = _select([*map(column, kept), *made], query.subquery(level, copy=False))
                kept += names
        outer: list[exp.Expr] = [column("arm"), column("phase")]
        several = len(sources) > 1
        for name in used:
            outer.append(named(column(name), f"key_{name}"))
            if several:
                grouping = exp.Anonymous(this="GROUPING", expressions=[column(name)])
                outer.append(named(grouping, f"all_{name}"))
        outer += [named(sql, name) for name, sql in self.sums.items()]
        query = _select(outer, query.subquery("v", copy=False))
        if several:
            sets = [exp.Tuple(expressions=[column("arm"), column("phase"), *map(column, s)]) for s in sources]
            query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
        else:
            query.set("group", exp.Group(expressions=[column(k) for k in ("arm", "phase", *sources[0])]))
        return query

    # The result

    def unpacked(self) -> dict[str, dict[Grouping, Cells]]:
        return {
            group.name: {grouping: self.cells(group, grouping) for grouping in dict.fromkeys(self.groupings)}
            for group in self.groups
        }

    def cells(self, group: Group, grouping: Grouping) -> Cells:
        fits = [source for source in self.arrays if set(grouping) <= set(source)]
        source = min(fits, key=lambda s: next(iter(self.arrays[s].values())).size)
        plan, arrays = self.plan[group.name], self.arrays[source]
        rest = tuple(2 + i for i, name in enumerate(source) if name not in grouping)
        kept = [name for name in source if name in grouping]
        order = (0, 1, *(2 + kept.index(name) for name in grouping))

        def rolled(name: str) -> Floats:
            values = arrays[name].sum(axis=rest) if rest else arrays[name]
            return np.asarray(values.transpose(order).reshape(-1), dtype=np.float64)

        def joined(parts: Parts) -> Floats:
            total = np.zeros(size)
            for name, power in reversed(parts):
                total = total + np.ldexp(rolled(name), power)
            return total

        count = rolled(plan["count"])
        size, terms = len(count), len(group.terms)
        sums, products = np.empty((size, terms)), np.empty((size, terms, terms))
        for i in range(terms):
            sums[:, i] = joined(plan["sums"][i])
            for j in range(i, terms):
                products[:, i, j] = products[:, j, i] = joined(plan["products"][i, j])
        facts: list[Facts] = plan["facts"]
        if not (np.isfinite(products).all() and np.isfinite(sums).all()):
            at = int(np.flatnonzero(~np.isfinite(np.einsum("stt->t", products)))[0])
            raise DataError(too_large(group.terms[at].text))
        return Cells(
            shape=(self.rows.arms, self.rows.phases, size // (self.rows.arms * self.rows.phases)),
            moments=Moments(n=count, centres=np.array([f.centre for f in facts]), sums=sums, products=products),
            cubes=None if plan["cubes"] is None else joined(plan["cubes"]),
            all_whole=bool(facts) and facts[0].exact and facts[0].centre == 0,
        )

    def surprises(self) -> list[Term]:
        """Terms of which all rows say something else than the first rows did, or may do so."""
        arrays = next(iter(self.arrays.values()))
        total = float(arrays[self.total].sum())
        found: dict[str, Term] = {}
        for name, terms in self.checks.items():
            if arrays[name].sum() != total:
                found |= {term.key: term for term in terms}
        for group in self.groups:
            plan = self.plan[group.name]
            complete = plan["count"] == self.total
            for i, (term, f) in enumerate(zip(group.terms, plan["facts"], strict=True)):
                if f.sampled and term.key not in found:
                    parts = plan["sums"][i], plan["products"][i, i]
                    if not complete or f.nullable or not self.as_expected(f, total, *parts, arrays):
                        found[term.key] = term
        return list(found.values())

    def as_expected(self, f: Facts, total: float, sums: Parts, squares: Parts, arrays: Mapping[str, Floats]) -> bool:
        """Whether the sums over all rows lead to the centre and scale that the first rows led to."""
        if f.whole:
            # sums of whole numbers are whole in every cell; of large ones, which are rounded, it cannot be told
            names = [name for name, _ in (*sums, *squares)]
            if not f.exact or any((arrays[name] != np.floor(arrays[name])).any() for name in names):
                return False
        if f.zero_one and any((arrays[a] != arrays[b]).any() for (a, _), (b, _) in zip(sums, squares, strict=True)):
            return False
        first, second = (
            sum(float(np.ldexp(arrays[name].sum(), power)) for name, power in parts) for parts in (sums, squares)
        )
        around = second + f.centre * (2 * first + total * f.centre)
        actual = facts_of(total, first + total * f.centre, around, all_whole=f.whole, nullable=False)
        return actual.centre == f.centre and actual.exponent == f.exponent and actual.exact == f.exact


def _select(wanted: list[exp.Expr], source: exp.Expr) -> exp.Select:
    """SELECT ... FROM ... of these very nodes: SQLGlot's builders copy every list they are given, and whole queries."""
    return exp.Select(expressions=wanted).from_(source, copy=False)


def _cube(sql: exp.Expr) -> exp.Expr:
    return exp.Mul(this=exp.Mul(this=sql.copy(), expression=sql.copy()), expression=sql.copy())


def _codes(values: NDArray[Any], first: int) -> NDArray[np.intp]:
    """Codes from 0; NULL is below 0."""
    held: NDArray[Any] = np.ma.filled(np.ma.masked_invalid(np.ma.asarray(values, dtype=float)), first - 1.0)
    return np.asarray(held - first, dtype=np.intp)


def _not_finite(values: NDArray[Any]) -> bool:
    """Whether any sum is infinite, NaN or NULL."""
    return not bool(np.isfinite(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)).all())


def _amounts(values: NDArray[Any]) -> Floats:
    """Sums as numbers: NULL, the sum of nothing, is 0."""
    return np.nan_to_num(np.ma.filled(np.ma.asarray(values, dtype=float), 0.0), nan=0.0, posinf=np.inf, neginf=-np.inf)
