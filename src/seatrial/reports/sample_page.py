"""The pages of a drawn sample and of its annotators' agreement."""

from seatrial.records import Confusion
from seatrial.records.numbers import format_count, format_interval, format_value
from seatrial.records.sample import Coefficient, LabelAgreement, Sample, Stratum
from seatrial.reports import numbers
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Column,
    Document,
    Facts,
    Front,
    KeyNumber,
    Paragraph,
    Rows,
    Section,
    Table,
    rest,
)
from seatrial.reports.words import Tone, slice_label

_MOST_STRATA, _MOST_CLASSES, _MOST_ROWS, _MOST_CONFUSIONS = 60, 40, 40, 3
_TONES: dict[str, tuple[str, Tone, str]] = {
    "good": ("✓", "good", "Annotators agree well"),
    "unsure": ("?", "unsure", "Annotators agree, but not enough to rely on"),
    "bad": ("✗", "bad", "Annotators do not agree enough"),
}
_ALLOCATION = {
    "proportional": "each stratum gives its share",
    "neyman": "strata where the guess is unsure give more (Neyman)",
    "rare": "rare strata give more than their share (root of their size)",
}
_METHODS = (
    "Size: the fewest rows whose stratified mean has the wanted half width, z sqrt(sum W² (1 - n/N) S²/n), W = N/sum "
    "N, with the finite population correction; S² = p(1 - p) of the guess p, at least that of 5 %.",
    "Draw: simple random sampling without replacement within each stratum; the order is shuffled.",
    "Weights: sample_weight = 1/inclusion_probability = N/n of the stratum. `evaluate --weight sample_weight` gives an "
    "unbiased estimate. Its interval treats rows as drawn one by one with replacement, so it leaves out what the "
    "strata and the finite population save: it is at least as wide as this design's own.",
)
_COEFFICIENTS = (
    "Percent agreement: the share of pairs of labels of one row that are equal. It counts agreement by chance as well.",
    "Cohen's kappa, Fleiss' kappa, Krippendorff's alpha, Gwet's AC1: agreement above what chance would give, over what "
    "it could be; 1 is perfect, 0 chance. They differ in what they call chance. Where one class is rare, kappa and "
    "alpha are low though people agree, AC1 is not: read both.",
    "Krippendorff's customary bounds: from .800 rely on the labels, from .667 draw tentative conclusions.",
    "Limits: BCa bootstrap over rows; percent agreement of two annotators by Wilson, agreement on one class of two "
    "annotators as an F1.",
    "Best measurable accuracy: if annotators err independently, each with accuracy a and evenly over the other "
    "classes, two of them agree with P = a² + (1 - a)²/(q - 1), and a model that is always right measures a against "
    "one of them.",
)


def sample_document(of: Sample) -> Document:
    """Build the page of a drawn sample."""
    return Document(
        title=of.title,
        front=Front(
            symbol="–",
            tone="neutral",
            headline=f"{format_count(of.rows)} rows to label",
            sentence=of.sentence,
            numbers=(
                KeyNumber(
                    name="Expected half width",
                    value=f"{100 * of.half_width:.2g} points",
                    interval="" if of.precision is None else f"wanted {100 * of.precision:.2g} points {of.per}",
                    symbol="",
                    word="",
                    tone="neutral",
                ),
                KeyNumber(
                    name="Rows with several labels",
                    value=format_count(of.doubled),
                    interval=f"of {format_count(of.rows)}",
                    symbol="",
                    word="",
                    tone="neutral",
                ),
            ),
            level=numbers.level(of.level),
            facts=(
                ("Rows to draw from", format_count(of.population)),
                ("Strata", format_count(len(of.strata))),
                ("Drawn", _ALLOCATION[of.allocation]),
            ),
            name="Sample",
        ),
        sections=(_strata(of), _drawing(of), _missing(of.not_shown)),
        version=of.seatrial,
        evidence=of.digest(),
        about="sample drawn for labelling",
    )


def _strata(of: Sample) -> Section:
    shown = of.strata[:_MOST_STRATA]
    table = Table(
        caption="Strata",
        columns=(
            Column(title="stratum"),
            Column(title="rows", kind="number"),
            Column(title="drawn", kind="number"),
            Column(title="probability", kind="number", narrow=False),
            Column(title="weight", kind="number"),
            Column(title="guess", kind="number", narrow=False),
            Column(title="half width", kind="number"),
        ),
        groups=(Rows(rows=tuple(_stratum(one) for one in shown)),),
        note=rest(len(shown), len(of.strata), "strata"),
        key="Weight: rows of the table that a drawn row stands for. Half width: expected, of the stratum by itself, in "
        "points.",
    )
    blocks: list[Block] = [table]
    if of.notes:
        blocks.append(Bullets(items=of.notes))
    return Section(id="strata", title="What was drawn", blocks=tuple(blocks))


def _stratum(one: Stratum) -> tuple[Cell, ...]:
    return (
        Cell(text=slice_label(one.slice), verbatim=True),
        Cell(text=numbers.integer(one.population)),
        Cell(text=numbers.integer(one.rows)),
        Cell(text=numbers.fixed(one.probability, decimals=4)),
        Cell(text=f"{one.weight:,.4g}" if one.rows else ""),
        Cell(text=numbers.fixed(one.guess, decimals=2)),
        Cell(text="none" if one.half_width is None else numbers.fixed(100 * one.half_width, decimals=1)),
    )


def _drawing(of: Sample) -> Section:
    simple = (
        f"A simple random sample as exact as this one would have {format_count(of.simple_rows)} rows."
        if of.simple_rows != of.rows
        else ""
    )
    return Section(
        id="method",
        title="Method and provenance",
        blocks=(
            Bullets(items=(*_METHODS, *([simple] if simple else []))),
            Facts(
                items=(
                    ("Table", f"{of.source.name} {of.source.sha256}"),
                    ("Draw", of.sheet_sha256),
                    ("By", ", ".join(of.by) or "nothing"),
                    ("Guessed from", of.guess),
                    ("Least rows of a stratum", str(of.least)),
                    ("Hidden from annotators", ", ".join(of.hidden) or "nothing"),
                    ("Seed", str(of.seed)),
                    ("Seatrial", of.seatrial),
                ),
                monospace=True,
            ),
        ),
    )


def agreement_document(of: LabelAgreement) -> Document:
    """Build the page of the annotators' agreement."""
    symbol, tone, headline = _TONES[of.tone]
    sections = [_coefficients(of), _classes(of)]
    sections += [_confusion(at, one) for at, one in enumerate(of.confusions[:_MOST_CONFUSIONS])]
    sections += [_settle(of), _missing(of.not_shown), _method(of)]
    keys = [*of.coefficients[:2], of.ceiling]
    return Document(
        title=of.title,
        front=Front(
            symbol=symbol,
            tone=tone,
            headline=headline,
            sentence=of.sentence,
            numbers=tuple(
                KeyNumber(
                    name=one.name[0].upper() + one.name[1:],
                    value="none" if one.value is None else format_interval(one.value, one.low, one.high).split(" [")[0],
                    interval=_limits(one),
                    symbol="",
                    word="",
                    tone="neutral",
                    about="against one annotator's labels" if one is of.ceiling else "",
                )
                for one in keys
            ),
            level=numbers.level(of.coefficients[0].level),
            facts=(
                ("Rows with two labels or more", format_count(of.items)),
                ("Classes", format_count(len(of.classes))),
                ("To settle", format_count(len(of.disagreements))),
            ),
            name="Answer",
        ),
        sections=tuple(sections),
        version=of.seatrial,
        evidence=of.digest(),
        about="agreement of annotators",
    )


def _limits(one: Coefficient) -> str:
    if one.value is None or one.low is None:
        return one.reason or ""
    return "[" + format_interval(one.value, one.low, one.high).partition(" [")[2]


def _coefficients(of: LabelAgreement) -> Section:
    rows = tuple(
        (
            Cell(text=one.name, note=", ".join(one.between)),
            Cell(text="none" if one.value is None else format_interval(one.value, one.low, one.high)),
            Cell(text=numbers.integer(one.n)),
            Cell(text=one.method or "", note=one.reason or ""),
        )
        for one in (*of.coefficients, of.ceiling)
    )
    blocks: list[Block] = [
        Table(
            caption="Coefficients",
            columns=(
                Column(title="coefficient"),
                Column(title="value", kind="number"),
                Column(title="rows", kind="number"),
                Column(title="method", narrow=False),
            ),
            groups=(Rows(rows=rows),),
            key=f"Limits at {numbers.level(of.coefficients[0].level)}.",
        )
    ]
    if of.notes:
        blocks.append(Bullets(items=of.notes))
    return Section(id="agreement", title="How far annotators agree", blocks=tuple(blocks))


def _classes(of: LabelAgreement) -> Section:
    ordered = sorted(of.per_class, key=lambda one: (one.agreement.value is None, one.agreement.value or 0.0))
    shown = ordered[:_MOST_CLASSES]
    return Section(
        id="classes",
        title="Class by class",
        lead="The classes that annotators agree on least come first: look at their definitions.",
        blocks=(
            Table(
                caption="Agreement on each class",
                columns=(
                    Column(title="class"),
                    Column(title="labels", kind="number"),
                    Column(title="agreement", kind="number"),
                ),
                groups=(
                    Rows(
                        rows=tuple(
                            (
                                Cell(text=one.label, verbatim=True),
                                Cell(text=numbers.integer(one.count)),
                                Cell(
                                    text="none"
                                    if one.agreement.value is None
                                    else format_interval(one.agreement.value, one.agreement.low, one.agreement.high),
                                    note=one.agreement.reason or "",
                                ),
                            )
                            for one in shown
                        )
                    ),
                ),
                note=rest(len(shown), len(ordered), "classes"),
                key="Of the labels of this class, the share that another annotator of the row gave too.",
            ),
        ),
    )


def _confusion(at: int, one: Confusion) -> Section:
    blocks: list[Block] = []
    if one.counts is not None:
        most = max((max(row) for row in one.counts), default=0) or 1
        rows = tuple(
            (
                Cell(text=name, verbatim=True),
                *(
                    Cell(
                        text=numbers.integer(count),
                        strong=i == j,
                        heat=0 if i == j else -min(9, round(9 * count / most)),
                    )
                    for j, count in enumerate(one.counts[i])
                ),
            )
            for i, name in enumerate(one.labels)
        )
        blocks.append(
            Table(
                caption=f"Labels of {one.model}",
                columns=(Column(title=""), *(Column(title=name, kind="number") for name in one.labels)),
                groups=(Rows(rows=rows),),
                matrix=True,
            )
        )
    elif one.pairs:
        shown = one.pairs[:_MOST_ROWS]
        blocks.append(
            Table(
                caption=f"Most confused by {one.model}",
                columns=(Column(title="the first"), Column(title="the second"), Column(title="rows", kind="number")),
                groups=(
                    Rows(
                        rows=tuple(
                            (
                                Cell(text=first, verbatim=True),
                                Cell(text=second, verbatim=True),
                                Cell(text=numbers.integer(count)),
                            )
                            for first, second, count in shown
                        )
                    ),
                ),
                note=rest(len(shown), len(one.pairs), "pairs"),
            )
        )
    else:
        blocks.append(Paragraph(text="They differ on no row."))
    return Section(id=f"confusion-{at}", title=f"Where {one.model} differ", blocks=tuple(blocks))


def _settle(of: LabelAgreement) -> Section:
    shown = of.disagreements[:_MOST_ROWS]
    block: Block = Paragraph(text="No row has two different labels.")
    if shown:
        block = Table(
            caption="Rows to settle",
            columns=(Column(title="row"), *(Column(title=name) for name in of.annotators)),
            groups=(
                Rows(
                    rows=tuple(
                        (Cell(text=one.id, verbatim=True), *(Cell(text=label, verbatim=True) for label in one.labels))
                        for one in shown
                    )
                ),
            ),
            note=rest(len(shown), len(of.disagreements), "rows"),
        )
    return Section(
        id="settle",
        title="Rows to settle",
        lead="By a third person who is not told who said what.",
        blocks=(block,),
    )


def _missing(of: tuple[str, ...]) -> Section:
    return Section(id="not-shown", title="What this does not show", blocks=(Bullets(items=of),))


def _method(of: LabelAgreement) -> Section:
    return Section(
        id="method",
        title="Methods and provenance",
        blocks=(
            Bullets(items=_COEFFICIENTS),
            Facts(
                items=(
                    ("Table", f"{of.source.name} {of.source.sha256}"),
                    ("Annotators", ", ".join(of.annotators)),
                    ("Scale", of.scale),
                    ("Weights", of.weight or "none"),
                    ("Rows", f"{of.rows}, of which {of.single} with one label and {of.unlabelled} with none"),
                    ("Level", format_value(of.coefficients[0].level)),
                    ("Seed", str(of.seed)),
                    ("Seatrial", of.seatrial),
                ),
                monospace=True,
            ),
        ),
    )
