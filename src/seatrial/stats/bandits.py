"""Arm values from bandit logs: naive means, IPW, SNIPW, by batch, and AIPW with variance-stabilising weights.

A bandit gives an arm more traffic when it looks good, so an arm that was unlucky early stays unlucky: its plain mean is
biased down and its t interval is not one (Shin, Ramdas and Rinaldo 2019). AIPW scores are unbiased whatever was
learnt on the way, and weights proportional to the root of the propensity keep the sum of their variances steady, so
that value +- t se holds (Hadad, Hirshberg, Zhan, Wager and Athey, PNAS 118, 2021).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError, UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.cupac import assign_folds
from seatrial.stats.distributions import normal_two_sided
from seatrial.stats.means import PairedMeans, mean_interval
from seatrial.stats.off_policy import FEWEST_EVENTS, RELIABLE_SHARE, arm_codes, effective_rows
from seatrial.stats.sorted_scores import column

Codes = NDArray[np.intp]

NAIVE = "naive mean (biased under adaptive allocation: shown, not used)"
IPW, SNIPW = "IPW", "SNIPW (self-normalised)"
BATCHES = "SNIPW within each batch, batches by their share of all rows"
AIPW = "AIPW, variance-stabilising weights"
EQUAL = "AIPW, equal weights"
DRIFT_ALARM = 0.01
NO_ROWS, TOO_FEW, FLAT = "no rows", "too few rows to estimate a variance", "every row has the same reward"
DRIFT = "drifts: the value with stabilising weights is not the average over all rows; compare arms by their contrasts"
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class ArmEstimates:
    """One method's values of K arms, (K,) each; NaN and a reason where there is none."""

    method: str
    value: Floats
    standard_error: Floats
    df: Floats
    reasons: tuple[str | None, ...]
    notes: tuple[str | None, ...]

    def interval(self, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """Limits value +- t se, each (K,)."""
        return mean_interval(self.value, self.standard_error, self.df, alpha=alpha)


@dataclass(frozen=True, kw_only=True)
class ArmValues:
    """What a bandit log says about K arms. `aipw` is the one to quote; `naive` is shown to be distrusted."""

    n: Floats
    """Rows of each arm, (K,)."""
    effective_n: Floats
    """(sum w)^2/sum w^2 of 1/propensity over the rows of the arm, (K,)."""
    reliable: NDArray[np.bool_]
    """Effective rows at least 0.1 of the arm's rows, and 10 of the rarer reward where rewards are 0 or 1."""
    smallest_propensity: Floats
    naive: ArmEstimates
    ipw: ArmEstimates
    snipw: ArmEstimates
    by_batch: ArmEstimates | None
    aipw: ArmEstimates
    """Variance-stabilising weights where the propensity of every arm is known, else equal ones (the method says)."""
    aipw_equal: ArmEstimates
    """Equal weights: the average over all rows, also where arms drift; wider and less normal."""
    scores: Floats
    """AIPW scores (n, K): the expected score is the arm's value, whatever was learnt before."""
    odds: Floats | None
    """1/propensity of each arm (n, K), averaged over its batch; None where it is not known of every batch and arm."""
    batch: Codes

    @property
    def notes(self) -> tuple[str | None, ...]:
        """What to doubt about each arm."""
        return self.aipw.notes


def arm_values(
    arm: ArrayLike,
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    n_arms: int,
    batch: ArrayLike | None = None,
    propensities: ArrayLike | None = None,
    seed: int = 0,
) -> ArmValues:
    """Values of K arms from a log in the order of time, with the propensity each choice was made with.

    `arm` (n,) codes; `reward` (n,); `propensity` (n,) in (0, 1] of the arm chosen; `batch` (n,) ascending: rows of one
    batch (a day) were chosen before any reward of it was seen, without it every row is a batch of its own;
    `propensities` (n, K) of every arm, needed for stabilising weights unless every batch has rows of every arm.
    AIPW score of arm a: m + 1{A = a}(r - m)/e with m the arm's mean in earlier batches and in other folds of this one;
    value = sum h score/sum h, var = sum h^2 (score - value)^2/(sum h)^2, h = 1/sqrt(mean of 1/e in the batch)
    (for propensities that depend on context: StableVar of Zhan et al., KDD 2021). The values are averages over time
    with each arm's own weights h: where arms drift a note says so, `aipw_equal` is the average over all rows, and
    arms are compared by `arm_contrast`, which weights both sides alike.
    Raises `DataError` for numbers out of range and batches out of order.

    >>> rng = np.random.default_rng(0)
    >>> arm = rng.integers(0, 2, 2000)
    >>> found = arm_values(arm, arm + rng.normal(size=2000), [0.5] * 2000, n_arms=2, batch=[0] * 2000)
    >>> (found.aipw.value > [-0.15, 0.85]).tolist(), found.aipw.method
    ([True, True], 'AIPW, variance-stabilising weights')
    """
    r = column(reward, "reward")
    n = len(r)
    p = column(propensity, "propensity", length=n)
    chosen = arm_codes(arm, n_arms, length=n)
    if not n:
        raise DataError("The log has no rows.")
    if not np.isfinite(r).all():
        raise DataError("reward must be a finite number in every row; leave out rows whose reward is not known yet.")
    if not ((p > 0) & (p <= 1)).all():
        raise DataError("propensity must lie in (0, 1] in every row; what was chosen had some chance.")
    group = _batches(batch, n)
    full = _propensities(propensities, chosen, p, n_arms)
    odds = _odds(chosen, p, group, n_arms, full)
    scores = _scores(chosen, r, p, group, n_arms, seed)
    counts = np.bincount(chosen, minlength=n_arms).astype(np.float64)
    effective = np.array([effective_rows(1 / p[chosen == a]) for a in range(n_arms)])
    notes, reliable = _doubts(chosen, r, counts, effective)
    parts = _Parts(chosen=chosen, reward=r, propensity=p, counts=counts, notes=notes)
    with np.errstate(divide="ignore"):
        smallest = np.array([p[chosen == a].min() if counts[a] else np.nan for a in range(n_arms)])
    return ArmValues(
        n=counts,
        effective_n=effective,
        reliable=reliable,
        smallest_propensity=smallest,
        naive=parts.weighted(NAIVE, np.ones(n), normalised=True),
        ipw=parts.weighted(IPW, 1 / p, normalised=False),
        snipw=parts.weighted(SNIPW, 1 / p, normalised=True),
        by_batch=None if batch is None else parts.by_batch(group),
        aipw=parts.aipw(scores, odds),
        aipw_equal=parts.aipw(scores, None),
        scores=scores,
        odds=odds,
        batch=group,
    )


def arm_contrast(values: ArmValues, *, control: int = 0) -> PairedMeans:
    """Each other arm against `control` from AIPW scores, one slice per arm in order without the control (S = K - 1).

    Both arms of a comparison share their weights, h = 1/sqrt(1/e_arm + 1/e_control), so a drift that moves both sides
    is no difference; where the effect itself drifts this is its h-weighted average over time.
    Raises `UsageError` for an arm that is not there.
    """
    k = len(values.n)
    if not 0 <= control < k:
        raise UsageError(f"control must be an arm in 0..{k - 1}, got {control}.")
    others = [a for a in range(k) if a != control]
    base = values.scores[:, control]
    found = np.full((5, len(others)), np.nan)
    reasons: list[str | None] = []
    for s, a in enumerate(others):
        low = min(values.n[a], values.n[control])
        reason = values.aipw.reasons[a] or values.aipw.reasons[control]
        if reason not in (None, FLAT) or low < 2:
            reasons.append(reason or TOO_FEW)
            continue
        change = values.scores[:, a] - base
        weight = np.ones(len(base))
        if values.odds is not None:
            weight = 1 / np.sqrt(values.odds[:, a] + values.odds[:, control])
        share = weight / weight.sum()
        level, difference = share @ base, share @ change
        off_base, off_change = share * (base - level), share * (change - difference)
        found[:, s] = level, difference, off_change @ off_change, off_base @ off_base, off_base @ off_change
        reasons.append(None)
    df = np.array([min(values.n[a], values.n[control]) - 1 for a in others])
    return PairedMeans(
        baseline=found[0],
        difference=found[1],
        var_difference=found[2],
        var_baseline=found[3],
        cov_baseline_difference=found[4],
        df=df,
        n=np.array([values.n[a] + values.n[control] for a in others]),
        reasons=tuple(reasons),
        method=f"difference of arms, {AIPW if values.odds is not None else EQUAL} common to both",
        identical=np.zeros(len(others), dtype=np.bool_),
    )


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The log, for methods that look at one arm at a time."""

    chosen: Codes
    reward: Floats
    propensity: Floats
    counts: Floats
    notes: tuple[str | None, ...]

    def weighted(self, method: str, weight: Floats, *, normalised: bool) -> ArmEstimates:
        """sum w r/sum w over the arm's rows, or sum w r/n over all rows."""
        n, k = len(self.reward), len(self.counts)
        value, variance = np.full(k, np.nan), np.full(k, np.nan)
        for a in np.flatnonzero(self.counts).tolist():
            w = np.where(self.chosen == a, weight, 0.0)
            whole = w.sum() if normalised else float(n)
            value[a] = (w @ self.reward) / whole
            off = w * (self.reward - value[a]) if normalised else w * self.reward - value[a]
            size = self.counts[a] if normalised else float(n)
            variance[a] = (off @ off) / whole**2 * size / max(size - 1, 1)
        return self._estimates(method, value, variance)

    def by_batch(self, group: Codes) -> ArmEstimates:
        """sum over batches of (rows of the batch/all) x SNIPW within it; batches with under two rows of an arm are
        left out for it."""
        n, k, batches = len(self.reward), len(self.counts), int(group[-1]) + 1
        place = group * k + self.chosen

        def cell(values: Floats | None = None) -> Floats:
            return np.bincount(place, values, batches * k).reshape(batches, k).astype(np.float64)

        w = 1 / self.propensity
        count, whole = cell(), cell(w)
        usable = count >= 2
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(usable, cell(w * self.reward) / whole, 0.0)
            square = cell((w * (self.reward - mean.ravel()[place])) ** 2)
            spread = np.where(usable, square / whole**2 * count / (count - 1), 0.0)
            share = np.bincount(group, minlength=batches)[:, None] / n * usable
            kept = share.sum(axis=0)
            share = share / kept
            found = self._estimates(BATCHES, (share * mean).sum(axis=0), (share**2 * spread).sum(axis=0))
        left = [
            f"{int(out)} of {batches} batches had under two rows of the arm and are left out" if out else None
            for out in (~usable).sum(axis=0).tolist()
        ]
        return replace(found, notes=_joined(self.notes, left))

    def aipw(self, scores: Floats, odds: Floats | None) -> ArmEstimates:
        """Scores averaged with weights 1/sqrt(odds), equal ones without."""
        value, off = _average(scores, odds)
        found = self._estimates(EQUAL if odds is None else AIPW, value, np.einsum("nk,nk->k", off, off))
        if odds is None:
            return found
        plain, off_plain = _average(scores, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = (value - plain) / np.sqrt(((off - off_plain) ** 2).sum(axis=0))
            drifts = normal_two_sided(gap) < DRIFT_ALARM
        said = (DRIFT if drift else None for drift in drifts.tolist())
        return replace(found, notes=_joined(found.notes, said))

    def _estimates(self, method: str, value: Floats, variance: Floats) -> ArmEstimates:
        value = np.where(self.counts > 0, value, np.nan)
        error = np.sqrt(np.where(self.counts >= 2, variance, np.nan))
        same = [
            len(np.unique(self.reward[self.chosen == a][:1000])) < 2
            and bool((self.reward[self.chosen == a] == self.reward[self.chosen == a][:1]).all())
            for a in range(len(value))
        ]
        reasons = tuple(
            NO_ROWS if not rows else TOO_FEW if rows < 2 else FLAT if flat else None
            for rows, flat in zip(self.counts.tolist(), same, strict=True)
        )
        known = np.array([reason is None for reason in reasons])
        return ArmEstimates(
            method=method,
            value=value,
            standard_error=np.where(known, error, np.nan),
            df=self.counts - 1,
            reasons=reasons,
            notes=self.notes,
        )


def _average(scores: Floats, odds: Floats | None) -> tuple[Floats, Floats]:
    """Weighted means (K,) of the scores and the weighted deviations (n, K), whose squares sum to the variance."""
    weight = np.ones_like(scores) if odds is None else 1 / np.sqrt(odds)
    share = weight / weight.sum(axis=0)
    value = np.einsum("nk,nk->k", share, scores)
    return value, share * (scores - value)


def _joined(one: Iterable[str | None], two: Iterable[str | None]) -> tuple[str | None, ...]:
    return tuple("; ".join(x for x in pair if x) or None for pair in zip(one, two, strict=True))


def _batches(batch: ArrayLike | None, n: int) -> Codes:
    if batch is None:
        return np.arange(n, dtype=np.intp)
    named = np.asarray(batch)
    if named.shape != (n,):
        raise DataError(f"batch has shape {named.shape} but there are {n} rows.")
    unique, code = np.unique(named, return_inverse=True)
    if (np.diff(code) < 0).any():
        raise DataError(
            f"Rows must be in the order of time: batch {unique[code[:-1][np.diff(code) < 0][0]]} comes "
            "before an earlier one. Sort the log first."
        )
    return code.astype(np.intp)


def _propensities(given: ArrayLike | None, chosen: Codes, p: Floats, k: int) -> Floats | None:
    if given is None:
        return None
    full = np.asarray(given, dtype=np.float64)
    if full.shape != (len(p), k):
        raise DataError(f"propensities has shape {full.shape}, expected {(len(p), k)}: one for each row and arm.")
    if not ((full > 0) & (full <= 1)).all():
        raise DataError("propensities must lie in (0, 1]; an arm that could not be chosen has no value in that row.")
    if not np.allclose(full[np.arange(len(p)), chosen], p, rtol=1e-6, atol=1e-12):
        raise DataError("propensities and propensity disagree about the arm that was chosen.")
    return full


def _odds(chosen: Codes, p: Floats, group: Codes, k: int, full: Floats | None) -> Floats | None:
    """Mean of 1/e over the batch for each arm, (n, K); None where it is not known of every batch and arm.

    To leave out batches in which an arm was not chosen would be to choose by outcome of the draw, and bias its value.
    """
    batches = int(group[-1]) + 1
    if full is not None:
        rows = np.bincount(group, minlength=batches)
        sums = np.stack([np.bincount(group, 1 / full[:, a], batches) for a in range(k)], axis=1)
        return np.asarray((sums / rows[:, None])[group])
    if batches == len(p) and batches > 1:
        return None
    # only the arm chosen is known: E[e^-2 | chosen]/E[e^-1 | chosen] = E[1/e], exactly 1/e where it is constant
    place = group * k + chosen
    top = np.bincount(place, p**-2.0, batches * k).reshape(batches, k)
    bottom = np.bincount(place, 1 / p, batches * k).reshape(batches, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(bottom > 0, top / bottom, np.inf)
        # one arm without rows in a batch: what the others leave
        rest = 1 - np.where(bottom > 0, 1 / mean, 0.0).sum(axis=1)
        lonely = (bottom == 0).sum(axis=1) == 1
        mean = np.where((bottom == 0) & (lonely & (rest > 1e-9))[:, None], 1 / rest[:, None], mean)
    return np.asarray(mean[group]) if np.isfinite(mean).all() else None


def _scores(chosen: Codes, r: Floats, p: Floats, group: Codes, k: int, seed: int) -> Floats:
    """AIPW scores (n, K); m is the arm's mean over earlier batches and the other folds of this one."""
    n, batches = len(r), int(group[-1]) + 1
    single = batches == n
    folds = 1 if single else FOLDS
    fold = np.zeros(n, np.intp) if single else assign_folds(np.arange(n), folds, seed=seed).astype(np.intp)
    place = (group * k + chosen) * folds + fold
    count = np.bincount(place, minlength=batches * k * folds).reshape(batches, k, folds).astype(np.float64)
    total = np.asarray(np.bincount(place, r, batches * k * folds).reshape(batches, k, folds), np.float64)
    known_n = _known(count, single)
    known_sum = _known(total, single)
    everyone_n, everyone_sum = known_n.sum(axis=1, keepdims=True), known_sum.sum(axis=1, keepdims=True)
    middle = everyone_sum / np.maximum(everyone_n, 1.0)
    model = np.where(known_n > 0, known_sum / np.maximum(known_n, 1.0), middle)[group, :, fold]
    scores = model.copy()
    rows = np.arange(n)
    scores[rows, chosen] += (r - model[rows, chosen]) / p
    return np.asarray(scores)


def _known(cells: Floats, single: bool) -> Floats:
    """Sums over what a row may learn from, (batches, K, folds): earlier batches, and this batch less its fold."""
    batch = cells.sum(axis=2)
    earlier = np.cumsum(batch, axis=0) - batch
    return np.asarray(earlier[:, :, None] if single else earlier[:, :, None] + batch[:, :, None] - cells)


def _doubts(
    chosen: Codes, reward: Floats, counts: Floats, effective: Floats
) -> tuple[tuple[str | None, ...], NDArray[np.bool_]]:
    binary = bool(np.isin(reward, (0.0, 1.0)).all())
    notes: list[str | None] = []
    for a, (rows, enough) in enumerate(zip(counts.tolist(), effective.tolist(), strict=True)):
        found = []
        if rows and enough < RELIABLE_SHARE * rows:
            found.append(f"unreliable: {enough:.0f} effective rows of {rows:.0f}")
        if binary and rows:
            events = float(reward[chosen == a].sum())
            rarer = min(events, rows - events)
            if rarer < FEWEST_EVENTS:
                found.append(f"unreliable: only {rarer:.0f} rows of the rarer reward (at least {FEWEST_EVENTS})")
        notes.append("; ".join(found) or (None if rows else NO_ROWS))
    return tuple(notes), np.array([note is None for note in notes])
