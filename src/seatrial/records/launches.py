"""What past launches say about the worth of an offline gain."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.evidence import Source


class Range(Record):
    """A value with its limits, or the reason there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class LaunchPoint(Record):
    """One past launch: what was measured offline and online, and what the other launches foretell of it."""

    name: str
    offline: float
    offline_error: float
    online: float
    online_error: float
    foretold: float | None = None
    foretold_low: float | None = None
    foretold_high: float | None = None


class OfflineMetric(Record):
    """How well one offline metric foretells the online one."""

    metric: str
    launches: int
    slope: Range
    """Online per unit of true offline difference, noise-corrected."""
    correlation: Range
    """Of the true differences, noise-corrected."""
    agreement: Range
    """Share of launches whose two differences have the same sign."""
    agreed: int
    compared: int
    plain_slope: float | None = None
    plain_correlation: float | None = None
    error: float | None = None
    """Root mean squared error of foretelling each launch from the others."""
    error_of_mean: float | None = None
    """The same of foretelling the mean of the others: what knowing the offline difference has to beat."""
    covered: int | None = None
    """Launches that lay within the limits foretold from the others."""
    next_offline: float | None = None
    next: Range | None = None
    """The online difference of the next launch."""
    extrapolated: bool = False
    points: tuple[LaunchPoint, ...] = ()
    reason: str | None = None
    method: str


class Launches(Record):
    """Offline differences against online differences of past launches, for each offline metric."""

    schema_version: str = "1.0"
    kind: Literal["launches"] = "launches"
    title: str
    sentence: str
    calibrated: bool
    gate: str | None = None
    """The offline metric that deserves to be the gate; None: none does, or too few launches."""
    online: str
    """What was measured online."""
    level: float = 0.95
    metrics: tuple[OfflineMetric, ...]
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seatrial: str
    seed: int = 0
