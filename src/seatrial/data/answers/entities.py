"""Entities: spans with a type, from JSON or from tags; strict and partial matches of a row (a sentence, a document)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.data.answers.counting import RIGHT, load_json

COLUMNS = (
    "gold_entities",
    "predicted_entities",
    "strict_matches",
    "boundary_matches",
    "type_matches",
    "partial_matches",
    RIGHT,
)
BY_LABEL = ("gold_entities", "predicted_entities", "strict_matches", "partial_matches")
_FORM = 'entities: JSON spans [{"start": 0, "end": 4, "label": "PER"}], or tags such as B-PER I-PER O'
_MARKS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "O": "O"}
Span = tuple[int, int, str]
"""Start, end (not in it) and type."""


@dataclass(frozen=True)
class Entities:
    """The entities of one row, sorted, each once; `tokens` is how many tags they came from, None for spans."""

    spans: tuple[Span, ...]
    tokens: int | None = None


def read(text: str, *, is_target: bool) -> Entities:
    """Read JSON spans, a JSON list of tags, or tags between spaces; raises `ValueError` for anything else.

    >>> read('[{"start": 3, "end": 7, "label": "LOC"}]', is_target=True).spans
    ((3, 7, 'LOC'),)
    >>> read("O B-PER I-PER O", is_target=True).spans
    ((1, 3, 'PER'),)
    """
    stripped = text.strip()
    if not stripped.startswith(("[", "{")):
        tags = stripped.split()
        return Entities(spans_of_tags(tags), tokens=len(tags))
    found = load_json(stripped, _FORM)
    if not isinstance(found, list):
        raise ValueError(f"cannot be read as {_FORM}")
    if found and all(isinstance(one, str) for one in found):
        return Entities(spans_of_tags(found), tokens=len(found))
    return Entities(tuple(sorted({_span(one) for one in found})))


def labels(answer: Entities) -> Iterable[str]:
    """The types of the entities."""
    return (label for _, _, label in answer.spans)


def spans_of_tags(tags: Sequence[str]) -> tuple[Span, ...]:
    """The entities of IOB1, IOB2, BIOES or BILOU tags, by the rules of conlleval (seqeval's default mode).

    A type that changes, a `B-` or an `S-` starts an entity, and so does an `I-` or `E-` after `O`; tags that break
    their scheme are read leniently, never dropped. Raises `ValueError` for a tag that is none.

    >>> spans_of_tags(["I-PER", "I-PER", "B-PER", "O", "I-LOC"])
    ((0, 2, 'PER'), (2, 3, 'PER'), (4, 5, 'LOC'))
    """
    found: list[Span] = []
    begin, last, last_type = 0, "O", ""
    for at, tag in enumerate([*tags, "O"]):
        mark, kind = _tag(tag)
        ended = last in "ES" or (last in "BI" and mark in "BSO") or (last != "O" and kind != last_type)
        if last != "O" and ended:
            found.append((begin, at, last_type))
        if mark in "BS" or (mark in "IE" and (last in "EOS" or kind != last_type)):
            begin = at
        last, last_type = mark, kind
    return tuple(sorted(set(found)))


def count(target: Entities, prediction: Entities, *, threshold: float = 0.5) -> tuple[Mapping[str, float], object]:
    """Counts of one row; partial matches count half where only parts overlap.

    >>> counts, _ = count(Entities(((0, 2, "PER"),)), Entities(((0, 1, "PER"),)))
    >>> counts["strict_matches"], counts["partial_matches"], counts["type_matches"]
    (0, 0.5, 1)
    """
    if target.tokens is not None and prediction.tokens is not None and target.tokens != prediction.tokens:
        raise ValueError(f"the target has {target.tokens:,} tags and the prediction {prediction.tokens:,}")
    truth, answer = target.spans, prediction.spans
    strict = set(truth) & set(answer)
    found: dict[str, float] = {
        "gold_entities": len(truth),
        "predicted_entities": len(answer),
        "strict_matches": len(strict),
        "boundary_matches": len(_boundaries(truth, answer)),
        "type_matches": _type_matches(truth, answer),
        "partial_matches": _partial_matches(truth, answer),
        RIGHT: float(truth == answer),
    }
    for label in {label for _, _, label in (*truth, *answer)}:
        mine, theirs = (tuple(span for span in spans if span[2] == label) for spans in (truth, answer))
        found[f"gold_entities[{label}]"] = len(mine)
        found[f"predicted_entities[{label}]"] = len(theirs)
        found[f"strict_matches[{label}]"] = len(set(mine) & set(theirs))
        found[f"partial_matches[{label}]"] = _partial_matches(mine, theirs)
    return found, None


def _tag(tag: str) -> tuple[str, str]:
    """A tag's mark and type: `B-PER`; a bare `B` has the type `_`."""
    mark = _MARKS.get(tag[:1]) if len(tag) == 1 or tag[1:2] == "-" else None
    if mark is None or (mark == "O" and len(tag) > 1):
        raise ValueError(f"has a tag '{tag}', which is none of O, B-, I-, E-, S-")
    return mark, "" if mark == "O" else tag[2:] or "_"


def _span(one: Any) -> Span:
    if not isinstance(one, dict):
        raise ValueError(f"cannot be read as {_FORM}")
    start: Any = one.get("start")
    end: Any = one.get("end")
    label = next((one[key] for key in ("label", "type", "entity_group", "entity") if key in one), None)
    whole = isinstance(start, int) and isinstance(end, int) and not isinstance(start, bool)
    if not whole or not isinstance(label, str):
        raise ValueError("has an entity without whole numbers 'start' and 'end' and a text 'label'")
    if not 0 <= start < end:
        raise ValueError(f"has an entity from {start} to {end}; 'end' is the first place behind it")
    return start, end, label


def _boundaries(truth: Sequence[Span], answer: Sequence[Span]) -> list[Span]:
    """The entities whose boundaries were found, whatever the type; each is found once."""
    free = [span[:2] for span in truth]
    found = []
    for span in answer:
        if span[:2] in free:
            free.remove(span[:2])
            found.append(span)
    return found


def _partial_matches(truth: Sequence[Span], answer: Sequence[Span]) -> float:
    """MUC's partial matching: 1 for the same boundaries, half for an overlap, each entity used once, type aside."""
    exact = _boundaries(truth, answer)
    free, rest = list(truth), list(answer)
    for span in exact:
        free.remove(next(one for one in free if one[:2] == span[:2]))
        rest.remove(span)
    score = float(len(exact))
    for span in rest:
        hit = next((one for one in free if _overlap(one, span)), None)
        if hit is not None:
            free.remove(hit)
            score += 0.5
    return score


def _type_matches(truth: Sequence[Span], answer: Sequence[Span]) -> int:
    """Entities that overlap one of the same type; a prediction of another type uses up what it overlaps."""
    free = list(truth)
    found = 0
    for span in answer:
        overlapping = [one for one in free if _overlap(one, span)]
        alike = [one for one in overlapping if one[2] == span[2]]
        if alike:
            found += 1
            free.remove(min(alike, key=lambda one: abs(one[0] - span[0]) + abs(one[1] - span[1])))
        elif overlapping:
            free.remove(overlapping[0])
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
