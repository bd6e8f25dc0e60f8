"""The ratio of two estimates that are correlated: Fieller's limits."""

import math


def fieller_interval(
    top: float, bottom: float, *, var_top: float, var_bottom: float, covariance: float, critical: float
) -> tuple[float, float]:
    """Return the limits of top / bottom: every r with (top - r bottom)^2 <= t^2 Var(top - r bottom) (Fieller 1954).

    Variances are those of the estimates; `critical` is the quantile t of the wanted level. Where `bottom` itself is
    not told from 0 the set has no ends, and the limits are -inf and inf.

    >>> low, high = fieller_interval(3.0, 2.0, var_top=0.04, var_bottom=0.01, covariance=0.0, critical=1.96)
    >>> round(low, 4), round(high, 4)
    (1.2679, 1.7612)
    """
    square = critical * critical
    a = bottom * bottom - square * var_bottom
    if not a > 0:
        return -math.inf, math.inf
    b = top * bottom - square * covariance
    c = top * top - square * var_top
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a
