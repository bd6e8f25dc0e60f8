"""PostgreSQL as an engine: everything is computed there, in temporary tables of one connection."""

import weakref
from typing import Any

import sqlglot.expressions as exp

from seatrial.data.engine import Columns
from seatrial.data.engines.base import Described, Kind, SqlEngine, columns_of_rows, relation_of
from seatrial.data.engines.dialects import compiled
from seatrial.data.engines.wide import narrower
from seatrial.errors import DataError, UsageError

MOST_COLUMNS = 1_600
"""Of one SELECT; PostgreSQL takes 1,664."""
_KINDS = {
    "bool": "BOOLEAN",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "oid": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "numeric": "DECIMAL",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
}


class PostgresEngine(SqlEngine):
    """PostgreSQL through psycopg 3, on a connection of the caller or one made from a connection string.

    It needs the right to make temporary tables, and changes nothing else.

    Raises `UsageError` when psycopg is not installed, `DataError` when the server does not answer.
    """

    dialect = "postgres"
    title = "PostgreSQL"

    def __init__(self, connection: Any) -> None:
        try:
            import psycopg
        except ImportError:
            raise UsageError(
                "PostgreSQL is read through psycopg, which is not installed: pip install 'seatrial[postgres]'."
            ) from None
        self._psycopg = psycopg
        self._own = isinstance(connection, str)
        self._made: dict[str, str] = {}
        if not isinstance(connection, str):
            self._connection = connection
            return
        try:
            self._connection = psycopg.connect(connection, autocommit=True)
        except psycopg.Error as error:
            raise DataError(f"PostgreSQL cannot be reached: {_first_line(error)}") from None
        weakref.finalize(self, self._connection.close)

    def query(self, sql: str | exp.Expr) -> Columns:
        """Run one statement; columns in the order of the SELECT, NULL as DuckDB hands it over."""
        found: Columns = {}
        for part in narrower(sql, MOST_COLUMNS):
            more = self._fetch(compiled(part, self.dialect))
            found |= {name: values for name, values in more.items() if name not in found}
        return found

    def execute(self, sql: str | exp.Expr) -> None:
        """Run a statement for its effect."""
        self._run(compiled(sql, self.dialect))

    def create(self, table: str, select: str | exp.Expr, *, view: bool = False) -> None:
        """Make a temporary table (or a view) of a SELECT."""
        kind = "VIEW" if view else "TABLE"
        body = compiled(select, self.dialect)
        self._run(f"CREATE TEMPORARY {kind} {table} AS {body}")
        self._made[table] = kind
        if not view:  # nobody else counts the rows of a temporary table for the planner
            self._run(f"ANALYZE {table}")

    def drop(self, table: str) -> None:
        """Give back a table made by `create`."""
        self._run(f"DROP {self._made.pop(table)} {table}")

    def describe(self, given: Any) -> Described:
        """Say what a table holds, by its name; `schema.table`, or with quotes where the name needs them."""
        if not isinstance(given, str):
            raise UsageError(f"A table of PostgreSQL is given by its name, not by a {type(given).__name__}.")
        relation = relation_of(given, self.dialect)
        look = exp.select(exp.Star()).from_(relation.copy()).limit(0)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._send(cursor, compiled(look, self.dialect))
            described = list(cursor.description or [])
        return Described(
            name=given,
            relation=relation,
            columns=tuple(column.name for column in described),
            kinds=tuple(self._kind(column) for column in described),
        )

    def close(self) -> None:
        """Drop the tables that were made; a connection that was handed in stays open."""
        if self._own:
            self._connection.close()
        elif not self._connection.closed:
            for table in reversed(list(self._made)):
                self.drop(table)
        self._made.clear()

    def _kind(self, column: Any) -> str:
        found = self._connection.adapters.types.get(column.type_code)
        return "VARCHAR" if found is None else _KINDS.get(found.name, "VARCHAR")

    def _fetch(self, text: str) -> Columns:
        with self._connection.transaction(), self._connection.cursor(binary=True) as cursor:
            self._send(cursor, text)
            described = list(cursor.description or [])
            rows = cursor.fetchall()
        kinds = [_kind_of(self._kind(column)) for column in described]
        return columns_of_rows(rows, [column.name for column in described], kinds)

    def _run(self, text: str) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._send(cursor, text)

    def _send(self, cursor: Any, text: str) -> None:
        errors = self._psycopg.errors
        try:
            cursor.execute(text)
        except errors.NumericValueOutOfRange as error:
            raise DataError(
                f"PostgreSQL: {_first_line(error)} Give the values in another unit, or winsorize them."
            ) from None
        except (
            errors.UndefinedTable,
            errors.InvalidSchemaName,
            errors.InsufficientPrivilege,
            errors.ReadOnlySqlTransaction,
            errors.ProgramLimitExceeded,
            errors.TooManyColumns,
            errors.OperatorIntervention,
            errors.InsufficientResources,
        ) as error:
            raise DataError(f"PostgreSQL: {_first_line(error)}") from None


def _kind_of(kind: str) -> Kind:
    if kind in {"SMALLINT", "INTEGER", "BIGINT"}:
        return "integer"
    return "real" if kind in {"FLOAT", "DOUBLE", "DECIMAL"} else "text"


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).split("\n", 1)[0].strip().rstrip(".")
    return f"{line}."
