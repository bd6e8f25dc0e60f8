"""One row asked of a remote model, again where that may help: retries, waits, limits; what it took, apart."""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from seatrial.errors import SeatrialError
from seatrial.models.base import Answer, Limits, RemoteModel, Row, RowFailed, TryAgain


class Draws(Protocol):
    """Where jitter comes from: `numpy.random.default_rng(seed)` or `random.Random(seed)`."""

    def random(self) -> float:
        """A number in [0, 1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What asking one row came to."""

    answer: Answer
    """With a `reason` where the row failed for good."""
    service_ms: float | None
    """From sending the last attempt to its answer; None where the row failed."""
    queue_ms: float
    """Everything before that: waiting for a place, for the pace, between attempts, and attempts that failed."""
    attempts: int
    may_pass: bool = False
    """True for a failure that another try, later, may mend."""


class Pacer:
    """Shared by all calls of one model inside one event loop: how often a call may start, and pauses for everyone."""

    def __init__(self, per_minute: float | None = None) -> None:
        self._interval = None if per_minute is None else 60.0 / per_minute
        self._next = 0.0
        self._until = 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody start for so many seconds from now."""
        self._until = max(self._until, time.monotonic() + seconds)

    async def turn(self) -> None:
        """Wait until a call may start."""
        if self._interval is None and not self._until:
            return
        while True:
            now = time.monotonic()
            if self._until > now:
                await asyncio.sleep(self._until - now)
                continue
            if self._interval is None:
                return
            start = max(self._next, now)
            self._next = start + self._interval
            if start > now:
                await asyncio.sleep(start - now)
            if self._until <= time.monotonic():
                return


async def asked(
    model: RemoteModel,
    row: Row,
    *,
    limits: Limits,
    rng: Draws,
    pacer: Pacer | None = None,
    ready: float | None = None,
) -> Outcome:
    """Ask one row until there is an answer, a failure for good, or no attempt left.

    An attempt ends after `limits.timeout`. Attempt k + 1 starts `backoff 2^(k-1) (1 + U)/2` seconds after attempt k
    failed, U from `rng`, or when the server said (`Retry-After`); a server that refuses everyone (429), or says when
    to come back, holds up all calls of the `pacer`. A wait above `limits.longest_wait` ends the row. `ready` is the
    `time.perf_counter()` at which the row could have started, for its time in the queue; by default now.

    Never raises for what a model did, only for what a user must fix (`SeatrialError`) and for being cancelled.
    """
    began = time.perf_counter() if ready is None else ready
    attempt = 0
    while True:
        if pacer is not None:
            await pacer.turn()
        attempt += 1
        sent = time.perf_counter()
        try:
            async with asyncio.timeout(limits.timeout):
                answer = await model.ask(row)
        except TryAgain as again:
            reason, after, everyone = again.reason, again.after, again.everyone
        except RowFailed as failed:
            return _failed(failed.reason, began, attempt)
        except TimeoutError:
            reason, after, everyone = "no answer in time", None, False
        except SeatrialError:
            raise
        except Exception as error:
            return _failed(f"{type(error).__name__} in the model", began, attempt)
        else:
            done = time.perf_counter()
            return Outcome(
                answer=answer,
                service_ms=None if answer.reason is not None else (done - sent) * 1e3,
                queue_ms=max(0.0, sent - began) * 1e3,
                attempts=attempt,
            )
        if attempt > limits.retries:
            return _failed(reason, began, attempt, may_pass=True)
        wait = limits.backoff * 2.0 ** (attempt - 1) * (1 + rng.random()) / 2
        if after is None:
            wait = min(wait, limits.longest_wait)
        elif after > limits.longest_wait:
            waits = f"{reason}; the server asks to wait longer than {limits.longest_wait:g} s"
            return _failed(waits, began, attempt, may_pass=True)
        else:
            # a little later than asked, so that calls held up together do not all come back together
            wait = after + min(wait, limits.backoff) * rng.random()
        if pacer is not None and (everyone or after is not None):
            pacer.pause(after if after is not None else wait)
        await asyncio.sleep(wait)


def _failed(reason: str, began: float, attempts: int, *, may_pass: bool = False) -> Outcome:
    return Outcome(
        answer=Answer(reason=reason),
        service_ms=None,
        queue_ms=(time.perf_counter() - began) * 1e3,
        attempts=attempts,
        may_pass=may_pass,
    )
