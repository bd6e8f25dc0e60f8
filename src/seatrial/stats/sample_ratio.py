"""Sample ratio: do the arms hold the shares of units that the plan gave? A test at the end, a martingale live."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats

LEVEL = 0.001
"""p below this (over the number of phases within a phase) is a mismatch, if the deviation is also at least `LEAST`."""
LEAST = 0.002
FEW = 25.0
"""Below this many expected units in an arm the chi-square approximation is not used."""
FEWEST_PRIOR = 1000.0
NO_UNITS = "no units"
ONE_ARM = "only one arm has a share of the traffic"


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """Counts (A,) of units against what the weights give; a test that cannot be done has p NaN and a reason."""

    counts: Floats
    expected: Floats
    statistic: float
    """Chi-square; NaN where the exact test was used."""
    df: int
    p_value: float
    deviation: float
    """max |observed/expected - 1| over arms with a positive weight."""
    method: str
    unexpected: tuple[int, ...]
    """Arms with units but a weight of 0."""
    reason: str | None

    def mismatch(self, *, level: float = LEVEL, least: float = LEAST) -> bool:
        """Whether the shares are broken: units in an arm of weight 0, or p < level and a deviation >= `least`."""
        return bool(self.unexpected) or (self.p_value < level and self.deviation >= least)


@dataclass(frozen=True, kw_only=True)
class SampleRatioDecision:
    """The test over all phases, the one of each phase, and which of them are broken."""

    overall: SampleRatio
    phases: tuple[SampleRatio, ...]
    overall_failed: bool
    failed_phases: tuple[int, ...]

    @property
    def failed(self) -> bool:
        return self.overall_failed or bool(self.failed_phases)


def sample_ratio_test(counts: ArrayLike, weights: ArrayLike) -> SampleRatio:
    """Test that units fell into the arms by the planned weights.

    Chi-square sum (O - E)^2/E with df = positive weights - 1. `counts` and `weights` are (A,), or (P, A) for P
    allocation phases: then E = sum n_k w_k and the statistic is (O - E)' V^- (O - E) with V = sum n_k (diag(w_k) -
    w_k w_k'), which for one phase is the same. Where an arm expects under 25 units: exact, twice the smaller binomial
    tail of each such arm against the rest; with more than two arms corrected for their number and for the chi-square
    of the others (Bonferroni). Raises UsageError for counts or weights that are negative or not finite, and for weights
    all 0.

    >>> found = sample_ratio_test([821_588, 815_482], [0.5, 0.5])
    >>> f"{found.p_value:.4e}", round(found.deviation, 5), found.mismatch()
    ('1.8218e-06', 0.00373, True)
    """
    seen, shares = _phases(counts, weights)
    positive = (shares > 0).any(axis=0)
    stray = ((shares == 0) & (seen > 0)).any(axis=0)
    inside = np.where(shares > 0, seen, 0.0)
    whole = inside.sum(axis=1)
    kept, expected = inside.sum(axis=0), whole @ shares
    used = positive & (expected > 0)
    df = int(used.sum()) - 1
    statistic, p, method, reason = np.nan, np.nan, "chi-square", None
    deviation = 0.0
    if whole.sum() == 0:
        reason, df = NO_UNITS, int(positive.sum()) - 1
    elif df < 1:
        reason = ONE_ARM
    else:
        deviation = float(np.abs(kept[used] / expected[used] - 1).max())
        small = used & (expected < FEW)
        if small.any():
            p, method = _exact(kept, expected, used, small), "exact binomial"
        else:
            statistic = _wald(kept - expected, whole, shares, used)
            p = float(special.chdtrc(df, statistic))
    return SampleRatio(
        counts=seen.sum(axis=0),
        expected=expected,
        statistic=statistic,
        df=df,
        p_value=p,
        deviation=deviation,
        method=method,
        unexpected=tuple(int(arm) for arm in np.flatnonzero(stray)),
        reason=reason,
    )


def sample_ratio_decision(
    counts: ArrayLike, weights: ArrayLike, *, level: float = LEVEL, least: float = LEAST
) -> SampleRatioDecision:
    """Whether an experiment is invalid by its sample ratio: counts and weights (P, A) by allocation phase, or (A,).

    Broken at p < `level` overall or p < `level`/P within a phase, each with a deviation of at least `least`, so that a
    huge experiment does not fail by a harmless one; units in an arm of weight 0 always break it.

    >>> decision = sample_ratio_decision([[9_500, 500], [8_000, 2_400]], [[0.95, 0.05], [0.8, 0.2]])
    >>> decision.failed, decision.failed_phases
    (True, (1,))
    """
    seen, shares = _phases(counts, weights)
    overall = sample_ratio_test(seen, shares)
    phases = tuple(sample_ratio_test(n, w) for n, w in zip(seen, shares, strict=True))
    return SampleRatioDecision(
        overall=overall,
        phases=phases,
        overall_failed=overall.mismatch(level=level, least=least),
        failed_phases=tuple(
            number for number, one in enumerate(phases) if one.mismatch(level=level / len(phases), least=least)
        ),
    )


def sample_ratio_martingale(cumulative_counts: ArrayLike, weights: ArrayLike, *, k: float = FEWEST_PRIOR) -> Floats:
    """Log Bayes factor against the planned shares at each look (L,); the alarm, at log(1/alpha), allows any looking.

    Dirichlet-multinomial with prior k w around the plan (Lindon and Malek 2022): log of Gamma(k)/Gamma(k + n) times
    the product over arms of Gamma(k w_a + n_a)/(Gamma(k w_a) w_a^n_a). It is a martingale under the plan, so by Ville
    it ever passes 1/alpha with chance at most alpha. `cumulative_counts` (L, A); `weights` (A,), or (L, A) those in
    force since the look before: a new allocation starts a new prior and the logs add. Units in an arm of weight 0 give
    infinity. A large k looks for small deviations; it must be at least 1000.

    >>> sample_ratio_martingale([[5_000, 5_000], [10_400, 9_600]], [0.5, 0.5]).round(2).tolist()
    [-1.2, 13.72]
    """
    seen = np.asarray(cumulative_counts, dtype=np.float64)
    if seen.ndim != 2:
        raise UsageError("Give the cumulative counts as one row per look, one column per arm.")
    if not k >= FEWEST_PRIOR:
        raise UsageError(f"The prior's size k must be at least {FEWEST_PRIOR:g}, got {k!r}.")
    if len(seen) == 0:
        return np.empty(0)
    steps = np.diff(seen, axis=0, prepend=0.0)
    steps, shares = _phases(steps, weights, what="Cumulative counts cannot fall, and counts")
    changed = np.concatenate([[True], (shares[1:] != shares[:-1]).any(axis=1)])
    starts = np.flatnonzero(changed)
    found, before = np.empty(len(seen)), 0.0
    for first, last in zip(starts, [*starts[1:], len(seen)], strict=True):
        inside = np.cumsum(steps[first:last], axis=0)
        found[first:last] = before + _log_bayes_factor(inside, shares[first], k)
        before = float(found[last - 1])
    return found


def first_alarm(log_bayes_factors: ArrayLike, alpha: float) -> int | None:
    """Index of the first look at which the Bayes factor has reached 1/alpha; None: never.

    >>> first_alarm([-1.2, 13.71, 9.0], 0.001)
    1
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha must lie strictly between 0 and 1, got {alpha!r}.")
    over = np.flatnonzero(np.asarray(log_bayes_factors, dtype=np.float64) >= -np.log(alpha))
    return int(over[0]) if over.size else None


def _phases(counts: ArrayLike, weights: ArrayLike, *, what: str = "Counts") -> tuple[Floats, Floats]:
    """Counts (P, A), and weights as shares (P, A) of each phase."""
    seen = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    given = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if seen.ndim != 2 or given.ndim != 2 or given.shape[1] != seen.shape[1] or len(given) not in (1, len(seen)):
        raise UsageError(f"Give one weight per arm: counts are {seen.shape}, weights {given.shape}.")
    if not (np.isfinite(seen).all() and (seen >= 0).all()):
        raise UsageError(f"{what} must be numbers that are not negative.")
    if not (np.isfinite(given).all() and (given >= 0).all() and (given.sum(axis=1) > 0).all()):
        raise UsageError("Weights must be numbers that are not negative, with at least one above 0.")
    shares = given / given.sum(axis=1, keepdims=True)
    return seen, np.broadcast_to(shares, seen.shape)


def _wald(gap: Floats, whole: Floats, shares: Floats, used: NDArray[np.bool_]) -> float:
    """(O - E)' V^- (O - E) without one arm, which the others determine; Pearson's sum if the weights never change."""
    if (shares == shares[0]).all():
        return float((gap[used] ** 2 / (whole.sum() * shares[0][used])).sum())
    spread = np.diag(whole @ shares) - (shares * whole[:, None]).T @ shares
    free = np.flatnonzero(used)[:-1]
    return float(gap[free] @ np.linalg.lstsq(spread[np.ix_(free, free)], gap[free], rcond=None)[0])


def _exact(kept: Floats, expected: Floats, used: NDArray[np.bool_], small: NDArray[np.bool_]) -> float:
    """Bonferroni over the binomial tails of the small arms and the chi-square among the others.

    Phases with different weights are taken at their average ones, whose tails are the heavier (Hoeffding 1956).
    """
    whole = kept.sum()
    if used.sum() == 2:
        small = small & (np.arange(small.size) == np.flatnonzero(small)[0])  # the other arm says the same
        others = np.zeros_like(used)
    else:
        others = used & ~small
    tails = [_binomial_two_sided(kept[arm], whole, expected[arm] / whole) for arm in np.flatnonzero(small)]
    if others.sum() > 1:
        share = expected[others] / expected[others].sum()
        middle = kept[others].sum() * share
        statistic = float(((kept[others] - middle) ** 2 / middle).sum()) if middle.sum() > 0 else 0.0
        tails.append(float(special.chdtrc(int(others.sum()) - 1, statistic)))
    return min(1.0, len(tails) * min(tails))


def _binomial_two_sided(count: float, n: float, share: float) -> float:
    """Twice the smaller tail of a binomial, at most 1, by the incomplete beta function."""
    below = 1.0 if count >= n else float(special.betaincc(count + 1, n - count, share))
    above = 1.0 if count <= 0 else float(special.betainc(count, n - count + 1, share))
    return min(1.0, 2 * min(below, above))


def _log_bayes_factor(counts: Floats, shares: Floats, k: float) -> Floats:
    positive = shares > 0
    prior, n = k * shares[positive], counts[:, positive]
    arms = special.gammaln(prior + n) - special.gammaln(prior) - n * np.log(shares[positive])
    whole = n.sum(axis=1)
    log = arms.sum(axis=1) - special.gammaln(k + whole) + special.gammaln(k)
    return np.where((counts[:, ~positive] > 0).any(axis=1), np.inf, log)
