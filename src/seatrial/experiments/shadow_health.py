"""Can a shadow log carry a verdict? Double requests, labels that are missing, late, or depend on what was flagged."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seatrial.experiments.capacity import Capacity, top_scored
from seatrial.experiments.logs import Log
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_count, format_share
from seatrial.records.shadow import ShadowCounts
from seatrial.stats.miettinen_nurminen import miettinen_nurminen_p_value

Mask = NDArray[np.bool_]
LATE = 0.05
UNLABELLED = 0.01
SELECTIVE, ALARM = 0.05, 0.001
"""Labels depend on the champion where those it flagged are labelled so much more often than those only the challenger
would have, told from chance at .001."""


class Asking(Protocol):
    """What of a request the health needs."""

    @property
    def capacity(self) -> Capacity: ...

    @property
    def maturity(self) -> str | None: ...


def health(
    log: Log,
    asked: Asking,
    counts: ShadowCounts,
    old: Mask,
    labelled: Mask,
    lot: NDArray[np.int64],
    day: NDArray[np.int64] | None,
) -> tuple[Finding, ...]:
    """The findings, in the order in which they matter; one that fails makes the verdict invalid."""
    found = [*_doubles(log), *_scores(log, counts), *_maturity(asked, counts), _missing(counts, old)]
    selective = _selective(log, asked, old, labelled, lot, day)
    return tuple([*found, *([] if selective is None else [selective])])


def _doubles(log: Log) -> list[Finding]:
    ids = log.texts.get("id")
    if ids is None:
        return []
    known = [one for one in ids if one is not None]
    twice = len(known) - len(set(known))
    if twice:
        text = (
            f"{format_count(twice)} rows of {log.name} repeat an id: each request counts once, so leave out the others."
        )
        return [Finding(name="each request once", status="fail", sentence=text, count=twice)]
    return [Finding(name="each request once", status="pass", sentence="Every id occurs once.", count=0)]


def _scores(log: Log, counts: ShadowCounts) -> list[Finding]:
    lacking = counts.without_score
    if not lacking:
        return [Finding(name="both scores", status="pass", sentence="Every request has both scores.", count=0)]
    a, b = (np.isnan(log.numbers[part]) for part in ("champion", "challenger"))
    text = (
        f"{format_count(lacking)} of {format_count(counts.requests)} requests lack a score (champion "
        f"{format_count(int(a.sum()))}, challenger {format_count(int(b.sum()))}) and are left out."
    )
    share = lacking / counts.requests
    return [Finding(name="both scores", status="warn" if share > UNLABELLED else "pass", sentence=text, count=lacking)]


def _maturity(asked: Asking, counts: ShadowCounts) -> list[Finding]:
    found = []
    up_to = counts.requests - counts.without_score - counts.without_time - counts.after_as_of
    if asked.maturity is None:
        text = "No maturity was asked for: labels are taken as final, though young requests may still turn positive."
        found.append(Finding(name="matured labels", status="warn", sentence=text))
    else:
        share = 1 - counts.immature / up_to if up_to else 0.0
        text = (
            f"{format_share(share)} of requests are at least {asked.maturity} old and count; "
            f"{format_count(counts.immature)} younger ones do not"
        )
        if counts.immature_labelled:
            text += (
                f", {format_count(counts.immature_labelled)} of them with a label already "
                f"({format_count(counts.immature_positive)} positive), since early labels are not a fair sample"
            )
        found.append(Finding(name="matured labels", status="pass", sentence=f"{text}.", count=counts.immature))
    if counts.late_positives and asked.maturity is not None:
        text = (
            f"{format_count(counts.late_positives)} positive labels came later than {asked.maturity}: the youngest "
            "requests counted may still turn positive, a longer --maturity is safer."
        )
        found.append(Finding(name="late labels", status="warn", sentence=text, count=counts.late_positives))
    if counts.without_time:
        text = f"{format_count(counts.without_time)} requests have no readable time and are left out."
        found.append(Finding(name="times", status="warn", sentence=text, count=counts.without_time))
    return found


def _missing(counts: ShadowCounts, old: Mask) -> Finding:
    total = int(old.sum())
    share = counts.unlabelled / total if total else 0.0
    if not counts.unlabelled:
        return Finding(name="labels", status="pass", sentence="Every matured request has a label.", count=0)
    text = (
        f"{format_count(counts.unlabelled)} of {format_count(total)} matured requests have no label and are left out; "
        "if no label means no fraud, fill in 0 and say so."
    )
    status = "warn" if share > UNLABELLED else "pass"
    return Finding.model_validate({"name": "labels", "status": status, "sentence": text, "count": counts.unlabelled})


def _selective(
    log: Log,
    asked: Asking,
    old: Mask,
    labelled: Mask,
    lot: NDArray[np.int64],
    day: NDArray[np.int64] | None,
) -> Finding | None:
    """Whether what the champion flagged gets labels more often than what only the challenger would have flagged."""
    if labelled[old].all():
        return None
    rows = np.flatnonzero(old)
    on = None if day is None else day[rows]
    picked = [
        top_scored(log.numbers[part][rows], lot[rows], asked.capacity, on)[0] for part in ("champion", "challenger")
    ]
    first, second = picked[0], picked[1] & ~picked[0]
    if not (first.any() and second.any()):
        return None
    has = labelled[rows]
    ours, theirs = float(has[first].mean()), float(has[second].mean())
    p = float(
        miettinen_nurminen_p_value(
            [int(has[first].sum())], [int(first.sum())], [int(has[second].sum())], [int(second.sum())]
        )[0]
    )
    if ours - theirs > SELECTIVE and p < ALARM:
        text = (
            f"Labels depend on what the champion flagged: {format_share(ours)} of its alerts have one, but only "
            f"{format_share(theirs)} of those the challenger alone would have raised; label a sample of these."
        )
        return Finding(name="labels of both", status="fail", sentence=text, count=int((~has[second]).sum()))
    return Finding(
        name="labels of both", status="pass", sentence="Labels are as complete for the alerts of one as of the other."
    )
