"""Explored slices: one family a metric and candidate over all groupings; small ones shown, never ranked."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from tests.contracts.tables import Table, binary, multiclass

import seatrial as st
from seatrial.records import Effect

BY = ["sex", "region", "age:quartiles"]


def tables(n: int = 4000) -> tuple[Table, Table]:
    """A candidate that is better on the whole and worse in one corner."""
    a, b = binary(n, seed=5)
    rng = np.random.default_rng(1)
    age = rng.integers(18, 90, n)
    corner = (np.asarray(a["sex"]) == "F") & (np.asarray(a["region"]) == "west")
    b["prediction"] = np.where(corner & (rng.random(n) < 0.6), 1 - np.asarray(b["target"]), b["prediction"])
    for table in (a, b):
        table["age"] = age
    return a, b


def explored(result: st.Result, metric: str) -> list[Effect]:
    return [e for e in result.effects if e.metric == metric and e.exploratory]


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "f1", "roc_auc", "false_positive_rate"])
def test_slices_of_all_groupings_are_one_family(metric: str) -> None:
    a, b = tables()
    result = st.compare(a, b, metrics=[metric], by=BY, cross=2, examples=0)
    family = explored(result, metric)
    assert len(family) == 2 + 3 + 4 + 6 + 8 + 12
    tested = [e for e in family if not e.small]
    assert tested
    adjusted = multipletests([e.p_value for e in tested], alpha=0.1, method="fdr_bh")[1]
    assert [e.adjusted_p_value for e in tested] == pytest.approx(adjusted, rel=1e-9)
    found = sum(p < 0.1 for p in adjusted)
    level = 1 - max(found, 1) * 0.1 / len(tested)
    for e in family:
        assert e.level == pytest.approx(level, rel=1e-12)
    for e in tested:
        assert (e.adjusted_p_value < 0.1) == (e.low > 0 or e.high < 0) == (e.word in ("better", "worse")), e


def test_slices_are_ranked_by_the_rows_they_lose() -> None:
    a, b = tables()
    family = explored(st.compare(a, b, metrics=["accuracy"], by=BY, cross=2, examples=0), "accuracy")
    ranked = [e for e in family if not e.small]
    assert family == ranked + [e for e in family if e.small]
    impacts = [e.impact for e in ranked]
    assert impacts == sorted(impacts, reverse=True)
    for e in ranked:
        assert e.impact == pytest.approx(-e.n * e.difference, rel=1e-12)
    assert ranked[0].slice == {"region": "west", "sex": "F"} or ranked[0].slice == {"sex": "F", "region": "west"}
    assert ranked[0].word == "worse"
    losses = explored(st.compare(a, b, metrics=["log_loss"], by=["sex"], examples=0), "log_loss")
    assert all(e.impact == pytest.approx(e.n * e.difference, rel=1e-12) for e in losses)


def test_small_slices_are_shown_and_not_judged() -> None:
    a, b = tables(900)
    tiny = np.where(np.arange(900) < 60, "tiny", np.where(np.arange(900) < 300, "rare", "rest"))
    rare_class = np.where(tiny == "rare", np.arange(900) < 65, np.asarray(a["target"]) == 1).astype(int)
    for table in (a, b):
        table["group"], table["target"] = tiny, rare_class
    family = {
        e.slice["group"]: e
        for e in explored(st.compare(a, b, metrics=["accuracy"], by=["group"], examples=0), "accuracy")
    }
    assert {name: e.small for name, e in family.items()} == {"tiny": True, "rare": True, "rest": False}
    for name in ("tiny", "rare"):  # 60 rows; 240 rows with 5 of the rarer class
        e = family[name]
        assert (e.word, e.impact, e.shrunken, e.adjusted_p_value) == ("cannot tell", None, None, None)
        assert e.low is not None


def test_shrunken_differences_lie_between_their_own_and_the_common_one() -> None:
    a, b = tables()
    family = [
        e
        for e in explored(st.compare(a, b, metrics=["accuracy"], by=["region"], examples=0), "accuracy")
        if not e.small
    ]
    raw = np.array([e.difference for e in family])
    pulled = np.array([e.shrunken for e in family])
    assert pulled.max() - pulled.min() < raw.max() - raw.min()
    assert ((pulled - raw) * (np.average(raw) - raw) >= -0.02).all()


def test_policy_slices_are_not_explored() -> None:
    a, b = tables()
    policy = {
        "rules": [
            {"metric": "accuracy", "role": "success"},
            {"metric": "recall", "role": "guardrail", "slice": {"sex": "F"}, "margin": 0.5},
        ]
    }
    result = st.compare(a, b, policy=policy, by=["sex"], examples=0)
    ruled = [e for e in result.effects if e.metric == "recall" and e.slice == {"sex": "F"}]
    assert [e.exploratory for e in ruled] == [False]
    other = next(e for e in result.effects if e.metric == "recall" and e.slice == {"sex": "M"})
    assert other.exploratory


def test_each_candidate_has_a_family_of_its_own() -> None:
    a, b = tables(2000)
    result = st.compare(a, b, dict(a), metrics=["accuracy"], by=["sex", "region"], examples=0)
    for candidate in result.scorecard.models[1:]:
        family = [e for e in explored(result, "accuracy") if e.candidate == candidate and not e.small]
        adjusted = multipletests([e.p_value for e in family], method="fdr_bh")[1]
        assert [e.adjusted_p_value for e in family] == pytest.approx(adjusted)


def test_calibration_errors_and_ks_are_never_gated() -> None:
    a, b = binary(600)
    result = st.compare(a, b, metrics=["expected_calibration_error", "ks"], by=["sex"], examples=0)
    for e in result.effects:
        assert e.word == "cannot tell"
        assert (e.low, e.high, e.p_value, e.margin) == (None, None, None, None)
        assert "no sound interval" in str(e.reason)
    for role in ("success", "guardrail"):
        with pytest.raises(st.UsageError, match="cannot be gated"):
            st.compare(a, b, policy={"rules": [{"metric": "ece", "role": role}]}, examples=0)
    bound = {"rules": [{"metric": "expected_calibration_error", "role": "guardrail", "below": 0.9}]}
    assert st.compare(a, b, policy=bound, examples=0).verdict.status == "pass"


def test_multiclass_slices() -> None:
    a, b = multiclass(1500)
    result = st.compare(a, b, metrics=["accuracy", "f1_macro"], by=["sex", "region"], cross=2, examples=0)
    for metric in ("accuracy", "f1_macro"):
        tested = [e for e in explored(result, metric) if not e.small]
        adjusted = multipletests([e.p_value for e in tested], method="fdr_bh")[1]
        assert [e.adjusted_p_value for e in tested] == pytest.approx(adjusted)
        assert all(e.n >= 100 for e in tested)
