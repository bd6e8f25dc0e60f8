"""`Load`: how long a model's answers take as more requests arrive, and where a service level breaks."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.decision import Verdict
from seatrial.records.evidence import Source
from seatrial.records.results import Estimate
from seatrial.records.run import Failures, ModelInfo

LoadStatus = Literal["holds", "breaks", "cannot tell"]


class ServiceLevel(Record):
    """One bound: a percentile of the response time (`p95`, ms) or the share of requests without an answer
    (`errors`)."""

    measure: str
    below: float


class LevelChecked(Record):
    """One bound held against one step."""

    measure: str
    below: float
    status: LoadStatus
    reason: str


class LoadStep(Record):
    """One rate of a ladder, or one window of a trace: what was sent, what came back, how long it took.

    Response time counts from the moment a request was due, whatever the client or the answers before it did.
    """

    name: str
    """`20/s`, or of a trace the window: `0:10-0:20`."""
    start: float
    """Seconds from the start of the replay (of this step in a ladder)."""
    seconds: float
    rate: float | None = None
    """Of a ladder: the rate that was asked for; what came of it by chance is `offered`."""
    offered: float
    """Requests due per second."""
    achieved: float
    """Requests answered per second within the same time."""
    requests: int
    answered: int
    failed: tuple[Failures, ...] = ()
    errors: Estimate
    response: tuple[Estimate, ...]
    """p50, p95, p99 and what a bound names; a request without an answer is slower than any that has one."""
    effective: float | None = None
    """How many independent requests tell as much as these."""
    most_at_once: int = 0
    """Requests under way at the same time."""
    backlog_grows: bool = False
    """True where answers fell behind arrivals all along: the longer it lasts, the longer the wait."""
    client_late_p95: float | None = None
    """Milliseconds between the moment a request was due and the moment this client sent it."""
    valid: bool = True
    reason: str | None = None
    """Why this step says nothing: the client could not keep up."""
    levels: tuple[LevelChecked, ...] = ()
    status: LoadStatus | None = None
    """All bounds together; None where none was asked for."""


class Load(Record):
    """Arrivals replayed open-loop against a model."""

    schema_version: str = "1.0"
    kind: Literal["load"] = "load"
    title: str
    model: ModelInfo
    mode: Literal["rates", "trace"]
    arrivals: str
    """How they were made: `poisson`, `even`, or the trace's name."""
    speed: float = 1.0
    levels: tuple[ServiceLevel, ...] = ()
    steps: tuple[LoadStep, ...]
    whole: LoadStep | None = None
    """Of a trace: all of it, which decides."""
    not_run: tuple[str, ...] = ()
    """Rates that were not tried, since a lower one had broken down."""
    holds_up_to: float | None = None
    """The highest rate up to which every step holds."""
    breaks_at: float | None = None
    """The lowest rate at which a step breaks."""
    verdict: Verdict | None = None
    sentence: str
    timeout: float
    """Seconds after which a request without an answer has failed."""
    rows: int
    """Rows of the data the requests were made of; they repeat where there are more requests."""
    source: Source
    trace: Source | None = None
    level: float = 0.95
    method: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    settle: float = 0.0
    """Seconds at the start of every step that are sent and not counted."""
    seatrial: str
    seed: int = 0
    environment: dict[str, str] = Field(default_factory=dict)
