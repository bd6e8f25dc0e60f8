"""A table that lies in an engine, as a source like any other: its rows are never fetched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlglot.expressions as exp

from seatrial.data.engine import DuckDBEngine
from seatrial.data.engines.base import Described, SqlEngine
from seatrial.data.engines.dialects import as_text
from seatrial.data.source import Sample, Source, checked_names

SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class Table:
    """A table or view of an engine, to be analysed where it lies.

    `source` is its name as the engine's users write it (`schema.table`), for Spark also a DataFrame. `analyze` takes it
    for `exposures`, `events` and `pre`, all of one engine; only moments leave the engine.
    """

    engine: SqlEngine
    source: Any
    name: str | None = field(default=None, kw_only=True)
    """For reports; the table's own when not given."""

    @cached_property
    def described(self) -> Described:
        """Its columns and their types, asked once."""
        return self.engine.describe(self.source)


class EngineSource(Source):
    """A table of an engine: columns, types and the first values of columns, no scan into another engine."""

    def __init__(self, table: Table) -> None:
        described = table.described
        self.engine = table.engine
        self.relation = described.relation
        self.name = table.name or described.name
        self.columns = checked_names(described.columns, source=self.name)
        self.kinds = described.kinds

    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        raise NotImplementedError("a table of another engine is not read into DuckDB")

    def digest(self) -> str:
        """Say that there is none: to hash its rows they would have to be fetched."""
        return f"not hashed: the rows stay in {self.engine.title}"

    def column(self, name: str) -> exp.Expr:
        """A column by its name, whatever is in it."""
        return exp.column(name, quoted=True)

    def kind(self, name: str) -> str:
        return self.kinds[self.places[name]]

    def sample(self, columns: Sequence[str]) -> Sample:
        """Return the first rows of some columns as text; None where missing."""
        names = list(dict.fromkeys(columns))
        if not names:
            return {}
        wanted = [
            exp.alias_(as_text(self.column(name), self.kind(name), self.engine.dialect), f"c{at}")
            for at, name in enumerate(names)
        ]
        found = self.engine.query(exp.select(*wanted).from_(self.relation.copy()).limit(SAMPLE_ROWS))
        return {name: list(values) for name, values in zip(names, found.values(), strict=True)}
