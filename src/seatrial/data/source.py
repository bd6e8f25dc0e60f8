"""A source: a table somebody handed in, as columns `c0`, `c1`, ... to scan, and the names they stand for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import duckdb

from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.errors import DataError, UsageError, did_you_mean, listed

Sample = dict[str, list[str | None]]

SAMPLE_ROWS = 2_000
"""Rows looked at to guess the roles of columns."""

SAMPLE_CELLS = 2_000_000
"""The same for very wide tables: rows times columns."""


class Source(ABC):
    """One input table. `kinds[i]` is `TEXT` where the file says nothing of types, else the engine's type."""

    name: str
    """As a reader knows it, without folders."""
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    is_large: bool = False
    """True when a copy of it should lie in the scratch file, compressed, and not in memory."""
    numbers_rows: bool = False
    """True when the scan brings a column `k` with the row's position, so that the table need not be copied first."""

    @abstractmethod
    def scan(self, engine: DuckDBEngine, columns: Sequence[int]) -> str:
        """Return SQL that goes behind FROM and gives the columns `c<i>` asked for (and `k` if `numbers_rows`)."""

    @abstractmethod
    def digest(self) -> str:
        """Return the SHA-256 of the content, in hex."""

    def fails(self, error: duckdb.Error) -> DataError:
        """Return the engine's complaint in one sentence of ours; raise it again when it is our own bug."""
        if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
            raise error
        return DataError(f"{self.name} cannot be read: {first_sentence(error)}")

    @property
    def identity(self) -> object:
        """What two sources share when they are the same table."""
        return id(self)

    @cached_property
    def own_engine(self) -> DuckDBEngine:
        """A small engine for looking at this source alone."""
        return DuckDBEngine(threads=1)

    @cached_property
    def sha256(self) -> str:
        return self.digest()

    @cached_property
    def places(self) -> dict[str, int]:
        """Column name to its position."""
        return {name: place for place, name in enumerate(self.columns)}

    def place(self, column: str, *, option: str) -> int:
        """Return the position of a column, or raise `UsageError` with what was probably meant."""
        found = self.find(column)
        if found is None:
            raise UsageError(
                f"{self.name} has no column '{column}' ({option})."
                f"{did_you_mean(column, self.columns)} Its columns: {listed(self.columns)}."
            )
        return found

    def find(self, column: str) -> int | None:
        """Return the position of a column by its exact name, else by its name in other case if only one fits."""
        if column in self.places:
            return self.places[column]
        near = [place for name, place in self.places.items() if name.casefold() == column.casefold()]
        return near[0] if len(near) == 1 else None

    def sample(self, columns: Sequence[str]) -> Sample:
        """Return the first rows of some columns as text; None where missing."""
        known: dict[str, list[str | None]] = self.__dict__.setdefault("_sampled", {})
        rows = max(50, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(self.columns))))
        lacking = [name for name in dict.fromkeys(columns) if name not in known]
        for start in range(0, len(lacking), 250):
            block = lacking[start : start + 250]
            places = [self.places[name] for name in block]
            wanted = ", ".join(as_text(f"c{place}", self.kinds[place]) for place in places)
            try:
                found = self.own_engine.rows(f"SELECT {wanted} FROM {self.scan(self.own_engine, places)} LIMIT {rows}")
            except duckdb.Error as error:
                raise self.fails(error) from None
            for at, name in enumerate(block):
                known[name] = [row[at] for row in found]
        return {name: known[name] for name in columns}


def as_text(column: str, kind: str) -> str:
    """Return SQL of a column as canonical text: whole DOUBLEs without a fraction, booleans in small letters."""
    if kind in {"TEXT", "VARCHAR"}:
        return f"NULLIF({column}, '')"
    if kind in {"DOUBLE", "FLOAT"} or kind.startswith("DECIMAL"):
        wide = f"CAST({column} AS DOUBLE)"
        return (
            f"CASE WHEN isnan({wide}) THEN NULL WHEN abs({wide}) < 9e15 AND {wide} = floor({wide}) "
            f"THEN CAST(CAST({wide} AS BIGINT) AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
        )
    if kind.startswith(("STRUCT", "MAP", "LIST")) or kind.endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def first_sentence(error: Exception) -> str:
    """Return the first line of an engine's message, without its class."""
    line = str(error).split("\n", 1)[0]
    return line.split(": ", 1)[-1].rstrip(".") + "."


def aliases(count: int) -> str:
    """Return the list `(c0, c1, ...)` that renames the columns of a scan."""
    return "(" + ", ".join(f"c{place}" for place in range(count)) + ")"


def checked_names(names: Sequence[str], *, source: str, where: str = "") -> tuple[str, ...]:
    """Name nameless columns by their place (`column_1`) and refuse a name that appears twice."""
    named = [name if name.strip() else f"column_{place}" for place, name in enumerate(names, 1)]
    seen: set[str] = set()
    for name in named:
        if name in seen:
            raise DataError(f"{source}{where}: the column name {quoted(name)} appears twice; rename one of the two.")
        seen.add(name)
    return tuple(named)


def location(path: Path, engine: DuckDBEngine) -> str:
    """Return a path the engine takes literally: one with glob characters is reached through a link without them."""
    full = str(path.resolve())
    if not set(full) & set("*?["):
        return full
    link = engine.folder / f"{engine.fresh('link')}{''.join(path.suffixes[-2:])}"
    try:
        link.symlink_to(full)
    except OSError:
        raise UsageError(f"{path.name}: rename the file so that its path has none of the characters * ? [.") from None
    return str(link)
