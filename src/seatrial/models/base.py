"""The protocol of models: local ones answer a batch, remote ones a row; both say what they are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

from seatrial.errors import DataError
from seatrial.records.run import ModelInfo

Batch = Mapping[str, Sequence[Any]]
"""Input columns of some rows, in the order of the suite's inputs; every column has one entry a row."""
Row = Mapping[str, Any]
"""Input columns of one row."""


class ModelError(DataError):
    """A model that cannot be loaded, or that answers with something that is no answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model said of one row; exactly one of `prediction`, `score(s)`, `text` is enough. `reason` says why there
    is none: such a row is missing data."""

    prediction: Any = None
    """A label, a number; for entities, fields and boxes what JSON can hold."""
    score: float | None = None
    """Of the positive class."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Class (or label) to score."""
    text: str | None = None
    """What a language model wrote."""
    values: Mapping[str, float | str] = field(default_factory=dict)
    """Further columns to keep beside the answer."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    reason: str | None = None


class TryAgain(Exception):  # noqa: N818 (it is a request, not an error)
    """One call failed in a way that may pass: 429, 5xx, a dropped connection, a timeout."""

    def __init__(self, reason: str, *, after: float | None = None, everyone: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        """Seconds the server asked to wait."""
        self.everyone = everyone
        """True where it refuses all callers for now (429): every call waits then, not only this one."""


class RowFailed(Exception):  # noqa: N818 (a row without an answer is data)
    """One call failed for good: the row is missing, with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Model(ABC):
    """Base of all adapters. `open` loads (once), `close` lets go; both may be called again."""

    name: str
    adapter: ClassVar[str]
    recorded: ClassVar[bool] = False
    """True where answers are looked up and not made: they say nothing of changed inputs, nor how long they took."""

    @abstractmethod
    def info(self) -> ModelInfo:
        """What the model is; cheap, and the same each time."""

    def open(self) -> None:  # noqa: B027 (nothing to load is fine)
        """Load what is needed to answer; raises `ModelError` in one sentence."""

    def close(self) -> None:  # noqa: B027
        """Let go of files, memory and connections."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LocalModel(Model):
    """A model in this process: answers a batch at a time."""

    batch_size: int = 64
    """What it works best with; the suite or the user may say otherwise."""

    @abstractmethod
    def predict(self, batch: Batch) -> Sequence[Answer]:
        """One answer a row, in the order of the rows.

        Raises `ModelError` for a wrong number of answers or a wrong shape; an error of the model itself passes through:
        the runner asks the rows one by one then, and the rows that still raise are missing with that reason.
        """


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How hard a remote model may be pressed."""

    concurrency: int = 8
    per_minute: float | None = None
    timeout: float = 60.0
    """Seconds for one attempt, body included."""
    retries: int = 5
    """Attempts after the first."""
    backoff: float = 0.5
    """Seconds before the first retry; doubles each time, with seeded jitter."""
    longest_wait: float = 60.0
    """A `Retry-After` above this ends the row with that reason."""


class RemoteModel(Model):
    """A model behind a network: answers one row a call, many calls at once, inside one event loop."""

    limits: Limits = Limits()

    @abstractmethod
    async def ask(self, row: Row) -> Answer:
        """One attempt at one row. Raises `TryAgain` for what may pass, `RowFailed` for what will not."""

    async def connect(self) -> None:
        """Open connections inside the running loop."""

    async def disconnect(self) -> None:
        """Close them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One row answered: the answer and what it took. This is what is kept row by row."""

    row: int
    """Position in the data set."""
    repeat: int = 0
    answer: Answer
    service_ms: float | None = None
    """From sending the last attempt to its answer; of a batch, the batch's time divided by its rows."""
    queue_ms: float | None = None
    """Waiting before that: for a free place, for a limit, between retries."""
    attempts: int = 1
    batch: int = 1
    """Rows answered together."""
    warm_up: bool = False
    """True for rows whose time is not counted."""
    cost: float | None = None
    cached: bool = False
