"""Data sets of every kind: rows and roles that come of them, typed by the rules, with a fingerprint of the content."""

import gzip
import io
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets import load_dataset
from seatrial.data.datasets.typed import typed
from seatrial.records.suite import Case, CaseRoles, DatasetSource

CSV = "id,age,score_kg,code,text,when,ok,label\n" + "".join(
    f"{i},{20 + i},{i / 4},0{i % 3},word {i},2024-01-{i + 1:02},{'True' if i % 2 else 'False'},{i % 2}\n"
    for i in range(20)
)


def case(**roles: Any) -> Case:
    return Case(name="a", dataset=DatasetSource(path="x"), roles=CaseRoles(**roles))


def load(folder: Path, given: Case | None = None, **source: Any) -> LoadedDataset:
    return load_dataset(DatasetSource(**source), case=given, folder=folder)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "-2", None], [1, -2, None]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1e3", "2"], [1000.0, 2.0]),
        (["1", "NA"], ["1", "NA"]),
        (["007", "1"], ["007", "1"]),
        (["nan", "1"], ["nan", "1"]),
        (["TRUE", "false"], [True, False]),
        (["true", "1"], ["true", "1"]),
        (["12345678901234567890"], [12345678901234567890.0]),
        ([None, None], [None, None]),
    ],
)
def test_a_column_of_text_is_numbers_only_if_every_value_is_one(texts: list[str | None], values: list[Any]) -> None:
    found = typed(texts)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


def test_a_csv_file_is_typed_and_its_roles_are_guessed_and_said(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(CSV)
    data = load(tmp_path, path="rows.csv")
    assert (data.name, len(data), data.ids[:2], data.has_id) == ("rows", 20, ("0", "1"), True)
    assert data.row(3) == {
        "id": 3,
        "age": 23,
        "score_kg": 0.75,
        "code": "00",
        "text": "word 3",
        "when": "2024-01-04",
        "ok": True,
        "label": "1",
    }
    assert data.inputs == ("age", "score_kg", "code", "text", "when", "ok")
    assert (data.task, data.target, data.positive) == ("binary", "label", "1")
    assert data.guesses == ("target = column 'label' (roles.target)", "id = column 'id' (roles.id)")
    assert data.batch([1, 0]) == {name: [data.columns[name][1], data.columns[name][0]] for name in data.inputs}


def test_what_the_suite_says_of_roles_goes_before_guesses(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(CSV)
    roles = {"id": "@row", "target": "AGE", "cluster": "code", "weight": "score_kg", "time": "when", "group": "text"}
    data = load(tmp_path, case(**roles), path="rows.csv")
    assert (data.has_id, data.target, data.task) == (False, "age", "multiclass")
    assert (data.cluster, data.weight, data.time, data.group) == ("code", "score_kg", "when", "text")
    assert data.inputs == ("id", "ok", "label")
    assert load(tmp_path, case(inputs=("text", "age")), path="rows.csv").inputs == ("text", "age")


def test_the_same_table_has_the_same_fingerprint_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    rows = load(tmp_path, path="a.csv")
    records = [rows.row(i) | {"label": int(rows.row(i)["label"])} for i in range(len(rows))]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(one) for one in records))
    kinds = "{'code': 'VARCHAR', 'when': 'VARCHAR'}"
    read = f"read_csv('{tmp_path}/a.csv', types = {kinds})"
    typed_csv = f"SELECT * REPLACE (CAST(label AS INTEGER) AS label) FROM {read}"
    duckdb.sql(typed_csv).write_parquet(str(tmp_path / "a.parquet"))
    fingerprints = {load(tmp_path, path=f"a.{end}").fingerprint for end in ("csv", "csv.gz", "jsonl", "parquet")}
    assert len(fingerprints) == 1


@pytest.mark.parametrize(
    "change",
    [
        ("word 3", "word 4"),
        ("age", "years"),
        ("0,20,0.0", "0,21,0.0"),
        ("19,39", "20,39"),
        ("2024-01-20,True,1", "2024-01-20,True,0"),
    ],
)
def test_any_change_of_the_content_changes_the_fingerprint(change: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.csv").write_text(CSV.replace(*change, 1))
    assert load(tmp_path, path="a.csv").fingerprint != load(tmp_path, path="b.csv").fingerprint


def test_another_order_of_rows_is_another_fingerprint(tmp_path: Path) -> None:
    lines = CSV.splitlines()
    (tmp_path / "a.csv").write_text("\n".join(lines))
    (tmp_path / "b.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]))
    assert load(tmp_path, path="a.csv").fingerprint != load(tmp_path, path="b.csv").fingerprint


def test_a_limit_draws_a_seeded_sample_in_the_order_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    source = DatasetSource(path="a.csv", limit=7)
    first, again = (load_dataset(source, folder=tmp_path, seed=1) for _ in range(2))
    other = load_dataset(source, folder=tmp_path, seed=2)
    assert first.ids == again.ids
    assert first.fingerprint == again.fingerprint
    assert first.ids != other.ids
    assert [int(one) for one in first.ids] == sorted({int(one) for one in first.ids})
    assert len(first) == 7
    assert first.ids != tuple(map(str, range(7)))
    assert list(first.columns["text"]) == [f"word {one}" for one in first.ids]


def test_where_keeps_the_rows_with_a_value_and_its_column_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    data = load(tmp_path, path="a.csv", where={"code": "01", "ok": "true"})
    assert data.ids == ("1", "7", "13", "19")
    assert not {"code", "ok"} & set(data.inputs)


def test_guessed_ids_that_are_not_distinct_give_way_to_positions_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.replace("\n7,", "\n6,"))
    data = load(tmp_path, path="a.csv")
    assert (data.has_id, data.ids[:3]) == (False, ("0", "1", "2"))
    assert data.guesses[-1] == "id = the row's position, since in column 'id' id '6' is in rows 7 and 8 (roles.id)"


def test_rows_without_labels_can_be_run_and_the_gap_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,a\n2,b\n")
    data = load(tmp_path, path="a.csv")
    assert (data.target, data.task) == (None, None)
    assert data.gaps == ("It has no labels: nothing that needs the truth can be measured.",)


def test_gaps_name_rare_classes_missing_targets_and_columns_with_one_value(tmp_path: Path) -> None:
    rows = [("a", "en")] * 40 + [("b", "en")] * 3 + [("c", "en")] * 29 + [("", "en")] * 2
    (tmp_path / "a.csv").write_text("x,label,language\n" + "".join(f"{i},{y},{z}\n" for i, (y, z) in enumerate(rows)))
    assert load(tmp_path, path="a.csv").gaps == (
        "2 of 74 rows have no target and count for no metric that needs it.",
        "2 classes have fewer than 30 rows: b (3), c (29).",
        "Every row has language = en; other values are not tested.",
    )


def test_labels_of_numbers_are_written_one_way_and_numbers_to_predict_stay_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,1.0\n2,0\n3,1\n")
    assert load(tmp_path, path="a.csv").columns["y"] == ["1", "0", "1"]
    (tmp_path / "b.csv").write_text("x,y\n1,1.5\n2,0\n3,\n")
    data = load(tmp_path, path="b.csv")
    assert data.task == "regression"
    assert data.columns["y"] == [1.5, 0.0, None]


def test_columns_called_like_predictions_are_no_inputs_and_multilabel_targets_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,target_toxic,target_rude,prediction\na,1,0,1\nb,0,true,0\n")
    data = load(tmp_path, path="a.csv")
    assert (data.task, data.target) == ("multilabel", None)
    assert dict(data.targets) == {"toxic": "target_toxic", "rude": "target_rude"}
    assert data.inputs == ("text",)
    assert data.columns["target_toxic"] == ["1", "0"]


def test_nested_json_stays_python(tmp_path: Path) -> None:
    rows = [{"id": i, "lines": [{"text": "a", "box": [1, 2]}], "key": {"total": "9.00"}} for i in range(3)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = load(tmp_path, case(target="key"), path="a.jsonl")
    assert data.task == "fields"
    assert data.columns["key"][0] == {"total": "9.00"}
    assert data.columns["lines"][1] == [{"text": "a", "box": [1, 2]}]


def test_json_in_a_csv_is_read_where_the_task_needs_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,gold\nBerlin,"[{""start"": 0, ""end"": 6, ""label"": ""LOC""}]"\nx,[]\n')
    data = load_dataset(DatasetSource(path="a.csv"), folder=tmp_path, task="entities")
    assert data.columns["gold"] == [[{"start": 0, "end": 6, "label": "LOC"}], []]


CONLL = """-DOCSTART- -X- O O

EU NNP I-ORG
rejects VBZ O
German JJ I-MISC
call NN I-MISC

-DOCSTART- -X- O O

Ann NNP I-PER
Bob NNP B-PER
"""


def test_conll_is_a_row_a_sentence_with_spans_of_its_text_clustered_by_document(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(CONLL)
    data = load(tmp_path, path="a.conll")
    assert (data.task, data.target, data.cluster, data.inputs) == ("entities", "target", "document", ("text",))
    assert data.columns["text"] == ["EU rejects German call", "Ann Bob"]
    assert data.columns["tokens"][1] == ["Ann", "Bob"]
    named = [
        [(text[span["start"] : span["end"]], span["label"]) for span in spans]
        for text, spans in zip(data.columns["text"], data.columns["target"], strict=True)
    ]
    assert named == [[("EU", "ORG"), ("German call", "MISC")], [("Ann", "PER"), ("Bob", "PER")]]
    assert len(set(data.columns["document"])) == 2


@pytest.mark.parametrize("scheme", ["B-X I-X O B-X", "I-X I-X O I-X", "B-X E-X O S-X", "B-X L-X O U-X"])
def test_all_schemes_of_tags_say_the_same(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "a.bio").write_text(
        "".join(f"{w}\t{t}\n" for w, t in zip(["ab", "c", "d", "ef"], scheme.split(), strict=True))
    )
    data = load(tmp_path, path="a.bio")
    assert data.columns["target"][0] == [{"start": 0, "end": 4, "label": "X"}, {"start": 7, "end": 9, "label": "X"}]
    assert data.cluster is None


def picture(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGB", (4, 3), colour).save(out, kind)
    return out.getvalue()


def test_a_folder_of_images_is_labelled_by_its_folders_and_decoded_when_asked(tmp_path: Path) -> None:
    for name, colour in (("cat/1.png", (255, 0, 0)), ("dog/1.png", (0, 255, 0)), ("dog/2.png", (0, 0, 255))):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(picture(colour))
    data = load(tmp_path, images="pets")
    assert (data.ids, data.inputs, data.target) == (("cat/1.png", "dog/1.png", "dog/2.png"), ("image",), "label")
    assert data.columns["label"] == ["cat", "dog", "dog"]
    image = data.columns["image"][2]
    assert (image.shape, image.dtype) == ((3, 4, 3), np.uint8)
    assert image[0, 0].tolist() == [0, 0, 255]
    part = data.taken([2, 0], fingerprint="")
    assert part.columns["image"][1][0, 0].tolist() == [255, 0, 0]
    before = data.fingerprint
    (tmp_path / "pets" / "dog" / "2.png").write_bytes(picture((1, 1, 1)))
    assert load(tmp_path, images="pets").fingerprint != before


def test_a_zip_is_read_like_its_folder_and_labelled_by_name_or_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name, colour in (("7_cat.png", (9, 9, 9)), ("8_dog.png", (5, 5, 5))):
            archive.writestr(name, picture(colour))
    data = load(tmp_path, images="pets.zip", label_pattern=r"_(?P<label>\w+)\.")
    assert data.columns["label"] == ["cat", "dog"]
    assert data.columns["image"][1][0, 0].tolist() == [5, 5, 5]
    (tmp_path / "labels.csv").write_text("file,kind,age\n8_dog,dog,3\n")
    labelled = load(tmp_path, case(target="kind"), images="pets.zip", labels="labels.csv")
    assert (labelled.ids, list(labelled.columns["age"])) == (("8_dog.png",), [3])
    assert labelled.columns["image"][0][0, 0].tolist() == [5, 5, 5]
    assert "1 of 2 images are not in labels.csv (labels)" in labelled.guesses


def test_coco_is_a_row_an_image_with_its_boxes(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).write_bytes(picture((0, 0, 0)))
    given = {
        "images": [{"id": 5, "file_name": "a.png", "width": 4, "height": 3}, {"id": 6, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 5, "category_id": 1, "bbox": [0, 1, 2, 2]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(given))
    data = load(tmp_path, path="a.json")
    assert (data.task, data.inputs, data.ids) == ("boxes", ("image",), ("5", "6"))
    assert data.columns["target"] == [[{"label": "cat", "bbox": [0, 1, 2, 2], "iscrowd": 0, "area": 4}], []]
    assert data.columns["image"][0].shape == (3, 4, 3)
    beside = load(tmp_path, images="images", labels="a.json")
    assert (beside.task, beside.columns["target"]) == ("boxes", data.columns["target"])


def test_arrays_are_columns_and_images_in_them_are_rows(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz", x=np.arange(24, dtype=np.uint8).reshape(2, 3, 4), age=np.array([1.5, np.nan]), y=[1, 0]
    )
    data = load(tmp_path, arrays="a.npz")
    assert (data.inputs, data.target, data.columns["y"]) == (("x", "age"), "y", ["1", "0"])
    assert data.columns["age"] == [1.5, None]
    assert data.columns["x"][1].tolist() == np.arange(12, 24).reshape(3, 4).tolist()
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    (tmp_path / "y.csv").write_text("id,label\n1,a\n2,b\n")
    assert load(tmp_path, arrays="x.npy", labels="y.csv").columns["label"] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "rows", "task", "inputs"),
    [("iris", 150, "multiclass", 4), ("breast_cancer", 569, "binary", 30), ("diabetes", 442, "regression", 10)],
)
def test_bundled_data_sets_are_those_of_scikit_learn(
    name: str, rows: int, task: str, inputs: int, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    data = load(tmp_path, sklearn=name)
    assert (len(data), data.task, len(data.inputs)) == (rows, task, inputs)
    bunch = getattr(datasets, f"load_{name}")()
    assert np.array_equal(np.array([data.columns[one] for one in data.inputs]).T, bunch.data)
    assert [float(one) for one in data.columns["target"]] == bunch.target.tolist()


def test_rows_of_a_query_are_as_those_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE rows (id INTEGER, text TEXT, age REAL, label TEXT)")
        database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", [(2, "b:c", None, "no"), (1, "a", 1.5, "yes")])
    monkeypatch.setenv("ROWS_FILE", "rows.db")
    data = load(tmp_path, sql="SELECT * FROM rows WHERE text <> ':x' ORDER BY id", url="sqlite:///$ROWS_FILE")
    assert (data.name, data.ids, data.columns["label"]) == ("rows", ("1", "2"), ["yes", "no"])
    assert (data.columns["age"], data.columns["text"]) == ([1.5, None], ["a", "b:c"])
    assert "no ORDER BY" in load(tmp_path, sql="SELECT * FROM rows", url="sqlite:///rows.db").guesses[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_hugging_face_folders_and_files_are_read_without_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"]), "pic": datasets.Image()}
    )
    png = {"bytes": picture((7, 8, 9)), "path": None}
    table = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0], "pic": [png, png]}, features=features)
    datasets.DatasetDict({"train": table, "test": table.select([1])}).save_to_disk(str(tmp_path / "saved"))
    data = load(tmp_path, huggingface="saved")
    assert (len(data), data.columns["label"], data.columns["text"]) == (1, ["neg"], ["b"])
    assert data.columns["pic"][0][0, 0].tolist() == [7, 8, 9]
    assert "split = 'test' of train, test (split)" in data.guesses
    train = load(tmp_path, huggingface="saved", split="train")
    assert (train.columns["label"], train.positive) == (["pos", "neg"], "pos")
    with pytest.raises(Exception, match=r"has no split 'tset'\. Did you mean 'test'"):
        load(tmp_path, huggingface="saved", split="tset")
    (tmp_path / "rows.csv").write_text("text,label\na,x\nb,y\n")
    assert load(tmp_path, huggingface="rows.csv").columns["label"] == ["x", "y"]
    with pytest.raises(Exception, match="HF_HUB_OFFLINE forbids"):
        load(tmp_path, huggingface="nobody/nothing")


def test_the_record_says_what_it_is_without_folders(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    record = load(tmp_path, path="a.csv", version="2024", about={"licence": "CC BY 4.0"}).record()
    assert (record.name, record.version, record.rows, record.task) == ("a", "2024", 20, "binary")
    assert record.roles["inputs"] == ["age", "score_kg", "code", "text", "when", "ok"]
    assert record.about == {"licence": "CC BY 4.0"}
    assert str(tmp_path) not in record.model_dump_json()


@pytest.mark.parametrize(("file", "sentences", "entities"), [("wikigold", 1696, 3558), ("wnut17_test", 1287, 1079)])
def test_published_counts_of_real_conll_files(file: str, sentences: int, entities: int, shared_data: Path) -> None:
    data = load(shared_data, path=f"ner_conll_style/{file}.conll")
    assert (len(data), sum(map(len, data.columns["target"]))) == (sentences, entities)


def test_ten_thousand_images_of_a_zip_load_without_being_decoded(shared_data: Path) -> None:
    pytest.importorskip("PIL")
    data = load(shared_data, images="images_cifar10/cifar10_test_jpeg.zip", label_pattern=r"_(?P<label>\w+)\.jpg")
    assert len(data) == 10_000
    assert {one: list(data.columns["label"]).count(one) for one in set(data.columns["label"])} == dict.fromkeys(
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"], 1000
    )
    assert data.columns["image"][9_999].shape == (32, 32, 3)
