"""Spark as an engine: everything is computed in the cluster of one session, in temporary views."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import sqlglot.expressions as exp

from seatrial.data.engine import Columns
from seatrial.data.engines.base import Described, Kind, SqlEngine, as_array, columns_of_rows, relation_of
from seatrial.data.engines.dialects import compiled
from seatrial.errors import DataError, UsageError

_KINDS = {
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "decimal": "DECIMAL",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
}


class SparkEngine(SqlEngine):
    """Spark 4 through a session of the caller, classic or Connect.

    What it makes is kept by the executors (memory, else disk) until `close`; nothing is written to a catalogue.

    Raises `UsageError` when there is no session.
    """

    dialect = "spark"
    title = "Spark"

    def __init__(self, session: Any) -> None:
        if not hasattr(session, "sql") or not hasattr(session, "createDataFrame"):
            raise UsageError(
                "SparkEngine needs a session, as SparkSession.builder.getOrCreate() gives it (pip install"
                " 'seatrial[spark]')."
            )
        self.session = session
        self._made: list[str] = []
        self._kept: list[Any] = []
        self._given: dict[int, tuple[str, Any]] = {}

    def query(self, sql: str | exp.Expr) -> Columns:
        """Run one statement; columns in the order of the SELECT, NULL as DuckDB hands it over."""
        frame = self._frame(sql)
        kinds = [_kind_of(_kind(field)) for field in frame.schema.fields]
        try:
            if find_spec("pyarrow") is not None:
                return _of_arrow(frame.toArrow(), kinds)
            return columns_of_rows([tuple(row) for row in frame.collect()], frame.columns, kinds)
        except Exception as error:
            raise self._said(error) from None

    def execute(self, sql: str | exp.Expr) -> None:
        """Run a statement for its effect."""
        self._frame(sql)

    def create(self, table: str, select: str | exp.Expr, *, view: bool = False) -> None:
        """Make a temporary view of a SELECT; its rows are computed when first read, and kept if it is no view."""
        frame = self._frame(select)
        if not view:
            self._kept.append(frame.persist())
        frame.createOrReplaceTempView(table)
        self._made.append(table)

    def drop(self, table: str) -> None:
        """Forget a table made by `create`; its rows stay until `close`, for what was made of it may not be read yet."""
        self.session.catalog.dropTempView(table)
        self._made.remove(table)

    def describe(self, given: Any) -> Described:
        """Say what a table of the catalogue holds, by its name, or a data frame of the session."""
        if isinstance(given, str):
            relation, name = relation_of(given, self.dialect), given
            frame = self._frame(exp.select(exp.Star()).from_(relation.copy()))
        elif hasattr(given, "createOrReplaceTempView"):
            name, frame = "data frame", given
            if id(given) not in self._given:
                view = self.fresh("given")
                given.createOrReplaceTempView(view)
                self._given[id(given)] = view, given
                self._made.append(view)
            relation = exp.to_table(self._given[id(given)][0])
        else:
            given_as = type(given).__name__
            raise UsageError(f"A table of Spark is given by its name or as a DataFrame, not by a {given_as}.")
        return Described(
            name=name,
            relation=relation,
            columns=tuple(frame.columns),
            kinds=tuple(_kind(field) for field in frame.schema.fields),
        )

    def close(self) -> None:
        """Drop the views that were made; the session stays."""
        for table in reversed(self._made.copy()):
            self.drop(table)
        for frame in self._kept:
            frame.unpersist()
        self._kept.clear()
        self._given.clear()

    def _frame(self, sql: str | exp.Expr) -> Any:
        text = compiled(sql, self.dialect)
        if "${" in text:
            raise UsageError("Spark replaces ${...} in the names of columns too: give a view with other names.")
        try:
            return self.session.sql(text)
        except Exception as error:
            raise self._said(error) from None

    @staticmethod
    def _said(error: Exception) -> Exception:
        """A complaint of Spark's in one sentence where it is about the tables or the numbers; else as it is."""
        condition = getattr(error, "getCondition", getattr(error, "getErrorClass", lambda: None))() or ""
        line = (str(error).strip() or type(error).__name__).split("\n", 1)[0].rstrip(".")
        if condition.startswith(("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "INSUFFICIENT_PERMISSIONS")):
            return DataError(f"Spark: {line}.")
        if condition.startswith(("ARITHMETIC_OVERFLOW", "NUMERIC_VALUE_OUT_OF_RANGE", "CAST_OVERFLOW")):
            return DataError(f"Spark: {line}. Give the values in a larger unit, or winsorize them.")
        return error


def _kind(field: Any) -> str:
    return _KINDS.get(field.dataType.typeName(), "VARCHAR")


def _kind_of(kind: str) -> Kind:
    if kind in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}:
        return "integer"
    return "real" if kind in {"FLOAT", "DOUBLE", "DECIMAL"} else "text"


def _of_arrow(table: Any, kinds: list[Kind]) -> Columns:
    found: Columns = {}
    for name, column, kind in zip(table.column_names, table.columns, kinds, strict=True):
        plain = column.null_count == 0 and str(column.type) in {"int32", "int64", "double"}
        found[name] = np.asarray(column.to_numpy()) if plain else as_array(column.to_pylist(), kind)
    return found
