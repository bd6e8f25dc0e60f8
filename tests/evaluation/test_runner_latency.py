"""Latency of a run: quantiles against NumPy and the binomial distribution, batches as what they are."""

import numpy as np
import pytest
from scipy import stats

from seatrial.evaluation.runner.timing import latency
from seatrial.models.base import Answer, Answered
from seatrial.records.run import Latency


def _rows(times: np.ndarray, *, batch: int = 1, **more: object) -> list[Answered]:
    return [
        Answered(row=at, answer=Answer(prediction=1), service_ms=float(time), batch=batch, **more)  # type: ignore[arg-type]
        for at, time in enumerate(times)
    ]


def _latency(rows: list[Answered], *, batch_size: int = 1, level: float = 0.95) -> Latency | None:
    return latency(
        rows,
        model="m",
        device="cpu",
        batch_size=batch_size,
        concurrency=1,
        warm_up=1,
        remote=False,
        seconds=2.0,
        asked=len(rows),
        level=level,
    )


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_quantiles_are_numpys_and_their_limits_order_statistics_of_the_binomial(level: float) -> None:
    times = np.random.default_rng(1).lognormal(3, 0.7, 1500)
    found = _latency(_rows(times), level=level)
    assert found is not None
    ordered, tail = np.sort(times), (1 - level) / 2
    for estimate, q in ((found.p50, 0.5), (found.p95, 0.95), (found.p99, 0.99)):
        assert estimate.value == pytest.approx(np.quantile(times, q))
        # the largest l with P(Bin < l) <= tail, the smallest u with P(Bin >= u) <= tail, by enumeration
        ranks = np.arange(0, 1502)
        low = ranks[stats.binom.cdf(ranks - 1, 1500, q) <= tail].max()
        high = ranks[stats.binom.sf(ranks - 1, 1500, q) <= tail].min()
        assert (estimate.low, estimate.high) == (ordered[low - 1], ordered[high - 1])
        assert (estimate.n, estimate.scale, estimate.higher_is_better, estimate.unit) == (1500, "ms", False, "row")
    assert found.rows_per_second == 750.0


def test_too_few_rows_have_a_reason_in_place_of_a_value() -> None:
    found = _latency(_rows(np.arange(100.0)))
    assert found is not None
    assert found.p50.value is not None
    assert found.p99.value is None
    assert found.p99.reason is not None
    assert "381" in found.p99.reason


def test_equal_times_have_a_value_and_no_interval() -> None:
    found = _latency(_rows(np.full(50, 4.0)))
    assert found is not None
    assert (found.p50.value, found.p50.low, found.p50.high) == (4.0, None, None)
    assert "no interval" in found.p50.notes[0]


def test_a_batch_is_one_observation_and_the_ragged_one_is_left_out() -> None:
    each = np.random.default_rng(2).lognormal(0, 1, 40)
    rows = _rows(np.repeat(each, 8), batch=8) + _rows(np.full(3, 1e6), batch=3)
    found = _latency(rows, batch_size=8)
    assert found is not None
    assert (found.per, found.n, found.p50.n, found.p50.unit) == ("batch / rows", 320, 40, "batch")
    assert found.p50.value == pytest.approx(np.quantile(each, 0.5))


def test_batches_that_took_exactly_as_long_are_still_two() -> None:
    rows = _rows(np.repeat([2.0, 2.0, 3.0], 4), batch=4)
    found = _latency(rows, batch_size=4)
    assert found is not None
    assert found.p50.n == 3


def test_warm_up_cached_and_failed_rows_are_not_timed() -> None:
    slow = 1e6
    rows = [
        *_rows(np.arange(1.0, 51.0)),
        Answered(row=50, answer=Answer(prediction=1), service_ms=slow, warm_up=True),
        Answered(row=51, answer=Answer(prediction=1), service_ms=slow, cached=True),
        Answered(row=52, answer=Answer(reason="no"), service_ms=slow),
    ]
    found = _latency(rows)
    assert found is not None
    assert (found.n, found.warm_up, found.p50.missing, found.p50.value) == (50, 1, 1, 25.5)


def test_nothing_timed_is_no_latency() -> None:
    assert _latency([Answered(row=0, answer=Answer(prediction=1), cached=True)]) is None
    assert _latency([]) is None
