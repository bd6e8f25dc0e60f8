"""Characters misread by a scanner, and accents lost or gained."""

import re
import unicodedata
from typing import Any, ClassVar, Literal

import numpy as np

from seatrial.evaluation.probes.base import CellProbe, Kind

_ALIKE = (
    ("0", "O"), ("0", "o"), ("1", "l"), ("1", "I"), ("l", "I"), ("l", "|"), ("i", "j"), ("5", "S"), ("8", "B"),
    ("2", "Z"), ("6", "b"), ("9", "g"), ("g", "q"), ("e", "c"), ("a", "o"), ("h", "b"), ("u", "v"), ("f", "t"),
    ("n", "ri"), ("rn", "m"), ("cl", "d"), ("vv", "w"), ("nn", "m"), ("li", "h"), ("D", "O"), ("E", "F"), ("C", "G"),
    (".", ","), (":", ";"),
)  # fmt: skip
_ACCENTED = {
    "a": "àáâãäå", "c": "çć", "e": "èéêë", "i": "ìíîï", "n": "ñń", "o": "òóôõö", "s": "šś", "u": "ùúûü", "y": "ýÿ",
    "z": "žź",
}  # fmt: skip
_LETTER = re.compile("[^\\W\\d_][\u0300-\u036f]*")


def _confusions() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for one, other in _ALIKE:
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return {key: tuple(sorted(values)) for key, values in found.items()}


CONFUSIONS = _confusions()
_CONFUSABLE = re.compile("|".join(sorted(map(re.escape, CONFUSIONS), key=lambda one: (-len(one), one))))


class Ocr(CellProbe):
    """Characters read as what looks like them: 0 and O, 1 and l, rn and m, cl and d."""

    name: ClassVar[str] = "ocr"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.02, 0.05, 0.1, 0.2)
    means: ClassVar[str] = "share of characters that have a look-alike"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        places = list(_CONFUSABLE.finditer(text))
        draws = iter(rng.random((len(places), 2)).tolist())

        def one(place: re.Match[str]) -> str:
            hit, which = next(draws)
            if hit >= severity:
                return place[0]
            like = CONFUSIONS[place[0]]
            return like[int(which * len(like))]

        return _CONFUSABLE.sub(one, text)


class Accents(CellProbe):
    """Accents lost where there are some (café to cafe), put where there are none (cafe to càfe)."""

    name: ClassVar[str] = "accents"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.05, 0.2, 0.5)
    means: ClassVar[str] = "share of letters that have or can take an accent"

    how: Literal["both", "strip", "add"] = "both"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        places = len(_LETTER.findall(text))
        draws = iter(rng.random((places, 2)).tolist())

        def one(place: re.Match[str]) -> str:
            hit, which = next(draws)
            if hit >= severity:
                return place[0]
            bare = "".join(c for c in unicodedata.normalize("NFD", place[0]) if not unicodedata.combining(c))
            if bare and bare != place[0]:
                return place[0] if self.how == "add" else bare
            forms = _ACCENTED.get(place[0].lower(), "")
            if not forms or self.how == "strip":
                return place[0]
            form = forms[int(which * len(forms))]
            return form.upper() if place[0].isupper() else form

        return _LETTER.sub(one, text)
