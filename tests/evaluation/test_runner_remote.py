"""The runner on remote models: how many calls at once, group commit, retries, budgets, interruption, notebooks."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.evaluation.runner_models import MemoryCache, Remote, case_of, numbers, parity

from seatrial.errors import UsageError
from seatrial.evaluation.runner import run_rows
from seatrial.models.base import Answer, Limits, RowFailed, TryAgain
from seatrial.records.suite import Budgets, Case, Price
from seatrial.storage.row_log import Kept, MemoryRowLog, Place

QUICK = Limits(concurrency=8, retries=2, backoff=0.001)


class WatchedLog(MemoryRowLog):
    """Knows which threads appended, and how many rows at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.groups: list[int] = []

    def append(self, rows: Sequence[tuple[Place, Kept]]) -> None:
        self.threads.add(threading.get_ident())
        self.groups.append(len(rows))
        super().append(rows)


def test_every_row_is_asked_once_never_more_at_once_than_allowed() -> None:
    model, log = Remote(parity, seconds=0.002), WatchedLog()
    ran = run_rows(numbers(200), model, case=case_of(), log=log, concurrency=5)
    assert ran.status == "complete"
    assert set(model.asked.values()) == {1}
    assert len(model.asked) == 200
    assert model.most_at_once == 5
    assert [(one.row, one.answer.prediction) for one in ran.answers] == [(at, at % 2) for at in range(200)]
    assert not model.connected
    assert model.limits.concurrency == 8, "the caller's model is as it was"
    assert threading.get_ident() not in log.threads
    assert max(log.groups) > 1, "rows that finish together are kept together"


def test_never_more_answers_unkept_than_workers() -> None:
    most = 0

    class Slow(MemoryRowLog):
        def append(self, rows: Sequence[tuple[Place, Kept]]) -> None:
            threading.Event().wait(0.02)
            super().append(rows)

    log = Slow()

    def answer(x: int) -> Answer:
        nonlocal most
        most = max(most, sum(model.asked.values()) - len(log._rows))
        return parity(x)

    model = Remote(answer)
    run_rows(numbers(200), model, case=case_of(), log=log, concurrency=4)
    assert 4 <= most <= 2 * 4 + 1


def test_what_may_pass_is_tried_again_and_counted_as_retries() -> None:
    seen: set[int] = set()

    def answer(x: int) -> Answer:
        if x % 10 == 0 and x not in seen:
            seen.add(x)
            raise TryAgain("HTTP 500")
        return parity(x)

    ran = run_rows(numbers(100), Remote(answer), case=case_of(), log=MemoryRowLog(), price=Price(per_call=1.0))
    assert (ran.status, ran.calls, ran.retries, ran.cost) == ("complete", 110, 10, 100.0)


def test_on_resumption_only_failures_that_may_pass_are_asked_again() -> None:
    def answer(x: int) -> Answer:
        if x == 3:
            raise RowFailed("HTTP 400: too long")
        if x == 5:
            raise TryAgain("HTTP 503")
        return parity(x)

    log, price = MemoryRowLog(), Price(per_call=1.0)
    ran = run_rows(numbers(50), Remote(answer), case=case_of(), log=log, price=price, budgets=Budgets(failures=0.5))
    assert {one.reason: one.examples for one in ran.failures()} == {"HTTP 400: too long": ("r3",), "HTTP 503": ("r5",)}
    assert ran.cost == 48.0, "what was refused was not charged"
    model = Remote(parity)
    again = run_rows(numbers(50), model, case=case_of(), log=log, price=price, budgets=Budgets(failures=0.5))
    assert list(model.asked) == [5]
    assert [one.reason for one in again.failures()] == ["HTTP 400: too long"]
    assert again.cost == 49.0


def test_an_endpoint_that_refuses_everything_is_given_up_early() -> None:
    def answer(x: int) -> Answer:
        raise RowFailed("HTTP 401: no such key")

    model, log = Remote(answer), MemoryRowLog()
    ran = run_rows(numbers(100_000), model, case=case_of(), log=log)
    assert ran.status == "invalid"
    assert ran.reason is not None
    assert ran.reason.endswith("HTTP 401: no such key")
    assert sum(model.asked.values()) < 100
    assert log.kept() == {}


def test_the_cost_budget_is_overrun_by_no_more_than_the_calls_under_way() -> None:
    ran = run_rows(
        numbers(1000),
        Remote(parity, seconds=0.001),
        case=case_of(),
        log=MemoryRowLog(),
        price=Price(per_call=1.0),
        budgets=Budgets(cost=100),
        concurrency=8,
    )
    assert ran.status == "stopped"
    assert 100 <= ran.cost <= 108


def test_the_time_budget_stops_calls_that_never_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.evaluation.runner import remote

    monkeypatch.setattr(remote, "_GRACE", 0.1)
    model = Remote(parity)

    async def ask(row: Any) -> Answer:
        if row["x"] >= 20:
            await asyncio.sleep(3600)
        return parity(row["x"])

    model.ask = ask  # type: ignore[method-assign]
    log = MemoryRowLog()
    ran = run_rows(numbers(100), model, case=case_of(), log=log, budgets=Budgets(minutes=0.3 / 60))
    assert ran.status == "stopped"
    assert len(log.kept()) == 20
    assert ran.seconds < 2


def test_what_a_user_must_mend_passes_up_and_what_was_finished_is_kept() -> None:
    def answer(x: int) -> Answer:
        if x == 40:
            raise UsageError("the template names 'y', which is no input column")
        return parity(x)

    log, model = MemoryRowLog(), Remote(answer)
    with pytest.raises(UsageError, match="template"):
        run_rows(numbers(100), model, case=case_of(), log=log)
    assert len(log.kept()) >= 32
    assert not model.connected


def test_a_log_that_cannot_be_written_ends_the_run_with_its_error() -> None:
    class Full(MemoryRowLog):
        def append(self, rows: Sequence[tuple[Place, Kept]]) -> None:
            if self._rows:
                raise UsageError("there is no space left")
            super().append(rows)

    model = Remote(parity, seconds=0.002)
    with pytest.raises(UsageError, match="no space"):
        run_rows(numbers(1000), model, case=case_of(), log=Full())
    assert sum(model.asked.values()) < 100


@pytest.mark.parametrize("part", ["find", "remember"])
def test_a_cache_that_breaks_ends_the_run_with_its_error(part: str) -> None:
    class Broken(MemoryCache):
        def find(self, keys: Sequence[str]) -> dict[str, Any]:
            if part == "find":
                raise UsageError("the cache is gone")
            return super().find(keys)

        def remember(self, answers: Any) -> None:
            threading.Event().wait(0.05)  # every worker waits for a commit by now
            raise UsageError("the cache is gone")

    log = MemoryRowLog()
    with pytest.raises(UsageError, match="gone"):
        run_rows(numbers(5000), Remote(parity), case=case_of(), log=log, cache=Broken(), concurrency=4)
    assert (len(log.kept()) >= 256) == (part == "remember")


def test_a_loop_that_runs_already_is_no_hindrance() -> None:
    async def in_a_notebook() -> str:
        return run_rows(numbers(10), Remote(parity), case=case_of(), log=MemoryRowLog()).status

    assert asyncio.run(in_a_notebook()) == "complete"


def test_an_error_in_a_notebooks_loop_comes_out_too() -> None:
    def answer(x: int) -> Answer:
        raise UsageError("mend this")

    async def in_a_notebook() -> None:
        run_rows(numbers(10), Remote(answer), case=case_of(), log=MemoryRowLog())

    with pytest.raises(UsageError, match="mend this"):
        asyncio.run(in_a_notebook())


def test_the_cache_serves_remote_models_and_repeats_have_answers_of_their_own() -> None:
    cache = MemoryCache()
    first = Remote(parity)
    run_rows(numbers(700), first, case=case_of(), log=MemoryRowLog(), cache=cache)
    assert len(cache.answers) == 700
    model = Remote(parity)
    ran = run_rows(numbers(700), model, case=case_of(repeats=2), log=MemoryRowLog(), cache=cache)
    assert (ran.cached, ran.asked, ran.calls) == (700, 700, 700)
    assert set(model.asked.values()) == {1}


def test_the_model_is_asked_as_the_case_says() -> None:
    class Fitted(Remote):
        def for_case(self, case: Case) -> "Fitted":
            fitted = Fitted(lambda x: Answer(prediction=case.prompt), limits=self.limits)
            return fitted

    ran = run_rows(numbers(2), Fitted(parity), case=case_of(prompt="Is {x} odd?"), log=MemoryRowLog())
    assert [one.answer.prediction for one in ran.answers] == ["Is {x} odd?"] * 2


def test_columns_that_the_prompt_names_are_handed_over_and_no_others() -> None:
    rows: list[dict[str, Any]] = []

    class Seen(Remote):
        async def ask(self, row: Any) -> Answer:
            rows.append(dict(row))
            return parity(row["x"])

    data = numbers(1, hint=["even"], secret=["no"])
    run_rows(data, Seen(parity), case=case_of(prompt="{x}, {hint}, {{secret}}"), log=MemoryRowLog())
    assert rows == [{"x": 0, "hint": "even"}]


def test_waiting_is_not_service() -> None:
    seen: set[int] = set()

    def answer(x: int) -> Answer:
        if x not in seen:
            seen.add(x)
            raise TryAgain("HTTP 429", after=0.05)
        return parity(x)

    model = Remote(answer, limits=replace(QUICK, concurrency=2))
    ran = run_rows(numbers(4), model, case=case_of(), log=MemoryRowLog(), warm_up=0)
    for one in ran.answers:
        assert one.service_ms is not None
        assert one.queue_ms is not None
        assert one.service_ms < 40 < one.queue_ms


def test_the_first_calls_of_each_connection_are_not_timed() -> None:
    ran = run_rows(numbers(100), Remote(parity, seconds=0.001), case=case_of(), log=MemoryRowLog(), concurrency=6)
    found = ran.latency()
    assert found is not None
    assert (found.n, found.warm_up, found.concurrency, found.batch_size, found.per) == (94, 6, 6, 1, "row")
    assert found.p50.value is not None
    assert found.p50.value >= 1.0
    assert found.queue_p95 is not None
