"""What a fairness audit found: groups, gaps between them, what stands in for a protected column, what parity costs."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.evidence import Source
from seatrial.records.results import Estimate, Slice

FourFifths = Literal["pass", "fail", "inconclusive"]
Notion = Literal[
    "base rate",
    "demographic parity",
    "equal opportunity",
    "false positive rate parity",
    "equalised odds",
    "predictive parity",
]


class Impact(Record):
    """A group's selection rate over that of the best, or of the named, group, held against four fifths."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float
    """Of all groups' limits together."""
    four_fifths: FourFifths | None = None
    """By the whole interval against 0.8; None where there is none."""
    method: str | None = None
    reason: str | None = None


class AuditGroup(Record):
    """One group or intersection: its rows, and every measure with its interval."""

    slice: Slice
    n: int
    share: float
    """Of all rows, by weight where there are weights."""
    ranked: bool
    """False: shown, but out of the gaps and the impact ratios."""
    why_not_ranked: str | None = None
    estimates: tuple[Estimate, ...]
    impact: Impact | None = None


class Gap(Record):
    """One notion of fairness over the ranked groups of one way to cut: largest against smallest rate."""

    notion: Notion
    measure: Literal["difference", "ratio"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float
    p_value: float | None = None
    """Chi-square of equal rates."""
    told: bool = False
    """The limits exclude equal rates."""
    highest: Slice | None = None
    lowest: Slice | None = None
    groups: int = 0
    left_out: tuple[str, ...] = ()
    """Groups without a rate here, or too small to rank."""
    value_of_all_groups: float | None = None
    """With the groups too small to rank; the value that fairlearn gives."""
    method: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()


class AuditCut(Record):
    """The groups of one protected column, or of two crossed, and the gaps between them."""

    by: tuple[str, ...]
    groups: tuple[AuditGroup, ...]
    empty: int = 0
    """Crossings with no rows."""
    reference: Slice | None = None
    """The group others are held against; None without two ranked groups."""
    reference_named: bool = False
    """The user named it; else it is the one with the highest selection rate."""
    gaps: tuple[Gap, ...] = ()
    four_fifths: FourFifths | None = None
    labels_differ: bool = False
    """Base rates of the labels differ beyond chance."""
    reason: str | None = None
    """Why there are no gaps."""


class Proxy(Record):
    """How well one column, or all together, tells a protected group from the rest (cross-fitted)."""

    protected: str
    group: str
    """The group it tells best."""
    column: str | None = None
    """None: all columns together."""
    kind: Literal["numbers", "categories", "all columns"]
    auc: float | None = None
    low: float | None = None
    high: float | None = None
    level: float
    """Corrected over every column and group tried."""
    cramers_v: float | None = None
    """Bias-corrected association with all groups of the protected column."""
    strength: Literal["strong", "moderate", "weak", "none told"] = "none told"
    n: int = 0
    method: str
    reason: str | None = None


class ThresholdPoint(Record):
    """Rates of every group at one threshold of the score."""

    threshold: float
    accuracy: float
    money: float | None = None
    """Per row."""
    selection_rate: dict[str, float | None] = Field(default_factory=dict)
    true_positive_rate: dict[str, float | None] = Field(default_factory=dict)
    false_positive_rate: dict[str, float | None] = Field(default_factory=dict)


class Cost(Record):
    """What decisions change against others on the same rows."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    reason: str | None = None


class DecisionRule(Record):
    """A way to decide from the score: what it gives and what it costs, on rows it was not chosen on."""

    name: str
    source: Literal["as decided", "seatrial", "fairlearn"]
    per_group: bool
    """It treats people with the same score differently by group."""
    thresholds: dict[str, float] = Field(default_factory=dict)
    """On all rows: of every group, or of `everyone`."""
    accuracy: float | None = None
    accuracy_change: Cost | None = None
    money: float | None = None
    money_change: Cost | None = None
    price: Cost | None = None
    """Of parity: against the best single threshold, in money per row where amounts are given, else in accuracy."""
    selection_difference: float | None = None
    impact_ratio: float | None = None
    true_positive_rate_difference: float | None = None
    false_positive_rate_difference: float | None = None
    reason: str | None = None
    """Why it was not tried."""


class Explorer(Record):
    """Thresholds of the score, for one protected column."""

    protected: str
    points: tuple[ThresholdPoint, ...] = ()
    rules: tuple[DecisionRule, ...] = ()
    n: int = 0
    notes: tuple[str, ...] = ()


class AuditFinding(Record):
    """One finding in plain words."""

    tone: Literal["bad", "unsure", "good", "neutral"]
    about: str
    sentence: str


class Audit(Record):
    """A fairness audit of the decisions of one model."""

    schema_version: str = "1.0"
    kind: Literal["audit"] = "audit"
    model: str
    title: str
    headline: str
    sentence: str
    tone: Literal["bad", "unsure", "neutral"]
    findings: tuple[AuditFinding, ...]
    protected: tuple[str, ...]
    favourable: str
    """The outcome that is good for the person: all rates are of it."""
    n: int
    decided: int
    """Rows with a label and a decision."""
    overall: tuple[Estimate, ...]
    cuts: tuple[AuditCut, ...]
    proxies: tuple[Proxy, ...] = ()
    columns_searched: tuple[str, ...] = ()
    columns_skipped: dict[str, str] = Field(default_factory=dict)
    explorers: tuple[Explorer, ...] = ()
    threshold: float | None = None
    benefit: float | None = None
    cost: float | None = None
    smallest: float = 0.02
    """Share of rows under which a group is shown and not ranked."""
    level: float = 0.95
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    roles: dict[str, str] = Field(default_factory=dict)
    source: Source
    seatrial: str
    libraries: dict[str, str] = Field(default_factory=dict)
    seed: int = 0
