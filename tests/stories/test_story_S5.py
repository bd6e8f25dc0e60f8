"""S5, the comparison part: a credit scorer trained here, metrics per group and intersection equal to fairlearn's."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    count,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

NAMES = {
    "selection_rate": selection_rate,
    "false_negative_rate": false_negative_rate,
    "false_positive_rate": false_positive_rate,
    "precision": partial(precision_score, zero_division=0.0),
}


@pytest.fixture(scope="module")
def german(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Half of German credit scored by a logistic regression and by a small tree."""
    table = pd.read_csv(shared_data / "credit_german" / "german_credit.csv")
    return _scored(
        table.drop(columns=["credit"]), (table["credit"] == "good").map({True: "good", False: "bad"}), "good",
        tmp_path_factory.mktemp("german"), ["sex", "age", "housing"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def adult(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A part of Adult scored the same way."""
    table = pd.read_csv(shared_data / "adult_census" / "adult.csv.gz").sample(12_000, random_state=1)
    target = table["income"].str.rstrip(".").str.strip()
    features = table.drop(columns=["income", "split", "fnlwgt", "native_country"])
    folder = tmp_path_factory.mktemp("adult")
    return _scored(features, target, ">50K", folder, ["sex", "race", "age"])


def _scored(
    features: pd.DataFrame, target: pd.Series, positive: str, folder: Path, kept: list[str]
) -> tuple[Path, Path]:
    wide = pd.get_dummies(features).to_numpy(dtype=float)
    half = np.random.default_rng(5).random(len(features)) < 0.5
    models = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000)),
        "tree": DecisionTreeClassifier(max_depth=5, random_state=0),
    }
    paths = []
    for name, model in models.items():
        model.fit(wide[half], target[half])
        score = model.predict_proba(wide[~half])[:, list(model.classes_).index(positive)]
        out = features.loc[~half, kept].copy()
        out.insert(0, "id", np.flatnonzero(~half))
        out["target"] = target[~half]
        out["score"] = score
        out["prediction"] = np.where(score >= 0.5, positive, next(c for c in model.classes_ if c != positive))
        paths.append(folder / f"{name}.csv")
        out.to_csv(paths[-1], index=False)
    return paths[0], paths[1]


def _equal_to_fairlearn(told: Any, file: Path, model: str, positive: str, by: list[str]) -> None:
    table = pd.read_csv(file)
    truth, answer = table["target"] == positive, table["prediction"] == positive
    frame = MetricFrame(
        metrics={**NAMES, "count": count}, y_true=truth, y_pred=answer, sensitive_features=table[by],
    )  # fmt: skip
    checked = 0
    for key, row in frame.by_group.iterrows():
        levels = key if isinstance(key, tuple) else (key,)
        where = dict(zip(by, levels, strict=True))
        if np.isnan(row["count"]):
            continue
        here = np.logical_and.reduce([table[c] == v for c, v in where.items()])
        for name in NAMES:
            found = told.estimate(name, model, **where)
            denominator = {
                "false_negative_rate": int((truth & here).sum()),
                "false_positive_rate": int((~truth & here).sum()),
                "precision": int((answer & here).sum()),
                "selection_rate": int(here.sum()),
            }[name]
            if denominator == 0:
                assert found["value"] is None, "nothing to divide by is a reason, never 0"
                assert found["reason"]
                continue
            assert found["value"] == pytest.approx(row[name], abs=1e-12)
            assert found["n"] == denominator
            assert found["low"] <= found["value"] <= found["high"]
            checked += 1
    assert checked > 4


def test_groups_and_intersections_of_german_credit(german: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    options = [part for name in NAMES for part in ("--metric", name)]
    told = tell("compare", *german, "--positive", "good", "--by", "sex,housing", "--cross", "2", *options)
    for model, file in zip(told.card["models"], german, strict=True):
        for by in (["sex"], ["housing"], ["housing", "sex"]):
            _equal_to_fairlearn(told, file, model, "good", by)
    explored = [e for e in told.card["effects"] if e["slice"] and e["metric"] == "selection_rate"]  # n: all rows
    assert explored
    assert all(e["exploratory"] for e in explored)
    assert all(e["small"] for e in explored if e["n"] < 100)
    assert any(not e["small"] for e in explored)
    assert any(e["small"] for e in explored), "some crosses are too small to be ranked, and shown all the same"


def test_groups_of_adult_with_intervals_and_ranks(adult: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    options = [part for name in (*NAMES, "roc_auc") for part in ("--metric", name)]
    told = tell("compare", *adult, "--positive", ">50K", "--by", "sex,race", "--cross", "2", *options)
    for model, file in zip(told.card["models"], adult, strict=True):
        _equal_to_fairlearn(told, file, model, ">50K", ["sex"])
        _equal_to_fairlearn(told, file, model, ">50K", ["race", "sex"])
        table = pd.read_csv(file)
        for sex in ("Male", "Female"):
            rows = table[table["sex"] == sex]
            wanted = roc_auc_score(rows["target"] == ">50K", rows["score"])
            assert told.estimate("roc_auc", model, sex=sex)["value"] == pytest.approx(wanted, abs=1e-9)


def test_binned_age_holds_every_row_once(german: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    told = tell("compare", *german, "--positive", "good", "--by", "age:quartiles", "--metric", "accuracy")
    parts = [e for e in told.card["estimates"] if list(e["slice"]) == ["age"] and e["model"] == "logistic"]
    assert 2 <= len(parts) <= 4
    assert sum(e["n"] for e in parts) == told.estimate("accuracy", "logistic")["n"]


def test_a_slice_guardrail_decides(german: tuple[Path, Path], tell: Callable[..., Any]) -> None:
    policy = "guardrails:\n  - {metric: recall, slice: sex=female, margin: 0.9}\n"
    told = tell("compare", *german, "--positive", "good", "--exit-code", policy=policy)
    assert told.code == 0
    check = told.verdict["checks"][0]
    assert check["slice"] == {"sex": "female"}
    policy = "guardrails:\n  - {metric: recall, slice: sex=female, margin: 0.0001}\n"
    told = tell("compare", *german, "--positive", "good", "--exit-code", policy=policy)
    assert told.code in (1, 2)


def test_small_groups_without_the_real_data(small: Path, tell: Callable[..., Any]) -> None:
    files = (small / "service_small.csv", small / "service_large.csv")
    told = tell("compare", *files, "--positive", "fraud", "--by", "region", "--metric", "recall", "-m", "precision")
    table = pd.read_csv(files[0])
    for region in ("north", "south"):
        rows = table[(table["region"] == region) & (table["target"] == "fraud")]
        found = told.estimate("recall", "service_small", region=region)
        assert found["value"] == pytest.approx((rows["score"] >= 0.5).mean())
        assert found["n"] == len(rows)
