"""`seatrial init`: a suite that reads and loads at once, beside the data; nothing overwritten, nothing half-written."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seatrial.actions.init import init, write_new
from seatrial.actions.suite_check import check_suite_file
from seatrial.actions.suite_schema import SCHEMA_FILE, schema_text, suite_schema
from seatrial.data.datasets import load_dataset
from seatrial.decisions.policy import load_policy
from seatrial.errors import UsageError
from seatrial.evaluation.suite_checks import check_case
from seatrial.evaluation.suite_file import parse_suite, read_suite
from seatrial.records.suite import Case, DatasetSource, Suite

ROOT = Path(__file__).resolve().parents[2]


def people(folder: Path, *, name: str = "people.csv", n: int = 200) -> Path:
    rng = np.random.default_rng(0)
    rows = ["id,age,sex,job,note,split,label"]
    for i in range(n):
        age, sex, job = rng.integers(18, 80), "fm"[i % 2], ("clerk", "nurse", "smith")[i % 3]
        note = f"a note of {rng.integers(1_000_000)} and some more words"
        rows.append(f"{i},{age},{sex},{job},{note},{'test' if i % 4 else 'train'},{int(rng.random() < 0.4)}")
    (folder / name).write_text("\n".join(rows) + "\n")
    return folder / name


def test_the_suite_it_writes_is_read_and_loaded_at_once(tmp_path: Path) -> None:
    written = init(people(tmp_path), out=tmp_path / "suite.yaml")
    assert [path.name for path in written.files] == ["suite.yaml", "suite.policy.yaml", SCHEMA_FILE]
    suite = read_suite(tmp_path / "suite.yaml")
    case = suite.cases[0]
    assert (suite.name, suite.policy, case.task) == ("people", "suite.policy.yaml", "binary")
    assert (case.roles.id, case.roles.target, case.roles.positive) == ("id", "label", "1")
    assert case.roles.inputs == ("age", "sex", "job", "note")
    assert case.dataset.where == {"split": "test"}
    assert case.slices == ("age:quartiles", "sex", "job", "length(note)")
    assert [probe.probe for probe in case.probes] == ["typos", "case", "noise"]
    assert suite.budgets.failures == 0.05
    data = load_dataset(case.dataset, case=case, folder=tmp_path)
    check_case(case, data)
    assert len(data) == 150
    assert data.guesses == ()
    policy = load_policy(tmp_path / "suite.policy.yaml")
    assert {rule.metric for rule in policy.rules} <= set(case.metrics)
    assert check_suite_file(tmp_path / "suite.yaml")[2].startswith("case people: 150 rows, binary")
    assert re.fullmatch(r"seatrial run \S+suite\.yaml --model new=ADAPTER:LOCATION", written.next)


def test_what_is_commented_can_be_taken_in_by_taking_the_sign_away(tmp_path: Path) -> None:
    init(people(tmp_path), out=tmp_path / "suite.yaml")
    text = (tmp_path / "suite.yaml").read_text()
    assert "\n    #   - sex" in text
    protected = re.sub(r"^    # (protected:|  - |favourable:)", r"    \1", text, flags=re.MULTILINE)
    case = parse_suite(protected).cases[0]
    assert case.protected == ("age:quartiles", "sex")
    assert case.favourable == "1"


def test_without_data_it_takes_the_one_file_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert init().dataset is not None
    assert read_suite("suite.yaml").cases[0].dataset.path == "people.csv"


def test_with_several_files_it_asks_which(tmp_path: Path) -> None:
    people(tmp_path)
    people(tmp_path, name="more.csv")
    with pytest.raises(UsageError, match=r"Several files here .*more\.csv, people\.csv; name one"):
        init(out=tmp_path / "suite.yaml")


def test_without_any_file_it_writes_a_template_that_reads(tmp_path: Path) -> None:
    written = init(out=tmp_path / "suite.yaml")
    assert written.dataset is None
    assert read_suite(tmp_path / "suite.yaml").cases[0].dataset.path == "DATA.csv"
    load_policy(tmp_path / "suite.policy.yaml")


def test_the_target_is_asked_for_where_no_column_is_called_like_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,income\n" + "".join(f"{i},{'<=50K' if i % 3 else '>50K'}\n" for i in range(60)))
    out = tmp_path / "suite.yaml"
    with pytest.raises(UsageError, match=r"which column is the truth\? Say it with --target income"):
        init(tmp_path / "a.csv", out=out)
    with pytest.raises(
        UsageError, match=r"which of the labels .* is the positive class\? Say it with --positive '>50K'"
    ):
        init(tmp_path / "a.csv", out=out, target="income")
    assert not list(tmp_path.glob("*.yaml"))
    init(tmp_path / "a.csv", out=out, target="income", positive=">50K")
    assert read_suite(out).cases[0].roles.positive == ">50K"
    init(tmp_path / "a.csv", out=tmp_path / "other.yaml", unlabelled=True)
    assert load_dataset("a.csv", case=read_suite(tmp_path / "other.yaml").cases[0], folder=tmp_path).target is None


def test_nothing_is_overwritten_and_nothing_is_left_half_done(tmp_path: Path) -> None:
    data = people(tmp_path)
    (tmp_path / "suite.policy.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"suite\.policy\.yaml' is there already and is not overwritten"):
        init(data, out=tmp_path / "suite.yaml")
    with pytest.raises(UsageError, match="is there already"):
        write_new({tmp_path / "new.yaml": "x", tmp_path / "suite.policy.yaml": "y"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "suite.policy.yaml"]
    assert (tmp_path / "suite.policy.yaml").read_text() == "mine"


def test_a_data_folder_elsewhere_is_named_from_the_suites_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "suites").mkdir()
    init(people(tmp_path / "data"), out=tmp_path / "suites" / "a.suite.yaml")
    assert read_suite(tmp_path / "suites" / "a.suite.yaml").cases[0].dataset.path == "../data/people.csv"
    assert (tmp_path / "suites" / "a.policy.yaml").exists()


HOSTILE = (
    "yes",
    "a: b",
    "# no",
    "x\ty",
    "'q\"",
    "{b}",
    "- l",
    "1e3",
    "null",
    "ünï",
    "a,b",
    "*x",
    "=1+1",
    "\u202e",
    "a%b",
)


def test_odd_column_names_and_labels_survive(tmp_path: Path) -> None:
    rows = [
        {**dict.fromkeys(HOSTILE, i % 2), "text\nbreak": f"t{i}", "label": ("no: #1", "yes")[i % 2]} for i in range(80)
    ]
    (tmp_path / "a\u2028b #1.json").write_text(json.dumps(rows))
    init(tmp_path / "a\u2028b #1.json", out=tmp_path / "suite.yaml", positive="no: #1")
    suite = read_suite(tmp_path / "suite.yaml")
    case = suite.cases[0]
    assert set(case.roles.inputs) == {*HOSTILE, "text\nbreak"}
    assert case.roles.positive == "no: #1"
    check_case(case, load_dataset(case.dataset, case=case, folder=tmp_path))


@pytest.mark.parametrize("name", ["iris", "diabetes", "breast_cancer"])
def test_bundled_data_of_every_task(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    init(f"sklearn:{name}", out=tmp_path / "suite.yaml")
    assert check_suite_file(tmp_path / "suite.yaml")
    assert "target_name" not in read_suite(tmp_path / "suite.yaml").cases[0].slices


@pytest.mark.parametrize(
    ("file", "options", "task", "probes"),
    [
        ("ner_conll_style/wikigold.conll", {}, "entities", ["typos", "case"]),
        ("images_cifar10/cifar10_test_jpeg.zip", {}, "multiclass", ["image_noise", "jpeg", "brightness"]),
        ("invoices_sroie/receipts.jsonl.gz", {"target": "key"}, "fields", []),
        ("credit_german/german_credit.csv", {"target": "credit", "positive": "bad"}, "binary", ["noise", "missing"]),
        (
            "sentiment_vader4/vader_groundtruth.csv.gz",
            {"target": "mean_rating"},
            "regression",
            ["typos", "case", "noise"],
        ),
    ],
)
def test_real_data(
    file: str, options: dict[str, Any], task: str, probes: list[str], shared_data: Path, tmp_path: Path
) -> None:
    if task == "multiclass":
        pytest.importorskip("PIL")
    init(shared_data / file, out=tmp_path / "suite.yaml", **options)
    case = read_suite(tmp_path / "suite.yaml").cases[0]
    assert case.task == task
    assert [probe.probe for probe in case.probes] == probes
    check_suite_file(tmp_path / "suite.yaml")


def test_the_command_says_what_it_wrote_and_what_to_run_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.app.init_command import init as command
    from seatrial.app.init_command import schema

    people(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command(None, out=Path("suite.yaml")) == 0
    assert schema() == 0
    with pytest.raises(UsageError, match="Did you mean 'binary'"):
        command(None, task="binery")


def test_the_schema_that_is_shipped_is_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    shipped = (ROOT / "docs" / "suite.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "run `seatrial suite schema > docs/suite.schema.json`"


def test_every_key_of_the_records_is_in_the_schema_and_explained_where_the_records_explain_it() -> None:
    schema = suite_schema()
    assert set(schema["properties"]) == {*Suite.model_fields, "extends", "remove"}
    assert set(schema["$defs"]["Case"]["properties"]) == set(Case.model_fields)
    assert set(schema["$defs"]["DatasetSource"]["properties"]) == set(DatasetSource.model_fields)
    assert "seeded random sample" in schema["$defs"]["DatasetSource"]["properties"]["limit"]["description"]
    assert all(one.get("additionalProperties") is False for one in [schema, *schema["$defs"].values()])


VALID = [
    "cases: [{name: a, dataset: a.csv}]",
    "extends: b.yaml\nremove: [a]",
    "version: 2\nseed:\ncases: [{name: a, dataset: {sklearn: iris, limit: 5, where: {a: 1}}, metrics: {p: tp}}]",
    "cases: [{name: a, dataset: a.csv, metrics: [f1, {profit: tp}], probes: [typos, {probe: x, severity: 0.1}]}]",
    "cases: [{name: a, dataset: a.csv, choices: [yes, 1], slices: s, threshold: 4%}]\nbudgets: {failures: 5%}",
]
INVALID = [
    "cases: [{name: a, dataset: a.csv, metircs: [f1]}]",
    "name: a",
    "cases: [{dataset: a.csv}]",
    "cases: [{name: a, dataset: a.csv, task: classify}]",
    "cases: {a: b}",
    "cases: [{name: a, dataset: a.csv, repeats: 0}]",
]


@pytest.mark.parametrize("text", VALID)
def test_editors_accept_what_the_reader_reads(text: str, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(yaml.safe_load(text), suite_schema())
    (tmp_path / "b.yaml").write_text("cases: [{name: a, dataset: a.csv}, {name: b, dataset: b.csv}]")
    (tmp_path / "suite.yaml").write_text(text)
    read_suite(tmp_path / "suite.yaml")


@pytest.mark.parametrize("text", INVALID)
def test_editors_refuse_what_the_reader_refuses(text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), suite_schema())
    with pytest.raises(UsageError):
        parse_suite(text)


def test_the_suite_that_is_written_fits_the_schema(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    init(people(tmp_path), out=tmp_path / "suite.yaml")
    jsonschema.validate(yaml.safe_load((tmp_path / "suite.yaml").read_text()), suite_schema())
    assert (tmp_path / SCHEMA_FILE).read_text() == schema_text()
