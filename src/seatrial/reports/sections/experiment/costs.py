"""The cost of being wrong, in the metric's own unit."""

from seatrial.records import Readout
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Block, Bullets, Cell, Column, Fold, Limits, Rows, Section, Table, rest


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: one sentence a metric, the numbers folded."""
    if not readout.costs:
        return None
    order = {name: place for place, name in enumerate(lookup.metric_order(readout))}
    ranked = sorted(readout.costs, key=lambda one: order.get(one.metric, len(order)))
    shown = ranked[: limits.rows]
    several = len(lookup.candidates(readout)) > 1
    rows = tuple(
        (
            Cell(text=f"{one.metric} of {one.candidate}" if several else one.metric),
            Cell(text=numbers.loss(one.expected_loss, scale=one.scale)),
            Cell(text=numbers.integer(one.exposed_units)),
            Cell(text="none seen" if one.loss_so_far is None else numbers.plain(one.loss_so_far, scale=one.scale)),
            Cell(text="–" if one.loss_so_far_high is None else numbers.plain(one.loss_so_far_high, scale=one.scale)),
        )
        for one in shown
    )
    table = Table(
        caption="The cost of being wrong",
        groups=(Rows(rows=rows),),
        note=rest(len(shown), len(ranked), "rows"),
        columns=(
            Column(title="Metric"),
            Column(title="Expected loss if shipped, a unit", kind="number"),
            Column(title=f"Exposed {words.units(readout.unit)}", kind="number"),
            Column(title="Loss so far", kind="number"),
            Column(title="At most", kind="number"),
        ),
    )
    blocks: list[Block] = [
        Bullets(items=tuple(one.sentence for one in shown)),
        Fold(summary="The costs in numbers", blocks=(table,)),
    ]
    return Section(
        id="costs",
        title="The cost of being wrong",
        lead="What it would cost to ship the worse arm, and what the test itself has cost.",
        blocks=tuple(blocks),
    )
