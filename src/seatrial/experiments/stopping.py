"""The plan's stopping rule laid over a contrast: what may be read of it now."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from seatrial.records.numbers import format_count, format_percent
from seatrial.records.plan import Plan
from seatrial.stats.arms import ArmMeans
from seatrial.stats.confidence_sequences import burn_in, burn_in_of_rate
from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.monitored import Anytime, GroupSequential, Hybrid

LOOK_TOLERANCE = 0.02
"""A look counts as reached when this much of the planned information is still missing."""
LEAST_STEP = 1e-3
"""Of information between two looks: where a metric's information falls, the later look is taken just after."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How far the experiment is: over, or where between start and planned end."""

    finished: bool
    """Whether the planned end has come."""
    share: float | None
    """Days (or units) so far as a share of the planned; None: the plan names neither."""
    sentence: str
    """`day 9 of 14`."""


def clock(plan: Plan, *, days: float | None, smallest_arm: int, as_of: str | None = None) -> Clock:
    """Return how far an experiment is, by its planned days, else by its planned units.

    Without times in the tables the days run from the plan's start to `as_of` (ISO 8601), where both are known.
    """
    if plan.days is not None and days is None:
        days = _days_since_start(plan, as_of)
    if plan.days is not None and days is not None:
        share = days / plan.days
        # the last day is over when its last event is in: a day's tolerance would stop a 1-day test at once
        finished = share >= 1 - min(0.5 / plan.days, 0.04)
        return Clock(finished=finished, share=share, sentence=f"day {min(math.ceil(days), plan.days)} of {plan.days}")
    needed = min(plan.sizing.units.values()) if plan.sizing is not None and plan.sizing.units else None
    if needed:
        share = smallest_arm / needed
        return Clock(
            finished=share >= 1,
            share=share,
            sentence=f"{smallest_arm:,} of {needed:,} planned units in the smallest arm",
        )
    if plan.days is not None:
        sentence = (
            f"not known which of the {plan.days} planned days it is, as the tables carry no times (with a start in the "
            f"plan, --as-of says it)"
        )
        return Clock(finished=plan.stopping.rule == "fixed", share=None, sentence=sentence)
    return Clock(finished=plan.stopping.rule == "fixed", share=None, sentence="the plan names neither days nor units")


def _days_since_start(plan: Plan, as_of: str | None) -> float | None:
    if plan.start is None or as_of is None:
        return None
    zone = ZoneInfo(plan.timezone)
    start, now = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (plan.start, as_of))
    start, now = (moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in (start, now))
    return (now - start).total_seconds() / 86_400


def planned_error(target: float, plan: Plan) -> float:
    """Return the standard error at which the plan finds a true difference of `target`; NaN without a target.

    target / (z_{1-alpha/2} + z_power), the power that each check has (shared with the guardrails) and the inflation of
    the stopping rule as the plan was sized, else the policy's power.
    """
    from scipy import special

    if not target > 0:
        return math.nan
    power, inflation = plan.policy.power, 1.0
    if plan.sizing is not None:
        power, inflation = plan.sizing.power_each, plan.sizing.inflation
    reach = float(normal_quantile(plan.policy.alpha)) + float(special.ndtri(power))
    return target / (reach * math.sqrt(inflation))


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A contrast that may not be read yet: the difference is there, its interval holds everything, its p is 1."""

    inner: Contrast
    why: str
    """A clause: `the plan allows one look, at its end, and this is day 9 of 14`."""

    @property
    def difference(self) -> Floats:
        return self.inner.difference

    @property
    def standard_error(self) -> Floats:
        return self.inner.standard_error

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return self.inner.reasons

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(f"not read yet, {name}" for name in self.inner.methods)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        known = ~np.isnan(self.inner.p_value(0.0))
        return np.where(known, -math.inf, math.nan), np.where(known, math.inf, math.nan)

    def p_value(self, null: float = 0.0) -> Floats:
        return np.where(np.isnan(self.inner.p_value(null)), math.nan, 1.0)

    def against(self, factor: float) -> "Unread":
        return replace(self, inner=self.inner.against(factor))

    def at(self, index: int) -> "Unread":
        """The same contrast on one slice only (S = 1)."""
        return replace(self, inner=self.inner.at(index))


def monitored(
    contrast: Contrast,
    plan: Plan,
    *,
    fraction: Floats,
    now: Clock,
    higher_is_better: bool,
    not_ready: tuple[str | None, ...] = (),
    looks: "Looks | None" = None,
) -> Contrast:
    """Lay the plan's stopping rule over a contrast; a fixed rule leaves it as it is at the planned end.

    `looks` (group-sequential) are those taken so far: between two of them nothing is read. At the planned end all is
    read whatever the burn-in says: before it, far tails of few units are asked for; at it, one ordinary look.
    """
    rule = plan.stopping.rule
    alpha = plan.policy.alpha
    if rule == "fixed":
        why = f"the plan allows one look, at its end, and this is {now.sentence}"
        return contrast if now.finished else Unread(inner=contrast, why=why)
    if rule == "group-sequential":
        taken = looks or looks_taken(plan.stopping.looks, [float(fraction[0])], final=now.finished)
        if taken.why is not None:
            return Unread(inner=contrast, why=taken.why)
        return GroupSequential(
            inner=contrast,
            fractions=taken.fractions,
            family=plan.stopping.spending,
            parameter=plan.stopping.parameter,
            final=taken.final,
            not_ready=() if taken.final else not_ready,
        )
    known = np.where(np.isfinite(fraction) & (fraction > 0), fraction, np.nan)
    ready = not_ready or (None,) * len(fraction)
    if rule == "anytime":
        return Anytime(
            inner=contrast, fraction=known, tuned_for=alpha, higher_is_better=higher_is_better, not_ready=ready
        )
    return Hybrid(
        inner=contrast,
        fraction=known,
        finished=now.finished,
        tuned_for=alpha,
        higher_is_better=higher_is_better,
        not_ready=() if now.finished else ready,
    )


@dataclass(frozen=True, kw_only=True)
class Looks:
    """The looks of a group-sequential plan that were taken up to now."""

    fractions: tuple[float, ...]
    """Their information, rising; the last is now where `why` is None."""
    final: bool
    """Whether none will follow."""
    why: str | None
    """Why now is none of them, a clause; None: it is one."""


def spending_clock(information: Floats, elapsed: Floats, *, final: bool) -> Floats:
    """Return the share of the plan at the end of each day, (T,), from the shares of information and of time.

    The information, but not ahead of time: a metric that adds up while units stay (revenue so far) is small and known
    well on the first days, and would spend all alpha on them. At the planned end (`final`) at least 1. NaN is unknown.
    """
    shares = np.fmin(np.where(np.isfinite(information), information, np.nan), elapsed)
    if final and np.isfinite(information[-1]):
        shares[-1] = max(1.0, float(information[-1]))
    return np.asarray(shares, dtype=np.float64)


def looks_taken(
    planned: Sequence[float],
    history: Sequence[float],
    *,
    final: bool,
    open_ended: bool = False,
    days: Sequence[str] = (),
) -> Looks:
    """Return the looks of a plan taken over the information of each day so far, the last of them now (T,).

    A planned look is taken on the first day that reaches it (within a fiftieth of the planned information), and at no
    other time: reading in between too would spend more than alpha (daily, with five looks of the O'Brien-Fleming type,
    6.2 % instead of 5 %). The last look is the planned end, `final`, whatever the information then; where the plan has
    no end (`open_ended`), the day that reaches the planned information. NaN is unknown.

    >>> looks_taken((0.25, 0.5, 1.0), [0.1, 0.3], final=False).fractions
    (0.3,)
    >>> looks_taken((0.25, 0.5, 1.0), [0.1, 0.3, 0.4], final=False).why
    'look 1 was reached before, the next is at 50 % of the planned information, and this is 40 %'
    >>> looks_taken((0.25, 0.5, 1.0), [0.1, 0.3, 0.6, 1.4], final=True).fractions
    (0.3, 0.6, 1.4)
    """
    early = [look for look in planned if look < 1 or open_ended]
    taken: list[float] = []
    reached, at, now = 0, "", False
    for place, share in enumerate(history):
        last = final and place == len(history) - 1
        count = sum(look - LOOK_TOLERANCE <= share for look in early)
        now = last or count > reached
        if not now:
            continue
        if math.isfinite(share) and share > 0:
            after = taken[-1] + LEAST_STEP if taken else 0.0
            taken.append(max(share, after))
        elif last:  # how much was planned is not known: then as much as was planned
            taken.append(max(1.0, taken[-1] + LEAST_STEP if taken else 0.0))
        at = days[place] if place < len(days) and not last else at
        reached = max(reached, count)
    done = final or (open_ended and reached == len(early))
    if now:
        return Looks(fractions=tuple(taken), final=done, why=None)
    share = history[-1] if history else math.nan
    here = f"this is {format_percent(round(share, 2))}" if math.isfinite(share) else "how far this is cannot be told"
    next_look = (
        f"at {format_percent(early[reached])} of the planned information" if reached < len(early) else "the planned end"
    )
    when = f"on {at} (read it --as-of that day)" if at else "before"
    if reached == 0:
        why = f"the first look of the plan is {next_look}, and {here}"
    elif done:
        why = f"the last look of the plan was reached {when}"
    else:
        why = f"look {reached} was reached {when}, the next is {next_look}, and {here}"
    return Looks(fractions=tuple(taken), final=False, why=why)


def not_ready(arms: ArmMeans, treatment: int, plan: Plan, metric: str, *, control: int = 0) -> tuple[str | None, ...]:
    """Say for each slice why an always-valid interval may not be read yet, or None.

    Each arm needs max(100, 25 skewness^2) units, a rate 25 *expected* events (STATISTICS 3.6; more for one side and for
    a smaller alpha): of the planned rate where the plan has one, else of the rate in both arms together.
    """
    n = arms.n[[control, treatment]].sum(axis=1)
    slices = arms.shape[2]
    one_sided = plan.stopping.rule == "hybrid"
    alpha = plan.policy.alpha / 2 if one_sided else plan.policy.alpha
    if arms.count is not None:
        sizing = plan.sizing
        planned = sizing.control_value if sizing is not None and sizing.metric == metric else None
        seen = (np.nansum(arms.count, axis=(0, 1)) + 1) / (arms.n.sum(axis=(0, 1)) + 2)
        rate = seen if planned is None or not 0 < planned < 1 else np.full(slices, planned)
        needed = np.broadcast_to(burn_in_of_rate(rate, alpha=alpha, one_sided=one_sided), (2, slices))
    elif arms.skewness is not None:
        skewness = np.abs(np.nan_to_num(arms.skewness[[control, treatment]])).max(axis=1)
        needed = burn_in(skewness, alpha=alpha, one_sided=one_sided)
    else:
        needed = np.full((2, slices), 100.0)
    found: list[str | None] = [None] * slices
    short = n < needed
    for s in np.flatnonzero(short.any(axis=0)).tolist():
        side = int(np.argmax(short[:, s]))
        has, wants = n[side, s], needed[side, s]
        hint = "; it is heavy-tailed: winsorise it in the plan" if arms.count is None and wants > 1000 else ""
        found[s] = (
            f"not ready yet: {format_count(has)} units in an arm, {format_count(wants)} are needed before looking{hint}"
        )
    return tuple(found)
