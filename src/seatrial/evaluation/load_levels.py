"""Service levels: read, held against a step, and put together to a verdict and a sentence."""

import re
from collections.abc import Sequence

from seatrial.errors import UsageError
from seatrial.records.decision import Check, Verdict
from seatrial.records.load import LevelChecked, LoadStatus, LoadStep, ServiceLevel
from seatrial.records.numbers import format_percent, format_value

ERRORS = "errors"
_LEVEL = re.compile(r"^\s*(p\d{1,2}(?:\.\d+)?|errors)\s*(?:=|<=|<)\s*([0-9.eE+-]+)\s*(ms|s|%|)\s*$")
_CHECK: dict[LoadStatus, str] = {"holds": "pass", "breaks": "fail", "cannot tell": "inconclusive"}


def read_level(given: str | ServiceLevel) -> ServiceLevel:
    """Read `p95=300` (milliseconds), `p99=0.5s`, `errors=1%`.

    >>> read_level("p99=0.5s"), read_level("errors=1%")
    (ServiceLevel(measure='p99', below=500.0), ServiceLevel(measure='errors', below=0.01))
    """
    if isinstance(given, ServiceLevel):
        return given
    match = _LEVEL.match(given)
    try:
        if match is None:
            raise ValueError
        measure, below, unit = match[1], float(match[2]), match[3]
    except ValueError:
        raise UsageError(
            f"--sla '{given}' cannot be read; write p95=300 (milliseconds), p99=0.5s or errors=1%."
        ) from None
    if measure == ERRORS:
        if unit not in ("", "%"):
            raise UsageError(f"--sla '{given}': errors are a share; write errors=1% or errors=0.01.")
        below = below / 100 if unit == "%" else below
        if not 0 < below < 1:
            raise UsageError(f"--sla '{given}': a share of errors lies between 0 and 1.")
        return ServiceLevel(measure=measure, below=below)
    if unit == "%":
        raise UsageError(f"--sla '{given}': a percentile of the response time is in ms or s.")
    below = below * 1000 if unit == "s" else below
    if not 0 < below < 1e9 or not 0 < float(measure[1:]) < 100:
        raise UsageError(f"--sla '{given}': give a percentile between p0 and p100 and a time above 0.")
    return ServiceLevel(measure=measure, below=below)


def read_levels(given: Sequence[str | ServiceLevel]) -> tuple[ServiceLevel, ...]:
    """Read several, also `p95=300,errors=1%` in one text; one of a kind."""
    every: list[ServiceLevel] = []
    for one in given:
        parts: list[str | ServiceLevel] = list(one.split(",")) if isinstance(one, str) else [one]
        every += [read_level(part) for part in parts]
    measures = [one.measure for one in every]
    for measure in measures:
        if measures.count(measure) > 1:
            raise UsageError(f"--sla names {measure} twice; give one bound for it.")
    return tuple(every)


def bound(level: ServiceLevel | LevelChecked) -> str:
    """A bound in words: `p95 below 300 ms`."""
    if level.measure == ERRORS:
        return f"errors below {format_percent(level.below)}"
    return f"{level.measure} below {format_value(level.below, scale='ms')}"


def in_words(levels: Sequence[ServiceLevel]) -> str:
    return " and ".join(bound(one) for one in levels)


def held(step: LoadStep, levels: Sequence[ServiceLevel]) -> LoadStep:
    """Hold the bounds against a step: above its upper limit a bound holds, below its lower one it breaks."""
    if not levels:
        return step
    checked = tuple(_held(step, one) for one in levels)
    statuses = {one.status for one in checked}
    status: LoadStatus = "cannot tell"
    if "breaks" in statuses:
        status = "breaks"
    elif statuses == {"holds"}:
        status = "holds"
    return step.model_copy(update={"levels": checked, "status": status})


def _held(step: LoadStep, level: ServiceLevel) -> LevelChecked:
    found = (
        step.errors if level.measure == ERRORS else next(one for one in step.response if one.metric == level.measure)
    )

    def said(status: LoadStatus, reason: str) -> LevelChecked:
        return LevelChecked(measure=level.measure, below=level.below, status=status, reason=reason)

    if not step.valid:
        return said("cannot tell", step.reason or "the client could not keep up")
    if found.low is not None and found.low > level.below:
        return said("breaks", "the lower limit is above the bound")
    if found.value is None and found.reason is not None and "no answer" in found.reason:
        return said("breaks", found.reason)
    if step.backlog_grows:
        if found.value is not None and found.value > level.below:
            return said("breaks", "requests pile up: above the bound already, and the longer it lasts the more")
        return said(
            "cannot tell", "requests pile up: below the bound so far, and the longer it lasts the more it takes"
        )
    if found.value is None:
        return said("cannot tell", found.reason or "no value")
    if found.high is None:
        return said("cannot tell", next(iter(found.notes), "no upper limit"))
    if found.high < level.below:
        return said("holds", "the upper limit is below the bound")
    return said("cannot tell", "the bound lies between the limits")


def verdict_of(
    steps: Sequence[LoadStep], levels: Sequence[ServiceLevel], *, model: str, sentence: str, level: float
) -> Verdict:
    """Pass where every step holds, fail where one breaks, invalid where the client failed at one, else open."""
    checks = tuple(
        Check(
            name=f"{bound(one)} at {step.name}",
            role="guardrail",
            status=_CHECK[one.status],  # type: ignore[arg-type]
            reason=one.reason[:1].upper() + one.reason[1:] + ".",
            metric=one.measure,
            candidate=model,
            condition=bound(one),
            level=level,
        )
        for step in steps
        for one in step.levels
    )
    if any(step.status == "breaks" for step in steps):
        status = "fail"
    elif any(not step.valid for step in steps):
        status = "invalid"
    elif all(step.status == "holds" for step in steps):
        status = "pass"
    else:
        status = "inconclusive"
    return Verdict(status=status, sentence=sentence, checks=checks, candidate=model)  # type: ignore[arg-type]


def rate_of(step: LoadStep) -> float:
    """The rate a step stands for."""
    return step.offered if step.rate is None else step.rate


def holds_up_to(steps: Sequence[LoadStep]) -> float | None:
    """The highest rate of which it and every lower one hold."""
    found: float | None = None
    for step in sorted(steps, key=rate_of):
        if step.status != "holds":
            break
        found = rate_of(step)
    return found


def breaks_at(steps: Sequence[LoadStep]) -> float | None:
    """The lowest rate that breaks."""
    return min((rate_of(step) for step in steps if step.status == "breaks"), default=None)
