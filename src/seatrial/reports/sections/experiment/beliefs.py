"""The Bayesian view: beside the planned method, never instead of it."""

from seatrial.records import Belief, Readout
from seatrial.reports import lookup, numbers
from seatrial.reports.document import Cell, Column, Limits, Rows, Section, Table, rest


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: one row an effect and prior."""
    if not readout.beliefs:
        return None
    order = {name: place for place, name in enumerate(lookup.metric_order(readout))}
    ranked = sorted(readout.beliefs, key=lambda one: order.get(one.metric, len(order)))
    several = len(lookup.candidates(readout)) > 1
    shown = ranked[: limits.rows]
    rows = tuple(
        (
            Cell(text=f"{one.metric} of {one.candidate}" if several else one.metric),
            Cell(text=one.prior, note=_prior(one)),
            Cell(
                text=numbers.between(one.mean, one.low, one.high, scale=one.scale, relative=one.relative), strong=True
            ),
            Cell(text=numbers.percent(one.chance_to_win)),
            Cell(text=numbers.loss(one.expected_loss, scale=one.scale, relative=one.relative)),
            Cell(text=numbers.loss(one.expected_loss_of_keeping, scale=one.scale, relative=one.relative)),
        )
        for one in shown
    )
    return Section(
        id="beliefs",
        title="Bayesian view",
        lead="Beside the planned method, never instead of it: the verdict does not use it, and it is no licence to "
        "stop early.",
        blocks=(
            Table(
                caption="Beliefs after the data",
                groups=(Rows(rows=rows),),
                note=rest(len(shown), len(ranked), "rows"),
                key="Chance to win: how probable it is, given the prior, that the treatment is better. Expected loss: "
                "what a unit would lose on average, counting 0 where the choice is the right one.",
                columns=(
                    Column(title="Metric"),
                    Column(title="Prior"),
                    Column(title=f"Effect [{numbers.level(shown[0].level)}]", kind="number"),
                    Column(title="Chance to win", kind="number"),
                    Column(title="Expected loss if shipped", kind="number"),
                    Column(title="Expected loss if kept", kind="number"),
                ),
            ),
        ),
    )


def _prior(one: Belief) -> str:
    if one.prior_mean is None or one.prior_deviation is None:
        return ""
    mean = numbers.between(one.prior_mean, None, None, scale=one.scale, relative=one.relative)
    return f"mean {mean}, deviation {numbers.loss(one.prior_deviation, scale=one.scale, relative=one.relative)}"
