"""The table of rows to store: what was asked, what came back, what it took, one line a row and repeat."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.data.values import is_operational
from seatrial.models.base import Answer, Answered
from seatrial.records.suite import Case
from seatrial.storage.row_log import Place

OWN = (
    "text",
    "latency_ms",
    "queue_ms",
    "input_tokens",
    "output_tokens",
    "cost",
    "reason",
    "repeat",
)
"""Columns about the answer. Of the same name in the data set, what is measured goes before (the data's is
`data_<name>`, as with the roles), and what is said is called `model_<name>`."""
_SAID = ("text", "reason", "repeat")
_RESERVED = frozenset({"target", "prediction", "score", *OWN}) - set(_SAID)
"""Names that only the model's own columns have, whether it has such a column or not."""
_STRUCTURED = ("entities", "fields", "boxes")


def table(
    answers: Sequence[Answered],
    places: Sequence[Place],
    dataset: LoadedDataset,
    *,
    case: Case,
    not_asked: str,
) -> dict[str, Sequence[Any]]:
    """Return the columns, in this order: id, (example,) target, prediction, scores, those of `OWN`, the data set's.

    Columns in which nothing stands are left out, except `prediction` where there is no score, and `reason`. The data
    set's other columns keep their names where they hold text, numbers, dates or yes/no; one called like a role or a
    measure is `data_<name>` (`stored_name` says which). With repeats, ids are `id`, `id#2`, ... and `example` holds
    the row's own, to cluster by. Of a multilabel task there is `target_<label>` and `prediction_<label>` for each.
    """
    task = case.task or dataset.task
    rows = list(answers)
    if len(rows) < len(places):
        done = {(one.row, one.repeat) for one in rows}
        rows += [
            Answered(row=row, repeat=repeat, answer=Answer(reason=not_asked), attempts=0)
            for row, repeat in places
            if (row, repeat) not in done
        ]
        rows.sort(key=lambda one: (one.repeat, one.row))
    repeated = any(repeat for _, repeat in places)
    columns: dict[str, list[Any]] = {"id": [_id(dataset.ids[one.row], one.repeat) for one in rows]}
    if repeated:
        columns["example"] = [dataset.ids[one.row] for one in rows]
    if dataset.target is not None:
        values = dataset.columns[dataset.target]
        columns["target"] = _column([values[one.row] for one in rows], structured=task in _STRUCTURED)
    positive = case.roles.positive or dataset.positive
    if dataset.targets:
        for label, name in dataset.targets.items():
            columns[f"target_{label}"] = [_truth(dataset.columns[name][one.row]) for one in rows]
    columns |= _answered(rows, task=task, positive=positive, labels=tuple(dataset.targets))
    columns |= _about(rows, dataset, repeated=repeated)
    columns |= _values(rows, taken=columns, dataset=dataset)
    for name, values in dataset.columns.items():
        if name == dataset.target or name in dataset.targets.values():
            continue
        if name == "id" and _is_the_id(values, dataset.ids):
            continue
        plain = _plain_column(values, [one.row for one in rows])
        if plain is not None:
            taken = name in columns or name in _RESERVED
            columns[_beside(name, dataset.columns) if taken else name] = plain
    return dict(columns)


def stored_name(name: str, *, stored: Collection[str], data: Collection[str]) -> str:
    """Return the column of the stored table that holds the data set's column `name`.

    >>> stored_name("score", stored=["id", "target", "score", "data_score"], data=["x", "score"])
    'data_score'
    """
    moved = _beside(name, data)
    return moved if moved in stored else name


def _beside(name: str, data: Collection[str]) -> str:
    moved = f"data_{name}"
    while moved in data:
        moved += "_"
    return moved


def _truth(value: Any) -> int | None:
    """A label's column says 1 or 0, in any writing."""
    return None if value is None else int(str(value).casefold() in ("1", "1.0", "true"))


def _id(of: str, repeat: int) -> str:
    return of if repeat == 0 else f"{of}#{repeat + 1}"


def _is_the_id(values: Sequence[Any], ids: Sequence[str]) -> bool:
    return all(str(values[at]) == ids[at] for at in range(min(len(ids), 100)))


def _answered(
    rows: Sequence[Answered], *, task: str | None, positive: str | None, labels: Sequence[str]
) -> dict[str, list[Any]]:
    """Prediction and scores under the names that reading a predictions table knows."""
    if task == "multilabel":
        return _multilabel(rows, labels)
    found: dict[str, list[Any]] = {}
    given = [one.answer if one.answer.reason is None else Answer(reason=one.answer.reason) for one in rows]
    scores = [one.score for one in given]
    classes = list(dict.fromkeys(name for one in given for name in one.scores))
    if task == "binary" and positive in classes:
        name = str(positive)
        scores = [one.scores.get(name) if one.score is None else one.score for one in given]
        classes = []
    predictions = [_prediction(one, binary=task == "binary") for one in given]
    if any(value is not None for value in predictions) or (not classes and not any(s is not None for s in scores)):
        found["prediction"] = _column(predictions, structured=task in _STRUCTURED)
    if any(value is not None for value in scores):
        found["score"] = scores
    for name in classes:
        found[f"score_{name}"] = [one.scores.get(name) for one in given]
    return found


def _prediction(answer: Answer, *, binary: bool) -> Any:
    """What was predicted; of scores alone the class with the highest (of two, the threshold decides elsewhere)."""
    if answer.prediction is not None or not answer.scores or binary:
        return answer.prediction
    return max(answer.scores, key=lambda name: answer.scores[name])


def _multilabel(rows: Sequence[Answered], known: Sequence[str]) -> dict[str, list[Any]]:
    """One column a label: `prediction_<label>` 1 or 0, `score_<label>`; labels of the data first, then others named."""
    said = [None if one.answer.reason is not None else one.answer.prediction for one in rows]
    named = [None if one is None else _named(one) for one in said]
    scored = list(dict.fromkeys(name for one in rows for name in one.answer.scores))
    labels = list(dict.fromkeys([*known, *scored, *(label for some in named for label in some or ())]))
    found: dict[str, list[Any]] = {}
    if any(one is not None for one in named):
        for label in labels:
            found[f"prediction_{label}"] = [None if some is None else int(label in some) for some in named]
    for label in dict.fromkeys([*known, *scored]) if scored else ():
        found[f"score_{label}"] = [one.answer.scores.get(label) for one in rows]
    return found


def _named(said: Any) -> frozenset[str]:
    """The labels an answer names: a list of them, a mapping to yes and no, or one alone."""
    if isinstance(said, Mapping):
        return frozenset(str(label) for label, holds in said.items() if holds)
    return frozenset(map(str, said)) if isinstance(said, (list, tuple)) else frozenset((str(said),))


def _about(rows: Sequence[Answered], dataset: LoadedDataset, *, repeated: bool) -> dict[str, list[Any]]:
    parts: dict[str, list[Any]] = {
        "text": [one.answer.text for one in rows],
        "latency_ms": [None if one.warm_up or one.cached else one.service_ms for one in rows],
        "queue_ms": [None if one.warm_up or one.cached else one.queue_ms for one in rows],
        "input_tokens": [one.answer.input_tokens for one in rows],
        "output_tokens": [one.answer.output_tokens for one in rows],
        "cost": [one.cost for one in rows],
        "reason": [one.answer.reason for one in rows],
    }
    found = {name: values for name, values in parts.items() if name == "reason" or any(v is not None for v in values)}
    if repeated:
        found["repeat"] = [one.repeat + 1 for one in rows]
    return {
        f"model_{name}" if name in _SAID and name in dataset.columns else name: values for name, values in found.items()
    }


def _values(rows: Sequence[Answered], *, taken: Mapping[str, Any], dataset: LoadedDataset) -> dict[str, list[Any]]:
    """Further columns that the model gave."""
    names = dict.fromkeys(name for one in rows for name in one.answer.values)
    return {
        f"model_{name}" if name in taken or (name in dataset.columns and not is_operational(name)) else name: _column(
            [one.answer.values.get(name) for one in rows], structured=False
        )
        for name in names
    }


def _column(values: list[Any], *, structured: bool) -> list[Any]:
    """Values of one kind: as they are, as JSON text where they have structure, as text where kinds are mixed."""
    if structured or any(isinstance(value, (list, tuple, Mapping)) for value in values):
        return [
            None if value is None else value if structured and isinstance(value, str) else _json(value)
            for value in values
        ]
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) > 1:
        return [None if value is None else _text(value) for value in values]
    return [_stored(value) for value in values]


def _stored(value: Any) -> Any:
    """Text, a number, yes/no or None: what a table holds."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, (str, int, float)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _kind(value: Any) -> str:
    value = _stored(value)
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _text(value: Any) -> str:
    value = _stored(value)
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_listed)


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _plain_column(values: Sequence[Any], rows: Sequence[int]) -> list[Any] | None:
    """A column's values where they are text, numbers, dates or yes/no; None where they are images or lists."""
    if len(values) and not _is_plain(values[0]):
        return None
    if hasattr(values, "dtype") and getattr(values, "ndim", 1) > 1:
        return None
    found = [values[at] for at in rows]
    if not all(_is_plain(value) for value in found):
        return None
    return _column(found, structured=False)


def _is_plain(value: Any) -> bool:
    if value is None or isinstance(value, (str, int, float, bool)):
        return True
    if isinstance(value, (bytes, bytearray, list, tuple, Mapping)) or getattr(value, "ndim", None):
        return False
    return hasattr(value, "item") or hasattr(value, "isoformat") or type(value).__name__ == "Decimal"
