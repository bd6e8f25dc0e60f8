"""Coding: raw values to small integers inside a query, by a constant map when few and by a join when many."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.data.engine import DuckDBEngine, quoted, smallest_integer
from seatrial.data.labels import Raw

_MOST_IN_A_MAP = 32


@dataclass
class Coding:
    """Collects what the SQL of coded columns needs beside itself: parameters, and joins with lookup tables."""

    engine: DuckDBEngine
    parameters: dict[str, object] = field(default_factory=dict)
    joins: list[str] = field(default_factory=list)

    def code(self, column: str, codes: Mapping[Raw, int]) -> str:
        """Return SQL of the code of a column's raw value; NULL for a value without one."""
        if not codes:
            return "CAST(NULL AS INTEGER)"
        kind = smallest_integer(max(codes.values()))
        keys, values = list(codes), list(codes.values())
        raw = _sql_type(keys)
        if len(keys) <= _MOST_IN_A_MAP:
            listed = f"CAST({self.given(keys)} AS {raw}[]), CAST({self.given(values)} AS {kind}[])"
            return f"map({listed})[{column}]"
        table = self.engine.fresh("codes")
        self.engine.execute(
            f"CREATE TABLE {quoted(table)} AS SELECT unnest(CAST($keys AS {raw}[])) AS raw,"
            f" unnest(CAST($codes AS {kind}[])) AS code",
            {"keys": keys, "codes": values},
        )
        self.joins.append(f"LEFT JOIN {quoted(table)} ON {quoted(table)}.raw = {column}")
        return f"{quoted(table)}.code"

    def given(self, value: object) -> str:
        """Return the SQL name of a new parameter."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


def _sql_type(keys: list[Raw]) -> str:
    kinds = {type(key) for key in keys}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds <= {int, float} else "VARCHAR"
