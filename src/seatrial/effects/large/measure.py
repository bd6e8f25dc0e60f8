"""Measure what the scan does not answer on a table too long to hold."""

from collections.abc import Sequence

import numpy as np

from seatrial.data.frame import Frame
from seatrial.effects.grouping import Grouping
from seatrial.effects.large.banded import measure_banded
from seatrial.effects.large.binning import batches
from seatrial.effects.large.quantiles import measure_quantiles
from seatrial.effects.large.ranked import Same, measure_ranked
from seatrial.effects.large.ranking import Ranking
from seatrial.effects.large.refused import refused
from seatrial.effects.means import Pair
from seatrial.effects.measured import Floats, Measured
from seatrial.metrics.base import Banded, Metric, Quantile, Ranked, Resampled

MOST_CLASSES = 50


def measure_large(
    metrics: Sequence[Metric],
    frame: Frame,
    groupings: Sequence[Grouping],
    pairs: Sequence[Pair],
    same: Same,
    *,
    seed: int,
    limit: int,
) -> dict[tuple[str, Grouping], Measured]:
    """Ranks, calibration and quantiles from streamed counts; for the rest the reason why it is not measured."""
    found: dict[tuple[str, Grouping], Measured] = {}
    rankings: dict[tuple[int, ...], list[Ranked | Banded]] = {}
    quantiles: dict[str, list[Quantile]] = {}
    rest: list[Metric] = []
    for metric in metrics:
        if frame.weight is not None or frame.task == "multilabel":
            rest.append(metric)
            continue
        codes = classes_of(metric, frame) if frame.task in ("binary", "multiclass") else ()
        if isinstance(metric, (Ranked, Banded)) and 0 < len(codes) <= MOST_CLASSES:
            rankings.setdefault(codes, []).append(metric)
        elif isinstance(metric, Quantile):
            quantiles.setdefault(metric.column, []).append(metric)
        else:
            rest.append(metric)
    for codes, several in rankings.items():
        ranking = Ranking(frame, codes)
        ranked = [metric for metric in several if isinstance(metric, Ranked)]
        banded = [metric for metric in several if isinstance(metric, Banded)]
        calibrated = codes if any(m.statistic == "expected_calibration_error" for m in banded) else ()
        for batch in batches(groupings, 2 * len(ranking.columns)):
            levels = ranking.count(batch, sums=calibrated)
            if ranked:
                found |= measure_ranked(ranked, ranking, levels, pairs, same)
            if banded:
                found |= measure_banded(banded, ranking, levels, list(pairs), seed=seed)
    for column in quantiles.values():
        for batch in batches(groupings, len(frame.models)):
            found |= measure_quantiles(column, frame, batch, pairs, same)
    for grouping in groupings if rest else ():
        rows = rows_of(frame, grouping)
        for metric in rest:
            found[metric.name, grouping] = refused(metric, grouping, rows, pairs, why_not(metric, frame, limit))
    return found


def classes_of(metric: Metric, frame: Frame) -> tuple[int, ...]:
    """The class codes whose scores a metric reads."""
    if isinstance(metric, Banded) or (isinstance(metric, Ranked) and metric.classes == "positive"):
        return (frame.positive or 0,)
    if isinstance(metric, Ranked):
        return tuple(range(len(frame.labels))) if metric.classes == "macro" else (frame.labels.index(metric.classes),)
    return ()


def why_not(metric: Metric | None, frame: Frame, limit: int) -> str:
    """Why a metric is not measured on a table of this length."""
    many = f"memory holds up to {limit:,} rows (rows x versions) and these are {frame.n * len(frame.models):,}"
    if frame.weight is not None:
        return f"weighted rows are measured in memory: {many}"
    if frame.cluster is not None:
        return f"an interval over clusters is formed in memory: {many}"
    if isinstance(metric, Resampled):
        return f"functions are resampled in memory: {many}"
    if frame.task == "multilabel":
        return f"rows of several labels are measured in memory: {many}"
    return f"this metric is measured row by row in memory: {many}"


def rows_of(frame: Frame, grouping: Grouping) -> Floats:
    """Rows of each slice, (S,)."""
    if not grouping.columns:
        return np.array([float(frame.n)])
    names = ", ".join(f"slice_{k}" for k in grouping.columns)
    read = frame.engine.query(f'SELECT {names}, count(*) AS n FROM "{frame.table}" GROUP BY {names}')
    where = grouping.combine([np.asarray(read[f"slice_{k}"]) for k in grouping.columns])
    return np.bincount(where, np.asarray(read["n"], dtype=float), grouping.size).astype(np.float64, copy=False)


def rarer_of(frame: Frame, grouping: Grouping) -> Floats:
    """Rows of the rarer of two classes in each slice, (S,)."""
    names = [f"slice_{k}" for k in grouping.columns]
    keys = ", ".join([*names, "target"])
    read = frame.engine.query(
        f'SELECT {keys}, count(*) AS n FROM "{frame.table}" WHERE target IS NOT NULL GROUP BY {keys} ORDER BY {keys}'
    )
    where = grouping.combine([np.asarray(read[name]) for name in names]) if names else np.zeros(len(read["n"]), np.intp)
    n, positive = np.asarray(read["n"], dtype=float), np.asarray(read["target"]) == frame.positive
    of_class = [np.bincount(where, np.where(mine, n, 0.0), grouping.size) for mine in (positive, ~positive)]
    return np.minimum(of_class[0], of_class[1])
