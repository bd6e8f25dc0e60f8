"""Bad suites and data sets: one sentence with file, line and place, what was meant, and never a traceback."""

import os
import sqlite3
import stat
import zipfile
from pathlib import Path

import pytest

from seatrial.data.datasets import load_dataset
from seatrial.errors import DataError, SeatrialError, UsageError
from seatrial.evaluation.suite_file import parse_suite, read_suite
from seatrial.records.suite import Case, CaseRoles, DatasetSource

GOOD = "cases:\n  - name: a\n    dataset: a.csv\n"

TEXTS: dict[str, tuple[str, str]] = {
    "empty": ("", r"suite\.yaml is empty"),
    "only a comment": ("# nothing\n", r"suite\.yaml is empty"),
    "a list": ("- name: a\n", r"must be a mapping with the key 'cases', not a list"),
    "a word": ("hello\n", r"must be a mapping with the key 'cases', not 'hello'"),
    "tabs": ("cases:\n\t- name: a\n", r"line 2 is indented with a tab"),
    "no YAML": ("cases: [a\n", r"suite\.yaml is not valid YAML: line 2"),
    "no cases": ("name: x\n", r"has no cases: add 'cases:'"),
    "a key twice": ("name: x\nname: y\n" + GOOD, r"line 2: key 'name' is given twice \(first in line 1\)"),
    "a key twice, deep": (GOOD + "    roles: {id: a, id: b}\n", r"line 4: key 'id' is given twice"),
    "unknown at the top": ("buget: {}\n" + GOOD, r"line 1: buget: unknown key 'buget'\. Did you mean 'budgets'"),
    "unknown in a case": (GOOD + "    metircs: [f1]\n", r"line 4: cases\.0\.metircs: .* Did you mean 'metrics'"),
    "unknown in roles": (GOOD + "    roles:\n      taget: y\n", r"line 5: cases\.0\.roles\.taget: .*'target'"),
    "unknown in a probe": (
        GOOD + "    probes:\n      - probe: typos\n        severty: 1\n",
        r"line 6: cases\.0\.probes\.0\.severty: .*Did you mean 'severity'",
    ),
    "unknown in a data set": (
        "cases:\n  - name: a\n    dataset: {pth: a.csv}\n",
        r"line 3: cases\.0\.dataset\.pth: unknown key 'pth'\. Did you mean 'path'",
    ),
    "unknown in budgets": (GOOD + "budgets: {minuets: 3}\n", r"budgets\.minuets: .*Did you mean 'minutes'"),
    "unknown in prices": (GOOD + "prices: {any: {per_cal: 3}}\n", r"prices\.any\.per_cal: .*Did you mean 'per_call'"),
    "a key in the wrong place": (
        GOOD + "    target: y\n",
        r"cases\.0\.target: unknown key 'target'\. It belongs in roles",
    ),
    "no name": ("cases:\n  - dataset: a.csv\n", r"line 2: cases\.0: 'name' is missing"),
    "no dataset": ("cases: [{name: a}]\n", r"'dataset' is missing"),
    "a wrong task": (GOOD + "    task: multi-class\n", r"line 4: cases\.0\.task .* Did you mean 'multiclass'\?"),
    "a wrong number": (GOOD + "    repeats: many\n", r"line 4: cases\.0\.repeats must be a whole number, not 'many'"),
    "too small a number": (GOOD + "    repeats: 0\n", r"cases\.0\.repeats: should be greater than or equal to 1"),
    "a mapping for a list": (GOOD + "    slices: {a: b}\n", r"cases\.0\.slices must be a list, not a mapping"),
    "a list for a mapping": (GOOD + "    roles: [a]\n", r"cases\.0\.roles must be a mapping, not a list"),
    "cases as a mapping": ("cases: {a: {dataset: a.csv}}\n", r"cases must be a list, not a mapping"),
    "two places": ("cases: [{name: a, dataset: {path: a, sklearn: iris}}]\n", r"path and sklearn was given"),
    "sql without url": ("cases: [{name: a, dataset: {sql: SELECT 1}}]\n", r"sql and url go together"),
    "two cases of one name": (GOOD + "  - {name: a, dataset: b.csv}\n", r"two cases are called 'a'"),
    "an unknown metric": (
        GOOD + "    metrics: [acuracy]\n",
        r"line 4: cases\.0\.metrics\.0: .*Did you mean 'accuracy'",
    ),
    "another task's metric": (GOOD + "    task: regression\n    metrics: [f1]\n", r"'f1' is no metric of a regression"),
    "a broken formula": (GOOD + "    metrics: ['profit = 120*tp -']\n", r"cases\.0\.metrics\.0 \('profit'\): "),
    "a hostile formula": (GOOD + "    metrics: ['x = __import__(\"os\")']\n", r"cases\.0\.metrics\.0 \('x'\): "),
    "lower_is_better of none": (GOOD + "    lower_is_better: [cost]\n", r"'cost' is not among"),
    "a broken pattern": (GOOD + "    answer: '(unclosed'\n", r"line 4: cases\.0\.answer: no regular expression"),
    "a broken label pattern": (
        "cases: [{name: a, dataset: {images: x, label_pattern: '[a'}}]\n",
        r"cases\.0\.dataset\.label_pattern: no regular expression",
    ),
    "a lone brace": (GOOD + "    prompt: 'Say {text'\n", r"line 4: cases\.0\.prompt: "),
    "braces of nothing": (GOOD + "    prompt: 'Say {}'\n", r"cases\.0\.prompt: .*names no column"),
    "a merge key": ("x: &x {name: a}\ncases: [{<<: *x}]\n", r"merge keys .* use 'extends"),
    "a list as a key": ("? [a, b]\n: c\n", r"line 1: a key must be a word"),
    "an infinite number": (GOOD + "    threshold: .inf\n", r"cases\.0\.threshold must be a"),
    "a Python tag": ("cases: !!python/object/apply:os.system ['true']\n", r"cases"),
    "remove without extends": ("remove: [a]\n" + GOOD, r"line 1: 'remove' is for a suite that extends another"),
    "extends nothing": ("extends: none.yaml\n" + GOOD, r"line 1: there is no suite file 'none\.yaml' to extend"),
    "extends a list": ("extends: [a, b]\n" + GOOD, r"'extends' must be one file, not a list"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_bad_suite_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    text, said = TEXTS[name]
    (tmp_path / "suite.yaml").write_text(text)
    with pytest.raises(UsageError, match=said) as refused:
        read_suite(tmp_path / "suite.yaml")
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith((".", "?"))


def test_aliases_that_multiply_are_refused_fast() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    with pytest.raises(UsageError, match=r"aliases .* multiply"):
        parse_suite(laughs)


def test_an_alias_of_itself_and_a_deep_nest_are_refused() -> None:
    with pytest.raises(UsageError, match="nested too deeply"):
        parse_suite("a: &a [*a]\n")
    with pytest.raises(UsageError, match="nested too deeply"):
        parse_suite("a: " + "[" * 100_000)


def test_a_huge_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text("#" * 2_000_000)
    with pytest.raises(UsageError, match="larger than 1 MB"):
        read_suite(tmp_path / "suite.yaml")
    (tmp_path / "suite.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a text file"):
        read_suite(tmp_path / "suite.yaml")


def test_suites_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(UsageError, match=r"in a circle: a\.yaml extends b\.yaml extends a\.yaml"):
        read_suite(tmp_path / "a.yaml")


def test_a_case_that_is_not_there_cannot_be_removed(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(GOOD)
    (tmp_path / "own.yaml").write_text("extends: base.yaml\nremove: [b, a]\n")
    with pytest.raises(UsageError, match=r"own\.yaml, line 2: remove\.0: the extended suite has no case 'b'"):
        read_suite(tmp_path / "own.yaml")


def test_a_file_that_is_not_there_is_named_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match=r"There is no suite file .*Did you mean 'suite\.yaml'"):
        read_suite(tmp_path / "suit.yaml")
    with pytest.raises(UsageError, match="is a folder"):
        read_suite(tmp_path)


ROWS = "id,x,y\n" + "".join(f"{i},{i / 2},{i % 2}\n" for i in range(10))


def case(**roles: object) -> Case:
    return Case(name="a", dataset=DatasetSource(path="a.csv"), roles=CaseRoles(**roles))  # type: ignore[arg-type]


def refuses(
    folder: Path, source: DatasetSource, said: str, kind: type[SeatrialError], given: Case | None = None
) -> None:
    with pytest.raises(kind, match=said) as refused:
        load_dataset(source, case=given, folder=folder)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    refuses(tmp_path, DatasetSource(path="row.csv"), r"no file .*Did you mean '.*rows\.csv'", UsageError)


def test_roles_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    rows = DatasetSource(path="a.csv")
    refuses(tmp_path, rows, r"no column 'yy' \(roles\.target\)\. Did you mean 'y'", UsageError, case(target="yy"))
    refuses(tmp_path, rows, r"no column 'z' \(roles\.inputs\)", UsageError, case(inputs=("z",)))
    refuses(tmp_path, rows, "'y' is the target and an input", UsageError, case(target="y", inputs=("x", "y")))
    refuses(tmp_path, rows, r"roles\.positive: 2: a has no such label", UsageError, case(positive="2"))
    refuses(tmp_path, DatasetSource(path="a.csv", where={"z": "1"}), r"no column 'z' \(where\)", UsageError)
    refuses(tmp_path, DatasetSource(path="a.csv", where={"y": "2"}), "no row has y = '2'", UsageError)
    (tmp_path / "a.csv").write_text(ROWS.replace("x,y", "label,target").replace("id,", "id,"))
    refuses(tmp_path, DatasetSource(path="a.csv", labels="b.csv"), "'labels' and 'label_pattern' are for", UsageError)


def test_ids_that_are_not_distinct_are_refused_with_an_example(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS.replace("\n3,", "\n2,"))
    said = r"id '2' is in rows 3 and 4 \(column 'id'\); .* 'id: @row'"
    refuses(tmp_path, DatasetSource(path="a.csv"), said, DataError, case(id="id"))
    (tmp_path / "a.csv").write_text(ROWS.replace("\n3,", "\n,"))
    refuses(tmp_path, DatasetSource(path="a.csv"), "1 rows have no id", DataError, case(id="id"))


def test_targets_that_cannot_be_the_tasks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x,y\n" + "".join(f"{i},{i},{'abc'[i % 3]}\n" for i in range(9)))
    source = DatasetSource(path="a.csv")
    for task, said in (
        ("regression", "row 1: the target 'y' is 'a'"),
        ("binary", "has 3 labels"),
        ("entities", "JSON"),
    ):
        with pytest.raises(SeatrialError, match=said):
            load_dataset(source, folder=tmp_path, task=task)
    with pytest.raises(UsageError, match="multilabel task needs a column target_<label>"):
        load_dataset(source, folder=tmp_path, task="multilabel")


def test_images_that_are_not_there_or_damaged(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    (tmp_path / "none").mkdir()
    refuses(tmp_path, DatasetSource(images="none"), "holds no images", UsageError)
    refuses(tmp_path, DatasetSource(images="nowhere"), "no folder or zip", UsageError)
    (tmp_path / "x.zip").write_bytes(b"no zip")
    refuses(tmp_path, DatasetSource(images="x.zip"), "neither a folder nor a zip", UsageError)
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    refuses(tmp_path, DatasetSource(images="y.zip"), "holds no images", UsageError)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        (tmp_path / "pets" / name / "1.png").write_bytes(b"\x89PNG rubbish")
    pets = load_dataset(DatasetSource(images="pets"), folder=tmp_path)
    with pytest.raises(DataError, match=r"Image '1\.png' cannot be decoded"):
        pets.columns["image"][0]
    said = r"label_pattern '_\(\\w\+\)' finds no label in 'cat/1\.png'"
    refuses(tmp_path, DatasetSource(images="pets", label_pattern=r"_(\w+)"), said, UsageError)
    (tmp_path / "labels.csv").write_text("file,label\ncat/1.png,cat\nbird/1.png,bird\n")
    refuses(tmp_path, DatasetSource(images="pets", labels="labels.csv"), "does not hold: bird/1.png", DataError)
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\nb.png,bird\n")
    refuses(tmp_path, DatasetSource(images="pets", labels="labels.csv"), "names none of the images", UsageError)


def test_arrays_that_cannot_be_read(tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.zeros(4))
    refuses(tmp_path, DatasetSource(arrays="a.npz"), "different lengths: x 3, y 4", DataError)
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    refuses(tmp_path, DatasetSource(arrays="o.npy"), "holds Python objects, which are not loaded", DataError)
    refuses(tmp_path, DatasetSource(arrays="none.npz"), "no file of arrays", UsageError)
    refuses(tmp_path, DatasetSource(path="a.npz"), "write 'arrays:'", UsageError)
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04rubbish")
    refuses(tmp_path, DatasetSource(arrays="bad.npz"), "not an .npz or .npy file", DataError)


def test_conll_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("He O\nsaid O\n\nBerlin LOC\n")
    refuses(tmp_path, DatasetSource(path="a.conll"), r"sentence from line 4: .*'LOC'", DataError)
    (tmp_path / "a.conll").write_text("He O\nsaid\n")
    refuses(tmp_path, DatasetSource(path="a.conll"), "line 2: 'said' has no label", DataError)
    (tmp_path / "a.conll").write_text("\n\n")
    refuses(tmp_path, DatasetSource(path="a.conll"), "has no sentences", DataError)
    refuses(tmp_path, DatasetSource(path="b.conll"), "There is no file", UsageError)


def test_coco_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="annotation 0 is of image 9"):
        _coco(tmp_path, '{"id": 1, "image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}')
    with pytest.raises(DataError, match="'bbox' is missing"):
        _coco(tmp_path, '{"id": 1, "image_id": 1, "category_id": 1}')
    with pytest.raises(DataError, match="has the box"):
        _coco(tmp_path, '{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1]}')


def _coco(folder: Path, annotation: str) -> None:
    images, categories = '[{"id": 1, "file_name": "a.png"}]', '[{"id": 1, "name": "cat"}]'
    (folder / "c.json").write_text(f'{{"images": {images}, "categories": {categories}, "annotations": [{annotation}]}}')
    load_dataset(DatasetSource(path="c.json"), folder=folder)


def test_sql_that_fails_says_why_and_never_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE rows (id INTEGER, y TEXT)")
        database.execute("INSERT INTO rows VALUES (1, 'a')")
    url = "sqlite:///rows.db"
    refuses(tmp_path, DatasetSource(sql="SELECT * FROM nowhere", url=url), "no such table: nowhere", DataError)
    refuses(tmp_path, DatasetSource(sql="DELETE FROM rows", url=url), "must be one query", UsageError)
    deletes = "WITH x AS (SELECT 1) DELETE FROM rows"
    refuses(tmp_path, DatasetSource(sql=deletes, url=url), "readonly", DataError)
    with sqlite3.connect(tmp_path / "rows.db") as database:
        assert database.execute("SELECT count(*) FROM rows").fetchone() == (1,)
    refuses(tmp_path, DatasetSource(sql="SELECT * FROM rows WHERE id = 2", url=url), "returns no rows", DataError)
    refuses(tmp_path, DatasetSource(sql="SELECT id, id FROM rows", url=url), "two columns 'id'", DataError)
    refuses(tmp_path, DatasetSource(sql="SELECT 1", url="sqlite:///none.db"), "no SQLite file 'none.db'", UsageError)
    refuses(tmp_path, DatasetSource(sql="SELECT 1", url="sqlite://"), "names no SQLite file", UsageError)
    refuses(tmp_path, DatasetSource(sql="SELECT 1", url="rubbish"), "no SQLAlchemy URL", UsageError)
    monkeypatch.delenv("SEATRIAL_NO_SUCH", raising=False)
    wanted = DatasetSource(sql="SELECT 1", url="postgresql+psycopg://me:$SEATRIAL_NO_SUCH@127.0.0.1:1/x")
    refuses(tmp_path, wanted, "needs the environment variable SEATRIAL_NO_SUCH", UsageError)
    pytest.importorskip("psycopg")
    monkeypatch.setenv("SEATRIAL_NO_SUCH", "hunter2")
    with pytest.raises(DataError) as refused:
        load_dataset(wanted, folder=tmp_path)
    assert "hunter2" not in str(refused.value)


def test_data_sets_of_libraries_that_are_not_there(tmp_path: Path) -> None:
    refuses(tmp_path, DatasetSource(sklearn="irys"), "Did you mean 'iris'", UsageError)
    refuses(tmp_path, DatasetSource(sklearn="iris", split="test"), "has no splits", UsageError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_suite_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(GOOD)
    (tmp_path / "suite.yaml").chmod(0)
    with pytest.raises(UsageError, match="cannot be read"):
        read_suite(tmp_path / "suite.yaml")
    (tmp_path / "suite.yaml").chmod(stat.S_IRUSR)
