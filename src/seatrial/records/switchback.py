"""A switchback: a whole market is in one arm at a time, and periods are what was randomised."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.evidence import Finding, Source
from seatrial.records.results import Effect


class SwitchbackPeriod(Record):
    """One period."""

    period: str
    arm: str
    block: str | None = None
    value: float | None = None
    rows: int
    used: bool
    """False where carry-over burns in, without a value, or in a block that saw one arm only."""


class SwitchbackMetric(Record):
    """One metric over periods."""

    metric: str
    formula: str
    effect: Effect
    """Treatment minus control; p by permuting the periods, limits by inverting that test."""
    permuted: tuple[int, int]
    """Periods (or stretches of them) of control and treatment that are permuted."""
    blocks: int
    assignments: int
    """How many the design allows."""
    periods: tuple[SwitchbackPeriod, ...] = ()
    notes: tuple[str, ...] = ()


class Switchback(Record):
    """Effects of a switchback over its periods."""

    schema_version: str = "1.0"
    kind: Literal["switchback"] = "switchback"
    title: str
    sentence: str
    control: str
    treatment: str
    rows: int
    periods: int
    switches: int
    burn_in: int
    held: bool
    """Whether consecutive periods of one arm are permuted together."""
    block: str | None = None
    alpha: float = 0.05
    metrics: tuple[SwitchbackMetric, ...]
    health: tuple[Finding, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seatrial: str
    seed: int = 0
