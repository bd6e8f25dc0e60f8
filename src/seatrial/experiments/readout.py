"""From what was observed to a `Readout`: health, effects, sequences, segments, beliefs, the verdict by the policy."""

import hashlib
import json
import math
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace

from seatrial.decisions.checks import Evidence
from seatrial.decisions.verdict import Decision, decide
from seatrial.errors import listed
from seatrial.experiments import arm_effects
from seatrial.experiments.arm_effects import Compared, adjustments, compared
from seatrial.experiments.arm_values import arm_estimates
from seatrial.experiments.beliefs import beliefs, wrong_cost
from seatrial.experiments.monitoring import Monitoring, daily_adjustment, monitoring
from seatrial.experiments.novelty import trend
from seatrial.experiments.observed import Observed
from seatrial.experiments.request import Request
from seatrial.experiments.segments import segment_tests
from seatrial.experiments.sequences import sequence
from seatrial.experiments.stopping import Clock, Unread
from seatrial.experiments.table import Grouping
from seatrial.records.decision import Rule
from seatrial.records.evidence import Finding, Provenance
from seatrial.records.plan import ExperimentMetric, Plan
from seatrial.records.readout import (
    Adjustment,
    ArmUnits,
    Belief,
    Deviation,
    ExperimentEffect,
    Readout,
    SegmentTest,
    WrongCost,
)
from seatrial.records.results import Estimate
from seatrial.records.scorecard import MetricInfo


@dataclass(frozen=True, kw_only=True)
class _Key:
    metric: str
    candidate: int
    grouping: Grouping
    adjustment: Adjustment


def read_out(
    observed: Observed,
    request: Request,
    *,
    title: str,
    findings: Many[Finding],
    deviations: Many[Deviation],
    provenance: Provenance,
    notes: Many[str] = (),
) -> Readout:
    """Assemble the readout; nothing is read from an engine here, so moments that were stored give the same page."""
    plan = _frozen(request)
    monitor = monitoring(observed, request)
    groupings = _groupings(observed, request)
    every: dict[_Key, Compared] = {}
    for metric in request.metrics:
        for candidate in observed.candidates(request.plan):
            for grouping in groupings[metric.name]:
                ways = adjustments(observed, metric, grouping, request)
                for way in ways:
                    one = compared(
                        observed,
                        metric,
                        candidate,
                        grouping,
                        adjustment=way,
                        strata=request.post_stratify,
                        decides=way == ways[-1],
                    )
                    key = _Key(metric=metric.name, candidate=candidate, grouping=grouping, adjustment=way)
                    every[key] = replace(one, read=monitor.read(one, request))
    estimates = arm_estimates(observed, request.metrics, alpha=request.policy.alpha)
    decision = _decision(observed, request, monitor, every, findings)
    effects = [
        record
        for one in sorted(every.values(), key=lambda c: _order(c, request))
        for record in arm_effects.records(one, observed, request, decision)
    ]
    deciding = [one for one in every.values() if one.decides and not one.grouping]
    views = [(one, view) for one in deciding for view in beliefs(one, observed, request)]
    return Readout(
        verdict=decision.verdict.model_copy(update={"evidence_digest": _digest(estimates, effects)}),
        by_candidate=decision.by_candidate,
        title=title,
        exploratory=plan is None,
        plan=request.plan,
        plan_digest=None if request.plan is None else request.plan.digest(),
        as_of=observed.as_of,
        unit=observed.unit,
        arms=observed.arms,
        units=_arm_units(observed, request.plan),
        days=observed.days,
        lead_metric=request.lead,
        health=tuple(findings),
        policy=request.policy,
        metrics=tuple(_info(metric) for metric in request.metrics),
        estimates=tuple(estimates),
        effects=tuple(effects),
        sequences=tuple(
            sequence(
                observed.daily[one.metric.name],
                one.candidate,
                observed.arms,
                request,
                monitor,
                adjustment=daily_adjustment(one.adjustment),
                alpha=decision.deciding(one.metric.name, {}, observed.arms[one.candidate]).alpha,
            )
            for one in deciding
            if one.metric.name in observed.daily and _compares(request, one.metric.name)
        ),
        beliefs=tuple(view for _, view in views),
        segment_tests=tuple(_segment_tests(observed, request, every)),
        trends=tuple(
            trend(observed.since[one.metric.name], one.metric, one.candidate, observed, request)
            for one in deciding
            if one.metric.name in observed.since
        ),
        costs=tuple(_costs(views, observed, request)),
        deviations=tuple(deviations),
        notes=(*notes, *_clock_note(monitor.now, plan)),
        not_shown=_not_shown(observed, request, effects),
        provenance=provenance,
    )


def _digest(estimates: Many[Estimate], effects: Many[ExperimentEffect]) -> str:
    """What the verdict rests on, named by its content."""
    records = [one.model_dump(mode="json") for one in (*estimates, *effects)]
    return hashlib.sha256(json.dumps(records, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _frozen(request: Request) -> Plan | None:
    return request.plan if request.plan is not None and request.plan.frozen else None


def _groupings(observed: Observed, request: Request) -> dict[str, list[Grouping]]:
    """All units first; segments for the metrics that decide, or for the lead where none does."""
    segmented = set(request.deciding) or {request.lead}
    asked = {(name,) for name in request.segments} | {tuple(rule.slice) for rule in request.policy.rules}
    return {
        metric.name: [
            grouping
            for grouping in observed.measured[metric.name].by
            if not grouping or (metric.name in segmented and grouping in asked)
        ]
        for metric in request.metrics
    }


def _compares(request: Request, metric: str) -> bool:
    """Whether a check compares this metric of all units with the control."""
    rule = request.rule_of(metric)
    return rule is not None and rule.role != "secondary"


def _decision(
    observed: Observed,
    request: Request,
    monitor: Monitoring,
    every: dict[_Key, Compared],
    findings: Many[Finding],
) -> Decision:
    def evidence(rule: Rule, candidate: str) -> Evidence:
        metric = request.metric(rule.metric)
        margin, is_relative = request.margin_of(metric, rule)
        index = observed.arms.index(candidate)
        common = {
            "margin": margin,
            "margin_is_relative": is_relative,
            "higher_is_better": metric.higher_is_better,
            "scale": metric.scale,
            "counted": _plural(observed.unit),
            "reference": "control",
        }
        if rule.is_bound:
            alpha = rule.alpha or request.policy.alpha
            own, waits = monitor.bound(observed, metric, rule, index, alpha=alpha)
            seen = {"reason": waits} if waits is not None else {"estimate": own}
            return Evidence(n=own.n, **seen, **common)  # type: ignore[arg-type]
        grouping: Grouping = tuple(rule.slice)
        if grouping not in observed.measured[metric.name].by:
            reason = f"the table does not split the units by {' and '.join(grouping)}"
            return Evidence(reason=reason, **common)  # type: ignore[arg-type]
        way = adjustments(observed, metric, grouping, request)[-1]
        one = every[_Key(metric=rule.metric, candidate=index, grouping=grouping, adjustment=way)]
        if rule.slice not in one.slices:
            said = " and ".join(f"{column}={level}" for column, level in rule.slice.items())
            there = f" (there are {listed(one.levels)})" if len(grouping) == 1 else ""
            return Evidence(reason=f"no unit has {said}{there}", **common)  # type: ignore[arg-type]
        at = one.slices.index(rule.slice)
        n = int(one.found.units_control[at] + one.found.units_treatment[at])
        if isinstance(one.read, Unread) and one.read.reasons[at] is None:
            return Evidence(n=n, reason=one.read.why, **common)  # type: ignore[arg-type]
        return Evidence(n=n, contrast=one.read.at(at), **common)  # type: ignore[arg-type]

    return decide(
        request.policy,
        findings=findings,
        evidence=evidence,
        candidates=[observed.arms[arm] for arm in observed.candidates(request.plan)],
        baseline=observed.arms[0],
    )


def _order(one: Compared, request: Request) -> tuple[int, int, int, int, int]:
    """All units before segments, deciding metrics first, the deciding adjustment before the other."""
    names = [metric.name for metric in request.metrics]
    deciding = list(request.deciding)
    place = (
        deciding.index(one.metric.name) if one.metric.name in deciding else len(deciding) + names.index(one.metric.name)
    )
    return len(one.grouping), place, one.candidate, not one.decides, 0


def _segment_tests(observed: Observed, request: Request, every: dict[_Key, Compared]) -> list[SegmentTest]:
    found: list[SegmentTest] = []
    for key, whole in every.items():
        if key.grouping or not whole.decides:
            continue
        by_segment = [
            one
            for other, one in every.items()
            if other.metric == key.metric
            and other.candidate == key.candidate
            and len(other.grouping) == 1
            and one.decides
        ]
        if by_segment:
            found += segment_tests(whole, by_segment, observed, request)
    return found


def _costs(views: Many[tuple[Compared, Belief]], observed: Observed, request: Request) -> list[WrongCost]:
    return [
        wrong_cost(one, view, observed)
        for one, view in views
        if view.prior == "flat" and one.metric.name in (request.deciding or (request.lead,))
    ]


def _arm_units(observed: Observed, plan: Plan | None) -> tuple[ArmUnits, ...]:
    total = sum(observed.units_of(arm) for arm in range(len(observed.arms)))
    expected = None if plan is None else _planned_shares(observed, plan)
    models = {} if plan is None else {arm.name: arm.model for arm in plan.arms}
    return tuple(
        ArmUnits(
            arm=name,
            units=observed.units_of(arm),
            share=observed.units_of(arm) / total if total else 0.0,
            planned_share=None if expected is None else expected[arm],
            model=models.get(name),
        )
        for arm, name in enumerate(observed.arms)
    )


def _planned_shares(observed: Observed, plan: Plan) -> list[float] | None:
    """The share each arm should have, phase by phase, weighted by the units of the phase."""
    weights = {arm.name: arm.weight for arm in plan.arms}
    per_phase = [phase.weights for phase in plan.phases] or [weights]
    if len(per_phase) != len(observed.phases):
        per_phase = [weights] * len(observed.phases)
    totals = [sum(observed.units[arm][p] for arm in range(len(observed.arms))) for p in range(len(observed.phases))]
    if not sum(totals):
        return None
    shares = []
    for name in observed.arms:
        parts = [
            units * phase.get(name, 0.0) / (sum(phase.get(arm, 0.0) for arm in observed.arms) or 1.0)
            for units, phase in zip(totals, per_phase, strict=True)
        ]
        shares.append(sum(parts) / sum(totals))
    return shares


def _info(metric: ExperimentMetric) -> MetricInfo:
    parts = [metric.summary or metric.formula]
    if metric.where:
        parts.append(f"events where {metric.where}")
    if metric.window:
        parts.append(f"within {metric.window} of the first exposure")
    if metric.winsorize is not None:
        parts.append(f"capped at {metric.winsorize:g}")
    if metric.missing == "zero":
        parts.append("units without events count as 0")
    return MetricInfo(
        name=metric.name,
        summary="; ".join(parts),
        formula=metric.formula,
        higher_is_better=metric.higher_is_better,
        scale=metric.scale,
        kind="means",
    )


def _plural(unit: str) -> str:
    """The unit as a reader counts it: `user_id` -> `users`."""
    noun = unit.removesuffix("_id").removesuffix("id").replace("_", " ").strip() or "unit"
    return noun if noun.endswith("s") else f"{noun}s"


def _clock_note(now: Clock | None, plan: Plan | None) -> tuple[str, ...]:
    if now is None or plan is None:
        return ()
    state = "its planned end has come" if now.finished else f"it is {now.sentence}"
    return (f"Stopping rule: {plan.stopping.rule}; {state}.",)


def _not_shown(observed: Observed, request: Request, effects: Many[ExperimentEffect]) -> tuple[str, ...]:
    said: list[str] = []
    if _frozen(request) is None:
        said.append(
            "What was wanted beforehand: there is no frozen plan, so metrics, margins and the time of looking may have "
            "been chosen after the data were seen."
        )
    if not observed.daily:
        said.append("How the effect moved over time: the tables carry no times.")
    if not observed.since:
        said.append("Novelty and learning: no effect by days since exposure could be formed.")
    if observed.days is None or observed.days < 28:
        said.append("The long term: habits, churn and seasons outlast these days; a holdback would show them.")
    if not observed.segments:
        said.append("Who gains and who loses: no segments were named (--segment).")
    if not any(effect.adjustment != "none" for effect in effects):
        said.append("What covariates known before the exposure would sharpen: none were given (--covariate).")
    if observed.counts is None or observed.counts.events is None:
        said.append("Whether events were lost on the way: the table holds units, not events.")
    said.append(
        "Interference: units were taken as independent of each other's arm (no shared stock, prices or friends)."
    )
    said.append("How much a retrained model would differ: each arm served one trained version.")
    said.append("Other experiments that ran at the same time on the same units.")
    return tuple(said)


def smallest_detectable(effects: Many[ExperimentEffect], metric: str) -> float:
    """The least smallest detectable effect of a metric over all units; infinite where none is known."""
    known = [e.smallest_detectable_effect for e in effects if e.metric == metric and not e.slice]
    return min((v for v in known if v is not None), default=math.inf)
