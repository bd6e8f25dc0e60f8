"""One section a file; each has `build(card, limits)`: the section, or None when there is nothing to say."""

from importlib import import_module

from seatrial.reports.document import Limits, Section
from seatrial.reports.lookup import Card

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
"""Every section of a scorecard, in reading order; a section is one file of that name here."""


def build(card: Card, limits: Limits, names: tuple[str, ...]) -> tuple[Section, ...]:
    """Build the named sections that have something to say, in order; `experiment.plan` is a file in a folder."""
    built = (import_module(f"{__name__}.{name}").build(card, limits) for name in names)
    return tuple(section for section in built if section is not None)
