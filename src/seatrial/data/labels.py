"""Labels: raw values of targets and predictions to one canonical list, the same for all compared files."""

import re
from collections.abc import Iterable, Sequence

from seatrial.errors import UsageError, did_you_mean, listed

Raw = str | int | float | bool

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_POSITIVE = ("1", "true", "yes", "pos", "positive")
_PAIRS = (("0", "1"), ("false", "true"), ("no", "yes"), ("neg", "pos"), ("negative", "positive"), ("-1", "1"))
_NOT_A_NUMBER = {"nan", "-nan", "<na>"}
_TRUTH = {"true": "1", "false": "0"}


def canonical_labels(texts: Iterable[str]) -> dict[str, str | None]:
    """Return for each raw text its canonical label, None for a missing one.

    Labels stay text. Only if every one of them is a number are they written as numbers (1 = 1.0, and true beside
    numbers is 1); the words true and false alone are written small.

    >>> canonical_labels(["1", "1.0", "0"])
    {'1': '1', '1.0': '1', '0': '0'}
    >>> canonical_labels(["01", "1"])
    {'01': '01', '1': '1'}
    """
    every = list(dict.fromkeys(texts))
    present = [text for text in every if text.strip().casefold() not in _NOT_A_NUMBER]
    others = [text for text in present if text.casefold() not in _TRUTH]
    if not all(is_number(text) for text in others) or not present:
        return {text: text for text in every}
    if not others:
        return {text: text.casefold() if text in present else None for text in every}
    return {text: _number(text) for text in every}


def label_text(raw: Raw) -> str:
    """Return a raw value as text: whole numbers without a fraction, truth in small letters.

    >>> label_text(2.0), label_text(True)
    ('2', 'true')
    """
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < 9e15 else repr(raw)
    return str(raw)


def sorted_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return labels in their order: as numbers when all are numbers, else by name.

    >>> sorted_labels(["10", "9", "-1"])
    ('-1', '9', '10')
    """
    distinct = set(labels)
    if all(_NUMBER.fullmatch(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (float(label), label)))
    return tuple(sorted(distinct))


def positive_label(labels: Sequence[str], *, given: str | None, source: str) -> int:
    """Return the position of the positive class: as given, else 1, true, yes, pos or positive.

    Raises `UsageError` naming the labels when nothing tells which it is.
    """
    if given is not None:
        wanted = canonical_labels([given])[given]
        for place, label in enumerate(labels):
            if label in (given, wanted):
                return place
        folded = [place for place, label in enumerate(labels) if label.casefold() == given.casefold()]
        if len(folded) == 1:
            return folded[0]
        raise UsageError(
            f"--positive {given}: {source} has no such label.{did_you_mean(given, labels)}"
            f" Its labels: {listed(labels)}."
        )
    found = [place for place, label in enumerate(labels) if label.strip().casefold() in _POSITIVE]
    if len(found) == 1:
        return found[0]
    shown = " and ".join(f"'{label}'" for label in labels)
    raise UsageError(
        f"{source}: which of the labels {shown} is the positive class? Say it with --positive {labels[-1]}."
    )


def opposite(label: str) -> str | None:
    """Return the other label of a well-known pair, None when there is none.

    >>> opposite("yes")
    'no'
    """
    for negative, positive in _PAIRS:
        if label.casefold() == negative:
            return positive if label == negative else None
        if label.casefold() == positive:
            return negative if label == positive else None
    return None


def is_number(text: str) -> bool:
    """Return whether a text is a number in its usual writing; one with a leading zero is a name.

    >>> is_number("1e3"), is_number("007")
    (True, False)
    """
    stripped = text.strip()
    return bool(_NUMBER.fullmatch(stripped)) and not _LEADING_ZERO.match(stripped) and abs(float(stripped)) < 1e300


def _number(text: str) -> str | None:
    stripped = text.strip()
    if stripped.casefold() in _NOT_A_NUMBER:
        return None
    if text.casefold() in _TRUTH:
        return _TRUTH[text.casefold()]
    if re.fullmatch(r"-?[1-9]\d*|0", stripped):
        return stripped
    value = float(stripped)
    return str(int(value)) if value.is_integer() and abs(value) < 9e15 else repr(value)
