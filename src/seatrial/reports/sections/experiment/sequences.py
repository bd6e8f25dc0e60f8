"""The sequence: what could have been seen on each day, when it could be decided, how far it is."""

from seatrial.records import Effect, Look, Readout, Sequence
from seatrial.reports import lookup, numbers, over_time, words
from seatrial.reports.document import Block, Cell, Column, Figure, Fold, Limits, Paragraph, Rows, Section, Table
from seatrial.reports.sections.experiment.effects import minimum_effect

_FEW = 2
"""So few looks cannot be drawn over time."""


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section: one chart a metric that decides, those of the leading arm first."""
    if not readout.sequences:
        return None
    leading = lookup.leading_candidate(readout)
    order = {name: place for place, name in enumerate(lookup.metric_order(readout))}
    ranked = sorted(readout.sequences, key=lambda one: (one.candidate != leading, order.get(one.metric, len(order))))
    blocks: list[Block] = []
    for place, one in enumerate(ranked[: limits.sequences]):
        blocks += _of(readout, one, limits, id=f"sequence-{place + 1}")
    if len(ranked) > limits.sequences:
        more = len(ranked) - limits.sequences
        blocks.append(Paragraph(text=f"{numbers.integer(more)} more over time: the JSON has all of them.", small=True))
    rule = words.STOPPING_WORDS[ranked[0].rule]
    return Section(
        id="sequences",
        title="Over time",
        stamp=words.EXPLORATORY if readout.exploratory else "",
        lead=f"Stopping rule {rule}." if not readout.exploratory else "No rule for stopping was fixed beforehand.",
        blocks=tuple(blocks),
    )


def _of(readout: Readout, one: Sequence, limits: Limits, *, id: str) -> list[Block]:
    several = len(lookup.candidates(readout)) > 1
    name = f"{one.metric} of {one.candidate}" if several else one.metric
    progress = f"{one.progress_sentence[0].upper()}{one.progress_sentence[1:]}." if one.progress_sentence else ""
    said = " ".join(filter(None, (progress, one.sentence)))
    blocks: list[Block] = [Paragraph(term=f"{name}:", text=said or "no look could be read.")]
    effect = lookup.find_effect(readout, metric=one.metric, candidate=one.candidate, of={})
    scale = effect.scale if effect is not None else None
    readable = [look for look in one.looks if look.difference is not None]
    if len(readable) >= _FEW:
        blocks.append(_figure(readout, one, effect, limits, id=id, name=name))
    if one.looks:
        blocks.append(Fold(summary=f"The looks at {name}", blocks=(_table(one, scale, limits),)))
    return blocks


def _figure(readout: Readout, one: Sequence, effect: Effect | None, limits: Limits, *, id: str, name: str) -> Figure:
    margin = minimum = None
    if effect is not None:
        sign = 1.0 if effect.higher_is_better else -1.0
        wanted = minimum_effect(readout, effect)
        minimum = None if wanted is None else sign * wanted
        margin = _margin(readout, effect)
        margin = None if margin is None else -sign * margin
    levels = [level for level in (margin, minimum) if level is not None]
    shown = over_time.kept(one.looks, limits.looks, always=one.decided_on)
    first, last = one.looks[0], one.looks[-1]
    scale = effect.scale if effect is not None else None
    ends = "; ".join(f"{numbers.moment(look.day)}: {_reading(look, scale)}" for look in (first, last))
    better = "" if effect is None else f"{'More' if effect.higher_is_better else 'Less'} is better. "
    adjusted = words.ADJUSTMENTS[one.adjustment]
    return Figure(
        id=id,
        title=f"{name} over time{f', {adjusted}' if adjusted else ''}",
        alternative=f"{one.sentence} {ends}.",
        spec=over_time.sequence(one, looks=limits.looks, scale=scale, margin=margin, minimum=minimum),
        caption=f"{better}{_drawn(one, shown)} {over_time.CUT if over_time.is_cut(shown, levels) else ''}".strip(),
    )


def _drawn(one: Sequence, shown: list[Look]) -> str:
    """Say what may be read of the drawing."""
    level = numbers.level(one.level)
    if all(look.low is None and look.high is None for look in shown):
        return f"Dashed: the {level} limits of each day, valid only if it had been the one look that was planned."
    if over_time.has_bars(shown):
        return f"Bars: the values not excluded at {level} at the looks that were planned."
    return f"Shaded: the values not excluded at {level}, whenever one looks."


def _margin(readout: Readout, effect: Effect) -> float | None:
    """Return the margin of a guardrail in the metric's own unit; of a success metric zero is what counts."""
    roles = {rule.role for rule in lookup.rules(readout) if rule.metric == effect.metric and not rule.slice}
    if "guardrail" not in roles or "success" in roles or effect.margin is None:
        return None
    return effect.margin * abs(effect.baseline_value or 0.0) if effect.margin_is_relative else effect.margin


def _reading(look: Look, scale: str | None) -> str:
    if look.difference is None:
        return look.reason or "nothing to read"
    low, high = (
        (look.low, look.high) if look.low is not None or look.high is not None else (look.fixed_low, look.fixed_high)
    )
    return numbers.between(look.difference, low, high, scale=scale)


def _table(one: Sequence, scale: str | None, limits: Limits) -> Table:
    shown = over_time.kept(one.looks, limits.rows, always=one.decided_on)
    rows = []
    for look in shown:
        difference = look.difference
        whenever = fixed = "–"
        if difference is not None:
            if look.low is not None or look.high is not None:
                whenever = numbers.between(difference, look.low, look.high, scale=scale)
            if look.fixed_low is not None or look.fixed_high is not None:
                fixed = numbers.between(None, look.fixed_low, look.fixed_high, scale=scale)
        decided = look.day == one.decided_on
        rows.append(
            (
                Cell(text=numbers.moment(look.day), note="decided" if decided else ""),
                Cell(text=numbers.integer(look.units)),
                Cell(text=whenever, note=look.reason or ""),
                Cell(text=fixed),
                Cell(text=numbers.p_value(look.p_value) or "–"),
                Cell(text="–" if look.information is None else numbers.percent(look.information, decimals=0)),
            )
        )
    level = numbers.level(one.level)
    return Table(
        caption=f"{one.metric} of {one.candidate}, day by day",
        groups=(Rows(rows=tuple(rows)),),
        note=f"{len(shown)} of {numbers.integer(len(one.looks))} looks shown, evenly; the JSON has all of them."
        if len(shown) < len(one.looks)
        else "",
        columns=(
            Column(title="Day"),
            Column(title="Units", kind="number"),
            Column(title=f"Whenever one looks [{level}]", kind="number"),
            Column(title=f"As the only look [{level}]", kind="number"),
            Column(title="p", kind="number"),
            Column(title="Precision of planned", kind="number"),
        ),
    )
