"""What an answer says: a label, and a score where there is one."""

import math
from collections.abc import Sequence
from typing import Any

from seatrial.data.labels import label_text
from seatrial.models.base import Answer


def label_of(
    answer: Answer | None, *, threshold: float = 0.5, positive: str | None = None, negative: str | None = None
) -> Any:
    """The label of an answer: its own, else by its score against the threshold, else its text; None without one.

    >>> label_of(Answer(score=0.7)), label_of(Answer(score=0.2), positive="toxic"), label_of(Answer(reason="lost"))
    ('positive', 'not toxic', None)
    """
    if answer is None or answer.reason is not None:
        return None
    score = score_of(answer, positive=positive)
    if answer.prediction is None and score is not None:
        name = positive or "positive"
        return name if score >= threshold else negative or f"not {name}"
    if answer.prediction is not None:
        return label_text(answer.prediction) if isinstance(answer.prediction, (str, int, float)) else answer.prediction
    if answer.scores:
        return max(sorted(answer.scores), key=lambda one: answer.scores[one])
    return answer.text


def score_of(answer: Answer | None, *, positive: str | None = None) -> float | None:
    """The score of the positive class: the answer's own, else that of `positive` among its scores; None without one.

    >>> score_of(Answer(prediction="a", scores={"a": 0.9, "b": 0.1}), positive="b")
    0.1
    """
    if answer is None or answer.reason is not None:
        return None
    found = answer.score if answer.score is not None else answer.scores.get(positive) if positive else None
    return None if found is None or not math.isfinite(found) else float(found)


def numbers_of(answers: Sequence[Answer | None], *, positive: str | None) -> list[float | None]:
    """Scores, or where no answer has one the predictions that are numbers (regression)."""
    scores = [score_of(one, positive=positive) for one in answers]
    if any(score is not None for score in scores):
        return scores
    predictions = [None if one is None or one.reason is not None else one.prediction for one in answers]
    if all(value is None or (isinstance(value, float) and math.isfinite(value)) for value in predictions):
        return [None if value is None else float(value) for value in predictions]
    return scores
