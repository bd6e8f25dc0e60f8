"""How people type: slips of the finger, capitals, punctuation and blanks."""

import re
import unicodedata
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from seatrial.evaluation.probes.base import CellProbe, Kind
from seatrial.evaluation.probes.wording import WORD

_ROWS = {
    "qwerty": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "qwertz": ("qwertzuiop", "asdfghjkl", "yxcvbnm"),
    "azerty": ("azertyuiop", "qsdfghjklm", "wxcvbn"),
}
_OFFSETS = (0.0, 0.25, 0.75)
_REACH = 1.26
"""Keys nearer than this, in widths of a key, are hit by mistake."""
_MARKS = ",.;:!?-"
_GAP = re.compile(r"\s+")


@cache
def neighbours(layout: str) -> dict[str, str]:
    """Each key with the keys next to it.

    >>> neighbours("qwerty")["g"]
    'bfhtvy'
    """
    places = {
        key: (x + offset, float(y))
        for y, (row, offset) in enumerate(zip(_ROWS[layout], _OFFSETS, strict=True))
        for x, key in enumerate(row)
    }
    return {
        key: "".join(
            sorted(
                other for other, (u, v) in places.items() if other != key and (u - x) ** 2 + (v - y) ** 2 <= _REACH**2
            )
        )
        for key, (x, y) in places.items()
    }


class Typos(CellProbe):
    """Slips of the finger: the key beside, a letter left out, doubled, or changed places with the next."""

    name: ClassVar[str] = "typos"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.02, 0.05, 0.1, 0.2)
    means: ClassVar[str] = "share of letters"

    layout: Literal["qwerty", "qwertz", "azerty"] = "qwerty"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        letters = [at for at, c in enumerate(text) if c.isalpha()]
        if not letters:
            return value
        draws = rng.random((len(letters), 3))
        near = neighbours(self.layout)
        out = list(text)
        swaps: list[int] = []
        for at, (hit, how, which) in zip(letters, draws.tolist(), strict=True):
            if hit >= severity:
                continue
            c = text[at]
            keys = near.get(c.lower(), "")
            if keys and how < 0.55:
                key = keys[int(which * len(keys))]
                out[at] = key.upper() if c.isupper() else key
            elif how < 0.7 and len(letters) > 1:
                out[at] = ""
            elif how < 0.85 and at + 1 < len(text) and text[at + 1].isalpha() and text[at + 1] != c:
                swaps.append(at)
            else:
                out[at] = c + c
        for at in swaps:
            out[at], out[at + 1] = out[at + 1], out[at]
        return "".join(out)


class Case(CellProbe):
    """Capitals where they do not belong: a word all in capitals, all small, capitalised, or with case reversed."""

    name: ClassVar[str] = "case"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.3, 1.0)
    means: ClassVar[str] = "share of words"

    to: Literal["any", "upper", "lower", "title", "reversed"] = "any"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        words = list(WORD.finditer(text))
        draws = iter(rng.random((len(words), 2)).tolist())

        def one(word: re.Match[str]) -> str:
            hit, which = next(draws)
            if hit >= severity:
                return word[0]
            every = {
                "upper": word[0].upper(),
                "lower": word[0].lower(),
                "title": word[0].capitalize(),
                "reversed": word[0].swapcase(),
            }
            other = sorted({new for new in every.values() if new != word[0]})
            if self.to != "any":
                return every[self.to]
            return other[int(which * len(other))] if other else word[0]

        return WORD.sub(one, text)


class Punctuation(CellProbe):
    """Marks dropped, and marks put after words that had none."""

    name: ClassVar[str] = "punctuation"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.3, 0.6)
    means: ClassVar[str] = "share of marks dropped, and half that share of words given one"

    how: Literal["both", "drop", "add"] = "both"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        draws = rng.random((len(text), 2)).tolist()
        out: list[str] = []
        for at, (c, (hit, which)) in enumerate(zip(text, draws, strict=True)):
            if unicodedata.category(c).startswith("P"):
                out.append("" if self.how != "add" and hit < severity else c)
                continue
            out.append(c)
            ends = c.isalnum() and (at + 1 == len(text) or text[at + 1].isspace())
            if ends and self.how != "drop" and hit < severity / 2:
                out.append(_MARKS[int(which * len(_MARKS))])
        return "".join(out)


class Whitespace(CellProbe):
    """Blanks doubled, turned into tabs or line ends, or left out between words."""

    name: ClassVar[str] = "whitespace"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.3, 0.6)
    means: ClassVar[str] = "share of gaps between words"

    how: Literal["both", "add", "remove"] = "both"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        gaps = len(_GAP.findall(text))
        draws = iter(rng.random((gaps, 2)).tolist())
        ways = {"add": ("double", "tab", "line"), "remove": ("none",), "both": ("double", "tab", "line", "none")}

        def one(gap: re.Match[str]) -> str:
            hit, which = next(draws)
            if hit >= severity:
                return gap[0]
            way = ways[self.how][int(which * len(ways[self.how]))]
            new = {"double": gap[0] * 2, "tab": "\t", "line": "\n", "none": ""}[way]
            return gap[0] * 2 if new == gap[0] else new

        return _GAP.sub(one, text)
