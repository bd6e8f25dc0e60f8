"""Units that an experiment needs, and what given units can show: from the variance of one unit's influence."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile

MOST = 1e15
"""A plan of more units than this is a mistake in its inputs."""
SLACK = 4e-6
"""Share of the units left off before rounding up: under 2e-6 of power, so that .10 to .11 (14,748.04) is 14,748."""
EQUAL = (1.0, 1.0)


def shared_power(power: float, guardrails: int) -> float:
    """Power of each check so that all of 1 + G checks pass with `power`: 1 - (1 - power)/(1 + G) (Bonferroni on beta).

    Raises UsageError unless 0 < power < 1 and guardrails >= 0.

    >>> round(shared_power(0.8, 3), 6)
    0.95
    """
    if not 0.0 < power < 1.0:
        raise UsageError(f"Power must lie strictly between 0 and 1, got {power!r}.")
    if guardrails < 0:
        raise UsageError(f"The number of guardrails cannot be negative, got {guardrails!r}.")
    return 1.0 - (1.0 - power) / (1 + guardrails)


def required_information(
    distance: float, *, alpha: float = 0.05, power: float = 0.8, guardrails: int = 0, inflation: float = 1.0
) -> float:
    """The precision 1/se^2 at which a true `distance` is found: (z_{1-alpha/2} + z_{1-beta})^2/distance^2.

    `alpha` is two-sided; power is shared with `guardrails` (see `shared_power`); `inflation` >= 1 is the factor on
    the units that a sequential design costs. Of a guardrail the distance is its margin when the true difference is 0.

    >>> round(required_information(0.1), 4)
    784.888
    """
    if not (np.isfinite(distance) and distance != 0):
        raise UsageError(f"The effect to find must be a number other than 0, got {distance!r}.")
    return _factor(alpha, power, guardrails, inflation) ** 2 / distance**2


def units_per_arm(
    variance: ArrayLike,
    effect: float,
    *,
    weights: Sequence[float] = EQUAL,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> NDArray[np.int64]:
    """Units in each arm (A,), control first, that find a true absolute `effect` of any one arm against the control.

    The whole N = max over arms a of (v_0/w_0 + v_a/w_a)(z_{1-alpha/2} + z_{1-beta})^2/effect^2, w the shares of the
    traffic, and n_a = N w_a, rounded up. `variance`, one number or (A,), is that of *one unit's influence* on the
    metric, so it also fits ratio metrics (s2_M - 2 R s_MD + R^2 s2_D)/m_D^2, CUPED (times 1 - rho^2) and clusters (of a
    cluster's influence; the units are then clusters). For a family of arms, give alpha divided by the number of
    contrasts.

    >>> units_per_arm(100.0, 1.0).tolist()
    [1570, 1570]
    >>> units_per_arm(100.0, 1.0, weights=(0.5, 0.25, 0.25)).tolist()
    [2355, 1178, 1178]
    """
    information = required_information(effect, alpha=alpha, power=power, guardrails=guardrails, inflation=inflation)
    shares = traffic_shares(weights)
    spread = _variances(variance, shares.size)
    whole = float((spread[0] / shares[0] + spread[1:] / shares[1:]).max()) * information
    if not whole <= MOST:
        raise UsageError(f"More than {MOST:g} units would be needed: the effect is too small for this variance.")
    needed: NDArray[np.int64] = np.ceil(whole * shares * (1 - SLACK)).astype(np.int64)
    return needed


def proportion_units_per_arm(
    baseline: float,
    effect: float,
    *,
    weights: Sequence[float] = EQUAL,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> NDArray[np.int64]:
    """`units_per_arm` for a share going from `baseline` to `baseline + effect`, with both variances (unpooled).

    >>> proportion_units_per_arm(0.05, 0.0025).tolist(), proportion_units_per_arm(0.10, 0.01).tolist()
    ([122121, 122121], [14748, 14748])
    """
    reached = baseline + effect
    if not (0.0 < baseline < 1.0 and 0.0 <= reached <= 1.0):
        raise UsageError(f"Shares must lie between 0 and 1: baseline {baseline!r}, with the effect {reached!r}.")
    treated = [reached * (1 - reached)] * (len(weights) - 1)
    return units_per_arm(
        [baseline * (1 - baseline), *treated],
        effect,
        weights=weights,
        alpha=alpha,
        power=power,
        guardrails=guardrails,
        inflation=inflation,
    )


def guardrail_units_per_arm(
    variance: ArrayLike,
    margin: float,
    *,
    true_difference: float = 0.0,
    weights: Sequence[float] = EQUAL,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> NDArray[np.int64]:
    """Units in each arm (A,) with which a guardrail passes (L > -margin) when nothing truly changed.

    `units_per_arm` at the distance margin + true_difference (+ is good). For a margin that is a share m of the
    control's mean, give margin = m |mean| and the control's variance times (1 - m)^2: the contrast is then
    m_t - (1 - m) m_c. `guardrails` is the number of guardrails of the plan, this one included.

    >>> guardrail_units_per_arm(0.25, 0.01).tolist()
    [39245, 39245]
    """
    if not margin > 0:
        raise UsageError(f"A margin must be positive, got {margin!r}.")
    if not margin + true_difference > 0:
        raise UsageError(
            f"A true loss of {-true_difference!r} is not inside the margin {margin!r}: no size can pass it."
        )
    return units_per_arm(
        variance,
        margin + true_difference,
        weights=weights,
        alpha=alpha,
        power=power,
        guardrails=guardrails,
        inflation=inflation,
    )


def paired_units(
    variance: float,
    distance: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> int:
    """Pairs needed when both versions are measured on the same units; `variance` is that of one paired difference.

    >>> paired_units(1.0, 0.1)
    785
    """
    information = required_information(distance, alpha=alpha, power=power, guardrails=guardrails, inflation=inflation)
    needed = float(_variances(variance, 1)[0]) * information
    if not needed <= MOST:
        raise UsageError(f"More than {MOST:g} pairs would be needed: the effect is too small for this variance.")
    return int(np.ceil(needed * (1 - SLACK)))


def paired_proportion_units(
    discordance: float,
    *,
    effect: float = 0.0,
    margin: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> int:
    """Rows (of the class that matters) for a paired yes/no outcome, from the share on which the versions differ.

    A paired difference then has variance discordance - effect^2; the distance is effect + margin: a margin alone is a
    guardrail with true difference 0, an effect alone a claim of superiority (Connor, Biometrics 43, 1987). Tango's test
    asks for slightly more where the margin is not small beside the discordance: here its power is .796, at a margin of
    .02 it is .78.

    >>> paired_proportion_units(0.06, margin=0.005)
    18838
    """
    if not (abs(effect) <= discordance <= 1.0 and discordance > 0):
        raise UsageError(f"Discordance must lie in (0, 1] and be at least the effect, got {discordance!r}.")
    return paired_units(
        discordance - effect**2,
        effect + margin,
        alpha=alpha,
        power=power,
        guardrails=guardrails,
        inflation=inflation,
    )


def minimum_detectable_effect(
    variance: ArrayLike,
    units: ArrayLike,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> Floats:
    """The absolute effect that `units` (..., A), control first, find with `power`, of each arm against the control.

    (z_{1-alpha/2} + z_{1-beta}) sqrt(inflation (v_0/n_0 + v_a/n_a)), (..., A - 1); infinite where an arm is empty. The
    inverse of `units_per_arm`, and with a margin in place of an effect of `guardrail_units_per_arm`.

    >>> minimum_detectable_effect(100.0, [1570, 1570]).round(4).tolist()
    [0.9999]
    """
    return _factor(alpha, power, guardrails, inflation) * contrast_errors(variance, units)


def proportion_minimum_detectable_effect(
    baseline: float,
    units: ArrayLike,
    *,
    decrease: bool = False,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> Floats:
    """`minimum_detectable_effect` of a share, whose variance moves with the effect itself; `units` (..., A).

    The positive (`decrease`: negative) root d of d^2 = k^2 (p(1 - p)/n_0 + (p + d)(1 - p - d)/n_a); infinite where the
    share would leave 0..1. Shape (..., A - 1).

    >>> round(float(proportion_minimum_detectable_effect(0.05, [122121, 122121])[0]), 6)
    0.0025
    """
    if not 0.0 < baseline < 1.0:
        raise UsageError(f"A share must lie strictly between 0 and 1, got {baseline!r}.")
    control, arms = _units(units)
    square = _factor(alpha, power, guardrails, inflation) ** 2
    sign = -1.0 if decrease else 1.0
    own = baseline * (1 - baseline)
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = square / arms
        half = pull * (1 - 2 * baseline) / 2
        rest = square * own / control + pull * own
        found = (sign * half + np.sqrt(half * half + (1 + pull) * rest)) / (1 + pull)
        reached = baseline + sign * found
    return np.where((reached >= 0) & (reached <= 1), found, np.inf)


def achieved_power(
    variance: ArrayLike, units: ArrayLike, distance: ArrayLike, *, alpha: float = 0.05, inflation: float = 1.0
) -> Floats:
    """Chance that the interval excludes the tested value on the right side when the truth is `distance` away.

    Phi(|distance|/se - z_{1-alpha/2}), se = sqrt(inflation (v_0/n_0 + v_a/n_a)), of each arm against the control:
    `units` (..., A), result (..., A - 1). `distance` is the effect, or of a guardrail margin + true difference; give
    the one that was planned, never the one observed (Hoenig and Heisey 2001).

    >>> achieved_power(100.0, [1570, 1570], 1.0).round(3).tolist()
    [0.8]
    """
    gap = np.abs(np.asarray(distance, dtype=np.float64))
    error = np.sqrt(_inflation(inflation)) * contrast_errors(variance, units)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(special.ndtr(gap / error - normal_quantile(alpha)), dtype=np.float64)


def contrast_errors(variance: ArrayLike, units: ArrayLike) -> Floats:
    """Standard error sqrt(v_0/n_0 + v_a/n_a) of each arm against the control: `units` (..., A) to (..., A - 1).

    >>> contrast_errors([4.0, 4.0, 8.0], [100, 100, 100]).round(4).tolist()
    [0.2828, 0.3464]
    """
    control, arms = _units(units)
    spread = _variances(variance, arms.shape[-1] + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(n > 0, v / n, np.inf) for v, n in ((spread[0], control), (spread[1:], arms))]
    return np.asarray(np.sqrt(parts[0] + parts[1]))


def traffic_shares(weights: Sequence[float]) -> Floats:
    """Weights of the arms, control first, as shares that sum to 1; raises UsageError unless all are positive.

    >>> traffic_shares([2, 1, 1]).tolist()
    [0.5, 0.25, 0.25]
    """
    given = np.asarray(weights, dtype=np.float64)
    if given.ndim != 1 or given.size < 2 or not (np.isfinite(given).all() and (given > 0).all()):
        raise UsageError(
            f"Give one positive weight for each of two or more arms, control first; got {list(weights)!r}."
        )
    return np.asarray(given / given.sum())


def _factor(alpha: float, power: float, guardrails: int, inflation: float) -> float:
    each = shared_power(power, guardrails)
    total = normal_quantile(alpha) + float(special.ndtri(each))
    if total <= 0:
        raise UsageError(f"A power of {power!r} at alpha {alpha!r} is reached without any units.")
    return total * float(np.sqrt(_inflation(inflation)))


def _inflation(inflation: float) -> float:
    if not (np.isfinite(inflation) and inflation >= 1.0):
        raise UsageError(f"Inflation is a factor of at least 1, got {inflation!r}.")
    return inflation


def _variances(variance: ArrayLike, arms: int) -> Floats:
    spread = np.asarray(variance, dtype=np.float64)
    if spread.ndim > 1 or (spread.ndim == 1 and spread.size not in (1, arms)):
        raise UsageError(f"Give one variance, or one for each of the {arms} arms; got {spread.size}.")
    if not (np.isfinite(spread).all() and (spread >= 0).all() and spread.any()):
        raise UsageError(f"A variance must be a positive number, got {variance!r}.")
    return np.broadcast_to(spread, (arms,))


def _units(units: ArrayLike) -> tuple[Floats, Floats]:
    given = np.asarray(units, dtype=np.float64)
    if given.ndim == 0 or given.shape[-1] < 2:
        raise UsageError("Give the units of the control and of every other arm, control first.")
    if not (given >= 0).all():
        raise UsageError("Units cannot be negative.")
    return given[..., :1], given[..., 1:]
