"""Single statements of which engines are known to make something different, and columns of other types."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sqlglot.expressions as exp
from numpy.testing import assert_array_equal

import seatrial as st
from seatrial.data.engine import DuckDBEngine, literal
from seatrial.data.engines.base import SqlEngine
from seatrial.experiments.table import UnitTable
from seatrial.experiments.units import units_from_events
from seatrial.records.plan import ExperimentMetric

REALS = [0.0, -0.5, 0.5, 1.5, 2.5, -2.5, 0.1, -7.25, 12.34, 2.0**52 + 0.5, 2.0**53 + 2, -(2.0**70), 1.5e15, 1e18, -1e19]


def reals(values: Sequence[float | None]) -> str:
    """SQL of a table of doubles."""
    rows = [
        f"SELECT {i} AS i, CAST({'NULL' if v is None else repr(repr(v))} AS DOUBLE) AS x" for i, v in enumerate(values)
    ]
    return " UNION ALL ".join(rows)


def answers(engine: Any, sql: str, values: Sequence[float | None]) -> Any:
    found = engine.query(f"SELECT t.i AS i, {sql} AS y FROM ({reals(values)}) AS t ORDER BY t.i")
    return found["y"]


def whole_numbers_of_doubles_are_exact(engine: SqlEngine) -> None:
    """Beyond 64 bits, where PostgreSQL keeps 15 digits of a double and Spark the shortest that tell it apart."""
    rng = np.random.default_rng(0)
    values = [
        float(np.ldexp(np.floor(m * 2**53), e))
        for m, e in zip(rng.uniform(-1, 1, 40), rng.integers(0, 71, 40), strict=True)
    ]
    scaled = "CAST(ROUND(t.x) AS DECIMAL(38, 0))"
    texts = answers(engine, f"CAST({scaled} AS VARCHAR)", values)
    assert [int(text) for text in texts] == [int(value) for value in values]
    total = engine.query(f"SELECT CAST(SUM({scaled}) AS VARCHAR) AS y FROM ({reals(values)}) AS t")["y"]
    assert int(total[0]) == sum(int(value) for value in values)


def rounding_and_floors_are_doubles(engine: SqlEngine) -> None:
    duck = DuckDBEngine(threads=1)
    values = [*REALS, None, 1e300]
    for sql in (
        "FLOOR(t.x)",
        "t.x - FLOOR(t.x)",
        "CAST(FLOOR(t.x / 7.0) AS DOUBLE)",
        "ABS(t.x) * 0.1",
        "SQRT(ABS(t.x))",
    ):
        assert_array_equal(answers(engine, sql, values), answers(duck, sql, values), err_msg=sql)
    nearest = answers(engine, "ROUND(t.x)", values)
    given = np.array([np.nan if value is None else value for value in values])
    assert np.nanmax(np.abs(nearest - given)[np.abs(given) < 2**53]) <= 0.5
    assert_array_equal(np.floor(nearest), nearest)


def tiny_exponentials_are_nothing(engine: SqlEngine) -> None:
    found = answers(engine, "CASE WHEN t.x <= 709 THEN EXP(t.x) END", [0.0, -800.0, -1e6, 1.0, 710.0, None])
    assert_array_equal(found[[0, 1, 2]], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(found[3], np.e, rtol=1e-15)
    assert np.isnan(found[[4, 5]]).all()


def literals_are_doubles(engine: SqlEngine) -> None:
    """0.1 + 0.2 is no 0.3, as in Python: a sum of decimals would be."""
    found = engine.query(
        "SELECT 0.1 + 0.2 AS a, CASE WHEN 1 = 1 THEN 1.0 END AS b, CAST(1.0384593717069655e+34 AS DOUBLE) AS c"
    )
    assert [found[name].dtype for name in "abc"] == [np.float64] * 3
    assert [float(found[name][0]) for name in "abc"] == [0.1 + 0.2, 1.0, 2.0**113]


def nulls_are_as_duckdb_hands_them_over(engine: SqlEngine) -> None:
    sql = "SELECT CAST(NULL AS BIGINT) AS a, CAST(NULL AS DOUBLE) AS b, CAST(NULL AS VARCHAR) AS c, 1 AS d, 'x' AS e"
    found = engine.query(sql)
    expected = DuckDBEngine(threads=1).query(sql)
    assert np.ma.getmaskarray(found["a"]).tolist() == np.ma.getmaskarray(expected["a"]).tolist() == [True]
    assert np.isnan(found["b"]).all()
    assert found["c"].tolist() == [None]
    assert (found["d"].tolist(), found["e"].tolist()) == ([1], ["x"])
    empty = engine.query(f"SELECT * FROM ({sql}) AS t WHERE t.d = 2")
    assert {name: len(values) for name, values in empty.items()} == dict.fromkeys("abcde", 0)


def texts_stay_what_they_are(engine: SqlEngine) -> None:
    texts = [
        "it's",
        'a\\b "%s" %',
        "`x`",
        "${y}",
        "a${y}${spark.app.name}$$",
        "Österreich 🛥",
        "tab\tand\nline",
        "--",
        "",
    ]
    for text in texts:
        found = engine.query(
            f"SELECT {literal(text)} AS t, CASE {literal(text)} WHEN {literal(text)} THEN 1 ELSE 0 END AS n"
        )
        assert (found["t"].tolist(), found["n"].tolist()) == ([text], [1]), text


def texts_are_compared_by_bytes(engine: SqlEngine) -> None:
    """Where an order decides (the first of several), it is DuckDB's."""
    from seatrial.data.engines.dialects import as_text

    rows = " UNION ALL ".join(f"SELECT {literal(text)} AS t" for text in ("b", "B", "a", "ä", "_"))
    text = as_text(exp.column("t"), "VARCHAR", engine.dialect)
    inner = exp.select(exp.alias_(text, "t")).from_(exp.maybe_parse(rows, dialect="duckdb").subquery("r"))
    ends = exp.select("MIN(q.t) AS low", "MAX(q.t) AS high").from_(inner.subquery("q"))
    found = engine.query(ends)
    assert (found["low"].tolist(), found["high"].tolist()) == (["B"], ["ä"])


def columns_come_in_order(engine: SqlEngine) -> None:
    table = engine.fresh("ordered")
    engine.create(
        table,
        f"SELECT 9 - t.i AS k, t.x AS x, CASE WHEN t.i <> 1 THEN t.i END AS n FROM ({reals([1.5, None, 3.5])}) AS t",
    )
    found = engine.columns(table, ["x", "n"], order="k")
    assert_array_equal(found["x"], [3.5, np.nan, 1.5])
    assert found["n"].tolist() == [2, -1, 0]
    assert engine.columns(table, ["n"], order="k", between=(8, 10))["n"].tolist() == [-1, 0]
    assert engine.columns(table, ["k"], order="k", step=3)["k"].tolist() == [9]
    engine.drop(table)


CHECKS: list[Callable[[SqlEngine], None]] = [
    whole_numbers_of_doubles_are_exact,
    rounding_and_floors_are_doubles,
    tiny_exponentials_are_nothing,
    literals_are_doubles,
    nulls_are_as_duckdb_hands_them_over,
    texts_stay_what_they_are,
    texts_are_compared_by_bytes,
    columns_come_in_order,
]

OTHER: dict[str, tuple[dict[str, str], list[tuple[Any, ...]]]] = {
    "exposures": (
        {"User Id": "VARCHAR", "arm": "BOOLEAN", "date": "DATE", "size": "DOUBLE PRECISION", "note": "VARCHAR"},
        [
            (f"u{i}", i % 2 == 0, f"2026-03-{1 + i % 5:02d}", [1.0, 2.0, 2.5, None][i % 4], [" x ", "", None][i % 3])
            for i in range(60)
        ],
    ),
    "events": (
        {
            "User Id": "VARCHAR",
            "ts": "BIGINT",
            "spent": "NUMERIC(12, 2)",
            "weight": "REAL",
            "clicked": "BOOLEAN",
        },
        [
            (f"u{i % 70}", 1_772_323_200 + 7_000 * i, f"{i % 13}.{i % 100:02d}", 0.1 * i, [True, False, None][i % 3])
            for i in range(400)
        ],
    ),
}
METRICS = [
    ExperimentMetric(name="spent", formula="mean(spent)", missing="zero"),
    ExperimentMetric(name="weight", formula="mean(weight)", aggregate="max"),
    ExperimentMetric(name="clicks", formula="clicked / events"),
]


def sql_value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return literal(value) if isinstance(value, str) else repr(value)


def same_with_other_types(exposures: Any, events: Any) -> None:
    """The same unit table as from the same values in DuckDB."""
    from seatrial.experiments.measure import measure

    from .agreement import same_units

    def units(*tables: Any) -> UnitTable:
        return units_from_events(
            *tables,
            metrics=METRICS,
            control="false",
            columns=st.Plan.model_fields["columns"].default.model_copy(update={"unit": "User Id", "time": "date"}),
            segments=["note", "size"],
            timezone="Asia/Tokyo",
        )

    here = DuckDBEngine(threads=1)
    for name, (types, rows) in OTHER.items():
        declared = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
        here.execute(f"CREATE TABLE {name} ({declared})")
        values = ", ".join(f"({', '.join(map(sql_value, row))})" for row in rows)
        here.execute(f"INSERT INTO {name} VALUES {values}")
    files = [here.connection.table(name) for name in OTHER]
    expected, found = units(*files), units(exposures, events)
    same_units(expected, found)
    assert expected.segments[0].levels == ("x", "(missing)")
    assert expected.segments[1].levels == ("1", "2", "2.5", "(missing)")
    a, b = measure(expected, METRICS), measure(found, METRICS)
    for name in a:
        assert_array_equal(a[name].by[()].value, b[name].by[()].value)
