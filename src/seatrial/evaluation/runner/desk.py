"""Where answers of a run meet: looked up in the cache, priced, kept in the log, remembered, counted; in that order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seatrial.evaluation.runner.asking import Questions
from seatrial.evaluation.runner.costs import cost_of
from seatrial.evaluation.runner.keeping import answer_from, kept, kept_answer
from seatrial.evaluation.runner.tally import Tally
from seatrial.models.base import Answer, Answered
from seatrial.records.suite import Price
from seatrial.storage.row_log import AnswerCache, Kept, Place, RowLog

Asked = tuple[Place, str | None]
"""A place to ask, and its key in the cache."""
_LOOKED_UP_TOGETHER = 512
_REMEMBERED_TOGETHER = 256


@dataclass(frozen=True, kw_only=True)
class Finished:
    """An answered row on its way into the log."""

    row: Answered
    may_pass: bool = False
    """A failure that another try may mend: it is counted but not kept, so a resumed run asks again."""
    key: str | None = None
    """Its key in the cache, None where it is not to be remembered."""


class Desk:
    """Keeps finished rows, durable before they are counted. `keep` is called from one thread at a time."""

    def __init__(
        self,
        *,
        log: RowLog,
        cache: AnswerCache | None,
        questions: Questions,
        tally: Tally,
        price: Price | None,
        warm_up: int,
    ) -> None:
        self._log, self._cache, self._questions, self._price = log, cache, questions, price
        self.tally, self.warm_up = tally, warm_up
        self._held: list[Finished] = []
        self._to_remember: dict[str, Kept] = {}
        self._any_answer = any(one.answer.reason is None for one in tally.answered)

    def looked_up(self, places: Sequence[Place]) -> Iterator[tuple[list[Finished], list[Asked]]]:
        """For some places at a time: the rows found in the cache, and the places to ask with their keys."""
        for start in range(0, len(places), _LOOKED_UP_TOGETHER):
            some = places[start : start + _LOOKED_UP_TOGETHER]
            if self._cache is None:
                yield [], [(place, None) for place in some]
                continue
            keys = [self._questions.digest(*place) for place in some]
            known = self._cache.find(list(dict.fromkeys(keys)))
            found: list[Finished] = []
            ask: list[Asked] = []
            for place, key in zip(some, keys, strict=True):
                if key in known:
                    found.append(Finished(row=self._remembered(place, known[key])))
                else:
                    ask.append((place, key))
            yield found, ask

    def priced(
        self,
        place: Place,
        answer: Answer,
        *,
        service_ms: float | None,
        queue_ms: float | None = None,
        attempts: int = 1,
        batch: int = 1,
        warm_up: bool = False,
    ) -> Answered:
        """One answered row with its price."""
        return Answered(
            row=place[0],
            repeat=place[1],
            answer=answer,
            service_ms=service_ms,
            queue_ms=queue_ms,
            attempts=attempts,
            batch=batch,
            warm_up=warm_up,
            cost=cost_of(answer, service_ms=service_ms, price=self._price),
        )

    def keep(self, rows: Sequence[Finished]) -> None:
        """Make rows durable. The log comes before the cache, which may lag: a kill between them pays nothing twice.

        Failures are held back until the model has answered once: what fails everywhere (a wrong key, a missing
        library) is mended outside, and its rows are asked again.
        """
        lasting = [one for one in rows if not one.may_pass]
        if not self._any_answer:
            self._any_answer = any(one.row.answer.reason is None for one in lasting)
            if not self._any_answer:
                self._held += lasting
                return
            lasting = [*self._held, *lasting]
            self._held = []
        if lasting:
            self._log.append([((one.row.row, one.row.repeat), kept(one.row)) for one in lasting])
        for one in lasting:
            if one.key is not None and one.row.answer.reason is None:
                self._to_remember[one.key] = kept_answer(one.row.answer)

    def remember(self, *, all_of_it: bool = False) -> None:
        """Hand the cache what it has not got yet, some at a time; the log has it already."""
        least = 1 if all_of_it else _REMEMBERED_TOGETHER
        if self._cache is not None and len(self._to_remember) >= least:
            self._cache.remember(self._to_remember)
            self._to_remember = {}

    def count(self, rows: Sequence[Finished]) -> None:
        """Count rows that `keep` has made durable."""
        self.tally.add([one.row for one in rows])

    def _remembered(self, place: Place, row: Kept) -> Answered:
        return Answered(
            row=place[0],
            repeat=place[1],
            answer=self._questions.reread(answer_from(row)),
            attempts=0,
            cost=None if self._price is None else 0.0,
            cached=True,
        )
