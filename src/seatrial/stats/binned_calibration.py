"""Equal-mass bins for a calibration error from counts in many finer bins, for tables too long to sort."""

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.calibration import Bins, default_bins
from seatrial.stats.score_bins import NumberBins
from seatrial.stats.sorted_scores import Floats, Integers


def coarse_bins(
    positives: Integers, negatives: Integers, scores: Floats, fine: NumberBins, *, least: int = 0
) -> tuple[Bins, Floats]:
    """min(15, n // 50) bins of about equally many rows per slice, cut at edges of fine bins, and an error bound (S,).

    `positives`, `negatives` and `scores` (the sum of the scores) are (S, B). The cuts of `equal_mass_bins` lie inside
    the fine bins that hold them; each row between the two cuts moves the error by twice its share of |label - score|,
    so the exact ECE lies within the bound. A cut in a fine bin of one score moves as it does there: bound 0. At least
    `least` bins where a slice has rows.
    """
    size, first = (positives + negatives).sum(axis=1), np.zeros(1, np.int64)
    asked = np.where(size > 0, np.maximum(default_bins(size), least), 0)
    lows, highs = np.clip(fine.low, 0.0, 1.0), np.clip(fine.high, 0.0, 1.0)
    slices, parts = [], []
    bound = np.zeros(len(size))
    for s in np.flatnonzero(asked).tolist():
        ends = np.concatenate((first, np.cumsum(positives[s] + negatives[s])))
        wanted = np.arange(asked[s]) * size[s] // asked[s]
        after = np.searchsorted(ends, wanted)
        before = np.maximum(after - 1, 0)
        inside = ends[after] != wanted
        nearer_low = wanted - ends[before] <= ends[after] - wanted
        place = np.where(inside & nearer_low, before, after)
        for bin_ in before[inside & ~fine.single[before]].tolist():
            up = positives[s, bin_] * (1 - lows[bin_])
            down = negatives[s, bin_] * highs[bin_]
            bound[s] += 2 * max(float(up), float(down)) / size[s]
        # several places of `ends` may hold the same number of rows; their cut is the same
        cuts = place[np.unique(ends[place], return_index=True)[1]]
        cuts = cuts[ends[cuts] < size[s]]
        sums = [np.add.reduceat(column[s], cuts) for column in (positives, negatives, scores)]
        slices.append(np.full(len(cuts), s))
        parts.append(np.stack([sums[0].astype(np.float64), sums[1].astype(np.float64), sums[2]]))
    return _bins(slices, parts, size), bound


def _bins(slices: list[NDArray[np.int64]], parts: list[Floats], size: Integers) -> Bins:
    where = np.concatenate([np.zeros(0, np.int64), *slices])
    p, q, total = np.concatenate([np.zeros((3, 0)), *parts], axis=1)
    n = p + q
    return Bins(
        slices=where,
        n=n.astype(np.int64),
        effective_n=n,
        mass=n / np.maximum(size[where], 1),
        mean_score=np.clip(total / np.maximum(n, 1), 0.0, 1.0),
        rate=p / np.maximum(n, 1),
    )
