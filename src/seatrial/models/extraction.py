"""What a text answers: the label, number or JSON in what a language model wrote."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seatrial.errors import UsageError
from seatrial.models.base import RowFailed
from seatrial.records.suite import Case

NO_LABEL = "(no label)"
"""The answer of a text that names no label, or several: wrong, and not missing."""
_LONGEST = 100_000
_NUMBER = re.compile(r"[-+]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_GAPS = re.compile(r"[\s_\-]+")
_FENCE = re.compile(r"```[a-zA-Z]*\s*(.*?)```", re.DOTALL)


def extracted(text: str, case: Case) -> Any:
    """Take the answer out of a text, as the case says.

    First its regular expression `answer` (group `answer`, else the first group, else all of it), then its `choices`:
    the label that the text is, else the only one it names (as whole words; case, `_` and `-` do not matter; of nested
    labels the longest). A text that names none, or several, gives `(no label)`. For the task `multilabel` every label
    named, as a list; `regression` the number; `entities`, `boxes` and `fields` the JSON (none: empty); otherwise the
    text without the blanks around it.

    >>> case = Case(name="intents", dataset="x.csv", choices=("card lost", "card", "pin"))
    >>> extracted("It is **Card_lost**.", case), extracted("pin or card?", case)
    ('card lost', '(no label)')

    Raises `UsageError` for a regular expression that is none, `RowFailed` where a number was wanted and there is none.
    """
    text = text[:_LONGEST]
    if case.answer is not None:
        match = compiled(case.answer).search(text)
        if match is None:
            return _nothing(case)
        text = _group(match)
    if case.choices:
        named = _Choices.of(case.choices).named(text)
        if case.task == "multilabel":
            return named
        return named[0] if len(named) == 1 else NO_LABEL
    if case.task == "regression":
        return _number(text)
    if case.task in ("entities", "boxes", "fields"):
        return _json(text, {} if case.task == "fields" else [])
    return text.strip()


def _nothing(case: Case) -> Any:
    if case.task == "regression":
        raise RowFailed("no number in the text")
    return {"multilabel": [], "entities": [], "boxes": [], "fields": {}}.get(case.task or "", NO_LABEL)


@lru_cache(maxsize=64)
def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression, or `UsageError` that says what is wrong with it."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(f"answer: {pattern!r:.80} is no regular expression: {error}.") from None


def _group(match: re.Match[str]) -> str:
    if "answer" in match.re.groupindex:
        return match["answer"] or ""
    return (match[1] or "") if match.re.groups else match[0]


def _number(text: str) -> float:
    found = _NUMBER.search(text)
    if found is None:
        raise RowFailed("no number in the text")
    value = float(found[0].replace(",", "").replace("_", ""))
    if not math.isfinite(value):
        raise RowFailed("the number in the text is too large")
    return value


def _json(text: str, empty: Any) -> Any:
    fenced = _FENCE.search(text)
    text = fenced[1] if fenced else text
    opening = "{" if isinstance(empty, dict) else "["
    decoder = json.JSONDecoder()
    for at in [place for place, letter in enumerate(text) if letter == opening][:50]:
        try:
            return decoder.raw_decode(text, at)[0]
        except (ValueError, RecursionError):
            continue
    return empty


def _plain(text: str) -> str:
    return _GAPS.sub(" ", text.casefold()).strip(" \t\n\"'`*.,:;!?()[]{}<>")


def _cased(text: str) -> str:
    return text.casefold().strip()


_READINGS: tuple[Callable[[str], str], ...] = (_plain, _cased, str.strip)
"""From loose to strict; the first that keeps the labels apart is used (`-1` and `1` need a stricter one)."""


@dataclass(frozen=True)
class _Choices:
    """The labels of a case, ready to be looked for."""

    labels: dict[str, str]
    """As read, to the label."""
    read: Callable[[str], str]
    pattern: re.Pattern[str]

    @staticmethod
    @lru_cache(maxsize=64)
    def of(choices: tuple[str, ...]) -> "_Choices":
        for read in _READINGS:
            labels = {read(one): one for one in choices}
            if len(labels) == len(set(choices)) and "" not in labels:
                break
        longest = sorted(labels, key=len, reverse=True)
        pattern = "|".join(re.escape(one) for one in longest if one)
        return _Choices(labels, read, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"))

    def named(self, text: str) -> list[str]:
        """Labels in the order in which the text first names them; one alone where the text is just that."""
        whole = self.labels.get(self.read(text))
        if whole is not None:
            return [whole]
        running = _GAPS.sub(" ", text.casefold()) if self.read is _plain else text
        if self.read is _cased:
            running = text.casefold()
        found: Sequence[str] = self.pattern.findall(running)
        return list(dict.fromkeys(self.labels[one] for one in found))
