"""What a test set shares with itself and with the training data: files or tables in, a page out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from seatrial.actions.page import PageResult
from seatrial.errors import UsageError, did_you_mean
from seatrial.evaluation.leakage import dataset_of, find_overlap
from seatrial.evaluation.leakage.reading import Wanted
from seatrial.records.overlap import Overlap
from seatrial.records.suite import SuiteTask
from seatrial.reports.document import Document

Names = Sequence[str] | str
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class OverlapResult(PageResult):
    """What `overlap` hands back."""

    record: Overlap

    @property
    def sentence(self) -> str:
        return self.record.sentence

    @property
    def status(self) -> Literal["pass", "warn", "fail"]:
        return self.record.status

    @property
    def copied(self) -> tuple[str, ...]:
        """Ids of the test rows that are, or nearly are, in the training data."""
        return self.record.copied

    def document(self) -> Document:
        from seatrial.reports.overlap_page import overlap_document

        return overlap_document(self.record)


def overlap(
    test: Any,
    train: Any = None,
    *,
    target: str | None = None,
    inputs: Names = (),
    text: Names = (),
    group: str | None = None,
    time: str | None = None,
    id: str | None = None,
    task: str | None = None,
    threshold: float = 0.8,
    seed: int = 0,
    progress: Progress | None = None,
) -> OverlapResult:
    """Look for what makes a test score say less than it seems: copies, shared groups, time travel, giveaways.

    `test` and `train` are files, data frames, dicts of arrays, folders or zips of images, or loaded data sets; without
    `train` the test set is held against itself alone. `inputs` names what the model sees (by default every column
    without a role), `text` columns that are texts, `group` what must not be on both sides of the split, `time` when a
    row came to be. `threshold` is the Jaccard similarity from which texts are near copies.

    Raises `UsageError` for an option that cannot be used, `DataError` for data that cannot be read.

    >>> rows = {"text": ["the parcel never came, and nobody answers"] * 3, "y": [1, 1, 0]}
    >>> found = overlap(rows, rows, target="y")
    >>> found.status, len(found.copied)
    ('fail', 3)
    """
    known = get_args(SuiteTask)
    if task is not None and task not in known:
        raise UsageError(f"There is no task '{task}'.{did_you_mean(task, known)} Choose one of {', '.join(known)}.")
    wanted = Wanted(target=target, id=id, inputs=_names(inputs), text=_names(text), group=group, time=time, task=task)
    first = dataset_of(test, wanted, name="test")
    second = None if train is None else dataset_of(train, wanted, name="train", first=first)
    return OverlapResult(
        find_overlap(first, second, threshold=threshold, text=wanted.text, seed=seed, progress=progress)
    )


def _names(given: Names) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(part.strip() for part in parts if part.strip())
