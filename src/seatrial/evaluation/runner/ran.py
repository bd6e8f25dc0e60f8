"""`RanRows`: every answered row of one piece of work, and what is read off it: failures, latency, cost, the table."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from seatrial.data.dataset import LoadedDataset
from seatrial.evaluation.runner.table import table
from seatrial.evaluation.runner.timing import cost_record, latency
from seatrial.models.base import Answered
from seatrial.records.run import Cost, Failures, Latency
from seatrial.records.suite import Case, Price
from seatrial.storage.row_log import Place

Status = Literal["complete", "stopped", "invalid"]
_MOST_REASONS = 20
_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class RanRows:
    """What came back."""

    answers: tuple[Answered, ...]
    """Ordered by (repeat, row); rows without an answer hold their reason."""
    places: tuple[Place, ...] = field(repr=False)
    """Every (row, repeat) that was wanted."""
    ids: tuple[str, ...] = field(repr=False)
    status: Status
    reason: str | None
    seconds: float
    """Of this session."""
    resumed: int
    """Rows that were found answered from before."""
    cached: int
    asked: int
    """Rows asked in this session."""
    model: str
    device: str
    batch_size: int
    concurrency: int
    remote: bool
    warm_up: int
    price: Price | None = None

    @cached_property
    def calls(self) -> int:
        """Attempts of all sessions; rows from the cache made none."""
        return sum(one.attempts for one in self.answers)

    @cached_property
    def retries(self) -> int:
        """Attempts after a row's first."""
        return sum(one.attempts - 1 for one in self.answers if one.attempts > 1)

    @cached_property
    def cost(self) -> float:
        """Of all sessions, by the price given; 0 without one."""
        return math.fsum(one.cost for one in self.answers if one.cost is not None)

    def failures(self) -> tuple[Failures, ...]:
        """Rows without an answer by reason, the most frequent first; from the 20th on they are counted together."""
        examples: dict[str, list[str]] = {}
        counts: Counter[str] = Counter()
        for one in self.answers:
            if one.answer.reason is not None:
                counts[one.answer.reason] += 1
                some = examples.setdefault(one.answer.reason, [])
                if len(some) < _EXAMPLES:
                    some.append(self.ids[one.row])
        ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
        shown = ordered if len(ordered) <= _MOST_REASONS else ordered[: _MOST_REASONS - 1]
        found = [Failures(reason=r, count=counts[r], examples=tuple(examples[r])) for r in shown]
        rest = ordered[len(shown) :]
        if rest:
            some = [examples[reason][0] for reason in rest[:_EXAMPLES]]
            found.append(
                Failures(reason=f"{len(rest)} other reasons", count=sum(counts[r] for r in rest), examples=tuple(some))
            )
        return tuple(found)

    def latency(self, level: float = 0.95) -> Latency | None:
        """How long answers took, None where no row was timed (all from the cache, or all warm-up)."""
        return latency(
            self.answers,
            model=self.model,
            device=self.device,
            batch_size=self.batch_size,
            concurrency=self.concurrency,
            warm_up=self.warm_up,
            remote=self.remote,
            seconds=self.seconds,
            asked=self.asked,
            level=level,
        )

    def cost_record(self, level: float = 0.95) -> Cost | None:
        """What the rows cost, None without prices."""
        if self.price is None:
            return None
        return cost_record(self.answers, model=self.model, price=self.price, level=level)

    def columns(self, dataset: LoadedDataset, *, case: Case) -> dict[str, Sequence[Any]]:
        """The table of rows to store, one list a column; rows never asked are in it with that reason."""
        return table(self.answers, self.places, dataset, case=case, not_asked=f"not asked: {self.reason}")
