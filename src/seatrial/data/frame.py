"""The frame: the predictions of all compared versions, aligned, typed by role and coded, as one table in the engine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.data.engine import Engine
from seatrial.data.facts import AlignmentFacts

Task = Literal["binary", "multiclass", "multilabel", "regression", "entities", "fields", "boxes", "text"]


ROWS_AT_ONCE = 1_000_000
"""Rows of a stretch that `Frame.stretches` holds in memory."""


@dataclass(frozen=True, kw_only=True)
class SliceColumn:
    """One way to cut the rows: column `slice_<k>` of the frame holds codes into `levels`."""

    name: str
    """As a reader says it: `sex`, `age`, `length(text)`."""
    levels: tuple[str, ...]
    """Level names in their natural order (bins from low to high, else by name); a missing value is the level
    `(missing)`."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One version in the frame: what its file held and how much of it was matched."""

    name: str
    source: str
    """Name of the input without folders."""
    sha256: str
    rows: int
    matched: int
    duplicate_ids: int = 0
    missing_ids: int = 0


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Rows that every version has an entry for. Columns of `table` (i = version, 0 the baseline; k = position in the
    tuple here):

    row              BIGINT 0..n-1, the baseline file's order
    id               VARCHAR, NULL column when there is no id
    target           INTEGER code into `labels`, or DOUBLE (regression); NULL = missing
    prediction_<i>   the same for version i
    (entities, fields, boxes, text: target and prediction_<i> are VARCHAR, the cells as they are, and what was counted
    of them are columns of `values`)
    score_<i>        DOUBLE score of the positive class (binary; only when that version has scores), NULL = missing
    or not finite
    score_<i>_<c>    DOUBLE score of class c (multiclass with one score column per class)
    target_l<c>, prediction_<i>_l<c>, score_<i>_l<c>   label c of `labels` (multilabel; 0/1 and DOUBLE)
    value_<i>_<k>    DOUBLE: numeric column `values[k]` of version i (operational columns and those that formulas name)
    text_<k>         VARCHAR: text column `texts[k]` that formulas compare with words
    cluster          INTEGER code, 0..n_clusters-1
    weight           DOUBLE
    slice_<k>        INTEGER code into `slices[k].levels`, never NULL
    """

    engine: Engine
    table: str
    task: Task
    sides: tuple[Side, ...]
    n: int
    labels: tuple[str, ...] = ()
    """Sorted (as numbers when all are numbers), baseline's and candidates' predictions included."""
    positive: int | None = None
    scored: tuple[bool, ...] = ()
    """Whether version i has scores."""
    values: tuple[str, ...] = ()
    present: tuple[frozenset[int], ...] = ()
    """For each of `values`, the versions that have it; the others' column is all NULL."""
    texts: tuple[str, ...] = ()
    slices: tuple[SliceColumn, ...] = ()
    cluster: str | None = None
    n_clusters: int = 0
    weight: str | None = None
    has_id: bool = True
    threshold: float = 0.5
    unmatched: tuple[int, ...] = ()
    """Per version, rows of its file that some other version lacks."""
    notes: tuple[str, ...] = field(default=())
    facts: AlignmentFacts = field(default=AlignmentFacts())
    """What was seen of the files on the way; see `seatrial.data.health`."""
    weights: Literal["sampling", "counts"] = "sampling"
    """What a weight means: rows stand for others (sampling), or a row is that many equal rows (counts)."""
    counted: tuple[str, ...] = ()
    """Those of `values` that were counted from structured answers, the same rows in every version."""
    kept: tuple[tuple[object, ...], ...] = ()
    """Per version and row, what was kept of an answer beside its counts (matched boxes); None where missing."""

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(side.name for side in self.sides)

    @property
    def matched_share(self) -> float:
        """Smallest share of a version's distinct examples that all versions have."""
        sizes = [side.rows - side.duplicate_ids for side in self.sides]
        return min((self.n / size for size in sizes if size), default=0.0)

    def arrays(self, columns: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Read columns of the table in row order; NULL is -1 in integer columns and NaN in real ones, None in text."""
        return self.engine.columns(self.table, columns, order="row")

    def stretches(
        self, columns: Sequence[str], *, rows: int = ROWS_AT_ONCE
    ) -> Iterator[dict[str, NDArray[np.generic]]]:
        """Read columns as `arrays` does, a stretch of rows after the other."""
        for first in range(0, self.n, rows):
            stretch = (first, min(first + rows, self.n))
            yield self.engine.columns(self.table, columns, order="row", between=stretch)

    def sample(self, columns: Sequence[str], *, most: int) -> dict[str, NDArray[np.generic]]:
        """Read columns as `arrays` does, at most about `most` rows, evenly spaced."""
        return self.engine.columns(self.table, columns, order="row", step=max(1, self.n // most))
