"""Bad input: one clear sentence that names the file and what to do, the right exit code, never a traceback of ours."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seatrial.data.align import align
from seatrial.data.health import data_facts
from seatrial.data.predictions import read, read_models
from seatrial.errors import DataError, SeatrialError, UsageError

GOOD = "id,target,prediction\n" + "".join(f"{at},{at % 2},{at % 3 % 2}\n" for at in range(30))


def _go(path: Path) -> None:
    align([read(path)])


FILES: dict[str, tuple[str, bytes, type[SeatrialError], str]] = {
    "empty": ("e.csv", b"", DataError, "is empty"),
    "only blank lines": ("e.csv", b"\n\n\n", DataError, "line 1 is blank"),
    "header only": ("e.csv", b"id,target,prediction\n", DataError, "a header but no rows"),
    "header only without line end": ("e.csv", b"id,target,prediction", DataError, "a header but no rows"),
    "no header": ("e.csv", b"1,0,1\n2,1,1\n", DataError, "line 1 looks like data"),
    "one column": ("e.csv", b"prediction\n1\n0\n", DataError, "one column only"),
    "a short line": (
        "e.csv",
        b"id,target,prediction\n1,0,1\n2,1\n3,1,1\n",
        DataError,
        "line 3: 2 fields where the header names 3",
    ),
    "a long line": (
        "e.csv",
        b"id,target,prediction\n1,0,1\n2,1,1,9\n3,1,1\n",
        DataError,
        "line 3: 4 fields where the header names 3",
    ),
    "a name twice": ("e.csv", b"id,target,target\n1,0,1\n", DataError, '"target" appears twice'),
    "an open quote": ("e.csv", b'id,target,prediction\n1,0,1\n2,"1,1\n3,1,1\n', DataError, "line 3: a quote"),
    "mixed line ends": ("e.csv", b"id,target,prediction\r\n1,0,1\n2,1,1\r\n", DataError, "line ending"),
    "latin-1 in the header": (
        "e.csv",
        "id,target,prédiction\n1,0,1\n".encode("latin-1"),
        DataError,
        "line 1: not UTF-8",
    ),
    "latin-1 in a row": (
        "e.csv",
        "id,target,prediction\n1,a,a\n2,é,a\n".encode("latin-1"),
        DataError,
        "line 3: not UTF-8",
    ),
    "latin-1 far down": (
        "e.csv",
        b"id,target,prediction\n"
        + b"".join(b"%d,a,aaaaaaaaaaaaaaaaaaaa\n" % at for at in range(400_000))
        + b"1,\xe9,a\n",
        DataError,
        "line 400002: not UTF-8",
    ),
    "utf-16": ("e.csv", "id,target,prediction\n1,0,1\n".encode("utf-16"), DataError, "UTF-16"),
    "binary rubbish": ("e.csv", np.random.default_rng(0).bytes(5000), DataError, "not a text file"),
    "rubbish called Parquet": ("e.parquet", np.random.default_rng(0).bytes(5000), DataError, "not a Parquet file"),
    "a cut Parquet file": ("e.parquet", b"PAR1" + b"\0" * 100, DataError, "damaged or cut short"),
    "Parquet called CSV": ("e.csv", b"PAR1" + b"\0" * 100, DataError, "is a parquet file by its first bytes"),
    "rubbish called Feather": (
        "e.feather",
        np.random.default_rng(0).bytes(500),
        DataError,
        "not an Arrow or Feather file",
    ),
    "rubbish called gzip": ("e.csv.gz", np.random.default_rng(0).bytes(500), DataError, "damaged or cut short"),
    "a cut gzip file": ("e.csv.gz", gzip.compress(GOOD.encode() * 2000)[:-40], DataError, "damaged or cut short"),
    "rubbish called zstd": ("e.csv.zst", np.random.default_rng(0).bytes(500), DataError, "e.csv.zst"),
    "gzip called CSV": ("e.csv", gzip.compress(GOOD.encode()), DataError, "is a gzip file by its first bytes"),
    "broken JSON": ("e.json", b'[{"id": 1, "target": 0', DataError, "not JSON that can be read"),
    "JSON of numbers": ("e.json", b"[1, 2, 3]", DataError, "entry 1 is not an object"),
    "JSON by columns": ("e.json", b'{"id": {"0": 1}, "target": {"0": 1}, "prediction": {"0": 1}}', DataError, "e.json"),
    "broken JSONL": ("e.jsonl", b'{"id": 1, "target": 0, "prediction": 1}\n{"id": 2, "tar\n', DataError, "not JSON"),
    "empty JSON": ("e.json", b"[]", DataError, "no rows"),
    "an unknown ending": ("e.xlsx", b"PK\x03\x04rubbish", UsageError, "CSV, TSV, JSON"),
    "no prediction": ("e.csv", b"id,target,age\n1,0,5\n2,1,6\n", UsageError, "--prediction"),
    "no target": ("e.csv", b"id,prediction,age\n1,0,5\n2,1,6\n", UsageError, "--target"),
    "targets all missing": ("e.csv", b"id,target,prediction\n1,,1\n2,,0\n", DataError, "'target' holds no values"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    name, content, error, says = FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SeatrialError, match=says) as caught:
        _go(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert name in sentence
    assert str(tmp_path) not in sentence
    assert len(sentence) < 400
    assert type(caught.value) is error
    assert caught.value.exit_code in (3, 64)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "candidate.csv").write_text(GOOD)
    with pytest.raises(UsageError, match=r"no file.*Did you mean '.*candidate\.csv'"):
        read(tmp_path / "candidat.csv")
    with pytest.raises(UsageError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(UsageError, match="names no model"):
        read(f"{tmp_path / 'candidate.csv'}#")
    with pytest.raises(UsageError, match="cannot be opened"):
        read("a\0b.csv")
    with pytest.raises(UsageError):
        read("x" * 5000)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    path.chmod(0)
    with pytest.raises(UsageError, match="may not be read"):
        read(path)


def test_ids_that_are_missing_or_repeat_are_counted_not_hidden(tmp_path: Path) -> None:
    rows = [f"{at if at > 3 else 'NaN'},{at % 2},{at % 2}" for at in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["id,target,prediction", *rows, "5,1,1", "5,0,0"]))
    (tmp_path / "b.csv").write_text(GOOD)
    predictions = read_models([tmp_path / "a.csv", tmp_path / "b.csv"])
    facts = data_facts(align(predictions), predictions)
    assert (facts.sides[0].missing_ids, facts.sides[0].duplicate_ids, facts.n) == (4, 2, 26)


def test_one_class_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,target,prediction,score\n" + "".join(f"{at},0,{at % 2},0.{at}\n" for at in range(9))
    )
    frame = align([read(tmp_path / "a.csv")])
    assert (frame.task, frame.labels, frame.positive) == ("binary", ("0", "1"), 1)


HOSTILE = [
    "'; DROP TABLE t; --",
    '"quoted"',
    "$1 ${x} {{y}} %s",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "\u202eevil",
    "line\nbreak",
    "\\",
    "NULL",
    "😀" * 50,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_labels_levels_and_names_are_only_text(text: str, write_csv: Callable[[list[list[str]]], str]) -> None:
    rows = [["id", f"target {text}", "prediction", f"g {text}"]]
    rows += [
        [f"{text}{at}", text if at % 2 else "plain", "plain" if at % 3 else text, f"{text}{at % 4}"] for at in range(24)
    ]
    path = write_csv(rows)
    predictions = read_models([path, path], target=f"target {text}", positive=text)
    frame = align(predictions, slices=[f"g {text}"])
    assert set(frame.labels) == {text, "plain"}
    assert frame.labels[frame.positive or 0] == text
    assert set(frame.slices[0].levels) == {f"{text}{at}" for at in range(4)}
    assert frame.arrays(["id"])["id"].tolist() == [row[0] for row in rows[1:]]
    assert data_facts(frame, predictions).n == 24


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[list[list[str]]], str]:
    import csv

    def written(rows: list[list[str]]) -> str:
        path = tmp_path / "hostile.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        return str(path)

    return written


def test_a_null_byte_in_a_table_is_only_text() -> None:
    rows = {"id": ["a\0", "b", "c"], "y": ["x\0y", "n", "n"], "pred": ["n", "n", "x\0y"]}
    frame = align([read(rows, positive="x\0y")], slices=["y"])
    assert frame.labels == ("n", "x\0y")
    assert frame.arrays(["target"])["target"].tolist() == [1, 0, 0]
