"""Whether the data can carry a result at all: sample ratio, crossovers, logging, metric validity."""

from collections.abc import Sequence

from seatrial.experiments.health.findings import (
    CROSSOVERS,
    DOMINATED,
    EMPTY_ARM,
    EVENT_DAYS,
    EVENTS,
    EXPOSURE_DAYS,
    EXPOSURES,
    HEAVY_TAILS,
    METRIC_VALUES,
    MISSING_VALUES,
    NEGATIVE,
    NO_EVENTS,
    NUMBERS,
    PRE_PERIOD,
    SAMPLE_RATIO,
    SAMPLE_RATIO_SEGMENTS,
    TIMES,
    UNKNOWN_ARMS,
)
from seatrial.experiments.postmortem.subject import Subject
from seatrial.records.evidence import Finding
from seatrial.records.postmortem import Step

_MOST = 2


def data_steps(of: Subject) -> list[Step]:
    """The four questions that the health checks have answered."""
    units = {f"units {one.arm}": float(one.units) for one in of.readout.units}
    return [
        _sample_ratio(of.readout.health, units),
        _step(
            of.readout.health,
            name="crossovers",
            question="Did units see more than one arm?",
            about=(CROSSOVERS,),
            fails=(),
            unknown="The readout does not say whether units were seen in more than one arm: it takes the exposures, "
            "one row each.",
        ),
        _step(
            of.readout.health,
            name="logging",
            question="Was everything logged, alike in the arms?",
            about=(PRE_PERIOD, EXPOSURE_DAYS, EVENT_DAYS, NO_EVENTS, MISSING_VALUES, EXPOSURES, EVENTS, TIMES),
            fails=(EXPOSURE_DAYS, EVENT_DAYS, NO_EVENTS, MISSING_VALUES, EXPOSURES, EVENTS, TIMES, PRE_PERIOD),
            unknown="The readout does not say whether exposures and events were logged every day: it takes their "
            "times.",
        ),
        _step(
            of.readout.health,
            name="metric validity",
            question="Does the metric measure what units did?",
            about=(METRIC_VALUES, DOMINATED, NUMBERS, NEGATIVE, HEAVY_TAILS),
            fails=(METRIC_VALUES, DOMINATED, NUMBERS),
            unknown="The readout does not say what values the metric took: it takes the units.",
        ),
    ]


def _sample_ratio(health: Sequence[Finding], units: dict[str, float]) -> Step:
    """Warned means that nobody said the shares, or a deviation too small to matter."""
    question = "Did the arms get the units they should?"
    own = [finding for finding in health if finding.name in (SAMPLE_RATIO, EMPTY_ARM, UNKNOWN_ARMS)]
    split = [finding for finding in health if finding.name == SAMPLE_RATIO_SEGMENTS and finding.status != "pass"]
    if not own:
        return Step(
            name="sample ratio",
            question=question,
            status="cannot check",
            sentence="The readout holds no sample-ratio check: it takes the planned shares.",
            numbers=units,
        )
    worst = [finding for finding in own if finding.status == "fail"]
    if worst:
        status, said = "fail", worst
    elif any(finding.status == "warn" and "No plan says" in finding.sentence for finding in own):
        status, said = "cannot check", [finding for finding in own if finding.status == "warn"]
    else:
        status, said = "pass", [*own, *split]
    return Step(
        name="sample ratio",
        question=question,
        status="fail" if status == "fail" else "cannot check" if status == "cannot check" else "pass",
        sentence=_said(said),
        numbers=units,
    )


def _step(
    health: Sequence[Finding],
    *,
    name: str,
    question: str,
    about: tuple[str, ...],
    fails: tuple[str, ...],
    unknown: str,
) -> Step:
    """Findings named `about` as one step; a warning counts as an explanation for those in `fails`."""
    own = [finding for finding in health if finding.name in about]
    if not own:
        return Step(name=name, question=question, status="cannot check", sentence=unknown)
    broken = [
        finding for finding in own if finding.status == "fail" or (finding.status == "warn" and finding.name in fails)
    ]
    noted = [finding for finding in own if finding.status == "warn"]
    chosen = broken or noted or own
    numbers = {finding.name: float(finding.count) for finding in chosen if finding.count is not None}
    return Step(
        name=name, question=question, status="fail" if broken else "pass", sentence=_said(chosen), numbers=numbers
    )


def _said(findings: Sequence[Finding]) -> str:
    more = f" (And {len(findings) - _MOST} more under health.)" if len(findings) > _MOST else ""
    return " ".join(finding.sentence for finding in findings[:_MOST]) + more
