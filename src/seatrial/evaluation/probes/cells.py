"""Cells of a table gone wrong: noise, gaps, the wrong unit, the wrong category, a value out of date."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import special

from seatrial.evaluation.probes.base import Column, Draw, Kind, Probe, is_missing, is_number

FACTORS: dict[str, float] = {
    "thousandfold": 1000.0,
    "thousandth": 0.001,
    "inch_as_cm": 1 / 2.54,
    "cm_as_inch": 2.54,
    "percent_as_fraction": 0.01,
    "fraction_as_percent": 100.0,
}
"""What a value is multiplied by when it is written down in the wrong unit: `inch_as_cm` writes inches where the column
holds centimetres."""


def _like(old: Any, new: float) -> Any:
    """A number of the type of another; the old one where the new is none."""
    if not math.isfinite(new):
        return old
    return round(new) if isinstance(old, (int, np.integer)) else float(new)


class Noise(Probe):
    """Measurement noise: normal, in units of the column's own standard deviation."""

    name: ClassVar[str] = "noise"
    works_on: ClassVar[tuple[Kind, ...]] = ("number",)
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.25, 0.5, 1.0)
    top: ClassVar[float] = 100.0
    means: ClassVar[str] = "standard deviations of the column"

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        spread = column.standard_deviation * severity
        uniform = np.array([draw.uniform(row) for row in column.ids]) + 2.0**-54
        z = special.ndtri(uniform).tolist()
        return [
            _like(value, float(value) + spread * by) if is_number(value) else value
            for value, by in zip(column.values, z, strict=True)
        ]


class Missing(Probe):
    """Values that did not arrive."""

    name: ClassVar[str] = "missing"
    works_on: ClassVar[tuple[Kind, ...]] = ("number", "category", "text")
    ladder: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.25, 0.5)
    means: ClassVar[str] = "share of values"

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        return [
            None if draw.uniform(row) < severity else value
            for value, row in zip(column.values, column.ids, strict=True)
        ]


class Units(Probe):
    """Numbers written down in the wrong unit."""

    name: ClassVar[str] = "units"
    works_on: ClassVar[tuple[Kind, ...]] = ("number",)
    ladder: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.25)
    means: ClassVar[str] = "share of values"

    unit: Literal[
        "any",
        "thousandfold",
        "thousandth",
        "inch_as_cm",
        "cm_as_inch",
        "percent_as_fraction",
        "fraction_as_percent",
    ] = "any"
    """Which mix-up; `any` draws one for each value hit."""

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        factors = list(FACTORS.values()) if self.unit == "any" else [FACTORS[self.unit]]
        which = Draw(seed=draw.seed, probe=f"{draw.probe} unit", column=draw.column)
        return [
            _like(value, float(value) * factors[int(which.uniform(row) * len(factors))])
            if is_number(value) and draw.uniform(row) < severity
            else value
            for value, row in zip(column.values, column.ids, strict=True)
        ]


class Categories(Probe):
    """The wrong category: another level of the column, or the one it is known to be mistaken for."""

    name: ClassVar[str] = "categories"
    works_on: ClassVar[tuple[Kind, ...]] = ("category",)
    takes: ClassVar[tuple[Kind, ...]] = ("category", "text", "number")
    ladder: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.25)
    means: ClassVar[str] = "share of values"

    swaps: dict[str, str] = Field(default_factory=dict)
    """Level to the one it is mistaken for; only these are swapped then."""

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        which = Draw(seed=draw.seed, probe=f"{draw.probe} level", column=draw.column)
        return [
            value
            if is_missing(value) or draw.uniform(row) >= severity
            else self._other(value, column, which.uniform(row))
            for value, row in zip(column.values, column.ids, strict=True)
        ]

    def _other(self, value: Any, column: Column, at: float) -> Any:
        if self.swaps:
            wanted = self.swaps.get(str(value))
            return next((level for level in column.levels if str(level) == wanted), wanted or value)
        others = len(column.levels) - 1
        if others < 1:
            return value
        place = int(at * others)
        # one step over the level itself, so that each other level is as likely
        return column.levels[place + (place >= column.levels.index(value))]


class Stale(Probe):
    """A value out of date: that of an earlier row (of the same group, where the data set has one)."""

    name: ClassVar[str] = "stale"
    works_on: ClassVar[tuple[Kind, ...]] = ("number", "category", "text")
    takes: ClassVar[tuple[Kind, ...]] = ("number", "category", "text", "other")
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.25, 0.5, 1.0)
    means: ClassVar[str] = "share of values"

    lag: int = Field(default=1, ge=1)
    """How many rows earlier; by the time column, by the order of the rows where there is none."""

    def apply(self, column: Column, severity: float, draw: Draw) -> Sequence[Any]:
        order = range(len(column.ids)) if column.order is None else column.order
        histories: dict[Any, list[Any]] = {}
        after = list(column.values)
        for at in order:
            value = column.values[at]
            if is_missing(value):
                continue
            history = histories.setdefault(None if column.groups is None else column.groups[at], [])
            if len(history) >= self.lag and draw.uniform(column.ids[at]) < severity:
                after[at] = history[-self.lag]
            history.append(value)
        return after
