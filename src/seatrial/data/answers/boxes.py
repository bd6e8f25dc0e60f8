"""Boxes in an image, matched once at each overlap as COCO does; counts at the score threshold come from the same."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.data.answers.counting import RIGHT, load_json
from seatrial.stats.detection import OVERLAPS, ImageMatches, match_boxes

BY_LABEL = ("gold_boxes", "predicted_boxes", "matched_boxes")
COLUMNS = (*BY_LABEL, RIGHT)
_FORM = 'boxes: a JSON list such as [{"box": [x, y, width, height], "label": "cat", "score": 0.9}]'


@dataclass(frozen=True, kw_only=True)
class Box:
    """One box: x, y, width, height."""

    place: tuple[float, float, float, float]
    label: str
    score: float
    crowd: bool = False
    ignored: bool = False
    """A box that is there and counts neither for nor against."""


def read(text: str, *, is_target: bool) -> tuple[Box, ...]:
    """Read a list of boxes; a predicted one needs a score. COCO's names (`bbox`, `category_id`) are known too.

    >>> read('[{"box": [0, 0, 10, 5], "label": "cat", "score": 0.8}]', is_target=False)[0].label
    'cat'
    """
    found = load_json(text, _FORM)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"cannot be read as {_FORM}")
    return tuple(_box(one, is_target) for one in found)


def labels(answer: Sequence[Box]) -> Iterable[str]:
    """The classes of the boxes."""
    return (box.label for box in answer)


def count(
    target: Sequence[Box], prediction: Sequence[Box], *, threshold: float = 0.5
) -> tuple[Mapping[str, float], object]:
    """Counts of one image at an overlap of half and the threshold; its matches at every overlap are kept."""
    matches: dict[str, ImageMatches] = {}
    found = dict.fromkeys(COLUMNS, 0.0)
    for label in dict.fromkeys(labels((*target, *prediction))):
        truth = [box for box in target if box.label == label]
        given = [box for box in prediction if box.label == label]
        one = match_boxes(
            truth=np.array([box.place for box in truth], dtype=float).reshape(-1, 4),
            crowd=np.array([box.crowd for box in truth], dtype=bool),
            ignored=np.array([box.crowd or box.ignored for box in truth], dtype=bool),
            given=np.array([box.place for box in given], dtype=float).reshape(-1, 4),
            score=np.array([box.score for box in given], dtype=float),
        )
        matches[label] = one
        counted = (one.score >= threshold) & ~one.ignored[_HALF]
        of_label = {
            "gold_boxes": float(one.truths),
            "predicted_boxes": float(counted.sum()),
            "matched_boxes": float((counted & one.hit[_HALF]).sum()),
        }
        for name, amount in of_label.items():
            found[name] += amount
            found[f"{name}[{label}]"] = amount
    found[RIGHT] = float(found["matched_boxes"] == found["gold_boxes"] == found["predicted_boxes"])
    return found, matches


_HALF = OVERLAPS.index(0.5)


def _box(one: Mapping[str, Any], is_target: bool) -> Box:
    place = one.get("box", one.get("bbox"))
    if not isinstance(place, list) or len(place) != 4 or not all(_is_number(side) for side in place):
        raise ValueError("has a box without four numbers [x, y, width, height]")
    if min(place[2:]) < 0:
        raise ValueError("has a box with a negative width or height")
    label = next((one[key] for key in ("label", "category", "category_id", "class") if key in one), None)
    if not isinstance(label, str | int) or isinstance(label, bool):
        raise ValueError("has a box without a 'label'")
    score = one.get("score", 1.0 if is_target else None)
    if not _is_number(score):
        raise ValueError("has a box without a 'score', which average precision needs")
    crowd, ignored = (one.get(key, 0) in (1, True) for key in ("iscrowd", "ignore"))
    x, y, width, height = (float(side) for side in place)
    return Box(place=(x, y, width, height), label=str(label), score=float(score), crowd=crowd, ignored=ignored)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
