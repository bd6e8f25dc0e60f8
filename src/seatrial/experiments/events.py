"""The events of an experiment: counted, each once, with what formulas may use of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.answers import one, rows, sum_if
from seatrial.experiments.first_exposures import valid
from seatrial.experiments.recipes import EventColumns, ValueColumn, exact_scale
from seatrial.experiments.tables import Base
from seatrial.experiments.wanted import Wanted
from seatrial.experiments.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True)
class EventFacts:
    """What one look over the events found."""

    rows: int
    bad: int
    latest: int | None
    after: int
    late: int
    valid: int
    """Rows with a unit and a time, there as of the time."""
    nobody: int
    flaws: dict[str, int]
    scales: tuple[float | None, ...]


def event_facts(house: Warehouse, base: Base, limit: int | None) -> EventFacts:
    timed, names = base.time is not None, base.uses.numbers
    arrived = base.opened.arrived is not None and limit is not None
    in_time = f"e.time <= {limit} AND " if timed and limit is not None else ""
    wanted_sql = [
        "COUNT(*) AS n",
        f"{sum_if('e.time IS NULL') if timed else '0'} AS bad",
        f"{'MAX(e.time)' if timed else 'NULL'} AS latest",
        f"{sum_if(f'e.time > {limit}') if timed and limit is not None else '0'} AS later",
        f"{sum_if(f'{in_time}e.arrived > {limit}') if arrived else '0'} AS late",
        f"{sum_if(valid(base, limit, alias='e'))} AS valid",
        f"{sum_if('e.unit IS NULL')} AS nobody",
    ]
    for at in range(len(names)):
        wanted_sql += [
            f"SUM(e.f{at}) AS f{at}",
            f"MAX(ABS(e.v{at})) AS m{at}",
            f"{sum_if(f'e.v{at} <> FLOOR(e.v{at})')} AS w{at}",
        ]
    found = one(house, f"SELECT {', '.join(wanted_sql)} FROM {base.table} AS e")
    n = found[0]
    per_column = [found[7 + 3 * at : 10 + 3 * at] for at in range(len(names))]
    return EventFacts(
        rows=n,
        bad=found[1] or 0,
        latest=found[2],
        after=found[3] or 0,
        late=found[4] or 0,
        valid=found[5] or 0,
        nobody=found[6] or 0,
        flaws={name: int(flaws or 0) for name, (flaws, _, _) in zip(names, per_column, strict=True)},
        scales=tuple(exact_scale(largest, int(parts or 0), n) for _, largest, parts in per_column),
    )


def without_duplicates(house: Warehouse, events: Base, limit: int | None) -> tuple[str, int]:
    """The events with each (unit, id) once, the earliest row of it, and how many rows that leaves out."""
    if events.opened.event_id is None:
        return events.table, 0
    there = valid(events, limit, alias="e")
    repeated = house.fresh("repeated")
    house.create(
        repeated,
        f"SELECT e.unit AS unit, e.id AS id, COUNT(*) AS n FROM {events.table} AS e WHERE e.id IS NOT NULL AND {there}"
        " GROUP BY e.unit, e.id HAVING COUNT(*) > 1",
    )
    extra = one(house, f"SELECT SUM(n - 1) AS n FROM {repeated}")[0]
    if not extra:
        house.drop(repeated)
        return events.table, 0
    columns = ["unit"]
    columns += ["time"] if events.time is not None else []
    columns += ["arrived"] if events.opened.arrived is not None else []
    columns += ["name"] if events.opened.event is not None else []
    columns += [f"{kind}{at}" for kind in ("v", "f") for at in range(len(events.uses.numbers))]
    columns += [f"t{at}" for at in range(len(events.uses.texts))]
    named = ", ".join(f"r.{name} AS {name}" for name in columns)
    order = ", ".join(f"e.{name} NULLS LAST" for name in columns[1:]) or "e.unit"
    join = f"{events.table} AS e LEFT JOIN {repeated} AS d ON d.unit = e.unit AND d.id = e.id"
    ranked = (
        f"SELECT {', '.join(f'e.{name} AS {name}' for name in columns)},"
        f" ROW_NUMBER() OVER (PARTITION BY e.unit, e.id ORDER BY {order}) AS place"
        f" FROM {events.table} AS e JOIN {repeated} AS d ON d.unit = e.unit AND d.id = e.id WHERE {there}"
    )
    made = house.fresh("events")
    single = ", ".join(f"e.{name} AS {name}" for name in columns)
    once = f"SELECT {single} FROM {join} WHERE d.id IS NULL"
    house.create(made, f"{once} UNION ALL SELECT {named} FROM ({ranked}) AS r WHERE r.place = 1")
    return made, int(extra)


def shifted(house: Warehouse, events: str, scales: Sequence[float | None]) -> str:
    """The events with q<i> beside v<i>: the value as a whole number that sums exactly."""
    shifted = [
        f", CAST(ROUND(e.v{at} * CAST({scale!r} AS DOUBLE)) AS DECIMAL(38, 0)) AS q{at}"
        for at, scale in enumerate(scales)
        if scale is not None
    ]
    if not shifted:
        return events
    view = house.fresh("whole")
    house.create(view, f"SELECT e.*{''.join(shifted)} FROM {events} AS e", view=True)
    return view


def offered_columns(
    house: Warehouse, events: Base, table: str, facts: EventFacts, asked: Wanted, *, timed: bool
) -> EventColumns:
    """What formulas may use of the events; raises `UsageError` for the name of an event that never happened."""
    numbers = {
        name: ValueColumn(
            sql=f"v{at}", flaw=f"f{at}" if facts.flaws[name] else None, scale=facts.scales[at], whole=f"q{at}"
        )
        for at, name in enumerate(events.uses.numbers)
    }
    value = None if events.opened.value is None else numbers.get(events.opened.value)
    counted: set[str] = set()
    if asked.named_events and facts.rows:
        carried = f"SUM(CASE WHEN e.{value.sql} IS NOT NULL THEN 1 ELSE 0 END)" if value is not None else "0"
        found = rows(house, f"SELECT e.name AS name, {carried} AS n FROM {table} AS e GROUP BY e.name")
        carrying = {name: n for name, n in found if name is not None}
        for name in asked.named_events:
            if name not in carrying:
                known = [*sorted(carrying)[:200], *events.source.columns]
                raise UsageError(
                    f"'{name}' is neither a column nor, in '{events.opened.event}' of {events.source.name}, an event."
                    f"{did_you_mean(name, known)} Events: {listed(sorted(carrying))}."
                )
        counted = {name for name in asked.named_events if not carrying[name]}
    elif value is None or not facts.rows:
        counted = set(asked.named_events)
    return EventColumns(
        numbers=numbers,
        texts={name: f"t{at}" for at, name in enumerate(events.uses.texts)},
        value=value,
        counted=frozenset(counted),
        named=frozenset(asked.named_events),
        timed=timed,
    )
