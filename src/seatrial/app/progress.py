"""Progress on a terminal, with the time left, for work that takes over a second."""

import sys
import time
from types import TracebackType
from typing import Any


class ProgressBar:
    """Called as `bar(what, done, of)`; draws on standard error when that is a terminal, and only after a second."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._shown = sys.stderr.isatty() and not quiet
        self._began = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what: str, done: int, of: int) -> None:
        if not self._shown or (self._bar is None and time.monotonic() - self._began < 1.0):
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(what, total=of)
            self._bar.start()
        self._bar.update(self._task, description=what, completed=done, total=of)
