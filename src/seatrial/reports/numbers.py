"""Numbers as a report shows them: every digit is chosen here and in `records.numbers`, which the sentences use too.

A value and its limits share their digits, those of their uncertainty; no limit is rounded onto a threshold (zero, a
margin) that it does not equal, so `+0.0003` is never shown as `+0.000`.
"""

import math
from datetime import datetime

from seatrial.records import Effect, Estimate, ExperimentEffect
from seatrial.records.numbers import (
    decimals,
    format_count,
    format_interval,
    format_p,
    format_percent,
    format_value,
)

_EXACT_METHOD = "Clopper-Pearson"
_MOST_DECIMALS = 12


def integer(count: int) -> str:
    """Group the digits of a count: `16,281`.

    >>> integer(16281)
    '16,281'
    """
    return format_count(count)


def fixed(number: float, *, decimals: int, signed: bool = False) -> str:
    """Format with exactly `decimals` decimals (negative: round to tens); `signed` adds the plus, and zero has none.

    >>> fixed(0.0124, decimals=3, signed=True), fixed(-0.00001, decimals=3), fixed(1234.5, decimals=-1)
    ('+0.012', '0.000', '1,230')
    """
    rounded = round(number, decimals) or 0.0
    return f"{'+' if signed and rounded > 0 else ''}{rounded:,.{max(decimals, 0)}f}"


def scaled(shown: str, scale: str | None) -> str:
    """Append the unit: `3.9 ms`; a pure number stays as it is."""
    return f"{shown} {scale}" if scale else shown


def plain(number: float, *, scale: str | None = None) -> str:
    """Format a number that has no interval: a bound, a margin, a threshold.

    >>> plain(0.01), plain(100.0, scale="ms"), plain(120)
    ('0.01', '100 ms', '120')
    """
    return format_value(number, scale=scale)


def percent(share: float, *, decimals: int = 1) -> str:
    """Format a share as a percentage; a share that is not 0 or 1 never reads as 0 % or 100 %.

    >>> percent(0.042), percent(0.00001), percent(0.99999), percent(0)
    ('4.2 %', '< 0.1 %', '> 99.9 %', '0 %')
    """
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    least = 10.0**-decimals
    if 0 < share < least / 200:
        return f"< {least:.{decimals}f} %"
    if 1 - least / 200 < share < 1:
        return f"> {100 - least:.{decimals}f} %"
    return f"{share * 100:,.{decimals}f} %"


def level(of: float) -> str:
    """Format the level of an interval: `95 %`, `97.5 %`.

    >>> level(0.95), level(0.975), level(1 - 0.05 / 3)
    ('95 %', '97.5 %', '98.33 %')
    """
    return format_percent(of)


def p_value(p: float | None) -> str:
    """Format a p-value: `p = 0.023`, `p < 0.0001`; it never rounds onto 0.05; `""` for none.

    >>> p_value(0.0234), p_value(0.04996), p_value(1e-9), p_value(None)
    ('p = 0.023', 'p = 0.04996', 'p < 0.0001', '')
    """
    return "" if p is None else format_p(p)


def count_of(count: int, total: int) -> str:
    """Format a part of a whole: `12 of 300 (4.0 %)`.

    >>> count_of(12, 300), count_of(0, 300)
    ('12 of 300 (4.0 %)', '0 of 300')
    """
    if total <= 0 or count == 0:
        return f"{integer(count)} of {integer(total)}"
    return f"{integer(count)} of {integer(total)} ({percent(count / total)})"


def _half_width(value: float | None, low: float | None, high: float | None) -> float | None:
    """Return half the spread of a value and its limits, as `records.numbers.format_interval` takes it."""
    known = [number for number in (value, low, high) if number is not None]
    if len(known) < 2:
        return None
    return (max(known) - min(known)) / (2 if len(known) == 3 else 1)


def _digits(number: float, places: int | None, *, signed: bool = False) -> str:
    return format_value(number, signed=signed) if places is None else fixed(number, decimals=places, signed=signed)


def _limits(low: float | None, high: float | None, places: int | None, *, signed: bool, scale: str | None) -> str:
    if low is None and high is None:
        return ""
    ends = ["unbounded" if end is None else _digits(end, places, signed=signed) for end in (low, high)]
    return scaled(f"[{', '.join(ends)}]", scale)


def _estimate_places(estimate: Estimate) -> int | None:
    half_width = _half_width(estimate.value, estimate.low, estimate.high)
    return None if half_width is None else decimals(half_width)


def estimate_value(estimate: Estimate) -> str:
    """Format the value alone, with the digits it has beside its interval; `""` when there is none."""
    return "" if estimate.value is None else scaled(_digits(estimate.value, _estimate_places(estimate)), estimate.scale)


def estimate_interval(estimate: Estimate) -> str:
    """Format the interval alone: `[0.868, 0.878]`, `at most 1.2 %`; `""` when there is none.

    A share of exactly 0 or 1 has a one-sided bound in words: `at most 1.2 %`, never `0 +- 0`.
    """
    bound = _bound(estimate)
    if bound is not None:
        return bound
    return _limits(estimate.low, estimate.high, _estimate_places(estimate), signed=False, scale=estimate.scale)


def estimate(estimate: Estimate) -> str:
    """Format a value with its interval, or the reason there is none.

    >>> estimate(Estimate(model="a", metric="recall", n=300, value=0.8731, low=0.8682, high=0.8779))
    '0.873 [0.868, 0.878]'
    >>> estimate(Estimate(model="a", metric="errors", n=300, value=0, low=0, high=0.01222, method="Clopper-Pearson"))
    '0 of 300 (at most 1.2 %)'
    >>> estimate(Estimate(model="a", metric="latency_ms.p95", n=300, value=131.4, low=125.2, high=139.9, scale="ms"))
    '131 [125, 140] ms'
    """
    interval = estimate_interval(estimate)
    if estimate.value is None:
        reason = estimate.reason or "no value"
        return f"{reason} ({interval})" if interval else reason
    if _bound(estimate) is None:
        return _joined(estimate_value(estimate), interval, estimate.scale)
    if estimate.unit == "row":
        return f"{integer(estimate.n if estimate.value else 0)} of {integer(estimate.n)} ({interval})"
    return f"{plain(estimate.value)} ({interval})"


def _joined(value: str, interval: str, scale: str | None) -> str:
    """Put a value before its interval, the unit once."""
    return f"{value.removesuffix(f' {scale}')} {interval}" if interval else value


def _bound(estimate: Estimate) -> str | None:
    """Return the one-sided bound in words for a share that is exactly 0 or 1, or whose value cannot be given."""
    if estimate.scale is not None or not _is_share_of_rows(estimate):
        return None
    if estimate.low == 0 and estimate.value in (0, None) and estimate.high is not None and estimate.high < 1:
        return f"at most {percent(estimate.high)}"
    if estimate.high == 1 and estimate.value in (1, None) and estimate.low is not None and estimate.low > 0:
        return f"at least {percent(estimate.low)}"
    return None


def _is_share_of_rows(estimate: Estimate) -> bool:
    """Tell whether exact limits belong to a share of rows: not to an error over bins, not to F1 (mapped from a
    share)."""
    method = estimate.method or ""
    return method.startswith(_EXACT_METHOD) and "bands" not in method and "mapped" not in method


def _effect_places(effect: Effect) -> int | None:
    half_width = _half_width(effect.difference, effect.low, effect.high)
    if half_width is None:
        return _common_places(effect)
    marks = [0.0]
    if effect.margin is not None and not effect.margin_is_relative:
        marks += [effect.margin, -effect.margin]
    return decimals(
        half_width, apart=[(limit, mark) for limit in (effect.low, effect.high) if limit is not None for mark in marks]
    )


def _common_places(effect: Effect) -> int | None:
    """Return the decimals that show the larger of two values without an interval with four digits; None for fewer."""
    known = [side for side in (effect.baseline_value, effect.candidate_value) if side is not None]
    largest = max(map(abs, known), default=0.0)
    if len(known) < 2 or largest == 0:
        return None
    places = 3 - math.floor(math.log10(largest))
    while 0 < abs(effect.difference or 0.0) < 10.0**-places and places < _MOST_DECIMALS:
        places += 1
    return min(places, _MOST_DECIMALS)


def effect_sides(effect: Effect, *, unit: bool = True) -> tuple[str, str]:
    """Format the two values an effect compares, with the digits of its difference; `""` for one that is missing.

    `unit=False` leaves the unit to the difference beside them.
    """
    first, second = effect.baseline_value, effect.candidate_value
    places = _effect_places(effect)
    if places is not None and first is not None and second is not None and first != second:
        while places < _MOST_DECIMALS and round(first, places) == round(second, places):
            places += 1

    def side(value: float | None) -> str:
        return "" if value is None else scaled(_digits(value, places), effect.scale if unit else None)

    return side(first), side(second)


def effect_difference(effect: Effect) -> str:
    """Format the difference alone: `+0.012`; `""` when there is none."""
    return signed_magnitude(effect.difference, beside=effect)


def effect_interval(effect: Effect) -> str:
    """Format the limits of the difference alone: `[+0.008, +0.016]`; `""` when there are none."""
    return _limits(effect.low, effect.high, _effect_places(effect), signed=True, scale=effect.scale)


def effect(effect: Effect) -> str:
    """Format a difference with its interval, or the reason there is none.

    >>> effect(Effect(baseline="a", candidate="b", metric="recall", n=300, difference=0.0121, low=0.0082, high=0.016))
    '+0.012 [+0.008, +0.016]'
    """
    if effect.difference is None:
        return effect.reason or "no difference could be computed"
    return _joined(effect_difference(effect), effect_interval(effect), effect.scale)


def effect_margin(effect: Effect) -> str:
    """Format the margin an effect was judged with: `0.01`, `5 %`, `2 ms`; `""` when it has none."""
    return (
        "" if effect.margin is None else margin(effect.margin, relative=effect.margin_is_relative, scale=effect.scale)
    )


def margin(of: float, *, relative: bool, scale: str | None = None) -> str:
    """Format a margin: a share of the baseline's value (`5 %`) or the metric's own units (`0.01`, `2 ms`).

    >>> margin(0.05, relative=True), margin(0.01, relative=False), margin(2, relative=False, scale="ms")
    ('5 %', '0.01', '2 ms')
    """
    return format_percent(of) if relative else plain(of, scale=scale)


def magnitude(of: float | None, *, beside: Effect) -> str:
    """Format a size that belongs to an effect (its smallest detectable one), with its digits, never as a bare zero."""
    if of is None:
        return ""
    places = _effect_places(beside)
    while places is not None and places < _MOST_DECIMALS and of != 0 and round(of, places) == 0:
        places += 1
    return scaled(_digits(of, places), beside.scale)


def signed_magnitude(of: float | None, *, beside: Effect) -> str:
    """Format a difference that belongs to an effect, with its sign and the effect's digits; `""` for none."""
    return "" if of is None else scaled(_digits(of, _effect_places(beside), signed=True), beside.scale)


def score(of: float | None) -> str:
    """Format a model's score of one row: three decimals, and as many as it takes not to read as 0 or 1; `""` for none.

    >>> score(0.61234), score(0.99996), score(1), score(None), score(17.25)
    ('0.612', '0.99996', '1.000', '', '17.25')
    """
    if of is None:
        return ""
    if abs(of) > 1:
        return plain(of)
    places = 3
    while places < _MOST_DECIMALS and any(of != mark and round(of, places) == mark for mark in (0, 1, -1)):
        places += 1
    return fixed(of, decimals=places)


def impact(of: float | None) -> str:
    """Format rows times drop: how much of the metric, summed over its rows, a slice loses (+) or gains (-).

    >>> impact(143.7), impact(-0.231), impact(None)
    ('+144', '-0.23', '')
    """
    if of is None:
        return ""
    places = 0 if of == 0 or abs(of) >= 10 else 1 - math.floor(math.log10(abs(of)))
    return fixed(of, decimals=places, signed=True)


def lift(effect: ExperimentEffect) -> str:
    """Format an effect as a share of the control with its interval: `+2.1 [+0.4, +3.8] %`; `""` when there is none.

    >>> sides = {"relative_difference": 0.0213, "relative_low": 0.0042, "relative_high": 0.0381}
    >>> lift(ExperimentEffect(baseline="A", candidate="B", metric="ctr", n=9, **sides))
    '+2.1 [+0.4, +3.8] %'
    >>> lift(ExperimentEffect(baseline="A", candidate="B", metric="ctr", n=9, relative_difference=0.0213))
    '+2.1 %'
    """
    marks: tuple[float, ...] = (0.0,)
    if effect.margin is not None and effect.margin_is_relative:
        marks = (0.0, effect.margin, -effect.margin)
    return share(effect.relative_difference, effect.relative_low, effect.relative_high, thresholds=marks)


def share(
    value: float | None, low: float | None = None, high: float | None = None, *, thresholds: tuple[float, ...] = (0.0,)
) -> str:
    """Format a signed share in per cent, with the limits it has; no limit is rounded onto a threshold it is not.

    >>> share(0.0213), share(-0.5, -0.61, None), share(0.00041), share(None)
    ('+2.1 %', '-50 [-61, unbounded] %', '+0.041 %', '')
    """
    if value is None:
        return ""
    value *= 100.0
    low, high = (None if end is None else 100.0 * end for end in (low, high))
    half_width = _half_width(value, low, high)
    if half_width is None:
        return scaled(fixed(value, decimals=_enough(value), signed=True), "%")
    ends = [end for end in (low, high) if end is not None]
    places = decimals(half_width, apart=[(end, 100.0 * mark) for end in ends for mark in thresholds])
    return _joined(fixed(value, decimals=places, signed=True), _limits(low, high, places, signed=True, scale="%"), "%")


def _enough(value: float) -> int:
    """Return one decimal, and as many as it takes to show two digits of a small number."""
    return 1 if value == 0 or abs(value) >= 0.1 else min(_MOST_DECIMALS, 1 - math.floor(math.log10(abs(value))))


def per_arm(effect: ExperimentEffect) -> str:
    """Format the units of both arms, the control's first: `15,010 / 15,113`; of both together where not given.

    >>> per_arm(ExperimentEffect(baseline="A", candidate="B", metric="ctr", n=30123, units={"B": 15113, "A": 15010}))
    '15,010 / 15,113'
    """
    sides = [effect.units.get(arm) for arm in (effect.baseline, effect.candidate)]
    known = [side for side in sides if side is not None]
    return " / ".join(map(integer, known)) if len(known) == len(sides) else integer(effect.n)


def days(of: float) -> str:
    """Format a duration in days: whole where it is, else one decimal.

    >>> days(14.0), days(13.5417), days(1)
    ('14 days', '13.5 days', '1 day')
    """
    shown = fixed(of, decimals=0 if round(of, 1) == round(of) else 1)
    return f"{shown} {'day' if shown == '1' else 'days'}"


def moment(iso: str) -> str:
    """Format an ISO time as a date, with the minute where it is not midnight; anything else stays as it is.

    >>> moment("2026-03-09"), moment("2026-03-09T00:00:00+00:00"), moment("2026-03-09T17:30:00+01:00"), moment("day 3")
    ('2026-03-09', '2026-03-09', '2026-03-09 17:30 UTC+01:00', 'day 3')
    """
    try:
        known = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    if (known.hour, known.minute, known.second) == (0, 0, 0):
        return known.date().isoformat()
    return f"{known.date().isoformat()} {known:%H:%M}{f' {known.tzname()}' if known.tzinfo else ''}"


def between(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    scale: str | None = None,
    relative: bool = False,
    thresholds: tuple[float, ...] = (0.0,),
) -> str:
    """Format a signed difference with its interval, or the interval alone; a relative one in per cent.

    >>> between(0.02, 0.011, 0.029), between(0.02, 0.011, 0.029, relative=True), between(1.5, 0.9, 2.1, scale="USD")
    ('+0.020 [+0.011, +0.029]', '+2.0 [+1.1, +2.9] %', '+1.5 [+0.9, +2.1] USD')
    """
    if relative:
        return share(value, low, high, thresholds=thresholds)
    return format_interval(value, low, high, scale=scale, signed=True, thresholds=thresholds)


def loss(of: float, *, scale: str | None = None, relative: bool = False) -> str:
    """Format an expected loss with two digits; what is not 0 never reads as 0.

    >>> loss(0.00213), loss(0.000213, relative=True), loss(0.0), loss(12.4, scale="USD"), loss(3e-12)
    ('0.0021', '0.021 %', '0', '12 USD', '< 0.000001')
    """
    if relative:
        return scaled(loss(100.0 * of), "%")
    size = abs(of)
    if size == 0:
        return scaled("0", scale)
    if size < 1e-6:
        return scaled("< 0.000001", scale)
    return scaled(fixed(of, decimals=max(0, 1 - math.floor(math.log10(size)))), scale)
