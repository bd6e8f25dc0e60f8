"""What a bandit's log says of its arms: values by honest weights beside the naive means, and contrasts."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.evidence import Finding, Source
from seatrial.records.results import Effect, Estimate


class BanditArm(Record):
    """One arm: how often it was played, with what chance, and its value by every method."""

    arm: str
    rows: int
    share: float
    smallest_propensity: float | None = None
    effective_rows: float
    """(sum w)^2/sum w^2 of the weights 1/propensity."""
    reliable: bool
    notes: tuple[str, ...] = ()
    values: tuple[Estimate, ...]
    """AIPW first, the one to quote; the naive mean last."""


class PolicyEstimate(Record):
    """What a target policy would earn on these rows."""

    policy: str
    values: tuple[Estimate, ...]
    """Doubly robust first, the one to quote."""
    effective_rows: float
    mean_weight: float
    largest_weight: float
    clip: float | None = None
    clipped_share: float = 0.0
    clipped_weight: float = 0.0
    """Share of the weight that clipping took away."""
    reliable: bool
    logged: Estimate
    """The value of the policy that wrote the log."""
    difference: Effect
    """Target policy minus the one that wrote the log."""


class Bandit(Record):
    """Arm values and contrasts from one log of choices with their propensities."""

    schema_version: str = "1.0"
    kind: Literal["bandit"] = "bandit"
    title: str
    sentence: str
    reward: str
    rows: int
    batches: int | None = None
    control: str | None = None
    alpha: float = 0.05
    arms: tuple[BanditArm, ...]
    contrasts: tuple[Effect, ...] = ()
    """Each other arm minus the control; p adjusted by Holm, each interval at its own level."""
    policy: PolicyEstimate | None = None
    health: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seatrial: str
    seed: int = 0
