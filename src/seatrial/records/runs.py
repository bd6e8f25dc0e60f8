"""`RunList`: the runs of a store, as a list."""

from typing import Literal

from seatrial.records.base import Record
from seatrial.records.results import Estimate


class ListedRun(Record):
    """One run in a line."""

    run: str
    when: str
    suite: str
    suite_version: str
    model: str
    adapter: str
    status: Literal["complete", "stopped", "invalid"]
    cases: int
    rows: int
    failed: int
    case: str
    """The first case, whose main metric is shown."""
    main: Estimate | None = None
    tags: tuple[str, ...] = ()


class RunList(Record):
    """The runs of a store, newest first."""

    seatrial: str
    suite: str | None = None
    """Only of this suite."""
    model: str | None = None
    runs: tuple[ListedRun, ...]
