"""`ReportCard`: runs of one suite side by side: quality, speed and cost, fairness, robustness; then go or no-go."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.decision import Policy, Verdict
from seatrial.records.evidence import Confusion, Finding, Flips
from seatrial.records.results import Effect, Estimate
from seatrial.records.run import CounterfactualOutcome, Dataset, Failures, Latency, ModelInfo, ProbeOutcome
from seatrial.records.scorecard import MetricInfo

Axis = Literal["latency", "cost", "parameters", "size"]


class FairnessSummary(Record):
    """What the audit of one model found, in short; the audit itself is in the run."""

    model: str
    protected: tuple[str, ...]
    sentence: str
    tone: Literal["good", "unsure", "bad", "neutral"]
    impact_ratio: float | None = None
    """The smallest impact ratio of all ranked groups, with the limits of its own cut."""
    low: float | None = None
    high: float | None = None
    group: dict[str, str] = Field(default_factory=dict)
    """Whose it is."""


class FrontPoint(Record):
    """Where one model stands between quality and one expense: nobody beats it on both, somebody does, or unknown."""

    model: str
    axis: Axis
    quality: float
    quality_low: float
    quality_high: float
    expense: float
    expense_low: float | None = None
    expense_high: float | None = None
    scale: str | None = None
    place: Literal["on the front", "beaten", "cannot tell"]
    by: str | None = None
    """The model that beats it, or might."""


class CaseCard(Record):
    """One case: every model on the same rows."""

    case: str
    task: str
    dataset: Dataset
    rows: int
    main_metric: str
    metrics: tuple[MetricInfo, ...] = ()
    estimates: tuple[Estimate, ...]
    """Every model and metric on all rows, then slices."""
    effects: tuple[Effect, ...] = ()
    """Each candidate against the baseline, paired: all rows first, then slices."""
    verdict: Verdict | None = None
    """Of this case alone; None where nothing was asked of it."""
    latency: tuple[Estimate, ...] = ()
    """p50, p95 and p99 of every model, as measured by its own run."""
    timing: dict[str, Latency] = Field(default_factory=dict)
    """How they were measured, by model: rows, warm-up, batch size, device."""
    cost: tuple[Estimate, ...] = ()
    """Cost of one row."""
    flips: tuple[Flips, ...] = ()
    """Rows whose answer changed, each candidate against the baseline; empty for one model alone."""
    confusions: tuple[Confusion, ...] = ()
    """What was taken for what, by model; empty where there are no classes."""
    fairness: tuple[FairnessSummary, ...] = ()
    probes: dict[str, tuple[ProbeOutcome, ...]] = Field(default_factory=dict)
    """By model."""
    counterfactuals: dict[str, tuple[CounterfactualOutcome, ...]] = Field(default_factory=dict)
    failed: dict[str, tuple[Failures, ...]] = Field(default_factory=dict)
    front: tuple[FrontPoint, ...] = ()
    health: tuple[Finding, ...] = ()


class HistoryPoint(Record):
    """One run's value of the main metric."""

    run: str
    when: str
    model: str
    value: float
    low: float
    high: float
    n: int
    tags: tuple[str, ...] = ()


class ChangePoint(Record):
    """From which run on the level of the metric is another one."""

    at: int = Field(ge=1)
    """Position of the first point of the new level."""
    before: float
    after: float
    difference: float
    low: float
    high: float
    p_value: float
    """Of the largest jump at any place, corrected for having looked at all places."""


class History(Record):
    """The main metric of one case over the runs of this suite version, oldest first."""

    case: str
    metric: str
    points: tuple[HistoryPoint, ...]
    changes: tuple[ChangePoint, ...] = ()
    method: str = ""
    reason: str | None = None
    """Why no change was looked for."""


class ReportCard(Record):
    """Everything a suite found of one or several models; its dump is the public JSON."""

    schema_version: str = "1.0"
    seatrial: str
    title: str
    sentence: str
    suite: str
    suite_version: str
    suite_digest: str
    models: tuple[ModelInfo, ...]
    """The baseline first, where there are several."""
    runs: tuple[str, ...]
    """Digests, in the order of `models`."""
    baseline: str | None = None
    verdict: Verdict | None = None
    policy: Policy | None = None
    level: float = 0.95
    cases: tuple[CaseCard, ...]
    not_shared: tuple[str, ...] = ()
    """What only some of the runs hold, and is not compared."""
    history: tuple[History, ...] = ()
    not_tested: tuple[str, ...] = ()
    """What this suite does not test, derived from the axes that are missing."""
    assumptions: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    seed: int = 0
