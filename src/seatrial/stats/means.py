"""Means with known variances: Student intervals, and contrasts of paired and of independent means."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import student_quantile, student_two_sided

IDENTICAL = "identical"
CONSTANT = "every row differs by exactly the same amount: no interval can be formed"
TOO_FEW = "too few independent rows to estimate a variance"
NOT_COMPUTED = "the value could not be computed"
ROUNDING = 1e-12
"""A standard error below this share of the difference is rounding, not variation."""


def mean_interval(
    value: ArrayLike, standard_error: ArrayLike, df: ArrayLike, *, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Limits value +- t_{df, 1 - alpha/2} standard_error, each (S,); a standard error that is 0 or NaN gives NaN.

    >>> [round(float(x), 6) for x in mean_interval(10.0, 1.0, 3)]
    [6.817554, 13.182446]
    """
    centre, error = (np.asarray(x, dtype=np.float64) for x in (value, standard_error))
    half = student_quantile(df, alpha) * np.where(error > 0, error, np.nan)
    return centre - half, centre + half


def logit_interval(
    value: ArrayLike, standard_error: ArrayLike, *, alpha: float = 0.05, df: ArrayLike = np.inf
) -> tuple[Floats, Floats]:
    """Limits of a value in (0, 1) formed on the logit scale, where its error is standard_error/(value(1 - value)).

    For ranks metrics such as AUC; `df` finite for clusters. A value of exactly 0 or 1, or a standard error of 0,
    gives NaN.

    >>> [round(float(x), 4) for x in logit_interval(0.9, 0.02)]
    [0.8534, 0.9329]
    """
    share, error = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (value, standard_error)))
    usable = (share > 0) & (share < 1) & (error > 0)
    share = np.where(usable, share, np.nan)
    half = student_quantile(df, alpha) * error / (share * (1 - share))
    centre = special.logit(share)
    return np.asarray(special.expit(centre - half)), np.asarray(special.expit(centre + half))


@dataclass(frozen=True, kw_only=True)
class PairedMeans:
    """Contrast of two means over the same rows: difference +- t se, the variance that of the paired difference itself.

    All (S,). The variances and the covariance are those *of the estimates* (already divided by n, or cluster-robust);
    `df` is n - 1, or Bell and McCaffrey's for clusters. `identical`: the two columns are equal byte for byte.
    """

    baseline: Floats
    difference: Floats
    var_difference: Floats
    var_baseline: Floats
    cov_baseline_difference: Floats
    df: Floats
    n: NDArray[np.float64] | NDArray[np.int64]
    reasons: tuple[str | None, ...]
    method: str
    identical: NDArray[np.bool_]

    def __post_init__(self) -> None:
        error = np.sqrt(np.maximum(self.var_difference, 0.0))
        found = _reasons(self.reasons, self.difference, error, self.df, self.identical)
        object.__setattr__(self, "reasons", found)

    @property
    def standard_error(self) -> Floats:
        """Root of the variance of the difference; NaN where there is a reason, and where the columns are identical."""
        error = np.sqrt(np.maximum(self.var_difference, 0.0))
        return np.where(_usable(self.reasons) & ~self.identical, error, np.nan)

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(IDENTICAL if same else self.method for same in self.identical.tolist())

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        low, high = mean_interval(self.difference, self.standard_error, self.df, alpha=alpha)
        return np.where(self.identical, self.difference, low), np.where(self.identical, self.difference, high)

    def p_value(self, null: float = 0.0) -> Floats:
        return _student_p(self.difference - null, self.standard_error, self.df, self.identical)

    def against(self, factor: float) -> "PairedMeans":
        """Candidate - factor * baseline = difference + (1 - factor) * baseline, with its own variance.

        Where the columns are identical this is exactly (1 - factor) * baseline, and its interval is that one point.
        """
        if factor == 1.0:
            return self
        share = 1.0 - factor
        variance = self.var_difference + 2 * share * self.cov_baseline_difference + share * share * self.var_baseline
        return replace(
            self,
            difference=self.difference + share * self.baseline,
            var_difference=variance,
            cov_baseline_difference=self.cov_baseline_difference + share * self.var_baseline,
            reasons=tuple(None if reason == CONSTANT else reason for reason in self.reasons),
            method=f"{self.method}, of candidate - {factor:g} x baseline",
        )

    def against_each(self, factors: Floats) -> "PairedMeans":
        """Candidate - factors * baseline, factors (S,): on slice s what `against(factors[s])` is there."""
        same = factors == 1.0
        share = 1.0 - factors
        with np.errstate(invalid="ignore"):
            difference = self.difference + share * self.baseline
            variance = (
                self.var_difference + 2 * share * self.cov_baseline_difference + share * share * self.var_baseline
            )
            covariance = self.cov_baseline_difference + share * self.var_baseline
        return replace(
            self,
            difference=np.where(same, self.difference, difference),
            var_difference=np.where(same, self.var_difference, variance),
            cov_baseline_difference=np.where(same, self.cov_baseline_difference, covariance),
            reasons=tuple(
                reason if unchanged or reason != CONSTANT else None
                for reason, unchanged in zip(self.reasons, same.tolist(), strict=True)
            ),
            method=f"{self.method}, of candidate - f x baseline",
        )

    def at(self, index: int) -> "PairedMeans":
        """The same contrast on one slice only (S = 1)."""
        one = _one(index)
        return replace(
            self,
            baseline=self.baseline[one],
            difference=self.difference[one],
            var_difference=self.var_difference[one],
            var_baseline=self.var_baseline[one],
            cov_baseline_difference=self.cov_baseline_difference[one],
            df=self.df[one],
            n=self.n[one],
            reasons=self.reasons[one],
            identical=self.identical[one],
        )


@dataclass(frozen=True, kw_only=True)
class IndependentMeans:
    """Contrast of two independent means: candidate - factor * baseline +- t se, df by Welch and Satterthwaite.

    Each side has its value, the variance *of the value* and the df of that variance, all (S,):
    df = (v_1 + v_0)^2/(v_1^2/df_1 + v_0^2/df_0). With clusters each side brings CR2 and Bell and McCaffrey's df.
    """

    candidate: Floats
    baseline: Floats
    var_candidate: Floats
    var_baseline: Floats
    df_candidate: Floats
    df_baseline: Floats
    reasons: tuple[str | None, ...]
    method: str = "Welch t, unpaired"
    factor: float = 1.0

    def __post_init__(self) -> None:
        none = np.zeros(np.shape(self.candidate), dtype=np.bool_)
        error = np.sqrt(self._variances()[0] + self._variances()[1])
        object.__setattr__(self, "reasons", _reasons(self.reasons, self.difference, error, self.df, none))

    @property
    def difference(self) -> Floats:
        return np.asarray(self.candidate - self.factor * self.baseline)

    @property
    def df(self) -> Floats:
        one, two = self._variances()
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [np.where(v > 0, v * v / d, 0.0) for v, d in ((one, self.df_candidate), (two, self.df_baseline))]
            return np.asarray((one + two) ** 2 / (parts[0] + parts[1]))

    @property
    def standard_error(self) -> Floats:
        one, two = self._variances()
        return np.where(_usable(self.reasons), np.sqrt(one + two), np.nan)

    @property
    def methods(self) -> tuple[str, ...]:
        text = self.method if self.factor == 1.0 else f"{self.method}, of candidate - {self.factor:g} x baseline"
        return (text,) * len(self.reasons)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        return mean_interval(self.difference, self.standard_error, self.df, alpha=alpha)

    def p_value(self, null: float = 0.0) -> Floats:
        none = np.zeros(np.shape(self.candidate), dtype=np.bool_)
        return _student_p(self.difference - null, self.standard_error, self.df, none)

    def against(self, factor: float) -> "IndependentMeans":
        return replace(self, factor=self.factor * factor)

    def at(self, index: int) -> "IndependentMeans":
        """The same contrast on one slice only (S = 1)."""
        one = _one(index)
        return replace(
            self,
            candidate=self.candidate[one],
            baseline=self.baseline[one],
            var_candidate=self.var_candidate[one],
            var_baseline=self.var_baseline[one],
            df_candidate=self.df_candidate[one],
            df_baseline=self.df_baseline[one],
            reasons=self.reasons[one],
        )

    def _variances(self) -> tuple[Floats, Floats]:
        return np.maximum(self.var_candidate, 0.0), np.maximum(self.var_baseline, 0.0) * self.factor**2


def _reasons(
    given: tuple[str | None, ...], difference: Floats, error: Floats, df: Floats, identical: NDArray[np.bool_]
) -> tuple[str | None, ...]:
    """The reasons given, and one for each further slice on which no interval can be formed."""
    with np.errstate(invalid="ignore"):
        few = ~(df > 0) & ~identical
        unknown = np.isnan(difference) | (np.isnan(error) & ~few & ~identical)
        constant = (error <= ROUNDING * np.abs(difference)) & ~identical
    if not (few | unknown | constant).any():
        return given
    return tuple(
        reason or (NOT_COMPUTED if gone else TOO_FEW if small else CONSTANT if flat else None)
        for reason, gone, small, flat in zip(given, unknown.tolist(), few.tolist(), constant.tolist(), strict=True)
    )


def _usable(reasons: tuple[str | None, ...]) -> NDArray[np.bool_]:
    return np.fromiter((reason is None for reason in reasons), dtype=np.bool_, count=len(reasons))


def _student_p(distance: Floats, error: Floats, df: Floats, identical: NDArray[np.bool_]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student_two_sided(distance / np.where(error > 0, error, np.nan), df)
    return np.where(identical & ~np.isnan(distance), np.where(distance == 0, 1.0, 0.0), p)


def _one(index: int) -> slice:
    return slice(index, index + 1) if index != -1 else slice(-1, None)
