"""What A/A tests on one's own history say of each metric: the size of its test, and the name of what is wrong."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.evidence import Source

Failure = Literal["fine", "clustered", "outlier", "discrete", "unexplained", "cannot check"]
SplitBy = Literal["unit", "row"]


class SplitSize(Record):
    """One way to analyse the random splits, and how often it called a difference that is not there."""

    name: Literal["analysis", "rows as independent", "capped"]
    method: str
    rejected: int
    simulations: int
    undecided: int = 0
    """Splits without a p-value; they count as not rejected."""
    size: float
    """rejected / simulations."""
    low: float
    high: float
    """Wilson limits of the size."""
    distance: float | None = None
    """Of the p-values from uniform (Kolmogorov's D)."""
    uniformity_p: float | None = None
    histogram: tuple[int, ...] = ()
    """p-values in equal parts of 0..1."""
    cap: float | None = None
    """Of every value, where the analysis caps them."""


class MetricSplits(Record):
    """One metric: is its test honest on these data, and if not, what is the matter and what to do."""

    metric: str
    formula: str
    failure: Failure
    sentence: str
    """What was found and what to do."""
    analyses: tuple[SplitSize, ...] = ()
    """The first is the one `analyze` uses."""
    value: float | None = None
    units: int = 0
    rows: int = 0
    missing_rows: int = 0
    skewness: float | None = None
    """Of a unit's influence."""
    units_for_skew: int | None = None
    """355 skewness^2: from so many units on a mean covers as it says."""
    largest_share: float | None = None
    """Share of the total of absolute values that the largest unit holds."""
    distinct_values: int | None = None
    reason: str | None = None


class AaTest(Record):
    """Random splits of a history in two, where nothing differs."""

    schema_version: str = "1.0"
    kind: Literal["aa"] = "aa"
    title: str
    sentence: str
    unit: str
    split_by: SplitBy
    units: int
    rows: int
    rows_repeat: bool
    """Whether units have several rows."""
    shared_units: float | None = None
    """Split by row: the mean share of units that end up in both arms."""
    alpha: float = 0.05
    level: float = 0.99
    """Of the limits of the sizes; a size is off when they do not hold alpha."""
    simulations: int
    metrics: tuple[MetricSplits, ...]
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seatrial: str
    seed: int = 0
