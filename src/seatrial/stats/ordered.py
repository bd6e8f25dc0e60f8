"""Two samples in ascending order: KS, Wasserstein, pooled ranks and ties, exactly, without merging them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError
from seatrial.stats.contrasts import Floats

Integers = NDArray[np.int64]
BLOCK = 64
"""Values of the reference between two that are looked up first: only blocks that can hold the largest gap are searched
value by value."""
CHUNK = 1 << 16
"""Values at a time where both samples are walked through: what is worked on stays in the cache."""
MOST_RANK = 1 << 31
"""Products of two sizes below this squared are exact in 64 bits."""


@dataclass(frozen=True, eq=False)
class Ordered:
    """Two samples of finite numbers, `x` (n,) of the reference and `y` (m,) of the current one, each ascending."""

    x: Floats
    y: Floats

    @property
    def n(self) -> int:
        return len(self.x)

    @property
    def m(self) -> int:
        return len(self.y)

    @cached_property
    def kolmogorov_smirnov(self) -> float:
        """max |F - G|, exact with ties: F - G is largest at a value of x, G - F just below one (or is 0 at the end).

        With x ascending, F - G at x[i] is (i + 1)/n - #(y <= x[i])/m and G - F just below it #(y < x[i])/m - i/n. Both
        counts grow with i, so those at the ends of a block bound what the block can hold.
        """
        x, y, n, m = self.x, self.y, self.n, self.m
        first = np.arange(0, n, BLOCK)
        stop = np.minimum(first + BLOCK, n)
        right = np.searchsorted(y, x[first], side="right")
        left = np.searchsorted(y, x[first], side="left")
        following = np.append(left[1:], np.searchsorted(y, x[-1], side="left"))
        best = max(float(((first + 1) / n - right / m).max()), float((left / m - first / n).max()), 0.0)
        above = stop / n - right / m > best
        below = following / m - first / n > best
        for side, blocks in (("right", above), ("left", below)):
            at = (first[blocks][:, None] + np.arange(BLOCK)).ravel()
            at = at[at < n]
            if not len(at):
                continue
            count = np.searchsorted(y, x[at], side=side)  # type: ignore[call-overload]
            gap = (at + 1) / n - count / m if side == "right" else count / m - at / n
            best = max(best, float(gap.max()))
        return best

    @cached_property
    def wasserstein(self) -> float:
        """W1 = integral of |F - G| = integral of |Q - R| over both quantile functions: how far values moved on average.

        The larger sample's value i covers the share from i/n to (i + 1)/n, in which the smaller one's quantile function
        takes at most two values, at whole-number places.
        """
        long, short = (self.x, self.y) if self.n >= self.m else (self.y, self.x)
        n, m = len(long), len(short)
        if max(n, m) >= MOST_RANK:
            raise DataError("Samples of 2^31 values and more cannot be compared; draw some of the rows.")
        total = 0.0
        for start in range(0, n, CHUNK):
            mine = long[start : start + CHUNK]
            if n == m:
                total += float(np.abs(mine - short[start : start + CHUNK]).sum()) * m
                continue
            i = np.arange(start, start + len(mine), dtype=np.int64)
            low, rest = np.divmod(i * m, n)
            here = np.minimum(n - rest, m)
            there = m - here
            total += float((np.abs(mine - short[low]) * here).sum())
            more = np.flatnonzero(there)
            total += float((np.abs(mine[more] - short[low[more] + 1]) * there[more]).sum())
        return total / n / m

    def pooled(self, ranks: ArrayLike) -> Floats:
        """The values with these ranks, from 0, among all n + m in ascending order."""
        k = np.asarray(ranks, dtype=np.int64)
        x, y, n, m = self.x, self.y, self.n, self.m
        low, high = np.maximum(k - m, 0), np.minimum(k, n)
        # the number of x among the k smallest: the least i with y[k - i - 1] <= x[i]
        while (low < high).any():
            i = (low + high) // 2
            other = k - i - 1
            enough = (i >= n) | (other < 0) | (y[np.clip(other, 0, m - 1)] <= x[np.minimum(i, n - 1)])
            open_ = low < high
            high = np.where(open_ & enough, i, high)
            low = np.where(open_ & ~enough, i + 1, low)
        j = k - low
        mine = np.where(low < n, x[np.minimum(low, n - 1)], np.inf)
        others = np.where(j < m, y[np.clip(j, 0, m - 1)], np.inf)
        return np.asarray(np.minimum(mine, others))

    def values(self, most: int | None = None) -> tuple[Floats, Integers, Integers] | None:
        """The different values with how often either sample has each; None where there are more than `most`."""
        if most is None:
            different = np.unique(np.concatenate([self.x, self.y]))
            ends = [np.searchsorted(side, different, side="right") for side in (self.x, self.y)]
            return different, np.diff(ends[0], prepend=0), np.diff(ends[1], prepend=0)
        found: list[tuple[float, int, int]] = []
        for one in self._different():
            if len(found) == most:
                return None
            found.append(one)
        times = np.diff([one[1:] for one in found], axis=0, prepend=[[0, 0]])
        return np.array([one[0] for one in found]), times[:, 0], times[:, 1]

    def _different(self) -> Iterator[tuple[float, int, int]]:
        """Each different value, and how many of either sample are at most as large."""
        i = j = 0
        while i < self.n or j < self.m:
            value = min(float(side[at]) for side, at in ((self.x, i), (self.y, j)) if at < len(side))
            i, j = (int(np.searchsorted(side, value, side="right")) for side in (self.x, self.y))
            yield value, i, j


def ordered(reference: ArrayLike, current: ArrayLike) -> Ordered:
    """Sort two samples, (n,) and (m,), once each; NaN are missing. Raises `DataError` when one has no value.

    >>> both = ordered([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    >>> round(both.kolmogorov_smirnov, 6), both.wasserstein
    (0.333333, 1.0)
    """
    x, y = (ascending(values) for values in (reference, current))
    if not (len(x) and len(y)):
        raise DataError("Two samples are compared: each needs at least one value.")
    return Ordered(x, y)


def ascending(values: ArrayLike) -> Floats:
    """Values in ascending order without NaN."""
    found = np.sort(np.asarray(values, dtype=np.float64))
    return found[: int(np.searchsorted(found, np.nan, side="left"))]
