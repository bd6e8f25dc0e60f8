"""AUC and Spearman's rho: AUC and its variance per slice from one sorted scan, influences of rows when asked.

An influence psi (n,) has mean zero and is scaled so that var(value) = sum psi^2 / (n (n - 1)); with weights it already
holds the weight. Covariances of AUCs divide by n1 - 1 and n0 - 1 within the classes instead: DeLong's estimate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import DataError
from seatrial.stats.distributions import student_quantile
from seatrial.stats.sorted_scores import Floats, Integers, Runs, SliceOrder, SortedScores, column

FEW_OF_A_CLASS = 20
FEW_NEAR_ONE = 100
NEAR_ONE = 0.95


@dataclass(frozen=True, kw_only=True)
class RankTable:
    """A rank metric per slice: `value`, `variance`, `df`, `n_pos`, `n_neg` (rows), each (S,); NaN where it has none.

    `df` are the degrees of freedom of the variance: Satterthwaite's over the two classes for AUC, fewer near an AUC
    of 1 (normal limits miss 11 % with 10 positives among 1,000 negatives), the rarer class's rows less one for
    average precision.
    """

    value: Floats
    variance: Floats
    df: Floats
    n_pos: Integers
    n_neg: Integers

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        """Why a slice has no value or no interval by influences, None where it has both."""
        return tuple(
            _reason(value, variance, positives, negatives)
            for value, variance, positives, negatives in zip(
                self.value.tolist(), self.variance.tolist(), self.n_pos.tolist(), self.n_neg.tolist(), strict=True
            )
        )

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Two-sided Student limits on the logit scale, (S,) each; NaN where there is a reason."""
        return logit_interval(self.value, self.variance, alpha, df=self.df)


@dataclass(frozen=True, kw_only=True)
class PairedRankTable:
    """Two models' AUCs per slice on the same rows: DeLong's variance of the difference, Satterthwaite's df, (S,)."""

    first: RankTable
    second: RankTable
    variance: Floats
    df: Floats

    @property
    def difference(self) -> Floats:
        """second - first, (S,)."""
        return self.second.value - self.first.value

    @property
    def covariance(self) -> Floats:
        """Covariance of the two AUCs, (S,)."""
        return (self.first.variance + self.second.variance - self.variance) / 2

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Two-sided Student limits of the difference, (S,) each; NaN where its variance is 0 or unknown."""
        reach = student_quantile(self.df, alpha) * np.sqrt(np.where(self.variance > 0, self.variance, np.nan))
        return self.difference - reach, self.difference + reach


def _reason(value: float, variance: float, positives: int, negatives: int) -> str | None:
    if positives == 0:
        return "no rows" if negatives == 0 else "no positive labels"
    if np.isnan(value):
        return "no negative labels"
    if np.isnan(variance):
        return "one row of a class has no variance"
    if variance == 0 or value in (0.0, 1.0):
        return f"the value is {value:g} on every row, so its standard error is 0"
    return None


def logit_interval(
    value: ArrayLike, variance: ArrayLike, alpha: float = 0.05, *, df: ArrayLike = np.inf
) -> tuple[Floats, Floats]:
    """Two-sided Student limits on the logit scale for values in (0, 1); NaN at 0, at 1, and without a variance.

    expit(logit(v) -+ t sqrt(variance) / (v (1 - v))), normal when `df` is infinite.

    >>> low, high = logit_interval([0.9], [0.0004])
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.8534, 0.9329)
    """
    v, s = np.asarray(value, np.float64), np.asarray(variance, np.float64)
    usable = (v > 0) & (v < 1) & (s > 0)
    v, s = np.where(usable, v, np.nan), np.where(usable, s, np.nan)
    reach = student_quantile(df, alpha) * np.sqrt(s) / (v * (1 - v))
    center = special.logit(v)
    return np.asarray(special.expit(center - reach)), np.asarray(special.expit(center + reach))


def snap(value: Floats) -> Floats:
    """Values within rounding of 0 or 1 (weights are floats) to exactly 0 or 1."""
    low: Floats = np.where(value < 1e-12, 0.0, value)
    high: Floats = np.where(low > 1 - 1e-12, 1.0, low)
    return high


def divide(top: ArrayLike, bottom: ArrayLike) -> Floats:
    """top / bottom with NaN where bottom is not positive."""
    t, b = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    shape = np.broadcast_shapes(t.shape, b.shape)
    ratio: Floats = np.divide(t, b, out=np.full(shape, np.nan), where=b > 0)
    return ratio


def complete(score: ArrayLike, label: ArrayLike, weight: ArrayLike | None) -> SliceOrder:
    """All rows as one slice; raises `DataError` when a row lacks its score or label."""
    rows = SortedScores(score, label, weight)
    without = 0 if weight is None else int((np.asarray(weight) == 0).sum())
    if rows.missing > without:
        raise DataError(f"{rows.missing - without} rows lack a score or a label; leave them out first.")
    return rows.whole()


def sole_value(table: RankTable, name: str) -> float:
    """The value of the only slice; raises `DataError` when it has none."""
    if len(table.value) == 0 or np.isnan(table.value[0]):
        raise DataError(f"{name} has no value: {table.reasons[0]}.")
    return float(table.value[0])


def rank_table(order: SliceOrder, value: Floats, variance: Floats, df: Floats) -> RankTable:
    """Spread what was found in the non-empty slices (K,) over all (S,)."""
    return RankTable(
        value=order.every_slice(value, np.nan),
        variance=order.every_slice(variance, np.nan),
        df=order.every_slice(df, np.nan),
        n_pos=order.n_pos,
        n_neg=order.n_neg,
    )


def grouped_auc(order: SliceOrder) -> RankTable:
    """Area under the ROC curve per slice with DeLong's variance, exact with ties (mid-ranks), from one scan.

    AUC = P(S1 > S0) + P(S1 = S0)/2; variance = sum psi_1^2/(n1(n1-1)) + sum psi_0^2/(n0(n0-1)), psi the centred
    placement values (DeLong, DeLong, Clarke-Pearson 1988; Sun and Xu 2014). With sampling weights the class sums are
    n1/(n1-1) sum w^2 psi^2/(sum w)^2.

    >>> order = SortedScores([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).whole()
    >>> grouped_auc(order).value.tolist()
    [0.75]
    """
    weighted = order.weight is not None
    w1, w0 = order.class_totals
    k = len(order.slices)
    kind = np.float64 if weighted else np.int64
    wins = np.zeros(k, kind)
    # Moments of the placements about 1: exact sums when unweighted, no cancellation when the AUC is near 1.
    squares1, squares0, linear1, linear0, mass1, mass0 = (np.zeros(k) for _ in range(6))
    half1, half0 = divide(np.full(k, 0.5), w1), divide(np.full(k, 0.5), w0)
    for run in order.runs():
        below = run.negative_below * 2
        below += run.negative
        run.add_to(wins, run.positive * below)
        gap1 = below * run.spread(half0)
        gap1 -= 1
        gap0 = (2 * run.positive_below + run.positive) * run.spread(half1)  # 1 - placement of a negative
        moved1, moved0 = run.positive_squares * gap1, run.negative_squares * gap0
        if weighted:
            run.add_to(linear1, moved1)
            run.add_to(linear0, moved0)
            run.add_to(mass1, run.positive_squares)
            run.add_to(mass0, run.negative_squares)
        moved1 *= gap1
        moved0 *= gap0
        run.add_to(squares1, moved1)
        run.add_to(squares0, moved0)
    value = divide(wins, 2.0 * w1 * w0)
    if weighted:
        value = snap(value)
    loss = 1 - value
    n1, n0 = order.n_pos[order.slices], order.n_neg[order.slices]
    if weighted:
        about1 = squares1 + 2 * loss * linear1 + loss**2 * mass1
        about0 = squares0 - 2 * loss * linear0 + loss**2 * mass0
    else:
        about1, about0 = squares1 - w1 * loss**2, squares0 - w0 * loss**2
    part1 = divide(np.maximum(about1, 0.0) * n1, np.asarray(w1, np.float64) ** 2 * (n1 - 1))
    part0 = divide(np.maximum(about0, 0.0) * n0, np.asarray(w0, np.float64) ** 2 * (n0 - 1))
    variance = part1 + part0
    exact = ((value == 0) | (value == 1)) & ~np.isnan(variance)
    df = satterthwaite(part1, n1, part0, n0) * tail_factor(value)
    return rank_table(order, value, np.where(exact, 0.0, variance), df)


def tail_factor(auc: Floats) -> Floats:
    """2/(kurtosis - 1) of placements under exponential scores: 1 at an AUC of .73 or less, 1/4 towards 1.

    A variance estimated from n values of kurtosis K has about (n - 1) 2/(K - 1) degrees of freedom. In Hanley and
    McNeil's (1982) model placements are Beta(a, 1) with a = AUC/(1 - AUC).
    """
    larger = np.clip(np.maximum(auc, 1 - auc), 0.5, 1 - 1e-9)
    a = larger / (1 - larger)
    excess = 6 * ((a - 1) ** 2 * (a + 2) - a * (a + 3)) / (a * (a + 3) * (a + 4))
    factor: Floats = 2 / (np.maximum(excess, 0.0) + 2)
    return factor


def satterthwaite(part1: Floats, n1: Integers, part0: Floats, n0: Integers) -> Floats:
    """Degrees of freedom of the sum of two independent variances, (v1 + v0)^2 / (v1^2/(n1-1) + v0^2/(n0-1))."""
    return divide((part1 + part0) ** 2, divide(part1**2, n1 - 1) + divide(part0**2, n0 - 1))


def _auc_influences(order: SliceOrder, value: Floats) -> Callable[[Runs], Floats]:
    """The influence on the AUC of each row of a block, given the value per non-empty slice (K,)."""
    w1, w0 = order.class_totals
    sizes = np.diff(order.bounds)
    share1, share0 = divide(np.full(len(value), 0.5), w1), divide(np.full(len(value), 0.5), w0)
    scale1, scale0 = divide(sizes, w1), divide(sizes, w0)

    def of(run: Runs) -> Floats:
        center = run.spread(value)
        placement1 = (2 * run.negative_below + run.negative) * run.spread(share0)
        placement0 = 1 - (2 * run.positive_below + run.positive) * run.spread(share1)
        return weighted_rows(
            order, run, run.spread(scale1) * (placement1 - center), run.spread(scale0) * (placement0 - center)
        )

    return of


def weighted_rows(order: SliceOrder, run: Runs, for_positive: Floats, for_negative: Floats) -> Floats:
    """Influences per run to influences per row of the block, times the row's weight."""
    rows = run.per_row(for_positive, for_negative, order.label[run.first : run.stop])
    return rows if order.weight is None else rows * order.weight[run.first : run.stop]


def _scatter(order: SliceOrder, of: Callable[[Runs], Floats]) -> Floats:
    psi = np.full(order.n_rows, np.nan)
    for run in order.runs():
        psi[order.rows[run.first : run.stop]] = of(run)
    return psi


def grouped_auc_influence(order: SliceOrder) -> tuple[RankTable, Floats]:
    """AUC per slice and the influence of each row in its slice, (n,) in the original order, NaN for rows in none."""
    table = grouped_auc(order)
    return table, _scatter(order, _auc_influences(order, table.value[order.slices]))


def auc_influence(
    score: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None
) -> tuple[float, NDArray[np.float64]]:
    """AUC and the influence of each row, (n,): (n/n1)(V_i - AUC), V_i the share of the other class on its right side.

    sum psi = 0; `auc_covariance` turns it into DeLong's variance. Raises `DataError` for a missing value or class.

    >>> value, psi = auc_influence([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> value, psi.tolist()
    (0.75, [0.5, -0.5, -0.5, 0.5])
    """
    order = complete(score, label, weight)
    table, psi = grouped_auc_influence(order)
    return sole_value(table, "AUC"), psi


def auc_covariance(influences: ArrayLike, label: ArrayLike) -> Floats:
    """DeLong's covariance matrix (k, k) of k AUCs on the same rows from their influences (k, n).

    cov_ab = n1/(n1-1) sum_pos psi_a psi_b / n^2 + n0/(n0-1) sum_neg psi_a psi_b / n^2. NaN with one row in a class.

    >>> _, psi = auc_influence([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> auc_covariance([psi], [0, 0, 1, 1]).tolist()
    [[0.125]]
    """
    psi = np.atleast_2d(np.asarray(influences, np.float64))
    positive = np.asarray(label) == 1
    n = psi.shape[1]
    if positive.shape != (n,):
        raise DataError(f"label has shape {positive.shape} but the influences have {n} rows.")
    total = np.zeros((len(psi), len(psi)))
    for members in (positive, ~positive):
        size = int(members.sum())
        part = psi[:, members]
        total += part @ part.T * (size / (size - 1) / n**2 if size > 1 else np.nan)
    return total


@dataclass(frozen=True, kw_only=True)
class PairedAuc:
    """Two AUCs on the same rows, their influences (2, n), DeLong covariance (2, 2) and the df of the difference."""

    values: tuple[float, float]
    covariance: Floats
    influences: Floats
    df: float

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.values[1] - self.values[0]

    @property
    def standard_error(self) -> float:
        """DeLong's standard error of the difference."""
        c = self.covariance
        return float(np.sqrt(max(c[0, 0] + c[1, 1] - 2 * c[0, 1], 0.0)))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Two-sided Student limits of the difference; NaN when its standard error is 0."""
        reach = float(student_quantile(self.df, alpha)) * self.standard_error
        if not reach > 0:
            return np.nan, np.nan
        return self.difference - reach, self.difference + reach


def paired_auc(
    baseline: ArrayLike, candidate: ArrayLike, label: ArrayLike, weight: ArrayLike | None = None
) -> PairedAuc:
    """Compare two score columns on the same rows by DeLong's paired test.

    Raises `DataError` for a missing value or an absent class.

    >>> paired = paired_auc([0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.3, 0.8], [0, 0, 1, 1])
    >>> paired.values
    (0.75, 1.0)
    """
    (a, psi_a), (b, psi_b) = auc_influence(baseline, label, weight), auc_influence(candidate, label, weight)
    psi = np.stack([psi_a, psi_b])
    positive = np.asarray(label) == 1
    squares, n1 = (psi_b - psi_a) ** 2, int(positive.sum())
    n0 = len(squares) - n1
    parts = [divide(part.sum() * n, n - 1.0) for part, n in ((squares[positive], n1), (squares[~positive], n0))]
    df = float(satterthwaite(parts[0], np.asarray(n1), parts[1], np.asarray(n0)))
    return PairedAuc(values=(a, b), covariance=auc_covariance(psi, label), influences=psi, df=df)


def grouped_paired_auc(baseline: SliceOrder, candidate: SliceOrder) -> PairedRankTable:
    """Compare two models' AUCs per slice by DeLong's paired test; both orders must hold the same rows and slices.

    Raises `DataError` when they do not (mask rows missing in either model from both first, by code -1).
    """
    if not _same_rows(baseline, candidate):
        raise DataError("The two models do not hold the same rows: give code -1 to rows that either of them lacks.")
    first, psi = grouped_auc_influence(baseline)
    second = grouped_auc(candidate)
    of = _auc_influences(candidate, second.value[candidate.slices])
    k = len(candidate.slices)
    sums1, sums0 = np.zeros(k), np.zeros(k)
    for run in candidate.runs():
        squares = of(run)
        squares -= psi[candidate.rows[run.first : run.stop]]
        squares *= squares
        on_positive = squares * candidate.label[run.first : run.stop]
        at = np.maximum(candidate.bounds[run.k_first : run.k_stop] - run.first, 0)
        sums1[run.k_first : run.k_stop] += np.add.reduceat(on_positive, at)
        sums0[run.k_first : run.k_stop] += np.add.reduceat(squares - on_positive, at)
    n1, n0 = candidate.n_pos[candidate.slices], candidate.n_neg[candidate.slices]
    n = (n1 + n0).astype(np.float64)
    part1, part0 = divide(sums1 * n1, n**2 * (n1 - 1)), divide(sums0 * n0, n**2 * (n0 - 1))
    return PairedRankTable(
        first=first,
        second=second,
        variance=candidate.every_slice(part1 + part0, np.nan),
        df=candidate.every_slice(satterthwaite(part1, n1, part0, n0), np.nan),
    )


def _same_rows(one: SliceOrder, other: SliceOrder) -> bool:
    if one.n_rows != other.n_rows or len(one.label) != len(other.label):
        return False
    if not (np.array_equal(one.n_pos, other.n_pos) and np.array_equal(one.n_neg, other.n_neg)):
        return False
    if len(one.label) == one.n_rows:
        return True  # both hold every row
    held = np.zeros(one.n_rows, np.bool_)
    held[one.rows] = True
    return bool(held[other.rows].all())


def auc_has_few_rows(value: ArrayLike, n_pos: ArrayLike, n_neg: ArrayLike) -> NDArray[np.bool_]:
    """Where logit limits alone do not hold: under 20 of either class, or an AUC above .95 with under 100 of either."""
    fewest = np.minimum(np.asarray(n_pos), np.asarray(n_neg))
    few: NDArray[np.bool_] = (fewest < FEW_OF_A_CLASS) | ((np.asarray(value) > NEAR_ONE) & (fewest < FEW_NEAR_ONE))
    return few


def grouped_influence_covariance(first: ArrayLike, second: ArrayLike, codes: ArrayLike, n_slices: int) -> Floats:
    """Covariance of two smooth estimates per slice from influences in the same rows: sum psi_a psi_b / (n (n-1)), (S,).

    Rows with code -1 or a NaN influence count nowhere; NaN under two rows.
    """
    product = np.asarray(first, np.float64) * np.asarray(second, np.float64)
    where = np.asarray(codes)
    used = (where >= 0) & ~np.isnan(product)
    sums = np.bincount(where[used], weights=product[used], minlength=n_slices)
    n = np.bincount(where[used], minlength=n_slices)
    return divide(sums, n * (n - 1.0))


def spearman_influence(
    x: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None
) -> tuple[float, NDArray[np.float64]]:
    """Spearman's rho (Pearson correlation of mid-ranks) and the influence of each row, (n,), exact with ties.

    With u = F(x), v = G(y) the mid-distribution values, C, A, B the covariance and variances of (u, v) and
    phi_i = E[1{x_i < X} v] + E[1{x_i = X} v]/2 (chi_i likewise in y): psi = IF_C/sqrt(AB) - rho/2 (IF_A/A + IF_B/B),
    IF_C = u_i v_i + phi_i + chi_i - 3 E[uv], IF_A = u_i^2 + 2 E[1{x_i < X} u] + E[1{x_i = X} u] - 3 E[u^2].
    Raises `DataError` for NaN, under three rows, or a constant column.

    >>> round(spearman_influence([1, 2, 3, 4], [1, 3, 2, 4])[0], 6)
    0.8
    """
    first, second = column(x, "x"), column(y, "y", length=np.size(x))
    n = len(first)
    if n < 3:
        raise DataError(f"Spearman's rho needs at least three rows, got {n}.")
    if np.isnan(first).any() or np.isnan(second).any():
        raise DataError("Spearman's rho needs a number in every row; leave out rows with a missing value first.")
    w = np.ones(n) if weight is None else column(weight, "weight", length=n)
    if not (w >= 0).all() or not w.sum() > 0:
        raise DataError("weight must be finite, not negative, and not all 0.")
    w = w / w.sum()
    u, v = _MidRanks(first, w), _MidRanks(second, w)
    squares = u.grade @ (w * u.grade), v.grade @ (w * v.grade), u.grade @ (w * v.grade)
    a, b, c = squares[0] - 0.25, squares[1] - 0.25, squares[2] - 0.25
    # E[u] = E[v] = 1/2 exactly under mid-ranks; a constant column has u = 1/2 in every row
    if a <= 1e-15 or b <= 1e-15:
        raise DataError("Spearman's rho needs two columns that vary; one of them is constant.")
    rho = float(np.clip(c / np.sqrt(a * b), -1.0, 1.0))
    slope_c = u.grade * v.grade + u.above(w * v.grade) + v.above(w * u.grade) - 3 * squares[2]
    slope_a = u.grade**2 + 2 * u.above(w * u.grade) - 3 * squares[0]
    slope_b = v.grade**2 + 2 * v.above(w * v.grade) - 3 * squares[1]
    psi = slope_c / np.sqrt(a * b) - rho / 2 * (slope_a / a + slope_b / b)
    return rho, n * w * psi


class _MidRanks:
    """Mid-distribution values of one column, and sums over rows above (half of those equal)."""

    def __init__(self, values: Floats, weight: Floats) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        self.lengths = np.diff(self.starts, append=len(values))
        self.grade = 1.0 - self.above(weight)

    def above(self, mass: Floats) -> Floats:
        """Sum of `mass` over rows with a larger value plus half of that over rows with an equal one, per row."""
        runs = np.add.reduceat(mass[self.order], self.starts)
        out = np.empty(len(mass))
        out[self.order] = np.repeat(runs.sum() - np.cumsum(runs) + runs / 2, self.lengths)
        return out
