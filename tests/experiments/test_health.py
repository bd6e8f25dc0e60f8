"""Health of an experiment: each check on a table built by hand, at both sides of its threshold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.data.engine import DuckDBEngine
from seatrial.errors import UsageError
from seatrial.experiments.health import allocation, deviations, health, health_of_summaries
from seatrial.experiments.health.logging import lopsided_days
from seatrial.experiments.observed import Observed
from seatrial.experiments.table import Counts, Daily, Measured, Segment, UnitTable
from seatrial.records import Arm, ExperimentMetric, Finding, Phase, Plan, Policy, Rule, Stopping
from seatrial.stats.arms import ArmMeans

METRIC = ExperimentMetric(name="revenue", formula="mean(revenue)", missing="zero", covariates=("before",))


def means(arm: np.ndarray, phase: np.ndarray, value: np.ndarray, covariate: np.ndarray | None, arms: int) -> ArmMeans:
    """Moments by NumPy, cell by cell."""
    phases = int(phase.max(initial=0)) + 1
    k = 0 if covariate is None else 1
    shape = (arms, phases, 1)
    n, m, v, skew = np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    x, vx, c = np.full((*shape, k), np.nan), np.full((*shape, k, k), np.nan), np.full((*shape, k), np.nan)
    for a in range(arms):
        for p in range(phases):
            rows = (arm == a) & (phase == p)
            y = value[rows]
            size = len(y)
            n[a, p] = size
            if size > 1:
                m[a, p], v[a, p] = y.mean(), y.var(ddof=1) / size
                spread = y.std()
                skew[a, p] = ((y - y.mean()) ** 3).mean() / spread**3 if spread > 0 else np.nan
                if covariate is not None:
                    b = covariate[rows]
                    x[a, p, 0, 0], vx[a, p, 0, 0, 0] = b.mean(), b.var(ddof=1) / size
                    c[a, p, 0, 0] = np.cov(b, y)[0, 1] / size
    return ArmMeans(
        n=n,
        value=m,
        variance=v,
        df=n - 1,
        covariates=x,
        with_covariates=c,
        between_covariates=vx,
        skewness=skew,
    )


class Made:
    """A unit table of made units, and what was measured on it."""

    def __init__(
        self,
        arm: Any,
        *,
        arms: tuple[str, ...] = ("A", "B"),
        phases: tuple[str, ...] = ("all",),
        phase: Any = None,
        day: Any = None,
        revenue: Any = None,
        before: Any = None,
        country: Any = None,
        levels: tuple[str, ...] = (),
        counts: Counts | None = None,
        states: Any = None,
        as_of: str | None = None,
        days: float | None = None,
        first_day: str | None = "2024-03-01",
    ) -> None:
        code = np.asarray(arm, dtype=int)
        size = len(code)
        rng = np.random.default_rng(0)
        in_phase = np.zeros(size, dtype=int) if phase is None else np.asarray(phase)
        value = rng.normal(20, 3, size) if revenue is None else np.asarray(revenue, dtype=float)
        known = None if before is None else np.asarray(before, dtype=float)
        engine = DuckDBEngine()
        columns: dict[str, np.ndarray] = {
            "unit": np.array([f"u{i}" for i in range(size)], dtype=object),
            "arm": code,
            "phase": in_phase,
            "c0": value,
            "c1": np.zeros(size) if known is None else known,
        }
        sql = ["unit", "arm", "phase", "c0", "c1"]
        if day is not None:
            columns["day"] = np.asarray(day)
            sql.append("CAST(day AS INTEGER) AS day")
        else:
            sql.append("CAST(NULL AS INTEGER) AS day")
        if country is not None:
            columns["s0"] = np.asarray(country)
            sql.append("s0")
        engine.connection.register("given", columns)
        engine.execute(f"CREATE TABLE units AS SELECT {', '.join(sql)} FROM given")
        self.engine = engine
        if states is not None:
            engine.connection.register("given_states", states)
            engine.execute("CREATE TABLE states AS SELECT * FROM given_states")
        self.table = UnitTable(
            engine=engine,
            table="units",
            arms=arms,
            phases=phases,
            segments=() if country is None else (Segment(name="country", levels=levels),),
            columns={"revenue/revenue": "c0", "before": "c1"},
            unit="user",
            counts=counts or Counts(exposures=size, units=size, events=size),
            sources=(),
            first_day=None if day is None else first_day,
            as_of=as_of,
            days=days,
            states=None if states is None else lambda: "states",
        )
        found = means(code, in_phase, value, known, len(arms))
        units = np.zeros((len(arms), len(phases)), dtype=int)
        np.add.at(units, (code, in_phase), 1)
        measured = Measured(name="revenue", arms=arms, phases=phases, by={(): found}, levels={(): ("",)})
        self.metric = METRIC if before is not None else METRIC.model_copy(update={"covariates": ()})
        self.observed = Observed(
            unit="user",
            arms=arms,
            phases=phases,
            units=tuple(tuple(row) for row in units.tolist()),
            measured={"revenue": measured},
            daily={} if states is None else {"revenue": Daily(name="revenue", days=(), means=found)},
        )

    def findings(self, *, plan: Plan | None = None, weights: dict[str, float] | None = None) -> tuple[Finding, ...]:
        return health(self.table, self.observed, plan=plan, metrics=[self.metric], weights=weights)


def one(findings: tuple[Finding, ...], name: str) -> Finding:
    found = [finding for finding in findings if finding.name == name]
    assert len(found) == 1, (name, [(f.name, f.status) for f in findings])
    return found[0]


def arms_of(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def a_plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "name": "checkout",
        "frozen": True,
        "control": "A",
        "arms": (Arm(name="A"), Arm(name="B")),
        "metrics": (METRIC,),
        "policy": Policy(rules=(Rule(metric="revenue", role="success"),)),
        "minimum_effect": 0.5,
    }
    return Plan(**{**given, **changes})


def summaries(units: Any, **options: Any) -> tuple[Finding, ...]:
    """The sample ratio alone, from counts."""
    counts = np.asarray(units)
    arms = tuple("ABCDEFG"[: len(counts)])
    phases = tuple(f"2024-03-0{p + 1}" for p in range(counts.shape[1]))
    observed = Observed(
        unit="user", arms=arms, phases=phases, units=tuple(tuple(row) for row in counts.tolist()), measured={}
    )
    return health_of_summaries(observed, **{"plan": None, "metrics": (), **options})


# Sample ratio


def test_published_mismatch_fails_and_the_known_clean_split_passes() -> None:
    broken = one(summaries([[821_588], [815_482]]), "sample ratio")
    assert broken.status == "fail"
    assert "p < 0.0001" in broken.sentence
    assert "815,482" in broken.sentence
    clean = one(summaries([[44_700], [45_489]]), "sample ratio")  # cookie cats: p about .009
    assert clean.status == "pass"
    assert "p = 0.0086" in clean.sentence


def test_a_deviation_under_a_fifth_of_a_percent_is_no_mismatch_whatever_its_p() -> None:
    found = one(summaries([[50_090_000], [49_910_000]]), "sample ratio")  # off by .0018, p about 1e-72
    assert found.status == "warn"
    assert "too little to matter" in found.sentence
    assert one(summaries([[50_110_000], [49_890_000]]), "sample ratio").status == "fail"  # .0022


def test_planned_shares_are_held_against_the_plan_not_against_equal_ones() -> None:
    uneven = a_plan(arms=(Arm(name="A", weight=9), Arm(name="B", weight=1)))
    assert one(summaries([[90_000], [10_000]], plan=uneven), "sample ratio").status == "pass"
    assert one(summaries([[50_000], [50_000]], plan=uneven), "sample ratio").status == "fail"
    assert one(summaries([[90_000], [10_000]], weights={"A": 0.9, "B": 0.1}), "sample ratio").status == "pass"


def test_without_a_plan_an_uneven_split_is_a_question_not_a_verdict() -> None:
    found = one(summaries([[90_000], [10_000]]), "sample ratio")
    assert found.status == "warn"
    assert "If 50 % / 50 % was planned" in found.sentence
    assert (
        one(summaries([[51_500], [48_500]]), "sample ratio").status == "fail"
    )  # so close to equal that equal was meant


def test_a_phase_alone_can_break_the_ratio() -> None:
    plan = a_plan(
        phases=(
            Phase(start="2024-03-01", weights={"A": 0.95, "B": 0.05}),
            Phase(start="2024-03-02", weights={"A": 0.5, "B": 0.5}),
        )
    )
    good = [[95_000, 50_000], [5_000, 50_000]]
    assert one(summaries(good, plan=plan), "sample ratio").status == "pass"
    swapped = [[95_600, 49_400], [4_400, 50_600]]  # each phase off, the whole exactly as planned
    found = one(summaries(swapped, plan=plan), "sample ratio")
    assert found.status == "fail"
    assert "the phase from 2024-03-01" in found.sentence


def test_units_in_an_arm_of_weight_0_break_it_at_once() -> None:
    plan = a_plan(arms=(Arm(name="A"), Arm(name="B"), Arm(name="C", weight=0)))
    found = one(summaries([[50_000], [50_000], [3]], plan=plan), "sample ratio")
    assert found.status == "fail"
    assert "'C' has a weight of 0" in found.sentence
    assert one(summaries([[50_000], [50_000], [0]], plan=plan), "sample ratio").status == "pass"


def test_an_arm_without_units_and_no_units_at_all() -> None:
    found = Made(arms_of(500)).findings()
    empty = one(found, "empty arm")
    assert empty.status == "fail"
    assert "'B' has no units" in empty.sentence
    assert Made(arms_of(0, 0)).findings()[0].status == "fail"


def test_the_segment_that_breaks_the_ratio_is_named() -> None:
    # A loses a tenth of its units in DE only
    arm = arms_of(20_000 + 9_000, 20_000 + 10_000)
    country = np.concatenate([np.repeat([0, 1], [20_000, 9_000]), np.repeat([0, 1], [20_000, 10_000])])
    made = Made(arm, country=country, levels=("US", "DE"))
    found = one(made.findings(plan=a_plan()), "sample ratio")
    assert found.status == "fail"
    assert "country=DE (B 52.63 %, expected 50 %)" in found.sentence
    assert "country=US" not in found.sentence


def test_a_mismatch_in_every_segment_is_spread_over_them() -> None:
    arm = arms_of(18_000, 20_000)
    country = np.concatenate([np.repeat([0, 1], [9_000, 9_000]), np.repeat([0, 1], [10_000, 10_000])])
    found = one(Made(arm, country=country, levels=("US", "DE")).findings(plan=a_plan()), "sample ratio")
    assert "no segment alone explains it" in found.sentence


def test_segments_that_cancel_are_warned_of() -> None:
    arm = arms_of(20_000, 20_000)
    country = np.concatenate([np.repeat([0, 1], [10_500, 9_500]), np.repeat([0, 1], [9_500, 10_500])])
    found = Made(arm, country=country, levels=("US", "DE")).findings(plan=a_plan())
    assert one(found, "sample ratio").status == "pass"
    assert one(found, "sample ratio by segment").status == "warn"


def test_sample_ratio_rejects_a_true_plan_hardly_ever() -> None:
    rng = np.random.default_rng(0)
    plan = a_plan()
    fails = sum(
        one(summaries([[n], [20_000 - n]], plan=plan), "sample ratio").status == "fail"
        for n in rng.binomial(20_000, 0.5, 4_000).tolist()
    )
    assert fails <= 14  # 4 expected at p < .001; 14 has chance 3e-5


def test_allocation_says_where_the_shares_come_from() -> None:
    units = np.array([[500.0], [510.0]])
    assert allocation(units, ("A", "B"), ("all",)).basis == "near equal"
    assert allocation(units * [[1], [2]], ("A", "B"), ("all",)).basis == "unknown"
    assert allocation(units, ("A", "B"), ("all",), plan=a_plan()).known
    with pytest.raises(UsageError, match="Did you mean 'controls'"):
        allocation(units, ("controls", "B"), ("all",), weights={"control": 1, "B": 1})


# Crossovers


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ({}, "pass"),
        ({"A": 4, "B": 5}, "pass"),
        ({"A": 40, "B": 42}, "warn"),
        ({"A": 70, "B": 20}, "fail"),
        ({"A": 120, "B": 118}, "fail"),
    ],
)
def test_crossovers(first: dict[str, int], status: str) -> None:
    counts = Counts(units=20_000, crossovers=sum(first.values()), crossovers_by_arm=first, events=20_000)
    found = one(Made(arms_of(10_000, 10_000), counts=counts).findings(plan=a_plan()), "crossovers")
    assert found.status == status
    assert found.count == sum(first.values())


def test_unknown_arms_by_their_share() -> None:
    few = Counts(units=20_000, unknown_arm={"C": 12}, events=20_000)
    many = Counts(units=20_000, unknown_arm={"C": 400}, events=20_000)
    made = [Made(arms_of(10_000, 10_000), counts=counts).findings(plan=a_plan()) for counts in (few, many)]
    assert [one(found, "unknown arms").status for found in made] == ["warn", "fail"]


# Before the experiment


def test_arms_that_differed_before_the_experiment_are_invalid() -> None:
    rng = np.random.default_rng(1)
    arm = arms_of(5_000, 5_000)
    before = rng.normal(20, 5, 10_000)
    assert one(Made(arm, before=before).findings(plan=a_plan()), "before the experiment").status == "pass"
    found = one(Made(arm, before=before + 0.6 * (arm == 1)).findings(plan=a_plan()), "before the experiment")
    assert found.status == "fail"
    assert "'before' of arm B" in found.sentence


# Logging


def days_of(counts: Any) -> tuple[np.ndarray, np.ndarray]:
    """(arm, day) of units with the given counts (A, D)."""
    table = np.asarray(counts)
    arm = np.repeat(np.arange(table.shape[0]), table.sum(axis=1))
    day = np.concatenate([np.repeat(np.arange(table.shape[1]), row) for row in table])
    return arm, day


def test_exposures_without_gaps_pass_weekends_and_decline_included() -> None:
    week = np.array([900, 880, 910, 905, 890, 420, 400])
    decline = np.concatenate([week, week * 0.7, week * 0.5]).astype(int)
    arm, day = days_of([decline, decline + 3])
    assert one(Made(arm, day=day).findings(plan=a_plan()), "exposures by day").status == "pass"


def test_a_day_lost_in_one_arm_fails_and_in_both_warns() -> None:
    usual = np.full(14, 500)
    hole = usual.copy()
    hole[5] = 40
    arm, day = days_of([usual, hole])
    found = one(Made(arm, day=day).findings(weights={"A": 7000, "B": 6540}), "exposures by day")
    assert found.status == "fail"
    assert "2024-03-06 arm B has 40" in found.sentence
    arm, day = days_of([hole, hole])
    found = one(Made(arm, day=day).findings(plan=a_plan()), "exposures by day")
    assert found.status == "warn"
    assert "2024-03-06" in found.sentence


def test_exposure_days_raise_no_alarm_by_chance() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(60):
        arm, day = days_of(rng.poisson(rng.choice([3, 30, 300]), size=(2, 21)))
        alarms += one(Made(arm, day=day).findings(weights={"A": 1, "B": 1}), "exposures by day").status != "pass"
    assert alarms <= 1


def states_of(active: Any) -> dict[str, np.ndarray]:
    """A table of states in which so many units of each arm and day changed their value from 0 to 1."""
    arm, day = days_of(active)
    size = len(arm)
    return {
        "arm": arm,
        "phase": np.zeros(size, dtype=int),
        "day": day,
        "c0": np.ones(size),
        "p_c0": np.zeros(size),
        "c1": np.zeros(size),
        "p_c1": np.zeros(size),
    }


def test_events_lost_in_one_arm_on_one_day_fail() -> None:
    arm, day = days_of(np.full((2, 10), 300))
    active = np.tile(np.arange(1, 11) * 30, (2, 1))
    assert one(Made(arm, day=day, states=states_of(active)).findings(plan=a_plan()), "events by day").status == "pass"
    active[0, 6] = 0
    found = one(Made(arm, day=day, states=states_of(active)).findings(plan=a_plan()), "events by day")
    assert found.status == "fail"
    assert "2024-03-07 arm A has 0" in found.sentence


def test_a_ramp_is_no_gap_although_its_new_units_are_the_active_ones() -> None:
    # 5 % for six days, then 50 %: units act on the day they come, and a tenth of them every day after
    rng = np.random.default_rng(11)
    weights = np.array([[0.95, 0.05], [0.5, 0.5]])
    new = np.array([rng.multinomial(1_000, weights[int(day >= 6)]) for day in range(12)]).T
    arm, day = days_of(new)
    phase = (day >= 6).astype(int)
    rows = [(a, p, d) for a, p, d in zip(arm, phase, day, strict=True)]
    rows += [(a, p, later) for a, p, d in rows for later in range(d + 1, 12) if rng.random() < 0.1]
    states = {
        name: np.array(column) for name, column in zip(("arm", "phase", "day"), zip(*rows, strict=True), strict=True)
    }
    states |= {"c0": np.ones(len(rows)), "p_c0": np.zeros(len(rows))}
    starts = ("2024-03-01", "2024-03-07")
    plan = a_plan(
        phases=tuple(
            Phase(start=start, weights={"A": w[0], "B": w[1]})
            for start, w in zip(starts, weights.tolist(), strict=True)
        )
    )
    found = Made(arm, day=day, phase=phase, phases=starts, states=states).findings(plan=plan)
    for name in ("sample ratio", "exposures by day", "events by day"):
        assert one(found, name).status == "pass", one(found, name).sentence


def test_units_without_events_differing_between_arms() -> None:
    arm = arms_of(5_000, 5_000)
    revenue = np.ones(10_000)
    revenue[:2_500] = 0
    revenue[5_000:7_450] = 0
    assert one(Made(arm, revenue=revenue).findings(plan=a_plan()), "units without events").status == "pass"
    revenue[5_000:8_000] = 0
    found = one(Made(arm, revenue=revenue).findings(plan=a_plan()), "units without events")
    assert found.status == "warn"
    assert "A 50 % and B 60 %" in found.sentence


def test_events_of_other_units_only() -> None:
    counts = Counts(units=1_000, events=700, events_without_unit=700)
    found = one(Made(arms_of(500, 500), counts=counts).findings(plan=a_plan()), "units without events")
    assert found.status == "fail"
    assert "same identifiers" in found.sentence


@pytest.mark.parametrize(
    ("counts", "name", "status"),
    [
        (Counts(units=20, events=1_000, duplicate_events=5), "events as received", "pass"),
        (Counts(units=20, events=1_000, duplicate_events=50), "events as received", "warn"),
        (Counts(units=20, events=1_000, late_events=50), "events as received", "warn"),
        (Counts(units=20, events=1_000, events_before_exposure=400), "events as received", "pass"),
        (Counts(units=20, events=1_000, bad_times=3), "times", "warn"),
        (Counts(units=20, events=1_000, bad_times=300), "times", "fail"),
        (Counts(units=20, exposures=100, events=0, missing_unit=2), "exposures as received", "warn"),
        (Counts(units=20, exposures=100, events=0, missing_arm=20), "exposures as received", "fail"),
        (Counts(units=20, events=1_000, not_numbers={"revenue": 4}), "numbers", "warn"),
    ],
)
def test_what_was_dropped_is_said(counts: Counts, name: str, status: str) -> None:
    assert one(Made(arms_of(10, 10), counts=counts).findings(plan=a_plan()), name).status == status


# Metric values


def test_one_unit_with_half_the_revenue_is_named() -> None:
    rng = np.random.default_rng(3)
    revenue = rng.exponential(10, 2_000)
    arm = arms_of(1_000, 1_000)
    assert not [f for f in Made(arm, revenue=revenue).findings() if f.name == "one unit dominates"]
    revenue[1_500] = revenue[1_000:].sum()
    found = one(Made(arm, revenue=revenue).findings(), "one unit dominates")
    assert found.status == "warn"
    assert "of arm B" in found.sentence
    assert "50 %" in found.sentence


def test_equal_shares_of_few_units_do_not_dominate() -> None:
    assert not [f for f in Made(arms_of(6, 6), revenue=np.full(12, 5.0)).findings() if f.name == "one unit dominates"]


def test_negative_values_are_said_when_they_are_few() -> None:
    revenue = np.full(2_000, 5.0) + np.arange(2_000) % 7
    revenue[:20] = -3
    found = one(Made(arms_of(1_000, 1_000), revenue=revenue).findings(), "negative values")
    assert found.status == "warn"
    assert "20 units (1 %)" in found.sentence
    mixed = np.random.default_rng(4).normal(0, 1, 2_000)
    made = Made(arms_of(1_000, 1_000), revenue=mixed).findings()
    assert not [finding for finding in made if finding.name == "negative values"]


@pytest.mark.parametrize(
    ("control", "treatment", "said"),
    [(0.0, 0.0, "0 for every unit"), (4.0, 4.0, "the same for every unit"), (0.0, None, "in A (1,000 units) and not")],
)
def test_a_metric_that_does_not_vary(control: float, treatment: float | None, said: str) -> None:
    rng = np.random.default_rng(5)
    second = rng.normal(10, 1, 1_000) if treatment is None else np.full(1_000, treatment)
    revenue = np.concatenate([np.full(1_000, control), second])
    found = [f for f in Made(arms_of(1_000, 1_000), revenue=revenue).findings() if f.name == "metric values"]
    assert any(said in f.sentence and f.status == "warn" for f in found)


def test_heavy_tails_by_the_rule_of_355() -> None:
    rng = np.random.default_rng(6)
    heavy = np.exp(rng.normal(0, 1.5, 4_000))
    found = one(Made(arms_of(2_000, 2_000), revenue=heavy).findings(), "heavy tails")
    assert found.status == "warn"
    assert "may under-cover" in found.sentence
    light = rng.normal(10, 1, 4_000)
    assert one(Made(arms_of(2_000, 2_000), revenue=light).findings(), "heavy tails").status == "pass"


# The plan


def test_as_planned_says_so_and_every_deviation_is_named() -> None:
    arm, day = days_of(np.full((2, 14), 50))
    made = Made(arm, day=day, before=np.arange(1_400.0), days=14.0)
    plan = a_plan(start="2024-03-01", days=14, stopping=Stopping(rule="fixed"))
    assert deviations(plan, made.table, [METRIC]) == ()
    assert one(made.findings(plan=plan), "plan").status == "pass"
    early = Made(arm, day=day, days=6.0).table
    changed = METRIC.model_copy(update={"winsorize": 100.0, "formula": "mean( revenue )"})
    extra = ExperimentMetric(name="clicks", formula="mean(revenue)")
    found = {
        one.what: one
        for one in deviations(
            a_plan(start="2024-02-27", days=14, stopping=Stopping(rule="fixed"), segments=("country",)),
            early,
            [changed, extra],
        )
    }
    assert set(found) == {"start", "end", "metric: revenue, cap", "further metric: clicks", "segment: country"}
    assert found["end"].serious
    assert found["metric: revenue, cap"].serious
    assert (found["metric: revenue, cap"].planned, found["metric: revenue, cap"].found) == ("none", "100.0")
    assert not found["further metric: clicks"].serious
    hybrid = a_plan(start="2024-03-01", days=14)
    assert deviations(hybrid, early, [METRIC]) == ()  # the default rule may be read at any time


def test_a_metric_of_the_policy_left_out_fails_and_a_draft_is_said() -> None:
    made = Made(arms_of(700, 700))
    more = a_plan(metrics=(METRIC, ExperimentMetric(name="x", formula="mean(x)")))
    found = [finding for finding in made.findings(plan=more) if finding.name == "plan"]
    assert [finding.status for finding in found] == ["fail", "warn"]
    assert "metric: revenue, covariates" in found[0].sentence  # that of a deciding metric is gone
    assert "metric: x" in found[1].sentence
    assert one(made.findings(plan=a_plan(frozen=False)), "plan").status == "warn"


def test_arms_of_the_plan_that_did_not_run() -> None:
    plan = a_plan(arms=(Arm(name="A"), Arm(name="B"), Arm(name="C")))
    found = deviations(plan, Made(arms_of(10, 10)).table, [METRIC])
    assert [(one.what, one.serious) for one in found] == [("arm: C", True)]


# All together


def test_a_sound_experiment_has_nothing_but_passes_in_the_order_of_asking() -> None:
    rng = np.random.default_rng(7)
    arm, day = days_of(rng.poisson(400, size=(2, 14)))
    before = rng.normal(20, 5, len(arm))
    found = Made(arm, day=day, before=before, days=14.0).findings(plan=a_plan(start="2024-03-01", days=14))
    assert {finding.status for finding in found} == {"pass"}
    names = [finding.name for finding in found]
    assert names[:4] == ["sample ratio", "crossovers", "before the experiment", "exposures by day"]


def test_failures_come_first_and_row_order_changes_nothing() -> None:
    rng = np.random.default_rng(8)
    arm, day = days_of(rng.poisson(400, size=(2, 14)))
    revenue = rng.exponential(5, len(arm))
    counts = Counts(units=len(arm), crossovers=400, crossovers_by_arm={"A": 200, "B": 200}, events=len(arm))
    found = Made(arm, day=day, revenue=revenue, counts=counts).findings(plan=a_plan())
    order = rng.permutation(len(arm))
    again = Made(arm[order], day=day[order], revenue=revenue[order], counts=counts).findings(plan=a_plan())
    assert [f.sentence for f in found] == [f.sentence for f in again]
    assert [f.status for f in found] == sorted((f.status for f in found), key=["fail", "warn", "pass"].index)


def test_three_units_in_all_give_sentences_and_no_error() -> None:
    found = Made([0, 0, 1]).findings(plan=a_plan())
    assert all(f.sentence for f in found)


def test_words_in_a_formula_are_no_values_to_judge() -> None:
    made = Made(arms_of(500, 500))
    made.engine.execute("ALTER TABLE units ADD COLUMN c2 VARCHAR")
    made.engine.execute("UPDATE units SET c2 = CASE WHEN arm = 0 THEN 'pro' ELSE 'free' END")
    table = replace(made.table, columns={**made.table.columns, "pro/tier": "c2"})
    pro = ExperimentMetric(name="pro", formula="mean(tier == 'pro')")
    found = health(table, made.observed, plan=None, metrics=[made.metric, pro])
    assert one(found, "metric values").status == "pass"


def test_a_table_without_a_column_of_units_says_nothing_of_crossovers() -> None:
    made = Made(arms_of(500, 500))
    found = health(replace(made.table, unit="row"), made.observed, plan=None, metrics=[made.metric])
    assert not [finding for finding in found if finding.name == "crossovers"]


def test_lopsided_days_are_never_seen_in_arms_that_only_differ_in_level() -> None:
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(1_000):
        exposed = rng.poisson(40, size=(3, 14)).cumsum(axis=1).astype(float)
        rates = np.array([[0.10], [0.06], [0.14]])  # strong effects are no gaps
        alarms += bool(lopsided_days(rng.poisson(exposed * rates).astype(float), exposed))
    assert alarms <= 5  # at most .001 over all days and arms each


def test_a_gap_on_any_one_day_of_any_arm_is_found() -> None:
    rng = np.random.default_rng(10)
    for _ in range(200):
        counts = rng.poisson(120, size=(2, 14)).astype(float)
        arm, day = int(rng.integers(2)), int(rng.integers(14))
        counts[arm, day] = rng.binomial(int(counts[arm, day]), 0.2)
        assert [found[:2] for found in lopsided_days(counts, np.ones_like(counts))] == [(arm, day)]
