"""Two versions on the same rows, binary outcome: Tango's score interval and p, McNemar's mid-p, the contrast."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile, normal_two_sided
from seatrial.stats.inversion import limit
from seatrial.stats.means import IDENTICAL
from seatrial.stats.ratios import NO_ROWS, PairedRatio

TANGO = "Tango score interval, paired"


def tango_interval(gained: ArrayLike, lost: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Score limits of the paired difference (gained - lost)/n (Tango, Statistics in Medicine 17, 1998).

    A value d is inside when (gained - lost - n d)^2 <= z^2 n (2q + d(1-d)), q the share of `lost` rows that is most
    likely under d. Counts are (S,): rows where only the candidate, or only the baseline, had the event. With no flips
    the limits are +-z^2/(n + z^2). n = 0 gives NaN.

    >>> [round(float(x), 4) for x in tango_interval(6, 16, 161)]
    [-0.124, -0.0054]
    """
    z2 = normal_quantile(alpha) ** 2
    b, c, size = _counts(gained, lost, n)
    difference = (b - c) / size

    def accepted(value: Floats) -> NDArray[np.bool_]:
        return np.asarray(size * (difference - value) ** 2 <= z2 * _restricted_variance(b, c, size, value))

    low = limit(accepted, difference, np.full_like(difference, -1.0))
    high = limit(accepted, difference, np.full_like(difference, 1.0))
    unknown = np.isnan(difference)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def tango_p_value(gained: ArrayLike, lost: ArrayLike, n: ArrayLike, null: float = 0.0) -> Floats:
    """Two-sided p of `difference == null`, the test that `tango_interval` inverts; at 0 it is McNemar's z test.

    >>> round(float(tango_p_value(1, 7, 21)), 6)
    0.033895
    """
    b, c, size = _counts(gained, lost, n)
    distance = (b - c) / size - null
    if not -1.0 <= null <= 1.0:
        return np.where(np.isnan(distance), np.nan, 0.0)
    variance = _restricted_variance(b, c, size, np.full_like(distance, null)) / size
    with np.errstate(divide="ignore", invalid="ignore"):
        p = normal_two_sided(distance / np.sqrt(variance))
    return np.where(np.isnan(distance), np.nan, np.where(distance == 0, 1.0, p))


def mcnemar_midp(gained: ArrayLike, lost: ArrayLike) -> Floats:
    """McNemar's mid-p of no difference, 2 P(X <= min) - P(X = min), X binomial(gained + lost, 1/2).

    As Fagerland, Lydersen and Laake (BMC Medical Research Methodology 13, 2013): 1 - P(X = min)/2 for equal counts;
    no flips: 1.

    >>> round(float(mcnemar_midp(1, 7)), 6)
    0.039062
    """
    b, c = np.broadcast_arrays(np.asarray(gained, dtype=np.float64), np.asarray(lost, dtype=np.float64))
    fewer, flips = np.minimum(b, c), b + c
    below = special.betainc(flips - fewer, fewer + 1, 0.5)
    logs = special.gammaln(flips + 1) - special.gammaln(fewer + 1) - special.gammaln(flips - fewer + 1)
    point = np.exp(logs - flips * np.log(2.0))
    p = np.where(b == c, 1 - point / 2, np.clip(2 * below - point, 0.0, 1.0))
    return np.where(flips > 0, p, 1.0)


@dataclass(frozen=True, kw_only=True)
class PairedProportions:
    """Contrast of two shares of the same rows (a row has the event or not, per version), by Tango's score test.

    `gained`: rows where only the candidate has the event, `lost`: only the baseline; `n`: rows; `baseline_value`: the
    baseline's share; `identical`: the two columns are equal byte for byte. All (S,).
    """

    gained: NDArray[Any]
    lost: NDArray[Any]
    n: NDArray[Any]
    baseline_value: Floats
    identical: NDArray[np.bool_]

    @cached_property
    def difference(self) -> Floats:
        b, c, size = _counts(self.gained, self.lost, self.n)
        return (b - c) / size

    @cached_property
    def standard_error(self) -> Floats:
        """Unrestricted, sqrt((b + c - (b - c)^2/n))/n; where that is 0, half of Tango's 95 % width over z, never 0."""
        b, c, size = _counts(self.gained, self.lost, self.n)
        error = np.sqrt(np.maximum(b + c - (b - c) ** 2 / size, 0.0)) / size
        low, high = tango_interval(b, c, size)
        return np.where(error > 0, error, (high - low) / (2 * normal_quantile(0.05)))

    @property
    def both(self) -> Floats:
        """Rows where both versions have the event."""
        _, c, size = _counts(self.gained, self.lost, self.n)
        return np.rint(np.asarray(self.baseline_value, dtype=np.float64) * size) - c

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return tuple(None if rows > 0 else NO_ROWS for rows in np.asarray(self.n).tolist())

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(IDENTICAL if same else TANGO for same in self.identical.tolist())

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = tango_interval(self.gained, self.lost, self.n, alpha=alpha)
        same = self.identical & ~np.isnan(low)
        return np.where(same, 0.0, low), np.where(same, 0.0, high)

    def p_value(self, null: float = 0.0) -> Floats:
        p = tango_p_value(self.gained, self.lost, self.n, null)
        same = self.identical & ~np.isnan(p)
        return np.where(same, 1.0 if null == 0.0 else 0.0, p)

    def against(self, factor: float) -> "PairedProportions | PairedRatio":
        """Candidate - factor * baseline: by the score test of the ratio, unless factor is 1.

        A paired t on the rows' values 1 - f, 1, -f and 0 would be as dangerous as it is for the difference: with no
        flips it passes any margin.
        """
        if factor == 1.0:
            return self
        return PairedRatio(
            gained=self.gained,
            lost=self.lost,
            both=self.both,
            n=self.n,
            identical=self.identical,
            factor=factor,
        )

    def at(self, index: int) -> "PairedProportions":
        """The same contrast on one slice only (S = 1)."""
        one = slice(index, index + 1) if index != -1 else slice(-1, None)
        return PairedProportions(
            gained=self.gained[one],
            lost=self.lost[one],
            n=self.n[one],
            baseline_value=self.baseline_value[one],
            identical=self.identical[one],
        )


def _counts(gained: ArrayLike, lost: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats, Floats]:
    b, c, size = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (gained, lost, n)))
    return b, c, np.where(size > 0, size, np.nan)


def _restricted_variance(b: Floats, c: Floats, n: Floats, value: Floats) -> Floats:
    """Variance of one row's difference, 2q + |d|(1 - |d|), q the restricted share of the rarer flip.

    q is the larger root of 2n q^2 + B q + C with B = (2n - b + c)d - b - c, C = -c d(1 - d), for d >= 0; a negative d
    swaps the sides. Whichever form of the root does not cancel is taken.
    """
    flipped = value < 0
    d = np.abs(value)
    up, down = np.where(flipped, c, b), np.where(flipped, b, c)
    linear = (2 * n - up + down) * d - up - down
    product = down * d * (1 - d)
    root = np.sqrt(linear * linear + 8 * n * product)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.where(linear > 0, 2 * product / (linear + root), (root - linear) / (4 * n))
    return np.asarray(np.maximum(2 * q + d * (1 - d), 0.0))
