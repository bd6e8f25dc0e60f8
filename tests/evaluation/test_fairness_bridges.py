"""New models under a constraint, and AIF360's data sets: what fairlearn and AIF360 say is what the audit says."""

import warnings
from typing import Any

import numpy as np
import pytest

from seatrial.actions.audit import audit
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.fairness.aif360 import from_aif360, to_aif360
from seatrial.evaluation.fairness.reductions import encoded


def people(n: int = 1500, seed: int = 0) -> dict[str, Any]:
    """Loans: the label depends on a column that the group shifts, so that parity costs accuracy."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    income = rng.normal(size=n) + 1.2 * group
    other = rng.normal(size=n)
    label = rng.random(n) < 1 / (1 + np.exp(-(1.5 * income + other - 1)))
    score = 1 / (1 + np.exp(-(1.5 * income + other - 1)))
    return {
        "sex": np.where(group == 1, "m", "f").astype(object),
        "income": income,
        "other": other,
        "y": label.astype(int),
        "score": score,
        "yhat": (score >= 0.5).astype(int),
    }


def test_reductions_buy_parity_for_accuracy() -> None:
    pytest.importorskip("fairlearn")
    found = audit(people(), protected="sex", label="y", prediction="yhat", score="score", reductions=True).record
    rules = {rule.name: rule for rule in found.explorers[0].rules}
    plain, parity = rules["new model, no constraint"], rules["reductions, demographic parity"]
    odds = rules["reductions, equalised odds"]
    assert plain.selection_difference is not None
    assert parity.selection_difference is not None
    assert plain.selection_difference > 0.25
    assert parity.selection_difference < 0.5 * plain.selection_difference
    assert plain.accuracy is not None
    assert parity.accuracy is not None
    assert parity.accuracy < plain.accuracy
    assert odds.true_positive_rate_difference is not None
    assert plain.true_positive_rate_difference is not None
    assert odds.true_positive_rate_difference < plain.true_positive_rate_difference
    for rule in (plain, parity, odds):
        assert not rule.per_group
        assert rule.accuracy_change is not None
        assert rule.accuracy_change.low is not None
    again = audit(people(), protected="sex", label="y", prediction="yhat", score="score", reductions=True).record
    assert again == found


def test_without_other_columns_no_new_model_is_learnt() -> None:
    table = {name: values for name, values in people(400).items() if name not in ("income", "other")}
    found = audit(table, protected="sex", label="y", prediction="yhat", score="score", reductions=True).record
    rules = found.explorers[0].rules
    assert not any("reductions" in rule.name or "new model" in rule.name for rule in rules)


def test_columns_become_features_whatever_they_hold() -> None:
    columns = [
        np.array(["1", None, "3", "9"], dtype=object),
        np.array(["a", "b", None, "a"], dtype=object),
        np.array(["same"] * 4, dtype=object),
    ]
    found = encoded(columns)
    assert found is not None
    assert found.shape == (4, 5)
    assert np.isfinite(found).all()
    assert encoded([np.array(["x"] * 5, dtype=object)]) is None


@pytest.fixture
def pair() -> tuple[Any, Any]:
    """AIF360's two data sets of the same people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets = pytest.importorskip("aif360.datasets")
        import pandas as pd

        table = people(800, seed=1)
        frame = pd.DataFrame({"sex": (table["sex"] == "m").astype(float), "income": table["income"], "y": table["y"]})
        made = [
            datasets.BinaryLabelDataset(
                df=frame.assign(y=outcome), label_names=["y"], protected_attribute_names=["sex"],
                favorable_label=1.0, unfavorable_label=0.0,
            )
            for outcome in (table["y"], table["yhat"])
        ]  # fmt: skip
        made[1].scores = table["score"].reshape(-1, 1)
    return made[0], made[1]


def test_audits_of_aif360_datasets_have_its_values(pair: tuple[Any, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aif360.metrics import ClassificationMetric

        theirs = ClassificationMetric(*pair, unprivileged_groups=[{"sex": 0}], privileged_groups=[{"sex": 1}])
        table, options = from_aif360(*pair)
        found = audit(table, **options, mitigations=False, proxies=False).record
        groups = {group.slice["sex"]: group for group in found.cuts[0].groups}
        for value, privileged in (("1", True), ("0", False)):
            mine = {one.metric: one.value for one in groups[value].estimates}
            assert groups[value].n == theirs.num_instances(privileged=privileged)
            assert mine["selection_rate"] == pytest.approx(theirs.selection_rate(privileged=privileged), abs=1e-12)
            assert mine["recall"] == pytest.approx(theirs.true_positive_rate(privileged=privileged), abs=1e-12)
            assert mine["false_positive_rate"] == pytest.approx(
                theirs.false_positive_rate(privileged=privileged), abs=1e-12
            )
            assert mine["precision"] == pytest.approx(
                theirs.positive_predictive_value(privileged=privileged), abs=1e-12
            )
            assert mine["accuracy"] == pytest.approx(theirs.accuracy(privileged=privileged), abs=1e-12)
            assert mine["prevalence"] == pytest.approx(theirs.base_rate(privileged=privileged), abs=1e-12)
        gaps = {(gap.notion, gap.measure): gap.value for gap in found.cuts[0].gaps}
        assert gaps["demographic parity", "difference"] == pytest.approx(
            abs(theirs.statistical_parity_difference()), abs=1e-12
        )
        ratio = theirs.disparate_impact()
        assert gaps["demographic parity", "ratio"] == pytest.approx(min(ratio, 1 / ratio), abs=1e-12)
        assert gaps["equal opportunity", "difference"] == pytest.approx(
            abs(theirs.equal_opportunity_difference()), abs=1e-12
        )
    assert found.favourable == "1"


def test_there_and_back_keeps_every_count(pair: tuple[Any, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, options = from_aif360(*pair)
        back = to_aif360(table, **options, privileged={"sex": "1"})
    for one, other in zip(back, pair, strict=True):
        assert (one.labels == other.labels).all()
        assert (one.protected_attributes == other.protected_attributes).all()
    assert (back[1].scores == pair[1].scores).all()


def test_what_is_no_dataset_or_does_not_fit_is_refused(pair: tuple[Any, Any]) -> None:
    with pytest.raises(UsageError, match="no BinaryLabelDataset"):
        from_aif360({"a": [1]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shorter = pair[1].subset(list(range(10)))
    with pytest.raises(DataError, match="800 rows"):
        from_aif360(pair[0], shorter)
    table, options = from_aif360(*pair)
    with pytest.raises(UsageError, match="privileged group"):
        to_aif360(table, **options, privileged={})
