"""What a report draws: confusion, curves, flips, health, provenance."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.results import Slice


class Finding(Record):
    """One health check of the data, before any result."""

    name: str
    status: Literal["pass", "warn", "fail"]
    sentence: str
    count: int | None = None


class Confusion(Record):
    """Counts of (target, prediction): row i is target `labels[i]`. Only the most confused pairs when there are many
    classes."""

    model: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...] | None = None
    """Square, in the order of `labels`; None above 20 classes, where `pairs` holds the most confused."""
    pairs: tuple[tuple[str, str, int], ...] = ()
    """(target, prediction, count), most frequent errors first."""


class Curve(Record):
    """Points to draw: `kind` says what x and y are."""

    model: str
    kind: Literal["roc", "precision_recall", "reliability"]
    label: str | None = None
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    count: tuple[int, ...] = ()
    """Rows per point (reliability only)."""


class Example(Record):
    """One row on which the two versions differ; `columns` is what the file says of it (hostile text: escape it)."""

    id: str
    target: str
    baseline: str
    candidate: str
    baseline_score: float | None = None
    candidate_score: float | None = None
    columns: dict[str, str] = Field(default_factory=dict)


class ClassFlips(Record):
    """Of the rows of one class: how many the candidate newly gets right, and forgot."""

    label: str
    n: int
    gained: int
    lost: int


class Flips(Record):
    """Rows whose answer changed: `gained` wrong to right, `lost` right to wrong, `changed` any different answer."""

    baseline: str
    candidate: str
    n: int
    gained: int
    lost: int
    changed: int
    churn: float
    """changed / n."""
    mcnemar_p_value: float | None = None
    by_class: tuple[ClassFlips, ...] = ()
    lost_examples: tuple[Example, ...] = ()
    gained_examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()


class Tradeoff(Record):
    """A choice that turns on a price: where the candidate gains on one side and loses on the other, the price at which
    it pays."""

    baseline: str
    candidate: str
    gain: str
    """What is bought or saved: `correct answers`, `missed positives`."""
    price: str
    """What it is paid in: the name of a cost column, or `false alarms`."""
    value: float | None = None
    """Break-even: so much of `price` for one of `gain`."""
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str | None = None
    reason: str | None = None
    """Why there is no break-even: one version leads on both sides, or a side is not settled."""
    pays: Literal["above", "below", "always", "never", "unknown"]
    """The candidate pays above, or below, the break-even price."""
    n: int
    sentence: str


class Source(Record):
    """One input: its name without folders, its content digest, its rows."""

    model: str
    name: str
    sha256: str
    rows: int
    matched: int | None = None


class Provenance(Record):
    """What was computed from what; no clock, path or host."""

    seatrial: str
    """Version of this package."""
    libraries: dict[str, str]
    seed: int
    sources: tuple[Source, ...]
    roles: dict[str, str | list[str]]
    """Column roles as used: `{"target": "y", "score": "s", ...}`."""
    task: str
    positive: str | None = None
    threshold: float | None = None
    slices: tuple[Slice | str, ...] = ()
    policy_digest: str | None = None
    arguments: dict[str, str | list[str]] = Field(default_factory=dict)
    """The options that change the result, as given."""
