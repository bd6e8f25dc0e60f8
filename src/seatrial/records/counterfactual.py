"""Counterfactual pairs as records: what was built, and what a model made of it."""

from typing import Literal

from pydantic import Field

from seatrial.records.base import Record
from seatrial.records.results import Effect, Estimate
from seatrial.records.run import CounterfactualOutcome, ModelInfo


class SwapCount(Record):
    """How many pairs one swap has."""

    swap: str
    pairs: int
    review: int = 0
    """Where a word could stand for several."""
    refused: int = 0
    """Marked `no` by a reader."""


class CounterfactualSet(Record):
    """A counterfactual data set: of which rows, by which terms, how many pairs; written beside the table of pairs."""

    name: str
    version: str = "1"
    digest_of_pairs: str
    """SHA-256 of ids, texts, swaps, labels and what was kept."""
    source: str
    source_fingerprint: str
    column: str
    inputs: tuple[str, ...] = ()
    label: str | None = None
    positive: str | None = None
    terms: str | None = None
    terms_version: str | None = None
    terms_digest: str | None = None
    how: Literal["terms", "two files"] = "terms"
    seed: int = 0
    most: int | None = None
    """At most so many swaps of one row; None: all."""
    rows: int
    edited_rows: int
    """Rows with at least one pair."""
    unedited_rows: int
    pairs: int
    review: int
    reviewed: int = 0
    """Pairs somebody marked yes or no."""
    changed_by_hand: bool = False
    """The table is not the one that was built: decisions or texts were changed since."""
    swaps: tuple[SwapCount, ...] = ()
    notes: tuple[str, ...] = ()


class SwapReading(Record):
    """What one swap did to the answers, beyond its flip rate."""

    outcome: CounterfactualOutcome
    rows: int
    """Original rows behind the pairs."""
    flips: int
    to_positive: int | None = None
    """Flips from the negative to the positive class; None where no class is positive."""
    unanswered: int = 0
    over_limit: bool = False
    """Its flip rate lies above the limit at a level shared by all swaps."""


class PairExample(Record):
    """One pair whose answer changed (hostile text: escape it)."""

    id: str
    swap: str
    original: str
    edited: str
    before: str
    after: str
    score_before: float | None = None
    score_after: float | None = None


class IdentityAuc(Record):
    """How well scores order rows that mention an identity, alone and against the background (Borkan et al. 2019)."""

    identity: str
    rows: int
    positives: int
    subgroup: Estimate
    bpsn: Estimate
    """Background positive, subgroup negative: low where harmless mentions score like offences."""
    bnsp: Estimate
    """Background negative, subgroup positive: low where offences against the group score like harmless rows."""


class LabelRate(Record):
    """How often rows that mention an identity carry the positive label, against rows that do not."""

    identity: str
    mentioned: Estimate
    others: Estimate
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str | None = None
    reason: str | None = None


class LabelAudit(Record):
    """The labels themselves: by identity, and between the two halves of a pair where both have one."""

    positive: str | None = None
    rates: tuple[LabelRate, ...] = ()
    halves_differ: Estimate | None = None
    """Share of pairs whose halves carry different labels."""
    reason: str | None = None


class CounterfactualReading(Record):
    """A model on counterfactual pairs; its JSON is the public one."""

    title: str
    seatrial: str
    model: ModelInfo | None = None
    model_name: str
    pairs: CounterfactualSet
    level: float = 0.95
    answered: int
    """Pairs with an answer on both sides."""
    unanswered: int = 0
    left_out: int = 0
    """Ambiguous pairs nobody has reviewed."""
    refused: int = 0
    threshold: float | None = None
    overall: SwapReading
    swaps: tuple[SwapReading, ...] = ()
    drops: tuple[Effect, ...] = ()
    """Metrics on the edited rows against the same rows as written."""
    aucs: tuple[IdentityAuc, ...] = ()
    overall_auc: Estimate | None = None
    auc_reason: str | None = None
    labels: LabelAudit | None = None
    examples: tuple[PairExample, ...] = ()
    max_flip_rate: float | None = None
    status: Literal["pass", "fail", "inconclusive", "invalid"] | None = None
    """None where no limit was asked for."""
    sentence: str
    headline: str
    tone: Literal["good", "bad", "unsure", "neutral"]
    notes: tuple[str, ...] = Field(default=())
