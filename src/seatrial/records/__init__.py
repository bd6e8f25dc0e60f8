"""Records: what every room hands to the next, and what JSON shows."""

from seatrial.records.base import Record
from seatrial.records.decision import Check, Policy, Role, Rule, Status, Verdict
from seatrial.records.evidence import (
    ClassFlips,
    Confusion,
    Curve,
    Example,
    Finding,
    Flips,
    Provenance,
    Source,
    Tradeoff,
)
from seatrial.records.results import Effect, Estimate, Slice, Word
from seatrial.records.scorecard import Scorecard

__all__ = [
    "Check",
    "ClassFlips",
    "Confusion",
    "Curve",
    "Effect",
    "Estimate",
    "Example",
    "Finding",
    "Flips",
    "Policy",
    "Provenance",
    "Record",
    "Role",
    "Rule",
    "Scorecard",
    "Slice",
    "Source",
    "Status",
    "Tradeoff",
    "Verdict",
    "Word",
]
