"""Sending open-loop: every request at the moment it is due, whatever became of those before it."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import SeatrialError
from seatrial.models.base import LocalModel, Model, ModelError, RemoteModel, RowFailed, TryAgain

Floats = NDArray[np.float64]
Ask = Callable[[int], Awaitable[str | None]]
"""One request by its number: None, or why it has no answer."""
SPARE_FILES = 64
_MOST = 20_000
_YIELD = 16


class Told(Protocol):
    """Where progress goes."""

    def __call__(self, what: str, done: int, of: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of n requests, in the order in which they were due; seconds from the start of the replay, (n,)."""

    due: Floats
    sent: Floats
    """NaN where it was never sent."""
    ended: Floats
    """When its answer, or its failure, came; NaN where it was never sent."""
    reasons: tuple[str | None, ...]
    """None where it was answered."""
    most_at_once: int


async def replay(
    ask: Ask, due: Floats, *, most: int = _MOST, progress: Told | None = None, what: str = "requests"
) -> Sent:
    """Send every request when it is due; return when the last one has ended.

    Nothing here waits for an answer before the next request is sent, so that a slow answer does not thin out the load
    that it is measured under. A request that is due while `most` are under way is not sent, and says so.
    """
    n = len(due)
    sent, ended = np.full(n, np.nan), np.full(n, np.nan)
    reasons: list[str | None] = [None] * n
    tasks: set[asyncio.Task[None]] = set()
    broken: list[BaseException] = []
    most_at_once = 0
    clock = time.perf_counter
    start = clock()

    async def one(number: int) -> None:
        sent[number] = clock() - start
        reasons[number] = await ask(number)
        ended[number] = clock() - start

    def over(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            broken.append(error)

    try:
        for number, moment in enumerate(due.tolist()):
            wait = moment - (clock() - start)
            if wait > 0:
                await asyncio.sleep(wait)
            elif number % _YIELD == 0:
                await asyncio.sleep(0)
            if broken:
                raise broken[0]
            if len(tasks) >= most:
                reasons[number] = f"not sent: {most:,} requests were under way"
                continue
            task = asyncio.create_task(one(number))
            tasks.add(task)
            task.add_done_callback(over)
            most_at_once = max(most_at_once, len(tasks))
            if progress is not None and number % 64 == 0:
                progress(what, number, n)
        while tasks:
            await asyncio.wait(tasks)
        if broken:
            raise broken[0]
    finally:
        for task in tasks:
            task.cancel()
    if progress is not None:
        progress(what, n, n)
    return Sent(due=due, sent=sent, ended=ended, reasons=tuple(reasons), most_at_once=most_at_once)


class Asking:
    """Asks a model one row at a time, a remote one many at once, a local one by a single worker."""

    def __init__(self, model: Model, rows: Sequence[Mapping[str, Any]], *, timeout: float) -> None:
        self._model, self._rows, self._timeout = model, rows, timeout
        self._pool: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> "Asking":
        if isinstance(self._model, RemoteModel):
            await self._model.connect()
        elif isinstance(self._model, LocalModel):
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        else:
            raise ModelError(f"A load can be put on a remote or a local model, not on a {type(self._model).__name__}.")
        return self

    async def __aexit__(self, *_: object) -> None:
        if isinstance(self._model, RemoteModel):
            await self._model.disconnect()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    async def row(self, at: int) -> str | None:
        """Ask about one row, once: None, or why there is no answer."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._asked(self._rows[at % len(self._rows)])
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except (TryAgain, RowFailed) as failed:
            return failed.reason
        except SeatrialError:
            raise
        except Exception as error:
            return f"{type(error).__name__} in the model"

    async def _asked(self, row: Mapping[str, Any]) -> str | None:
        if isinstance(self._model, RemoteModel):
            return (await self._model.ask(row)).reason
        batch = {name: [value] for name, value in row.items()}
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._pool, self._model.predict, batch)  # type: ignore[attr-defined]
        return answers[0].reason if len(answers) == 1 else f"{len(answers)} answers for one row"


def most_under_way(model: Model) -> int:
    """How many requests this process can have under way: each needs a connection, which is an open file."""
    if not isinstance(model, RemoteModel):
        return _MOST
    try:
        import resource

        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except (ImportError, OSError, ValueError):
        return 400
    return _MOST if soft < 0 or math.isinf(soft) else max(16, min(_MOST, soft - SPARE_FILES))
