"""The running count of a run: what is done, what it cost, whether a budget says stop, and when progress is told."""

import time
from collections import Counter
from collections.abc import Iterable

from seatrial.evaluation.runner.progress import Progress, RunProgress
from seatrial.models.base import Answered
from seatrial.records.suite import Budgets

FIRST_ROWS = 32
"""A model that failed on so many rows and answered none is not asked about the others."""
_PROGRESS_EVERY = 0.2


class Tally:
    """Counts rows once they are durable."""

    def __init__(
        self,
        *,
        of: int,
        budgets: Budgets,
        started_cost: float,
        started_seconds: float,
        currency: str,
        progress: RunProgress | None,
    ) -> None:
        self._of, self._budgets, self._progress = of, budgets, progress
        self._started_cost, self._currency = started_cost, currency
        self._began = time.monotonic()
        self._told = 0.0
        self.deadline = None if budgets.minutes is None else self._began + budgets.minutes * 60 - started_seconds
        self.answered: list[Answered] = []
        self.failures = self.resumed = self.cached = 0
        self.cost = 0.0
        self._unkept_cost = 0.0
        self._reasons: Counter[str] = Counter()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def asked(self) -> int:
        """Rows asked in this session."""
        return sum(not one.cached for one in self.answered[self.resumed :])

    def found(self, rows: list[Answered]) -> None:
        """Rows kept by an earlier session."""
        self.resumed = len(rows)
        self._count(rows)
        self._tell()

    def spent(self, rows: Iterable[Answered]) -> None:
        """What rows cost that are answered but not kept yet: the cost budget sees it at once."""
        self._unkept_cost += sum(one.cost or 0.0 for one in rows)

    def add(self, rows: list[Answered]) -> None:
        """Rows that were just kept."""
        self._unkept_cost = max(0.0, self._unkept_cost - sum(one.cost or 0.0 for one in rows))
        self._count(rows)
        if self._progress is not None and time.monotonic() - self._told >= _PROGRESS_EVERY:
            self._tell()

    def ended(self) -> None:
        """Tell the last progress."""
        self._tell()

    def stop(self) -> str | None:
        """Why no further row may be asked, None while it may."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return f"the time budget of {self._budgets.minutes:g} minutes is used up"
        spent = self._started_cost + self.cost + self._unkept_cost
        if self._budgets.cost is not None and spent >= self._budgets.cost:
            return f"the cost budget of {self._budgets.cost:g} {self._currency} is used up"
        return None

    def hopeless(self) -> str | None:
        """Why the model is not worth another question: nothing but failures so far."""
        if self.failures < FIRST_ROWS or self.failures < len(self.answered):
            return None
        return f"the model answered none of the first {self.failures} rows, most often: {self.most_often()}"

    def most_often(self) -> str:
        """The most frequent reason of a failure."""
        return self._reasons.most_common(1)[0][0] if self._reasons else "no failure"

    def nothing_but_failures(self, unkept: list[Answered]) -> bool:
        """Whether these rows, with all before them, are enough failures and no answer."""
        if self.failures < len(self.answered) or self.failures + len(unkept) < FIRST_ROWS:
            return False
        return all(one.answer.reason is not None for one in unkept)

    def _count(self, rows: list[Answered]) -> None:
        self.answered += rows
        for one in rows:
            if one.cost is not None:
                self.cost += one.cost
            if one.cached:
                self.cached += 1
            if one.answer.reason is not None:
                self.failures += 1
                self._reasons[one.answer.reason] += 1

    def _tell(self) -> None:
        if self._progress is None:
            return
        self._told = time.monotonic()
        done = len(self.answered)
        new, seconds = done - self.resumed, self.seconds
        rate = new / seconds if new and seconds > 0 else None
        left = (self._of - done) / rate if rate else None
        self._progress(
            Progress(
                done=done,
                of=self._of,
                rate=rate,
                seconds_left=left,
                cost=self._started_cost + self.cost,
                failures=self.failures,
                resumed=self.resumed,
                cached=self.cached,
            )
        )
