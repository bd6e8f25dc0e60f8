"""Live progress of a run: what, rows done, rate, time left, cost so far, failures."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.evaluation.runner import Progress


class RunBar:
    """Draws on standard error when that is a terminal; else says each piece of work in a line."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._terminal = sys.stderr.isatty()
        self._quiet = quiet
        self._status: Any = None
        self._what = ""

    def __enter__(self) -> "RunBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, what: str) -> None:
        """Begin another piece of work."""
        from seatrial.app.output import clean

        self._what = clean(what)
        if self._quiet:
            return
        if self._terminal:
            self._drawn(self._what)
        else:
            print(f"seatrial: {self._what}", file=sys.stderr)

    def advance(self, now: "Progress") -> None:
        """Show how far the present piece of work is."""
        if self._quiet or not self._terminal:
            return
        from seatrial.records.numbers import format_count, format_value

        parts = [f"{format_count(now.done)} of {format_count(now.of)} rows"]
        if now.rate:
            parts.append(f"{format_value(now.rate)} rows/s")
        if now.seconds_left is not None:
            parts.append(f"{format_count(now.seconds_left)} s left")
        if now.cost:
            parts.append(f"cost {format_value(now.cost)}")
        if now.failures:
            parts.append(f"{format_count(now.failures)} failed")
        self._drawn(f"{self._what}: {', '.join(parts)}")

    def _drawn(self, text: str) -> None:
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True).status(text)
            self._status.start()
        from rich.text import Text

        self._status.update(Text(text))
