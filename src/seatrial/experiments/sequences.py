"""What could have been seen on each day: the interval that may be looked at daily, beside the one for a single look."""

import math

import numpy as np

from seatrial.decisions.checks import guardrail_status, success_status
from seatrial.effects.words import position
from seatrial.experiments.monitoring import Monitoring
from seatrial.experiments.request import Request
from seatrial.experiments.stopping import not_ready
from seatrial.experiments.table import Daily
from seatrial.records.numbers import format_percent
from seatrial.records.plan import StoppingRule
from seatrial.records.readout import Adjustment, Look, Sequence
from seatrial.stats.arms import contrast
from seatrial.stats.contrasts import Contrast, Floats

EXPLORED_METHOD = "no plan, so no stopping rule: each day read as if it were the only look, which is not valid together"


def sequence(
    daily: Daily,
    candidate: int,
    arms: tuple[str, ...],
    request: Request,
    monitor: Monitoring,
    *,
    adjustment: Adjustment,
    alpha: float,
) -> Sequence:
    """The looks of one metric and one arm under the plan's rule; without a plan only the fixed intervals are drawn.

    `alpha` is the one at which the effect itself is read.
    """
    metric = request.metric(daily.name)
    rule = request.rule_of(daily.name)
    adjusted = adjustment != "none" and daily.means.covariates.shape[-1] > 0
    found = contrast(daily.means, candidate, adjusted=adjusted)
    plan = monitor.plan
    raw = found.contrast
    fixed_low, fixed_high = raw.interval(alpha)
    units = found.units_control + found.units_treatment
    days = len(daily.days)
    keep = _kept(days, request.looks)
    last = days - 1
    margin, is_relative = request.margin_of(metric, rule)
    low = high = p = fraction = np.full(days, math.nan)
    method, decided_on = EXPLORED_METHOD, None
    rule_name: StoppingRule = "fixed"
    reasons = raw.reasons
    if plan is not None:
        rule_name = plan.stopping.rule
        fraction = monitor.fractions(daily, raw, found.control, request, rule)
        readings = _readings(raw, monitor, fraction, daily, candidate, metric.higher_is_better)
        low, high, p = (np.full(days, math.nan) for _ in range(3))
        texts: list[str | None] = [None] * days
        for d, (read, band) in readings.items():
            (low[d],), (high[d],) = band.interval(alpha)
            p[d], texts[d], method = band.p_value(0.0)[0], band.reasons[0], band.methods[0]
            if decided_on is None and read.reasons[0] is None:
                place = position(
                    read,
                    alpha=alpha,
                    margin=margin,
                    margin_is_relative=is_relative,
                    higher_is_better=metric.higher_is_better,
                )
                status = (
                    guardrail_status(place) if rule is not None and rule.role == "guardrail" else success_status(place)
                )
                decided_on = None if status == "inconclusive" else daily.days[d]
        reasons = tuple(texts)
    looks = tuple(
        Look(
            day=daily.days[d],
            units=int(units[d]),
            difference=None if raw.reasons[d] else _finite(raw.difference[d]),
            low=_finite(low[d]),
            high=_finite(high[d]),
            fixed_low=_finite(fixed_low[d]),
            fixed_high=_finite(fixed_high[d]),
            p_value=_finite(p[d]),
            information=_finite(fraction[d]),
            reason=reasons[d],
        )
        for d in keep
    )
    progress = _finite(fraction[last])
    return Sequence(
        metric=daily.name,
        baseline=arms[0],
        candidate=arms[candidate],
        adjustment=adjustment if adjusted else "none",
        rule=rule_name,
        method=method,
        level=1 - alpha,
        looks=looks,
        decided_on=decided_on,
        progress=progress,
        progress_sentence=_progress(progress),
        sentence=_sentence(daily.name, decided_on, rule_name, plan is not None),
    )


def _readings(
    raw: Contrast,
    monitor: Monitoring,
    fraction: Floats,
    daily: Daily,
    candidate: int,
    higher_is_better: bool,
) -> dict[int, tuple[Contrast, Contrast]]:
    """For every day that may be looked at: the contrast as the rule lets it be read, and the one whose band is drawn.

    Only the last day can be the planned end. A group-sequential rule is read on the first day that reaches each planned
    look.
    """
    plan = monitor.plan
    if plan is None:
        return {}
    days = len(daily.days)
    ready = not_ready(daily.means, candidate, plan, daily.name)
    band_plan = plan
    if plan.stopping.rule == "hybrid":  # what it decides is one-sided; what is drawn is the two-sided always-valid band
        band_plan = plan.model_copy(update={"stopping": plan.stopping.model_copy(update={"rule": "anytime"})})
    wanted = set(range(days))
    if plan.stopping.rule == "group-sequential":
        wanted = {day for day in wanted if daily.days[day] in monitor.taken} | {days - 1}
    elif plan.stopping.rule == "fixed":
        wanted = {days - 1}
    read, band = (
        {day: monitor.on(one, raw, daily, day, fraction, ready[day], higher=higher_is_better) for day in sorted(wanted)}
        for one in (plan, band_plan)
    )
    return {day: (read[day], band[day]) for day in read}


def _progress(share: float | None) -> str:
    """`precision 62 % of target`: the information so far as a share of the planned."""
    if share is None:
        return ""
    return f"precision {format_percent(round(share, 2))} of target" if share < 1 else "precision has reached its target"


def _sentence(metric: str, decided_on: str | None, rule: str, planned: bool) -> str:
    if not planned:
        return f"Without a plan there was no rule for stopping; the daily intervals of {metric} are for orientation."
    if decided_on is None:
        return f"Under the {rule} rule {metric} could not have been decided on any day so far."
    return f"Under the {rule} rule {metric} could first have been decided on {decided_on}."


def _kept(days: int, most: int) -> list[int]:
    """Evenly spaced days, the first and the last always among them."""
    if days <= most:
        return list(range(days))
    return sorted({round(d) for d in np.linspace(0, days - 1, most)})


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
