"""Offline against online over past launches: does a gain on the benchmark carry over, and what will the next one bring?

Both deltas of a launch are measured with error, and an error in the offline delta pulls the plain slope towards 0
(attenuation). With known standard errors that pull can be taken out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError, UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.means import mean_interval
from seatrial.stats.proportions import proportion_interval
from seatrial.stats.sorted_scores import column

FEWEST_LAUNCHES = 8
DRAWS = 4_000
HALVINGS = 34
METHOD = (
    "regression calibration with known error variances, limits by generalised pivots (between-launch variances from "
    "their Q statistics, coefficients given them)"
)
NO_SPREAD = "the stated noise explains all that is left around the line, so the correlation has no limits"
NO_SPREAD = "the stated noise explains all that is left around the line, so the correlation has no limits"
FLAT = "the offline deltas vary too little beyond their own noise to tell a slope"
TINY = 1e-12
"""A variance below this share of the spread of the deltas is taken to be this."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A value with limits at level 1 - alpha; NaN limits and a reason where there are none."""

    value: float
    low: float
    high: float
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Share of the variance of measured deltas that is not noise, tau^2/(tau^2 + mean se^2)."""

    offline: float
    online: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The online delta of one launch, foretold from its offline delta."""

    value: float
    low: float
    high: float
    extrapolated: bool
    """Its offline delta lies outside those of the past launches."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Each past launch foretold from all the others by Student's t, (L,) each."""

    value: Floats
    low: Floats
    high: Floats
    covered: int
    """How many online deltas lay within their limits."""
    error: float
    """Root of the mean squared error of the predictions."""
    error_of_mean: float
    """The same for predicting the mean of the others: what knowing the offline delta has to beat."""


@dataclass(frozen=True, kw_only=True)
class Launches:
    """What past launches say about the worth of an offline gain."""

    launches: int
    slope: Measure
    """Online per unit of true offline delta, noise-corrected."""
    plain_slope: float
    """Least squares without correction, attenuated."""
    correlation: Measure
    """Of the true deltas, noise-corrected."""
    plain_correlation: float
    agreement: Measure
    """Share of launches whose deltas have the same sign (Wilson); a delta of exactly 0 does not count."""
    agreed: int
    compared: int
    reliability: Reliability
    range: tuple[float, float]
    """Smallest and largest past offline delta: beyond them a prediction is flagged."""
    left_out: LeftOut | None
    alpha: float
    method: str
    reason: str | None
    """Why nothing is calibrated, where that is so."""
    draws: "Draws | None" = field(repr=False)

    def predict(self, offline: float, offline_se: float, *, online_se: float = 0.0) -> Prediction:
        """Interval of the online delta of the next launch from its offline delta and that one's standard error.

        It holds the error of the calibration, the spread between launches and the noise of the offline delta; with
        `online_se` also that of the online measurement (then it foretells the number one would see, else the truth).
        Raises `DataError` when nothing is calibrated, `UsageError` for numbers that cannot be.
        """
        if self.draws is None:
            raise DataError(f"Nothing can be foretold: {self.reason}.")
        if not (np.isfinite(offline) and offline_se >= 0 and online_se >= 0):
            raise UsageError("A delta must be finite and its standard error not negative.")
        value, low, high = self.draws.foretold(offline, offline_se**2, online_se**2, self.alpha)
        return Prediction(value=value, low=low, high=high, extrapolated=not self.range[0] <= offline <= self.range[1])


def calibrate_launches(
    offline: ArrayLike,
    offline_se: ArrayLike,
    online: ArrayLike,
    online_se: ArrayLike,
    *,
    alpha: float = 0.05,
    draws: int = DRAWS,
    seed: int = 0,
) -> Launches:
    """Noise-corrected slope and correlation of online on offline deltas, sign agreement, and predictions, (L,) each.

    x_i = xi_i + u_i and y_i = a + b xi_i + q_i + v_i with the standard errors of u and v known, xi and q normal with
    variances w^2 and t^2 that are not. xi_i is replaced by its expectation given x_i, mu + w^2/(w^2 + su_i^2)(x_i - mu)
    (regression calibration; Carroll, Ruppert, Stefanski and Crainiceanu 2006, ch. 4); w^2 by Paule and Mandel. The
    limits take w^2 and t^2 from their Q statistics (Viechtbauer 2007), which under normality are chi-square, and the
    coefficients given them, `draws` times (generalised pivots; Weerahandi 1993). Standard errors may be 0.
    Under 8 launches: a reason and no numbers but the agreement. Raises `DataError` for missing or negative numbers.

    >>> x = np.linspace(-1, 1, 12)
    >>> found = calibrate_launches(x, [0.1] * 12, 0.2 * x + 0.01 * np.cos(40 * x), [0.01] * 12)
    >>> 0.15 < found.slope.low < 0.2 < found.slope.high < 0.25, found.agreed
    (True, 12)
    """
    data = _data(offline, offline_se, online, online_se)
    x, y, n = data.x, data.y, len(data.x)
    same, compared = int((x * y > 0).sum()), int((x * y != 0).sum())
    low, high, _ = proportion_interval([same], [compared], alpha=alpha)
    agreement = Measure(value=np.nan, low=np.nan, high=np.nan, reason="no launch has two deltas other than 0")
    if compared:
        agreement = Measure(value=same / compared, low=float(low[0]), high=float(high[0]))
    reason = None
    if n < FEWEST_LAUNCHES:
        reason = f"not calibrated: {n} launches, at least {FEWEST_LAUNCHES} are needed"
    elif not (np.ptp(x) > 0 and np.ptp(y) > 0):
        reason = f"not calibrated: the {'online' if np.ptp(x) > 0 else 'offline'} deltas are all the same"
    known = np.nan, np.nan
    nothing = Measure(value=np.nan, low=np.nan, high=np.nan, reason=reason)
    slope = correlation = nothing
    found, reliability, left_out = None, Reliability(offline=np.nan, online=np.nan), None
    if reason is None:
        centred = x - x.mean()
        known = float(centred @ y / (centred @ centred)), float(np.corrcoef(x, y)[0, 1])
        found = _draw(data, draws, np.random.default_rng(seed), seed)
        slope, correlation = found.slope(alpha), found.correlation(alpha)
        reliability = Reliability(offline=_share(data.x, data.u), online=_share(data.y, data.v))
        left_out = _left_out(data, alpha)
    return Launches(
        launches=n,
        slope=slope,
        plain_slope=known[0],
        correlation=correlation,
        plain_correlation=known[1],
        agreement=agreement,
        agreed=same,
        compared=compared,
        reliability=reliability,
        range=(float(x.min()), float(x.max())) if n else (np.nan, np.nan),
        left_out=left_out,
        alpha=alpha,
        method=METHOD,
        reason=reason,
        draws=found,
    )


@dataclass(frozen=True, kw_only=True)
class _Data:
    """Deltas and their known error variances: (L,) each, or (B, L) for B sets of launches at once."""

    x: Floats
    u: Floats
    y: Floats
    v: Floats

    def each_left_out(self) -> "_Data":
        """Row i has all launches but the i-th, (L, L - 1)."""
        n = len(self.x)
        rest = np.array([[j for j in range(n) if j != i] for i in range(n)], dtype=np.intp).reshape(n, n - 1)
        return _Data(x=self.x[rest], u=self.u[rest], y=self.y[rest], v=self.v[rest])


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Weighted regression of y on d = (x - mu)/(w^2 + u), B at once: y = level + g (d - centre), b = g/w^2."""

    mu: Floats
    d: Floats
    centre: Floats
    level: Floats
    g: Floats
    weight: Floats
    """Sum of the weights: 1/var(level)."""
    square: Floats
    """1/var(g)."""
    squares: Floats
    """Weighted sum of squared residuals."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The point estimate (first entry) and the draws of everything that is not known, (1 + B,) each."""

    line: _Line
    offline: Floats
    """Variance of the true offline deltas, w^2."""
    extra: Floats
    """Variance of online deltas around the line beyond `known` and their noise, at the least noisy offline delta."""
    between: Floats
    """Variance of online deltas around the line at the true offline delta, t^2."""
    level: Floats
    g: Floats
    least: float
    """What the noise of the least noisy offline delta adds around the line, part of `extra`."""
    seed: int

    def slope(self, alpha: float) -> Measure:
        """g/w^2; without limits where too many draws have no spread of true offline deltas."""
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.where(self.offline > 0, self.g / self.offline, np.copysign(np.inf, self.g))
        low, high = _limits(drawn[1:], alpha)
        if not np.isfinite([low, high]).all():
            value = float(drawn[0]) if np.isfinite(drawn[0]) else np.nan
            return Measure(value=value, low=np.nan, high=np.nan, reason=FLAT)
        return Measure(value=float(drawn[0]), low=low, high=high)

    def correlation(self, alpha: float) -> Measure:
        """b w/sqrt(b^2 w^2 + t^2)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            part = self.g / np.sqrt(self.offline)
            drawn = np.where(self.offline > 0, part / np.sqrt(part**2 + self.between), np.sign(self.g))
        low, high = _limits(drawn[1:], alpha)
        if not self.offline[0] > 0:
            return Measure(value=np.nan, low=np.nan, high=np.nan, reason=FLAT)
        if not high > low:  # every draw at the edge: the noise stated explains all that is left around the line
            return Measure(value=float(drawn[0]), low=np.nan, high=np.nan, reason=NO_SPREAD)
        return Measure(value=float(drawn[0]), low=low, high=high)

    def foretold(self, x: float, u: float, v: float, alpha: float) -> tuple[float, float, float]:
        """Value and limits of an online delta at the offline delta x of error variance u, itself measured with v."""
        d = (x - self.line.mu) / np.maximum(self.offline + u, TINY * self.offline.max())
        middle = self.level + self.g * (d - self.line.centre)
        spread = np.maximum(self.extra + _noise(self.line.g[0], self.offline[0], np.array(u)) - self.least, 0.0) + v
        noise = np.random.default_rng([self.seed, 1]).normal(size=len(middle) - 1)
        low, high = _limits(middle[1:] + noise * np.sqrt(spread[1:]), alpha)
        return float(middle[0]), low, high


def _data(offline: ArrayLike, offline_se: ArrayLike, online: ArrayLike, online_se: ArrayLike) -> _Data:
    x = column(offline, "offline")
    given = {"offline": x}
    for name, values in (("offline_se", offline_se), ("online", online), ("online_se", online_se)):
        given[name] = column(values, name, length=len(x))
    for name, column_of in given.items():
        if not np.isfinite(column_of).all():
            raise DataError(f"{name} must be a finite number for every launch; leave out the others first.")
        if name.endswith("se") and (column_of < 0).any():
            raise DataError(f"{name} must not be negative.")
    return _Data(x=x, u=given["offline_se"] ** 2, y=given["online"], v=given["online_se"] ** 2)


def _draw(data: _Data, draws: int, rng: np.random.Generator, seed: int) -> Draws:
    """The point estimate (degrees of freedom in place of chi-square draws, no normal ones) and `draws` draws."""
    n = len(data.x)
    chi_x = np.concatenate([[n - 1.0], rng.chisquare(n - 1, draws)])
    chi_y = np.concatenate([[n - 2.0], rng.chisquare(n - 2, draws)])
    normal = np.concatenate([np.zeros((2, 1)), rng.normal(size=(2, draws))], axis=1)
    offline = _offline_variance(data.x, data.u, chi_x)
    noise, least = _known_noise(data, offline[:1], n - 2.0)
    extra = _online_variance(data, offline, noise, chi_y)
    line = _line(data, offline, extra, noise)
    g = line.g + normal[0] / np.sqrt(line.square)
    level = line.level + normal[1] / np.sqrt(line.weight)
    between = _online_variance(data, offline, _noise(g[:, None], offline[:, None], data.u), chi_y)
    return Draws(
        line=line,
        offline=offline,
        extra=extra,
        between=between,
        level=level,
        g=g,
        least=float(least[0]),
        seed=seed,
    )


def _noise(g: Floats | float, offline: Floats | float, u: Floats) -> Floats:
    """Variance around the line from not knowing the true offline delta: b^2 w^2 u/(w^2 + u) = (g^2/w^2) u/(w^2 + u)."""
    some = np.asarray(offline) > 0
    variance = np.where(some, offline, 1.0)
    return np.asarray(np.where(some, np.square(g) / variance * u / (variance + u), 0.0))


def _known_noise(data: _Data, offline: Floats, degrees: float) -> tuple[Floats, Floats]:
    """`_noise` (B, L) at the point estimates for `offline` (B,), beyond its smallest entry, and that entry (B,)."""
    noise, least = np.zeros((len(offline), data.x.shape[-1])), np.zeros(len(offline))
    target = np.full(len(offline), degrees)
    for _ in range(3):
        line = _line(data, offline, _online_variance(data, offline, noise, target), noise)
        every = _noise(line.g[:, None], offline[:, None], data.u)
        least = every.min(axis=1)
        noise = every - least[:, None]
    return noise, least


def _line(data: _Data, offline: Floats, extra: Floats, noise: Floats) -> _Line:
    floor = TINY * float(np.var(data.x))
    inverse = 1 / np.maximum(offline[:, None] + data.u, floor)
    mu = (inverse * data.x).sum(axis=1) / inverse.sum(axis=1)
    d = (data.x - mu[:, None]) * inverse
    w = 1 / np.maximum(extra[:, None] + data.v + noise, TINY * float(np.var(data.y)))
    whole = w.sum(axis=1)
    centre, level = (w * d).sum(axis=1) / whole, (w * data.y).sum(axis=1) / whole
    off = d - centre[:, None]
    square = (w * off**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # where all offline deltas of a set are the same
        g = (w * off * data.y).sum(axis=1) / square
    left = data.y - level[:, None] - g[:, None] * off
    return _Line(
        mu=mu, d=d, centre=centre, level=level, g=g, weight=whole, square=square, squares=(w * left**2).sum(axis=1)
    )


def _offline_variance(x: Floats, u: Floats, target: Floats) -> Floats:
    """w^2 at which sum (x - mu)^2/(w^2 + u) is `target` (B,), 0 where it is less even at 0 (Viechtbauer 2007)."""

    def squares(variance: Floats) -> Floats:
        inverse = 1 / np.maximum(variance[:, None] + u, TINY * float(np.var(x)))
        mu = (inverse * x).sum(axis=1) / inverse.sum(axis=1)
        return np.asarray((inverse * (x - mu[:, None]) ** 2).sum(axis=1))

    return _where(squares, target, _squares(x) / target)


def _online_variance(data: _Data, offline: Floats, noise: Floats, target: Floats) -> Floats:
    """Extra variance at which the weighted squares around the line are `target` (B,), 0 where they are less at 0."""

    def squares(variance: Floats) -> Floats:
        return _line(data, offline, variance, noise).squares

    return _where(squares, target, _squares(data.y) / target)


def _squares(values: Floats) -> Floats:
    """Sum of squares around the mean of each set."""
    return np.asarray(((values - values.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))


def _where(squares: Callable[[Floats], Floats], target: Floats, most: Floats) -> Floats:
    """Bisect a falling function of a variance in 0..most."""
    low, high = np.zeros_like(target), most
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = squares(middle) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(low > 0, high, 0.0)


def _limits(drawn: Floats, alpha: float) -> tuple[float, float]:
    """The draws of rank alpha/2 and 1 - alpha/2, infinite ones included."""
    ordered = np.sort(drawn)
    first = int(np.floor(alpha / 2 * len(ordered)))
    return float(ordered[first]), float(ordered[-1 - first])


def _share(values: Floats, noise: Floats) -> float:
    """Share of the variance of measured values that is not noise."""
    between = float(_offline_variance(values, noise, np.array([len(values) - 1.0]))[0])
    return between / (between + float(noise.mean()))


def _left_out(data: _Data, alpha: float) -> LeftOut:
    """Every launch from the line of the others at its point estimate, with Student's t."""
    n = len(data.x)
    rest = data.each_left_out()
    offline = _offline_variance(rest.x, rest.u, np.full(n, n - 2.0))
    noise, least = _known_noise(rest, offline, n - 3.0)
    extra = _online_variance(rest, offline, noise, np.full(n, n - 3.0))
    line = _line(rest, offline, extra, noise)
    line = replace(line, square=np.where(line.square > 0, line.square, np.nan))
    d = (data.x - line.mu) / np.maximum(offline + data.u, TINY * float(np.var(data.x))) - line.centre
    around = np.maximum(extra + _noise(line.g, offline, data.u) - least, 0.0) + data.v
    value = line.level + line.g * d
    error = np.sqrt(around + 1 / line.weight + d * d / line.square)
    low, high = mean_interval(value, error, n - 3.0, alpha=alpha)
    return LeftOut(
        value=value,
        low=low,
        high=high,
        covered=int(((low <= data.y) & (data.y <= high)).sum()),
        error=float(np.sqrt(np.nanmean((data.y - value) ** 2))),
        error_of_mean=float(np.sqrt(np.mean((data.y - rest.y.mean(axis=1)) ** 2))),
    )
