"""`Scorecard`: all that an evaluation or a comparison found; its dump is the public JSON."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.decision import Policy, Verdict
from seatrial.records.evidence import Confusion, Curve, Finding, Flips, Provenance, Tradeoff
from seatrial.records.results import Effect, Estimate

SCHEMA_VERSION = "1.0"


class MetricInfo(Record):
    """What a metric is, for the reader: in words, as a formula, and which way is good."""

    name: str
    summary: str
    formula: str
    higher_is_better: bool
    scale: str | None = None
    kind: Literal["means", "ranks", "resampled"]


class Scorecard(Record):
    """The verdict first, then everything it rests on."""

    schema_version: str = SCHEMA_VERSION
    kind: Literal["comparison", "evaluation"] = "comparison"
    verdict: Verdict
    title: str
    task: Literal["binary", "multiclass", "multilabel", "regression", "entities", "fields", "boxes", "text"]
    models: tuple[str, ...]
    """The baseline first (comparison)."""
    lead_metric: str
    """The metric a summary leads with; never accuracy when the rarest class is under 10 %."""
    estimates: tuple[Estimate, ...]
    """All rows first, then slices."""
    effects: tuple[Effect, ...] = ()
    """All rows first, then slices of the policy, then explored slices by impact."""
    health: tuple[Finding, ...]
    flips: tuple[Flips, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    curves: tuple[Curve, ...] = ()
    reference: tuple[Estimate, ...] = ()
    """The always-majority (or always-mean) baseline, for scale."""
    tradeoffs: tuple[Tradeoff, ...] = ()
    """Break-even prices: what one more correct answer must be worth, what a missed positive must cost."""
    policy: Policy
    metrics: tuple[MetricInfo, ...]
    assumptions: tuple[str, ...] = ()
    """What was guessed or taken by default, each with the option that overrides it."""
    not_shown: tuple[str, ...]
    provenance: Provenance
    notes: tuple[str, ...] = Field(default=())
