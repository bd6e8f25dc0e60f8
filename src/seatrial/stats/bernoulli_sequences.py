"""Always-valid inference for rates and other bounded outcomes: exact at every n, so it needs no burn-in.

For a rate p the likelihood of the data under a mixture of rates, over their likelihood under p, is an e-process: its
mean is 1 under p at every look, so it ever reaches 1/alpha with probability at most alpha (Robbins, Annals of
Mathematical Statistics 1970; Ville 1939). The mixture is of Beta distributions (`BetaMixture`), fixed before the data.
For bounded outcomes, betting: Waudby-Smith and Ramdas, Journal of the Royal Statistical Society B 86 (2024).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.confidence_sequences import tuning
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.inversion import limit

Side = Literal["two-sided", "above", "below"]
BETTING_CAP = 0.5
"""No bet risks more than this share of what there is."""


@dataclass(frozen=True, kw_only=True)
class BetaMixture:
    """A mixture of Beta(a, b) distributions of a rate: what one bets on, fixed before the data."""

    parts: tuple[tuple[float, float, float], ...]
    """(weight, a, b), the weights adding up to 1."""

    def __post_init__(self) -> None:
        usable = all(w > 0 and a > 0 and b > 0 for w, a, b in self.parts)
        if not usable or not math.isclose(sum(w for w, _, _ in self.parts), 1.0):
            raise UsageError(f"A mixture needs positive weights that add up to 1, and positive a and b: {self.parts}.")

    def log_likelihood(self, count: Floats, n: Floats, *, above: Floats | None = None) -> Floats:
        """Log likelihood of the data averaged over the mixture, or over its part above a rate (and rescaled)."""
        over, prior = [], []
        for weight, a, b in self.parts:
            log = math.log(weight) + special.betaln(a + count, b + n - count) - float(special.betaln(a, b))
            mass = np.full_like(count, math.log(weight))
            if above is not None:
                log = log + _log_tail(a + count, b + n - count, above)
                mass = mass + _log_tail(np.full_like(count, a), np.full_like(count, b), above)
            over.append(log)
            prior.append(mass)
        stake = np.logaddexp.reduce(prior, axis=0)
        with np.errstate(invalid="ignore"):
            return np.where(np.isneginf(stake), -np.inf, np.logaddexp.reduce(over, axis=0) - stake)

    def mirrored(self) -> "BetaMixture":
        """The same mixture for the rate of non-events."""
        return BetaMixture(parts=tuple((weight, b, a) for weight, a, b in self.parts))


JEFFREYS = BetaMixture(parts=((1.0, 0.5, 0.5),))
"""Knows nothing: within a constant of the best at every rate and every n."""


def planned_mixture(rate: float, n: float, *, tuned_for: float = 0.05) -> BetaMixture:
    """Half of the stake on what is planned, half on `JEFFREYS` in case the plan is wrong.

    Beta(m rate, m (1 - rate)) with m = n/tuning(tuned_for): near the planned rate this is narrowest at the planned `n`
    units, as a confidence sequence tuned for I* is. Raises UsageError unless 0 < rate < 1 and n > 0.

    >>> [(weight, round(a, 2), round(b, 2)) for weight, a, b in planned_mixture(0.01, 10_000).parts]
    [(0.5, 0.5, 0.5), (0.5, 12.6, 1247.46)]
    """
    if not (0.0 < rate < 1.0 and n > 0):
        raise UsageError(f"A planned rate lies strictly between 0 and 1, for more than 0 units: got {rate!r}, {n!r}.")
    m = n / tuning(tuned_for)
    return BetaMixture(parts=((0.5, 0.5, 0.5), (0.5, m * rate, m * (1 - rate))))


def rate_log_e_value(
    count: ArrayLike, n: ArrayLike, null: ArrayLike, *, mixture: BetaMixture = JEFFREYS, side: Side = "two-sided"
) -> Floats:
    """Log of the evidence against a rate of `null`, in the broadcast shape.

    Two-sided: log of int q^x (1-q)^(n-x) dB(q) over null^x (1-null)^(n-x). `side` "above" is evidence that the rate is
    above `null` (B cut off below it; valid against every rate up to `null`), "below" likewise. An empty side: 0.

    >>> round(float(np.exp(rate_log_e_value(30, 1000, 0.01, side="above"))))
    13995
    """
    x, size = _pair(count, n)
    p = np.asarray(null, dtype=np.float64)
    x, size, p = (np.asarray(one) for one in np.broadcast_arrays(x, size, p))
    if side == "below":
        return rate_log_e_value(size - x, size, 1 - p, mixture=mixture.mirrored(), side="above")
    if side == "above":
        alternative = mixture.log_likelihood(x, size, above=np.clip(p, 1e-300, 1 - 1e-15))
    else:
        alternative = mixture.log_likelihood(x, size)
    with np.errstate(invalid="ignore"):
        return np.asarray(alternative - _log_likelihood(x, size, p))


def rate_p_value(
    count: ArrayLike, n: ArrayLike, null: ArrayLike, *, mixture: BetaMixture = JEFFREYS, side: Side = "two-sided"
) -> Floats:
    """Always-valid p of `rate == null`, or with a `side` of "not above" ("not below") it: min(1, 1/e).

    Below alpha exactly when `null` is outside `rate_sequence` at that alpha (one-sided: its limit on that side).

    >>> float(rate_p_value(30, 1000, 0.015, side="above").round(4))
    0.0993
    """
    log_e = rate_log_e_value(count, n, null, mixture=mixture, side=side)
    return np.asarray(np.exp(np.minimum(-log_e, 0.0)))


def rate_sequence(
    count: ArrayLike, n: ArrayLike, *, alpha: float = 0.05, mixture: BetaMixture = JEFFREYS, side: Side = "two-sided"
) -> tuple[Floats, Floats]:
    """Limits of a rate that hold at all looks at once: every p with e(p) < 1/alpha, each in the broadcast shape.

    `side` "above" gives a lower limit alone (the upper is 1), "below" an upper limit alone. n = 0: 0 and 1.

    >>> low, high = rate_sequence([0, 30], [1000, 1000])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.0143], [0.007, 0.054])
    """
    normal_quantile(alpha)
    x, size = _pair(count, n)
    threshold = -math.log(alpha)

    def accepted(p: Floats) -> np.ndarray:
        return np.asarray(~(rate_log_e_value(x, size, p, mixture=mixture, side=side) >= threshold))

    share = np.where(size > 0, x / np.where(size > 0, size, 1.0), 0.5)
    low = np.zeros_like(share) if side == "below" else _limit_or_end(accepted, share, np.zeros_like(share))
    high = np.ones_like(share) if side == "above" else _limit_or_end(accepted, share, np.ones_like(share))
    return low, high


def rate_difference_sequence(
    count_1: ArrayLike,
    n_1: ArrayLike,
    count_0: ArrayLike,
    n_0: ArrayLike,
    *,
    alpha: float = 0.05,
    mixture: BetaMixture = JEFFREYS,
) -> tuple[Floats, Floats]:
    """Limits of p1 - p0 that hold at all looks at once, however the two sides are interleaved; n = 0: -1 and 1.

    The product of the two sides' e-values is an e-process against the pair (p1, p0); the limits are those of p1 - p0
    over all pairs with e1(p1) e0(p0) < 1/alpha. They lie where the two slopes of the likelihood cancel,
    x1/p1 - (n1 - x1)/(1 - p1) = lambda = -(x0/p0 - (n0 - x0)/(1 - p0)), which leaves one number to be sought. A single
    limit of the two may be used alone, at level alpha.

    >>> low, high = rate_difference_sequence(180, 10_000, 100, 10_000)
    >>> round(float(low), 4), round(float(high), 4)
    (-0.0003, 0.0167)
    """
    normal_quantile(alpha)
    x1, n1, x0, n0 = _four(count_1, n_1, count_0, n_0)
    threshold = -math.log(alpha)
    top = _top(x1, n1, x0, n0, mixture)
    found = []
    for sign in (1.0, -1.0):

        def accepted(share: Floats, sign: float = sign) -> np.ndarray:
            p1, p0 = _along(x1, n1, x0, n0, sign * share)
            return np.asarray(~(top - _log_likelihood(x1, n1, p1) - _log_likelihood(x0, n0, p0) >= threshold))

        share = limit(accepted, np.zeros_like(x1), np.ones_like(x1))
        p1, p0 = _along(x1, n1, x0, n0, sign * share)
        found.append(np.where((n1 > 0) & (n0 > 0), p1 - p0, -sign))
    return found[0], found[1]


def rate_difference_p_value(
    count_1: ArrayLike,
    n_1: ArrayLike,
    count_0: ArrayLike,
    n_0: ArrayLike,
    null: float = 0.0,
    *,
    mixture: BetaMixture = JEFFREYS,
) -> Floats:
    """Always-valid p of `p1 - p0 == null`: below alpha exactly when `null` is outside `rate_difference_sequence`.

    1/e at the pair of rates with that difference under which the data are likeliest; at most 1.

    >>> float(rate_difference_p_value(180, 10_000, 100, 10_000).round(3))
    0.124
    """
    x1, n1, x0, n0 = _four(count_1, n_1, count_0, n_0)
    if not -1 <= null <= 1:
        return np.where(np.isnan(x1), np.nan, 0.0)
    # as lambda rises from -inf to inf, p1 falls from 1 to 0 and p0 rises from 0 to 1

    def accepted(share: Floats) -> np.ndarray:
        p1, p0 = _along(x1, n1, x0, n0, share)
        return np.asarray(p1 - p0 >= null)

    share = limit(accepted, np.full_like(x1, -1.0), np.ones_like(x1))
    p1, p0 = _along(x1, n1, x0, n0, share)
    log_e = _top(x1, n1, x0, n0, mixture) - _log_likelihood(x1, n1, p1) - _log_likelihood(x0, n0, p0)
    p = np.exp(np.minimum(-log_e, 0.0))
    return np.where((n1 > 0) & (n0 > 0), p, 1.0)


def rate_ratio_sequence(
    count_1: ArrayLike,
    count_0: ArrayLike,
    *,
    share: ArrayLike,
    alpha: float = 0.05,
    mixture: BetaMixture = JEFFREYS,
    side: Side = "two-sided",
) -> tuple[Floats, Floats]:
    """Limits of p1/p0 that hold at all looks at once, from the events alone; no events: 0 and infinity.

    Units go to side 1 with probability `share`, so each event is one of side 1 with probability
    theta = share r/(share r + 1 - share), r = p1/p0, whatever the rates are and however they drift together: the limits
    are those of theta (`rate_sequence`), mapped. Narrower than `rate_difference_sequence` for rare events, and it
    tests margins that are a share of the baseline as they are meant. Raises UsageError unless 0 < share < 1.

    >>> low, high = rate_ratio_sequence(180, 100, share=0.5)
    >>> round(float(low), 2), round(float(high), 2)
    (1.18, 2.81)
    """
    odds = _odds(share)
    x1, x0 = _counts(count_1, count_0)
    low, high = rate_sequence(x1, x1 + x0, alpha=alpha, mixture=mixture, side=side)
    with np.errstate(divide="ignore"):
        return low / (1 - low) / odds, high / (1 - high) / odds


def rate_ratio_p_value(
    count_1: ArrayLike,
    count_0: ArrayLike,
    ratio: ArrayLike = 1.0,
    *,
    share: ArrayLike,
    mixture: BetaMixture = JEFFREYS,
    side: Side = "two-sided",
) -> Floats:
    """Always-valid p of `p1/p0 == ratio`: below alpha exactly when `ratio` is outside `rate_ratio_sequence`.

    With `side` "above" it is that of "no more than `ratio`": small when side 1 has too many events.

    >>> float(rate_ratio_p_value(180, 100, share=0.5).round(5))
    0.00019
    """
    odds = np.asarray(ratio, dtype=np.float64) * _odds(share)
    x1, x0 = _counts(count_1, count_0)
    return rate_p_value(x1, x1 + x0, odds / (1 + odds), mixture=mixture, side=side)


def empirical_bernstein_sequence(
    values: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Limits of a bounded mean after each value of a stream, along the last axis; they hold at all of them at once.

    The predictable plug-in empirical-Bernstein sequence (Waudby-Smith and Ramdas 2024, theorem 2): sum l_i x_i/sum l_i
    +- (log(2/alpha) + sum (x_i - mean_{i-1})^2 (-log(1 - l_i) - l_i))/sum l_i on the scale [0, 1], with l_i = min(1/2,
    sqrt(2 log(2/alpha)/(var_{i-1} i log(i + 1)))); then the best limits so far. The order must be that of arrival.
    Raises UsageError on values outside [lower, upper] or that are NaN.

    >>> low, high = empirical_bernstein_sequence(np.tile([0.2, 0.4], 500))
    >>> round(float(low[-1]), 3), round(float(high[-1]), 3)
    (0.288, 0.312)
    """
    x = _scaled(values, lower, upper)
    log = math.log(2 / alpha) if normal_quantile(alpha) else 0.0
    mean, bets = _bets(x, log)
    total = np.cumsum(bets, axis=-1)
    centre = np.cumsum(bets * x, axis=-1) / total
    half = (log + np.cumsum((x - mean) ** 2 * (-np.log1p(-bets) - bets), axis=-1)) / total
    low = np.maximum.accumulate(np.clip(centre - half, 0.0, 1.0), axis=-1)
    high = np.minimum.accumulate(np.clip(centre + half, 0.0, 1.0), axis=-1)
    return lower + (upper - lower) * low, lower + (upper - lower) * high


def betting_sequence(
    values: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Limits of a bounded mean after the last value of a stream (the last axis), valid wherever one stops.

    Hedged capital (Waudby-Smith and Ramdas 2024, theorem 3): bets that the mean is above m, and below m, multiply
    prod (1 +- l_i (x_i - m)), l_i as in `empirical_bernstein_sequence` but at most 1/(2m) and 1/(2(1 - m)); m is
    outside once either has reached 2/alpha. Narrower than that one, above all for rare or skewed outcomes. Raises
    UsageError on values outside [lower, upper] or that are NaN.

    >>> low, high = betting_sequence(np.tile([0.2, 0.4], 500))
    >>> round(float(low), 3), round(float(high), 3)
    (0.29, 0.31)
    """
    x = _scaled(values, lower, upper)
    log = math.log(2 / alpha) if normal_quantile(alpha) else 0.0
    bets = _bets(x, log, cap=np.inf)[1]
    low = _lowest(x, bets, log)
    high = 1 - _lowest(1 - x, bets, log)
    return lower + (upper - lower) * low, lower + (upper - lower) * high


def betting_difference_sequence(
    treatment: ArrayLike, control: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Limits of the difference of two bounded means, valid wherever one stops: `betting_sequence` of each at alpha/2.

    Conservative. Each stream in its order of arrival along the last axis; the two may be interleaved in any way.

    >>> low, high = betting_difference_sequence(np.tile([0.4, 0.6], 2000), np.tile([0.2, 0.4], 2000))
    >>> float(low) < 0.2 < float(high), bool(low > 0.18)
    (True, True)
    """
    low_1, high_1 = betting_sequence(treatment, lower=lower, upper=upper, alpha=alpha / 2)
    low_0, high_0 = betting_sequence(control, lower=lower, upper=upper, alpha=alpha / 2)
    return low_1 - high_0, high_1 - low_0


def _lowest(x: Floats, bets: Floats, log: float) -> Floats:
    """The largest m that the bets "the mean is above m" have refuted; their capital falls with m at every moment."""

    def accepted(m: Floats) -> np.ndarray:
        stake = np.minimum(bets, BETTING_CAP / np.maximum(m, 1e-300)[..., None])
        capital = np.cumsum(np.log1p(stake * (x - m[..., None])), axis=-1)
        return np.asarray(~(capital.max(axis=-1, initial=0.0) >= log))

    start = np.asarray(x[..., :0].sum(axis=-1))
    return _limit_or_end(accepted, start + 1.0, start)


def _limit_or_end(accepted: Callable[[Floats], np.ndarray], inside: Floats, end: Floats) -> Floats:
    """`limit`, and exactly the end where even that is accepted."""
    return np.where(accepted(end), end, limit(accepted, inside, end))


def _bets(x: Floats, log: float, cap: float = BETTING_CAP) -> tuple[Floats, Floats]:
    """The mean before each value, and how much is bet on it: both from the values before alone."""
    count = np.arange(1, x.shape[-1] + 1)
    mean = (0.5 + np.cumsum(x, axis=-1)) / (count + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2, axis=-1)) / (count + 1)
    first = x[..., :1]
    mean_before = np.concatenate([np.full_like(first, 0.5), mean[..., :-1]], axis=-1)
    variance_before = np.concatenate([np.full_like(first, 0.25), variance[..., :-1]], axis=-1)
    return mean_before, np.minimum(np.sqrt(2 * log / (variance_before * count * np.log1p(count))), cap)


def _scaled(values: ArrayLike, lower: float, upper: float) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if not lower < upper:
        raise UsageError(f"The bounds must be in order, got {lower!r} and {upper!r}.")
    if not ((x >= lower) & (x <= upper)).all():
        raise UsageError(f"Every value must lie within the bounds {lower:g} and {upper:g}, and none may be missing.")
    return np.asarray((x - lower) / (upper - lower))


def _along(x1: Floats, n1: Floats, x0: Floats, n0: Floats, share: Floats) -> tuple[Floats, Floats]:
    """The two rates with slopes lambda and -lambda, lambda = N share/(1 - |share|) from -inf to inf."""
    with np.errstate(divide="ignore"):
        slope = (n1 + n0) * share / (1 - np.abs(share))
    return _rate_of_slope(x1, n1, slope), _rate_of_slope(x0, n0, -slope)


def _rate_of_slope(x: Floats, n: Floats, slope: Floats) -> Floats:
    """The p in [0, 1] with x/p - (n - x)/(1 - p) = slope: the smaller root of slope p^2 - (slope + n) p + x."""
    finite = np.where(np.isfinite(slope), slope, 0.0)
    root = np.sqrt(np.maximum((finite + n) ** 2 - 4 * finite * x, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(finite + n >= 0, 2 * x / (finite + n + root), 1 - 2 * (n - x) / (n - finite + root))
    return np.where(np.isfinite(slope), np.clip(p, 0.0, 1.0), np.where(slope > 0, 0.0, 1.0))


def _top(x1: Floats, n1: Floats, x0: Floats, n0: Floats, mixture: BetaMixture) -> Floats:
    return mixture.log_likelihood(x1, n1) + mixture.log_likelihood(x0, n0)


def _log_likelihood(x: Floats, n: Floats, p: Floats) -> Floats:
    return np.asarray(special.xlogy(x, p) + special.xlog1py(n - x, -p))


def _log_tail(a: Floats, b: Floats, above: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(special.betaincc(a, b, above)))


def _pair(count: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    x, size = np.broadcast_arrays(np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if ((x < 0) | (x > size)).any():
        raise UsageError("Counts must lie between 0 and the number of units.")
    return x, size


def _odds(share: ArrayLike) -> Floats:
    part = np.asarray(share, dtype=np.float64)
    if not ((part > 0) & (part < 1)).all():
        raise UsageError(f"The share of units on side 1 lies strictly between 0 and 1, got {share!r}.")
    return part / (1 - part)


def _counts(count_1: ArrayLike, count_0: ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(count_1, dtype=np.float64), np.asarray(count_0, dtype=np.float64)


def _four(
    count_1: ArrayLike, n_1: ArrayLike, count_0: ArrayLike, n_0: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    x1, n1 = _pair(count_1, n_1)
    x0, n0 = _pair(count_0, n_0)
    x1, n1, x0, n0 = np.broadcast_arrays(x1, n1, x0, n0)
    return x1, n1, x0, n0
