"""How many units a plan needs, how many days that takes, and what shorter or longer would find (STATISTICS 3.12)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.errors import DataError, UsageError
from seatrial.experiments.advice import Situation, advice
from seatrial.experiments.assumptions import Base, Traffic, parse_traffic
from seatrial.experiments.history import Spread, read_history
from seatrial.experiments.powered import Asked, from_base, inflation, margin_of
from seatrial.experiments.windows import window_days
from seatrial.records.decision import Rule
from seatrial.records.numbers import format_count, format_percent
from seatrial.records.plan import DurationRow, Plan, Sizing
from seatrial.stats.duration import LONGEST, cumulative_units, days_needed
from seatrial.stats.heavy_tails import rows_for_nominal_coverage
from seatrial.stats.sample_size import shared_power, traffic_shares

DURATIONS = (7, 14, 21, 28, 42, 56)
"""Days of the table, and the planned ones."""
LONG = 56
"""Days above which a plan is told what low traffic could do instead."""


def size(
    plan: Plan,
    *,
    history: Any = None,
    base: Mapping[str, Base] | None = None,
    new_units_per_day: Any = None,
) -> Plan:
    """Return the plan with its `Sizing`: units per arm, days, and what each duration can find.

    `history` is a table with one row a unit (or several, whose unit repeats); `base` says metrics where there is none;
    `new_units_per_day` is a number, a list (first seen on each day), or daily active units of a population. Success
    metrics are sized at alpha/(success metrics x treatments) (the first step of Holm), guardrails at their margin with
    true difference 0; power is shared: each check at 1 - beta/(1 + G). Raises `UsageError` where something that the
    primary metric needs is missing, `DataError` where the history cannot carry it.

    >>> from seatrial.experiments.plan_file import parse_plan
    >>> text = "{arms: {A: 50, B: 50}, metrics: {buys: mean(bought == 1)}, minimum_effect: 5%, stopping: fixed}"
    >>> plan = parse_plan(text)
    >>> size(plan, base={"buys": Base(value=0.05)}).sizing.units
    {'A': 122121, 'B': 122121}
    """
    if plan.frozen:
        raise UsageError(f"Plan '{plan.name}' is frozen and keeps its sizing; write an amendment to size it anew.")
    traffic = parse_traffic(new_units_per_day, "new units per day")
    spreads, notes = _spreads(plan, history, base or {})
    names, weights = _allocation(plan)
    asked, more = _asked(plan, spreads, treatments=len(names) - 1)
    notes += more
    primary = next((one for one in asked if one.metric.name == plan.primary), None)
    guardrails = sum(rule.role == "guardrail" for rule in plan.policy.rules)
    if not any(rule.role == "success" for rule in plan.policy.rules):
        guardrails -= 1  # the checks that must pass are the guardrails alone
    power = plan.policy.power
    each = shared_power(power, guardrails)
    own = spreads[plan.primary]
    alpha = plan.policy.alpha if primary is None else primary.alpha
    grown = inflation(plan, alpha=alpha, power=each)
    needed: dict[str, tuple[int, ...]] = {}
    for one in asked:
        found = one.units(
            weights, power=power, guardrails=guardrails, inflation=inflation(plan, alpha=one.alpha, power=each)
        )
        needed[one.metric.name] = max(found, needed.get(one.metric.name, found), key=sum)
    deciding = max(needed, key=lambda name: sum(needed[name]), default=plan.primary)
    units = dict(zip(names, needed[deciding], strict=True)) if needed else {}
    wait = _wait(plan)
    curve, ramp_notes = _curve(plan, traffic, weights, names)
    notes += ramp_notes
    days = None
    rows: tuple[DurationRow, ...] = ()
    measured = primary or Asked(
        rule=Rule(metric=plan.primary, role="success"),
        metric=plan.metric(plan.primary),
        spread=own,
        distance=math.nan,
        alpha=plan.policy.alpha / _family(plan, len(names) - 1),
    )
    if curve is not None:
        days = days_needed(sum(units.values()), curve, window=wait) if units else None
        rows = _by_duration(
            plan, measured, curve, weights, wait, power=power, guardrails=guardrails, inflation=grown, days=days
        )
    if traffic is not None and traffic.note:
        notes.append(traffic.note)
    notes += _sayings(plan, own, units, wait, names)
    sizing = Sizing(
        metric=plan.primary,
        control_value=own.value,
        standard_deviation=math.sqrt(own.adjusted),
        variance_factor=own.variance_factor,
        source=own.source,
        units=units,
        deciding=deciding,
        power_each=each,
        inflation=grown,
        new_units_per_day=()
        if traffic is None
        else tuple(round(one, 1) for one in traffic.new_per_day[: 2 * DURATIONS[1]]),
        days=days,
        by_duration=rows,
        notes=tuple(dict.fromkeys(notes)),
    )
    low = traffic is not None and bool(units) and (days is None or days > (plan.days or LONG))
    if low:
        situation = Situation(
            plan=plan, sizing=sizing, asked=measured, needed=needed, guardrails=guardrails, weights=tuple(weights),
            curve=curve if curve is not None else (), wait=wait,
        )  # fmt: skip
        sizing = sizing.model_copy(update={"advice": advice(situation)})
    return plan.model_copy(update={"sizing": sizing})


def _spreads(plan: Plan, history: Any, base: Mapping[str, Base]) -> tuple[dict[str, Spread], list[str]]:
    """What is known of each metric that a rule names; the primary must be."""
    notes: list[str] = []
    found: dict[str, Spread] = {}
    wanted = list(dict.fromkeys(rule.metric for rule in plan.policy.rules if rule.role != "secondary"))
    unknown = [name for name in base if name not in {metric.name for metric in plan.metrics}]
    if unknown:
        raise UsageError(f"The base names '{unknown[0]}', which is no metric of the plan.")
    table = None
    if history is not None:
        unit = plan.columns.unit or plan.unit
        table = read_history(history, [plan.metric(name) for name in wanted], unit=unit)
    for name in wanted:
        metric = plan.metric(name)
        try:
            if name in base:
                found[name] = from_base(metric, base[name])
            elif table is not None:
                found[name] = table.spread(metric)
            else:
                raise UsageError("neither a history nor a base says how it is today")
        except (UsageError, DataError) as error:
            if name == plan.primary:
                if history is None and name not in base:
                    raise UsageError(
                        f"Nothing says how '{name}' is today, so its units cannot be counted: give a history "
                        f"(--history FILE), or 'base: {{value: 0.05, standard_deviation: 0.3}}'."
                    ) from None
                raise
            notes.append(f"not sized: {name}, {str(error).rstrip('.')}")
        else:
            notes += found[name].notes
    return found, notes


def _asked(plan: Plan, spreads: Mapping[str, Spread], *, treatments: int) -> tuple[list[Asked], list[str]]:
    """The rules that have to be powered, and what is left out."""
    notes: list[str] = []
    found: list[Asked] = []
    family = _family(plan, treatments)
    for rule in plan.policy.rules:
        if rule.role == "secondary" or rule.metric not in spreads:
            continue
        metric, spread = plan.metric(rule.metric), spreads[rule.metric]
        if rule.is_bound:
            notes.append(f"not sized: the bound on {rule.metric}, which no difference decides")
            continue
        if rule.slice:
            where = " & ".join(f"{column}={level}" for column, level in rule.slice.items())
            notes.append(f"not sized: {rule.metric} on {where}; it needs as many units there as the whole says")
            continue
        if rule.role == "success":
            if plan.minimum_effect is None:
                notes.append("no minimum effect is given, so no number of units is named: the table says what is found")
                continue
            if plan.minimum_effect_is_relative:
                distance = plan.minimum_effect * abs(spread.value)
            elif rule.metric == plan.primary:
                distance = plan.minimum_effect
            else:
                notes.append(f"not sized: {rule.metric}; the minimum effect is in units of {plan.primary}")
                continue
            if distance <= 0:
                raise UsageError(f"'{rule.metric}' is 0 today, so a share of it is no effect: give an absolute one.")
            found.append(
                Asked(rule=rule, metric=metric, spread=spread, distance=distance, alpha=plan.policy.alpha / family)
            )
            continue
        margin, relative = margin_of(rule, metric)
        distance = margin * abs(spread.value) if relative else margin
        if distance <= 0:
            notes.append(f"not sized: {rule.metric}; a margin of 0 can only be passed by a gain")
            continue
        sign = (1.0 if metric.higher_is_better else -1.0) * (1.0 if spread.value >= 0 else -1.0)
        found.append(
            Asked(
                rule=rule,
                metric=metric,
                spread=spread,
                distance=distance,
                alpha=rule.alpha or plan.policy.alpha,
                factor=1.0 - sign * margin if relative else 1.0,
            )
        )
    return found, notes


def _family(plan: Plan, treatments: int) -> int:
    """Success metrics x treatments, at least 1."""
    return max(1, treatments * sum(rule.role == "success" for rule in plan.policy.rules))


def _allocation(plan: Plan) -> tuple[list[str], list[float]]:
    """The arms that get units in the last phase, the control first, with their weights."""
    shares = plan.phases[-1].weights if plan.phases else {arm.name: arm.weight for arm in plan.arms}
    names = [name for name in plan.arm_names if shares.get(name, 0.0) > 0]
    if plan.control not in names or len(names) < 2:
        raise UsageError(f"Plan '{plan.name}': the control and one more arm need a weight above 0 in the last phase.")
    return names, [shares[name] for name in names]


def _wait(plan: Plan) -> int:
    """Whole days after its first exposure in which a unit's metrics are not complete yet."""
    deciding = {rule.metric for rule in plan.policy.rules if rule.role != "secondary"}
    windows = [plan.metric(name).window for name in deciding]
    return max((math.ceil(window_days(window)) for window in windows if window is not None), default=0)


def _curve(
    plan: Plan, traffic: Traffic | None, weights: Sequence[float], names: Sequence[str]
) -> tuple[tuple[float, ...] | None, list[str]]:
    """New units of each day, worth as much as under the last allocation.

    Stratified by phase, N units of which N_k fall into phase k have the variance sum N_k c_k/N^2 with
    c_k = max over arms of 1/q_control + 1/q_arm, so they are worth c_last N^2/sum N_k c_k units of the last phase.
    """
    if traffic is None:
        return None, []
    horizon = len(traffic.curve) if len(traffic.curve) < 2 else LONGEST
    total = cumulative_units(traffic.curve, horizon)
    if len(plan.phases) < 2:
        return tuple(np.diff(total, prepend=0.0).tolist()), []
    new = np.diff(total, prepend=0.0)
    cost = np.full(horizon, np.nan)
    begin = _day(plan.phases[0].start)
    for phase in plan.phases:
        first = max(0, _day(phase.start) - begin)
        cost[first:] = _cost([phase.weights.get(name, 0.0) for name in names])
    usable = np.isfinite(cost)
    counted = np.cumsum(np.where(usable, new, 0.0))
    spent = np.cumsum(np.where(usable, new * np.where(usable, cost, 0.0), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.where(spent > 0, _cost(weights) * counted**2 / spent, 0.0)
    worth = np.maximum.accumulate(worth)
    note = "units of the ramp's earlier phases count for less: one small arm makes their difference less precise"
    return tuple(np.diff(worth, prepend=0.0).tolist()), [note]


def _cost(weights: Sequence[float]) -> float:
    if min(weights) <= 0:
        return math.inf
    shares = traffic_shares(weights)
    return float((1 / shares[0] + 1 / shares[1:]).max())


def _day(text: str) -> int:
    from datetime import date

    return date.fromisoformat(text[:10]).toordinal()


def _by_duration(
    plan: Plan,
    asked: Asked,
    curve: Sequence[float],
    weights: Sequence[float],
    wait: int,
    *,
    power: float,
    guardrails: int,
    inflation: float,
    days: int | None,
) -> tuple[DurationRow, ...]:
    """What each duration finds of the primary metric; durations in which no unit is complete are left out."""
    reached = np.concatenate([[0.0], np.cumsum(curve)])
    shares = traffic_shares(weights)
    wanted = sorted({*DURATIONS, *(extra for extra in (plan.days, days) if extra is not None)})
    rows = []
    for day in wanted:
        if not 0 <= day - wait < len(reached):
            continue
        units = [int(n) for n in np.floor(reached[day - wait] * shares * (1 + 1e-12))]
        if min(units) < 2:
            continue
        effect = asked.detectable(units, power=power, guardrails=guardrails, inflation=inflation)
        if not math.isfinite(effect):
            continue
        lift = effect / abs(asked.spread.value) if asked.spread.value else None
        rows.append(
            DurationRow(
                days=day,
                units_per_arm=min(units),
                minimum_detectable_effect=effect,
                minimum_detectable_lift=lift,
            )
        )
    return tuple(rows)


def _sayings(plan: Plan, own: Spread, units: Mapping[str, int], wait: int, names: Sequence[str]) -> list[str]:
    """What a reader of the number should know."""
    said = []
    family = _family(plan, len(names) - 1)
    if family > 1:
        said.append(
            f"alpha {plan.policy.alpha:g} is shared by {family} comparisons (success metrics x treatments): each is "
            f"sized at {plan.policy.alpha / family:.4g}, the first step of Holm"
        )
    if wait:
        said.append(f"units exposed in the last {wait} days do not count: their window has not closed")
    if own.variance_factor < 1.0:
        said.append(
            f"the covariates explain {format_percent(1 - own.variance_factor)} "
            f"of the variance of {plan.primary} (CUPED)"
        )
    smallest = min(units.values(), default=0)
    need = float(rows_for_nominal_coverage(own.skewness))
    if smallest and not own.is_share and need > smallest:
        said.append(
            f"{plan.primary} is skewed ({own.skewness:.1f}): {format_count(need)} units an arm are needed for a "
            f"nominal coverage; a cap (winsorize) makes it need fewer"
        )
    if own.units is not None and own.units < 1000:
        said.append(f"the history has only {format_count(own.units)} units, so the variance is rough")
    return said
