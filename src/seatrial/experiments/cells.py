"""What is scanned and what comes back: rows to group, the terms of a metric, and their moments in every cell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from seatrial.data.engine import Engine
from seatrial.experiments.sums import Facts, Term, look, look_around, row_count
from seatrial.stats.moments import Moments

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Key:
    """A column to group by: whole numbers from `first`, `size` of them."""

    name: str
    size: int
    first: int = 0


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is scanned: a table or subquery with `arm`, `phase` and the keys."""

    engine: Engine
    sql: exp.Expr
    arms: int
    phases: int
    keys: tuple[Key, ...]
    count: int
    first_tell: bool = True
    """Whether the first rows of a long table tell what to expect of the rest."""
    must_be_finite: bool = False
    """Whether numbers may be infinite or NaN, and a sum that shows it raises `DataError`."""
    complete: frozenset[str] = frozenset()
    """Columns of which it is known that no row lacks them."""


def rows_of(
    engine: Engine, sql: exp.Expr, *, arms: int, phases: int, keys: Iterable[Key], count: int | None = None
) -> Rows:
    """The rows of a source, counted where it is not known how many there are."""
    n = row_count(engine, sql) if count is None else count
    return Rows(engine=engine, sql=sql, arms=arms, phases=phases, keys=tuple(keys), count=n)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The terms of one metric: a row that lacks one of the first `required` is out of all."""

    name: str
    terms: tuple[Term, ...]
    required: int
    cubes: bool = False
    """Whether the third moment of the first term is wanted."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Moments of one group in the cells (arms, phases, slices), laid out flat."""

    shape: tuple[int, int, int]
    moments: Moments
    cubes: Floats | None
    """Sums of the third powers of the first term around its centre."""
    all_whole: bool
    """Whether every value of the first term is a whole number, summed as it is."""


Grouping = tuple[str, ...]


class Looked:
    """Facts of terms, by their SQL; a group may have centres of its own."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.facts: dict[str, Facts] = {}
        self.own: dict[tuple[str, str], Facts] = {}

    def add(self, terms: Iterable[Term]) -> None:
        """Look at terms not seen before."""
        new = {term.key: term for term in terms if term.key not in self.facts}
        whole = not self.rows.first_tell
        found = look(self.rows.engine, self.rows.sql, list(new.values()), self.rows.count, everything=whole)
        self.facts |= dict(zip(new, found, strict=True))

    def of(self, group: Group, term: Term) -> Facts:
        return self.own.get((group.name, term.key)) or self.facts[term.key]

    def centre(self, group: Group, centres: Sequence[float]) -> None:
        """Give a group's terms centres of their own."""
        found = look_around(self.rows.engine, self.rows.sql, group.terms, centres, self.rows.count)
        self.own |= {(group.name, term.key): one for term, one in zip(group.terms, found, strict=True)}

    def whole(self, terms: Sequence[Term]) -> None:
        """Look at terms on all rows."""
        found = look(self.rows.engine, self.rows.sql, terms, self.rows.count, everything=True)
        self.facts |= {term.key: one for term, one in zip(terms, found, strict=True)}
