"""Texts to fixed-length ids by the rules of a Keras tokenizer, read from a JSON vocabulary."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from seatrial.models.base import ModelError

_ARROW = re.compile(r"^(?P<pattern>.+) -> (?P<by>space|nothing)$")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Words and their ids (from 1), and the rules by which a text becomes ids.

    A text is cleaned by `preprocess` (in order: `lowercase`, `remove PATTERN`, `PATTERN -> space`; `(stopwords)` in a
    pattern is any of `stopwords_removed`), put in small letters where `lower`, its `filters` characters become
    `split`, and it is split; unknown words, and ids of `num_words` and above, are dropped or become `oov_token`. Ids
    are cut to `maxlen` at the `truncating` end and filled with 0 at the `padding` end.
    """

    ids: Mapping[str, int]
    maxlen: int
    padding: str = "pre"
    truncating: str = "pre"
    lower: bool = True
    filters: str = ""
    split: str = " "
    char_level: bool = False
    num_words: int | None = None
    unknown: int | None = None
    cleaning: tuple[Callable[[str], str], ...] = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a vocabulary; raises `ModelError` when the file is none."""
        try:
            given = json.loads(file.read_text(encoding="utf-8"))
            words = given["words_by_index_from_1"]
            ids = {str(word): at for at, word in enumerate(words, 1)}
            return cls(
                ids=ids,
                maxlen=int(given["maxlen"]),
                padding=_end(given.get("padding", "pre")),
                truncating=_end(given.get("truncating", "pre")),
                lower=bool(given.get("lower", True)),
                filters=str(given.get("filters") or ""),
                split=str(given.get("split") or " "),
                char_level=bool(given.get("char_level", False)),
                num_words=None if given.get("num_words") is None else int(given["num_words"]),
                unknown=ids.get(str(given["oov_token"])) if given.get("oov_token") else None,
                cleaning=tuple(
                    _step(str(one), given.get("stopwords_removed") or ()) for one in given.get("preprocess", ())
                ),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, re.error) as error:
            said = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
            raise ModelError(
                f"'{file.name}' is no vocabulary ({said}); it is JSON with words_by_index_from_1 and maxlen."
            ) from None

    def sequence(self, text: str) -> list[int]:
        """Return the ids of a text, before cutting and filling."""
        for step in self.cleaning:
            text = step(text)
        if self.lower:
            text = text.lower()
        if self.char_level:
            words = [one for one in text if one not in self.filters]
        else:
            words = text.translate({ord(one): self.split for one in self.filters}).split(self.split)
        found: list[int] = []
        for word in words:
            if not word:
                continue
            at = self.ids.get(word)
            if at is None or (self.num_words is not None and at >= self.num_words):
                at = self.unknown
            if at is not None:
                found.append(at)
        return found

    def encoded(self, texts: Sequence[Any]) -> "np.ndarray[Any, Any]":
        """Return ids (n, maxlen) of some texts; a missing text is all zeros."""
        ids = np.zeros((len(texts), self.maxlen), dtype=np.int64)
        for row, text in enumerate(texts):
            found = self.sequence("" if text is None else str(text))
            found = found[-self.maxlen :] if self.truncating == "pre" else found[: self.maxlen]
            if found and self.padding == "pre":
                ids[row, -len(found) :] = found
            else:
                ids[row, : len(found)] = found
        return ids


def _end(given: Any) -> str:
    if given not in ("pre", "post"):
        raise ValueError(f"padding and truncating are 'pre' or 'post', not {given!r}")
    return str(given)


def _step(told: str, stopwords: Sequence[str]) -> Callable[[str], str]:
    if told == "lowercase":
        return str.lower
    stops = "|".join(re.escape(str(one)) for one in stopwords)
    if told.startswith("remove "):
        pattern, by = told.removeprefix("remove "), ""
    elif match := _ARROW.match(told):
        pattern, by = match["pattern"], " " if match["by"] == "space" else ""
    else:
        raise ValueError(f"no preprocess step {told!r}: write 'lowercase', 'remove PATTERN' or 'PATTERN -> space'")
    compiled = re.compile(pattern.replace("(stopwords)", f"({stops})"))
    return lambda text: compiled.sub(by, text)
