"""Units in more than one arm, and in arms nobody planned."""

import math

import numpy as np

from seatrial.experiments.health.findings import CROSSOVERS, UNKNOWN_ARMS, both, failed, many, passed, percent, warned
from seatrial.experiments.table import Counts
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_p
from seatrial.stats.contrasts import Floats
from seatrial.stats.sample_ratio import sample_ratio_test

WARN = 0.001
FAIL = 0.01
LEVEL = 0.001


def crossovers(counts: Counts, *, arms: tuple[str, ...], units: Floats) -> list[Finding]:
    """Judge the units seen in more than one arm: over .1 % is worth a look, over 1 % breaks the comparison.

    So does more of them from one arm than from another (p < .001), because they are left out and those who stay no
    longer compare; under .1 % that is only said. `units` (A, P) are those in one arm. The arm first seen is tested
    against the arms' shares of all units first seen there: exact binomial, or chi-square over more than two arms.
    """
    crossed = counts.crossovers
    whole = float(units.sum()) + crossed
    if crossed == 0:
        return [passed(CROSSOVERS, "No unit was seen in more than one arm.", 0)]
    share = crossed / whole
    said = f"{many(crossed, 'unit')} ({percent(share)}) {_was(crossed)} seen in more than one arm and left out"
    look = "look at how the unit is identified (log-ins, cookies, several devices) and at who changed the assignment"
    first = np.array([float(counts.crossovers_by_arm.get(arm, 0)) for arm in arms])
    p = _by_first_arm(first, units.sum(axis=1)) if first.sum() == crossed else math.nan
    uneven = f"; they do not come from the arms alike ({_from(arms, first)}, {format_p(p)})" if p < LEVEL else ""
    if share > FAIL:
        return [failed(CROSSOVERS, f"{said}{uneven}: too many to compare the arms, {look}.", crossed)]
    if uneven and share > WARN:
        return [failed(CROSSOVERS, f"{said}{uneven}, so the units that are left no longer compare: {look}.", crossed)]
    if uneven or share > WARN:
        return [warned(CROSSOVERS, f"{said}{uneven}: {look}.", crossed)]
    return [passed(CROSSOVERS, f"{said}: too few to matter.", crossed)]


def unknown_arms(counts: Counts, *, units: Floats) -> list[Finding]:
    """Judge the units in arms the plan does not name: over 1 % of all units, the plan is not what ran."""
    stray = sum(counts.unknown_arm.values())
    if stray == 0:
        return []
    share = stray / (float(units.sum()) + counts.crossovers + stray)
    names = both(
        [f"'{name}' ({n:,})" for name, n in sorted(counts.unknown_arm.items(), key=lambda x: (-x[1], x[0]))][:5]
    )
    said = (
        f"{many(stray, 'unit')} ({percent(share)}) {_was(stray)} in arms the plan does not name, and left out: "
        f"{names}; "
        "check the arms' spelling, or amend the plan"
    )
    return [(failed if share > FAIL else warned)(UNKNOWN_ARMS, f"{said}.", stray)]


def _by_first_arm(first: Floats, stayed: Floats) -> float:
    """p that crossing units come from the arms in proportion to all units first seen there."""
    seen = first + stayed
    return sample_ratio_test(first, seen).p_value if first.sum() and (seen > 0).sum() > 1 else math.nan


def _from(arms: tuple[str, ...], first: Floats) -> str:
    return both([f"{int(n):,} first in {arm}" for arm, n in zip(arms, first, strict=True)])


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
