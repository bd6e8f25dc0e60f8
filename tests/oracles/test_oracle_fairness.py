"""Fairness gaps against fairlearn: the same plain values, on random data and on real decisions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equal_opportunity_ratio,
    equalized_odds_difference,
    equalized_odds_ratio,
    selection_rate,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score

from seatrial.actions.audit import audit
from seatrial.records.audit import Audit, AuditCut

THEIRS = {
    ("demographic parity", "difference"): demographic_parity_difference,
    ("demographic parity", "ratio"): demographic_parity_ratio,
    ("equal opportunity", "difference"): equal_opportunity_difference,
    ("equal opportunity", "ratio"): equal_opportunity_ratio,
    ("equalised odds", "difference"): equalized_odds_difference,
    ("equalised odds", "ratio"): equalized_odds_ratio,
}


def _same_as_fairlearn(cut: AuditCut, table: pd.DataFrame, *, all_groups: bool = False, **columns: str) -> None:
    y, yhat = table["y"] == 1, table["yhat"] == 1
    sensitive = table[list(cut.by)]
    weight = table[columns["weight"]] if "weight" in columns else None
    checked = 0
    for gap in cut.gaps:
        theirs = THEIRS.get((gap.notion, gap.measure))
        mine = gap.value_of_all_groups if all_groups else gap.value
        if theirs is not None:
            wanted = theirs(y, yhat, sensitive_features=sensitive, sample_weight=weight)
            assert mine == pytest.approx(wanted, abs=1e-12), (gap.notion, gap.measure)
            checked += 1
        if gap.value is not None and gap.low is not None and gap.high is not None:
            assert gap.low - 1e-12 <= gap.value <= gap.high + 1e-12
    assert checked == 6


def _random(rng: np.random.Generator, n: int, groups: int) -> pd.DataFrame:
    group = rng.integers(0, groups, n)
    y = (rng.random(n) < 0.3 + 0.4 * group / groups).astype(int)
    yhat = np.where(rng.random(n) < 0.75, y, rng.integers(0, 2, n))
    sex = rng.choice(["f", "m"], n)
    return pd.DataFrame({"group": [f"g{k}" for k in group], "sex": sex, "y": y, "yhat": yhat, "w": rng.random(n) + 0.5})


def _audit(table: pd.DataFrame, protected: str, **options: str) -> Audit:
    return audit(
        table, protected=protected, label="y", prediction="yhat", positive="1", proxies=False, smallest=0.0, **options
    ).record


@pytest.mark.parametrize("seed", range(5))
def test_random_decisions(seed: int) -> None:
    table = _random(np.random.default_rng(seed), 600, 2 + seed)
    for cut in _audit(table, "group,sex").cuts:
        _same_as_fairlearn(cut, table)


def test_weighted_decisions() -> None:
    table = _random(np.random.default_rng(9), 900, 3)
    for cut in _audit(table, "group,sex", weight="w").cuts:
        _same_as_fairlearn(cut, table, weight="w")


def test_groups_too_small_to_rank_are_in_the_value_of_all_groups() -> None:
    rng = np.random.default_rng(3)
    table = _random(rng, 2000, 3)
    table.loc[:29, "group"] = "tiny"
    (cut,) = audit(table, protected="group", label="y", prediction="yhat", positive="1", proxies=False).record.cuts
    _same_as_fairlearn(cut, table, all_groups=True)
    large = table[table["group"] != "tiny"]
    _same_as_fairlearn(cut, large)
    assert all(gap.left_out == ("group = tiny",) for gap in cut.gaps)


def test_every_group_has_fairlearns_rates() -> None:
    table = _random(np.random.default_rng(4), 800, 4)
    (cut,) = _audit(table, "group").cuts
    frame = MetricFrame(
        metrics={"selection_rate": selection_rate, "precision": precision_score},
        y_true=table["y"],
        y_pred=table["yhat"],
        sensitive_features=table["group"],
    ).by_group
    for group in cut.groups:
        for name in frame.columns:
            (mine,) = [one for one in group.estimates if one.metric == name]
            assert mine.value == pytest.approx(frame.loc[group.slice["group"], name], abs=1e-12)


def _real(shared_data: Path, name: str) -> tuple[pd.DataFrame, str]:
    if name == "credit_german":
        table = pd.read_csv(shared_data / name / "german_credit.csv")
        y, drop, protected = table["credit"] == "good", ["credit"], "sex,housing"
    else:
        table = pd.read_csv(shared_data / name / "adult.csv.gz").sample(8000, random_state=0).reset_index(drop=True)
        y, drop, protected = table["income"].str.startswith(">50K"), ["income", "split", "native_country"], "sex,race"
    features = pd.get_dummies(table.drop(columns=drop)).to_numpy(dtype=float)
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    score = LogisticRegression(max_iter=2000).fit(features, y).predict_proba(features)[:, 1]
    return table[protected.split(",")].assign(y=y.astype(int), yhat=(score >= 0.5).astype(int)), protected


@pytest.mark.parametrize("name", ["credit_german", "adult_census"])
def test_real_decisions(shared_data: Path, name: str) -> None:
    table, protected = _real(shared_data, name)
    for cut in _audit(table, protected).cuts[:2]:
        _same_as_fairlearn(cut, table)
