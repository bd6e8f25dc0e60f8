"""Rank metrics on every slice: ROC AUC and average precision from sorted scans, quantiles from order statistics."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.effects.cases import Cases, Floats, spread
from seatrial.effects.columns import Reader
from seatrial.effects.grouping import Grouping
from seatrial.effects.means import Pair, Reasons, either, paired_by_influence
from seatrial.effects.measured import Measured, Value
from seatrial.metrics.base import Ranked
from seatrial.stats.auc_small import auc_bound_at_edge, few_rows_interval
from seatrial.stats.average_precision import grouped_average_precision, grouped_average_precision_influence
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import PairedMeans
from seatrial.stats.ranks import (
    RankTable,
    auc_has_few_rows,
    grouped_auc,
    grouped_auc_influence,
    grouped_paired_auc,
    logit_interval,
)
from seatrial.stats.sorted_scores import SliceOrder, SortedScores

Bools = NDArray[np.bool_]


@dataclass
class Ranker:
    """Measures rank metrics of one frame; holds each version's sorted scores so that groupings share them."""

    frame: Frame
    read: Reader
    seed: int
    weight: Floats | None = None
    _sorted: dict[tuple[int, int], SortedScores] = field(default_factory=dict)
    _cuts: dict[tuple[int, int, int], NDArray[Any]] = field(default_factory=dict)
    """Slice codes in the order of a version's scores, by (model, class, slice column)."""
    _labels: dict[int, NDArray[Any]] = field(default_factory=dict)
    _valid: tuple[tuple[int, ...], Bools] | None = None
    _order: tuple[Grouping, dict[tuple[int, int, tuple[int, ...]], SliceOrder]] | None = None

    def classes(self, metric: Ranked) -> list[int]:
        """The class codes whose one-vs-rest statistic the metric averages."""
        if metric.classes == "positive":
            return [self.frame.positive or 0]
        if metric.classes == "macro":
            return list(range(len(self.frame.labels)))
        return [self.frame.labels.index(metric.classes)]

    def score(self, model: int, code: int) -> Floats:
        """Scores of one class by one version, NaN where missing."""
        if self.frame.task == "binary":
            score = np.asarray(self.read(f"score_{model}"), dtype=float)
            return score if code == self.frame.positive else -score
        if self.frame.task == "multilabel":
            return np.asarray(self.read(f"score_{model}_l{code}"), dtype=float)
        return np.asarray(self.read(f"score_{model}_{code}"), dtype=float)

    def label(self, code: int) -> NDArray[Any]:
        """1 where the target is the class, 0 where it is another, -1 where missing."""
        if self.frame.task == "multilabel":
            return self.read(f"target_l{code}")
        if code not in self._labels:
            target = self.read("target")
            label = (target == code).astype(np.int8)
            label[target < 0] = -1
            self._labels = {code: label}
        return self._labels[code]

    def valid(self, codes: Sequence[int]) -> Bools:
        """Rows with a target and a score of every version; not to be written to."""
        if self._valid is None or self._valid[0] != tuple(codes):
            self._valid = (tuple(codes), self._find_valid(codes))
        return self._valid[1]

    def _find_valid(self, codes: Sequence[int]) -> Bools:
        found = np.ones(self.frame.n, dtype=bool)
        for code in codes:
            found &= np.asarray(self.label(code) >= 0)
            for model in range(len(self.frame.models)):
                found &= np.isfinite(self.score(model, code))
        return found

    def order(
        self,
        model: int,
        code: int,
        grouping: Grouping,
        where: NDArray[np.intp],
        valid: Bools,
        *,
        classes: tuple[int, ...] = (),
    ) -> SliceOrder:
        """Rows of a version in slice order with ascending scores; kept for the metrics of one grouping that read these
        classes."""
        if self._order is None or self._order[0] != grouping:
            self._order = (grouping, {})
        held = self._order[1]
        key = (model, code, classes or (code,))
        if key not in held:
            rows = self.sorted(model, code)
            if len(key[2]) == 1 and valid.all():
                held[key] = rows.by_sorted(self._sorted_codes(rows, model, code, grouping), grouping.size)
            else:
                held[key] = rows.by(np.where(valid, where, -1), grouping.size)
        return held[key]

    def sorted(self, model: int, code: int) -> SortedScores:
        """Rows of a version that have a score and a label, sorted by the score of one class; sorted once."""
        if (model, code) not in self._sorted:
            self._sorted[model, code] = SortedScores(self.score(model, code), self.label(code), self.weight)
        return self._sorted[model, code]

    def _sorted_codes(self, rows: SortedScores, model: int, code: int, grouping: Grouping) -> NDArray[Any]:
        """Slice positions in the order of a version's scores; each column is brought into that order once."""
        for k in grouping.columns:
            if (model, code, k) not in self._cuts:
                self._cuts[model, code, k] = np.take(self.read(f"slice_{k}"), rows.order)
        if not grouping.columns:
            return np.zeros(rows.n, dtype=np.int8)
        return grouping.combine([self._cuts[model, code, k] for k in grouping.columns])


def measure_ranked(
    metric: Ranked, ranker: Ranker, cases: Cases, grouping: Grouping, rows: Floats, pair: Pair, *, same: bool, unit: str
) -> Measured:
    """Measure a metric of the order of scores; `cases` are the frame's rows under this grouping."""
    classes = ranker.classes(metric)
    valid = ranker.valid(classes)
    if ranker.frame.weight is not None:
        valid = valid & (cases.mass > 0)
    n = rows if valid.all() else cases.total(np.where(valid, cases.rows, 0.0))
    one = len(classes) == 1
    if one and metric.statistic == "roc_auc" and cases.plain:
        return _plain_auc(metric, ranker, cases, grouping, rows, pair, classes[0], valid, n, same=same, unit=unit)
    lines = {
        model: influences(
            metric, ranker, cases, grouping, model, valid, need_rows=len(pair) == 2 or not (one and cases.plain)
        )
        for model in pair
    }
    values = {model: _value(line) for model, line in lines.items()}
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 2:
        first, second = lines[pair[0]], lines[pair[1]]
        contrasts[pair[0], pair[1]] = paired_by_influence(
            first.value,
            second.value,
            first.psi,
            second.psi,
            cases,
            valid,
            either(first.reasons, second.reasons),
            same=same,
            method="paired t on influences",
            df=None if cases.cluster is not None or not one else np.minimum(first.df, second.df),
        )
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


@dataclass(frozen=True, kw_only=True)
class RankedLine:
    """A rank metric of one version: value (S,), influences (n,), variance of the value, reasons."""

    value: Floats
    psi: Floats
    variance: Floats
    df: Floats
    reasons: Reasons
    interval_reasons: Reasons
    method: str
    notes: tuple[str, ...] = ()


def influences(
    metric: Ranked,
    ranker: Ranker,
    cases: Cases,
    grouping: Grouping,
    model: int,
    valid: Bools,
    *,
    need_rows: bool = True,
) -> RankedLine:
    """Value and influence of each row; classes averaged when there are several, those without both outcomes left
    out."""
    where = cases.slice_index
    total, many = np.zeros(grouping.size), np.zeros(grouping.size)
    psi = np.zeros(len(where))
    table: RankTable | None = None
    with np.errstate(invalid="ignore"):
        for code in ranker.classes(metric):
            order = ranker.order(model, code, grouping, where, valid, classes=tuple(ranker.classes(metric)))
            table, rows = _table(metric, order, need_rows=need_rows)
            there = np.isfinite(table.value)
            if len(ranker.classes(metric)) > 1:
                there &= (table.n_pos > 0) & (table.n_neg > 0)
            total += np.where(there, table.value, 0.0)
            many += there
            if rows is not None:
                psi += np.where(there[where] & valid, np.nan_to_num(rows), 0.0)
        value = np.where(many > 0, total / np.maximum(many, 1), np.nan)
    if table is None:
        raise ValueError("a rank metric of no class")
    every = len(ranker.classes(metric))
    absent = "no slice row has both outcomes" if every > 1 else ""
    reasons = tuple(
        None if np.isfinite(v) else (absent or r or "no rows with every input")
        for v, r in zip(value, table.reasons, strict=True)
    )
    notes = (
        (f"mean over the {int(many.max())} of {every} classes that have rows inside and outside them",)
        if every > 1 and many.max() < every
        else ()
    )
    if not need_rows:
        return RankedLine(
            value=value,
            psi=psi,
            variance=table.variance,
            df=table.df,
            reasons=reasons,
            notes=notes,
            interval_reasons=table.reasons,
            method="influences, logit scale",
        )
    psi = psi / np.maximum(many, 1)[where]
    if cases.weight is not None:
        kept = valid & (cases.weight > 0)
        rows_in, mass = cases.total(kept.astype(float)), cases.total(np.where(kept, cases.weight, 0.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            psi = np.where(kept, psi * (mass / rows_in)[where] / np.where(kept, cases.weight, 1.0), 0.0)
    scattered = spread(cases, [psi], valid)
    variance = scattered.covariance[:, 0, 0]
    stuck = [
        "the value is the same on every row, so its standard error is 0" if v <= 0 else None
        for v in np.nan_to_num(variance, nan=1.0)
    ]
    if every == 1:
        stuck = [said or why for said, why in zip(table.reasons, stuck, strict=True)]
    method = "influences, logit scale" if cases.cluster is None else f"{scattered.method}, logit scale"
    df = scattered.df if cases.cluster is not None or every > 1 else np.minimum(scattered.df, table.df)
    return RankedLine(
        value=value,
        psi=psi,
        variance=variance,
        df=df,
        reasons=reasons,
        notes=notes,
        interval_reasons=either(reasons, scattered.reasons, stuck),
        method=method,
    )


def _table(metric: Ranked, order: SliceOrder, *, need_rows: bool) -> tuple[RankTable, Floats | None]:
    if metric.statistic == "roc_auc":
        return grouped_auc_influence(order) if need_rows else (grouped_auc(order), None)
    return grouped_average_precision_influence(order) if need_rows else (grouped_average_precision(order), None)


def _value(line: RankedLine) -> Value:
    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        low, high = logit_interval(line.value, line.variance, alpha, df=line.df)
        why = [
            r or (None if np.isfinite(x) else "too few rows of a class for a variance")
            for r, x in zip(line.interval_reasons, low, strict=True)
        ]
        refused = np.array([r is not None for r in why])
        names = tuple(line.method if r is None else f"none: {r}" for r in why)
        return np.where(refused, np.nan, low), np.where(refused, np.nan, high), names

    return Value(
        value=line.value,
        standard_error=np.sqrt(np.maximum(line.variance, 0.0)),
        df=line.df,
        reasons=line.reasons,
        limits=limits,
        notes=line.notes,
    )


def _plain_auc(
    metric: Ranked,
    ranker: Ranker,
    cases: Cases,
    grouping: Grouping,
    rows: Floats,
    pair: Pair,
    code: int,
    valid: Bools,
    n: Floats,
    *,
    same: bool,
    unit: str,
) -> Measured:
    """AUC by DeLong with Satterthwaite's degrees of freedom; with few rows of a class the wider of two intervals."""
    orders = [ranker.order(model, code, grouping, cases.slice_index, valid) for model in pair]
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 1:
        tables = [grouped_auc(orders[0])]
    else:
        paired = grouped_paired_auc(orders[0], orders[1])
        tables = [paired.first, paired.second]
    values = {}
    for model, table in zip(pair, tables, strict=True):
        values[model] = Value(
            value=table.value,
            standard_error=np.sqrt(np.nan_to_num(table.variance)),
            df=table.df,
            reasons=tuple(None if np.isfinite(v) else r for v, r in zip(table.value, table.reasons, strict=True)),
            limits=partial(auc_limits, table),
        )
    if len(pair) == 2:
        first, second = tables
        plain = PairedMeans(
            baseline=first.value,
            difference=paired.difference,
            var_difference=paired.variance,
            var_baseline=first.variance,
            cov_baseline_difference=paired.covariance - first.variance,
            df=paired.df,
            n=n,
            method="DeLong, paired, Satterthwaite t",
            reasons=tuple(
                None if np.isfinite(d) else (a or b or "no value")
                for d, a, b in zip(paired.difference, first.reasons, second.reasons, strict=True)
            ),
            identical=np.full(grouping.size, same),
        )
        contrasts[pair[0], pair[1]] = plain
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def auc_limits(table: RankTable, alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
    low, high = table.interval(alpha)
    names = ["DeLong, logit scale" if r is None else f"none: {r}" for r in table.reasons]
    few = np.isfinite(table.value) & auc_has_few_rows(table.value, table.n_pos, table.n_neg)
    if few.any():
        few_low, few_high = few_rows_interval(table, alpha)
        low, high = np.where(few, few_low, low), np.where(few, few_high, high)
        for s in np.flatnonzero(few).tolist():
            names[s] = "DeLong or Newcombe, the wider: few rows of a class" if table.reasons[s] is None else names[s]
    for s in np.flatnonzero((table.value == 0) | (table.value == 1)).tolist():
        edge = auc_bound_at_edge(float(table.value[s]), int(table.n_pos[s]), int(table.n_neg[s]), alpha)
        low[s], high[s], names[s] = edge.low, edge.high, f"exact bound: {edge.reason}"
    return low, high, tuple(names)
