"""Heavy tails: skewness from moments, when a nominal coverage may be claimed, and how much one unit holds."""

import numpy as np
from numpy.typing import ArrayLike

from seatrial.stats.contrasts import Floats

ROWS_PER_SQUARED_SKEW = 355.0
"""A one-sample t interval keeps its nominal coverage from n = 355 skew^2 on (Kohavi et al., KDD 2014)."""
LARGE_SHARE = 0.05
"""From this share of the total on, one unit is worth a note."""


def skewness(n: ArrayLike, mean: ArrayLike, second: ArrayLike, third: ArrayLike) -> Floats:
    """Skewness m3/m2^(3/2) from raw moments around any centre c, (S,).

    `mean`, `second` and `third` are the means of x - c, (x - c)^2 and (x - c)^3. NaN for fewer than three rows and
    for a constant.

    >>> x = np.array([0.0, 0.0, 0.0, 4.0])
    >>> round(float(skewness(4, x.mean(), (x**2).mean(), (x**3).mean())), 6)
    1.154701
    """
    size, m1, m2, m3 = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (n, mean, second, third)))
    spread = m2 - m1 * m1
    spread = np.where((size >= 3) & (spread > 1e-12 * m2), spread, np.nan)
    return np.asarray((m3 - 3 * m1 * m2 + 2 * m1**3) / spread**1.5)


def rows_for_nominal_coverage(skew: ArrayLike) -> Floats:
    """Rows from which a mean's t interval covers as it says: 355 skew^2, (S,).

    >>> float(rows_for_nominal_coverage(2.0))
    1420.0
    """
    return np.asarray(ROWS_PER_SQUARED_SKEW * np.asarray(skew, np.float64) ** 2)


def skew_notes(n: ArrayLike, skew: ArrayLike) -> tuple[str | None, ...]:
    """Per slice a note where n is under 355 skew^2, else None.

    The bound is for one sample; in a difference of two arms of equal size and shape most of the skew cancels, so for
    contrasts it is cautious.

    >>> skew_notes([1000, 5000], [2.0, 2.0])
    ('skewed (2.0): may under-cover, 1420 rows are needed and there are 1000; winsorise at a planned cap', None)
    """
    size, tilt = np.broadcast_arrays(np.atleast_1d(np.asarray(n, np.float64)), np.asarray(skew, np.float64))
    need = rows_for_nominal_coverage(tilt)
    return tuple(
        f"skewed ({s:.1f}): may under-cover, {np.ceil(r):.0f} rows are needed and there are {k:.0f}; winsorise at a "
        "planned cap"
        if k < r
        else None
        for k, s, r in zip(size.tolist(), tilt.tolist(), need.tolist(), strict=True)
    )


def largest_share(largest: ArrayLike, total: ArrayLike) -> Floats:
    """Share of the total of |x| that one unit holds, (S,): largest |x| / sum |x|; NaN where the total is 0.

    >>> float(largest_share(50.0, 100.0))
    0.5
    """
    top, whole = np.asarray(largest, np.float64), np.asarray(total, np.float64)
    return np.asarray(top / np.where(whole > 0, whole, np.nan))


def concentration_notes(largest: ArrayLike, total: ArrayLike, *, limit: float = LARGE_SHARE) -> tuple[str | None, ...]:
    """Per slice a note where one unit holds more than `limit` of the total, else None.

    >>> concentration_notes([50.0, 1.0], [100.0, 100.0])
    ('one unit holds 50 % of the total', None)
    """
    shares = np.atleast_1d(largest_share(largest, total))
    return tuple(
        f"one unit holds {share:.0%} of the total".replace("%", " %") if share > limit else None
        for share in shares.tolist()
    )
