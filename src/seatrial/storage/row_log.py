"""Where answered rows go while a run is under way: what was appended outlives a kill and is never asked again."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Kept = Mapping[str, Any]
"""One answered row as JSON values."""
Place = tuple[int, int]
"""(row, repeat)."""


class RowLog(Protocol):
    """Answered rows of one piece of work, named by the digest of what is asked."""

    def kept(self) -> dict[Place, Kept]:
        """Rows that were appended before, by place."""

    def append(self, rows: Sequence[tuple[Place, Kept]]) -> None:
        """Keep some rows; durable when it returns. A place that is already there stays as it is."""


class AnswerCache(Protocol):
    """Answers by the digest of model, input and parameters, across runs."""

    def find(self, keys: Sequence[str]) -> dict[str, Kept]:
        """Those of `keys` that are known."""

    def remember(self, answers: Mapping[str, Kept]) -> None:
        """Keep answers; an answer that is already there stays."""


class MemoryRowLog:
    """A row log that lasts as long as the process: for tests, and for runs nobody wants to keep."""

    def __init__(self) -> None:
        self._rows: dict[Place, Kept] = {}

    def kept(self) -> dict[Place, Kept]:
        return dict(self._rows)

    def append(self, rows: Sequence[tuple[Place, Kept]]) -> None:
        for place, row in rows:
            self._rows.setdefault(place, row)
