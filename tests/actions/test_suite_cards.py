"""What a report card leads with, times, remembers and leaves out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.actions.run import run
from seatrial.actions.suites.fronts import front_points
from seatrial.metrics.catalogue import rare_below
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Suite
from seatrial.storage.store import open_store

ROWS = 300


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(1)
    x = rng.normal(size=ROWS)
    y = np.clip((x * 2 + 5 + rng.normal(0, 0.4, ROWS)).astype(int), 0, 9)
    lines = ["id,x,y", *(f"r{i},{x[i]:.6f},{y[i]}" for i in range(ROWS))]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _suite(**changed: Any) -> Suite:
    case = {
        "name": "test",
        "dataset": {"path": "data.csv"},
        "task": "multiclass",
        "roles": {"target": "y", "id": "id", "inputs": ["x"]},
        "metrics": ["f1_macro", "accuracy"],
    }
    return Suite.parse({"name": "s", "cases": [case | changed]}, what="suite")


def _model(shift: float) -> Callable[[dict[str, list[float]]], list[str]]:
    def model(batch: dict[str, list[float]]) -> list[str]:
        return [str(min(max(int(2 * x + 5 + shift), 0), 9)) for x in batch["x"]]

    model.__name__ = f"m{shift:g}".replace(".", "_").replace("-", "minus")
    return model


def test_the_first_metric_of_the_case_leads_and_is_what_an_assumed_policy_guards(project: Path) -> None:
    card = run(_suite(), _model(0), _model(0.1)).record
    assert card.cases[0].main_metric == "f1_macro"
    assert card.verdict is not None
    assert {check.metric for check in card.verdict.checks} == {"f1_macro"}


@pytest.mark.parametrize(("classes", "share"), [(2, 0.1), (5, 0.1), (10, 0.05), (100, 0.005)])
def test_a_class_is_rare_by_how_many_there_are(classes: int, share: float) -> None:
    assert rare_below(classes) == pytest.approx(share)


def test_a_bound_on_latency_is_decided_on_rows_timed_alone(project: Path) -> None:
    policy = {"bounds": ["latency_ms.p95 below 10000"]}
    result = run(_suite(), _model(0), policy=policy)
    case, card = result.runs[0].cases[0], result.record.cases[0]
    assert case.latency is not None
    assert case.latency.batch_size == 1
    held = next(e for e in card.estimates if e.metric == "latency_ms.p95")
    assert held.value == pytest.approx(case.latency.p95.value)
    assert held.n == case.latency.n
    assert result.verdict is not None
    assert result.verdict.status == "pass"


def test_models_side_by_side_are_no_history_and_a_model_run_again_is(project: Path) -> None:
    assert run(_suite(), _model(0), _model(0.1), _model(0.2)).record.history == ()
    (project / "m.py").write_text("def predict(batch):\n    return ['5' for _ in batch['x']]\n")
    run(_suite(), "m=function:m.py:predict")
    (project / "m.py").write_text("def predict(batch):\n    return ['4' for _ in batch['x']]\n")
    card = run(_suite(), "m=function:m.py:predict", _model(0)).record
    assert {point.model for line in card.history for point in line.points} <= {"m", "m0"}
    (line,) = [line for line in card.history if line.points[0].model == "m"]
    assert len(line.points) == 2


def test_versions_that_ran_once_each_are_one_history(project: Path) -> None:
    for shift in (0, 0.1, 0.2):
        card = run(_suite(), _model(shift)).record
    (line,) = card.history
    assert [point.model for point in line.points] == ["m0", "m0_1", "m0_2"]


def test_sizes_that_hardly_differ_are_no_axis(project: Path) -> None:
    card = run(_suite(), _model(0), _model(0.1)).record.cases[0]

    def axes(*sizes: int) -> set[str]:
        names = ("m0", "m0_1")
        infos = {
            name: ModelInfo(name=name, adapter="x", location="x", fingerprint="x", size_bytes=size)
            for name, size in zip(names, sizes, strict=True)
        }
        return {point.axis for point in front_points(card, infos)} - {"latency"}

    assert axes(4_185_349, 4_185_230) == set()
    assert axes(4_000_000, 5_000_000) == {"size"}


def test_predictions_of_rows_that_have_only_an_id_and_a_label(project: Path) -> None:
    Path("labels.csv").write_text("id,y\n" + "".join(f"r{i},{i % 3}\n" for i in range(60)))
    Path("said.csv").write_text("id,prediction\n" + "".join(f"r{i},{i % 3}\n" for i in range(60)))
    suite = _suite(dataset={"path": "labels.csv"}, roles={"target": "y"}, metrics=["accuracy"])
    found = run(suite, "said=predictions:said.csv").runs[0].cases[0]
    assert found.estimates[0].value == 1
    assert open_store().run("said").run.cases[0].failed == ()


def test_rules_that_need_a_baseline_are_not_called_no_policy(project: Path) -> None:
    sentence = run(_suite(), _model(0), policy={"guardrails": ["accuracy"]}).sentence
    assert "every rule of the policy compares with a baseline" in sentence
