"""The experiment on Spark with two workers, against DuckDB: one test, for a session takes longer than what it is asked.

pytest-xdist would start a session in every process that gets one of several tests.
"""

import re
from pathlib import Path
from typing import Any

import pytest

import seatrial as st
from seatrial.errors import DataError, UsageError

from . import agreement, statements
from .agreement import Ran


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_spark_agrees_with_duckdb(
    spark: Any, parquet_files: dict[str, Path], on_duckdb: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = views(spark)
    with st.SparkEngine(spark) as engine:
        frames = {name: spark.read.parquet(str(path)) for name, path in parquet_files.items()}
        frames["events"].createOrReplaceTempView("shop_events")  # one by its name, the others as data frames
        ran = Ran(
            st.Table(engine, frames["exposures"]), st.Table(engine, "shop_events"), st.Table(engine, frames["pre"])
        )
        agreement.same_verdict(on_duckdb, ran)
        agreement.same_health(on_duckdb, ran)
        agreement.same_effects(on_duckdb, ran)
        agreement.same_units(on_duckdb.units, ran.units)
        expected = on_duckdb.measured
        with monkeypatch.context() as patched:  # by grouping sets, which so few segments do not need
            patched.setattr("seatrial.experiments.cell_query.MAX_CUBE", 1)
            agreement.same_moments(expected, ran.measured)
        for check in statements.CHECKS:
            check(engine)
        statements.same_with_other_types(*other_types(engine))
        what_cannot_be_read_is_said(engine)
        assert len(views(spark)) > len(before) + 10
    assert views(spark) == before | {"shop_events", *(f"other_{name}" for name in statements.OTHER)}
    assert spark.sql("SELECT 1 AS one").collect()[0]["one"] == 1  # the session is the caller's


def views(session: Any) -> set[str]:
    return {row["viewName"] for row in session.sql("SHOW VIEWS").collect()}


def other_types(engine: st.SparkEngine) -> list[st.Table]:
    """Names of units as text, dates, decimal and real numbers, booleans, epoch seconds."""
    here = {"DOUBLE PRECISION": "DOUBLE", "REAL": "FLOAT", "NUMERIC(12, 2)": "DECIMAL(12, 2)", "VARCHAR": "STRING"}
    for name, (types, rows) in statements.OTHER.items():
        casts = ", ".join(
            f"CAST(c{at} AS {here.get(kind, kind)}) AS `{column}`" for at, (column, kind) in enumerate(types.items())
        )
        values = ", ".join(f"({', '.join(map(statements.sql_value, row))})" for row in rows)
        names = ", ".join(f"c{at}" for at in range(len(types)))
        frame = engine.session.sql(f"SELECT {casts} FROM VALUES {values} AS t({names})")
        frame.createOrReplaceTempView(f"other_{name}")
    return [st.Table(engine, f"other_{name}") for name in statements.OTHER]


def what_cannot_be_read_is_said(engine: st.SparkEngine) -> None:
    for given, error, words in (
        ("nowhere", DataError, r"Spark: .*nowhere"),
        (3, UsageError, "by its name or as a DataFrame, not by a int"),
        ("", UsageError, "no name of a table"),
    ):
        table = st.Table(engine, given)
        with pytest.raises(error, match=words):
            st.analyze(table, table, metrics={"m": "mean(x)"}, control="A")


def test_an_engine_of_spark_needs_a_session() -> None:
    with pytest.raises(UsageError, match=re.escape("SparkSession.builder.getOrCreate()")):
        st.SparkEngine("spark://somewhere")
