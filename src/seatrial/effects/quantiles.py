"""Quantiles of a numeric column on every slice, with limits by order statistics and paired differences by
influences."""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.cases import Cases, Floats, spread
from seatrial.effects.columns import Reader
from seatrial.effects.grouping import Grouping
from seatrial.effects.means import Pair, either, paired_by_influence
from seatrial.effects.measured import Limits, Measured, Value
from seatrial.metrics.base import Quantile
from seatrial.stats.contrasts import Contrast
from seatrial.stats.distributions import normal_quantile, student_quantile
from seatrial.stats.quantiles import QuantileTable, SortedValues, grouped_quantiles

ALPHA = 0.05
"""The level whose order statistics imply the density that differences use."""


def measure_quantile(
    metric: Quantile,
    read: Reader,
    columns: dict[int, str],
    cases: Cases,
    grouping: Grouping,
    rows: Floats,
    pair: Pair,
    *,
    same: bool,
    unit: str,
) -> Measured:
    """Measure a quantile of `columns[model]`, the frame's column of each version."""
    amounts = {model: np.asarray(read(column), dtype=float) for model, column in columns.items()}
    valid = np.logical_and.reduce([np.isfinite(values) for values in amounts.values()])
    ordered = {model: SortedValues(np.where(valid, amounts[model], np.nan)) for model in pair}
    where, size = cases.slice_index, grouping.size

    def table(model: int, alpha: float) -> QuantileTable:
        return grouped_quantiles(ordered[model], where, size, (metric.probability,), alpha=alpha)

    lines = {model: influence(table(model, ALPHA), amounts[model], metric.probability, cases, valid) for model in pair}
    n = cases.total(valid.astype(float))
    values: dict[int, Value] = {}
    for model, (value, psi, reasons, wide) in lines.items():
        scattered = spread(cases, [psi], valid)
        error = np.sqrt(np.maximum(scattered.covariance[:, 0, 0], 0.0))
        if cases.plain:
            limits = _order_limits(partial(table, model))
        else:
            limits = _normal_limits(
                value, error, scattered.df, either(reasons, wide, scattered.reasons), scattered.method
            )
        values[model] = Value(value=value, standard_error=error, df=scattered.df, reasons=reasons, limits=limits)
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 2:
        (value_b, psi_b, reasons_b, wide_b), (value_c, psi_c, reasons_c, wide_c) = lines[pair[0]], lines[pair[1]]
        contrasts[pair[0], pair[1]] = paired_by_influence(
            value_b,
            value_c,
            psi_b,
            psi_c,
            cases,
            valid,
            either(reasons_b, reasons_c, wide_b, wide_c),
            same=same,
            method="paired t on influences, density from order statistics",
        )
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def influence(
    table: QuantileTable, amounts: Floats, probability: float, cases: Cases, valid: NDArray[np.bool_]
) -> tuple[Floats, Floats, tuple[str | None, ...], tuple[str | None, ...]]:
    """Value (S,), psi (n,) = (mean(I) - I) / f with I = 1{x <= q}, why a slice has no value, why it has no interval."""
    value, error, where = table.value[:, 0], table.standard_error[:, 0], cases.slice_index
    with np.errstate(invalid="ignore", divide="ignore"):
        density = np.sqrt(probability * (1 - probability) / table.n) / error
        below = valid & (amounts <= value[where])
        share = cases.mean(below.astype(float), valid)
        psi = np.where(valid, (share[where] - below) / density[where], 0.0)
    reasons = tuple(
        None if np.isfinite(v) else (r[0] or "no rows with every input")
        for v, r in zip(value, table.reasons, strict=True)
    )
    return value, np.nan_to_num(psi, posinf=0.0, neginf=0.0), reasons, tuple(r[0] for r in table.reasons)


def _order_limits(table: Callable[[float], QuantileTable]) -> Limits:
    kept = lru_cache(maxsize=4)(table)

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        found = kept(alpha)
        names = tuple("order statistics" if r[0] is None else f"none: {r[0]}" for r in found.reasons)
        return found.low[:, 0], found.high[:, 0], names

    return limits


def _normal_limits(value: Floats, error: Floats, df: Floats, reasons: tuple[str | None, ...], method: str) -> Limits:
    """Deng, Knoblich and Lu (KDD 2018): the independent-rows variance times the clusters' inflation of mean(I)."""

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        with np.errstate(invalid="ignore"):
            reach = (student_quantile(df, alpha) if np.isfinite(df).any() else normal_quantile(alpha)) * error
        refused = np.array([r is not None for r in reasons])
        low, high = np.where(refused, np.nan, value - reach), np.where(refused, np.nan, value + reach)
        return low, high, tuple(f"order statistics' density, {method}" if r is None else f"none: {r}" for r in reasons)

    return limits
