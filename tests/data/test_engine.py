"""The engine is private, bounded and returns plain arrays."""

import numpy as np
import pytest
import sqlglot

from seatrial.data.engine import DuckDBEngine, literal, quoted


def test_missing_values_are_minus_one_nan_and_none() -> None:
    with DuckDBEngine() as engine:
        engine.execute(
            "CREATE TABLE t AS SELECT * FROM (VALUES (2, 5, 0.5, 'x'), (1, NULL, NULL, NULL)) v(row, a, b, c)"
        )
        engine.execute("CREATE VIEW typed AS SELECT row, a, CAST(b AS DOUBLE) AS b, c FROM t")
        found = engine.columns("typed", ["a", "b", "c"], order="row")
    assert found["a"].tolist() == [-1, 5]
    assert found["a"].dtype.kind == "i"
    assert np.isnan(found["b"][0])
    assert found["b"][1] == 0.5
    assert found["c"].tolist() == [None, "x"]


def test_a_query_keeps_the_order_of_its_rows_and_columns() -> None:
    with DuckDBEngine() as engine:
        found = engine.query("SELECT i AS b, -i AS a FROM range(5) t(i) ORDER BY i DESC")
    assert list(found) == ["b", "a"]
    assert found["b"].tolist() == [4, 3, 2, 1, 0]


def test_a_tree_runs_like_its_text() -> None:
    tree = sqlglot.parse_one("SELECT sum(i) AS s FROM range(4) t(i)", dialect="duckdb")
    with DuckDBEngine() as engine:
        assert engine.query(tree)["s"].tolist() == [6]


def test_scratch_files_lie_in_a_folder_of_their_own_that_goes_with_the_engine() -> None:
    engine = DuckDBEngine()
    folder = engine.folder
    assert engine.one("SELECT current_setting('temp_directory')")[0].startswith(str(folder))
    assert engine.one("SELECT current_setting('autoinstall_known_extensions')") == (False,)
    engine.close()
    assert not folder.exists()


@pytest.mark.parametrize("hostile", ['a "b"', "a'b", "a; DROP TABLE t", "a\nb", "", "é✓"])
def test_hostile_names_and_texts_are_quoted(hostile: str) -> None:
    with DuckDBEngine() as engine:
        name = hostile or "x"
        engine.execute(f"CREATE TABLE t AS SELECT {literal(hostile)} AS {quoted(name)}")
        assert engine.rows(f"SELECT {quoted(name)} FROM t") == [(hostile,)]


def test_memory_is_bounded_and_spills() -> None:
    with DuckDBEngine(memory_limit="120MB", threads=1) as engine:
        engine.execute("CREATE TABLE t AS SELECT i, hash(i) AS h, hash(i + 1) AS g FROM range(8000000) t(i)")
        engine.execute("CREATE TABLE s AS SELECT * FROM t ORDER BY h")
        assert engine.one("SELECT count(*), sum(i) FROM s") == (8_000_000, 8_000_000 * 7_999_999 // 2)
