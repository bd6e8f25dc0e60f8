"""What moved between two tables, by how much, and whether it matters to the model."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.evidence import Source
from seatrial.records.results import Effect, Slice

ColumnKind = Literal["number", "category", "text", "embedding"]
ColumnPart = Literal["input", "target", "prediction", "score"]
NatureWord = Literal["no shift told", "covariate shift", "label shift", "concept shift", "cannot tell"]
MeasureName = Literal[
    "PSI", "KL", "Jensen-Shannon", "KS", "Wasserstein", "chi-square", "missing share", "share in new levels",
    "share of unseen words", "characters", "length KS", "MMD",
]  # fmt: skip


class ShiftMeasure(Record):
    """One measure of how far a column moved, with what chance alone shows."""

    name: MeasureName
    value: float | None = None
    by_chance: float | None = None
    """What two samples of these sizes from one population show at most in 95 % of the cases."""
    unit: str = ""
    p_value: float | None = None
    adjusted_p_value: float | None = None
    """Holm over all tests of all columns; None: no test, its null band alone."""
    reason: str | None = None
    method: str


class ShiftBar(Record):
    """A bin or level of a column: its share of the rows on either side."""

    label: str
    reference: float
    current: float


class ShiftedColumn(Record):
    """One column in both tables."""

    column: str
    kind: ColumnKind
    part: ColumnPart = "input"
    n_reference: int
    n_current: int
    """Rows with a value."""
    missing_reference: float
    missing_current: float
    """Shares of the rows."""
    moved: bool
    """Whether one of its tests is below alpha after the correction."""
    size: float | None = None
    """PSI above what chance shows on average: what columns are sorted by."""
    p_value: float | None = None
    """The smallest adjusted one of its tests."""
    measures: tuple[ShiftMeasure, ...] = ()
    bars: tuple[ShiftBar, ...] = ()
    sentence: str
    notes: tuple[str, ...] = ()


class LeftOut(Record):
    """A column that was not compared, and why."""

    column: str
    reason: str


class JointShift(Record):
    """Can a classifier tell the two tables apart, from all columns together?"""

    auc: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    told_apart: bool = False
    n_reference: int
    n_current: int
    columns: tuple[str, ...] = ()
    by_column: dict[str, float] = Field(default_factory=dict)
    """How much each column alone moves the classifier's log odds (standard deviation), most first."""
    method: str | None = None
    reason: str | None = None


class ShiftTest(Record):
    """One question about what kind of shift it is."""

    question: str
    moved: bool | None = None
    """None: it could not be asked."""
    size: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    n: int = 0
    method: str | None = None
    reason: str | None = None


class Nature(Record):
    """Covariate or label shift."""

    word: NatureWord
    sentence: str
    tests: tuple[ShiftTest, ...] = ()


class ExpectedMetric(Record):
    """What the metric would be on the current rows, without using their targets."""

    how: Literal["importance-weighted reference", "the model's own scores"]
    metric: str
    reference: float | None = None
    expected: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    effective_n: float | None = None
    """(sum w)^2/sum w^2 of the weights before they are clipped."""
    mean_weight: float | None = None
    """1 on average where the reference has rows like all current ones."""
    clip: float | None = None
    clipped_share: float | None = None
    reliable: bool = False
    notes: tuple[str, ...] = ()
    reason: str | None = None
    method: str


class SlicePart(Record):
    """One slice's part of a change."""

    slice: Slice
    n_reference: int
    n_current: int
    share_reference: float
    share_current: float
    reference: float | None = None
    current: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    mix: float
    within: float
    impact: float | None = None
    """Rows of the slice in the current table x change: what slices are sorted by."""
    reason: str | None = None


class Decomposition(Record):
    """A change of the metric by one slicing: another mix of slices, or a change within them."""

    by: str
    metric: str
    total: float | None = None
    total_low: float | None = None
    total_high: float | None = None
    mix: float | None = None
    mix_low: float | None = None
    mix_high: float | None = None
    within: float | None = None
    within_low: float | None = None
    within_high: float | None = None
    slices: tuple[SlicePart, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str | None = None
    method: str | None = None


class Shift(Record):
    """What moved between a reference and a current table."""

    schema_version: str = "1.0"
    kind: Literal["shift"] = "shift"
    title: str
    sentence: str
    status: Literal["pass", "fail", "inconclusive"]
    """pass: nothing moved, or the metric did not; fail: the metric fell; inconclusive: it moved, and what that does to
    the metric is open."""
    moved: int
    """Columns that moved more than chance."""
    columns: tuple[ShiftedColumn, ...]
    """Those that moved first, the largest first."""
    left_out: tuple[LeftOut, ...] = ()
    joint: JointShift
    nature: Nature | None = None
    metric: str | None = None
    metric_change: Effect | None = None
    """Seen, where both tables have targets."""
    expected: tuple[ExpectedMetric, ...] = ()
    decompositions: tuple[Decomposition, ...] = ()
    alpha: float = 0.05
    roles: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    sources: tuple[Source, ...]
    seatrial: str
    seed: int = 0
