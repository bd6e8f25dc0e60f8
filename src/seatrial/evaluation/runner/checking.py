"""An answer as it may be kept: JSON values, no NaN; what is no answer becomes a row that is missing with a reason."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatrial.models.base import Answer

_LONGEST_REASON = 200
_PLAIN = (str, int, bool, type(None))


class _NoValueError(Exception):
    """A value that cannot be kept; the message says why."""


def short(error: BaseException) -> str:
    """Return an error as a reason: its type and the first line of what it says.

    >>> short(TypeError("can only\\nconcatenate"))
    'TypeError: can only'
    """
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    return f"{name}: {lines[0]}"[:_LONGEST_REASON] if lines else name


def missing(reason: str) -> Answer:
    """Return the answer of a row that has none."""
    return Answer(reason=reason)


def checked(answer: object) -> Answer:
    """Return the answer with plain values, or the missing one with the reason why it cannot be kept.

    Missing: something that is no `Answer`, an empty one, NaN or infinity as a prediction or score, and values that JSON
    cannot hold.
    """
    if not isinstance(answer, Answer):
        return missing(f"the model gave {type(answer).__name__} instead of an Answer")
    if answer.reason is not None:
        return answer
    if answer.prediction is None and answer.score is None and not answer.scores and answer.text is None:
        return missing("the model gave no answer")
    try:
        changes: dict[str, Any] = {}
        if type(answer.prediction) not in _PLAIN and not _is_finite_float(answer.prediction):
            changes["prediction"] = _plain(answer.prediction, "prediction")
        if answer.score is not None and not _is_finite_float(answer.score):
            changes["score"] = _number(answer.score, "score")
        if not all(type(name) is str and _is_finite_float(value) for name, value in answer.scores.items()):
            changes["scores"] = {
                str(name): _number(value, f"score of {name!r}") for name, value in answer.scores.items()
            }
        if answer.text is not None and not isinstance(answer.text, str):
            raise _NoValueError(f"the model's text is {type(answer.text).__name__}")
        if answer.values:
            changes["values"] = {str(name): _plain(value, f"value {name!r}") for name, value in answer.values.items()}
        return replace(answer, **changes) if changes else answer
    except _NoValueError as error:
        return missing(str(error))


def _is_finite_float(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _NoValueError(f"the model's {what} is {type(value).__name__}, not a number") from None
    if not math.isfinite(number):
        raise _NoValueError(f"the model's {what} is {_not_finite(number)}")
    return number


def _plain(value: Any, what: str) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _NoValueError(f"the model's {what} is {_not_finite(value)}")
        return float(value)
    if isinstance(value, (str, int)):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(inner, what) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, what) for inner in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _plain(value.tolist(), what)
    raise _NoValueError(f"the model's {what} is {type(value).__name__}, which cannot be kept as JSON")


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"
