"""Group commit: one thread keeps whatever rows have finished since its last commit, so that a loop never blocks."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from seatrial.evaluation.runner.desk import Desk, Finished

_LINGER = 0.003
"""Seconds a first row waits for others to be kept with it."""
_GROUP = 64
"""Rows that are kept at once without waiting."""

T = TypeVar("T")


class Writer(Generic[T]):
    """Takes finished rows, each lot with a ticket; `durable(rows, tickets, error)` is called from the writer's thread
    once they are kept, or with the error that ended the writing."""

    def __init__(
        self, desk: Desk, *, durable: Callable[[Sequence[Finished], Sequence[T], BaseException | None], None]
    ) -> None:
        self._desk, self._durable = desk, durable
        self._wake = threading.Condition()
        self._rows: list[Finished] = []
        self._tickets: list[T] = []
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="row log", daemon=True)
        self._thread.start()

    def submit(self, rows: Sequence[Finished], ticket: T) -> None:
        """Hand over finished rows; returns at once."""
        with self._wake:
            first = not self._rows
            self._rows += rows
            self._tickets.append(ticket)
            if first or len(self._rows) >= _GROUP:
                self._wake.notify()

    def close(self) -> None:
        """Keep what is left, then end the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _taken(self) -> tuple[list[Finished], list[T]]:
        with self._wake:
            while not self._tickets and not self._closed:
                self._wake.wait()
            if not self._closed and len(self._rows) < _GROUP:
                self._wake.wait(_LINGER)
            rows, tickets = self._rows, self._tickets
            self._rows, self._tickets = [], []
        return rows, tickets

    def _work(self) -> None:
        while True:
            rows, tickets = self._taken()
            try:
                if not tickets:
                    self._desk.remember(all_of_it=True)
                    return
                self._desk.keep(rows)
                self._durable(rows, tickets, None)
                rows, tickets = [], []
                self._desk.remember()
            except BaseException as error:
                self._durable(rows, tickets, error)
                return
