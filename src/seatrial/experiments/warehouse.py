"""What an engine has to do so that units can be built in it: make a table of a SELECT, and answer queries.

Everything above the staging of files is written against `Warehouse` in a small common SQL: SELECT with joins, GROUP
BY, CASE, SUM, COUNT, MIN, MAX, FLOOR, ROUND, ROW_NUMBER and LAG over windows, UNION ALL, IS DISTINCT FROM. Types are
BIGINT, INTEGER, DOUBLE, VARCHAR and DECIMAL(38, 0); names are ours (`c0`, `unit`) and need no quotes. The engines of
`seatrial.data.engines` compile such a statement with SQLGlot; `warehouse_tables.py` makes in them the base tables
described in `units.py`.
"""

from collections.abc import Sequence
from typing import Protocol

import sqlglot.expressions as exp

from seatrial.data.engine import Columns, DuckDBEngine, Engine, quoted


class Warehouse(Engine, Protocol):
    """An engine in which tables can be made. All statements it is given are DuckDB's spelling of the common SQL."""

    @property
    def dialect(self) -> str:
        """SQLGlot's name of what `query` runs natively: `duckdb`, `postgres`, `spark`."""
        ...

    def fresh(self, stem: str) -> str:
        """Return a table name not used before."""
        ...

    def create(self, table: str, select: str, *, view: bool = False) -> None:
        """Make a table (or a view, where it is cheap to repeat) of a SELECT."""
        ...

    def drop(self, table: str) -> None:
        """Give back a table made by `create`."""
        ...


class InDuckDB:
    """A DuckDB engine as a warehouse."""

    dialect = "duckdb"

    def __init__(self, engine: DuckDBEngine) -> None:
        self.engine = engine

    def query(self, sql: str | exp.Expr) -> Columns:
        """Run one statement; columns in the order of the SELECT."""
        return self.engine.query(sql)

    def columns(
        self, table: str, columns: Sequence[str], *, order: str, between: tuple[int, int] | None = None, step: int = 1
    ) -> Columns:
        """Read columns in the order of column `order`."""
        return self.engine.columns(table, columns, order=order, between=between, step=step)

    def fresh(self, stem: str) -> str:
        """Return a table name not used before."""
        return self.engine.fresh(stem)

    def create(self, table: str, select: str, *, view: bool = False) -> None:
        """Make a table or a view of a SELECT."""
        self.engine.execute(f"CREATE {'VIEW' if view else 'TABLE'} {quoted(table)} AS {select}")

    def drop(self, table: str) -> None:
        """Give back the memory of a table."""
        self.engine.execute(f"DROP TABLE {quoted(table)}")
