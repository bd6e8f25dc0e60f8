"""What low traffic could do instead, said before the start: each way with its number of units where there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.experiments.powered import Asked, margin_of
from seatrial.records.numbers import format_count, format_percent, format_value
from seatrial.records.plan import Plan, Sizing
from seatrial.stats.duration import days_needed
from seatrial.stats.sample_size import paired_proportion_units

CORRELATIONS = (0.5, 0.7)
"""Of a covariate with the metric: a week's past behaviour often has as much."""
DISCORDANCE = 0.06
POINT = 0.01


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A plan that needs more units than its traffic brings in time."""

    plan: Plan
    sizing: Sizing
    asked: Asked
    """Of the primary metric."""
    needed: Mapping[str, tuple[int, ...]]
    """Units per arm by metric."""
    guardrails: int
    weights: tuple[float, ...]
    curve: tuple[float, ...]
    wait: int

    def units(
        self,
        asked: Asked,
        *,
        guardrails: int | None = None,
        weights: Sequence[float] | None = None,
        inflation: float | None = None,
    ) -> tuple[int, ...]:
        """Units per arm of a changed plan."""
        return asked.units(
            weights or self.weights,
            power=self.plan.policy.power,
            guardrails=self.guardrails if guardrails is None else guardrails,
            inflation=self.sizing.inflation if inflation is None else inflation,
        )

    def said(self, units: Sequence[int]) -> str:
        """`12,300 units in all, 21 days`."""
        days = days_needed(sum(units), self.curve, window=self.wait)
        within = "still more than the traffic brings within a year" if days is None else f"{days} days"
        return f"{format_count(sum(units))} units in all, {within}"


def advice(of: Situation) -> tuple[str, ...]:
    """Say in order of likely worth what would need fewer units, or decide without an experiment."""
    found = [_margin(of), _effect(of), _covariate(of), *_design(of), _paired(of)]
    found.append(
        "Interleaving, where two rankers can be mixed in one list: team-draft interleaving shows both to every unit; "
        "published studies report roughly 10 to 100 times fewer units (their range, not computed here)."
    )
    found.append(
        "Switchback, where units influence each other or are few: periods of time take the place of units, each with "
        "one version, and the periods are what is counted."
    )
    return tuple(one for one in found if one)


def _margin(of: Situation) -> str:
    """A wider margin, where a guardrail asks for more units than the primary metric."""
    if of.sizing.deciding == of.sizing.metric or of.sizing.deciding not in of.needed:
        return ""
    rule = next(r for r in of.plan.policy.rules if r.metric == of.sizing.deciding and r.role == "guardrail")
    margin, relative = margin_of(rule, of.plan.metric(rule.metric))
    shown = format_percent(margin) if relative else format_value(margin)
    own = ""
    if of.sizing.metric in of.needed:
        own = f"; {of.sizing.metric} alone needs {format_count(sum(of.needed[of.sizing.metric]))} in all"
    return (
        f"A wider margin: {rule.metric} needs the most units, for its margin of {shown}; twice the margin needs about "
        f"a quarter of them{own}."
    )


def _effect(of: Situation) -> str:
    """What the planned, or the longest shown, duration can find."""
    days = of.plan.days
    row = next((row for row in of.sizing.by_duration if row.days == days), None)
    shorter = [row for row in of.sizing.by_duration if row.days != of.sizing.days]
    row = row or (shorter[-1] if shorter else None)
    if row is None:
        return ""
    metric = of.plan.metric(of.sizing.metric)
    found = format_value(row.minimum_detectable_effect, scale=metric.scale)
    lift = "" if row.minimum_detectable_lift is None else f" ({float(f'{100 * row.minimum_detectable_lift:.2g}'):g} %)"
    return (
        f"A larger minimum effect: {row.days} days bring {format_count(row.units_per_arm)} units to the smallest arm, "
        f"which find {found}{lift} of {of.sizing.metric}."
    )


def _covariate(of: Situation) -> str:
    """What CUPED would save, as if a covariate of some correlation were there."""
    if of.sizing.variance_factor < 1.0 or of.sizing.metric not in of.needed:
        return ""
    parts = []
    for correlation in CORRELATIONS:
        units = of.units(of.asked.with_variance(1 - correlation**2))
        parts.append(f"{format_percent(correlation**2)} at a correlation of {correlation:g} ({of.said(units)})")
    return (
        f"CUPED: the same metric before the exposure, or the old model's score, as a covariate of {of.sizing.metric} "
        f"saves {' and '.join(parts)}."
    )


def _design(of: Situation) -> list[str]:
    """Fewer guardrails, arms or looks, and even weights."""
    found = []
    sized = of.sizing.metric in of.needed
    if of.guardrails and sized:
        units = of.units(of.asked, guardrails=0)
        found.append(
            f"Fewer guardrails: the power is shared by {of.guardrails + 1} checks; alone, {of.sizing.metric} needs "
            f"{of.said(units)}."
        )
    treatments = len(of.weights) - 1
    if treatments > 1 and sized:
        share = of.weights[0] / sum(of.weights)
        found.append(
            f"Fewer arms: {treatments} treatments share the traffic and alpha; choose one offline and test that "
            f"(the control has {format_percent(share)} of the units now)."
        )
    if max(of.weights) > 1.001 * min(of.weights) and treatments == 1 and sized:
        found.append(f"Even weights: 50/50 needs {of.said(of.units(of.asked, weights=(1.0, 1.0)))}.")
    if of.plan.stopping.rule == "anytime" and sized:
        found.append(
            f"Another stopping rule: `hybrid` still stops for harm on any day and needs "
            f"{of.said(of.units(of.asked, inflation=1.0))}."
        )
    return found


def _paired(of: Situation) -> str:
    """How many rows an offline comparison would need."""
    rows = paired_proportion_units(DISCORDANCE, margin=POINT, alpha=of.plan.policy.alpha, power=of.plan.policy.power)
    return (
        f"A paired comparison offline (`seatrial gate`): both versions answer the same rows, so only rows on which "
        f"they differ add noise; at {format_percent(DISCORDANCE)} of such rows {format_count(rows)} rows show that "
        f"accuracy loses less than one point."
    )
