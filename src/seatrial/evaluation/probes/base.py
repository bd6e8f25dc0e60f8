"""What a probe is: a named, seeded perturbation of one column, with a ladder of severities."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from seatrial.records.base import Record

Kind = Literal["text", "number", "category", "image", "other"]
"""What a column holds: `category` are texts (or yes and no) of few levels that come again."""

MOST_LEVELS = 50
"""A text column of more distinct values than this is text, not a category."""
LONGEST_LEVEL = 80


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a data set, with what a probe may learn from all of it."""

    name: str
    values: Sequence[Any]
    ids: tuple[str, ...]
    order: Sequence[int] | None = None
    """Positions from the earliest row to the latest; None where the data have no time."""
    groups: Sequence[Any] | None = None
    """What rows belong together (user, patient): an earlier value is one of the same group."""

    @cached_property
    def kind(self) -> Kind:
        return kind_of(self.values)

    @cached_property
    def standard_deviation(self) -> float:
        """Of the finite numbers (n - 1), the same whatever the order of the rows; 0 with fewer than two."""
        numbers = sorted(float(v) for v in self.values if is_number(v))
        if len(numbers) < 2:
            return 0.0
        mean = math.fsum(numbers) / len(numbers)
        return math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / (len(numbers) - 1))

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        """Distinct values without the missing ones, sorted."""
        seen = {v for v in self.values if not is_missing(v)}
        return tuple(sorted(seen, key=lambda v: (type(v).__name__, v)))


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None or NaN."""
    return value is None or (isinstance(value, (float, np.floating)) and math.isnan(value))


def is_number(value: Any) -> bool:
    """Whether a cell is a finite number; yes and no are none."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value)


def is_image(value: Any) -> bool:
    """Whether a cell is a uint8 array (height, width) or (height, width, channels)."""
    return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3)


def kind_of(values: Sequence[Any]) -> Kind:
    """What a column holds, told from its cells that are not missing (of images, from the first).

    >>> kind_of([1, 2.5, None]), kind_of(["a", "b", "a"]), kind_of(["one thing", "another"])
    ('number', 'category', 'text')
    """
    seen: list[Any] = []
    for at in range(len(values)):
        value = values[at]
        if is_image(value):
            return "image"
        if not is_missing(value):
            seen.append(value)
    if not seen:
        return "other"
    if all(isinstance(v, (bool, np.bool_)) for v in seen):
        return "category"
    if all(isinstance(v, (int, float, np.integer, np.floating)) for v in seen):
        return "number"
    if not all(isinstance(v, str) for v in seen):
        return "other"
    distinct = set(seen)
    few = len(distinct) <= min(MOST_LEVELS, len(seen) * 2 // 3)
    return "category" if few and max(map(len, distinct)) <= LONGEST_LEVEL else "text"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Where randomness comes from: the same row, column, probe and seed give the same numbers at every severity."""

    seed: int
    probe: str
    column: str
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = f"{self.seed}\x1f{self.probe}\x1f{self.column}"
        object.__setattr__(self, "_key", hashlib.blake2b(text.encode(), digest_size=32).digest())

    def number(self, row: str) -> int:
        """128 bits for one row."""
        return int.from_bytes(hashlib.blake2b(row.encode(), key=self._key, digest_size=16).digest(), "big")

    def generator(self, row: str) -> np.random.Generator:
        """A generator of the row's own."""
        return np.random.Generator(np.random.Philox(key=self.number(row)))

    def uniform(self, row: str) -> float:
        """One number in [0, 1): cheap, where a row needs no more."""
        return (self.number(row) >> 75) / 2.0**53


class Probe(Record, ABC):
    """Base of probes; its fields are its options, unknown ones are refused.

    Draw what does not depend on the severity first (which letters would go at which severity), so that a higher
    severity changes the same places and more.
    """

    name: ClassVar[str]
    works_on: ClassVar[tuple[Kind, ...]]
    """Kinds of columns it takes when none is named."""
    takes: ClassVar[tuple[Kind, ...]] = ()
    """Kinds of columns it can work on when they are named; empty: those of `works_on`."""
    ladder: ClassVar[tuple[float, ...]]
    """Severities from mild to hard."""
    top: ClassVar[float] = 1.0
    """The highest severity there is."""
    means: ClassVar[str]
    """What the severity is: `share of letters`."""

    label_preserving: bool = True
    """Whether the right answer stays the same: a slip in the record is no change of the world."""

    @abstractmethod
    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        """The column perturbed, one value a row; missing values stay missing. `severity` is above 0."""

    @property
    def identity(self) -> str:
        """Name and options, for fingerprints."""
        return f"{self.name} {self.canonical_json()}"


class CellProbe(Probe):
    """A probe that changes one cell at a time."""

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        return [
            value if is_missing(value) else self.change(value, severity, draw.generator(row))
            for value, row in zip(column.values, column.ids, strict=True)
        ]

    @abstractmethod
    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        """One cell perturbed; the value itself where nothing can be changed."""
