"""What a post-mortem looks into: one metric of one arm, on all units and on the segments."""

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.health.findings import percent
from seatrial.records.numbers import format_interval, format_value
from seatrial.records.readout import ExperimentEffect, Readout
from seatrial.stats.power import smallest_detectable_effect

TRUE = ("true", "1", "yes", "y", "t", "triggered", "1.0")
"""Levels of a trigger column that say yes."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The effect in question, with the readout it stands in."""

    readout: Readout
    effect: ExperimentEffect
    trigger: str | None
    """The segment column that says which units met the change."""

    @property
    def metric(self) -> str:
        return self.effect.metric

    @property
    def candidate(self) -> str:
        return self.effect.candidate

    @property
    def control(self) -> str:
        return self.effect.baseline

    @property
    def alpha(self) -> float:
        policy = self.readout.policy
        return 0.05 if policy is None else policy.alpha

    @property
    def power(self) -> float:
        """Of the smallest detectable effects."""
        policy = self.readout.policy
        return 0.8 if policy is None else policy.power

    def detectable(self, effect: ExperimentEffect) -> float | None:
        """What a test of its own would find at the policy's alpha, whatever family the effect was read in here."""
        if effect.standard_error is None:
            return None
        return float(smallest_detectable_effect(effect.standard_error, alpha=self.alpha, power=self.power))

    @property
    def target(self) -> tuple[float, str] | None:
        """The effect that mattered, absolute, and where that comes from: the plan's minimum effect, else the margin."""
        return target(self.readout, self.effect)

    @property
    def triggered(self) -> ExperimentEffect | None:
        """The effect on the units that met the change; None where no column, or no level of it, says so."""
        if self.trigger is None:
            return None
        return next((one for one in self.levels(self.trigger) if one.slice[self.trigger].lower() in TRUE), None)

    def levels(self, column: str) -> list[ExperimentEffect]:
        """Effects of the metric on each level of a segment column, adjusted like the one in question where they are."""
        own = [
            effect
            for effect in self.readout.effects
            if list(effect.slice) == [column]
            and (effect.metric, effect.candidate) == (self.metric, self.candidate)
            and effect.phase is None
        ]
        same = [effect for effect in own if effect.adjustment == self.effect.adjustment]
        return same or own


def find(readout: Readout, *, metric: str | None, candidate: str | None, trigger: str | None) -> Subject:
    """The effect of the metric (the leading one) and the arm (the first, or the one the verdict speaks of)."""
    wanted = metric or readout.lead_metric
    known = list(dict.fromkeys(effect.metric for effect in readout.effects))
    if wanted not in known:
        if metric is not None:
            raise UsageError(f"There is no metric '{wanted}'.{did_you_mean(wanted, known)} There are {listed(known)}.")
        raise DataError("The readout holds no effects: there is nothing to look into.")
    arms = readout.arms[1:]
    arm = candidate or (readout.verdict.candidate if readout.verdict.candidate in arms else arms[0])
    if arm not in arms:
        raise UsageError(f"'{arm}' is no treatment arm.{did_you_mean(arm, arms)} There are {listed(arms)}.")
    whole = [
        effect
        for effect in readout.effects
        if (effect.metric, effect.candidate) == (wanted, arm) and not effect.slice and effect.phase is None
    ]
    if not whole:
        raise DataError(f"The readout holds no effect of '{wanted}' for arm '{arm}' over all units.")
    columns = {name for effect in readout.effects for name in effect.slice}
    if trigger is not None and trigger not in columns:
        raise UsageError(
            f"trigger: the readout has no segment column '{trigger}'.{did_you_mean(trigger, columns)} Analyse with "
            f"it as a "
            "segment."
        )
    found = trigger or next((name for name in ("trigger", "triggered", "is_triggered") if name in columns), None)
    best = next((effect for effect in whole if effect.decides), None)
    best = best or next((effect for effect in whole if effect.adjustment != "none"), whole[0])
    return Subject(readout=readout, effect=best, trigger=found)


def target(readout: Readout, effect: ExperimentEffect) -> tuple[float, str] | None:
    """The smallest effect that matters on the units of `effect`, in the metric's own unit; None where nobody says."""
    plan = readout.plan
    base = effect.baseline_value
    if plan is not None and plan.minimum_effect is not None and effect.metric == plan.primary:
        if not plan.minimum_effect_is_relative:
            return plan.minimum_effect, "the plan's minimum effect"
        if base:
            return plan.minimum_effect * abs(base), "the plan's minimum effect"
    if effect.margin:
        if not effect.margin_is_relative:
            return effect.margin, "the margin"
        if base:
            return effect.margin * abs(base), "the margin"
    return None


def shown(effect: ExperimentEffect) -> str:
    """The effect in words: relative where there is a relative interval, else in the metric's own unit."""
    if effect.relative_difference is not None and effect.relative_low is not None and effect.relative_high is not None:
        value, low, high = (100 * x for x in (effect.relative_difference, effect.relative_low, effect.relative_high))
        return format_interval(value, low, high, scale="%", signed=True, thresholds=[0.0])
    if effect.difference is None:
        return effect.reason or "no difference could be computed"
    return format_interval(
        effect.difference, effect.low, effect.high, scale=effect.scale, signed=True, thresholds=[0.0]
    )


def size(of: float, effect: ExperimentEffect) -> str:
    """A size, with its share of the control's value."""
    said = format_value(float(f"{of:.3g}"), scale=effect.scale)
    base = effect.baseline_value
    return f"{said} ({percent(float(f'{of / abs(base):.3g}'))} of {effect.baseline})" if base else said


def oriented(effect: ExperimentEffect) -> tuple[float | None, float | None]:
    """The interval with + for good."""
    if effect.higher_is_better:
        return effect.low, effect.high
    return (None if effect.high is None else -effect.high, None if effect.low is None else -effect.low)


def per_arm(effect: ExperimentEffect, total: int) -> dict[str, int]:
    """Units of both arms split as the effect's units are; the control first."""
    arms = (effect.baseline, effect.candidate)
    have = [effect.units.get(arm, 0) for arm in arms]
    whole = sum(have)
    shares = [n / whole for n in have] if whole else [0.5, 0.5]
    return {arm: int(-(-total * share // 1)) for arm, share in zip(arms, shares, strict=True)}


def units_said(units: Mapping[str, int]) -> str:
    """Units per arm in words: `12,400 per arm`, or each arm by its name."""
    numbers = list(units.values())
    if len(numbers) > 1 and max(numbers) - min(numbers) <= 0.02 * max(numbers):
        return f"{max(numbers):,} units per arm"
    return " and ".join(f"{n:,} units in {arm}" for arm, n in units.items())
