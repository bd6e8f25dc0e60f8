"""Row logs, the cache and tables of rows, on every place a store can be."""

import hashlib
import math
import time
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from seatrial.errors import DataError
from seatrial.storage.store import Store, open_store

COLUMNS: dict[str, list[Any]] = {
    "id": ["a", "é", "x\x00y", None],
    "n": [1, None, -(2**63), 2**63 - 1],
    "score": [0.1, float("nan"), None, float("inf")],
    "ok": [True, None, False, True],
    "mixed": [1, 2.5, None, 3],
    "answer": [{"k": [1]}, "text", None, 7],
    "none": [None] * 4,
    "wide": [2**70, 1, None, 2],
    'a "name"; --': ["1", "2", "3", "4"],
}


def test_a_log_keeps_the_first_answer_of_each_place(store: Store) -> None:
    log = store.row_log("work")
    log.append([((0, 0), {"a": 1}), ((0, 1), {"a": 2}), ((0, 0), {"a": 3})])
    log.append([((0, 0), {"a": 4}), ((7, 0), {"a": None, "t": "\ud800 \x00 é", "x": [0.1, np.float32(0.5)]})])
    expected = {(0, 0): {"a": 1}, (0, 1): {"a": 2}, (7, 0): {"a": None, "t": "\ud800 \x00 é", "x": [0.1, 0.5]}}
    assert log.kept() == expected
    assert store.row_log("work").kept() == expected
    assert store.row_log("other").kept() == {}


def test_a_log_outlives_the_store_that_wrote_it(location: str) -> None:
    with open_store(location) as one:
        one.row_log("work").append([((3, 0), {"a": 1})])
    with open_store(location) as other:
        assert other.row_log("work").kept() == {(3, 0): {"a": 1}}


def test_the_cache_finds_what_is_known_and_keeps_the_first(store: Store) -> None:
    cache = store.cache()
    cache.remember({f"k{number}": {"v": number} for number in range(1200)})
    cache.remember({"k0": {"v": "second"}})
    found = cache.find([*(f"k{number}" for number in range(1200)), "unknown", "k0"])
    assert len(found) == 1200
    assert found["k0"] == {"v": 0}
    assert cache.find([]) == {}


def test_ten_thousand_rows_in_small_batches_are_durable_in_no_time(folder_store: Store) -> None:
    log = folder_store.row_log("work")
    batches = [[((row, 0), {"prediction": "yes", "text": "x" * 200}) for row in range(at, at + 64)]
               for at in range(0, 10_048, 64)]  # fmt: skip
    began = time.monotonic()
    for batch in batches:
        log.append(batch)
    assert time.monotonic() - began < 8  # 0.2 s on a quiet machine: the bound is for one with other work
    assert len(log.kept()) == 10_048


def test_a_table_comes_back_with_its_types(store: Store) -> None:
    path = store.table(store.put_table(COLUMNS))
    found = parquet.read_table(path).to_pydict()
    assert list(found) == list(COLUMNS)
    for name in ("id", "n", "ok", "none", 'a "name"; --'):
        assert found[name] == COLUMNS[name]
    assert found["score"][0] == 0.1
    assert math.isnan(found["score"][1])
    assert found["score"][2:] == [None, math.inf]
    assert found["mixed"] == [1.0, 2.5, None, 3.0]
    assert found["answer"] == ['{"k":[1]}', "text", None, "7"]
    assert found["wide"] == [str(2**70), "1", None, "2"]


def test_a_table_is_named_by_its_bytes_and_the_same_columns_are_the_same_bytes(store: Store) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "id": [str(row) for row in range(200_000)],
        "score": rng.random(200_000),
        "n": rng.integers(0, 9, 200_000),
    }
    sha256 = store.put_table(columns)
    assert hashlib.sha256(store.table(sha256).read_bytes()).hexdigest() == sha256
    assert store.put_table({name: list(values) for name, values in columns.items()}) == sha256
    assert store.put_table({**columns, "n": columns["n"][::-1]}) != sha256


def test_half_a_surrogate_in_a_text_is_replaced(folder_store: Store) -> None:
    path = folder_store.table(folder_store.put_table({"t": ["\ud83d\ude00", "a\ud83d", None]}))
    assert parquet.read_table(path).to_pydict()["t"] == ["\U0001f600", "a�", None]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "without rows or columns"),
        ({"a": []}, "without rows or columns"),
        ({"a": [1], "b": [1, 2]}, "different lengths make no table: a 1, b 2"),
        ({"a": [1], 1: [2], "1": [3]}, "appears twice"),
    ],
)
def test_columns_that_make_no_table_are_refused(folder_store: Store, columns: dict[Any, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        folder_store.put_table(columns)
    assert not folder_store.gc().temporary


def test_a_table_nobody_stored_is_missing(store: Store) -> None:
    with pytest.raises(DataError, match=r"table 000000000000 is not in the store"):
        store.table("0" * 64)


def test_reads_count_runs_and_a_run_taken_up_again_once(store: Store) -> None:
    assert store.reads("f") == 0
    store.count_read("f", suite="s", model="a")
    store.count_read("f", suite="s", model="a")
    store.count_read("f", suite="s", model="b", run="k1")
    store.count_read("f", suite="s", model="b", run="k1")
    store.count_read("g", suite="s", model="b", run="k2")
    assert (store.reads("f"), store.reads("g")) == (3, 1)
