"""ROC, precision-recall and reliability curves of binary scores, thinned for drawing."""

import numpy as np

from seatrial.effects.ranks import Ranker
from seatrial.records import Curve
from seatrial.stats.curves import precision_recall_points, reliability_points, roc_points

POINTS = 120
DIGITS = 6


def curves(ranker: Ranker, model: int) -> list[Curve]:
    """The curves of one version's positive-class score; none without scores or with one class."""
    frame = ranker.frame
    if frame.task != "binary" or not (frame.scored and frame.scored[model]) or frame.positive is None:
        return []
    score, label = ranker.score(model, frame.positive), np.asarray(ranker.label(frame.positive))
    there = np.isfinite(score) & (label >= 0)
    if ranker.weight is not None:
        there &= ranker.weight > 0
    score, label = score[there], label[there]
    weight = None if ranker.weight is None else ranker.weight[there]
    if not (label == 1).any() or not (label == 0).any():
        return []
    name = frame.models[model]
    roc = roc_points(score, label, weight, max_points=POINTS)
    both = precision_recall_points(score, label, weight, max_points=POINTS)
    found = [
        Curve(model=name, kind="roc", x=plain(roc.false_positive_rate), y=plain(roc.true_positive_rate)),
        Curve(model=name, kind="precision_recall", x=plain(both.recall), y=plain(both.precision)),
    ]
    if score.min() >= 0 and score.max() <= 1:
        bins = reliability_points(score, label, weight)
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
