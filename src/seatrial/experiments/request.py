"""What is asked of an experiment: metrics, rules, segments, and the plan they were registered in."""

from dataclasses import dataclass
from typing import Literal

from seatrial.records.decision import Policy, Rule
from seatrial.records.plan import ExperimentMetric, Plan
from seatrial.records.results import Slice

DEFAULT_MARGIN = 0.02
"""Of the control's value: the margin of a metric where neither a rule nor the metric names one."""


@dataclass(frozen=True, kw_only=True)
class PastEffect:
    """The lift of an earlier experiment, a share of its control, with its standard error."""

    lift: float
    standard_error: float


@dataclass(frozen=True, kw_only=True)
class Request:
    """The question of one readout."""

    metrics: tuple[ExperimentMetric, ...]
    policy: Policy
    plan: Plan | None = None
    segments: tuple[str, ...] = ()
    """Every segment column; the plan says which were registered."""
    adjustment: Literal["auto", "none"] = "auto"
    """`auto`: what has covariates is decided by the adjusted effect, the raw one beside it."""
    post_stratify: str | None = None
    """A column known before the exposure: its effect with the mix held equal is shown, and decides what has no
    covariates."""
    past_effects: tuple[PastEffect, ...] = ()
    looks: int = 60
    """Most days kept of a sequence; the JSON has the same."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Every column by which units are split: segments, the strata, and those of rules on a segment."""
        ruled = [column for rule in self.policy.rules for column in rule.slice]
        return tuple(dict.fromkeys((*self.segments, *((self.post_stratify,) if self.post_stratify else ()), *ruled)))

    @property
    def deciding(self) -> tuple[str, ...]:
        """Metrics a success or guardrail rule names, in the policy's order."""
        return tuple(dict.fromkeys(rule.metric for rule in self.policy.rules if rule.role != "secondary"))

    @property
    def lead(self) -> str:
        """The first success metric, else the first that decides, else the first."""
        first = next((rule.metric for rule in self.policy.rules if rule.role == "success"), None)
        return first or next(iter(self.deciding), self.metrics[0].name)

    def metric(self, name: str) -> ExperimentMetric:
        """The metric of that name."""
        return next(metric for metric in self.metrics if metric.name == name)

    def rule_of(self, metric: str, where: Slice | None = None) -> Rule | None:
        """The rule that compares a metric on a segment, or on all units: success before guardrail before secondary."""
        own = [rule for rule in self.policy.rules if rule.metric == metric and rule.slice == (where or {})]
        order = {"success": 0, "guardrail": 1, "secondary": 2}
        return min((rule for rule in own if not rule.is_bound), key=lambda rule: order[rule.role], default=None)

    def registered(self, segment: str) -> bool:
        """Whether the frozen plan names this segment."""
        return self.plan is not None and self.plan.frozen and segment in self.plan.segments

    def margin_of(self, metric: ExperimentMetric, rule: Rule | None = None) -> tuple[float, bool]:
        """(margin, is it a share of the control): the rule's, else the metric's, else the plan's minimum effect for a
        success metric, else 2 % of the control."""
        if rule is not None and rule.margin is not None:
            return rule.margin, rule.margin_is_relative
        if metric.margin is not None:
            return metric.margin, metric.margin_is_relative
        is_success = any(r.metric == metric.name and r.role == "success" for r in self.policy.rules)
        if is_success and self.plan is not None and self.plan.minimum_effect is not None:
            return self.plan.minimum_effect, self.plan.minimum_effect_is_relative
        return DEFAULT_MARGIN, True

    def target_of(self, metric: ExperimentMetric, rule: Rule | None, control: float) -> float:
        """The difference the plan's information is meant for, in the metric's own unit: the minimum effect of a success
        metric, else the margin; `control` is the control's value."""
        size, is_relative = self.margin_of(metric, rule)
        if (
            rule is not None
            and rule.role == "success"
            and self.plan is not None
            and self.plan.minimum_effect is not None
        ):
            size, is_relative = self.plan.minimum_effect, self.plan.minimum_effect_is_relative
        return abs(size * control) if is_relative else size
