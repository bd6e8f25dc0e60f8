"""Latency and cost of a run: service time with intervals by order statistics, warm-up and cached rows left out."""

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from seatrial.models.base import Answered
from seatrial.records.results import Estimate
from seatrial.records.run import Cost, Latency
from seatrial.records.suite import Price
from seatrial.stats.means import mean_interval
from seatrial.stats.quantiles import grouped_quantiles

_PROBABILITIES = (0.5, 0.95, 0.99)
_NAMES = ("latency_p50", "latency_p95", "latency_p99")


def latency(
    answers: Sequence[Answered],
    *,
    model: str,
    device: str,
    batch_size: int,
    concurrency: int,
    warm_up: int,
    remote: bool,
    seconds: float,
    asked: int,
    level: float,
) -> Latency | None:
    """Quantiles of service time in milliseconds, None where nothing was timed.

    One at a time, the unit is the row. In batches it is the batch (its time divided by its rows; full batches only,
    where there are any): rows of one batch share one time, so they are one observation and not many.
    """
    timed = [one for one in answers if one.service_ms is not None and not one.warm_up and not one.cached]
    timed = [one for one in timed if one.answer.reason is None]
    failed = sum(one.answer.reason is not None for one in answers)
    per_row = remote or batch_size == 1
    if not per_row:
        full = [one for one in timed if one.batch == batch_size]
        timed = full or [one for one in timed if one.batch > 1] or timed
    times = _row_times(timed) if per_row else _batch_times(timed)
    if not len(times):
        return None
    found = grouped_quantiles(times, np.zeros(len(times), np.int8), 1, _PROBABILITIES, alpha=1 - level)
    estimates = []
    for at, name in enumerate(_NAMES):
        value, low, high = (float(part[0, at]) for part in (found.value, found.low, found.high))
        reason = found.reasons[0][at]
        has_value = np.isfinite(value)
        estimates.append(
            Estimate(
                model=model,
                metric=name,
                n=len(times),
                missing=failed if per_row else 0,
                value=value if has_value else None,
                reason=None if has_value else reason,
                low=low if np.isfinite(low) else None,
                high=high if np.isfinite(high) else None,
                level=level,
                method="order statistics",
                unit="row" if per_row else "batch",
                scale="ms",
                higher_is_better=False,
                notes=(f"no interval: {reason}",) if has_value and reason is not None else (),
            )
        )
    queued = [one.queue_ms for one in timed if one.queue_ms is not None]
    return Latency(
        n=len(timed),
        warm_up=sum(one.warm_up for one in answers),
        batch_size=batch_size,
        concurrency=concurrency,
        device=device,
        per="row" if per_row else "batch / rows",
        p50=estimates[0],
        p95=estimates[1],
        p99=estimates[2],
        queue_p95=float(np.quantile(queued, 0.95)) if queued else None,
        rows_per_second=asked / seconds if asked and seconds > 0 else None,
    )


def _row_times(timed: Sequence[Answered]) -> NDArray[np.float64]:
    return np.array([one.service_ms for one in timed], np.float64)


def _batch_times(timed: Sequence[Answered]) -> NDArray[np.float64]:
    """One time a batch: rows of a batch hold the same time to the last bit."""
    found: list[float] = []
    ordered = sorted((one.service_ms or 0.0, one.batch) for one in timed)
    for (each, batch), rows in groupby(ordered):
        found += [each] * -(-sum(1 for _ in rows) // batch)
    return np.array(found, np.float64)


def cost_record(answers: Sequence[Answered], *, model: str, price: Price, level: float) -> Cost:
    """What the rows cost: in all, and a row (cached rows cost nothing and are not in the mean)."""
    paid = np.array([one.cost for one in answers if one.cost is not None and not one.cached], np.float64)
    return Cost(
        currency=price.currency,
        total=math.fsum(one.cost for one in answers if one.cost is not None),
        per_row=_per_row(paid, answers, model=model, price=price, level=level) if len(paid) else None,
        input_tokens=sum(one.answer.input_tokens or 0 for one in answers if not one.cached),
        output_tokens=sum(one.answer.output_tokens or 0 for one in answers if not one.cached),
        calls=sum(one.attempts for one in answers),
        retries=sum(one.attempts - 1 for one in answers if one.attempts > 1),
    )


def _per_row(
    paid: NDArray[np.float64], answers: Sequence[Answered], *, model: str, price: Price, level: float
) -> Estimate:
    """Mean cost of a question; the repeats of one row are one cluster, so their mean is one observation."""
    rows = np.array([one.row for one in answers if one.cost is not None and not one.cached])
    _, codes = np.unique(rows, return_inverse=True)
    totals, sizes = np.bincount(codes, weights=paid), np.bincount(codes)
    n = len(totals)
    value = float(paid.mean())
    error: float | None = None
    if n > 1:
        residuals = totals - value * sizes
        error = float(np.sqrt(n / (n - 1) * np.sum(residuals**2)) / np.sum(sizes))
    spread = error is not None and error > 1e-12 * abs(value)
    low, high = mean_interval(value, error, n - 1, alpha=1 - level) if spread and error is not None else (None, None)
    return Estimate(
        model=model,
        metric="cost",
        n=n,
        value=value,
        standard_error=error if spread else None,
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        level=level,
        method="mean, Student's t" if spread else None,
        unit="row",
        scale=price.currency,
        higher_is_better=False,
        notes=() if spread else ("no interval: every row cost the same",) if n > 1 else ("no interval: one row",),
    )
