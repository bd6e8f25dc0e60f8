"""Rank metrics from counts per score bin, for tables too long to sort: values with their error bounds, influences.

Counts (S, B) of positives and negatives in B bins of ascending score add over disjoint sets of rows. `single` (B,)
marks bins in which all scores are equal: rows there are ties, not unknown order, and add nothing to a bound.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from seatrial.stats.ranks import RankTable, divide, satterthwaite, tail_factor
from seatrial.stats.sorted_scores import Floats, Integers

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class BinnedRanks:
    """A rank metric per slice: the exact value lies within `table.value` +- `bound`.

    `positive` and `negative` (S, B): the influence of a row of each bin, mean zero over the slice's rows, scaled so
    that var(value) = sum psi^2 / (n (n - 1)). `unresolved` (S,): at most this much variance of the value lies within
    bins; the table's variance holds it.
    """

    table: RankTable
    bound: Floats
    positive: Floats
    negative: Floats
    unresolved: Floats


def binned_auc(positives: Integers, negatives: Integers, single: Flags) -> BinnedRanks:
    """AUC with DeLong's variance, bins as ties; exact within half the share of pairs that lie in one bin.

    A row's placement may be off by the share of the other class in its bin, so by Minkowski at most half of that,
    squared, of the variance is not seen; it is added.

    >>> found = binned_auc(np.array([[0, 1, 3]]), np.array([[3, 1, 0]]), np.array([False, False, False]))
    >>> found.table.value.tolist(), found.bound.tolist()
    ([0.96875], [0.03125])
    """
    p, q = positives.astype(np.int64), negatives.astype(np.int64)
    n1, n0 = p.sum(axis=1), q.sum(axis=1)
    below, under = np.cumsum(q, axis=1) - q, np.cumsum(p, axis=1) - p
    wins = (p * (2 * below + q)).sum(axis=1)
    value = divide(wins, 2.0 * n1 * n0)
    loss = (1 - value)[:, None]
    placed1 = divide(below + q / 2, n0[:, None]) - 1 + loss
    placed0 = loss - divide(under + p / 2, n1[:, None])
    open_bins = ~single
    with np.errstate(invalid="ignore"):
        hidden1 = np.nansum(p * open_bins * divide(q / 2, n0[:, None]) ** 2, axis=1)
        hidden0 = np.nansum(q * open_bins * divide(p / 2, n1[:, None]) ** 2, axis=1)
        square1, square0 = np.nansum(p * placed1**2, axis=1), np.nansum(q * placed0**2, axis=1)
    unresolved = np.nan_to_num(divide(hidden1, n1 * (n1 - 1.0)) + divide(hidden0, n0 * (n0 - 1.0)))
    part1, part0 = divide(square1 + hidden1, n1 * (n1 - 1.0)), divide(square0 + hidden0, n0 * (n0 - 1.0))
    exact = ((value == 0) | (value == 1)) & ~np.isnan(part1 + part0)
    variance = np.where(exact, 0.0, np.where(np.isnan(value), np.nan, part1 + part0))
    df = satterthwaite(part1, n1, part0, n0) * tail_factor(value)
    pairs = (p * q * open_bins).sum(axis=1)
    n = (n1 + n0)[:, None]
    return BinnedRanks(
        table=RankTable(value=value, variance=variance, df=df, n_pos=n1, n_neg=n0),
        bound=np.nan_to_num(divide(pairs / 2, 1.0 * n1 * n0)),
        positive=np.nan_to_num(placed1 * divide(n, n1[:, None])),
        negative=np.nan_to_num(placed0 * divide(n, n0[:, None])),
        unresolved=unresolved,
    )


def binned_average_precision(positives: Integers, negatives: Integers, single: Flags) -> BinnedRanks:
    """Average precision: rows of a bin as if in random order, between its worst and its best order.

    With N and T the rows and the positives above a bin of p positives and q negatives, its i-th positive has a
    precision between (T + i)/(N + q + i) and (T + i)/(N + i), and about (T + i)/(N + i (1 + q/(p + 1))); sums over i by
    the digamma function.
    Bins of one score count as ties, p (T + p)/(N + p + q). Influences as in `grouped_average_precision`, at the
    middle of a bin; half the span of the precision inside a bin, squared, is added to the variance.

    >>> found = binned_average_precision(np.array([[0, 1, 1]]), np.array([[1, 1, 0]]), np.array([True, True, True]))
    >>> found.table.value.round(4).tolist(), found.bound.tolist()
    ([0.8333], [0.0])
    """
    p, q = positives.astype(np.float64), negatives.astype(np.float64)
    n1, n0 = p.sum(axis=1), q.sum(axis=1)
    reached = np.cumsum((p + q)[:, ::-1], axis=1)[:, ::-1]
    hits = np.cumsum(p[:, ::-1], axis=1)[:, ::-1]
    above, above_hits = reached - p - q, hits - p
    precision = np.nan_to_num(divide(hits, reached))
    tied = p * precision
    whole = 1 + q / (p + 1)
    best = np.where(single, tied, _precision_sum(above_hits, above, p, np.ones_like(p)))
    worst = np.where(single, tied, _precision_sum(above_hits, above + q, p, np.ones_like(p)))
    likely = np.where(single, tied, np.clip(_precision_sum(above_hits, above, p, whole), worst, best))
    value = divide(likely.sum(axis=1), n1)
    total_best, total_worst = divide(best.sum(axis=1), n1), divide(worst.sum(axis=1), n1)
    share = np.nan_to_num(divide(p, reached))
    g, h = np.cumsum(share, axis=1), np.cumsum(share * precision, axis=1)
    # a row of a bin of several scores has about half of the bin below it
    own = np.where(single | (p == 0), 0.0, (p - 1) / (2 * np.maximum(p, 1)))
    mean_precision = np.where(p > 0, likely / np.maximum(p, 1), 0.0)
    gain = mean_precision + g - h - own * share * (1 - precision)
    loss = h - np.where(single, 0.0, share * precision / 2)
    n = n1 + n0
    scale = divide(n, n1)[:, None]
    centre = divide((p * gain - q * loss).sum(axis=1), n1)[:, None]
    for_positive, for_negative = np.nan_to_num(scale * (gain - centre)), np.nan_to_num(-scale * loss)
    highest = np.nan_to_num(divide(above_hits + p, above + p))
    lowest = np.nan_to_num(divide(above_hits + 1, above + q + 1))
    reach = np.where(single | (p == 0), 0.0, np.maximum(highest - lowest, 0.0)) / 2
    hidden = (p * (scale * reach) ** 2).sum(axis=1)
    squares = (p * for_positive**2 + q * for_negative**2).sum(axis=1) + hidden
    variance = np.where(np.isnan(value), np.nan, np.where(value == 1, 0.0, divide(squares, n * (n - 1))))
    rarer = np.minimum(n1, n0)
    return BinnedRanks(
        table=RankTable(
            value=value,
            variance=variance,
            df=np.where(rarer > 1, rarer - 1.0, np.nan),
            n_pos=n1.astype(np.int64),
            n_neg=n0.astype(np.int64),
        ),
        bound=np.nan_to_num(np.maximum(total_best - value, value - total_worst)),
        positive=for_positive,
        negative=for_negative,
        unresolved=np.nan_to_num(divide(hidden, n * (n - 1))),
    )


def _precision_sum(hits: Floats, rows: Floats, p: Floats, step: Floats) -> Floats:
    """sum_{i=1..p} (hits + i) / (rows + step i), by the digamma function; by its first terms where p is 1."""
    from_rows = rows / step
    ends = special.digamma(from_rows + p + 1) - special.digamma(from_rows + 1)
    many = (p + (hits - from_rows) * ends) / step
    one = (hits + 1) / (rows + step)
    found: Floats = np.where(p == 0, 0.0, np.where(p == 1, one, many))
    return found


def binned_ks(positives: Integers, negatives: Integers, single: Flags) -> tuple[Floats, Floats]:
    """max |TPR - FPR| over the bins' edges, (S,), and how much larger it may be inside a bin, (S,).

    >>> value, bound = binned_ks(np.array([[0, 1, 3]]), np.array([[3, 1, 0]]), np.array([False, False, False]))
    >>> value.tolist(), bound.tolist()
    ([0.75], [0.25])
    """
    p, q = positives.astype(np.float64), negatives.astype(np.float64)
    rates1, rates0 = divide(p, p.sum(axis=1)[:, None]), divide(q, q.sum(axis=1)[:, None])
    after = np.cumsum(rates1 - rates0, axis=1)
    before = after - rates1 + rates0
    value = np.abs(after).max(axis=1)
    inside = np.where(single, 0.0, np.maximum(before + rates1, rates0 - before))
    return np.minimum(value, 1.0), np.nan_to_num(np.maximum(inside.max(axis=1) - value, 0.0))
