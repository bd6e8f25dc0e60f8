"""Asymptotic confidence sequences: a boundary for z that may be looked at after every unit, and its exact inverse.

Everything runs on the information clock: `fraction` is I/I*, the information gathered (1/se^2) over the information
planned, and k = c I/I* with c the tuning that makes the sequence narrowest about I = I* (Waudby-Smith, Arbour, Sinha,
Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", arXiv 2103.06476).
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile

LEAST_UNITS = 100
UNITS_PER_SQUARED_SKEWNESS = 25
EXPECTED_EVENTS = 25
ROUNDING = 1e-12
"""So that the rounding of 1 - .97 does not cost a unit."""


def tuning(alpha: float) -> float:
    """Return c = -2 log(alpha) + log(1 - 2 log(alpha)), which makes the sequence narrowest near I = I*.

    Raises UsageError unless 0 < alpha < 1.

    >>> round(tuning(0.05), 4)
    7.9362
    """
    normal_quantile(alpha)
    twice = -2.0 * math.log(alpha)
    return twice + math.log(1.0 + twice)


def sequence_boundary(
    fraction: ArrayLike, *, alpha: float = 0.05, tuned_for: float | None = None, one_sided: bool = False
) -> Floats:
    """The critical z, in the shape of `fraction` = I/I*: difference +- z se covers the truth at all looks at once.

    z = sqrt(2 (k + 1)/k log(sqrt(k + 1)/alpha)), and one-sided sqrt(2 (k + 1)/k log(1 + sqrt(k + 1)/(2 alpha))), with
    k = tuning(tuned_for) fraction. `tuned_for` is the plan's alpha: Holm may change `alpha`, but a sequence keeps its
    tuning, else interval and p would disagree. No information yet (0): infinite. Raises UsageError unless
    0 < alpha < 1.

    >>> float((sequence_boundary(1.0) / normal_quantile(0.05)).round(4))  # against the interval of a fixed test
    1.5486
    """
    normal_quantile(alpha)
    k = _clock(fraction, alpha if tuned_for is None else tuned_for)
    root = np.sqrt(k + 1)
    log = np.log1p(root / (2 * alpha)) if one_sided else np.log(root / alpha)
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(2 * (1 + 1 / k) * log))


def sequence_e_value(z: ArrayLike, fraction: ArrayLike, *, tuned_for: float = 0.05) -> Floats:
    """The evidence against z having mean 0: exp(k z^2/(2 (k + 1)))/sqrt(k + 1), whose mean under the null is at most 1.

    At least 1/alpha exactly where |z| reaches the two-sided `sequence_boundary` of that alpha. Shapes broadcast.

    >>> float(sequence_e_value(sequence_boundary(0.3), 0.3).round(9))
    20.0
    """
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(sequence_log_e_value(z, fraction, tuned_for=tuned_for)))


def sequence_log_e_value(z: ArrayLike, fraction: ArrayLike, *, tuned_for: float = 0.05) -> Floats:
    """Logarithm of `sequence_e_value`: k z^2/(2 (k + 1)) - log(k + 1)/2, which cannot overflow.

    >>> float(sequence_log_e_value(100.0, 1.0).round(2))
    4439.38
    """
    k = _clock(fraction, tuned_for)
    score = np.asarray(z, dtype=np.float64)
    return np.asarray(k / (2 * (k + 1)) * score * score - 0.5 * np.log1p(k))


def sequence_p_value(z: ArrayLike, fraction: ArrayLike, *, tuned_for: float = 0.05, one_sided: bool = False) -> Floats:
    """The alpha at which z lies exactly on `sequence_boundary` (`tuned_for` kept), at most 1; shapes broadcast.

    Two-sided 1/e; one-sided, for large z, sqrt(k + 1)/(2 (exp(k z^2/(2 (k + 1))) - 1)), and 1 where z <= 0. It is valid
    at whichever look one stops, and so is its minimum over the looks.

    >>> float(sequence_p_value(sequence_boundary(0.3, alpha=0.01, tuned_for=0.05), 0.3).round(9))
    0.01
    >>> float(sequence_p_value(sequence_boundary(2.0, one_sided=True), 2.0, one_sided=True).round(9))
    0.05
    """
    log_e = sequence_log_e_value(z, fraction, tuned_for=tuned_for)
    if not one_sided:
        return np.asarray(np.exp(np.minimum(-log_e, 0.0)))
    half_log = 0.5 * np.log1p(_clock(fraction, tuned_for))
    exponent = log_e + half_log
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        # sqrt(k + 1)/(2 (exp(x) - 1)) in logs, so that a large x gives a small p and not 0/inf
        log_p = half_log - np.log(2.0) - exponent - np.log(-np.expm1(-exponent))
        p = np.exp(np.minimum(log_p, 0.0))
    known = ~(np.isnan(np.asarray(z, dtype=np.float64)) | np.isnan(log_e))
    return np.where(known, np.where(np.asarray(z, dtype=np.float64) > 0, p, 1.0), np.nan)


def running_p_value(zs: ArrayLike, fractions: ArrayLike, *, tuned_for: float = 0.05, one_sided: bool = False) -> Floats:
    """The smallest `sequence_p_value` so far, along the last axis (the looks); a look that is NaN adds nothing.

    >>> running_p_value([3.0, 4.0, 1.0], [0.25, 0.5, 0.75]).round(4).tolist()
    [0.0867, 0.0037, 0.0037]
    """
    p = sequence_p_value(zs, fractions, tuned_for=tuned_for, one_sided=one_sided)
    return np.asarray(np.minimum.accumulate(np.where(np.isnan(p), 1.0, p), axis=-1))


def sequence_inflation(*, alpha: float = 0.05, power: float = 0.8, one_sided: bool = False) -> float:
    """Units needed at the planned end, over those of a two-sided fixed test, for the same power at that last look.

    ((z + z_power)/(z_{1-alpha/2} + z_power))^2 with z the boundary at I = I*. An upper bound of what it takes: a
    sequence may stop before. `one_sided` is at alpha/2, as the harm side of a hybrid. Raises UsageError unless
    0 < power < 1.

    >>> round(sequence_inflation(), 3)
    1.915
    """
    if not 0.0 < power < 1.0:
        raise UsageError(f"Power must lie strictly between 0 and 1, got {power!r}.")
    level = alpha / 2 if one_sided else alpha
    z = float(sequence_boundary(1.0, alpha=level, tuned_for=alpha, one_sided=one_sided))
    reached = float(special.ndtri(power))
    return ((z + reached) / (normal_quantile(alpha) + reached)) ** 2


def burn_in(skewness: ArrayLike, *, alpha: float = 0.05, one_sided: bool = False) -> Floats:
    """Units per arm before the sequence may be read: max(100, 25 g skewness^2), rounded up; unknown skewness: NaN.

    g = 1 for two sides at .05. A single side, or a smaller alpha, rests on one tail further out, which a skewed small
    arm fills later: g = (2 if one_sided) x (log(alpha)/log(.05))^2, at least 1 (found by simulation: with g = 1 a
    one-sided sequence at .01 in a 5 % arm of exponential outcomes errs up to .018, with this g within .01).

    >>> burn_in([0.5, 6.0]).tolist(), burn_in([0.5, 6.0], alpha=0.025, one_sided=True).tolist()
    ([100.0, 900.0], [100.0, 2730.0])
    """
    skew = np.abs(np.asarray(skewness, dtype=np.float64))
    needed = math.sqrt(UNITS_PER_SQUARED_SKEWNESS * _further_out(alpha, one_sided))
    with np.errstate(over="ignore"):
        return np.asarray(np.ceil(np.maximum(LEAST_UNITS, (needed * skew) ** 2 * (1 - ROUNDING))))


def burn_in_of_rate(rate: ArrayLike, *, alpha: float = 0.05, one_sided: bool = False) -> Floats:
    """Units per arm before a rate's sequence may be read: 25 g *expected* events of the rarer kind, and at least 100.

    `rate` is the planned one: waiting for 25 observed events would let the data choose when to look; g as in `burn_in`.
    A rate of exactly 0 or 1 gives infinity, one outside (0, 1) NaN.

    >>> burn_in_of_rate([0.01, 0.97, 0.4]).tolist()
    [2500.0, 834.0, 100.0]
    """
    share = np.asarray(rate, dtype=np.float64)
    events = EXPECTED_EVENTS * _further_out(alpha, one_sided)
    with np.errstate(divide="ignore", invalid="ignore"):
        rarer = np.where((share >= 0) & (share <= 1), np.minimum(share, 1 - share), np.nan)
        return np.asarray(np.ceil(np.maximum(LEAST_UNITS, events / rarer * (1 - ROUNDING))))


def _further_out(alpha: float, one_sided: bool) -> float:
    normal_quantile(alpha)
    return (2.0 if one_sided else 1.0) * max(1.0, math.log(alpha) / math.log(0.05)) ** 2


def _clock(fraction: ArrayLike, tuned_for: float) -> Floats:
    share = np.asarray(fraction, dtype=np.float64)
    if (share < 0).any():
        raise UsageError("Information cannot be negative: give fraction = information / planned information.")
    return np.asarray(tuning(tuned_for) * share)
