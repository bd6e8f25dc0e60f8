"""How long an experiment takes: new units come ever more slowly, so the units over days are a saturating curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.sample_size import EQUAL, minimum_detectable_effect, traffic_shares

WEEK = 7
LONGEST = 366
"""Days beyond which a duration is called never."""
BISECTIONS = 100


@dataclass(frozen=True, kw_only=True)
class DurationRow:
    """What can be found after so many days: `units` per arm, control first; effects of the weakest arm's contrast."""

    days: int
    units: tuple[int, ...]
    absolute: float
    """Infinite while an arm has no units."""
    relative: float | None
    """Share of |baseline|, where a baseline was given."""


def new_units_from_active(
    daily_active: float, population: float, days: int, *, weekly_active: float | None = None
) -> Floats:
    """Units seen for the first time on day 1, 2, ..., (days,), when `daily_active` of a `population` come each day.

    Units that come independently with chance p = daily/population each day give new(d) = daily (1 - p)^(d-1). Real
    units differ, some come daily and some hardly ever, which makes that too fast; with `weekly_active`, the distinct
    units of 7 days, chances are beta distributed (the beta-geometric curve of Fader and Hardie 2007) with the
    concentration at which 7 days give that number.

    >>> new_units_from_active(1000, 10_000, 3).tolist()
    [1000.0, 900.0, 810.0]
    >>> new_units_from_active(1000, 10_000, 7, weekly_active=3000).sum().round(6)
    np.float64(3000.0)
    """
    if not 0 < daily_active <= population < np.inf:
        raise UsageError(f"Daily active units ({daily_active!r}) must be positive and at most the population.")
    p, later = daily_active / population, np.arange(_whole_days(days), dtype=np.float64)
    if weekly_active is None or p == 1.0:
        return np.asarray(daily_active * (1 - p) ** later)
    if not daily_active < weekly_active <= population:
        raise UsageError(f"Weekly active units ({weekly_active!r}) must exceed the daily ones, within the population.")

    def left(concentration: float, steps: Floats) -> Floats:
        """Share not seen after each further day: the product of (b + i)/(a + b + i)."""
        return np.asarray(np.cumprod(1 - p / (1 + steps / concentration)))

    week = np.arange(WEEK, dtype=np.float64)
    low, high = -40.0, 40.0  # logarithms; a week's share not seen falls as the concentration grows
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        many = left(float(np.exp(middle)), week)[-1] > 1 - weekly_active / population
        low, high = (middle, high) if many else (low, middle)
    unseen = np.concatenate([[1.0], left(float(np.exp(high)), later)])
    return np.asarray(population * -np.diff(unseen))


def cumulative_units(new_per_day: ArrayLike, days: int) -> Floats:
    """Distinct units after day 1, 2, ..., (days,), from the units first seen on each day of a history (D,).

    Within the history it is their running sum. Beyond, new(d) = R new(d - c), with c = 7 and R = the last week's new
    units over those of the week before, at most 1: a geometric decline that keeps the weekdays. First visits decline
    ever more slowly (a mixture of geometric curves has a rising ratio), so this says too few units rather than too
    many. Under 14 days c is half the history, and weekdays cannot be told from the decline. A history of one day says
    nothing about the next, which is a UsageError when more days are asked for.

    >>> cumulative_units([1000, 900, 810, 729], 6).round(0).tolist()
    [1000.0, 1900.0, 2710.0, 3439.0, 4095.0, 4686.0]
    """
    new = np.asarray(new_per_day, dtype=np.float64)
    if new.ndim != 1 or new.size == 0 or not (np.isfinite(new).all() and (new >= 0).all()):
        raise UsageError("Give the number of new units of each day, as a list of numbers that are not negative.")
    asked = _whole_days(days)
    if asked <= new.size:
        return np.asarray(np.cumsum(new[:asked]))
    cycle = min(WEEK, new.size // 2)
    if cycle == 0:
        raise UsageError("One day of history cannot say how many new units later days bring; give two weeks or more.")
    last, before = new[-cycle:], new[-2 * cycle : -cycle]
    ratio = min(float(last.sum() / before.sum()), 1.0) if before.sum() > 0 else 0.0
    further = np.arange(asked - new.size)
    tail = last[further % cycle] * ratio ** (1 + further // cycle)
    return np.asarray(np.cumsum(np.concatenate([new, tail])))


def days_needed(
    units: float, new_per_day: ArrayLike, *, share: float = 1.0, window: int = 0, longest: int = LONGEST
) -> int | None:
    """Days until `units` of all arms together were exposed and their `window` of days has closed; None: never.

    `share` is the part of new units that enters the experiment; never means not within `longest` days, or that the
    curve of `cumulative_units` levels off below.

    >>> days_needed(2500, [1000, 900, 810, 729]), days_needed(1e6, [1000, 900, 810, 729])
    (3, None)
    """
    reached = _share(share) * cumulative_units(new_per_day, _horizon(new_per_day, longest)) >= units * (1 - 1e-12)
    if not reached.any():
        return None
    found = int(np.argmax(reached)) + 1 + _window(window)
    return found if found <= longest else None


def mde_by_duration(
    new_per_day: ArrayLike,
    variance: ArrayLike,
    *,
    days: Sequence[int] = (7, 14, 21, 28, 42, 56),
    baseline: float | None = None,
    weights: Sequence[float] = EQUAL,
    share: float = 1.0,
    window: int = 0,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    inflation: float = 1.0,
) -> tuple[DurationRow, ...]:
    """One row per duration: the units per arm that are complete by then, and the smallest effect they find.

    `variance` as in `units_per_arm`; units exposed in the last `window` days do not count yet; with several arms the
    effect is that of the weakest contrast. `baseline` (the metric's mean) gives the relative effect.

    >>> for row in mde_by_duration([1000] * 14, 100.0, days=(7, 14), baseline=20.0):
    ...     print(row.days, row.units, round(row.absolute, 3), round(row.relative, 4))
    7 (3500, 3500) 0.67 0.0335
    14 (7000, 7000) 0.474 0.0237
    """
    if not days:
        return ()
    shares, wait = traffic_shares(weights), _window(window)
    counts = np.concatenate([[0.0], cumulative_units(new_per_day, max(_whole_days(day) for day in days))])
    rows = []
    for day in days:
        units = np.floor(counts[max(day - wait, 0)] * _share(share) * shares * (1 + 1e-12))
        effects = minimum_detectable_effect(
            variance, units, alpha=alpha, power=power, guardrails=guardrails, inflation=inflation
        )
        absolute = float(effects.max())
        rows.append(
            DurationRow(
                days=day,
                units=tuple(int(n) for n in units),
                absolute=absolute,
                relative=absolute / abs(baseline) if baseline else None,
            )
        )
    return tuple(rows)


def _whole_days(days: int) -> int:
    if days < 1:
        raise UsageError(f"A duration is at least one day, got {days!r}.")
    return int(days)


def _horizon(new_per_day: ArrayLike, longest: int) -> int:
    """One day of history has no future to read off."""
    known = int(np.size(np.asarray(new_per_day)))
    return min(known, longest) if known < 2 else longest


def _share(share: float) -> float:
    if not 0.0 < share <= 1.0:
        raise UsageError(f"The share of units that enter must lie in (0, 1], got {share!r}.")
    return share


def _window(window: int) -> int:
    if window < 0:
        raise UsageError(f"A window of days cannot be negative, got {window!r}.")
    return int(window)
