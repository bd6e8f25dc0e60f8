"""What is not measured on a table too long to hold: the reason in place of a value, or a value without its interval."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seatrial.effects.grouping import Grouping
from seatrial.effects.means import Pair
from seatrial.effects.measured import Floats, Limits, Measured, Value
from seatrial.effects.resampled import without_interval
from seatrial.metrics.base import Metric
from seatrial.stats.contrasts import Contrast


def refused(metric: Metric, grouping: Grouping, rows: Floats, pairs: Sequence[Pair], reason: str) -> Measured:
    """A metric with a reason on every slice."""
    nothing = np.full(grouping.size, np.nan)
    value = Value(
        value=nothing,
        standard_error=nothing,
        df=nothing,
        reasons=(reason,) * grouping.size,
        limits=_none(grouping.size, reason),
    )
    contrasts: dict[tuple[int, int], Contrast] = {
        (pair[0], pair[1]): without_interval(nothing, nothing, rows, reason) for pair in pairs if len(pair) == 2
    }
    return Measured(
        metric=metric,
        grouping=grouping,
        n=rows,
        missing=np.zeros(grouping.size),
        values={model: value for pair in pairs for model in pair},
        contrasts=contrasts,
        unit="row",
    )


def value_only(measured: Measured, reason: str, unit: str) -> Measured:
    """The values of a measured metric without any claim of their precision."""
    size = measured.grouping.size
    nothing = np.full(size, np.nan)
    values = {
        model: replace(
            value,
            standard_error=nothing,
            df=nothing,
            limits=_none(size, reason),
            count=None,
            total=None,
        )
        for model, value in measured.values.items()
    }
    contrasts: dict[tuple[int, int], Contrast] = {
        pair: without_interval(values[pair[0]].value, values[pair[1]].value, measured.n, reason)
        for pair in measured.contrasts
    }
    return replace(measured, values=values, contrasts=contrasts, unit=unit)


def _none(size: int, reason: str) -> Limits:
    return lambda alpha: (np.full(size, np.nan), np.full(size, np.nan), (f"none: {reason}",) * size)
