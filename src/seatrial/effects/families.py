"""Families of questions: at which level each interval is read, so that word and adjusted p never disagree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.multiplicity import benjamini_hochberg, holm

EXPLORED_RATE = 0.10
"""False discovery rate over explored slices, per metric and candidate."""


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """What one Effect is read with: error rate, adjusted p, margin."""

    alpha: float
    adjusted_p_value: float | None = None
    margin: float | None = None
    """None: the metric's default."""
    margin_is_relative: bool = False


def success_family(p_values: Sequence[float | None], *, alpha: float) -> tuple[tuple[float, float | None], ...]:
    """Return (deciding alpha, Holm-adjusted p) of each member of the success family.

    The interval of rank j is read at level 1 - alpha / (K - min(j, s) + 1), s the first rank not rejected, so it
    excludes 0 exactly when the adjusted p is below alpha (Holm 1979). A member without p (None: not computed)
    stays in the family as the last rank, so that losing a metric never makes the others easier.
    """
    adjusted, alphas = holm([math.nan if p is None else p for p in p_values], alpha=alpha)
    return tuple(
        (float(level), None if p is None else float(corrected))
        for p, corrected, level in zip(p_values, adjusted, alphas, strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class Explored:
    """How the explored slices of one metric and one candidate are read."""

    alpha: float
    """Every eligible slice's interval is at level 1 - alpha (false coverage rate; Benjamini and Yekutieli 2005)."""
    adjusted_p_values: Floats
    """(S,); NaN where the slice is not eligible or has no p."""
    rejected: NDArray[np.bool_]
    """(S,): the interval at 1 - alpha excludes 0."""


def explored(contrast: Contrast, eligible: NDArray[np.bool_], *, rate: float = EXPLORED_RATE) -> Explored:
    """Correct explored slices by Benjamini-Hochberg at `rate` over the m eligible ones that could be computed.

    With R rejected, alpha = max(R, 1) rate / m. Not eligible slices are shown at the same level, and not ranked.
    """
    adjusted, rejected, alpha = benjamini_hochberg(np.where(eligible, contrast.p_value(0.0), np.nan), q=rate)
    return Explored(alpha=alpha, adjusted_p_values=adjusted, rejected=rejected)
