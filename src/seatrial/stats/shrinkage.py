"""Empirical-Bayes shrinkage of many noisy differences towards their common mean."""

import numpy as np
from numpy.typing import ArrayLike

from seatrial.stats.contrasts import Floats

STEPS = 100


def shrink(differences: ArrayLike, standard_errors: ArrayLike) -> Floats:
    """Differences (S,) pulled towards their precision-weighted mean by the normal-normal model.

    shrunken = mu + tau^2/(tau^2 + se^2) (difference - mu), with mu weighted by 1/(tau^2 + se^2) and tau^2 by Paule
    and Mandel (1982): the value at which the weighted squares sum to k - 1, or 0 when they sum to less. NaN
    differences stay NaN; a difference without a positive standard error stays as it is and is not used for mu or
    tau^2.

    >>> shrink([0.0, 0.1, -0.1], [0.2, 0.2, 0.2]).tolist()
    [0.0, 0.0, 0.0]
    """
    value, error = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (differences, standard_errors)))
    usable = np.isfinite(value) & np.isfinite(error) & (error > 0)
    if usable.sum() < 2:
        return value.copy()
    mean, between = _fit(value[usable], error[usable] ** 2)
    with np.errstate(invalid="ignore"):
        pulled = mean + between / (between + error**2) * (value - mean)
    return np.where(usable, pulled, value)


def between_variance(differences: ArrayLike, standard_errors: ArrayLike) -> float:
    """Paule and Mandel's tau^2 of differences (k,) with positive standard errors (k,), k >= 2.

    >>> round(between_variance([-1.0, 0.0, 1.0], [0.1, 0.1, 0.1]), 6)
    0.99
    """
    value, error = (np.asarray(x, dtype=np.float64) for x in (differences, standard_errors))
    return _fit(value, error**2)[1]


def _fit(value: Floats, variance: Floats) -> tuple[float, float]:
    """mu and tau^2; the weighted sum of squares falls with tau^2, so a bisection on it cannot fail."""

    def excess(between: float) -> tuple[float, float]:
        weight = 1.0 / (variance + between)
        mean = float((weight * value).sum() / weight.sum())
        return mean, float((weight * (value - mean) ** 2).sum()) - (value.size - 1)

    mean, over = excess(0.0)
    if over <= 0:
        return mean, 0.0
    low, high = 0.0, float(np.ptp(value)) ** 2
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle)[1] > 0 else (low, middle)
    return excess(high)[0], high
