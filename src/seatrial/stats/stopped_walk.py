"""A Brownian motion that is looked at now and then and stopped outside its limits: Armitage, McPherson and Rowe (1969).

On the information clock t the test statistic is Z = B(t)/sqrt(t), B with drift theta: z-values at looks are the walk
seen at those times. The density of B among those still walking is carried from look to look on Gauss-Legendre panels
no wider than three standard deviations of the narrower of the two steps that meet there, so that uneven looks and
very early ones keep their digits (tested against the multivariate normal distribution).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats

REACH = 12.0
"""Standard deviations beyond which a walk is not followed (a probability of 1e-33)."""
PANEL = 3.0
MOST_NODES = 65_536
CHUNK = 256
LEAST_MASS = 1e-100
"""A boundary for less than this probability is infinite: nothing is ever that extreme."""
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Where the walk is at `time`, for those not stopped: `masses` of probability at `nodes` (ascending)."""

    time: float
    nodes: Floats
    masses: Floats

    def mirrored(self) -> "Walk":
        """The same walk upside down; its drift changes sign."""
        return Walk(time=self.time, nodes=-self.nodes[::-1], masses=self.masses[::-1])


START = Walk(time=0.0, nodes=np.zeros(1), masses=np.ones(1))


def above(walk: Walk, time: float, z: float, *, drift: float = 0.0) -> float:
    """P(still walking, and Z >= z at the next look, at `time`)."""
    step = time - walk.time
    distance = (z * math.sqrt(time) - walk.nodes - drift * step) / math.sqrt(step)
    return float(walk.masses @ special.ndtr(-distance))


def below(walk: Walk, time: float, z: float, *, drift: float = 0.0) -> float:
    """P(still walking, and Z <= z at the next look, at `time`)."""
    return above(walk.mirrored(), time, -z, drift=-drift)


def boundary(walk: Walk, time: float, mass: float, *, drift: float = 0.0) -> float:
    """The z with P(still walking, Z >= z at `time`) = mass; -inf where even all that walk are no more than `mass`.

    Newton's method on the logarithm, which is concave in z (densities of stopped walks are log-concave), from a start
    that is never too small: so it falls monotonically on the solution.
    """
    if mass < LEAST_MASS:
        return math.inf
    if float(walk.masses.sum()) <= mass:
        return -math.inf
    step, root = time - walk.time, math.sqrt(time)
    scale, whole = math.sqrt(step), float(walk.masses.sum())
    from_start = drift * root - float(special.ndtri(min(mass, 1 - 1e-16)))
    from_top = (float(walk.nodes[-1]) + drift * step - scale * float(special.ndtri(mass / whole))) / root
    z = min(from_start, from_top)
    for _ in range(60):
        distance = (z * root - walk.nodes - drift * step) / scale
        probability = float(walk.masses @ special.ndtr(-distance))
        density = float(walk.masses @ np.exp(-0.5 * distance * distance)) / math.sqrt(2 * math.pi) * root / scale
        if not (probability > 0 and density > 0):
            return _bisected(walk, time, mass, drift, z)
        change = (math.log(probability) - math.log(mass)) * probability / density
        z += change
        if abs(change) <= 1e-13 * max(1.0, abs(z)):
            break
    return z


def _bisected(walk: Walk, time: float, mass: float, drift: float, highest: float) -> float:
    """`boundary` by bisection, for starts so far out that the probability there underflows."""
    step = time - walk.time
    low = (float(walk.nodes[0]) + drift * step - 2 * REACH * math.sqrt(step)) / math.sqrt(time)
    high = highest
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if above(walk, time, middle, drift=drift) >= mass else (low, middle)
    return low


def advance(walk: Walk, time: float, low: float, high: float, *, until: float, drift: float = 0.0) -> Walk:
    """The walk at `time` of those whose Z there lies between `low` and `high`; `until` is the time of the next look.

    Raises UsageError where two looks are so close that the walk cannot be followed from one to the other.
    """
    root, step = math.sqrt(time), time - walk.time
    left = max(low, drift * root - REACH) * root
    right = min(high, drift * root + REACH) * root
    if not left < right:
        return Walk(time=time, nodes=np.empty(0), masses=np.empty(0))
    panels = math.ceil((right - left) / (PANEL * math.sqrt(min(step, until - time))))
    if panels * _POINTS.size > MOST_NODES:
        raise UsageError(
            f"Looks are too close together near {time:.6g} of the planned information; leave out those that add "
            "next to nothing."
        )
    edges = np.linspace(left, right, panels + 1)
    half = 0.5 * np.diff(edges)
    nodes = (edges[:-1] + half)[:, None] + half[:, None] * _POINTS
    weights = half[:, None] * _WEIGHTS
    points = nodes.ravel()
    return Walk(time=time, nodes=points, masses=weights.ravel() * _density(walk, points, step, drift))


def _density(walk: Walk, points: Floats, step: float, drift: float) -> Floats:
    """Density of the walk `step` later at ascending `points`; only nodes within reach of a point are summed."""
    scale = math.sqrt(step)
    reach, shift = (REACH + 2) * scale, drift * step
    found = np.empty_like(points)
    for start in range(0, points.size, CHUNK):
        part = points[start : start + CHUNK]
        first, last = np.searchsorted(walk.nodes, [part[0] - shift - reach, part[-1] - shift + reach])
        distance = (part[:, None] - walk.nodes[None, first:last] - shift) / scale
        found[start : start + CHUNK] = np.exp(-0.5 * distance * distance) @ walk.masses[first:last]
    return found / (scale * math.sqrt(2 * math.pi))
