"""S5: a credit scorer trained here is audited for the people it decides about; the whole job on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference, demographic_parity_ratio, equalized_odds_difference
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def _scored(features: pd.DataFrame, good: pd.Series, kept: list[str], place: Path) -> Path:
    """A logistic regression fitted on one half; the other half with its decisions and what was known of the people."""
    half = np.random.default_rng(7).random(len(features)) < 0.5
    wide = pd.get_dummies(features.drop(columns=kept)).to_numpy(dtype=float)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(wide[half], good[half])
    out = features.loc[~half].copy()
    out.insert(0, "id", np.flatnonzero(~half))
    out["y"], out["s"] = good[~half].astype(int), model.predict_proba(wide[~half])[:, 1]
    out["yhat"] = (out["s"] >= 0.5).astype(int)
    out.to_csv(place, index=False)
    return place


@pytest.fixture(scope="module")
def german(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = pd.read_csv(shared_data / "credit_german" / "german_credit.csv")
    features = table.drop(columns=["credit", "status_sex"])
    return _scored(features, table["credit"] == "good", ["sex"], tmp_path_factory.mktemp("german") / "credit.csv")


@pytest.fixture(scope="module")
def adult(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = pd.read_csv(shared_data / "adult_census" / "adult.csv.gz").sample(16_000, random_state=1)
    table = table.reset_index(drop=True)
    features = table.drop(columns=["income", "split", "fnlwgt"])
    place = tmp_path_factory.mktemp("adult") / "income.csv"
    return _scored(features, table["income"].str.startswith(">50K"), ["sex", "race"], place)


def _audit(cli: Callable[..., Any], file: Path, protected: str, *more: str) -> tuple[dict[str, Any], str, str]:
    places = {name: file.parent / f"audit.{name}" for name in ("json", "html", "md")}
    ran = cli(
        "audit", file, "--protected", protected, "--label", "y", "--prediction", "yhat", "--score", "s",
        "--json", places["json"], "--report", places["html"], "--markdown", places["md"], *more,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    record = json.loads(places["json"].read_text())
    assert record["headline"].split()[0] in ran.out
    return record, places["html"].read_text(), places["md"].read_text()


def _gap(record: dict[str, Any], cut: int, notion: str, measure: str = "difference") -> dict[str, Any]:
    return next(g for g in record["cuts"][cut]["gaps"] if g["notion"] == notion and g["measure"] == measure)


def test_german_credit_by_sex_and_age(german: Path, cli: Callable[..., Any]) -> None:
    record, page, _ = _audit(cli, german, "sex,age:0,25,60", "--benefit", "100", "--cost", "500")
    table = pd.read_csv(german)
    theirs = demographic_parity_difference(table["y"], table["yhat"], sensitive_features=table["sex"])
    assert _gap(record, 0, "demographic parity")["value"] == pytest.approx(theirs, abs=1e-12)
    assert [cut["by"] for cut in record["cuts"]] == [["sex"], ["age"], ["sex", "age"]]
    for cut in record["cuts"]:
        assert sum(group["n"] for group in cut["groups"]) == len(table)
        for group in cut["groups"]:
            assert {one["metric"] for one in group["estimates"]} >= {"selection_rate", "precision", "roc_auc"}
            assert all((one["value"] is None) == (one["reason"] is not None) for one in group["estimates"])
    assert "money per row" in page
    assert "Sign-off" in page


def test_adult_finds_what_is_there(adult: Path, cli: Callable[..., Any]) -> None:
    record, page, markdown = _audit(cli, adult, "sex,race")
    table = pd.read_csv(adult)
    odds = equalized_odds_difference(table["y"], table["yhat"], sensitive_features=table["sex"])
    assert _gap(record, 0, "equalised odds")["value"] == pytest.approx(odds, abs=1e-12)
    both = demographic_parity_ratio(table["y"], table["yhat"], sensitive_features=table[["sex", "race"]])
    assert _gap(record, 2, "demographic parity", "ratio")["value_of_all_groups"] == pytest.approx(both, abs=1e-12)
    assert record["cuts"][0]["four_fifths"] == "fail"
    assert record["cuts"][0]["labels_differ"]
    small = [g["slice"]["race"] for g in record["cuts"][1]["groups"] if not g["ranked"]]
    assert {"Amer-Indian-Eskimo", "Other"} == set(small)
    stand_in = next(p for p in record["proxies"] if p["protected"] == "sex" and p["column"] == "relationship")
    assert stand_in["strength"] == "strong"
    rules = {rule["name"]: rule for rule in record["explorers"][0]["rules"]}
    decided, parity = rules["as decided"], rules["threshold per group, equal selection"]
    assert parity["selection_difference"] < 0.02 < decided["selection_difference"]
    assert parity["price"]["high"] < 0, "parity costs accuracy here, and the page says how much"
    assert rules["threshold optimiser, demographic parity"]["reason"] is None
    for text in (page, markdown):
        assert "The labels themselves differ" in text
        assert "What this audit does not show" in text
        assert "equal selection and equal error rates cannot both hold" in text
    assert len(page.encode()) < 2_000_000
    assert str(adult.parent) not in page + json.dumps(record)


def test_without_the_real_data(tmp_path: Path, cli: Callable[..., Any]) -> None:
    rng = np.random.default_rng(2)
    n = 1500
    sex = rng.choice(["f", "m"], n)
    y = rng.integers(0, 2, n)
    score = np.clip(0.25 + 0.4 * y + 0.15 * (sex == "m") + rng.normal(0, 0.15, n), 0, 1)
    table = pd.DataFrame({"sex": sex, "job": np.where(rng.random(n) < 0.9, sex, "x"), "y": y, "s": score})
    table["yhat"] = (table["s"] > 0.5).astype(int)
    table.to_csv(tmp_path / "people.csv", index=False)
    record, page, _ = _audit(cli, tmp_path / "people.csv", "sex", "--no-mitigations")
    assert record["cuts"][0]["four_fifths"] == "fail"
    assert record["proxies"][0]["strength"] == "strong"
    assert "left out by --no-mitigations" in page
