"""Groupings: all rows, one slice column, or a cross of several; each cuts the rows into slices 0..size-1."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.records import Slice


def narrowest(size: int) -> np.dtype[Any]:
    """The smallest signed integers that hold 0..size."""
    return np.dtype(next(kind for kind in (np.int8, np.int16, np.int32, np.int64) if size <= np.iinfo(kind).max))


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """Slice columns (positions in `frame.slices`) crossed with each other; `()` is all rows."""

    columns: tuple[int, ...]
    names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> int:
        return prod(len(level) for level in self.levels)

    def key(self, index: int) -> Slice:
        """The slice at a position, as a reader names it: `{"sex": "Female", "age": "17 to 28"}`."""
        return dict(zip(self.names, self._words[index], strict=True))

    @cached_property
    def _words(self) -> list[tuple[str, ...]]:
        """The levels of every slice, in the order of their positions."""
        return list(product(*self.levels))

    def index(self, key: Slice) -> int | None:
        """The position of a slice, or None when some level is not there."""
        position = 0
        for name, levels in zip(self.names, self.levels, strict=True):
            if key[name] not in levels:
                return None
            position = position * len(levels) + levels.index(key[name])
        return position

    def combine(self, codes: list[NDArray[Any]]) -> NDArray[Any]:
        """Slice positions from the codes of each column, (n,), as the narrowest integers that hold them."""
        kind = narrowest(self.size)
        combined = codes[0].astype(kind)
        for levels, column in zip(self.levels[1:], codes[1:], strict=True):
            combined *= kind.type(len(levels))
            combined += column.astype(kind, copy=False)
        return combined


def grouping(frame: Frame, columns: tuple[int, ...]) -> Grouping:
    """The grouping by some of the frame's slice columns."""
    chosen = [frame.slices[k] for k in columns]
    return Grouping(columns=columns, names=tuple(c.name for c in chosen), levels=tuple(c.levels for c in chosen))


def groupings(frame: Frame, *, explored: tuple[int, ...], cross: int) -> list[Grouping]:
    """All rows, then every slice column asked for, then their crosses up to `cross` columns deep."""
    found = [grouping(frame, ())]
    for depth in range(1, cross + 1):
        found += [grouping(frame, chosen) for chosen in combinations(explored, depth)]
    return found
