"""ECE and KS from counts in score bins."""

from functools import partial

import numpy as np

from seatrial.effects.grouping import Grouping
from seatrial.effects.large.ranked import grouped_note, widened
from seatrial.effects.large.ranking import Level, Ranking
from seatrial.effects.means import Pair
from seatrial.effects.measured import Floats, Measured, Value
from seatrial.effects.resampled import NOT_GATED, without_interval
from seatrial.errors import DataError
from seatrial.metrics.base import Banded
from seatrial.stats.binned_calibration import coarse_bins
from seatrial.stats.binned_ranks import binned_ks
from seatrial.stats.calibration import Bins, binned_ece
from seatrial.stats.contrasts import Contrast
from seatrial.stats.sorted_scores import Integers

DRAWS = 500
MOST_SLICES = 100


def measure_banded(
    metrics: list[Banded], ranking: Ranking, levels: list[Level], pairs: list[Pair], *, seed: int
) -> dict[tuple[str, Grouping], Measured]:
    """Measure ECE and KS of the positive class; their differences are shown without an interval."""
    found: dict[tuple[str, Grouping], Measured] = {}
    models = sorted({model for pair in pairs for model in pair})
    for level in levels:
        n = level.n.astype(np.float64)
        for metric in metrics:
            measure = _ece if metric.statistic == "expected_calibration_error" else partial(_ks, seed=seed)
            values = {model: measure(ranking, level, model) for model in models}
            contrasts: dict[tuple[int, int], Contrast] = {
                (pair[0], pair[1]): without_interval(
                    values[pair[0]].value, values[pair[1]].value, n, NOT_GATED[metric.statistic]
                )
                for pair in pairs
                if len(pair) == 2
            }
            found[metric.name, level.grouping] = Measured(
                metric=metric,
                grouping=level.grouping,
                n=n,
                missing=level.rows - n,
                values=values,
                contrasts=contrasts,
                unit="row",
            )
    return found


def calibration_bins(ranking: Ranking, level: Level, model: int, *, least: int = 0) -> tuple[Bins, Floats]:
    """The equal-mass bins of one version, and how far the ECE may be off; raises `DataError` for scores out of 0..1."""
    column = model, ranking.codes[0]
    low, high = ranking.lowest[column], ranking.highest[column]
    if low < 0 or high > 1:
        raise DataError(f"Calibration needs probabilities in 0..1, got scores from {low:g} to {high:g}.")
    counts = level.counts[column]
    fine = ranking.edges[column].at(level.most)
    return coarse_bins(counts[:, 1], counts[:, 0], level.sums[column], fine, least=least)


def _ece(ranking: Ranking, level: Level, model: int) -> Value:
    cut, bound = calibration_bins(ranking, level, model)
    table = binned_ece(cut, level.n)

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        found = binned_ece(cut, level.n, alpha=alpha)
        names = tuple("Clopper-Pearson bands" if r is None else f"none: {r}" for r in found.reasons)
        return found.low, found.high, names

    unknown = np.full(len(level.n), np.nan)
    note = grouped_note(bound, level.most)
    return Value(
        value=table.ece,
        standard_error=unknown,
        df=unknown,
        reasons=table.reasons,
        limits=widened(limits, bound),
        notes=() if note is None else (note,),
    )


def _ks(ranking: Ranking, level: Level, model: int, *, seed: int) -> Value:
    column = model, ranking.codes[0]
    negatives, positives = level.counts[column][:, 0], level.counts[column][:, 1]
    value, bound = binned_ks(positives, negatives, ranking.edges[column].at(level.most).single)
    both = (positives.sum(axis=1) > 0) & (negatives.sum(axis=1) > 0)
    size = len(both)
    held: dict[int, Floats] = {}

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        low, high = np.full(size, np.nan), np.full(size, np.nan)
        for s in np.flatnonzero(both).tolist() if size <= MOST_SLICES else ():
            if s not in held:
                held[s] = _draws(positives[s], negatives[s], seed=seed + s)
            above, below = np.quantile(held[s], [1 - alpha / 2, alpha / 2])
            low[s], high[s] = max(0.0, 2 * value[s] - above), min(1.0, 2 * value[s] - below)
        method = "basic bootstrap" if size <= MOST_SLICES else f"none: KS is resampled on up to {MOST_SLICES} slices"
        return low, high, (method,) * size

    unknown = np.full(size, np.nan)
    note = grouped_note(bound, level.most)
    return Value(
        value=np.where(both, value, np.nan),
        standard_error=unknown,
        df=unknown,
        reasons=tuple(None if b else "needs rows of both classes" for b in both.tolist()),
        limits=widened(limits, bound),
        notes=() if note is None else (note,),
    )


def _draws(positives: Integers, negatives: Integers, *, seed: int) -> Floats:
    """KS of resamples of the counts, stratified by class."""
    rng = np.random.default_rng(seed)
    n1, n0 = int(positives.sum()), int(negatives.sum())
    drawn = np.empty(DRAWS)
    for at in range(DRAWS):
        first, second = rng.multinomial(n1, positives / n1), rng.multinomial(n0, negatives / n0)
        drawn[at] = np.abs(np.cumsum(first / n1 - second / n0)).max()
    return drawn
