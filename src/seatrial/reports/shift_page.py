"""The page of a shift: what moved, by how much, what it does to the model, and where."""

from seatrial.evaluation.shift_words import best_expected, digits, shown
from seatrial.records.numbers import format_count, format_interval, format_p, format_percent, format_value
from seatrial.records.shift import Decomposition, ExpectedMetric, Shift, ShiftedColumn, ShiftTest, SlicePart
from seatrial.reports import charts, numbers
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Facts,
    Figure,
    Fold,
    Front,
    KeyNumber,
    Pair,
    Paragraph,
    Rows,
    Section,
    Spec,
    Table,
    rest,
)
from seatrial.reports.hostile import visible
from seatrial.reports.svg import TOKENS
from seatrial.reports.words import Tone

_MOST_COLUMNS, _MOST_SLICES, _MOST_CHARTS = 60, 25, 6
_SYMBOLS = {"pass": "✓", "fail": "✗", "inconclusive": "?"}
_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "inconclusive": "unsure"}
_MEASURES = (
    ("PSI", "population stability index: the sum over bins of (q - p) ln(q/p), shares smoothed by half a row of the "
     "smaller table. A number is cut at the reference's deciles, a category by its levels, a text by its trigrams."),
    ("KS", "the largest gap between the two distribution functions, 0 to 1."),
    ("Wasserstein", "how far values moved on average, in standard deviations of the reference."),
    ("Jensen-Shannon", "0 (same) to 1 bit (nothing in common); on character trigrams for texts."),
    ("Chance", "what two samples of these sizes from one population show at most in 95 % of the cases: by permuting "
     "the rows when both tables together have at most 2,000, else by the limit law named in the JSON."),
    ("p", "corrected by Holm over all tests of all columns: KS for numbers, chi-square for categories, characters and "
     "length for texts, the share missing for each. A column moved when one is below the level."),
    ("Joint test", "a ridge logistic regression on values, squares, missing flags, frequent levels and frequent words, "
     "each row scored by a model that did not learn from it. An AUC of .5: the tables cannot be told apart."),
    ("Expected metric", "reference rows weighted by their odds of being current, cut at the 99 % quantile. Reliable "
     "only while their effective sample size is a tenth of the rows or more, and their average half or more."),
    ("Mix and within", "the metric's change as another mix of slices, and as a change within them (Kitagawa 1955, "
     "symmetric); a slice's parts add up to the change."),
)  # fmt: skip


def shift_document(of: Shift) -> Document:
    """Build the page; every number on it is in the record."""
    sections = [_columns(of), *_charts(of), _joint(of), *_model(of), *(_slices(of, one) for one in of.decompositions)]
    return Document(
        title=of.title,
        front=_front(of),
        sections=(*sections, _not_shown(of), _method(of)),
        version=of.seatrial,
        about="shift between two tables",
        differences="current minus reference",
    )


def _front(of: Shift) -> Front:
    total = len(of.columns)
    headline = {
        "pass": "Nothing moved that matters" if of.moved or of.joint.told_apart else "Nothing moved",
        "fail": f"It moved, and {of.metric} fell",
        "inconclusive": "It moved; what that does is open" if of.moved or of.joint.told_apart else "Cannot tell yet",
    }[of.status]
    if of.status == "fail" and of.metric_change is not None and not of.metric_change.higher_is_better:
        headline = f"It moved, and {of.metric} got worse"
    reference, current = of.sources
    return Front(
        symbol=_SYMBOLS[of.status],
        tone=_TONES[of.status],
        headline=headline,
        sentence=of.sentence,
        numbers=_numbers(of),
        level=numbers.level(1 - of.alpha),
        facts=(
            ("Columns moved", f"{of.moved} of {total}"),
            ("Reference", f"{reference.name}, {format_count(reference.rows)} rows"),
            ("Current", f"{current.name}, {format_count(current.rows)} rows"),
            *((("Kind of shift", of.nature.word),) if of.nature is not None else ()),
        ),
        name="Answer",
    )


def _numbers(of: Shift) -> tuple[KeyNumber, ...]:
    found = []
    if of.joint.auc is not None:
        found.append(
            KeyNumber(
                name="Told apart",
                value=f"AUC {_first(of.joint.auc, of.joint.low, of.joint.high)}",
                interval=_limits(of.joint.auc, of.joint.low, of.joint.high),
                symbol="",
                word="",
                tone="neutral",
                about="by all columns together; .5 is chance",
            )
        )
    seen = of.metric_change
    if seen is not None and seen.difference is not None:
        found.append(
            KeyNumber(
                name=f"{seen.metric}, seen",
                value=_first(seen.difference, seen.low, seen.high, signed=True),
                interval=_limits(seen.difference, seen.low, seen.high, signed=True),
                symbol="",
                word=seen.word,
                tone={"better": "good", "worse": "bad"}.get(seen.word, "unsure"),  # type: ignore[arg-type]
                about="current minus reference",
            )
        )
    best = best_expected(of)
    if best is not None and best.change is not None:
        found.append(
            KeyNumber(
                name=f"{best.metric}, expected",
                value=_first(best.change, best.low, best.high, signed=True),
                interval=_limits(best.change, best.low, best.high, signed=True),
                symbol="",
                word="",
                tone="neutral",
                about=f"by {best.how}",
            )
        )
    return tuple(found)


def _first(value: float, low: float | None, high: float | None, *, signed: bool = False) -> str:
    return format_interval(value, low, high, signed=signed).split(" [")[0]


def _limits(value: float, low: float | None, high: float | None, *, signed: bool = False) -> str:
    """The limits with the digits of the value beside them."""
    _, bracket, limits = format_interval(value, low, high, signed=signed).partition("[")
    return f"{bracket}{limits}"


def _columns(of: Shift) -> Section:
    shown_columns = of.columns[:_MOST_COLUMNS]
    table = Table(
        caption="Columns, the largest shift first",
        columns=(
            Column(title="column"),
            Column(title="finding", kind="word"),
            Column(title="PSI", kind="number"),
            Column(title="other measure", kind="number", narrow=False),
            Column(title="p, corrected", kind="number"),
            Column(title="missing", kind="number", narrow=False),
        ),
        groups=(Rows(rows=tuple(_row(one) for one in shown_columns)),),
        note=rest(len(shown_columns), len(of.columns), "columns"),
        key="Under a measure: what chance alone shows at most in 95 % of the cases. Missing: reference, then current.",
    )
    sentences = tuple(f"{one.column}: {one.sentence}" for one in shown_columns if one.moved)
    blocks: list[Block] = [table]
    if sentences:
        blocks.append(Bullets(items=sentences))
    still = tuple(f"{one.column}: {one.sentence}" for one in shown_columns if not one.moved)
    if still:
        blocks.append(
            Fold(summary=f"{format_count(len(of.columns) - of.moved)} columns not told from chance",
                 blocks=(Bullets(items=still),))
        )  # fmt: skip
    if of.left_out:
        rows = tuple(
            (Cell(text=one.column, verbatim=True), Cell(text=one.reason)) for one in of.left_out[:_MOST_COLUMNS]
        )
        blocks.append(
            Table(
                caption="Left out",
                columns=(Column(title="column"), Column(title="why")),
                groups=(Rows(rows=rows),),
                note=rest(len(rows), len(of.left_out), "columns"),
            )
        )
    return Section(id="columns", title="What moved, column by column", blocks=tuple(blocks))


def _row(one: ShiftedColumn) -> tuple[Cell, ...]:
    psi = next((m for m in one.measures if m.name in ("PSI", "MMD")), None)
    second = next(
        (m for m in one.measures if m.name in ("KS", "Jensen-Shannon", "characters") and m.value is not None), None
    )
    part = "" if one.part == "input" else f", the {one.part}"
    return (
        Cell(text=one.column, verbatim=True, strong=one.moved, note=f"{one.kind}{part}"),
        _finding(moved=one.moved, yes="moved"),
        Cell(text="none" if psi is None or psi.value is None else digits(psi.value),
             note="" if psi is None or psi.by_chance is None else f"chance {digits(psi.by_chance)}"),
        Cell(text="" if second is None or second.value is None else f"{second.name} {digits(second.value)}",
             note="" if second is None or second.by_chance is None else f"chance {digits(second.by_chance)}"),
        Cell(text="" if one.p_value is None else format_p(one.p_value)),
        Cell(text=_percent(one.missing_current), note=f"was {_percent(one.missing_reference)}")
        if one.missing_current or one.missing_reference else Cell(text="none"),
    )  # fmt: skip


def _finding(*, moved: bool, yes: str) -> Cell:
    return Cell(text=yes, symbol="▲", tone="unsure") if moved else Cell(text="not told", symbol="=", tone="neutral")


def _percent(share: float) -> str:
    return format_percent(round(share, 3)) if share >= 0.0005 or share == 0 else "under 0.1 %"


def _charts(of: Shift) -> list[Section]:
    moved = [one for one in of.columns if one.moved and one.bars][:_MOST_CHARTS]
    if not moved:
        return []
    figures: list[Block] = []
    for at, one in enumerate(moved):
        what = "characters of a text" if one.kind == "text" else "values"
        figures.append(
            Figure(
                id=f"column-{at}",
                title=visible(one.column, limit=60),
                alternative=f"Shares of the rows by {what}, reference and current: "
                + "; ".join(f"{b.label}: {_percent(b.reference)}, {_percent(b.current)}" for b in one.bars),
                spec=_bars(one),
                caption=one.sentence,
            )
        )
    pairs: tuple[Block, ...] = tuple(
        Pair(blocks=tuple(figures[k : k + 2])) if len(figures[k : k + 2]) > 1 else figures[k]
        for k in range(0, len(figures), 2)
    )
    return [Section(id="charts", title="The columns that moved most", blocks=pairs)]


def _bars(one: ShiftedColumn) -> Spec:
    ordered = one.kind != "category"
    labels = [visible(bar.label, limit=20) for bar in one.bars]
    labels = labels if len(set(labels)) == len(labels) else [f"{k + 1}. {label}" for k, label in enumerate(labels)]
    values = [
        {"label": label, "side": side, "share": share}
        for label, bar in zip(labels, one.bars, strict=True)
        for side, share in (("reference", bar.reference), ("current", bar.current))
    ]
    share = {
        "field": "share",
        "type": "quantitative",
        "axis": {"title": "share of rows", "format": ".0%", "tickCount": 4},
    }
    label = {
        "field": "label",
        "type": "nominal",
        "sort": labels,
        "axis": {"title": None, "labelLimit": 150, "ticks": False, "labelAngle": -40 if ordered else 0},
    }
    colour = {
        "field": "side",
        "type": "nominal",
        "sort": ["reference", "current"],
        "scale": {"domain": ["reference", "current"], "range": [TOKENS["series0"], TOKENS["series1"]]},
        "legend": {"orient": "top", "title": None},
    }
    offset = {"field": "side", "type": "nominal", "sort": ["reference", "current"]}
    encoding = (
        {"x": label, "xOffset": offset, "y": share, "color": colour}
        if ordered
        else {"y": label, "yOffset": offset, "x": share, "color": colour}
    )
    size = {"width": 400, "height": 170} if ordered else {"width": 260, "height": {"step": 11}}
    return charts.specification(
        {
            **size,
            "padding": {"left": 14, "top": 5, "right": 5, "bottom": 5},
            "data": {"values": values},
            "mark": "bar",
            "encoding": encoding,
        }
    )


def _joint(of: Shift) -> Section:
    joint = of.joint
    if joint.auc is None:
        return Section(
            id="joint", title="All columns together", blocks=(Paragraph(text=f"Not tested: {joint.reason}."),)
        )
    auc = format_interval(joint.auc, joint.low, joint.high)
    told = "tells the two tables apart" if joint.told_apart else "cannot tell the two tables apart beyond chance"
    text = (
        f"A classifier that sees {len(joint.columns)} columns together {told}: AUC {auc}, "
        f"{format_p(joint.p_value if joint.p_value is not None else 1.0)}, "
        f"from {format_count(joint.n_reference)} and {format_count(joint.n_current)} rows."
    )
    blocks: list[Block] = [Paragraph(text=text)]
    if joint.told_apart and joint.by_column:
        top = list(joint.by_column.items())[:8]
        rows = tuple((Cell(text=name, verbatim=True), Cell(text=format_value(size, 0.02))) for name, size in top)
        blocks.append(
            Table(
                caption="By which columns",
                columns=(Column(title="column"), Column(title="part of the log odds", kind="number")),
                groups=(Rows(rows=rows),),
                key="Standard deviation, over rows, of what a column adds to the classifier's log odds.",
            )
        )
    return Section(id="joint", title="All columns together", blocks=tuple(blocks))


def _model(of: Shift) -> list[Section]:
    if of.metric is None:
        return []
    blocks: list[Block] = []
    seen = of.metric_change
    if of.nature is not None:
        blocks.append(Paragraph(text=of.nature.sentence, term="Kind of shift. "))
        if of.nature.tests:
            blocks.append(
                Table(
                    caption="Four questions, each at a quarter of the error rate",
                    columns=(
                        Column(title="question"),
                        Column(title="answer", kind="word"),
                        Column(title="size", kind="number"),
                        Column(title="p", kind="number"),
                    ),
                    groups=(Rows(rows=tuple(_question(one) for one in of.nature.tests)),),
                )
            )
    rows: list[tuple[Cell, ...]] = []
    if seen is not None:
        value = (
            "none" if seen.difference is None else format_interval(seen.difference, seen.low, seen.high, signed=True)
        )
        rows.append(
            (
                Cell(text="seen, with targets", strong=True, note=seen.method or ""),
                Cell(text="" if seen.baseline_value is None else format_value(seen.baseline_value)),
                Cell(text="" if seen.candidate_value is None else format_value(seen.candidate_value)),
                Cell(text=value, note=seen.reason or ""),
                Cell(text=seen.word),
            )
        )
    rows += [_expected(one) for one in of.expected]
    blocks.append(
        Table(
            caption=f"{of.metric} on the reference and on the current rows",
            columns=(
                Column(title="how"),
                Column(title="reference", kind="number"),
                Column(title="current", kind="number"),
                Column(title="change", kind="number"),
                Column(title="reading", kind="word"),
            ),
            groups=(Rows(rows=tuple(rows)),),
        )
    )
    said = [f"{one.how}: {note}." for one in of.expected for note in one.notes]
    if said:
        blocks.append(Bullets(items=tuple(said)))
    return [Section(id="model", title=f"What it does to {of.metric}", blocks=tuple(blocks))]


def _question(one: ShiftTest) -> tuple[Cell, ...]:
    if one.moved is None:
        return (Cell(text=one.question), Cell(text="not asked"), Cell(text=one.reason or ""), Cell(text=""))
    size = "" if one.size is None else format_interval(one.size, one.low, one.high, signed=one.low is not None)
    return (
        Cell(text=one.question, note=one.method or ""),
        _finding(moved=one.moved, yes="yes"),
        Cell(text=size),
        Cell(text="" if one.p_value is None else format_p(one.p_value)),
    )  # fmt: skip


def _expected(one: ExpectedMetric) -> tuple[Cell, ...]:
    name = "expected, from " + ("weighted reference rows" if one.how.startswith("importance") else "the scores alone")
    if one.change is None:
        return (
            Cell(text=name),
            Cell(text=""),
            Cell(text=""),
            Cell(text="none", note=one.reason or ""),
            Cell(text="no"),
        )
    effective = (
        "" if one.effective_n is None else f"{format_count(one.n)} rows count as {format_count(one.effective_n)}"
    )
    return (
        Cell(text=name, note=effective or "an estimate without labels"),
        Cell(text="" if one.reference is None else format_value(one.reference)),
        Cell(text="" if one.expected is None else format_value(one.expected)),
        Cell(text=format_interval(one.change, one.low, one.high, signed=True)),
        Cell(text="if it holds" if one.reliable else "no", symbol="?" if one.reliable else "✗",
             tone="unsure" if one.reliable else "bad"),
    )  # fmt: skip


def _slices(of: Shift, one: Decomposition) -> Section:
    identity = f"by-{of.decompositions.index(one)}"
    title = f"Where {one.metric} changed, by {one.by}"
    if one.reason is not None:
        return Section(id=identity, title=title, blocks=(Paragraph(text=f"Not decomposed: {one.reason}."),))
    parts = tuple(
        (
            Cell(text=name, strong=name == "change"),
            Cell(text="" if value is None else format_interval(value, low, high, signed=True)),
            Cell(text=about),
        )
        for name, value, low, high, about in (
            ("change", one.total, one.total_low, one.total_high, "current minus reference"),
            ("mix", one.mix, one.mix_low, one.mix_high, "other shares of the slices, each as good as before"),
            ("within", one.within, one.within_low, one.within_high, "the same shares, slices better or worse"),
        )
    )
    table = Table(
        caption=f"The change of {one.metric} in two parts",
        columns=(Column(title="part"), Column(title="value", kind="number"), Column(title="meaning")),
        groups=(Rows(rows=parts),),
    )
    slices = one.slices[:_MOST_SLICES]
    details = Table(
        caption=f"Slices by {one.by}, the most lost first",
        columns=(
            Column(title="slice"),
            Column(title="share of rows", kind="number"),
            Column(title=one.metric, kind="number"),
            Column(title="change", kind="number"),
            Column(title="rows x change", kind="number"),
            Column(title="mix", kind="number", narrow=False),
            Column(title="within", kind="number", narrow=False),
        ),
        groups=(Rows(rows=tuple(_slice(part) for part in slices)),),
        note=rest(len(slices), len(one.slices), "slices"),
        key="Shares and values: current, and under it the reference. Intervals of single slices are not corrected for "
        "their number: exploratory.",
    )
    blocks: list[Block] = [table, details]
    blocks += [Paragraph(text=f"{note}.", small=True) for note in one.notes]
    return Section(id=identity, title=title, blocks=tuple(blocks), stamp="exploratory")


def _slice(part: SlicePart) -> tuple[Cell, ...]:
    name = ", ".join(part.slice.values())
    change = "" if part.change is None else format_interval(part.change, part.low, part.high, signed=True)
    return (
        Cell(text=name, verbatim=True),
        Cell(text=_percent(part.share_current), note=f"was {_percent(part.share_reference)}"),
        Cell(text="none" if part.current is None else format_value(part.current),
             note="" if part.reference is None else f"was {format_value(part.reference)}"),
        Cell(text=change or "none", note=part.reason or ""),
        Cell(text="" if part.impact is None else format_value(part.impact, 0.5, signed=True)),
        Cell(text=format_value(part.mix, 0.0005, signed=True)),
        Cell(text=format_value(part.within, 0.0005, signed=True)),
    )  # fmt: skip


def _not_shown(of: Shift) -> Section:
    return Section(id="not-shown", title="What this does not show", blocks=(Bullets(items=of.not_shown),))


def _method(of: Shift) -> Section:
    facts = [(one.model, f"{one.name} {one.sha256}") for one in of.sources]
    facts += [(part, column) for part, column in of.roles.items()]
    facts += [("Level", numbers.level(1 - of.alpha)), ("Seed", str(of.seed)), ("Seatrial", of.seatrial)]
    blocks: list[Block] = [Paragraph(text=about, term=f"{name}: ") for name, about in _MEASURES]
    blocks += [Paragraph(text=note, small=True) for note in of.notes]
    rows = tuple(
        (Cell(text=one.column, verbatim=True), Cell(text=m.name), Cell(text=shown(m)), Cell(text=m.method))
        for one in of.columns[:_MOST_COLUMNS]
        for m in one.measures
    )
    every = Table(
        caption="Every measure",
        columns=(Column(title="column"), Column(title="measure"), Column(title="value", kind="number"),
                 Column(title="method", narrow=False)),
        groups=(Rows(rows=rows[:200]),),
        note=rest(min(len(rows), 200), sum(len(one.measures) for one in of.columns), "measures"),
    )  # fmt: skip
    blocks += [
        Fold(summary="Every measure of every column", blocks=(every,)),
        Facts(items=tuple(facts), monospace=True),
    ]
    return Section(id="method", title="Methods and provenance", blocks=tuple(blocks))
