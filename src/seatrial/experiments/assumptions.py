"""What a sizing assumes where no history is read: base rates, and how many new units come each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seatrial.decisions.yaml_fields import absent, kind_of, known_keys, number
from seatrial.errors import UsageError
from seatrial.records.numbers import format_count
from seatrial.stats.duration import LONGEST, new_units_from_active

BASE_KEYS = ("value", "standard_deviation", "correlation")
TRAFFIC_KEYS = ("daily_active", "population", "weekly_active")


@dataclass(frozen=True, kw_only=True)
class Base:
    """A metric as it is today: its value, and the standard deviation of one unit (None: it is a share of units)."""

    value: float
    standard_deviation: float | None = None
    correlation: float | None = None
    """Of the metric's covariates with it, known from elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Units seen for the first time on day 1, 2, ...; one number is the same number every day."""

    new_per_day: tuple[float, ...]
    note: str = ""

    @property
    def curve(self) -> tuple[float, ...]:
        """What `stats.duration` reads: a single number is repeated, a history keeps its decline."""
        return self.new_per_day * LONGEST if len(self.new_per_day) == 1 else self.new_per_day


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What a plan file says beside the plan."""

    base: Mapping[str, Base] = field(default_factory=dict)
    """By metric."""
    traffic: Traffic | None = None


def parse_base(given: Any, primary: str, metrics: Sequence[str], place: str) -> dict[str, Base]:
    """Return the base of each metric: a number, one mapping for the primary, or a mapping for each metric.

    >>> parse_base("0.05", "ctr", ["ctr"], "base")["ctr"].value
    0.05
    """
    if absent(given):
        return {}
    if not isinstance(given, Mapping) or set(given) & set(BASE_KEYS) - set(metrics):
        return {primary: _base(given, place)}
    known_keys(given, (*metrics, *(key for key in BASE_KEYS if key not in metrics)), place)
    return {name: _base(one, f"{place}: '{name}'") for name, one in given.items()}


def _base(given: Any, place: str) -> Base:
    if not isinstance(given, Mapping):
        return Base(value=_finite(given, place))
    known_keys(given, BASE_KEYS, place)
    if absent(given.get("value")):
        raise UsageError(f"{place}: 'value' is missing; add the metric's value today.")
    fields = {key: _finite(one, f"{place}: '{key}'") for key, one in given.items() if not absent(one)}
    deviation, correlation = fields.get("standard_deviation"), fields.get("correlation")
    if deviation is not None and deviation <= 0:
        raise UsageError(f"{place}: 'standard_deviation' must be above 0, not {deviation:g}.")
    if correlation is not None and not -1 < correlation < 1:
        raise UsageError(f"{place}: 'correlation' must lie between -1 and 1, not {correlation:g}.")
    return Base(value=fields["value"], standard_deviation=deviation, correlation=correlation)


def parse_traffic(given: Any, place: str) -> Traffic | None:
    """Return the new units of each day: a number, a list (first seen per day), or daily active units of a population.

    >>> parse_traffic({"daily_active": 1000, "population": 4000}, "new_units_per_day").new_per_day[:3]
    (1000.0, 750.0, 562.5)
    """
    if absent(given) or isinstance(given, Traffic):
        return given if isinstance(given, Traffic) else None
    if isinstance(given, Mapping):
        known_keys(given, TRAFFIC_KEYS, place)
        found = {key: _finite(one, f"{place}: '{key}'") for key, one in given.items() if not absent(one)}
        if not {"daily_active", "population"} <= set(found):
            raise UsageError(f"{place} needs 'daily_active' and 'population' (and 'weekly_active' where it is known).")
        try:
            new = new_units_from_active(
                found["daily_active"], found["population"], LONGEST, weekly_active=found.get("weekly_active")
            )
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from None
        weekly = f" ({format_count(found['weekly_active'])} a week)" if "weekly_active" in found else ""
        return Traffic(
            new_per_day=tuple(float(units) for units in new),
            note=f"new units from {format_count(found['daily_active'])} active a day{weekly} of a population of "
            f"{format_count(found['population'])}",
        )
    many = list(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else [given]
    new_units = tuple(_finite(one, place) for one in many)
    if not new_units or min(new_units) < 0 or max(new_units) <= 0:
        raise UsageError(f"{place} must be the units first seen each day: a number above 0, or a list of them.")
    if len(new_units) == 1:
        return Traffic(
            new_per_day=new_units,
            note="the same number of new units every day is assumed; fewer come later as most have been seen, so give "
            "the new units of each of the last 14 days",
        )
    return Traffic(new_per_day=new_units)


def _finite(given: Any, place: str) -> float:
    found = number(given.item() if isinstance(given, np.generic) else given, place)
    if not abs(found) < float("inf"):
        raise UsageError(f"{place} must be a finite number, not {kind_of(given)}.")
    return found
