"""Where the level of a series of measured values changes: the largest weighted jump, against chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.distributions import normal_quantile

Floats = NDArray[np.float64]
DRAWS = 1_999
FEWEST = 4
"""Values below which no change is looked for."""


@dataclass(frozen=True, kw_only=True)
class Jump:
    """A new level from position `at` on."""

    at: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p_value: float


def change_points(
    values: Floats, standard_errors: Floats, *, alpha: float = 0.05, most: int = 3, seed: int = 0
) -> tuple[Jump, ...]:
    """Return the places where the level changes, by binary segmentation, earliest first.

    values, standard_errors: (n,) of independent normal values. The statistic of a segment is the largest
    |difference of weighted means| / se over all places to cut it (Hawkins 1977); its p-value (b + 1)/(B + 1) is
    simulated with the same standard errors, so a search over all places costs nothing in error. A segment is cut
    where p <= alpha, then each part is searched again. The interval is that of the two weighted means, given the
    place: after a search it is too narrow to be read as more than a size.

    >>> flat, step = np.array([0.8, 0.8, 0.8, 0.8, 0.8, 0.8]), np.array([0.8, 0.8, 0.8, 0.7, 0.7, 0.7])
    >>> errors = np.full(6, 0.01)
    >>> [jump.at for jump in change_points(flat, errors)], [jump.at for jump in change_points(step, errors)]
    ([], [3])
    """
    rng = np.random.default_rng(seed)
    found: list[Jump] = []
    segments = [(0, len(values))]
    while segments and len(found) < most:
        first, last = segments.pop(0)
        if last - first < FEWEST:
            continue
        jump = _largest(values[first:last], standard_errors[first:last], first, alpha, rng)
        if jump is not None and jump.p_value <= alpha:
            found.append(jump)
            segments += [(first, jump.at), (jump.at, last)]
    return tuple(sorted(found, key=lambda one: one.at))


def _largest(
    values: Floats, standard_errors: Floats, offset: int, alpha: float, rng: np.random.Generator
) -> Jump | None:
    if not np.all(np.isfinite(standard_errors) & (standard_errors > 0)):
        return None
    weights = 1.0 / np.square(standard_errors)
    z = np.abs(_statistics(values[None, :], weights)[0])
    at = int(np.argmax(z))
    noise = rng.standard_normal((DRAWS, len(values))) * standard_errors
    chance = np.abs(_statistics(noise, weights)).max(axis=1)
    p_value = (float(np.sum(chance >= z[at] * (1 - 1e-12))) + 1) / (DRAWS + 1)
    cut = at + 1
    before = float(np.average(values[:cut], weights=weights[:cut]))
    after = float(np.average(values[cut:], weights=weights[cut:]))
    error = float(np.sqrt(1 / weights[:cut].sum() + 1 / weights[cut:].sum()))
    reach = float(normal_quantile(alpha)) * error
    difference = after - before
    return Jump(
        at=offset + cut,
        before=before,
        after=after,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p_value=p_value,
    )


def _statistics(series: Floats, weights: Floats) -> Floats:
    """z of the difference of weighted means at every cut: (draws, n) to (draws, n - 1)."""
    left = np.cumsum(weights)[:-1]
    right = weights.sum() - left
    sums = np.cumsum(series * weights, axis=1)
    lower = sums[:, :-1] / left
    upper = (sums[:, -1:] - sums[:, :-1]) / right
    return np.asarray((upper - lower) / np.sqrt(1 / left + 1 / right), dtype=np.float64)
