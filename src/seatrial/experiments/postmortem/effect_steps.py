"""Where an effect could hide: too few units, too few that met the change, segments that cancel, time, the benchmark."""

import math

from seatrial.experiments.health.findings import both, percent
from seatrial.experiments.postmortem.subject import TRUE, Subject, oriented, per_arm, shown, size, units_said
from seatrial.records.numbers import format_interval, format_p
from seatrial.records.plan import OfflineEffect
from seatrial.records.postmortem import Step
from seatrial.records.readout import ExperimentEffect, SegmentTest, Trend
from seatrial.stats.power import UNKNOWN, rows_needed
from seatrial.stats.sample_ratio import sample_ratio_test

REACHED = 1.05
"""A smallest detectable effect up to this factor of the planned one counts as reached."""
DILUTED = 0.5
"""Under this share of units that met the change, the test was mostly of units it could not move."""
LEVEL = 0.001


def power_step(of: Subject) -> Step:
    """Compare the effect the test could find with the one it was planned for."""
    effect, name, question = of.effect, "power", "Could the test have found the effect that was planned?"
    found = effect.smallest_detectable_effect
    if found is None or not found > 0:
        reason = effect.reason or "the readout has no standard error of the effect"
        return Step(name=name, question=question, status="cannot check", sentence=f"{_capital(reason)}.")
    numbers = {"smallest detectable effect": found, "units": float(effect.n)}
    wanted = of.target
    able = (
        f"With {effect.n:,} units a true difference of {size(found, effect)} would have been found in "
        f"{percent(of.power)} of such tests"
    )
    if wanted is None:
        return Step(
            name=name,
            question=question,
            status="cannot check",
            sentence=f"{able}; no plan says what difference would have mattered.",
            numbers=numbers,
        )
    goal, source = wanted
    numbers["effect that mattered"] = goal
    needed = rows_needed(effect.n, found, goal)
    if needed > 0 and needed != UNKNOWN:
        numbers["units needed"] = float(needed)
    low, high = oriented(effect)
    excluded = low is not None and high is not None and high < goal
    planned = of.readout.plan is not None and source.startswith("the plan")
    if found <= goal * REACHED:
        said = f"{able}, and {source} is {size(goal, effect)}: the test was large enough."
        return Step(name=name, question=question, status="pass", sentence=said, numbers=numbers)
    if excluded:
        said = (
            f"{able}, more than {source} of {size(goal, effect)}; even so the interval ({shown(effect)}) excludes "
            "such a gain."
        )
        return Step(name=name, question=question, status="pass", sentence=said, numbers=numbers)
    need = f" That takes {units_said(per_arm(effect, int(needed)))}." if needed != UNKNOWN else ""
    said = f"{able}, but {source} is {size(goal, effect)}: the test was too small for it.{need}"
    return Step(
        name=name, question=question, status="fail" if planned else "cannot check", sentence=said, numbers=numbers
    )


def dilution_step(of: Subject) -> Step:
    """What share of the units met the change at all, where a trigger column says it."""
    name, question = "dilution and trigger", "Did the units meet the change at all?"
    found = of.effect.smallest_detectable_effect
    one = of.triggered
    if of.trigger is None or one is None:
        what = (
            "No column says which units met the change"
            if of.trigger is None
            else (f"'{of.trigger}' has no level that says yes ({', '.join(TRUE[:3])})")
        )
        cost = ""
        numbers: dict[str, float] = {}
        if found:
            cost = (
                f"; if only one in five did, an effect on those shows at a fifth of its size, and only one of "
                f"{size(5 * found, of.effect)} on them would have been found"
            )
            numbers = {"smallest detectable effect on a fifth": 5 * found}
        said = f"{what} (name it as the trigger; it must be known in both arms alike){cost}."
        return Step(name=name, question=question, status="cannot check", sentence=said, numbers=numbers)
    levels, arms = of.levels(of.trigger), (of.control, of.candidate)
    triggered = [one.units.get(arm, 0) for arm in arms]
    every = [sum(effect.units.get(arm, 0) for effect in levels) for arm in arms]
    share = sum(triggered) / max(sum(every), 1)
    numbers = {"share": share, **{f"triggered {arm}": float(n) for arm, n in zip(arms, triggered, strict=True)}}
    if min(every) > 0 and sum(triggered) > 0:
        p = sample_ratio_test(triggered, every).p_value
        if p < LEVEL:
            shares = both([f"{percent(n / k)} of {arm}" for arm, n, k in zip(arms, triggered, every, strict=True)])
            said = (
                f"The trigger differs between the arms ({shares} met the change, {format_p(p)}): it is not logged "
                f"alike in "
                "both, so the triggered units do not compare; log in the control when the change would have shown."
            )
            return Step(name=name, question=question, status="fail", sentence=said, numbers=numbers)
    on_them = f"on those {of.metric} is {shown(one)}"
    if share < DILUTED:
        said = (
            f"Only {percent(share)} of the units met the change ({of.trigger}), so an effect on them shows at "
            f"{percent(share)} "
            f"of its size; {on_them}."
        )
        return Step(name=name, question=question, status="fail", sentence=said, numbers=numbers)
    said = f"{percent(share)} of the units met the change ({of.trigger}); {on_them}."
    return Step(name=name, question=question, status="pass", sentence=said, numbers=numbers)


def segment_step(of: Subject) -> tuple[Step, ExperimentEffect | None]:
    """Whether segments differ, by their interaction tests, and the segment with the best effect where they do."""
    name, question = "segments", "Do gains in some segments cancel losses in others?"
    tests = [
        test
        for test in of.readout.segment_tests
        if (test.metric, test.candidate) == (of.metric, of.candidate) and test.segment != of.trigger
    ]
    done = [test for test in tests if _p(test) is not None]
    if not done:
        why = tests[0].reason or "no interaction could be tested" if tests else "no segments were named (--segment)"
        return Step(name=name, question=question, status="cannot check", sentence=f"{_capital(why)}."), None
    numbers = {f"p {test.segment}": float(_p(test) or 0.0) for test in done}
    differing = sorted((test for test in done if (_p(test) or 0.0) < of.alpha), key=lambda test: _p(test) or 0.0)
    turned = [test for test in done if test.simpson]
    if not differing:
        names = both([f"'{test.segment}'" for test in done[:5]])
        lowest = min(_p(test) or 0.0 for test in done)
        said = f"The effect does not differ between the levels of {names} (smallest {format_p(lowest)})."
        if turned:
            said = (
                f"{turned[0].sentence.rstrip('.')}: the pooled effect contradicts those within '{turned[0].segment}'."
            )
        return Step(
            name=name, question=question, status="fail" if turned else "pass", sentence=said, numbers=numbers
        ), None
    first = differing[0]
    levels = [effect for effect in of.levels(first.segment) if effect.difference is not None and not effect.small]
    levels.sort(key=lambda effect: -_good(effect))
    if not levels:
        return Step(name=name, question=question, status="fail", sentence=first.sentence, numbers=numbers), None
    best, worst = levels[0], levels[-1]
    for effect in (best, worst):
        numbers[f"{first.segment}={effect.slice[first.segment]}"] = (
            effect.relative_difference if effect.relative_difference is not None else effect.difference or 0.0
        )
    cancel = _good(best) > 0 > _good(worst)
    kind = "registered" if first.planned else "explored, so to be confirmed"
    more = f" ({both([repr(test.segment) for test in differing[1:4]])} differ too.)" if len(differing) > 1 else ""
    said = (
        f"The effect differs by '{first.segment}' ({format_p(_p(first) or 0.0)}, {kind}): {shown(best)} in "
        f"{_where(best)} and "
        f"{shown(worst)} in {_where(worst)}{', which cancel in the whole' if cancel else ''}.{more}"
    )
    return Step(name=name, question=question, status="fail", sentence=said, numbers=numbers), best if _good(
        best
    ) > 0 else None


def trend_step(of: Subject) -> tuple[Step, Trend | None]:
    """Whether the effect changes with days since exposure, and the trend where it does."""
    name, question = "trend", "Does the effect wear off, or come late?"
    trend = next((one for one in of.readout.trends if (one.metric, one.candidate) == (of.metric, of.candidate)), None)
    if trend is None or trend.p_value is None or trend.slope is None:
        why = (
            "the readout has no effect by days since exposure: it takes event times" if trend is None else trend.reason
        )
        said = f"{_capital(why or 'no slope could be tested')}."
        return Step(name=name, question=question, status="cannot check", sentence=said), None
    numbers = {"slope per log day": trend.slope, "p": trend.p_value, "units followed": float(trend.units)}
    if trend.steady is not None:
        numbers["steady effect"] = trend.steady
    if trend.p_value >= of.alpha:
        found = f"{format_p(trend.p_value)} over {len(trend.days)} days"
        said = f"The effect does not change with days since exposure ({found})."
        return Step(name=name, question=question, status="pass", sentence=said, numbers=numbers), None
    better = (trend.slope > 0) == of.effect.higher_is_better
    steady = (
        f", to "
        f"{format_interval(trend.steady, trend.steady_low, trend.steady_high, scale=of.effect.scale, signed=True)} "
        f"in the "
        "end"
        if trend.steady is not None
        else ""
    )
    kind = "gets better" if better else "gets worse"
    meaning = (
        "units learn, and the average over all days hides what is there at the end"
        if better
        else "what looked like a gain was novelty, or the change tires"
    )
    said = f"The effect {kind} with days since exposure ({format_p(trend.p_value)}){steady}: {meaning}."
    return Step(name=name, question=question, status="fail", sentence=said, numbers=numbers), trend


def offline_step(of: Subject) -> Step:
    """Hold the effect against what the offline comparison of the arm's model found."""
    name, question = "offline gap", "Does the experiment agree with the offline result?"
    plan = of.readout.plan
    arm = None if plan is None else next((arm for arm in plan.arms if arm.name == of.candidate), None)
    verdict = None if arm is None else arm.verdict
    if verdict is None or not verdict.effects:
        said = "The plan names no offline verdict for this arm, so nothing says what was to be expected online."
        return Step(name=name, question=question, status="cannot check", sentence=said)
    known = next((effect for effect in verdict.effects if effect.metric == of.metric), verdict.effects[0])
    same = known.metric == of.metric
    sign = 1 if known.higher_is_better else -1
    numbers = {"offline difference": known.difference}
    if of.effect.difference is not None:
        numbers["online difference"] = of.effect.difference
    offline = f"Offline ({verdict.name}) {known.metric} was {_offline_shown(known)}"
    online = f"online {of.metric} is {shown(of.effect)}"
    settled = known.low is not None and known.high is not None and (known.low > 0 or known.high < 0)
    if not settled:
        said = f"{offline}, which is not settled either; {online}: nothing else was to be expected."
        return Step(name=name, question=question, status="pass", sentence=said, numbers=numbers)
    low, high = oriented(of.effect)
    gain = sign * known.difference > 0
    agrees = (low is not None and low > 0) if gain else (high is not None and high < 0)
    against = (high is not None and high < 0) if gain else (low is not None and low > 0)
    if agrees:
        return Step(
            name=name,
            question=question,
            status="pass",
            sentence=f"{offline}, and {online}: they agree.",
            numbers=numbers,
        )
    if same and _overlap(known, of.effect):
        said = f"{offline}, and {online}: not settled, but in line with it."
        return Step(name=name, question=question, status="pass", sentence=said, numbers=numbers)
    if against:
        rest = "they contradict each other: the benchmark points the wrong way here"
    elif same:
        rest = "the gain did not carry over: the benchmark's rows are not the ones served"
    else:
        rest = "the gain did not carry over: too small to move the metric, or the benchmark does not measure what does"
    return Step(
        name=name, question=question, status="fail", sentence=f"{offline}, but {online}: {rest}.", numbers=numbers
    )


def _offline_shown(effect: OfflineEffect) -> str:
    return format_interval(effect.difference, effect.low, effect.high, signed=True, thresholds=[0.0])


def _overlap(offline: OfflineEffect, online: ExperimentEffect) -> bool:
    """Whether the difference of the two differences, both at 95 %, could be 0."""
    if online.difference is None or online.standard_error is None or offline.low is None or offline.high is None:
        return False
    error = math.hypot((offline.high - offline.low) / (2 * 1.96), online.standard_error)
    return abs(offline.difference - online.difference) < 1.96 * error


def _good(effect: ExperimentEffect) -> float:
    difference = effect.difference or 0.0
    return difference if effect.higher_is_better else -difference


def _where(effect: ExperimentEffect) -> str:
    return ", ".join(f"{column}={level}" for column, level in effect.slice.items())


def _p(test: SegmentTest) -> float | None:
    return test.adjusted_p_value if test.adjusted_p_value is not None else test.p_value


def _capital(text: str) -> str:
    return (text[:1].upper() + text[1:]).rstrip(".")
