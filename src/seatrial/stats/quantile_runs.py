"""Order statistics of a column too long to sort: counts per bin, and the rows of the few bins that matter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.quantiles import (
    QuantileTable,
    order_statistic_ranks,
    quantile_ranks,
    rows_short_of_quantile,
    why_few,
)
from seatrial.stats.score_bins import NumberBins
from seatrial.stats.sorted_scores import Floats, Integers

WIDEST = 1e-7
"""Order statistics are exact for limits down to this alpha; beyond it a limit moves outwards to what is known."""


def wanted_bins(counts: Integers, probabilities: tuple[float, ...]) -> NDArray[np.bool_]:
    """The bins (S, B) that hold the quantiles and their limits at any alpha above `WIDEST`."""
    size = counts.sum(axis=1)
    ends = np.cumsum(counts, axis=1)
    begins = ends - counts
    wanted = np.zeros(counts.shape, np.bool_)
    for probability in probabilities:
        low, high = order_statistic_ranks(size, probability, alpha=WIDEST)
        below, above, _ = quantile_ranks(size, probability)
        first, last = np.minimum(np.maximum(low, 1), below + 1), np.maximum(np.minimum(high, size), above + 1)
        wanted |= (ends >= first[:, None]) & (begins < last[:, None])
    return wanted & (counts > 0)


@dataclass(frozen=True, kw_only=True)
class OrderStatistics:
    """Sorted stretches of S slices as runs: slice s holds `value` from the 0-based rank `start` on, until the next run.

    `key` = slice x `span` + rank ascends; a stretch that was not collected has NaN for its value and runs on from its
    neighbours' values, or from `lowest` and `highest`.
    """

    n: Integers
    key: Integers
    value: Floats
    span: int
    lowest: float
    highest: float

    def at(self, slices: Integers, ranks: Integers, *, upwards: bool) -> Floats:
        """The value at 0-based ranks; where it is not known the nearest known one outwards."""
        place = np.searchsorted(self.key, slices * self.span + ranks, side="right") - 1
        found = self.value[place]
        gone = np.isnan(found)
        if gone.any():
            step = 1 if upwards else -1
            beside = np.clip(place + step, 0, len(self.key) - 1)
            same = (self.key[beside] // self.span == slices) & (beside != place)
            edge = self.highest if upwards else self.lowest
            found = np.where(gone, np.where(same, self.value[beside], edge), found)
        return found

    def table(self, probability: float, alpha: float) -> QuantileTable:
        """As `grouped_quantiles` of one probability."""
        size = len(self.n)
        value, low, high = (np.full((size, 1), np.nan) for _ in range(3))
        short = rows_short_of_quantile(self.n, probability, alpha=alpha)
        reasons: list[str | None] = [
            why_few(int(n), probability, alpha) if few else None for n, few in zip(self.n, short > 0, strict=True)
        ]
        some = np.flatnonzero(short == 0)
        n = self.n[some]
        l_rank, u_rank = order_statistic_ranks(n, probability, alpha=alpha)
        below, above, share = quantile_ranks(n, probability)
        left, right = self.at(some, below, upwards=False), self.at(some, above, upwards=True)
        step = right - left
        value[some, 0] = np.where(share >= 0.5, right - step * (1 - share), left + step * share)
        low[some, 0] = self.at(some, l_rank - 1, upwards=False)
        high[some, 0] = self.at(some, u_rank - 1, upwards=True)
        for k in some[low[some, 0] == high[some, 0]].tolist():
            reasons[k] = f"so many rows equal {value[k, 0]:g} that the interval has no width"
            low[k, 0] = high[k, 0] = np.nan
        return QuantileTable(
            probabilities=(probability,),
            value=value,
            low=low,
            high=high,
            n=self.n,
            alpha=alpha,
            reasons=tuple((r,) for r in reasons),
        )


def order_statistics(
    counts: Integers,
    wanted: NDArray[np.bool_],
    bins: NumberBins,
    slices: NDArray[np.integer],
    values: Floats,
    *,
    lowest: float,
    highest: float,
) -> OrderStatistics:
    """Order statistics from counts (S, B), the bins wanted, and every row of those bins that are not of one number."""
    n = counts.sum(axis=1)
    span = int(n.max(initial=0)) + 1
    begins = np.cumsum(counts, axis=1) - counts
    keys: list[Integers] = []
    found: list[Floats] = []
    # bins of one number: one run each
    s, b = np.nonzero(wanted & bins.single)
    keys.append(s * span + begins[s, b])
    found.append(bins.low[b])
    # collected bins: a run per row, in order
    order = np.lexsort((values, slices))
    s, b = np.nonzero(wanted & ~bins.single)
    many = counts[s, b]
    offset = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    keys.append(np.repeat(s * span + begins[s, b], many) + offset)
    found.append(np.asarray(values, np.float64)[order])
    # stretches not wanted: one run of NaN each
    there = counts > 0
    unwanted = there & ~wanted
    starts = unwanted.copy()
    before = np.zeros(len(counts), np.bool_)
    for column in range(counts.shape[1]):
        starts[:, column] &= ~before
        before = np.where(there[:, column], unwanted[:, column], before)
    s, b = np.nonzero(starts)
    keys.append(s * span + begins[s, b])
    found.append(np.full(len(s), np.nan))
    key, value = np.concatenate(keys), np.concatenate(found)
    by_rank = np.argsort(key, kind="stable")
    return OrderStatistics(n=n, key=key[by_rank], value=value[by_rank], span=span, lowest=lowest, highest=highest)
