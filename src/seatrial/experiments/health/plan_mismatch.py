"""Where what ran, or is asked now, is not what the plan says."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from seatrial.experiments.health.findings import PLAN, both, failed, many, passed, percent, warned
from seatrial.experiments.table import UnitTable
from seatrial.records.evidence import Finding
from seatrial.records.plan import ExperimentMetric, Plan
from seatrial.records.readout import Deviation

UNKNOWN = 0.01
_SAME = ("formula", "where", "aggregate", "window", "missing", "winsorize", "covariates", "higher_is_better")
_WORDS = {"winsorize": "cap", "higher_is_better": "direction", "where": "condition", "missing": "treatment of missing"}


def deviations(plan: Plan, table: UnitTable, metrics: Sequence[ExperimentMetric | str]) -> tuple[Deviation, ...]:
    """List the differences between a plan and what was run and asked: arms, dates, metrics, segments.

    Serious ones change what a verdict may rest on: a metric of the policy missing or computed another way, an arm
    missing
    or unplanned units over 1 %, an end before the planned one where the rule allows a single look. Allocation is judged
    by the sample ratio. `metrics` are those asked for now; of a mere name only its presence is looked at.
    """
    return (
        *_arms(plan, table),
        *_dates(plan, table),
        *_metrics(plan, metrics),
        *_segments(plan, table),
    )


def plan_mismatches(plan: Plan, found: Sequence[Deviation]) -> list[Finding]:
    """Say the deviations as findings: one that fails where the policy cannot be decided as planned, else one to look
    at."""
    if not plan.frozen:
        return [
            warned(
                PLAN,
                "The plan is not frozen: nothing shows that it was written before the data; freeze it before the "
                "start.",
            )
        ]
    if not found:
        return [passed(PLAN, f"Run and asked as planned (version {plan.version}).")]
    broken = [one for one in found if one.serious and one.what.split(":")[0] in ("metric", "arm")]
    findings = []
    if broken:
        findings.append(
            failed(
                PLAN,
                f"Not what was planned, so the policy cannot decide: {'; '.join(_said(one) for one in broken)}. "
                f"Analyse as "
                "planned, or amend the plan and run again.",
                len(broken),
            )
        )
    rest = [one for one in found if one not in broken]
    explored = rest and all(one.what.startswith("segment:") and one.found == "explored" for one in rest)
    if explored and not broken:
        named = both([one.what.removeprefix("segment: ") for one in rest])
        return [passed(PLAN, f"Run and asked as planned (version {plan.version}); explored beyond it: {named}.")]
    if rest:
        findings.append(
            warned(PLAN, f"Not as planned, and so exploratory: {'; '.join(_said(one) for one in rest)}.", len(rest))
        )
    return findings


def _said(one: Deviation) -> str:
    return f"{one.what} ({one.found}; planned: {one.planned})"


def _arms(plan: Plan, table: UnitTable) -> list[Deviation]:
    found = []
    if table.arms[0] != plan.control:
        found.append(Deviation(what="control", planned=plan.control, found=table.arms[0], serious=True))
    for arm in plan.arms:
        if arm.weight > 0 and arm.name not in table.arms:
            found.append(Deviation(what=f"arm: {arm.name}", planned="with units", found="no units", serious=True))
    known = {arm.name for arm in plan.arms}
    for name in table.arms:
        if name not in known:
            found.append(Deviation(what=f"arm: {name}", planned="no such arm", found="has units", serious=True))
    stray = table.counts.unknown_arm
    if stray:
        whole = table.counts.units + table.counts.crossovers + sum(stray.values())
        share = sum(stray.values()) / max(whole, 1)
        found.append(
            Deviation(
                what="units in other arms",
                planned="none",
                found=f"{many(sum(stray.values()), 'unit')} ({percent(share)}) in {both(sorted(stray))}",
                serious=share > UNKNOWN,
            )
        )
    return found


def _dates(plan: Plan, table: UnitTable) -> list[Deviation]:
    found = []
    first = _date(table.first_day)
    planned = _date(plan.start)
    if first is not None and planned is not None and first != planned:
        late = (first - planned).days
        said = f"{many(abs(late), 'day')} {'later' if late > 0 else 'earlier'}"
        found.append(
            Deviation(what="start", planned=planned.isoformat(), found=f"{first.isoformat()}, {said}", serious=late < 0)
        )
    if plan.days is not None and table.days is not None:
        if table.days < plan.days - 0.5 and plan.stopping.rule == "fixed":
            found.append(
                Deviation(
                    what="end",
                    planned=many(plan.days, "day"),
                    found=f"read after {table.days:.4g} days, where a fixed rule allows one look, at the end",
                    serious=True,
                )
            )
        elif table.days > plan.days + 1.5:
            found.append(
                Deviation(
                    what="end", planned=many(plan.days, "day"), found=f"read after {table.days:.4g} days", serious=False
                )
            )
    named = {phase.start for phase in plan.phases}
    unplanned = [name for name in table.phases if name and named and name not in named]
    if unplanned and len(table.phases) > 1:
        found.append(
            Deviation(
                what="phases",
                planned=both(sorted(named)),
                found=f"also from {both(unplanned[:3])}",
                serious=False,
            )
        )
    return found


def _metrics(plan: Plan, metrics: Sequence[ExperimentMetric | str]) -> list[Deviation]:
    found = []
    asked = {metric if isinstance(metric, str) else metric.name: metric for metric in metrics}
    deciding = {rule.metric for rule in plan.policy.rules if rule.role != "secondary"}
    for planned in plan.metrics:
        now = asked.pop(planned.name, None)
        decides = planned.name in deciding
        if now is None:
            found.append(
                Deviation(what=f"metric: {planned.name}", planned="analysed", found="left out", serious=decides)
            )
            continue
        for name in () if isinstance(now, str) else _SAME:
            before, after = getattr(planned, name), getattr(now, name)
            if before != after and not (name == "formula" and _plain(before) == _plain(after)):
                found.append(
                    Deviation(
                        what=f"metric: {planned.name}, {_WORDS.get(name, name)}",
                        planned=_value(before),
                        found=_value(after),
                        serious=decides,
                    )
                )
    found += [
        Deviation(what=f"further metric: {name}", planned="not in the plan", found="analysed", serious=False)
        for name in asked
    ]
    return found


def _segments(plan: Plan, table: UnitTable) -> list[Deviation]:
    there = {segment.name for segment in table.segments}
    found = [
        Deviation(what=f"segment: {name}", planned="not registered", found="explored", serious=False)
        for name in sorted(there - set(plan.segments))
    ]
    found += [
        Deviation(what=f"segment: {name}", planned="registered", found="left out", serious=False)
        for name in plan.segments
        if name not in there
    ]
    return found


def _plain(formula: str) -> str:
    return re.sub(r"\s+", "", formula)


def _value(of: object) -> str:
    if of is None or of == ():
        return "none"
    if isinstance(of, tuple):
        return ", ".join(str(one) for one in of)
    return "higher is better" if of is True else "lower is better" if of is False else str(of)


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).date()
    except ValueError:
        return None
