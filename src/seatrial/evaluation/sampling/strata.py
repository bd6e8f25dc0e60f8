"""Strata of a table: which rows are of one kind, and what is guessed of each kind before anything is labelled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.data.coding import Coding
from seatrial.data.engine import DuckDBEngine
from seatrial.data.levels import find_levels
from seatrial.data.slicing import SliceSpec, slice_spec
from seatrial.data.source import Source
from seatrial.data.staging import Table, Uses, stage
from seatrial.errors import DataError, UsageError
from seatrial.records.results import Slice

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
MOST_STRATA = 500


@dataclass(frozen=True, kw_only=True)
class Strata:
    """The stratum of every row, in the order of the table."""

    names: tuple[Slice, ...]
    codes: Codes
    score: Floats | None
    """Of every row, where a column of scores was named; NaN where missing."""
    notes: tuple[str, ...]

    @property
    def population(self) -> Codes:
        return np.bincount(self.codes, minlength=len(self.names))


def find_strata(source: Source, by: Sequence[str], *, score: str | None = None) -> Strata:
    """Cut a table by columns as slices are cut, crossed with each other.

    Raises `UsageError` for a column that is not there or more than 500 strata, `DataError` for a table without rows.
    """
    specs = [slice_spec(one, source) for one in by]
    engine = DuckDBEngine()
    place = None if score is None else source.place(score, option="--score")
    staged = stage(engine, source, _uses(source, specs, place))
    relation, given = staged.relation(None)
    table = Table(alias="g0", stage=staged, relation=relation, given=given, versions=(0,))
    levels = [find_levels(spec, [table]) for spec in specs]
    coding = Coding(engine)
    wanted = [f"{level.sql(table, coding)} AS code_{at}" for at, level in enumerate(levels)]
    wanted += [] if place is None else [f"g0.v{place} AS score"]
    joins = " ".join(coding.joins)
    columns = ", ".join(["g0.k AS k", *wanted])
    sql = f"SELECT {columns} FROM {relation} AS g0 {joins} ORDER BY k"
    engine.execute(f"CREATE TEMP TABLE cut AS {sql}", coding.parameters)
    read = engine.columns(
        "cut", ["k", *(f"code_{at}" for at in range(len(levels))), *([] if place is None else ["score"])], order="k"
    )
    n = len(read["k"])
    if not n:
        raise DataError(f"{source.name} has no rows.")
    codes = np.zeros(n, dtype=np.int64)
    for at, level in enumerate(levels):
        codes = codes * len(level.column.levels) + np.asarray(read[f"code_{at}"], dtype=np.int64)
    present, packed = np.unique(codes, return_inverse=True)
    if len(present) > MOST_STRATA:
        raise UsageError(f"--by {','.join(by)} makes {len(present):,} strata; at most {MOST_STRATA} can be sampled.")
    names = []
    for code in present.tolist():
        name: Slice = {}
        for level in reversed(levels):
            code, at = divmod(code, len(level.column.levels))
            name[level.column.name] = level.column.levels[at]
        names.append(dict(reversed(name.items())))
    found = None
    if place is not None:
        found = np.asarray(read["score"], dtype=np.float64)
        if np.isfinite(found).any() and not (np.nanmin(found) >= 0 and np.nanmax(found) <= 1):
            raise UsageError(f"--score {score}: the scores do not lie between 0 and 1.")
        if not np.isfinite(found).any():
            raise DataError(f"--score {score}: the column holds no number.")
    engine.close()
    return Strata(
        names=tuple(names),
        codes=packed.astype(np.int64),
        score=found,
        notes=tuple(f"{note}." for level in levels for note in level.notes),
    )


def _uses(source: Source, specs: Sequence[SliceSpec], score: int | None) -> Uses:
    places = [source.places[spec.column] for spec in specs]
    whole = [place for place, spec in zip(places, specs, strict=True) if spec.of == "values"]
    return Uses(
        texts=tuple(whole),
        numbers=tuple([*whole, *([] if score is None else [score])]),
        lengths=tuple(place for place, spec in zip(places, specs, strict=True) if spec.of == "length"),
    )


def guesses(strata: Strata, *, metric: str, rate: float | None) -> tuple[Floats, str]:
    """The rate or accuracy guessed of each stratum, (H,), and where that comes from."""
    size = len(strata.names)
    if strata.score is not None:
        known = np.where(np.isnan(strata.score), 0.5, strata.score)
        each = np.maximum(known, 1 - known) if metric == "accuracy" else known
        mean = np.bincount(strata.codes, weights=each, minlength=size) / strata.population
        return mean, "the scores, taken at their word"
    if rate is not None:
        return np.full(size, rate), f"--rate {rate:g}, the same in every stratum"
    return np.full(size, 0.5), "nothing: a half, the worst case"
