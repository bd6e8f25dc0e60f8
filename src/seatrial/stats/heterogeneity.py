"""Does the effect differ: between segments, between the whole and its segments, and over the days?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import student_quantile, student_two_sided
from seatrial.stats.means import mean_interval

TOO_FEW_SEGMENTS = "fewer than two segments with an estimate and a standard error"
TOO_FEW_DAYS = "fewer than three days with an estimate and a standard error"


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """Test that all segments share one effect; p NaN and a reason where there are not two segments."""

    statistic: float
    """Cochran's Q, the Wald chi-square."""
    df: int
    p_value: float
    i_squared: float
    """Share of the spread that is not noise, max(0, 1 - df/Q) (Higgins and Thompson 2002)."""
    common: float
    """Precision-weighted mean of the effects."""
    segments: int
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """A number with its standard error, its interval and the p-value of 0; all NaN where it could not be formed."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Simpson:
    """The pooled effect beside the mean of the segments' effects."""

    pooled: Estimated
    within: Estimated
    reversed: bool
    """The two intervals exclude 0 on opposite sides."""
    opposed: tuple[int, ...]
    """Segments whose interval at alpha/K excludes 0 on the other side than the pooled one."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Straight line of the effect over x, by generalised least squares; NaN and a reason under three days."""

    slope: Estimated
    first: Estimated
    """Fitted effect at the first x."""
    last: Estimated
    """Fitted effect at the last x."""
    days: int
    reason: str | None


def interaction_test(
    differences: ArrayLike, standard_errors: ArrayLike, *, degrees: ArrayLike | None = None
) -> Interaction:
    """Wald test that independent segments (K,) share one effect: Q = sum (d - mean)^2/se^2, df K - 1 (Cochran 1954).

    The mean is weighted by 1/se^2; give standard errors that do not assume equal variances (Welch, HC2, clusters). With
    `degrees` (K,), the df of each standard error, p comes from Welch's F (Biometrika 38, 1951), which holds its size
    in small segments. Segments that are NaN or have no positive standard error are left out.

    >>> found = interaction_test([0.04, -0.04, 0.0], [0.01, 0.01, 0.01])
    >>> round(found.statistic, 6), found.df, f"{found.p_value:.3g}", found.i_squared
    (32.0, 2, '1.13e-07', 0.9375)
    """
    value, error, usable = _usable(differences, standard_errors)
    value, variance, count = value[usable], error[usable] ** 2, int(usable.sum())
    if count < 2:
        return Interaction(
            statistic=np.nan,
            df=max(count - 1, 0),
            p_value=np.nan,
            i_squared=np.nan,
            common=float(value[0]) if count else np.nan,
            segments=count,
            reason=TOO_FEW_SEGMENTS,
        )
    weight = 1 / variance
    share = weight / weight.sum()
    common = float(share @ value)
    statistic, df = float((weight * (value - common) ** 2).sum()), count - 1
    if degrees is None:
        p = float(special.chdtrc(df, statistic))
    else:
        given = np.broadcast_to(np.asarray(degrees, dtype=np.float64), usable.shape)[usable]
        if not (given > 0).all():
            raise UsageError("The degrees of freedom of a standard error must be positive.")
        spread = float(((1 - share) ** 2 / given).sum())
        scaled = statistic / df / (1 + 2 * (count - 2) / (count**2 - 1) * spread)
        if spread > 0:
            p = float(special.fdtrc(df, (count**2 - 1) / (3 * spread), scaled))
        else:
            p = float(special.chdtrc(df, statistic))
    return Interaction(
        statistic=statistic,
        df=df,
        p_value=p,
        i_squared=max(0.0, 1 - df / statistic) if statistic > 0 else 0.0,
        common=common,
        segments=count,
        reason=None,
    )


def interaction_contrast(
    differences: ArrayLike,
    standard_errors: ArrayLike,
    segment: int,
    *,
    shares: ArrayLike | None = None,
    alpha: float = 0.05,
) -> Estimated:
    """Effect of one segment minus that of all the others together, normal, for independent segments (K,).

    The others are weighted by `shares` (their units), or by 1/se^2 when none are given.

    >>> found = interaction_contrast([0.04, 0.0, 0.0], [0.01, 0.01, 0.01], 0)
    >>> round(found.value, 6), round(found.standard_error, 6), round(found.p_value, 5)
    (0.04, 0.012247, 0.00109)
    """
    value, error, usable = _usable(differences, standard_errors)
    if not 0 <= segment < value.size:
        raise UsageError(f"There is no segment {segment!r} among {value.size}.")
    others = usable & (np.arange(value.size) != segment)
    if not usable[segment] or not others.any():
        return _estimated(np.nan, np.nan, alpha=alpha)
    weight = _weights(shares, error)[others]
    weight = weight / weight.sum()
    rest, variance = weight @ value[others], weight**2 @ error[others] ** 2
    return _estimated(value[segment] - rest, np.sqrt(error[segment] ** 2 + variance), alpha=alpha)


def simpson_check(
    pooled: float,
    pooled_error: float,
    differences: ArrayLike,
    standard_errors: ArrayLike,
    *,
    shares: ArrayLike | None = None,
    alpha: float = 0.05,
) -> Simpson:
    """Compare the pooled effect with the mean of K segments' effects, weighted by `shares` (their units; else 1/se^2).

    Under randomisation both estimate the same. Opposite signs beyond noise mean that the arms hold different mixes of
    segments, and then the effect within segments is the one that answers the question (Simpson 1951).

    >>> found = simpson_check(-0.02, 0.005, [0.02, 0.03], [0.005, 0.005], shares=[500, 500])
    >>> found.reversed, round(found.within.value, 4), found.opposed
    (True, 0.025, (0, 1))
    """
    value, error, usable = _usable(differences, standard_errors)
    whole = _estimated(pooled, pooled_error, alpha=alpha)
    within = _estimated(np.nan, np.nan, alpha=alpha)
    opposed: tuple[int, ...] = ()
    if usable.any():
        weight = _weights(shares, error)[usable]
        weight = weight / weight.sum()
        spread = float(np.sqrt(weight**2 @ error[usable] ** 2))
        within = _estimated(float(weight @ value[usable]), spread, alpha=alpha)
        low, high = mean_interval(value, np.where(usable, error, np.nan), np.inf, alpha=alpha / int(usable.sum()))
        against = high < 0 if whole.low > 0 else low > 0 if whole.high < 0 else np.zeros(value.shape, dtype=np.bool_)
        opposed = tuple(int(k) for k in np.flatnonzero(against))
    turned = (whole.low > 0 and within.high < 0) or (whole.high < 0 and within.low > 0)
    return Simpson(pooled=whole, within=within, reversed=bool(turned), opposed=opposed)


def trend_test(
    effects: ArrayLike,
    covariance: ArrayLike,
    *,
    x: ArrayLike | None = None,
    degrees: float = np.inf,
    alpha: float = 0.05,
) -> Trend:
    """Slope of the effects (D,) over x, log of the day 1..D unless given: (X'V^-1 X)^-1 X'V^-1 y, X = (1, x).

    `covariance` is V (D, D), as the same units seen on many days give, or standard errors (D,) of independent days.
    When V was itself estimated, `degrees` v is its degrees of freedom (units, or clusters, less the arms): the variance
    is then multiplied by v(v - 1)/((v - q)(v - q - 1)), q = D - 2, and t has v - q df (growth curves with an estimated
    covariance, Rao 1959). Novelty is a slope towards 0, learning one away from it.

    >>> found = trend_test([0.08, 0.05, 0.04, 0.03, 0.02], [0.01] * 5)
    >>> round(found.slope.value, 4), found.slope.p_value < 0.001, round(found.last.value, 4)
    (-0.0361, True, 0.0205)
    """
    y, v, there = _daily(effects, covariance)
    place = np.log(np.arange(1.0, there.size + 1)) if x is None else np.asarray(x, dtype=np.float64)
    if place.shape != there.shape:
        raise UsageError(f"Give one x for each of the {there.size} days, got {place.size}.")
    place = place[there]
    if y.size < 3 or np.ptp(place) == 0:
        none = _estimated(np.nan, np.nan, alpha=alpha)
        return Trend(slope=none, first=none, last=none, days=int(y.size), reason=TOO_FEW_DAYS)
    design = np.column_stack([np.ones_like(place), place])
    found, spread, df = _least_squares(y, v, design, degrees)
    lines = [np.array([0.0, 1.0]), np.array([1.0, place[0]]), np.array([1.0, place[-1]])]
    slope, first, last = (
        _estimated(float(at @ found), float(np.sqrt(at @ spread @ at)), df=df, alpha=alpha) for at in lines
    )
    return Trend(slope=slope, first=first, last=last, days=int(y.size), reason=None)


def steady_state(
    effects: ArrayLike, covariance: ArrayLike, *, last: int = 7, degrees: float = np.inf, alpha: float = 0.05
) -> Estimated:
    """Precision-weighted mean of the last days, (1'V^-1 1)^-1 1'V^-1 y: what is left once novelty has worn off.

    `covariance` and `degrees` as in `trend_test`; no day with an estimate gives NaN.

    >>> round(steady_state([0.08, 0.03, 0.01], [0.01, 0.01, 0.02], last=2).value, 4)
    0.026
    """
    if last < 1:
        raise UsageError(f"The steady state is taken over at least one day, got {last!r}.")
    y, v, _ = _daily(effects, covariance)
    y, v = y[-last:], v[-last:, -last:]
    if y.size == 0:
        return _estimated(np.nan, np.nan, alpha=alpha)
    found, spread, df = _least_squares(y, v, np.ones((y.size, 1)), degrees)
    return _estimated(float(found[0]), float(np.sqrt(spread[0, 0])), df=df, alpha=alpha)


def _least_squares(y: Floats, v: Floats, design: Floats, degrees: float) -> tuple[Floats, Floats, float]:
    """Coefficients, their covariance and the df of their errors."""
    try:
        root = np.linalg.cholesky(v)
    except np.linalg.LinAlgError:
        raise UsageError(
            "The covariance of the days is not positive definite: give fewer days than units, or standard errors."
        ) from None
    white = np.linalg.solve(root, np.column_stack([design, y]))
    spread = np.linalg.inv(white[:, :-1].T @ white[:, :-1])
    found = spread @ white[:, :-1].T @ white[:, -1]
    rest = degrees - (y.size - design.shape[1])
    if np.isinf(degrees):
        return found, spread, np.inf
    if not rest > 1:
        raise UsageError(f"A covariance of {y.size} days needs more than {degrees:g} degrees of freedom.")
    return found, spread * degrees * (degrees - 1) / (rest * (rest - 1)), rest


def _daily(effects: ArrayLike, covariance: ArrayLike) -> tuple[Floats, Floats, np.ndarray]:
    """Effects and covariance of the days that have them, and which days those are."""
    y, v = np.asarray(effects, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if y.ndim != 1 or v.shape not in ((y.size,), (y.size, y.size)):
        raise UsageError(f"Give effects (D,) and a covariance (D, D) or standard errors (D,): {y.shape}, {v.shape}.")
    if v.ndim == 1:
        v = np.diag(v**2)
    variance = np.diag(v)
    there = np.isfinite(y) & np.isfinite(variance) & (variance > 0)
    return y[there], v[np.ix_(there, there)], there


def _usable(differences: ArrayLike, standard_errors: ArrayLike) -> tuple[Floats, Floats, np.ndarray]:
    value, error = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (differences, standard_errors)))
    if value.ndim != 1:
        raise UsageError("Give one difference and one standard error per segment.")
    return value, error, np.isfinite(value) & np.isfinite(error) & (error > 0)


def _weights(shares: ArrayLike | None, error: Floats) -> Floats:
    if shares is None:
        with np.errstate(divide="ignore"):
            return np.asarray(1 / error**2)
    given = np.asarray(shares, dtype=np.float64)
    if given.shape != error.shape or not (np.isfinite(given).all() and (given > 0).all()):
        raise UsageError("Give one positive share for each segment.")
    return given


def _estimated(value: float, error: float, *, df: float = np.inf, alpha: float) -> Estimated:
    known = np.isfinite(value) and error > 0
    if not known:
        return Estimated(value=float(value), standard_error=np.nan, low=np.nan, high=np.nan, p_value=np.nan)
    half = float(student_quantile(df, alpha)) * float(error)
    return Estimated(
        value=float(value),
        standard_error=float(error),
        low=float(value) - half,
        high=float(value) + half,
        p_value=float(student_two_sided(value / error, df)),
    )
