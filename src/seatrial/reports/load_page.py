"""The page of a load: where the service level breaks, percentiles against load, errors, how it was measured."""

from seatrial.records.load import Load, LoadStatus, LoadStep, ServiceLevel
from seatrial.records.numbers import format_count, format_percent, format_value
from seatrial.records.results import Estimate
from seatrial.reports import load_charts, numbers
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Checks,
    Column,
    Document,
    Facts,
    Figure,
    Front,
    KeyNumber,
    Paragraph,
    Rows,
    Section,
    Table,
    rest,
)
from seatrial.reports.log_blocks import estimate_cell
from seatrial.reports.sections.checks import lead, ranked
from seatrial.reports.words import STATUS_SYMBOLS, STATUS_TONES, Tone

_MOST = 40
_MOST_REASONS = 8
_HEADLINES = {
    "pass": "Holds",
    "fail": "Breaks",
    "inconclusive": "Cannot tell yet",
    "invalid": "No verdict possible",
}
_LOOKS: dict[LoadStatus, tuple[str, Tone]] = {
    "holds": ("✓", "good"),
    "breaks": ("✗", "bad"),
    "cannot tell": ("?", "unsure"),
}


def load_document(of: Load) -> Document:
    """Build the page; every number on it is in the record."""
    sections = [_steps(of)]
    if of.verdict is not None:
        sections.insert(0, _checks(of))
    failed = _failures(of)
    sections += [*((failed,) if failed is not None else ()), _asked(of), _method(of)]
    return Document(
        title=of.title,
        front=_front(of),
        sections=tuple(sections),
        version=of.seatrial,
        evidence=of.digest(),
        about="response times of a model under load",
    )


def _front(of: Load) -> Front:
    status = None if of.verdict is None else of.verdict.status
    return Front(
        symbol="–" if status is None else STATUS_SYMBOLS[status],
        tone="neutral" if status is None else STATUS_TONES[status],
        headline="Measured, no service level asked for" if status is None else _HEADLINES[status],
        code=status or "",
        sentence=of.sentence,
        facts=(
            ("Model", of.model.name),
            ("Requests", format_count(sum(step.requests for step in of.steps))),
            ("Rates" if of.mode == "rates" else "Trace", _what(of)),
        ),
        numbers=_keys(of),
        level=numbers.level(of.level),
        name="Answer" if status is None else "Verdict",
    )


def _what(of: Load) -> str:
    if of.trace is not None:
        return of.trace.name if of.speed == 1 else f"{of.trace.name}, {format_value(of.speed)} times as fast"
    return ", ".join(step.name for step in of.steps)


def _keys(of: Load) -> tuple[KeyNumber, ...]:
    """Three steps that tell the story: the last that holds, the first that breaks, else the ends."""
    steps = list(of.steps) if of.whole is None else [of.whole]
    chosen: list[LoadStep] = []
    for step in (
        next((one for one in reversed(steps) if one.status == "holds"), None),
        next((one for one in steps if one.status == "cannot tell"), None),
        next((one for one in steps if one.status == "breaks"), None),
        steps[0],
        steps[-1],
    ):
        if step is not None and step not in chosen:
            chosen.append(step)
    return tuple(_key(step, of.levels) for step in sorted(chosen[:3], key=lambda one: one.offered))


def _key(step: LoadStep, levels: tuple[ServiceLevel, ...]) -> KeyNumber:
    measure = next((one.measure for one in levels if one.measure.startswith("p")), "p95")
    found = next(one for one in step.response if one.metric == measure)
    symbol, tone = ("–", "neutral") if step.status is None else _LOOKS[step.status]
    return KeyNumber(
        name=f"{measure} at {step.name}" if step.rate is not None else measure,
        value=numbers.estimate_value(found) if found.value is not None else "none",
        interval=_limits(found) or found.reason or "",
        symbol=symbol,
        word=step.status or "",
        tone=tone,  # type: ignore[arg-type]
    )


def _limits(of: Estimate) -> str:
    if of.low is None and of.high is None:
        return next(iter(of.notes), "")
    if of.low is not None and of.high is None:
        return f"at least {format_value(of.low, _apart(of), scale=of.scale)}"
    return numbers.estimate_interval(of)


def _apart(of: Estimate) -> float | None:
    return of.value - of.low if of.value is not None and of.low is not None and of.value > of.low else None


def _checks(of: Load) -> Section:
    checks = of.verdict.checks if of.verdict is not None else ()
    return Section(
        id="checks",
        title="Service level",
        lead=lead(checks),
        blocks=(Checks(items=tuple(ranked(checks)[:_MOST]), several=False, more=max(0, len(checks) - _MOST)),),
    )


def _steps(of: Load) -> Section:
    windows = of.mode == "trace"
    steps = of.steps[:_MOST]
    blocks: list[Block] = [
        Callout(text=f"{step.name}: {step.reason}.", symbol="!", tone="bad", label="invalid")
        for step in of.steps
        if not step.valid
    ]
    measured = [step for step in of.steps if any(one.value is not None for one in step.response)]
    if len(measured) > 1:
        if windows:
            blocks.append(
                _figure("over-time", "Response time over the trace", of, load_charts.over_time(measured, of.levels))
            )
            blocks.append(
                Figure(
                    id="arrivals",
                    title="Requests offered and answered",
                    alternative="; ".join(
                        f"{step.name}: {format_value(step.offered)} offered, {format_value(step.achieved)} answered"
                        for step in measured
                    ),
                    spec=load_charts.arrivals(measured),
                )
            )
        blocks.append(
            _figure(
                "against-load",
                "Response time against load",
                of,
                load_charts.against_load(measured, of.levels, joined=not windows),
            )
        )
    measures = [one.metric for one in of.steps[0].response]
    rows = [_row(step, measures) for step in (*steps, *((of.whole,) if of.whole is not None else ()))]
    blocks.append(
        Table(
            caption="Windows of the trace" if windows else "Rates",
            columns=(
                Column(title="window" if windows else "rate"),
                Column(title="level", kind="word"),
                Column(title="offered/s", kind="number"),
                Column(title="answered/s", kind="number"),
                *(Column(title=measure, kind="number", narrow=measure in ("p50", "p95")) for measure in measures),
                Column(title="no answer", kind="number"),
            ),
            groups=(Rows(rows=tuple(rows)),),
            note=rest(len(steps), len(of.steps), "windows" if windows else "rates"),
            key=f"Response times in ms from the moment a request was due; limits at {numbers.level(of.level)}. Piles "
            "up: answers fell behind arrivals all along, so the time is that of this length only.",
        )
    )
    return Section(id="steps", title="Response time against load", blocks=tuple(blocks))


def _figure(identity: str, title: str, of: Load, spec: dict[str, object]) -> Figure:
    said = "; ".join(
        f"{step.name}: " + ", ".join(f"{one.metric} {numbers.estimate(one)}" for one in step.response)
        for step in of.steps[:_MOST]
    )
    return Figure(
        id=identity,
        title=title,
        alternative=said,
        spec=spec,
        caption="Lines up and down are the limits; dashed across is the bound." if of.levels else "",
    )


def _row(step: LoadStep, measures: list[str]) -> tuple[Cell, ...]:
    by = {one.metric: one for one in step.response}
    symbol, tone, word = ("", None, "") if step.status is None else (*_LOOKS[step.status], str(step.status))
    if not step.valid:
        symbol, tone, word = "!", "bad", "invalid"
    about = f"{format_count(step.requests)} requests"
    if step.effective is not None and step.effective < 0.9 * step.requests:
        about += f", worth {format_count(int(step.effective))}"
    about += f"; {format_count(step.most_at_once)} at once at most"
    return (
        Cell(text=step.name, note=about),
        Cell(text=word, symbol=symbol, tone=tone, note="piles up" if step.backlog_grows else ""),
        Cell(text=format_value(step.offered)),
        Cell(text=format_value(step.achieved)),
        *(_time(by[measure]) for measure in measures),
        _errors(step.errors),
    )


def _time(of: Estimate) -> Cell:
    if of.value is None:
        few = f"of {format_count(of.n)}: too few" if "too few" in (of.reason or "") else of.reason
        return Cell(text="none", note=few or "")
    if of.low is None and of.high is None:
        return Cell(text=numbers.estimate_value(of), note="too few for limits")
    return Cell(text=numbers.estimate_value(of), note=_limits(of))


def _errors(of: Estimate) -> Cell:
    if of.value is None or of.high is None:
        return Cell(text=of.reason or "")
    if of.value == 0:
        return Cell(text="0", note=f"at most {numbers.percent(of.high)}")
    return (
        estimate_cell(of)
        if of.low is None
        else Cell(text=numbers.percent(of.value), note=f"{numbers.percent(of.low)} to {numbers.percent(of.high)}")
    )


def _failures(of: Load) -> Section | None:
    rows = [
        (Cell(text=step.name), Cell(text=one.reason, verbatim=True), Cell(text=format_count(one.count)))
        for step in of.steps
        for one in step.failed[:_MOST_REASONS]
    ]
    if not rows:
        return None
    return Section(
        id="failures",
        title="Requests without an answer",
        blocks=(
            Table(
                caption="Why",
                columns=(Column(title="step"), Column(title="reason"), Column(title="requests", kind="number")),
                groups=(Rows(rows=tuple(rows[:_MOST])),),
                note=rest(min(len(rows), _MOST), len(rows), "reasons"),
            ),
        ),
    )


def _asked(of: Load) -> Section:
    late = [step.client_late_p95 for step in of.steps if step.client_late_p95 is not None]
    items = [
        ("Model", f"{of.model.adapter}: {of.model.location}"),
        ("Rows asked about", f"{format_count(of.rows)} of {of.source.name}"),
        ("Arrivals", "random, independent (Poisson)" if of.arrivals == "poisson" else of.arrivals),
        ("A request fails after", f"{format_value(of.timeout)} s"),
    ]
    if of.mode == "rates":
        items.append(("At the start of a rate, not counted", f"{format_value(of.settle)} s at most"))
    if late:
        items.append(
            ("This client sent late by", f"{format_value(round(max(late), 2), scale='ms')} at most (95 % quantile)")
        )
    return Section(
        id="asked",
        title="What was sent",
        blocks=(Facts(items=tuple(items)), *(Paragraph(text=note) for note in of.notes)),
    )


def _method(of: Load) -> Section:
    facts = [("Data SHA-256", of.source.sha256), ("Model fingerprint", of.model.fingerprint)]
    if of.trace is not None:
        facts.append(("Trace SHA-256", of.trace.sha256))
    facts += [("Seed", str(of.seed)), ("Seatrial", of.seatrial), ("Level", format_percent(of.level))]
    return Section(
        id="method",
        title="Method, and what this does not show",
        blocks=(
            *(Paragraph(text=text) for text in of.method),
            Bullets(items=of.not_shown),
            Facts(items=tuple(facts), monospace=True),
        ),
    )
