"""`Readout`: what an experiment shows as of a time, health first; its dump is the public JSON."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.decision import Policy, Verdict
from seatrial.records.evidence import Finding, Provenance
from seatrial.records.plan import Plan, StoppingRule
from seatrial.records.results import Effect, Estimate
from seatrial.records.scorecard import MetricInfo

READOUT_SCHEMA_VERSION = "1.0"
Adjustment = Literal["none", "cuped", "cupac", "post-stratified"]


class ArmUnits(Record):
    """How many units an arm has."""

    arm: str
    units: int
    share: float
    planned_share: float | None = None
    """Over all phases, weighted by their units; None without a plan."""
    model: str | None = None


class ExperimentEffect(Effect):
    """An effect of an arm against the control; `slice` is the segment, `n` the units of both arms."""

    adjustment: Adjustment = "none"
    phase: str | None = None
    """None: all phases, stratified."""
    segment: str | None = None
    """`country=DE`; None: all units."""
    days: float | None = None
    """From the first exposure of the data to the as-of time."""
    units: dict[str, int] = Field(default_factory=dict)
    """Units of each of the two arms that have the metric."""
    relative_difference: float | None = None
    """As a share of the absolute value of the control."""
    relative_low: float | None = None
    relative_high: float | None = None
    relative_reason: str | None = None
    planned: bool = False
    """Whether a plan registered it before the start; else exploratory."""
    decides: bool = False
    """Whether a check of the policy rests on it."""


class Look(Record):
    """What could have been seen at one time, with everything known by then."""

    day: str
    """ISO date, or the time since the start where the table says no dates."""
    units: int
    """Of both arms."""
    difference: float | None = None
    low: float | None = None
    """Of the interval that may be looked at on every day."""
    high: float | None = None
    fixed_low: float | None = None
    """Of the interval valid only if this were the one planned look."""
    fixed_high: float | None = None
    p_value: float | None = None
    information: float | None = None
    """As a share of the planned information."""
    reason: str | None = None


class Sequence(Record):
    """One metric over time under the plan's stopping rule."""

    metric: str
    baseline: str
    candidate: str
    adjustment: Adjustment = "none"
    rule: StoppingRule
    method: str
    level: float = 0.95
    looks: tuple[Look, ...]
    decided_on: str | None = None
    """The first day on which the rule could have decided."""
    progress: float | None = None
    """Precision reached as a share of that planned (information), at the last look."""
    progress_sentence: str = ""
    """`precision 62 % of target`."""
    sentence: str = ""


class Belief(Record):
    """The Bayesian view of one effect, beside the planned method and never instead of it."""

    metric: str
    candidate: str
    prior: Literal["flat", "informative"]
    prior_mean: float | None = None
    prior_deviation: float | None = None
    mean: float
    low: float
    high: float
    level: float = 0.95
    chance_to_win: float
    """Posterior probability that the candidate is better."""
    expected_loss: float
    """Of shipping it, per unit, in the metric's own unit."""
    expected_loss_of_keeping: float
    scale: str | None = None
    relative: bool = False
    """Whether mean, limits and losses are shares of the control's value."""


class SegmentTest(Record):
    """Whether an effect differs between the levels of a segment column: asked before any single segment is read."""

    metric: str
    candidate: str
    segment: str
    """The column."""
    planned: bool
    p_value: float | None = None
    adjusted_p_value: float | None = None
    """Over the segment columns of the same kind (registered, or explored), by Holm."""
    df: int | None = None
    reason: str | None = None
    simpson: bool = False
    """Whether the pooled effect contradicts those within segments."""
    sentence: str


class Trend(Record):
    """The effect by days since a unit's first exposure: novelty, or learning."""

    metric: str
    candidate: str
    days: tuple[int, ...]
    differences: tuple[float | None, ...]
    lows: tuple[float | None, ...]
    highs: tuple[float | None, ...]
    units: int
    """With complete follow-up."""
    slope: float | None = None
    """Change of the effect per unit of log day."""
    slope_low: float | None = None
    slope_high: float | None = None
    p_value: float | None = None
    steady: float | None = None
    """The effect once the trend has flattened."""
    steady_low: float | None = None
    steady_high: float | None = None
    reason: str | None = None
    sentence: str


class Deviation(Record):
    """Where what happened is not what was planned."""

    what: str
    planned: str
    found: str
    serious: bool = False


class WrongCost(Record):
    """What being wrong would cost, in the metric's own unit."""

    metric: str
    candidate: str
    expected_loss: float
    """Of shipping, per unit, under a flat prior."""
    exposed_units: int
    loss_so_far: float | None = None
    """Exposed units times the harm per unit, where there is harm."""
    loss_so_far_high: float | None = None
    """The upper bound."""
    scale: str | None = None
    sentence: str


class Readout(Record):
    """The verdict first, then everything it rests on."""

    schema_version: str = READOUT_SCHEMA_VERSION
    kind: Literal["experiment"] = "experiment"
    verdict: Verdict
    by_candidate: tuple[Verdict, ...] = ()
    title: str
    exploratory: bool
    """True without a frozen plan: nothing here was registered before the data."""
    plan: Plan | None = None
    plan_digest: str | None = None
    as_of: str | None = None
    unit: str
    arms: tuple[str, ...]
    """The control first."""
    units: tuple[ArmUnits, ...]
    days: float | None = None
    lead_metric: str
    health: tuple[Finding, ...] = ()
    policy: Policy | None = None
    metrics: tuple[MetricInfo, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    effects: tuple[ExperimentEffect, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    beliefs: tuple[Belief, ...] = ()
    segment_tests: tuple[SegmentTest, ...] = ()
    trends: tuple[Trend, ...] = ()
    costs: tuple[WrongCost, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    provenance: Provenance
