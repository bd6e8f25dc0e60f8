"""What is assumed without a policy; how many ids must match; several candidates; unpaired; clusters and weights."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import seatrial as st

Rows = Callable[..., dict[str, Any]]


def _left(table: dict[str, Any], kept: np.ndarray) -> dict[str, Any]:
    return {name: np.asarray(values)[kept] for name, values in table.items()}


# -- no policy given


@pytest.mark.parametrize(
    ("share", "metric"), [(0.5, "accuracy"), (0.05, "f1")]
)  # rare classes are not led by accuracy; without scores F1 leads
def test_the_assumed_policy_is_one_guardrail_and_is_said(share: float, metric: str) -> None:
    draw = np.random.default_rng(0)
    target = (draw.random(2000) < share).astype(int)
    one = {"id": range(2000), "target": target, "prediction": np.where(draw.random(2000) < 0.9, target, 1 - target)}
    result = st.compare(one, one)
    policy = result.scorecard.policy
    assert policy.assumed
    assert [(rule.metric, rule.role, rule.margin) for rule in policy.rules] == [(metric, "guardrail", None)]
    assert any(metric in said and "--policy" in said for said in result.scorecard.assumptions)
    assert "No policy was given" in result.verdict.sentence


def test_assumptions_name_the_option_that_overrides_them(rows: Rows) -> None:
    said = " ".join(st.compare(rows(), rows(flip=9)).scorecard.assumptions)
    for option in ("--target", "--prediction", "--id", "--positive", "--policy"):
        assert option in said


def test_a_pass_names_what_is_worse_without_a_rule(rows: Rows) -> None:
    draw = np.random.default_rng(0)
    fast, slow = draw.gamma(9, 1, 400), draw.gamma(9, 10, 400)
    result = st.compare(rows(latency_ms=fast), rows(flip=40, latency_ms=slow))
    assert result.verdict.status == "pass"
    assert "latency_ms" in result.verdict.sentence
    asked = {"guardrails": ["accuracy"], "bounds": ["latency_ms.p95 below 500"]}
    ruled = st.decide(result, asked)
    assert "latency_ms.p95" not in ruled.sentence


# -- matched ids


@pytest.mark.parametrize(("lost", "status"), [(0, "pass"), (3, "pass"), (4, "pass"), (5, "inconclusive")])
def test_under_99_percent_matched_a_pass_is_at_best_inconclusive(lost: int, status: str, rows: Rows) -> None:
    """With a margin so small that the worst case over the unmatched cannot pass."""
    kept = np.arange(400) >= lost
    first = rows()
    result = st.compare(first, _left(first, kept), policy={"guardrails": [{"metric": "accuracy", "margin": 0.001}]})
    share = (400 - lost) / 400
    assert (share < 0.99) == (status == "inconclusive")
    assert result.verdict.status == status
    found = {f.name: f for f in result.scorecard.health}
    if lost:
        assert found["matching"].status == "warn"
        assert str(lost) in found["matching"].sentence


def test_a_worst_case_that_passes_too_rescues_the_verdict(rows: Rows) -> None:
    kept = np.arange(400) >= 8  # 98 % matched: the worst case loses 2 points
    first = rows()
    result = st.compare(first, _left(first, kept), policy={"guardrails": [{"metric": "accuracy", "margin": 0.05}]})
    assert result.verdict.status == "pass"
    assert "worst case" in result.verdict.sentence
    tight = st.decide(result, {"guardrails": [{"metric": "accuracy", "margin": 0.015}]})
    assert tight.status == "inconclusive"


def test_a_failure_stays_a_failure_whatever_matches(rows: Rows) -> None:
    kept = np.arange(400) >= 40
    result = st.compare(rows(flip=40), _left(rows(flip=2), kept))
    assert result.verdict.status == "fail"


@pytest.mark.parametrize(("kept", "refused"), [(201, False), (200, False), (199, True)])
def test_under_half_matched_is_refused(kept: int, refused: bool, rows: Rows) -> None:
    first = rows()
    if refused:
        with pytest.raises(st.DataError, match="fewer than half"):
            st.compare(first, _left(first, np.arange(400) < kept))
        return
    assert st.compare(first, _left(first, np.arange(400) < kept)).effects[0].n == kept


def test_without_an_id_the_pairing_is_asked_for(rows: Rows) -> None:
    one, two = rows(), rows(flip=9)
    del one["id"], two["id"]
    with pytest.raises(st.UsageError, match="--unpaired"):
        st.compare(one, two)
    paired = st.compare(one, two, id="@row", metrics=["accuracy"])
    assert "position" in " ".join(paired.scorecard.not_shown)
    unpaired = st.compare(one, two, unpaired=True, metrics=["accuracy"])
    assert paired.effects[0].difference == pytest.approx(unpaired.effects[0].difference)
    assert paired.effects[0].method != unpaired.effects[0].method
    assert "Miettinen" in (unpaired.effects[0].method or "")


# -- several candidates


def test_several_candidates_share_the_error_by_holm(rows: Rows) -> None:
    draw = np.random.default_rng(2)
    target = rows()["target"]
    sides = [{**rows(), "prediction": np.where(draw.random(400) < right, target, 1 - target)} for right in
             (0.70, 0.78, 0.80, 0.71)]  # fmt: skip
    result = st.compare(*sides, metrics=["accuracy"], policy={"success": ["accuracy"]})
    assert len(result.effects) == 3
    p = [e.p_value for e in result.effects]
    adjusted = [e.adjusted_p_value for e in result.effects]
    from statsmodels.stats.multitest import multipletests

    assert adjusted == pytest.approx(list(multipletests(p, method="holm")[1]), abs=1e-12)
    for effect in result.effects:
        assert effect.low is not None
        assert effect.high is not None
        assert effect.adjusted_p_value is not None
        assert (effect.low > 0 or effect.high < 0) == (effect.adjusted_p_value < 0.05)
    assert {check.candidate for check in result.verdict.checks} == set(result.scorecard.models[1:])


def test_all_pairs_correct_every_metric_even_the_guarded_one(rows: Rows) -> None:
    draw = np.random.default_rng(3)
    target = rows()["target"]
    sides = [{**rows(), "prediction": np.where(draw.random(400) < right, target, 1 - target)} for right in
             (0.70, 0.76, 0.82)]  # fmt: skip
    result = st.compare(*sides, metrics=["accuracy", "f1"], all_pairs=True)
    assert len(result.effects) == 6
    assert all(e.adjusted_p_value is not None for e in result.effects)
    assert {e.level for e in result.effects if e.metric == "accuracy"} != {0.95}
    again = st.compare(*sides, metrics=["accuracy", "f1"], all_pairs=True, policy={"success": ["accuracy"]})
    against = [e for e in again.effects if e.metric == "accuracy" and e.baseline == again.scorecard.models[0]]
    levels = {check.candidate: check.level for check in again.verdict.checks if check.role == "success"}
    assert {e.candidate: e.level for e in against} == levels, "check and effect are read at one level"


def test_more_than_twenty_versions_are_refused(rows: Rows) -> None:
    with pytest.raises(st.UsageError, match="twenty"):
        st.compare(*[rows()] * 21)


def test_versions_of_one_name_are_told_apart(rows: Rows) -> None:
    result = st.compare(rows(), rows(flip=9))
    assert len(set(result.scorecard.models)) == 2


# -- clusters and weights


def test_clusters_widen_the_interval_and_are_the_unit() -> None:
    draw = np.random.default_rng(4)
    user = np.repeat(np.arange(60), 10)
    easy = draw.normal(size=60)[user]
    target = draw.integers(0, 2, 600)
    sides = []
    for shift in (0.0, 0.4):
        mood = 1.2 * draw.normal(size=60)[user]
        right = easy + shift + mood + 0.3 * draw.normal(size=600) > -0.8
        sides.append(
            {"id": range(600), "user": user, "target": target, "prediction": np.where(right, target, 1 - target)}
        )
    plain = st.compare(*sides, metrics=["accuracy"]).effects[0]
    clustered = st.compare(*sides, metrics=["accuracy"], cluster="user").effects[0]
    assert clustered.difference == pytest.approx(plain.difference)
    assert clustered.unit == "user"
    assert plain.unit == "row"
    assert clustered.standard_error is not None
    assert plain.standard_error is not None
    assert clustered.standard_error > 1.5 * plain.standard_error


def test_sampling_weights_by_hand(rows: Rows) -> None:
    weight = 1.0 + np.arange(400) % 4
    one, two = rows(w=weight), rows(flip=9, w=weight)
    result = st.compare(one, two, metrics=["accuracy"], weight="w")
    effect = result.effects[0]
    change = (two["prediction"] == two["target"]).astype(float) - (one["prediction"] == one["target"]).astype(float)
    mean = np.average(change, weights=weight)
    variance = 400 / 399 * np.sum(weight**2 * (change - mean) ** 2) / weight.sum() ** 2
    assert effect.n == 400
    assert effect.difference == pytest.approx(mean, abs=1e-9)
    assert effect.standard_error == pytest.approx(np.sqrt(variance), rel=1e-6)
    half = stats.t.isf(0.025, 399) * np.sqrt(variance)
    assert effect.high == pytest.approx(mean + half, abs=2e-3)


def test_counts_are_as_many_equal_rows(rows: Rows) -> None:
    count = 1 + np.arange(400) % 3
    one, two = rows(w=count), rows(flip=9, w=count)
    counted = st.compare(one, two, metrics=["accuracy", "recall"], weight="w", weights="counts").effects
    whole = [
        {
            **{name: np.repeat(values, count) for name, values in side.items() if name != "w"},
            "id": np.arange(count.sum()),
        }
        for side in (one, two)
    ]
    written = st.compare(*whole, metrics=["accuracy", "recall"]).effects
    for a, b in zip(counted, written, strict=True):
        assert (a.n, a.difference, a.low, a.high) == pytest.approx((b.n, b.difference, b.low, b.high), abs=1e-12)


# -- what is not shown


def test_not_shown_is_filled_from_what_is_missing(rows: Rows) -> None:
    bare = " ".join(st.compare(rows(), rows(flip=9)).scorecard.not_shown)
    for word in ("Latency: no latency", "Cost: no cost", "--by", "--cluster", "score column", "seeds", "labels"):
        assert word in bare
    at = np.arange(400)
    more = {"latency_ms": at + 1.0, "cost": at / 100, "sex": np.where(at % 3 == 1, "f", "m"), "user": at // 4,
            "score": np.clip(rows()["prediction"] * 0.6 + 0.2, 0, 1)}  # fmt: skip
    full = " ".join(st.compare(rows(**more), rows(flip=9, **more), by="sex", cluster="user").scorecard.not_shown)
    for word in ("Latency: no latency", "Cost: no cost", "--by", "--cluster", "no score column"):
        assert word not in full
    assert "seeds" in full, "retraining is never shown by one run"


def test_a_rule_of_one_case_is_refused_where_there_are_no_cases(rows: Rows) -> None:
    policy = {"guardrails": [{"metric": "accuracy", "margin": 0.1, "case": "census"}]}
    with pytest.raises(st.UsageError, match="case 'census': only suites have cases"):
        _ = st.compare(rows(), rows(flip=9), policy=policy).verdict
