"""Two models that scored the same requests, one of them in the shadow: what each catches at one review capacity."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.decision import Policy, Verdict
from seatrial.records.evidence import Finding, Source
from seatrial.records.results import Effect, Estimate


class ShadowExample(Record):
    """One positive, by its id."""

    id: str
    amount: float | None = None
    champion_score: float
    challenger_score: float


class Caught(Record):
    """One cell of the paired table of positives."""

    who: Literal["both", "only champion", "only challenger", "neither"]
    positives: int
    amount: float | None = None
    examples: tuple[ShadowExample, ...] = ()
    """The largest amounts first; of `both` none."""


class ShadowCounts(Record):
    """What became of the requests of the log."""

    requests: int
    without_score: int = 0
    without_time: int = 0
    after_as_of: int = 0
    immature: int = 0
    """Younger than the maturity: not counted, whatever their label says."""
    immature_labelled: int = 0
    """Of them, those with a label already."""
    immature_positive: int = 0
    unlabelled: int = 0
    """Old enough, and still without a label."""
    evaluated: int = 0
    positives: int = 0
    late_positives: int = 0
    """Evaluated positives whose label came after the maturity."""


class Shadow(Record):
    """Champion and challenger on the same requests, matured labels only, both with the same number of alerts."""

    schema_version: str = "1.0"
    kind: Literal["shadow"] = "shadow"
    title: str
    champion: str
    challenger: str
    verdict: Verdict
    policy: Policy
    as_of: str | None = None
    maturity: str | None = None
    counts: ShadowCounts
    matured_share: float
    """Of the requests up to the as-of time: those old enough."""
    health: tuple[Finding, ...] = ()
    capacity: str
    alerts: int
    """Of each model, among the evaluated requests."""
    tied: tuple[int, int] = (0, 0)
    """Requests with the score of the cut, of which some fell inside by lot: champion, challenger."""
    estimates: tuple[Estimate, ...]
    effects: tuple[Effect, ...]
    """Challenger minus champion."""
    caught: tuple[Caught, ...]
    discordance: float | None = None
    """Share of the positives that exactly one of the two catches."""
    positives_needed: int | None = None
    """For the margin at this discordance with the policy's alpha and power, were the two truly equal."""
    notes: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    source: Source
    seatrial: str
    seed: int = 0
