"""What a model returned, as one `Answer` a row: labels, numbers, probabilities, columns, records."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from seatrial.models.base import Answer, ModelError

Output = Literal["probabilities", "softmax", "logits", "score", "logit", "scores", "labels", "numbers"]
"""What an array holds. `probabilities` (= `softmax`): of each class; `logits`: of each class, before the softmax;
`score`: probability of the positive class; `logit`: the same before the sigmoid; `scores`: of each label by itself
(multilabel); `labels`, `numbers`: the answers."""
OUTPUTS: tuple[str, ...] = get_args(Output)

NAN = "the model answered NaN"
INFINITE = "the model answered an infinite number"
NOTHING = "the model answered nothing"

_PREDICTION = ("prediction", "label", "predictions", "predicted")
_SCORES = "score_"
_OWN = {"prediction", "score", "text", "reason", "input_tokens", "output_tokens", "scores"}


def as_answers(
    raw: Any,
    rows: int,
    *,
    model: str,
    classes: Sequence[str] | None = None,
    output: str | None = None,
) -> list[Answer]:
    """Return one answer a row, in the order of the rows.

    `raw` is a list or array of labels or numbers (n), an (n, k) array of probabilities (columns in the order of
    `classes`; other arrays as `output` says), a mapping or data frame of columns (`prediction`, `score`,
    `score_<class>`, `text`; others are kept beside the answer), a list of such mappings, of `Answer`, or of lists and
    mappings for entities, fields and boxes. A NaN is a missing answer. Raises `ModelError` for another number of
    answers than rows, and for a shape that is no answer; `model` is its name for the message.

    >>> [one.prediction for one in as_answers([[0.2, 0.8], [0.6, 0.4]], 2, model="m", classes=["no", "yes"])]
    ['yes', 'no']
    >>> as_answers([float("nan")], 1, model="m")[0].reason
    'the model answered NaN'
    """
    if output is not None and output not in OUTPUTS:
        raise ModelError(f"Model '{model}': output is one of {', '.join(OUTPUTS)}, not '{output}'.")
    raw = _plain(raw)
    if isinstance(raw, Mapping):
        return _from_columns(raw, rows, model, classes)
    if raw is None or isinstance(raw, str | bytes) or not hasattr(raw, "__len__"):
        kind = "nothing" if raw is None else f"one {type(raw).__name__}"
        raise ModelError(
            f"Model '{model}' answered {kind} for {rows} rows; it must answer a list with one entry a row."
        )
    if not isinstance(raw, np.ndarray):
        raw = _matrix(list(raw), told=output not in (None, "labels", "numbers"))
    if isinstance(raw, np.ndarray) and raw.ndim == 0:
        raise ModelError(f"Model '{model}' answered one value for {rows} rows; it must answer one a row.")
    if len(raw) != rows:
        raise ModelError(f"Model '{model}' answered {len(raw)} rows where {rows} were asked.")
    if isinstance(raw, np.ndarray):
        return _from_array(raw, model, classes, output)
    return [_from_value(one, model, classes) for one in raw]


def answer_of(value: Any) -> Answer:
    """Return the answer that a label, a number, a list or a mapping is; NaN and None are missing ones."""
    value = plain_value(value)
    if value is None:
        return Answer(reason=NOTHING)
    if isinstance(value, float) and not math.isfinite(value):
        return Answer(reason=NAN if math.isnan(value) else INFINITE)
    return Answer(prediction=value)


def plain_value(value: Any) -> Any:
    """Return a NumPy, pandas or torch scalar as Python's own; whole arrays as lists, `pandas.NA` as None."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "tolist"):
        return plain_value(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(one) for one in value]
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def softmax(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return exp(x) / sum(exp(x)) along the last axis, without overflow."""
    values = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        total: np.ndarray[Any, Any] = powers / powers.sum(axis=-1, keepdims=True)
    return total


def sigmoid(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return 1 / (1 + exp(-x)), without overflow."""
    values = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1 / (1 + small), small / (1 + small))


def _plain(raw: Any) -> Any:
    """Take tensors, data frames and series apart."""
    package = type(raw).__module__.split(".")[0]
    if package == "torch" and hasattr(raw, "detach"):
        raw = raw.detach().cpu()
        return (raw.float() if "bfloat16" in str(raw.dtype) else raw).numpy()
    if package in ("pandas", "polars") and hasattr(raw, "columns"):
        return {str(name): list(raw[name]) for name in raw.columns}
    if package == "pyarrow" and hasattr(raw, "to_pydict"):
        return raw.to_pydict()
    if package in ("pandas", "polars", "pyarrow") and hasattr(raw, "to_numpy"):
        return list(raw.to_pylist() if hasattr(raw, "to_pylist") else raw)
    return raw


def _matrix(values: list[Any], *, told: bool) -> Any:
    """Return rows of as many numbers each (or tensors) as an array, anything else as it is.

    `told` says that the values are numbers; else only reals count, since lists of whole numbers may be sets of labels.
    """
    if not values or isinstance(values[0], str | bytes | Mapping | Answer):
        return values
    if told and all(one is None or isinstance(one, float | int | np.number) for one in values):
        return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
    if not hasattr(values[0], "__len__"):
        return values
    first = _plain(values[0])
    if isinstance(first, np.ndarray) and first.ndim == 1:
        values = [np.asarray(_plain(one)) for one in values]
        return np.stack(values) if len({one.shape for one in values}) == 1 else values
    if len(first) < 2 or any(not hasattr(one, "__len__") or len(one) != len(first) for one in values):
        return values
    kinds = float | int | np.number if told else float | np.floating
    numbers = all(isinstance(one, kinds) for row in values for one in row)
    return np.asarray(values, dtype=np.float64) if numbers else values


def _from_array(
    raw: "np.ndarray[Any, Any]", model: str, classes: Sequence[str] | None, output: str | None
) -> list[Answer]:
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim == 1:
        return _from_vector(raw, model, output)
    if raw.ndim != 2:
        raise ModelError(
            f"Model '{model}' answered an array of shape {raw.shape}; one answer a row is (n) or (n, classes)."
        )
    if output in ("labels", "numbers") or raw.dtype.kind not in "fiu":
        return [answer_of(row) for row in raw]
    if output in ("score", "logit"):
        if raw.shape[1] != 2:
            raise ModelError(
                f"Model '{model}' answered {raw.shape[1]} columns where output={output} is one; choose the column with "
                "output_index."
            )
        raw = raw[:, 1]
        return _from_vector(raw, model, output)
    names = _names(raw.shape[1], model, classes)
    values = np.asarray(raw, dtype=np.float64)
    if output == "scores":
        return [_scored(row, names, None) for row in values]
    if output == "logits":
        values = softmax(values)
    else:
        _check_probabilities(values, model)
    labels: list[Any] = list(classes) if classes is not None else list(range(raw.shape[1]))
    return [_scored(row, names, labels) for row in values]


def _from_vector(raw: "np.ndarray[Any, Any]", model: str, output: str | None) -> list[Answer]:
    if output in ("probabilities", "softmax", "scores"):
        output = "score"
    if output in ("logit", "logits"):
        raw, output = sigmoid(raw), "score"
    if output != "score":
        return [answer_of(one) for one in raw.tolist()]
    numbers = np.asarray(raw, dtype=np.float64)
    outside = numbers[np.isfinite(numbers) & ((numbers < -1e-6) | (numbers > 1 + 1e-6))]
    if outside.size:
        raise ModelError(
            f"Model '{model}' answered {outside[0]:.6g} as a probability; if its output comes before the sigmoid, say"
            " output=logit."
        )
    return [_with_score(float(one)) for one in numbers]


def _with_score(score: float) -> Answer:
    if not math.isfinite(score):
        return Answer(reason=NAN if math.isnan(score) else INFINITE)
    return Answer(score=min(1.0, max(0.0, score)))


def _scored(row: "np.ndarray[Any, Any]", names: Sequence[str], labels: Sequence[Any] | None) -> Answer:
    if not np.isfinite(row).all():
        return Answer(reason=NAN if np.isnan(row).any() else INFINITE)
    return Answer(
        prediction=None if labels is None else labels[int(np.argmax(row))],
        scores=dict(zip(names, row.tolist(), strict=True)),
    )


def _names(count: int, model: str, classes: Sequence[str] | None) -> list[str]:
    if classes is None:
        return [str(at) for at in range(count)]
    if len(classes) != count:
        raise ModelError(f"Model '{model}' answers {count} classes, and {len(classes)} are named.")
    return [str(one) for one in classes]


def _check_probabilities(values: "np.ndarray[Any, Any]", model: str) -> None:
    whole = values[np.isfinite(values).all(axis=1)]
    if not whole.size:
        return
    if (whole < -1e-6).any() or (whole > 1 + 1e-6).any():
        raise ModelError(
            f"Model '{model}' answered {whole.shape[1]} numbers a row outside 0 to 1, which are no probabilities; say "
            "output=logits where they come before the softmax, output=numbers where they are the answer."
        )
    sums = whole.sum(axis=1)
    if (np.abs(sums - 1) > 0.02).any():
        raise ModelError(
            f"Model '{model}' answered {whole.shape[1]} probabilities that do not add up to 1; say "
            "output=scores where each label is scored by itself, or output_index=K for the score of one."
        )


def _from_columns(raw: Mapping[Any, Any], rows: int, model: str, classes: Sequence[str] | None) -> list[Answer]:
    columns = {str(name): _column(values, str(name), rows, model) for name, values in raw.items()}
    if not columns:
        raise ModelError(f"Model '{model}' answered no columns for {rows} rows.")
    return [_from_record({name: values[at] for name, values in columns.items()}, model, classes) for at in range(rows)]


def _column(values: Any, name: str, rows: int, model: str) -> list[Any]:
    values = _plain(values)
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise ModelError(
            f"Model '{model}' answered one value as column '{name}' for {rows} rows; a column has one entry a row."
        )
    if len(values) != rows:
        raise ModelError(f"Model '{model}' answered {len(values)} rows in column '{name}' where {rows} were asked.")
    return list(values)


def _from_value(value: Any, model: str, classes: Sequence[str] | None) -> Answer:
    if isinstance(value, Answer):
        return _finite(value)
    if isinstance(value, Mapping) and _is_record(value, classes):
        return _from_record(value, model, classes)
    return answer_of(value)


def _is_record(value: Mapping[Any, Any], classes: Sequence[str] | None) -> bool:
    """Return whether a mapping speaks of an answer, and is not itself the answer (fields of a document)."""
    names = {str(key) for key in value}
    if names & {*_OWN, *_PREDICTION} or any(name.startswith(_SCORES) for name in names):
        return True
    return classes is not None and names == {str(one) for one in classes}


def _from_record(given: Mapping[Any, Any], model: str, classes: Sequence[str] | None) -> Answer:
    record = {str(key): plain_value(value) for key, value in given.items()}
    if classes is not None and set(record) == {str(one) for one in classes}:
        record = {_SCORES + name: value for name, value in record.items()}
    key = next((name for name in _PREDICTION if name in record), None)
    prediction = record.pop(key) if key is not None else None
    reason = record.pop("reason", None)
    scores: dict[str, Any] = dict(record.pop("scores", None) or {})
    for name in [one for one in record if one.startswith(_SCORES) and len(one) > len(_SCORES)]:
        scores[name[len(_SCORES) :]] = record.pop(name)
    try:
        if prediction is None and key is None and len(scores) > 1:
            present = {name: float(value) for name, value in scores.items() if value is not None}
            if len(present) == len(scores):
                prediction = max(present, key=lambda name: (not math.isnan(present[name]), present[name]))
        answer = Answer(
            prediction=prediction,
            score=_number(record.pop("score", None)),
            scores={name: float(value) for name, value in scores.items() if value is not None},
            text=_text(record.pop("text", None)),
            input_tokens=_count(record.pop("input_tokens", None)),
            output_tokens=_count(record.pop("output_tokens", None)),
            reason=None if reason in (None, "") else str(reason),
            values={name: _kept(value) for name, value in record.items() if value is not None},
        )
    except (TypeError, ValueError):
        raise ModelError(
            f"Model '{model}' answered a score or a count that is no number: {str(dict(given))[:120]}"
        ) from None
    return _finite(answer)


def _finite(answer: Answer) -> Answer:
    """Return the answer, or the missing one where a number in it is NaN or infinite."""
    if answer.reason is not None:
        return answer
    for value in (answer.prediction, answer.score, *answer.scores.values()):
        if isinstance(value, float) and not math.isfinite(value):
            return Answer(reason=NAN if math.isnan(value) else INFINITE)
    if answer.prediction is None and answer.score is None and not answer.scores and answer.text is None:
        return Answer(reason=NOTHING)
    return answer


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _count(value: Any) -> int | None:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else int(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _kept(value: Any) -> float | str:
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
