"""Off-policy values: what a policy would earn, from the log of another one that wrote down its propensities."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError, UsageError
from seatrial.stats.clusters import cluster_covariance, cluster_variance
from seatrial.stats.contrasts import Floats
from seatrial.stats.cupac import assign_folds
from seatrial.stats.distributions import normal_two_sided
from seatrial.stats.means import PairedMeans, mean_interval
from seatrial.stats.sorted_scores import column

RELIABLE_SHARE = 0.1
"""Under this share of the rows the effective sample size says that a few rows carry the value."""
FEWEST_EVENTS = 10
"""Rewards of 0 and 1 need this many of the rarer one among the rows that carry weight."""
WEIGHT_ALARM = 0.001
IPS, SNIPS, DR = "IPS (inverse propensity)", "SNIPS (self-normalised inverse propensity)", "DR (doubly robust, AIPW)"
NO_WEIGHT = "the policy never chooses what was logged: no row carries weight"
NO_SPREAD = "every row that carries weight has the same reward: no interval can be formed"


@dataclass(frozen=True, kw_only=True)
class PolicyValue:
    """One estimate of a policy's value, with all that is needed to doubt it; NaN and a `reason` where there is none."""

    method: str
    value: float
    standard_error: float
    df: float
    n: int
    effective_n: float
    """(sum w)^2 / sum w^2 of the weights used (after clipping)."""
    unclipped_effective_n: float
    mean_weight: float
    """Of the weights before clipping; 1 on average when the propensities are those the log was drawn with."""
    largest_weight: float
    clip: float | None
    clipped_share: float
    """Share of the rows whose weight was cut to `clip`."""
    clipped_weight: float
    """Share of the weight that the cut took away: the bias it may bring, in units of the reward's range."""
    reliable: bool
    notes: tuple[str, ...]
    reason: str | None
    influence: Floats = field(repr=False)
    """psi (n,), mean zero: var(value) = sum psi^2/(n (n-1)), or CR2 over units."""
    units: NDArray[np.intp] | None = field(repr=False)

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Limits value +- t se at level 1 - alpha; NaN where there is a reason."""
        low, high = mean_interval(self.value, self.standard_error, self.df, alpha=alpha)
        return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class PolicyValues:
    """The three estimates side by side; `dr` is the one to quote."""

    ips: PolicyValue
    snips: PolicyValue
    dr: PolicyValue


def off_policy_values(
    reward: ArrayLike,
    propensity: ArrayLike,
    target: ArrayLike,
    *,
    logged_prediction: ArrayLike,
    target_prediction: ArrayLike,
    clip: float | None = None,
    units: ArrayLike | None = None,
) -> PolicyValues:
    """IPS, SNIPS and DR value of a target policy, with influence-based standard errors.

    w = pi(a|x)/p(a|x), cut at `clip`; IPS = mean(w r); SNIPS = sum w r/sum w, psi = w (r - SNIPS)/mean(w);
    DR = mean(m(x) + w (r - q(x, a))), m(x) = sum_a pi(a|x) q(x, a) (Dudik, Langford and Li, ICML 2011; Swaminathan and
    Joachims, NeurIPS 2015). All (n,): `reward`; `propensity` in (0, 1], with which the log chose what it chose;
    `target`, the target policy's probability of the same choice (0 or 1 for one arm); `logged_prediction` q(x, a) of
    the choice and `target_prediction` m(x), from a model that did not learn from the row. `units` (n,): rows of one
    unit are not independent (CR2). "Not reliable" when the effective sample size is under 0.1 n before clipping, or
    when rewards are 0 or 1 and fewer than 10 of the rarer one carry weight. Raises
    `DataError` for numbers out of range.

    >>> reward, q = [1.0, 0.0, 1.0, 0.0], [0.5] * 4
    >>> found = off_policy_values(reward, [0.5] * 4, [1, 1, 0, 0], logged_prediction=q, target_prediction=q)
    >>> found.ips.value, found.snips.value, found.dr.value, found.ips.effective_n
    (0.5, 0.5, 0.5, 2.0)
    """
    r = column(reward, "reward")
    n = len(r)
    p, pi = column(propensity, "propensity", length=n), column(target, "target", length=n)
    q = column(logged_prediction, "logged_prediction", length=n)
    m = column(target_prediction, "target_prediction", length=n)
    _check(r, p, pi, q, m)
    if clip is not None and not clip > 0:
        raise UsageError(f"clip must be positive, got {clip!r}.")
    codes = None
    if units is not None:
        named = np.asarray(units)
        if named.shape != (n,):
            raise DataError(f"units has shape {named.shape} but there are {n} rows; give one unit per row.")
        codes = np.unique(named, return_inverse=True)[1].astype(np.intp)
    raw = pi / p
    w = raw if clip is None else np.minimum(raw, clip)
    whole = float(w.sum())
    about = _About(raw=raw, w=w, reward=r, clip=clip, units=codes)
    if not whole > 0:
        return PolicyValues(**{k: about.value(name, np.nan, w) for k, name in _NAMES.items()})
    snips = float(w @ r) / whole
    ips_scores, dr_scores = w * r, m + w * (r - q)
    return PolicyValues(
        ips=about.value(IPS, float(ips_scores.mean()), ips_scores - ips_scores.mean()),
        snips=about.value(SNIPS, snips, w * (r - snips) / w.mean()),
        dr=about.value(DR, float(dr_scores.mean()), dr_scores - dr_scores.mean()),
    )


_NAMES = {"ips": IPS, "snips": SNIPS, "dr": DR}


def policy_values(
    arm: ArrayLike,
    reward: ArrayLike,
    propensity: ArrayLike,
    policy: ArrayLike,
    *,
    predictions: ArrayLike | None = None,
    clip: float | None = None,
    units: ArrayLike | None = None,
    folds: int = 5,
    seed: int = 0,
) -> PolicyValues:
    """`off_policy_values` of a policy given as probabilities of K arms, with a reward model or each arm's mean.

    `arm` (n,) codes in 0..K-1 of what the log chose; `policy` (K,), the same for every row, or (n, K), rows summing to
    1; `predictions` (n, K) expected rewards from a model that did not learn from the row. Without them q is the mean
    reward of the arm over the other folds (by unit where `units` is given), the overall mean where an arm is new.

    >>> found = policy_values([0, 0, 1, 1] * 20, [1.0, 0.0, 1.0, 1.0] * 20, [0.5] * 80, [0.0, 1.0])
    >>> found.dr.value, found.dr.reason is None
    (1.0, False)
    """
    r = column(reward, "reward")
    n = len(r)
    pi = np.asarray(policy, dtype=np.float64)
    if pi.ndim not in (1, 2) or (pi.ndim == 2 and len(pi) != n):
        raise DataError(f"policy must be (arms,) or (rows, arms), got the shape {pi.shape} for {n} rows.")
    k = pi.shape[-1]
    if not (np.isfinite(pi).all() and (pi >= 0).all() and np.allclose(pi.sum(axis=-1), 1.0, atol=1e-6)):
        raise DataError("policy must be probabilities that add up to 1 over the arms.")
    chosen = arm_codes(arm, k, length=n)
    rows = np.arange(n)
    if predictions is not None:
        table = np.asarray(predictions, dtype=np.float64)
        if table.shape != (n, k):
            raise DataError(f"predictions has shape {table.shape}, expected {(n, k)}: a reward for each row and arm.")
        logged = table[rows, chosen]
        expected = table @ pi if pi.ndim == 1 else np.asarray((table * pi).sum(axis=1))
    else:
        _check(r)
        fold = assign_folds(rows if units is None else np.asarray(units), folds, seed=seed)
        means = _arm_means(chosen, r, fold, k, folds)
        logged = means[fold, chosen]
        expected = (means @ pi)[fold] if pi.ndim == 1 else np.asarray(np.einsum("nk,nk->n", means[fold], pi))
    return off_policy_values(
        r,
        propensity,
        pi[chosen] if pi.ndim == 1 else pi[rows, chosen],
        logged_prediction=logged,
        target_prediction=expected,
        clip=clip,
        units=units,
    )


def policy_contrast(candidate: PolicyValue, baseline: PolicyValue) -> PairedMeans:
    """Candidate - baseline of two policies from the same log: the difference of their influences, row by row (S = 1).

    The value of the logging policy itself is `target=propensity`, all weights 1. Raises `UsageError` for two logs.
    """
    n = candidate.n
    if n != baseline.n or (candidate.units is None) != (baseline.units is None):
        raise UsageError("Both values must come from the same rows of one log.")
    if (
        candidate.units is not None
        and baseline.units is not None
        and not np.array_equal(candidate.units, baseline.units)
    ):
        raise UsageError("Both values must come from the same rows of one log, with the same units.")
    change = candidate.influence - baseline.influence
    var_difference, df, reason = _variance(change, candidate.units)
    var_baseline, _, _ = _variance(baseline.influence, candidate.units)
    covariance = _covariance(baseline.influence, change, candidate.units)
    reason = candidate.reason or baseline.reason or reason
    return PairedMeans(
        baseline=np.array([baseline.value]),
        difference=np.array([candidate.value - baseline.value]),
        var_difference=np.array([var_difference]),
        var_baseline=np.array([var_baseline]),
        cov_baseline_difference=np.array([covariance]),
        df=np.array([df]),
        n=np.array([n]),
        reasons=(reason,),
        method=f"{candidate.method} against {baseline.method}, same rows",
        identical=np.array([reason is None and not change.any()]),
    )


def effective_rows(weights: Floats) -> float:
    """(sum w)^2 / sum w^2 (Kish), 0 when no row carries weight."""
    square = float(weights @ weights)
    return float(weights.sum()) ** 2 / square if square > 0 else 0.0


def arm_codes(arm: ArrayLike, n_arms: int, *, length: int) -> NDArray[np.intp]:
    """Arms as codes (n,) in 0..n_arms-1; raises `DataError` otherwise."""
    code = np.asarray(arm)
    if code.shape != (length,):
        raise DataError(f"arm has shape {code.shape} but there are {length} rows.")
    if code.dtype.kind not in "iub":
        raise DataError(f"arm must be integer codes, got {code.dtype}.")
    if length and (code.min() < 0 or code.max() >= n_arms):
        raise DataError(f"arm must lie in 0..{n_arms - 1}, got {code.min()}..{code.max()}.")
    return code.astype(np.intp)


@dataclass(frozen=True, kw_only=True)
class _About:
    """What the three estimates share."""

    raw: Floats
    w: Floats
    reward: Floats
    clip: float | None
    units: NDArray[np.intp] | None

    def value(self, method: str, value: float, influence: Floats) -> PolicyValue:
        n = len(self.w)
        known = not np.isnan(value)
        cut = self.w < self.raw
        variance, df, reason = _variance(influence, self.units) if known else (np.nan, np.nan, NO_WEIGHT)
        if reason is None and not np.sqrt(variance) > 1e-12 * max(abs(value), float(np.abs(influence).max())):
            reason = NO_SPREAD
        enough = effective_rows(self.raw)
        notes = self._notes(enough, float(cut.mean()) if n else 0.0)
        return PolicyValue(
            method=method,
            value=value,
            standard_error=np.nan if reason else float(np.sqrt(variance)),
            df=df,
            n=n,
            effective_n=effective_rows(self.w),
            unclipped_effective_n=enough,
            mean_weight=float(self.raw.mean()) if n else np.nan,
            largest_weight=float(self.raw.max()) if n else np.nan,
            clip=self.clip,
            clipped_share=float(cut.mean()) if n else 0.0,
            clipped_weight=float((self.raw - self.w).sum() / self.raw.sum()) if known else 0.0,
            reliable=enough >= RELIABLE_SHARE * n and self._few() is None and known,
            notes=notes,
            reason=reason,
            influence=influence,
            units=self.units,
        )

    def _few(self) -> int | None:
        """How many of the rarer of two rewards carry weight, where that is too few."""
        if not np.isin(self.reward, (0.0, 1.0)).all():
            return None
        seen = self.reward[self.w > 0]
        rarer = int(min(seen.sum(), len(seen) - seen.sum()))
        return rarer if rarer < FEWEST_EVENTS else None

    def _notes(self, enough: float, cut: float) -> tuple[str, ...]:
        n = len(self.w)
        notes = []
        if enough < RELIABLE_SHARE * n:
            notes.append(
                f"unreliable: {enough:.0f} effective rows of {n}, under {RELIABLE_SHARE:.0%}".replace("%", " %")
            )
        few = self._few()
        if few is not None:
            notes.append(f"unreliable: only {few} rows of the rarer reward carry weight (at least {FEWEST_EVENTS})")
        if cut > 0:
            gone = float((self.raw - self.w).sum() / self.raw.sum())
            notes.append(f"{cut:.2%} of the weights cut to {self.clip:g}, {gone:.2%} of all weight".replace("%", " %"))
        spread = float(self.raw.std(ddof=1)) / np.sqrt(n) if n > 1 else 0.0
        mean = float(self.raw.mean()) if n else np.nan
        if spread > 0 and float(normal_two_sided((mean - 1) / spread)) < WEIGHT_ALARM:
            notes.append(
                f"the weights average {mean:.3f} where 1 is expected: the propensities do not fit the log, or "
                "the log never tries some of what the policy would do"
            )
        return tuple(notes)


def _check(*columns: Floats) -> None:
    for values, name in zip(columns, ("reward", "propensity", "target", "prediction", "prediction"), strict=False):
        if not len(values):
            raise DataError("The log has no rows.")
        if not np.isfinite(values).all():
            raise DataError(f"{name} must be a finite number in every row; leave out the others first.")
        if name == "propensity" and ((values <= 0) | (values > 1)).any():
            worst = values[(values <= 0) | (values > 1)][0]
            raise DataError(f"propensity must lie in (0, 1], got {worst:g}; what was chosen had some chance.")
        if name == "target" and ((values < 0) | (values > 1)).any():
            raise DataError("target must lie in 0..1: the policy's probability of what was logged.")


def _arm_means(arm: NDArray[np.intp], reward: Floats, fold: NDArray[np.int64], k: int, folds: int) -> Floats:
    """Mean reward of each arm outside each fold, (folds, K); the mean of all arms there where the arm has none."""
    place = fold * k + arm
    n = np.bincount(place, minlength=folds * k).reshape(folds, k).astype(np.float64)
    total = np.bincount(place, reward, folds * k).reshape(folds, k)
    n, total = n.sum(axis=0) - n, total.sum(axis=0) - total
    everyone = total.sum(axis=1) / np.maximum(n.sum(axis=1), 1.0)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1.0), everyone[:, None]))


def _variance(influence: Floats, units: NDArray[np.intp] | None) -> tuple[float, float, str | None]:
    n = len(influence)
    if units is None:
        if n < 2:
            return np.nan, np.nan, "too few independent rows to estimate a variance"
        return float(influence @ influence) / (n * (n - 1)), n - 1.0, None
    totals, sizes = np.bincount(units, influence), np.bincount(units).astype(np.float64)
    found = cluster_variance(totals, sizes, np.zeros(len(sizes), np.intp), 1)
    return float(found.variance[0]), float(found.df[0]), found.reasons[0]


def _covariance(one: Floats, two: Floats, units: NDArray[np.intp] | None) -> float:
    n = len(one)
    if units is None:
        return float(one @ two) / (n * (n - 1))
    sizes = np.bincount(units).astype(np.float64)
    where = np.zeros(len(sizes), np.intp)
    return float(cluster_covariance(np.bincount(units, one), np.bincount(units, two), sizes, where, 1)[0])
