"""Allocation phases of a plan: which one a first exposure falls into."""

from collections.abc import Sequence
from datetime import tzinfo

from seatrial.experiments.times import instant
from seatrial.records.plan import Phase


def phase_of_time(phases: Sequence[Phase], time: str, where: tzinfo) -> tuple[tuple[str, ...], str]:
    """Names of the phases in the order of their starts, and SQL of the code of the one a UTC time falls into.

    What lies before the first start belongs to the first phase.

    >>> from datetime import UTC
    >>> phase_of_time([Phase(start="1970-01-02", weights={}), Phase(start="1970-01-03", weights={})], "t", UTC)
    (('1970-01-02', '1970-01-03'), 'CASE WHEN t < 172800000000 THEN 0 ELSE 1 END')
    """
    started = sorted((instant(one.start, where, option="phase start"), one.start) for one in phases)
    if len(started) < 2:
        return tuple(name for _, name in started) or ("all",), "0"
    cases = " ".join(f"WHEN {time} < {start} THEN {at}" for at, (start, _) in enumerate(started[1:]))
    return tuple(name for _, name in started), f"CASE {cases} ELSE {len(started) - 1} END"
