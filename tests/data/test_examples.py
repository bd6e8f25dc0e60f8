"""Rows are read again as the file has them."""

from pathlib import Path

import pandas as pd
import pytest

from seatrial.data.examples import fetch_examples
from seatrial.data.predictions import read, read_models
from seatrial.errors import UsageError

TABLE = pd.DataFrame(
    {
        "id": ["a", "b", "b", "07", None],
        "y": [0, 1, 1, 0, 1],
        "pred": [0, 0, 1, 0, 1],
        "text": ["<b>hostile</b>", "second\nline", "third", "", "x" * 50],
        "n": [1.0, 2.5, None, 4.0, 5.0],
    }
)


@pytest.mark.parametrize("ending", ["csv", "parquet", "json", "frame"])
def test_rows_come_in_the_order_asked_for(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        TABLE.to_csv(path, index=False)
    elif ending == "parquet":
        TABLE.to_parquet(path, index=False)
    elif ending == "json":
        TABLE.to_json(path, orient="records")
    found = read(TABLE if ending == "frame" else path, positive="1")
    one = "1.0" if ending in ("csv", "json") else "1"
    four = "4.0" if ending in ("csv", "json") else "4"
    assert fetch_examples(found, ids=["b", "07", "none", "a"]) == [
        {"text": "second\nline", "n": "2.5"},
        {"n": four},
        {},
        {"text": "<b>hostile</b>", "n": one},
    ]
    assert fetch_examples(found, rows=[4, 0], columns=["text"], max_chars=7) == [
        {"text": "xxxxxxx…"},
        {"text": "<b>host…"},
    ]


def test_whole_numbers_are_found_however_the_file_writes_them(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,y,pred,t\n1.0,0,1,one\n2.0,1,1,two\n")
    assert fetch_examples(read(tmp_path / "d.csv"), ids=["2", "1"]) == [{"t": "two"}, {"t": "one"}]


def test_rows_of_one_model_of_a_long_file() -> None:
    long = pd.DataFrame(
        {"model": ["p", "q"] * 2, "id": [1, 1, 2, 2], "y": [0, 0, 1, 1], "pred": [0, 1, 1, 1], "t": list("abcd")}
    )
    second = read_models([long])[1]
    assert fetch_examples(second, ids=["1", "2"], columns=["t"]) == [{"t": "b"}, {"t": "d"}]
    assert fetch_examples(second, rows=[1], columns=["t"]) == [{"t": "d"}]


def test_ids_need_an_id() -> None:
    found = read({"y": [0, 1], "pred": [0, 1], "t": ["a", "b"]})
    with pytest.raises(UsageError, match="no id column"):
        fetch_examples(found, ids=["1"])
    with pytest.raises(UsageError, match="not both"):
        fetch_examples(found, ids=["1"], rows=[1])
    assert fetch_examples(found) == []
