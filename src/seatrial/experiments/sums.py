"""Exact sums in plain doubles: every term is scaled by a power of two and rounded to an integer so small that all
partial sums stay under 2^53. Whole doubles add without rounding, so the order of the rows, the number of threads and
the engine make no difference to a single bit, and no wider integers are needed (they cost more than twice as much).

The scale of a column follows from the sum of its squares, not from its largest value: |sum x_i x_j| <=
sqrt(sum x_i^2 sum x_j^2), so one long tail does not coarsen the grid more than it moves the variance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.data.engine import Engine
from seatrial.errors import DataError

LOOK_WHOLE = 2_000_000
"""Tables of up to so many rows are looked at whole; of longer ones the first rows, and what the scan finds decides."""
LOOK_FIRST = 200_000
BITS = 26
"""A scaled column x has sum x^2 <= 2^(2 x 26): products of two need no further factor."""
EXACT = 2.0**52
"""Whole numbers whose squares add up to less are summed as they are."""
FAR = 1_024.0
"""Standard deviations between the mean and 0 beyond which a column is looked at again, around its centre."""
_DOUBLE = exp.DataType.build("double")
OFFSET = 0.3183
"""Keeps the choice of centres and scales away from round numbers, where the last bit of a sum would decide it."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a look at one term found: where to centre it and how far to scale it."""

    nullable: bool
    whole: bool
    """Whether every value (less the centre) is a whole number."""
    centre: float
    exponent: int
    """2^exponent is above twice the root of the sum of squares around the centre; even."""
    squares: float
    zero_one: bool = False
    """Whether every value is 0 or 1: of whole numbers x^2 >= x, and equal for these only."""
    sampled: bool = False

    @property
    def exact(self) -> bool:
        """Whether the values can be summed as they are."""
        return self.whole and self.squares < EXACT

    @property
    def exact_cubes(self) -> bool:
        return self.whole and self.squares < 2.0**34

    @property
    def shift(self) -> int:
        """The power of two that scales the term."""
        return BITS - self.exponent


@dataclass(frozen=True, kw_only=True)
class Term:
    """One number a row, NULL where the row lacks it."""

    sql: exp.Expr
    text: str
    """As a reader knows it."""

    @cached_property
    def key(self) -> str:
        return self.sql.sql()


def column(name: str) -> exp.Expr:
    """A column of ours by its name."""
    return exp.column(name, quoted=True)


def named(sql: exp.Expr, name: str) -> exp.Expr:
    """SQL AS a name of ours; takes the node itself, where `exp.alias_` makes a copy."""
    return exp.Alias(this=sql, alias=exp.to_identifier(name, quoted=True))


def number(value: float) -> exp.Expr:
    """A number as SQL, to the last bit."""
    made = exp.Cast(this=exp.Literal.string(repr(value)), to=_DOUBLE.copy())
    made.type = _DOUBLE  # as `exp.cast` does, which parses the type each time
    return made


def times(sql: exp.Expr, power: int) -> exp.Expr:
    """SQL times a power of two."""
    return sql.copy() if power == 0 else exp.paren(exp.Mul(this=sql.copy(), expression=number(2.0**power)))


def minus(sql: exp.Expr, value: float) -> exp.Expr:
    """SQL less a number."""
    return sql.copy() if value == 0 else exp.paren(exp.Sub(this=exp.paren(sql.copy()), expression=number(value)))


def whole(sql: exp.Expr, *, dialect: str) -> exp.Expr:
    """SQL rounded to a whole number, as a double."""
    if dialect in ("spark", "databricks", "spark2", "hive"):
        return exp.Anonymous(this="RINT", expressions=[sql])
    return exp.Round(this=sql)


def known(sql: exp.Expr) -> exp.Expr:
    """SQL condition: there is a value."""
    return exp.Not(this=exp.Is(this=sql.copy(), expression=exp.null()))


def dialect_of(engine: Engine) -> str:
    """SQLGlot's name of the engine's SQL."""
    return str(getattr(engine, "dialect", "duckdb"))


def half_log(rows: int) -> int:
    """ceil(log2(rows) / 2): sum |x| <= 2^this sqrt(sum x^2)."""
    return math.ceil(math.log2(max(rows, 1)) / 2)


def centre_of(n: float, total: float, squares: float, *, all_whole: bool) -> float:
    """A centre near the mean with few digits; 0 unless the mean is far from it, measured in standard deviations."""
    if n <= 0 or (all_whole and squares < EXACT):
        return 0.0
    mean = total / n
    spread = math.sqrt(max(squares / n - mean * mean, 0.0))
    if abs(mean) <= 2 * spread or mean == 0 or not math.isfinite(mean):
        return 0.0
    if spread > 0:
        step = math.ceil(math.log2(spread) + OFFSET)
    else:
        step = math.floor(math.log2(abs(mean))) - 40
    step = max(step, 0) if all_whole else step
    return math.ldexp(math.floor(math.ldexp(mean, -step) + OFFSET), step)


def exponent_of(squares: float) -> int:
    """The exponent for a sum of squares."""
    return 0 if squares <= 0 else 2 * math.ceil((math.log2(squares) / 2 + 1 + OFFSET) / 2)


def row_count(engine: Engine, source: exp.Expr) -> int:
    """Rows of a source."""
    query = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n")).from_(source.copy())
    return int(engine.query(query)["n"][0])


def look(
    engine: Engine, source: exp.Expr, terms: Sequence[Term], rows: int, *, everything: bool = False
) -> list[Facts]:
    """Facts of every term over a source of so many rows, from one pass (from its first rows when it is long)."""
    some = rows > LOOK_WHOLE and not everything
    first = _look(engine, source, terms, [0.0] * len(terms), rows, some=some)
    far = [i for i, (facts, mean, spread) in enumerate(first) if facts.centre != 0 and abs(mean) > FAR * spread]
    found = [facts for facts, _, _ in first]
    if far:
        again = _look(engine, source, [terms[i] for i in far], [found[i].centre for i in far], rows, some=some)
        for i, (facts, _, _) in zip(far, again, strict=True):
            found[i] = replace(facts, centre=found[i].centre + facts.centre)
    return found


def look_around(
    engine: Engine, source: exp.Expr, terms: Sequence[Term], centres: Sequence[float], rows: int
) -> list[Facts]:
    """Facts of every term around centres that are given."""
    seen = _look(engine, source, terms, centres, rows, some=False)
    made = []
    for (facts, _, _), at in zip(seen, centres, strict=True):
        made.append(replace(facts, centre=at))
    return made


def _look(
    engine: Engine, source: exp.Expr, terms: Sequence[Term], centres: Sequence[float], rows: int, *, some: bool
) -> list[tuple[Facts, float, float]]:
    if not terms:
        return []
    names = [f"r{i}" for i in range(len(terms))]
    inner = exp.select(
        *[exp.alias_(minus(t.sql, c), name) for t, c, name in zip(terms, centres, names, strict=True)]
    ).from_(source.copy())
    if some:
        inner = inner.limit(LOOK_FIRST)
    wanted: list[exp.Expr] = [exp.alias_(exp.Count(this=exp.Star()), "n")]
    for i, name in enumerate(names):
        r = column(name)
        wanted += [
            exp.alias_(exp.Count(this=r), f"k{i}"),
            exp.alias_(exp.Sum(this=r.copy()), f"t{i}"),
            exp.alias_(exp.Sum(this=exp.Mul(this=r.copy(), expression=r.copy())), f"q{i}"),
            exp.alias_(exp.Sum(this=fraction(r)), f"f{i}"),
        ]
    result = engine.query(exp.select(*wanted).from_(inner.subquery("t")))
    seen = int(result["n"][0])
    made = []
    for i in range(len(terms)):
        k, total, squares, fractions = (first_number(result[f"{letter}{i}"]) for letter in "ktqf")
        if not (math.isfinite(total) and math.isfinite(squares)):
            raise DataError(too_large(terms[i].text))
        factor = rows / seen if some and seen else 1.0
        found = facts_of(k * factor, total * factor, squares * factor, all_whole=fractions == 0, nullable=k < seen)
        mean = total / k if k else 0.0
        spread = math.sqrt(max(squares / k - mean * mean, 0.0)) if k else 0.0
        made.append((replace(found, sampled=some), mean, spread))
    return made


def facts_of(n: float, total: float, squares: float, *, all_whole: bool, nullable: bool) -> Facts:
    """Facts from a count, a sum and a sum of squares of values around 0."""
    centre = centre_of(n, total, squares, all_whole=all_whole)
    around = max(squares - 2 * centre * total + n * centre * centre, 0.0) if centre else squares
    return Facts(
        nullable=nullable,
        whole=all_whole,
        centre=centre,
        exponent=exponent_of(around),
        squares=around,
        zero_one=all_whole and squares == total,
    )


def fraction(r: exp.Expr) -> exp.Expr:
    """What a value has behind the point: 0 for whole numbers only."""
    return exp.paren(exp.Sub(this=r.copy(), expression=exp.Floor(this=r.copy())))


def first_number(values: NDArray[Any]) -> float:
    """The one number of a result, 0 for NULL."""
    filled: NDArray[Any] = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    value = float(filled[0])
    return 0.0 if math.isnan(value) else value


def too_large(text: str) -> str:
    """What is wrong with numbers whose squares are no numbers."""
    return (
        f"The values of `{text}` are so large that their squares are no numbers; give them in a larger unit or "
        "winsorize them."
    )
