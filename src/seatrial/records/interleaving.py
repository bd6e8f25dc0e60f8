"""Which of two rankings users prefer when both are drafted into one list."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.evidence import Finding, Source
from seatrial.records.results import Effect, Estimate


class Interleaving(Record):
    """A preference from interleaved lists: every user one vote between -1 (baseline) and 1 (candidate)."""

    schema_version: str = "1.0"
    kind: Literal["interleaving"] = "interleaving"
    title: str
    sentence: str
    baseline: str
    candidate: str
    unit: str
    """What has one vote: the user, or the query."""
    rows: int
    queries: int
    """With a winner or a tie."""
    silent: int = 0
    """Queries without a click: no vote."""
    units: int
    prefer_baseline: int
    prefer_candidate: int
    undecided: int
    preference: Effect
    """Mean of (wins of the candidate - wins of the baseline)/queries over units."""
    share: Estimate
    """Of the decided units: how many prefer the candidate."""
    health: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seatrial: str
    seed: int = 0
