"""`perturb`: files written for a model that runs elsewhere, cells that were not touched as they stood."""

import csv
from pathlib import Path

import numpy as np
import pytest

from seatrial.actions.perturb import perturb
from seatrial.actions.tables import table_ending, write_table
from seatrial.errors import DataError, UsageError
from seatrial.records.suite import ProbeSpec

TABLE = (
    "id,text,price,code,y\n"
    '01,"Hello there, dear =1+1 friend",1.50,007,a\n'
    '02,"=HYPERLINK(""x"")",2.00,008,b\n'
    "03,,,009,a\n"
    '04,"line one\nline two",10.25,010,b\n'
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(TABLE)
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_file_with_probe_and_severity_and_the_ids_kept(table, tmp_path):
    found = perturb(table, probes="typos,noise", severity=(0.1, 0.3), id="id", target="y")
    (out,) = found.write(tmp_path / "out.csv")
    rows = read(out)
    assert len(rows) == 4 * 4
    assert [row["id"] for row in rows] == ["01", "02", "03", "04"] * 4
    assert {(row["probe"], row["severity"]) for row in rows} == {
        ("typos", "0.1"), ("typos", "0.3"), ("noise", "0.1"), ("noise", "0.3"),
    }  # fmt: skip
    clean = {row["id"]: row for row in read(table)}
    for row in rows:
        before = clean[row["id"]]
        assert (row["y"], row["code"]) == (before["y"], before["code"])
        if row["probe"] == "noise":
            assert row["text"] == before["text"]
        else:
            assert row["price"] == before["price"]  # 1.50 is not rewritten as 1.5
        changed = row["text"] != before["text"] or row["price"] != before["price"]
        assert row["touched"] == ("yes" if changed else "no")


def test_split_writes_a_file_for_each_probe_and_severity(table, tmp_path):
    found = perturb(table, probes=["typos"], severity=(0.1, 0.3), columns="text", id="id")
    names = [path.name for path in found.write(tmp_path / "out.csv", split=True)]
    assert names == ["out-typos-0.1.csv", "out-typos-0.3.csv"]
    assert [row["id"] for row in read(tmp_path / names[0])] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("ending", [".tsv", ".jsonl", ".json", ".parquet"])
def test_every_format_reads_back_the_same(table, tmp_path, ending):
    from seatrial.data.datasets.files import read_columns

    found = perturb(table, probes="case", severity=1.0, id="id")
    (out,) = found.write(tmp_path / f"out{ending}")
    back = read_columns(out)
    assert back["text"] == found.columns()["text"]
    assert [str(one).zfill(2) for one in back["id"]] == ["01", "02", "03", "04"]


def test_rows_without_an_id_get_their_position(tmp_path):
    (tmp_path / "r.csv").write_text("text,y\nsome words here,a\nother words there,b\n")
    found = perturb(tmp_path / "r.csv", probes="case", severity=1.0)
    assert found.columns()["id"] == ["0", "1"]


def test_a_probe_that_fits_nothing_is_left_out_and_said(table):
    found = perturb(table, probes="typos,blur", severity=0.2, id="id")
    assert {copy.probe for copy in found.copies} == {"typos"}
    assert "blur works on image" in str(found)
    with pytest.raises(DataError, match="blur works on image"):
        perturb(table, probes="blur", severity=0.2, id="id")


def test_wrong_asks_are_one_sentence(table, tmp_path):
    for options, says in (
        ({"probes": ""}, "Name the probes"),
        ({"probes": "typo"}, "Did you mean 'typos'"),
        ({"probes": "typos", "severity": 2.0}, "off its scale"),
        ({"probes": "typos", "rows": 0}, "at least one row"),
        ({"probes": "typos", "columns": "txt"}, "'txt'"),
    ):
        with pytest.raises(UsageError, match=says):
            perturb(table, id="id", **options)
    with pytest.raises(UsageError, match="columns called probe"):
        perturb({"id": ["1", "2"], "probe": ["a b", "c d"]}, probes="case", severity=1.0).columns()
    with pytest.raises(UsageError, match="no table format"):
        table_ending(tmp_path / "x.xlsx")
    with pytest.raises(UsageError, match="no folder"):
        table_ending(tmp_path / "none" / "x.csv")


def test_a_folder_of_images_becomes_folders_of_images(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for k in range(3):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            pillow.fromarray(pixels).save(tmp_path / "in" / label / f"{k}.png")
    found = perturb(tmp_path / "in", probes="brightness", severity=(0.2, 0.5))
    places = found.write(tmp_path / "out")
    assert [place.name for place in places] == ["brightness-0.2", "brightness-0.5"]
    with pillow.open(places[1] / "cat" / "1.png") as image:
        written = np.asarray(image)
    at = list(found.clean.ids).index("cat/1.png")
    assert np.array_equal(written, found.copies[1].dataset.columns["image"][at])


def test_a_seeded_sample_of_rows(table):
    spec = ProbeSpec(probe="case")
    found = perturb(table, probes=[spec], severity=1.0, rows=2, id="id")
    assert len(found.clean) == 2
    assert found.clean.ids == perturb(table, probes=[spec], severity=1.0, rows=2, id="id").clean.ids


def test_hostile_text_survives_every_table_format(tmp_path):
    texts = ["=1+1", "a\r\nb", '"', "\u202e🏳️‍🌈", "\x1b[31m", "tab\there"]
    for ending in (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".csv.gz"):
        from seatrial.data.datasets.files import read_columns

        path = write_table(tmp_path / f"t{ending}", {"id": [f"r{k}" for k in range(6)], "text": texts})
        assert read_columns(path)["text"] == texts, ending
