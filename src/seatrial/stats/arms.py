"""Independent arms: a metric's value in each arm, phase and slice, and the contrast of two arms over all phases.

The narrow waist of experiments: unit tables, events and published summaries all become `ArmMeans`, and everything after
that (stratification by phase, covariates, sequences, decisions) reads nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.means import IndependentMeans, PairedMeans
from seatrial.stats.miettinen_nurminen import UnpairedProportions
from seatrial.stats.poststratification import Cells, post_stratified

NO_UNITS = "no units in one of the two arms"
FEW_UNITS = "fewer than 2 units in one of the two arms: a variance needs at least 2"


@dataclass(frozen=True, kw_only=True)
class ArmMeans:
    """A metric in A arms (the control first), P allocation phases and S slices, with K covariates.

    All arrays are (A, P, S) with K axes behind: variances and covariances are those *of the estimates* (the per-unit
    covariance of the influences divided by n). A cell without units holds n = 0 and NaN.
    """

    n: Floats
    """Units that have the metric."""
    value: Floats
    variance: Floats
    df: Floats
    """Of the variance: n - 1, or Bell and McCaffrey's for few clusters."""
    covariates: Floats
    """(A, P, S, K) values of the covariates."""
    with_covariates: Floats
    """(A, P, S, K) covariance of value and covariates."""
    between_covariates: Floats
    """(A, P, S, K, K)."""
    count: Floats | None = None
    """Units for which a yes/no metric is yes; None where it is no share of units."""
    skewness: Floats | None = None
    """Of the units' influences."""
    reasons: tuple[str | None, ...] = ()
    """For every slice why the metric has no value anywhere; empty: it has one."""
    method: str = "Welch t"

    @property
    def shape(self) -> tuple[int, int, int]:
        arms, phases, slices = self.n.shape
        return arms, phases, slices

    def at(self, index: int) -> "ArmMeans":
        """One slice only (S = 1)."""
        one = slice(index, index + 1) if index != -1 else slice(-1, None)

        def cut(values: Floats | None) -> Floats | None:
            return None if values is None else values[:, :, one]

        return replace(
            self,
            n=self.n[:, :, one],
            value=self.value[:, :, one],
            variance=self.variance[:, :, one],
            df=self.df[:, :, one],
            covariates=self.covariates[:, :, one],
            with_covariates=self.with_covariates[:, :, one],
            between_covariates=self.between_covariates[:, :, one],
            count=cut(self.count),
            skewness=cut(self.skewness),
            reasons=self.reasons[one] if self.reasons else (),
        )


@dataclass(frozen=True, kw_only=True)
class ArmContrast:
    """Two arms compared over all phases, slice by slice."""

    contrast: Contrast
    control: Floats
    """(S,) the control's value, adjusted where the contrast is."""
    treatment: Floats
    units_control: Floats
    units_treatment: Floats
    dropped: tuple[tuple[int, ...], ...]
    """For every slice the phases left out because one of the two arms has no units in them."""
    variance_factor: Floats
    """Variance of the difference against the one without covariates: 1 - R squared."""
    theta: Floats
    """(S, K) coefficients of the covariates; empty without."""


def phase_weights(arms: ArmMeans, treatment: int, control: int = 0) -> tuple[Floats, NDArray[np.bool_]]:
    """Weights (P, S) of the phases, w_k = units of phase k / all units, and which phases are used (P, S).

    A phase where either of the two arms has fewer than 2 units with a value is left out, as long as another is left.
    """
    both = arms.n[[control, treatment]]
    usable = (both >= 2).all(axis=0) & np.isfinite(arms.value[[control, treatment]]).all(axis=0)
    units = np.where(usable, arms.n.sum(axis=0), 0.0)
    total = units.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = np.where(total > 0, units / total, np.nan)
    return weights, np.asarray(usable)


def coefficients(arms: ArmMeans) -> Floats:
    """CUPED's theta (S, K), pooled within arms and phases: (sum S_xx)^-1 sum S_xy over cells of n (n - 1) times the
    covariance of the estimates (Deng, Xu, Kohavi, Walker, WSDM 2013; several covariates by least squares).

    A covariate that does not vary gets 0.
    """
    scale = np.where(arms.n > 1, arms.n * (arms.n - 1), 0.0)
    with np.errstate(invalid="ignore"):
        cross = np.nansum(scale[..., None] * np.nan_to_num(arms.with_covariates), axis=(0, 1))
        square = np.nansum(scale[..., None, None] * np.nan_to_num(arms.between_covariates), axis=(0, 1))
    size = np.sqrt(np.einsum("skk->sk", square))
    varies = size > 0
    unit = np.where(varies, size, 1.0)
    scaled = square / (unit[:, :, None] * unit[:, None, :])
    solved = np.einsum("skl,sl->sk", np.linalg.pinv(scaled, rcond=1e-10, hermitian=True), cross / unit)
    return np.where(varies, solved / unit, 0.0)


def contrast(arms: ArmMeans, treatment: int, *, control: int = 0, adjusted: bool = False) -> ArmContrast:
    """Compare arm `treatment` with arm `control`, stratified by phase, raw or adjusted for the covariates.

    est = sum w_k est_k and var = sum w_k^2 var_k over allocation phases. Raw: Welch with Satterthwaite's df; a share of
    units in one phase by Miettinen and Nurminen's score test, in several with Agresti and Caffo's variances (never 0).
    Adjusted: m - theta (x - pooled x) in each phase, the pooled covariate's own variation included.
    """
    weights, usable = phase_weights(arms, treatment, control)
    dropped = _dropped(arms, usable, treatment, control)
    reasons = _reasons(arms, usable, treatment, control)
    w = np.where(usable, weights, 0.0)
    sides = [_Side.of(arms, index, w, usable) for index in (treatment, control)]
    units = [np.where(usable, arms.n[index], 0.0).sum(axis=0) for index in (treatment, control)]
    k = arms.covariates.shape[-1]
    slices = arms.n.shape[2]
    if adjusted and k:
        theta = coefficients(arms)
        found = _adjusted(arms, treatment, control, w, usable, theta, reasons)
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = found.var_difference / (sides[0].variance + sides[1].variance)
        return ArmContrast(
            contrast=found,
            control=found.baseline,
            treatment=found.baseline + found.difference,
            units_control=units[1],
            units_treatment=units[0],
            dropped=dropped,
            variance_factor=factor,
            theta=theta,
        )
    phases_used = usable.sum(axis=0)
    one_phase = arms.shape[1] == 1 or bool((phases_used <= 1).all())
    inner: Contrast
    if arms.count is not None and one_phase:
        counts = [np.where(usable, arms.count[index], 0.0).sum(axis=0) for index in (treatment, control)]
        inner = Shares(
            count_candidate=counts[0],
            n_candidate=units[0],
            count_baseline=counts[1],
            n_baseline=units[1],
            given=reasons,
        )
    else:
        inner = IndependentMeans(
            candidate=sides[0].value,
            baseline=sides[1].value,
            var_candidate=sides[0].variance,
            var_baseline=sides[1].variance,
            df_candidate=sides[0].df,
            df_baseline=sides[1].df,
            reasons=reasons,
            method=arms.method if one_phase else f"{arms.method}, stratified by allocation phase",
        )
    return ArmContrast(
        contrast=inner,
        control=sides[1].value,
        treatment=sides[0].value,
        units_control=units[1],
        units_treatment=units[0],
        dropped=dropped,
        variance_factor=np.ones(slices),
        theta=np.empty((slices, 0)),
    )


def post_stratified_contrast(
    arms: ArmMeans, treatment: int, *, control: int = 0, names: Sequence[str] | None = None
) -> ArmContrast:
    """Compare two arms with the mix of strata (the slices of `arms`) held at that of both together; S = 1.

    Allocation phases are strata as well. See `stats.poststratification` for the variance.
    """
    phases = arms.shape[1]

    def side(index: int) -> Cells:
        n = arms.n[index].ravel()
        known = np.isfinite(arms.value[index].ravel()) & (n > 0)
        with np.errstate(invalid="ignore"):
            variance = np.where(n > 1, arms.variance[index].ravel() * n, np.nan)
        return Cells(n=np.where(known, n, 0.0), mean=arms.value[index].ravel(), variance=variance)

    labels = None if names is None or phases > 1 else list(names)
    found = post_stratified(side(treatment), side(control), names=labels)
    units = [np.array([float(arms.n[index].sum())]) for index in (treatment, control)]
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = [_pooled_variance(arms, index) for index in (treatment, control)]
        factor = found.contrast.var_difference / sum(raw)
    return ArmContrast(
        contrast=found.contrast,
        control=found.contrast.baseline,
        treatment=found.contrast.baseline + found.contrast.difference,
        units_control=units[1],
        units_treatment=units[0],
        dropped=((),),
        variance_factor=factor,
        theta=np.empty((1, 0)),
    )


def _pooled_variance(arms: ArmMeans, index: int) -> float:
    """Variance of one arm's mean without regard to the strata: what is within them and between them."""
    n, value = arms.n[index].ravel(), np.nan_to_num(arms.value[index].ravel())
    total = n.sum()
    mean = (n * value).sum() / total
    within = np.nansum(np.where(n > 1, (n - 1) * n * np.nan_to_num(arms.variance[index].ravel()), 0.0))
    return float((within + (n * (value - mean) ** 2).sum()) / (total - 1) / total)


@dataclass(frozen=True, kw_only=True)
class Shares(UnpairedProportions):
    """Shares of units, where a slice may lack an arm: the others keep the score test."""

    given: tuple[str | None, ...]
    """Per slice why it cannot be computed, in the words of arms."""

    @property
    def reasons(self) -> tuple[str | None, ...]:
        return tuple(one or two for one, two in zip(self.given, super().reasons, strict=True))

    def at(self, index: int) -> "Shares":
        """The same contrast on one slice only (S = 1)."""
        one = slice(index, index + 1) if index != -1 else slice(-1, None)
        return replace(
            self,
            count_candidate=self.count_candidate[one],
            n_candidate=self.n_candidate[one],
            count_baseline=self.count_baseline[one],
            n_baseline=self.n_baseline[one],
            given=self.given[one],
        )


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One arm over all phases."""

    value: Floats
    variance: Floats
    df: Floats

    @classmethod
    def of(cls, arms: ArmMeans, index: int, weights: Floats, usable: NDArray[np.bool_]) -> "_Side":
        several = arms.shape[1] > 1
        variance = arms.variance[index]
        if arms.count is not None and several:  # Agresti and Caffo: a phase without events still has a variance
            share = (arms.count[index] + 1) / (arms.n[index] + 2)
            variance = share * (1 - share) / (arms.n[index] + 2)
        parts = np.where(usable, weights**2 * variance, 0.0)
        nothing = ~usable.any(axis=0)
        total = parts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.where(parts > 0, parts**2 / arms.df[index], 0.0).sum(axis=0)
            df = np.where(spread > 0, total**2 / spread, np.where(usable, arms.df[index], 0.0).sum(axis=0))
        value = np.where(usable, weights * arms.value[index], 0.0).sum(axis=0)
        return cls(value=np.where(nothing, np.nan, value), variance=np.where(nothing, np.nan, total), df=df)


def _adjusted(
    arms: ArmMeans,
    treatment: int,
    control: int,
    weights: Floats,
    usable: NDArray[np.bool_],
    theta: Floats,
    reasons: tuple[str | None, ...],
) -> PairedMeans:
    """Both sides less theta times their covariates' distance from the pooled ones, phase by phase."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n_t, n_c = arms.n[treatment], arms.n[control]
        q_t, q_c = n_t / (n_t + n_c), n_c / (n_t + n_c)
        cross_t, cross_c = (np.einsum("psk,sk->ps", arms.with_covariates[i], theta) for i in (treatment, control))
        square_t, square_c = (
            np.einsum("pskl,sk,sl->ps", arms.between_covariates[i], theta, theta) for i in (treatment, control)
        )
        gap = np.einsum("psk,sk->ps", arms.covariates[treatment] - arms.covariates[control], theta)
        both = square_t + square_c
        baseline = arms.value[control] + q_t * gap
        difference = arms.value[treatment] - arms.value[control] - gap
        rest_t = np.maximum(arms.variance[treatment] - 2 * cross_t + square_t, 0.0)
        rest_c = np.maximum(arms.variance[control] - 2 * cross_c + square_c, 0.0)
        var_baseline = np.maximum(arms.variance[control] - 2 * q_t * cross_c + q_t**2 * both, 0.0)
        together = q_t * cross_t + q_c * cross_c - q_t * q_c * both

        def summed(values: Floats, power: int) -> Floats:
            total: Floats = np.where(usable, weights**power * values, 0.0).sum(axis=0)
            return np.where(usable.any(axis=0), total, np.nan)

        # each coefficient costs a degree of freedom, shared by all cells
        lost = theta.shape[1] / np.maximum(usable.sum(axis=0) * 2, 1)
        df_t, df_c = (np.maximum(arms.df[i] - lost, 0.0) for i in (treatment, control))
        spread = summed(np.where(rest_t > 0, rest_t**2 / df_t, 0.0), 4) + summed(
            np.where(rest_c > 0, rest_c**2 / df_c, 0.0), 4
        )
        var_difference = summed(rest_t + rest_c, 2)
        df = var_difference**2 / spread
    var_control = summed(var_baseline, 2)
    phases = " and stratified by allocation phase" if arms.shape[1] > 1 else ""
    return PairedMeans(
        baseline=summed(baseline, 1),
        difference=summed(difference, 1),
        var_difference=var_difference,
        var_baseline=var_control,
        cov_baseline_difference=summed(together, 2) - var_control,
        df=df,
        n=np.where(usable, n_t + n_c, 0.0).sum(axis=0),
        reasons=reasons,
        method=f"{arms.method}, adjusted for covariates (CUPED){phases}",
        identical=np.zeros(arms.shape[2], dtype=np.bool_),
    )


def _dropped(arms: ArmMeans, usable: NDArray[np.bool_], treatment: int, control: int) -> tuple[tuple[int, ...], ...]:
    """Phases that have units of the experiment but not enough of both arms."""
    lost = (arms.n.sum(axis=0) > 0) & ~usable
    found: list[tuple[int, ...]] = [()] * arms.shape[2]
    for s in np.flatnonzero(lost.any(axis=0)).tolist():
        found[s] = tuple(np.flatnonzero(lost[:, s]).tolist())
    return tuple(found)


def _reasons(arms: ArmMeans, usable: NDArray[np.bool_], treatment: int, control: int) -> tuple[str | None, ...]:
    found = list(arms.reasons or (None,) * arms.shape[2])
    empty = (arms.n[[control, treatment]].sum(axis=1) == 0).any(axis=0)
    for s in np.flatnonzero(~usable.any(axis=0)).tolist():
        found[s] = found[s] or (NO_UNITS if empty[s] else FEW_UNITS)
    return tuple(found)
