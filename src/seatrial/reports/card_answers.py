"""Of one case of a report card: which answers changed, what was taken for what, and how long a row takes."""

from seatrial.records import Estimate
from seatrial.records.card import CaseCard
from seatrial.records.run import Latency
from seatrial.reports import numbers
from seatrial.reports.document import Block, Cell, Column, Fold, Heading, Limits, Paragraph, Rows, Table
from seatrial.reports.sections.confusion import confusion_blocks
from seatrial.reports.sections.flips import flips_blocks, flips_lead

_LIMITS = Limits(examples=5, classes=20)
_MOST_MATRICES = 2


def answer_blocks(case: CaseCard) -> list[Block]:
    """Flips against the baseline and confusion, where there are any."""
    found: list[Block] = []
    if case.flips:
        named = None if case.verdict is None else case.verdict.candidate
        main = next((flips for flips in case.flips if flips.candidate == named), case.flips[0])
        found += [
            Heading(text="Which answers changed"),
            Paragraph(text=flips_lead(main, case.task)),
            *flips_blocks(case.flips, main, case.task, _LIMITS),
        ]
    shown = [*case.confusions[:1], *case.confusions[1:][-(_MOST_MATRICES - 1) :]]
    if shown:
        said, blocks = confusion_blocks(shown, _LIMITS)
        found.append(Fold(summary="What was taken for what", blocks=(Paragraph(text=said), *blocks)))
    return found


def timing_table(case: CaseCard) -> Table:
    """p50, p95 and p99 of every model, and how they were measured."""
    return Table(
        caption="How long a row takes",
        columns=(
            Column(title="Model"),
            *(Column(title=name, kind="number") for name in ("p50", "p95", "p99")),
            Column(title="Rows timed", kind="number", narrow=False),
            Column(title="Measured", narrow=False),
        ),
        groups=(Rows(rows=tuple(_timed(name, one) for name, one in case.timing.items())),),
        key="Service time, warm-up dropped; waiting in our own queue is not in it. One row at a time is what a user "
        "waits; a batch's time over its rows is not.",
    )


def _timed(name: str, of: Latency) -> tuple[Cell, ...]:
    how = [
        of.device,
        "one row at a time" if of.batch_size == 1 else f"batches of {numbers.integer(of.batch_size)}, time / rows",
        f"{numbers.integer(of.warm_up)} for warm-up dropped",
    ]
    if of.concurrency > 1:
        how.insert(2, f"{numbers.integer(of.concurrency)} calls at once")
    if of.queue_p95 is not None:
        how.append(f"p95 of the wait before sending {numbers.plain(of.queue_p95, scale='ms')}")
    if of.rows_per_second is not None:
        how.append(f"{numbers.plain(of.rows_per_second)} rows/s in the run")
    return (
        Cell(text=name, verbatim=True, strong=True),
        *(_value(one) for one in (of.p50, of.p95, of.p99)),
        Cell(text=numbers.integer(of.n)),
        Cell(text=", ".join(how)),
    )


def _value(estimate: Estimate) -> Cell:
    if estimate.value is None:
        return Cell(text="no value", note=estimate.reason or "")
    return Cell(text=numbers.estimate_value(estimate), note=numbers.estimate_interval(estimate))
