"""Models and data sets that the tests of the runner share; every model counts what it was asked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from seatrial.data.dataset import LoadedDataset
from seatrial.models.base import Answer, Batch, Limits, LocalModel, RemoteModel, Row
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case


def numbers(rows: int, **more: Sequence[Any]) -> LoadedDataset:
    """Rows 0, 1, 2, ... with their parity as target."""
    columns = {"x": list(range(rows)), "target": [at % 2 for at in range(rows)], **more}
    return LoadedDataset(
        name="numbers",
        ids=tuple(f"r{at}" for at in range(rows)),
        columns=columns,
        inputs=("x",),
        fingerprint="f" * 64,
        task="binary",
        target="target",
        positive="1",
    )


def case_of(**more: Any) -> Case:
    return Case(name="case", dataset="numbers.csv", **more)


def info_of(name: str, fingerprint: str = "0" * 64) -> ModelInfo:
    return ModelInfo(name=name, adapter="test", location="here", fingerprint=fingerprint)


class Local(LocalModel):
    """Answers by a function of one value of `x`; raises what it raises."""

    adapter: ClassVar[str] = "test"

    def __init__(self, answer: Callable[[Any], Answer], *, batch_size: int = 10) -> None:
        self.name, self.answer, self.batch_size = "local", answer, batch_size
        self.asked: Counter[Any] = Counter()
        self.batches: list[int] = []

    def info(self) -> ModelInfo:
        return info_of(self.name)

    def predict(self, batch: Batch) -> Sequence[Answer]:
        self.batches.append(len(batch["x"]))
        self.asked.update(batch["x"])
        return [self.answer(value) for value in batch["x"]]


class Remote(RemoteModel):
    """The same behind an `await`."""

    adapter: ClassVar[str] = "test"

    def __init__(self, answer: Callable[[Any], Answer], *, seconds: float = 0.0, limits: Limits | None = None) -> None:
        self.name, self.answer, self.seconds = "remote", answer, seconds
        self.limits = limits or Limits(concurrency=8, retries=2, backoff=0.001)
        self.asked: Counter[Any] = Counter()
        self.at_once = self.most_at_once = 0
        self.connected = False

    def info(self) -> ModelInfo:
        return info_of(self.name, "1" * 64)

    async def connect(self) -> None:
        self.connected = True

    async def disconnect(self) -> None:
        self.connected = False

    async def ask(self, row: Row) -> Answer:
        assert self.connected
        self.asked[row["x"]] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
            return self.answer(row["x"])
        finally:
            self.at_once -= 1


def parity(x: int) -> Answer:
    return Answer(prediction=x % 2, score=0.9 if x % 2 else 0.2)


class MemoryCache:
    """A cache that lasts as long as the process."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}

    def find(self, keys: Sequence[str]) -> dict[str, Any]:
        return {key: self.answers[key] for key in keys if key in self.answers}

    def remember(self, answers: Any) -> None:
        for key, answer in answers.items():
            self.answers.setdefault(key, answer)
