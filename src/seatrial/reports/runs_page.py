"""The list of runs in a store."""

from seatrial.records.runs import ListedRun, RunList
from seatrial.reports import numbers, words
from seatrial.reports.document import Cell, Column, Document, Front, Rows, Section, Table, rest
from seatrial.reports.words import Tone

_MOST = 100
_STATES: dict[str, tuple[str, Tone]] = {
    "complete": ("✓", "good"),
    "stopped": ("…", "unsure"),
    "invalid": ("!", "bad"),
}


def runs_document(of: RunList) -> Document:
    """Build the page; every number on it is in the record."""
    count = len(of.runs)
    what = "".join(f" of {name}" for name in (of.suite, of.model) if name is not None)
    sentence = (
        f"{numbers.integer(count)} {words.plural(count, 'run')}{what}, newest first. Show one with `seatrial show RUN`."
        if count
        else f"No runs{what} in this store yet: `seatrial run SUITE --model NAME=ADAPTER:LOCATION` makes one."
    )
    return Document(
        title="Runs",
        front=Front(symbol="–", tone="neutral", headline="Runs", sentence=sentence, name="Runs"),
        sections=(Section(id="runs", title="Runs", blocks=(_table(of),)),) if count else (),
        version=of.seatrial,
        evidence=of.digest(),
        about="runs in a store",
    )


def _table(of: RunList) -> Table:
    return Table(
        caption="Runs, newest first",
        columns=(
            Column(title="Run"),
            Column(title="Model"),
            Column(title="Suite"),
            Column(title="State", kind="word"),
            Column(title="Main metric", kind="number"),
            Column(title="Rows", kind="number", narrow=False),
            Column(title="No answer", kind="number", narrow=False),
            Column(title="When", narrow=False),
            Column(title="Tags"),
        ),
        groups=(Rows(rows=tuple(_row(one) for one in of.runs[:_MOST])),),
        note=rest(min(len(of.runs), _MOST), len(of.runs), "runs"),
    )


def _row(one: ListedRun) -> tuple[Cell, ...]:
    symbol, tone = _STATES[one.status]
    more = f" and {one.cases - 1} more" if one.cases > 1 else ""
    return (
        Cell(text=one.run[:12], strong=True),
        Cell(text=one.model, verbatim=True, note=one.adapter),
        Cell(text=f"{one.suite} {one.suite_version}", verbatim=True),
        Cell(text=one.status, symbol=symbol, tone=tone),
        Cell(text="no metric")
        if one.main is None
        else Cell(text=numbers.estimate(one.main), note=f"{one.main.metric} of {one.case}{more}"),
        Cell(text=numbers.integer(one.rows)),
        Cell(text=numbers.integer(one.failed)),
        Cell(text=one.when[:19].replace("T", " ")),
        Cell(text=", ".join(one.tags), verbatim=True),
    )
