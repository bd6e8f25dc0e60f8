"""Average precision: value and variance per slice from one sorted scan, influences when asked."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.ranks import RankTable, complete, divide, rank_table, snap, sole_value, weighted_rows
from seatrial.stats.sorted_scores import Floats, Runs, SliceOrder


def grouped_average_precision(order: SliceOrder) -> RankTable:
    """Average precision per slice, sum_k (R_k - R_{k-1}) P_k over distinct thresholds, with its variance by influences.

    With P(t) = P(Y=1 | S >= t), N(t) the rows and T(t) the positives at S >= t, G_i = sum_{s_j <= s_i} y_j/N_j and
    H_i = sum_{s_j <= s_i} y_j T_j/N_j^2: psi_i = (n/n1) [y_i (P(s_i) + G_i - AP) - H_i] (the derivative of
    E[Y a(S)/b(S)]/E[Y] towards a point mass; a(t) = P(Y=1, S>=t), b(t) = P(S>=t)). NaN without positives. Its `df`,
    the rarer class's rows less one, keep the coverage of `interval` at 93 to 96 % from 20 rows of a class on (with
    normal limits: 92 %).

    >>> from seatrial.stats.sorted_scores import SortedScores
    >>> order = SortedScores([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).whole()
    >>> round(float(grouped_average_precision(order).value[0]), 4)
    0.8333
    """
    w1 = np.asarray(order.class_totals[0], np.float64)
    k = len(order.slices)
    total, squares, linear, mass = (np.zeros(k) for _ in range(4))
    for run, precision, g, h in _average_precision_scan(order):
        run.add_to(total, run.positive * precision)
        g -= h
        g += precision
        g -= 1
        moved = run.positive_squares * g
        run.add_to(linear, moved)
        moved *= g
        h *= h
        moved += run.negative_squares * h
        run.add_to(squares, moved)
        run.add_to(mass, np.asarray(run.positive_squares, np.float64))
    value = divide(total, w1)
    if order.weight is not None:
        value = snap(value)
    loss = 1 - value
    n = np.diff(order.bounds)
    about = np.maximum(squares + 2 * loss * linear + loss**2 * mass, 0.0)
    variance = np.where(value == 1, 0.0, divide(about * n, w1**2 * (n - 1)))
    rarer = np.minimum(order.n_pos, order.n_neg)[order.slices]
    return rank_table(order, value, variance, np.where(rarer > 1, rarer - 1.0, np.nan))


def _average_precision_scan(order: SliceOrder) -> Iterator[tuple[Runs, Floats, Floats, Floats]]:
    """Per block: runs, precision at each, G and H."""
    w1, w0 = order.class_totals
    rows = w1 + w0
    carry_g = carry_h = 0.0
    for run in order.runs():
        at_or_above = (run.spread(w1) - run.positive_below).astype(np.float64)  # T: positives at this score or above
        reached = run.spread(rows) - run.positive_below - run.negative_below
        precision = at_or_above / reached
        share = run.positive / reached
        g, carry_g = run.running(share, carry_g)
        share *= precision
        h, carry_h = run.running(share, carry_h)
        yield run, precision, g, h


def grouped_average_precision_influence(order: SliceOrder) -> tuple[RankTable, Floats]:
    """Average precision per slice and the influence of each row in its slice, (n,) in row order, NaN in no slice."""
    table = grouped_average_precision(order)
    w1 = np.asarray(order.class_totals[0], np.float64)
    scale = divide(np.diff(order.bounds), w1)
    value = table.value[order.slices]
    psi = np.full(order.n_rows, np.nan)
    for run, precision, g, h in _average_precision_scan(order):
        factor = run.spread(scale)
        psi[order.rows[run.first : run.stop]] = weighted_rows(
            order, run, factor * (precision + g - run.spread(value) - h), -factor * h
        )
    return table, psi


def average_precision_influence(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None
) -> tuple[float, NDArray[np.float64]]:
    """Average precision and the influence of each row, (n,), the formula of `grouped_average_precision`.

    var = sum psi^2 / (n (n-1)). Raises `DataError` for a missing value or without positives.

    >>> value, psi = average_precision_influence([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> round(value, 4), abs(round(float(psi.sum()), 9))
    (0.8333, 0.0)
    """
    order = complete(score, label, weight)
    table, psi = grouped_average_precision_influence(order)
    return sole_value(table, "Average precision"), psi
