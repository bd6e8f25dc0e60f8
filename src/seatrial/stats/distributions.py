"""Normal and Student quantiles and tails for two-sided statements at level 1 - alpha."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats


def normal_quantile(alpha: float) -> float:
    """Return z with P(|Z| > z) = alpha for a standard normal Z; raises UsageError unless 0 < alpha < 1.

    >>> round(normal_quantile(0.05), 6)
    1.959964
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha must lie strictly between 0 and 1, got {alpha!r}.")
    return -float(special.ndtri(alpha / 2.0))


def student_quantile(df: ArrayLike, alpha: float) -> Floats:
    """Return t with P(|T| > t) = alpha for Student's T at `df` degrees of freedom (infinite df: normal; df <= 0: NaN).

    >>> student_quantile([3.0, float("inf")], 0.05).round(6).tolist()
    [3.182446, 1.959964]
    """
    normal_quantile(alpha)
    degrees = np.asarray(df, dtype=np.float64)
    usable = np.where(degrees > 0, degrees, np.nan)
    return np.asarray(-special.stdtrit(usable, alpha / 2.0), dtype=np.float64)


def normal_two_sided(z: ArrayLike) -> Floats:
    """Return P(|Z| >= |z|) of a standard normal, from the survival function so that small values keep their digits.

    >>> f"{normal_two_sided(10.0):.4g}"
    '1.524e-23'
    """
    return np.asarray(special.erfc(np.abs(np.asarray(z, dtype=np.float64)) / np.sqrt(2.0)), dtype=np.float64)


def student_two_sided(t: ArrayLike, df: ArrayLike) -> Floats:
    """Return P(|T| >= |t|) of Student's T at `df` degrees of freedom (infinite df: normal; df <= 0: NaN).

    >>> float(student_two_sided(2.0, float("inf")).round(6))
    0.0455
    """
    degrees = np.asarray(df, dtype=np.float64)
    size = -np.abs(np.asarray(t, dtype=np.float64))
    tail = 2.0 * special.stdtr(np.where(degrees > 0, degrees, np.nan), size)
    return np.asarray(np.minimum(tail, 1.0), dtype=np.float64)
