"""Stratified samples: how many rows, which stratum gives how many, and the estimate with its interval."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError, UsageError
from seatrial.stats.distributions import normal_quantile, student_quantile
from seatrial.stats.proportions import proportion_interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Allocation = Literal["proportional", "neyman", "rare"]


def rows_for(half_width: float, variance: ArrayLike, population: ArrayLike, *, alpha: float = 0.05) -> Integers:
    """Rows that give a mean of a variable with this variance this half width, by simple random sampling, (H,).

    n = 1/(d^2/(z^2 S^2) + 1/N), rounded up (Cochran 1977, equation 4.8, with the finite population correction).

    >>> rows_for(0.02, 0.25, [1e9, 3000]).tolist()
    [2401, 1334]
    """
    if not half_width > 0:
        raise UsageError(f"The half width of an interval is above 0, not {half_width!r}.")
    z = normal_quantile(alpha)
    spread, size = np.broadcast_arrays(np.asarray(variance, np.float64), np.asarray(population, np.float64))
    with np.errstate(divide="ignore"):
        needed = 1 / (half_width**2 / (z * z * spread) + 1 / size)
    return np.asarray(np.ceil(np.minimum(np.where(spread > 0, needed, 0), size) - 1e-9), dtype=np.int64)


def allocate(
    total: int,
    population: ArrayLike,
    *,
    sd: ArrayLike | None = None,
    how: Allocation = "proportional",
    least: int = 0,
) -> Integers:
    """Rows drawn from each stratum, (H,): in proportion to N, to N S (Neyman 1934), or to the root of N (`rare`).

    Each stratum gives at least `least` rows and at most all it has; what is left is shared again among the others.
    The sum is `total` where the limits allow it. `sd` (H,) are the standard deviations S that Neyman's rule takes.

    >>> allocate(100, [800, 150, 50], least=10).tolist()
    [76, 14, 10]
    >>> allocate(100, [500, 500], sd=[0.1, 0.4], how="neyman").tolist()
    [20, 80]
    """
    size = np.asarray(population, dtype=np.int64)
    if how == "neyman":
        if sd is None:
            raise UsageError("Neyman's allocation needs a standard deviation of each stratum.")
        share = np.asarray(size * np.maximum(np.asarray(sd, dtype=np.float64), 0), dtype=np.float64)
    else:
        share = np.asarray(size if how == "proportional" else np.sqrt(size), dtype=np.float64)
    low = np.minimum(least, size)
    if share.sum() <= 0:
        share = size.astype(np.float64)
    return _within(min(total, int(size.sum())), share, low, size)


def _within(total: int, share: Floats, low: Integers, high: Integers) -> Integers:
    """Whole numbers nearest to a multiple of `share`, between `low` and `high`, with this sum where it can be."""
    if total <= low.sum():
        return low.copy()
    scale_low, scale_high = 0.0, float(total + 1) * (high.sum() + 1) / max(share[share > 0].min(initial=1.0), 1e-300)
    for _ in range(200):
        scale = (scale_low + scale_high) / 2
        if np.clip(scale * share, low, high).sum() > total:
            scale_high = scale
        else:
            scale_low = scale
    wanted = np.clip(scale_low * share, low, high)
    found = np.floor(wanted + 1e-9).astype(np.int64)
    rest = int(total - found.sum())
    room = found < high
    order = np.lexsort((np.arange(len(found)), -(wanted - found)))
    order = order[room[order]]
    while rest > 0 and len(order):
        for place in order[:rest]:
            found[place] += 1
        rest = int(total - found.sum())
        order = order[(found < high)[order]]
    return found


def half_width(rows: ArrayLike, population: ArrayLike, variance: ArrayLike, *, alpha: float = 0.05) -> float:
    """Half width of the interval of the stratified mean: z sqrt(sum W^2 (1 - n/N) S^2/n), W = N/sum N.

    Infinite where a stratum with variance gives no row.

    >>> round(half_width([100, 100], [1000, 1000], [0.25, 0.25]), 4)
    0.0657
    """
    n, size, spread = (np.asarray(x, dtype=np.float64) for x in (rows, population, variance))
    if ((n <= 0) & (spread > 0) & (size > 0)).any():
        return float("inf")
    weight = size / size.sum()
    used = n > 0
    part = weight[used] ** 2 * (1 - n[used] / size[used]) * spread[used] / n[used]
    return float(normal_quantile(alpha) * np.sqrt(part.sum()))


def total_for(
    precision: float,
    population: ArrayLike,
    variance: ArrayLike,
    *,
    how: Allocation = "proportional",
    least: int = 2,
    alpha: float = 0.05,
) -> int:
    """The fewest rows whose allocation gives the stratified mean at most this half width.

    >>> total_for(0.05, [5000, 5000], [0.25, 0.25])
    370
    """
    if not precision > 0:
        raise UsageError(f"The half width of an interval is above 0, not {precision!r}.")
    size = np.asarray(population, dtype=np.int64)
    spread = np.asarray(variance, dtype=np.float64)
    sd = np.sqrt(spread)

    def enough(total: int) -> bool:
        rows = allocate(total, size, sd=sd, how=how, least=least)
        return half_width(rows, size, spread, alpha=alpha) <= precision

    low, high = int(np.minimum(least, size).sum()), int(size.sum())
    if enough(low):
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@dataclass(frozen=True, kw_only=True)
class StratifiedMean:
    """The mean of a population from a stratified sample."""

    value: float
    variance: float
    df: float
    n: int
    low: float | None = None
    high: float | None = None
    method: str
    reason: str | None = None


def stratified_mean(
    values: ArrayLike, stratum: ArrayLike, population: ArrayLike, *, alpha: float = 0.05, proportion: bool = False
) -> StratifiedMean:
    """Mean of a population: sum W_h ybar_h with variance sum W_h^2 (1 - n_h/N_h) s_h^2/n_h (Cochran 1977, chapter 5).

    Degrees of freedom by Satterthwaite, (sum g s^2)^2/sum(g^2 s^4/(n - 1)), g = N(N - n)/n. For a `proportion` the
    limits are Wilson's at the effective size (Korn and Graubard 1998), else Student's. `values` (n,), `stratum` (n,)
    codes 0..H-1, `population` (H,). Raises `DataError` for a stratum with under two rows, unless all of it was taken.

    >>> found = stratified_mean([1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1], [300, 700], proportion=True)
    >>> round(found.value, 4)
    0.4333
    """
    y, code = np.asarray(values, dtype=np.float64), np.asarray(stratum, dtype=np.intp)
    size = np.asarray(population, dtype=np.float64)
    n = np.bincount(code, minlength=len(size)).astype(np.float64)
    whole = n >= size
    if ((n < 2) & ~whole & (size > 0)).any():
        raise DataError("A stratum has under two rows: its variance cannot be estimated.")
    weight = size / size.sum()
    safe = np.maximum(n, 1)
    mean = np.bincount(code, weights=y, minlength=len(size)) / safe
    square = np.bincount(code, weights=(y - mean[code]) ** 2, minlength=len(size)) / np.maximum(n - 1, 1)
    value = float((weight * mean).sum())
    part = weight**2 * np.where(whole, 0.0, 1 - n / np.maximum(size, 1)) * square / safe
    variance = float(part.sum())
    df = float(variance**2 / (part**2 / np.maximum(n - 1, 1)).sum()) if variance > 0 else float("inf")
    rows = int(n.sum())
    if proportion:
        effective = float(rows)
        if variance > 0 and 0 < value < 1:  # may well be above n: that is what strata are for
            factor = student_quantile(rows - 1, alpha) / student_quantile(df, alpha)
            effective = (1 + value * (1 - value) / variance) * float(factor) ** 2
        low, high, methods = proportion_interval(value * rows, rows, alpha=alpha, effective_n=effective)
        return StratifiedMean(
            value=value, variance=variance, df=df, n=rows, low=float(low[0]), high=float(high[0]),
            method=f"stratified mean, {methods[0]}",
        )  # fmt: skip
    if variance <= 0:
        return StratifiedMean(
            value=value, variance=0.0, df=df, n=rows, method="stratified mean", reason="every stratum is constant"
        )
    half = float(student_quantile(df, alpha)) * float(np.sqrt(variance))
    return StratifiedMean(
        value=value, variance=variance, df=df, n=rows, low=value - half, high=value + half,
        method="stratified mean, Student limits with Satterthwaite's degrees of freedom",
    )  # fmt: skip
