"""Answers of an engine as plain Python values."""

import math
from typing import Any

import sqlglot.expressions as exp

from seatrial.data.engine import Engine


def rows(engine: Engine, sql: str | exp.Expr) -> list[tuple[Any, ...]]:
    """Rows of a query; NULL and NaN are None."""
    columns = [[_plain(value) for value in column.tolist()] for column in engine.query(sql).values()]
    return list(zip(*columns, strict=True))


def one(engine: Engine, sql: str | exp.Expr) -> tuple[Any, ...]:
    """The only row of a query."""
    return rows(engine, sql)[0]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if abs(value) < 2**53 and value == int(value) else value
    return value


def sum_if(condition: str) -> str:
    """SQL of how many rows a condition holds for."""
    return f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)"
