"""ROC and precision-recall curves."""

from typing import Literal

from seatrial.records import Curve, Scorecard
from seatrial.reports import charts, lookup, numbers
from seatrial.reports.document import Block, Figure, Limits, Pair, Section

MOST_CURVES = 6
_METRICS = {"roc": ("roc_auc", "ROC curve"), "precision_recall": ("average_precision", "Precision and recall")}


def chosen(card: Scorecard, kind: Literal["roc", "precision_recall", "reliability"]) -> tuple[list[Curve], str]:
    """Return the curves to draw, the baseline and the leading candidate first, and what was left out in words."""
    found = [curve for curve in card.curves if curve.kind == kind and curve.x]
    first = [card.models[0], lookup.leading_candidate(card)]
    ranked = sorted(
        found,
        key=lambda curve: (curve.label is not None, first.index(curve.model) if curve.model in first else len(first)),
    )
    shown = ranked[:MOST_CURVES]
    left = len(found) - len(shown)
    return shown, f"{len(shown)} of {len(found)} curves drawn; the JSON has all of them." if left else ""


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: both curves side by side."""
    figures: list[Block] = []
    base = next((one.value for one in card.reference if one.metric == "average_precision"), None)
    for kind in ("roc", "precision_recall"):
        shown, cut = chosen(card, kind)
        if not shown:
            continue
        metric, title = _METRICS[kind]
        figures.append(
            Figure(
                id=f"curve-{kind.replace('_', '-')}",
                title=title,
                spec=charts.curve(shown, points=limits.curve_points, base_rate=base),
                alternative=_words(card, shown, metric),
                caption=" ".join(filter(None, (_base(base) if kind == "precision_recall" else "", cut))),
            )
        )
    if not figures:
        return None
    return Section(
        id="curves",
        title="Ranking: ROC and precision-recall",
        lead=("How well the scores put positives above negatives, at every threshold."),
        blocks=(Pair(blocks=tuple(figures)),),
    )


def _base(base: float | None) -> str:
    return "" if base is None else f"Dotted: the base rate, {numbers.score(base)}, precision without looking."


def _words(card: Scorecard, shown: list[Curve], metric: str) -> str:
    parts = []
    for curve in shown:
        estimate = lookup.find_estimate(card, metric=metric, model=curve.model, of={})
        value = f", {metric} {numbers.estimate(estimate)}" if estimate is not None and curve.label is None else ""
        middle = len(curve.x) // 2
        parts.append(
            f"{charts.curve_name(curve)}: {len(curve.x)} points, through ({numbers.score(curve.x[middle])}, "
            f"{numbers.score(curve.y[middle])}){value}"
        )
    return f"{'; '.join(parts)}."
