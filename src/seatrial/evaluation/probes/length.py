"""Texts cut short, and texts that go on about something else."""

import math
import re
from typing import Any, ClassVar, Literal

import numpy as np

from seatrial.evaluation.probes.base import CellProbe, Kind

_WORD = re.compile(r"\S+")
IRRELEVANT = (
    "The meeting room is on the second floor.",
    "Sent from my phone.",
    "It was a Tuesday in March.",
    "The kettle holds about one litre.",
    "There are twelve chairs around the table.",
    "The bus stops at the corner every ten minutes.",
    "The box is made of cardboard.",
    "Page three of five.",
)


class Truncation(CellProbe):
    """The end (or the start) of a text cut off at a word; one word always stays."""

    name: ClassVar[str] = "truncation"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.25, 0.5)
    means: ClassVar[str] = "share of words cut off"

    label_preserving: bool = False
    """What decided the label may be in the part cut off."""
    side: Literal["end", "start"] = "end"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        text = str(value)
        words = list(_WORD.finditer(text))
        keep = max(1, math.ceil(len(words) * (1 - severity) - 1e-9))
        if keep >= len(words):
            return value
        return text[: words[keep - 1].end()] if self.side == "end" else text[words[-keep].start() :]


class Suffix(CellProbe):
    """Sentences that have nothing to do with it, after the text."""

    name: ClassVar[str] = "suffix"
    works_on: ClassVar[tuple[Kind, ...]] = ("text",)
    ladder: ClassVar[tuple[float, ...]] = (1.0, 2.0, 4.0)
    top: ClassVar[float] = 50.0
    means: ClassVar[str] = "sentences added"

    texts: tuple[str, ...] = IRRELEVANT
    """What is added; each row begins at another one."""

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        if not self.texts:
            return value
        order = rng.permutation(len(self.texts)).tolist()
        added = [self.texts[order[k % len(order)]] for k in range(math.ceil(severity))]
        text = str(value)
        return " ".join([*([text] if text else []), *added])
