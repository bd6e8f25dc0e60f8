"""ROC, precision-recall and reliability curves of binary scores, thinned for drawing."""

import numpy as np

from seatrial.effects.ranks import Ranker
from seatrial.records import Curve
from seatrial.stats.curves import precision_recall_curve, reliability_curve, roc_curve, totals

POINTS = 120
DIGITS = 6


def curves(ranker: Ranker, model: int) -> list[Curve]:
    """The curves of one version's positive-class score; none without scores or with one class."""
    frame = ranker.frame
    if frame.task != "binary" or not (frame.scored and frame.scored[model]) or frame.positive is None:
        return []
    order = ranker.sorted(model, frame.positive).whole()
    if not order.n_pos.any() or not order.n_neg.any():
        return []
    name, above = frame.models[model], totals(order)
    roc, both = roc_curve(above, max_points=POINTS), precision_recall_curve(above, max_points=POINTS)
    found = [
        Curve(model=name, kind="roc", x=plain(roc.false_positive_rate), y=plain(roc.true_positive_rate)),
        Curve(model=name, kind="precision_recall", x=plain(both.recall), y=plain(both.precision)),
    ]
    if order.lowest_score >= 0 and order.highest_score <= 1:
        bins = reliability_curve(order)
        found.append(
            Curve(
                model=name,
                kind="reliability",
                x=plain(bins.mean_score),
                y=plain(bins.rate),
                low=plain(bins.low),
                high=plain(bins.high),
                count=tuple(int(n) for n in bins.n),
            )
        )
    return found


def plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(v), DIGITS) for v in values)
