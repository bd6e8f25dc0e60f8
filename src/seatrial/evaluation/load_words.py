"""What a load found, in words; how it was measured; what it does not show."""

import math
from collections.abc import Sequence

from seatrial.evaluation.load_levels import in_words, rate_of
from seatrial.records.load import Load, LoadStep
from seatrial.records.numbers import format_count, format_interval, format_value
from seatrial.records.results import Estimate

METHODS = (
    "Open loop: every request is sent when it is due, whatever became of the ones before it, and its response time "
    "counts from that moment. A slow answer does not thin out the load it is measured under (no coordinated omission).",
    "Each request is sent once: nothing is tried again. A request without an answer is slower than any that has one: "
    "it counts in every percentile.",
    "Percentiles: NumPy's linear value. Requests that queue behind one another resemble each other, so n requests "
    "count as n over their autocorrelation time: Geyer's initial monotone sequence and one standard error, the longest "
    "found for being slower than the percentile, the 80 % and the 50 % one.",
    "Limits are the order statistics of that many independent requests. They speak of a load that has settled: where "
    "requests pile up there is no such thing as the percentile, and the page says so.",
    "A bound holds where the whole interval lies below it and breaks where the whole interval lies above it; otherwise "
    "these requests cannot tell.",
    "Where requests pile up a bound that is passed breaks, and one that is not yet passed is open. Every step must "
    "hold, so nothing is corrected for their number.",
)


def sentence_of(of: Load) -> str:
    """The finding, in one or two sentences."""
    if not of.levels:
        return _measured(of)
    if of.whole is not None:
        return _of_trace(of, of.whole)
    bounds = f"Service level ({in_words(of.levels)})"
    held, broken = of.holds_up_to, of.breaks_at
    invalid = [step for step in of.steps if not step.valid]
    unsure = [step for step in of.steps if step.valid and step.status == "cannot tell"]
    if broken is not None:
        step = min((one for one in of.steps if one.status == "breaks"), key=rate_of)
        what = f"{bounds}: breaks at {format_value(broken)} requests a second ({_why(step)})"
        if held is not None:
            between = _next_to(of.steps, held, broken)
            return f"{what}, holds up to {format_value(held)}{between}."
        return f"{what}, and is not shown to hold at a lower rate."
    if invalid:
        return f"At {invalid[0].name} {invalid[0].reason}: use a client with more processor time, or a lower rate."
    if unsure:
        so_far = f"holds up to {format_value(held)} requests a second; " if held is not None else ""
        return f"{bounds}: {so_far}cannot tell at {unsure[0].name} ({_why(unsure[0])}).{_longer(unsure)}"
    return f"{bounds}: holds at every rate tried, up to {format_value(held or 0.0)} requests a second."


def _longer(steps: Sequence[LoadStep]) -> str:
    """How long a step would have to last for an upper limit, with a third to spare."""
    needed = 0.0
    for step in steps:
        for one in step.levels:
            if one.status != "cannot tell" or one.measure == "errors" or not step.effective or step.backlog_grows:
                continue
            many = math.log(0.025) / math.log(float(one.measure[1:]) / 100)
            needed = max(needed, step.seconds * 4 / 3 * many / step.effective, 1.5 * step.seconds)
        for one in step.levels:
            if one.status == "cannot tell" and one.measure == "errors" and step.requests:
                needed = max(needed, step.seconds * 4 / 3 * 3.7 / one.below / step.requests)
    return f" Measure longer: --seconds {math.ceil(needed / 5) * 5}." if needed else ""


def _next_to(steps: Sequence[LoadStep], held: float, broken: float) -> str:
    between = [step for step in steps if held < rate_of(step) < broken]
    if between:
        return f"; these requests cannot tell at {', '.join(step.name for step in between)}"
    return "; rates between were not tried"


def _of_trace(of: Load, whole: LoadStep) -> str:
    start = (
        f"Over the trace ({format_count(whole.requests)} requests, {format_value(whole.offered)} a second on average)"
    )
    bounds = in_words(of.levels)
    if not whole.valid:
        return f"{start} {whole.reason}."
    broken = [step for step in of.steps if step.status == "breaks"]
    where = ""
    if broken and len(of.steps) > 1:
        least = min(broken, key=lambda one: one.offered)
        where = (
            f" It is broken in {len(broken)} of {len(of.steps)} windows, the one with the least load at "
            f"{format_value(least.offered)} a second ({least.name})."
        )
    status = {"holds": "holds", "breaks": "breaks", "cannot tell": "cannot tell"}[whole.status or "cannot tell"]
    return f"{start}: {bounds}: {status} ({_why(whole)}).{where}"


def _measured(of: Load) -> str:
    first, last = of.steps[0], of.steps[-1]
    if of.whole is not None:
        return f"Over the trace of {format_count(of.whole.requests)} requests p95 is {_shown(of.whole)}."
    if len(of.steps) == 1:
        return f"At {first.name} p95 is {_shown(first)}."
    return f"p95 goes from {_shown(first)} at {first.name} to {_shown(last)} at {last.name}."


def _shown(step: LoadStep) -> str:
    return interval(next(one for one in step.response if one.metric == "p95"))


def _why(step: LoadStep) -> str:
    """The numbers behind a step's status."""
    checked = next((one for one in step.levels if one.status == step.status), None)
    if checked is None:
        return step.reason or "no bound"
    found = (
        step.errors
        if checked.measure == "errors"
        else next(one for one in step.response if one.metric == checked.measure)
    )
    if found.value is None:
        return f"{checked.measure}: {checked.reason}"
    more = f"; {checked.reason}" if step.backlog_grows or (found.high is None and step.status != "breaks") else ""
    return f"{checked.measure} {interval(found, bound=checked.below)}{more}"


def interval(of: Estimate, *, bound: float | None = None) -> str:
    """A value with its limits, in its unit; a share as a percentage."""
    if of.value is None:
        return of.reason or "no value"
    if of.scale is None:
        low = 100 * (of.low if of.low is not None else 0.0)
        high = None if of.high is None else 100 * of.high
        return format_interval(100 * of.value, low, high, scale="%", thresholds=() if bound is None else (100 * bound,))
    return format_interval(of.value, of.low, of.high, scale=of.scale, thresholds=() if bound is None else (bound,))


def nothing_shown(of: Load) -> tuple[str, ...]:
    """What a reader might think was tested and was not."""
    said = [
        "How right the answers are: a load counts answers and their time, `seatrial run` their quality.",
        "Other clients: all requests came from one machine over one network path.",
        "What hours bring: leaks, full disks, other tenants, night and day.",
    ]
    if of.mode == "rates":
        said.append(
            f"How a server that adds machines does: every rate starts from an idle one, and lasts {_lasts(of.steps)}."
        )
        if of.arrivals == "even":
            said.append("Bursts: requests came evenly, as users do not.")
        else:
            said.append("Bursts beyond chance: requests came independently of each other, at one rate.")
    else:
        said.append("Other days: a trace is one sample of what arrives.")
    said.append("Users who go away, or ask again, when answers are slow: arrivals do not react to answers.")
    if any(step.most_at_once <= 1 for step in of.steps):
        said.append("Requests at the same time: at the lowest load they hardly met.")
    return tuple(said)


def _lasts(steps: Sequence[LoadStep]) -> str:
    lengths = [step.seconds for step in steps]
    if not lengths:
        return "no time"
    short, long = min(lengths), max(lengths)
    return f"{short:g} s" if short == long else f"{short:g} to {long:g} s"
