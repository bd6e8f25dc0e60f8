"""`plan` and `power` from Python: what they take, what they hand back, and a plan frozen to a file."""

import json
from pathlib import Path

import numpy as np
import pytest

from seatrial.actions.plan import plan
from seatrial.actions.power import power
from seatrial.errors import UsageError
from seatrial.experiments.plan_file import load_plan
from seatrial.expressions import col, mean
from seatrial.records.plan import ExperimentMetric


@pytest.fixture
def history() -> dict[str, object]:
    rng = np.random.default_rng(0)
    before = rng.gamma(2, 5, 3000)
    return {"user_id": range(3000), "revenue": before + rng.normal(0, 5, 3000), "before": before,
            "clicks": rng.poisson(2, 3000), "views": rng.poisson(20, 3000) + 1}  # fmt: skip


def test_metrics_as_text_trees_mappings_and_records_are_the_same_plan() -> None:
    tree = mean(col("clicks")) / mean(col("views"))
    plans = [
        plan(arms={"A": 50, "B": 50}, metrics=metrics).plan
        for metrics in (
            {"ctr": "mean(clicks) / mean(views)"},
            {"ctr": tree},
            {"ctr": {"formula": tree}},
            [ExperimentMetric(name="ctr", formula="mean(clicks) / mean(views)")],
        )
    ]
    assert {one.digest() for one in plans} == {plans[0].digest()}


def test_guardrails_as_a_mapping_a_list_and_a_name() -> None:
    def rules(guardrails: object) -> list[tuple[str, float | None]]:
        made = plan(metrics={"a": "mean(x)", "b": "mean(y)"}, primary="a", guardrails=guardrails)
        return [(rule.metric, rule.margin) for rule in made.plan.policy.rules if rule.role == "guardrail"]

    assert rules({"b": "5%"}) == rules([{"metric": "b", "margin": "5%"}]) == [("b", 0.05)]
    assert rules("b") == rules({"b": None}) == [("b", None)]


def test_a_plan_is_a_text_a_page_and_json(history: dict[str, object]) -> None:
    result = plan(
        hypothesis="It sells <b>more</b>.",
        arms={"A": {"weight": 50, "model": "v1"}, "B": {"weight": 50, "model": "v2"}},
        metrics={
            "revenue": {"formula": "mean(revenue)", "covariates": ["before"], "unit": "USD"},
            "ctr": "clicks / views",
        },
        primary="revenue",
        guardrails={"ctr": "10%"},
        minimum_effect="2%",
        history=history,
        new_units_per_day=1000,
        days=28,
    )
    sizing = result.plan.sizing
    assert sizing is not None
    text = str(result)
    for part in ("It sells <b>more</b>.", "How it will be decided", "Ship when revenue is better", "14 days", "v2"):
        assert part in text
    assert f"{sizing.units['A']:,}" in text
    assert json.loads(result.to_json()) == result.plan.model_dump(mode="json")
    page = result.render("html")
    assert "<svg" in page
    assert "It sells &lt;b&gt;more" in page
    assert result._repr_html_().startswith("<iframe srcdoc=")
    assert "How it will be decided" in result.render("markdown")
    assert sizing.variance_factor == pytest.approx(25 / (25 + 50), abs=0.03)


def test_the_same_plan_gives_the_same_bytes(history: dict[str, object]) -> None:
    def made() -> str:
        result = plan(metrics={"ctr": "clicks / views"}, minimum_effect="5%", history=history, new_units_per_day=50)
        return result.to_yaml() + result.to_json() + result.render("html")

    assert made() == made()


def test_frozen_to_a_file_that_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    result = plan(metrics={"buys": "mean(bought == 1)"}, minimum_effect="5%", base=0.05).freeze(path)
    assert result.plan.frozen
    assert load_plan(path) == result.plan
    before = path.read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        result.freeze(path)
    assert path.read_bytes() == before
    assert plan(path).plan == result.plan
    with pytest.raises(UsageError, match="'alpha' cannot be changed"):
        plan(path, alpha=0.01)
    with pytest.raises(UsageError, match="cannot be written"):
        result.freeze(tmp_path / "no" / "plan.yaml")


def test_an_amendment_from_options_keeps_the_size_where_nothing_it_rests_on_changed(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    old = plan(metrics={"buys": "mean(bought == 1)"}, minimum_effect="5%", base=0.05).freeze(path)
    longer = plan(path, days=42, amends=path)
    assert longer.changes == ("the days planned is 42 (was none)",)
    assert (longer.plan.version, longer.plan.amends) == (2, old.plan.digest())
    assert longer.plan.sizing == old.plan.sizing
    assert "What this version changes" in str(longer)
    smaller = plan(path, minimum_effect="3%", amends=path)
    assert smaller.plan.sizing is None
    assert smaller.plan.minimum_effect == 0.03
    again = plan(path, minimum_effect="3%", amends=path, base=0.05)
    assert again.plan.sizing is not None


def test_options_override_a_file_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "arms: {A: 50, B: 50}\nmetrics: {buys: mean(bought == 1)}\nminimum_effect: 5%\nbase: 0.05\nhypothesis: one\n"
    )
    assert plan(path).plan.sizing is not None
    changed = plan(path, minimum_effect="10%", hypothesis="two", metrics={"aov": "revenue / orders"}, primary="buys")
    assert (changed.plan.hypothesis, changed.plan.minimum_effect) == ("two", 0.1)
    assert [metric.name for metric in changed.plan.metrics] == ["buys", "aov"]
    sizes = [one.plan.sizing.units["A"] for one in (plan(path), changed) if one.plan.sizing]
    assert sizes[0] > 3 * sizes[1]


def test_power_in_one_sentence_and_a_table() -> None:
    found = power(base=0.05, minimum_effect="5%")
    assert found.units == {"control": 122_121, "treatment": 122_121}
    assert str(found).startswith("122,121 units in each of 2 arms (244,242 in all) find a change from 0.05 to 0.0525")
    assert [row[0] for row in found.rows] == ["2.5 %", "5 %", "10 %"]
    assert power(paired_discordance=0.06, margin="0.5%").pairs == 18_838
    timed = power(base=0.05, minimum_effect="5%", new_units_per_day=12_000)
    assert timed.days == 21
    assert timed.header[0] == "days"
    assert json.loads(timed.to_json())["days"] == 21
    assert power(base=0.05, minimum_effect="5%", arms=3).units["treatment 2"] > 122_121


def test_what_power_needs() -> None:
    for given, said in (
        ({}, "Give the metric's value today"),
        ({"base": 0.05}, "--minimum-effect"),
        ({"base": 0.05, "minimum_effect": "5%", "margin": 1}, "one of them"),
        ({"base": 0.05, "minimum_effect": "5%", "arms": 1}, "at least two arms"),
        ({"base": 5, "minimum_effect": "5%"}, "standard_deviation"),
        ({"paired_discordance": 0.06}, "Give --margin"),
        ({"paired_discordance": 2, "margin": 0.01}, "Discordance"),
    ):
        with pytest.raises(UsageError) as error:
            power(**given)
        assert said in str(error.value)
