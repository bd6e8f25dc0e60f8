"""The scan's SQL in other dialects: what SQLGlot cannot say there it must not be asked to."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlglot import ErrorLevel, parse_one

from seatrial.experiments.measure import measure
from seatrial.records.plan import ExperimentMetric

from .unit_tables import unit_table


class Recorder:
    """An engine that notes every statement in its own dialect, and runs it on DuckDB."""

    def __init__(self, engine: Any, dialect: str) -> None:
        self.engine, self.dialect, self.said = engine, dialect, list[str]()

    def query(self, sql: Any) -> Any:
        tree = parse_one(sql, dialect="duckdb") if isinstance(sql, str) else sql
        self.said.append(tree.sql(dialect=self.dialect, unsupported_level=ErrorLevel.RAISE))
        return self.engine.query(tree.sql(dialect="duckdb").replace("RINT(", "ROUND("))  # DuckDB has no RINT


@pytest.mark.parametrize("dialect", ["postgres", "spark", "snowflake", "bigquery", "trino"])
@pytest.mark.parametrize("clustered", [False, True])
def test_nothing_but_plain_sums_is_asked_of_an_engine(dialect: str, clustered: bool) -> None:
    rng = np.random.default_rng(0)
    n = 400
    x = rng.normal(size=n)
    x[:9] = np.nan
    table = unit_table(
        {"x": x, "y": rng.poisson(2, n), "pre": x / 2},
        arm=rng.integers(0, 2, n) if not clustered else np.arange(n) % 40 % 2,
        unit=np.arange(n) % 40 if clustered else None,
        segments={"s": (np.arange(n) % 3, "abc")},
        clustered=clustered,
    )
    metrics = [
        ExperimentMetric(name="m", formula="mean(x)", covariates=("pre",)),
        ExperimentMetric(name="r", formula="y / mean(x**2)"),
        ExperimentMetric(name="q", formula="p50(y)"),
    ]
    expected = measure(table, metrics, [(), ("s",)])
    recorder = Recorder(table.engine, dialect)
    found = measure(replace(table, engine=recorder), metrics, [(), ("s",)])  # type: ignore[arg-type]
    for name, one in expected.items():
        for grouping, means in one.by.items():
            np.testing.assert_allclose(found[name].by[grouping].value, means.value, rtol=1e-12)
    said = "\n".join(recorder.said)
    assert len(recorder.said) >= 3
    if dialect == "postgres":
        assert "DOUBLE PRECISION" in said
    assert ("RINT(" in said) == (dialect == "spark")
    assert "HUGEINT" not in said
    assert "INT128" not in said
