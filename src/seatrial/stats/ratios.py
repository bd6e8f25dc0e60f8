"""Margins that are a share of the baseline: two shares tested through their ratio, and the paired ratio itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile, normal_two_sided
from seatrial.stats.inversion import limit

NO_EVENTS = "the baseline has no events, so no share of it can be a margin"
NO_ROWS = "no rows"


def paired_ratio_interval(
    gained: ArrayLike, lost: ArrayLike, both: ArrayLike, *, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Score limits of candidate share / baseline share on the same rows (Tang, Tang and Chan, Stat. Med. 22, 2003).

    Counts are (S,): rows where only the candidate, only the baseline, or both had the event; rows with neither do not
    matter. No baseline events: the upper limit is infinite; no events at all: NaN.

    >>> [round(float(x), 4) for x in paired_ratio_interval(6, 16, 59)]
    [0.7476, 0.9876]
    """
    z2 = normal_quantile(alpha) ** 2
    b, c, a = _floats(gained, lost, both)

    def accepted(share: Floats) -> NDArray[np.bool_]:
        distance, variance = _paired_score(b, c, a, share)
        return np.asarray(distance * distance <= z2 * variance)

    return invert_ratio(accepted, a + b, a + c)


def paired_ratio_p_value(gained: ArrayLike, lost: ArrayLike, both: ArrayLike, ratio: ArrayLike) -> Floats:
    """Two-sided p of `candidate share == ratio * baseline share` from the statistic of `paired_ratio_interval`.

    >>> round(float(paired_ratio_p_value(6, 16, 59, 1.0)), 6)  # at 1 it is McNemar's z test
    0.033006
    """
    b, c, a = _floats(gained, lost, both)
    theta = np.asarray(ratio, dtype=np.float64)
    distance, variance = _paired_score(b, c, a, theta / (1 + theta))
    return score_p(distance, variance, theta < 0, a + b + c > 0)


def invert_ratio(accepted: Any, candidate_events: Floats, baseline_events: Floats) -> tuple[Floats, Floats]:
    """Limits of a ratio t from a test of t/(1 + t), a scale on which 0 and infinity are ordinary ends."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(candidate_events + baseline_events > 0, candidate_events, np.nan)
        inside = inside / (candidate_events + baseline_events)
        low = limit(accepted, inside, np.zeros_like(inside))
        high = limit(accepted, inside, np.ones_like(inside))
        low, high = low / (1 - low), np.where(high >= 1, np.inf, high / (1 - high))
    unknown = np.isnan(inside)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def score_p(distance: Floats, variance: Floats, impossible: Any, known: Any) -> Floats:
    """Two-sided p of a score statistic: 1 where the distance is 0, 0 where the tested value cannot be."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p = normal_two_sided(distance / np.sqrt(variance))
    p = np.where(distance == 0, 1.0, p)
    return np.where(known, np.where(impossible, 0.0, p), np.nan)


def _floats(*values: ArrayLike) -> list[Floats]:
    return [np.asarray(x) for x in np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in values))]


def _paired_score(b: Floats, c: Floats, a: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Distance and variance of (events - ratio * baseline events), both scaled, at ratio = share/(1 - share).

    The side that would be larger under the null is written first, so the ratio used, r, is at most 1. With t rows that
    have any event and q/s the restricted share of the rarer flip among them, q/s is the larger root of
    (r + r^2) t x^2 + ((1 - r^2)(a + c) - r^2 (b + c)) x - c r(1 - r), and the variance is r t ((1 - r) + (1 + r) q/s).
    """
    swap = share < 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(swap, share / (1 - share), (1 - share) / share)
    up, down = np.where(swap, c, b), np.where(swap, b, c)
    rows = a + b + c
    square = (r + r * r) * rows
    linear = (1 - r * r) * (a + down) - r * r * (up + down)
    product = down * r * (1 - r)
    root = np.sqrt(linear * linear + 4 * square * product)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(linear > 0, 2 * product / (linear + root), (root - linear) / (2 * square))
    x = np.where(np.isfinite(x), x, 0.0)
    distance = r * (a + up) - (a + down)
    return np.where(swap, -distance, distance), np.maximum(r * rows * ((1 - r) + (1 + r) * x), 0.0)


@dataclass(frozen=True, kw_only=True)
class RatioContrast(ABC):
    """Candidate - factor * baseline for two shares, tested through the ratio of the shares, as Fieller does for means.

    A ratio t outside its score interval is a contrast (t - factor) * baseline_value outside this one's: the interval
    excludes 0 exactly when the score test rejects `candidate == factor * baseline`.
    """

    factor: float
    identical: NDArray[np.bool_]
    sign: int = 1

    @abstractmethod
    def _values(self) -> tuple[Floats, Floats]:
        """The two shares, candidate first."""

    @abstractmethod
    def _plain_error(self) -> Floats:
        """Unrestricted standard error of candidate - factor * baseline."""

    @abstractmethod
    def _ratio_interval(self, alpha: float) -> tuple[Floats, Floats]: ...

    @abstractmethod
    def _ratio_p(self, ratio: Floats) -> Floats: ...

    @abstractmethod
    def _name(self) -> str: ...

    @abstractmethod
    def at(self, index: int) -> Self: ...

    @property
    def difference(self) -> Floats:
        candidate, baseline = self._values()
        return np.where(baseline > 0, self.sign * (candidate - self.factor * baseline), np.nan)

    @property
    def standard_error(self) -> Floats:
        """Unrestricted; where that is 0, half of the 95 % width over z."""
        error = self._plain_error()
        if (error > 0).all():
            return error
        low, high = self._limits(0.05)
        return np.where(error > 0, error, (high - low) / (2 * normal_quantile(0.05)))

    @property
    def reasons(self) -> tuple[str | None, ...]:
        candidate, baseline = self._values()
        empty = (np.isnan(candidate) | np.isnan(baseline)).tolist()
        return tuple(
            NO_ROWS if no else None if x > 0 else NO_EVENTS for no, x in zip(empty, baseline.tolist(), strict=True)
        )

    @property
    def methods(self) -> tuple[str, ...]:
        name = f"{self._name()}, of candidate - {self.factor:g} x baseline"
        return tuple("identical" if same else name for same in self.identical.tolist())

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = self._limits(alpha)
        return np.where(self.identical, self.difference, low), np.where(self.identical, self.difference, high)

    def _limits(self, alpha: float) -> tuple[Floats, Floats]:
        _, baseline = self._values()
        scale = np.where(baseline > 0, baseline, np.nan)
        with np.errstate(invalid="ignore"):
            low, high = ((limit - self.factor) * scale for limit in self._ratio_interval(alpha))
        return (low, high) if self.sign > 0 else (-high, -low)

    def p_value(self, null: float = 0.0) -> Floats:
        _, baseline = self._values()
        scale = np.where(baseline > 0, baseline, np.nan)
        p = np.where(np.isnan(scale), np.nan, self._ratio_p(self.factor + self.sign * null / scale))
        return np.where(self.identical, np.where(self.difference == null, 1.0, 0.0), p)

    def against(self, factor: float) -> Self:
        return replace(self, factor=self.factor * factor)


@dataclass(frozen=True, kw_only=True)
class PairedRatio(RatioContrast):
    """`RatioContrast` of two versions on the same rows; counts as in `paired_ratio_interval`, `n` all rows."""

    gained: NDArray[Any]
    lost: NDArray[Any]
    both: NDArray[Any]
    n: NDArray[Any]

    def _values(self) -> tuple[Floats, Floats]:
        b, c, a, rows = _floats(self.gained, self.lost, self.both, self.n)
        rows = np.where(rows > 0, rows, np.nan)
        return (a + b) / rows, (a + c) / rows

    def _plain_error(self) -> Floats:
        b, c, a, rows = _floats(self.gained, self.lost, self.both, self.n)
        rows = np.where(rows > 0, rows, np.nan)
        candidate, baseline = self._values()
        squares = (b + self.factor**2 * c + (1 - self.factor) ** 2 * a) / rows
        return np.sqrt(np.maximum(squares - (candidate - self.factor * baseline) ** 2, 0.0) / rows)

    def _ratio_interval(self, alpha: float) -> tuple[Floats, Floats]:
        return paired_ratio_interval(self.gained, self.lost, self.both, alpha=alpha)

    def _ratio_p(self, ratio: Floats) -> Floats:
        return paired_ratio_p_value(self.gained, self.lost, self.both, ratio)

    def _name(self) -> str:
        return "score test of the paired ratio (Tang)"

    def at(self, index: int) -> "PairedRatio":
        """The same contrast on one slice only (S = 1)."""
        one = slice(index, index + 1) if index != -1 else slice(-1, None)
        return replace(
            self,
            identical=self.identical[one],
            gained=self.gained[one],
            lost=self.lost[one],
            both=self.both[one],
            n=self.n[one],
        )
