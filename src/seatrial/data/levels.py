"""Levels: the names a slice column's codes stand for, and the SQL that gives the codes."""

from dataclasses import dataclass

from seatrial.data.coding import Coding
from seatrial.data.frame import SliceColumn
from seatrial.data.labels import Raw, canonical_labels, label_text, sorted_labels
from seatrial.data.slicing import MISSING, MOST_LEVELS, MOST_NUMBERS, SliceSpec, bin_names, edge_names
from seatrial.data.staging import Stage
from seatrial.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Levels:
    """A slice column ready to be put into the frame."""

    column: SliceColumn
    sql: str
    notes: tuple[str, ...] = ()


def find_levels(
    spec: SliceSpec, stage: Stage, relation: str, given: dict[str, object], prefix: str, coding: Coding
) -> Levels:
    """Return the levels of a slice and SQL of its codes; `prefix` is the alias of the relation in that SQL.

    Raises `UsageError` when a text column has too many levels or a column to bin holds no numbers.
    """
    place = stage.source.places[spec.column]
    if spec.of == "length":
        return _binned(spec, stage, relation, given, f"n{place}", prefix)
    if spec.bins is None and not spec.edges:
        counted = stage.engine.rows(
            f"SELECT t{place}, count(*) FROM {relation} WHERE t{place} IS NOT NULL GROUP BY ALL ORDER BY ALL"
            f" LIMIT {MOST_LEVELS + 1}",
            given,
        )
        raws: list[Raw] = [raw for raw, _ in counted]
        canonical = canonical_labels(label_text(raw) for raw in raws)
        names = sorted_labels(name for name in canonical.values() if name is not None)
        numeric = bool(names) and all(_is_number(name) for name in names)
        if len(raws) <= MOST_LEVELS and not (numeric and len(names) > MOST_NUMBERS):
            return _named(spec, names, {raw: canonical[label_text(raw)] for raw in raws}, f"{prefix}.t{place}", coding)
        if not _all_numbers(stage, relation, given, place):
            (distinct,) = stage.engine.one(f"SELECT count(DISTINCT t{place}) FROM {relation}", given)
            raise UsageError(
                f"--by {spec.name}: the column has {distinct:,} different values; at most {MOST_LEVELS} can be slices."
                f" Slice numbers in bins ({spec.column}:quartiles) and text by its length (length({spec.column}))."
            )
        quartiles = SliceSpec(name=spec.name, column=spec.column, bins=4)
        found = _binned(quartiles, stage, relation, given, f"v{place}", prefix)
        note = f"{spec.name} is numeric with many values and was cut into quartiles ({spec.column}:quartiles)"
        return Levels(column=found.column, sql=found.sql, notes=(note, *found.notes))
    return _binned(spec, stage, relation, given, f"v{place}", prefix)


def _named(
    spec: SliceSpec, names: tuple[str, ...], level: dict[Raw, str | None], column: str, coding: Coding
) -> Levels:
    names = tuple(name for name in names if name != MISSING)
    place = {name: code for code, name in enumerate((*names, MISSING))}
    codes = {raw: place[name] for raw, name in level.items() if name is not None}
    sql = f"COALESCE({coding.code(column, codes)}, {len(names)})"
    return Levels(column=SliceColumn(name=spec.name, levels=(*names, MISSING)), sql=sql)


def _binned(spec: SliceSpec, stage: Stage, relation: str, given: dict[str, object], value: str, prefix: str) -> Levels:
    engine = stage.engine
    present, absent = engine.one(f"SELECT count({value}), count(*) - count({value}) FROM {relation}", given)
    if not present:
        raise UsageError(
            f"--by {spec.name}: the column holds no numbers to bin; slice by its values: --by {spec.column}."
        )
    notes: list[str] = []
    if value.startswith("v"):
        (unreadable,) = engine.one(f"SELECT count(*) FROM {relation} WHERE w{value[1:]} IN (2, 3)", given)
        if unreadable:
            notes.append(f"{spec.name}: {unreadable:,} entries are not numbers and count as {MISSING}")
    if spec.edges:
        every = edge_names(spec.edges)
        bounds = [float("-inf"), *spec.edges, float("inf")]
        counts = ", ".join(
            f"count(*) FILTER (WHERE {value} >= {_real(low)} AND {value} < {_real(high)})"
            for low, high in zip(bounds, bounds[1:], strict=False)
        )
        occurs = [bool(count) for count in engine.one(f"SELECT {counts} FROM {relation}", given)]
        names = tuple(name for name, seen in zip(every, occurs, strict=True) if seen)
        within = zip(bounds[1:], occurs, strict=True)
        steps = [
            (f"< {_real(upper)}", code) for code, upper in enumerate([upper for upper, seen in within if seen][:-1])
        ]
    else:
        uppers, ranges = _equal_mass(stage, relation, given, value, spec.bins or 4, present)
        names = bin_names(ranges)
        steps = [(f"<= {_real(upper)}", code) for code, upper in enumerate(uppers[:-1])]
        if spec.bins is not None and len(names) < spec.bins:
            notes.append(
                f"{spec.name}: equal values stay together, so the bins are {len(names)} instead of {spec.bins}"
            )
    cases = " ".join(f"WHEN {prefix}.{value} {test} THEN {code}" for test, code in steps)
    otherwise = len(names) - 1
    inner = f"CASE WHEN {prefix}.{value} IS NULL THEN {len(names)} {cases} ELSE {otherwise} END"
    levels = (*names, MISSING)
    return Levels(
        column=SliceColumn(name=spec.name, levels=levels), sql=f"CAST({inner} AS SMALLINT)", notes=tuple(notes)
    )


def _equal_mass(
    stage: Stage, relation: str, given: dict[str, object], value: str, bins: int, present: int
) -> tuple[list[float], list[tuple[float, float]]]:
    """Return the highest value of each bin, and (lowest, highest) of each: bin j ends at the first value at or past j/bins."""
    marks = ", ".join(f"min(v) FILTER (WHERE upto * {bins} >= {step} * {present})" for step in range(1, bins + 1))
    counts = f"SELECT {value} AS v, count(*) AS c FROM {relation} WHERE {value} IS NOT NULL GROUP BY ALL"
    cumulated = f"SELECT v, sum(c) OVER (ORDER BY v) AS upto FROM ({counts})"
    uppers: list[float] = sorted(set(stage.engine.one(f"SELECT {marks} FROM ({cumulated})", given)))
    bounds = ", ".join(
        f"min({value}) FILTER (WHERE {value} > {_real(low)}), max({value}) FILTER (WHERE {value} <= {_real(high)})"
        for low, high in zip([float("-inf"), *uppers], uppers, strict=False)
    )
    found = stage.engine.one(f"SELECT {bounds} FROM {relation}", given)
    return uppers, list(zip(found[::2], found[1::2], strict=True))


def _all_numbers(stage: Stage, relation: str, given: dict[str, object], place: int) -> bool:
    numbers, unreadable = stage.engine.one(
        f"SELECT count(v{place}), count(*) FILTER (WHERE w{place} = 2) FROM {relation}", given
    )
    return bool(numbers) and not unreadable


def _real(value: float) -> str:
    """Return a real number in SQL, exactly."""
    return f"CAST('{value!r}' AS DOUBLE)"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
