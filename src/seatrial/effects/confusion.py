"""Confusion matrices for drawing: whole up to 20 classes, above that the most confused pairs."""

import numpy as np

from seatrial.data.frame import Frame
from seatrial.records import Confusion

DRAWN_CLASSES = 20
PAIRS = 40


def confusion(frame: Frame, model: int) -> Confusion | None:
    """Counts of (target, prediction) of one version, None where the target is not one class."""
    if frame.task not in ("binary", "multiclass"):
        return None
    guess = f"prediction_{model}"
    result = frame.engine.query(
        f'SELECT target AS t, {guess} AS p, count(*) AS n FROM "{frame.table}" WHERE target IS NOT NULL AND {guess} '
        f"IS NOT NULL "
        f"GROUP BY target, {guess} ORDER BY target, {guess}"
    )
    t, p, n = (np.asarray(result[name], dtype=float).astype(int) for name in ("t", "p", "n"))
    wrong = np.flatnonzero(t != p)
    worst = wrong[np.lexsort((p[wrong], t[wrong], -n[wrong]))][:PAIRS]
    pairs = tuple((frame.labels[t[i]], frame.labels[p[i]], int(n[i])) for i in worst)
    if len(frame.labels) > DRAWN_CLASSES:
        return Confusion(model=frame.models[model], labels=frame.labels, pairs=pairs)
    table = np.zeros((len(frame.labels), len(frame.labels)), dtype=int)
    table[t, p] = n
    return Confusion(
        model=frame.models[model],
        labels=frame.labels,
        counts=tuple(tuple(int(x) for x in row) for row in table),
        pairs=pairs,
    )
