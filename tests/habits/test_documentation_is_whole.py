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
from seatrial.metrics.catalogue import every_metric

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


RECORDS = records_within(st.Scorecard)


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_field_of_the_json_is_explained_and_no_other(name: str) -> None:
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", page("json.md"), re.MULTILINE | re.DOTALL))
    assert set(sections) == set(RECORDS)
    assert first_column(sections[name]) == list(RECORDS[name].model_fields)


def test_the_page_names_the_schema_version_that_is_written() -> None:
    version = st.Scorecard.model_fields["schema_version"].default
    assert f'["schema_version"] == "{version}"' in page("json.md")


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


def test_every_option_of_compare_is_explained() -> None:
    command = typer.main.get_command(app).commands["compare"]
    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    text = page("compare.md")
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


def test_every_method_that_is_named_in_a_result_is_explained(results: list[st.Result]) -> None:
    named = {one.method for result in results for one in (*result.estimates, *result.effects) if one.method}
    cards = [result.scorecard for result in results]
    named |= {one.method for card in cards for one in (*card.reference, *card.tradeoffs) if one.method}
    explained = in_code(page("methods.md"))
    assert len(named) > 15
    assert {method for method in named if not any(method.startswith(name) for name in explained)} == set()
