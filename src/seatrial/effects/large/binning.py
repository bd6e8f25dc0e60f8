"""How finely numbers are binned for each grouping, so that all counts fit into memory; which groupings share a pass."""

from collections.abc import Callable, Iterator, Sequence

from seatrial.effects.grouping import Grouping
from seatrial.stats.score_bins import NumberBins

CELLS = 4_000_000
"""Counts held at once, over slices, classes, versions and bins."""
MOST_BINS = 16_384
FEWEST_BINS = 64
SAMPLE = 400_000
"""Rows whose quantiles become edges."""


def resolution(grouping: Grouping, columns: int, *, cells: int = CELLS, most: int = MOST_BINS) -> int:
    """The largest power of two of bins for which slices x columns x bins fit."""
    bins = most
    while bins > FEWEST_BINS and grouping.size * columns * bins > cells:
        bins //= 2
    return bins


def batches(groupings: Sequence[Grouping], columns: int, *, cells: int = CELLS) -> Iterator[list[Grouping]]:
    """Groupings in the order given, as many in a batch as fit."""
    held: list[Grouping] = []
    used = 0
    for grouping in groupings:
        size = grouping.size * columns * resolution(grouping, columns, cells=cells)
        if held and used + size > cells:
            yield held
            held, used = [], 0
        held.append(grouping)
        used += size
    if held:
        yield held


class Edges:
    """The bins of one column at every resolution asked for, made once each."""

    def __init__(self, make: Callable[[int], NumberBins]) -> None:
        self._make = make
        self._held: dict[int, NumberBins] = {}

    def at(self, most: int) -> NumberBins:
        if most not in self._held:
            self._held[most] = self._make(most)
        return self._held[most]
