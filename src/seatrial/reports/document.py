"""A report as a tree of blocks: what is said, before how it looks. Renderers turn it into HTML, Markdown or text.

Every string here is plain text: renderers make it visible and escape it. `verbatim` marks text from a data set.
"""

from dataclasses import dataclass
from typing import Any, Literal

from seatrial.records import Check
from seatrial.reports.words import Tone

ColumnKind = Literal["text", "number", "word"]
Spec = dict[str, Any]
"""A Vega-Lite specification."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much a report shows: what is cut is counted, and the JSON has all of it."""

    rows: int = 40
    """Rows of a table, and of a forest."""
    slices: int = 25
    """Slices per metric."""
    examples: int = 10
    """Flips shown with their columns, each way."""
    classes: int = 30
    """Classes in a per-class table."""
    characters: int = 240
    """Of one dataset value."""
    sentence: int = 1200
    """Of one sentence."""
    columns: int = 6
    """Dataset columns beside an example."""
    models: int = 20
    """Versions in a table."""
    panels: int = 4
    """Charts side by side."""
    curve_points: int = 200
    looks: int = 120
    """Points of a chart over time."""
    sequences: int = 6
    """Charts over time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a table; `symbol` and `tone` come together, so that colour never speaks alone."""

    text: str
    symbol: str = ""
    tone: Tone | None = None
    verbatim: bool = False
    heat: int = 0
    """Shade of the cell, -9 to 9: 0 is none, negative the colour of loss."""
    strong: bool = False
    note: str = ""
    """A second, smaller line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: how its cells are set, and whether a narrow output keeps it."""

    title: str
    kind: ColumnKind = "text"
    narrow: bool = True
    """False: left out of narrow outputs (terminal, pull-request comment)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """A group of rows under one heading (a candidate, a column); without a title just the rows."""

    title: str | None = None
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table; the first cell of a row is its header."""

    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Rows, ...]
    note: str = ""
    """What was cut."""
    key: str = ""
    """How to read it; left out of narrow outputs, which leave out columns too."""
    matrix: bool = False
    """True for a confusion matrix: rows are targets, columns predictions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    text: str
    small: bool = False
    term: str = ""
    """What the paragraph is about, set in bold before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """A formula in plain characters, set in a fixed width."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Terms with what they are: `Seed: 0`."""

    items: tuple[tuple[str, str], ...]
    monospace: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Callout:
    """A sentence that must not be missed."""

    text: str
    symbol: str
    tone: Tone
    label: str
    """The word that goes with the symbol: `warning`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A chart with what it shows in words, for whoever cannot see it."""

    id: str
    title: str
    alternative: str
    spec: Spec
    caption: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Blocks side by side where there is room."""

    blocks: tuple["Block", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """Blocks folded away behind a summary."""

    summary: str
    blocks: tuple["Block", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """The checks of the policy, each with its symbol, its word and its reason."""

    items: tuple[Check, ...]
    several: bool
    """True with several candidates: each check then names its own."""
    more: int = 0
    """How many were cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


Block = Paragraph | Bullets | Formula | Facts | Callout | Figure | Pair | Fold | Checks | Heading | Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    id: str
    title: str
    blocks: tuple[Block, ...]
    lead: str = ""
    """One sentence under the title: what to look at."""
    stamp: str = ""
    """A word beside the title: `exploratory`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyNumber:
    """One of the three numbers of the first screen."""

    name: str
    value: str
    interval: str
    symbol: str
    word: str
    tone: Tone
    sides: tuple[tuple[str, str], ...] = ()
    """(version, its value), the baseline first."""
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """One chip of the first screen: a check or the health in a few words, with where to read more."""

    symbol: str
    tone: Tone
    word: str
    text: str
    section: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """The first screen: what is said, of whom, and the numbers that carry it; most have a verdict, some only a tone."""

    symbol: str
    tone: Tone
    headline: str
    sentence: str
    facts: tuple[tuple[str, str], ...] = ()
    numbers: tuple[KeyNumber, ...] = ()
    level: str = ""
    """Of the intervals among the numbers."""
    code: str = ""
    """The status as the JSON has it; empty where no verdict was asked for."""
    stamp: str = ""
    """A word beside the headline: `no plan: exploratory`."""
    glances: tuple[Glance, ...] = ()
    name: str = "Verdict"
    """What the first screen is called in the contents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    title: str
    front: Front
    sections: tuple[Section, ...]
    version: str
    """Of this package."""
    evidence: str = ""
    """Digest of the evidence, for the foot of the page."""
    about: str = ""
    """What kind of document it is, beside the name of the house: `comparison of two model versions`."""
    differences: str = ""
    """Which side is subtracted from which, where there are differences: `candidate minus baseline`."""
    source: str = "the JSON"
    """Where all numbers behind the page are: `the JSON`, `the plan file`."""
    flag: str = "--json"
    """The option that writes the source; empty where there is none."""


def rest(shown: int, total: int, what: str) -> str:
    """Say what a table leaves out: `""` when it holds everything.

    >>> rest(40, 2600, "slices")
    '40 of 2,600 slices shown; the JSON has all of them.'
    """
    return "" if shown >= total else f"{shown:,} of {total:,} {what} shown; the JSON has all of them."
