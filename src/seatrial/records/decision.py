"""What was wanted and what was decided: `Policy`, its rules, `Check`, `Verdict`."""

from typing import Literal

from pydantic import Field, model_validator

from seatrial.records.base import Record
from seatrial.records.results import Slice

Role = Literal["success", "guardrail", "secondary"]
Status = Literal["pass", "fail", "inconclusive", "invalid"]


class Rule(Record):
    """One line of a policy: a metric, where, what must hold of it, and what role it plays in the verdict."""

    metric: str
    role: Role
    slice: Slice = Field(default_factory=dict)
    margin: float | None = None
    """Largest acceptable loss; None takes the metric's default margin."""
    margin_is_relative: bool = False
    """True: the margin is a share of the baseline's value."""
    below: float | None = None
    above: float | None = None
    """Absolute bound on the candidate's own value; such a rule needs no baseline."""
    alpha: float | None = Field(default=None, gt=0, lt=0.5)
    """Own error rate of a guardrail; None takes the policy's. Success metrics share the policy's (Holm)."""
    case: str | None = Field(default=None, exclude_if=lambda case: case is None)
    """Of a suite: the one case this rule speaks of; None speaks of every case that has the metric."""

    @property
    def is_bound(self) -> bool:
        return self.below is not None or self.above is not None

    @model_validator(mode="after")
    def _coherent(self) -> "Rule":
        if self.margin is not None and self.margin < 0:
            raise ValueError("a margin is the largest acceptable loss and cannot be negative")
        if self.below is not None and self.above is not None:
            raise ValueError("give one of below and above, and a second rule for the other")
        if self.is_bound and self.margin is not None:
            raise ValueError("an absolute bound has no margin: give one or the other")
        if self.is_bound and self.role == "success":
            raise ValueError("an absolute bound is a guardrail: a success metric is compared with the baseline")
        if self.alpha is not None and self.role == "success":
            raise ValueError("success metrics share the policy's alpha: set it there")
        return self


class Policy(Record):
    """What a version must show before it ships."""

    name: str = "policy"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1)
    rules: tuple[Rule, ...]
    metrics: dict[str, str] = Field(default_factory=dict)
    """Formulas the rules may name: `{"profit": "120*tp - 15*fp"}`."""
    lower_is_better: tuple[str, ...] = ()
    """Formula metrics of which less is better."""
    assumed: bool = False
    """True when nobody gave a policy and this one was assumed."""


class Check(Record):
    """One rule of the policy, decided."""

    name: str
    role: Role
    status: Literal["pass", "fail", "inconclusive"]
    reason: str
    """The sentence a reader acts on."""
    metric: str
    candidate: str
    slice: Slice = Field(default_factory=dict)
    condition: str
    """What had to hold, in words: `at most 0.01 worse than the baseline`."""
    tested_value: float | None = None
    """The difference (or value, for a bound) that `p_value` was computed at."""
    p_value: float | None = None
    """Two-sided, of `tested_value`; None for a bound."""
    adjusted_p_value: float | None = None
    """Of a success check: adjusted over the success family (Holm)."""
    level: float | None = None
    """Level of the interval that decided."""
    margin: float | None = None
    """The margin it was decided with: the rule's, else the metric's default."""
    margin_is_relative: bool = False
    worse: bool = False
    """True for a success metric whose deciding interval lies wholly on the bad side of 0."""


class Verdict(Record):
    """Ship, do not ship, cannot tell yet, or: these data cannot carry a verdict."""

    status: Status
    sentence: str
    checks: tuple[Check, ...] = ()
    mixed: bool = False
    candidate: str | None = None
    """The version the sentence speaks of; with several candidates the one recommended, if any."""
    policy_digest: str | None = None
    evidence_digest: str | None = None
