"""S5, the running part: two credit scorers trained here run on a suite that audits them; a run is audited in full."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from seatrial.storage.store import open_store

from .suites import Card, card_of, said

OUT = ("credit", "sex", "status_sex", "foreign_worker")
SUITE = """
name: credit
cases:
  - name: applicants
    dataset: applicants.csv
    task: binary
    roles: {id: applicant, target: credit, positive: good}
    metrics: [roc_auc, accuracy, recall, profit = 100*tp - 500*fp]
    slices: [sex, "age:0,25,60"]
    protected: [sex, "age:0,25,60"]
    favourable: good
    train: train.csv
    probes: [{probe: noise, severity: [0.5]}]
"""


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """German credit, half to learn from; a model of all columns but who somebody is, and one of four columns."""
    io = pytest.importorskip("skops.io")
    place = tmp_path_factory.mktemp("credit")
    table = pd.read_csv(shared_data / "credit_german" / "german_credit.csv")
    half = np.random.default_rng(3).random(len(table)) < 0.5
    columns = [name for name in table.columns if name not in OUT]
    for name, used in (("wide", columns), ("narrow", ["duration", "credit_amount", "status", "age"])):
        numbers = [column for column in used if pd.api.types.is_numeric_dtype(table[column])]
        words = [column for column in used if column not in numbers]
        prepared = make_column_transformer(
            (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words)
        )
        model = make_pipeline(prepared, LogisticRegression(max_iter=3000))
        io.dump(model.fit(table.loc[half, used], table.loc[half, "credit"]), place / f"{name}.skops")
    table.insert(0, "applicant", [f"a{row}" for row in range(len(table))])
    table[half].to_csv(place / "train.csv", index=False)
    table[~half].to_csv(place / "applicants.csv", index=False)
    (place / "credit.yaml").write_text(SUITE)
    return place


@pytest.fixture(scope="module")
def card(folder: Path) -> Card:
    models = [part for name in ("narrow", "wide") for part in ("--model", f"{name}=sklearn:{folder}/{name}.skops")]
    return card_of("run", folder / "credit.yaml", *models, folder=folder)


def _audit(card: Card, model: str) -> dict[str, Any]:
    run = open_store(card.store).run(model).run
    audit = run.cases[0].audit
    assert audit is not None
    return json.loads(audit.to_json()) if hasattr(audit, "to_json") else audit.model_dump(mode="json")


def _decided(card: Card, model: str) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rows = card.rows("applicants", model)
    rows["band"] = np.select([rows["age"] < 25, rows["age"] < 60], ["young", "middle"], "old")
    return rows, rows["target"] == "good", rows["prediction"] == "good"


def test_metrics_and_money_are_those_of_the_rows(card: Card) -> None:
    assert card.case("applicants")["main_metric"] == "roc_auc", "the first metric of the case leads"
    for model in ("narrow", "wide"):
        rows, good, granted = _decided(card, model)
        auc = card.estimate("applicants", model, "roc_auc")
        assert auc["value"] == pytest.approx(roc_auc_score(good, rows["score"]), abs=1e-9)
        accuracy = card.estimate("applicants", model, "accuracy")["value"]
        assert accuracy == pytest.approx(accuracy_score(good, granted), abs=1e-12)
        profit = (100 * (good & granted) - 500 * (~good & granted)).mean()
        assert card.estimate("applicants", model, "profit")["value"] == pytest.approx(profit, abs=1e-9)


def test_every_group_equals_fairlearn(card: Card) -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    for model in ("narrow", "wide"):
        rows, good, granted = _decided(card, model)
        audit = _audit(card, model)
        assert [cut["by"] for cut in audit["cuts"]] == [["sex"], ["age"], ["sex", "age"]]
        for cut, by in zip(audit["cuts"][:2], ("sex", "band"), strict=True):
            frame = fairlearn.MetricFrame(
                metrics={
                    "selection_rate": fairlearn.selection_rate,
                    "true_positive_rate": fairlearn.true_positive_rate,
                    "false_positive_rate": fairlearn.false_positive_rate,
                    "count": fairlearn.count,
                },
                y_true=good,
                y_pred=granted,
                sensitive_features=rows[by],
            ).by_group
            names = _bands(cut) if by == "band" else {"female": "female", "male": "male"}
            assert sum(group["n"] for group in cut["groups"]) == len(rows)
            for group in cut["groups"]:
                theirs = frame.loc[names[next(iter(group["slice"].values()))]]
                assert group["n"] == theirs["count"]
                ours = {one["metric"]: one for one in group["estimates"]}
                wanted = {"selection_rate": "selection_rate", "recall": "true_positive_rate"}
                wanted["false_positive_rate"] = "false_positive_rate"
                for name, other in wanted.items():
                    assert ours[name]["value"] == pytest.approx(theirs[other], abs=1e-12)
                    assert ours[name]["low"] <= ours[name]["value"] <= ours[name]["high"]
        gaps = {(gap["notion"], gap["measure"]): gap for gap in audit["cuts"][0]["gaps"]}
        parity = fairlearn.demographic_parity_difference(good, granted, sensitive_features=rows["sex"])
        assert gaps["demographic parity", "difference"]["value"] == pytest.approx(parity, abs=1e-12)
        odds = fairlearn.equalized_odds_difference(good, granted, sensitive_features=rows["sex"])
        assert gaps["equalised odds", "difference"]["value"] == pytest.approx(odds, abs=1e-12)


def _bands(cut: dict[str, Any]) -> dict[str, str]:
    levels = [group["slice"]["age"] for group in cut["groups"]]
    first = {level: int(level.split()[0]) for level in levels}
    return {level: {0: "young", 25: "middle", 60: "old"}[start] for level, start in first.items()}


def test_the_card_shows_the_triad_and_the_worst_group(card: Card) -> None:
    case = card.case("applicants")
    assert [one["model"] for one in case["fairness"]] == ["narrow", "wide"]
    for one in case["fairness"]:
        ratios = [
            group["impact"]["value"]
            for cut in _audit(card, one["model"])["cuts"]
            for group in cut["groups"]
            if group["ranked"] and group["impact"] and group["impact"]["value"] is not None
        ]
        assert one["impact_ratio"] == min(ratios)
        assert one["low"] <= one["impact_ratio"] <= one["high"]
        assert one["sentence"].split(":")[0] in unescape(card.html)
    assert "Impact ratio" in card.html
    assert not any(said.startswith(("Fairness", "Leakage")) for said in card.record["not_tested"])
    assert any(said.startswith("Counterfactuals") for said in card.record["not_tested"])


def test_the_learned_rows_are_not_among_the_tested(card: Card) -> None:
    health = {one["name"]: one for one in card.case("applicants")["health"]}
    overlaps = [one for name, one in health.items() if "train" in one["sentence"]]
    assert overlaps
    assert all(one["status"] == "pass" for one in overlaps if one["count"] == 0)


def test_a_run_is_audited_in_full_and_signed(card: Card, folder: Path) -> None:
    page, record = folder / "audit.html", folder / "audit.json"
    code, out, err = said(
        "audit", "wide", "--protected", "sex,age:0,25,60", "--benefit", 100, "--cost", 500,
        "--store", card.store, "--report", page, "--json", record,
    )  # fmt: skip
    assert code == 0, err
    told = json.loads(record.read_text())
    stored = _audit(card, "wide")
    assert [cut["groups"] for cut in told["cuts"]] == [cut["groups"] for cut in stored["cuts"]]
    stand_in = next(one for one in told["proxies"] if one["column"] == "status_sex" and one["protected"] == "sex")
    assert stand_in["strength"] == "strong", "the column that holds the sex under another name is found"
    rules = {rule["name"]: rule for rule in told["explorers"][0]["rules"]}
    assert "as decided" in rules
    assert rules["threshold per group, equal selection"]["price"] is not None
    html = page.read_text()
    for text in ("Sign-off", "money per row", "What this audit does not show"):
        assert text in html
    assert "sex" in out
    assert len(html.encode()) < 2_000_000


def test_a_margin_on_a_group_decides(card: Card, folder: Path) -> None:
    for margin, expected in ((0.9, "pass"), (0.0001, "inconclusive")):
        policy = folder / "groups.yaml"
        policy.write_text(f"guardrails: [{{metric: recall, slice: sex=female, margin: {margin}}}]\n")
        shown = card_of("show", "wide", "narrow", "--policy", policy, "--exit-code", folder=folder)
        check = shown.record["verdict"]["checks"][0]
        assert check["slice"] == {"sex": "female"}
        if expected == "pass":
            assert (shown.code, check["status"]) == (0, "pass")
        else:
            assert shown.code in (1, 2)
