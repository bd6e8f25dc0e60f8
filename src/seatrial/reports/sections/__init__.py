"""One section a file; each has `build(card, limits)`: the section, or None when there is nothing to say."""

from importlib import import_module

from seatrial.records import Scorecard
from seatrial.reports.document import Limits, Section

SECTIONS: tuple[str, ...] = (
    "health",
    "checks",
    "effects",
    "estimates",
    "confusion",
    "curves",
    "reliability",
    "slices",
    "flips",
    "operational",
    "tradeoffs",
    "methods",
    "policy",
    "provenance",
    "not_shown",
)
"""Every section, in reading order; a section is one file of that name here."""


def build(card: Scorecard, limits: Limits, names: tuple[str, ...] = SECTIONS) -> tuple[Section, ...]:
    """Build the named sections that have something to say, in order."""
    built = (import_module(f"{__name__}.{name}").build(card, limits) for name in names)
    return tuple(section for section in built if section is not None)
