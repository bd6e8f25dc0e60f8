"""What two samples of one population show: permutations of the rows for small samples, limit laws for large ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.contrasts import Floats
from seatrial.stats.ordered import Ordered

Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Permutations:
    """`labels` (B, N): 1 where a drawn reference holds the row; the same draws serve every column."""

    labels: NDArray[np.int8]

    @classmethod
    def draw(cls, n: int, m: int, *, draws: int, seed: int) -> "Permutations":
        """`draws` random choices of n of the n + m rows."""
        label = np.zeros(n + m, dtype=np.int8)
        label[:n] = 1
        rng = np.random.default_rng(seed)
        return cls(labels=rng.permuted(np.tile(label, (draws, 1)), axis=1))

    @property
    def draws(self) -> int:
        return len(self.labels)

    def counts(self, codes: ArrayLike, size: int) -> tuple[Floats, Floats]:
        """Rows of the drawn reference, and of the rest, in each of `size` levels: (B, size) each.

        `codes` (N,) in the order of the rows; a row with a negative code (missing) is left out.
        """
        given = np.asarray(codes, dtype=np.int64)
        order = np.argsort(given, kind="stable")
        order = order[int((given < 0).sum()) :]
        level = given[order]
        total = np.bincount(level, minlength=size).astype(np.float64)
        ends = np.searchsorted(level, np.arange(size), side="right")
        found = np.empty((self.draws, size))
        for start in range(0, self.draws, 250):
            running = np.zeros((len(self.labels[start : start + 250]), len(order) + 1))
            np.cumsum(self.labels[start : start + 250][:, order], axis=1, out=running[:, 1:])
            found[start : start + 250] = np.diff(running[:, ends], axis=1, prepend=0.0)
        return found, total - found

    def p_value(self, drawn: Floats, observed: float) -> float:
        """(b + 1)/(B + 1), b the draws at least as large as what was seen."""
        return (int((drawn >= observed - 1e-12 * max(1.0, abs(observed))).sum()) + 1) / (len(drawn) + 1)


def shares(counts: Floats) -> Floats:
    """Counts (B, K) as shares of their row; a row without any is all 0."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(counts / np.where(total > 0, total, 1.0))


class Bridges:
    """Draws of a Brownian bridge on a fixed grid: the law of sqrt(nm/(n+m)) (F - G) for large samples.

    The grid is dense at both ends, where heavy tails put the area between two distribution functions.
    """

    POINTS = 301

    def __init__(self, *, draws: int = 2000, seed: int = 0) -> None:
        self.draws, self.seed = draws, seed

    @cached_property
    def grid(self) -> Floats:
        """Shares of the pooled rows, ascending within (0, 1)."""
        return np.asarray(1 / (1 + np.exp(-np.linspace(-12.0, 12.0, self.POINTS))))

    @cached_property
    def heights(self) -> Floats:
        """|B(t)| at the grid, (draws, POINTS)."""
        t = self.grid
        rng = np.random.default_rng(self.seed)
        spread = np.sqrt(np.diff(t, prepend=0.0, append=1.0))
        path = np.cumsum(rng.normal(size=(self.draws, len(spread))) * spread, axis=1)
        return np.abs(path[:, :-1] - path[:, -1:] * t)

    @cached_property
    def between(self) -> Floats:
        """|B(t)| over the steps of the grid, (draws, POINTS - 1)."""
        return (self.heights[:, 1:] + self.heights[:, :-1]) / 2

    def wasserstein(self, both: Ordered) -> Floats:
        """Draws of the Wasserstein-1 distance of two samples of these sizes from the pooled distribution, (draws,)."""
        total = both.n + both.m
        at = np.clip(np.ceil(self.grid * total).astype(np.int64) - 1, 0, total - 1)
        steps = np.diff(both.pooled(at))
        # not by BLAS: its threads wait busily after every call, which costs more than so small a product
        return np.asarray(np.sqrt(1 / both.n + 1 / both.m) * np.einsum("ij,j->i", self.between, steps))
