"""Permutation tests: p = (b + 1)/(B + 1), and the Kolmogorov-Smirnov distance of two classes' scores."""

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats

BLOCK = 4_000_000


def permutation_p_value(observed: ArrayLike, draws: ArrayLike) -> Floats:
    """One-sided p of statistics (...) against draws (B, ...): (b + 1)/(B + 1), b the draws at least as large.

    A draw within 1e-12 of the observed value counts as equal, so rounding cannot make a p too small (Phipson and
    Smyth 2010).

    >>> float(permutation_p_value(3.0, [1.0, 2.0, 3.0, 0.5]))
    0.4
    """
    value, resampled = np.asarray(observed, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    reached = resampled >= value - 1e-12 * np.maximum(1.0, np.abs(value))
    p = (reached.sum(axis=0) + 1) / (resampled.shape[0] + 1)
    return np.where(np.isnan(value), np.nan, p)


def ks_statistic(scores: ArrayLike, labels: ArrayLike) -> float:
    """Largest distance between the score distributions of the two classes, max |F_1(s) - F_0(s)|; NaN with one class.

    `scores` (n,) finite, `labels` (n,) truthy for class 1.

    >>> ks_statistic([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.5
    """
    ordered, ends = _sorted_labels(scores, labels)
    return float(_distances(ordered[None, :], ends)[0])


def ks_permutation(scores: ArrayLike, labels: ArrayLike, *, draws: int = 2000, seed: int) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance and its permutation p; labels are shuffled over the scores, ties stay ties.

    >>> value, p = ks_permutation([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [0, 0, 0, 1, 1, 1], draws=999, seed=0)
    >>> value, 0.05 < p < 0.15  # 2 of the 20 ways to label them reach 1
    (1.0, True)
    """
    ordered, ends = _sorted_labels(scores, labels)
    observed = float(_distances(ordered[None, :], ends)[0])
    if np.isnan(observed):
        return observed, np.nan
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK // ordered.size)
    found = []
    for start in range(0, draws, block):
        many = min(block, draws - start)
        shuffled = rng.permuted(np.broadcast_to(ordered, (many, ordered.size)), axis=1)
        found.append(_distances(shuffled, ends))
    return observed, float(permutation_p_value(observed, np.concatenate(found)))


def _sorted_labels(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Labels in order of score, and the last place of each run of equal scores."""
    values, classes = np.asarray(scores, dtype=np.float64), np.asarray(labels).astype(np.bool_)
    if values.shape != classes.shape or values.ndim != 1 or not values.size:
        raise UsageError(f"Scores and labels must be two rows of the same length, got {values.shape}, {classes.shape}.")
    if not np.isfinite(values).all():
        raise UsageError("Scores must be finite; leave missing ones out.")
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return classes[order].astype(np.int32), ends


def _distances(labels: np.ndarray, ends: np.ndarray) -> Floats:
    ones = np.cumsum(labels, axis=1, dtype=np.int32)[:, ends].astype(np.float64)
    positives = ones[:, -1:]
    negatives = labels.shape[1] - positives
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = ones / positives - (ends + 1 - ones) / negatives
    return np.asarray(np.abs(gap).max(axis=1))
