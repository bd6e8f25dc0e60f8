"""Sample ratio: whether the arms hold the shares of units they should, over all, by phase, and where they do not."""

from collections.abc import Mapping, Sequence

import numpy as np

from seatrial.experiments.health.allocation import Allocation
from seatrial.experiments.health.findings import (
    EMPTY_ARM,
    SAMPLE_RATIO,
    SAMPLE_RATIO_SEGMENTS,
    both,
    failed,
    many,
    passed,
    percent,
    warned,
)
from seatrial.experiments.health.tally import Tally
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_p
from seatrial.stats.contrasts import Floats
from seatrial.stats.multiplicity import holm
from seatrial.stats.sample_ratio import LEAST, LEVEL, SampleRatio, sample_ratio_decision, sample_ratio_test

_SHOWN = 3
LOOK = "look at redirects, crashes, bots and the logging of that arm"


def sample_ratio(
    counted: Tally, *, arms: Sequence[str], phases: Sequence[str], allocation: Allocation
) -> list[Finding]:
    """Compare the arms' units with their planned shares: over all phases, within each, and by segment.

    A mismatch is p < .001 (within a phase .001 over their number) with a deviation of at least .002; units in an arm of
    weight 0 are one at once. Segments and days only say where it sits: Holm over all of them, again p < .001 and .002.
    """
    units, weights = counted.units, allocation.weights
    if units.sum() == 0:
        return [failed(EMPTY_ARM, "No units are left to analyse: the tables hold no unit in exactly one arm.")]
    broken = [*_empty(units, arms, allocation), *_stray(units, weights, arms, phases)]
    if broken:
        return broken
    decision = sample_ratio_decision(units.T, weights)
    places = _places(counted, allocation, arms)
    said = _shares(units, decision.overall, arms)
    if decision.failed:
        return [_mismatch(counted, decision.overall, decision.failed_phases, allocation, arms, phases, places, said)]
    found = [_fine(decision.overall, allocation, said, len(phases))]
    if places:
        found.append(
            warned(
                SAMPLE_RATIO_SEGMENTS,
                f"The arms' shares are as expected over all units, but not in {_listed(places)}: if that column was "
                f"known "
                "before the exposure, look at what differs there in assignment or logging; if it was not, the arms may "
                "have changed it, and its segments cannot be read.",
                len(places),
            )
        )
    elif counted.segments:
        names = both([f"'{name}'" for name in counted.segments])
        found.append(passed(SAMPLE_RATIO_SEGMENTS, f"The arms' shares agree in every segment of {names}."))
    return found


def _empty(units: Floats, arms: Sequence[str], allocation: Allocation) -> list[Finding]:
    """Arms that should have units and have none."""
    wanted = np.atleast_1d((allocation.weights > 0).any(axis=0))
    return [
        failed(
            EMPTY_ARM,
            f"Arm '{arm}' has no units; check its name in the exposures, and that the arm was switched on.",
            0,
        )
        for arm, n, due in zip(arms, units.sum(axis=1), wanted, strict=True)
        if due and n == 0
    ]


def _stray(units: Floats, weights: Floats, arms: Sequence[str], phases: Sequence[str]) -> list[Finding]:
    """Units where the plan sends nobody."""
    found = []
    for index, arm in enumerate(arms):
        n = np.where(weights[:, index] == 0, units[index], 0.0)
        if n.sum() == 0:
            continue
        when = "" if len(phases) == 1 else f" in {_phase(phases[int(np.argmax(n))])}"
        found.append(
            failed(
                SAMPLE_RATIO,
                f"Arm '{arm}' has a weight of 0{when} and yet {many(int(n.sum()), 'unit')}: somebody assigns units "
                f"past the "
                "plan; look at overrides, caches and the time the weights changed.",
                int(n.sum()),
            )
        )
    return found


def _shares(units: Floats, test: SampleRatio, arms: Sequence[str]) -> str:
    whole = units.sum()
    return both(
        [
            f"{arm} has {many(int(n), 'unit')} ({percent(n / whole)}, expected {percent(e / whole)})"
            for arm, n, e in zip(arms, test.counts, test.expected, strict=True)
        ][:_SHOWN]
    )


def _fine(test: SampleRatio, allocation: Allocation, said: str, phases: int) -> Finding:
    """What is said when no mismatch was found."""
    if test.reason is not None:
        return warned(SAMPLE_RATIO, f"The arms' shares could not be tested: {test.reason}.")
    within = f", also within each of the {phases} phases" if phases > 1 else ""
    assumed = "" if allocation.known else " No plan says the shares; equal ones were assumed."
    if test.p_value < LEVEL:
        return warned(
            SAMPLE_RATIO,
            f"The arms' shares are off by {percent(test.deviation)}: more than chance ({format_p(test.p_value)}), but "
            f"under {percent(LEAST)}, too little to matter: {said}.{assumed}",
        )
    return passed(SAMPLE_RATIO, f"The arms hold their shares ({format_p(test.p_value)}{within}): {said}.{assumed}")


def _mismatch(
    counted: Tally,
    overall: SampleRatio,
    failed_phases: tuple[int, ...],
    allocation: Allocation,
    arms: Sequence[str],
    phases: Sequence[str],
    places: list[str],
    said: str,
) -> Finding:
    where = f" The mismatch sits in {_listed(places)}." if places else _nowhere(counted)
    test = overall
    when = ""
    if failed_phases and len(phases) > 1:
        when = f" in {both([_phase(phases[index]) for index in failed_phases[:_SHOWN]])}"
        if not overall.mismatch():
            first = failed_phases[0]
            test = sample_ratio_test(counted.units[:, first], allocation.weights[first])
            said = _shares(counted.units[:, [first]], test, arms)
    numbers = f"{said} ({format_p(test.p_value)}, off by {percent(test.deviation)})"
    if allocation.basis == "unknown":
        equal = " / ".join([percent(1 / len(arms))] * len(arms))
        return warned(
            SAMPLE_RATIO,
            f"No plan says how the units should be shared. If {equal} was planned, these arms do not hold it{when}: "
            f"{numbers}, and no result could be trusted; if other shares were, give them (--weight ARM=SHARE).{where}",
        )
    basis = {
        "planned": "the planned shares",
        "given": "the given shares",
        "near equal": "equal shares, which are assumed as the split is close to equal and no plan says others "
        "(--weight ARM=SHARE does)",
    }[allocation.basis]
    return failed(
        SAMPLE_RATIO,
        f"Sample-ratio mismatch: the arms do not hold {basis}{when}: {numbers}. Units are added or lost in one arm "
        f"only, so "
        f"the arms cannot be compared: {LOOK}.{where}",
    )


def _places(counted: Tally, allocation: Allocation, arms: Sequence[str]) -> list[str]:
    """Levels and days in which the shares are broken, the worst first, as `country=DE (B 52.1 %, expected 50 %)`."""
    weights = allocation.weights
    if not allocation.known and allocation.basis == "unknown":  # nothing to hold against but the shares of all units
        whole = counted.units.sum(axis=0)
        weights = np.where(whole[:, None] > 0, counted.units.T / np.maximum(whole, 1)[:, None], weights)
    found: list[tuple[float, str]] = []
    groups: list[tuple[str, Sequence[str], Floats]] = [(name, *levels) for name, levels in counted.segments.items()]
    if len(counted.days) > 1:
        groups.append(("first exposure", counted.days, counted.by_day))
    for name, levels, counts in groups:
        tests = [sample_ratio_test(counts[:, :, level].T, weights) for level in range(len(levels))]
        adjusted, _ = holm([test.p_value for test in tests], alpha=LEVEL)
        broken = [
            level
            for level, test in enumerate(tests)
            if adjusted[level] < LEVEL and test.deviation >= LEAST and not test.unexpected
        ]
        signs = {bool(tests[level].counts[0] > tests[level].expected[0]) for level in broken}
        if len(levels) > 1 and len(broken) == len(levels) and len(signs) == 1:
            continue  # alike everywhere: the column says nothing of where
        for level in broken:
            found.append((float(adjusted[level]), _place(name, levels[level], tests[level], arms)))
    return [text for _, text in sorted(found)]


def _place(name: str, level: str, test: SampleRatio, arms: Sequence[str]) -> str:
    """The level and the arm furthest from its share there; of two arms, the treatment."""
    off = np.where(test.expected > 0, np.abs(test.counts - test.expected) / np.maximum(test.expected, 1e-300), 0.0)
    worst = 1 if len(arms) == 2 else int(np.argmax(off))
    whole = test.counts.sum()
    found, due = test.counts[worst] / whole, test.expected[worst] / whole
    return f"{name}={level} ({arms[worst]} {percent(found)}, expected {percent(due)})"


def _nowhere(counted: Tally) -> str:
    if not counted.segments:
        return ""
    return f" It is spread over {both([repr(name) for name in counted.segments])}: no segment alone explains it."


def _listed(places: list[str]) -> str:
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return ", ".join(places[:_SHOWN]) + more


def _phase(name: str) -> str:
    return f"the phase from {name}" if name else "the only phase"


def summaries(units: Floats, segments: Mapping[str, tuple[tuple[str, ...], Floats]] | None = None) -> Tally:
    """A tally of units (A, P) where there is no table of them: published moments."""
    return Tally(units=units, days=(), by_day=np.zeros((*units.shape, 0)), segments=segments or {})
