"""Novelty: the effect by days since a unit's first exposure; does it fade, grow, or stand?"""

from seatrial.records import Readout, Trend
from seatrial.reports import lookup, numbers, over_time, words
from seatrial.reports.document import Block, Cell, Column, Figure, Fold, Limits, Paragraph, Rows, Section, Table, rest

_FEW = 2


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: one chart a metric, the slope in words."""
    if not readout.trends:
        return None
    leading = lookup.leading_candidate(readout)
    order = {name: place for place, name in enumerate(lookup.metric_order(readout))}
    ranked = sorted(readout.trends, key=lambda one: (one.candidate != leading, order.get(one.metric, len(order))))
    blocks: list[Block] = []
    for place, one in enumerate(ranked[: limits.sequences]):
        blocks += _of(readout, one, limits, id=f"trend-{place + 1}")
    if len(ranked) > limits.sequences:
        text = f"{numbers.integer(len(ranked) - limits.sequences)} more trends are in the JSON."
        blocks.append(Paragraph(text=text, small=True))
    return Section(
        id="novelty",
        title="Novelty and learning",
        stamp=words.EXPLORATORY if readout.exploratory else "",
        lead="The effect by days since a unit was first exposed: one that fades was novelty, one that grows learning.",
        blocks=tuple(blocks),
    )


def _of(readout: Readout, one: Trend, limits: Limits, *, id: str) -> list[Block]:
    several = len(lookup.candidates(readout)) > 1
    name = f"{one.metric} of {one.candidate}" if several else one.metric
    effect = lookup.find_effect(readout, metric=one.metric, candidate=one.candidate, of={})
    scale = effect.scale if effect is not None else None
    counted = words.units(readout.unit)
    blocks: list[Block] = [Paragraph(term=f"{name}:", text=one.sentence)]
    found = []
    if one.slope is not None:
        slope = numbers.between(one.slope, one.slope_low, one.slope_high, scale=scale)
        p = f", {numbers.p_value(one.p_value)}" if one.p_value is not None else ""
        found.append(f"Slope: {slope} for each unit of the logarithm of the day{p}.")
    if one.steady is not None:
        found.append(f"Steady state: {numbers.between(one.steady, one.steady_low, one.steady_high, scale=scale)}.")
    found.append(f"{numbers.integer(one.units)} {counted} with all these days behind them.")
    blocks.append(Paragraph(text=" ".join(found), small=True))
    days = [
        (day, value, low, high)
        for day, value, low, high in zip(one.days, one.differences, one.lows, one.highs, strict=True)
        if value is not None
    ]
    if len(days) >= _FEW:
        ends = (days[0], days[-1])
        said = "; ".join(
            f"day {day}: {numbers.between(value, low, high, scale=scale)}" for day, value, low, high in ends
        )
        blocks.append(
            Figure(
                id=id,
                title=f"{name} by days since the first exposure",
                alternative=f"{one.sentence} {said}.",
                spec=over_time.trend(one, days=limits.looks, scale=scale),
                caption="" if one.steady is None else "Dashed: the steady state, once the trend has flattened.",
            )
        )
        rows = tuple(
            (Cell(text=f"day {day}"), Cell(text=numbers.between(value, low, high, scale=scale), strong=True))
            for day, value, low, high in days[: limits.rows]
        )
        table = Table(
            caption=f"{name} by day",
            groups=(Rows(rows=rows),),
            note=rest(len(rows), len(days), "days"),
            columns=(Column(title="Day"), Column(title="Difference [interval]", kind="number")),
        )
        blocks.append(Fold(summary=f"The days of {name}", blocks=(table,)))
    return blocks
