"""Policies from wherever a user keeps them."""

from pathlib import Path
from typing import Any

from seatrial.decisions.policy import load_policy, parse_policy
from seatrial.records import Policy


def as_policy(given: Policy | str | Path | dict[str, Any] | None) -> Policy | None:
    """A policy from a file's path, YAML text (more than one line), a mapping, or a record; None stays None."""
    if given is None or isinstance(given, Policy):
        return given
    if isinstance(given, dict):
        return parse_policy(given)
    if isinstance(given, str) and "\n" in given:
        return parse_policy(given)
    return load_policy(Path(given))
