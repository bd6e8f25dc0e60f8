"""Quantiles of columns too long to sort: exact order statistics from three passes over the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.effects.cases import Cases, spread
from seatrial.effects.grouping import Grouping
from seatrial.effects.large.binning import SAMPLE, Edges, resolution
from seatrial.effects.means import Pair, either, paired_by_influence
from seatrial.effects.measured import Floats, Limits, Measured, Value
from seatrial.metrics.base import Quantile
from seatrial.stats.contrasts import Contrast
from seatrial.stats.quantile_runs import OrderStatistics, order_statistics, wanted_bins
from seatrial.stats.quantiles import QuantileTable
from seatrial.stats.score_bins import NumberBins, quantile_bins

ALPHA = 0.05
MOST_COLLECTED = 10_000_000
"""Rows of one version and grouping that are collected for their order."""
Same = dict[tuple[str, Pair], bool]


@dataclass(kw_only=True)
class _Level:
    """One grouping of one column."""

    grouping: Grouping
    bins: dict[int, NumberBins]
    counts: dict[int, NDArray[np.int64]]
    rows: NDArray[np.int64]
    n: NDArray[np.int64]
    wanted: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    collected: dict[int, list[tuple[NDArray[np.intp], Floats]]] = field(default_factory=dict)
    order: dict[int, OrderStatistics] = field(default_factory=dict)
    too_many: bool = False


def measure_quantiles(
    metrics: Sequence[Quantile], frame: Frame, groupings: Sequence[Grouping], pairs: Sequence[Pair], same: Same
) -> dict[tuple[str, Grouping], Measured]:
    """Measure quantiles of one column: counts per bin, then the rows of the bins that matter, then who lies below."""
    column = metrics[0].column
    if any(metric.column != column for metric in metrics):
        raise ValueError("quantiles of several columns are measured one column at a time")
    reader = _Reader(frame, column)
    levels = [reader.level(grouping) for grouping in groupings]
    for stretch in reader.stretches(groupings):
        for level in levels:
            _count(level, stretch)
    probabilities = tuple(sorted({metric.probability for metric in metrics}))
    for level in levels:
        for model, counts in level.counts.items():
            level.wanted[model] = wanted_bins(counts, probabilities)
            level.collected[model] = []
            many = int(counts[level.wanted[model] & ~level.bins[model].single].sum())
            level.too_many |= many > MOST_COLLECTED
    for stretch in reader.stretches(groupings):
        for level in levels:
            if not level.too_many:
                _collect(level, stretch)
    for level in levels:
        if not level.too_many:
            _sort(level, reader)
    tables = [_tables(level, metrics) for level in levels]
    below: list[list[dict[Pair, NDArray[np.int64]]]] = [
        [{pair: np.zeros((level.grouping.size, 4), dtype=np.int64) for pair in pairs} for _ in metrics]
        for level in levels
    ]
    for stretch in reader.stretches(groupings):
        for level, of_level, joints in zip(levels, tables, below, strict=True):
            _indicate(level, of_level, joints, stretch)
    found: dict[tuple[str, Grouping], Measured] = {}
    for level, of_level, joints in zip(levels, tables, below, strict=True):
        if level.too_many:
            found |= {(metric.name, level.grouping): _refused(metric, level, pairs) for metric in metrics}
            continue
        for metric, of_metric, joint in zip(metrics, of_level, joints, strict=True):
            found[metric.name, level.grouping] = _measured(metric, level, of_metric, joint, same)
    return found


@dataclass(kw_only=True)
class _Stretch:
    slices: dict[str, NDArray[Any]]
    valid: NDArray[np.bool_]
    values: dict[int, Floats]
    _bins: dict[tuple[int, int], NDArray[np.intp]] = field(default_factory=dict)

    def where(self, grouping: Grouping) -> NDArray[np.intp]:
        if not grouping.columns:
            return np.zeros(len(self.valid), dtype=np.intp)
        return grouping.combine([self.slices[f"slice_{k}"] for k in grouping.columns]).astype(np.intp)

    def found(self, model: int, bins: NumberBins) -> NDArray[np.intp]:
        key = model, id(bins)
        if key not in self._bins:
            self._bins[key] = bins.find(self.values[model])
        return self._bins[key]


class _Reader:
    """One numeric column of every version, a stretch of rows at a time."""

    def __init__(self, frame: Frame, column: str) -> None:
        self.frame = frame
        self.names = {m: f"value_{m}_{frame.values.index(column)}" for m in range(len(frame.models))}
        self.edges = {model: Edges(partial(self._bins, model)) for model in self.names}
        self.lowest = dict.fromkeys(self.names, np.inf)
        self.highest = dict.fromkeys(self.names, -np.inf)

    def _bins(self, model: int, most: int) -> NumberBins:
        name = self.names[model]
        return quantile_bins(np.asarray(self.frame.sample([name], most=SAMPLE)[name], dtype=float), most=most)

    def level(self, grouping: Grouping) -> _Level:
        size = grouping.size
        most = resolution(grouping, len(self.names))
        bins = {model: self.edges[model].at(most) for model in self.names}
        return _Level(
            grouping=grouping,
            bins=bins,
            counts={model: np.zeros((size, bins[model].size), dtype=np.int64) for model in self.names},
            rows=np.zeros(size, dtype=np.int64),
            n=np.zeros(size, dtype=np.int64),
        )

    def stretches(self, groupings: Sequence[Grouping]) -> Iterator[_Stretch]:
        cuts = [f"slice_{k}" for k in sorted({k for g in groupings for k in g.columns})]
        for read in self.frame.stretches([*self.names.values(), *cuts]):
            values = {model: np.asarray(read[name], dtype=float) for model, name in self.names.items()}
            valid = np.logical_and.reduce([np.isfinite(v) for v in values.values()])
            if not valid.all():
                values = {model: v[valid] for model, v in values.items()}
            for model, v in values.items():
                if len(v):
                    self.lowest[model] = min(self.lowest[model], float(v.min()))
                    self.highest[model] = max(self.highest[model], float(v.max()))
            yield _Stretch(slices={name: read[name] for name in cuts}, valid=valid, values=values)


def _count(level: _Level, stretch: _Stretch) -> None:
    size = level.grouping.size
    where = stretch.where(level.grouping)
    level.rows += np.bincount(where, minlength=size)
    where = where[stretch.valid]
    level.n += np.bincount(where, minlength=size)
    for model, bins in level.bins.items():
        cell = where * bins.size + stretch.found(model, bins)
        level.counts[model] += np.bincount(cell, minlength=size * bins.size).reshape(size, -1)


def _collect(level: _Level, stretch: _Stretch) -> None:
    where = stretch.where(level.grouping)[stretch.valid]
    for model, bins in level.bins.items():
        rows = np.flatnonzero((level.wanted[model] & ~bins.single)[where, stretch.found(model, bins)])
        level.collected[model].append((where[rows], stretch.values[model][rows]))


def _sort(level: _Level, reader: _Reader) -> None:
    for model, parts in level.collected.items():
        slices = np.concatenate([np.zeros(0, dtype=np.intp), *(s for s, _ in parts)])
        values = np.concatenate([np.zeros(0), *(v for _, v in parts)])
        level.order[model] = order_statistics(
            level.counts[model],
            level.wanted[model],
            level.bins[model],
            slices,
            values,
            lowest=reader.lowest[model],
            highest=reader.highest[model],
        )
    level.collected, level.wanted, level.counts = {}, {}, {}


def _tables(level: _Level, metrics: Sequence[Quantile]) -> list[dict[int, QuantileTable]]:
    return [
        {model: order.table(metric.probability, ALPHA) for model, order in level.order.items()} for metric in metrics
    ]


def _indicate(
    level: _Level,
    tables: Sequence[dict[int, QuantileTable]],
    counts: Sequence[dict[Pair, NDArray[np.int64]]],
    stretch: _Stretch,
) -> None:
    """Count, per slice, the rows at or below the quantile of both versions, of one, of none."""
    if level.too_many:
        return
    where = stretch.where(level.grouping)[stretch.valid]
    size = level.grouping.size
    for of_metric, joint in zip(tables, counts, strict=True):
        below = {
            model: np.asarray(stretch.values[model] <= table.value[:, 0][where], dtype=np.intp)
            for model, table in of_metric.items()
        }
        for pair, count in joint.items():
            cell = 4 * where + 2 * below[pair[0]] + below[pair[-1]]
            count += np.bincount(cell, minlength=4 * size).reshape(size, 4)


def _measured(
    metric: Quantile,
    level: _Level,
    tables: dict[int, QuantileTable],
    joint: dict[Pair, NDArray[np.int64]],
    same: Same,
) -> Measured:
    values: dict[int, Value] = {}
    contrasts: dict[tuple[int, int], Contrast] = {}
    for pair, count in joint.items():
        # four cases a slice: (below the baseline's quantile) x (below the candidate's)
        cases = Cases(
            size=level.grouping.size,
            slice_index=np.repeat(np.arange(level.grouping.size), 4),
            count=count.reshape(-1).astype(np.float64),
            target=None,
            predictions={},
            column=_no_column,
        )
        there = cases.count > 0
        indicators = {pair[-1]: np.tile([0.0, 1.0], 2 * cases.size), pair[0]: np.tile([0.0, 0.0, 1.0, 1.0], cases.size)}
        if len(pair) == 1:
            indicators = {pair[0]: np.tile([0.0, 0.0, 1.0, 1.0], cases.size)}
        lines = {}
        for model, below in indicators.items():
            lines[model] = line = _influence(tables[model], metric.probability, below, cases, there)
            scattered = spread(cases, [line[1]], there)
            values.setdefault(
                model,
                Value(
                    value=line[0],
                    standard_error=np.sqrt(np.maximum(scattered.covariance[:, 0, 0], 0.0)),
                    df=scattered.df,
                    reasons=line[2],
                    limits=_limits(level.order[model], metric.probability),
                ),
            )
        if len(pair) == 2:
            (value_b, psi_b, reasons_b, wide_b), (value_c, psi_c, reasons_c, wide_c) = lines[pair[0]], lines[pair[1]]
            contrasts[pair[0], pair[1]] = paired_by_influence(
                value_b,
                value_c,
                psi_b,
                psi_c,
                cases,
                there,
                either(reasons_b, reasons_c, wide_b, wide_c),
                same=same[metric.name, pair],
                method="paired t on influences, density from order statistics",
            )
    n = level.n.astype(np.float64)
    return Measured(
        metric=metric,
        grouping=level.grouping,
        n=n,
        missing=level.rows - n,
        values=dict(sorted(values.items())),
        contrasts=contrasts,
        unit="row",
    )


def _influence(
    table: QuantileTable, probability: float, below: Floats, cases: Cases, there: NDArray[np.bool_]
) -> tuple[Floats, Floats, tuple[str | None, ...], tuple[str | None, ...]]:
    value, error, where = table.value[:, 0], table.standard_error[:, 0], cases.slice_index
    with np.errstate(invalid="ignore", divide="ignore"):
        density = np.sqrt(probability * (1 - probability) / table.n) / error
        share = cases.mean(below, there)
        psi = np.where(there, (share[where] - below) / density[where], 0.0)
    reasons = tuple(
        None if np.isfinite(v) else (r[0] or "no rows with every input")
        for v, r in zip(value, table.reasons, strict=True)
    )
    return value, np.nan_to_num(psi, posinf=0.0, neginf=0.0), reasons, tuple(r[0] for r in table.reasons)


def _limits(order: OrderStatistics, probability: float) -> Limits:
    table = lru_cache(maxsize=4)(partial(order.table, probability))

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        found = table(alpha)
        names = tuple("order statistics" if r[0] is None else f"none: {r[0]}" for r in found.reasons)
        return found.low[:, 0], found.high[:, 0], names

    return limits


def _refused(metric: Quantile, level: _Level, pairs: Sequence[Pair]) -> Measured:
    from seatrial.effects.large.refused import refused

    reason = f"quantiles on {level.grouping.size:,} slices of so many rows need more of them in memory than is allowed"
    return refused(metric, level.grouping, level.rows.astype(np.float64), pairs, reason)


def _no_column(name: str, model: int) -> NDArray[Any]:
    raise KeyError(name)
