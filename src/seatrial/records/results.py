"""What was measured and what differs: `Estimate` and `Effect`, a value with its interval or a reason in words."""

from typing import Literal

from pydantic import Field, model_validator

from seatrial.records.base import Record

Word = Literal["better", "worse", "no meaningful difference", "cannot tell"]
Slice = dict[str, str]
"""`{"sex": "Female"}`; `{}` is all rows."""


class Estimate(Record):
    """One metric of one model on one slice: a value with an interval, or the reason there is none."""

    model: str
    metric: str
    slice: Slice = Field(default_factory=dict)
    n: int
    missing: int = 0
    value: float | None = None
    reason: str | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str | None = None
    unit: str = "row"
    """The unit of analysis: what was counted as independent (`row`, or the cluster column)."""
    scale: str | None = None
    """What the value is measured in: `ms`, `USD`; None for a pure number."""
    higher_is_better: bool = True
    bound_low: float | None = None
    bound_high: float | None = None
    """Where the value could lie whatever the missing rows hold; only when missing > 0 and the metric is bounded."""
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _value_or_reason(self) -> "Estimate":
        if (self.value is None) == (self.reason is None) and self.low is None:
            raise ValueError("an estimate holds a value or a reason")
        return self


class Effect(Record):
    """One metric of candidate against baseline on one slice; `difference` is candidate minus baseline."""

    baseline: str
    candidate: str
    metric: str
    slice: Slice = Field(default_factory=dict)
    n: int
    missing: int = 0
    baseline_value: float | None = None
    candidate_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    p_value: float | None = None
    """Two-sided, of difference 0, by the method of the interval."""
    adjusted_p_value: float | None = None
    word: Word = "cannot tell"
    margin: float | None = None
    """The margin the word was decided with, in the metric's own units, or as a share when `margin_is_relative`."""
    margin_is_relative: bool = False
    smaller_than_margin: bool = False
    """True when the word is better or worse but the whole interval lies inside the margin."""
    standard_error: float | None = None
    smallest_detectable_effect: float | None = None
    rows_needed: int | None = None
    method: str | None = None
    reason: str | None = None
    unit: str = "row"
    scale: str | None = None
    higher_is_better: bool = True
    exploratory: bool = False
    small: bool = False
    """True for a slice too small to be ranked."""
    shrunken: float | None = None
    """The difference pulled towards the overall one by empirical Bayes (explored slices only)."""
    impact: float | None = None
    """Rows times the drop against the baseline, oriented so that more is worse (explored slices only)."""
    notes: tuple[str, ...] = ()
