"""The base tables of exposures, events and pre-period: files read into an engine, typed, one column for each use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.data.engine import DuckDBEngine
from seatrial.data.source import Source
from seatrial.experiments.column_roles import find_column, find_times
from seatrial.experiments.levels import MISSING
from seatrial.experiments.reading import (
    INTEGERS,
    Read,
    TimeColumn,
    bring,
    number_sql,
    open_any,
    open_possibly_empty,
    text_sql,
    time_column,
    unit_sql,
)
from seatrial.records.plan import Columns, Plan


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A source and which of its columns play which part."""

    source: Source
    unit: str
    time: str | None = None
    arrived: str | None = None
    arm: str | None = None
    phase: str | None = None
    event: str | None = None
    value: str | None = None
    event_id: str | None = None

    @property
    def roles(self) -> frozenset[str]:
        every = (self.unit, self.time, self.arrived, self.arm, self.phase, self.event_id)
        return frozenset(name for name in every if name is not None)


@dataclass(frozen=True, kw_only=True)
class Uses:
    """Which columns of a source are needed as what, by name."""

    segments: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base table: `unit`, `time`, `arrived`, `arm`, `phase`, `name`, `id` where it has them; `s<i>` of segments,
    `v<i>` of numbers with `f<i>` (1 where there is something else), `t<i>` of texts."""

    opened: Opened
    uses: Uses
    read: Read
    time: TimeColumn | None = None

    @property
    def table(self) -> str:
        return self.read.table

    @property
    def source(self) -> Source:
        return self.opened.source


def open_exposures(table: Any, columns: Columns, plan: Plan | None) -> Opened:
    """Open the exposures and find their columns."""
    source = open_any(table, name="exposures")
    given_unit = columns.unit
    if given_unit is None and plan is not None and source.find(plan.unit) is not None:
        given_unit = plan.unit
    arms = () if plan is None else plan.arm_names
    arm = find_column(source, "arm", columns.arm, required=True, arms=arms, taken=[given_unit or ""])
    unit = find_column(source, "unit", given_unit, required=True, taken=[arm or ""])
    planned = plan is not None and len(plan.phases) > 1
    return Opened(
        source=source,
        unit=unit or "",
        arm=arm,
        time=find_times(source, "time", columns.time),
        arrived=_if_there(source, "arrived", columns.arrived),
        phase=None if planned else find_column(source, "phase", columns.phase),
    )


def open_events(table: Any, columns: Columns, exposures: Opened) -> Opened:
    """Open the events and find their columns; the unit's is usually called as in the exposures."""
    source = open_possibly_empty(table, name="events", lacking=[exposures.unit, exposures.time or "time"])
    unit = _unit(source, columns, exposures)
    time = columns.event_time
    if time is None and columns.time is not None and source.find(columns.time) is not None:
        time = columns.time
    return Opened(
        source=source,
        unit=unit,
        time=find_times(source, "event_time", time, taken=[unit], needed=exposures.time is not None),
        arrived=_if_there(source, "arrived", columns.arrived),
        event=find_column(source, "event", columns.event),
        value=columns.value if columns.value is None else find_column(source, "value", columns.value),
        event_id=find_column(source, "event_id", columns.event_id, taken=[unit]),
    )


def open_pre(table: Any, columns: Columns, exposures: Opened) -> Opened:
    """Open the pre-period table and find its columns."""
    source = open_possibly_empty(table, name="pre", lacking=[exposures.unit])
    unit = _unit(source, columns, exposures)
    named = next((name for name in (columns.event_time, columns.time) if name and source.find(name) is not None), None)
    return Opened(source=source, unit=unit, time=find_column(source, "event_time", named, taken=[unit]))


def _if_there(source: Source, role: str, given: str | None) -> str | None:
    return find_column(source, role, given if given is not None and source.find(given) is not None else None)


def _unit(source: Source, columns: Columns, exposures: Opened) -> str:
    for name in (columns.unit, exposures.unit):
        if name is not None and (place := source.find(name)) is not None:
            return source.columns[place]
    return find_column(source, "unit", None, required=True) or ""


def whole_units(opened: Sequence[Opened]) -> bool:
    """Whether every table names units by whole numbers, so that they can be joined as such."""
    return all(one.source.kinds[one.source.places[one.unit]] in INTEGERS for one in opened)


def base_table(
    engine: DuckDBEngine, opened: Opened, uses: Uses, *, stem: str, timezone: str, integer_units: bool
) -> Base:
    """Read the columns that are needed of a source into the engine."""
    source, place = opened.source, opened.source.places

    def both(name: str) -> tuple[str, str]:
        return f"c{place[name]}", source.kinds[place[name]]

    wanted = {"unit": unit_sql(*both(opened.unit), integer=integer_units)}
    needed = [opened.unit]
    time = None
    for role in ("time", "arrived"):
        name = opened.time if role == "time" else opened.arrived
        if name is not None:
            found = time_column(engine, source, place[name], timezone)
            wanted[role] = found.sql
            needed.append(name)
            time = found if role == "time" else time
    for role, name in (("arm", opened.arm), ("phase", opened.phase), ("name", opened.event), ("id", opened.event_id)):
        if name is not None:
            wanted[role] = text_sql(*both(name))
            needed.append(name)
    for at, name in enumerate(uses.segments):
        wanted[f"s{at}"] = f"COALESCE({text_sql(*both(name))}, '{MISSING}')"
    for at, name in enumerate(uses.numbers):
        wanted[f"v{at}"], wanted[f"f{at}"] = number_sql(*both(name))
    for at, name in enumerate(uses.texts):
        wanted[f"t{at}"] = text_sql(*both(name))
    needed += [*uses.segments, *uses.numbers, *uses.texts]
    read = bring(engine, source, wanted, [place[name] for name in needed], stem=stem)
    return Base(opened=opened, uses=uses, read=read, time=time)
