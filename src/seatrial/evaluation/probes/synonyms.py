"""Words replaced by others that mean the same, from the user's list or a small one of our own."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml
from pydantic import Field

from seatrial.decisions.yaml_fields import yaml_sentence
from seatrial.decisions.yaml_text import read_yaml
from seatrial.errors import UsageError
from seatrial.evaluation.probes.base import CellProbe, Kind
from seatrial.evaluation.probes.wording import agreeing_article, with_case_of, word_pattern

OWN = (
    "begin start", "big large", "small little", "quick fast rapid", "happy glad", "sad unhappy", "buy purchase",
    "help assist", "ask enquire", "answer reply", "show display", "choose select pick", "end finish", "fix repair",
    "get obtain", "keep retain", "need require", "often frequently", "maybe perhaps", "also too", "but yet",
    "very really", "almost nearly", "enough sufficient", "whole entire", "error mistake", "job task", "idea thought",
    "movie film", "picture image", "photo photograph", "kid child", "kids children", "town city", "road street",
    "shop store", "car automobile", "doctor physician", "present gift", "price cost", "money cash", "letter message",
    "phone telephone", "house home", "hard difficult", "easy simple", "right correct", "wrong incorrect",
    "angry furious", "tired weary", "scared afraid", "smart clever", "pretty beautiful", "boring dull",
    "great excellent", "good fine", "bad poor", "terrible awful", "strange odd", "quiet silent", "rich wealthy",
    "sick ill", "huge enormous", "tiny minute", "think believe", "like enjoy", "hate detest", "speak talk",
    "shut close", "allow permit", "try attempt", "use employ", "wait stay", "look glance", "therefore thus",
    "however though", "about around", "near close", "quickly rapidly", "usually normally",
)  # fmt: skip
"""Groups of words that stand for each other."""


def _own() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in OWN:
        words = group.split()
        for word in words:
            others = tuple(other for other in words if other != word)
            found[word] = tuple(dict.fromkeys((*found.get(word, ()), *others)))
    return found


class Synonyms(CellProbe):
    """Words replaced by a synonym in the same case, `a` and `an` made to agree."""

    name: ClassVar[str] = "synonyms"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.25, 0.5, 1.0)
    means: ClassVar[str] = "share of words that have a synonym in the list"
    files: ClassVar[tuple[str, ...]] = ("words",)

    words: dict[str, str | tuple[str, ...]] | str = Field(default_factory=dict)
    """Word to its synonyms, or a YAML file of the same; nothing: a small list of common English words."""

    @cached_property
    def _table(self) -> dict[str, tuple[str, ...]]:
        given = _read(self.words) if isinstance(self.words, str) else self.words
        table = {
            " ".join(word.lower().split()): (other,) if isinstance(other, str) else tuple(other)
            for word, other in given.items()
        }
        return table or _own()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return word_pattern(self._table)

    @property
    def identity(self) -> str:
        return f"{self.name} {self.label_preserving} {sorted(self._table.items())}"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        places = list(self._pattern.finditer(text))
        draws = rng.random((len(places), 2)).tolist()
        out = ""
        done = 0
        for place, (hit, which) in zip(places, draws, strict=True):
            others = self._table.get(" ".join(place[0].lower().split()), ())
            if hit >= severity or not others:
                continue
            new = with_case_of(place[0], others[int(which * len(others))])
            out += text[done : place.start()]
            article = agreeing_article(out, place[0], new)
            if article is not None:
                at, right = article
                out = out[:at] + right + out[at:].lstrip("AaNn")
            out += new
            done = place.end()
        return out + text[done:]


def _read(path: str) -> dict[str, str | tuple[str, ...]]:
    try:
        given = read_yaml(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"Synonyms '{path}' cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"Synonyms '{path}' is not a text file in UTF-8.") from None
    except yaml.YAMLError as error:
        raise UsageError(f"Synonyms '{path}' is no YAML: {yaml_sentence(error)}.") from None
    if not isinstance(given, dict) or not given:
        raise UsageError(f"Synonyms '{path}' must be lines such as 'big: [large, huge]'.")
    return {
        str(word): tuple(map(str, others)) if isinstance(others, list) else str(others)
        for word, others in given.items()
    }
