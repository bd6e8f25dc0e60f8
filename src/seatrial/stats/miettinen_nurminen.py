"""Two independent proportions by Miettinen and Nurminen's score test: difference, ratio, and the contrast."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.inversion import limit
from seatrial.stats.ratios import RatioContrast, invert_ratio, score_p

METHOD = "Miettinen-Nurminen score interval, unpaired"


def miettinen_nurminen_interval(
    count_1: ArrayLike, n_1: ArrayLike, count_0: ArrayLike, n_0: ArrayLike, *, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Score limits of count_1/n_1 - count_0/n_0 (Miettinen and Nurminen, Statistics in Medicine 4, 1985).

    d is inside when (p1 - p0 - d)^2 <= z^2 (p1~(1 - p1~)/n_1 + p0~(1 - p0~)/n_0) N/(N - 1), N = n_1 + n_0, with p~ the
    shares most likely under p1 - p0 = d. All (S,); an empty side gives NaN.

    >>> [round(float(x), 4) for x in miettinen_nurminen_interval(0, 16, 15, 72)]
    [-0.3164, -0.0056]
    """
    z2 = normal_quantile(alpha) ** 2
    x1, n1, x0, n0 = _counts(count_1, n_1, count_0, n_0)
    difference = x1 / n1 - x0 / n0

    def accepted(value: Floats) -> NDArray[np.bool_]:
        return np.asarray((difference - value) ** 2 <= z2 * _difference_variance(x1, n1, x0, n0, value))

    low = limit(accepted, difference, np.full_like(difference, -1.0))
    high = limit(accepted, difference, np.full_like(difference, 1.0))
    unknown = np.isnan(difference)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def miettinen_nurminen_p_value(
    count_1: ArrayLike, n_1: ArrayLike, count_0: ArrayLike, n_0: ArrayLike, null: float = 0.0
) -> Floats:
    """Two-sided p of `p1 - p0 == null` from the statistic that `miettinen_nurminen_interval` inverts.

    >>> round(float(miettinen_nurminen_p_value(7, 34, 1, 34)), 6)
    0.024984
    """
    x1, n1, x0, n0 = _counts(count_1, n_1, count_0, n_0)
    distance = x1 / n1 - x0 / n0 - null
    variance = _difference_variance(x1, n1, x0, n0, np.full_like(distance, np.clip(null, -1.0, 1.0)))
    return score_p(distance, variance, abs(null) > 1, ~np.isnan(distance))


def miettinen_nurminen_ratio_interval(
    count_1: ArrayLike, n_1: ArrayLike, count_0: ArrayLike, n_0: ArrayLike, *, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Score limits of (count_1/n_1)/(count_0/n_0), with the N/(N - 1) correction (Miettinen and Nurminen 1985).

    No events on side 0: the upper limit is infinite; on neither side: NaN.

    >>> [round(float(x), 4) for x in miettinen_nurminen_ratio_interval(7, 34, 1, 34)]
    [1.2086, 43.033]
    """
    z2 = normal_quantile(alpha) ** 2
    x1, n1, x0, n0 = _counts(count_1, n_1, count_0, n_0)

    def accepted(share: Floats) -> NDArray[np.bool_]:
        distance, variance = _ratio_score(x1, n1, x0, n0, share)
        return np.asarray(distance * distance <= z2 * variance)

    return invert_ratio(accepted, x1 / n1, x0 / n0)


def miettinen_nurminen_ratio_p_value(
    count_1: ArrayLike, n_1: ArrayLike, count_0: ArrayLike, n_0: ArrayLike, ratio: ArrayLike
) -> Floats:
    """Two-sided p of `p1 == ratio * p0` from the statistic that `miettinen_nurminen_ratio_interval` inverts.

    >>> round(float(miettinen_nurminen_ratio_p_value(7, 34, 1, 34, 1.0)), 6)
    0.024984
    """
    x1, n1, x0, n0 = _counts(count_1, n_1, count_0, n_0)
    theta = np.asarray(ratio, dtype=np.float64)
    distance, variance = _ratio_score(x1, n1, x0, n0, theta / (1 + theta))
    return score_p(distance, variance, theta < 0, x1 + x0 > 0)


@dataclass(frozen=True, kw_only=True)
class UnpairedProportions:
    """Contrast of two shares of different rows, by Miettinen and Nurminen's score test; counts (S,).

    `sign` -1 makes it baseline - candidate, for shares of which less is better.
    """

    count_candidate: NDArray[Any]
    n_candidate: NDArray[Any]
    count_baseline: NDArray[Any]
    n_baseline: NDArray[Any]
    sign: int = 1

    @cached_property
    def difference(self) -> Floats:
        x1, n1, x0, n0 = self._counts()
        return np.asarray(self.sign * (x1 / n1 - x0 / n0))

    @cached_property
    def standard_error(self) -> Floats:
        """Unrestricted, sqrt(p1(1 - p1)/n1 + p0(1 - p0)/n0); where that is 0, half of the 95 % width over z."""
        error = _plain_error(*self._counts(), 1.0)
        if (error > 0).all():
            return error
        low, high = self.interval(0.05)
        return np.where(error > 0, error, (high - low) / (2 * normal_quantile(0.05)))

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return tuple("no rows on one side" if x != x else None for x in self.difference.tolist())

    @property
    def methods(self) -> tuple[str, ...]:
        return (METHOD,) * len(self.n_candidate)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = miettinen_nurminen_interval(*self._counts(), alpha=alpha)
        return (low, high) if self.sign > 0 else (-high, -low)

    def p_value(self, null: float = 0.0) -> Floats:
        return miettinen_nurminen_p_value(*self._counts(), self.sign * null)

    def against(self, factor: float) -> "UnpairedProportions | UnpairedRatio":
        """Candidate - factor * baseline: by the score test of the ratio, unless factor is 1."""
        if factor == 1.0:
            return self
        return UnpairedRatio(
            count_candidate=self.count_candidate,
            n_candidate=self.n_candidate,
            count_baseline=self.count_baseline,
            n_baseline=self.n_baseline,
            identical=np.zeros(len(self.n_candidate), dtype=np.bool_),
            factor=factor,
            sign=self.sign,
        )

    def at(self, index: int) -> "UnpairedProportions":
        """The same contrast on one slice only (S = 1)."""
        one = slice(index, index + 1) if index != -1 else slice(-1, None)
        return UnpairedProportions(
            count_candidate=self.count_candidate[one],
            n_candidate=self.n_candidate[one],
            count_baseline=self.count_baseline[one],
            n_baseline=self.n_baseline[one],
            sign=self.sign,
        )

    def _counts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return _counts(self.count_candidate, self.n_candidate, self.count_baseline, self.n_baseline)


@dataclass(frozen=True, kw_only=True)
class UnpairedRatio(RatioContrast):
    """`RatioContrast` of two independent shares; counts (S,)."""

    count_candidate: NDArray[Any]
    n_candidate: NDArray[Any]
    count_baseline: NDArray[Any]
    n_baseline: NDArray[Any]

    def _values(self) -> tuple[Floats, Floats]:
        x1, n1, x0, n0 = self._counts()
        return x1 / n1, x0 / n0

    def _plain_error(self) -> Floats:
        return _plain_error(*self._counts(), self.factor)

    def _ratio_interval(self, alpha: float) -> tuple[Floats, Floats]:
        return miettinen_nurminen_ratio_interval(*self._counts(), alpha=alpha)

    def _ratio_p(self, ratio: Floats) -> Floats:
        return miettinen_nurminen_ratio_p_value(*self._counts(), ratio)

    def _name(self) -> str:
        return "Miettinen-Nurminen score test of the ratio, unpaired"

    def at(self, index: int) -> "UnpairedRatio":
        """The same contrast on one slice only (S = 1)."""
        one = slice(index, index + 1) if index != -1 else slice(-1, None)
        return replace(
            self,
            identical=self.identical[one],
            count_candidate=self.count_candidate[one],
            n_candidate=self.n_candidate[one],
            count_baseline=self.count_baseline[one],
            n_baseline=self.n_baseline[one],
        )

    def _counts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return _counts(self.count_candidate, self.n_candidate, self.count_baseline, self.n_baseline)


def _counts(
    count_1: ArrayLike, n_1: ArrayLike, count_0: ArrayLike, n_0: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    given = (np.asarray(x, dtype=np.float64) for x in (count_1, n_1, count_0, n_0))
    x1, n1, x0, n0 = np.broadcast_arrays(*given)
    return x1, np.where(n1 > 0, n1, np.nan), x0, np.where(n0 > 0, n0, np.nan)


def _plain_error(x1: Floats, n1: Floats, x0: Floats, n0: Floats, factor: float) -> Floats:
    p1, p0 = x1 / n1, x0 / n0
    return np.sqrt(p1 * (1 - p1) / n1 + factor * factor * p0 * (1 - p0) / n0)


def _difference_variance(x1: Floats, n1: Floats, x0: Floats, n0: Floats, value: Floats) -> Floats:
    """Variance of p1 - p0 at the shares most likely under p1 - p0 = value, times N/(N - 1).

    p0~ is the middle root of N p^3 + k2 p^2 + k1 p + k0, by Viete's trigonometric formula. A negative value swaps the
    sides, which keeps the roots symmetric; Newton's steps on the cubic remove what the cosine rounded.
    """
    swap = value < 0
    d = np.abs(value)
    up, up_n = np.where(swap, x0, x1), np.where(swap, n0, n1)
    down, down_n = np.where(swap, x1, x0), np.where(swap, n1, n0)
    whole = up_n + down_n
    k2 = (up_n + 2 * down_n) * d - whole - (up + down)
    k1 = (down_n * d - whole - 2 * down) * d + up + down
    k0 = down * d * (1 - d)
    third = k2 / (3 * whole)
    inner = third**3 - k1 * third / (2 * whole) + k0 / (2 * whole)
    radius = np.where(inner >= 0, 1.0, -1.0) * np.sqrt(np.maximum(third**2 - k1 / (3 * whole), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(radius == 0, 0.0, inner / radius**3)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3
    low = 2 * radius * np.cos(angle) - third
    for _ in range(2):
        slope = (3 * whole * low + 2 * k2) * low + k1
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (((whole * low + k2) * low + k1) * low + k0) / slope
        low = low - np.where(np.abs(step) < 1e-6, step, 0.0)
    low = np.clip(low, 0.0, 1 - d)
    high = np.clip(low + d, 0.0, 1.0)
    variance = (high * (1 - high) / up_n + low * (1 - low) / down_n) * whole / (whole - 1)
    return np.asarray(np.maximum(variance, 0.0))


def _ratio_score(x1: Floats, n1: Floats, x0: Floats, n0: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Distance and variance of the larger side's share against r = ratio or 1/ratio, whichever is at most 1.

    Under p_small = r p_large, p_large~ is the smaller root of r N p^2 - (x_s + n_l + r(x_l + n_s)) p + x_s + x_l.
    """
    swap = share >= 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(swap, (1 - share) / share, share / (1 - share))
    xs, ns = np.where(swap, x0, x1), np.where(swap, n0, n1)
    xl, nl = np.where(swap, x1, x0), np.where(swap, n1, n0)
    whole = ns + nl
    middle = xs + nl + r * (xl + ns)
    root = np.sqrt(np.maximum(middle * middle - 4 * r * whole * (xs + xl), 0.0))
    large = np.clip(2 * (xs + xl) / (middle + root), 0.0, 1.0)
    small = r * large
    variance = (small * (1 - small) / ns + r * r * large * (1 - large) / nl) * whole / (whole - 1)
    distance = xs / ns - r * xl / nl
    return np.where(swap, -distance, distance), variance
