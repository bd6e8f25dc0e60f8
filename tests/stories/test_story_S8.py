"""S8: which one under our SLA: a missed bound excludes, break-even, and what 200 rows cannot confirm."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

SLA = """
success: [accuracy]
bounds:
  - latency_ms.p95 below 100
  - {metric: cost.mean, below: 0.005}
"""


def _service(folder: Path, n: int, *, gained: float, lost: float) -> tuple[Path, Path]:
    """A small model right on 80 % of n rows, and a large one with so many rows won and lost, slower and dearer."""
    draw = np.random.default_rng(7)
    truth = draw.integers(0, 2, n)
    small = truth.copy()
    wrong = draw.choice(n, round(0.2 * n), replace=False)
    small[wrong] = 1 - truth[wrong]
    large = small.copy()
    right = np.setdiff1d(np.arange(n), wrong)
    flip = np.concatenate([wrong[: round(gained * n)], right[: round(lost * n)]])
    large[flip] = 1 - small[flip]
    paths = []
    for name, answer, slow, price in (("small", small, 5.0, 0.001), ("large", large, 50.0, 0.01)):
        table = pd.DataFrame({"id": np.arange(n), "label": truth, "prediction": answer})
        table["latency_ms"] = draw.gamma(9, slow / 9, n)
        table["cost"] = price * (0.8 + 0.4 * draw.random(n))
        paths.append(folder / f"{name}.csv")
        table.to_csv(paths[-1], index=False)
    return paths[0], paths[1]


def test_a_missed_sla_excludes_whatever_the_accuracy(tmp_path: Path, tell: Callable[..., Any]) -> None:
    files = _service(tmp_path, 8000, gained=0.06, lost=0.03)
    tight = SLA.replace("below 100", "below 40")
    told = tell("gate", *files, policy=tight)
    assert told.code == 1
    assert told.verdict["mixed"], "accuracy is better, and the bound is missed: said as mixed"
    assert told.effect("accuracy")["word"] == "better"
    checks = {check["metric"]: check["status"] for check in told.verdict["checks"] if "p95" in check["metric"]}
    assert checks == {"latency_ms.p95": "fail"}
    assert "latency_ms.p95" in told.verdict["sentence"]
    found = told.estimate("latency_ms.p95", "large")
    table = pd.read_csv(files[1])
    assert found["value"] == pytest.approx(np.quantile(table["latency_ms"], 0.95), abs=1e-9)
    assert found["low"] <= found["value"] <= found["high"]
    assert found["scale"] == "ms"


def test_the_other_way_round_ships_only_if_accuracy_may_fall(tmp_path: Path, tell: Callable[..., Any]) -> None:
    large_first = _service(tmp_path, 8000, gained=0.06, lost=0.03)[::-1]
    told = tell("gate", *large_first, policy="guardrails: [{metric: accuracy, margin: 0.01}]\n")
    assert told.code == 1
    told = tell("gate", *large_first, policy="guardrails: [{metric: accuracy, margin: 0.05}]\n")
    assert told.code == 0
    assert told.effect("cost.mean")["word"] == "better", "less cost is better"


def test_break_even_by_hand_and_by_bootstrap(tmp_path: Path, tell: Callable[..., Any]) -> None:
    files = _service(tmp_path, 8000, gained=0.06, lost=0.03)
    told = tell("compare", *files)
    worth = next(one for one in told.card["tradeoffs"] if one["gain"] == "correct answers")
    a, b = (pd.read_csv(file) for file in files)
    gain = (b["prediction"] == b["label"]).astype(float) - (a["prediction"] == a["label"]).astype(float)
    paid = b["cost"] - a["cost"]
    assert worth["value"] == pytest.approx(paid.mean() / gain.mean(), rel=1e-9)
    assert worth["pays"] == "above"
    draws = np.random.default_rng(0).integers(0, len(a), (2000, len(a)))
    ratio = paid.to_numpy()[draws].mean(axis=1) / gain.to_numpy()[draws].mean(axis=1)
    low, high = np.quantile(ratio, [0.025, 0.975])
    assert worth["low"] == pytest.approx(low, rel=0.05)
    assert worth["high"] == pytest.approx(high, rel=0.05)
    assert "pays only if one more correct answer is worth more than" in told.markdown
    assert "pays only if one more correct answer is worth more than" in told.html
    cheaper = tell("compare", *files[::-1])
    worth = next(one for one in cheaper.card["tradeoffs"] if one["gain"] == "correct answers")
    assert worth["pays"] == "below"


def test_utility_as_one_line(tmp_path: Path, tell: Callable[..., Any]) -> None:
    """At a worth above break-even utility is better, below it is worse."""
    files = _service(tmp_path, 8000, gained=0.06, lost=0.03)
    rich = tell("compare", *files, "--metric", "utility=2*accuracy - cost")
    poor = tell("compare", *files, "--metric", "utility=0.02*accuracy - cost")
    assert rich.effect("utility")["word"] == "better"
    assert poor.effect("utility")["word"] == "worse"
    a, b = (pd.read_csv(file) for file in files)
    worth = (2.0 * (b["prediction"] == b["label"]) - b["cost"]) - (2.0 * (a["prediction"] == a["label"]) - a["cost"])
    assert rich.effect("utility")["difference"] == pytest.approx(worth.mean(), abs=1e-9)


def test_200_rows_cannot_confirm_3_points_and_say_how_many_would(tmp_path: Path, tell: Callable[..., Any]) -> None:
    files = _service(tmp_path, 200, gained=0.06, lost=0.03)
    told = tell("gate", *files, policy="success: [{metric: accuracy, margin: 0.03}]\n")
    assert told.code == 2
    effect = told.effect("accuracy")
    assert effect["difference"] == pytest.approx(0.03)
    assert effect["word"] == "cannot tell"
    assert effect["smallest_detectable_effect"] > 0.03
    needed = 200 * (effect["smallest_detectable_effect"] / 0.03) ** 2
    assert effect["rows_needed"] == pytest.approx(needed, rel=0.01)
    assert effect["rows_needed"] > 200
    assert "rows" in told.verdict["sentence"]
    enough = _service(tmp_path, 8000, gained=0.06, lost=0.03)
    assert tell("gate", *enough, policy="success: [{metric: accuracy, margin: 0.03}]\n").code == 0


def test_a_pass_without_a_rule_on_latency_says_what_is_worse(tmp_path: Path, tell: Callable[..., Any]) -> None:
    told = tell("compare", *_service(tmp_path, 8000, gained=0.06, lost=0.03))
    assert told.verdict["status"] == "pass"
    assert "latency_ms" in told.verdict["sentence"]
    assert "cost" in told.verdict["sentence"] or "more" in told.verdict["sentence"]


def test_small_service_files(small: Path, tell: Callable[..., Any]) -> None:
    files = (small / "service_small.csv", small / "service_large.csv")
    policy = "success: [average_precision]\nbounds:\n  - latency_ms.p95 below 100\n"
    told = tell("gate", *files, "--positive", "fraud", policy=policy)
    assert told.code == 1
    assert told.verdict["mixed"]
