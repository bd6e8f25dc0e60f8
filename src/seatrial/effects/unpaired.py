"""Versions measured on different rows: two independent sides, compared slice by slice where their slices bear the same
name."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seatrial.effects.grouping import Grouping
from seatrial.effects.means import either
from seatrial.effects.measure import Measurer
from seatrial.effects.measured import Floats, Measured, Value
from seatrial.effects.resampled import NOT_GATED, without_interval
from seatrial.metrics.base import Banded, Metric
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import IndependentMeans
from seatrial.stats.miettinen_nurminen import UnpairedProportions


def unpaired(
    measurers: Sequence[Measurer], metrics: Sequence[Metric], where: Sequence[Grouping]
) -> dict[tuple[str, Grouping], Measured]:
    """Measure each version on its own rows, on the baseline's slices, and contrast it with the baseline."""
    found: dict[tuple[str, Grouping], Measured] = {}
    for grouping in where:
        first = measurers[0].measure(metrics, [grouping], [(0,)])
        for metric in metrics:
            one = first[metric.name, grouping]
            found[metric.name, grouping] = replace(one, values={0: _with_rows(one.values[0], one.n)})
        for position, measurer in enumerate(measurers[1:], start=1):
            own = _own(measurer, grouping)
            other = measurer.measure(metrics, [own], [(0,)])
            for metric in metrics:
                found[metric.name, grouping] = _joined(
                    found[metric.name, grouping], _moved(other[metric.name, own], grouping), position
                )
    return found


def _own(measurer: Measurer, grouping: Grouping) -> Grouping:
    """The grouping by the same columns with this version's own levels."""
    columns = [measurer.frame.slices[k] for k in grouping.columns]
    return Grouping(columns=grouping.columns, names=grouping.names, levels=tuple(c.levels for c in columns))


def _moved(measured: Measured, grouping: Grouping) -> Measured:
    """A version's measurements brought to the baseline's slices; a slice it does not have holds no rows."""
    place = [measured.grouping.index(grouping.key(s)) for s in range(grouping.size)]
    there = np.array([p is not None for p in place])
    at = np.array([p or 0 for p in place])

    def take(values: Floats) -> Floats:
        return np.where(there, values[at], np.nan)

    def moved(value: Value) -> Value:
        def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
            low, high, methods = value.limits(alpha)
            return take(low), take(high), tuple(methods[p] for p in at)

        reasons = tuple(value.reasons[p] if t else "no such rows" for p, t in zip(at, there, strict=True))
        return replace(
            value,
            value=take(value.value),
            standard_error=take(value.standard_error),
            df=take(value.df),
            reasons=reasons,
            limits=limits,
            count=None if value.count is None else take(value.count),
            total=None if value.total is None else take(value.total),
            rows=None if value.rows is None else np.nan_to_num(take(value.rows)),
        )

    return replace(
        measured,
        grouping=grouping,
        n=np.nan_to_num(take(measured.n)),
        missing=np.nan_to_num(take(measured.missing)),
        values={0: moved(measured.values[0])},
    )


def _joined(baseline: Measured, other: Measured, position: int) -> Measured:
    metric = baseline.metric
    first, second = baseline.values[0], _with_rows(other.values[0], other.n)
    if isinstance(metric, Banded):
        contrast: Contrast = without_interval(first.value, second.value, baseline.n, NOT_GATED[metric.statistic])
    else:
        contrast = _contrast(first, second)
    return replace(
        baseline,
        n=baseline.n + other.n,
        missing=baseline.missing + other.missing,
        values={**baseline.values, position: second},
        contrasts={**baseline.contrasts, (0, position): contrast},
        notes=("the versions were measured on different rows",),
    )


def _with_rows(value: Value, n: Floats) -> Value:
    """The value with its own number of rows, which differs between versions here."""
    return value if value.rows is not None else replace(value, rows=n)


def _contrast(baseline: Value, candidate: Value) -> Contrast:
    if (
        baseline.total is not None
        and candidate.total is not None
        and baseline.count is not None
        and candidate.count is not None
    ):
        return UnpairedProportions(
            count_candidate=np.nan_to_num(candidate.count),
            n_candidate=np.nan_to_num(candidate.total),
            count_baseline=baseline.count,
            n_baseline=baseline.total,
        )
    return IndependentMeans(
        baseline=baseline.value,
        candidate=candidate.value,
        var_baseline=baseline.standard_error**2,
        var_candidate=candidate.standard_error**2,
        df_baseline=baseline.df,
        df_candidate=candidate.df,
        reasons=either(baseline.reasons, candidate.reasons),
        method="Welch t on influences",
    )
