"""What the pages list is what there is: metrics, fields of the JSON, keys of a policy, methods, options, exit codes."""

import re
import runpy
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
from pydantic import BaseModel

import seatrial as st
from seatrial.app.cli import EXIT, app
from seatrial.decisions.policy import ITEM_KEYS, KEYS
from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.metrics.catalogue import every_metric
from seatrial.records.launches import Launches
from seatrial.records.postmortem import PostMortem

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def in_code(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def first_column(text: str) -> list[str]:
    """What stands in code in the first cell of every row of a page's tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_catalogue_on_its_page_is_the_catalogue() -> None:
    make = runpy.run_path(str(ROOT / "tests" / "habits" / "make_catalogue.py"))
    text = page("metrics.md")
    assert make["page"](text) == text, "run `python tests/habits/make_catalogue.py`"
    assert {metric.name for metric in every_metric()} <= set(first_column(text))


def records_within(record: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """A record and all that its fields hold."""
    found = {record.__name__: record}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation.__name__ not in found:
                found.update(records_within(annotation))
        else:
            for inner in get_args(annotation):
                visit(inner)

    for field in record.model_fields.values():
        visit(field.annotation)
    return found


RECORDS = {
    name: record
    for top in (st.Scorecard, st.Readout, PostMortem, Launches)
    for name, record in records_within(top).items()
}


def own_fields(record: type[BaseModel]) -> list[str]:
    """Its fields without those of a record that it extends and that has a section itself."""
    inherited = {name for base in record.__bases__ if base.__name__ in RECORDS for name in base.model_fields}
    return [name for name in record.model_fields if name not in inherited]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_field_of_the_json_is_explained_and_no_other(name: str) -> None:
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", page("json.md"), re.MULTILINE | re.DOTALL))
    assert set(sections) == set(RECORDS)
    assert first_column(sections[name]) == own_fields(RECORDS[name])
    for base in RECORDS[name].__bases__:
        assert base.__name__ not in RECORDS or f"[`{base.__name__}`](#{base.__name__.lower()})" in sections[name]


def test_the_page_names_the_schema_version_that_is_written() -> None:
    for top in (st.Scorecard, st.Readout):
        version = top.model_fields["schema_version"].default
        assert f'card["schema_version"] == "{version}"' in page("json.md")


def test_every_key_of_a_policy_is_explained() -> None:
    listed = first_column(page("policy.md"))
    assert set(KEYS) <= set(listed)
    assert set(ITEM_KEYS) <= set(listed)


@pytest.mark.parametrize("name", ["README.md", "docs/policy.md"])
def test_every_exit_code_is_listed(name: str) -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.*?) \|", (ROOT / name).read_text(), re.MULTILINE))
    assert set(table) == {str(code) for code in (*EXIT.values(), 64, 70, 130)}
    for status, code in EXIT.items():
        assert status in table[str(code)]


@pytest.mark.parametrize(
    ("command", "pages"),
    [
        ("compare", ["compare.md"]),
        ("analyze", ["experiments.md"]),
        ("plan", ["plan.md"]),
        ("power", ["plan.md"]),
        ("launches", ["launches.md"]),
        ("postmortem", ["postmortem.md", "experiments.md"]),
        ("aa", ["aa.md"]),
        ("audit", ["audit.md"]),
        ("shift", ["shift.md"]),
        ("shadow", ["shadow.md"]),
        *((command, ["bandits.md"]) for command in ("bandit", "interleaving", "switchback")),
    ],
)
def test_every_option_of_a_command_is_explained(command: str, pages: list[str]) -> None:
    params = typer.main.get_command(app).commands[command].params
    options = {name for option in params for name in option.opts if name.startswith("--")}
    text = "".join(map(page, pages))
    assert {option for option in options if not re.search(rf"{option}\b(?!-)", text)} == set()


def share(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """A metric of somebody's own."""
    return float(np.mean(y_true == y_pred))


@pytest.fixture(scope="module")
def results() -> list[st.Result]:
    """Two versions in every way there is to compare them, small."""
    rng = np.random.default_rng(0)
    n = 400
    truth = rng.integers(0, 2, n)

    def version(right: float) -> dict[str, Any]:
        score = np.clip(0.5 + (truth - 0.5) * right + rng.normal(0, 0.35, n), 0.001, 0.999)
        return {"id": range(n), "y": truth, "prediction": (score > 0.5).astype(int), "score": score,
                "latency_ms": rng.lognormal(1, 0.5, n), "user": np.arange(n) // 4, "w": 1 + truth}  # fmt: skip

    old, new = version(0.3), version(0.5)
    names = ["accuracy", "precision", "f1", "balanced_accuracy", "roc_auc", "average_precision", "brier_score",
             "expected_calibration_error", "ks", "latency_ms.mean", "latency_ms.p50"]  # fmt: skip
    few = [{key: list(values)[:30] for key, values in table.items()} for table in (old, new)]
    perfect = [
        {"id": range(60), "y": [0, 1] * 30, "prediction": [0, 1] * 30, "score": [0.1 + k, 0.9 - k] * 30}
        for k in (0.0, 0.05)
    ]
    labels = np.array(["a", "b", "c"])
    third = rng.integers(0, 3, n)
    several = [{"id": range(n), "y": labels[third],
                "prediction": labels[np.where(rng.random(n) < right, third, rng.integers(0, 3, n))]}
               for right in (0.6, 0.7)]  # fmt: skip
    price = rng.normal(100, 10, n)
    numbers = [{"id": range(n), "y": price, "prediction": price + rng.normal(0, sd, n)} for sd in (3, 2.5)]
    return [
        st.compare(old, new, metrics=names),
        st.compare(old, new, metrics=names, cluster="user"),
        st.compare(old, new, metrics=names, weight="w"),
        st.compare(old, new, metrics=names, unpaired=True),
        st.compare(old, old, metrics=names),
        st.compare(*few, metrics=names[:8]),
        st.compare(*perfect, metrics=["accuracy", "roc_auc", "recall"]),
        st.compare(old, new, metrics=[share]),
        st.compare(*several),
        st.compare(*numbers),
        st.evaluate(old, metrics=["recall"]),
    ]


PLAN = """
unit: user
control: A
arms: {A: 50, B: 50}
metrics:
  spent: {formula: mean(spent), covariates: [before]}
  bought: mean(bought == 1)
  price: spent / items
primary: spent
guardrails: [{metric: bought, margin: 5%}]
minimum_effect: 5%
start: 2026-03-02
days: 10
stopping: """


@pytest.fixture(scope="module")
def readouts() -> list[st.Readout]:
    """An experiment in every shape that `analyze` reads, under every stopping rule."""
    rng = np.random.default_rng(0)
    n = 2000
    before = rng.gamma(2, 10, n)
    spent = before * rng.gamma(2, 0.5, n) + 1
    days = [f"2026-03-{2 + k % 10:02d}" for k in range(n)]
    users: dict[str, Any] = {
        "user": range(n), "arm": rng.choice(["A", "B"], n), "before": before, "spent": spent,
        "bought": (spent > 15).astype(int), "items": rng.poisson(3, n) + 1, "time": days,
        "country": ["DE", "FR"] * (n // 2),
    }  # fmt: skip
    rules = ["fixed", "hybrid", "anytime", "{rule: group-sequential, looks: 2}"]
    plans = [freeze(parse_plan(PLAN + rule)) for rule in rules]
    ramp = freeze(parse_plan(f"{PLAN}fixed\nramp: [{{from: 2026-03-02, weights: {{A: 1, B: 1}}}}, "
                             "{from: 2026-03-06, weights: {A: 1, B: 1}}]"))  # fmt: skip
    visits = {"user": np.arange(n) // 4, "arm": np.where(np.arange(n) // 4 % 2, "B", "A"), "ms": rng.gamma(2, 50, n)}
    daily = {"arm": ["A", "B"] * 2, "day": [1, 1, 2, 2], "metric": ["x"] * 4, "n": [500, 500, 990, 1000],
             "mean": [1.0, 1.1, 1.0, 1.1], "variance": [2.0] * 4}  # fmt: skip
    mean = {"spent": {"formula": "mean(spent)", "covariates": ["before"]}}
    exposures = {key: users[key] for key in ("user", "arm", "time", "country")}
    made = [
        *(st.analyze(units=users, plan=one) for one in (*plans, ramp)),
        st.analyze(units=visits, metrics={"ms": "mean(ms)", "p95": "p95(ms)"}, control="A", cluster="user"),
        st.analyze(moments=daily),
        st.analyze(units=users, metrics=mean, cupac=["spent"], control="A"),
        st.analyze(units=users, metrics=mean, post_stratify="country", control="A"),
        st.analyze(
            exposures, {key: users[key] for key in ("user", "time", "spent")}, metrics=["s=mean(spent)"], control="A"
        ),
    ]
    return [one.readout for one in made]


def test_every_method_of_an_experiment_is_explained(readouts: list[st.Readout]) -> None:
    named = {one.method for r in readouts for one in (*r.estimates, *r.effects, *r.sequences) if one.method}
    explained = {name for name in in_code(page("methods.md")) if len(name) > 4}
    parts = {part for method in named for part in re.split(r", (?=Welch|Miettinen|hybrid|group)", method)}
    assert len(parts) > 8
    assert {part for part in parts if not any(part.startswith(name) for name in explained)} == set()
    qualified = ("adjusted for covariates (CUPED)", "stratified by allocation phase")
    for said in qualified:
        assert any(said in method for method in named)
        assert said in explained


def test_every_method_that_is_named_in_a_result_is_explained(results: list[st.Result]) -> None:
    named = {one.method for result in results for one in (*result.estimates, *result.effects) if one.method}
    cards = [result.scorecard for result in results]
    named |= {one.method for card in cards for one in (*card.reference, *card.tradeoffs) if one.method}
    explained = in_code(page("methods.md"))
    assert len(named) > 15
    assert {method for method in named if not any(method.startswith(name) for name in explained)} == set()
