"""Counts of positives and negatives in score bins, and sums of products of influences, by streaming the rows twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.effects.grouping import Grouping
from seatrial.effects.large.binning import SAMPLE, Edges, resolution
from seatrial.effects.measured import Floats
from seatrial.stats.score_bins import NumberBins, quantile_bins

Counts = NDArray[np.int64]
Column = tuple[int, int]
"""(version, class code): whose score of which class."""


@dataclass(kw_only=True)
class Level:
    """The counts of one grouping."""

    grouping: Grouping
    most: int
    rows: Counts
    n: Counts
    """Rows of each slice, and those with every input, (S,)."""
    counts: dict[Column, Counts] = field(default_factory=dict)
    """(S, 2, B): negatives, positives."""
    sums: dict[Column, Floats] = field(default_factory=dict)
    """(S, B): sums of the scores, of the classes asked for."""


@dataclass(kw_only=True)
class Stretch:
    """Rows of a stretch that have every input, with the bins of their scores."""

    slices: dict[str, NDArray[Any]]
    valid: NDArray[np.bool_]
    targets: NDArray[Any]
    scores: dict[Column, Floats]
    _edges: dict[Column, Edges]
    _bins: dict[tuple[Column, int], NDArray[np.intp]] = field(default_factory=dict)

    def where(self, grouping: Grouping) -> NDArray[np.intp]:
        """The slice of every row of the stretch."""
        if not grouping.columns:
            return np.zeros(len(self.valid), dtype=np.intp)
        return grouping.combine([self.slices[f"slice_{k}"] for k in grouping.columns]).astype(np.intp)

    def bins(self, column: Column, most: int) -> NDArray[np.intp]:
        """The bin of each valid row's score."""
        if (column, most) not in self._bins:
            self._bins[column, most] = self._edges[column].at(most).find(self.scores[column])
        return self._bins[column, most]


class Ranking:
    """The scores of some classes of all versions of a frame, read a stretch of rows at a time."""

    def __init__(self, frame: Frame, codes: Sequence[int]) -> None:
        self.frame, self.codes = frame, tuple(codes)
        self.columns: list[Column] = [(model, code) for model in range(len(frame.models)) for code in self.codes]
        self.edges = {column: Edges(partial(quantile_bins_of, frame, column)) for column in self.columns}
        self.lowest = dict.fromkeys(self.columns, np.inf)
        self.highest = dict.fromkeys(self.columns, -np.inf)

    def stretches(self, groupings: Sequence[Grouping]) -> Iterator[Stretch]:
        """The rows in order."""
        cuts = [f"slice_{k}" for k in sorted({k for g in groupings for k in g.columns})]
        names = {column: score_column(self.frame, column) for column in self.columns}
        for read in self.frame.stretches(["target", *dict.fromkeys(name for name, _ in names.values()), *cuts]):
            target: NDArray[Any] = np.asarray(read["target"])
            valid = target >= 0
            scores = {column: sign * np.asarray(read[name], dtype=float) for column, (name, sign) in names.items()}
            for score in scores.values():
                valid &= np.isfinite(score)
            if not valid.all():
                scores = {column: score[valid] for column, score in scores.items()}
            yield Stretch(
                slices={name: read[name] for name in cuts},
                valid=valid,
                targets=target[valid],
                scores=scores,
                _edges=self.edges,
            )

    def count(self, groupings: Sequence[Grouping], *, sums: Sequence[int] = ()) -> list[Level]:
        """One pass: counts for every grouping; sums of scores of the classes `sums`."""
        levels = [self._level(grouping, sums) for grouping in groupings]
        for stretch in self.stretches(groupings):
            for column, score in stretch.scores.items():
                if len(score):
                    self.lowest[column] = min(self.lowest[column], float(score.min()))
                    self.highest[column] = max(self.highest[column], float(score.max()))
            for level in levels:
                size = level.grouping.size
                where = stretch.where(level.grouping)
                level.rows += np.bincount(where, minlength=size)
                where = where[stretch.valid]
                level.n += np.bincount(where, minlength=size)
                for column in self.columns:
                    bins, found = self.edges[column].at(level.most), stretch.bins(column, level.most)
                    cell = (2 * where + (stretch.targets == column[1])) * bins.size + found
                    level.counts[column] += np.bincount(cell, minlength=2 * size * bins.size).reshape(size, 2, -1)
                    if column[1] in sums:
                        total = np.bincount(where * bins.size + found, stretch.scores[column], size * bins.size)
                        level.sums[column] += total.reshape(size, -1)
        return levels

    def _level(self, grouping: Grouping, sums: Sequence[int]) -> Level:
        most, size = resolution(grouping, 2 * len(self.columns)), grouping.size
        nothing = np.zeros(size, dtype=np.int64)
        counts = {c: np.zeros((size, 2, self.edges[c].at(most).size), dtype=np.int64) for c in self.columns}
        return Level(
            grouping=grouping,
            most=most,
            rows=nothing.copy(),
            n=nothing.copy(),
            counts=counts,
            sums={c: np.zeros((size, counts[c].shape[2])) for c in self.columns if c[1] in sums},
        )

    def products(
        self, levels: Sequence[Level], tables: Sequence[Sequence["Influences"]], pairs: Sequence[tuple[int, ...]]
    ) -> list[list[dict[tuple[int, ...], Floats]]]:
        """One pass: per level, metric and pair the sums (S, 2, 3) over the rows of each class of d^2, b d and b^2.

        b is the influence of a row on the first version's value and d that on the difference (0 for a single version).
        `tables` hold, per level, the influences of each metric. With several classes in a metric, all rows are in the
        first column.
        """
        found = [
            [{pair: np.zeros((level.grouping.size, 2, 3)) for pair in pairs} for _ in metrics]
            for level, metrics in zip(levels, tables, strict=True)
        ]
        used = sorted({model for pair in pairs for model in pair})
        for stretch in self.stretches([level.grouping for level in levels]):
            for level, metrics, sums in zip(levels, tables, found, strict=True):
                size = level.grouping.size
                where = stretch.where(level.grouping)[stretch.valid]
                of_class = 2 * where
                if len(self.codes) == 1:
                    of_class = of_class + (stretch.targets == self.codes[0])
                for influences, mine in zip(metrics, sums, strict=True):
                    psi = {m: influences.rows(self, stretch, level, where, m) for m in used}
                    for pair in pairs:
                        b = psi[pair[0]]
                        d = psi[pair[-1]] - b
                        for place, product in enumerate((d * d, b * d, b * b)):
                            mine[pair][:, :, place] += np.bincount(of_class, product, 2 * size).reshape(size, 2)
        return found


@dataclass(frozen=True, kw_only=True)
class Influences:
    """The influence of a row on one metric by slice, class and bin: (S, 2, B) for each version and class code."""

    of: dict[Column, Floats]

    def rows(self, ranking: Ranking, stretch: Stretch, level: Level, where: NDArray[np.intp], model: int) -> Floats:
        """The influence of each valid row of a stretch, summed over the classes."""
        total: Floats | None = None
        for code in ranking.codes:
            table = self.of[model, code]
            cell = (2 * where + (stretch.targets == code)) * table.shape[2] + stretch.bins((model, code), level.most)
            psi = table.reshape(-1)[cell]
            total = psi if total is None else total + psi
        return np.zeros(len(where)) if total is None else total


def score_column(frame: Frame, column: Column) -> tuple[str, float]:
    """The frame's column with a version's score of a class, and the sign to read it with."""
    model, code = column
    if frame.task == "binary":
        return f"score_{model}", 1.0 if code == frame.positive else -1.0
    return f"score_{model}_{code}", 1.0


def quantile_bins_of(frame: Frame, column: Column, most: int) -> NumberBins:
    """Bins of a version's scores of one class: half the edges at quantiles of the class, half at those of the others.

    So a rare class is resolved as finely as a common one; it is sampled more densely.
    """
    name, sign = score_column(frame, column)
    read = frame.sample(["target", name], most=SAMPLE)
    target: NDArray[Any] = np.asarray(read["target"])
    score = sign * np.asarray(read[name], dtype=float)
    samples = []
    for inside in (True, False):
        mine = (target == column[1]) if inside else (target >= 0) & (target != column[1])
        share = float(mine.mean()) if len(mine) else 0.0
        chosen = score[mine]
        if len(chosen) < SAMPLE // 8 and len(score) < frame.n:
            step = max(1, int(frame.n * max(share, 1 / SAMPLE) / (SAMPLE // 4)))
            of_class = f"target {'=' if inside else '<>'} {column[1]:d}"
            dense = frame.engine.query(
                f'SELECT {name} AS score FROM "{frame.table}" WHERE {of_class} AND row % {step:d} = 0 '
                f"AND {name} IS NOT NULL ORDER BY row LIMIT {SAMPLE:d}"
            )
            chosen = sign * np.asarray(dense["score"], dtype=float)
        samples.append(chosen)
    return quantile_bins(*samples, most=most)
