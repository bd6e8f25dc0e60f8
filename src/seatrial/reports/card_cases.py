"""The section of one case of a report card: quality, the front, groups, robustness, pairs, failures, health."""

from collections.abc import Sequence

from seatrial.errors import listed
from seatrial.records import Effect, Estimate, Finding
from seatrial.records.card import CaseCard, FrontPoint, ReportCard
from seatrial.records.run import ProbeOutcome
from seatrial.reports import card_charts, numbers, words
from seatrial.reports.card_answers import answer_blocks, timing_table
from seatrial.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Figure,
    Fold,
    Heading,
    Pair,
    Paragraph,
    Rows,
    Section,
    Table,
    rest,
)

_MOST_METRICS = 14
_MOST_SLICES = 25
_MOST_FAILURES = 12
_MOST_REMARKS = 6
_NOTHING = frozenset({"", "0", "not measured", "unknown", "not audited", "not probed"})
_AXES = {"latency": "p95 latency", "cost": "cost of a row", "parameters": "parameters", "size": "size"}
_PLACES = {"on the front": ("✓", "good"), "beaten": ("✗", "bad"), "cannot tell": ("?", "unsure")}


def case_section(case: CaseCard, of: ReportCard, place: int, *, brief: bool = False) -> Section:
    """Build the section; what is a problem comes first."""
    blocks: list[Block] = []
    blocks += [_callout(one) for one in case.health if one.status != "pass"][:8]
    names = [model.name for model in of.models]
    blocks += [_values(case, names), *_remarks(case)]
    if case.effects:
        blocks += [_effects(case)]
        weak = _weak_slices(case)
        if weak is not None:
            blocks.append(weak)
    elif any(e.slice for e in case.estimates):
        blocks.append(_slices(case, names))
    if not brief:
        blocks += answer_blocks(case)
    if case.timing and not brief:
        blocks += [Heading(text="Latency"), timing_table(case)]
    if case.front and not brief:
        blocks += [Heading(text="Who is beaten by whom"), *_front(case, place)]
    if case.fairness:
        blocks += [Heading(text="Fairness"), *_fairness(case)]
    if case.probes:
        blocks += [Heading(text="Robustness"), *_probes(case, place)]
    if case.counterfactuals:
        blocks += [Heading(text="Counterfactuals"), _counterfactuals(case)]
    if case.failed:
        blocks += [Heading(text="Rows without an answer"), _failed(case)]
    if not brief:
        summary = f"All {len(case.health)} checks of the data and the run"
        blocks.append(Fold(summary=summary, blocks=(_health(case.health),)))
    title = f"Case {case.case}" if len(of.cases) > 1 else f"{case.case}"
    about = f", version {case.dataset.version}" if case.dataset.version else ""
    return Section(
        id=f"case-{place + 1}",
        title=title,
        lead=f"{case.task} on {case.dataset.name}{about}: {numbers.integer(case.rows)} rows."
        + (f" {case.verdict.sentence}" if case.verdict is not None and len(of.cases) > 1 else ""),
        blocks=tuple(blocks),
    )


def _callout(finding: Finding) -> Callout:
    return Callout(
        text=finding.sentence,
        symbol=words.STATUS_SYMBOLS[finding.status],
        tone=words.STATUS_TONES[finding.status],
        label="problem" if finding.status == "fail" else "warning",
    )


def _values(case: CaseCard, names: Sequence[str]) -> Table:
    """Every metric of every model on all rows."""
    whole = [e for e in case.estimates if not e.slice]
    metrics = list(dict.fromkeys([case.main_metric, *(e.metric for e in whole)]))
    held = {(e.model, e.metric): e for e in whole}
    metrics = [metric for metric in metrics if any((name, metric) in held for name in names)]
    rows = tuple(
        (
            Cell(text=metric, strong=metric == case.main_metric),
            *(_value(held.get((name, metric))) for name in names),
            Cell(text=_n([held[name, metric].n for name in names if (name, metric) in held])),
        )
        for metric in metrics[:_MOST_METRICS]
    )
    return Table(
        caption=f"Metrics of {case.case}",
        columns=(
            Column(title="Metric"),
            *(Column(title=name, kind="number") for name in names),
            Column(title="n", kind="number", narrow=False),
        ),
        groups=(Rows(rows=rows),),
        note=rest(len(rows), len(metrics), "metrics"),
    )


def _remarks(case: CaseCard) -> list[Block]:
    """What is independent where that is not the row, and why a number has no limits."""
    whole = [e for e in case.estimates if not e.slice]
    units = list(dict.fromkeys(e.unit for e in whole if e.unit != "row"))
    said = [f"The unit of analysis is the {listed(units)}: rows that share one are counted as one draw."] * bool(units)
    why: dict[str, list[str]] = {}
    for one in whole:
        for note in one.notes:
            named = why.setdefault(note, [])
            if one.metric not in named:
                named.append(one.metric)
    said += [f"{listed(metrics, limit=3)}: {note}." for note, metrics in why.items()][:_MOST_REMARKS]
    timed = [e.n for e in whole if e.metric.startswith("latency_ms")]
    if timed and any(one.n > min(timed) for one in case.timing.values()):
        said.append(f"latency_ms: on the {numbers.integer(min(timed))} rows that were timed for every model.")
    return [Paragraph(text=text, small=True) for text in said]


def _n(counts: Sequence[int]) -> str:
    return "" if not counts else numbers.integer(min(counts))


def _value(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(text="")
    if estimate.value is None:
        return Cell(text="no value", note=estimate.reason or "")
    note = numbers.estimate_interval(estimate)
    if estimate.missing and not estimate.metric.startswith("latency_ms"):  # untimed rows are not missing answers
        note = f"{note}; {numbers.integer(estimate.missing)} missing"
    return Cell(text=numbers.estimate_value(estimate), note=note)


def _effects(case: CaseCard) -> Table:
    whole = [e for e in case.effects if not e.slice]
    candidates = list(dict.fromkeys(e.candidate for e in whole))
    groups = []
    for candidate in candidates:
        own = sorted((e for e in whole if e.candidate == candidate), key=lambda e: e.metric != case.main_metric)
        groups.append(
            Rows(
                title=f"{candidate} against {own[0].baseline}" if len(candidates) > 1 else None,
                rows=tuple(_effect_row(e, e.metric) for e in own[:_MOST_METRICS]),
            )
        )
    caption = f"{candidates[0]} against {whole[0].baseline}" if len(candidates) == 1 else "Against the baseline"
    return Table(caption=caption, columns=_EFFECT_COLUMNS, groups=tuple(groups), key=_EFFECT_KEY)


_EFFECT_COLUMNS = (
    Column(title="What"),
    Column(title="Word", kind="word"),
    Column(title="Difference", kind="number"),
    Column(title="Baseline", kind="number", narrow=False),
    Column(title="Candidate", kind="number", narrow=False),
    Column(title="n", kind="number", narrow=False),
)
_EFFECT_KEY = "Difference: candidate minus baseline, with the interval that decided the word."


def _effect_row(effect: Effect, name: str) -> tuple[Cell, ...]:
    sides = numbers.effect_sides(effect, unit=False)
    text = numbers.effect_difference(effect) or "no difference"
    return (
        Cell(text=name, verbatim=True, note="too few rows to be ranked" if effect.small else ""),
        Cell(text=effect.word, symbol=words.WORD_SYMBOLS[effect.word], tone=words.WORD_TONES[effect.word]),
        Cell(text=text, note=numbers.effect_interval(effect) or (effect.reason or "")),
        Cell(text=sides[0]),
        Cell(text=sides[1]),
        Cell(text=numbers.integer(effect.n)),
    )


def _weak_slices(case: CaseCard) -> Table | None:
    """Slices where the main metric moved most, the worst first; explored slices are exploratory."""
    found = [e for e in case.effects if e.slice and e.metric == case.main_metric and e.difference is not None]
    if not found:
        return None
    found.sort(key=lambda e: (e.difference or 0.0) * (1 if e.higher_is_better else -1))
    rows = tuple(_effect_row(e, words.slice_label(e.slice)) for e in found[:_MOST_SLICES])
    return Table(
        caption=f"{case.main_metric} by slice, the worst first (exploratory unless the policy names the slice)",
        columns=_EFFECT_COLUMNS,
        groups=(Rows(rows=rows),),
        note=rest(len(rows), len(found), "slices"),
    )


def _slices(case: CaseCard, names: Sequence[str]) -> Table:
    """One model alone: its main metric on every slice, the worst first."""
    found = [e for e in case.estimates if e.slice and e.metric == case.main_metric and e.model == names[0]]
    shown = sorted(
        (e for e in found if e.value is not None),
        key=lambda e: (e.value or 0.0) * (1 if e.higher_is_better else -1),
    )[:_MOST_SLICES]
    rows = tuple(
        (Cell(text=words.slice_label(e.slice), verbatim=True), _value(e), Cell(text=numbers.integer(e.n)))
        for e in shown
    )
    return Table(
        caption=f"{case.main_metric} by slice, the worst first",
        columns=(
            Column(title="Slice"),
            Column(title=case.main_metric, kind="number"),
            Column(title="n", kind="number"),
        ),
        groups=(Rows(rows=rows),),
        note=rest(len(rows), len(found), "slices"),
    )


def _front(case: CaseCard, place: int) -> list[Block]:
    axes = list(dict.fromkeys(point.axis for point in case.front))
    figures = tuple(
        Figure(
            id=f"front-{place + 1}-{axis}",
            title=f"{case.main_metric} against {_AXES[axis]}",
            alternative=" ".join(_standing(point) for point in case.front if point.axis == axis),
            spec=card_charts.front(
                [point for point in case.front if point.axis == axis], case.main_metric, _AXES[axis]
            ),
        )
        for axis in axes
    )
    rows = tuple(
        (
            Cell(text=point.model, verbatim=True, strong=True),
            Cell(text=_AXES[point.axis]),
            Cell(text=point.place, symbol=_PLACES[point.place][0], tone=_PLACES[point.place][1]),  # type: ignore[arg-type]
            Cell(text=point.by or "", verbatim=True),
        )
        for point in case.front
    )
    table = Table(
        caption="The front",
        columns=(
            Column(title="Model"),
            Column(title="Against"),
            Column(title="Place", kind="word"),
            Column(title="By"),
        ),
        groups=(Rows(rows=rows),),
        key="On the front: every other model is surely worse or surely dearer. Beaten: another is surely cheaper and "
        "not meaningfully worse, or surely better and not dearer.",
    )
    return [Pair(blocks=figures) if len(figures) > 1 else figures[0], table]


def _standing(point: FrontPoint) -> str:
    by = f" by {point.by}" if point.by is not None and point.place == "beaten" else ""
    expense = numbers.plain(point.expense, scale=point.scale)
    return f"{point.model}: {numbers.plain(point.quality)} at {expense}, {point.place}{by}."


def _fairness(case: CaseCard) -> list[Block]:
    return [
        Callout(
            text=f"{one.model}: {one.sentence}",
            symbol={"good": "✓", "bad": "✗", "unsure": "!", "neutral": "–"}[one.tone],
            tone=one.tone,
            label={"good": "fine", "bad": "found", "unsure": "look at this", "neutral": "note"}[one.tone],
        )
        for one in case.fairness
    ]


def _probes(case: CaseCard, place: int) -> list[Block]:
    blocks: list[Block] = []
    names = list(dict.fromkeys(one.probe for outcomes in case.probes.values() for one in outcomes))
    curves = [
        name
        for name in names
        if any(
            len({one.severity for one in outs if one.probe == name and one.effects}) > 1
            for outs in case.probes.values()
        )
    ]
    figures = tuple(
        Figure(
            id=f"probe-{place + 1}-{at + 1}",
            title=f"{case.main_metric} under {name}",
            alternative=_curve_in_words(case, name),
            spec=card_charts.severity(case.probes, name, case.main_metric),
        )
        for at, name in enumerate(curves[:4])
    )
    if figures:
        blocks.append(Pair(blocks=figures) if len(figures) > 1 else figures[0])
    groups = tuple(
        Rows(
            title=model if len(case.probes) > 1 else None,
            rows=tuple(_probe_row(one, case.main_metric) for one in outcomes),
        )
        for model, outcomes in case.probes.items()
    )
    columns, shown = without_empty(
        (
            Column(title="Probe"),
            Column(title="Word", kind="word"),
            Column(title=f"Change of {case.main_metric}", kind="number"),
            Column(title="Answers changed", kind="number"),
            Column(title="Held", kind="number", narrow=False),
            Column(title="Worst slice", narrow=False),
            Column(title="Rows hit", kind="number", narrow=False),
            Column(title="No answer", kind="number"),
        ),
        groups,
    )
    blocks.append(
        Table(
            caption="Perturbed rows against the same rows clean",
            columns=columns,
            groups=shown,
            key="Answers changed: of the rows the probe changed, the share whose answer changed too. Held: the "
            "share for which what had to hold did (a score that moves the right way). No answer: rows "
            "the model answers clean and fails on perturbed; they are in no other number here.",
        )
    )
    reasons = dict.fromkeys(one.reason for outcomes in case.probes.values() for one in outcomes if one.reason)
    blocks += [Paragraph(text=f"Not measured: {reason}") for reason in list(reasons)[:4]]
    if any(not one.label_preserving for outcomes in case.probes.values() for one in outcomes):
        text = "A probe marked † may change what the right answer is: its loss is not all the model's."
        blocks.append(Paragraph(text=text, small=True))
    return blocks


def without_empty(columns: Sequence[Column], groups: Sequence[Rows]) -> tuple[tuple[Column, ...], tuple[Rows, ...]]:
    """Leave out the columns in which nothing stands; the first two stay."""
    kept = [
        at
        for at in range(len(columns))
        if at < 2 or any(row[at].text not in _NOTHING for group in groups for row in group.rows)
    ]
    return tuple(columns[at] for at in kept), tuple(
        Rows(title=group.title, rows=tuple(tuple(row[at] for at in kept) for row in group.rows)) for group in groups
    )


def _probe_row(one: ProbeOutcome, metric: str) -> tuple[Cell, ...]:
    mark = "" if one.label_preserving else " †"
    name = Cell(text=f"{one.probe} {numbers.plain(one.severity)}{mark}", note=", ".join(one.columns[:3]))
    effect = next((e for e in one.effects if e.metric == metric), None)
    if one.reason is not None or effect is None:
        return (name, Cell(text="not measured"), *(Cell(text="") for _ in range(6)))
    return (
        name,
        Cell(text=effect.word, symbol=words.WORD_SYMBOLS[effect.word], tone=words.WORD_TONES[effect.word]),
        Cell(text=numbers.effect_difference(effect), note=numbers.effect_interval(effect) or (effect.reason or "")),
        _value(one.flip_rate),
        _value(one.held) if one.held is not None and one.direction != "same" else Cell(text=""),
        Cell(
            text="" if one.worst is None else words.slice_label(one.worst.slice),
            note="" if one.worst is None else numbers.effect(one.worst),
            verbatim=True,
        ),
        Cell(text=numbers.count_of(one.touched, one.rows)),
        Cell(
            text=numbers.count_of(one.failed, one.rows) if one.failed else "",
            tone="bad" if one.failed else None,
            symbol="✗" * bool(one.failed),
        ),
    )


def _curve_in_words(case: CaseCard, probe: str) -> str:
    parts = []
    for model, outcomes in case.probes.items():
        own = [
            (one.severity, e)
            for one in outcomes
            if one.probe == probe
            for e in one.effects
            if e.metric == case.main_metric
        ]
        said = ", ".join(f"{numbers.effect_difference(e) or 'none'} at {numbers.plain(s)}" for s, e in own)
        parts.append(f"{model}: {said}.")
    return " ".join(parts)


def _counterfactuals(case: CaseCard) -> Table:
    groups = tuple(
        Rows(
            title=model if len(case.counterfactuals) > 1 else None,
            rows=tuple(
                (
                    Cell(text=one.identity, verbatim=True),
                    _value(one.flip_rate),
                    _value(one.score_change) if one.score_change is not None else Cell(text=""),
                    Cell(text=numbers.integer(one.pairs)),
                )
                for one in outcomes
            ),
        )
        for model, outcomes in case.counterfactuals.items()
    )
    return Table(
        caption="Pairs that differ in one identity",
        columns=(
            Column(title="Identity"),
            Column(title="Answer changed", kind="number"),
            Column(title="Score after minus before", kind="number", narrow=False),
            Column(title="Pairs", kind="number"),
        ),
        groups=groups,
    )


def _failed(case: CaseCard) -> Table:
    groups = tuple(
        Rows(
            title=model if len(case.failed) > 1 else None,
            rows=tuple(
                (
                    Cell(text=one.reason, verbatim=True),
                    Cell(text=numbers.count_of(one.count, case.rows)),
                    Cell(text=", ".join(one.examples[:3]), verbatim=True),
                )
                for one in failures[:_MOST_FAILURES]
            ),
        )
        for model, failures in case.failed.items()
    )
    return Table(
        caption="Missing rows by reason: out of every metric, with bounds where the metric has them",
        columns=(
            Column(title="Reason"),
            Column(title="Rows", kind="number"),
            Column(title="For example", narrow=False),
        ),
        groups=groups,
    )


def _health(findings: Sequence[Finding]) -> Table:
    rows = tuple(
        (
            Cell(text=one.name),
            Cell(text=one.status, symbol=words.STATUS_SYMBOLS[one.status], tone=words.STATUS_TONES[one.status]),
            Cell(text=one.sentence),
        )
        for one in findings
    )
    return Table(
        caption="Checks of the data and the run",
        columns=(Column(title="Check"), Column(title="Status", kind="word"), Column(title="Finding")),
        groups=(Rows(rows=rows),),
    )
