"""How a number is written inside a sentence. Rounding is for reading only: nothing here is computed with."""

import math
from collections.abc import Iterable

MOST_DECIMALS = 12


def decimals(half_width: float, *, apart: Iterable[tuple[float, float]] = ()) -> int:
    """Return the decimals that show an uncertainty with one or two digits (two up to 3.5, as physicists do).

    `apart` holds pairs (limit, threshold): up to four more decimals are taken until no limit is rounded onto a
    threshold it differs from, so that what is read never contradicts what was decided. Negative: round to tens, ...

    >>> decimals(0.009), decimals(0.016), decimals(0.0098), decimals(0.009, apart=[(-0.0096, -0.010)])
    (3, 3, 3, 4)
    """
    if not math.isfinite(half_width) or half_width <= 0:
        return 3
    exponent = math.floor(math.log10(half_width))
    leading = half_width / 10.0**exponent
    places = -exponent + (1 if leading < 3.55 else 0)
    pairs = [pair for pair in apart if all(math.isfinite(x) for x in pair)]
    for more in range(5):
        if all(a == b or round(a, places + more) != round(b, places + more) for a, b in pairs):
            return min(places + more, MOST_DECIMALS)
    return min(places, MOST_DECIMALS)


def format_value(value: float, half_width: float | None = None, scale: str | None = None, signed: bool = False) -> str:
    """Return a value with the digits its uncertainty allows (four significant ones when none is known) and its scale.

    >>> format_value(0.02134, 0.009, signed=True), format_value(131.42, 6.0, "ms"), format_value(1234567.0)
    ('+0.021', '131 ms', '1,235,000')
    """
    if half_width is not None:
        return _scaled(_fixed(value, decimals(half_width), signed), scale)
    return _scaled(_significant(value, signed), scale)


def format_interval(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    scale: str | None = None,
    signed: bool = False,
    thresholds: Iterable[float] = (),
) -> str:
    """Return `value [low, high]`, all at the same decimals; a limit is never rounded onto one of `thresholds`.

    >>> format_interval(0.0213, 0.0121, 0.0298, signed=True, thresholds=[0.0])
    '+0.021 [+0.012, +0.030]'
    >>> format_interval(131.4, 125.2, 139.9, scale="ms")
    '131 [125, 140] ms'
    """
    limits = [x for x in (low, high) if x is not None]
    finite = [x for x in (low, high, value) if x is not None and math.isfinite(x)]
    half_width = (max(finite) - min(finite)) / (2 if len(finite) == 3 else 1) if len(finite) > 1 else 0.0
    known = list(thresholds)
    apart = [(limit, threshold) for limit in limits for threshold in known]
    places = decimals(half_width, apart=apart)
    text = "" if value is None else _fixed(value, places, signed)
    if limits:
        ends = ["unbounded" if x is None or math.isinf(x) else _fixed(x, places, signed) for x in (low, high)]
        text = f"{text} [{', '.join(ends)}]".strip()
    return _scaled(text, scale)


def format_p(p: float) -> str:
    """Return `p = 0.032`, with two digits kept when it is small, and `p < 0.0001` below that.

    >>> format_p(0.0324), format_p(0.04996), format_p(0.00021), format_p(3e-9)
    ('p = 0.032', 'p = 0.04996', 'p = 0.00021', 'p < 0.0001')
    """
    if p < 0.0001:
        return "p < 0.0001"
    places = 3 if p >= 0.01 else -math.floor(math.log10(p)) + 1
    while places < MOST_DECIMALS and p != 0.05 and round(p, places) == 0.05:
        places += 1
    return f"p = {p:.{places}f}"


def format_count(count: float, *, about: bool = False) -> str:
    """Return a count with separators; rounded up to a whole one; `about` keeps three digits.

    >>> format_count(18838), format_count(18838, about=True), format_count(41.2, about=True)
    ('18,838', '18,800', '42')
    """
    whole = math.ceil(count)
    if about and whole >= 1000:
        whole = round(whole, 3 - len(str(whole)))
    return f"{whole:,}"


def format_percent(share: float) -> str:
    """Return a share as a percentage with up to four digits: `95 %`, `97.5 %`, `99.96 %`.

    >>> format_percent(0.95), format_percent(0.975), format_percent(1 - 0.05 / 3), format_percent(0.02)
    ('95 %', '97.5 %', '98.33 %', '2 %')
    """
    return f"{share * 100:.4g} %"


def format_share(share: float) -> str:
    """Return a share of a whole as a percentage rounded down to a tenth, so that 99.98 % is never called 100 %.

    >>> format_share(0.98997), format_share(0.9999), format_share(1.0)
    ('98.9 %', '99.9 %', '100 %')
    """
    return f"{math.floor(share * 1000 + 1e-9) / 10:.4g} %"


def _fixed(value: float, places: int, signed: bool) -> str:
    rounded = round(value, places)
    if rounded == 0:
        rounded = 0.0
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:,.{max(places, 0)}f}"


def _significant(value: float, signed: bool) -> str:
    sign = "+" if signed and value > 0 else ""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -6 or exponent > 14:
        return f"{sign}{value:.4g}"
    places = 3 - exponent
    text = f"{round(value, places):,.{max(places, 0)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return sign + text


def _scaled(text: str, scale: str | None) -> str:
    return f"{text} {scale}" if scale else text
