"""Operational columns: what a prediction costs in time and money, by quantiles."""

from seatrial.records import Estimate, Scorecard
from seatrial.reports import charts, lookup, numbers
from seatrial.reports.document import Block, Cell, Column, Figure, Limits, Rows, Section, Table, rest

_ORDER = ("mean", "p50", "p90", "p95", "p99")
_MOST_FIGURES = 2
_MOST_DRAWN = 6


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: one table, and a chart of the quantiles of each column."""
    columns = _columns(card)
    if not columns:
        return None
    blocks: list[Block] = []
    for place, (name, found) in enumerate(list(columns.items())[:_MOST_FIGURES]):
        figure = _figure(card, name, found, place)
        if figure is not None:
            blocks.append(figure)
    blocks.append(_table(columns, limits))
    return Section(
        id="operational",
        title="Operational",
        lead="Time and money per prediction: the tail is what a user waits for.",
        blocks=tuple(blocks),
    )


def is_operational(metric: str) -> bool:
    """Tell whether a metric is a statistic of an operational column: they are named `column.statistic`."""
    column, _, statistic = metric.rpartition(".")
    return bool(column) and statistic in _ORDER


def _columns(card: Scorecard) -> dict[str, list[Estimate]]:
    """Return the estimates of all rows of each operational column."""
    found: dict[str, list[Estimate]] = {}
    for item in lookup.overall(card.estimates):
        if is_operational(item.metric):
            found.setdefault(item.metric.rpartition(".")[0], []).append(item)
    return found


def _statistic(item: Estimate) -> str:
    return item.metric.rpartition(".")[2]


def _figure(card: Scorecard, column: str, found: list[Estimate], place: int) -> Figure | None:
    quantiles = [item for item in found if _statistic(item) != "mean" and item.value is not None]
    models = list(dict.fromkeys((card.models[0], lookup.leading_candidate(card), *card.models)))[:_MOST_DRAWN]
    drawn = [item for item in quantiles if item.model in models]
    if len(drawn) < 2:
        return None
    ordered = sorted(drawn, key=lambda item: (_ORDER.index(_statistic(item)), models.index(item.model)))
    cut = f"Drawn for {len(models)} of {len(card.models)} versions." if len(card.models) > len(models) else ""
    sentences = [f"{_statistic(item)} of {item.model}: {numbers.estimate(item)}" for item in ordered]
    return Figure(
        id=f"quantiles-{place + 1}",
        title=f"Quantiles of {column}",
        caption=cut,
        alternative=f"{'; '.join(sentences)}.",
        spec=charts.quantiles([(_statistic(item), item) for item in ordered], models=models, column=column),
    )


def _table(columns: dict[str, list[Estimate]], limits: Limits) -> Table:
    groups: list[Rows] = []
    shown = total = 0
    for column, found in columns.items():
        statistics = [name for name in _ORDER if any(_statistic(item) == name for item in found)]
        models = list(dict.fromkeys(item.model for item in found))
        known = {(_statistic(item), item.model): item for item in found}
        rows: list[tuple[Cell, ...]] = []
        for name in statistics:
            for model in models:
                item = known.get((name, model))
                if item is None:
                    continue
                total += 1
                if shown < 2 * limits.rows:
                    shown += 1
                    rows.append(
                        (
                            Cell(text=f"{name} of {model}"),
                            Cell(text=numbers.estimate(item)),
                            Cell(text=numbers.integer(item.n)),
                            Cell(text=item.method or "–", note="; ".join(item.notes)),
                        )
                    )
        if rows:
            groups.append(Rows(title=column, rows=tuple(rows)))
    return Table(
        caption="Operational columns",
        groups=tuple(groups),
        note=rest(shown, total, "values"),
        columns=(
            Column(title="Statistic"),
            Column(title="Value [95 %]", kind="number"),
            Column(title="n", kind="number", narrow=False),
            Column(title="Method", narrow=False),
        ),
    )
