"""Levels: the names a slice column's codes stand for, and the SQL that gives the codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from seatrial.data.coding import Coding
from seatrial.data.frame import SliceColumn
from seatrial.data.labels import Raw, canonical_labels, is_number, label_text, sorted_labels
from seatrial.data.slicing import MISSING, MOST_LEVELS, MOST_NUMBERS, SliceSpec, bin_names, edge_names
from seatrial.data.staging import Table
from seatrial.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Levels:
    """One way to cut the rows, the same for every table that has the column."""

    spec: SliceSpec
    column: SliceColumn
    kind: str
    """Which staged form of the column is cut: t, v or n."""
    codes: Mapping[str, Mapping[Raw, int]] = field(default_factory=dict)
    """Of named levels: table to raw value to code."""
    uppers: tuple[str, ...] = ()
    """Of bins: SQL of what holds of a value that belongs to bin i or below, for all bins but the last."""
    notes: tuple[str, ...] = ()

    def sql(self, table: Table, coding: Coding) -> str:
        """Return SQL of the codes in one table."""
        column = f"{table.alias}.{self.kind}{table.stage.source.places[self.spec.column]}"
        missing = len(self.column.levels) - 1
        if self.kind == "t":
            return f"COALESCE({coding.code(column, self.codes[table.alias])}, {missing})"
        cases = " ".join(f"WHEN {column} {upper} THEN {code}" for code, upper in enumerate(self.uppers))
        return f"CAST(CASE WHEN {column} IS NULL THEN {missing} {cases} ELSE {missing - 1} END AS SMALLINT)"


def find_levels(spec: SliceSpec, tables: Sequence[Table]) -> Levels:
    """Return the levels of a slice over all tables that have its column.

    Raises `UsageError` when a text column has too many levels or a column to bin holds no numbers.
    """
    if spec.of == "length":
        return _binned(spec, tables, "n")
    if spec.bins is not None or spec.edges:
        return _binned(spec, tables, "v")
    raws: dict[str, list[Raw]] = {}
    for table in tables:
        column = f"t{table.stage.source.places[spec.column]}"
        rows = table.stage.engine.rows(
            f"SELECT {column} FROM {table.relation} WHERE {column} IS NOT NULL GROUP BY ALL ORDER BY ALL"
            f" LIMIT {MOST_LEVELS + 1}",
            table.given,
        )
        raws[table.alias] = [row[0] for row in rows]
    canonical = canonical_labels(label_text(raw) for found in raws.values() for raw in found)
    names = sorted_labels(name for name in canonical.values() if name not in (None, MISSING))
    numeric = bool(names) and all(is_number(name) for name in names)
    if len(names) <= MOST_LEVELS and not (numeric and len(names) > MOST_NUMBERS):
        place = {name: code for code, name in enumerate((*names, MISSING))}
        codes = {
            alias: {raw: place[name] for raw in found if (name := canonical[label_text(raw)]) is not None}
            for alias, found in raws.items()
        }
        return Levels(spec=spec, column=SliceColumn(name=spec.name, levels=(*names, MISSING)), kind="t", codes=codes)
    if not all(_all_numbers(table, spec.column) for table in tables):
        distinct = max(_distinct(table, spec.column) for table in tables)
        raise UsageError(
            f"--by {spec.name}: the column has {distinct:,} different values; at most {MOST_LEVELS} can be slices."
            f" Slice numbers in bins ({spec.column}:quartiles) and text by its length (length({spec.column}))."
        )
    found = _binned(SliceSpec(name=spec.name, column=spec.column, bins=4), tables, "v")
    note = f"{spec.name} is numeric with many values and was cut into quartiles ({spec.column}:quartiles)"
    return Levels(spec=spec, column=found.column, kind=found.kind, uppers=found.uppers, notes=(note, *found.notes))


def _binned(spec: SliceSpec, tables: Sequence[Table], kind: str) -> Levels:
    pooled, given = _pooled(spec, tables, kind)
    engine = tables[0].stage.engine
    (present,) = engine.one(f"SELECT count(x) FROM {pooled}", given)
    if not present:
        raise UsageError(f"--by {spec.name}: the column holds no numbers to bin; slice by its values: {spec.column}.")
    notes: list[str] = []
    (unreadable,) = engine.one(f"SELECT count(*) FROM {pooled} WHERE why IN (2, 3)", given)
    if unreadable:
        notes.append(f"{spec.name}: {unreadable:,} entries are not numbers and count as {MISSING}")
    if spec.edges:
        names, uppers = _between_edges(spec.edges, tables, pooled, given)
    else:
        names, uppers = _equal_mass(spec.bins or 4, tables, pooled, given, present)
        if spec.bins is not None and len(names) < spec.bins:
            notes.append(
                f"{spec.name}: equal values stay together, so the bins are {len(names)} instead of {spec.bins}"
            )
    column = SliceColumn(name=spec.name, levels=(*names, MISSING))
    return Levels(spec=spec, column=column, kind=kind, uppers=uppers, notes=tuple(notes))


def _pooled(spec: SliceSpec, tables: Sequence[Table], kind: str) -> tuple[str, dict[str, object]]:
    """Return SQL of the column's numbers `x` over all tables, `why` they may be missing, and its parameters."""
    given: dict[str, object] = {}
    parts: list[str] = []
    for table in tables:
        place = table.stage.source.places[spec.column]
        why = f"w{place}" if kind == "v" else "0"
        parts.append(f"SELECT {kind}{place} AS x, {why} AS why FROM {table.relation}")
        given |= table.given
    return f"({' UNION ALL '.join(parts)})", given


def _between_edges(
    edges: tuple[float, ...], tables: Sequence[Table], pooled: str, given: dict[str, object]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the bins that occur, and what bounds them above."""
    bounds = [float("-inf"), *edges, float("inf")]
    counts = ", ".join(
        f"count(*) FILTER (WHERE x >= {_real(low)} AND x < {_real(high)})" for low, high in pairwise(bounds)
    )
    occurs = [bool(count) for count in tables[0].stage.engine.one(f"SELECT {counts} FROM {pooled}", given)]
    names = tuple(name for name, seen in zip(edge_names(edges), occurs, strict=True) if seen)
    uppers = [f"< {_real(upper)}" for upper, seen in zip(bounds[1:], occurs, strict=True) if seen]
    return names, tuple(uppers[:-1])


def _equal_mass(
    bins: int, tables: Sequence[Table], pooled: str, given: dict[str, object], present: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names and upper bounds of bins with equally many rows: bin j ends at the first value at or past j/bins."""
    engine = tables[0].stage.engine
    marks = ", ".join(f"min(x) FILTER (WHERE upto * {bins} >= {step} * {present})" for step in range(1, bins + 1))
    counts = f"SELECT x, count(*) AS c FROM {pooled} WHERE x IS NOT NULL GROUP BY ALL"
    cumulated = f"SELECT x, sum(c) OVER (ORDER BY x) AS upto FROM ({counts})"
    ends: list[float] = sorted(set(engine.one(f"SELECT {marks} FROM ({cumulated})", given)))
    limits = ", ".join(
        f"min(x) FILTER (WHERE x > {_real(low)}), max(x) FILTER (WHERE x <= {_real(high)})"
        for low, high in pairwise([float("-inf"), *ends])
    )
    found = engine.one(f"SELECT {limits} FROM {pooled}", given)
    names = bin_names(list(zip(found[::2], found[1::2], strict=True)))
    return names, tuple(f"<= {_real(end)}" for end in ends[:-1])


def _all_numbers(table: Table, column: str) -> bool:
    place = table.stage.source.places[column]
    sql = f"SELECT count(v{place}), count(*) FILTER (WHERE w{place} = 2) FROM {table.relation}"
    numbers, unreadable = table.stage.engine.one(sql, table.given)
    return bool(numbers) and not unreadable


def _distinct(table: Table, column: str) -> int:
    sql = f"SELECT count(DISTINCT t{table.stage.source.places[column]}) FROM {table.relation}"
    return int(table.stage.engine.one(sql, table.given)[0])


def _real(value: float) -> str:
    """Return a real number in SQL, exactly."""
    return f"CAST('{value!r}' AS DOUBLE)"
