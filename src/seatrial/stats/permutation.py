"""Permutation tests: p = (b + 1)/(B + 1)."""

import numpy as np
from numpy.typing import ArrayLike

from seatrial.stats.contrasts import Floats


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
