"""Targets: the task they tell, labels in one writing, numbers as numbers, spans and boxes as Python values."""

from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.data.datasets.content import Digested
from seatrial.data.datasets.raw import RawTable
from seatrial.data.datasets.roles import DatasetRoles
from seatrial.data.datasets.typed import nested
from seatrial.data.labels import canonical_labels, label_text, positive_label, sorted_labels
from seatrial.data.outputs import MOST_LABELS, MOST_NUMERIC_LABELS
from seatrial.errors import DataError, UsageError

NESTED = ("entities", "fields", "boxes")

Columns = dict[str, Sequence[Any]]


def read_targets(
    raw: RawTable, roles: DatasetRoles, *, task: str | None, positive: str | None
) -> tuple[Columns, str | None, str | None]:
    """Return (columns with the target read as its task needs, the task or None in doubt, the positive class).

    Without a target the task stays what was said, and nothing is guessed.
    """
    columns: Columns = dict(raw.columns)
    if roles.targets:
        for _, column in roles.targets:
            columns[column] = _labels(raw, column, columns[column])[0]
        return columns, "multilabel", None
    if roles.target is None:
        return columns, task, positive
    values = columns[roles.target]
    if isinstance(values, Digested):
        raise UsageError(
            f"{raw.name}: '{roles.target}' holds images and cannot be the target; name it by roles.target."
        )
    if all(value is None for value in values):
        raise DataError(f"{raw.name}: the target column '{roles.target}' holds no values.")
    task = task or _guessed(values)
    if task in NESTED:
        columns[roles.target] = _nested(raw, roles.target, values, task)
        return columns, task, None
    if task == "text":
        columns[roles.target] = [_text_or_texts(value) for value in values]
        return columns, task, None
    if task == "regression":
        columns[roles.target] = _numbers(raw, roles.target, values)
        return columns, task, None
    columns[roles.target], labels = _labels(raw, roles.target, values)
    if task is None:
        task = "binary" if len(labels) == 2 else "multiclass"
        if len(labels) == 1:
            return columns, None, positive
    if task != "binary":
        return columns, task, None
    if len(labels) > 2:
        raise UsageError(
            f"{raw.name}: the target '{roles.target}' has {len(labels)} labels, and a binary task has two; write "
            "'task: multiclass', or name another target."
        )
    try:
        place = positive_label(labels, given=positive, source=raw.name)
    except UsageError as error:
        if positive is not None and len(labels) == 2:
            raise UsageError(str(error).replace("--positive", "roles.positive:")) from None
        return columns, task, positive
    return columns, task, labels[place]


def _guessed(values: Sequence[Any]) -> str | None:
    """`regression` for fractions or more than 50 whole numbers, the nested tasks by their shape, else None."""
    present = [value for value in values if value is not None]
    first = present[0]
    if isinstance(first, Mapping):
        return "fields"
    if isinstance(first, Sequence) and not isinstance(first, str):
        inner = next((one for value in present for one in value), None)
        if isinstance(inner, Mapping):
            return "boxes" if "bbox" in inner or "box" in inner else "entities"
        return None
    numbers = [value for value in present if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(present):
        return None
    fractions = any(isinstance(value, float) and not value.is_integer() for value in numbers)
    return "regression" if fractions or len(set(numbers)) > MOST_NUMERIC_LABELS else None


def _labels(raw: RawTable, column: str, values: Sequence[Any]) -> tuple[list[str | None], tuple[str, ...]]:
    odd = next((value for value in values if not isinstance(value, str | bool | int | float | None)), None)
    if odd is not None:
        raise UsageError(
            f"{raw.name}: the target '{column}' holds {type(odd).__name__} values, not labels; say the task "
            "(entities, fields, boxes or text)."
        )
    texts = [None if value is None else label_text(value) for value in values]
    canonical = canonical_labels({text for text in texts if text is not None})
    labels = sorted_labels(label for label in canonical.values() if label is not None)
    if len(labels) > MOST_LABELS:
        raise DataError(
            f"{raw.name}: the target column '{column}' has more than {MOST_LABELS:,} different labels; is it the right "
            "column (roles.target), a number (task: regression) or a text (task: text)?"
        )
    return [None if text is None else canonical[text] for text in texts], labels


def _numbers(raw: RawTable, column: str, values: Sequence[Any]) -> list[float | None]:
    found: list[float | None] = []
    for row, value in enumerate(values):
        if value is None:
            found.append(None)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(float(value))
        else:
            raise DataError(
                f"{raw.name}, row {row + 1:,}: the target '{column}' is '{value!s:.40}', and regression needs numbers."
            )
    return found


def _nested(raw: RawTable, column: str, values: Sequence[Any], task: str) -> list[Any]:
    if all(value is None or isinstance(value, str) for value in values):
        parsed = nested(list(values))
        if parsed is not None:
            return parsed
    row = next((row for row, value in enumerate(values) if isinstance(value, str | int | float)), None)
    if row is not None:
        raise DataError(
            f"{raw.name}, row {row + 1:,}: the target '{column}' is '{values[row]!s:.40}'; a task of {task} needs JSON "
            "(a list of spans or boxes, or an object of fields)."
        )
    return list(values)


def _text_or_texts(value: Any) -> Any:
    """A reference text, or several."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [label_text(one) if isinstance(one, bool | int | float) else str(one) for one in value]
    return label_text(value) if isinstance(value, bool | int | float) else str(value)
