"""What these data could have shown, and how many rows a target needs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile

UNKNOWN = -1
"""Rows needed when no number of rows can be named."""


def smallest_detectable_effect(standard_error: ArrayLike, *, alpha: float = 0.05, power: float = 0.8) -> Floats:
    """The true difference that a two-sided test at `alpha` finds with `power`: (z_{1-alpha/2} + z_power) se.

    `standard_error` (S,); NaN stays NaN. Raises UsageError unless 0 < power < 1.

    >>> round(float(smallest_detectable_effect(0.01)), 6)
    0.028016
    """
    if not 0.0 < power < 1.0:
        raise UsageError(f"Power must lie strictly between 0 and 1, got {power!r}.")
    factor = normal_quantile(alpha) + float(special.ndtri(power))
    return np.asarray(factor * np.asarray(standard_error, dtype=np.float64))


def rows_needed(n: ArrayLike, detectable: ArrayLike, target: ArrayLike) -> NDArray[np.int64]:
    """Rows on which the smallest detectable effect would be `target`: ceil(n (detectable/target)^2), (S,).

    The standard error falls with the root of n; `target` is the MDE, or a guardrail's margin. -1 (`UNKNOWN`) where
    the target is 0 or NaN, the detectable effect is NaN, or the number passes 10^15.

    >>> rows_needed(1000, [0.02, 0.02], [0.01, 0.0]).tolist()
    [4000, -1]
    """
    rows, effect, goal = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (n, detectable, target)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = np.ceil(rows * (effect / goal) ** 2 * (1 - 1e-12))
        known = np.isfinite(needed) & (needed <= 1e15) & (goal != 0)
    return np.where(known, needed, UNKNOWN).astype(np.int64)
