"""The experiment on PostgreSQL, against DuckDB."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seatrial as st
from seatrial.errors import DataError, UsageError
from seatrial.experiments.measure import measure
from seatrial.experiments.units import units_from_events
from seatrial.records.plan import ExperimentMetric

from . import agreement, statements
from .agreement import Ran
from .experiment import AS_OF, COLUMNS, PLAN

psycopg = pytest.importorskip("psycopg")

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def engine(postgres: str) -> Iterator[st.PostgresEngine]:
    with st.PostgresEngine(postgres) as engine:
        yield engine


@pytest.fixture(scope="module")
def ran(engine: st.PostgresEngine) -> Ran:
    return Ran(*(st.Table(engine, f'"Shop".{name}') for name in ("exposures", "events", "pre")))


@pytest.mark.parametrize("check", [agreement.same_verdict, agreement.same_health, agreement.same_effects])
def test_the_readout_is_that_of_duckdb(ran: Ran, on_duckdb: Ran, check: Any) -> None:
    check(on_duckdb, ran)


def test_the_units_are_those_of_duckdb(ran: Ran, on_duckdb: Ran) -> None:
    agreement.same_units(on_duckdb.units, ran.units)


def test_the_moments_are_those_of_duckdb(ran: Ran, on_duckdb: Ran) -> None:
    agreement.same_moments(on_duckdb.measured, ran.measured)


def test_grouping_sets_and_narrow_queries_give_the_same_moments(
    ran: Ran, on_duckdb: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cube too large to be grouped at once, and more sums than one SELECT takes."""
    monkeypatch.setattr("seatrial.experiments.cell_query.MAX_CUBE", 1)
    monkeypatch.setattr("seatrial.data.engines.postgres.MOST_COLUMNS", 40)
    agreement.same_moments(on_duckdb.measured, ran.measured)


@pytest.mark.parametrize("check", statements.CHECKS)
def test_statements_give_what_duckdb_gives(engine: st.PostgresEngine, check: Any) -> None:
    check(engine)


def test_other_types_of_columns(engine: st.PostgresEngine) -> None:
    """Names of units as text, dates, numeric and real numbers, booleans, epoch seconds: as the same table in a file."""
    for name, (types, rows) in statements.OTHER.items():
        declared = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
        values = ", ".join(f"({', '.join(map(statements.sql_value, row))})" for row in rows)
        engine.execute(f"CREATE TEMPORARY TABLE other_{name} ({declared})")
        engine.execute(f"INSERT INTO other_{name} VALUES {values}")
    statements.same_with_other_types(st.Table(engine, "other_exposures"), st.Table(engine, "other_events"))


def test_an_address_of_a_table_does_for_the_command_line(postgres: str, on_duckdb: Ran) -> None:
    found = re.fullmatch(r"host=(\S+) user=(\S+) dbname=(\S+)", postgres)
    assert found is not None
    address = f"postgresql://{found[2]}@/{found[3]}?host={found[1]}"
    exposures, events, pre = (f'{address}#"Shop".{name}' for name in ("exposures", "events", "pre"))
    readout = st.analyze(exposures, events, pre=pre, plan=PLAN, columns=COLUMNS, as_of=AS_OF).readout
    assert readout.verdict.sentence == on_duckdb.readout.verdict.sentence
    assert [source.name for source in readout.provenance.sources] == [
        '"Shop".exposures',
        '"Shop".events',
        '"Shop".pre',
    ]


def test_a_connection_handed_in_is_left_as_it_was(postgres: str) -> None:
    """Open, in no transaction, without our tables; and the user's own uncommitted work still there."""
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine AS SELECT 1 AS x")
        ours = "SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'seatrial%' AND pg_table_is_visible(oid)"
        engine = st.PostgresEngine(connection)
        units_from_events(
            st.Table(engine, '"Shop".exposures'),
            st.Table(engine, '"Shop".events'),
            metrics=[ExperimentMetric(name="spent", formula="mean(revenue)")],
            control="old",
        )
        assert connection.execute(ours).fetchall()[0][0] > 0
        engine.close()
        assert connection.execute(ours).fetchall() == [(0,)]
        assert connection.execute("SELECT x FROM mine").fetchall() == [(1,)]
        connection.rollback()
        assert connection.execute("SELECT to_regclass('mine')").fetchall() == [(None,)]


def test_only_moments_leave(engine: st.PostgresEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is longer than the cells it describes: 2 arms, 1 phase, 19 days with both sides."""
    longest = 0
    fetch = engine._fetch

    def counted(text: str) -> Any:
        nonlocal longest
        found = fetch(text)
        if " LIMIT 2000" not in text:  # the first rows, from which columns are told apart
            longest = max(longest, *(len(values) for values in found.values()))
        return found

    monkeypatch.setattr(engine, "_fetch", counted)
    st.analyze(
        st.Table(engine, '"Shop".exposures'),
        st.Table(engine, '"Shop".events'),
        metrics={"spent": "mean(revenue)"},
        zero=["spent"],
        control="old",
        columns=COLUMNS,
    )
    assert 10 < longest <= 2 * 2 * 25


@pytest.mark.parametrize(
    ("exposures", "events", "error", "words"),
    [
        ('"Shop".exposure', '"Shop".events', DataError, 'relation "Shop.exposure" does not exist'),
        ("nowhere.exposures", '"Shop".events', DataError, "nowhere.exposures"),
        ("", '"Shop".events', UsageError, "no name of a table"),
        ("x; DROP TABLE y", '"Shop".events', DataError, "does not exist"),
        ('"Shop".exposures', {"user_id": [1], "revenue": [1.0]}, UsageError, "all lie in one engine"),
    ],
)
def test_what_cannot_be_read_is_said(
    engine: st.PostgresEngine, exposures: str, events: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        st.analyze(
            st.Table(engine, exposures),
            st.Table(engine, events) if isinstance(events, str) else events,
            metrics={"spent": "mean(revenue)"},
            control="old",
        )


def test_text_is_no_number_and_no_time(engine: st.PostgresEngine) -> None:
    engine.execute(
        "CREATE TEMPORARY TABLE texts AS SELECT 1 AS user_id, 'A' AS variant, '2026-03-01' AS ts, '2' AS spent"
    )
    with pytest.raises(UsageError, match=r"'ts' holds times as text; give a view with CAST\(ts AS TIMESTAMP\)"):
        st.analyze(st.Table(engine, "texts"), st.Table(engine, "texts"), metrics={"m": "mean(spent)"}, control="A")
    engine.execute("CREATE TEMPORARY VIEW timeless AS SELECT user_id, variant, spent FROM texts")
    with pytest.raises(UsageError, match="'spent' is used as a number and is none in PostgreSQL"):
        st.analyze(
            st.Table(engine, "timeless"), st.Table(engine, "timeless"), metrics={"m": "mean(spent)"}, control="A"
        )


def test_numbers_too_large_to_square_are_said(engine: st.PostgresEngine) -> None:
    engine.execute(
        "CREATE TEMPORARY TABLE huge AS SELECT i AS user_id, CASE WHEN i % 2 = 0 THEN 'A' ELSE 'B' END AS variant,"
        " CAST('1e300' AS DOUBLE) AS spent FROM generate_series(1, 100) AS s(i)"
    )
    with pytest.raises(DataError, match="out of range"):
        st.analyze(st.Table(engine, "huge"), st.Table(engine, "huge"), metrics={"m": "mean(spent)"}, control="A")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DataError, match="PostgreSQL cannot be reached"):
        st.PostgresEngine("host=/nowhere user=nobody")


def test_the_page_of_the_documentation_runs(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "warehouse.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    block = next(block for block in blocks if "PostgresEngine" in block)
    names: dict[str, Any] = {}
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute('SET search_path TO "Shop"')
        connection.execute("CREATE TEMPORARY VIEW ranker_exposures AS SELECT * FROM exposures")
        connection.execute("CREATE TEMPORARY VIEW ranker_events AS SELECT * FROM events")
        monkeypatch.setattr(psycopg, "connect", lambda *_: connection)
        exec(compile(block, "warehouse.md", "exec"), names)
    assert names["readout"].effects[0].n > 2_000


def test_a_clustered_quantile_reads_its_column_only(engine: st.PostgresEngine, on_duckdb: Ran) -> None:
    slow = ExperimentMetric(name="slow", formula="p99(page_ms)")
    table = units_from_events(
        st.Table(engine, '"Shop".exposures'), st.Table(engine, '"Shop".events'), metrics=[slow], control="old"
    )
    found = measure(table, [slow])["slow"].by[()]
    assert np.isfinite(found.variance).all()
