"""The unit table of exposures and events: one row a unit, built in the engine.

Files are staged first (`tables.py`, DuckDB), which gives base tables with plain types:

    exposures(unit, arm, time, arrived, phase, s0.., v0.., f0.., t0..)
    events(unit, time, arrived, name, id, v0.., f0.., t0..)
    pre(unit, time, s0.., v0.., f0..)

`unit` is BIGINT or VARCHAR alike in all; times are BIGINT, microseconds since 1970 in UTC; `v` are DOUBLE, never NaN
or infinite, `f` is 1 where `v` is NULL because something else stood there; the rest is VARCHAR. Columns that a table
does not have are left out (`Base` says which there are). Everything after that is `build_units`, which runs on any
`Warehouse`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from seatrial.data.engine import DuckDBEngine
from seatrial.errors import DataError
from seatrial.experiments.answers import one, rows, sum_if
from seatrial.experiments.column_roles import columns_of, find_column
from seatrial.experiments.columns import cap_of
from seatrial.experiments.events import event_facts, offered_columns, shifted, without_duplicates
from seatrial.experiments.first_exposures import (
    SegmentColumn,
    find_arms,
    first_exposures,
    make_units,
    valid,
)
from seatrial.experiments.pre_period import before_exposure
from seatrial.experiments.reading import refuse_bad_times
from seatrial.experiments.recipes import Parts, Recipe, recipes
from seatrial.experiments.states import Made, make_since, make_states
from seatrial.experiments.table import Counts, UnitTable
from seatrial.experiments.tables import Base, base_table, open_events, open_exposures, open_pre, whole_units
from seatrial.experiments.times import DAY, instant, iso, iso_day, zone
from seatrial.experiments.wanted import Wanted, wanted
from seatrial.experiments.warehouse import InDuckDB, Warehouse
from seatrial.experiments.warehouse_tables import engine_of, located, opened_in, warehouse_table
from seatrial.records.evidence import Source as SourceRecord
from seatrial.records.plan import Columns, ExperimentMetric, Plan

Crossovers = Literal["exclude", "first"]


def units_from_events(
    exposures: Any,
    events: Any,
    *,
    metrics: Sequence[ExperimentMetric],
    plan: Plan | None = None,
    columns: Columns = Columns(),  # noqa: B008  frozen
    pre: Any = None,
    control: str | None = None,
    segments: Sequence[str] = (),
    as_of: str | None = None,
    crossovers: Crossovers = "exclude",
    timezone: str = "UTC",
    engine: DuckDBEngine | None = None,
) -> UnitTable:
    """Make the unit table of exposures, events and, for covariates, a table of the time before.

    A unit's first exposure decides its arm, phase, segments and day. Its events count from then on, within a metric's
    window, up to `as_of` (the latest time in exposures or events when not given; a date alone is the whole day). Where
    a table has several events a row's `event` names, each name is a column: the sum of its values, or how many there
    are. Times without a zone are in the plan's `timezone`; of a time that happens twice the earlier is meant. Tables
    that lie in another engine (`Table`) stay there, and the units are made there.

    Raises `UsageError` for columns, arms, events or formulas that are not there and a control that is not said,
    `DataError` when there are no exposures or times cannot be read.

    >>> found = units_from_events(
    ...     {"user": ["a", "b", "c", "d"], "variant": ["A", "A", "B", "B"], "ts": ["2026-03-01"] * 4},
    ...     {"user": ["a", "c", "c"], "ts": ["2026-03-02", "2026-03-02", "2026-03-03"], "spent": [3.0, 4.5, 0.5]},
    ...     metrics=[ExperimentMetric(name="spending", formula="mean(spent)", missing="zero")],
    ... )
    >>> found.engine.query(f"SELECT arm, SUM(c0) AS total FROM {found.table} GROUP BY arm ORDER BY arm")["total"]
    array([3., 5.])
    """
    exposures, events, pre = located(exposures, events, pre)
    elsewhere = engine_of([exposures, events, *([] if pre is None else [pre])])
    given = columns_of(columns, plan)
    timezone = timezone if plan is None else plan.timezone
    opened = open_exposures(opened_in(exposures), given, plan)
    opened_events = open_events(opened_in(events), given, opened)
    opened_pre = None if pre is None else open_pre(opened_in(pre), given, opened)
    asked = wanted(metrics, opened, opened_events, opened_pre, plan=plan, segments=segments)
    value = opened_events.value
    if asked.named_events and value is None:
        value = find_column(opened_events.source, "value", None)
    if asked.named_events and value is not None:
        numbers = (*asked.events.numbers, *(() if value in asked.events.numbers else (value,)))
        asked = replace(asked, events=replace(asked.events, numbers=numbers))
        opened_events = replace(opened_events, value=value)
    every = [opened, opened_events, *([] if opened_pre is None else [opened_pre])]
    whole = whole_units(every)
    own = engine or DuckDBEngine()

    def stage(which: str) -> Base | None:
        one_opened = {"exposures": opened, "events": opened_events, "pre": opened_pre}[which]
        if one_opened is None:
            return None
        uses = {"exposures": asked.exposures, "events": asked.events, "pre": asked.pre}[which]
        if elsewhere is not None:
            return warehouse_table(elsewhere, one_opened, uses, stem=which, timezone=timezone, integer_units=whole)
        return base_table(own, one_opened, uses, stem=which, timezone=timezone, integer_units=whole)

    exposures_base, events_base = stage("exposures"), stage("events")
    if exposures_base is None or events_base is None:
        raise DataError("There are no exposures.")
    if elsewhere is None:
        _refuse_unreadable(own, [exposures_base, events_base])
    table = build_units(
        InDuckDB(own) if elsewhere is None else elsewhere,
        exposures_base,
        events_base,
        stage("pre"),
        asked,
        plan=plan,
        control=control,
        as_of=as_of,
        crossovers=crossovers,
        timezone=timezone,
    )
    return table if elsewhere is not None else replace(table, engine=own)


def _refuse_unreadable(engine: DuckDBEngine, bases: Sequence[Base]) -> None:
    for base in bases:
        if base.time is None or base.opened.time is None:
            continue
        n, bad = engine.one(f"SELECT count(*), count(CASE WHEN e.time IS NULL THEN 1 END) FROM {base.table} AS e")
        refuse_bad_times(engine, base.source, base.time, bad=bad, rows=n, name=base.opened.time)


def build_units(
    house: Warehouse,
    exposures: Base,
    events: Base,
    pre: Base | None,
    asked: Wanted,
    *,
    plan: Plan | None = None,
    control: str | None = None,
    as_of: str | None = None,
    crossovers: Crossovers = "exclude",
    timezone: str = "UTC",
) -> UnitTable:
    """Make the unit table of base tables that lie in a warehouse, with nothing but its `create` and `query`.

    Raises as `units_from_events` does.
    """
    where = zone(timezone)
    limit = None if as_of is None else instant(as_of, where, end_of_day=True, option="--as-of")
    total, bad, latest, nobody, no_arm, after = _exposure_facts(house, exposures, limit)
    if total == 0:
        raise DataError(f"{exposures.source.name} has no exposures.")
    arms = find_arms(house, exposures, plan=plan, control=control)
    facts = event_facts(house, events, limit)
    end = limit if limit is not None else max((t for t in (latest, facts.latest) if t is not None), default=None)
    firsts = first_exposures(house, exposures, arms, limit)
    before = before_exposure(house, pre, firsts)
    splits = [_segment(name, table, asked, exposures, pre) for name, table in asked.segments]
    pre_values = [] if pre is None else [f"b{at}" for at in range(len(pre.uses.numbers))]
    pre_texts = [] if pre is None else [f"d{at}" for at in range(len(pre.uses.texts))]
    units = make_units(
        house,
        exposures,
        arms,
        firsts,
        plan=plan,
        where=where,
        keep_crossovers=crossovers == "first",
        segments=splits,
        before=before.table,
        before_columns=[*pre_values, *pre_texts],
        end=end,
    )
    deduplicated, duplicates = without_duplicates(house, events, limit)
    deduplicated = shifted(house, deduplicated, facts.scales)
    offered = offered_columns(house, events, deduplicated, facts, asked, timed=_timed(exposures, events))
    parts = Parts()
    made_of_events: list[Recipe] = []
    static: dict[str, str] = {}
    for at, one_reads in enumerate(asked.reads):
        made_of_events += recipes(one_reads, asked.of_events[at], offered, parts)
        for name, table in asked.of_units[at]:
            static[f"{one_reads.metric.name}/{name}"] = _static(one_reads.metric, name, table, asked, exposures, pre)
    for name, table in asked.covariates:
        static[name] = _column(name, table, exposures, pre)
    made = Made(
        house=house,
        events=deduplicated,
        valid=valid(events, limit, alias="e"),
        units=units,
        parts=parts,
        recipes=tuple(made_of_events),
        static=static,
        end=end,
        timed=_timed(exposures, events),
    )
    table, without, known, early = _unit_table(made)
    counted = one(house, f"SELECT COUNT(*) AS n FROM {table}")[0]
    columns = made.columns
    has_days = units.first is not None and _timed(exposures, events)
    flaws = dict(facts.flaws)
    for name, count in [*_flaws(house, exposures), *([] if pre is None else _flaws(house, pre))]:
        flaws[name] = flaws.get(name, 0) + count
    by_arm = {arms.names[code]: n for code, n in without}
    return UnitTable(
        engine=house,
        table=table,
        arms=arms.names,
        phases=units.phases,
        segments=units.segments,
        columns=columns,
        unit=exposures.opened.unit,
        counts=Counts(
            exposures=total,
            units=counted,
            crossovers=sum(units.crossovers.values()),
            crossovers_by_arm=units.crossovers,
            unknown_arm=units.unknown,
            missing_unit=nobody,
            missing_arm=no_arm,
            exposures_after_as_of=after,
            bad_times=bad + facts.bad,
            events=facts.rows,
            duplicate_events=duplicates,
            events_before_exposure=early,
            events_without_unit=facts.nobody + facts.valid - duplicates - known,
            events_after_as_of=facts.after,
            late_events=facts.late,
            units_without_events=sum(by_arm.values()),
            units_without_events_by_arm=by_arm,
            pre_after_exposure=before.after,
            not_numbers={name: count for name, count in flaws.items() if count},
        ),
        sources=tuple(
            SourceRecord(model=label, name=base.source.name, sha256=base.source.sha256, rows=n)
            for label, base, n in (
                ("exposures", exposures, total),
                ("events", events, facts.rows),
                ("pre", pre, before.rows),
            )
            if base is not None
        ),
        rows=counted,
        first_day=None if units.first is None else iso_day(units.first),
        as_of=None if end is None else iso(end, where),
        days=None if end is None or units.low is None else (end - units.low) / DAY,
        states=lru_cache(lambda: make_states(made)) if has_days else None,
        since=lru_cache(lambda days: make_since(made, days)) if has_days else None,
        occurrences=lambda metric, column: _occurrences(made, table, metric, column),
    )


def _timed(exposures: Base, events: Base) -> bool:
    return exposures.time is not None and events.time is not None


# Counting


def _exposure_facts(house: Warehouse, base: Base, limit: int | None) -> tuple[int, int, int | None, int, int, int]:
    """Rows, unreadable times, latest time, rows without unit, without arm, and after the as-of time."""
    timed = base.time is not None
    after = sum_if(f"e.time > {limit}") if timed and limit is not None else "0"
    sql = (
        f"SELECT COUNT(*) AS n, {sum_if('e.time IS NULL') if timed else '0'} AS bad,"
        f" {'MAX(e.time)' if timed else 'NULL'} AS latest, {sum_if('e.unit IS NULL')} AS nobody,"
        f" {sum_if('e.arm IS NULL')} AS no_arm, {after} AS later FROM {base.table} AS e"
    )
    n, bad, latest, nobody, no_arm, later = one(house, sql)
    return n, bad or 0, latest, nobody or 0, no_arm or 0, later or 0


def _flaws(house: Warehouse, base: Base) -> list[tuple[str, int]]:
    if not base.uses.numbers:
        return []
    sums = ", ".join(f"SUM(e.f{at}) AS f{at}" for at in range(len(base.uses.numbers)))
    return list(
        zip(base.uses.numbers, (int(n or 0) for n in one(house, f"SELECT {sums} FROM {base.table} AS e")), strict=True)
    )


def _segment(name: str, table: str, asked: Wanted, exposures: Base, pre: Base | None) -> SegmentColumn:
    base, alias = (exposures, "f") if table == "exposures" or pre is None else (pre, "b")
    return SegmentColumn(name=name, sql=f"{alias}.s{base.uses.segments.index(name)}", planned=name in asked.planned)


def _column(name: str, table: str, exposures: Base, pre: Base | None) -> str:
    """A number of the exposures or the pre-period, as a column of the units (`u`)."""
    if table == "pre" and pre is not None:
        return f"u.b{pre.uses.numbers.index(name)}"
    return f"u.x{exposures.uses.numbers.index(name)}"


def _static(metric: ExperimentMetric, name: str, table: str, asked: Wanted, exposures: Base, pre: Base | None) -> str:
    base = pre if table == "pre" and pre is not None else exposures
    if name in base.uses.texts and name not in base.uses.numbers:
        return f"u.{'d' if base is pre else 'w'}{base.uses.texts.index(name)}"
    sql = _column(name, table, exposures, pre)
    if metric.winsorize is not None:
        sql = f"CASE WHEN {sql} > {cap_of(metric)} THEN {cap_of(metric)} ELSE {sql} END"
    return f"COALESCE({sql}, 0.0)" if metric.missing == "zero" else sql


# The table


def _unit_table(made: Made) -> tuple[str, list[tuple[int, int]], int, int]:
    """Make the unit table; also units without events by arm, events of known units, and those before exposure."""
    house, units = made.house, made.units
    grouped = house.fresh("parts")
    early = "SUM(CASE WHEN e.time < u.time THEN 1 ELSE 0 END)" if made.timed else "0"
    house.create(
        grouped,
        f"SELECT u.unit AS unit, COUNT(*) AS known, {early} AS early{made.parts.aggregates()}"
        f" FROM {made.events} AS e JOIN {units.table} AS u ON u.unit = e.unit WHERE {made.valid} GROUP BY u.unit",
    )
    known, before = one(house, f"SELECT SUM(known) AS known, SUM(early) AS early FROM {grouped}")
    wanted_sql = [
        "CAST(u.unit AS VARCHAR) AS unit",
        "u.arm AS arm",
        "u.phase AS phase",
        "u.day AS day",
        *(f"u.s{at} AS s{at}" for at in range(len(units.segments))),
    ]
    for key, name in made.columns.items():
        wanted_sql.append(f"{made.final(key)} AS {name}")
    wanted_sql = list(dict.fromkeys(wanted_sql))
    source = f"{units.table} AS u LEFT JOIN {grouped} AS p ON p.unit = u.unit"
    table = house.fresh("units")
    house.create(table, f"SELECT {', '.join(wanted_sql)} FROM {source} WHERE u.arm IS NOT NULL")
    without = rows(
        house,
        f"SELECT u.arm AS arm, COUNT(*) AS n FROM {source} WHERE u.arm IS NOT NULL"
        " AND COALESCE(p.known, 0) - COALESCE(p.early, 0) = 0 GROUP BY u.arm ORDER BY u.arm",
    )
    house.drop(grouped)
    return table, without, int(known or 0), int(before or 0)


def _occurrences(made: Made, table: str, metric: str, column: str) -> str:
    """SQL of single events, or of the units' own values for what is no column of the events."""
    units = made.units
    coded = "".join(f", u.s{at} AS s{at}" for at in range(len(units.segments)))
    recipe = next((one for one in made.recipes if one.key == f"{metric}/{column}"), None)
    if recipe is None or recipe.occurrence is None:
        name = made.columns.get(f"{metric}/{column}") or made.columns[column]
        return (
            f"SELECT u.unit AS unit, u.arm AS arm, u.phase AS phase{coded}, u.{name} AS value FROM {table} AS u"
            f" WHERE u.{name} IS NOT NULL"
        )
    closed = "" if recipe.window is None or made.end is None else f" AND u.time <= {made.end - recipe.window}"
    return (
        f"SELECT CAST(u.unit AS VARCHAR) AS unit, u.arm AS arm, u.phase AS phase{coded}, {recipe.occurrence} AS value"
        f" FROM {made.events} AS e JOIN {units.table} AS u ON u.unit = e.unit WHERE u.arm IS NOT NULL AND {made.valid}"
        f"{' AND e.time >= u.time' if made.timed else ''}{closed} AND ({recipe.occurrence}) IS NOT NULL"
    )
