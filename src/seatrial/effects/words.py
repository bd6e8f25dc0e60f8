"""From one interval to one word: better, worse, no meaningful difference, cannot tell (STATISTICS section 1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.records.results import Word
from seatrial.stats.contrasts import Contrast, Floats

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where an interval (L, U), oriented so that + is good, lies against 0 and the margin m; each array is (S,).

    A comparison with a limit that does not exist (NaN) is False. Two versions that are identical, (L, U) = (0, 0), lie
    inside any margin, also inside 0.
    """

    low: Floats
    """The limits as the contrast gives them: candidate minus baseline, not oriented."""
    high: Floats
    above_zero: Bools
    """L > 0."""
    below_zero: Bools
    """U < 0."""
    above_loss: Bools
    """L > -m."""
    below_gain: Bools
    """U < m."""
    at_loss: Bools
    """U <= -m."""


def position(
    contrast: Contrast, *, alpha: float, margin: float, margin_is_relative: bool, higher_is_better: bool
) -> Position:
    """Compare the interval at level 1 - alpha with 0 and with the margin on both sides.

    A margin that is a share m of the baseline B is tested on the contrasts candidate - (B -+ m|B|), never by dividing:
    candidate - (1 -+ m) B, where for a negative baseline the two factors change places.
    """
    low, high = contrast.interval(alpha)
    if margin_is_relative:
        less, more = contrast.against(1 - margin), contrast.against(1 + margin)
        swap = baseline_sign(contrast, less) < 0
        (less_low, less_high), (more_low, more_high) = less.interval(alpha), more.interval(alpha)
        # candidate against the lower (B - m|B|) and the upper (B + m|B|) edge of the margin
        above_lower, at_lower = np.where(swap, more_low, less_low) > 0, np.where(swap, more_high, less_high) <= 0
        below_upper, at_upper = np.where(swap, less_high, more_high) < 0, np.where(swap, less_low, more_low) >= 0
    else:
        above_lower, at_lower = low > -margin, high <= -margin
        below_upper, at_upper = high < margin, low >= margin
    identical = (low == 0) & (high == 0)
    above_zero = low > 0 if higher_is_better else high < 0
    below_zero = high < 0 if higher_is_better else low > 0
    # L > 0 is L > -m for every margin, also one that is a share of a baseline too small to take a share of
    return Position(
        low=low,
        high=high,
        above_zero=above_zero,
        below_zero=below_zero,
        above_loss=(above_lower if higher_is_better else below_upper) | identical | above_zero,
        below_gain=(below_upper if higher_is_better else above_lower) | identical | below_zero,
        at_loss=(at_lower if higher_is_better else at_upper) & ~identical & ~above_zero,
    )


def baseline_sign(contrast: Contrast, less: Contrast) -> Floats:
    """Return the sign of the baseline's value, given `less`, the contrast against (1 - m) times the baseline, m > 0."""
    return np.sign(less.difference - contrast.difference)


def word(
    contrast: Contrast, *, alpha: float, margin: float, margin_is_relative: bool, higher_is_better: bool
) -> tuple[tuple[Word, ...], Bools]:
    """Return the word of each slice, and whether a better or worse lies wholly inside the margin.

    First match: L > 0 better; U < 0 worse; L > -m and U < m no meaningful difference; else cannot tell.
    """
    place = position(
        contrast, alpha=alpha, margin=margin, margin_is_relative=margin_is_relative, higher_is_better=higher_is_better
    )
    inside = place.above_loss & place.below_gain
    flags = zip(place.above_zero.tolist(), place.below_zero.tolist(), inside.tolist(), strict=True)
    return tuple(_first_match(*flag) for flag in flags), inside & (place.above_zero | place.below_zero)


def _first_match(above: bool, below: bool, inside: bool) -> Word:
    if above:
        return "better"
    if below:
        return "worse"
    return "no meaningful difference" if inside else "cannot tell"
