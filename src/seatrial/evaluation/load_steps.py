"""From what became of requests to a step: percentiles with limits, errors, backlog, whether the client kept up."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.load_sending import Sent
from seatrial.records.load import LoadStep
from seatrial.records.numbers import format_value
from seatrial.records.results import Estimate
from seatrial.records.run import Failures
from seatrial.stats.correlated_quantiles import METHOD, series_quantile, series_share

MEASURES = ("p50", "p95", "p99")
_LATE_MS = 10.0
_LATE_SHARE = 0.1
_WINDOWS = 12
_PER_WINDOW = 200


def step_of(
    sent: Sent,
    *,
    name: str,
    model: str,
    start: float,
    end: float,
    measures: Sequence[str] = MEASURES,
    level: float = 0.95,
    rate: float | None = None,
    bound: float | None = None,
) -> LoadStep:
    """Measure the requests that were due in [start, end) seconds.

    The step is not valid where the client sent later than 10 ms, than a tenth of the p95 it saw, and than a tenth of
    `bound` (the tightest one on a response time, ms), at the 95 % quantile.
    """
    own = (sent.due >= start) & (sent.due < end)
    places = np.flatnonzero(own)
    reasons = [sent.reasons[at] for at in places]
    failed = np.array([reason is not None for reason in reasons], np.bool_)
    response = (sent.ended[own] - sent.due[own]) * 1e3
    response[failed] = np.inf
    answered_then = (
        (sent.ended >= start) & (sent.ended < end) & np.array([one is None for one in sent.reasons], np.bool_)
    )
    late = (sent.sent[own] - sent.due[own]) * 1e3
    late = late[~np.isnan(late)]
    late_p95 = float(np.quantile(late, 0.95)) if len(late) else None
    n = len(places)
    alpha = 1 - level
    estimates, effective = _percentiles(response, measures, model=model, alpha=alpha)
    reason = None
    allowed = max(_LATE_MS, _LATE_SHARE * (bound or 0.0))
    if n:
        finite = response[np.isfinite(response)]
        allowed = max(allowed, _LATE_SHARE * float(np.quantile(finite, 0.95)) if len(finite) else 0.0)
    if late_p95 is not None and late_p95 > allowed:
        reason = (
            f"this client sent its requests late ({format_value(round(late_p95, 1), scale='ms')} at the 95 % quantile):"
            " it could not keep up, so the load was not the one asked for"
        )
    return LoadStep(
        name=name,
        start=start,
        seconds=end - start,
        rate=rate,
        offered=n / (end - start),
        achieved=float(answered_then.sum()) / (end - start),
        requests=n,
        answered=n - int(failed.sum()),
        failed=tuple(
            Failures(reason=reason_, count=count)
            for reason_, count in sorted(Counter(one for one in reasons if one is not None).items(), key=_most_first)
        ),
        errors=_errors(failed, model=model, alpha=alpha),
        response=estimates,
        effective=effective,
        most_at_once=_at_once(sent, start, end),
        backlog_grows=_grows(sent, response, start, end),
        client_late_p95=late_p95,
        valid=reason is None,
        reason=reason,
    )


def _most_first(of: tuple[str, int]) -> tuple[int, str]:
    return -of[1], of[0]


def _percentiles(
    response: NDArray[np.float64], measures: Sequence[str], *, model: str, alpha: float
) -> tuple[tuple[Estimate, ...], float | None]:
    found = []
    effective = None
    for measure in measures:
        one = series_quantile(response, float(measure[1:]) / 100, alpha=alpha)
        known = one.value is not None
        if known:
            effective = one.effective if effective is None else min(effective, one.effective)
        found.append(
            Estimate(
                model=model,
                metric=measure,
                n=one.n,
                value=one.value,
                low=one.low,
                high=one.high,
                reason=None if known else one.reason,
                notes=(one.reason,) if known and one.reason is not None else (),
                level=1 - alpha,
                method=METHOD,
                unit="request",
                scale="ms",
                higher_is_better=False,
            )
        )
    return tuple(found), effective


def _errors(failed: NDArray[np.bool_], *, model: str, alpha: float) -> Estimate:
    if not len(failed):
        return Estimate(model=model, metric="errors", n=0, reason="no requests", unit="request", higher_is_better=False)
    share, low, high = series_share(failed, alpha=alpha)
    return Estimate(
        model=model,
        metric="errors",
        n=len(failed),
        value=share,
        low=low,
        high=high,
        level=1 - alpha,
        method="Wilson score interval at the effective number of requests"
        if 0 < share < 1
        else "Clopper-Pearson interval",
        unit="request",
        higher_is_better=False,
    )


def _under_way(sent: Sent, moment: float) -> int:
    return int((sent.sent <= moment).sum() - (sent.ended <= moment).sum())


def _at_once(sent: Sent, start: float, end: float) -> int:
    """The most requests under way at one moment of [start, end)."""
    there = ~np.isnan(sent.sent)
    moments = np.concatenate([sent.sent[there], sent.ended[there]])
    change = np.concatenate([np.ones(there.sum()), -np.ones(there.sum())])
    order = np.lexsort((-change, moments))
    running = np.cumsum(change[order])
    inside = (moments[order] >= start) & (moments[order] < end)
    return int(running[inside].max(initial=0))


def _grows(sent: Sent, response: NDArray[np.float64], start: float, end: float) -> bool:
    """Whether requests piled up: by over 5 % of all (at least 10) from start to end, and waits half as long again."""
    n = len(response)
    if n < 20:
        return False
    change = _under_way(sent, end) - _under_way(sent, start)
    # those that were never sent, or given up, are a backlog too
    lost = int(np.isinf(response).sum())
    third = n // 3
    early, late = float(np.median(response[:third])), float(np.median(response[-third:]))
    return change + lost > max(10, 0.05 * n) and (late > 1.5 * early or math.isinf(late)) and change > 0


def windows_of(seconds: float, requests: int, *, window: float | None) -> list[tuple[float, float]]:
    """Cut a trace into windows of one length: as told, else at most twelve of about 200 requests or more.

    >>> windows_of(60, 450, window=None)
    [(0.0, 30.0), (30.0, 60.0)]
    """
    if window is None:
        window = seconds / max(1, min(_WINDOWS, requests // _PER_WINDOW))
    many = max(1, math.ceil(seconds / window - 1e-9))
    return [(at * window, min((at + 1) * window, seconds)) for at in range(many)]


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds: `1:05`, and tenths where they are needed.

    >>> clock(65), clock(2.5), clock(3605)
    ('1:05', '0:02.5', '1:00:05')
    """
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, rest = divmod(whole, 60)
    text = f"{rest:02d}" + (f".{tenth}" if tenth else "")
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02d}:{text}"
    return f"{minutes}:{text}"
