"""Switchback: a whole market is in one arm at a time; the periods are what was randomised, and what is permuted."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError, UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.inversion import limit
from seatrial.stats.sorted_scores import column

EXACT = 20_000
"""Up to this many assignments all of them are tried."""
DRAWS = 10_000
ENOUGH = 1e-12


@dataclass(frozen=True, kw_only=True)
class SwitchbackEffect:
    """Treatment - control over periods; `low`, `high` hold every constant effect the permutation test accepts."""

    effect: float
    low: float
    high: float
    p_value: float
    periods: tuple[int, int]
    """Periods of the control and of the treatment that were used."""
    blocks: int
    dropped: int
    """Periods left out: by `keep`, without a number, or in a block that saw only one arm."""
    assignments: int
    """How many the design allows."""
    method: str
    notes: tuple[str, ...]
    reason: str | None


def switchback_effect(
    outcome: ArrayLike,
    treated: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    keep: ArrayLike | None = None,
    draws: int = DRAWS,
    alpha: float = 0.05,
    seed: int = 0,
) -> SwitchbackEffect:
    """Difference of arms over periods, tested by permuting the periods' labels, with limits by inverting that test.

    effect = sum_b W_b (mean treated - mean control in block b), W_b the block's share of weight; the labels are
    permuted within blocks, as they must have been randomised (Fisher's test; Bojinov, Simchi-Levi and Zhao, Management
    Science 69, 2023). All assignments when there are at most 20,000, else `draws` of them and p = (b + 1)/(B + 1).
    The limits are the constant effects tau at which the test on y - tau z has p > alpha.
    One entry per period: `outcome` (n,), NaN for none; `treated` (n,) 0 or 1; `blocks` (n,) such as the day; `weights`
    (n,) such as orders; `keep` (n,) False where carry-over of the period before still burns in.
    Where the design has too few assignments to reach alpha there is a reason and no interval.

    >>> found = switchback_effect([1.0, 5.0, 2.0, 6.0, 1.5, 5.5, 2.5, 6.5], [0, 1] * 4)
    >>> found.effect, round(found.p_value, 4), found.assignments
    (4.0, 0.0286, 70)
    """
    y, z, block, w, dropped = _periods(outcome, treated, blocks, weights, keep)
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must lie strictly between 0 and 1, got {alpha!r}.")
    if draws < 1:
        raise UsageError(f"draws must be at least 1, got {draws}.")
    many = int(block.max(initial=-1)) + 1
    counts = (int((z == 0).sum()), int((z == 1).sum()))
    if not many:
        return SwitchbackEffect(
            effect=math.nan,
            low=math.nan,
            high=math.nan,
            p_value=math.nan,
            periods=counts,
            blocks=0,
            dropped=dropped,
            assignments=0,
            method="none",
            notes=(),
            reason="no block has periods of both arms",
        )
    design = _Design(y=y, z=z, block=block, w=w, many=many)
    total = math.prod(math.comb(len(rows), int(z[rows].sum())) for rows in design.rows)
    exact = total <= EXACT
    labels = design.every() if exact else design.drawn(draws, np.random.default_rng(seed))
    by_y, by_z = design.effects(labels, y), design.effects(labels, z)
    observed = float(design.effects(z[None, :], y)[0])
    scale = ENOUGH * max(1.0, float(np.abs(y).max()))

    def p_value(tau: float) -> float:
        reached = np.abs(by_y - tau * by_z) >= abs(observed - tau) - scale * max(1.0, abs(tau))
        return float(reached.mean() if exact else (reached.sum() + 1) / (len(by_y) + 1))

    # as tau leaves the estimate, p falls: the observed |effect - tau| grows by 1 per unit, any other by at most 1
    spread = float(np.ptp(y))
    far = 1e3 * spread + abs(observed)
    ends = [observed - far, observed + far]
    reason = None
    if not spread > 0:
        reason = "every period has the same outcome: no interval can be formed"
    elif max(p_value(end) for end in ends) > alpha:
        reason = f"only {total} assignments are possible: the test cannot reach {alpha:g}, add periods or blocks"
    low = high = math.nan
    if reason is None:
        low, high = (
            float(
                limit(lambda tau: np.array([p_value(float(tau[0])) > alpha]), np.array([observed]), np.array([end]))[0]
            )
            for end in ends
        )
    notes = ("few assignments: the interval is wide by its grain",) if reason is None and total < 2 / alpha else ()
    return SwitchbackEffect(
        effect=observed,
        low=low,
        high=high,
        p_value=p_value(0.0) if spread > 0 else math.nan,
        periods=counts,
        blocks=many,
        dropped=dropped,
        assignments=total,
        method=f"permutation of periods{' within blocks' if many > 1 else ''}, "
        + (f"all {total} assignments" if exact else f"{draws} of {_many(total)} assignments"),
        notes=notes,
        reason=reason,
    )


@dataclass(frozen=True, kw_only=True)
class _Design:
    """The periods used, block by block."""

    y: Floats
    z: Floats
    block: NDArray[np.intp]
    w: Floats
    many: int

    @property
    def rows(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self.block == b) for b in range(self.many)]

    def effects(self, labels: Floats, values: Floats) -> Floats:
        """Effect of each assignment (B, n) on `values` (n,), (B,)."""
        found = np.zeros(len(labels))
        for rows in self.rows:
            given, w = labels[:, rows], self.w[rows]
            share = w.sum() / self.w.sum()
            weighted, ones = given @ (w * values[rows]), given @ w
            rest, others = w @ values[rows] - weighted, w.sum() - ones
            found += share * (weighted / ones - rest / others)
        return found

    def every(self) -> Floats:
        """All assignments with the treated periods per block that were seen, (B, n)."""
        labels = np.zeros((1, len(self.y)))
        for rows in self.rows:
            picks = list(combinations(rows.tolist(), int(self.z[rows].sum())))
            grown = np.repeat(labels, len(picks), axis=0)
            for k, pick in enumerate(picks):
                grown[k :: len(picks), list(pick)] = 1.0
            labels = grown
        return labels

    def drawn(self, draws: int, rng: np.random.Generator) -> Floats:
        """`draws` assignments at random, (B, n)."""
        labels = np.empty((draws, len(self.y)))
        for rows in self.rows:
            labels[:, rows] = rng.permuted(np.broadcast_to(self.z[rows], (draws, len(rows))), axis=1)
        return labels


def _periods(
    outcome: ArrayLike,
    treated: ArrayLike,
    blocks: ArrayLike | None,
    weights: ArrayLike | None,
    keep: ArrayLike | None,
) -> tuple[Floats, Floats, NDArray[np.intp], Floats, int]:
    """The periods that count: outcome, label, block code, weight; and how many do not."""
    y = column(outcome, "outcome")
    n = len(y)
    z = column(treated, "treated", length=n)
    w = np.ones(n) if weights is None else column(weights, "weights", length=n)
    if not np.isin(z, (0.0, 1.0)).all():
        raise DataError("treated must be 0 or 1 in every period.")
    if np.isinf(y).any() or not np.isfinite(w).all() or (w < 0).any():
        raise DataError("Outcomes must be finite, and weights finite and not negative.")
    named = np.zeros(n, dtype=np.intp) if blocks is None else np.asarray(blocks)
    usable = np.ones(n, dtype=np.bool_) if keep is None else np.asarray(keep, dtype=np.bool_)
    if named.shape != y.shape or usable.shape != y.shape:
        raise DataError(f"blocks and keep need one entry for each of the {n} periods.")
    usable = usable & ~np.isnan(y) & (w > 0)
    code = np.unique(named, return_inverse=True)[1]
    size = int(code.max(initial=-1)) + 1
    both = (np.bincount(code[usable], minlength=size) > np.bincount(code[usable], z[usable], size)) & (
        np.bincount(code[usable], z[usable], size) > 0
    )
    usable &= both[code]
    block = np.unique(code[usable], return_inverse=True)[1].astype(np.intp)
    return y[usable], z[usable], block, w[usable], n - int(usable.sum())


def _many(total: int) -> str:
    """A number of assignments, which may be too large for a float.

    >>> _many(12_870), _many(10**400)
    ('12,870', 'about 10^400')
    """
    return f"{total:,}" if total < 10**9 else f"about 10^{len(str(total)) - 1}"
