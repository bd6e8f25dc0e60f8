"""The columns of a unit table that hold its segments."""

from collections.abc import Sequence

from seatrial.experiments.cells import Key
from seatrial.experiments.table import Grouping, UnitTable


def segment_keys(table: UnitTable, groupings: Sequence[Grouping]) -> tuple[tuple[Key, ...], dict[Grouping, Grouping]]:
    """The key columns `s0..` that the groupings need, and every grouping in terms of them."""
    names = {segment.name: f"s{i}" for i, segment in enumerate(table.segments)}
    used = {name for grouping in groupings for name in grouping}
    keys = tuple(Key(name=names[s.name], size=len(s.levels)) for s in table.segments if s.name in used)
    return keys, {grouping: tuple(names[name] for name in grouping) for grouping in groupings}
