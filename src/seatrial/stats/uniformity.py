"""Are p-values uniform? Kolmogorov's one-sample test, and the counts of a histogram."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import DataError

BINS = 20


def ks_uniform(p_values: ArrayLike) -> tuple[float, float]:
    """Largest distance D between the distribution of (n,) p-values and the uniform one, and the p of uniformity.

    p = Q((sqrt n + 0.12 + 0.11/sqrt n) D), Q Kolmogorov's limit (Stephens, JRSS B 32, 1970); with tied p-values it is
    conservative under uniformity, and large where they pile up. Raises `DataError` for values outside 0..1 or none.

    >>> d, p = ks_uniform((np.arange(100) + 0.5) / 100)
    >>> round(d, 3), round(p, 3)
    (0.005, 1.0)
    """
    given = np.sort(_checked(p_values))
    n = len(given)
    steps = np.arange(n + 1) / n
    d = float(max((steps[1:] - given).max(), (given - steps[:-1]).max()))
    root = np.sqrt(n)
    return d, float(special.kolmogorov((root + 0.12 + 0.11 / root) * d))


def histogram(p_values: ArrayLike, bins: int = BINS) -> NDArray[np.int64]:
    """How many p-values fall into each of `bins` equal parts of 0..1, the last part closed on both sides.

    >>> histogram([0.01, 0.04, 0.999, 1.0], 20).tolist()[::19]
    [2, 2]
    """
    place = np.minimum((_checked(p_values) * bins).astype(np.int64), bins - 1)
    return np.bincount(place, minlength=bins)


def _checked(p_values: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1 or not len(given):
        raise DataError("There are no p-values.")
    if not ((given >= 0) & (given <= 1)).all():
        raise DataError("A p-value lies between 0 and 1.")
    return given
