"""Quantiles and shares of a series whose neighbours resemble each other (requests that queue behind one another)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import DataError, UsageError
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.proportions import proportion_interval
from seatrial.stats.quantiles import rows_short_of_quantile, why_few
from seatrial.stats.sorted_scores import Floats

LEVELS = (0.5, 0.8)
"""Besides the quantile itself: where the memory of the series is looked for, since tails show it badly."""
METHOD = "order statistics at the effective number of requests (autocorrelation time of exceedances)"


@dataclass(frozen=True, kw_only=True)
class SeriesQuantile:
    """A quantile of a series; a limit is None where the series is too short for one, and `reason` says so."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    effective: float
    """How many independent values would tell as much."""
    reason: str | None = None


def autocorrelation_time(series: ArrayLike, *, errors: float = 0.0) -> float:
    """How many neighbours are worth one independent value, at least 1.

    tau = 1 + 2 sum of the autocorrelations, summed in pairs as long as the pairs are positive, each pair at most as
    large as the one before (Geyer 1992, initial monotone sequence); over lags up to half the series. `errors` adds so
    many of its own standard errors, tau sqrt(2 (2 M + 1) / n) for M lags (Madras and Sokal 1988).

    >>> rng = np.random.default_rng(0)
    >>> autocorrelation_time(rng.random(5000)) < 1.1
    True
    >>> 40 < autocorrelation_time(np.repeat(rng.random(400), 50)) < 60
    True
    """
    given = np.asarray(series, np.float64)
    n = len(given)
    centred = given - given.mean() if n else given
    variance = float((centred**2).mean()) if n else 0.0
    if n < 4 or variance <= 0:
        return 1.0
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    correlations = np.fft.irfft(spectrum * spectrum.conj(), size)[: n // 2] / (n * variance)
    pairs = correlations[: len(correlations) // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    kept = pairs[: negative[0]] if len(negative) else pairs
    if not len(kept):
        return 1.0
    time = float(2 * np.minimum.accumulate(kept).sum() - 1)
    return max(1.0, time * (1 + errors * math.sqrt(2 * (4 * len(kept) + 1) / n)))


def series_quantile(values: ArrayLike, probability: float, *, alpha: float = 0.05) -> SeriesQuantile:
    """A quantile of a stationary series, in its order, with limits; `inf` is a value slower than all others.

    Value: NumPy's `linear`. A limit is the nearest order statistic of which the share beyond is surely at most what the
    quantile leaves there: its exact binomial limit at alpha/2, with n / tau in place of n (Woodruff 1952). tau is the
    longest `autocorrelation_time`, one of its standard errors added, of {x <= q} at the quantile and at the 50 and 80 %
    ones: the tail itself shows too few exceedances to tell how they hang together. With independent values these are
    the usual order statistics.
    An infinite quantile gives a reason.
    Raises `UsageError` for a probability outside (0, 1), `DataError` for NaN.

    >>> found = series_quantile(np.random.default_rng(1).exponential(size=4000), 0.5)
    >>> bool(found.low < np.log(2) < found.high)
    True
    """
    if not 0 < probability < 1:
        raise UsageError(f"A quantile's probability must lie strictly between 0 and 1, got {probability!r}.")
    normal_quantile(alpha)
    given = np.asarray(values, np.float64)
    if np.isnan(given).any():
        raise DataError("A series with missing values has no quantiles; leave them out first.")
    n = len(given)
    if rows_short_of_quantile(n, probability, alpha=alpha) > 0:
        few = why_few(n, probability, alpha).replace("rows", "requests")
        return SeriesQuantile(value=None, low=None, high=None, n=n, effective=float(n), reason=few)
    ordered = np.sort(given)
    value = _linear(ordered, probability)
    time = max(
        autocorrelation_time(given <= ordered[math.floor(level * (n - 1))], errors=1.0)
        for level in (*LEVELS, probability)
    )
    low = _limit(ordered, 1 - probability, time, alpha=alpha, upper=False)
    high = _limit(ordered, probability, time, alpha=alpha, upper=True)
    if low is not None and not math.isfinite(low):
        low = None
    reason = None
    if not math.isfinite(value):
        reason = "so many requests have no answer that this quantile lies among them"
    elif high is None:
        need = math.ceil(math.log(alpha / 2) / math.log(probability))
        reason = f"neighbours resemble each other: they count as {n / time:,.0f}, an upper limit needs {need:,}"
    elif not math.isfinite(high):
        reason = "the upper limit lies among the requests without an answer"
    return SeriesQuantile(
        value=value if math.isfinite(value) else None,
        low=low,
        high=high if high is not None and math.isfinite(high) else None,
        n=n,
        effective=n / time,
        reason=reason,
    )


def _linear(ordered: Floats, probability: float) -> float:
    at = probability * (len(ordered) - 1)
    below, above = float(ordered[math.floor(at)]), float(ordered[math.ceil(at)])
    return below if below == above else below + (above - below) * (at - math.floor(at))


def _limit(ordered: Floats, inside: float, time: float, *, alpha: float, upper: bool) -> float | None:
    """The order statistic nearest to the quantile of which the share beyond it is surely at most 1 - inside."""
    n = len(ordered)
    effective = n / time

    def surely(k: int) -> bool:
        """Whether k values beyond are so few that the share beyond is at most 1 - inside."""
        count = k / time
        return float(special.betaincc(count + 1, effective - count, 1 - inside)) <= alpha / 2

    if not surely(0):
        return None
    good, bad = 0, min(n - 1, math.ceil(n * (1 - inside)))
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if surely(middle) else (good, middle)
    return float(ordered[n - 1 - good] if upper else ordered[good])


def series_share(indicator: ArrayLike, *, alpha: float = 0.05) -> tuple[float, float, float]:
    """A share with its limits, for a series in its order: Wilson at n over its `autocorrelation_time`.

    At no event, and at nothing but events, Clopper-Pearson: the memory then cannot be seen. Raises `DataError` for an
    empty series.

    >>> share, low, high = series_share([0] * 300)
    >>> share, low, round(high, 4)
    (0.0, 0.0, 0.0122)
    """
    given = np.asarray(indicator, np.float64)
    if len(given) == 0:
        raise DataError("A series of no rows has no share.")
    effective = len(given) / autocorrelation_time(given, errors=1.0)
    low, high, _ = proportion_interval(given.sum(), len(given), alpha=alpha, effective_n=effective)
    return float(given.mean()), float(low[0]), float(high[0])
