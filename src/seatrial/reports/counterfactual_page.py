"""The page of a counterfactual reading: the answer, swaps, AUCs by identity, labels, examples, method, limits."""

from collections.abc import Sequence
from typing import Any

from seatrial.effects.effect import UNDIRECTED
from seatrial.records import Effect, Estimate
from seatrial.records.counterfactual import CounterfactualReading, IdentityAuc, LabelRate, SwapReading
from seatrial.reports import numbers
from seatrial.reports.charts import specification
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Document,
    Facts,
    Figure,
    Front,
    KeyNumber,
    Rows,
    Section,
    Spec,
    Table,
    rest,
)
from seatrial.reports.hostile import visible
from seatrial.reports.svg import TOKENS
from seatrial.reports.words import WORD_SYMBOLS, WORD_TONES, Tone

_MOST = 40
_MOST_DRAWN = 25
_EXAMPLES = 10
_CHARACTERS = 300
_SYMBOLS: dict[str, str] = {"bad": "✗", "unsure": "?", "neutral": "–", "good": "✓"}
_WORDS: dict[str, str] = {"pass": "within the limit", "fail": "over the limit", "inconclusive": "cannot tell"}
_METHODS = (
    "Pairs: each term of an identity is exchanged for the other identity's term at the same place of the list, all at "
    "once, at word boundaries, the longest match first; capitals, regular plurals and 'a' or 'an' follow.",
    "Flip rate: the share of pairs whose answer differs between the halves, with exact limits (Clopper and Pearson "
    "1934). Score change: score of the edited text less that of the text as written, with Student's limits.",
    "Where one row has several swaps, its pairs are one cluster: variance by CR2 with Bell and McCaffrey's degrees of "
    "freedom, and exact limits at the effective size.",
    "Verdict: fail where the lower limit of the flip rate of all pairs lies above the limit, or that of one swap at "
    "1 - alpha/K over K swaps; pass where the upper limit of all pairs is at most the limit; else these pairs cannot "
    "tell.",
    "AUCs by identity (Borkan, Dixon, Sorensen, Thain and Vasserman 2019) on the rows as written: subgroup, rows that "
    "name the identity; BPSN, background positives and subgroup negatives; BNSP, background negatives and subgroup "
    "positives. DeLong's variance, t limits on the logit scale and no narrower than Newcombe's.",
    "Labels: Wilson's limits of each share, Miettinen and Nurminen's of the difference.",
)


def counterfactual_document(of: CounterfactualReading) -> Document:
    """Build the page; every number on it is in the record."""
    sections = [_swaps(of)]
    if of.drops:
        sections.append(_quality(of))
    sections += [_aucs(of), _labels(of)]
    if of.examples:
        sections.append(_examples(of))
    sections += [_pairs(of), _method(), _not_shown(of)]
    return Document(
        title=of.title,
        front=_front(of),
        sections=tuple(sections),
        version=of.seatrial,
        evidence=of.digest(),
        about="one model on counterfactual pairs",
        differences="edited minus as written",
    )


def _front(of: CounterfactualReading) -> Front:
    rate = of.overall.outcome.flip_rate
    change = of.overall.outcome.score_change
    keys = [
        KeyNumber(
            name="Answers that changed",
            value=numbers.estimate_value(rate) if rate.value is not None else "none",
            interval=numbers.estimate_interval(rate) if rate.value is not None else (rate.reason or ""),
            symbol=_SYMBOLS[of.tone],
            word=_WORDS.get(of.status or "", ""),
            tone=of.tone,
            about=f"{numbers.integer(of.overall.flips)} of {numbers.integer(rate.n)} pairs",
        )
    ]
    if change is not None and change.value is not None:
        keys.append(
            KeyNumber(
                name="Score change",
                value=_signed(change),
                interval=_limits(change),
                symbol="",
                word="",
                tone="neutral",
                about="edited less as written, over all pairs; directions may cancel",
            )
        )
    worst = _worst_auc(of.aucs)
    if worst is not None:
        which, found = worst
        keys.append(
            KeyNumber(
                name="Lowest AUC of an identity",
                value=numbers.estimate_value(found),
                interval=numbers.estimate_interval(found),
                symbol="",
                word="",
                tone="neutral",
                about=which,
            )
        )
    return Front(
        symbol=_SYMBOLS[of.tone],
        tone=of.tone,
        headline=of.headline,
        sentence=of.sentence,
        numbers=tuple(keys[:3]),
        level=numbers.level(of.level),
        facts=(
            ("Model", of.model_name),
            ("Pairs", f"{numbers.integer(of.overall.outcome.pairs)} from {numbers.integer(of.overall.rows)} rows"),
            ("Set", f"{of.pairs.name}, version {of.pairs.version}"),
        ),
        code=of.status or "",
        name="Answer",
    )


def _worst_auc(aucs: Sequence[IdentityAuc]) -> tuple[str, Estimate] | None:
    """The lowest AUC by its upper limit: low beyond doubt comes first."""
    found = [
        (f"{name} of {one.identity}", estimate)
        for one in aucs
        for name, estimate in (("subgroup AUC", one.subgroup), ("BPSN AUC", one.bpsn), ("BNSP AUC", one.bnsp))
        if estimate.value is not None and estimate.high is not None
    ]
    return min(found, key=lambda pair: (pair[1].high or 1.0, pair[0]), default=None)


def _swaps(of: CounterfactualReading) -> Section:
    blocks: list[Block] = []
    if of.unanswered:
        bounds = of.overall.outcome.flip_rate
        between = (
            f"; whatever they hold, the flip rate lies between {numbers.percent(bounds.bound_low)} and "
            f"{numbers.percent(bounds.bound_high)}"
            if bounds.bound_low is not None and bounds.bound_high is not None
            else ""
        )
        blocks.append(
            Callout(
                text=f"{numbers.integer(of.unanswered)} pairs lack an answer on one side{between}.",
                symbol="!",
                tone="unsure",
                label="missing",
            )
        )
    blocks += [Callout(text=f"{one[0].upper()}{one[1:]}.", symbol="!", tone="unsure", label="note") for one in of.notes]
    drawn = [one for one in of.swaps if one.outcome.flip_rate.value is not None][:_MOST_DRAWN]
    if len(drawn) > 1:
        blocks.append(
            Figure(
                id="flips",
                title="Answers that changed, by swap",
                alternative="; ".join(
                    f"{one.outcome.identity}: {numbers.estimate(one.outcome.flip_rate)}" for one in drawn
                ),
                spec=_forest(drawn, of.max_flip_rate),
                caption="Lines are exact limits."
                + ("" if of.max_flip_rate is None else " The dashed line is the limit asked for."),
            )
        )
    every = [of.overall, *of.swaps]
    blocks.append(
        Table(
            caption="Flip rate and score change",
            columns=(
                Column(title="swap"),
                Column(title="pairs", kind="number"),
                Column(title="flips", kind="number"),
                Column(title="flip rate", kind="number"),
                Column(title="score change", kind="number"),
                Column(title="to positive", kind="number", narrow=False),
            ),
            groups=(Rows(rows=tuple(_swap_row(one) for one in every[: _MOST + 1])),),
            note=rest(min(len(of.swaps), _MOST), len(of.swaps), "swaps"),
            key="Read 'gay->straight' as: the text names gay, its edit straight. To positive: flips towards the "
            "positive class; the others went away from it.",
        )
    )
    return Section(
        id="swaps",
        title="What changed when the identity did",
        lead="The two halves of a pair differ in the identity named and in nothing else.",
        blocks=tuple(blocks),
    )


def _swap_row(one: SwapReading) -> tuple[Cell, ...]:
    change = one.outcome.score_change
    return (
        Cell(
            text=one.outcome.identity,
            verbatim=one.outcome.identity != "all",
            strong=one.outcome.identity == "all",
            symbol="✗" if one.over_limit else "",
            tone="bad" if one.over_limit else None,
            note="over the limit" if one.over_limit else "",
        ),
        Cell(text=numbers.integer(one.outcome.pairs), note=f"{numbers.integer(one.rows)} rows"),
        Cell(text=numbers.integer(one.flips)),
        _estimate(one.outcome.flip_rate),
        Cell(text="") if change is None else Cell(text=_signed(change), note=_limits(change)),
        Cell(text="" if one.to_positive is None else numbers.integer(one.to_positive)),
    )


def _forest(swaps: Sequence[SwapReading], limit: float | None) -> Spec:
    data: list[dict[str, Any]] = []
    for one in swaps:
        rate = one.outcome.flip_rate
        name = visible(one.outcome.identity, limit=48)
        data.append({"name": str(name), "value": rate.value, "low": rate.low, "high": rate.high})
    y = {
        "field": "name",
        "type": "nominal",
        "sort": [one["name"] for one in data],
        "axis": {"title": None, "labelLimit": 260},
    }
    axis = {"title": "Share of answers that changed", "tickCount": 6, "format": ".0%"}

    def x(field: str) -> dict[str, Any]:
        return {"field": field, "type": "quantitative", "scale": {"domainMin": 0}, "axis": axis}

    layers: list[dict[str, Any]] = []
    if limit is not None:
        layers.append(
            {
                "data": {"values": [{"line": limit}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": TOKENS["unsure"]},
                "encoding": {"x": x("line")},
            }
        )
    layers += [
        {
            "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
            "mark": {"type": "rule", "strokeWidth": 2.5, "color": TOKENS["series1"]},
            "encoding": {"y": y, "x": x("low"), "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "color": TOKENS["series1"]},
            "encoding": {"y": y, "x": x("value")},
        },
    ]
    padding = {"left": 28, "right": 8, "top": 5, "bottom": 5}
    return specification(
        {"width": 560, "height": {"step": 26}, "padding": padding, "data": {"values": data}, "layer": layers}
    )


def _quality(of: CounterfactualReading) -> Section:
    return Section(
        id="quality",
        title="Quality on the edited rows",
        lead="The labels of the texts as written are taken to hold for their edits.",
        blocks=(
            Table(
                caption="Edited rows against the same rows as written",
                columns=(
                    Column(title="metric"),
                    Column(title="as written", kind="number"),
                    Column(title="edited", kind="number"),
                    Column(title="difference", kind="number"),
                    Column(title="in a word", kind="word"),
                ),
                groups=(Rows(rows=tuple(_drop_row(one) for one in of.drops)),),
                note=f"Clustered by original row: {numbers.integer(of.overall.rows)} rows."
                if of.overall.rows < of.overall.outcome.pairs
                else "",
            ),
        ),
    )


def _drop_row(one: Effect) -> tuple[Cell, ...]:
    if one.difference is None:
        return (
            Cell(text=one.metric),
            Cell(text=""),
            Cell(text=""),
            Cell(text="none", note=one.reason or ""),
            Cell(text=""),
        )
    before, after = numbers.effect_sides(one)
    return (
        Cell(text=one.metric),
        Cell(text=before),
        Cell(text=after),
        Cell(text=numbers.effect_difference(one), note=numbers.effect_interval(one)),
        Cell(text="neither good nor bad", symbol="–", tone="neutral")
        if UNDIRECTED in one.notes
        else Cell(text=one.word, symbol=WORD_SYMBOLS[one.word], tone=WORD_TONES[one.word]),
    )


def _aucs(of: CounterfactualReading) -> Section:
    title = "Scores by identity, on the rows as written"
    if not of.aucs:
        reason = of.auc_reason or "no row names an identity"
        return Section(id="aucs", title=title, blocks=(Bullets(items=(f"Not measured: {reason}.",)),))
    rows = [
        (
            Cell(text="all rows", strong=True),
            Cell(text="" if of.overall_auc is None else numbers.integer(of.overall_auc.n)),
            Cell(text="") if of.overall_auc is None else _estimate(of.overall_auc),
            Cell(text=""),
            Cell(text=""),
        )
    ]
    rows += [
        (
            Cell(text=one.identity, verbatim=True),
            Cell(text=numbers.integer(one.rows), note=f"{numbers.integer(one.positives)} positive"),
            _estimate(one.subgroup),
            _estimate(one.bpsn),
            _estimate(one.bnsp),
        )
        for one in of.aucs[:_MOST]
    ]
    table = Table(
        caption="AUCs by identity",
        columns=(
            Column(title="identity"),
            Column(title="rows", kind="number"),
            Column(title="subgroup", kind="number"),
            Column(title="BPSN", kind="number"),
            Column(title="BNSP", kind="number"),
        ),
        groups=(Rows(rows=tuple(rows)),),
        note=rest(min(len(of.aucs), _MOST), len(of.aucs), "identities"),
        key="Subgroup: does the score order the rows that name it. BPSN low: harmless rows that name it score like "
        "offences elsewhere. BNSP low: offences that name it score like harmless rows elsewhere.",
    )
    return Section(
        id="aucs",
        title=title,
        lead="1 is perfect order, 0.5 none; with few positives the limits are wide.",
        blocks=(table,),
    )


def _labels(of: CounterfactualReading) -> Section:
    title = "The labels themselves"
    found = of.labels
    if found is None or (found.reason is not None and not found.rates and found.halves_differ is None):
        reason = "the rows have no labels" if found is None else found.reason
        return Section(id="labels", title=title, blocks=(Bullets(items=(f"Not audited: {reason}.",)),))
    blocks: list[Block] = []
    if found.halves_differ is not None:
        blocks.append(Facts(items=(("Halves of a pair labelled differently", numbers.estimate(found.halves_differ)),)))
    if found.rates:
        blocks.append(
            Table(
                caption=f"Share labelled '{found.positive}'",
                columns=(
                    Column(title="identity"),
                    Column(title="rows that name it", kind="number"),
                    Column(title="other rows", kind="number"),
                    Column(title="difference", kind="number"),
                    Column(title="told", kind="word"),
                ),
                groups=(Rows(rows=tuple(_label_row(one) for one in found.rates[:_MOST])),),
                note=rest(min(len(found.rates), _MOST), len(found.rates), "identities"),
                key="A difference is of the labels, not of the model: it may be true of these texts, come from how "
                "they were drawn, or from those who labelled them. A model trained on it will learn it.",
            )
        )
    if found.reason is not None:
        blocks.append(Bullets(items=(f"Rates by identity were not measured: {found.reason}.",)))
    return Section(
        id="labels",
        title=title,
        lead="Where mentioning an identity goes with the label, a model can learn the word in place of the meaning.",
        blocks=tuple(blocks),
    )


def _label_row(one: LabelRate) -> tuple[Cell, ...]:
    told = one.low is not None and one.high is not None and (one.low > 0 or one.high < 0)
    if one.difference is None:
        difference = Cell(text="none", note=one.reason or "")
    else:
        difference = Cell(
            text=numbers.fixed(one.difference, decimals=3, signed=True),
            note=""
            if one.low is None or one.high is None
            else f"[{numbers.fixed(one.low, decimals=3, signed=True)}, "
            f"{numbers.fixed(one.high, decimals=3, signed=True)}]",
        )
    tone: Tone = "unsure" if told else "neutral"
    return (
        Cell(text=one.identity, verbatim=True),
        _counted(one.mentioned),
        _counted(one.others),
        difference,
        Cell(text="differs" if told else "not told from chance", symbol="≠" if told else "?", tone=tone),
    )


def _counted(of: Estimate) -> Cell:
    cell = _estimate(of)
    return Cell(text=cell.text, note=f"{cell.note} of {numbers.integer(of.n)}" if of.value is not None else cell.note)


def _examples(of: CounterfactualReading) -> Section:
    shown = of.examples[:_EXAMPLES]
    scored = any(one.score_before is not None for one in shown)
    return Section(
        id="examples",
        title="Pairs whose answer changed",
        lead="Those whose score moved most come first. The texts are the data's own and may offend.",
        blocks=(
            Table(
                caption="Examples",
                columns=(
                    Column(title="pair"),
                    Column(title="as written", narrow=False),
                    Column(title="edited"),
                    Column(title="answer"),
                ),
                groups=(
                    Rows(
                        rows=tuple(
                            (
                                Cell(text=one.id, verbatim=True),
                                Cell(text=_around(one.original, one.edited), verbatim=True),
                                Cell(text=_around(one.edited, one.original), verbatim=True),
                                Cell(
                                    text=f"{one.before} → {one.after}",
                                    verbatim=True,
                                    note=f"{numbers.score(one.score_before)} → {numbers.score(one.score_after)}"
                                    if scored
                                    else "",
                                ),
                            )
                            for one in shown
                        )
                    ),
                ),
                note=rest(len(shown), of.overall.flips, "changed pairs")
                if of.overall.flips <= len(of.examples)
                else f"{len(shown)} of {numbers.integer(of.overall.flips)} changed pairs shown; the JSON has "
                f"{len(of.examples)}.",
            ),
        ),
    )


def _around(text: str, other: str) -> str:
    """A long text cut to the part where it first differs from the other."""
    if len(text) <= _CHARACTERS:
        return text
    differs = next((at for at, (x, y) in enumerate(zip(text, other, strict=False)) if x != y), 0)
    start = max(0, min(differs - _CHARACTERS // 3, len(text) - _CHARACTERS))
    return ("…" if start else "") + text[start : start + _CHARACTERS] + ("…" if start + _CHARACTERS < len(text) else "")


def _pairs(of: CounterfactualReading) -> Section:
    made = of.pairs
    items = [
        ("Made from", f"{made.source}, column {made.column}"),
        ("Rows", f"{numbers.integer(made.rows)}, {numbers.integer(made.unedited_rows)} of them with nothing to swap"),
        ("Pairs", f"{numbers.integer(made.pairs)} of {numbers.integer(made.edited_rows)} rows"),
        ("Reviewed by a person", numbers.count_of(made.reviewed, made.pairs)),
        ("Refused", numbers.integer(of.refused)),
        ("Ambiguous, left out", numbers.integer(of.left_out)),
    ]
    if made.terms is not None:
        items.append(("Terms", f"{made.terms}, version {made.terms_version}"))
    if of.threshold is not None:
        items.append(("Positive from a score of", numbers.plain(of.threshold)))
    digests = [("Pairs", made.digest_of_pairs), ("Data", made.source_fingerprint)]
    if made.terms_digest is not None:
        digests.append(("Terms", made.terms_digest))
    if of.model is not None:
        digests.append(("Model", of.model.fingerprint))
    return Section(
        id="pairs", title="The pairs", blocks=(Facts(items=tuple(items)), Facts(items=tuple(digests), monospace=True))
    )


def _method() -> Section:
    return Section(id="method", title="Method", blocks=(Bullets(items=_METHODS),))


def _not_shown(of: CounterfactualReading) -> Section:
    items = [
        "Identities, words and languages that the term list does not hold.",
        "Whether an exchanged text is as likely as the one it came from, or means the same: stereotypes, history and "
        "grammar differ between identities. Read the pairs.",
        "Bias without words: names, dialect, topics that go with a group.",
        "Whether unchanged answers are right: two wrong answers agree.",
    ]
    if of.pairs.label is None:
        items.append("Quality on the edited rows: the rows have no labels.")
    return Section(id="not-shown", title="What this does not show", blocks=(Bullets(items=tuple(items)),))


def _estimate(of: Estimate) -> Cell:
    if of.value is None:
        return Cell(text="none", note=of.reason or "")
    return Cell(text=numbers.estimate_value(of), note=numbers.estimate_interval(of) or "; ".join(of.notes))


def _signed(of: Estimate) -> str:
    return "none" if of.value is None else numbers.fixed(of.value, decimals=_places(of), signed=True)


def _limits(of: Estimate) -> str:
    if of.low is None or of.high is None:
        return "; ".join(of.notes) or (of.reason or "")
    low, high = (numbers.fixed(one, decimals=_places(of), signed=True) for one in (of.low, of.high))
    return f"[{low}, {high}]"


def _places(of: Estimate) -> int:
    if of.low is None or of.high is None:
        return 4
    from seatrial.records.numbers import decimals

    return min(5, max(3, decimals((of.high - of.low) / 2)))
