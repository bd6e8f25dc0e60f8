"""A model in this process: a batch at a time, each kept before the next; a batch that raises is asked row by row."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seatrial.errors import UsageError
from seatrial.evaluation.runner.asking import Questions
from seatrial.evaluation.runner.checking import missing, short
from seatrial.evaluation.runner.desk import Asked, Desk, Finished
from seatrial.models.base import LocalModel, ModelError
from seatrial.storage.row_log import Place


def ask_local(
    model: LocalModel, places: Sequence[Place], *, questions: Questions, desk: Desk, batch_size: int
) -> str | None:
    """Ask every place; return why the run stopped early, None when it did not."""
    try:
        for number, together in enumerate(_batches(places, desk=desk, batch_size=batch_size)):
            reason = desk.tally.hopeless() or desk.tally.stop()
            if reason is not None:
                return reason
            rows = _answered(model, together, questions=questions, desk=desk, warm_up=number < desk.warm_up)
            desk.keep(rows)
            desk.count(rows)
            desk.remember()
    finally:
        desk.remember(all_of_it=True)
    return None


def _batches(places: Sequence[Place], *, desk: Desk, batch_size: int) -> Iterator[list[Asked]]:
    """Full batches of what the cache does not know, the last one ragged; what it knows is kept on the way."""
    waiting: list[Asked] = []
    for found, ask in desk.looked_up(places):
        if found:
            desk.keep(found)
            desk.count(found)
        waiting += ask
        whole = len(waiting) - len(waiting) % batch_size
        for start in range(0, whole, batch_size):
            yield waiting[start : start + batch_size]
        waiting = waiting[whole:]
    if waiting:
        yield waiting


def _answered(
    model: LocalModel, together: list[Asked], *, questions: Questions, desk: Desk, warm_up: bool
) -> list[Finished]:
    try:
        answers, milliseconds = _predicted(model, [place for place, _ in together], questions=questions)
    except UsageError:
        raise
    except Exception as error:
        if len(together) == 1:
            return [_failed(together[0], error, desk=desk)]
        return _one_by_one(model, together, questions=questions, desk=desk, warm_up=warm_up)
    each = milliseconds / len(together)
    return [
        Finished(
            row=desk.priced(place, questions.read(answer), service_ms=each, batch=len(together), warm_up=warm_up),
            key=key,
        )
        for (place, key), answer in zip(together, answers, strict=True)
    ]


def _one_by_one(
    model: LocalModel, together: list[Asked], *, questions: Questions, desk: Desk, warm_up: bool
) -> list[Finished]:
    """Each row of a batch that raised, alone; given up where nothing but failures was seen so far."""
    rows: list[Finished] = []
    for one in together:
        rows += _answered(model, [one], questions=questions, desk=desk, warm_up=warm_up)
        if desk.tally.nothing_but_failures([each.row for each in rows]):
            break
    return rows


def _predicted(model: LocalModel, places: Sequence[Place], *, questions: Questions) -> tuple[list[object], float]:
    """Answers of one batch and how long they took; reading the rows is not part of it."""
    batch = questions.batch([row for row, _ in places])
    began = time.perf_counter()
    given: Any = model.predict(batch)
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
        raise ModelError(f"the model gave {type(given).__name__} instead of a list of answers")
    answers = list(given)
    milliseconds = (time.perf_counter() - began) * 1e3
    if len(answers) != len(places):
        raise ModelError(f"the model gave {len(answers)} answers for {len(places)} rows")
    return answers, milliseconds


def _failed(asked: Asked, error: Exception, *, desk: Desk) -> Finished:
    reason = str(error) if isinstance(error, ModelError) else short(error)
    return Finished(row=desk.priced(asked[0], missing(reason[:200]), service_ms=None))
