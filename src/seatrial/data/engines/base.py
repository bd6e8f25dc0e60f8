"""What the engines of this room share: names, reading in order, answers as DuckDB gives them, what a table holds."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import sqlglot.errors
import sqlglot.expressions as exp
from numpy.typing import NDArray

from seatrial.data.engine import Columns
from seatrial.errors import UsageError

Kind = Literal["integer", "real", "text"]

_NAMES = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Described:
    """A table of the engine: what stands behind FROM, and its columns with DuckDB's names of their types."""

    name: str
    relation: exp.Expr
    columns: tuple[str, ...]
    kinds: tuple[str, ...]


class SqlEngine(ABC):
    """An engine in which tables can be made and asked; statements are DuckDB's spelling of the common SQL.

    Tables it makes are temporary, named `seatrial_...`, and gone with `close`.
    """

    dialect: str
    """SQLGlot's name of it."""
    title: str
    """As a reader knows it."""

    @abstractmethod
    def query(self, sql: str | exp.Expr) -> Columns:
        """Run one statement; columns in the order of the SELECT, NULL as DuckDB hands it over."""

    @abstractmethod
    def execute(self, sql: str | exp.Expr) -> None:
        """Run a statement for its effect."""

    @abstractmethod
    def create(self, table: str, select: str | exp.Expr, *, view: bool = False) -> None:
        """Make a temporary table (or a view) of a SELECT."""

    @abstractmethod
    def drop(self, table: str) -> None:
        """Give back a table made by `create`."""

    @abstractmethod
    def describe(self, given: Any) -> Described:
        """Say what a table of the engine holds; raises `DataError` when it is not there, `UsageError` for no name."""

    @abstractmethod
    def close(self) -> None:
        """Drop the tables that were made; a connection or session that was handed in stays open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fresh(self, stem: str) -> str:
        """Return a table name not used before in this process."""
        return f"seatrial_{stem}_{next(_NAMES)}"

    def columns(
        self, table: str, columns: Sequence[str], *, order: str, between: tuple[int, int] | None = None, step: int = 1
    ) -> Columns:
        """Read columns in the order of column `order`; NULL is -1 in integer columns, NaN in real ones, None in text.

        Only rows with first <= `order` < stop where `between` is given, and every `step`-th.
        """
        wanted = exp.select(*[exp.column(name, quoted=True) for name in dict.fromkeys(columns)])
        wanted = wanted.from_(exp.to_table(table)).order_by(exp.column(order, quoted=True))
        at = exp.column(order, quoted=True)
        if between is not None:
            ends = [exp.Literal.number(end) for end in (between[0], between[1] - 1)]
            wanted = wanted.where(exp.Between(this=at.copy(), low=ends[0], high=ends[1]))
        if step != 1:
            rest = exp.Mod(this=at.copy(), expression=exp.Literal.number(step))
            wanted = wanted.where(exp.EQ(this=rest, expression=exp.Literal.number(0)))
        found = self.query(wanted)
        return {
            name: values.filled(-1) if isinstance(values, np.ma.MaskedArray) else values
            for name, values in found.items()
        }


def as_array(values: Sequence[Any], kind: Kind) -> NDArray[Any]:
    """Python values of one column as DuckDB would hand them over.

    Integers with NULLs are a masked array, real ones hold NaN, texts None.

    >>> as_array([1, None], "integer"), as_array([None, 2.5], "real")
    (masked_array(data=[1, --],
                 mask=[False,  True],
           fill_value=999999), array([nan, 2.5]))
    """
    if kind == "real":
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    if kind == "text":
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made
    gaps = np.array([value is None for value in values], dtype=bool)
    whole = np.array([0 if value is None else int(value) for value in values], dtype=np.int64)
    return np.ma.MaskedArray(whole, mask=gaps) if gaps.any() else whole


def columns_of_rows(rows: Sequence[Sequence[Any]], names: Sequence[str], kinds: Iterable[Kind]) -> Columns:
    """Rows as columns."""
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {name: as_array(values, kind) for name, values, kind in zip(names, by_column, kinds, strict=True)}


def relation_of(name: str, dialect: str) -> exp.Expr:
    """A table's name as a user writes it, `schema.table` or with the engine's quotes around its parts.

    Raises `UsageError` for anything that is no name.

    >>> relation_of('analytics."My Events"', "postgres").sql("postgres")
    'analytics."My Events"'
    """
    try:
        found = exp.to_table(name, dialect=dialect)
    except sqlglot.errors.ParseError:
        found = exp.Table()
    if not found.parts or not all(isinstance(part, exp.Identifier) and part.name for part in found.parts):
        raise UsageError(f"'{name}' is no name of a table; write TABLE or SCHEMA.TABLE.")
    return found
