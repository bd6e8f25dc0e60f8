"""Reliability: do the scores mean what they say."""

from seatrial.records import Curve, Scorecard
from seatrial.reports import charts, numbers
from seatrial.reports.document import Block, Cell, Column, Figure, Fold, Limits, Pair, Rows, Section, Table
from seatrial.reports.sections.curves import chosen

_MOST_PANELS = 2


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: one panel a version, with the bands of each bin and the numbers folded away."""
    ranked, cut = chosen(card, "reliability")
    shown = ranked[:_MOST_PANELS]
    if not shown:
        return None
    if len(ranked) > len(shown) or cut:
        cut = f"Drawn for {' and '.join(charts.curve_name(curve) for curve in shown)}; the JSON has every version."
    figures = tuple(
        Figure(
            id=f"reliability-{place + 1}",
            title=charts.curve_name(curve),
            spec=charts.reliability(curve),
            alternative=_words(curve),
        )
        for place, curve in enumerate(shown)
    )
    blocks: list[Block] = [
        Pair(blocks=figures),
        Fold(summary="The numbers behind it", blocks=tuple(_table(curve, limits) for curve in shown)),
    ]
    return Section(
        id="reliability",
        title="Reliability of the scores",
        blocks=tuple(blocks),
        lead=(
            "Of the rows scored 0.8, are 80 % positive? On the diagonal the scores mean what they say; bars are "
            "intervals. " + cut
        ).strip(),
    )


def _words(curve: Curve) -> str:
    outside = sum(not low <= score <= high for score, low, high in zip(curve.x, curve.low, curve.high, strict=False))
    return (
        f"{len(curve.x)} bins of scores against the observed share; in {outside} of them the diagonal is outside "
        f"the interval. "
        "The numbers are in the table below."
    )


def _table(curve: Curve, limits: Limits) -> Table:
    rows = []
    for place, (score, share) in enumerate(zip(curve.x, curve.y, strict=True)):
        band = (
            f"[{numbers.score(curve.low[place])}, {numbers.score(curve.high[place])}]"
            if place < len(curve.low) and place < len(curve.high)
            else "–"
        )
        count = numbers.integer(curve.count[place]) if place < len(curve.count) else "–"
        rows.append(
            (Cell(text=numbers.score(score)), Cell(text=numbers.score(share)), Cell(text=band), Cell(text=count))
        )
    return Table(
        caption=charts.curve_name(curve),
        groups=(Rows(rows=tuple(rows[: limits.rows])),),
        columns=(
            Column(title="Mean score", kind="number"),
            Column(title="Observed share", kind="number"),
            Column(title="Interval", kind="number"),
            Column(title="Rows", kind="number"),
        ),
    )
