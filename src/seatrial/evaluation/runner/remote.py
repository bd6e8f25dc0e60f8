"""A model behind a network: many calls at once in one event loop, never more answers unkept than workers."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seatrial.evaluation.runner.asking import Questions
from seatrial.evaluation.runner.desk import Asked, Desk, Finished
from seatrial.evaluation.runner.writer import Writer
from seatrial.models.base import RemoteModel
from seatrial.storage.row_log import Place

_AHEAD = 256
"""Places that wait to be asked while the next ones are looked up in the cache."""
_GRACE = 5.0
"""Seconds that calls under way may still take once a budget is used up."""


def ask_remote(
    model: RemoteModel, places: Sequence[Place], *, questions: Questions, desk: Desk, concurrency: int, seed: int
) -> str | None:
    """Ask every place; return why the run stopped early, None when it did not."""
    asking = _Asking(model, places, questions=questions, desk=desk, concurrency=concurrency, seed=seed)
    return _in_a_loop(asking.run)


def _in_a_loop(work: Callable[[], Coroutine[Any, Any, str | None]]) -> str | None:
    """Run in a loop of its own; in a thread where this one has a loop already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    found: list[str | None] = []
    errors: list[BaseException] = []

    def go() -> None:
        try:
            found.append(asyncio.run(work()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=go, name="remote model")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]


class _Asking:
    def __init__(
        self,
        model: RemoteModel,
        places: Sequence[Place],
        *,
        questions: Questions,
        desk: Desk,
        concurrency: int,
        seed: int,
    ) -> None:
        self._model, self._questions, self._desk, self._seed = model, questions, desk, seed
        self._limits = replace(model.limits, concurrency=concurrency)
        self._workers = min(concurrency, max(len(places), 1))
        self._lookups = desk.looked_up(places)
        self._ready: deque[Asked] = deque()
        self._looking: asyncio.Task[None] | None = None
        self._exhausted = False
        self._calls = 0
        self._reason: str | None = None
        self._broken: BaseException | None = None
        self._unkept = 0

    async def run(self) -> str | None:
        """Connect, ask, and keep what has finished, however it ends."""
        from seatrial.models.calls import Pacer

        self._loop = asyncio.get_running_loop()
        self._stuck: asyncio.Future[None] = self._loop.create_future()
        self._rng = np.random.default_rng(self._seed)
        self._pacer = Pacer(self._limits.per_minute)
        usual, self._model.limits = self._model.limits, self._limits
        try:
            await self._model.connect()
            self._writer = Writer[asyncio.Future[None]](self._desk, durable=self._tell)
            try:
                await self._ask_all()
            finally:
                await asyncio.to_thread(self._writer.close)
        finally:
            await self._model.disconnect()
            self._model.limits = usual
        if self._broken is not None:
            raise self._broken
        return self._reason

    async def _ask_all(self) -> None:
        tasks = [asyncio.create_task(self._ask_one_after_another()) for _ in range(self._workers)]
        try:
            await self._ended(set(tasks))
        finally:
            every = [*tasks, self._looking] if self._looking is not None else tasks
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)

    async def _ended(self, waiting: set[asyncio.Task[None]]) -> None:
        """Wait for all, or for those under way a little longer once there is a reason to stop."""
        until: float | None = None
        while waiting and self._broken is None:
            if until is None and self._reason is not None:
                until = time.monotonic() + _GRACE
            ends = until if until is not None else self._desk.tally.deadline
            timeout = None if ends is None else max(0.0, ends - time.monotonic())
            some = {*waiting, self._stuck}
            done, _ = await asyncio.wait(some, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting & done:
                task.result()
            waiting -= done
            if until is not None and time.monotonic() >= until:
                return
            self._reason = self._reason or self._desk.tally.stop()

    async def _ask_one_after_another(self) -> None:
        """Ask a row, hand its answer to the writer, ask the next; wait where as many answers as workers are unkept."""
        from seatrial.models.calls import asked

        while self._broken is None:
            self._reason = self._reason or self._desk.tally.hopeless() or self._desk.tally.stop()
            following = None if self._reason is not None else await self._next()
            if following is None:
                return
            place, key = following
            warm_up = self._calls < self._desk.warm_up
            self._calls += 1
            outcome = await asked(
                self._model, self._questions.row(place[0]), limits=self._limits, rng=self._rng, pacer=self._pacer
            )
            row = self._desk.priced(
                place,
                self._questions.read(outcome.answer),
                service_ms=outcome.service_ms,
                queue_ms=outcome.queue_ms,
                attempts=outcome.attempts,
                warm_up=warm_up,
            )
            await self._hand_over([Finished(row=row, may_pass=outcome.may_pass, key=key)])

    async def _next(self) -> Asked | None:
        """The next place to ask; what the cache knows of those after it is looked up meanwhile."""
        while True:
            if self._looking is None and not self._exhausted and len(self._ready) <= _AHEAD:
                self._looking = self._loop.create_task(self._look_ahead())
            if self._ready:
                return self._ready.popleft()
            if self._looking is None or self._broken is not None:
                return None
            # shielded, since one worker that is cancelled must not take it from the others
            await asyncio.shield(self._looking)

    async def _look_ahead(self) -> None:
        try:
            looked = await asyncio.to_thread(next, self._lookups, None)
            if looked is None:
                self._exhausted = True
                return
            found, ask = looked
            self._ready += ask
            if found:
                await self._hand_over(found)
        except Exception as error:
            self._break(error)
        finally:
            self._looking = None

    async def _hand_over(self, rows: list[Finished]) -> None:
        """Give rows to the writer; wait for their commit only where too many are not durable yet."""
        kept: asyncio.Future[None] = self._loop.create_future()
        self._unkept += len(rows)
        self._desk.tally.spent(one.row for one in rows)
        self._writer.submit(rows, kept)
        if self._unkept > self._workers:
            await kept

    def _tell(
        self, rows: Sequence[Finished], waiting: Sequence[asyncio.Future[None]], error: BaseException | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._told, rows, waiting, error)

    def _told(
        self, rows: Sequence[Finished], waiting: Sequence[asyncio.Future[None]], error: BaseException | None
    ) -> None:
        self._unkept -= len(rows)
        if error is None:
            self._desk.count(rows)
        else:
            self._break(error)
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def _break(self, error: BaseException) -> None:
        """End the run with this error, whatever the workers wait for."""
        self._broken = self._broken or error
        if not self._stuck.done():
            self._stuck.set_result(None)
