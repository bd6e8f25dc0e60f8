"""Sizes against reference numbers: statsmodels, the numbers STATISTICS.md quotes, formulas written out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from seatrial.errors import DataError, UsageError
from seatrial.experiments.assumptions import Base
from seatrial.experiments.history import read_history
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.powered import inflation
from seatrial.experiments.sizing import size
from seatrial.records.plan import ExperimentMetric, Plan, Sizing
from seatrial.stats.confidence_sequences import sequence_boundary

SHARE = {"buys": "mean(bought == 1)"}
MEAN = {"revenue": "mean(spent)"}


def planned(metrics: dict[str, Any], **keys: Any) -> Plan:
    return parse_plan({"arms": {"A": 50, "B": 50}, "metrics": metrics, "stopping": "fixed", **keys})


def sizing(plan: Plan, **given: Any) -> Sizing:
    found = size(plan, **given).sizing
    assert found is not None
    return found


def reference(deviation: float, effect: float, *, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0) -> int:
    """Units of the control by statsmodels."""
    n = NormalIndPower().solve_power(effect / deviation, nobs1=None, alpha=alpha, power=power, ratio=ratio)
    return int(np.ceil(n))


@pytest.mark.parametrize(
    ("base", "effect", "units"), [(0.05, "5%", 122_121), (0.10, 0.01, 14_748), (0.10, "10%", 14_748)]
)
def test_shares_as_statistics_md_says(base: float, effect: Any, units: int) -> None:
    found = sizing(planned(SHARE, minimum_effect=effect), base={"buys": Base(value=base)})
    assert found.units == {"A": units, "B": units}
    assert found.deciding == "buys"


def test_a_mean_as_statsmodels_says() -> None:
    found = sizing(planned(MEAN, minimum_effect=1.5), base={"revenue": Base(value=40, standard_deviation=21)})
    assert found.units["A"] == found.units["B"] == reference(21, 1.5)


def test_uneven_weights_as_statsmodels_says() -> None:
    plan = planned(MEAN, minimum_effect=1.5, arms={"A": 80, "B": 20})
    found = sizing(plan, base={"revenue": Base(value=40, standard_deviation=21)})
    control = reference(21, 1.5, ratio=0.25)
    assert found.units["A"] == pytest.approx(control, abs=1)
    assert found.units["B"] == pytest.approx(control / 4, abs=1)


def test_alpha_is_shared_by_success_metrics_and_treatments() -> None:
    metrics = {"revenue": "mean(spent)", "buys": "mean(bought == 1)"}
    plan = planned(
        metrics, primary=["revenue", "buys"], minimum_effect="5%", arms={"A": 1, "B": 1, "C": 1}, stopping="fixed"
    )
    base = {"revenue": Base(value=40, standard_deviation=100), "buys": Base(value=0.5)}
    found = sizing(plan, base=base)
    assert found.units["A"] == reference(100, 2.0, alpha=0.05 / 4)
    assert any("shared by 4 comparisons" in note for note in found.notes)


def test_power_is_shared_with_guardrails_and_a_guardrail_is_sized_at_its_margin() -> None:
    metrics = {"buys": "mean(bought == 1)", "latency": {"formula": "mean(ms)", "lower_is_better": True}}
    plan = planned(metrics, primary="buys", guardrails=[{"metric": "latency", "margin": "5%"}], minimum_effect="20%")
    base = {"buys": Base(value=0.3), "latency": Base(value=200, standard_deviation=300)}
    found = sizing(plan, base=base)
    assert found.power_each == pytest.approx(0.9)
    # m_t - 1.05 m_c has variance 300^2 (1 + 1.05^2)/n, and 10 ms must be excluded
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.9)
    assert found.units["B"] == int(np.ceil(300**2 * (1 + 1.05**2) * z**2 / 10**2))
    assert found.deciding == "latency"


def test_a_guardrail_that_nothing_is_known_of_is_named() -> None:
    metrics = {"buys": "mean(bought == 1)", "latency": "mean(ms)"}
    plan = planned(metrics, primary="buys", guardrails=["latency"], minimum_effect="5%")
    assert "not sized: latency, neither a history nor a base says how it is today" in sizing(
        plan, base={"buys": Base(value=0.05)}
    ).notes  # fmt: skip


def test_guardrails_alone_share_the_power_among_themselves() -> None:
    plan = planned(MEAN, guardrails=[{"metric": "revenue", "margin": 2.0}])
    found = sizing(plan, base={"revenue": Base(value=40, standard_deviation=21)})
    assert found.power_each == pytest.approx(0.8)
    assert found.units["A"] == reference(21, 2.0)


def test_looking_early_costs_what_the_boundaries_cost() -> None:
    def grown(stopping: Any) -> float:
        return inflation(planned(MEAN, stopping=stopping), alpha=0.05, power=0.8)

    assert grown("fixed") == grown("hybrid") == 1.0
    # Jennison and Turnbull 2000, Tables 2.2 and 2.4: at K = 5, power .8 O'Brien-Fleming's test 1.028, Pocock's 1.229;
    # the spending functions come near both
    assert grown({"rule": "group-sequential", "looks": 5}) == pytest.approx(1.028, abs=0.005)
    assert grown({"rule": "group-sequential", "looks": 5, "spending": "pocock"}) == pytest.approx(1.229, rel=0.02)
    factor = grown("anytime")
    drift = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * np.sqrt(factor)
    assert stats.norm.cdf(drift - sequence_boundary(factor)) == pytest.approx(0.8, abs=1e-9)
    assert factor < 1.5486**2


@pytest.fixture
def sessions() -> dict[str, Any]:
    """Sessions of 400 users who differ in how often they come and what they buy."""
    rng = np.random.default_rng(3)
    users = np.repeat(np.arange(400), rng.poisson(3, 400) + 1)
    level = rng.gamma(2, 2, 400)[users]
    return {"user_id": users, "spent": level + rng.normal(0, 1, len(users)), "before": level}  # fmt: skip


def spread(table: dict[str, Any], formula: str, unit: str = "user_id", **keys: Any) -> Any:
    metric = ExperimentMetric(name="m", formula=formula, **keys)
    return read_history(table, [metric], unit=unit).spread(metric)


def test_rows_of_one_unit_are_one_unit(sessions: dict[str, Any]) -> None:
    count = np.bincount(sessions["user_id"])
    total = np.bincount(sessions["user_id"], weights=sessions["spent"])
    ratio = total.sum() / count.sum()
    rest = total - ratio * count
    by_hand = np.var(rest, ddof=1) / count.mean() ** 2  # (s2_M - 2 R s_MD + R^2 s2_D)/m_D^2
    found = spread(sessions, "mean(spent)")
    assert (found.value, found.units) == (pytest.approx(ratio), 400)
    assert found.variance == pytest.approx(by_hand, rel=1e-9)
    # as if sessions were independent it would be a fraction of that
    assert found.variance / 400 > 2 * np.var(sessions["spent"]) / len(sessions["spent"])


def test_a_ratio_by_the_delta_method() -> None:
    rng = np.random.default_rng(1)
    orders = rng.poisson(3, 3000) + 1
    revenue = orders * rng.lognormal(3, 0.5, 3000)
    found = spread({"id": range(3000), "revenue": revenue, "orders": orders}, "revenue / orders")
    r = revenue.mean() / orders.mean()
    s = np.cov(revenue, orders)
    assert found.value == pytest.approx(r)
    assert found.variance == pytest.approx((s[0, 0] - 2 * r * s[0, 1] + r * r * s[1, 1]) / orders.mean() ** 2, rel=1e-9)


def test_covariates_take_away_their_share_of_the_variance() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(10, 2, 4000)
    spent = before + rng.normal(0, 2, 4000)
    gaps = np.where(rng.random(4000) < 0.2, np.nan, before)
    table = {"id": range(4000), "spent": spent, "before": before, "gaps": gaps}
    rho = np.corrcoef(spent, before)[0, 1]
    assert spread(table, "mean(spent)", covariates=("before",)).variance_factor == pytest.approx(1 - rho**2, abs=1e-3)
    assert 1 - rho**2 < spread(table, "mean(spent)", covariates=("gaps",)).variance_factor < 0.65


def test_a_quantile_has_the_variance_of_its_order_statistics() -> None:
    x = np.random.default_rng(4).exponential(100, 20_000)
    found = spread({"id": range(20_000), "ms": x}, "p95(ms)")
    density = 0.05 / 100  # of an exponential at its .95 quantile
    assert found.value == pytest.approx(np.quantile(x, 0.95))
    assert found.variance == pytest.approx(0.95 * 0.05 / density**2, rel=0.15)


def test_caps_zeros_texts_and_flags_are_read_as_an_analysis_reads_them() -> None:
    n = 200
    table = {
        "id": range(n), "spent": [1.0, 9.0, None, 100.0] * 50, "country": ["DE", "FR"] * 100,
        "kept": ["True", "False"] * 100,
    }  # fmt: skip
    assert spread(table, "mean(spent)", winsorize=10).value == pytest.approx((1 + 9 + 10) / 3)
    assert spread(table, "mean(spent)", winsorize=10, missing="zero").value == pytest.approx(5.0)
    assert spread(table, "mean(country == 'DE')").value == 0.5
    kept = spread(table, "mean(kept)")
    assert (kept.value, kept.is_share) == (0.5, True)


def test_a_history_that_cannot_carry_the_metric() -> None:
    table = {"id": range(100), "spent": ["1", "two"] * 50, "same": [1.0] * 100, "x": np.arange(100.0)}
    for formula, said in (
        ("mean(spent)", "holds 'two', which is no number"),
        ("mean(same)", "every unit has the same value"),
        ("mean(spnt)", "Did you mean 'spent'?"),
        ("sum(x)", "a total grows with the number of units"),
    ):
        with pytest.raises((DataError, UsageError), match="history: ") as error:
            spread(table, formula)
        assert said in str(error.value)
    with pytest.raises(DataError, match="only 10 rows"):
        spread({"id": range(10), "x": range(10)}, "mean(x)")


def test_cookie_cats_as_a_history(shared_data: Path) -> None:
    plan = planned({"kept": "mean(retention_7 == 1)"}, minimum_effect="5%", unit="userid")
    found = sizing(plan, history=shared_data / "experiments_cookie_cats" / "cookie_cats.csv.gz")
    p = 16_781 / 90_189  # retained after 7 days, of all players
    assert found.control_value == pytest.approx(p, abs=1e-12)
    q = p * 1.05
    n = (p * (1 - p) + q * (1 - q)) * ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / (q - p)) ** 2
    assert found.units == {"A": int(np.ceil(n)), "B": int(np.ceil(n))}
    assert found.source == "cookie_cats.csv.gz: 90,189 units"


def test_days_come_from_new_units_and_their_windows() -> None:
    base = {"revenue": Base(value=40, standard_deviation=21)}
    plan = planned(MEAN, minimum_effect=1.5)
    needed = 2 * reference(21, 1.5)
    found = sizing(plan, base=base, new_units_per_day=needed / 10)
    assert found.days == 10
    window = planned({"revenue": {"formula": "mean(spent)", "window": "36h"}}, minimum_effect=1.5)
    assert sizing(window, base=base, new_units_per_day=needed / 10).days == 12
    # halving every week, 700 a day bring 9,800 in all and never more
    falling = [700.0] * 7 + [350.0] * 7
    assert sizing(plan, base=base, new_units_per_day=falling).days is not None
    assert sizing(planned(MEAN, minimum_effect=0.8), base=base, new_units_per_day=falling).days is None


def test_active_users_saturate() -> None:
    base = {"revenue": Base(value=40, standard_deviation=21)}
    plan = planned(MEAN, minimum_effect=0.5)  # 55,374 units
    flat = sizing(plan, base=base, new_units_per_day=5000).days
    curve = sizing(plan, base=base, new_units_per_day={"daily_active": 5000, "population": 60_000}).days
    never = sizing(plan, base=base, new_units_per_day={"daily_active": 5000, "population": 50_000}).days
    assert flat == 12
    share = np.log(1 - 2 * reference(21, 0.5) / 60_000) / np.log(1 - 1 / 12)
    assert curve == int(np.ceil(share))
    assert never is None


def test_what_a_duration_finds_is_the_inverse_of_what_an_effect_needs() -> None:
    base = {"buys": Base(value=0.05)}
    found = sizing(planned(SHARE, minimum_effect="5%", days=21), base=base, new_units_per_day=12_000)
    by_days = {row.days: row for row in found.by_duration}
    assert set(by_days) == {7, 14, 21, 28, 42, 56}
    row = by_days[14]
    again = sizing(planned(SHARE, minimum_effect=row.minimum_detectable_effect), base=base)
    assert again.units["A"] == pytest.approx(row.units_per_arm, abs=1)
    assert row.minimum_detectable_lift == pytest.approx(row.minimum_detectable_effect / 0.05)


def test_a_ramps_small_arm_makes_early_units_count_for_less() -> None:
    base = {"revenue": Base(value=40, standard_deviation=21)}
    ramp = [{"from": "2026-12-01", "weights": {"A": 95, "B": 5}}, {"from": "2026-12-08", "weights": {"A": 50, "B": 50}}]
    plan = planned(MEAN, minimum_effect=1.0, ramp=ramp)
    found = sizing(plan, base=base, new_units_per_day=1000)
    n = 2 * reference(21, 1.0)
    worth = [4 * (7 + k) ** 2 / (7 * (1 / 0.95 + 1 / 0.05) + 4 * k) * 1000 for k in range(60)]
    assert found.units["A"] == reference(21, 1.0)
    assert found.days == 7 + next(k for k, units in enumerate(worth) if units >= n)
    assert found.days > sizing(planned(MEAN, minimum_effect=1.0), base=base, new_units_per_day=1000).days


def test_low_traffic_is_told_what_else_there_is() -> None:
    metrics = {"buys": "mean(bought == 1)", "latency": {"formula": "mean(ms)", "lower_is_better": True}}
    plan = planned(
        metrics, primary="buys", guardrails=[{"metric": "latency", "margin": "20%"}], minimum_effect="5%", days=14,
        arms={"A": 90, "B": 10}, stopping="anytime",
    )  # fmt: skip
    base = {"buys": Base(value=0.05), "latency": Base(value=200, standard_deviation=300)}
    found = sizing(plan, base=base, new_units_per_day=2000)
    said = "\n".join(found.advice)
    for word in (
        "A larger minimum effect: 14 days", "CUPED", "Fewer guardrails", "Even weights", "`hybrid`",
        "paired comparison", "Interleaving", "10 to 100 times", "Switchback",
    ):  # fmt: skip
        assert word in said
    enough = sizing(
        planned(SHARE, minimum_effect="5%", days=28), base={"buys": Base(value=0.05)}, new_units_per_day=12_000
    )
    assert enough.advice == ()


def test_what_cannot_be_sized() -> None:
    for plan, base, said in (
        (planned(SHARE, minimum_effect="5%"), {}, "Nothing says how 'buys' is today"),
        (
            planned({"ctr": "clicks / views"}, minimum_effect="5%"),
            {"ctr": Base(value=0.05)},
            "give 'standard_deviation'",
        ),
        (planned(MEAN, minimum_effect="5%"), {"revenue": Base(value=40)}, "is 40, no share of units"),
        (planned(SHARE, minimum_effect="5%"), {"bys": Base(value=0.05)}, "no metric of the plan"),
        (planned(SHARE, minimum_effect=0.99), {"buys": Base(value=0.05)}, "no share of units; give a smaller one"),
        (planned(MEAN, minimum_effect="5%"), {"revenue": Base(value=0, standard_deviation=1)}, "give an absolute one"),
    ):
        with pytest.raises(UsageError, match="a") as error:
            size(plan, base=base)
        assert said in str(error.value)


def test_without_a_minimum_effect_there_is_a_table_and_no_number() -> None:
    found = sizing(planned(SHARE), base={"buys": Base(value=0.05)}, new_units_per_day=1000)
    assert found.units == {}
    assert found.days is None
    assert len(found.by_duration) == 6
