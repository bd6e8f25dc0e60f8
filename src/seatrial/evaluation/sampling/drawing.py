"""Draw a stratified sample: its size from the wanted precision, its rows by a seed, its weights from both."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.data.source import Source
from seatrial.errors import UsageError
from seatrial.evaluation.sampling.strata import Codes, Floats, Strata, find_strata, guesses
from seatrial.records.evidence import Source as SourceRecord
from seatrial.records.numbers import format_count
from seatrial.records.sample import Sample, Stratum
from seatrial.records.versions import installed
from seatrial.stats.stratified import Allocation, allocate, half_width, rows_for, total_for

LEAST_SPREAD = 0.05 * 0.95
"""Variance below which a guess is not trusted: no stratum is called all right or all wrong before it is labelled."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the sample is to do."""

    by: tuple[str, ...] = ()
    metric: Literal["accuracy", "rate"] = "accuracy"
    rate: float | None = None
    score: str | None = None
    precision: float | None = None
    per: Literal["overall", "stratum"] = "overall"
    rows: int | None = None
    allocation: Allocation | None = None
    least: int = 5
    double: float = 1.0
    annotators: int = 2
    hide: tuple[str, ...] = ()
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A sample: its record, and the rows in the order in which they are to be labelled."""

    record: Sample
    positions: Codes
    """Of the rows in the table, from 0."""
    stratum: Codes
    doubled: NDArray[np.bool_]
    """Rows that every annotator labels; the others the first alone."""


def draw_sample(source: Source, wanted: Wanted, *, strata: Strata | None = None) -> Drawn:
    """Draw rows worth labelling, every stratum by simple random sampling without replacement.

    `strata` are those of the table, where they are known from an earlier draw.

    Raises `UsageError` for an option that cannot be used, `DataError` for data that cannot be read.
    """
    _check(wanted)
    strata = strata or find_strata(source, wanted.by, score=wanted.score)
    guess, told = guesses(strata, metric=wanted.metric, rate=wanted.rate)
    population = strata.population
    spread = np.maximum(guess * (1 - guess), LEAST_SPREAD)
    spread = spread * population / np.maximum(population - 1, 1)
    how: Allocation = wanted.allocation or ("neyman" if wanted.score is not None else "proportional")
    rows, notes = _rows(wanted, strata, population, spread, how)
    rng = np.random.default_rng(wanted.seed)
    chosen = [
        rng.choice(np.flatnonzero(strata.codes == code), int(rows[code]), replace=False) for code in range(len(rows))
    ]
    positions = np.concatenate([*chosen, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    positions = positions[rng.permutation(len(positions))]
    doubled = np.zeros(len(positions), dtype=bool)
    many = int(np.ceil(wanted.double * len(positions) - 1e-9)) if wanted.annotators > 1 else 0
    doubled[rng.choice(len(positions), many, replace=False)] = True
    record = _record(source, wanted, strata, guess, told, spread, rows, how, positions, doubled, notes)
    return Drawn(record=record, positions=positions, stratum=strata.codes[positions], doubled=doubled)


def _check(wanted: Wanted) -> None:
    if (wanted.precision is None) == (wanted.rows is None):
        raise UsageError("Say how exact (--precision 0.02, the half width of the interval) or how many (--rows 500).")
    if wanted.precision is not None and not 0 < wanted.precision < 0.5:
        raise UsageError(f"--precision {wanted.precision:g}: the half width of an interval lies between 0 and 0.5.")
    if wanted.rows is not None and wanted.rows < 1:
        raise UsageError(f"--rows {wanted.rows}: draw at least one row.")
    if wanted.rate is not None and not 0 <= wanted.rate <= 1:
        raise UsageError(f"--rate {wanted.rate:g}: a guessed share lies between 0 and 1.")
    if wanted.rate is not None and wanted.score is not None:
        raise UsageError("--rate and --score both guess before labelling; give one of them.")
    if wanted.per == "stratum" and wanted.rows is not None:
        raise UsageError("--per stratum goes with --precision; with --rows the strata share them.")
    if not 0 <= wanted.double <= 1:
        raise UsageError(f"--double {wanted.double:g}: the share of rows with two labels lies between 0 and 1.")
    if not 1 <= wanted.annotators <= 9:
        raise UsageError(f"--annotators {wanted.annotators}: between 1 and 9.")
    if wanted.least < 0:
        raise UsageError(f"--least {wanted.least}: the fewest rows of a stratum cannot be negative.")
    if not 0.5 <= wanted.level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {wanted.level:g}.")
    if wanted.allocation == "neyman" and wanted.score is None:
        raise UsageError("--allocation neyman needs --score: without a guess of each stratum it is proportional.")


def _rows(
    wanted: Wanted, strata: Strata, population: Codes, spread: Floats, how: Allocation
) -> tuple[Codes, list[str]]:
    alpha = 1 - wanted.level
    notes: list[str] = []
    least = int(np.minimum(wanted.least, population).sum())
    if wanted.rows is not None:
        if wanted.rows > population.sum():
            raise UsageError(f"--rows {wanted.rows:,}: the table has {int(population.sum()):,} rows.")
        if wanted.rows < least:
            raise UsageError(
                f"--rows {wanted.rows:,} cannot give {wanted.least} rows to each of {len(population)} strata "
                f"({least:,}); take more rows, fewer strata or a smaller --least."
            )
        return allocate(wanted.rows, population, sd=np.sqrt(spread), how=how, least=wanted.least), notes
    precision = float(wanted.precision or 0)
    if wanted.per == "stratum":
        rows = np.maximum(rows_for(precision, spread, population, alpha=alpha), np.minimum(wanted.least, population))
        if (whole := int((rows >= population).sum())) > 0:
            notes.append(f"{whole} of {len(rows)} strata are so small that all of their rows are needed.")
        return rows, notes
    total = total_for(precision, population, spread, how=how, least=wanted.least, alpha=alpha)
    rows = allocate(total, population, sd=np.sqrt(spread), how=how, least=wanted.least)
    if total == least and least:
        notes.append("The fewest rows of each stratum are already more exact than asked for.")
    return rows, notes


def _record(
    source: Source,
    wanted: Wanted,
    strata: Strata,
    guess: Floats,
    told: str,
    spread: Floats,
    rows: Codes,
    how: Allocation,
    positions: Codes,
    doubled: NDArray[np.bool_],
    notes: Sequence[str],
) -> Sample:
    alpha = 1 - wanted.level
    population = strata.population
    whole = half_width(rows, population, spread, alpha=alpha)
    weight = population / population.sum()
    mean = float((weight * guess).sum())
    simple = rows_for(whole, max(mean * (1 - mean), LEAST_SPREAD), float(population.sum()), alpha=alpha)
    found = tuple(
        Stratum(
            slice=name,
            population=int(population[at]),
            rows=int(rows[at]),
            probability=float(rows[at] / population[at]),
            weight=float(population[at] / rows[at]) if rows[at] else 0.0,
            guess=float(guess[at]),
            half_width=half_width([rows[at]], [population[at]], [spread[at]], alpha=alpha) if rows[at] else None,
        )
        for at, name in enumerate(strata.names)
    )
    said = [*strata.notes, *notes]
    if (none := int((rows == 0).sum())) > 0:
        said.append(f"{none} strata give no row: nothing can be said of them, and all of them together miss them.")
    total = int(rows.sum())
    what = "accuracy" if wanted.metric == "accuracy" else "the rate"
    sentence = (
        f"{format_count(total)} of {format_count(int(population.sum()))} rows, from {format_count(len(found))} "
        f"{'stratum' if len(found) == 1 else 'strata'}: {what} comes out within {100 * whole:.2g} points at "
        f"{100 * wanted.level:g} % (guessed from {told})."
    )
    return Sample(
        title=f"A sample of {source.name} to label",
        sentence=sentence,
        by=wanted.by,
        metric=wanted.metric,
        guess=told,
        allocation=how,
        least=wanted.least,
        precision=wanted.precision,
        per=wanted.per,
        level=wanted.level,
        population=int(population.sum()),
        rows=total,
        doubled=int(doubled.sum()),
        half_width=whole,
        simple_rows=int(simple),
        strata=found,
        labels=tuple(f"label_{at}" for at in range(1, wanted.annotators + 1)),
        hidden=wanted.hide,
        sheet_sha256=hashlib.sha256(positions.astype("<i8").tobytes() + doubled.tobytes()).hexdigest(),
        notes=tuple(said),
        not_shown=_not_shown(wanted, none > 0),
        source=SourceRecord(model="population", name=source.name, sha256=source.sha256, rows=int(population.sum())),
        seed=wanted.seed,
        seatrial=installed("seatrial"),
    )


def _not_shown(wanted: Wanted, lacking: bool) -> tuple[str, ...]:
    found = [
        "Rows that the table does not hold: what was never logged cannot be drawn.",
        "How wide the interval will be in fact: it depends on the labels, the guess only sized the sample.",
        "Labels that are wrong although annotators agree.",
    ]
    if not wanted.by:
        found.append("Any stratum by itself: none was named (--by).")
    elif wanted.per == "overall":
        found.append("Single strata as exactly as all rows together (--per stratum).")
    if wanted.annotators < 2 or wanted.double == 0:
        found.append("How far annotators agree: no row has two labels (--double 0.2).")
    if lacking:
        found.append("Strata that give no row (--least 5).")
    return tuple(found)
