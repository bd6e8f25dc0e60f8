"""Curves of binary scores from counts in score bins."""

import numpy as np

from seatrial.data.frame import Frame
from seatrial.effects.curves import POINTS, plain
from seatrial.effects.grouping import Grouping
from seatrial.effects.large.banded import calibration_bins
from seatrial.effects.large.ranking import Ranking
from seatrial.records import Curve
from seatrial.stats.curves import precision_recall_points, roc_points
from seatrial.stats.proportions import clopper_pearson

ALPHA = 0.05


def large_curves(frame: Frame) -> list[Curve]:
    """ROC, precision-recall and reliability of every version that has scores, from one pass over the rows."""
    if frame.task != "binary" or not any(frame.scored) or frame.positive is None:
        return []
    if not all(frame.scored) or frame.weight is not None:
        return []
    ranking = Ranking(frame, (frame.positive,))
    level = ranking.count([Grouping(columns=(), names=(), levels=())], sums=ranking.codes)[0]
    found: list[Curve] = []
    for model, name in enumerate(frame.models):
        column = model, frame.positive
        counts = level.counts[column][0]
        if not (counts.sum(axis=1) > 0).all():
            continue
        bins = np.tile(np.arange(counts.shape[1], dtype=float), 2)
        label = np.repeat([0, 1], counts.shape[1])
        rows = counts.reshape(-1).astype(float)
        roc = roc_points(bins, label, rows, max_points=POINTS)
        both = precision_recall_points(bins, label, rows, max_points=POINTS)
        found += [
            Curve(model=name, kind="roc", x=plain(roc.false_positive_rate), y=plain(roc.true_positive_rate)),
            Curve(model=name, kind="precision_recall", x=plain(both.recall), y=plain(both.precision)),
        ]
        if ranking.lowest[column] >= 0 and ranking.highest[column] <= 1:
            cut, _ = calibration_bins(ranking, level, model, least=1)
            low, high = clopper_pearson(cut.rate * cut.effective_n, cut.effective_n, alpha=ALPHA)
            found.append(
                Curve(
                    model=name,
                    kind="reliability",
                    x=plain(cut.mean_score),
                    y=plain(cut.rate),
                    low=plain(low),
                    high=plain(high),
                    count=tuple(int(n) for n in cut.n),
                )
            )
    return found
