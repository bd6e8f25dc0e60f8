"""A sample worth labelling, how it was drawn; and how far the annotators of a labelled one agree."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.evidence import Confusion, Source
from seatrial.records.results import Slice

Scale = Literal["nominal", "ordinal", "interval", "ratio"]


class Stratum(Record):
    """Rows of one kind: how many there are, and how many were drawn."""

    slice: Slice
    population: int
    rows: int
    probability: float
    """Of a row of it to be drawn."""
    weight: float
    """Rows of the population that a drawn row stands for."""
    guess: float
    """Of the rate or accuracy, before anything was labelled."""
    half_width: float | None = None
    """Expected at the level, of this stratum alone; None where it gives no row."""


class Sample(Record):
    """A stratified sample drawn for labelling."""

    schema_version: str = "1.0"
    kind: Literal["sample"] = "sample"
    title: str
    sentence: str
    by: tuple[str, ...]
    metric: Literal["accuracy", "rate"]
    guess: str
    """Where the guesses of the strata come from."""
    allocation: Literal["proportional", "neyman", "rare"]
    least: int
    """Rows wanted of every stratum."""
    precision: float | None = None
    """Half width asked for; None where the rows were."""
    per: Literal["overall", "stratum"] = "overall"
    """What the precision is of."""
    level: float = 0.95
    population: int
    rows: int
    doubled: int
    """Rows that two annotators or more label."""
    half_width: float
    """Expected, of all rows together."""
    simple_rows: int
    """Rows that a simple random sample of this half width would need."""
    strata: tuple[Stratum, ...]
    labels: tuple[str, ...]
    """Columns for the annotators."""
    hidden: tuple[str, ...] = ()
    """Columns kept from the annotators."""
    sheet_sha256: str
    """Digest of the positions drawn and their order."""
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seed: int = 0
    seatrial: str


class Coefficient(Record):
    """One coefficient of agreement."""

    name: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int
    method: str | None = None
    reason: str | None = None
    between: tuple[str, ...] = ()
    """Two annotators, where it is of these alone."""


class ClassAgreement(Record):
    """Specific agreement on one class: of the labels of this class, the share that another annotator gave too."""

    label: str
    count: int
    """Labels of it, all annotators together."""
    agreement: Coefficient


class Disagreement(Record):
    """A row to adjudicate."""

    id: str
    labels: tuple[str, ...]
    """One an annotator, empty where there is none."""


class LabelAgreement(Record):
    """How far annotators agree, and what that does to what can be measured with their labels."""

    schema_version: str = "1.0"
    kind: Literal["agreement"] = "agreement"
    title: str
    sentence: str
    tone: Literal["good", "unsure", "bad"]
    annotators: tuple[str, ...]
    scale: Scale
    classes: tuple[str, ...]
    rows: int
    items: int
    """Rows with two labels or more."""
    single: int
    """Rows with one."""
    unlabelled: int
    coefficients: tuple[Coefficient, ...]
    per_class: tuple[ClassAgreement, ...]
    confusions: tuple[Confusion, ...] = ()
    """Rows are the labels of the first annotator of a pair, columns those of the second."""
    disagreements: tuple[Disagreement, ...] = ()
    ceiling: Coefficient
    """Accuracy that a perfect model has against single labels, if annotators err independently and evenly."""
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    weight: str | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    source: Source
    seed: int = 0
    seatrial: str
