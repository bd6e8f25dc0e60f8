"""Group-sequential tests: a few looks, alpha spent by a function of the information (Lan and DeMets, Biometrika 1983).

`fractions` are the looks so far on the information clock, I_k/I*, ascending; uneven ones are ordinary. Two-sided tests
spend alpha/2 on either side. A look beyond the planned information (overrun) spends all that is left, and the
correlations of the looks follow the information there was. `drift` is the mean of Z at I = I*: effect x sqrt(I*).
Jennison and Turnbull, Group Sequential Methods (2000), is the reference for all that is here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import UsageError, did_you_mean
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.inversion import limit
from seatrial.stats.stopped_walk import LEAST_MASS, START, Walk, above, advance, below, boundary

Family = Literal["obrien-fleming", "pocock", "kim-demets", "hwang-shih-decani"]
FAMILIES: tuple[Family, ...] = ("obrien-fleming", "pocock", "kim-demets", "hwang-shih-decani")
DEFAULT_PARAMETER = {"kim-demets": 3.0, "hwang-shih-decani": -4.0}
"""Both near O'Brien and Fleming."""
DEGREE = 32
"""Of the polynomial through which repeated boundaries are inverted."""
LEAST_Z, LARGEST_Z = 0.674, 8.2
"""The fixed-sample z between which it runs: p from .5 (above, straight lines) to 2e-16 (smaller ones are not told)."""


def spending(
    fraction: ArrayLike, *, alpha: float, family: Family = "obrien-fleming", parameter: float | None = None
) -> Floats:
    """How much of `alpha` may be spent up to information fraction t (all of it from t = 1 on), in its shape.

    obrien-fleming 2 - 2 Phi(z_{1-alpha/2}/sqrt(t)); pocock alpha log(1 + (e - 1) t); kim-demets alpha t^parameter, by
    default 3; hwang-shih-decani alpha (1 - exp(-parameter t))/(1 - exp(-parameter)), by default -4. `alpha` is what
    this side has: a two-sided test at .05 spends .025 twice. Raises UsageError on an unknown family or a parameter it
    does not take.

    >>> spending([0.5, 1.0, 1.2], alpha=0.025).round(6).tolist()
    [0.001525, 0.025, 0.025]
    """
    normal_quantile(alpha)
    shape = _parameter(family, parameter)
    t = np.clip(np.asarray(fraction, dtype=np.float64), 0.0, 1.0)
    if family == "obrien-fleming":
        with np.errstate(divide="ignore"):
            return np.asarray(2 * special.ndtr(-normal_quantile(alpha) / np.sqrt(t)))
    if family == "pocock":
        return np.asarray(alpha * np.log1p((math.e - 1) * t))
    if family == "kim-demets":
        return np.asarray(alpha * t**shape)
    return np.asarray(alpha * t if shape == 0 else alpha * np.expm1(-shape * t) / math.expm1(-shape))


def boundaries(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    family: Family = "obrien-fleming",
    parameter: float | None = None,
    final: bool = False,
) -> Floats:
    """Critical |z| at each look, (K,): alpha/2 spent on either side (Armitage, McPherson and Rowe 1969).

    `final`: the last of the looks is the last there will be, and spends all that is left also before the planned
    information (it does so anyway from fraction 1 on). A look with nothing to spend has an infinite boundary. Raises
    UsageError unless the fractions ascend from above 0.

    >>> boundaries([0.2, 0.4, 0.6, 0.8, 1.0]).round(4).tolist()
    [4.8769, 3.357, 2.6803, 2.2898, 2.031]
    """
    looks = _looks(fractions)
    normal_quantile(alpha)
    shape = _parameter(family, parameter)
    found = [
        _look(looks[: k + 1], alpha / 2, family, shape, final and k + 1 == len(looks))[0] for k in range(len(looks))
    ]
    return np.array(found)


def pocock_constant(K: int, alpha: float = 0.05) -> float:
    """The one critical |z| for K equally spaced looks (Pocock, Biometrika 1977); raises UsageError unless K >= 1.

    >>> round(pocock_constant(5), 4)
    2.4132
    """
    return _constant(K, alpha, 0.0)


def obrien_fleming_constant(K: int, alpha: float = 0.05) -> float:
    """The C with critical |z| C sqrt(K/k) at look k of K equally spaced ones (O'Brien and Fleming, Biometrics 1979).

    >>> round(obrien_fleming_constant(5), 4)
    2.0401
    """
    return _constant(K, alpha, 0.5)


def crossing_probability(
    fractions: Sequence[float], boundaries: ArrayLike, drift: float = 0.0, *, lower: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """P(first outside at look k) above and below, each (K,), when Z has mean drift sqrt(t).

    `boundaries` (K,) are the upper ones; `lower` the lower ones, by default their negatives.

    >>> above, below = crossing_probability([0.5, 1.0], [2.178, 2.178])
    >>> round(float(above.sum() + below.sum()), 4)
    0.05
    """
    looks, high, low = _limits(fractions, boundaries, lower)
    walk = START
    up, down = np.zeros(len(looks)), np.zeros(len(looks))
    for k, time in enumerate(looks):
        up[k] = above(walk, time, float(high[k]), drift=drift)
        down[k] = below(walk, time, float(low[k]), drift=drift)
        if k + 1 < len(looks):
            walk = advance(walk, time, float(low[k]), float(high[k]), until=looks[k + 1], drift=drift)
    return up, down


@dataclass(frozen=True, kw_only=True)
class RepeatedTest:
    """The critical |z| at the last of some looks as a function of alpha, and its inverse (see `repeated_test`)."""

    coefficients: Floats
    """Chebyshev's, from `LEAST_Z` to `largest`."""
    start: Floats
    """Boundaries at equal steps from 0 to `LEAST_Z`, joined by straight lines."""
    largest: float
    """The fixed-sample z at which the polynomial ends; 0 when the look is too early to stop at any alpha below .5."""

    def critical(self, alpha: float) -> float:
        """The boundary at the last look of the test at level alpha; infinite for alphas at which it never stops."""
        z = normal_quantile(alpha)
        return float(self._at(np.array(z))) if z <= self.largest else math.inf

    def p_value(self, z: ArrayLike) -> Floats:
        """The smallest alpha at which |z| is outside the boundary, in the shape of z; at most 1."""
        score = np.abs(np.asarray(z, dtype=np.float64))
        if self.largest == 0:
            return np.where(np.isnan(score), np.nan, 1.0)

        def accepted(fixed: Floats) -> np.ndarray:
            return np.asarray(self._at(fixed) <= score)

        fixed = limit(accepted, np.zeros_like(score), np.full_like(score, self.largest))
        return np.where(np.isnan(score), np.nan, np.minimum(2 * special.ndtr(-fixed), 1.0))

    def _at(self, fixed: Floats) -> Floats:
        place = 2 * (np.maximum(fixed, LEAST_Z) - LEAST_Z) / (self.largest - LEAST_Z) - 1
        smooth = np.polynomial.chebyshev.chebval(place, self.coefficients)
        lines = np.interp(fixed, np.linspace(0, LEAST_Z, self.start.size), self.start)
        return np.where(fixed < LEAST_Z, lines, smooth)


def repeated_test(
    fractions: Sequence[float],
    *,
    family: Family = "obrien-fleming",
    parameter: float | None = None,
    final: bool = False,
) -> RepeatedTest:
    """The group-sequential test at the last of `fractions`, for every alpha at once.

    The boundary is a smooth rising function of the fixed-sample z of alpha and is interpolated in it by a Chebyshev
    polynomial (differences from `boundaries` below 1e-8 for p below .5), so that a p-value is its exact inverse.

    >>> test = repeated_test([0.5, 1.0])
    >>> round(test.critical(0.05), 4), float(test.p_value(test.critical(0.05)).round(9))
    (1.9686, 0.05)
    """
    return _repeated(_looks(fractions), family, _parameter(family, parameter), final)


def repeated_p_value(
    z: ArrayLike,
    fractions: Sequence[float],
    *,
    family: Family = "obrien-fleming",
    parameter: float | None = None,
    final: bool = False,
) -> Floats:
    """The smallest alpha at which |z| crosses the boundary of the last look, in the shape of z.

    Jennison and Turnbull's repeated p-value: valid whether or not one stops there, and so is the smallest over the
    looks. Below about 2e-16 it is not told apart.

    >>> repeated_p_value([2.031, 4.0], [0.2, 0.4, 0.6, 0.8, 1.0]).round(4).tolist()
    [0.05, 0.0001]
    """
    return repeated_test(fractions, family=family, parameter=parameter, final=final).p_value(z)


@dataclass(frozen=True, kw_only=True)
class Stagewise:
    """What is known after stopping, in drifts: effect = drift sqrt(t) se, with t and se those of the look."""

    p: float
    """Two-sided p of no drift."""
    drift: float
    """Median-unbiased: too large as often as too small."""
    low: float
    high: float


def stagewise(
    z: float,
    fractions: Sequence[float],
    boundaries: ArrayLike,
    *,
    alpha: float = 0.05,
    lower: ArrayLike | None = None,
) -> Stagewise:
    """p, median-unbiased drift and limits at 1 - alpha after stopping at the last of `fractions` with `z`.

    By stage-wise ordering (Tsiatis, Rosner and Mehta, Biometrics 1984): stopping above at an earlier look is more
    extreme than at a later one, and within a look the larger z. P_drift(as large or larger) is 1/2 at the estimate and
    alpha/2 and 1 - alpha/2 at the limits. `boundaries` (K,), the last one of which does not matter.

    >>> found = stagewise(3.0, [0.5, 1.0], [2.178, 2.178])
    >>> round(found.p, 4), round(found.drift, 3)
    (0.0306, 2.678)
    """
    looks, high, low = _limits(fractions, boundaries, lower)
    quantile = normal_quantile(alpha)
    high[-1] = low[-1] = z

    def score(drift: float) -> float:
        """The normal score of P(as large or larger), rising with the drift."""
        up, down = (float(side.sum()) for side in crossing_probability(looks, high, drift, lower=low))
        return float(special.ndtri(up)) if up < 0.5 else -float(special.ndtri(down))

    p = 2 * float(special.ndtr(-abs(score(0.0))))
    estimate, lowest, highest = (_solve(score, target, z, looks[-1]) for target in (0.0, -quantile, quantile))
    return Stagewise(p=min(p, 1.0), drift=estimate, low=lowest, high=highest)


@dataclass(frozen=True, kw_only=True)
class Futility:
    """A design with non-binding futility: the test stays at alpha also when futility is ignored."""

    efficacy: Floats
    """(K,) critical |z|, those of `boundaries`."""
    futility: Floats
    """(K,) z below which going on is hopeless; the last is the efficacy boundary."""
    drift: float
    """At which the power is as planned, futility heeded; (drift/(z_{1-alpha/2} + z_power))^2 is the inflation."""


def futility_boundaries(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    family: Family = "obrien-fleming",
    parameter: float | None = None,
    beta_family: Family | None = None,
    beta_parameter: float | None = None,
) -> Futility:
    """Futility by beta spending (Pampallona, Tsiatis and Kim 2001), non-binding: alpha does not count on it.

    At the drift returned, beta = 1 - power is spent below the futility boundaries, by `beta_family` (default: that of
    alpha), and they meet the efficacy boundary at the last look. Raises UsageError unless the fractions end at 1.

    >>> found = futility_boundaries([1 / 3, 2 / 3, 1.0], power=0.9)
    >>> found.futility.round(2).tolist(), found.efficacy.round(2).tolist()
    ([-0.69, 1.0, 1.99], [3.71, 2.51, 1.99])
    """
    looks = _looks(fractions)
    if not math.isclose(looks[-1], 1.0):
        raise UsageError(f"Futility boundaries are of a whole plan: the last fraction must be 1, got {looks[-1]:g}.")
    fixed = _fixed_drift(alpha, power)
    efficacy = boundaries(looks, alpha=alpha, family=family, parameter=parameter)
    spent_family = beta_family or family
    spent_parameter = beta_parameter if beta_family or beta_parameter is not None else parameter
    spent = np.diff(spending(looks, alpha=1 - power, family=spent_family, parameter=spent_parameter), prepend=0.0)

    def last_miss(drift: float) -> tuple[Floats, float]:
        """The futility boundaries at this drift, and P(not significant at the last look) minus the beta left."""
        walk, lower = START, efficacy.copy()
        for k, time in enumerate(looks[:-1]):
            found = -boundary(walk.mirrored(), time, float(spent[k]), drift=-drift)
            lower[k] = min(found, efficacy[k])
            walk = advance(walk, time, lower[k], efficacy[k], until=looks[k + 1], drift=drift)
        return lower, below(walk, looks[-1], float(efficacy[-1]), drift=drift) - float(spent[-1])

    drift = _root(lambda x: last_miss(x)[1], fixed, 3 * fixed)
    return Futility(efficacy=efficacy, futility=last_miss(drift)[0], drift=drift)


def drift_for_power(fractions: Sequence[float], boundaries: ArrayLike, *, power: float = 0.8) -> float:
    """The drift at which Z crosses the upper boundaries with probability `power`.

    >>> round(drift_for_power([1.0], [1.959964], power=0.8), 4)
    2.8016
    """
    looks, high, _ = _limits(fractions, boundaries, None)
    _fixed_drift(0.05, power)

    def missing(drift: float) -> float:
        return power - float(crossing_probability(looks, high, drift)[0].sum())

    return _root(missing, 0.0, float(high.min() + 8.0) / math.sqrt(looks[0]))


def inflation(
    looks: int | Sequence[float],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    family: Family = "obrien-fleming",
    parameter: float | None = None,
) -> float:
    """The largest sample size of the test over that of a fixed one with the same power.

    `looks`: how many equally spaced ones, or their fractions, ending at 1.

    >>> round(inflation(5, power=0.9), 3), round(inflation(5, power=0.9, family="pocock"), 3)
    (1.023, 1.192)
    """
    times = _equal(looks) if isinstance(looks, int) else _looks(looks)
    high = boundaries(times, alpha=alpha, family=family, parameter=parameter, final=True)
    return times[-1] * (drift_for_power(times, high, power=power) / _fixed_drift(alpha, power)) ** 2


@lru_cache(maxsize=8192)
def _look(looks: tuple[float, ...], alpha: float, family: Family, parameter: float, final: bool) -> tuple[float, Walk]:
    """Critical z at the last of `looks` for one side's alpha, and the walk of those who came from the look before."""
    spent = np.append(0.0, spending(looks, alpha=alpha, family=family, parameter=_given(family, parameter)))
    if final:
        spent[-1] = alpha
    walk = START
    if len(looks) > 1:
        critical, before = _look(looks[:-1], alpha, family, parameter, False)
        walk = advance(before, looks[-2], -critical, critical, until=looks[-1])
    return max(boundary(walk, looks[-1], float(spent[-1] - spent[-2])), 0.0), walk


@lru_cache(maxsize=256)
def _repeated(looks: tuple[float, ...], family: Family, parameter: float, final: bool) -> RepeatedTest:
    largest = _largest(looks, family, parameter, final)
    if largest <= LEAST_Z:
        return RepeatedTest(coefficients=np.zeros(1), start=np.zeros(1), largest=0.0)
    given = _given(family, parameter)

    def exact(fixed: float) -> float:
        alpha = min(2 * float(special.ndtr(-fixed)), 1 - 1e-12)
        return float(boundaries(looks, alpha=alpha, family=family, parameter=given, final=final)[-1])

    chebyshev = np.polynomial.chebyshev
    points = chebyshev.chebpts1(DEGREE + 1)
    values = np.array([exact(LEAST_Z + 0.5 * (point + 1) * (largest - LEAST_Z)) for point in points.tolist()])
    coefficients = chebyshev.chebfit(points, values, DEGREE)
    start = np.array([exact(fixed) for fixed in np.linspace(0, LEAST_Z, 6)[:-1].tolist()])
    joined = np.append(start, chebyshev.chebval(-1.0, coefficients))
    return RepeatedTest(coefficients=coefficients, start=joined, largest=largest)


def _largest(looks: tuple[float, ...], family: Family, parameter: float, final: bool) -> float:
    """The largest fixed-sample z whose alpha leaves something to spend at the last look."""

    def something(fixed: Floats) -> np.ndarray:
        alpha = float(2 * special.ndtr(-fixed[0])) / 2
        spent = spending(looks[-2:], alpha=alpha, family=family, parameter=_given(family, parameter))
        last = alpha if final else float(spent[-1])
        return np.array([last - (float(spent[-2]) if len(looks) > 1 else 0.0) > 10 * LEAST_MASS])

    return float(limit(something, np.zeros(1), np.full(1, LARGEST_Z))[0])


@lru_cache(maxsize=256)
def _constant(K: int, alpha: float, power: float) -> float:
    looks = _equal(K)
    shape = np.array([(K / k) ** power for k in range(1, K + 1)])

    def excess(constant: float) -> float:
        return 2 * float(crossing_probability(looks, constant * shape)[0].sum()) - alpha

    z = normal_quantile(alpha)
    return z if K == 1 else _root(excess, z, normal_quantile(alpha / K))


def _solve(score: Callable[[float], float], target: float, z: float, time: float) -> float:
    """The drift at which `score` is `target`, sought from where a test without looks would put it."""
    width = 4.0 / math.sqrt(time)
    low = high = (z + target) / math.sqrt(time)
    for _ in range(60):
        low, high = low - width, high + width
        if score(low) < target < score(high):
            return _root(lambda drift: score(drift) - target, low, high)
        width *= 2
    return math.nan


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-12, rtol=1e-13))


def _fixed_drift(alpha: float, power: float) -> float:
    if not 0.0 < power < 1.0:
        raise UsageError(f"Power must lie strictly between 0 and 1, got {power!r}.")
    return normal_quantile(alpha) + float(special.ndtri(power))


def _equal(K: int) -> tuple[float, ...]:
    if K < 1:
        raise UsageError(f"A test needs at least one look, got {K}.")
    return tuple(k / K for k in range(1, K + 1))


def _looks(fractions: Sequence[float]) -> tuple[float, ...]:
    looks = tuple(float(x) for x in fractions)
    rising = all(one < two for one, two in pairwise(looks))
    if not looks or not looks[0] > 0 or not rising or not math.isfinite(looks[-1]):
        raise UsageError(f"Looks must be fractions of the planned information that ascend from above 0, got {looks}.")
    return looks


def _limits(
    fractions: Sequence[float], upper: ArrayLike, lower: ArrayLike | None
) -> tuple[tuple[float, ...], Floats, Floats]:
    looks = _looks(fractions)
    high = np.array(upper, dtype=np.float64)
    low = -high if lower is None else np.array(lower, dtype=np.float64)
    if high.shape != (len(looks),) or low.shape != (len(looks),) or np.isnan(high).any() or np.isnan(low).any():
        raise UsageError(f"Give one boundary for each of the {len(looks)} looks.")
    return looks, high, low


def _parameter(family: Family, parameter: float | None) -> float:
    """The family's parameter, or its default; 0 for families without one."""
    if family not in FAMILIES:
        raise UsageError(f"Unknown spending family {family!r}.{did_you_mean(family, FAMILIES)}")
    if parameter is None:
        return DEFAULT_PARAMETER.get(family, 0.0)
    if family not in DEFAULT_PARAMETER:
        raise UsageError(f"The spending family {family!r} takes no parameter.")
    if not math.isfinite(parameter) or (family == "kim-demets" and parameter <= 0):
        raise UsageError(f"The parameter of {family!r} cannot be {parameter!r}.")
    return float(parameter)


def _given(family: Family, parameter: float) -> float | None:
    return parameter if family in DEFAULT_PARAMETER else None
