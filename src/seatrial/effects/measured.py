"""What measuring one metric gives: a value for each version on each slice, and contrasts between versions."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.grouping import Grouping
from seatrial.metrics.base import Metric
from seatrial.stats.contrasts import Contrast

Floats = NDArray[np.float64]
Limits = Callable[[float], tuple[Floats, Floats, tuple[str, ...]]]
"""alpha -> low (S,), high (S,), method per slice."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One metric of one version on S slices; NaN where `reasons` says why there is none."""

    value: Floats
    standard_error: Floats
    df: Floats
    reasons: tuple[str | None, ...]
    limits: Limits
    count: Floats | None = None
    total: Floats | None = None
    """Events and rows, when the metric is a plain proportion."""
    rows: Floats | None = None
    """Rows in the denominator, of a proportion with one of its own; None: every row in the metric."""
    is_mean: bool = False
    """Whether it is a mean over all rows in which each counts alike, so that missing rows bound it."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One metric of every version on every slice of one grouping."""

    metric: Metric
    grouping: Grouping
    n: Floats
    """Rows in the metric, (S,)."""
    missing: Floats
    """Rows of the slice that lack an input of some version, (S,)."""
    values: dict[int, Value]
    contrasts: dict[tuple[int, int], Contrast] = field(default_factory=dict)
    unit: str = "row"
    notes: tuple[str, ...] = ()


def merge(parts: list[Measured]) -> Measured:
    """One `Measured` from those of several pairs of versions on the same frame."""
    first = parts[0]
    values: dict[int, Value] = {}
    contrasts: dict[tuple[int, int], Contrast] = {}
    for part in parts:
        for model, value in part.values.items():
            values.setdefault(model, value)
        contrasts.update(part.contrasts)
    return Measured(
        metric=first.metric,
        grouping=first.grouping,
        n=first.n,
        missing=first.missing,
        values=dict(sorted(values.items())),
        contrasts=contrasts,
        unit=first.unit,
        notes=first.notes,
    )
