"""The audit: what is ranked, what is refused, missing values, hostile names, weights, clusters, thresholds."""

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seatrial.evaluation.fairness.mitigations as mitigations
from seatrial.actions.audit import audit
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.fairness.proxies import cramers_v
from seatrial.evaluation.fairness.thresholds import (
    Decisions,
    common_within_four_fifths,
    decide,
    equal_opportunity,
    equal_selection,
    steps,
)
from seatrial.records.audit import Audit, Gap


def people(n: int = 2000, *, seed: int = 0, gap: float = 0.3) -> pd.DataFrame:
    """Decisions from a score that favours one sex; a column that gives the sex away, and one of noise."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    race = rng.choice(["a", "b", "c"], n, p=[0.6, 0.39, 0.01])
    y = (rng.random(n) < 0.4).astype(int)
    score = np.clip(0.4 + 0.25 * (y - 0.4) + gap * ((sex == "m") - 0.5) + rng.normal(0, 0.15, n), 0.001, 0.999)
    height = np.where(sex == "m", 178, 165) + rng.normal(0, 6, n)
    return pd.DataFrame(
        {"sex": sex, "race": race, "height": height, "noise": rng.normal(0, 1, n), "y": y, "score": score,
         "yhat": (score >= 0.5).astype(int), "household": np.arange(n) // 2, "w": 1 + rng.random(n)}
    )  # fmt: skip


def run(table: Any, **options: Any) -> Audit:
    options = {"protected": "sex", "label": "y", "prediction": "yhat", "mitigations": False, **options}
    return audit(table, **options).record


def gap_of(found: Audit, notion: str, measure: str = "difference", cut: int = 0) -> Gap:
    return next(one for one in found.cuts[cut].gaps if one.notion == notion and one.measure == measure)


def test_groups_under_two_percent_are_shown_and_not_ranked() -> None:
    found = run(people(), protected="race,sex")
    small = [group for group in found.cuts[0].groups if not group.ranked]
    assert [group.slice for group in small] == [{"race": "c"}]
    assert small[0].estimates
    assert small[0].impact is None
    assert small[0].why_not_ranked == "under 2 % of all rows"
    assert [cut.by for cut in found.cuts] == [("race",), ("sex",), ("race", "sex")]
    assert all(gap.groups == 2 for gap in found.cuts[0].gaps)


def test_four_fifths_follows_the_interval() -> None:
    assert run(people(gap=0.3)).cuts[0].four_fifths == "fail"
    assert run(people(20_000, gap=0.0)).cuts[0].four_fifths == "pass"
    counted = {"sex": ["f"] * 100 + ["m"] * 100, "y": [0, 1] * 100}
    few = run({**counted, "yhat": [1] * 35 + [0] * 65 + [1] * 45 + [0] * 55})
    assert few.cuts[0].four_fifths == "inconclusive"
    assert "cannot tell on which side" in few.sentence
    assert run(people(gap=0.3)).tone == "bad"
    told = run(people(20_000, gap=0.0))
    assert told.tone == "neutral"
    assert not gap_of(told, "demographic parity").told


def test_a_named_reference_and_one_that_does_not_exist() -> None:
    found = run(people(), reference="sex=f")
    impacts = {group.slice["sex"]: group.impact for group in found.cuts[0].groups}
    assert impacts["m"] is not None
    assert impacts["m"].value is not None
    assert impacts["m"].value > 1
    assert found.cuts[0].reference == {"sex": "f"}
    with pytest.raises(UsageError, match="no such group"):
        run(people(), reference="sex=x")
    with pytest.raises(UsageError, match="not protected"):
        run(people(), reference={"race": "a"})


def test_missing_values_are_a_group_of_their_own_and_not_ranked() -> None:
    table = people()
    table.loc[:299, "sex"] = None
    (cut,) = run(table).cuts
    missing = [group for group in cut.groups if group.slice == {"sex": "(missing)"}]
    assert missing[0].n == 300
    assert not missing[0].ranked
    assert missing[0].why_not_ranked == "the protected value is missing"


def test_rows_without_a_label_still_count_in_the_selection() -> None:
    table = people()
    table["y"] = table["y"].astype("Int64")
    table.loc[table["yhat"] == 0, "y"] = pd.NA
    found = run(table)
    by_name = {one.metric: one for one in found.overall}
    assert by_name["selection_rate"].n == 2000
    assert by_name["selection_rate"].value == pytest.approx((table["yhat"] == 1).mean())
    assert by_name["precision"].n == int((table["yhat"] == 1).sum())
    assert found.decided < found.n


def test_one_group_only_has_no_gaps_and_says_so() -> None:
    found = run(people().assign(sex="f"))
    assert found.cuts[0].gaps == ()
    assert found.cuts[0].reason is not None
    assert found.headline == "No groups to compare"
    assert audit(people().assign(sex="f"), protected="sex", label="y", prediction="yhat").render("text")


def test_a_group_without_positives_has_a_reason_not_a_zero() -> None:
    table = people()
    table.loc[table["sex"] == "f", "y"] = 0
    found = run(table)
    women = next(group for group in found.cuts[0].groups if group.slice == {"sex": "f"})
    recall = next(one for one in women.estimates if one.metric == "recall")
    assert recall.value is None
    assert recall.reason
    assert gap_of(found, "equal opportunity").reason is not None
    assert gap_of(found, "demographic parity").value is not None


def test_empty_crossings_are_counted() -> None:
    table = people()
    table = table[~((table["sex"] == "f") & (table["race"] == "b"))]
    crossed = run(table, protected="sex,race").cuts[2]
    assert crossed.empty == 1
    assert all(group.n > 0 for group in crossed.groups)


HOSTILE = ["<script>alert(1)</script>", '"; DROP TABLE x; --', "=1+1", "a\x1b[31mb", "\u202eabc", "x" * 500]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_group_names_stay_text(name: str) -> None:
    table = people(400)
    table.loc[table["sex"] == "f", "sex"] = name
    result = audit(table, protected="sex", label="y", prediction="yhat", score="score", mitigations=False)
    page = result.render("html")
    assert "<script>alert" not in page
    assert "\x1b" not in page + result.render("text") + result.render("markdown")
    assert "\u202e" not in page
    assert json.loads(result.to_json())["cuts"][0]["groups"]


def test_hostile_column_names() -> None:
    column = 'se"x <b>'
    result = audit(people(400).rename(columns={"sex": column}), protected=[column], label="y", prediction="yhat")
    assert result.record.protected == (column,)
    assert "x <b>" not in result.render("html")


def test_a_favourable_outcome_that_is_not_the_positive_class() -> None:
    table = people()
    straight = run(table, score="score", favourable="1", positive="1")
    turned = run(table, score="score", favourable="0", positive="1")
    assert turned.favourable == "0"
    one, other = ({e.metric: e.value for e in found.overall} for found in (straight, turned))
    assert other["selection_rate"] == pytest.approx(1 - one["selection_rate"])
    assert other["recall"] == pytest.approx(1 - one["false_positive_rate"])
    assert other["roc_auc"] == pytest.approx(one["roc_auc"])
    assert other["score_minus_rate"] == pytest.approx(-one["score_minus_rate"])
    first, second = straight.explorers[0].rules[0], turned.explorers[0].rules[0]
    assert first.accuracy == pytest.approx(second.accuracy)
    assert first.selection_difference == pytest.approx(second.selection_difference)
    shares = [point.selection_rate["m"] for point in turned.explorers[0].points]
    assert shares == sorted(shares), "the higher the threshold of an unfavourable score, the more are given it"
    assert [p.threshold for p in turned.explorers[0].points] == sorted(p.threshold for p in turned.explorers[0].points)


def test_decisions_from_the_score_and_its_threshold() -> None:
    table = people().drop(columns="yhat")
    found = audit(table, protected="sex", label="y", score="score", threshold=0.6, mitigations=False).record
    by_name = {one.metric: one.value for one in found.overall}
    assert by_name["selection_rate"] == pytest.approx((table["score"] >= 0.6).mean())
    assert found.threshold == 0.6


def test_clusters_widen_and_weights_move() -> None:
    table = people()
    doubled = pd.concat([table, table]).assign(person=list(range(len(table))) * 2).reset_index(drop=True)
    plain, honest = run(table), run(doubled, cluster="person")
    one, other = gap_of(plain, "demographic parity"), gap_of(honest, "demographic parity")
    assert other.value == pytest.approx(one.value)
    assert one.high is not None
    assert other.high is not None
    assert other.high - other.value == pytest.approx(one.high - one.value, rel=0.02)
    weighted = gap_of(run(table, weight="w"), "demographic parity")
    rates = [np.average(rows["yhat"], weights=rows["w"]) for _, rows in table.groupby("sex")]
    assert weighted.value == pytest.approx(max(rates) - min(rates), abs=1e-12)
    counts = table.assign(k=2)
    assert gap_of(run(counts, weight="k", weights="counts"), "demographic parity").low == pytest.approx(
        gap_of(run(pd.concat([table, table])), "demographic parity").low
    )


def test_stand_ins_are_found_and_noise_is_not() -> None:
    found = run(people(), score="score")
    by_column = {one.column: one for one in found.proxies}
    assert by_column["height"].strength == "strong"
    assert by_column["noise"].strength == "none told"
    assert by_column[None].auc == pytest.approx(by_column["height"].auc, abs=0.05)
    assert by_column["height"].low is not None
    assert by_column["height"].low > 0.85
    assert "score" not in by_column
    assert "yhat" not in by_column
    assert run(people(), proxies=False).proxies == ()


def test_the_same_seed_gives_the_same_bytes() -> None:
    table = people(500)
    one, other = (audit(table, protected="sex,race", label="y", prediction="yhat", score="score", seed=3) for _ in "ab")
    assert one.to_json() == other.to_json()
    assert one.render("html") == other.render("html")


def test_cramers_v_of_a_known_table() -> None:
    first, second = np.repeat([0, 0, 1, 1], [30, 10, 10, 30]), np.repeat([0, 1, 0, 1], [30, 10, 10, 30])
    square = 0.25 - 1 / 79
    assert cramers_v(first, second) == pytest.approx(np.sqrt(square / (2 - 1 / 79 - 1)))
    assert cramers_v(np.zeros(9, dtype=int), second[:9]) is None


def decisions(n: int = 4000, seed: int = 0) -> Decisions:
    table = people(n, seed=seed)
    return Decisions(
        score=table["score"].to_numpy(),
        label=table["y"].to_numpy() == 1,
        decided=table["yhat"].to_numpy() == 1,
        group=(table["sex"] == "m").to_numpy().astype(np.intp),
        groups=("f", "m"),
        weight=np.ones(n),
    )


def test_rules_do_what_they_are_named_for() -> None:
    of = decisions()
    every = np.ones(of.n, dtype=bool)

    def rates(chosen: np.ndarray, among: np.ndarray) -> list[float]:
        return [float(chosen[among & (of.group == g)].mean()) for g in (0, 1)]

    parity = equal_selection(of, every)
    assert parity is not None
    selected = rates(decide(of, parity), every)
    assert abs(selected[0] - selected[1]) < 0.005
    opportunity = equal_opportunity(of, every)
    assert opportunity is not None
    merit = rates(decide(of, opportunity), of.label)
    assert abs(merit[0] - merit[1]) < 0.01
    common = common_within_four_fifths(of, every)
    assert common is not None
    selected = rates(decide(of, common), every)
    assert min(selected) >= 0.8 * max(selected) - 1e-12


def test_steps_count_what_a_loop_counts() -> None:
    of = decisions(300)
    every = steps(of, np.ones(of.n, dtype=bool))
    for place in (0, 1, 7, len(every.threshold) - 1):
        chosen = of.score >= every.threshold[place]
        assert every.selected[place] == chosen.sum()
        assert every.true[place] == (chosen & of.label).sum()
        assert every.false[place] == (chosen & ~of.label).sum()


def test_fairlearn_is_asked_or_said_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = run(people(), score="score", mitigations=True, reductions=True).explorers[0].rules
    theirs = [rule for rule in rules if rule.source == "fairlearn"]
    assert [rule.reason for rule in theirs] == [None] * 4
    assert [rule.name.split(",")[0] for rule in theirs] == ["threshold optimiser"] * 2 + ["reductions"] * 2
    assert theirs[0].selection_difference is not None
    assert theirs[0].selection_difference < 0.1
    before = rules[0].selection_difference
    assert before is not None
    assert before > 0.3
    assert theirs[0].price is not None
    assert theirs[0].price.value is not None
    monkeypatch.setattr(mitigations.importlib.util, "find_spec", lambda name: None)
    rules = run(people(), score="score", mitigations=True).explorers[0].rules
    assert {rule.reason for rule in rules if rule.source == "fairlearn"} == {mitigations.NOT_INSTALLED}
    assert "pip install" in mitigations.NOT_INSTALLED


def test_money_is_per_row() -> None:
    table = people()
    rules = run(table, score="score", benefit=10, cost=4).explorers[0].rules
    earned = np.where(table["yhat"] == 1, np.where(table["y"] == 1, 10, -4), 0).mean()
    assert rules[0].money == pytest.approx(earned)
    best = rules[1]
    assert best.money is not None
    assert best.money > earned


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protected": ""}, "Name the protected"),
        ({"protected": "sexx"}, "Did you mean 'sex'"),
        ({"protected": "sex,sex"}, "twice"),
        ({"favourable": "2"}, "no such outcome"),
        ({"cross": 3}, "depth 2"),
        ({"level": 2}, "level"),
        ({"smallest": 1}, "smallest"),
        ({"benefit": 1}, "go together"),
        ({"label": "race"}, "two outcomes"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(people(300), **options)


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    table = people()
    table["score"] = 10 * table["score"] - 5
    found = run(table, score="score")
    names = {one.metric for one in found.overall}
    assert "roc_auc" in names
    assert "brier_score" not in names
    assert any("no probabilities" in note for note in found.notes)


def test_a_hundred_thousand_rows_take_seconds() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    table = {"sex": rng.choice(["f", "m"], n), "race": rng.choice(list("abcde"), n), "y": rng.integers(0, 2, n)}
    score = np.clip(0.3 * table["y"] + rng.random(n) * 0.7, 0, 1)
    start = time.perf_counter()
    run({**table, "score": score, "yhat": (score > 0.5).astype(int)}, protected="sex,race", score="score")
    assert time.perf_counter() - start < 10, "measured 1 s alone on two cores"


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError):
        run({"sex": [], "y": [], "yhat": []})
