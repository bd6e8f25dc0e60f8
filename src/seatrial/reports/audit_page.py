"""The page of a fairness audit: findings in plain words, groups, gaps, stand-ins, thresholds, method, sign-off."""

from seatrial.records import Estimate
from seatrial.records.audit import Audit, AuditCut, AuditGroup, Cost, DecisionRule, Explorer, FourFifths, Gap, Proxy
from seatrial.records.numbers import format_interval, format_value
from seatrial.reports import audit_charts, numbers
from seatrial.reports.document import (
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Document,
    Facts,
    Figure,
    Fold,
    Front,
    Heading,
    KeyNumber,
    Pair,
    Paragraph,
    Rows,
    Section,
    Table,
    rest,
)
from seatrial.reports.words import Tone, slice_label

_MOST_GROUPS = 40
_MOST_PROXIES = 15
_AIMS = "fairlearn's optimiser aims at accuracy, not at money. "
_LINE = "_" * 16
_FOUR: dict[FourFifths, tuple[str, Tone, str]] = {
    "pass": ("✓", "good", "within four fifths"),
    "fail": ("✗", "bad", "short of four fifths"),
    "inconclusive": ("?", "unsure", "cannot tell"),
}
_SYMBOLS: dict[str, str] = {"bad": "✗", "unsure": "!", "neutral": "–", "good": "✓"}
_LABELS: dict[str, str] = {"bad": "found", "unsure": "look at this", "neutral": "note", "good": "fine"}
_RATES = (
    ("prevalence", "base rate"),
    ("selection_rate", "selected"),
    ("recall", "TPR"),
    ("false_positive_rate", "FPR"),
    ("false_negative_rate", "FNR"),
    ("precision", "precision"),
    ("accuracy", "accuracy"),
)
_SCORES = (
    ("score_minus_rate", "overscored"),
    ("expected_calibration_error", "ECE"),
    ("brier_score", "Brier"),
    ("roc_auc", "AUC"),
)
_RATES_KEY = (
    "Base rate: the share whose label is the favourable outcome. Selected: the share given it. TPR: of those who merit "
    "it by their label, the share given it. FPR: of the others, the share given it."
)
_ERRORS_KEY = "FNR: of those who merit it, the share refused. Precision: of those given it, the share who merit it."
_SCORES_KEY = (
    "Overscored: mean score less base rate, 0 when right on the whole. ECE: mean gap between score and rate over "
    "bins. AUC: how well the score orders people within the group."
)
_NOTIONS = {
    "base rate": "the share whose label is favourable: of the data, not of the model",
    "demographic parity": "equal selection rates",
    "equal opportunity": "equal true positive rates: who merits it gets it",
    "false positive rate parity": "equal false positive rates: who does not merit it",
    "equalised odds": "both of these; the worse of the two counts",
    "predictive parity": "equal precision: the outcome means the same",
}
_METHODS = (
    "Rates: Wilson score limits, at 0 or all events Clopper-Pearson; under weights or clusters at the effective size "
    "(CR2 variance with Bell-McCaffrey degrees of freedom for clusters).",
    "AUC: DeLong's variance, limits on the logit scale. Calibration error: equal-mass bins with Clopper-Pearson bands; "
    "it is biased upwards in small groups, so read its limits, not the order of the groups.",
    "Gaps: largest less smallest rate over the ranked groups, the value that fairlearn gives. Every pair of groups has "
    "Miettinen-Nurminen limits at 1 - alpha/(K(K-1)/2); the gap lies between the largest lower limit (at least 0) and "
    "the largest upper one.",
    "Equalised odds share alpha between two rates. Ratios likewise, on their logarithms. p: chi-square of equal rates. "
    "The plain gap is biased upwards by noise, most where groups are small.",
    "Four fifths: the impact ratio is a group's selection rate over that of the group selected most (or of the "
    "one that was named). Within: the lower limit is at least 0.8. Short: the upper limit is under 0.8. Else these "
    "rows cannot tell. The limits of all groups hold together.",
    "Stand-ins: a column's values are scored by the share of the group among the rows of the other folds, and that "
    "score is held against the group by its AUC; 0.5 is chance. All columns together: a logistic regression in the "
    "same way. Limits are corrected over every column and group tried. Strong: from 0.8; moderate: from 0.65.",
    "Rules: chosen on one half of the rows and measured on the other, both ways, so that nothing is paid back by the "
    "rows it was tuned on. Changes are paired, row by row (Tango's interval for accuracy, t for money).",
)


def audit_document(of: Audit) -> Document:
    """Build the page; every number on it is in the record."""
    sections = [_findings(of), _examined(of), *(_cut(cut, of, at) for at, cut in enumerate(of.cuts))]
    if of.proxies or of.columns_skipped:
        sections.append(_proxies(of))
    sections += [_explorer(one, of, at) for at, one in enumerate(of.explorers)]
    sections += [_method(of), _not_shown(of), _sign_off(of)]
    return Document(
        title=of.title,
        front=_front(of),
        sections=tuple(sections),
        version=of.seatrial,
        evidence=of.digest(),
        about="fairness audit of one model's decisions",
        differences="largest rate minus smallest, over groups",
    )


def _front(of: Audit) -> Front:
    return Front(
        symbol=_SYMBOLS[of.tone],
        tone=of.tone,
        headline=of.headline,
        sentence=of.sentence,
        numbers=tuple(_key(cut) for cut in of.cuts if cut.gaps)[:3],
        level=numbers.level(of.level),
        facts=(
            ("Rows", numbers.integer(of.n)),
            ("Protected", ", ".join(of.protected)),
            ("Favourable outcome", of.favourable),
        ),
        name="Answer",
    )


def _key(cut: AuditCut) -> KeyNumber:
    ratio = _gap(cut, "demographic parity", "ratio")
    symbol, tone, word = _FOUR[cut.four_fifths] if cut.four_fifths is not None else ("–", "neutral", "")
    return KeyNumber(
        name=f"Impact ratio by {' and '.join(cut.by)}",
        value="" if ratio is None or ratio.value is None else _value(ratio.value, ratio.low, ratio.high),
        interval="" if ratio is None else _limits(ratio.value, ratio.low, ratio.high) or (ratio.reason or ""),
        symbol=symbol,
        word=word,
        tone=tone,
        about=""
        if ratio is None or ratio.lowest is None or ratio.highest is None
        else f"{slice_label(ratio.lowest)} against {slice_label(ratio.highest)}",
    )


def _findings(of: Audit) -> Section:
    blocks: list[Block] = [
        Callout(text=one.sentence, symbol=_SYMBOLS[one.tone], tone=one.tone, label=_LABELS[one.tone])
        for one in of.findings
        if one.tone in ("bad", "unsure")
    ]
    rest_of = tuple(one.sentence for one in of.findings if one.tone not in ("bad", "unsure"))
    if rest_of:
        blocks.append(Bullets(items=rest_of))
    return Section(
        id="findings",
        title="What was found",
        lead="In plain words; a difference is called one only where its limits exclude chance.",
        blocks=tuple(blocks),
    )


def _examined(of: Audit) -> Section:
    items = [
        ("Decisions of", of.model),
        ("Rows", f"{numbers.integer(of.n)}, of which {numbers.integer(of.decided)} have a label and a decision"),
        ("Protected", ", ".join(of.protected)),
        ("Favourable outcome", of.favourable),
        *((name.capitalize(), value) for name, value in of.roles.items()),
        ("Groups not compared", f"under {numbers.percent(of.smallest, decimals=0)} of all rows, or value missing"),
    ]
    if of.threshold is not None:
        items.append(("Decided from the score at", numbers.plain(of.threshold)))
    if of.benefit is not None and of.cost is not None:
        items.append(("A right favourable decision brings", numbers.plain(of.benefit)))
        items.append(("A wrong one loses", numbers.plain(of.cost)))
    overall = Table(
        caption="All rows",
        columns=(Column(title="measure"), Column(title="value", kind="number"), Column(title="rows", kind="number")),
        groups=(
            Rows(
                rows=tuple(
                    (Cell(text=_title(one.metric)), _estimate(one), Cell(text=numbers.integer(one.n)))
                    for one in of.overall
                )
            ),
        ),
    )
    return Section(id="examined", title="What was examined", blocks=(Facts(items=tuple(items)), overall))


def _title(metric: str) -> str:
    return next((title for name, title in (*_RATES, *_SCORES) if name == metric), metric)


def _cut(cut: AuditCut, of: Audit, at: int) -> Section:
    name = " × ".join(cut.by)
    blocks: list[Block] = []
    if cut.reason is not None:
        blocks.append(Callout(text=f"{cut.reason}.", symbol="?", tone="unsure", label="no gaps"))
    groups = sorted(cut.groups, key=lambda one: not one.ranked)
    shown = groups[:_MOST_GROUPS]
    cells = [one for one in shown if _find(one, "selection_rate") is not None]
    if len(cells) > 1:
        blocks.append(
            Figure(
                id=f"selection-{at}",
                title=f"Share given '{of.favourable}' by {name}",
                alternative="; ".join(_spoken(one) for one in cells),
                spec=audit_charts.selection(cells, cut),
                caption="Lines are the limits of each group's rate. The dashed line is four fifths of the highest rate "
                "among the groups compared"
                + (" (or of the named group's)." if cut.reference_named else ".")
                + " Hollow: too small to compare.",
            )
        )
    blocks.append(_groups(shown, len(groups), _RATES[:4], of, f"Groups by {name}", _RATES_KEY, impact=True, cut=cut))
    blocks.append(_groups(shown, len(groups), _RATES[4:], of, f"Errors and precision by {name}", _ERRORS_KEY))
    if any(_find(one, "roc_auc") is not None for one in shown):
        blocks.append(_groups(shown, len(groups), _SCORES, of, f"Scores by {name}", _SCORES_KEY))
    if cut.gaps:
        blocks.append(_gaps(cut, of))
    lead = ""
    if cut.reference is not None:
        how = "as named" if cut.reference_named else "selected most"
        lead = f"Held against {slice_label(cut.reference)} ({how})."
    if cut.empty:
        lead += f" {cut.empty} crossings hold nobody."
    return Section(id=f"cut-{at}", title=f"By {name}", blocks=tuple(blocks), lead=lead.strip())


def _spoken(group: AuditGroup) -> str:
    found = _find(group, "selection_rate")
    return f"{slice_label(group.slice)}: {'none' if found is None else numbers.estimate(found)}"


def _groups(
    shown: list[AuditGroup],
    total: int,
    measures: tuple[tuple[str, str], ...],
    of: Audit,
    caption: str,
    key: str,
    *,
    impact: bool = False,
    cut: AuditCut | None = None,
) -> Table:
    rows = []
    for group in shown:
        cells = [
            Cell(
                text=", ".join(group.slice.values()),
                verbatim=True,
                note="" if group.ranked else f"not compared: {group.why_not_ranked}",
            )
        ]
        if impact:
            cells.append(Cell(text=numbers.integer(group.n), note=numbers.percent(group.share)))
        for metric, _ in measures:
            found = _find(group, metric)
            cells.append(Cell(text="") if found is None else _estimate(found))
        if impact:
            cells.append(_impact(group, cut))
        rows.append(tuple(cells))
    columns = [Column(title="group")]
    if impact:
        columns.append(Column(title="rows", kind="number"))
    columns += [Column(title=title, kind="number") for _, title in measures]
    if impact:
        columns.append(Column(title="impact ratio", kind="number"))
    return Table(
        caption=caption,
        columns=tuple(columns),
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(shown), total, "groups"),
        key=f"{key} Limits at {numbers.level(of.level)}, each group by itself"
        + ("; those of impact ratios hold together." if impact else "."),
    )


def _impact(group: AuditGroup, cut: AuditCut | None) -> Cell:
    if group.impact is None:
        return Cell(text="")
    if cut is not None and group.slice == cut.reference:
        return Cell(text="reference")
    one = group.impact
    if one.value is None or one.four_fifths is None:
        return Cell(text=one.reason or "none")
    symbol, tone, word = _FOUR[one.four_fifths]
    return Cell(
        text=_value(one.value, one.low, one.high),
        symbol=symbol,
        tone=tone,
        note=f"{_limits(one.value, one.low, one.high)} {word}",
    )


def _gaps(cut: AuditCut, of: Audit) -> Table:
    rows = []
    for notion, meaning in _NOTIONS.items():
        difference, ratio = _gap(cut, notion, "difference"), _gap(cut, notion, "ratio")
        if difference is None:
            continue
        where = ""
        if difference.highest is not None and difference.lowest is not None:
            where = f"{slice_label(difference.lowest)} lowest, {slice_label(difference.highest)} highest"
        rows.append(
            (
                Cell(text=notion, note=meaning),
                _gap_cell(difference),
                Cell(text="") if ratio is None else _gap_cell(ratio),
                Cell(
                    text="difference told" if difference.told else "not told from chance",
                    symbol="≠" if difference.told else "?",
                    tone="unsure" if difference.told else "neutral",
                    note=numbers.p_value(difference.p_value),
                ),
                Cell(text=where, note=_with_small(difference)),
            )
        )
    return Table(
        caption=f"Gaps between the groups compared ({max((gap.groups for gap in cut.gaps), default=0)})",
        columns=(
            Column(title="notion"),
            Column(title="difference", kind="number"),
            Column(title="ratio", kind="number"),
            Column(title="told", kind="word"),
            Column(title="between", narrow=False),
        ),
        groups=(Rows(rows=tuple(rows)),),
        key=f"Simultaneous limits at {numbers.level(of.level)} over all pairs. The plain gap is biased upwards by "
        "noise: read the limits.",
    )


def _with_small(gap: Gap) -> str:
    if not gap.left_out or gap.value_of_all_groups is None or gap.value_of_all_groups == gap.value:
        return ""
    return f"{format_value(gap.value_of_all_groups)} with the groups left out"


def _gap_cell(gap: Gap) -> Cell:
    if gap.value is None:
        return Cell(text="none", note=gap.reason or "")
    return Cell(text=_value(gap.value, gap.low, gap.high), note=_limits(gap.value, gap.low, gap.high))


def _proxies(of: Audit) -> Section:
    blocks: list[Block] = []
    for protected in dict.fromkeys(one.protected for one in of.proxies):
        own = [one for one in of.proxies if one.protected == protected]
        joint = [one for one in own if one.column is None]
        alone = [one for one in own if one.column is not None]
        shown = [*joint, *alone[:_MOST_PROXIES]]
        blocks.append(
            Table(
                caption=f"What tells {protected}",
                columns=(
                    Column(title="column"),
                    Column(title="of"),
                    Column(title="AUC", kind="number"),
                    Column(title="Cramér's V", kind="number", narrow=False),
                    Column(title="stand-in", kind="word"),
                ),
                groups=(Rows(rows=tuple(_proxy(one) for one in shown)),),
                note=rest(len(shown), len(own), "columns"),
                key=f"0.5 is chance, 1 tells without error. Limits corrected over all tried "
                f"({numbers.level(own[0].level)} each). Cramér's V is corrected for bias and has no limits here.",
            )
        )
    if not of.proxies:
        blocks.append(Paragraph(text="No group is large enough, or no column left, to search."))
    if of.columns_skipped:
        items = tuple(f"{name}: {why}" for name, why in list(of.columns_skipped.items())[:_MOST_GROUPS])
        blocks.append(Fold(summary=f"{len(of.columns_skipped)} columns not searched", blocks=(Bullets(items=items),)))
    return Section(
        id="proxies",
        title="Stand-ins for a protected column",
        lead="A model that never sees a protected column can still follow one of these.",
        blocks=tuple(blocks),
    )


def _proxy(one: Proxy) -> tuple[Cell, ...]:
    tones: dict[str, tuple[str, Tone]] = {
        "strong": ("✗", "bad"),
        "moderate": ("!", "unsure"),
        "weak": ("≈", "neutral"),
        "none told": ("–", "neutral"),
    }
    symbol, tone = tones[one.strength]
    column = (
        Cell(text=one.column, verbatim=True)
        if one.column is not None
        else Cell(text="all columns together", strong=True)
    )
    return (
        column,
        Cell(text=one.group, verbatim=True),
        Cell(text=one.reason or "none")
        if one.auc is None
        else Cell(
            text=_value(one.auc, one.low, one.high), note=_limits(one.auc, one.low, one.high) or one.reason or ""
        ),
        Cell(text="" if one.cramers_v is None else numbers.fixed(one.cramers_v, decimals=2)),
        Cell(text=one.strength, symbol=symbol, tone=tone),
    )


def _explorer(one: Explorer, of: Audit, at: int) -> Section:
    blocks: list[Block] = []
    if one.points:
        panels = tuple(
            Figure(
                id=f"thresholds-{at}-{place}",
                title=f"{title} by {one.protected}",
                alternative=f"{title} of {', '.join(one.points[0].selection_rate)} over thresholds of the score.",
                spec=audit_charts.thresholds(one, measure, title),
            )
            for place, (measure, title) in enumerate(audit_charts.PANELS)
        )
        worth = Figure(
            id=f"thresholds-{at}-worth",
            title="Accuracy" if of.benefit is None else "Money per row",
            alternative="What one threshold for everyone is worth, over thresholds of the score.",
            spec=audit_charts.worth(one, money=of.benefit is not None),
        )
        blocks.append(Pair(blocks=(*panels, worth)))
    if one.rules:
        blocks.append(_rules(one, of))
    if one.notes:
        blocks.append(Bullets(items=one.notes))
    return Section(
        id=f"explorer-{at}",
        title=f"Thresholds by {one.protected}",
        lead="What other ways to decide from the same score would give, and what parity would cost.",
        blocks=tuple(blocks),
    )


def _rules(one: Explorer, of: Audit) -> Table:
    money = of.benefit is not None
    rows = []
    for rule in one.rules:
        who = "by fairlearn" if rule.source == "fairlearn" else ""
        how = "; ".join(f"{name}: {format_value(value)}" for name, value in list(rule.thresholds.items())[:8])
        first = Cell(text=rule.name, note=" ".join(part for part in (who, how) if part))
        if rule.reason is not None:
            empty = Cell(text="")
            rows.append((first, Cell(text="not tried", note=rule.reason), *([empty] * (6 if money else 5))))
            continue
        cells = [first, _changed(rule.accuracy, rule.accuracy_change)]
        if money:
            cells.append(_changed(rule.money, rule.money_change))
        cells += [
            _price(rule),
            Cell(text=_plain(rule.selection_difference)),
            Cell(text=_plain(rule.impact_ratio)),
            Cell(text=_plain(rule.true_positive_rate_difference)),
            Cell(text=_plain(rule.false_positive_rate_difference)),
        ]
        rows.append(tuple(cells))
    return Table(
        caption=f"Rules, and what they cost, by {one.protected}",
        columns=(
            Column(title="rule"),
            Column(title="accuracy", kind="number"),
            *((Column(title="money per row", kind="number"),) if money else ()),
            Column(title="price", kind="number"),
            Column(title="gap", kind="number"),
            Column(title="impact ratio", kind="number"),
            Column(title="TPR gap", kind="number", narrow=False),
            Column(title="FPR gap", kind="number", narrow=False),
        ),
        groups=(Rows(rows=tuple(rows)),),
        key=f"Under accuracy{' and money' if money else ''}: the change against the decisions as they are. Price of "
        f"parity: the change in {'money per row' if money else 'accuracy'} against the best single threshold. Gap: "
        f"largest less smallest share selected. {_AIMS if money else ''}Rules with a "
        "threshold per group treat people with the same score differently; ask a lawyer first.",
    )


def _changed(value: float | None, change: Cost | None) -> Cell:
    if value is None:
        return Cell(text="")
    half = None if change is None or change.high is None or change.low is None else (change.high - change.low) / 2
    return Cell(text=format_value(value, half), note="" if change is None else _cost(change))


def _price(rule: DecisionRule) -> Cell:
    return Cell(text="") if rule.price is None else Cell(text=_cost(rule.price))


def _cost(of: Cost) -> str:
    if of.value is None or of.low is None:
        return of.reason or ""
    return format_interval(of.value, of.low, of.high, signed=True, thresholds=[0.0])


def _method(of: Audit) -> Section:
    return Section(
        id="method",
        title="Method",
        blocks=(
            *(Paragraph(text=text) for text in _METHODS),
            *((Heading(text="Read with these"), Bullets(items=of.notes)) if of.notes else ()),
            Facts(
                items=(
                    ("File", of.source.name),
                    ("SHA-256", of.source.sha256),
                    ("Seed", str(of.seed)),
                    ("Seatrial", of.seatrial),
                    *of.libraries.items(),
                ),
                monospace=True,
            ),
        ),
    )


def _not_shown(of: Audit) -> Section:
    return Section(
        id="not-shown",
        title="What this audit does not show",
        lead="Read this before acting on it.",
        blocks=(Bullets(items=of.not_shown),),
    )


def _sign_off(of: Audit) -> Section:
    line = Cell(text=_LINE)
    return Section(
        id="sign-off",
        title="Sign-off",
        lead="To be filled in by hand. A signature says that the page was read, not that the model is fair.",
        blocks=(
            Table(
                caption="Signed",
                columns=tuple(Column(title=title) for title in ("role", "name", "date", "signature")),
                groups=(
                    Rows(
                        rows=tuple(
                            (Cell(text=role), line, line, line)
                            for role in ("Prepared by", "Reviewed by", "Accountable")
                        )
                    ),
                ),
            ),
            Facts(
                items=(
                    ("Decision", "use as it is  /  use with these conditions  /  do not use"),
                    ("Conditions, next audit due", _LINE * 2),
                    ("Evidence", of.digest()),
                )
            ),
        ),
    )


def _estimate(of: Estimate) -> Cell:
    if of.value is None:
        return Cell(text="none", note=of.reason or "")
    return Cell(text=numbers.estimate_value(of), note=numbers.estimate_interval(of))


def _find(group: AuditGroup, metric: str) -> Estimate | None:
    return next((one for one in group.estimates if one.metric == metric), None)


def _gap(cut: AuditCut, notion: str, measure: str) -> Gap | None:
    return next((gap for gap in cut.gaps if gap.notion == notion and gap.measure == measure), None)


def _value(value: float, low: float | None, high: float | None) -> str:
    return format_interval(value, low, high, thresholds=[0.8]).split(" [")[0]


def _limits(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None:
        return ""
    return "[" + format_interval(value, low, high, thresholds=[0.8]).partition(" [")[2]


def _plain(value: float | None) -> str:
    return "" if value is None else numbers.fixed(value, decimals=3)
