"""Confusion: what was taken for what, and where the candidate differs."""

from itertools import islice

from seatrial.records import Confusion, Scorecard
from seatrial.reports import lookup, numbers
from seatrial.reports.document import Block, Cell, Column, Limits, Pair, Rows, Section, Table, rest

_MOST_LABELS = 20
_MOST_MODELS = 2


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: the matrices of the baseline and the leading candidate and their difference."""
    wanted = dict.fromkeys((card.models[0], lookup.leading_candidate(card)))
    chosen = [item for model in wanted for item in card.confusions if item.model == model][:_MOST_MODELS]
    if not chosen:
        return None
    lead, blocks = confusion_blocks(chosen, limits)
    if len(card.models) > len(chosen):
        lead += f" Shown for {' and '.join(item.model for item in chosen)}; the JSON has every version."
    return Section(id="confusion", title="Confusion", lead=lead, blocks=tuple(blocks))


def confusion_blocks(chosen: list[Confusion], limits: Limits) -> tuple[str, list[Block]]:
    """What is shown, said, and the matrices of one or two models with their difference; of many classes, the pairs."""
    if all(item.counts is not None and len(item.labels) <= _MOST_LABELS for item in chosen):
        return "Rows are the true labels, columns the predictions; the diagonal is right.", _matrices(chosen)
    said = f"{numbers.integer(len(chosen[0].labels))} classes: the most confused pairs, most frequent first."
    return said, [_pairs(chosen, limits)]


def _matrices(chosen: list[Confusion]) -> list[Block]:
    matrices: list[Block] = [_matrix(item) for item in chosen]
    if len(chosen) == _MOST_MODELS and chosen[0].labels == chosen[1].labels:
        matrices.append(_difference(chosen[0], chosen[1]))
    small = len(chosen[0].labels) <= 4
    return [Pair(blocks=tuple(matrices))] if small else matrices


def _columns(labels: tuple[str, ...]) -> tuple[Column, ...]:
    return (Column(title="true \\ predicted"), *(Column(title=label, kind="number") for label in labels))


def _matrix(item: Confusion) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for place, (label, counts) in enumerate(zip(item.labels, item.counts or (), strict=True)):
        total = sum(counts)
        cells = [
            Cell(
                text=numbers.integer(count),
                note=numbers.percent(count / total, decimals=0) if total else "",
                heat=_shade(count / total) * (1 if other == place else -1) if total else 0,
                strong=other == place,
            )
            for other, count in enumerate(counts)
        ]
        rows.append((Cell(text=label, verbatim=True), *cells))
    return Table(
        caption=item.model,
        columns=_columns(item.labels),
        groups=(Rows(rows=tuple(rows)),),
        matrix=True,
        key="Percentages are of the row.",
    )


def _difference(baseline: Confusion, candidate: Confusion) -> Table:
    rows: list[tuple[Cell, ...]] = []
    pairs = zip(baseline.labels, baseline.counts or (), candidate.counts or (), strict=True)
    for place, (label, before, after) in enumerate(pairs):
        total = max(sum(before), sum(after))
        cells = []
        for other, (old, new) in enumerate(zip(before, after, strict=True)):
            change = new - old
            good = (change > 0) == (other == place)
            cells.append(
                Cell(
                    text=numbers.fixed(change, decimals=0, signed=True),
                    strong=other == place,
                    heat=(_shade(4 * abs(change) / total) if good else -_shade(4 * abs(change) / total))
                    if total and change
                    else 0,
                )
            )
        rows.append((Cell(text=label, verbatim=True), *cells))
    return Table(
        caption=f"Difference: {candidate.model} minus {baseline.model}",
        columns=_columns(baseline.labels),
        matrix=True,
        groups=(Rows(rows=tuple(rows)),),
        key="More on the diagonal is better, less off it.",
    )


def _shade(share: float) -> int:
    return max(0, min(9, round(9 * share)))


def _pairs(chosen: list[Confusion], limits: Limits) -> Table:
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for item in chosen:
        for target, prediction, count in item.pairs or _from_counts(item):
            counts.setdefault((target, prediction), {})[item.model] = count
    ranked = sorted(counts.items(), key=lambda entry: -max(entry[1].values()))
    rows = tuple(
        (
            Cell(text=target, verbatim=True),
            Cell(text=prediction, verbatim=True),
            *(Cell(text=numbers.integer(by_model[item.model]) if item.model in by_model else "–") for item in chosen),
        )
        for (target, prediction), by_model in islice(ranked, limits.rows)
    )
    return Table(
        caption="Most confused pairs",
        groups=(Rows(rows=rows),),
        columns=(
            Column(title="True label"),
            Column(title="Predicted"),
            *(Column(title=item.model, kind="number") for item in chosen),
        ),
        note=rest(len(rows), len(ranked), "pairs"),
        key="A dash: not among the most confused of that version.",
    )


def _from_counts(item: Confusion) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (target, prediction, count)
        for row, target in zip(item.counts or (), item.labels, strict=False)
        for prediction, count in zip(item.labels, row, strict=True)
        if target != prediction and count
    )
