"""The page of A/A tests: which metrics have an honest test here, the size of each, and how its p-values lie."""

from seatrial.records.aa import AaTest, Failure, MetricSplits, SplitSize
from seatrial.records.numbers import format_count, format_percent, format_value
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
    Paragraph,
    Rows,
    Section,
    Spec,
    Table,
    rest,
)
from seatrial.reports.svg import TOKENS
from seatrial.reports.words import Tone

_MOST = 40
_FIGURES = 12
_SYMBOLS: dict[Failure, str] = {
    "fine": "✓",
    "clustered": "!",
    "outlier": "!",
    "discrete": "!",
    "unexplained": "✗",
    "cannot check": "?",
}
_TONES: dict[Failure, Tone] = {
    "fine": "good",
    "clustered": "unsure",
    "outlier": "bad",
    "discrete": "unsure",
    "unexplained": "bad",
    "cannot check": "unsure",
}
_KEY = (
    "Size: the share of splits in which a difference was called though nothing differs. It is off when its limits do "
    "not hold the error rate asked for. Uniform: p of the hypothesis that p-values are spread evenly (Kolmogorov)."
)


def aa_document(of: AaTest) -> Document:
    """Build the page; every number on it is in the record."""
    return Document(
        title=of.title,
        front=_front(of),
        sections=(_sizes(of), *(_metric(one, of) for one in of.metrics[:_FIGURES] if one.analyses), _method(of)),
        version=of.seatrial,
        about="A/A tests on a history",
    )


def _front(of: AaTest) -> Front:
    bad = [one for one in of.metrics if one.failure != "fine"]
    worst: Failure = next((one.failure for one in bad if one.failure in ("unexplained", "outlier")), "fine")
    worst = worst if worst != "fine" or not bad else bad[0].failure
    headline = "Honest tests" if not bad else f"{len(bad)} of {len(of.metrics)} metrics to look at"
    return Front(
        symbol=_SYMBOLS[worst],
        tone=_TONES[worst],
        headline=headline if len(of.metrics) > 1 or not bad else f"Look at it: {worst}",
        sentence=of.sentence,
        facts=(
            ("Units", format_count(of.units)),
            ("Rows", format_count(of.rows)),
            ("Unit", of.unit),
            ("Split by", of.split_by),
            ("Splits", format_count(of.simulations)),
            ("Error rate asked for", format_percent(of.alpha)),
        ),
        name="Answer",
    )


def _sizes(of: AaTest) -> Section:
    shown = of.metrics[:_MOST]
    rows = tuple(_rows_of(one, of) for one in shown)
    table = Table(
        caption="How often nothing is called something",
        columns=(
            Column(title="metric"),
            Column(title="finding", kind="word"),
            Column(title="size", kind="number"),
            Column(title="uniform", kind="number"),
            Column(title="rows as independent", kind="number", narrow=False),
            Column(title="capped", kind="number", narrow=False),
        ),
        groups=(Rows(rows=rows),),
        note=rest(len(shown), len(of.metrics), "metrics"),
        key=f"Limits at {numbers.level(of.level)}. {_KEY}",
    )
    return Section(
        id="sizes",
        title="Sizes",
        blocks=(table, Bullets(items=tuple(one.sentence for one in shown))),
    )


def _rows_of(one: MetricSplits, of: AaTest) -> tuple[Cell, ...]:
    by_name = {size.name: size for size in one.analyses}
    main = by_name.get("analysis")
    return (
        Cell(text=one.metric, note=one.formula, verbatim=True),
        Cell(text=one.failure, symbol=_SYMBOLS[one.failure], tone=_TONES[one.failure]),
        _size(main, one),
        Cell(text="" if main is None or main.uniformity_p is None else numbers.p_value(main.uniformity_p)),
        _size(by_name.get("rows as independent"), one),
        _size(by_name.get("capped"), one),
    )


def _size(size: SplitSize | None, one: MetricSplits) -> Cell:
    if size is None:
        return Cell(text=one.reason or "" if not one.analyses else "")
    cap = f", at {format_value(size.cap)}" if size.cap is not None else ""
    return Cell(text=_percent(size.size), note=f"[{_percent(size.low)}, {_percent(size.high)}]{cap}")


def _percent(share: float) -> str:
    return format_percent(round(share, 3))


def _metric(one: MetricSplits, of: AaTest) -> Section:
    index = of.metrics.index(one)
    figures: list[Block] = [
        Figure(
            id=f"p-{index}-{place}",
            title=f"p-values of {one.metric}: {size.name}",
            alternative=f"Histogram of {size.simulations} p-values in {len(size.histogram)} equal parts; "
            f"{size.rejected} are below {of.alpha:g}. The line is where an honest test's bars lie.",
            spec=_histogram(size),
            caption=size.method,
        )
        for place, size in enumerate(one.analyses)
        if size.histogram
    ]
    facts = [
        ("Formula", one.formula),
        ("Value", "" if one.value is None else format_value(one.value)),
        ("Units with it", format_count(one.units)),
        ("Rows with it", format_count(one.rows)),
    ]
    if one.missing_rows:
        facts.append(("Rows without it", format_count(one.missing_rows)))
    if one.skewness is not None and one.units_for_skew is not None:
        facts.append(("Skewness of a unit", format_value(one.skewness)))
        facts.append(("Units that skewness asks for", format_count(one.units_for_skew, about=True)))
    if one.largest_share is not None:
        facts.append(("Largest unit's share of the total", format_percent(round(one.largest_share, 3))))
    if one.distinct_values is not None:
        facts.append(("Distinct values", format_count(one.distinct_values)))
    return Section(id=f"metric-{index}", title=one.metric, blocks=(*figures, Facts(items=tuple(facts))))


def _histogram(size: SplitSize) -> Spec:
    bins = len(size.histogram)
    total = sum(size.histogram)
    values = [{"x": i / bins, "x2": (i + 1) / bins, "y": count} for i, count in enumerate(size.histogram)]
    return charts.specification(
        {
            "width": 480,
            "height": 170,
            "layer": [
                {
                    "data": {"values": values},
                    "mark": {"type": "bar", "color": TOKENS["series1"]},
                    "encoding": {
                        "x": {
                            "field": "x",
                            "type": "quantitative",
                            "bin": {"binned": True, "step": 1 / bins},
                            "title": "p-value",
                            "scale": {"domain": [0, 1]},
                        },
                        "x2": {"field": "x2"},
                        "y": {"field": "y", "type": "quantitative", "title": "splits"},
                    },
                },
                {
                    "data": {"values": [{"even": total / bins}]},
                    "mark": {"type": "rule", "strokeDash": [5, 4], "color": TOKENS["ink"]},
                    "encoding": {"y": {"field": "even", "type": "quantitative"}},
                },
            ],
        }
    )


def _method(of: AaTest) -> Section:
    how = (
        f"{format_count(of.simulations)} times each {'row' if of.split_by == 'row' else of.unit} is put into one of "
        "two arms by a fair coin, and the test that `seatrial analyze` does is done. Since nothing was changed, every "
        "difference it calls is a false one."
    )
    blocks: list[Block] = [Paragraph(text=how)]
    if of.shared_units is not None:
        share = format_percent(round(of.shared_units, 3))
        blocks.append(Paragraph(text=f"Split by row, {share} of units are in both arms on average."))
    return Section(
        id="method",
        title="Method, and what this does not show",
        blocks=(
            *blocks,
            *(Paragraph(text=note) for note in of.notes),
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
