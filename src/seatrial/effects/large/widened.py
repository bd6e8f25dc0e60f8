"""A contrast whose difference is known within a bound: its limits and its p move outwards by it."""

from dataclasses import dataclass

import numpy as np

from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.means import PairedMeans


@dataclass(frozen=True, kw_only=True)
class Widened:
    """`base` with every limit moved outwards: candidate - baseline is off by at most the sum of bounds, (S,) each."""

    base: PairedMeans
    bound_baseline: Floats
    bound_candidate: Floats
    factor: float = 1.0

    @property
    def _bound(self) -> Floats:
        bound = self.bound_candidate + abs(self.factor) * self.bound_baseline
        return np.where(self.base.identical, abs(1 - self.factor) * self.bound_baseline, bound)

    @property
    def difference(self) -> Floats:
        return self.base.difference

    @property
    def standard_error(self) -> Floats:
        return self.base.standard_error

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return self.base.reasons

    @property
    def methods(self) -> tuple[str, ...]:
        wide = (self._bound > 0).tolist()
        return tuple(f"{m}, widened by the bins" if w else m for m, w in zip(self.base.methods, wide, strict=True))

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = self.base.interval(alpha)
        return low - self._bound, high + self._bound

    def p_value(self, null: float = 0.0) -> Floats:
        """The largest p among the differences within the bound."""
        distance = self.base.difference - null
        nearest = null + np.sign(distance) * np.minimum(np.abs(distance), self._bound)
        return np.array([self.base.at(s).p_value(float(nearest[s]))[0] for s in range(len(nearest))])

    def against(self, factor: float) -> "Widened":
        return Widened(
            base=self.base.against(factor),
            bound_baseline=self.bound_baseline,
            bound_candidate=self.bound_candidate,
            factor=self.factor * factor,
        )

    def at(self, index: int) -> Contrast:
        one = slice(index, index + 1) if index != -1 else slice(-1, None)
        return Widened(
            base=self.base.at(index),
            bound_baseline=self.bound_baseline[one],
            bound_candidate=self.bound_candidate[one],
            factor=self.factor,
        )
