"""What every simulation here gives: rows of (method, setting, quantity, measured, band), and their table.

Bands for 2,000 simulations at .05 hold the sampling error of the simulation itself. The seed is fixed, nothing is tried
again. A simulation is a function of (simulations, seed); `slow` ones run only under the marker `validity`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIMULATIONS = 2_000
SEED = 0
SIZE = (0.0345, 0.0665)
COVERAGE = (0.9335, 0.9655)
CONSERVATIVE_SIZE = (0.0, 0.0665)
CONSERVATIVE_COVERAGE = (0.9335, 1.0)
EXACT_SIZE = (0.0, 0.055)
SCORE_SIZE = (0.0, 0.06)
WILSON_MEAN = (0.945, 0.96)
WILSON_LEAST = (0.905, 1.0)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured property; `band` None for a row that shows another method, or where ours is known to fall short."""

    method: str
    setting: str
    quantity: str
    measured: float
    band: tuple[float, float] | None

    @property
    def ok(self) -> bool:
        return self.band is None or self.band[0] <= self.measured <= self.band[1]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A named simulation."""

    name: str
    run: Callable[[int, int], list[Row]]
    slow: bool = False


def reject(p: NDArray[np.float64], alpha: float = 0.05) -> float:
    """Share of the p-values that are known and below alpha."""
    known = p[~np.isnan(p)]
    return float((known < alpha).mean())


def covers(limits: tuple[NDArray[np.float64], NDArray[np.float64]], truth: float) -> float:
    """Share of the known intervals that hold the truth."""
    low, high = limits
    known = ~np.isnan(low)
    return float(((low[known] <= truth) & (truth <= high[known])).mean())


def failures(rows: Iterable[Row]) -> list[str]:
    """The rows outside their band, in words."""
    return [
        f"{row.method}, {row.setting}: {row.quantity} {row.measured:.4f} outside {row.band}"
        for row in rows
        if not row.ok
    ]


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| method | setting | quantity | measured | band | |", "|---|---|---|---:|---|---|"]
    for row in rows:
        band = "shown, not gated" if row.band is None else f"{row.band[0]:.2%} to {row.band[1]:.2%}"
        mark = "" if row.band is None else "within" if row.ok else "**outside**"
        lines.append(f"| {row.method} | {row.setting} | {row.quantity} | {row.measured:.2%} | {band} | {mark} |")
    return "\n".join(lines) + "\n"
