"""Suites run from Python: values against NumPy, what was answered is not asked again, runs laid side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.actions.run import run
from seatrial.actions.runs import gate_suite, runs, show, tag
from seatrial.errors import UsageError
from seatrial.records.suite import Suite

ROWS = 600


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(1)
    x = rng.normal(size=ROWS)
    y = (x + rng.normal(size=ROWS) > 0).astype(int)
    group = rng.choice(["f", "m"], size=ROWS)
    lines = ["id,x,group,y", *(f"r{i},{x[i]:.6f},{group[i]},{y[i]}" for i in range(ROWS))]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _suite(**changed: Any) -> Suite:
    case = {
        "name": "test",
        "dataset": {"path": "data.csv"},
        "task": "binary",
        "roles": {"target": "y", "positive": "1", "id": "id", "inputs": ["x"]},
        "metrics": ["accuracy", "recall"],
        "slices": ["group"],
    }
    return Suite.parse({"name": "s", "cases": [case | changed]}, what="suite")


def _truth(project: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [line.split(",") for line in (project / "data.csv").read_text().splitlines()[1:]]
    x = np.array([float(row[1]) for row in rows])
    return x, np.array([row[2] for row in rows]), np.array([int(row[3]) for row in rows])


def good(batch: Mapping[str, Sequence[float]]) -> list[int]:
    return [int(value > 0) for value in batch["x"]]


def poor(batch: Mapping[str, Sequence[float]]) -> list[int]:
    return [int(value > 1.5) for value in batch["x"]]


def fails_on_large(batch: Mapping[str, Sequence[float]]) -> list[int]:
    if any(value > 2 for value in batch["x"]):
        raise ValueError("too large")
    return good(batch)


def test_values_are_those_of_numpy_on_all_rows_and_slices(project: Path) -> None:
    found = run(_suite(), good).runs[0].cases[0]
    x, group, y = _truth(project)
    predicted = (x > 0).astype(int)
    for estimate in found.estimates:
        rows = np.ones(ROWS, bool) if not estimate.slice else group == estimate.slice["group"]
        if estimate.metric == "accuracy":
            assert estimate.value == pytest.approx(np.mean((predicted == y)[rows]), abs=1e-12)
            assert estimate.n == rows.sum()
        if estimate.metric == "recall":
            assert estimate.value == pytest.approx(np.mean(predicted[rows & (y == 1)]), abs=1e-12)
    assert {tuple(e.slice.values()) for e in found.estimates} == {(), ("f",), ("m",)}


def test_two_models_are_compared_row_by_row_and_the_first_is_the_baseline(project: Path) -> None:
    card = run(_suite(), poor, good).record
    x, _, y = _truth(project)
    effect = next(e for e in card.cases[0].effects if e.metric == "accuracy" and not e.slice)
    expected = np.mean(((x > 0).astype(int) == y).astype(float) - ((x > 1.5).astype(int) == y))
    assert (effect.baseline, effect.candidate) == ("poor", "good")
    assert effect.difference == pytest.approx(expected, abs=1e-12)
    assert card.verdict is not None
    assert card.verdict.status == "pass"
    assert card.sentence.startswith("Ship good")


def test_what_was_answered_is_not_asked_again_unless_told(project: Path) -> None:
    first = run(_suite(), good)
    second = run(_suite(), good)
    assert first.runs[0].cases[0].resumed == 0
    assert second.runs[0].cases[0].resumed == ROWS
    again = run(_suite(), good, again=True)
    assert again.runs[0].cases[0].resumed == 0


def test_rows_that_fail_are_missing_with_bounds_and_never_wrong(project: Path) -> None:
    found = run(_suite(), fails_on_large).runs[0].cases[0]
    x, _, y = _truth(project)
    failed = int(np.sum(x > 2))
    assert failed > 0
    assert sum(one.count for one in found.failed) == failed
    assert "too large" in found.failed[0].reason
    accuracy = next(e for e in found.estimates if e.metric == "accuracy" and not e.slice)
    answered = x <= 2
    assert accuracy.n == answered.sum()
    assert accuracy.missing == failed
    right = np.sum(((x > 0).astype(int) == y)[answered])
    assert accuracy.value == pytest.approx(right / answered.sum(), abs=1e-12)
    assert accuracy.bound_low == pytest.approx(right / ROWS, abs=1e-9)
    assert accuracy.bound_high == pytest.approx((right + failed) / ROWS, abs=1e-9)


def test_more_failures_than_the_budget_make_the_run_and_the_verdict_invalid(project: Path) -> None:
    suite = _suite().model_copy(update={"budgets": _suite().budgets.model_copy(update={"failures": 0.0})})
    result = run(suite, good, fails_on_large)
    assert result.runs[1].status == "invalid"
    assert result.verdict is not None
    assert result.verdict.status == "invalid"
    assert "fails_on_large" in result.verdict.sentence


def test_a_probe_is_a_paired_effect_against_the_clean_rows(project: Path) -> None:
    suite = _suite(probes=[{"probe": "noise", "severity": [1.0]}], slices=[])
    found = run(suite, good).runs[0].cases[0]
    (outcome,) = found.probes
    effect = next(e for e in outcome.effects if e.metric == "accuracy")
    assert (effect.baseline, effect.n) == ("clean", ROWS)
    assert effect.difference is not None
    assert effect.difference < 0
    assert outcome.flip_rate is not None
    assert outcome.flip_rate.value is not None
    # noise of one standard deviation turns about a quarter of the signs of a normal value
    assert 0.15 < outcome.flip_rate.value < 0.35
    assert outcome.rows == ROWS


def test_a_predicate_beside_the_suite_is_a_slice(project: Path) -> None:
    (project / "rules.py").write_text("def far(row):\n    return abs(row['x']) > 1\n")
    found = run(_suite(slices=["far = rules.py:far"]), good).runs[0].cases[0]
    x, _, y = _truth(project)
    value = next(e for e in found.estimates if e.metric == "accuracy" and e.slice == {"far": "yes"})
    far = np.abs(x) > 1
    assert value.n == far.sum()
    assert value.value == pytest.approx(np.mean(((x > 0).astype(int) == y)[far]), abs=1e-12)


def test_repeats_are_one_cluster_of_the_row(project: Path) -> None:
    found = run(_suite(repeats=3, slices=[]), good).runs[0].cases[0]
    accuracy = next(e for e in found.estimates if e.metric == "accuracy")
    once = run(_suite(slices=[]), good).runs[0].cases[0]
    alone = next(e for e in once.estimates if e.metric == "accuracy")
    assert accuracy.unit == "example"
    assert accuracy.value == pytest.approx(alone.value, abs=1e-12)
    # three equal answers to a row tell no more than one
    assert accuracy.standard_error == pytest.approx(alone.standard_error, rel=0.01)


def test_runs_tags_and_the_gate(project: Path) -> None:
    (project / "suite.yaml").write_text(
        "name: s\ncases:\n  - {name: test, dataset: data.csv, task: binary, metrics: [accuracy],\n"
        "     roles: {target: y, positive: '1', id: id, inputs: [x]}}\n"
    )
    (project / "models.py").write_text("def good(batch):\n    return [int(v > 0) for v in batch['x']]\n")
    x, _, _ = _truth(project)
    lines = ["id,prediction", *(f"r{i},{int(value > 1.5)}" for i, value in enumerate(x))]
    (project / "poor.csv").write_text("\n".join(lines) + "\n")
    run("suite.yaml", "good=function:models.py:good")
    tag("good", "production")
    result = gate_suite("production", "poor=predictions:poor.csv", suite="suite.yaml")
    assert result.verdict is not None
    assert result.verdict.status == "fail"
    assert [model.name for model in result.record.models] == ["good", "poor"]
    same = gate_suite("production", "other=function:models.py:good", suite="suite.yaml")
    assert same.verdict is not None
    assert same.verdict.status == "pass"
    assert same.record.cases[0].effects[0].difference == 0
    listed = runs().record.runs
    assert {one.model for one in listed} == {"good", "poor", "other"}
    assert next(one for one in listed if one.model == "good").tags == ("production",)
    shown = show("production", "poor").record
    assert shown.verdict is not None
    assert shown.verdict.status == "fail"
    with pytest.raises(UsageError, match="nosuch"):
        gate_suite("nosuch", "production", suite="suite.yaml")


def test_a_changed_suite_is_compared_on_what_is_shared_and_says_so(project: Path) -> None:
    first = run(_suite(), good)
    more = _suite().cases[0].model_copy(update={"name": "extra"})
    second = run(_suite().model_copy(update={"version": "2", "cases": (*_suite().cases, more)}), poor)
    card = show(first.record.runs[0], second.record.runs[0]).record
    assert [case.case for case in card.cases] == ["test"]
    assert any("extra" in said for said in card.not_shared)


def test_a_drop_over_the_runs_is_a_change_point(project: Path) -> None:
    for threshold in (0.0, 0.001, -0.001, 0.002, 1.6, 1.61, 1.62, 1.63):
        (project / "m.py").write_text(f"def predict(batch):\n    return [int(v > {threshold}) for v in batch['x']]\n")
        card = run(_suite(slices=[]), "m=function:m.py:predict").record
    (history,) = card.history
    assert len(history.points) == 8
    assert [change.at for change in history.changes] == [4]
    assert history.changes[0].difference < -0.1


def test_a_policy_speaks_of_one_case_and_every_case_must_pass(project: Path) -> None:
    easy, hard = _suite(slices=[]).cases[0], _suite(slices=[]).cases[0]
    suite = Suite(
        name="two",
        cases=(easy.model_copy(update={"name": "easy"}), hard.model_copy(update={"name": "hard"})),
    )
    policy = {"guardrails": [{"metric": "accuracy", "above": 0.99, "case": "hard"}, {"metric": "recall", "above": 0.1}]}
    card = run(suite, good, policy=policy).record
    by_case = {case.case: case.verdict for case in card.cases}
    assert by_case["easy"] is not None
    assert by_case["easy"].status == "pass"
    assert by_case["hard"] is not None
    assert by_case["hard"].status == "fail"
    assert card.verdict is not None
    assert card.verdict.status == "fail"
    assert "In hard" in card.verdict.sentence
    with pytest.raises(UsageError, match="nosuch"):
        run(suite, good, policy={"guardrails": [{"metric": "nosuch", "above": 0.1}]})


def test_the_verdict_is_in_the_ledger(project: Path) -> None:
    from seatrial.storage.store import open_store

    card = run(_suite(), poor, good).record
    entry = open_store().ledger()[-1]
    assert entry.kind == "verdict"
    assert entry.status == "pass"
    assert entry.digests["evidence"] == card.digest()
    assert entry.digests["run good"] == card.runs[1]


def test_every_format_says_the_sentence_and_json_is_the_record(project: Path) -> None:
    result = run(_suite(probes=["missing"]), poor, good)
    for kind in ("html", "markdown", "text"):
        assert "Ship good" in result.render(kind)  # type: ignore[arg-type]
    assert json.loads(result.to_json())["sentence"] == result.sentence
    assert 'failures="0"' in result.render("junit")


def test_no_model_and_a_wrong_case_are_said_in_a_sentence(project: Path) -> None:
    with pytest.raises(UsageError, match="Name a model"):
        run(_suite())
    with pytest.raises(UsageError, match=r"no case 'tset'.*'test'"):
        run(_suite(), good, cases=["tset"])
    with pytest.raises(UsageError, match="Two models"):
        run(_suite(), good, good)


def test_latencies_recorded_with_predictions_are_the_ones_compared(project: Path) -> None:
    x, _, _ = _truth(project)
    for name, base in (("slow", 20.0), ("fast", 5.0)):
        rows = [f"r{i},{int(value > 0)},{base + i % 5}" for i, value in enumerate(x)]
        (project / f"{name}.csv").write_text("\n".join(["id,prediction,latency_ms", *rows]) + "\n")
    suite = _suite(metrics=["latency_ms.mean"], slices=[])
    card = run(suite, "slow=predictions:slow.csv", "fast=predictions:fast.csv").record
    effect = next(e for e in card.cases[0].effects if e.metric == "latency_ms.mean")
    assert (effect.baseline_value, effect.candidate_value) == (pytest.approx(22.0), pytest.approx(7.0))
    assert effect.n == ROWS
