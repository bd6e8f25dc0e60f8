"""The report card of a suite: go or no-go, the models side by side, every case, and what was not tested."""

from seatrial.errors import listed
from seatrial.records import Estimate
from seatrial.records.card import CaseCard, FairnessSummary, History, ReportCard
from seatrial.records.run import ModelInfo
from seatrial.reports import card_charts, numbers, words
from seatrial.reports.card_cases import case_section, without_empty
from seatrial.reports.card_terminal import for_terminal, with_captions
from seatrial.reports.document import (
    Block,
    Bullets,
    Cell,
    Checks,
    Column,
    Document,
    Facts,
    Figure,
    Fold,
    Front,
    Glance,
    KeyNumber,
    Paragraph,
    Rows,
    Section,
    Table,
)

_MOST_CHECKS = 60
_MOST_POINTS = 40


def card_document(of: ReportCard, *, brief: bool = False, captions: bool = False) -> Document:
    """Build the page; every number on it is in the record. `brief` leaves history, method and provenance to the files,
    and of each case what is not about quality."""
    sections = [_side_by_side(of)]
    if of.verdict is not None and of.verdict.checks:
        sections.insert(0, _checks(of))
    sections += [case_section(case, of, place, brief=brief) for place, case in enumerate(of.cases)]
    if of.history and not brief:
        sections.append(_history(of))
    sections.append(_not_tested(of))
    if not brief:
        sections += [_method(of), _provenance(of)]
    else:
        sections = [for_terminal(section, numbers.level(of.level)) for section in sections]
    if captions:
        sections = [with_captions(section) for section in sections]
    return Document(
        title=of.title,
        front=_front(of),
        sections=tuple(sections),
        version=of.seatrial,
        evidence=of.digest(),
        about="report card of a benchmark suite",
        differences="candidate minus baseline" if of.baseline is not None else "",
    )


def _front(of: ReportCard) -> Front:
    verdict = of.verdict
    facts = [
        ("Suite", f"{of.suite}, version {of.suite_version}"),
        ("Cases", f"{len(of.cases)}: {', '.join(case.case for case in of.cases[:4])}"),
        ("Rows", numbers.integer(sum(case.rows for case in of.cases))),
    ]
    if of.baseline is not None:
        facts.insert(0, ("Baseline", of.baseline))
    asked = verdict is not None and (verdict.checks or verdict.status == "invalid")
    tone: words.Tone
    if verdict is None or not asked:
        symbol, tone, headline, code = words.NOT_ASKED_SYMBOL, "neutral", words.NOT_ASKED, ""
    else:
        said = words.STATUS_WORDS if of.baseline is not None else words.EVALUATION_WORDS
        symbol, tone = words.STATUS_SYMBOLS[verdict.status], words.STATUS_TONES[verdict.status]
        headline, code = said[verdict.status], verdict.status
    return Front(
        symbol=symbol,
        tone=tone,
        headline=headline,
        sentence=of.sentence,
        facts=tuple(facts),
        numbers=tuple(number for case in of.cases[:3] if (number := _key(case, of)) is not None),
        level=numbers.level(of.level),
        code=code,
        glances=tuple(_glances(of)),
    )


def _key(case: CaseCard, of: ReportCard) -> KeyNumber | None:
    """The main metric of a case: the difference where there is a baseline, else the value."""
    effect = next((e for e in case.effects if e.metric == case.main_metric and not e.slice), None)
    name = case.main_metric if len(of.cases) == 1 else f"{case.case}: {case.main_metric}"
    if effect is not None:
        sides = numbers.effect_sides(effect)
        return KeyNumber(
            name=name,
            value=numbers.effect_difference(effect),
            interval=numbers.effect_interval(effect) or (effect.reason or ""),
            symbol=words.WORD_SYMBOLS[effect.word],
            word=effect.word,
            tone=words.WORD_TONES[effect.word],
            sides=((effect.baseline, sides[0]), (effect.candidate, sides[1])),
        )
    value = next((e for e in case.estimates if e.metric == case.main_metric and not e.slice), None)
    if value is None:
        return None
    return KeyNumber(
        name=name,
        value=numbers.estimate_value(value) or "no value",
        interval=numbers.estimate_interval(value) or (value.reason or ""),
        symbol="",
        word="",
        tone="neutral",
        about=f"n = {numbers.integer(value.n)}",
    )


def _glances(of: ReportCard) -> list[Glance]:
    """Problems that must not be missed: health, failures, fairness."""
    found: list[Glance] = []
    for place, case in enumerate(of.cases):
        section = f"case-{place + 1}"
        bad = [one for one in case.health if one.status == "fail"]
        if bad:
            found.append(
                Glance(symbol="✗", tone="bad", word="problem", text=f"{case.case}: {bad[0].name}", section=section)
            )
        for one in case.fairness:
            if one.tone == "bad":
                text = f"{case.case}: groups are treated differently by {one.model}"
                found.append(Glance(symbol="✗", tone="bad", word="fairness", text=text, section=section))
    return found[:4]


def _checks(of: ReportCard) -> Section:
    verdict = of.verdict
    checks = () if verdict is None else verdict.checks
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    ranked = sorted(checks, key=lambda check: (check.role == "secondary", order[check.status]))
    several = len({check.candidate for check in checks}) > 1
    shown = tuple(ranked[:_MOST_CHECKS])
    blocks: list[Block] = [Checks(items=shown, several=several, more=len(checks) - len(shown))]
    if of.policy is None:
        text = "No policy was given, so one was assumed for every case: its main metric may not be meaningfully worse."
        blocks.append(Paragraph(text=text, small=True))
    if len(of.cases) > 1:
        text = "Every case has to pass, so nothing is corrected for their number (intersection-union)."
        blocks.append(Paragraph(text=text, small=True))
    unasked = [case.case for case in of.cases if case.verdict is None]
    if of.policy is not None and unasked:
        text = f"No rule of the policy decided about {listed(unasked, limit=6)}."
        blocks.append(Paragraph(text=text, small=True))
    counted = {word: sum(check.status == word for check in checks) for word in order}
    said = {"fail": "failed", "inconclusive": "inconclusive", "pass": "passed"}
    parts = ", ".join(f"{count} {said[word]}" for word, count in counted.items() if count)
    return Section(
        id="checks",
        title="Checks",
        lead=f"{len(checks)} {words.plural(len(checks), 'check')}: {parts}.",
        blocks=tuple(blocks),
    )


def _side_by_side(of: ReportCard) -> Section:
    """The triad: performance, efficiency, fairness, one line a model and case."""
    groups: list[Rows] = []
    infos = {model.name: model for model in of.models}
    for case in of.cases:
        rows = tuple(_line(case, infos[name]) for name in infos)
        groups.append(Rows(title=f"{case.case} ({case.main_metric})" if len(of.cases) > 1 else None, rows=rows))
    columns, lines = without_empty(
        (
            Column(title="Model"),
            Column(title=of.cases[0].main_metric if len(of.cases) == 1 else "main metric", kind="number"),
            Column(title="p95 latency", kind="number"),
            Column(title="Cost of a row", kind="number", narrow=False),
            Column(title="Parameters", kind="number", narrow=False),
            Column(title="Size", kind="number", narrow=False),
            Column(title="Impact ratio", kind="number"),
            Column(title="Worst probe", kind="number", narrow=False),
            Column(title="No answer", kind="number", narrow=False),
        ),
        groups,
    )
    table = Table(
        caption="Performance, efficiency and fairness, model by model",
        columns=columns,
        groups=lines,
        key=f"Intervals at {numbers.level(of.level)}. Impact ratio: the selection rate of the group selected least "
        "over that of the reference group; 0.8 is the four-fifths line. Worst probe: what cost most of "
        "the main metric. No answer: rows that failed, which are missing, not wrong.",
    )
    return Section(
        id="side-by-side",
        title="Side by side",
        lead="What each model can do, what it takes, and how it treats groups.",
        blocks=(table,),
    )


def _line(case: CaseCard, model: ModelInfo) -> tuple[Cell, ...]:
    def of(estimates: tuple[Estimate, ...], suffix: str = "") -> Estimate | None:
        return next((e for e in estimates if e.model == model.name and e.metric.endswith(suffix)), None)

    main = next(
        (e for e in case.estimates if (e.model, e.metric) == (model.name, case.main_metric) and not e.slice), None
    )
    fairness = next((one for one in case.fairness if one.model == model.name), None)
    failed = sum(one.count for one in case.failed.get(model.name, ()))
    return (
        Cell(text=model.name, verbatim=True, strong=True),
        _measured(main),
        _measured(of(case.latency, "p95")),
        _measured(of(case.cost)),
        Cell(text="unknown" if model.parameters is None else numbers.integer(model.parameters)),
        Cell(text="unknown" if model.size_bytes is None else _bytes(model.size_bytes)),
        _impact(fairness),
        _worst_probe(case, model.name),
        Cell(text=numbers.count_of(failed, case.rows) if failed else "0"),
    )


def _measured(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(text="not measured")
    if estimate.value is None:
        return Cell(text="no value", note=estimate.reason or "")
    return Cell(text=numbers.estimate_value(estimate), note=numbers.estimate_interval(estimate))


def _impact(of: FairnessSummary | None) -> Cell:
    if of is None:
        return Cell(text="not audited")
    if of.impact_ratio is None:
        return Cell(text="no ratio")
    estimate = Estimate(model=of.model, metric="impact_ratio", n=0, value=of.impact_ratio, low=of.low, high=of.high)
    return Cell(
        text=numbers.estimate_value(estimate),
        note=f"{numbers.estimate_interval(estimate)} {words.slice_label(of.group)}".strip(),
        symbol="✗" if of.tone == "bad" else "",
        tone="bad" if of.tone == "bad" else None,
    )


def _worst_probe(case: CaseCard, model: str) -> Cell:
    found = [
        (probe, effect)
        for probe in case.probes.get(model, ())
        for effect in probe.effects
        if effect.metric == case.main_metric and effect.difference is not None and probe.label_preserving
    ]
    if not found:
        return Cell(text="not probed")

    def loss(pair: tuple[object, object]) -> float:
        effect = pair[1]
        difference = getattr(effect, "difference", 0.0) or 0.0
        return difference if getattr(effect, "higher_is_better", True) else -difference

    probe, effect = min(found, key=loss)
    return Cell(
        text=numbers.effect_difference(effect),
        note=f"{numbers.effect_interval(effect)} {probe.probe} {numbers.plain(probe.severity)}",
    )


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return numbers.plain(count / size, scale=unit)
    return f"{count} bytes"


def _history(of: ReportCard) -> Section:
    blocks: list[Block] = []
    for place, one in enumerate(of.history):
        shown = one.points[-_MOST_POINTS:]
        blocks.append(
            Figure(
                id=f"history-{place + 1}",
                title=_history_title(one),
                alternative=_history_in_words(one),
                spec=card_charts.history(one, shown),
                caption=_history_in_words(one),
            )
        )
    methods = " ".join(dict.fromkeys(one.method for one in of.history if one.method))
    blocks.append(Paragraph(text=f"Changes: {methods}.", small=True))
    return Section(
        id="history",
        title="Over the runs",
        lead="The main metric of earlier runs of this suite on the same rows, oldest first.",
        blocks=tuple(blocks),
    )


def _history_title(of: History) -> str:
    models = {point.model for point in of.points}
    whose = f"{models.pop()} on " if len(models) == 1 else ""
    return f"{of.metric} of {whose}{of.case} over {len(of.points)} runs"


def _history_in_words(of: History) -> str:
    first, last = of.points[0], of.points[-1]
    ends = f"From {numbers.plain(first.value)} ({first.model}) to {numbers.plain(last.value)} ({last.model})."
    if of.reason:
        return f"{ends} {of.reason}"
    if not of.changes:
        return f"{ends} No change of level is told from chance."
    parts = [
        f"at run {change.at + 1} ({of.points[change.at].model}) from {numbers.plain(change.before)} to "
        f"{numbers.plain(change.after)} ({numbers.p_value(change.p_value)})"
        for change in of.changes
    ]
    return f"{ends} The level changes {'; '.join(parts)}."


def _not_tested(of: ReportCard) -> Section:
    items = (*of.not_shared, *of.not_tested)
    return Section(
        id="not-tested",
        title="What this suite does not test",
        lead="Said from what is missing, so that nobody takes silence for a pass.",
        blocks=(Bullets(items=items),),
    )


def _method(of: ReportCard) -> Section:
    methods = sorted(
        {e.method for case in of.cases for e in (*case.estimates, *case.latency, *case.cost) if e.method}
        | {e.method for case in of.cases for e in case.effects if e.method}
    )
    items = [f"{method}." for method in methods if method != "none"]
    return Section(
        id="method",
        title="Method",
        blocks=(
            Paragraph(
                text="Versions are compared row by row on the rows both answered; a row without an answer is missing "
                "for both, and counted. One two-sided interval decides each word. A model beats another where it is "
                "surely better on one axis and surely not worse on the other."
            ),
            Fold(summary="Every method used", blocks=(Bullets(items=tuple(items)),)),
        ),
    )


def _provenance(of: ReportCard) -> Section:
    items = [
        ("Suite", of.suite_digest),
        *((f"Run of {m.name}", run) for m, run in zip(of.models, of.runs, strict=True)),
    ]
    items += [(f"Model {model.name}", model.fingerprint) for model in of.models]
    items += [(f"Rows of {case.case}", case.dataset.fingerprint) for case in of.cases]
    if of.policy is not None:
        items.append(("Policy", of.policy.digest()))
    about = [("Seed", str(of.seed)), *((name, version) for name, version in of.environment.items())]
    return Section(
        id="provenance",
        title="Where this comes from",
        blocks=(Facts(items=tuple(items), monospace=True), Facts(items=tuple(about))),
    )
