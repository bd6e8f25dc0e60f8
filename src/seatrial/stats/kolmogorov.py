"""KS: the largest gap between the true and the false positive rate over thresholds; permutation p, bootstrap."""

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError
from seatrial.stats.ranks import complete
from seatrial.stats.sorted_scores import Bytes, Floats, Integers


def _ends(score: ArrayLike, label: ArrayLike) -> tuple[Bytes, Integers, int, int]:
    """Labels by ascending score, last position of each run of equal scores, positives, negatives."""
    order = complete(score, label, None)
    n1, n0 = int(order.label.sum()), int((1 - order.label).sum())
    if not (n1 and n0):
        raise DataError(f"KS has no value: no {'negative' if n1 else 'positive'} labels.")
    return order.label, np.flatnonzero(np.append(order.starts_run[1:], True)), n1, n0


def _gap(label: Bytes, ends: Integers, n1: int, n0: int) -> float:
    positives = np.cumsum(label, dtype=np.int64)
    if len(ends) < len(label):
        positives = positives[ends]
    excess = positives * (n1 + n0) - (ends + 1) * n1  # integers: n1 n0 (F1 - F0), exact
    return max(int(excess.max()), -int(excess.min())) / (n1 * n0)


def ks_statistic(score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None) -> float:
    """max |TPR - FPR| over thresholds, the two-sample Kolmogorov-Smirnov statistic of the classes' scores.

    With weights the rates are weighted. Raises `DataError` for missing values or an absent class.

    >>> ks_statistic([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.5
    """
    if weight is not None:
        runs, positive, negative = _weighted_runs(score, label, weight)
        return _weighted_gap(runs, positive, negative)
    return _gap(*_ends(score, label))


def _weighted_runs(score: ArrayLike, label: ArrayLike, weight: ArrayLike) -> tuple[Integers, Floats, Floats]:
    """The run of equal scores each row is in, and its weight as a positive and as a negative."""
    rows, mass = np.asarray(label) == 1, np.asarray(weight, dtype=np.float64)
    if not (mass[rows].sum() > 0 and mass[~rows].sum() > 0):
        raise DataError("KS has no value: one of the classes is absent.")
    runs = np.unique(np.asarray(score, dtype=np.float64), return_inverse=True)[1].astype(np.int64)
    return runs, np.where(rows, mass, 0.0), np.where(rows, 0.0, mass)


def _weighted_gap(runs: Integers, positive: Floats, negative: Floats) -> float:
    shares = [np.cumsum(np.bincount(runs, side)) / side.sum() for side in (positive, negative)]
    return float(min(np.abs(shares[0] - shares[1]).max(), 1.0))


def ks_permutation_p(score: ArrayLike, label: ArrayLike, *, draws: int = 2000, seed: int = 0) -> float:
    """p of "scores say nothing about labels" by permuting labels: (b + 1) / (draws + 1).

    A permuted column is drawn as independent bits near the right rate; surplus bits, chosen at random, are then flipped
    until the count is right, which is uniform over all columns with that count by symmetry.
    """
    label_sorted, ends, n1, n0 = _ends(score, label)
    observed = _gap(label_sorted, ends, n1, n0)
    n = n1 + n0
    rng = np.random.default_rng(seed)
    threshold = round(n1 / n * 65536)
    as_large = 0
    for _ in range(draws):
        bits = (rng.integers(0, 65536, n, dtype=np.uint16) < threshold).astype(np.uint8)
        surplus = int(bits.sum()) - n1
        if surplus:
            wrong = np.flatnonzero(bits == (1 if surplus > 0 else 0))
            bits[rng.choice(wrong, abs(surplus), replace=False, shuffle=False)] ^= 1
        as_large += _gap(bits, ends, n1, n0) >= observed * (1 - 1e-12)
    return (as_large + 1) / (draws + 1)


def ks_bootstrap(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None, *, draws: int = 2000, seed: int = 0
) -> Floats:
    """KS of `draws` resamples of the rows, stratified by class, (draws,); drawn rows keep their weights.

    A maximum grows under resampling: the draws lie above the statistic about as far as that lies above the truth.
    """
    if weight is not None:
        return _weighted_bootstrap(*_weighted_runs(score, label, weight), draws=draws, seed=seed)
    label_sorted, ends, n1, n0 = _ends(score, label)
    rng = np.random.default_rng(seed)
    run = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    positives, negatives = run[label_sorted == 1], run[label_sorted == 0]
    out = np.empty(draws)
    for draw in range(draws):
        drawn1 = np.bincount(positives[rng.integers(0, n1, n1)], minlength=len(ends))
        drawn0 = np.bincount(negatives[rng.integers(0, n0, n0)], minlength=len(ends))
        out[draw] = np.abs(np.cumsum(drawn1) * n0 - np.cumsum(drawn0) * n1).max() / (n1 * n0)
    return out


def _weighted_bootstrap(runs: Integers, positive: Floats, negative: Floats, *, draws: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    sides = [(np.flatnonzero(side > 0), side) for side in (positive, negative)]
    out = np.empty(draws)
    for draw in range(draws):
        drawn = []
        for rows, side in sides:
            times = np.bincount(rng.integers(0, len(rows), len(rows)), minlength=len(rows))
            again = np.zeros(len(runs))
            again[rows] = times * side[rows]
            drawn.append(again)
        out[draw] = _weighted_gap(runs, drawn[0], drawn[1])
    return out
