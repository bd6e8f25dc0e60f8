"""`Run`: one model on one suite: what was asked, what came back, what it cost, what was found."""

from typing import Literal

from pydantic import Field

from seatrial.records.audit import Audit
from seatrial.records.base import Record
from seatrial.records.evidence import Finding
from seatrial.records.results import Effect, Estimate
from seatrial.records.suite import Case


class ModelInfo(Record):
    """Which model: its name, what its bytes are, and what is known of its size."""

    name: str
    adapter: str
    location: str
    """Without folders, user names or passwords."""
    fingerprint: str
    """SHA-256 of the artefact (and of the code beside it); of a remote model, of its address, name and parameters."""
    version: str | None = None
    code_version: str | None = None
    """Digest of the Python file, or version of the library that runs it."""
    parameters: int | None = None
    """Number of weights."""
    size_bytes: int | None = None
    flops: float | None = None
    """Multiply-adds times two of one forward pass on one row, where known."""
    device: str = "cpu"
    details: dict[str, str] = Field(default_factory=dict)
    """What else the adapter knows: opset, classes, library versions."""


class Dataset(Record):
    """Which rows: name, version, content fingerprint, roles, and what the data set does *not* test."""

    name: str
    version: str | None = None
    fingerprint: str
    """SHA-256 of the content in the order of its rows."""
    task: str | None = None
    roles: dict[str, str | list[str]] = Field(default_factory=dict)
    rows: int
    columns: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """What it does not test, one sentence each."""
    about: dict[str, str] = Field(default_factory=dict)


class Failures(Record):
    """Rows without an answer, by reason: missing data, never wrong answers."""

    reason: str
    count: int
    examples: tuple[str, ...] = ()
    """A few ids."""


class Latency(Record):
    """How long answers took: service time alone, queueing apart; warm-up dropped."""

    n: int
    warm_up: int
    batch_size: int
    concurrency: int
    device: str
    scale: Literal["ms"] = "ms"
    per: Literal["row", "batch / rows"] = "row"
    """`batch / rows`: a batch's time shared evenly by its rows, which is not what one user waits."""
    p50: Estimate
    p95: Estimate
    p99: Estimate
    queue_p95: float | None = None
    rows_per_second: float | None = None


class Cost(Record):
    """What the rows cost by the suite's prices."""

    currency: str
    total: float
    per_row: Estimate | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    retries: int = 0


class ProbeOutcome(Record):
    """One probe at one severity: perturbed rows against the same rows clean, paired."""

    probe: str
    severity: float
    columns: tuple[str, ...] = ()
    label_preserving: bool = True
    rows: int
    touched: int
    """Rows that the probe could change at all."""
    failed: int = 0
    """Rows that had an answer clean and have none perturbed: out of the effects, so counted here."""
    effects: tuple[Effect, ...] = ()
    """Baseline `clean`, candidate the perturbed rows; all rows first, then slices."""
    flip_rate: Estimate | None = None
    """Share of touched rows whose answer changed."""
    direction: str | None = None
    """`same`, `up` or `down`: what had to hold; `held` is the share of touched rows where it did."""
    held: Estimate | None = None
    worst: Effect | None = None
    """The slice that lost most."""
    reason: str | None = None
    """Why nothing was measured."""


class CounterfactualOutcome(Record):
    """Pairs of rows that differ in one identity: how often the answer changed."""

    identity: str
    """The swap, `all` for all pairs together."""
    pairs: int
    flip_rate: Estimate
    score_change: Estimate | None = None
    """Mean score after minus before."""


class CaseRun(Record):
    """One case of a suite, run and measured."""

    case: str
    spec: Case
    """The case as it stood in the suite; its digest says whether two runs can be compared on it."""
    dataset: Dataset
    task: str
    rows: int
    repeats: int = 1
    table: str
    """SHA-256 of the stored table of rows (id, target, prediction, scores, times, costs, reasons, columns)."""
    failed: tuple[Failures, ...] = ()
    status: Literal["complete", "stopped", "invalid"] = "complete"
    reason: str | None = None
    main_metric: str | None = None
    estimates: tuple[Estimate, ...] = ()
    """All rows first, then slices."""
    latency: Latency | None = None
    cost: Cost | None = None
    audit: Audit | None = None
    probes: tuple[ProbeOutcome, ...] = ()
    counterfactuals: tuple[CounterfactualOutcome, ...] = ()
    health: tuple[Finding, ...] = ()
    """Overlap with training data, leaks, duplicates, how often these rows were read before."""
    resumed: int = 0
    """Rows found already answered when the run was taken up again."""
    cached: int = 0


class Run(Record):
    """One model on one suite; its digest is its name. Carries no clock: when it ran is in the store, beside it."""

    suite: str
    suite_version: str
    suite_digest: str
    model: ModelInfo
    seed: int
    cases: tuple[CaseRun, ...]
    status: Literal["complete", "stopped", "invalid"] = "complete"
    reason: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    """Versions of Python, this package and the libraries a number may depend on."""
    not_tested: tuple[str, ...] = ()
    """What this suite does not test, derived from the axes that are missing."""
