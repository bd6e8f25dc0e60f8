"""One rule that a plan has to power: how far from the tested value, at which alpha, on how variable a metric."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatrial.errors import UsageError
from seatrial.experiments.assumptions import Base
from seatrial.experiments.formulas import is_ratio, is_share_by_form, metric_formula
from seatrial.experiments.history import Spread
from seatrial.experiments.request import DEFAULT_MARGIN
from seatrial.records.decision import Rule
from seatrial.records.numbers import format_value
from seatrial.records.plan import ExperimentMetric, Plan
from seatrial.stats.confidence_sequences import sequence_boundary
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.group_sequential import inflation as group_sequential_inflation
from seatrial.stats.sample_size import (
    guardrail_units_per_arm,
    minimum_detectable_effect,
    proportion_minimum_detectable_effect,
    proportion_units_per_arm,
    units_per_arm,
)

ROUNDS = 60


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One rule that has to be powered: at which distance from the tested value, and at which alpha."""

    rule: Rule
    metric: ExperimentMetric
    spread: Spread
    distance: float
    """Absolute: the minimum effect, or a guardrail's margin."""
    alpha: float
    factor: float = 1.0
    """What the control is multiplied by in the tested contrast: 1 -+ m for a margin that is a share of it."""

    @property
    def is_guardrail(self) -> bool:
        return self.rule.role != "success"

    def units(self, weights: Sequence[float], *, power: float, guardrails: int, inflation: float) -> tuple[int, ...]:
        """Units per arm, the control first."""
        own = self.spread
        given: dict[str, Any] = {
            "weights": weights, "alpha": self.alpha, "power": power, "guardrails": guardrails, "inflation": inflation,
        }  # fmt: skip
        if self.is_guardrail:
            variance = [own.adjusted * self.factor**2, *([own.adjusted] * (len(weights) - 1))]
            return tuple(guardrail_units_per_arm(variance, self.distance, **given).tolist())
        if own.is_share:
            sign = 1.0 if self.metric.higher_is_better else -1.0
            reached = own.value + sign * self.distance
            if not 0 <= reached <= 1:
                raise UsageError(
                    f"The minimum effect of '{self.metric.name}' takes it from {own.value:g} to {reached:g}, which is "
                    f"no share of units; give a smaller one."
                )
            if own.variance_factor == 1.0:
                return tuple(proportion_units_per_arm(own.value, sign * self.distance, **given).tolist())
            treated = reached * (1 - reached) * own.variance_factor
            variance = [own.adjusted, *([treated] * (len(weights) - 1))]
            return tuple(units_per_arm(variance, self.distance, **given).tolist())
        return tuple(units_per_arm(own.adjusted, self.distance, **given).tolist())

    def detectable(self, units: Sequence[int], *, power: float, guardrails: int, inflation: float) -> float:
        """The smallest effect that `units` per arm find, of the weakest contrast; of a guardrail its margin."""
        own = self.spread
        given: dict[str, Any] = {"alpha": self.alpha, "power": power, "guardrails": guardrails, "inflation": inflation}
        if own.is_share and own.variance_factor == 1.0 and not self.is_guardrail:
            found = proportion_minimum_detectable_effect(
                own.value, units, decrease=not self.metric.higher_is_better, **given
            )
        else:
            variance = [own.adjusted * self.factor**2, *([own.adjusted] * (len(units) - 1))]
            found = minimum_detectable_effect(variance, units, **given)
        return float(found.max())

    def with_variance(self, factor: float) -> "Asked":
        """The same question with a variance times `factor`: what a covariate would make of it."""
        return replace(self, spread=replace(self.spread, variance_factor=self.spread.variance_factor * factor))


def inflation(plan: Plan, *, alpha: float, power: float) -> float:
    """Factor on the units that the stopping rule costs, at the power of one check.

    Fixed and hybrid: 1, since the benefit is decided at the planned end. Group-sequential: the largest sample over the
    fixed one, for the planned boundaries. Anytime: the f at which (z_{1-alpha/2} + z_{1-beta}) sqrt(f) reaches the
    boundary at I/I* = f plus z_{1-beta}; the sequence is 1.5486 times as wide as a fixed interval at I = I* (alpha
    .05), and power asks for less than the square of that.

    >>> from seatrial.experiments.plan_file import parse_plan
    >>> plan = parse_plan("{arms: {A: 50, B: 50}, metrics: {ctr: clicks / views}, stopping: anytime}")
    >>> round(inflation(plan, alpha=0.05, power=0.8), 3)
    1.939
    """
    rule = plan.stopping.rule
    if rule == "group-sequential":
        return max(
            1.0,
            group_sequential_inflation(
                plan.stopping.looks,
                alpha=alpha,
                power=power,
                family=plan.stopping.spending,
                parameter=plan.stopping.parameter,
            ),
        )
    if rule != "anytime":
        return 1.0
    quantile = normal_quantile(2 * (1 - power))  # of power: P(Z < z) = power
    fixed = normal_quantile(alpha) + quantile
    found = 2.0
    for _ in range(ROUNDS):
        found = ((float(sequence_boundary(found, alpha=alpha, tuned_for=plan.policy.alpha)) + quantile) / fixed) ** 2
    return max(1.0, found)


def margin_of(rule: Rule, metric: ExperimentMetric) -> tuple[float, bool]:
    """(margin, is it a share of the control's value) of a guardrail: the rule's, the metric's, else 2 %."""
    if rule.margin is not None:
        return rule.margin, rule.margin_is_relative
    if metric.margin is not None:
        return metric.margin, metric.margin_is_relative
    return DEFAULT_MARGIN, True


def from_base(metric: ExperimentMetric, base: Base) -> Spread:
    """A metric's spread from what somebody knows of it; a share of units needs its value only."""
    node = metric_formula(metric.formula, what=f"Metric '{metric.name}'")
    notes: tuple[str, ...] = ()
    said = f"the base rate given: {format_value(base.value, scale=metric.scale)}"
    factor = 1.0 if base.correlation is None else 1.0 - base.correlation**2
    if base.standard_deviation is not None:
        said += f", standard deviation {format_value(base.standard_deviation)}"
        return Spread(
            value=base.value, variance=base.standard_deviation**2, variance_factor=factor, source=said, notes=notes
        )
    if is_ratio(node) or not 0 < base.value < 1:
        kind = "combines several means" if is_ratio(node) else f"is {base.value:g}, no share of units,"
        raise UsageError(
            f"'{metric.name}' {kind} so its value does not say how much units differ: give 'standard_deviation' too "
            f"(of one unit), or a history."
        )
    if not is_share_by_form(node):
        notes = (
            f"{metric.name} is taken as a share of units (yes or no for each); where it is not, give "
            "'standard_deviation' (--sd)",
        )
    return Spread(
        value=base.value,
        variance=base.value * (1 - base.value),
        variance_factor=factor,
        is_share=True,
        source=said,
        notes=notes,
    )
