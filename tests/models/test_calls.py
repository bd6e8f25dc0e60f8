"""One row asked again where that may help: what is retried, how long is waited, what is counted."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest

from seatrial.errors import UsageError
from seatrial.models.base import Answer, Limits, RemoteModel, Row, RowFailed, TryAgain
from seatrial.models.calls import Outcome, Pacer, asked
from seatrial.records.run import ModelInfo


class Scripted(RemoteModel):
    """Does what a list says, one entry a call."""

    adapter: ClassVar[str] = "scripted"
    name = "scripted"

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.asked_at: list[float] = []

    def info(self) -> ModelInfo:
        return ModelInfo(name=self.name, adapter=self.adapter, location="here", fingerprint="0" * 64)

    async def ask(self, row: Row) -> Answer:
        self.asked_at.append(time.perf_counter())
        what = self.script.pop(0) if self.script else "yes"
        if isinstance(what, BaseException):
            raise what
        if isinstance(what, float):
            await asyncio.sleep(what)
            return Answer(prediction="slow")
        return Answer(prediction=what)


QUICK = Limits(backoff=0.02, retries=3, timeout=0.2, longest_wait=0.3)


def go(model: RemoteModel, *, limits: Limits = QUICK, pacer: Pacer | None = None) -> Outcome:
    return asyncio.run(asked(model, {"x": 1}, limits=limits, rng=random.Random(0), pacer=pacer))


def test_an_answer_at_once_is_one_attempt_without_waiting() -> None:
    found = go(Scripted("yes"))
    assert (found.answer.prediction, found.attempts) == ("yes", 1)
    assert found.service_ms is not None
    assert found.queue_ms < 20


def test_what_may_pass_is_tried_again_and_the_waits_are_queue_time() -> None:
    model = Scripted(TryAgain("HTTP 500"), TryAgain("HTTP 503"), 0.05)
    found = go(model)
    assert (found.answer.prediction, found.attempts) == ("slow", 3)
    assert found.service_ms is not None
    assert 45 <= found.service_ms < 200, "the last attempt alone"
    assert found.queue_ms >= 0.5 * (20 + 40), "both waits, at least half of each with jitter"
    first, second = model.asked_at[1] - model.asked_at[0], model.asked_at[2] - model.asked_at[1]
    assert first >= 0.01
    assert second >= 0.02


def test_a_row_without_an_answer_after_all_attempts_has_the_last_reason() -> None:
    found = go(Scripted(*[TryAgain(f"HTTP 50{at}") for at in range(9)]))
    assert found.answer == Answer(reason="HTTP 503")
    assert (found.attempts, found.service_ms) == (4, None)


def test_what_will_not_pass_is_not_tried_again() -> None:
    model = Scripted(RowFailed("HTTP 400: too long"))
    found = go(model)
    assert (found.answer.reason, found.attempts, len(model.asked_at)) == ("HTTP 400: too long", 1, 1)


def test_a_stall_ends_at_the_timeout_and_is_tried_again() -> None:
    found = go(Scripted(30.0, "yes"))
    assert (found.answer.prediction, found.attempts) == ("yes", 2)
    assert found.queue_ms >= 200


def test_a_bug_in_the_model_is_a_missing_row_and_a_mistake_of_the_user_is_not() -> None:
    assert go(Scripted(ZeroDivisionError("secret"))).answer.reason == "ZeroDivisionError in the model"
    with pytest.raises(UsageError):
        go(Scripted(UsageError("no prompt")))


def test_a_retry_after_is_waited_for() -> None:
    model = Scripted(TryAgain("HTTP 429", after=0.15))
    found = go(model)
    assert found.attempts == 2
    assert model.asked_at[1] - model.asked_at[0] >= 0.15


def test_a_wait_longer_than_allowed_ends_the_row_in_words() -> None:
    found = go(Scripted(TryAgain("HTTP 429", after=3600)))
    assert found.answer.reason == "HTTP 429; the server asks to wait longer than 0.3 s"
    assert found.attempts == 1


async def _all(*calls: Awaitable[Outcome]) -> list[Outcome]:
    return list(await asyncio.gather(*calls))


@pytest.mark.parametrize("again", [lambda: TryAgain("HTTP 429", after=0.2), lambda: TryAgain("HTTP 503", after=0.2)])
def test_a_server_that_says_when_to_come_back_holds_up_everyone(again: Callable[[], TryAgain]) -> None:
    refused, other = Scripted(again(), "yes"), Scripted("yes")

    async def both() -> tuple[float, float]:
        pacer, rng = Pacer(), random.Random(0)
        first = asyncio.create_task(asked(refused, {}, limits=QUICK, rng=rng, pacer=pacer))
        await asyncio.sleep(0.02)
        start = time.perf_counter()
        outcome = await asked(other, {}, limits=QUICK, rng=rng, pacer=pacer)
        assert outcome.queue_ms >= 150, "the other call waited too"
        await first
        return start, other.asked_at[0]

    start, when = asyncio.run(both())
    assert when - start >= 0.15


def test_a_429_that_says_nothing_holds_up_everyone_for_the_backoff() -> None:
    async def paused() -> float:
        pacer, rng = Pacer(), random.Random(0)
        limits = Limits(backoff=0.2, retries=1)
        task = asyncio.create_task(
            asked(Scripted(TryAgain("HTTP 429", everyone=True)), {}, limits=limits, rng=rng, pacer=pacer)
        )
        await asyncio.sleep(0.01)
        outcome = await asked(Scripted("yes"), {}, limits=limits, rng=rng, pacer=pacer)
        await task
        return outcome.queue_ms

    assert asyncio.run(paused()) >= 80


def test_the_pace_is_kept_over_all_calls() -> None:
    model = Scripted(*["yes"] * 6)

    async def six() -> list[Outcome]:
        pacer, rng = Pacer(per_minute=1200), random.Random(0)  # one in 50 ms
        return await _all(*(asked(model, {}, limits=QUICK, rng=rng, pacer=pacer) for _ in range(6)))

    found = asyncio.run(six())
    gaps = [b - a for a, b in zip(model.asked_at, model.asked_at[1:], strict=False)]
    assert model.asked_at[-1] - model.asked_at[0] >= 5 * 0.05 - 0.01
    assert max(gaps) < 0.2
    assert max(one.queue_ms for one in found) >= 240, "waiting for the pace is queue time"


def test_the_jitter_is_of_the_seed() -> None:
    def waited(seed: int) -> list[float]:
        rng = random.Random(seed)
        draws: list[float] = []

        class Noted:
            def random(self) -> float:
                draws.append(rng.random())
                return draws[-1]

        asyncio.run(
            asked(Scripted(TryAgain("x"), TryAgain("x")), {}, limits=Limits(backoff=0.001), rng=Noted(), pacer=None)
        )
        return draws

    assert waited(1) == waited(1) != waited(2)


def test_being_cancelled_passes_through() -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(asked(Scripted(30.0), {}, limits=Limits(), rng=random.Random(0)))
        await asyncio.sleep(0.02)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
