"""A planned experiment: hypothesis, arms, metrics, policy, stopping; frozen at the start, amended by a new version."""

from typing import Literal

from pydantic import Field, model_validator

from seatrial.records.base import Record
from seatrial.records.decision import Policy, Status

Spending = Literal["obrien-fleming", "pocock", "kim-demets", "hwang-shih-decani"]
StoppingRule = Literal["fixed", "group-sequential", "anytime", "hybrid"]
Aggregate = Literal["sum", "count", "mean", "max", "min"]


class OfflineEffect(Record):
    """What an offline comparison found for one metric, all rows: to be held against what the experiment finds."""

    metric: str
    difference: float
    low: float | None = None
    high: float | None = None
    higher_is_better: bool = True


class OfflineVerdict(Record):
    """The verdict that `compare` or `gate` gave for a model before it was put into an arm."""

    name: str
    """Of the file, without folders."""
    status: Status
    sentence: str
    policy_digest: str | None = None
    evidence_digest: str | None = None
    effects: tuple[OfflineEffect, ...] = ()


class Arm(Record):
    """One arm: its share of the traffic, the model version it serves, and what was found of it offline."""

    name: str
    weight: float = Field(default=1.0, ge=0)
    """Relative to the other arms' weights; 0: nobody should be in it."""
    model: str | None = None
    model_digest: str | None = None
    verdict: OfflineVerdict | None = None


class Phase(Record):
    """A stretch of time with one allocation; a ramp is several."""

    start: str
    """ISO 8601; the first moment of the phase."""
    weights: dict[str, float]


class ExperimentMetric(Record):
    """A metric of units: arithmetic over means of what each unit did.

    `formula` reads columns of the unit table, or of the events, which are first added up for each unit.
    """

    name: str
    formula: str
    summary: str = ""
    scale: str | None = None
    """What it is measured in: `USD`, `ms`."""
    higher_is_better: bool = True
    where: str | None = None
    """Only events for which this row condition holds: `event == 'purchase'`."""
    aggregate: Aggregate = "sum"
    """How a unit's events become one value."""
    window: str | None = None
    """Attribution window from a unit's first exposure: `7d`, `36h`; only units whose window has closed count."""
    missing: Literal["exclude", "zero"] = "exclude"
    """Of a unit without such events: out of the metric, or counted as 0."""
    winsorize: float | None = None
    """Cap of each unit's value, fixed before the start."""
    covariates: tuple[str, ...] = ()
    """Formulas over columns known before the exposure, for CUPED."""
    cupac: bool = False
    """Whether the covariates become one: a cross-fitted prediction of the metric (CUPAC)."""
    margin: float | None = None
    """Largest acceptable loss where no rule names one; None: 2 % of the control's value."""
    margin_is_relative: bool = False


class Stopping(Record):
    """When the experiment may be concluded."""

    rule: StoppingRule = "hybrid"
    looks: tuple[float, ...] = ()
    """Information fractions of the planned looks (group-sequential), rising, the last 1."""
    spending: Spending = "obrien-fleming"
    parameter: float | None = None
    """Of Kim-DeMets (the power) and Hwang-Shih-DeCani (gamma)."""
    futility: bool = False

    @model_validator(mode="after")
    def _rising(self) -> "Stopping":
        if any(b <= a for a, b in zip((0.0, *self.looks), self.looks, strict=False)):
            raise ValueError("looks are information fractions that rise from above 0 to 1")
        if self.looks and self.looks[-1] != 1.0:
            raise ValueError("the last look is at fraction 1")
        return self


class DurationRow(Record):
    """What a duration could show."""

    days: int
    units_per_arm: int
    """Of the smallest arm that is compared."""
    minimum_detectable_effect: float
    minimum_detectable_lift: float | None = None
    """The same as a share of the control's value."""


class Sizing(Record):
    """How many units the plan needs, from what it assumed of the primary metric."""

    metric: str
    control_value: float | None = None
    standard_deviation: float | None = None
    """Of one unit's influence on the metric, after any covariate adjustment."""
    variance_factor: float = 1.0
    """1 - R squared of the covariates."""
    source: str
    """Where the base rate and the variance come from: a history table, or the options."""
    units: dict[str, int] = Field(default_factory=dict)
    """Needed per arm."""
    deciding: str
    """The metric that needs the most units: the primary, or a guardrail."""
    power_each: float = 0.8
    """Power of each check when the error is shared with the guardrails: 1 - beta/(1 + G)."""
    inflation: float = 1.0
    """Of the sample size, for the stopping rule."""
    new_units_per_day: tuple[float, ...] = ()
    days: int | None = None
    """None: the traffic never brings so many new units."""
    by_duration: tuple[DurationRow, ...] = ()
    advice: tuple[str, ...] = ()
    """What low traffic could do instead."""
    notes: tuple[str, ...] = ()


class Columns(Record):
    """Which columns of the tables play which part; None is found by its name."""

    unit: str | None = None
    arm: str | None = None
    time: str | None = None
    """Of the exposure."""
    event_time: str | None = None
    event: str | None = None
    """The event's name, where a row is one event of some kind."""
    value: str | None = None
    """The event's value, beside its name."""
    event_id: str | None = None
    arrived: str | None = None
    """When a row became known; later than the as-of time is not there yet."""
    phase: str | None = None


class Plan(Record):
    """What will be tested, how it will be decided, and when: frozen with its digest before the first unit."""

    schema_version: str = "1.0"
    name: str
    version: int = 1
    amends: str | None = None
    """Digest of the frozen plan that this one replaces."""
    frozen: bool = False
    hypothesis: str = ""
    unit: str = "user"
    """What is randomised, in words and as the column's name."""
    control: str
    arms: tuple[Arm, ...]
    phases: tuple[Phase, ...] = ()
    metrics: tuple[ExperimentMetric, ...]
    policy: Policy
    minimum_effect: float | None = Field(default=None, gt=0)
    minimum_effect_is_relative: bool = False
    segments: tuple[str, ...] = ()
    """Columns registered before the start."""
    post_stratify: str | None = None
    """The column, known before the exposure, whose mix is held equal in both arms."""
    stopping: Stopping = Stopping()
    start: str | None = None
    days: int | None = Field(default=None, gt=0)
    timezone: str = "UTC"
    """Of times without a zone, and of days."""
    columns: Columns = Columns()
    sizing: Sizing | None = None

    @property
    def primary(self) -> str:
        """The first success metric, else the first guardrail."""
        rules = self.policy.rules
        return next((rule.metric for rule in rules if rule.role == "success"), rules[0].metric)

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The control first."""
        return self.control, *(arm.name for arm in self.arms if arm.name != self.control)

    def metric(self, name: str) -> ExperimentMetric:
        """The metric of that name; KeyError when the plan has none."""
        found = next((metric for metric in self.metrics if metric.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    @model_validator(mode="after")
    def _coherent(self) -> "Plan":
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError("two arms have the same name")
        if len(names) < 2:
            raise ValueError("an experiment needs at least two arms")
        if self.control not in names:
            raise ValueError(f"the control '{self.control}' is not one of the arms {', '.join(names)}")
        if sum(arm.weight > 0 for arm in self.arms) < 2:
            raise ValueError("at least two arms need a weight above 0")
        for phase in self.phases:
            unknown = set(phase.weights) - set(names)
            if unknown:
                raise ValueError(f"the phase from {phase.start} gives a weight to '{sorted(unknown)[0]}', no arm")
        return self
