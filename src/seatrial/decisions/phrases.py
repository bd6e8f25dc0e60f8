"""Pieces of the sentences: names made fit to be read, numbers with their margin."""

from collections.abc import Iterable, Mapping

from seatrial.records.numbers import format_interval, format_percent, format_value


def said(text: str, limit: int = 60) -> str:
    """Return a name on one line without control characters, cut at `limit` (names come from files and are hostile).

    >>> said("two\\nlines\\x1b[31m"), said("x" * 9, 5)
    ('two lines[31m', 'xxxx…')
    """
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    if not line:
        return "(unnamed)"
    return line if len(line) <= limit else line[: limit - 1] + "…"


def place_text(metric: str, where: Mapping[str, str]) -> str:
    """Return a metric and its slice: `recall for sex=Female`.

    >>> place_text("recall", {"sex": "Female", "age": "30 to 40"})
    'recall for sex=Female & age=30 to 40'
    """
    if not where:
        return said(metric)
    return f"{said(metric)} for {said(' & '.join(f'{column}={level}' for column, level in where.items()), 80)}"


def difference_text(value: float, low: float, high: float, *, scale: str | None, thresholds: Iterable[float]) -> str:
    """Return a signed difference with its interval."""
    return format_interval(value, low, high, scale=scale, signed=True, thresholds=thresholds)


def value_text(
    value: float | None, low: float | None, high: float | None, *, scale: str | None, thresholds: Iterable[float]
) -> str:
    """Return a value with its interval."""
    return format_interval(value, low, high, scale=scale, thresholds=thresholds)


def margin_text(margin: float, is_relative: bool, *, scale: str | None, of: str | None = "baseline") -> str:
    """Return a margin: `0.02`, `5 ms`, `2 % of the baseline`; `of` None leaves out of what."""
    if not is_relative:
        return format_value(margin, scale=scale)
    return format_percent(margin) + (f" of the {of}" if of else "")


def bound_text(bound: float, scale: str | None) -> str:
    """Return an absolute bound: `100 ms`."""
    return format_value(bound, scale=scale)


def at_level(alpha: float) -> str:
    """Return the level of an interval: `95 %`."""
    return format_percent(1 - alpha)
