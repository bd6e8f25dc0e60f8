"""In-memory tables are read like files, and the same content has the same digest."""

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as arrow
import pytest

from seatrial.data.align import align
from seatrial.data.predictions import read
from seatrial.errors import DataError, UsageError

Rows = dict[str, Any]


def _ibis(rows: Rows) -> Any:
    ibis = pytest.importorskip("ibis")
    return ibis.memtable(arrow.Table.from_pandas(pd.DataFrame(rows), preserve_index=False))


WAYS: dict[str, Callable[[Rows], Any]] = {
    "pandas": pd.DataFrame,
    "pandas, old strings": lambda rows: pd.DataFrame(rows).astype({"sex": object}),
    "pandas, id as index": lambda rows: pd.DataFrame(rows).set_index("id"),
    "polars": pl.DataFrame,
    "polars, lazy": lambda rows: pl.DataFrame(rows).lazy(),
    "arrow table": lambda rows: arrow.Table.from_pandas(pd.DataFrame(rows), preserve_index=False),
    "arrow batch": lambda rows: arrow.RecordBatch.from_pandas(pd.DataFrame(rows), preserve_index=False),
    "arrow reader": lambda rows: arrow.Table.from_pandas(pd.DataFrame(rows), preserve_index=False).to_reader(),
    "dict of arrays": dict,
    "dict of lists": lambda rows: {name: list(values) for name, values in rows.items()},
    "list of records": lambda rows: pd.DataFrame(rows).to_dict("records"),
    "duckdb relation": lambda rows: duckdb.from_arrow(
        arrow.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    ),
    "ibis": _ibis,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_table_gives_the_same_frame_and_digest(way: str, binary: Rows) -> None:
    expected = read(pd.DataFrame(binary))
    found = read(WAYS[way](binary), name="mine")
    assert found.name == "mine"
    if way not in ("dict of lists", "list of records"):
        assert found.sha256 == expected.sha256
    names = ["id", "target", "prediction_0", "score_0", "value_0_0", "slice_0"]
    frames = [align([one], slices=["sex"]).arrays(names) for one in (expected, found)]
    for name in names:
        assert frames[0][name].tolist() == frames[1][name].tolist(), name


def test_the_digest_changes_with_the_content(binary: Rows) -> None:
    first = read(pd.DataFrame(binary)).sha256
    assert read(pd.DataFrame({**binary, "age": binary["age"] + (np.arange(60) == 59)})).sha256 != first
    assert read(pd.DataFrame({**binary, "sex": np.roll(binary["sex"], 1)})).sha256 != first
    assert read(pd.DataFrame(binary).rename(columns={"age": "years"})).sha256 != first
    left = {"id": [1, 2], "y": [0, 1], "pred": [0, 1], "t": ["ab", "c"]}
    assert read(left).sha256 != read({**left, "t": ["a", "bc"]}).sha256


def test_missing_values_of_every_kind_are_missing() -> None:
    table = pd.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "y": pd.array([1, None, 0, 1], dtype="Int64"),
            "pred": pd.Categorical(["1", "0", None, "1"]),
            "score": [0.5, np.nan, None, np.inf],
            "g": np.array(["a", None, np.nan, pd.NA], dtype=object),
        }
    )
    found = align([read(table)], slices=["g"]).arrays(["target", "prediction_0", "score_0", "slice_0"])
    assert found["target"].tolist() == [1, -1, 0, 1]
    assert found["prediction_0"].tolist() == [1, 0, -1, 1]
    assert np.isnan(found["score_0"]).tolist() == [False, True, True, True]
    assert found["slice_0"].tolist()[0] == 0
    assert set(found["slice_0"].tolist()[1:]) == {1}


def test_mixed_objects_are_text() -> None:
    rows = {"id": ["a", 2, 3.0, None], "y": [True, "1", 0, 1.0], "pred": [1, 0, 1, 0]}
    frame = align([read(rows)])
    assert frame.labels == ("0", "1")
    assert frame.arrays(["target"])["target"].tolist() == [1, 1, 0, 1]
    assert frame.sides[0].missing_ids == 1


def test_a_structured_array_is_a_table() -> None:
    rows = np.array([(1, 0, 1), (2, 1, 1)], dtype=[("id", "i8"), ("y", "i4"), ("pred", "i4")])
    assert align([read(rows)]).n == 2


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        (5, UsageError, "int cannot be read as a table"),
        (None, UsageError, "NoneType"),
        ([1, 2], UsageError, "list"),
        ({}, DataError, "no columns"),
        ({"id": [], "y": [], "pred": []}, DataError, "no rows"),
        (pd.DataFrame({"id": [], "y": [], "pred": []}), DataError, "no rows"),
        ({"id": [1, 2], "y": [1]}, DataError, "different lengths"),
        ({"id": [1], "y": np.zeros((1, 2))}, DataError, "not a flat array"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), DataError, "appears twice"),
        ({"id": 3}, UsageError, "give a list or an array"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        read(table)
