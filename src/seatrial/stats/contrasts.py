"""Contrasts: a difference of two versions that can give its interval at any level and its p-value at any tested value.

Every array has one entry per slice, shape (S,). A difference that cannot be computed is NaN here, and `reasons[s]`
says why.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Contrast(Protocol):
    """candidate - baseline on S slices; the interval and the p-value are inversions of the same test."""

    @property
    def difference(self) -> Floats: ...

    @property
    def standard_error(self) -> Floats: ...

    @property
    def reasons(self) -> tuple[str | None, ...]: ...

    @property
    def methods(self) -> tuple[str, ...]:
        """The method in words, per slice."""
        ...

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Two-sided limits at level 1 - alpha, each (S,)."""
        ...

    def p_value(self, null: float = 0.0) -> Floats:
        """Two-sided p of `difference == null`, (S,): below alpha exactly when `null` is outside `interval(alpha)`."""
        ...

    def against(self, factor: float) -> "Contrast":
        """The contrast candidate - factor * baseline, for margins that are a share of the baseline's value."""
        ...

    def at(self, index: int) -> "Contrast":
        """The same contrast on one slice only (S = 1)."""
        ...
