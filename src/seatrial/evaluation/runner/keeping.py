"""An answered row as the JSON that is kept, and back: what has its default is left out."""

from typing import Any

from seatrial.models.base import Answer, Answered
from seatrial.storage.row_log import Kept

_OF_ANSWER = ("prediction", "score", "text", "input_tokens", "output_tokens", "reason")
_OF_ROW: tuple[tuple[str, Any], ...] = (
    ("service_ms", None),
    ("queue_ms", None),
    ("attempts", 1),
    ("batch", 1),
    ("warm_up", False),
    ("cost", None),
    ("cached", False),
)


def kept_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON values."""
    kept = {name: value for name in _OF_ANSWER if (value := getattr(answer, name)) is not None}
    if answer.scores:
        kept["scores"] = dict(answer.scores)
    if answer.values:
        kept["values"] = dict(answer.values)
    return kept


def kept(answered: Answered) -> dict[str, Any]:
    """Return an answered row as JSON values; its place is kept beside it."""
    return kept_answer(answered.answer) | {
        name: value for name, usual in _OF_ROW if (value := getattr(answered, name)) != usual
    }


def answer_from(row: Kept) -> Answer:
    """Return the answer that was kept."""
    return Answer(
        **{name: row.get(name) for name in _OF_ANSWER}, scores=row.get("scores", {}), values=row.get("values", {})
    )


def answered_from(place: tuple[int, int], row: Kept) -> Answered:
    """Return the answered row that was kept."""
    return Answered(
        row=place[0],
        repeat=place[1],
        answer=answer_from(row),
        **{name: row.get(name, usual) for name, usual in _OF_ROW},
    )
