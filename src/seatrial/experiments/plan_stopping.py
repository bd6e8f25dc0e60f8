"""When a plan may be concluded, as a person writes it: a rule, or a mapping with its looks."""

from collections.abc import Mapping
from typing import Any, get_args

from seatrial.decisions.yaml_fields import absent, flag, given_or, items, kind_of, known_keys, name_text, number, share
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records.plan import Spending, Stopping, StoppingRule

STOPPING_KEYS = ("rule", "looks", "spending", "parameter", "futility")
LOOKS = 5
"""Of a group-sequential plan that names none."""


def parse_stopping(given: Any, what: str) -> Stopping:
    """Return the stopping rule of a name, or of a mapping with its looks; raises `UsageError` in one sentence.

    >>> parse_stopping({"rule": "group-sequential", "looks": "4"}, "Plan").looks
    (0.25, 0.5, 0.75, 1.0)
    """
    if absent(given):
        return Stopping()
    fields = {"rule": given} if isinstance(given, str) else given
    place = f"{what}: 'stopping'"
    if not isinstance(fields, Mapping):
        raise UsageError(f"{place} must be a rule ({', '.join(get_args(StoppingRule))}), not {kind_of(given)}.")
    known_keys(fields, STOPPING_KEYS, place)
    rule = name_text(given_or(fields, "rule", "hybrid"), f"{place}: 'rule'").lower().removesuffix("-valid")
    _one_of(rule, get_args(StoppingRule), f"{place}: 'rule'")
    spending = name_text(given_or(fields, "spending", "obrien-fleming"), f"{place}: 'spending'").lower()
    _one_of(spending, get_args(Spending), f"{place}: 'spending'")
    looks = _looks(fields.get("looks"), f"{place}: 'looks'")
    if rule != "group-sequential" and looks:
        raise UsageError(f"{place}: 'looks' are planned for 'group-sequential'; '{rule}' has none. Change the rule.")
    if rule == "group-sequential" and not looks:
        looks = _equal_looks(LOOKS)
    made: dict[str, Any] = {"rule": rule, "looks": looks, "spending": spending}
    if not absent(fields.get("parameter")):
        made["parameter"] = number(fields["parameter"], f"{place}: 'parameter'")
    made["futility"] = flag(given_or(fields, "futility", False), f"{place}: 'futility'")
    return Stopping.parse(made, what=place)


def _looks(given: Any, place: str) -> tuple[float, ...]:
    if absent(given):
        return ()
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        count = number(given, place)
        if count != int(count) or not 1 <= count <= 100:
            raise UsageError(f"{place} is how many looks are planned (1 to 100), or a list of shares, not {given}.")
        return _equal_looks(int(count))
    return tuple(share(one, place) for one in items(given, place))


def _equal_looks(count: int) -> tuple[float, ...]:
    return tuple((look + 1) / count for look in range(count))


def _one_of(named: str, options: tuple[str, ...], place: str) -> None:
    if named not in options:
        raise UsageError(f"{place}: there is no '{named}'.{did_you_mean(named, options)} There are {listed(options)}.")
