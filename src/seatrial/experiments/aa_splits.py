"""Random splits of units in two, and the p-value of each split, for a thousand splits at a time.

Every split is one slice of `ArmMeans`, so that the test is the one `analyze` does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.experiments.rows_in_units import FEW
from seatrial.expressions import Mean, Node, Quantile, Size, atoms, linearise
from seatrial.stats.arms import ArmMeans, contrast
from seatrial.stats.clustered_quantiles import clustered_quantile, clustered_quantile_contrast
from seatrial.stats.clusters import METHOD, cluster_variance

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
CELLS = 4_000_000
"""Units times splits held at a time."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one metric that have it: a value for each mean of its formula, and the place of each row's unit."""

    tree: Node
    keys: tuple[str, ...]
    """Of the means, in the order of the columns of `values`."""
    values: Floats
    """(rows, means)."""
    unit: Codes
    """(rows,) in 0..units-1."""
    units: int
    share: bool
    """A yes/no metric of single rows."""

    @property
    def repeats(self) -> bool:
        return len(self.unit) > len(np.unique(self.unit))


@dataclass(frozen=True, kw_only=True)
class PValues:
    """The p-values of the splits, NaN where there is none, and the method."""

    p_values: Floats
    method: str


def splits(units: int, simulations: int, seed: int) -> Iterator[NDArray[np.int8]]:
    """Fair coins for every unit, some splits at a time: (splits, units) of 0 and 1, the same for every metric."""
    rng = np.random.default_rng(seed)
    done = 0
    while done < simulations:
        some = min(max(1, CELLS // max(units, 1)), simulations - done)
        yield rng.integers(0, 2, size=(some, units), dtype=np.int8)
        done += some


def independent_rows(rows: Rows, by_unit: bool, simulations: int, seed: int) -> PValues:
    """Every row taken as independent: Welch, the delta method, or Miettinen and Nurminen's score test for a share.

    Split by unit where `by_unit` (rows of one unit are then in one arm), else row by row.
    """
    place, size = (rows.unit, rows.units) if by_unit else (np.arange(len(rows.unit)), len(rows.unit))
    block = _blocks(rows.values, place, size)
    found, method = [], ""
    for coins in splits(size, simulations, seed):
        arms = _plain_means(rows, block.over(coins))
        one = contrast(arms, 1).contrast
        found.append(one.p_value(0.0))
        method = next((m for m, r in zip(one.methods, one.reasons, strict=True) if r is None), method)
    return PValues(p_values=np.concatenate(found), method=method)


def by_unit(rows: Rows, simulations: int, seed: int) -> PValues:
    """Rows added up by unit, each mean a ratio of sums over units: CR2 up to 20,000 units, the delta method above."""
    sums = np.stack([_added(rows.unit, x, rows.units) for x in rows.values.T], axis=1)
    sizes = np.bincount(rows.unit, minlength=rows.units).astype(np.float64)
    there = sizes > 0
    few = int(there.sum()) <= FEW
    pairs = np.column_stack([sums, sizes])[there]
    block = None if few else _blocks(pairs, np.arange(len(pairs)), len(pairs))
    found, method = [], ""
    for coins in splits(rows.units, simulations, seed):
        arms = (
            _robust_means(rows, coins[:, there], sums[there], sizes[there])
            if block is None
            else _ratio_means(rows, block.over(coins[:, there]))
        )
        one = contrast(arms, 1).contrast
        found.append(one.p_value(0.0))
        method = next((m for m, r in zip(one.methods, one.reasons, strict=True) if r is None), method)
    return PValues(p_values=np.concatenate(found), method=method)


def quantile(rows: Rows, probability: float, simulations: int, seed: int) -> PValues:
    """A quantile in both arms, clustered by unit, split by split."""
    value = rows.values[:, 0]
    found, method = [], ""
    for coins in splits(rows.units, simulations, seed):
        for coin in coins:
            second = coin[rows.unit] == 1
            sides = [clustered_quantile(value[side], rows.unit[side], probability) for side in (second, ~second)]
            one = clustered_quantile_contrast(sides[0], sides[1])
            found.append(one.p_value(0.0))
            method = one.methods[0] if one.reasons[0] is None else method
    return PValues(p_values=np.concatenate(found), method=method)


def influences(rows: Rows) -> tuple[float | None, Floats, str | None]:
    """The metric's value on all rows, the influence of every unit that has it, and why there is no value."""
    if isinstance(rows.tree, Quantile):
        at = float(np.quantile(rows.values[:, 0], rows.tree.probability))
        above = (rows.values[:, 0] > at).astype(np.float64)
        above -= above.mean()
        return at, _added(rows.unit, above, rows.units), None
    means = rows.values.mean(axis=0)
    given = {key: np.array([mean]) for key, mean in zip(rows.keys, means.tolist(), strict=True)}
    given |= {atom.key(): np.array([float(len(rows.unit))]) for atom in atoms(rows.tree) if isinstance(atom, Size)}
    linear = linearise(rows.tree, given)
    reason = linear.reason[0] or linear.no_slope[0]
    if reason is not None:
        return None, np.empty(0), reason
    slope = np.array([float(np.broadcast_to(linear.gradient[key], (1,))[0]) for key in rows.keys])
    own = (rows.values - means) @ slope
    there = np.bincount(rows.unit, minlength=rows.units) > 0
    return float(linear.value[0]), _added(rows.unit, own, rows.units)[there], None


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """Of each arm and split: rows (2, B), sums (2, B, K) and products (2, B, K, K) of values less `centre`."""

    n: Floats
    sums: Floats
    products: Floats
    centre: Floats

    @property
    def means(self) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.sums / self.n[..., None] + self.centre)

    @property
    def covariance(self) -> Floats:
        """Of single rows, with n - 1."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.sums / self.n[..., None]
            square = self.products - self.n[..., None, None] * mean[..., :, None] * mean[..., None, :]
            return np.asarray(square / (self.n - 1)[..., None, None])


@dataclass(frozen=True, kw_only=True)
class _Blocks:
    """What one unit adds to an arm: its rows, sums and products; whole multiples, so that sums are the same in any
    order."""

    table: Floats
    """(units, 1 + K + K (K + 1)/2)."""
    whole: Floats
    centre: Floats
    pairs: tuple[Codes, Codes]

    def over(self, coins: NDArray[np.int8]) -> _Sums:
        second = coins.astype(np.float64) @ self.table
        both = np.stack([self.whole - second, second])
        k = len(self.centre)
        products = np.empty((*both.shape[:2], k, k))
        products[:, :, self.pairs[0], self.pairs[1]] = both[:, :, 1 + k :]
        products[:, :, self.pairs[1], self.pairs[0]] = both[:, :, 1 + k :]
        return _Sums(n=both[:, :, 0], sums=both[:, :, 1 : 1 + k], products=products, centre=self.centre)


def _blocks(values: Floats, place: Codes, size: int) -> _Blocks:
    centre = values.mean(axis=0)
    off = values - centre
    first, second = np.triu_indices(values.shape[1])
    parts = [np.ones(len(off)), *off.T, *(off[:, first] * off[:, second]).T]
    table = np.stack([_whole(_added(place, part, size)) for part in parts], axis=1)
    return _Blocks(table=table, whole=table.sum(axis=0), centre=centre, pairs=(first, second))


def _added(place: Codes, values: Floats, size: int) -> Floats:
    return np.bincount(place, values, size).astype(np.float64)


def _whole(values: Floats) -> Floats:
    """Values rounded to a multiple of a power of two of which every sum of them is exact."""
    total = float(np.abs(values).sum())
    if total == 0:
        return values
    power = 51 - int(np.ceil(np.log2(total)))
    return np.asarray(np.ldexp(np.rint(np.ldexp(values, power)), -power))


def _line(tree: Node, keys: Sequence[str], means: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Value (B,) and gradient (B, K) of a formula at the means (B, K); NaN where it has none."""
    given: dict[str, Floats] = {key: means[:, k] for k, key in enumerate(keys)}
    given |= {atom.key(): n for atom in atoms(tree) if isinstance(atom, Size)}
    linear = linearise(tree, given)
    value = np.array(np.broadcast_to(linear.value, n.shape), dtype=np.float64)
    slope = np.stack([np.broadcast_to(linear.gradient[key], n.shape) for key in keys], axis=1)
    return value, slope


def _plain_means(rows: Rows, sums: _Sums) -> ArmMeans:
    values, variances = [], []
    for n, means, covariance in zip(sums.n, sums.means, sums.covariance, strict=True):
        value, slope = _line(rows.tree, rows.keys, means, n)
        values.append(value)
        variances.append(np.einsum("bk,bkl,bl->b", slope, covariance, slope) / n)
    return _arm_means(
        sums.n,
        np.stack(values),
        np.stack(variances),
        sums.n - 1,
        count=np.rint(sums.n * sums.means[:, :, 0]) if rows.share else None,
        method="Welch t" if isinstance(rows.tree, Mean) else "Welch t, delta method",
    )


def _ratio_means(rows: Rows, sums: _Sums) -> ArmMeans:
    """Over units: the last column is the number of rows, the others their sums."""
    values, variances = [], []
    for n, means, covariance in zip(sums.n, sums.means, sums.covariance, strict=True):
        size = means[:, -1:]
        ratios = means[:, :-1] / size
        value, slope = _line(rows.tree, rows.keys, ratios, n * size[:, 0])
        whole = np.column_stack([slope / size, -(slope * ratios).sum(axis=1) / size[:, 0]])
        values.append(value)
        variances.append(np.einsum("bk,bkl,bl->b", whole, covariance, whole) / n)
    return _arm_means(
        sums.n,
        np.stack(values),
        np.stack(variances),
        sums.n - 1,
        method="Welch t, delta method over units of several rows",
    )


def _robust_means(rows: Rows, coins: NDArray[np.int8], sums: Floats, sizes: Floats) -> ArmMeans:
    """CR2 over units (Bell and McCaffrey), every split and arm a slice."""
    b, units = coins.shape
    at = (2 * np.arange(b)[:, None] + coins).ravel()

    def total(values: Floats) -> Floats:
        return _added(at, np.broadcast_to(values, (b, units)).ravel(), 2 * b)

    mass = total(sizes)
    means = np.stack([total(sums[:, k]) / mass for k in range(sums.shape[1])], axis=1)
    value, slope = _line(rows.tree, rows.keys, means, mass)
    level = (slope * means).sum(axis=1)
    own = (slope[at].reshape(b, units, -1) * sums).sum(axis=2).ravel() - level[at] * np.tile(sizes, b)
    robust = cluster_variance(np.nan_to_num(own), np.tile(sizes, b), at, 2 * b)

    def shaped(values: Floats) -> Floats:
        return values.reshape(b, 2).T

    n = np.bincount(at, minlength=2 * b).astype(np.float64)
    return _arm_means(shaped(n), shaped(value), shaped(robust.variance), shaped(robust.df), method=METHOD)


def _arm_means(
    n: Floats, value: Floats, variance: Floats, df: Floats, *, count: Floats | None = None, method: str
) -> ArmMeans:
    """(2, B) arrays as two arms in one phase, a slice a split."""
    shape = (2, 1, n.shape[1])
    return ArmMeans(
        n=n.reshape(shape),
        value=value.reshape(shape),
        variance=variance.reshape(shape),
        df=df.reshape(shape),
        covariates=np.empty((*shape, 0)),
        with_covariates=np.empty((*shape, 0)),
        between_covariates=np.empty((*shape, 0, 0)),
        count=None if count is None else count.reshape(shape),
        method=method,
    )
