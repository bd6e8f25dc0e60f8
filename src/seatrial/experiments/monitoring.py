"""The plan's stopping rule at this moment: how every metric that decides may be read now, and could be on each day."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from seatrial.experiments.arm_effects import Compared, adjustments, compared
from seatrial.experiments.arm_values import arm_estimates
from seatrial.experiments.observed import Observed
from seatrial.experiments.request import Request
from seatrial.experiments.stopping import (
    Clock,
    Looks,
    clock,
    looks_taken,
    monitored,
    not_ready,
    planned_error,
    spending_clock,
)
from seatrial.experiments.table import Daily
from seatrial.records.decision import Rule
from seatrial.records.plan import ExperimentMetric, Plan
from seatrial.records.readout import Adjustment
from seatrial.records.results import Estimate
from seatrial.stats.arms import contrast
from seatrial.stats.confidence_sequences import sequence_boundary
from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.distributions import normal_two_sided
from seatrial.stats.group_sequential import repeated_test

DAILY_ADJUSTMENTS = ("cuped", "cupac")
"""Those that are also formed day by day; else the days are raw."""


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """The rule of a frozen plan and how far the experiment is; without one nothing is laid over a contrast."""

    plan: Plan | None = None
    now: Clock | None = None
    looks: Looks | None = None
    """Of a group-sequential plan: those taken so far."""
    clocks: dict[str, float] = field(default_factory=dict)
    """Of a group-sequential plan: the information of each day, one clock for all metrics, as their units come alike."""
    taken: dict[str, Looks] = field(default_factory=dict)
    """Of a group-sequential plan: the looks taken up to each day that is one."""

    def read(self, one: Compared, request: Request) -> Contrast:
        """The contrast as it may be read now; metrics that do not decide are read as they are."""
        raw = one.found.contrast
        if self.plan is None or self.now is None or one.metric.name not in request.deciding:
            return raw
        if self.plan.stopping.rule == "group-sequential":
            fraction = np.full(len(one.levels), math.nan)
        else:
            share = np.full(len(one.levels), math.nan if self.now.share is None else self.now.share)
            rule = request.rule_of(one.metric.name)
            fraction = _information(self.plan, raw, one.found.control, request, one.metric, rule, otherwise=share)
        live = self.plan.stopping.rule != "fixed"
        return monitored(
            raw,
            self.plan,
            fraction=fraction,
            now=self.now,
            higher_is_better=one.metric.higher_is_better,
            not_ready=not_ready(one.means, one.candidate, self.plan, one.metric.name) if live else (),
            looks=self.looks,
        )

    def bound(
        self, observed: Observed, metric: ExperimentMetric, rule: Rule, arm: int, *, alpha: float
    ) -> tuple[Estimate, str | None]:
        """An arm's own value with the limits that a bound may be held against now, and why it may not be, or None.

        The side on which the bound is passed waits for the end under a hybrid rule like any benefit; an always-valid
        limit is the one-look limit at the level of the sequence's boundary.
        """

        def at(level: float) -> Estimate:
            return arm_estimates(observed, (metric,), alpha=level)[arm]

        plain = at(alpha)
        if self.plan is None or self.now is None:
            return plain, None
        stopping = self.plan.stopping
        if stopping.rule == "fixed":
            waits = f"the plan allows one look, at its end, and this is {self.now.sentence}"
            return plain, None if self.now.finished else waits
        if stopping.rule == "group-sequential":
            if self.looks is None or self.looks.why is not None:
                return plain, "the plan names no looks" if self.looks is None else self.looks.why
            test = repeated_test(
                self.looks.fractions, family=stopping.spending, parameter=stopping.parameter, final=self.looks.final
            )
            nominal = float(normal_two_sided(test.critical(alpha)))
            if nominal == 0.0:
                return plain, f"look {len(self.looks.fractions)} is too early to conclude anything"
            return _widened(plain, at(nominal), f"group-sequential (look {len(self.looks.fractions)})"), None
        ended = stopping.rule == "hybrid" and self.now.finished
        unready = None if ended else not_ready(observed.arms_means(metric.name), arm, self.plan, metric.name)[0]
        if unready is not None:
            return plain, unready
        share = 1.0 if not self.now.share else self.now.share
        boundary = sequence_boundary(share, alpha=alpha, tuned_for=self.plan.policy.alpha)
        always = _widened(
            plain, at(float(normal_two_sided(boundary))), "anytime-valid (asymptotic confidence sequence)"
        )
        if not ended:
            return always, None
        kept = {"high": plain.high} if rule.below is not None else {"low": plain.low}
        return always.model_copy(update=kept), None

    def fractions(self, daily: Daily, raw: Contrast, control: Floats, request: Request, rule: Rule | None) -> Floats:
        """The information of one metric on each day, (T,), with what was known by then."""
        if self.plan is None:
            return np.full(len(daily.days), math.nan)
        if self.plan.stopping.rule == "group-sequential":
            return np.array([self.clocks.get(day, math.nan) for day in daily.days])
        metric, elapsed = request.metric(daily.name), _elapsed(self.now, self.plan, len(daily.days))
        return _information(self.plan, raw, control, request, metric, rule, otherwise=elapsed)

    def on(
        self, plan: Plan, raw: Contrast, daily: Daily, day: int, fraction: Floats, ready: str | None, *, higher: bool
    ) -> Contrast:
        """What could be read of one day (S = 1) under `plan`; only the last day can be the planned end."""
        now = self.now or Clock(finished=False, share=None, sentence="not known")
        last = day == len(daily.days) - 1
        return monitored(
            raw.at(day),
            plan,
            fraction=fraction[day : day + 1],
            now=replace(now, finished=now.finished and last),
            higher_is_better=higher,
            not_ready=(ready,),
            looks=self.taken.get(daily.days[day], self.looks),
        )


def monitoring(observed: Observed, request: Request) -> Monitoring:
    """Where the experiment stands under its plan; a plan that was never frozen monitors nothing."""
    plan = request.plan if request.plan is not None and request.plan.frozen else None
    if plan is None:
        return Monitoring()
    smallest = min(observed.units_of(arm) for arm in range(len(observed.arms)))
    now = clock(plan, days=observed.days, smallest_arm=smallest, as_of=observed.as_of)
    if plan.stopping.rule != "group-sequential":
        return Monitoring(plan=plan, now=now)
    days, shares = _history(observed, request, plan, now)
    taken: dict[str, Looks] = {}
    looks = Looks(fractions=(), final=False, why="the plan names no looks")
    for place in range(len(shares)):
        last = place == len(shares) - 1
        looks = looks_taken(
            plan.stopping.looks,
            shares[: place + 1],
            final=now.finished and last,
            open_ended=now.share is None,
            days=days[: place + 1],
        )
        if looks.why is None and days:
            taken[days[place]] = looks
    return Monitoring(plan=plan, now=now, looks=looks, clocks=dict(zip(days, shares, strict=False)), taken=taken)


def _history(observed: Observed, request: Request, plan: Plan, now: Clock) -> tuple[tuple[str, ...], list[float]]:
    """The lead metric's clock on each day so far, the least over the arms; without days only that of now."""
    lead = request.metric(request.lead)
    rule = request.rule_of(lead.name)
    way = adjustments(observed, lead, (), request)[-1]
    daily = observed.daily.get(lead.name)
    every = []
    for candidate in observed.candidates(plan):
        if daily is None:
            found = compared(
                observed, lead, candidate, (), adjustment=way, strata=request.post_stratify, decides=True
            ).found
        else:
            found = contrast(daily.means, candidate, adjusted=way in DAILY_ADJUSTMENTS)
        elapsed = _elapsed(now, plan, len(found.control))
        every.append(_information(plan, found.contrast, found.control, request, lead, rule, otherwise=elapsed))
    known = np.where(np.isfinite(every), every, np.inf).min(axis=0)
    shares = spending_clock(known, _elapsed(now, plan, len(known)), final=now.finished)
    return () if daily is None else daily.days, shares.tolist()


def _information(
    plan: Plan,
    raw: Contrast,
    control: Floats,
    request: Request,
    metric: ExperimentMetric,
    rule: Rule | None,
    *,
    otherwise: Floats,
) -> Floats:
    """Information 1/se^2 as a share of the planned, each slice with its own control; `otherwise` where none is
    planned.

    A minimum effect that is a share of the control is a share of the planned control where the plan has one, so that
    the planned information does not move with the data.
    """
    sizing = plan.sizing
    if sizing is not None and sizing.metric == metric.name and sizing.control_value is not None:
        control = np.full_like(control, sizing.control_value)
    errors = np.array([planned_error(request.target_of(metric, rule, float(value)), plan) for value in control])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isfinite(errors), (errors / raw.standard_error) ** 2, otherwise)


def _elapsed(now: Clock | None, plan: Plan, days: int) -> Floats:
    """The share of time at the end of each day up to now, NaN where it is not known."""
    share = math.nan if now is None or now.share is None else now.share
    if plan.days is None:
        return np.asarray(share * np.arange(1, days + 1) / days)
    return np.asarray(np.maximum(share - np.arange(days - 1, -1, -1) / plan.days, 0.0))


def _widened(plain: Estimate, wide: Estimate, how: str) -> Estimate:
    method = f"{how}, {plain.method}" if plain.method else how
    return plain.model_copy(update={"low": wide.low, "high": wide.high, "method": method})


def daily_adjustment(adjustment: Adjustment) -> Adjustment:
    """How the days of a metric are adjusted whose whole is adjusted so."""
    return adjustment if adjustment in DAILY_ADJUSTMENTS else "none"
