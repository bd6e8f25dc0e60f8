"""Two tables side by side: which columns both have, what kind each is, and their values a column at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.data.engine import DuckDBEngine
from seatrial.data.roles import number, plain
from seatrial.data.source import Source
from seatrial.data.staging import Stage, Uses, stage
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.records.shift import ColumnPart, LeftOut

Kind = Literal["number", "category", "text"]
Floats = NDArray[np.float64]
NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL")
TIMES = ("DATE", "TIMESTAMP", "TIME")
MOST_SAMPLED = 20_000
"""Rows of each table that the classifier and the tests on texts see."""
BLOCK_VALUES, MOST_AHEAD = 4_000_000, 16
"""Numbers of one table held at a time, and columns read in one scan."""
UNLIKE = 0.95
"""Share of different values from which a column of short texts is a name, not a category."""
FEWEST_FOR_NAMES = 50


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user said of the columns."""

    columns: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    embedding: tuple[str, ...] = ()
    """Columns of numbers that are one vector together; `*` stands for any characters."""
    roles: dict[str, str] = field(default_factory=dict)
    """`target`, `prediction`, `score` and the column of each."""
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A column that both tables have."""

    name: str
    kind: Kind
    places: tuple[int, int]
    part: ColumnPart = "input"
    typed: bool = False
    """Whether both tables hold it as numbers, so that its levels are numbers too."""
    notes: tuple[str, ...] = ()


class Side:
    """One table: whole columns in the order of its rows, and a sample of the rows for what must see several columns."""

    def __init__(self, source: Source, engine: DuckDBEngine, uses: Uses, *, seed: int) -> None:
        self.source = source
        self._engine = engine
        self._stage: Stage = stage(engine, source, uses)
        (rows,) = engine.one(f'SELECT count(*) FROM "{self._stage.table}"')
        if not rows:
            raise DataError(f"{source.name} has no rows.")
        self.rows = int(rows)
        every = np.arange(self.rows)
        rng = np.random.default_rng(seed)
        self.sampled = (
            every if self.rows <= MOST_SAMPLED else np.sort(rng.choice(self.rows, MOST_SAMPLED, replace=False))
        )
        self._chosen: str | None = None
        self._kept: dict[int, Floats] = {}
        self._waiting = list(dict.fromkeys(uses.numbers))
        self._read: dict[int, Floats] = {}

    def numbers(self, place: int) -> Floats:
        """A column as numbers, (rows,), NaN where there is none."""
        if place not in self._read:
            self._read_ahead(place)
        found = self._read.pop(place)
        self._kept[place] = found[self.sampled]
        return found

    def _read_ahead(self, place: int) -> None:
        """Read a column and those that are asked for next, as many as fit into a block: one scan for all of them."""
        many = max(min(BLOCK_VALUES // self.rows, MOST_AHEAD), 1)
        at = self._waiting.index(place) if place in self._waiting else None
        block = [place] if at is None else self._waiting[at : at + many]
        self._waiting = [one for one in self._waiting if one not in block]
        for one, values in zip(block, self._doubles([f"v{one}" for one in block]), strict=True):
            self._read[one] = values

    def sampled_numbers(self, place: int) -> Floats:
        """The same on the sampled rows alone."""
        return self._kept[place] if place in self._kept else self.numbers(place)[self.sampled]

    def unreadable(self, place: int) -> int:
        """Entries of a column of numbers that are none."""
        (count,) = self._engine.one(f'SELECT count(*) FROM "{self._stage.table}" WHERE w{place} >= 2')
        return int(count)

    def lengths(self, place: int) -> Floats:
        """Number of characters of a text column, (rows,)."""
        return self._doubles([f"n{place}"])[0]

    def levels(self, place: int) -> dict[str | None, int]:
        """Rows of each value of a column; None: missing."""
        sql = f'SELECT CAST(t{place} AS VARCHAR) AS level, count(*) FROM "{self._stage.table}" GROUP BY level'
        return {level: int(count) for level, count in self._engine.rows(sql)}

    def texts(self, place: int) -> list[str | None]:
        """A column as text on the sampled rows."""
        text = f"CAST(t{place} AS VARCHAR) AS value"
        if len(self.sampled) == self.rows:
            sql = f'SELECT {text} FROM "{self._stage.table}" ORDER BY k'
        else:
            sql = f'SELECT {text} FROM "{self._stage.table}" WHERE k IN (SELECT k FROM {self._sample()}) ORDER BY k'
        return [row[0] for row in self._engine.rows(sql)]

    def _doubles(self, columns: Sequence[str]) -> list[Floats]:
        """Columns of doubles in the order of the rows, NaN where NULL."""
        wanted = ", ".join(f"COALESCE({column}, CAST('nan' AS DOUBLE)) AS {column}" for column in columns)
        found = self._engine.query(f'SELECT {wanted} FROM "{self._stage.table}"')
        return [np.asarray(found[column], dtype=np.float64) for column in columns]

    def _sample(self) -> str:
        if self._chosen is None:
            name = self._engine.fresh("rows")
            self._engine.connection.register(f"{name}_given", {"k": self.sampled})
            self._engine.execute(f'CREATE TABLE {name} AS SELECT k FROM "{name}_given"')
            self._engine.connection.unregister(f"{name}_given")
            self._chosen = name
        return self._chosen


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Both tables with what is compared of them."""

    reference: Side
    current: Side
    columns: tuple[Compared, ...]
    embedding: tuple[Compared, ...]
    left_out: tuple[LeftOut, ...]


def read_tables(reference: Source, current: Source, wanted: Wanted, *, seed: int) -> Tables:
    """Match columns by name and decide what kind each is. Raises `UsageError` for a column that is not there."""
    columns, embedding, left_out = _compared(reference, current, wanted)
    if not columns and not embedding:
        others = f" Left out: {listed(f'{one.column} ({one.reason})' for one in left_out)}." if left_out else ""
        raise DataError(
            f"{reference.name} and {current.name} have no column to compare: theirs are {listed(reference.columns)} "
            f"and {listed(current.columns)}.{others}"
        )
    engine = DuckDBEngine()
    sides = []
    for at, source in enumerate((reference, current)):
        every = [*columns, *embedding]
        numbers = tuple(one.places[at] for one in every if one.kind == "number" or one.typed)
        uses = Uses(
            texts=tuple(one.places[at] for one in every if one.kind != "number" and not one.typed),
            numbers=numbers,
            lengths=tuple(one.places[at] for one in every if one.kind == "text"),
        )
        sides.append(Side(source, engine, uses, seed=seed + at))
    return Tables(reference=sides[0], current=sides[1], columns=columns, embedding=embedding, left_out=tuple(left_out))


def _compared(
    reference: Source, current: Source, wanted: Wanted
) -> tuple[tuple[Compared, ...], tuple[Compared, ...], list[LeftOut]]:
    left_out: list[LeftOut] = []
    named = _named(reference, current, wanted)
    parts = {column: part for part, column in wanted.roles.items()}
    vector = {name for pattern in wanted.embedding for name in _matching(reference, pattern)}
    found: list[Compared] = []
    embedding: list[Compared] = []
    for source in (reference, current):
        source.sample(source.columns)
    for place, name in enumerate(reference.columns):
        chosen = name in named
        if (wanted.columns and not chosen and name not in parts and name not in vector) or name in wanted.unused:
            continue
        other = current.find(name)
        if other is None:
            left_out.append(LeftOut(column=name, reason=f"only in {reference.name}"))
            continue
        kind = _kind(name, (reference, place), (current, other), wanted, asked=chosen or name in parts)
        if isinstance(kind, str):
            left_out.append(LeftOut(column=name, reason=kind))
            continue
        one = Compared(
            name=name,
            kind=kind[0],
            places=(place, other),
            part=parts.get(name, "input"),  # type: ignore[arg-type]
            typed=_typed(reference, place) and _typed(current, other),
            notes=kind[1],
        )
        if name in vector:
            if one.kind != "number":
                raise UsageError(f"--embedding: '{name}' does not hold numbers.")
            embedding.append(one)
        else:
            found.append(one)
    if not wanted.columns:
        known = {name.casefold() for name in reference.columns}
        left_out += [
            LeftOut(column=name, reason=f"only in {current.name}")
            for name in current.columns
            if name.casefold() not in known
        ]
    return tuple(found), tuple(embedding), left_out


def _named(reference: Source, current: Source, wanted: Wanted) -> set[str]:
    """Columns named in an option, as the reference writes them; each must be in both tables."""
    found = set()
    for option, names in (("--columns", wanted.columns), ("--text", wanted.text), ("--category", wanted.category)):
        for name in names:
            place = reference.place(name, option=option)
            current.place(name, option=option)
            found.add(reference.columns[place])
    return found


def _matching(reference: Source, pattern: str) -> list[str]:
    names = [name for name in reference.columns if name == pattern or fnmatchcase(name, pattern)]
    if not names:
        raise UsageError(
            f"{reference.name} has no column '{pattern}' (--embedding).{did_you_mean(pattern, reference.columns)}"
        )
    return names


def _typed(source: Source, place: int) -> bool:
    return any(source.kinds[place].startswith(kind) or kind in source.kinds[place] for kind in NUMERIC) and not (
        source.kinds[place].endswith("]") or source.kinds[place].startswith(("STRUCT", "MAP", "LIST"))
    )


def _kind(
    name: str, reference: tuple[Source, int], current: tuple[Source, int], wanted: Wanted, *, asked: bool
) -> tuple[Kind, tuple[str, ...]] | str:
    """The kind of a column with notes, or why it is left out."""
    sides = [source.kinds[place] for source, place in (reference, current)]
    if any("[" in kind or kind.startswith(("STRUCT", "MAP", "LIST", "BLOB")) for kind in sides):
        return f"a column of {sides[0]} is not compared; give its parts as columns"
    if _one_of(name, wanted.text):
        return "text", ()
    if _one_of(name, wanted.category):
        return "category", ()
    typed = [_typed(source, place) for source, place in (reference, current)]
    samples = [source.sample([source.columns[place]])[source.columns[place]] for source, place in (reference, current)]
    present = [[value for value in sample if value is not None] for sample in samples]
    pooled = present[0] + present[1]
    if not asked and _is_name(name, present):
        return "every row has its own value: a name, not a quantity (name it in --columns to compare it)"
    if any(kind.startswith(TIMES) for kind in sides) or (not any(typed) and _times(pooled)):
        return "a time moves by itself"
    if "BOOLEAN" in sides:
        return "category", ()
    numeric = [
        one or (bool(values) and sum(number(v) is not None for v in values) >= 0.95 * len(values))
        for one, values in zip(typed, present, strict=True)
    ]
    known = [bool(values) or one for values, one in zip(present, typed, strict=True)]
    if all(n for n, k in zip(numeric, known, strict=True) if k) and any(numeric):
        return "number", ()
    notes: tuple[str, ...] = ()
    if any(numeric) and all(known):
        which = reference[0].name if numeric[0] else current[0].name
        notes = (f"it holds numbers in {which} and other values in the other table: compared as words",)
    if _wordy(pooled):
        return "text", notes
    if not asked and len(pooled) >= FEWEST_FOR_NAMES and len(set(pooled)) >= UNLIKE * len(pooled):
        return "nearly every row has its own value: a name, not a category (name it in --columns to compare it)"
    return "category", notes


def _one_of(name: str, names: Sequence[str]) -> bool:
    return name.casefold() in {one.casefold() for one in names}


def _is_name(name: str, present: list[list[str]]) -> bool:
    """Whether a column is called like an id and its values are all different."""
    called = plain(name)
    if not (called in {"id", "uid", "uuid", "guid", "index", "row", "key", "unnamed:_0"} or called.endswith("_id")):
        return False
    return all(len(set(values)) >= UNLIKE * len(values) for values in present)


def _times(values: Sequence[str]) -> bool:
    """Whether texts are dates, by their look: 2024-03-01, 2024-03-01 10:30:00."""
    some = list(values[:200])
    return len(some) > 0 and sum(_is_time(value) for value in some) >= 0.95 * len(some)


def _is_time(text: str) -> bool:
    from datetime import datetime

    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return "-" in text or ":" in text


def _wordy(values: Sequence[str]) -> bool:
    """Whether values read as texts: several words, and mostly different."""
    if not values:
        return False
    words = np.mean([len(value.split()) for value in values])
    return bool(words >= 3 and len(set(values)) > 0.5 * len(values)) or bool(
        np.mean([len(value) for value in values]) > 60 and len(set(values)) > 0.5 * len(values)
    )
