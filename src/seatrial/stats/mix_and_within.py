"""Kitagawa's decomposition: how much of a change is another mix of slices, how much a change within them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile

METHOD = "Kitagawa, symmetric; normal limits from row influences"
Value = Callable[[Floats], Floats]
"""The metric from the means of its terms: (..., A) to (...)."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the change."""

    value: float
    standard_error: float

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Normal limits at 1 - alpha; NaN where the error is 0 or unknown."""
        half = float(normal_quantile(alpha)) * (self.standard_error if self.standard_error > 0 else np.nan)
        return self.value - half, self.value + half


@dataclass(frozen=True, kw_only=True)
class MixAndWithin:
    """total = mix + within, and the slices' parts add up to each."""

    total: Part
    mix: Part
    within: Part
    reference_share: Floats
    current_share: Floats
    mix_by_slice: Floats
    within_by_slice: Floats
    one_sided: NDArray[np.bool_]
    """(S,): slices that only one sample has; all of theirs is mix."""


def mix_and_within(
    reference: tuple[ArrayLike, ArrayLike], current: tuple[ArrayLike, ArrayLike], size: int, value: Value
) -> MixAndWithin:
    """Decompose f(current) - f(reference) for a metric f of term means over `size` slices (Kitagawa 1955).

    Each side is (slice codes (n,), terms (n, A)). With shares p, q and slice means a, b of the terms, F(p, a) = f(sum
    p_s a_s): mix = half of F(q,a) - F(p,a) + F(q,b) - F(p,b), within = half of F(p,b) - F(p,a) + F(q,b) - F(q,a). For a
    mean these are sum (q-p)(a+b)/2 and sum (p+q)/2 (b-a); else a slice's part is by the metric's slope averaged on the
    straight way between the two means (Aumann and Shapley 1974), so that parts add up. Standard errors by the influence
    of each row on its sample's shares and means. Raises `DataError` when a side is empty.

    >>> both = mix_and_within(([0, 0, 1, 1], [[1], [1], [0], [0]]), ([0, 1, 1, 1], [[1], [0], [0], [0]]), 2,
    ...                       lambda means: means[..., 0])
    >>> both.total.value, both.mix.value, both.within.value
    (-0.25, -0.25, 0.0)
    """
    sides = [_Side.of(codes, terms, size) for codes, terms in (reference, current)]
    a, b = sides
    parts = {"total": _total, "mix": _mix, "within": _within}
    found = {}
    for name, part in parts.items():
        here = float(part(a, b, value))
        variance = 0.0
        for at, side in enumerate(sides):
            slope_share, slope_sum = side.slopes(
                lambda moved, at=at, part=part: float(part(*((moved, b) if at == 0 else (a, moved)), value))  # type: ignore[misc]
            )
            row = slope_share[side.codes] + (slope_sum[side.codes] * side.terms).sum(axis=1)
            n = len(row)
            variance += float(((row - row.mean()) ** 2).sum()) / (n * max(n - 1, 1)) if n > 1 else np.nan
        found[name] = Part(value=here, standard_error=float(np.sqrt(variance)))
    am, bm = _filled(a, b)
    mixed, inside = np.zeros(size), np.zeros(size)
    centre = (a.share @ am + b.share @ bm) / 2
    for means in (am, bm):
        slope = _slope_between(value, a.share @ means, b.share @ means)
        mixed += (b.share - a.share) * ((means - centre) @ slope) / 2
    for share in (a.share, b.share):
        inside += share * ((bm - am) @ _slope_between(value, share @ am, share @ bm)) / 2
    return MixAndWithin(
        total=found["total"],
        mix=found["mix"],
        within=found["within"],
        reference_share=a.share,
        current_share=b.share,
        mix_by_slice=mixed,
        within_by_slice=inside,
        one_sided=(a.share > 0) != (b.share > 0),
    )


@dataclass(frozen=True, kw_only=True)
class _Side:
    codes: NDArray[np.int64]
    terms: Floats
    share: Floats
    sums: Floats
    """(S, A): sum of the terms over a slice's rows / all rows."""

    @classmethod
    def of(cls, codes: ArrayLike, terms: ArrayLike, size: int) -> "_Side":
        where, rows = np.asarray(codes, dtype=np.int64), np.asarray(terms, dtype=np.float64)
        if not len(where):
            raise DataError("A decomposition needs rows on both sides.")
        n = len(where)
        sums = np.stack([np.bincount(where, column, size) / n for column in rows.T], axis=1)
        return cls(codes=where, terms=rows, share=np.bincount(where, minlength=size) / n, sums=sums)

    def slopes(self, of: Callable[["_Side"], float]) -> tuple[Floats, Floats]:
        """Numeric derivatives by the shares (S,) and by the sums (S, A) of the slices this side has."""
        by_share, by_sum = np.zeros_like(self.share), np.zeros_like(self.sums)
        for s in np.flatnonzero(self.share > 0):
            step = 1e-4 * self.share[s]
            for sign in (1.0, -1.0):
                share = self.share.copy()
                share[s] += sign * step
                moved = _Side(codes=self.codes, terms=self.terms, share=share, sums=self.sums)
                by_share[s] += sign * of(moved) / (2 * step)
            for k in range(self.sums.shape[1]):
                scale = max(abs(float(self.sums[s, k])), float(self.share[s]) * 1e-2)
                for sign in (1.0, -1.0):
                    sums = self.sums.copy()
                    sums[s, k] += sign * 1e-4 * scale
                    moved = _Side(codes=self.codes, terms=self.terms, share=self.share, sums=sums)
                    by_sum[s, k] += sign * of(moved) / (2e-4 * scale)
        return by_share, by_sum


def _filled(a: _Side, b: _Side) -> tuple[Floats, Floats]:
    """Slice means of both sides; a slice one side lacks has the other's."""
    with np.errstate(invalid="ignore", divide="ignore"):
        am, bm = a.sums / a.share[:, None], b.sums / b.share[:, None]
    has_a, has_b = (a.share > 0)[:, None], (b.share > 0)[:, None]
    return np.where(has_a, am, np.where(has_b, bm, 0.0)), np.where(has_b, bm, np.where(has_a, am, 0.0))


def _total(a: _Side, b: _Side, value: Value) -> float:
    am, bm = _filled(a, b)
    return float(value(b.share @ bm) - value(a.share @ am))


def _mix(a: _Side, b: _Side, value: Value) -> float:
    am, bm = _filled(a, b)
    return float(sum(value(b.share @ means) - value(a.share @ means) for means in (am, bm)) / 2)


def _within(a: _Side, b: _Side, value: Value) -> float:
    am, bm = _filled(a, b)
    return float(sum(value(share @ bm) - value(share @ am) for share in (a.share, b.share)) / 2)


def _slope_between(value: Value, start: Floats, end: Floats) -> Floats:
    """The metric's gradient averaged from one point to another (Gauss-Legendre, 16 points)."""
    places, weights = np.polynomial.legendre.leggauss(16)
    slopes = [_gradient(value, start + (end - start) * (place + 1) / 2) for place in places]
    return np.asarray(np.average(slopes, axis=0, weights=weights))


def _gradient(value: Value, at: Floats) -> Floats:
    found = np.empty_like(at)
    for k in range(len(at)):
        step = 1e-5 * max(abs(float(at[k])), 1e-3)
        up, down = at.copy(), at.copy()
        up[k] += step
        down[k] -= step
        found[k] = float(value(up) - value(down)) / (2 * step)
    return found
