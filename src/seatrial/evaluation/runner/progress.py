"""How far a run is: counted only from rows that are durable."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Rows done of all rows, how fast, how long still, what it cost and what failed."""

    done: int
    """Rows kept, those found from before included."""
    of: int
    rate: float | None
    """Rows a second of this session; None before the first."""
    seconds_left: float | None
    cost: float
    failures: int
    resumed: int
    cached: int


RunProgress = Callable[[Progress], None]
"""Told a few times a second at most, and once at the end."""
