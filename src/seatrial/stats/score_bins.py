"""Bins for numbers too many to sort: edges at the quantiles of a sample, values that repeat in bins of their own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.sorted_scores import Floats, Integers


@dataclass(frozen=True, kw_only=True)
class NumberBins:
    """B bins of the real line: bin j holds edges[j-1] <= x < edges[j], the first and the last are open."""

    edges: Floats
    """(B - 1,), ascending."""
    single: NDArray[np.bool_]
    """(B,), whether a bin can hold only one number: `edges[j-1]`."""

    @property
    def size(self) -> int:
        return len(self.edges) + 1

    def find(self, values: ArrayLike) -> Integers:
        """The bin of each value, (n,); NaN goes to the last bin."""
        return np.searchsorted(self.edges, np.asarray(values, np.float64), side="right")

    @property
    def low(self) -> Floats:
        """The least number of each bin, (B,), -inf for the first."""
        return np.concatenate(([-np.inf], self.edges))

    @property
    def high(self) -> Floats:
        """The number each bin ends below, (B,), inf for the last."""
        return np.concatenate((self.edges, [np.inf]))


def quantile_bins(*samples: ArrayLike, most: int) -> NumberBins:
    """At most `most` bins with edges at quantiles of samples, each sample given an equal share of the edges.

    A number that fills more than one quantile of a sample (or every number, when there are few) gets a bin that holds
    nothing else, so that ties stay ties. NaN and infinities are left out.

    >>> quantile_bins([0.0] * 90 + [1.0, 2.0, 3.0], most=16).single.sum()
    np.int64(4)
    """
    kept = [np.sort(values[np.isfinite(values)]) for values in (np.asarray(s, np.float64) for s in samples)]
    kept = [values for values in kept if len(values)]
    if not kept:
        return NumberBins(edges=np.zeros(0), single=np.zeros(1, np.bool_))
    share = max((most - 1) // len(kept), 2)
    distinct = np.unique(np.concatenate(kept))
    if len(distinct) <= (most - 1) // 2:
        alone = starts = distinct
    else:
        picks = [values[np.linspace(0, len(values) - 1, share).astype(np.int64)] for values in kept]
        counted = [np.unique(pick, return_counts=True) for pick in picks]
        # a number that stands twice among the picks of one sample takes no more edges than those two
        alone = np.unique(np.concatenate([values[counts > 1] for values, counts in counted]))
        starts = np.unique(np.concatenate([values for values, _ in counted]))
    edges = np.unique(np.concatenate([starts, np.nextafter(alone, np.inf)]))
    single = np.zeros(len(edges) + 1, np.bool_)
    single[1:-1] = np.nextafter(edges[:-1], np.inf) == edges[1:]
    return NumberBins(edges=edges, single=single)
