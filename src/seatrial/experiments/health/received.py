"""What was dropped while the tables were read: duplicates, late events, times and numbers that cannot be read."""

from seatrial.experiments.health.findings import (
    EVENTS,
    EXPOSURES,
    NUMBERS,
    TIMES,
    both,
    failed,
    many,
    passed,
    percent,
    warned,
)
from seatrial.experiments.table import Counts
from seatrial.records.evidence import Finding

SHARE = 0.01
"""Of rows dropped, from which on it is worth a look."""
BROKEN = 0.1
"""Of rows without a unit, an arm or a time, from which on nothing can be read."""


def received(counts: Counts) -> list[Finding]:
    """Say what was dropped while the tables were read: duplicates, late and early events, times and numbers unread."""
    found = [*_nameless(counts), *_times(counts), *_numbers(counts)]
    if counts.events is None:
        return found
    events = max(counts.events, 1)
    parts: list[str] = []
    loud: list[str] = []
    if counts.duplicate_events:
        text = f"{many(counts.duplicate_events, 'duplicate')} ({percent(counts.duplicate_events / events)}) dropped"
        (loud if counts.duplicate_events > SHARE * events else parts).append(text)
    if counts.late_events:
        text = (
            f"{counts.late_events:,} ({percent(counts.late_events / events)}) that arrived after the as-of time not "
            f"read, so "
            "the last days are not complete"
        )
        (loud if counts.late_events > SHARE * events else parts).append(text)
    if counts.events_after_as_of:
        share = percent(counts.events_after_as_of / events)
        parts.append(f"{counts.events_after_as_of:,} ({share}) from after the as-of time not read")
    if counts.events_before_exposure:
        share = percent(counts.events_before_exposure / events)
        parts.append(f"{counts.events_before_exposure:,} ({share}) from before the unit's first exposure ignored")
    if counts.events_without_unit:
        share = percent(counts.events_without_unit / events)
        parts.append(f"{counts.events_without_unit:,} ({share}) of units outside the experiment ignored")
    said = f"Of {many(counts.events, 'event')}: {'; '.join([*loud, *parts]) or 'all read, none dropped'}."
    found.append((warned if loud else passed)(EVENTS, said))
    return found


def _nameless(counts: Counts) -> list[Finding]:
    """Exposures without a unit or an arm, and pre-period rows that are none."""
    found = []
    for n, what in ((counts.missing_unit, "a unit"), (counts.missing_arm, "an arm")):
        if n:
            share = n / max(counts.exposures, n)
            text = (
                f"{many(n, 'exposure')} ({percent(share)}) without {what}, left out; look at how exposures are logged."
            )
            found.append((failed if share > BROKEN else warned)(EXPOSURES, text, n))
    if counts.pre_after_exposure:
        text = (
            f"{many(counts.pre_after_exposure, 'row')} of the pre-period table lie at or after a unit's exposure "
            "and were left out: a covariate must be known before."
        )
        found.append(warned(EXPOSURES, text, counts.pre_after_exposure))
    return found


def _times(counts: Counts) -> list[Finding]:
    found = []
    if counts.bad_times:
        rows = max(counts.exposures + (counts.events or 0), counts.bad_times)
        share = counts.bad_times / rows
        text = (
            f"{many(counts.bad_times, 'row')} ({percent(share)}) without a time that can be read, left out; write "
            f"times as "
            "ISO 8601 with their zone."
        )
        found.append((failed if share > BROKEN else warned)(TIMES, text, counts.bad_times))
    if counts.exposures_after_as_of:
        found.append(
            passed(
                TIMES,
                f"{many(counts.exposures_after_as_of, 'exposure')} after the as-of time not read.",
                counts.exposures_after_as_of,
            )
        )
    return found


def _numbers(counts: Counts) -> list[Finding]:
    bad = {column: n for column, n in counts.not_numbers.items() if n}
    if not bad:
        return []
    said = both([f"'{column}' ({n:,})" for column, n in sorted(bad.items(), key=lambda one: (-one[1], one[0]))])
    return [
        warned(
            NUMBERS,
            f"Values that are infinite, NaN or no number, in {said}: they count as missing, not as 0; look at what "
            f"wrote them.",
            sum(bad.values()),
        )
    ]
