"""Errors a user can act on: each says what was wrong, what was given and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class SeatrialError(Exception):
    """Base of every error this package raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 70


class UsageError(SeatrialError):
    """A flag, formula, policy key or argument that cannot be used as given (exit code 64)."""

    exit_code = 64


class DataError(SeatrialError):
    """Data that cannot carry the question (exit code 3)."""

    exit_code = 3


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return `" Did you mean 'recall'?"` for the nearest option, or `""` when none is near.

    >>> did_you_mean("recal", ["precision", "recall"])
    " Did you mean 'recall'?"
    """
    near = get_close_matches(name, sorted(options), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Join names for a sentence, cutting a long list: `"a, b, c and 9 more"`."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"
