"""Readouts made by hand, for the renderers: realistic in shape, and hostile where data can be."""

import math

from seatrial.records import (
    Arm,
    ArmUnits,
    Belief,
    Check,
    Deviation,
    Estimate,
    ExperimentEffect,
    ExperimentMetric,
    Finding,
    Look,
    OfflineVerdict,
    Phase,
    Plan,
    Policy,
    Provenance,
    Readout,
    Rule,
    SegmentTest,
    Sequence,
    Sizing,
    Source,
    Stopping,
    Trend,
    Verdict,
    WrongCost,
)
from seatrial.records.scorecard import MetricInfo

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HOSTILE = "<script>alert(1)</script> \x1b[31mred\u202egnp.exe @octocat `tick` | pipe [x](http://evil.example) \x00"
UNITS = {"current": 15_010, "ranker-v2": 15_113, "ranker-v3": 14_977}

FORMULAS = {
    "revenue_per_user": ("mean(revenue)", "what a user spends in the week after the first exposure", "USD", True),
    "conversion": ("mean(orders > 0)", "share of users with an order", None, True),
    "latency_p95": ("p95(latency_ms)", "95th percentile of the time to answer", "ms", False),
    "sessions": ("mean(sessions)", "sessions of a user", None, True),
}
POLICY = Policy(
    name="ranker",
    rules=(
        Rule(metric="revenue_per_user", role="success", margin=0.02, margin_is_relative=True),
        Rule(metric="conversion", role="guardrail", margin=0.005),
        Rule(metric="latency_p95", role="guardrail", margin=0.05, margin_is_relative=True),
        Rule(metric="sessions", role="secondary"),
    ),
)
HEALTH = (
    Finding(name="sample ratio", status="pass", sentence="The arms have the shares that were planned (p = 0.55)."),
    Finding(name="crossovers", status="pass", sentence="41 of 30,164 users were in both arms; left out.", count=41),
    Finding(name="pre-period", status="pass", sentence="Before the start the arms did not differ."),
    Finding(name="logging gaps", status="pass", sentence="No day lacks events."),
    Finding(name="metric sanity", status="pass", sentence="No metric is negative, infinite, or one user's."),
)
NOT_SHOWN = (
    "The long term: habits, churn and seasons outlast these days; a holdback would show them.",
    "Interference: units were taken as independent of each other's arm (no shared stock, prices or friends).",
    "How much a retrained model would differ: each arm served one trained version.",
    "Other experiments that ran at the same time on the same units.",
    "Whether events were lost on the way to the log.",
)


def effect(
    metric: str,
    control: float,
    treatment: float,
    half: float,
    *,
    arm: str = "ranker-v2",
    margin: float | None = 0.02,
    relative: bool = True,
    adjustment: str = "none",
    method: str = "Welch t",
    of: dict[str, str] | None = None,
    phase: str | None = None,
    decides: bool = False,
    adjusted_p: bool = False,
    exploratory: bool = False,
    small: bool = False,
    units: tuple[int, int] | None = None,
    scale: str | None = "?",
    higher: bool | None = None,
    lift: bool = True,
    level: float = 0.95,
) -> ExperimentEffect:
    """One effect whose word, p and lift follow from its interval."""
    known = FORMULAS.get(metric, ("", "", None, True))
    scale = known[2] if scale == "?" else scale
    higher = known[3] if higher is None else higher
    difference = round(treatment - control, 6)
    low, high = round(difference - half, 6), round(difference + half, 6)
    m = (margin or 0.0) * (abs(control) if relative else 1.0)
    good = (low, high) if higher else (-high, -low)
    word = (
        "better" if good[0] > 0
        else "worse" if good[1] < 0
        else "no meaningful difference" if good[0] > -m and good[1] < m
        else "cannot tell"
    )  # fmt: skip
    p = math.erfc(abs(difference) / (half / 1.96) / math.sqrt(2))
    counts = units or (UNITS["current"], UNITS.get(arm, 15_000))
    base = abs(control)
    return ExperimentEffect(
        baseline="current",
        candidate=arm,
        metric=metric,
        slice=of or {},
        segment=" & ".join(f"{column}={level}" for column, level in of.items()) if of else None,
        n=sum(counts),
        baseline_value=control,
        candidate_value=treatment,
        difference=difference,
        low=low,
        high=high,
        level=level,
        p_value=p,
        adjusted_p_value=min(1.0, 2 * p) if adjusted_p else None,
        word=word,  # type: ignore[arg-type]
        margin=margin,
        margin_is_relative=relative,
        standard_error=half / 1.96,
        smallest_detectable_effect=2.8 * half / 1.96,
        method=method,
        unit="user_id",
        scale=scale,
        higher_is_better=higher,
        exploratory=exploratory,
        small=small,
        shrunken=difference * 0.6 if of else None,
        adjustment=adjustment,  # type: ignore[arg-type]
        phase=phase,
        days=14.0,
        units={"current": counts[0], arm: counts[1]},
        relative_difference=difference / base if lift else None,
        relative_low=low / base if lift else None,
        relative_high=high / base if lift else None,
        relative_reason=None if lift else "the control cannot be told from 0",
        planned=not exploratory,
        decides=decides,
    )


CUPED = "Welch t, adjusted for covariates (CUPED)"
HYBRID = "hybrid: harm anytime-valid (asymptotic confidence sequence), benefit at the planned end, "


def main_effects(arm: str = "ranker-v2", *, shift: float = 0.0) -> tuple[ExperimentEffect, ...]:
    return (
        effect("revenue_per_user", 12.412, 12.873 + shift, 0.292, arm=arm, adjustment="cuped", method=HYBRID + CUPED,
               decides=True, adjusted_p=True),
        effect("revenue_per_user", 12.404, 12.849 + shift, 0.431, arm=arm, method=HYBRID + "Welch t"),
        effect("conversion", 0.10212, 0.10431, 0.0041, arm=arm, margin=0.005, relative=False, decides=True,
               method="Miettinen-Nurminen score interval, unpaired"),
        effect("latency_p95", 131.4, 133.9, 3.1, arm=arm, margin=0.05, decides=True,
               method="quantile, CR2 over units of the share below it, inverted"),
        effect("sessions", 3.101, 3.119, 0.071, arm=arm),
    )  # fmt: skip


def segments(*, exploratory: bool = False) -> tuple[ExperimentEffect, ...]:
    found = [
        effect("revenue_per_user", 12.4, 12.4 + gain, 0.55, of={"country": country}, adjustment="cuped", method=CUPED,
               exploratory=exploratory, units=(units, units + 31))
        for country, gain, units in (("DE", 0.71, 5020), ("FR", 0.38, 3011), ("US", 0.31, 6950))
    ]  # fmt: skip
    found += [
        effect("revenue_per_user", 12.1, 12.1 + gain, 0.9, of={"device": device}, adjustment="cuped", method=CUPED,
               exploratory=True, level=0.967, small=units < 100, units=(units, units - 3))
        for device, gain, units in (("phone", 0.62, 9020), ("desktop", 0.12, 5911), ("tablet", 0.9, 79))
    ]  # fmt: skip
    return tuple(found)


def looks(days: int, *, difference: float, error: float, rare: bool = False) -> tuple[Look, ...]:
    """A walk that settles, with both bands."""
    found = []
    for day in range(1, days + 1):
        se = error * math.sqrt(days / day)
        now = difference + 1.4 * se * math.sin(1.3 * day) * 0.6
        k = 8.2 * day / days
        wide = se * math.sqrt(2 * (k + 1) / k * math.log(math.sqrt(k + 1) / 0.05))
        at = not rare or day % (days // 4) == 0
        ready = day > 1
        found.append(
            Look(
                day=f"2026-{3 + (day - 1) // 28:02d}-{(day - 1) % 28 + 1:02d}" if days <= 200 else f"day {day}",
                units=30_123 * day // days,
                difference=now,
                low=now - wide if at and ready else None,
                high=now + wide if at and ready else None,
                fixed_low=now - 1.96 * se,
                fixed_high=now + 1.96 * se,
                p_value=min(1.0, math.exp(-((now / se) ** 2) / 2)) if at else None,
                information=day / days,
                reason=None if ready else "not ready yet: 81 units in an arm, 100 are needed before looking",
            )
        )
    return tuple(found)


def sequences(arm: str = "ranker-v2", *, days: int = 14) -> tuple[Sequence, ...]:
    return (
        Sequence(
            metric="revenue_per_user",
            baseline="current",
            candidate=arm,
            adjustment="cuped",
            rule="hybrid",
            method=HYBRID + CUPED,
            looks=looks(days, difference=0.46, error=0.149),
            decided_on=looks(days, difference=0.46, error=0.149)[-1].day,
            progress=1.02,
            progress_sentence="precision 102 % of target",
            sentence="Under the hybrid rule revenue_per_user could first have been decided on the last day.",
        ),
        Sequence(
            metric="conversion",
            baseline="current",
            candidate=arm,
            rule="hybrid",
            method=HYBRID + "Miettinen-Nurminen score interval, unpaired",
            looks=looks(days, difference=0.0022, error=0.0021),
            progress=0.62,
            progress_sentence="precision 62 % of target",
            sentence="Under the hybrid rule conversion could not have been decided on any day so far.",
        ),
    )


TRENDS = (
    Trend(
        metric="revenue_per_user",
        candidate="ranker-v2",
        days=tuple(range(1, 15)),
        differences=tuple(0.05 + 0.1 / day for day in range(1, 15)),
        lows=tuple(0.02 + 0.1 / day - 0.03 for day in range(1, 15)),
        highs=tuple(0.08 + 0.1 / day + 0.03 for day in range(1, 15)),
        units=11_204,
        slope=-0.038,
        slope_low=-0.061,
        slope_high=-0.015,
        p_value=0.0012,
        steady=0.058,
        steady_low=0.021,
        steady_high=0.095,
        sentence="The effect on revenue_per_user fades (novelty) with the days since exposure (p = 0.0012): read the "
        "steady state, not the mean over all days.",
    ),
)
BELIEFS = (
    Belief(metric="revenue_per_user", candidate="ranker-v2", prior="flat", mean=0.461, low=0.169, high=0.753,
           chance_to_win=0.99902, expected_loss=0.0000412, expected_loss_of_keeping=0.461, scale="USD"),
    Belief(metric="revenue_per_user", candidate="ranker-v2", prior="informative", prior_mean=0.001,
           prior_deviation=0.012, mean=0.0204, low=0.0021, high=0.0387, chance_to_win=0.9855,
           expected_loss=0.000071, expected_loss_of_keeping=0.0205, relative=True),
    Belief(metric="conversion", candidate="ranker-v2", prior="flat", mean=0.00219, low=-0.0019, high=0.0063,
           chance_to_win=0.852, expected_loss=0.00031, expected_loss_of_keeping=0.0025),
)  # fmt: skip
COSTS = (
    WrongCost(metric="revenue_per_user", candidate="ranker-v2", expected_loss=0.0000412, exposed_units=15_113,
              scale="USD", sentence="If ranker-v2 were shipped and it is the worse one, revenue_per_user would lose "
              "4.12e-05 USD a unit on average; 15,113 units were exposed, and no loss is seen so far."),
    WrongCost(metric="latency_p95", candidate="ranker-v2", expected_loss=2.5, exposed_units=15_113,
              loss_so_far=37_782.5, loss_so_far_high=84_632.8, scale="ms",
              sentence="latency_p95: 15,113 users have waited longer."),
)  # fmt: skip
TESTS = (
    SegmentTest(metric="revenue_per_user", candidate="ranker-v2", segment="country", planned=True, p_value=0.41,
                adjusted_p_value=0.41, df=2, sentence="No sign that the effect on revenue_per_user differs by country "
                "(adjusted p = 0.41): read the whole, not single segments."),
    SegmentTest(metric="revenue_per_user", candidate="ranker-v2", segment="device", planned=False, p_value=0.0071,
                adjusted_p_value=0.0142, df=2, simpson=True, sentence="The effect on revenue_per_user differs by "
                "device (explored; adjusted p = 0.014): highest in phone, lowest in desktop. The pooled effect points "
                "the other way than those within device: the mix of arms differs."),
    SegmentTest(metric="revenue_per_user", candidate="ranker-v2", segment="browser", planned=False,
                reason="fewer than two levels have 30 units in both arms", sentence="Whether the effect on "
                "revenue_per_user differs by browser cannot be tested."),
)  # fmt: skip


def plan(*arms: str, frozen: bool = True) -> Plan:
    given = arms or ("current", "ranker-v2")
    offline = OfflineVerdict(
        name="gate.json",
        status="pass",
        sentence="Ship ranker-v2: ndcg is better than ranker-v1 (+0.013 [+0.009, +0.017]).",
    )
    return Plan(
        name="ranker-v2",
        version=2,
        amends=DIGEST,
        frozen=frozen,
        hypothesis="A ranker trained on dwell time brings users to what they want sooner, so they spend more.",
        unit="user_id",
        control="current",
        arms=tuple(
            Arm(name=name, weight=1.0, model=f"{name}.onnx", model_digest=DIGEST if place else None,
                verdict=offline if place else None)
            for place, name in enumerate(given)
        ),
        phases=(
            Phase(start="2026-03-01T00:00:00+00:00", weights=dict.fromkeys(given, 1.0)),
        ),
        metrics=(
            ExperimentMetric(name="revenue_per_user", formula="mean(revenue)", scale="USD", window="7d", missing="zero",
                             winsorize=500.0, covariates=("pre_revenue",), where="event == 'purchase'",
                             summary=FORMULAS["revenue_per_user"][1]),
            ExperimentMetric(name="conversion", formula="mean(orders > 0)", missing="zero", margin=0.005),
            ExperimentMetric(name="latency_p95", formula="p95(latency_ms)", scale="ms", higher_is_better=False),
            ExperimentMetric(name="sessions", formula="mean(sessions)"),
        ),
        policy=POLICY,
        minimum_effect=0.03,
        minimum_effect_is_relative=True,
        segments=("country",),
        stopping=Stopping(rule="hybrid"),
        start="2026-03-01",
        days=14,
        timezone="Europe/Berlin",
        sizing=Sizing(metric="revenue_per_user", source="history.parquet", units=dict.fromkeys(given, 14_800),
                      deciding="revenue_per_user", days=14),
    )  # fmt: skip


def estimates(*arms: str) -> tuple[Estimate, ...]:
    return tuple(
        Estimate(model=arm, metric=metric, n=UNITS.get(arm, 15_000), value=value * (1 + 0.02 * place),
                 low=value * (0.98 + 0.02 * place), high=value * (1.02 + 0.02 * place), method="Student t",
                 unit="user_id", scale=FORMULAS[metric][2])
        for metric, value in (("revenue_per_user", 12.41), ("conversion", 0.1021), ("sessions", 3.1))
        for place, arm in enumerate(arms)
    )  # fmt: skip


def provenance() -> Provenance:
    return Provenance(
        seatrial="0.1.0",
        libraries={"duckdb": "2.0.0", "numpy": "2.4.0", "scipy": "1.17.0"},
        seed=0,
        sources=(
            Source(model="exposures", name="exposures.parquet", sha256=DIGEST, rows=30_205, matched=30_164),
            Source(model="events", name="events.parquet", sha256=DIGEST, rows=412_311),
        ),
        roles={"unit": "user_id", "arm": "variant", "time": "exposed_at"},
        task="experiment",
        policy_digest=DIGEST,
        arguments={"plan": "plan.yaml", "segment": ["country", "device"]},
    )


def info(metric: str) -> MetricInfo:
    formula, summary, scale, higher = FORMULAS[metric]
    return MetricInfo(name=metric, summary=summary, formula=formula, higher_is_better=higher, scale=scale, kind="means")


def checks(arm: str = "ranker-v2", *, revenue: str = "pass", conversion: str = "pass") -> tuple[Check, ...]:
    return (
        Check(name="revenue_per_user better", role="success", status=revenue, metric="revenue_per_user",  # type: ignore[arg-type]
              candidate=arm, condition="better than the control", tested_value=0.0, p_value=0.002,
              reason="revenue_per_user is better than current (+0.46 [+0.17, +0.75] USD at 95 %)."),
        Check(name="conversion at most 0.005 worse", role="guardrail", status=conversion, metric="conversion",  # type: ignore[arg-type]
              candidate=arm, condition="at most 0.005 worse than the control", tested_value=-0.005, p_value=0.0006,
              reason="conversion is not worse than the margin allows (+0.0022 [-0.0019, +0.0063] at 95 %)."),
        Check(name="latency_p95 at most 5 % worse", role="guardrail", status="pass", metric="latency_p95",
              candidate=arm, condition="at most 5 % worse than the control",
              reason="latency_p95 is not worse than the margin allows (+2.5 [-0.6, +5.6] ms at 95 %, margin 5 %)."),
    )  # fmt: skip


def passing() -> Readout:
    """Planned, hybrid, CUPED: ship."""
    return Readout(
        verdict=Verdict(
            status="pass",
            candidate="ranker-v2",
            checks=checks(),
            policy_digest=DIGEST,
            evidence_digest=DIGEST,
            sentence="Ship ranker-v2: revenue_per_user is better than current (+0.46 [+0.17, +0.75] USD), and both "
            "guardrails hold.",
        ),
        title="ranker-v2 against current",
        exploratory=False,
        plan=plan(),
        plan_digest=DIGEST,
        as_of="2026-03-15T00:00:00+00:00",
        unit="user_id",
        arms=("current", "ranker-v2"),
        units=tuple(
            ArmUnits(arm=arm, units=UNITS[arm], share=UNITS[arm] / 30_123, planned_share=0.5, model=f"{arm}.onnx")
            for arm in ("current", "ranker-v2")
        ),
        days=14.0,
        lead_metric="revenue_per_user",
        health=HEALTH,
        policy=POLICY,
        metrics=tuple(info(metric) for metric in FORMULAS),
        estimates=estimates("current", "ranker-v2"),
        effects=(
            *main_effects(),
            effect("revenue_per_user", 12.1, 12.5, 0.6, phase="2026-03-01T00:00:00+00:00", units=(7_000, 7_100)),
            *segments(),
        ),
        sequences=sequences(),
        beliefs=BELIEFS,
        segment_tests=TESTS,
        trends=TRENDS,
        costs=COSTS,
        notes=("Stopping rule: hybrid; its planned end has come.",),
        not_shown=NOT_SHOWN,
        provenance=provenance(),
    )


def failing() -> Readout:
    """A guardrail is broken, and the plan was not kept."""
    base = passing()
    broken = effect("conversion", 0.10212, 0.09101, 0.0041, margin=0.005, relative=False, decides=True,
                    method="Miettinen-Nurminen score interval, unpaired")  # fmt: skip
    failed = checks(conversion="fail")[1].model_copy(
        update={"reason": "conversion is worse than the margin allows (-0.0111 [-0.0152, -0.0070] at 95 %)."}
    )
    return base.model_copy(
        update={
            "verdict": Verdict(
                status="fail",
                mixed=True,
                candidate="ranker-v2",
                checks=(checks()[0], failed, checks()[2]),
                sentence="Do not ship ranker-v2 (mixed): revenue_per_user is better than current "
                "(+0.46 [+0.17, +0.75] USD), but conversion is worse than the margin allows "
                "(-0.0111 [-0.0152, -0.0070]).",
            ),
            "effects": tuple(broken if one.metric == "conversion" else one for one in base.effects),
            "deviations": (
                Deviation(what="duration", planned="14 days", found="9 days", serious=True),
                Deviation(what="metrics", planned="4 metrics", found="sessions_per_day, not in the plan"),
            ),
            "health": (
                *HEALTH[:3],
                Finding(name="logging gaps", status="warn", sentence="On 2026-03-07 events fell by 62 %."),
            ),
        }
    )


def inconclusive() -> Readout:
    """Too early to tell."""
    base = passing()
    open_ = effect("revenue_per_user", 12.412, 12.673, 0.492, adjustment="cuped", method=HYBRID + CUPED, decides=True)
    check = checks(revenue="inconclusive")[0].model_copy(
        update={
            "reason": "revenue_per_user may be better or worse than current (+0.26 [-0.23, +0.75] USD at 95 %); it "
            "would take about 41,200 users (there are 11,204)."
        }
    )
    return base.model_copy(
        update={
            "verdict": Verdict(
                status="inconclusive",
                candidate="ranker-v2",
                checks=(check, *checks()[1:]),
                sentence="Cannot tell yet whether to ship ranker-v2: revenue_per_user may be better or worse than "
                "current (+0.26 [-0.23, +0.75] USD). It would take about 41,200 users (there are 11,204).",
            ),
            "effects": (open_, *base.effects[1:]),
            "sequences": (
                base.sequences[0].model_copy(
                    update={
                        "decided_on": None,
                        "progress": 0.62,
                        "progress_sentence": "precision 62 % of target",
                        "looks": base.sequences[0].looks[:9],
                        "sentence": "Under the hybrid rule revenue_per_user could not have been decided on any day so "
                        "far.",
                    }
                ),
            ),
            "trends": (
                TRENDS[0].model_copy(
                    update={
                        "differences": (), "lows": (), "highs": (), "days": (), "slope": None, "steady": None,
                        "reason": "fewer than 3 days", "sentence": "No trend: fewer than 3 days.",
                    }
                ),
            ),
            "days": 8.54,
            "as_of": "2026-03-09T13:00:00+01:00",
        }
    )  # fmt: skip


def broken_ratio() -> Readout:
    """The sample ratio fails: no numbers on the first screen, and where to look."""
    return passing().model_copy(
        update={
            "verdict": Verdict(
                status="invalid",
                sentence="These data cannot carry a verdict: the sample ratio is broken (p = 1.8e-06 overall; it is "
                "the segment device = tablet that breaks it).",
            ),
            "health": (
                Finding(
                    name="sample ratio",
                    status="fail",
                    sentence="821,588 against 815,482 where 50 % each was planned (p = 1.8e-06). Look at device = "
                    "tablet: without it the shares are as planned.",
                    count=6_106,
                ),
                *HEALTH[1:],
            ),
        }
    )


def unplanned() -> Readout:
    """No plan: everything is exploratory."""
    base = passing()
    loose = tuple(
        one.model_copy(update={"exploratory": True, "planned": False, "decides": False, "phase": None})
        for one in base.effects
        if one.phase is None
    )
    return base.model_copy(
        update={
            "verdict": Verdict(
                status="inconclusive",
                sentence="No verdict: there was no plan. revenue_per_user is better than current (+0.46 [+0.17, +0.75] "
                "USD), which a planned test would have to confirm.",
            ),
            "exploratory": True,
            "plan": None,
            "plan_digest": None,
            "policy": None,
            "effects": loose,
            "units": tuple(one.model_copy(update={"planned_share": None, "model": None}) for one in base.units),
            "sequences": tuple(
                one.model_copy(
                    update={
                        "rule": "fixed", "decided_on": None, "progress": None, "progress_sentence": "",
                        "method": "no plan, so no stopping rule: each day read as if it were the only look, which is "
                        "not valid together",
                        "sentence": f"Without a plan there was no rule for stopping; the daily intervals of "
                        f"{one.metric} are for orientation.",
                        "looks": tuple(look.model_copy(update={"low": None, "high": None, "information": None})
                                       for look in one.looks),
                    }
                )
                for one in base.sequences
            ),
            "segment_tests": tuple(one.model_copy(update={"planned": False}) for one in TESTS),
            "as_of": None,
        }
    )  # fmt: skip


def several_arms() -> Readout:
    """Two treatments against one control."""
    base = passing()
    arms = ("current", "ranker-v2", "ranker-v3")
    third = "ranker-v3"
    total = sum(UNITS.values())
    return base.model_copy(
        update={
            "verdict": base.verdict.model_copy(
                update={
                    "checks": (*checks(), *checks(third, revenue="inconclusive")),
                    "sentence": f"{base.verdict.sentence} Of 2 candidates no other passes.",
                }
            ),
            "title": "two rankers against current",
            "plan": plan(*arms),
            "arms": arms,
            "units": tuple(
                ArmUnits(arm=arm, units=UNITS[arm], share=UNITS[arm] / total, planned_share=1 / 3) for arm in arms
            ),
            "effects": (*base.effects, *main_effects(third, shift=-0.4)),
            "estimates": estimates(*arms),
            "sequences": (*base.sequences, *sequences(third)),
        }
    )


def hostile() -> Readout:
    """Names as an attacker would choose them."""
    base = passing()
    long = "w" * 3_000
    names = {"current": f"control {HOSTILE}", "ranker-v2": HOSTILE, "revenue_per_user": f"{HOSTILE} revenue"}

    def renamed(text: str | None) -> str | None:
        return None if text is None else names.get(text, text)

    effects = tuple(
        one.model_copy(
            update={
                "baseline": renamed(one.baseline),
                "candidate": renamed(one.candidate),
                "metric": renamed(one.metric),
                "scale": HOSTILE if one.scale == "USD" else one.scale,
                "slice": dict.fromkeys([HOSTILE], long) if one.slice else {},
                "segment": f"{HOSTILE}={long}" if one.segment else None,
                "units": {renamed(arm): units for arm, units in one.units.items()},
                "method": f"{HOSTILE}{one.method}",
                "notes": (HOSTILE,),
            }
        )
        for one in base.effects
    )
    return base.model_copy(
        update={
            "title": HOSTILE,
            "verdict": base.verdict.model_copy(
                update={
                    "sentence": f"Ship {HOSTILE}",
                    "candidate": HOSTILE,
                    "checks": tuple(
                        one.model_copy(update={"name": f"{HOSTILE} {one.name}", "candidate": HOSTILE, "reason": long})
                        for one in base.verdict.checks
                    ),
                }
            ),
            "arms": tuple(names[arm] for arm in base.arms),
            "units": tuple(one.model_copy(update={"arm": names[one.arm], "model": HOSTILE}) for one in base.units),
            "unit": f"{HOSTILE}_id",
            "as_of": HOSTILE,
            "lead_metric": names["revenue_per_user"],
            "metrics": tuple(one.model_copy(update={"summary": HOSTILE, "formula": HOSTILE}) for one in base.metrics),
            "effects": effects,
            "estimates": tuple(one.model_copy(update={"model": names[one.model]}) for one in base.estimates),
            "sequences": tuple(
                one.model_copy(
                    update={
                        "metric": names.get(one.metric, one.metric),
                        "candidate": HOSTILE,
                        "method": HOSTILE,
                        "sentence": HOSTILE,
                        "progress_sentence": HOSTILE,
                        "decided_on": HOSTILE,
                        "looks": (*one.looks[:-1], one.looks[-1].model_copy(update={"day": HOSTILE})),
                    }
                )
                for one in base.sequences
            ),
            "segment_tests": tuple(
                one.model_copy(update={"segment": HOSTILE, "sentence": long, "candidate": HOSTILE}) for one in TESTS
            ),
            "trends": (TRENDS[0].model_copy(update={"candidate": HOSTILE, "sentence": HOSTILE}),),
            "beliefs": tuple(one.model_copy(update={"candidate": HOSTILE}) for one in BELIEFS),
            "costs": tuple(one.model_copy(update={"sentence": HOSTILE}) for one in COSTS),
            "deviations": (Deviation(what=HOSTILE, planned=HOSTILE, found=long, serious=True),),
            "plan": plan().model_copy(update={"name": HOSTILE, "hypothesis": HOSTILE, "segments": (HOSTILE,)}),
            "not_shown": (HOSTILE,),
        }
    )


def long_running() -> Readout:
    """Two years of daily looks, fifty segments: the page must stay small."""
    base = passing()
    levels = [
        effect("revenue_per_user", 12.4, 12.4 + 0.1 * math.sin(place), 0.6, of={"city": f"city {place}"},
               exploratory=True, units=(700 - place, 700))
        for place in range(300)
    ]  # fmt: skip
    return base.model_copy(
        update={
            "sequences": tuple(
                one for metric in FORMULAS for one in [
                    sequences(days=730)[0].model_copy(update={"metric": metric, "rule": "anytime"})
                ]
            ),
            "effects": (*base.effects, *levels),
            "days": 730.0,
        }
    )  # fmt: skip


def looks_of_a_group() -> Readout:
    """Group-sequential: four planned looks among the days."""
    base = passing()
    one = base.sequences[0]
    return base.model_copy(
        update={
            "sequences": (
                one.model_copy(
                    update={
                        "rule": "group-sequential",
                        "looks": looks(16, difference=0.46, error=0.149, rare=True),
                        "decided_on": "2026-03-12",
                        "method": "group-sequential (look 3, O'Brien-Fleming spending), Welch t",
                    }
                ),
            ),
        }
    )


def bare() -> Readout:
    """Three units, nothing to compare, nothing given."""
    return Readout(
        verdict=Verdict(status="inconclusive", sentence="Cannot tell: fewer than 2 units in one of the two arms."),
        title="3 units",
        exploratory=True,
        unit="id",
        arms=("a", "b"),
        units=(ArmUnits(arm="a", units=2, share=2 / 3), ArmUnits(arm="b", units=1, share=1 / 3)),
        lead_metric="conversion",
        effects=(
            ExperimentEffect(baseline="a", candidate="b", metric="conversion", n=3, baseline_value=0.5,
                             candidate_value=0.0, exploratory=True,
                             reason="fewer than 2 units in one of the two arms: a variance needs at least 2"),
        ),
        sequences=(
            Sequence(metric="conversion", baseline="a", candidate="b", rule="fixed", method="none",
                     looks=(Look(day="day 1", units=3, reason="too few units"),)),
        ),
        provenance=provenance().model_copy(update={"sources": ()}),
    )  # fmt: skip


EVERY = {
    "passing": passing,
    "failing": failing,
    "inconclusive": inconclusive,
    "broken_ratio": broken_ratio,
    "unplanned": unplanned,
    "several_arms": several_arms,
    "hostile": hostile,
    "long_running": long_running,
    "looks_of_a_group": looks_of_a_group,
    "bare": bare,
}
