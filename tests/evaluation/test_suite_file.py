"""A suite read from YAML: what it may say, what it extends, what two versions of it share."""

from pathlib import Path

import pytest

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import UsageError
from seatrial.evaluation.suite_checks import check_case
from seatrial.evaluation.suite_file import parse_suite, read_suite, shared_part

FULL = """\
# yaml-language-server: $schema=suite.schema.json
name: credit
version: 2
seed: 7
policy: release.yaml
cases:
  - name: german
    dataset: {path: german.csv, limit: 100, where: {split: 1}, about: {collected: 1994}}
    task: binary
    roles: {target: credit, positive: 1, inputs: [age, sex]}
    metrics:
      - f1
      - profit: 120*tp - 15*fp
      - cost = 5*fn + fp
      - mine.py:score
    lower_is_better: [cost]
    slices: [sex, age:0,25,60, length(text)]
    probes: [noise, {probe: missing, severity: [0.1, 0.2], rows: 50, options: {fill: 0, by: mean, keep: true}}]
    choices: [yes, no]
    parameters: {temperature: 0, top_p: 1.0, stop: ["7"], seed: null, stream: false}
    prompt: "Is {sex} good? {{yes}}"
    answer: "(?P<answer>yes|no)"
budgets: {failures: 2%, minutes: 30}
prices:
  any: {per_call: 0.01}
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_every_kind_of_value_is_read_as_its_key_means() -> None:
    suite = parse_suite(FULL)
    case = suite.cases[0]
    assert (suite.name, suite.version, suite.seed, suite.policy) == ("credit", "2", 7, "release.yaml")
    assert case.dataset.where == {"split": "1"}
    assert case.dataset.about == {"collected": "1994"}
    assert case.roles.positive == "1"
    assert case.metrics == ("f1", "profit = 120*tp - 15*fp", "cost = 5*fn + fp", "mine.py:score")
    assert case.slices == ("sex", "age:0,25,60", "length(text)")
    assert case.choices == ("yes", "no")
    assert case.probes[1].severity == (0.1, 0.2)
    assert case.probes[1].options == {"fill": 0, "by": "mean", "keep": True}
    assert case.parameters == {"temperature": 0, "top_p": 1.0, "stop": ["7"], "seed": None, "stream": False}
    assert suite.budgets.failures == 0.02
    assert suite.prices["any"].per_call == 0.01


def test_a_word_is_a_list_of_one_and_a_text_of_slices_is_cut_as_on_the_command_line() -> None:
    case = parse_suite(
        "cases: [{name: a, dataset: a.csv, metrics: f1, slices: 'sex,age:0,25,60', probes: typos}]"
    ).cases[0]
    assert case.metrics == ("f1",)
    assert case.slices == ("sex", "age:0,25,60")
    assert case.probes[0].probe == "typos"


def test_an_empty_key_is_as_if_it_were_not_there() -> None:
    assert (
        parse_suite("seed:\ncases:\n  - name: a\n    dataset: a.csv\n    slices:\n    metrics: []\n").cases[0].slices
        == ()
    )


def test_without_a_name_it_is_called_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "credit.suite.yaml").write_text("cases: [{name: a, dataset: a.csv}]")
    assert read_suite(tmp_path / "credit.suite.yaml").name == "credit"


def test_editing_policy_or_prices_leaves_the_digest_and_editing_a_case_changes_it() -> None:
    digest = parse_suite(FULL).digest()
    assert parse_suite(FULL.replace("release.yaml", "other.yaml").replace("0.01", "0.02")).digest() == digest
    assert parse_suite(FULL + "\n# a comment\n").digest() == digest
    assert parse_suite(FULL.replace("limit: 100", "limit: 101")).digest() != digest
    assert parse_suite(FULL.replace("- f1", "- recall")).digest() != digest


BASE = """\
name: base
version: 3
seed: 5
policy: p.yaml
cases:
  - name: a
    dataset: {path: a.csv, limit: 10}
    metrics: [f1, recall]
    roles: {target: y, id: id}
  - name: b
    dataset: b.csv
budgets: {failures: 1%, minutes: 5}
"""


def test_a_suite_that_extends_another_merges_keys_and_cases_and_replaces_lists(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=BASE,
        own="""\
extends: base.yaml
cases:
  - {name: a, metrics: [accuracy], roles: {positive: "1"}, dataset: {limit: 20}}
  - {name: c, dataset: c.csv}
budgets: {minutes: 9}
""",
    )
    suite = read_suite(tmp_path / "own.yaml")
    assert (suite.name, suite.version, suite.seed, suite.policy) == ("own", "1", 5, "p.yaml")
    assert [case.name for case in suite.cases] == ["a", "b", "c"]
    a = suite.cases[0]
    assert a.metrics == ("accuracy",)
    assert (a.roles.target, a.roles.id, a.roles.positive) == ("y", "id", "1")
    assert (a.dataset.path, a.dataset.limit) == ("a.csv", 20)
    assert (suite.budgets.failures, suite.budgets.minutes) == (0.01, 9)


def test_another_place_of_a_data_set_replaces_it_whole_and_null_takes_the_default_again(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=BASE,
        own="extends: base.yaml\nbudgets: null\ncases:\n  - {name: a, dataset: {sklearn: iris}, metrics: null}\n",
    )
    suite = read_suite(tmp_path / "own.yaml")
    assert (suite.cases[0].dataset.sklearn, suite.cases[0].dataset.path, suite.cases[0].dataset.limit) == (
        "iris",
        None,
        None,
    )
    assert suite.cases[0].metrics == ()
    assert suite.budgets.failures == 0.05


def test_a_case_of_the_other_can_be_left_out_and_a_text_data_set_gets_a_limit(tmp_path: Path) -> None:
    write(tmp_path, base=BASE, own="extends: base.yaml\nremove: [a]\ncases: [{name: b, dataset: {limit: 3}}]\n")
    suite = read_suite(tmp_path / "own.yaml")
    assert [(case.name, case.dataset.path, case.dataset.limit) for case in suite.cases] == [("b", "b.csv", 3)]


def test_paths_of_a_suite_in_another_folder_are_seen_from_the_one_that_extends_it(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "mine").mkdir()
    base = BASE.replace("metrics: [f1, recall]", "metrics: ['s = m.py:f', f1]").replace("b.csv", "/data/b.csv")
    (tmp_path / "shared" / "base.yaml").write_text(base)
    (tmp_path / "mine" / "own.yaml").write_text("extends: ../shared/base.yaml\n")
    suite = read_suite(tmp_path / "mine" / "own.yaml")
    assert suite.policy == "../shared/p.yaml"
    assert [case.dataset.path for case in suite.cases] == ["../shared/a.csv", "/data/b.csv"]
    assert suite.cases[0].metrics == ("s = ../shared/m.py:f", "f1")


def test_a_mistake_in_the_extended_file_is_told_with_that_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, base=BASE.replace("metrics:", "metircs:"), own="extends: base.yaml\n")
    with pytest.raises(
        UsageError, match=r"^base\.yaml, line 8: cases\.0\.metircs: unknown key 'metircs'\. Did you mean 'metrics'"
    ):
        read_suite(tmp_path / "own.yaml")


def test_two_versions_share_the_cases_that_are_equal_and_say_what_differs() -> None:
    old = parse_suite(
        "version: 1\ncases: [{name: a, dataset: a.csv}, {name: b, dataset: b.csv}, {name: c, dataset: c.csv}]"
    )
    new = parse_suite(
        "version: 2\ncases: [{name: d, dataset: d.csv}, {name: b, dataset: b.csv, slices: [x], metrics: [f1]},"
        " {name: a, dataset: a.csv}]"
    )
    shared, said = shared_part(old, new)
    assert shared == ("a",)
    assert said == (
        "Case 'c' is only in version 1 of suite.",
        "Case 'd' is only in version 2 of suite.",
        "Case 'b' changed (metrics, slices), so it is not compared.",
    )


def test_equal_suites_share_everything_and_another_seed_shares_nothing() -> None:
    suite = parse_suite(FULL)
    assert shared_part(suite, suite) == (("german",), ())
    shared, said = shared_part(suite, parse_suite(FULL.replace("seed: 7", "seed: 8")))
    assert shared == ()
    assert said == ("The seed changed from 7 to 8: samples and probes draw other rows.",)


DATA = LoadedDataset(
    name="rows",
    ids=("0", "1"),
    columns={"text": ["good", "bad"], "age": [30, 40], "y": ["1", "0"]},
    inputs=("text", "age"),
    fingerprint="",
    task="binary",
    target="y",
)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("slices: [agee]", r"case 'a', slices: rows has no column 'agee'\. Did you mean 'age'"),
        ("slices: ['age:sometimes']", "no column 'age:sometimes'|no way to bin"),
        ("protected: [sex]", "case 'a', protected: rows has no column 'sex'"),
        ("prompt: 'Is {txt} good?'", r"no column 'txt' for '\{txt\}'\. Did you mean 'text'"),
        ("probes: [{probe: typos, columns: [y]}]", "'y' is not an input of the model"),
        ("metrics: [quality]", "'quality' is neither a metric nor a column"),
        ("metrics: [r2]", "'r2' is no metric of a binary task"),
    ],
)
def test_what_a_case_says_of_columns_is_held_against_the_data(keys: str, said: str) -> None:
    case = parse_suite(f"cases:\n  - name: a\n    dataset: a.csv\n    {keys}\n").cases[0]
    with pytest.raises(UsageError, match=said):
        check_case(case, DATA)


def test_what_fits_the_data_passes() -> None:
    keys = "slices: [age:30,40, length(text), x = m:f]\n    metrics: [f1, 'recall[1]', age, latency_ms.p95, f2]\n"
    keys += "    prompt: '{text} {{}}'"
    check_case(parse_suite(f"cases:\n  - name: a\n    dataset: a.csv\n    {keys}\n").cases[0], DATA)
