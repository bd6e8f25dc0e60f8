"""Segments registered before the start: first whether the effect differs between them, then each of them."""

from seatrial.records import ExperimentEffect, Readout, SegmentTest
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Block, Callout, Cell, Column, Fold, Limits, Paragraph, Rows, Section, Table, rest
from seatrial.reports.sections.slices import table

_OTHER_METRICS = 4
_ALPHA = 0.05


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section of what the plan registered."""
    return of_segments(readout, limits, planned=True)


def of_segments(readout: Readout, limits: Limits, *, planned: bool) -> Section | None:
    """Build the section of the registered segments, or of those explored."""
    tests = [test for test in readout.segment_tests if test.planned == planned]
    effects = [effect for effect in _effects(readout) if effect.exploratory != planned]
    if not tests and not effects:
        return None
    reversed_ = [test for test in tests if test.simpson][: limits.rows]
    blocks: list[Block] = [
        Callout(
            text=f"the effect on {test.metric} of all units points the other way than those within {test.segment}, so "
            "the arms do not have the same mix of it. Read the effects within.",
            symbol=words.STATUS_SYMBOLS["warn"],
            tone="unsure",
            label="Simpson's paradox",
        )
        for test in reversed_
    ]
    if tests:
        blocks.append(_tests(tests, limits, several=len(lookup.candidates(readout)) > 1))
    blocks += _by_metric(readout, effects, limits)
    title = "Segments of the plan" if planned else "Segments explored"
    why = (
        "Registered before the start."
        if planned
        else "Found by looking: check what you find on new data before acting on it."
    )
    return Section(
        id="segments" if planned else "segments-explored",
        title=title,
        stamp="" if planned else words.EXPLORATORY,
        lead=f"First whether the effect differs between segments at all, then each one. {why}",
        blocks=tuple(blocks),
    )


def _effects(readout: Readout) -> list[ExperimentEffect]:
    """Return the effects on segments over all phases, of the leading arm; adjusted where there is such a one."""
    leading = lookup.leading_candidate(readout)
    found = [
        effect
        for effect in readout.effects
        if (effect.slice or effect.segment is not None) and effect.phase is None and effect.candidate == leading
    ]
    adjusted = {(effect.metric, _name(effect)) for effect in found if effect.adjustment != "none"}
    return [effect for effect in found if effect.adjustment != "none" or (effect.metric, _name(effect)) not in adjusted]


def _name(effect: ExperimentEffect) -> str:
    return words.slice_label(effect.slice) if effect.slice else effect.segment or ""


def _by_metric(readout: Readout, effects: list[ExperimentEffect], limits: Limits) -> list[Block]:
    """Return a table of every metric, the leading one in sight."""
    metrics = [name for name in lookup.metric_order(readout) if any(effect.metric == name for effect in effects)]
    blocks: list[Block] = []
    for place, metric in enumerate(metrics[: 1 + _OTHER_METRICS]):
        own = [effect for effect in effects if effect.metric == metric]
        ranked = [effect for effect in own if not effect.small]
        small = [effect for effect in own if effect.small]
        tables: list[Block] = []
        if ranked:
            tables.append(_table(f"{metric} by segment", ranked, limits))
        if small:
            summary = f"{numbers.integer(len(small))} too small to rank ({metric})"
            tables.append(Fold(summary=summary, blocks=(_table(f"{metric}: too small to rank", small, limits),)))
        blocks += tables if place == 0 else [Fold(summary=f"By {metric}", blocks=tuple(tables))]
    more = len(metrics) - 1 - _OTHER_METRICS
    unsaid = [f"segments by {more} more {words.plural(more, 'metric')}"] if more > 0 else []
    unsaid += ["segments of the other arms"] if effects and len(lookup.candidates(readout)) > 1 else []
    if unsaid:
        text = " and ".join(unsaid)
        blocks.append(Paragraph(text=f"{text[0].upper()}{text[1:]} are in the JSON.", small=True))
    return blocks


def _table(caption: str, effects: list[ExperimentEffect], limits: Limits) -> Table:
    return table(
        caption, [_named(one) for one in effects], limits, first="Segment", sides=("Control", "Treatment"), impact=False
    )


def _named(effect: ExperimentEffect) -> ExperimentEffect:
    """Return the effect with its segment as a slice, which a reader gets in words."""
    if effect.slice or effect.segment is None:
        return effect
    column, _, level = effect.segment.partition("=")
    return effect.model_copy(update={"slice": {column: level}})


def _tests(tests: list[SegmentTest], limits: Limits, *, several: bool) -> Table:
    ordered = sorted(tests, key=lambda test: (test.adjusted_p_value is None, test.adjusted_p_value or 0.0))
    shown = ordered[: limits.slices]
    rows = tuple(
        (
            Cell(text=test.segment, note=f"{test.metric} of {test.candidate}" if several else test.metric),
            _differs(test),
            Cell(text=numbers.p_value(test.adjusted_p_value) or "–"),
            Cell(text=numbers.p_value(test.p_value) or "–"),
            Cell(text="–" if test.df is None else numbers.integer(test.df)),
            Cell(text=test.sentence),
        )
        for test in shown
    )
    return Table(
        caption="Does the effect differ between segments?",
        groups=(Rows(rows=rows),),
        note=rest(len(shown), len(tests), "tests"),
        key="Adjusted p: over the segment columns of this kind.",
        columns=(
            Column(title="Segment by"),
            Column(title="Differs?", kind="word"),
            Column(title="Adjusted p", kind="number"),
            Column(title="p", kind="number", narrow=False),
            Column(title="df", kind="number", narrow=False),
            Column(title="In words", narrow=False),
        ),
    )


def _differs(test: SegmentTest) -> Cell:
    if test.adjusted_p_value is None:
        return Cell(text="not tested", symbol="–", tone="neutral", note=test.reason or "")
    if test.adjusted_p_value < _ALPHA:
        return Cell(text="differs", symbol="≠", tone="unsure")
    return Cell(text="no sign of it", symbol="≈", tone="neutral")
