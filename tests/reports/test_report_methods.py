"""Every method that a comparison can name has a text in plain words."""

from collections.abc import Iterator

import numpy as np
import pytest

import seatrial as st
from seatrial.actions.result import Result
from seatrial.records import Scorecard
from seatrial.reports.sections.methods import METHODS, describe

N = 900
BINARY = ["accuracy", "f1", "precision", "recall", "matthews_corrcoef", "roc_auc", "average_precision", "log_loss",
          "brier_score", "expected_calibration_error", "ks", "latency_ms.mean", "latency_ms.p50", "selection_rate",
          "profit = 120*tp - 15*fp"]  # fmt: skip


def table(seed: int, *, n: int = N, skill: float = 1.0, task: str = "binary") -> dict[str, object]:
    """Predictions of a model with a score, a latency, a weight and a cluster."""
    truth = np.random.default_rng(7).integers(0, 2 if task == "binary" else 3, n)
    rng = np.random.default_rng(seed)
    made: dict[str, object] = {"id": np.arange(n), "user": np.arange(n) // 3, "w": 1.0 + (np.arange(n) % 4)}
    made["latency_ms"] = rng.gamma(5.0, 1.0 + skill, n)
    if task == "regression":
        target = np.random.default_rng(8).normal(100, 10, n)
        return made | {"target": target, "prediction": target + rng.normal(0, 4 / skill, n)}
    if task == "multiclass":
        right = rng.random(n) < 0.6 + skill / 10
        return made | {"target": truth, "prediction": np.where(right, truth, (truth + 1) % 3)}
    score = 1 / (1 + np.exp(-(skill * (2 * truth - 1) + rng.normal(0, 1.2, n))))
    return made | {"target": truth, "prediction": (score > 0.5).astype(int), "score": score}


def hits(y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """The share of rows that are right."""
    return float(np.average(y_true == y_pred, weights=sample_weight))


def perfect(n: int = 200) -> dict[str, object]:
    truth = np.arange(n) % 2
    return {"id": np.arange(n), "target": truth, "prediction": truth, "score": 0.2 + 0.6 * truth}


def results() -> Iterator[Result]:
    """Comparisons of many kinds: paired, unpaired, clustered, weighted, rare classes, every task, functions."""
    old, new = table(1), table(2, skill=1.5)
    yield st.compare(old, new, metrics=[*BINARY, hits])
    yield st.compare(old, new, metrics=BINARY, cluster="user")
    yield st.compare(old, new, metrics=BINARY, weight="w")
    yield st.compare(old, table(2, skill=1.5, n=700), metrics=BINARY, unpaired=True)
    yield st.compare(old, new, metrics=["accuracy"], policy={"guardrails": [{"metric": "accuracy", "margin": "2%"}]})
    answers = {name: old[name] for name in ("id", "target", "prediction")}
    yield st.compare(answers, answers, metrics=["accuracy", "f1"])
    eager = answers | {"prediction": (np.asarray(old["score"]) > 0.2).astype(int)}  # more hits, more false alarms
    yield st.compare(answers, eager, metrics=["accuracy"])
    truth = np.asarray(old["target"])
    kept = np.concatenate([np.flatnonzero(truth == 0)[:300], np.flatnonzero(truth == 1)[:9]])
    few = {name: np.asarray(column)[kept] for name, column in old.items()}
    yield st.compare(few, few | {"score": np.sqrt(np.asarray(few["score"]))}, metrics=["roc_auc", "recall", "f1"])
    yield st.compare(perfect(), perfect() | {"score": np.linspace(0.1, 0.9, 200)}, metrics=["roc_auc", "f1", "recall"])
    for task in ("multiclass", "regression"):
        yield st.compare(table(1, task=task), table(2, skill=1.5, task=task))
        yield st.compare(table(1, task=task), table(2, skill=1.5, task=task), cluster="user")
    yield st.evaluate(old, metrics=BINARY)


def methods(card: Scorecard) -> set[str]:
    """What a report has to explain."""
    every = (*card.effects, *card.estimates, *card.reference, *card.tradeoffs)
    return {one.method for one in every if one.method and not one.method.startswith("none")}


def test_every_method_a_comparison_names_has_words() -> None:
    named = set().union(*(methods(result.scorecard) for result in results()))
    assert {method for method in named if describe(method) is None} == set()
    assert {"t", "Fieller, paired", "identical", "by definition"} <= named  # many kinds, or this proves little
    assert len(named) >= 18, named


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("Wilson score interval at the effective size", "independent rows"),
        ("Wilson score interval on tp/(tp+fp+fn), mapped to F1", "rising function"),
        ("Clopper-Pearson interval at the effective size", "Exact limits"),
        ("equal-mass bins, Clopper-Pearson bands", "bins"),
        ("paired differences, CR2 cluster-robust variance, Bell-McCaffrey degrees of freedom", "subtracted row by row"),
        ("DeLong, logit scale, CR2 cluster-robust variance, Bell-McCaffrey degrees of freedom", "clusters"),
        ("DeLong or Newcombe, the wider: few rows of a class", "wider"),
        ("exact bound: every positive scores above every negative, so the standard error is 0", "without one mistake"),
        ("paired t on influences, density from order statistics", "densely"),
        ("order statistics' density, CR2 cluster-robust variance, Bell-McCaffrey degrees of freedom", "clusters"),
        ("score test of the paired ratio (Tang), of candidate - 0.98 x baseline", "margin in percent"),
        ("Miettinen-Nurminen score test of the ratio, unpaired, of candidate - 0.98 x baseline", "different rows"),
        ("Tango score interval, paired", "disagree"),
        ("t", "average"),
    ],
)
def test_the_text_is_of_that_method(method: str, text: str) -> None:
    known = describe(method)
    assert known is not None
    assert text in known.words


@pytest.mark.parametrize("jackknife", [False, True])
def test_every_bootstrap_has_words(jackknife: bool) -> None:
    name = ("BCa" if jackknife else "percentile") + " bootstrap, paired, 2000 resamples by row"
    assert describe(name) is not None


def test_every_text_says_what_it_does() -> None:
    for name, text in METHODS.items():
        assert text.words.endswith("."), name
        assert len(text.words) < 320, name
