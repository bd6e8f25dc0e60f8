"""S4, the comparison part: image classifiers of one wide file, all pairs, per class, and on the re-collected twin."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

import seatrial as st

MODELS = ("resnet_basic_32", "resnet_basic_110", "vgg_15_BN_64")


def _mcnemar(gained: int, lost: int) -> float:
    """Two-sided p of McNemar's z, the score test of no difference."""
    return float(2 * stats.norm.sf(abs(gained - lost) / np.sqrt(gained + lost)))


def _all_pairs(told: Any, frame: pd.DataFrame, models: tuple[str, ...], target: str) -> None:
    pairs = [(a, b) for i, a in enumerate(models) for b in models[i + 1 :]]
    right = {m: (frame[m] == frame[target]).to_numpy() for m in models}
    gained = [int((~right[a] & right[b]).sum()) for a, b in pairs]
    lost = [int((right[a] & ~right[b]).sum()) for a, b in pairs]
    raw = [_mcnemar(g, f) for g, f in zip(gained, lost, strict=True)]
    holm = multipletests(raw, method="holm")[1]
    for (a, b), g, f, p, adjusted in zip(pairs, gained, lost, raw, holm, strict=True):
        effect = told.effect("accuracy", b, a)
        assert effect["difference"] == pytest.approx((g - f) / len(frame), abs=1e-12)
        assert effect["p_value"] == pytest.approx(p, abs=1e-9)
        assert effect["adjusted_p_value"] == pytest.approx(adjusted, abs=1e-9)
        assert (effect["low"] <= 0 <= effect["high"]) == (adjusted >= 0.05)
        flips = next(one for one in told.card["flips"] if (one["baseline"], one["candidate"]) == (a, b))
        assert (flips["gained"], flips["lost"]) == (g, f)
        assert flips["changed"] == int((frame[a] != frame[b]).sum())
        assert flips["churn"] == pytest.approx(flips["changed"] / len(frame))


def test_three_pairs_corrected_on_the_test_set(shared_data: Path, tell: Callable[..., Any]) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    told = tell("compare", file, "--models", ",".join(MODELS), "--all-pairs")
    frame = pd.read_csv(file)
    assert told.code == 0
    assert told.card["task"] == "multiclass"
    assert told.card["models"] == list(MODELS)
    _all_pairs(told, frame, MODELS, "label")
    for model in MODELS:
        hits = int((frame[model] == frame["label"]).sum())
        found = told.estimate("accuracy", model)
        low, high = proportion_confint(hits, len(frame), method="wilson")
        assert (found["value"], found["n"]) == (hits / len(frame), 10_000)
        assert found["low"] == pytest.approx(low, abs=1e-9)
        assert found["high"] == pytest.approx(high, abs=1e-9)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert MODELS[a] in told.out
        assert f"{MODELS[b]} against {MODELS[a]}" in told.html


def test_per_class_equals_scikit_learn(shared_data: Path, tell: Callable[..., Any]) -> None:
    file = shared_data / "predictions_cifar10" / "cifar10_test.csv"
    metrics = [f"{name}[{k}]" for name in ("precision", "recall", "f1") for k in range(10)]
    options = [part for name in metrics for part in ("--metric", name)]
    told = tell("compare", file, "--models", ",".join(MODELS[:2]), *options)
    frame = pd.read_csv(file)
    for model in MODELS[:2]:
        for name, function in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            wanted = function(frame["label"], frame[model], average=None)
            for k in range(10):
                found = told.estimate(f"{name}[{k}]", model)
                assert found["value"] == pytest.approx(wanted[k], abs=1e-9)
                assert found["low"] < found["value"] < found["high"]
    counts = [np.array(one["counts"]) for one in told.card["confusions"]]
    for model, counted in zip(MODELS[:2], counts, strict=True):
        np.testing.assert_array_equal(counted, confusion_matrix(frame["label"], frame[model]))


def test_the_twin_is_harder_for_all_and_keeps_the_order(shared_data: Path, tell: Callable[..., Any]) -> None:
    folder = shared_data / "predictions_cifar10"
    known = pd.read_csv(folder / "accuracies.csv", index_col=0)
    order = {}
    for column, name in (("original", "cifar10_test"), ("v4", "cifar10_1_v4"), ("v6", "cifar10_1_v6")):
        told = tell("compare", folder / f"{name}.csv", "--models", ",".join(MODELS), "--metric", "accuracy")
        values = {model: told.estimate("accuracy", model)["value"] for model in MODELS}
        for model in MODELS:
            assert values[model] == pytest.approx(known.loc[model, column], abs=5e-5)
        order[column] = values
    for model in MODELS:
        assert order["v6"][model] < order["original"][model] - 0.05
        assert order["v4"][model] < order["original"][model] - 0.05
    best = max(MODELS, key=lambda m: order["original"][m])
    assert all(max(MODELS, key=lambda m, c=column: order[c][m]) == best for column in ("v4", "v6"))  # type: ignore[misc]


def test_small_wide_file_all_pairs(small: Path, tell: Callable[..., Any]) -> None:
    models = ("small", "medium", "large")
    told = tell("compare", small / "images.csv", "--models", ",".join(models), "--all-pairs")
    frame = pd.read_csv(small / "images.csv")
    _all_pairs(told, frame, models, "label")
    assert told.effect("accuracy", "large", "small")["word"] == "better"
    assert "Latency: no latency column was given." in told.card["not_shown"]


def test_one_wide_file_by_number_sign_and_from_python(small: Path) -> None:
    file = small / "images.csv"
    one = st.compare(f"{file}#small", f"{file}#large", metrics=["accuracy"])
    two = st.compare(file, models=["small", "large"], metrics=["accuracy"])
    assert one.effects == two.effects
    frame = pd.read_csv(file)
    three = st.compare(
        frame[["image", "label", "small"]].rename(columns={"small": "prediction"}),
        frame[["image", "label", "large"]].rename(columns={"large": "prediction"}),
        metrics=["accuracy"],
    )
    assert three.effects[0].difference == one.effects[0].difference
