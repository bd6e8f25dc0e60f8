"""Relative lift: which shares of the control's mean the same test does not reject, by inverting `against(1 + lift)`."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.means import IndependentMeans
from seatrial.stats.miettinen_nurminen import UnpairedProportions, miettinen_nurminen_ratio_interval

NOT_TOLD = "the control's mean is not told from 0, so a share of it has no bounds"
NOT_COMPUTED = "the value could not be computed"
Bools = NDArray[np.bool_]
DOUBLINGS = 60
MOST_STEPS = 200
RESOLUTION = 2.0**-50


class RelativeInterval(NamedTuple):
    """Lift over the control and its limits as shares of |control|, (S,) each; NaN where `reasons` has an entry."""

    lift: Floats
    low: Floats
    high: Floats
    reasons: tuple[str | None, ...]


@runtime_checkable
class AgainstEach(Protocol):
    """A contrast that can take another factor on every slice at once, which spares a pass for each slice."""

    def against_each(self, factors: Floats) -> Contrast:
        """Candidate - factors * baseline, factors (S,): on slice s what `against(factors[s])` is there."""
        ...


def relative_interval(contrast: Contrast, baseline: ArrayLike, *, alpha: float = 0.05) -> RelativeInterval:
    """Lift (candidate - baseline)/|baseline| with the limits that the contrast's own test gives it.

    A lift d is inside exactly when 0 lies inside `contrast.against(1 + d).interval(alpha)` (for a negative baseline
    1 - d); for independent means that is Fieller's set (1954) with the df of each contrast, for shares the score limits
    of their ratio. At d = 0 it is the absolute test, to the last bit. Where the set has no ends, or falls apart, the
    control's mean is not told from 0: no lift, and a reason; a side on which the contrast has no limit has none here.

    `baseline` (S,) is the value the contrast itself subtracts (for an adjusted contrast the adjusted one), and decides
    the sign. The lift is always that of the candidate over the baseline, also where the contrast is turned because less
    is better. Limits are found by bracketed secants, exact to 2^-50.

    >>> one = np.array([1.0])
    >>> means = IndependentMeans(candidate=11 * one, baseline=10 * one, var_candidate=0.04 * one,
    ...     var_baseline=0.04 * one, df_candidate=999 * one, df_baseline=999 * one, reasons=(None,))
    >>> lift, low, high, reasons = relative_interval(means, 10 * one)
    >>> lift.round(4).tolist(), low.round(4).tolist(), high.round(4).tolist(), reasons
    ([0.1], [0.0433], [0.1601], (None,))
    """
    difference = np.asarray(contrast.difference, dtype=np.float64)
    given = np.broadcast_to(np.asarray(baseline, dtype=np.float64), difference.shape)
    known = np.fromiter((reason is None for reason in contrast.reasons), np.bool_, len(contrast.reasons))
    known &= np.isfinite(difference) & np.isfinite(given)
    turned = np.asarray(contrast.against(0.0).difference - difference, dtype=np.float64)  # the baseline, or minus it
    scale = np.where(known & (given != 0) & (turned != 0), np.abs(turned), np.nan)
    turn = np.where(np.sign(turned) == np.sign(given), 1.0, -1.0)
    lift = turn * difference / scale
    absolute = _turned(contrast.interval(alpha), turn)
    same = known & (given != 0) & (difference == 0) & (absolute[0] == 0) & (absolute[1] == 0)
    bounded = np.isfinite(scale)
    if isinstance(contrast, UnpairedProportions):
        low, high = _of_shares(contrast, alpha)
    else:

        def limits(at: Floats, wanted: Bools) -> tuple[Floats, Floats]:
            factors = np.where(wanted, 1 + np.sign(given) * at, 1.0)
            return _turned(_limits(contrast, factors, alpha, wanted), turn)

        down, up = (np.abs(end - turn * difference) / scale for end in absolute)
        low, low_told = _end(lambda at, wanted: -limits(at, wanted)[0], lift, -down)
        high, high_told = _end(lambda at, wanted: limits(at, wanted)[1], lift, up)
        endless = [np.isinf(end) for end in absolute]
        low, high = (np.where(no, a, end) for no, a, end in zip(endless, absolute, (low, high), strict=True))
        bounded &= (low_told | endless[0]) & (high_told | endless[1])
        if (endless[0] ^ endless[1]).any():  # one end is found for any control: ask for its own distance from 0
            bounded &= ~(endless[0] ^ endless[1]) | _told_from_zero(contrast, scale, np.fmin(*_finite(down, up)))
    low, high = _agree_at_zero(low, high, absolute)
    low, high, lift = (np.where(same, 0.0, np.where(bounded, one, np.nan)) for one in (low, high, lift))
    reasons = tuple(
        reason or (None if fine else NOT_TOLD if there else NOT_COMPUTED)
        for reason, fine, there in zip(contrast.reasons, (bounded | same).tolist(), known.tolist(), strict=True)
    )
    return RelativeInterval(lift, low, high, reasons)


def _end(accepts: Callable[[Floats, Bools], Floats], start: Floats, reach: Floats) -> tuple[Floats, Bools]:
    """Where `accepts`, at least 0 at `start`, falls below 0 on the way that `reach` points, and whether it ever does.

    The bracket is found by doubling: sets that fall apart have no end on at least one side of the estimate. Then
    bracketed secants (Dowell and Jarratt 1971), from both sides until the bracket is rounding.
    """
    open_ = np.isfinite(start) & np.isfinite(reach) & (reach != 0)

    def value(at: Floats, wanted: Bools) -> Floats:
        found = accepts(np.where(wanted, at, 0.0), wanted)
        return np.where(wanted, np.where(np.isnan(found), -np.inf, found), 0.0)

    near, far = start.copy(), start + 1.5 * reach
    at_near, at_far = value(near, open_), value(far, open_)
    for _ in range(DOUBLINGS):
        inside = open_ & (at_far >= 0)
        if not inside.any():
            break
        near, at_near = np.where(inside, far, near), np.where(inside, at_far, at_near)
        far = np.where(inside, start + 2 * (far - start), far)
        at_far = np.where(inside, value(far, inside), at_far)
    told = open_ = open_ & (at_far < 0)
    moved = np.zeros(start.shape)
    for _ in range(MOST_STEPS):
        width = np.where(open_, far - near, 0.0)
        least = RESOLUTION * np.maximum(1.0, np.maximum(np.abs(near), np.abs(far)))
        open_ = np.abs(width) > least
        if not open_.any():
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            part = at_near / (at_near - at_far)
            edge = least / np.abs(width)
        part = np.where(np.isfinite(part) & np.isfinite(at_far), part, 0.5)
        at = near + width * np.clip(part, np.minimum(edge, 0.5), np.maximum(1 - edge, 0.5))
        here = value(at, open_)
        inside = open_ & (here >= 0)
        outside = open_ & ~inside
        at_far = np.where(outside, here, np.where(inside & (moved > 0), at_far / 2, at_far))
        at_near = np.where(inside, here, np.where(outside & (moved < 0), at_near / 2, at_near))
        near, far = np.where(inside, at, near), np.where(outside, at, far)
        moved = np.where(inside, 1.0, np.where(outside, -1.0, moved))
    return np.where(told, near, np.nan), told


def _of_shares(shares: UnpairedProportions, alpha: float) -> tuple[Floats, Floats]:
    """The limits to which inverting `against` would lead, at the price of one interval."""
    low, high = miettinen_nurminen_ratio_interval(
        shares.count_candidate, shares.n_candidate, shares.count_baseline, shares.n_baseline, alpha=alpha
    )
    return low - 1, high - 1


def _limits(contrast: Contrast, factors: Floats, alpha: float, wanted: Bools) -> tuple[Floats, Floats]:
    """Limits of candidate - factor * baseline, each slice with its own factor."""
    if isinstance(contrast, IndependentMeans):
        scaled = replace(
            contrast,
            baseline=contrast.baseline * factors,
            var_baseline=contrast.var_baseline * factors**2,
            reasons=(None,) * len(contrast.reasons),
        )
        return scaled.interval(alpha)
    if isinstance(contrast, AgainstEach):
        return contrast.against_each(factors).interval(alpha)
    low, high = np.full(factors.shape, np.nan), np.full(factors.shape, np.nan)
    for s in np.flatnonzero(wanted):
        one = contrast if factors.size == 1 else contrast.at(int(s))
        ends = one.against(float(factors[s])).interval(alpha)
        low[s], high[s] = ends[0][0], ends[1][0]
    return low, high


def _told_from_zero(contrast: Contrast, scale: Floats, half: Floats) -> Bools:
    """Whether the control lies further from 0 than its own error times the multiple that the finite limit takes.

    The variance of candidate - f baseline is a parabola in f, whose square term is the control's own.
    """
    back, zero = (contrast.against(f).standard_error for f in (-1.0, 0.0))
    error = np.sqrt(np.maximum((contrast.standard_error**2 + back**2) / 2 - zero**2, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(scale > half * scale / contrast.standard_error * error)


def _finite(*values: Floats) -> list[Floats]:
    return [np.where(np.isfinite(one), one, np.nan) for one in values]


def _turned(limits: tuple[Floats, Floats], turn: Floats) -> tuple[Floats, Floats]:
    low, high = limits
    return np.where(turn < 0, -high, low), np.where(turn < 0, -low, high)


def _agree_at_zero(low: Floats, high: Floats, absolute: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Limits are exact to rounding; the side of 0 on which each lies is taken from the absolute test itself."""
    tiny = float(np.finfo(np.float64).tiny)
    low = np.where(absolute[0] > 0, np.maximum(low, tiny), np.minimum(low, 0.0))
    high = np.where(absolute[1] < 0, np.minimum(high, -tiny), np.maximum(high, 0.0))
    return low, high
