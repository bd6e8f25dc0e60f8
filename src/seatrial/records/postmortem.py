"""`PostMortem`: why an experiment showed nothing, step by step, and what to test next; its dump is the public JSON."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.results import Slice, Word

POSTMORTEM_SCHEMA_VERSION = "1.0"
StepStatus = Literal["pass", "fail", "cannot check"]
NextKind = Literal["repair", "segment", "trigger", "longer", "larger", "stop", "decide"]


class Step(Record):
    """One question asked of a null result: `fail` is an explanation found, `pass` that this is not it."""

    name: str
    question: str
    status: StepStatus
    sentence: str
    numbers: dict[str, float] = Field(default_factory=dict)
    """What the sentence rests on."""


class NextTest(Record):
    """What to do next, and how many units it takes."""

    kind: NextKind
    sentence: str
    metric: str
    where: Slice = Field(default_factory=dict)
    """The units to test on; `{}` is all."""
    units: dict[str, int] = Field(default_factory=dict)
    """Needed per arm; empty where no number of units helps."""
    effect: float | None = None
    """The true difference that so many units find with the planned power, in the metric's own unit."""
    days: int | None = None
    """At the plan's new units per day; None: the plan does not say, or never."""


class PostMortem(Record):
    """The steps in the order in which they must be asked: a later one means little where an earlier one failed."""

    schema_version: str = POSTMORTEM_SCHEMA_VERSION
    kind: Literal["post-mortem"] = "post-mortem"
    title: str
    sentence: str
    metric: str
    control: str
    candidate: str
    word: Word
    """Of the effect looked into."""
    is_null: bool
    """False where the effect was found after all: better, or worse."""
    steps: tuple[Step, ...]
    next_test: NextTest
    exploratory: bool
    """True without a frozen plan."""
    unit: str
    plan_digest: str | None = None
    readout_digest: str
    seatrial: str
    """Version of this package."""
