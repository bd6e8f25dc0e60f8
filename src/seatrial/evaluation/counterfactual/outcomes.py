"""How often the answer changed between the halves of a pair, and by how much the score did, by swap and over all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.errors import UsageError
from seatrial.evaluation.counterfactual.answers import label_of, numbers_of
from seatrial.evaluation.counterfactual.pairs import Pairs
from seatrial.evaluation.probes.outcomes import same_answer
from seatrial.evaluation.probes.shares import mean_estimate, share_estimate
from seatrial.models.base import Answer
from seatrial.records.counterfactual import SwapReading
from seatrial.records.run import CounterfactualOutcome
from seatrial.stats.proportions import clopper_pearson

ALL = "all"
ROW = "original row"


@dataclass(frozen=True, kw_only=True)
class Halves:
    """The used pairs with both answers, aligned."""

    pairs: Pairs
    places: tuple[int, ...]
    """Positions in `pairs.rows`."""
    before: tuple[Answer | None, ...]
    after: tuple[Answer | None, ...]
    threshold: float = 0.5
    tolerance: float = 0.0
    """Numbers nearer than this are the same answer (regression)."""

    @property
    def clusters(self) -> list[str]:
        return [self.pairs.rows[at].pair for at in self.places]

    @property
    def swaps(self) -> list[str]:
        return [self.pairs.rows[at].swap or "edited" for at in self.places]

    def labels(self, side: Sequence[Answer | None]) -> list[Any]:
        positive, negative = self.pairs.positive, self.pairs.negative
        return [label_of(one, threshold=self.threshold, positive=positive, negative=negative) for one in side]

    def changed(self) -> list[bool | None]:
        """Whether each pair's answer changed; None where a half has none."""
        before, after = self.labels(self.before), self.labels(self.after)
        return [
            None if same is None else not same
            for same in (same_answer(x, y, tolerance=self.tolerance) for x, y in zip(before, after, strict=True))
        ]

    def moved(self) -> list[float | None]:
        """Score after minus before."""
        positive = self.pairs.positive
        before, after = numbers_of(self.before, positive=positive), numbers_of(self.after, positive=positive)
        return [None if x is None or y is None else y - x for x, y in zip(before, after, strict=True)]


def halves(
    pairs: Pairs,
    answers_original: Sequence[Answer] | Mapping[str, Answer],
    answers_edited: Sequence[Answer] | Mapping[str, Answer],
    *,
    threshold: float = 0.5,
    tolerance: float = 0.0,
) -> Halves:
    """Put answers beside pairs: in the order of `pairs.originals()` and `pairs.edited()`, or by id.

    Raises `UsageError` for lists of another length.
    """
    first, second = pairs.originals(), pairs.edited()
    before = _by_id(first.ids, answers_original, "original")
    after = _by_id(second.ids, answers_edited, "edited")
    return Halves(
        pairs=pairs,
        places=pairs.used,
        before=tuple(before.get(pairs.rows[at].pair) for at in pairs.used),
        after=tuple(after.get(pairs.rows[at].id) for at in pairs.used),
        threshold=threshold,
        tolerance=tolerance,
    )


def outcomes(
    pairs: Pairs,
    answers_original: Sequence[Answer] | Mapping[str, Answer],
    answers_edited: Sequence[Answer] | Mapping[str, Answer],
    level: float = 0.95,
    *,
    model: str = "model",
    threshold: float = 0.5,
    tolerance: float = 0.0,
) -> tuple[CounterfactualOutcome, ...]:
    """Flip rate and score change over all pairs, then of each swap, the most frequent first.

    Answers are in the order of `pairs.originals()` and `pairs.edited()` (or mappings by id). Flip rates have exact
    limits (Clopper and Pearson 1934), score changes Student's; where one row has several swaps its pairs are one
    cluster (CR2, exact limits at the effective size). A pair that lacks an answer is missing, and bounded.
    """
    found = halves(pairs, answers_original, answers_edited, threshold=threshold, tolerance=tolerance)
    return tuple(reading.outcome for reading in readings(found, level=level, model=model))


def readings(found: Halves, *, level: float, model: str, limit: float | None = None) -> tuple[SwapReading, ...]:
    """`outcomes` with counts; a swap is over `limit` where its exact limits, shared over all swaps, lie above it."""
    changed, moved = found.changed(), found.moved()
    clusters, swaps = found.clusters, found.swaps
    labels = found.labels(found.before), found.labels(found.after)
    counts: dict[str, int] = {}
    for swap in swaps:
        counts[swap] = counts.get(swap, 0) + 1
    ordered = sorted(counts, key=lambda one: (-counts[one], one))
    if not swaps:
        return (_reading(ALL, [], changed, moved, clusters, labels, found, level=level, model=model),)
    out = [_reading(ALL, range(len(swaps)), changed, moved, clusters, labels, found, level=level, model=model)]
    for swap in ordered:
        places = [at for at, one in enumerate(swaps) if one == swap]
        one = _reading(swap, places, changed, moved, clusters, labels, found, level=level, model=model)
        if limit is not None and one.outcome.flip_rate.value is not None:
            n = one.outcome.flip_rate.n
            low = clopper_pearson(one.flips, n, alpha=(1 - level) / len(ordered))[0]
            one = one.model_copy(update={"over_limit": bool(np.asarray(low) > limit)})
        out.append(one)
    return tuple(out)


def _reading(
    swap: str,
    places: Sequence[int] | range,
    changed: Sequence[bool | None],
    moved: Sequence[float | None],
    clusters: Sequence[str],
    labels: tuple[list[Any], list[Any]],
    found: Halves,
    *,
    level: float,
    model: str,
) -> SwapReading:
    hits = [changed[at] for at in places]
    own = [clusters[at] for at in places]
    shared = len(set(own)) < len(own)
    slices = {} if swap == ALL else {"swap": swap}
    unit = ROW if shared else "pair"
    flip = share_estimate(
        hits, model=model, metric="flip rate", level=level, cluster=own, unit=unit, slice=slices, exact=True
    )
    scores = [moved[at] for at in places]
    change = None
    if any(score is not None for score in scores):
        change = mean_estimate(
            scores, model=model, metric="score change", level=level, cluster=own, unit=unit, slice=slices
        )
    positive = found.pairs.positive
    ups = None
    if positive is not None or any(one.score is not None for one in found.before if one is not None):
        name = positive or "positive"
        ups = sum(bool(changed[at]) and labels[1][at] == name for at in places)
    return SwapReading(
        outcome=CounterfactualOutcome(identity=swap, pairs=len(hits), flip_rate=flip, score_change=change),
        rows=len(set(own)),
        flips=sum(bool(hit) for hit in hits),
        to_positive=ups,
        unanswered=sum(hit is None for hit in hits),
    )


def _by_id(ids: tuple[str, ...], answers: Sequence[Answer] | Mapping[str, Answer], side: str) -> dict[str, Answer]:
    if isinstance(answers, Mapping):
        return dict(answers)
    if len(answers) != len(ids):
        raise UsageError(f"{len(answers)} answers were given for {len(ids)} {side} rows.")
    return dict(zip(ids, answers, strict=True))
