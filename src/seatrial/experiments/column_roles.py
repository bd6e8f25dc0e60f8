"""Which column plays which part: as the user says, else by its name, never by a coin."""

import re
from collections.abc import Collection, Sequence

from seatrial.data.roles import plain
from seatrial.data.source import Source
from seatrial.errors import UsageError, listed
from seatrial.records.plan import Columns, Plan

MOST_LOOKED_AT = 60
"""Different values among the first rows above which a column is no arm."""

NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "unit": (
        ("user_id", "userid", "unit_id", "unitid", "visitor_id", "visitorid", "customer_id", "customerid",
         "player_id", "account_id", "subject_id", "client_id", "member_id", "household_id", "anonymous_id"),
        ("user", "unit", "visitor", "customer", "uid", "uuid", "subject"),
        ("id",),
    ),
    "arm": (
        ("variant", "arm", "variation", "experiment_arm", "experiment_group", "test_group", "ab_group", "variant_name",
         "variant_id", "treatment_arm", "treatment_group"),
        ("group", "treatment", "version", "treat", "treated", "bucket", "condition", "cell"),
    ),
    "time": (
        ("exposed_at", "exposure_time", "first_exposure", "first_exposed_at", "assigned_at", "exposure_timestamp"),
        ("timestamp", "ts", "time", "event_time", "datetime", "occurred_at", "created_at", "event_timestamp"),
        ("date", "exposure_date"),
    ),
    "event_time": (
        ("timestamp", "ts", "time", "event_time", "datetime", "occurred_at", "event_timestamp", "created_at"),
        ("date", "event_date"),
    ),
    "event": (("event", "event_name", "event_type", "metric", "metric_name"), ("action", "name", "kind", "type")),
    "value": (("value", "event_value", "metric_value"), ("amount",)),
    "event_id": (("event_id", "eventid", "event_uuid", "message_id", "insert_id"),),
    "arrived": (("arrived", "arrived_at", "received_at", "ingested_at", "loaded_at"),),
    "phase": (("phase", "ramp_phase"),),
}  # fmt: skip
_DATE = re.compile(r"\s*[12][0-9]{3}-[01][0-9]-[0-3][0-9]\b")
OPTIONS = {"event_time": "--event-time", "event_id": "--event-id"}


def columns_of(columns: Columns, plan: Plan | None) -> Columns:
    """The columns as given, completed by the plan's."""
    if plan is None:
        return columns
    given = {name: value for name, value in columns.model_dump().items() if value is not None}
    return plan.columns.model_copy(update=given)


def option_of(role: str) -> str:
    """The option that names a role's column."""
    return OPTIONS.get(role, f"--{role}")


def find_column(
    source: Source,
    role: str,
    given: str | None,
    *,
    taken: Collection[str] = (),
    required: bool = False,
    arms: Sequence[str] = (),
) -> str | None:
    """The column that plays a role: `given`, else the one that has a usual name for it.

    Raises `UsageError` when the named column is not there, several fit, or a required one is not found. `arms` are the
    plan's, which tell apart columns that could both hold arms.
    """
    if given is not None:
        return source.columns[source.place(given, option=option_of(role))]
    for tier in NAMES[role]:
        fit = [name for name in source.columns if plain(name) in tier and name not in taken]
        if role == "arm" and len(fit) > 1:
            fit = _that_hold(source, fit, arms) or fit
        if len(fit) > 1:
            raise UsageError(
                f"{source.name}: several columns could be the {role.replace('_', ' ')}: {listed(fit)}. Say which with"
                f" {option_of(role)} {fit[0]}."
            )
        if fit:
            return fit[0]
    if not required:
        return None
    hint = ""
    if arms and (fit := _that_hold(source, [name for name in source.columns if name not in taken], arms)):
        if len(fit) == 1:
            return fit[0]
        hint = f" Did you mean '{fit[0]}'?"
    raise UsageError(
        f"{source.name}: no column has a usual name for the {role.replace('_', ' ')}; name it with {option_of(role)}."
        f"{hint} Its columns: {listed(source.columns)}."
    )


def find_times(
    source: Source, role: str, given: str | None, *, taken: Collection[str] = (), needed: bool = True
) -> str | None:
    """The column of times, as `find_column` finds it.

    Raises `UsageError` when none is found by its name though one holds dates: without times, what lies before the
    exposure would count.
    """
    found = find_column(source, role, given, taken=taken)
    if found is not None or not needed:
        return found
    every = source.sample(source.columns)
    for name, kind in zip(source.columns, source.kinds, strict=True):
        values = [value for value in every[name] if value is not None]
        if kind == "DATE" or kind.startswith("TIMESTAMP") or (values and all(_DATE.match(one) for one in values)):
            raise UsageError(
                f"{source.name}: no column has a usual name for the time, but '{name}' holds dates; name the column of"
                f" times with {option_of(role)} {name}."
            )
    return None


def _that_hold(source: Source, names: Sequence[str], arms: Sequence[str]) -> list[str]:
    """The columns whose first values are few, and where a plan names the arms, all among these."""
    wanted = {arm.casefold() for arm in arms}
    found = []
    for name, values in source.sample(list(names)).items():
        seen = {value.strip().casefold() for value in values if value is not None}
        if 0 < len(seen) <= MOST_LOOKED_AT and (not wanted or seen <= wanted):
            found.append(name)
    return found
