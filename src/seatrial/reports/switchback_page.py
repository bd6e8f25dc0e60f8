"""The page of a switchback: each metric over the periods, and what permuting them says."""

from seatrial.records.numbers import format_count
from seatrial.records.switchback import Switchback, SwitchbackMetric
from seatrial.reports import charts, numbers
from seatrial.reports.document import (
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Front,
    Paragraph,
    Rows,
    Section,
    Spec,
    Table,
)
from seatrial.reports.log_blocks import effect_cells, health_section, key_number, method_section
from seatrial.reports.svg import TOKENS
from seatrial.reports.words import WORD_SYMBOLS, WORD_TONES, plural

_FIGURES = 6
_POINTS = 400


def switchback_document(of: Switchback) -> Document:
    """Build the page; every number on it is in the record."""
    methods = tuple(dict.fromkeys(f"{one.metric}: {one.effect.method}." for one in of.metrics))
    figures = tuple(_periods(one, of) for one in of.metrics[:_FIGURES])
    return Document(
        title=of.title,
        front=_front(of),
        sections=(
            _effects(of),
            *figures,
            health_section(of.health),
            method_section(methods, of.not_shown, of.source, of.seatrial, of.seed),
        ),
        version=of.seatrial,
        about="switchback experiment",
        differences="treatment minus control",
    )


def _front(of: Switchback) -> Front:
    first = of.metrics[0].effect
    return Front(
        symbol=WORD_SYMBOLS[first.word],
        tone=WORD_TONES[first.word],
        headline=f"{first.metric}: {first.word}",
        sentence=of.sentence,
        facts=(
            ("Treatment", of.treatment),
            ("Control", of.control),
            ("Periods", format_count(of.periods)),
            ("Switches", format_count(of.switches)),
            ("Burn-in", f"{of.burn_in} {plural(of.burn_in, 'period')}"),
            *((("Within", of.block),) if of.block is not None else ()),
        ),
        numbers=tuple(key_number(one.effect) for one in of.metrics[:3]),
        level=numbers.level(1 - of.alpha),
        name="Answer",
    )


def _effects(of: Switchback) -> Section:
    rows = tuple(
        (
            Cell(text=one.metric, note=one.formula, verbatim=True),
            Cell(text=numbers.effect_sides(one.effect)[0]),
            *effect_cells(one.effect),
            Cell(text=numbers.p_value(one.effect.p_value)),
            Cell(text=f"{one.permuted[0]} + {one.permuted[1]}", note=f"{format_count(one.assignments)} assignments"),
        )
        for one in of.metrics
    )
    what = "stretches of one arm" if of.held else "periods"
    blocks: list[Block] = [
        Table(
            caption="Effects over periods",
            columns=(
                Column(title="metric"),
                Column(title=of.control, kind="number"),
                Column(title="difference", kind="number"),
                Column(title="word", kind="word"),
                Column(title="p", kind="number"),
                Column(title="permuted", kind="number", narrow=False),
            ),
            groups=(Rows(rows=rows),),
            key=f"Limits at {numbers.level(1 - of.alpha)}: constant effects that the permutation of {what} accepts.",
        )
    ]
    notes = dict.fromkeys(f"{one.metric}: {note}." for one in of.metrics for note in one.notes)
    blocks += [Paragraph(text=note, small=True) for note in notes]
    return Section(id="effects", title="Effects", blocks=tuple(blocks))


def _periods(one: SwitchbackMetric, of: Switchback) -> Section:
    index = of.metrics.index(one)
    used = sum(period.used for period in one.periods)
    return Section(
        id=f"periods-{index}",
        title=f"{one.metric}, period by period",
        lead=f"{format_count(used)} of {format_count(len(one.periods))} periods are used.",
        blocks=(
            Figure(
                id=f"periods-{index}-figure",
                title=f"{one.metric} in each period",
                alternative=f"Values of {len(one.periods)} periods in their order, {of.treatment} as filled diamonds, "
                f"{of.control} as circles; periods left out are small.",
                spec=_spec(one, of),
            ),
        ),
    )


def _spec(one: SwitchbackMetric, of: Switchback) -> Spec:
    values = [
        {"at": i, "value": period.value, "arm": period.arm[:40], "size": 60 if period.used else 14}
        for i, period in enumerate(one.periods)
        if period.value is not None
    ][:_POINTS]
    arms = [of.control[:40], of.treatment[:40]]
    return charts.specification(
        {
            "width": 560,
            "height": 240,
            "data": {"values": values},
            "mark": {"type": "point", "filled": True, "opacity": 0.9},
            "encoding": {
                "x": {"field": "at", "type": "quantitative", "title": "period", "axis": {"tickMinStep": 1}},
                "y": {"field": "value", "type": "quantitative", "title": one.metric[:60], "scale": {"zero": False}},
                "size": {"field": "size", "type": "quantitative", "scale": None, "legend": None},
                "color": {
                    "field": "arm",
                    "type": "nominal",
                    "scale": {"domain": arms, "range": [TOKENS["series0"], TOKENS["series1"]]},
                    "legend": {"title": None, "orient": "bottom"},
                },
                "shape": {
                    "field": "arm",
                    "type": "nominal",
                    "scale": {"domain": arms, "range": ["circle", "diamond"]},
                    "legend": {"title": None, "orient": "bottom"},
                },
            },
        }
    )
