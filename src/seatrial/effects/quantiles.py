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
from seatrial.effects.terms import AtomLine
from seatrial.metrics.base import Quantile
from seatrial.stats.contrasts import Contrast
from seatrial.stats.distributions import normal_quantile, student_quantile
from seatrial.stats.quantiles import QuantileTable, SortedValues, grouped_quantiles
from seatrial.stats.weighted_quantiles import grouped_weighted_quantiles

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

    lines = {model: quantile_line(ordered[model], metric.probability, cases, valid, amounts[model]) for model in pair}
    n = cases.total(np.where(valid, cases.rows, 0.0))
    values: dict[int, Value] = {}
    for model, line in lines.items():
        scattered = spread(cases, [line.psi], valid)
        error = np.sqrt(np.maximum(scattered.covariance[:, 0, 0], 0.0))
        if cases.plain:
            limits = _order_limits(partial(table, model))
        else:
            refused = either(line.reasons, line.flat, scattered.reasons)
            limits = _normal_limits(line.value, error, scattered.df, refused, scattered.method)
        values[model] = Value(
            value=line.value, standard_error=error, df=scattered.df, reasons=line.reasons, limits=limits
        )
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
            either(first.reasons, second.reasons, first.flat, second.flat),
            same=same,
            method="paired t on influences, density from order statistics",
        )
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def quantile_line(
    values: Floats | SortedValues,
    probability: float,
    cases: Cases,
    valid: NDArray[np.bool_],
    amounts: Floats | None = None,
) -> AtomLine:
    """A quantile of the valid cases, psi (n,) = (mean(I) - I) / f with I = 1{x <= q} and f the density at q.

    `values` may be sorted already; `amounts` (n,) are then the same in the order of the cases. With weights the value
    is the weighted one, else NumPy's `linear`.
    """
    given = values if amounts is None and not isinstance(values, SortedValues) else amounts
    if given is None:
        raise ValueError("sorted values need the amounts beside them")
    where, size = cases.slice_index, cases.size
    if cases.weight is None:
        held = values if isinstance(values, SortedValues) else np.where(valid, given, np.nan)
        table = grouped_quantiles(held, where, size, (probability,), alpha=ALPHA)
        value, flat = table.value[:, 0], tuple(r[0] for r in table.reasons)
        with np.errstate(invalid="ignore", divide="ignore"):
            density = np.sqrt(probability * (1 - probability) / table.n) / table.standard_error[:, 0]
    else:
        held = np.where(valid, given, np.nan)
        weighted = grouped_weighted_quantiles(held, cases.mass, where, size, probability, alpha=ALPHA)
        value, density, flat = weighted.value, weighted.density, weighted.flat
    with np.errstate(invalid="ignore", divide="ignore"):
        below = valid & (given <= value[where])
        share = cases.mean(below.astype(float), valid)
        psi = np.where(valid, (share[where] - below) / density[where], 0.0)
    reasons = tuple(
        None if np.isfinite(v) else (r or "no rows with every input") for v, r in zip(value, flat, strict=True)
    )
    return AtomLine(value=value, psi=np.nan_to_num(psi, posinf=0.0, neginf=0.0), reasons=reasons, flat=flat)


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
