"""AUC and average precision from counts in score bins, each within its stated bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from seatrial.effects.grouping import Grouping
from seatrial.effects.large.ranking import Influences, Level, Ranking
from seatrial.effects.large.widened import Widened
from seatrial.effects.means import Pair, Reasons, either
from seatrial.effects.measured import Floats, Limits, Measured, Value
from seatrial.effects.ranks import auc_limits
from seatrial.metrics.base import Ranked
from seatrial.stats.binned_ranks import BinnedRanks, binned_auc, binned_average_precision
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import PairedMeans
from seatrial.stats.ranks import divide, logit_interval, satterthwaite

Same = dict[tuple[str, Pair], bool]
STATISTICS = {"roc_auc": binned_auc, "average_precision": binned_average_precision}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A rank metric of one version on S slices, (S,) each; `classes` its parts."""

    value: Floats
    bound: Floats
    many: Floats
    """Classes that have a value."""
    classes: dict[int, BinnedRanks]
    reasons: Reasons


def measure_ranked(
    metrics: Sequence[Ranked], ranking: Ranking, levels: Sequence[Level], pairs: Sequence[Pair], same: Same
) -> dict[tuple[str, Grouping], Measured]:
    """Measure metrics that read the same classes from counts; a second pass over the rows where pairs ask for it."""
    one = len(ranking.codes) == 1
    models = sorted({model for pair in pairs for model in pair})
    lines = [[{m: _line(metric, ranking, level, m) for m in models} for metric in metrics] for level in levels]
    if one and all(len(pair) == 1 for pair in pairs):
        sums: list[list[dict[Pair, Floats]]] = [[{} for _ in metrics] for _ in levels]
    else:
        tables = [[_influences(ranking, line) for line in of_level] for of_level in lines]
        sums = ranking.products(levels, tables, pairs)
    found: dict[tuple[str, Grouping], Measured] = {}
    for level, of_level, of_sums in zip(levels, lines, sums, strict=True):
        for metric, line, products in zip(metrics, of_level, of_sums, strict=True):
            found[metric.name, level.grouping] = _measured(metric, ranking, level, line, products, pairs, same)
    return found


def _line(metric: Ranked, ranking: Ranking, level: Level, model: int) -> Line:
    size, every = level.grouping.size, len(ranking.codes)
    total, bound, many = np.zeros(size), np.zeros(size), np.zeros(size)
    classes: dict[int, BinnedRanks] = {}
    for code in ranking.codes:
        counts = level.counts[model, code]
        single = ranking.edges[model, code].at(level.most).single
        found = classes[code] = STATISTICS[metric.statistic](counts[:, 1], counts[:, 0], single)
        there = np.isfinite(found.table.value)
        total += np.where(there, found.table.value, 0.0)
        bound += np.where(there, found.bound, 0.0)
        many += there
    with np.errstate(invalid="ignore"):
        value = np.where(many > 0, total / np.maximum(many, 1), np.nan)
    last = classes[ranking.codes[-1]].table.reasons
    absent = "no slice row has both outcomes" if every > 1 else ""
    reasons = tuple(
        None if np.isfinite(v) else (absent or r or "no rows with every input")
        for v, r in zip(value, last, strict=True)
    )
    return Line(value=value, bound=bound / np.maximum(many, 1), many=many, classes=classes, reasons=reasons)


def _influences(ranking: Ranking, lines: dict[int, Line]) -> Influences:
    tables: dict[tuple[int, int], Floats] = {}
    for model, line in lines.items():
        for code, found in line.classes.items():
            there = np.isfinite(found.table.value) / np.maximum(line.many, 1)
            tables[model, code] = np.stack([found.negative, found.positive], axis=1) * there[:, None, None]
    return Influences(of=tables)


def _measured(
    metric: Ranked,
    ranking: Ranking,
    level: Level,
    lines: dict[int, Line],
    products: dict[Pair, Floats],
    pairs: Sequence[Pair],
    same: Same,
) -> Measured:
    n = level.n.astype(np.float64)
    one = len(ranking.codes) == 1
    values: dict[int, Value] = {}
    contrasts: dict[tuple[int, int], Contrast] = {}
    variances: dict[int, Floats] = {}
    for pair in pairs:
        for model in pair:
            if one:
                variances[model] = lines[model].classes[ranking.codes[0]].table.variance
        if not one:
            squares = products[pair].sum(axis=1)
            variances[pair[0]] = divide(squares[:, 2], n * (n - 1))
            variances[pair[-1]] = divide(squares[:, 0] + 2 * squares[:, 1] + squares[:, 2], n * (n - 1))
        for model in pair:
            values.setdefault(model, _value(metric, ranking, level, lines[model], variances[model], n))
        if len(pair) == 2:
            contrasts[pair[0], pair[1]] = _contrast(
                metric, ranking, lines, products[pair], variances, pair, n, same=same[metric.name, pair]
            )
    return Measured(
        metric=metric,
        grouping=level.grouping,
        n=n,
        missing=level.rows - n,
        values=dict(sorted(values.items())),
        contrasts=contrasts,
        unit="row",
    )


def _value(metric: Ranked, ranking: Ranking, level: Level, line: Line, variance: Floats, n: Floats) -> Value:
    every = len(ranking.codes)
    table = line.classes[ranking.codes[0]].table
    df = table.df if every == 1 else n - 1
    if every == 1 and metric.statistic == "roc_auc":
        limits: Limits = partial(auc_limits, table)
    else:
        stuck = tuple(
            "the value is the same on every row, so its standard error is 0" if v <= 0 else None
            for v in np.nan_to_num(variance, nan=1.0)
        )
        refused = either(line.reasons, table.reasons if every == 1 else (None,) * len(n), stuck)
        limits = partial(_logit_limits, line.value, variance, df, refused)
    notes = [grouped_note(line.bound, level.most)]
    if every > 1 and line.many.max(initial=0) < every:
        notes.append(
            f"mean over the {int(line.many.max(initial=0))} of {every} classes that have rows inside and outside them"
        )
    return Value(
        value=line.value,
        standard_error=np.sqrt(np.maximum(np.nan_to_num(variance), 0.0)),
        df=df,
        reasons=line.reasons,
        limits=widened(limits, line.bound),
        notes=tuple(note for note in notes if note),
    )


def _contrast(
    metric: Ranked,
    ranking: Ranking,
    lines: dict[int, Line],
    products: Floats,
    variances: dict[int, Floats],
    pair: Pair,
    n: Floats,
    *,
    same: bool,
) -> Widened:
    first, second = lines[pair[0]], lines[pair[1]]
    one = len(ranking.codes) == 1
    tables = [line.classes[ranking.codes[0]].table for line in (first, second)]
    with np.errstate(invalid="ignore"):
        hidden = sum(
            (np.sqrt(a.unresolved) + np.sqrt(b.unresolved)) ** 2
            for a, b in zip(first.classes.values(), second.classes.values(), strict=True)
        ) / np.maximum(first.many, 1)
        if one and metric.statistic == "roc_auc":
            # influences are scaled by n over the class's rows; DeLong divides by the class's rows less one
            n0, n1 = tables[0].n_neg, tables[0].n_pos
            parts = [divide(products[:, k, 0] * m**2, n**2 * m * (m - 1)) for k, m in ((0, n0), (1, n1))]
            parts = [np.where(np.isnan(n), np.nan, part) for part in parts]
            variance = parts[0] + parts[1] + hidden
            df = satterthwaite(parts[1] + hidden / 2, n1, parts[0] + hidden / 2, n0)
            covariance = (variances[pair[0]] + variances[pair[1]] - variance) / 2 - variances[pair[0]]
            method = "DeLong, paired, Satterthwaite t"
        else:
            sums = products.sum(axis=1)
            variance = divide(sums[:, 0], n * (n - 1)) + hidden
            covariance = divide(sums[:, 1], n * (n - 1))
            df = np.minimum(tables[0].df, tables[1].df) if one else n - 1
            method = "paired t on influences"
    base = PairedMeans(
        baseline=first.value,
        difference=second.value - first.value,
        var_difference=variance,
        var_baseline=variances[pair[0]],
        cov_baseline_difference=covariance,
        df=df,
        n=n,
        reasons=either(first.reasons, second.reasons),
        method=method,
        identical=np.full(len(n), same),
    )
    return Widened(base=base, bound_baseline=first.bound, bound_candidate=second.bound)


def _logit_limits(
    value: Floats, variance: Floats, df: Floats, reasons: Reasons, alpha: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    low, high = logit_interval(value, variance, alpha, df=df)
    refused = np.array([r is not None for r in reasons])
    names = tuple("influences, logit scale" if r is None else f"none: {r}" for r in reasons)
    return np.where(refused, np.nan, low), np.where(refused, np.nan, high), names


def widened(limits: Limits, bound: Floats) -> Limits:
    """Limits of a value in 0..1 moved outwards by the bound."""

    def wide(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        low, high, methods = limits(alpha)
        names = tuple(
            f"{m}, widened by the bins" if b > 0 and not m.startswith("none") else m
            for m, b in zip(methods, bound.tolist(), strict=True)
        )
        return np.clip(low - bound, 0.0, 1.0), np.clip(high + bound, 0.0, 1.0), names

    return wide


def grouped_note(bound: Floats, bins: int) -> str | None:
    """What a reader is told of the bins; nothing where they make no difference."""
    if not bound.max(initial=0) > 0:
        return None
    every = " on every slice" if len(bound) > 1 else ""
    largest = float(bound.max())
    digit = 10.0 ** np.floor(np.log10(largest))
    shown = np.ceil(largest / digit) * digit
    return f"scores were grouped into up to {bins:,} bins: the value is within {shown:.1g} of the exact one{every}"
