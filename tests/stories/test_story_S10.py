"""S10: rare positives: accuracy never leads, the always-negative baseline stands beside, recall counts positives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from statsmodels.stats.proportion import proportion_confint


@pytest.fixture
def rare(small: Path) -> tuple[Path, Path]:
    return small / "service_small.csv", small / "service_large.csv"


def _rare(folder: Path, share: float, n: int = 4000) -> tuple[Path, Path]:
    draw = np.random.default_rng(10)
    truth = (draw.random(n) < share).astype(int)
    paths = []
    for name, signal in (("old", 1.6), ("new", 2.1)):
        score = 1 / (1 + np.exp(-(draw.normal(size=n) + signal * truth - 2)))
        paths.append(folder / f"{name}.csv")
        pd.DataFrame({"id": np.arange(n), "y": truth, "score": score.round(6)}).to_csv(paths[-1], index=False)
    return paths[0], paths[1]


@pytest.mark.parametrize("share", [0.02, 0.05, 0.09])
def test_accuracy_never_leads(share: float, tmp_path: Path, tell: Callable[..., Any]) -> None:
    told = tell("compare", *_rare(tmp_path, share))
    assert told.card["lead_metric"] != "accuracy"
    assert told.card["effects"][0]["metric"] != "accuracy"
    assert told.card["estimates"][0]["metric"] != "accuracy"
    assert told.card["policy"]["rules"][0]["metric"] != "accuracy"
    assert "accuracy" not in told.verdict["sentence"].split("Worse, and no rule")[0]
    assert any(f["status"] == "warn" and "accuracy" in f["sentence"] for f in told.card["health"])


def test_accuracy_may_lead_when_both_classes_are_common(tmp_path: Path, tell: Callable[..., Any]) -> None:
    told = tell("compare", *_rare(tmp_path, 0.4))
    assert told.card["lead_metric"] == "accuracy"


def test_accuracy_does_not_lead_even_when_the_policy_names_it_first(
    rare: tuple[Path, Path], tell: Callable[..., Any]
) -> None:
    told = tell("compare", *rare, "--positive", "fraud", policy="success: [accuracy]\nguardrails: [recall]\n")
    assert told.card["lead_metric"] != "accuracy"


@pytest.mark.parametrize("command", ["compare", "evaluate"])
def test_the_always_negative_baseline_is_shown(command: str, rare: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    files = rare if command == "compare" else rare[:1]
    told = tell(command, *files, "--positive", "fraud")
    table = pd.read_csv(rare[0])
    negative = int((table["target"] == "fine").sum())
    known = {one["metric"]: one for one in told.card["reference"]}
    assert known["accuracy"]["model"] == "always fine"
    assert known["accuracy"]["value"] == negative / len(table)
    assert known["recall"]["value"] == 0
    assert known["average_precision"]["value"] == pytest.approx(1 - negative / len(table))
    for page in (told.out, told.html, told.markdown):
        assert "always fine" in " ".join(page.split())


def test_recall_comes_with_the_positives_n(rare: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    told = tell("compare", *rare, "--positive", "fraud")
    table = pd.read_csv(rare[1])
    positives = table["target"] == "fraud"
    hits = int((positives & (table["score"] >= 0.5)).sum())
    found = told.estimate("recall", "service_large")
    low, high = proportion_confint(hits, int(positives.sum()), method="wilson")
    assert found["n"] == positives.sum()
    assert found["value"] == pytest.approx(hits / positives.sum())
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-9)
    assert told.effect("recall")["n"] == positives.sum()
    gate = tell("gate", *rare, "--positive", "fraud", policy="guardrails: [{metric: recall, margin: 0.001}]\n")
    assert "positives" in gate.verdict["checks"][0]["reason"] or gate.verdict["status"] == "pass"


def test_precision_recall_curve_and_its_base_rate(rare: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    told = tell("compare", *rare, "--positive", "fraud")
    table = pd.read_csv(rare[0])
    truth = table["target"] == "fraud"
    curves = [one for one in told.card["curves"] if one["kind"] == "precision_recall"]
    assert len(curves) == 2
    wanted = average_precision_score(truth, table["score"])
    assert told.estimate("average_precision", "service_small")["value"] == pytest.approx(wanted, abs=1e-9)
    assert "base rate" in told.html.lower() or "prevalence" in told.html.lower()


def test_cost_weighted_choice_and_where_it_flips(tmp_path: Path, tell: Callable[..., Any]) -> None:
    """A new model that misses fewer and alarms more: cheaper only when a miss costs more than the break-even."""
    files = _rare(tmp_path, 0.08)
    new = pd.read_csv(files[1])
    new["score"] = (new["score"] + 0.15).clip(0, 1)
    new.to_csv(files[1], index=False)
    told = tell("compare", *files)
    flip = next(one for one in told.card["tradeoffs"] if one["gain"] == "missed positives")
    old = pd.read_csv(files[0])
    count = {}
    for name, table in (("old", old), ("new", new)):
        answer, truth = table["score"] >= 0.5, table["y"] == 1
        count[name] = (int((truth & ~answer).sum()), int((~truth & answer).sum()))
    misses, alarms = count["old"][0] - count["new"][0], count["new"][1] - count["old"][1]
    assert misses > 0
    assert alarms > 0
    assert flip["value"] == pytest.approx(alarms / misses, rel=1e-9)
    assert flip["low"] < flip["value"] < flip["high"]
    assert flip["pays"] == "above"
    above, below = flip["value"] * 3, flip["value"] / 3
    for price, word in ((above, "better"), (below, "worse")):
        asked = ["--metric", f"loss={price}*fn + fp", "--lower-is-better", "loss"]
        effect = tell("compare", *files, *asked).effect("loss")
        assert np.sign(-effect["difference"]) == (1 if word == "better" else -1)
