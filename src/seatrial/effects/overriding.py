"""A contrast of many slices, some of which are answered by another method."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.contrasts import Contrast

Floats = NDArray[np.float64]


class Overriding:
    """`base` on every slice but those of `others`, each a contrast of one slice."""

    def __init__(self, base: Contrast, others: Mapping[int, Contrast]) -> None:
        self._base, self._others = base, dict(others)

    def _patched(self, base: Floats, name: str) -> Floats:
        found = np.array(base, dtype=float)
        for index, other in self._others.items():
            found[index] = getattr(other, name)[0]
        return found

    @property
    def difference(self) -> Floats:
        return self._patched(self._base.difference, "difference")

    @property
    def standard_error(self) -> Floats:
        return self._patched(self._base.standard_error, "standard_error")

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return tuple(self._others[i].reasons[0] if i in self._others else r for i, r in enumerate(self._base.reasons))

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(self._others[i].methods[0] if i in self._others else m for i, m in enumerate(self._base.methods))

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = (np.array(x, dtype=float) for x in self._base.interval(alpha))
        for index, other in self._others.items():
            below, above = other.interval(alpha)
            low[index], high[index] = below[0], above[0]
        return low, high

    def p_value(self, null: float = 0.0) -> Floats:
        found = np.array(self._base.p_value(null), dtype=float)
        for index, other in self._others.items():
            found[index] = other.p_value(null)[0]
        return found

    def against(self, factor: float) -> "Contrast":
        return Overriding(self._base.against(factor), {i: other.against(factor) for i, other in self._others.items()})

    def at(self, index: int) -> "Contrast":
        return self._others.get(index) or self._base.at(index)
