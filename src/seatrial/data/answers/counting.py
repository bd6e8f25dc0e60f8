"""Answers to counts: a row's target and prediction become numbers, and every metric is arithmetic over their means."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError

COUNTED: tuple[str, ...] = ("entities", "fields", "boxes", "text")
"""Tasks whose rows hold structured answers. Each is one module of this room."""
RIGHT = "row_right"
"""The column, in every such task, that is 1 where the whole row is answered right and else 0."""
MOST_LABELS = 500
"""More kinds of labels than this are taken for a mistake in the column."""


class Counting(Protocol):
    """What the module of a task provides."""

    COLUMNS: tuple[str, ...]
    """Columns over all labels."""
    BY_LABEL: tuple[str, ...]
    """Columns that each label has too: `gold_entities[PER]`."""

    def read(self, text: str, *, is_target: bool) -> Any:
        """A cell as an answer; raises `ValueError` with a sentence that ends no sentence."""
        ...

    def labels(self, answer: Any) -> Iterable[str]:
        """The labels an answer names."""
        ...

    def count(self, target: Any, prediction: Any, *, threshold: float) -> tuple[Mapping[str, float], object]:
        """The row's counts (0 where not named), and what else is kept of it; raises `ValueError` as `read` does."""
        ...


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The counts of n rows of one version or several."""

    names: tuple[str, ...]
    values: tuple[NDArray[np.float64], ...]
    """Per version (columns, n); NaN where the target or the prediction is missing."""
    kept: tuple[tuple[object, ...], ...] = ()
    """Per version and row, what a task keeps beside its counts (the matched boxes); None where missing."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The text cells of one role of one version, and how to name a row of them."""

    source: str
    role: str
    texts: Sequence[str | None]
    rows: Sequence[str]
    """What each row is called: its id, else its position."""


def of_task(task: str) -> Counting:
    """The module that counts a task's answers."""
    module: Any = import_module(f"seatrial.data.answers.{task}")
    return module  # type: ignore[no-any-return]


def read_cells(task: str, cells: Cells) -> list[Any]:
    """Every cell as an answer, None where missing; raises `DataError` that names the row of one that cannot be read."""
    module, is_target = of_task(task), cells.role == "target"
    found: list[Any] = []
    for place, text in enumerate(cells.texts):
        if is_missing(text, task):
            found.append(None)
            continue
        try:
            found.append(module.read(str(text), is_target=is_target))
        except ValueError as error:
            raise DataError(
                f"{cells.source}, {cells.rows[place]}: the {cells.role} {error}; it is {shown(str(text))}."
            ) from None
    return found


def is_missing(text: str | None, task: str) -> bool:
    """Whether a cell holds no answer: nothing, spaces, or (where answers are JSON) `null`.

    >>> is_missing(" ", "text"), is_missing("null", "fields"), is_missing("[]", "boxes")
    (True, True, False)
    """
    return text is None or not text.strip() or (task != "text" and text.strip() == "null")


def missing_as_null(column: str, task: str) -> str:
    """SQL of a text column with cells that hold no answer as NULL; see `is_missing`."""
    none = f"trim({column}, ' \t\r\n') = ''" + ("" if task == "text" else f" OR trim({column}) = 'null'")
    return f"CASE WHEN {none} THEN NULL ELSE {column} END"


def labels_of(task: str, answers: Iterable[Any]) -> tuple[str, ...]:
    """The labels that answers name, sorted; raises `DataError` for more than there can be."""
    module = of_task(task)
    found = Counter(label for answer in answers if answer is not None for label in module.labels(answer))
    if len(found) > MOST_LABELS:
        raise DataError(
            f"There are {len(found):,} different labels in the answers, more than {MOST_LABELS}; is this the right "
            f"task, and the right column?"
        )
    return tuple(sorted(found))


def count_answers(
    task: str,
    target: Sequence[Any],
    predictions: Sequence[Sequence[Any]],
    *,
    labels: Sequence[str],
    where: Sequence[Cells],
    threshold: float,
) -> Counts:
    """Count every row of every version; `where` names the rows of each version in errors."""
    module = of_task(task)
    names = [*module.COLUMNS, *(f"{name}[{label}]" for label in labels for name in module.BY_LABEL)]
    place = {name: at for at, name in enumerate(names)}
    values: list[NDArray[np.float64]] = []
    kept: list[tuple[object, ...]] = []
    counted: dict[str, float] = {}
    for cells, answers in zip(where, predictions, strict=True):
        found = np.full((len(names), len(target)), np.nan)
        rest: list[object] = [None] * len(target)
        for row, (truth, answer) in enumerate(zip(target, answers, strict=True)):
            if truth is None or answer is None:
                continue
            try:
                count, rest[row] = module.count(truth, answer, threshold=threshold)
            except ValueError as error:
                raise DataError(f"{cells.source}, {cells.rows[row]}: {error}.") from None
            found[:, row] = 0.0
            for name, amount in count.items():
                found[place[name], row] = amount
            counted |= count
        values.append(found)
        kept.append(tuple(rest))
    held = [at for at, name in enumerate(names) if "[" in name or name in counted or not counted]
    notes = tuple(getattr(module, "notes", tuple)())
    return Counts(
        names=tuple(names[at] for at in held),
        values=tuple(array[held] for array in values),
        kept=tuple(kept),
        notes=notes,
    )


def load_json(text: str, kind: str) -> Any:
    """A JSON text; raises `ValueError` that says what it should have been."""
    try:
        return json.loads(text, parse_constant=partial(_refuse, kind))
    except (ValueError, RecursionError):
        raise ValueError(f"cannot be read as {kind}") from None


def _refuse(kind: str, _constant: str) -> Any:
    raise ValueError(f"cannot be read as {kind}")


def shown(text: str, most: int = 60) -> str:
    """A cell cut short for a message."""
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= most else plain[: most - 3] + "...")
