"""Every format gives the same frame; text files are read as text."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.feather as feather
import pytest

from seatrial.data.align import align
from seatrial.data.frame import Frame
from seatrial.data.predictions import read
from seatrial.errors import DataError

Write = Callable[[str, str | bytes], str]


def _write_all(folder: Path, arrays: dict[str, np.ndarray]) -> dict[str, str]:
    table = pd.DataFrame(arrays)
    records = [{name: value for name, value in row.items()} for row in table.to_dict("records")]
    paths = {name: str(folder / name) for name in ("p.csv", "p.tsv", "p.json", "p.jsonl", "p.parquet", "p.feather")}
    table.to_csv(paths["p.csv"], index=False)
    table.to_csv(paths["p.tsv"], index=False, sep="\t")
    Path(paths["p.json"]).write_text(json.dumps(records))
    Path(paths["p.jsonl"]).write_text("\n".join(json.dumps(record) for record in records))
    table.to_parquet(paths["p.parquet"], index=False)
    feather.write_feather(arrow.Table.from_pandas(table, preserve_index=False), paths["p.feather"])
    paths["p.csv.gz"] = str(folder / "p.csv.gz")
    Path(paths["p.csv.gz"]).write_bytes(gzip.compress(Path(paths["p.csv"]).read_bytes()))
    paths["p.jsonl.gz"] = str(folder / "p.jsonl.gz")
    Path(paths["p.jsonl.gz"]).write_bytes(gzip.compress(Path(paths["p.jsonl"]).read_bytes()))
    paths["p.csv.zst"] = str(folder / "p.csv.zst")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{paths['p.csv']}')) TO '{paths['p.csv.zst']}' (FORMAT csv, COMPRESSION zstd)"
        )
    paths["semicolon.csv"] = str(folder / "semicolon.csv")
    table.to_csv(paths["semicolon.csv"], index=False, sep=";")
    return paths


def _content(frame: Frame) -> dict[str, list[object]]:
    names = ["row", "id", "target", "prediction_0", "score_0", "value_0_0", "slice_0", "slice_1"]
    return {name: column.tolist() for name, column in frame.arrays(names).items()}


def test_every_format_gives_the_same_frame(tmp_path: Path, binary: dict[str, np.ndarray]) -> None:
    frames = {
        name: align([read(path)], slices=["sex", "age:quartiles"])
        for name, path in _write_all(tmp_path, binary).items()
    }
    expected = _content(frames["p.parquet"])
    assert expected["id"] == [str(i) for i in range(60)]
    assert expected["target"] == binary["target"].tolist()
    assert expected["prediction_0"] == binary["prediction"].tolist()
    assert expected["score_0"] == binary["score"].tolist()
    assert expected["value_0_0"] == binary["latency_ms"].tolist()
    assert expected["slice_0"] == [("F", "M").index(one) for one in binary["sex"]]
    for name, frame in frames.items():
        assert _content(frame) == expected, name
        assert frame.labels == ("0", "1")
        assert frame.slices == frames["p.parquet"].slices, name


def test_text_stays_text(write: Write) -> None:
    """What a sniffer would turn into times, dates, booleans and numbers are labels, levels and ids here."""
    path = write(
        "t.csv",
        "id,target,prediction,slot,flag\n01,10:30,10:30,2024-01-05,t\n1,2024-01-05,10:30,NA,f\n1.0,10:30,NA,NA,t\n",
    )
    frame = align([read(path)], slices=["slot", "flag"])
    assert frame.labels == ("10:30", "2024-01-05", "NA")
    found = frame.arrays(["id", "slice_0", "slice_1"])
    assert found["id"].tolist() == ["01", "1", "1.0"]
    assert frame.slices[0].levels == ("2024-01-05", "NA")
    assert frame.slices[1].levels == ("f", "t")
    assert frame.sides[0].duplicate_ids == 0


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data(write: Write) -> None:
    path = write("b.csv", b"\xef\xbb\xbfid,target,prediction\r\n1,0,1\r\n2,1,1\r\n")
    frame = align([read(path)])
    assert frame.n == 2
    assert frame.arrays(["prediction_0"])["prediction_0"].tolist() == [1, 1]


def test_quoted_fields_hold_delimiters_and_line_ends(write: Write) -> None:
    path = write("q.csv", 'id,target,prediction\n1,"a, ""b""\nc",no\n2,no,"a, ""b""\nc"\n')
    frame = align([read(path, positive="no")])
    assert frame.labels == ('a, "b"\nc', "no")


def test_a_column_without_a_name_gets_its_place(write: Write) -> None:
    found = read(write("i.csv", ",target,prediction\n0,1,1\n1,0,1\n"))
    assert found.source.columns == ("column_1", "target", "prediction")
    assert found.roles.id == "column_1"


def test_glob_characters_in_a_file_name_are_plain_characters(tmp_path: Path) -> None:
    (tmp_path / "a[1]*.csv").write_text("id,target,prediction\n1,0,1\n2,1,1\n")
    (tmp_path / "a1x.csv").write_text("id,target,prediction\n7,0,1\n")
    assert align([read(tmp_path / "a[1]*.csv")]).n == 2


@pytest.mark.parametrize("name", ['x"y', "x'y", "a;b", "SELECT", "c0", "row", "k", "😀", "a\tb"])
def test_hostile_column_names_are_names(tmp_path: Path, name: str) -> None:
    table = pd.DataFrame({"id": [1, 2], name: [0, 1], "prediction": [0, 1]})
    for ending in ("csv", "parquet", "json"):
        path = str(tmp_path / f"h.{ending}")
        if ending == "csv":
            table.to_csv(path, index=False)
        elif ending == "parquet":
            table.to_parquet(path, index=False)
        else:
            table.to_json(path, orient="records")
        frame = align([read(path, target=name)], slices=[name])
        assert frame.arrays(["target"])["target"].tolist() == [0, 1]
        assert frame.slices[0].name == name


def test_columns_that_differ_only_by_case_are_two_columns(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": [1, 2], "target": [0, 1], "prediction": [0, 1], "Age": ["x", "y"], "age": ["p", "q"]})
    for ending in ("csv", "parquet", "json"):
        path = str(tmp_path / f"c.{ending}")
        writer = {"csv": table.to_csv, "parquet": table.to_parquet}.get(ending)
        if writer is not None:
            writer(path, index=False)
        else:
            table.to_json(path, orient="records")
        frame = align([read(path)], slices=["Age", "age"])
        assert [one.levels for one in frame.slices] == [("x", "y"), ("p", "q")], ending


def test_ten_thousand_columns_are_read_in_seconds(write: Write) -> None:
    names = [f"feature_{at}" for at in range(9_997)]
    rows = [",".join([str(row), str(row % 2), str(row % 2), *(["1.5"] * len(names))]) for row in range(120)]
    path = write("wide.csv", "\n".join([",".join(["id", "y", "pred", *names]), *rows]))
    frame = align([read(path)], slices=["feature_9000"])
    assert frame.n == 120
    assert frame.slices[0].levels == ("1.5",)


def test_a_nested_parquet_column_does_not_shift_the_others(tmp_path: Path) -> None:
    table = arrow.table({"meta": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": []}], "y": [0, 1], "pred": [1, 1], "id": [5, 6]})
    import pyarrow.parquet as parquet

    parquet.write_table(table, tmp_path / "n.parquet")
    frame = align([read(tmp_path / "n.parquet")])
    assert frame.arrays(["id"])["id"].tolist() == ["5", "6"]
    assert frame.arrays(["target"])["target"].tolist() == [0, 1]


def test_the_digest_is_that_of_the_file(tmp_path: Path, write: Write) -> None:
    import hashlib

    path = write("d.csv", "id,target,prediction\n1,0,1\n2,1,1\n")
    assert read(path).sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_long_line_is_read_and_an_endless_one_refused(write: Write) -> None:
    path = write("l.csv", "id,target,prediction,text\n1,0,1," + "x" * 3_000_000 + "\n2,1,1,y\n")
    assert align([read(path)], slices=["length(text):2"]).n == 2
    path = write("e.csv", 'id,target,prediction\n1,0,1\n2,1,"' + "x" * 9_000_000 + "\n")
    with pytest.raises(DataError):
        align([read(path)])
