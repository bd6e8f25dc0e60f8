"""What a test set shares with itself and with what a model was trained on: copies, groups, time, giveaways."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.evidence import Source

OverlapKind = Literal[
    "copies in the training data",
    "near copies in the training data",
    "copies within the test set",
    "near copies within the test set",
    "equal inputs, different targets",
    "groups on both sides",
    "time travel",
    "column gives the target away",
    "target named in the text",
    "order of the rows",
]


class OverlapPair(Record):
    """A row of the test set and the row it matches (hostile text: escape it)."""

    test: str
    """Id of the test row."""
    other: str
    """Id of the row it matches."""
    side: Literal["test", "train"]
    """Where the other row is."""
    similarity: float | None = None
    """1 for equal inputs; the Jaccard similarity of texts, the correlation of images."""
    how: str
    """`equal inputs`, `Jaccard similarity of character shingles`, `equal but for age`."""
    columns: dict[str, tuple[str, str]] = Field(default_factory=dict)
    """Some columns of both rows, cut."""
    targets: tuple[str, str] | None = None


class OverlapColumn(Record):
    """How well one column alone tells the target."""

    column: str
    measure: Literal["AUC", "accuracy", "Spearman's rho"]
    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    base: float
    """What knowing nothing gives."""
    n: int
    method: str
    gives_away: bool = False
    name_like: bool = False
    """The column names rows: an id, a running number."""


class OverlapCheck(Record):
    """One check: what was found, on how many of the test rows."""

    kind: OverlapKind
    status: Literal["pass", "warn", "fail"]
    sentence: str
    count: int | None = None
    """Test rows affected."""
    of: int | None = None
    """Test rows looked at."""
    share: float | None = None
    low: float | None = None
    high: float | None = None
    """Limits at 95 % where the test rows were sampled; a count of all rows has none."""
    ids: tuple[str, ...] = ()
    """Every test row affected."""
    pairs: tuple[OverlapPair, ...] = ()
    """Examples."""
    columns: tuple[OverlapColumn, ...] = ()
    method: str
    notes: tuple[str, ...] = ()


class Overlap(Record):
    """The overlap of a test set with itself and, where it is given, with the training data."""

    schema_version: str = "1.0"
    kind: Literal["overlap"] = "overlap"
    title: str
    sentence: str
    status: Literal["pass", "warn", "fail"]
    rows_test: int
    rows_train: int | None = None
    checks: tuple[OverlapCheck, ...]
    copied: tuple[str, ...] = ()
    """Ids of the test rows whose inputs, or nearly these inputs, are in the training data: measure without them.

    Of checks that found something; near rows that are as usual among the training rows themselves do not count.
    """
    compared: dict[str, str] = Field(default_factory=dict)
    """Input columns compared, and what each was taken for: text, image, number, category."""
    roles: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    sources: tuple[Source, ...]
    threshold: float = 0.8
    """Jaccard similarity from which texts are near copies."""
    seed: int = 0
    seatrial: str
