"""From exposures to units: each unit's first exposure decides its arm, phase, segments and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from seatrial.data.engine import literal
from seatrial.errors import DataError, UsageError
from seatrial.experiments.answers import one, rows
from seatrial.experiments.levels import MISSING, arm_codes, arms_in_order, canonical, code_sql, in_order, segment_levels
from seatrial.experiments.phases import phase_of_time
from seatrial.experiments.table import Segment
from seatrial.experiments.tables import Base
from seatrial.experiments.times import UTC_OFFSETS, Offsets, day_of, offsets
from seatrial.experiments.warehouse import Warehouse
from seatrial.records.plan import Plan

MOST_ARM_VALUES = 1_000


@dataclass(frozen=True, kw_only=True)
class Arms:
    """The arms, and the code of every value of the arm column; codes from `len(arms)` on are no arms of the plan."""

    names: tuple[str, ...]
    codes: dict[str, int]
    every: tuple[str, ...]
    """Name of every code."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """The table of units seen: `unit`, `arm` (NULL where it is not analysed), `phase`, `day`, `time`, `s<i>`, and
    `x<i>` / `w<i>`: numbers / texts of the exposures, at the first one."""

    table: str
    phases: tuple[str, ...]
    segments: tuple[Segment, ...]
    first: int | None
    """Day of the first exposure, from 1970, in the zone."""
    low: int | None
    clocks: Offsets
    crossovers: dict[str, int]
    unknown: dict[str, int]


def valid(base: Base, as_of: int | None, *, alias: str) -> str:
    """SQL of whether a row has what it needs, and was there as of the time (when one was given)."""
    tests = [f"{alias}.unit IS NOT NULL"]
    if base.opened.arm is not None:
        tests.append(f"{alias}.arm IS NOT NULL")
    if base.time is not None:
        tests.append(f"{alias}.time IS NOT NULL")
        if as_of is not None:
            tests.append(f"{alias}.time <= {as_of}")
    if base.opened.arrived is not None and as_of is not None:
        tests.append(f"({alias}.arrived IS NULL OR {alias}.arrived <= {as_of})")
    return " AND ".join(tests)


def find_arms(house: Warehouse, base: Base, *, plan: Plan | None, control: str | None) -> Arms:
    """The arms of an exposures table, by the plan or by what is seen."""
    found = rows(house, f"SELECT e.arm AS arm, COUNT(*) AS n FROM {base.table} AS e GROUP BY e.arm LIMIT 100000")
    seen = sorted(str(arm) for arm, _ in found if arm is not None)
    where = f"{base.source.name}: the column '{base.opened.arm}'"
    if not seen:
        raise DataError(f"{where} is empty: there is nothing to compare.")
    if len(seen) > MOST_ARM_VALUES:
        raise UsageError(f"{where} has {len(seen):,} different values, so it is no column of arms; name it with --arm.")
    shown = canonical(seen)
    names = arms_in_order(
        list(dict.fromkeys(shown[arm] for arm in seen)),
        control=control,
        planned=() if plan is None else plan.arm_names,
        where=where,
    )
    codes = arm_codes(seen, names)
    every = list(names)
    for value in seen:
        if value not in codes:
            codes[value] = every.index(shown[value]) if shown[value] in every[len(names) :] else len(every)
            if codes[value] == len(every):
                every.append(shown[value])
    return Arms(names=names, codes=codes, every=tuple(every))


def first_exposures(house: Warehouse, base: Base, arms: Arms, as_of: int | None) -> str:
    """Make the table of every unit's first exposure: `unit`, `time`, `arm`, `crossed` and the carried columns.

    Of exposures at the same moment the arm that comes first is taken, then the lowest of the other columns.
    """
    carried = _carried(base)
    timed = base.time is not None
    seen = house.fresh("seen")
    columns = ["e.unit AS unit", f"{code_sql('e.arm', arms.codes)} AS arm"]
    columns += ["e.time AS time"] if timed else []
    columns += [f"e.{name} AS {name}" for name in carried]
    condition = valid(base, as_of, alias="e")
    house.create(seen, f"SELECT {', '.join(columns)} FROM {base.table} AS e WHERE {condition}", view=True)
    same = ["MIN(s.arm) = MAX(s.arm)"]
    same += [f"(COUNT(s.{c}) = 0 OR (COUNT(s.{c}) = COUNT(*) AND MIN(s.{c}) = MAX(s.{c})))" for c in carried]
    firsts = "".join(f", MIN(s.{c}) AS {c}" for c in carried)
    time = "MIN(s.time)" if timed else "CAST(NULL AS BIGINT)"
    grouped = house.fresh("grouped")
    house.create(
        grouped,
        f"SELECT s.unit AS unit, {time} AS time, MIN(s.arm) AS arm,"
        f" CASE WHEN MIN(s.arm) < MAX(s.arm) THEN 1 ELSE 0 END AS crossed,"
        f" CASE WHEN {' AND '.join(same)} THEN 1 ELSE 0 END AS same{firsts} FROM {seen} AS s GROUP BY s.unit",
    )
    varied = one(house, f"SELECT COUNT(*) AS n FROM {grouped} WHERE same = 0")[0]
    if not varied:
        return grouped
    names = ", ".join(f"r.{c}" for c in ("unit", "time", "arm", "crossed", *carried))
    order = ", ".join(f"s.{c} NULLS LAST" for c in (*(["time"] if timed else []), "arm", *carried))
    ranked = (
        f"SELECT s.unit AS unit, {'s.time' if timed else 'CAST(NULL AS BIGINT)'} AS time, s.arm AS arm,"
        f" g.crossed AS crossed{''.join(f', s.{c} AS {c}' for c in carried)},"
        f" ROW_NUMBER() OVER (PARTITION BY s.unit ORDER BY {order}) AS place"
        f" FROM {seen} AS s JOIN {grouped} AS g ON g.unit = s.unit WHERE g.same = 0"
    )
    made = house.fresh("firsts")
    constant = f"SELECT {names} FROM {grouped} AS r WHERE r.same = 1"
    house.create(made, f"{constant} UNION ALL SELECT {names} FROM ({ranked}) AS r WHERE r.place = 1")
    house.drop(grouped)
    return made


def _carried(base: Base) -> list[str]:
    uses = base.uses
    names = ["phase"] if base.opened.phase is not None else []
    names += [f"s{at}" for at in range(len(uses.segments))]
    names += [f"v{at}" for at in range(len(uses.numbers))]
    return names + [f"t{at}" for at in range(len(uses.texts))]


@dataclass(frozen=True, kw_only=True)
class SegmentColumn:
    """A segment's column among the first exposures (`f`) or the pre-period (`b`)."""

    name: str
    sql: str
    planned: bool


def make_units(
    house: Warehouse,
    base: Base,
    arms: Arms,
    firsts: str,
    *,
    plan: Plan | None,
    where: tzinfo,
    keep_crossovers: bool,
    segments: Sequence[SegmentColumn],
    before: str | None,
    before_columns: Sequence[str],
    end: int | None,
) -> Units:
    """Code what the first exposures say: arms, phases, days, segments; joined with the pre-period, one row a unit."""
    kept = f"f.arm < {len(arms.names)}" + ("" if keep_crossovers else " AND f.crossed = 0")
    source = f"{firsts} AS f" + (f" LEFT JOIN {before} AS b ON b.unit = f.unit" if before is not None else "")
    counted = rows(
        house, f"SELECT f.arm AS arm, f.crossed AS crossed, COUNT(*) AS n FROM {firsts} AS f GROUP BY f.arm, f.crossed"
    )
    counted.sort()
    low, high = one(house, f"SELECT MIN(f.time) AS low, MAX(f.time) AS high FROM {firsts} AS f WHERE {kept}")
    clocks = UTC_OFFSETS if low is None else offsets(where, low, max(high, end or high))
    first = None if low is None else day_of(low, where)
    phases, phase = _phases(house, base, firsts, kept, plan=plan, where=where)
    made: list[Segment] = []
    columns: list[str] = []
    for at, segment in enumerate(segments):
        column = f"COALESCE({segment.sql}, {literal(MISSING)})"
        found = rows(
            house, f"SELECT {column} AS level, COUNT(*) AS n FROM {source} WHERE {kept} GROUP BY 1 LIMIT 100000"
        )
        levels = segment_levels(dict(found), name=segment.name)
        made.append(Segment(name=segment.name, levels=levels, planned=segment.planned))
        columns.append(f"{code_sql(column, {level: code for code, level in enumerate(levels)})} AS s{at}")
    day = "CAST(NULL AS INTEGER)" if first is None else f"{clocks.day('f.time')} - {first}"
    wanted = [
        "f.unit AS unit",
        f"CASE WHEN {kept} THEN f.arm END AS arm",
        f"{phase} AS phase",
        f"{day} AS day",
        "f.time AS time",
        *columns,
        *(f"f.v{at} AS x{at}" for at in range(len(base.uses.numbers))),
        *(f"f.t{at} AS w{at}" for at in range(len(base.uses.texts))),
        *(f"b.{name} AS {name}" for name in before_columns),
    ]
    table = house.fresh("seen_units")
    house.create(table, f"SELECT {', '.join(wanted)} FROM {source}")
    return Units(
        table=table,
        phases=phases,
        segments=tuple(made),
        first=first,
        low=low,
        clocks=clocks,
        crossovers={arms.every[arm]: n for arm, crossed, n in counted if crossed},
        unknown={
            arms.every[arm]: n
            for arm, crossed, n in counted
            if arm >= len(arms.names) and (not crossed or keep_crossovers)
        },
    )


def _phases(
    house: Warehouse, base: Base, firsts: str, kept: str, *, plan: Plan | None, where: tzinfo
) -> tuple[tuple[str, ...], str]:
    if plan is not None and len(plan.phases) > 1 and base.time is not None:
        return phase_of_time(plan.phases, "f.time", where)
    if base.opened.phase is None:
        return ("all",), "0"
    column = f"COALESCE(f.phase, {literal(MISSING)})"
    start = "MIN(f.time)" if base.time is not None else "0"
    found = rows(
        house, f"SELECT {column} AS level, {start} AS start FROM {firsts} AS f WHERE {kept} GROUP BY 1 LIMIT 1000"
    )
    if len(found) > 50:
        raise UsageError(f"The column '{base.opened.phase}' has {len(found)} values, so it is no column of phases.")
    starts = dict(found)
    names = sorted(in_order(list(starts)), key=lambda name: starts[name])
    return tuple(names) or ("all",), code_sql(column, {name: at for at, name in enumerate(names)}, otherwise=0)
