"""How long one row takes alone: what one user waits, which a batch's time divided by its rows is not."""

import time
from dataclasses import dataclass, field

import numpy as np

from seatrial.data.dataset import LoadedDataset
from seatrial.evaluation.runner.asking import Questions
from seatrial.evaluation.runner.timing import latency
from seatrial.models.base import Answer, Answered, LocalModel
from seatrial.records.run import Latency
from seatrial.records.suite import Case

ROWS = 500
"""Rows timed, at most."""
SECONDS = 3.0
"""Time spent, about."""
WARM_UP = 5


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Rows timed one at a time."""

    latency: Latency
    service_ms: dict[int, float] = field(repr=False)
    """By position in the data set; without warm-up and rows that failed."""


def alone(
    dataset: LoadedDataset,
    model: LocalModel,
    *,
    case: Case,
    seed: int,
    level: float,
    rows: int = ROWS,
    seconds: float = SECONDS,
) -> Alone | None:
    """Time a seeded sample of rows one at a time, the first few dropped as warm-up; None where none was answered.

    It stops after `seconds`, so that a slow model is timed on fewer rows, and its quantiles say so.
    """
    info = model.info()
    needs_ids = bool(getattr(model, "needs_ids", False))
    questions = Questions(
        dataset, case, model_fingerprint=info.fingerprint, needs_ids=needs_ids, prompted=hasattr(model, "for_case")
    )
    chosen = np.random.default_rng(seed).permutation(len(dataset))[: rows + WARM_UP]
    began = time.perf_counter()
    timed: list[Answered] = []
    for number, position in enumerate(int(at) for at in chosen):
        if time.perf_counter() - began > seconds:
            break
        batch = questions.batch([position])
        start = time.perf_counter()
        try:
            answers = list(model.predict(batch))
        except Exception as error:
            answers = [Answer(reason=type(error).__name__)]
        took = (time.perf_counter() - start) * 1000
        reason = answers[0].reason if len(answers) == 1 else "no answer"
        timed.append(Answered(row=position, answer=Answer(reason=reason), service_ms=took, warm_up=number < WARM_UP))
    found = latency(
        timed,
        model=model.name,
        device=info.device,
        batch_size=1,
        concurrency=1,
        warm_up=WARM_UP,
        remote=False,
        seconds=time.perf_counter() - began,
        asked=len(timed),
        level=level,
    )
    if found is None:
        return None
    times = {one.row: one.service_ms for one in timed if _counts(one) and one.service_ms is not None}
    return Alone(latency=found, service_ms=times)


def _counts(one: Answered) -> bool:
    return not one.warm_up and one.answer.reason is None
