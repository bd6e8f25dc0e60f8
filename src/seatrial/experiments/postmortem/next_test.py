"""What to test next, and on how many units: for the effect that matters, never for the one observed."""

from collections.abc import Mapping

from seatrial.experiments.postmortem.subject import Subject, oriented, per_arm, shown, size, target, units_said
from seatrial.records.numbers import format_value
from seatrial.records.postmortem import NextTest, Step
from seatrial.records.readout import ExperimentEffect, Trend
from seatrial.stats.duration import days_needed
from seatrial.stats.power import UNKNOWN, rows_needed

_DATA = ("sample ratio", "crossovers", "logging", "metric validity")
_TYPICAL = 0.5
"""Correlation with the same metric before the experiment, where no covariate was used: it spares a quarter of the
units."""


def next_test(
    of: Subject, steps: Mapping[str, Step], *, best: ExperimentEffect | None, trend: Trend | None
) -> NextTest:
    """Choose what to do by the first step that explains the null; with a number of units wherever one helps."""
    effect = of.effect
    broken = next((steps[name] for name in _DATA if steps[name].status == "fail"), None)
    if broken is not None:
        return _repair(of, broken)
    if effect.word in ("better", "worse"):
        return NextTest(
            kind="decide",
            metric=of.metric,
            sentence=f"{of.metric} is {effect.word} ({shown(effect)}): this is no null result; follow the verdict.",
        )
    if best is not None:
        return _segment(of, best)
    triggered = _triggered(of, steps["dilution and trigger"])
    if triggered is not None:
        return triggered
    if trend is not None and (trend.slope or 0.0) * (1 if effect.higher_is_better else -1) > 0:
        return _longer(of, trend)
    wanted = of.target
    _, high = oriented(effect)
    left = f"no gain larger than {size(max(high, 0.0), effect)} is left" if high is not None else ""
    settled = steps["power"].status == "pass" or effect.word == "no meaningful difference"
    if wanted is not None and high is not None and high < wanted[0]:
        settled = True
    if settled and left:
        goal = f", and {wanted[1]} was {size(wanted[0], effect)}" if wanted is not None else ""
        return NextTest(
            kind="stop",
            metric=of.metric,
            effect=max(high, 0.0) if high is not None else None,
            sentence=f"Stop: {left} (the interval is {shown(effect)}){goal}. "
            "A larger test would only show something smaller; "
            "change the treatment, or keep what is cheaper.",
        )
    return _larger(of)


def brief(test: NextTest) -> str:
    """The next test in a few words: `test country=DE alone, 9,812 units per arm`."""
    where = ", ".join(f"{column}={level}" for column, level in test.where.items())
    said = {
        "repair": "repair the data, show it by an A/A test, and repeat",
        "segment": f"test {where} alone",
        "trigger": f"test {where} alone",
        "longer": "follow the units for longer",
        "larger": "repeat larger",
        "stop": "stop",
        "decide": "follow the verdict",
    }[test.kind]
    return f"{said}, {units_said(test.units)}" if test.units else said


def _repair(of: Subject, step: Step) -> NextTest:
    units = _needed(of, of.effect)
    many = f" with {units_said(units)}" if units else ""
    return NextTest(
        kind="repair",
        metric=of.metric,
        units=units,
        effect=None if of.target is None else of.target[0],
        days=_days(of, units, 1.0),
        sentence=f"Repair first: {step.name} failed, so this was no test of {of.candidate}. "
        f"Run an A/A test until it passes, then repeat{many}.",
    )


def _segment(of: Subject, best: ExperimentEffect) -> NextTest:
    units = _needed(of, best)
    where = ", ".join(f"{column}={level}" for column, level in best.slice.items())
    share = best.n / of.effect.n if of.effect.n else 1.0
    goal = target(of.readout, best)
    many = f" with {units_said(units)}" if units else ""
    finds = f", which finds {size(goal[0], best)}" if goal is not None and units else ""
    return NextTest(
        kind="segment",
        metric=of.metric,
        where=best.slice,
        units=units,
        effect=None if goal is None else goal[0],
        days=_days(of, units, share),
        sentence=f"Test {of.candidate} on {where} alone{many}{finds}, registered as the hypothesis before the start; "
        "the "
        f"{shown(best)} seen here was picked as the best of several and will shrink.",
    )


def _triggered(of: Subject, step: Step) -> NextTest | None:
    """A test of the units that met the change, where those are few, alike in the arms, and not yet enough."""
    share = step.numbers.get("share")
    one = of.triggered
    if step.status != "fail" or not share or one is None or not step.sentence.startswith("Only"):
        return None
    wanted, found = of.target, of.detectable(one)
    goal = None if wanted is None else wanted[0] / share
    needed = UNKNOWN if goal is None or not found else int(rows_needed(one.n, found, goal))
    units = {} if needed == UNKNOWN else per_arm(one, needed)
    _, high = oriented(one)
    if one.word == "better" and one.difference is not None:
        return _confirm(of, one, one.difference, share)
    if goal is not None and high is not None and high < goal:
        left = max(high, 0.0)
        return NextTest(
            kind="stop",
            metric=of.metric,
            where=one.slice,
            effect=left,
            sentence=f"Stop: even on the units that met the change ({of.trigger}) no gain larger than "
            f"{size(left, one)} is left, which on all units is {size(left * share, of.effect)}. Change the treatment, "
            "or let more units meet it.",
        )
    many = f" with {units_said(units)} that meet it" if units else ""
    finds = (
        f": that finds {size(goal, one)} on them, which is {size(goal * share, of.effect)} on all"
        if goal and units
        else ""
    )
    return NextTest(
        kind="trigger",
        metric=of.metric,
        where=one.slice,
        units=units,
        effect=goal,
        days=_days(of, units, share),
        sentence=f"Assign, or analyse, only units that meet the change ({of.trigger}){many}{finds}.",
    )


def _confirm(of: Subject, one: ExperimentEffect, difference: float, share: float) -> NextTest:
    """The effect is there on the units that met the change: to be confirmed on them."""
    units, goal = _needed(of, one), target(of.readout, one)
    many = f" with {units_said(units)} that meet it" if units else ""
    finds = f", which finds {size(goal[0], one)} on them" if goal is not None and units else ""
    return NextTest(
        kind="trigger",
        metric=of.metric,
        where=one.slice,
        units=units,
        effect=None if goal is None else goal[0],
        days=_days(of, units, share),
        sentence=f"On the units that met the change {of.metric} is {shown(one)}, worth "
        f"{size(abs(difference) * share, of.effect)} on all: register the analysis of those ({of.trigger}) as the "
        f"primary one and confirm it{many}{finds}.",
    )


def _longer(of: Subject, trend: Trend) -> NextTest:
    units = _needed(of, of.effect)
    many = f" of {units_said(units)}" if units else ""
    days = 2 * (max(trend.days, default=6) + 1)
    return NextTest(
        kind="longer",
        metric=of.metric,
        units=units,
        effect=None if of.target is None else of.target[0],
        days=days,
        sentence=f"Follow the units for longer{many}, at least {days} days from each one's first "
        "exposure, and register the effect of the last week as the primary metric: it is still growing.",
    )


def _larger(of: Subject) -> NextTest:
    effect = of.effect
    units = _needed(of, effect)
    wanted = of.target
    if not units or wanted is None:
        return NextTest(
            kind="larger",
            metric=of.metric,
            sentence="Say first what difference would matter (a minimum effect in a plan): without it no number of "
            "units can be named.",
        )
    sharper = _sharper(of, units)
    return NextTest(
        kind="larger",
        metric=of.metric,
        units=units,
        effect=wanted[0],
        days=_days(of, units, 1.0),
        sentence=f"Repeat larger: {units_said(units)} find {wanted[1]} of {size(wanted[0], effect)}; this test had "
        f"{effect.n:,} in all.{sharper}",
    )


def _sharper(of: Subject, units: Mapping[str, int]) -> str:
    """What covariates spare: those used, or typical ones."""
    if of.effect.adjustment != "none":
        return " This already counts on the covariates (CUPED)."
    fewer = {arm: int(-(-n * (1 - _TYPICAL**2) // 1)) for arm, n in units.items()}
    return (
        f" The same metric from before the experiment as covariate (CUPED) at a correlation of "
        f"{format_value(_TYPICAL)} would "
        f"need {units_said(fewer)}."
    )


def _needed(of: Subject, effect: ExperimentEffect) -> dict[str, int]:
    """Units per arm on which the effect that matters is found with the planned power."""
    goal, found = target(of.readout, effect), of.detectable(effect)
    if goal is None or not found:
        return {}
    needed = int(rows_needed(effect.n, found, goal[0]))
    return {} if needed == UNKNOWN else per_arm(effect, needed)


def _days(of: Subject, units: Mapping[str, int], share: float) -> int | None:
    plan = of.readout.plan
    if plan is None or plan.sizing is None or not plan.sizing.new_units_per_day or not units:
        return None
    return days_needed(sum(units.values()), plan.sizing.new_units_per_day, share=min(max(share, 1e-9), 1.0))
