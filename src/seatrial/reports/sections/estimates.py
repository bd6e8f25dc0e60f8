"""The estimates: every version's own values, with intervals."""

from seatrial.records import Estimate, Readout, Scorecard
from seatrial.reports import lookup, numbers
from seatrial.reports.document import Block, Cell, Column, Fold, Limits, Rows, Section, Table, rest
from seatrial.reports.lookup import Card
from seatrial.reports.sections.operational import is_operational

_SIDE_BY_SIDE = 3


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: few versions side by side, many one below the other."""
    found = [item for item in lookup.overall(card.estimates) if not is_operational(item.metric)]
    if not found:
        return None
    of_class = [item for item in found if lookup.is_of_class(item.metric) and not lookup.in_policy(card, item.metric)]
    found = [item for item in found if not lookup.is_of_class(item.metric) or lookup.in_policy(card, item.metric)]
    reference = list(card.reference)
    blocks: list[Block] = []
    models = list(dict.fromkeys(item.model for item in found))
    if len(models) <= _SIDE_BY_SIDE:
        blocks.append(side_by_side(card, found, models, limits))
    else:
        lead = [item for item in found if item.metric == card.lead_metric]
        others = [item for item in found if item.metric != card.lead_metric]
        blocks.append(stacked(card, lead, limits, caption=f"{card.lead_metric} of every version"))
        if others:
            blocks.append(
                Fold(summary="The other metrics", blocks=(stacked(card, others, limits, caption="Other metrics"),))
            )
    if of_class:
        blocks.append(
            Fold(
                summary=f"By class: {numbers.integer(len(of_class))} values",
                blocks=(stacked(card, of_class, limits, caption="By class"),),
            )
        )
    if reference:
        blocks.append(stacked(card, reference, limits, caption="For scale: a model that learnt nothing"))
    blocks.append(
        Fold(
            summary="Method, unit and missing rows of each value",
            blocks=(stacked(card, found, limits, caption="How each value was computed"),),
        )
    )
    return Section(
        id="values",
        title="Values",
        lead="Each version on its own, with the interval of its value.",
        blocks=tuple(blocks),
    )


def side_by_side(card: Card, found: list[Estimate], models: list[str], limits: Limits) -> Table:
    """Return the values of few versions, a metric a row."""
    known = {(item.metric, item.model): item for item in found}
    metrics = [metric for metric in lookup.metric_order(card) if any((metric, model) in known for model in models)]
    rows: list[tuple[Cell, ...]] = []
    for metric in metrics[: limits.rows]:
        cells = [known.get((metric, model)) for model in models]
        counts = [item.n for item in cells if item is not None]
        n = " / ".join(dict.fromkeys(numbers.integer(count) for count in counts))
        values = (_value(item) for item in cells)
        rows.append((Cell(text=metric, note=_formula(card, metric)), *values, Cell(text=n)))
    level = numbers.level((lookup.levels(found) or (0.95,))[0])
    return Table(
        caption="Each arm" if isinstance(card, Readout) else "Each version",
        groups=(Rows(rows=tuple(rows)),),
        note=rest(len(rows), len(metrics), "metrics"),
        columns=(
            Column(title="Metric"),
            *(Column(title=f"{model} [{level}]", kind="number") for model in models),
            Column(title="n", kind="number", narrow=False),
        ),
    )


def _value(item: Estimate | None) -> Cell:
    if item is None:
        return Cell(text="–")
    bounds = ""
    if item.bound_low is not None and item.bound_high is not None:
        ends = " to ".join(numbers.plain(round(bound, 4)) for bound in (item.bound_low, item.bound_high))
        bounds = f"{ends} whatever the missing rows hold"
    return Cell(text=numbers.estimate(item), note=bounds)


def _formula(card: Card, metric: str) -> str:
    known = lookup.info(card, metric)
    return "" if known is None else known.summary


def stacked(card: Card, found: list[Estimate], limits: Limits, *, caption: str) -> Table:
    """Return values one below the other with method, unit and missing rows, grouped by metric."""
    order = {name: place for place, name in enumerate(lookup.metric_order(card))}
    ordered = sorted(found, key=lambda item: order.get(item.metric, len(order)))
    shown = ordered[: 2 * limits.rows]
    groups = tuple(
        Rows(
            title=metric,
            rows=tuple(
                (
                    Cell(text=item.model),
                    _value(item),
                    Cell(text=numbers.integer(item.n), note=_missing(item)),
                    Cell(text=item.unit),
                    Cell(text=numbers.level(item.level)),
                    Cell(text=item.method or "–", note="; ".join(item.notes)),
                )
                for item in shown
                if item.metric == metric
            ),
        )
        for metric in dict.fromkeys(item.metric for item in shown)
    )
    return Table(
        caption=caption,
        groups=groups,
        note=rest(len(shown), len(ordered), "values"),
        columns=(
            Column(title="Arm" if isinstance(card, Readout) else "Model"),
            Column(title="Value [interval]", kind="number"),
            Column(title="n", kind="number"),
            Column(title="Unit", narrow=False),
            Column(title="Level", kind="number", narrow=False),
            Column(title="Method", narrow=False),
        ),
    )


def _missing(item: Estimate) -> str:
    return f"{numbers.integer(item.missing)} missing" if item.missing else ""
