"""The page of past launches: is an offline gain worth anything online, launch by launch."""

from seatrial.records.launches import Launches, OfflineMetric, Range
from seatrial.records.numbers import format_interval, format_value
from seatrial.reports import charts, numbers
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Facts,
    Figure,
    Front,
    KeyNumber,
    Paragraph,
    Rows,
    Section,
    Spec,
    Table,
    rest,
)

_MOST = 40
_WIDTH, _HEIGHT = 520, 320


def launches_document(of: Launches) -> Document:
    """Build the page; every number on it is in the record."""
    return Document(
        title=of.title,
        front=_front(of),
        sections=(_metrics(of), *(_launches(one, of) for one in of.metrics if one.points), _method(of)),
        version=of.seatrial,
        about="offline against online over past launches",
        differences="candidate minus baseline, on both sides",
    )


def _front(of: Launches) -> Front:
    shown: tuple[KeyNumber, ...] = ()
    if of.gate is not None:
        gate = next(one for one in of.metrics if one.metric == of.gate)
        shown = (
            _key("Worth of +1 offline", gate.slope, "noise-corrected slope"),
            _key("Correlation", gate.correlation, "of the true differences"),
            _key("Same sign", gate.agreement, f"{gate.agreed} of {gate.compared} launches"),
        )
    headline = "Not calibrated" if not of.calibrated else f"Gate on {of.gate}" if of.gate else "No metric to gate on"
    return Front(
        symbol="✓" if of.gate else "?",
        tone="good" if of.gate else "unsure",
        headline=headline,
        sentence=of.sentence,
        numbers=shown,
        level=numbers.level(of.level) if shown else "",
        facts=(("Launches", numbers.integer(max(one.launches for one in of.metrics))), ("Online", of.online)),
        name="Answer",
    )


def _key(name: str, of: Range, about: str) -> KeyNumber:
    return KeyNumber(
        name=name,
        value="" if of.value is None else format_interval(of.value, of.low, of.high).split(" [")[0],
        interval=_limits(of),
        symbol="",
        word="",
        tone="neutral",
        about=about,
    )


def _limits(of: Range) -> str:
    if of.low is None or of.high is None:
        return of.reason or "no limits"
    return format_interval(None, of.low, of.high)


def _cell(of: Range) -> Cell:
    if of.value is None:
        return Cell(text=of.reason or "none")
    return Cell(text=format_interval(of.value, of.low, of.high).split(" [")[0], note=_limits(of))


def _metrics(of: Launches) -> Section:
    rows = tuple(
        (
            Cell(text=one.metric, verbatim=True, strong=one.metric == of.gate),
            _cell(one.slope),
            _cell(one.correlation),
            Cell(text=f"{one.agreed} of {one.compared}", note=_limits(one.agreement)),
            Cell(text="" if one.error is None else format_value(one.error)),
            Cell(text="" if one.error_of_mean is None else format_value(one.error_of_mean)),
        )
        for one in of.metrics
    )
    key = (
        f"Intervals at {numbers.level(of.level)}. A metric deserves to be the gate when its worth is told from 0 "
        "and it foretells a launch left out better than the mean of the others does."
    )
    table = Table(
        caption="Offline metrics as forecasters of the online one",
        columns=(
            Column(title="offline metric"),
            Column(title="worth of +1", kind="number"),
            Column(title="correlation", kind="number"),
            Column(title="same sign", kind="number"),
            Column(title="error of foretelling", kind="number", narrow=False),
            Column(title="of guessing the mean", kind="number", narrow=False),
        ),
        groups=(Rows(rows=rows),),
        key=key,
    )
    ahead: list[Block] = [
        Paragraph(
            text=f"Next launch by {one.metric}: "
            + (
                format_interval(one.next.value, one.next.low, one.next.high, signed=True)
                + (", beyond what past launches cover" if one.extrapolated else "")
                if one.next.value is not None
                else f"{one.next.reason}"
            )
            + "."
        )
        for one in of.metrics
        if one.next is not None
    ]
    return Section(id="metrics", title="Which offline metric to trust", blocks=(table, *ahead))


def _launches(one: OfflineMetric, of: Launches) -> Section:
    shown = one.points[:_MOST]
    rows = tuple(
        (
            Cell(text=point.name, verbatim=True),
            Cell(text=format_value(point.offline, signed=True)),
            Cell(text=format_value(point.online, signed=True)),
            Cell(
                text="" if point.foretold is None else format_value(point.foretold, signed=True),
                note=""
                if point.foretold_low is None or point.foretold_high is None
                else format_interval(None, point.foretold_low, point.foretold_high),
            ),
        )
        for point in shown
    )
    table = Table(
        caption=f"Launches, {one.metric}",
        columns=(
            Column(title="launch"),
            Column(title="offline", kind="number"),
            Column(title="online", kind="number"),
            Column(title="foretold from the others", kind="number", narrow=False),
        ),
        groups=(Rows(rows=rows),),
        note=rest(len(shown), len(one.points), "launches"),
    )
    figure = Figure(
        id=f"launches-{of.metrics.index(one)}",
        title=f"{one.metric} offline against {of.online}",
        alternative=f"Scatter of {len(one.points)} launches: {one.agreed} of {one.compared} agree in sign.",
        spec=_scatter(one, of.online),
    )
    return Section(
        id=f"launches-{of.metrics.index(one)}-section", title=f"Launch by launch: {one.metric}", blocks=(figure, table)
    )


def _scatter(one: OfflineMetric, online: str) -> Spec:
    values = [{"x": point.offline, "y": point.online, "name": point.name[:60]} for point in one.points[:500]]
    zero = {"mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.5}}
    return charts.specification(
        {
            "width": _WIDTH,
            "height": _HEIGHT,
            "layer": [
                {**zero, "data": {"values": [{"v": 0}]}, "encoding": {"x": {"field": "v", "type": "quantitative"}}},
                {**zero, "data": {"values": [{"v": 0}]}, "encoding": {"y": {"field": "v", "type": "quantitative"}}},
                {
                    "data": {"values": values},
                    "mark": {"type": "point", "filled": True, "size": 60},
                    "encoding": {
                        "x": {"field": "x", "type": "quantitative", "title": f"{one.metric[:60]}, offline"},
                        "y": {"field": "y", "type": "quantitative", "title": online[:60]},
                    },
                },
            ],
        }
    )


def _method(of: Launches) -> Section:
    return Section(
        id="method",
        title="Method, and what this does not show",
        blocks=(
            *(Paragraph(text=text) for text in dict.fromkeys(one.method for one in of.metrics)),
            Bullets(items=of.not_shown),
            Facts(
                items=(
                    ("Table", of.source.name),
                    ("SHA-256", of.source.sha256),
                    ("Seed", str(of.seed)),
                    ("Seatrial", of.seatrial),
                ),
                monospace=True,
            ),
        ),
    )
