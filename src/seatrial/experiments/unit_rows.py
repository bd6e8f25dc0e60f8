"""The unit table of one ready table: every row is a unit, or several rows are one unit of randomisation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from seatrial.data.engine import DuckDBEngine, literal
from seatrial.errors import DataError, UsageError
from seatrial.experiments.columns import Reads, cap_of, condition_sql, window_of
from seatrial.experiments.in_place import as_is_view, bounds_of, every_unit_known, has_text, unit_column
from seatrial.experiments.levels import (
    MISSING,
    arm_codes,
    arms_in_order,
    canonical,
    code_sql,
    in_order,
    position_sql,
    segment_levels,
)
from seatrial.experiments.phases import phase_of_time
from seatrial.experiments.reading import (
    INTEGERS,
    Read,
    TimeColumn,
    open_any,
    refuse_bad_times,
    text_sql,
    time_column,
)
from seatrial.experiments.repeats import Crossed, find_crossed
from seatrial.experiments.rows_wanted import RowsWanted, bring_rows, rows_wanted
from seatrial.experiments.table import AsIs, Counts, Segment, UnitTable
from seatrial.experiments.times import DAY, UTC_OFFSETS, day_of, instant, iso, iso_day, offsets, zone
from seatrial.records.evidence import Source as SourceRecord
from seatrial.records.plan import Columns, ExperimentMetric, Plan

Crossovers = Literal["exclude", "first"]
COUNTED_CELLS = 20_000_000
"""Cells of a Parquet table looked through for what is no number; beyond that it is missing, but not counted."""
MOST_SPELLINGS = 200
"""Different texts up to which the arms are told by the texts as they are written."""
ALWAYS = "1 = 1"
KEPT_CELLS = 40_000_000
"""Cells (rows times columns) above which a Parquet table is read where it lies each time, not copied."""


def units_from_rows(
    table: Any,
    *,
    metrics: Sequence[ExperimentMetric],
    plan: Plan | None = None,
    columns: Columns = Columns(),  # noqa: B008  frozen
    control: str | None = None,
    segments: Sequence[str] = (),
    cluster: str | None = None,
    as_of: str | None = None,
    crossovers: Crossovers = "exclude",
    timezone: str = "UTC",
    engine: DuckDBEngine | None = None,
) -> UnitTable:
    """Make the unit table of one already aggregated table, which has a row for every unit and a column for the arm.

    Without a column of units every row is one. `cluster` names the unit of randomisation where rows are finer
    (sessions of users). With a column of times there are days, and phases of the plan. A metric's `winsorize`, `where`
    and `missing` work on the rows; its window only where `as_of` is given.

    Raises `UsageError` for columns, arms or formulas that are not there, a control that is not said, and units that
    repeat without `cluster`; `DataError` when there is nothing to compare.

    >>> from seatrial.records.plan import ExperimentMetric
    >>> found = units_from_rows(
    ...     {"variant": ["A", "A", "B", "B"], "spent": [1.0, 2.0, 3.0, float("nan")]},
    ...     metrics=[ExperimentMetric(name="spending", formula="mean(spent)")],
    ... )
    >>> found.arms, found.counts.units, dict(found.columns), found.counts.not_numbers
    (('A', 'B'), 4, {'spent': 'c0'}, {})
    """
    source = open_any(table, name="units")
    engine = engine or DuckDBEngine()
    zone_name = timezone if plan is None else plan.timezone
    where = zone(zone_name)
    asked = rows_wanted(source, metrics, plan=plan, columns=columns, segments=segments, cluster=cluster)
    if crossovers == "first" and asked.time is None:
        raise UsageError(
            f"{source.name} has no times, so no unit has a first arm: name the column (--time), or leave such units "
            "out (--crossovers exclude)."
        )
    place = asked.time
    time = None if place is None else time_column(engine, source, source.places[place], zone_name)
    rows = bring_rows(engine, source, asked, time, timezone=zone_name)
    limit = None if as_of is None else instant(as_of, where, end_of_day=True, option="--as-of")
    return _Build(
        engine=engine,
        rows=rows,
        asked=asked,
        plan=plan,
        control=control if plan is None or control is not None else plan.control,
        limit=limit,
        crossovers=crossovers,
        zone_name=zone_name,
        time=time,
    ).table()


@dataclass(frozen=True, kw_only=True)
class _Build:
    engine: DuckDBEngine
    rows: Read
    asked: RowsWanted
    plan: Plan | None
    control: str | None
    limit: int | None
    crossovers: Crossovers
    zone_name: str
    time: TimeColumn | None

    def table(self) -> UnitTable:
        engine, asked, source = self.engine, self.asked, self.rows.source
        by_arm, written = self._by_arm()
        total = sum(int(one["n"]) for one in by_arm.values())
        if total == 0:
            raise DataError(f"{source.name} has no rows.")
        bad = sum(one["bad"] for one in by_arm.values())
        if self.time is not None and asked.time is not None:
            refuse_bad_times(engine, source, self.time, bad=bad, rows=total, name=asked.time)
        seen = [arm for arm in by_arm if arm is not None]
        shown = canonical(seen)
        arms = arms_in_order(
            list(dict.fromkeys(shown[arm] for arm in seen)),
            control=self.control,
            planned=() if self.plan is None else self.plan.arm_names,
            where=f"{source.name}: the column '{asked.arm}'",
        )
        codes = arm_codes(seen, arms)
        all_kept = all(arm in codes and one["kept"] == one["n"] for arm, one in by_arm.items())
        unknown = {shown[arm]: by_arm[arm]["kept"] for arm in seen if arm not in codes}
        crossed = find_crossed(
            engine,
            self.rows,
            codes,
            unit=asked.unit,
            clustered=asked.clustered,
            timed=asked.time is not None,
            in_time=self._in_time,
            total=total,
            needs_first=self.crossovers == "first",
        )
        low = min((one["low"] for one in by_arm.values() if one["low"] is not None), default=None)
        high = max((one["high"] for one in by_arm.values() if one["high"] is not None), default=None)
        as_of = self.limit if self.limit is not None else high
        where = zone(self.zone_name)
        clocks = UTC_OFFSETS if low is None or high is None else offsets(where, low, high)
        first = None if low is None else day_of(low, where)
        phases, phase_sql = self._phases(codes)
        kept_segments, segment_sql = self._segments(all_armed=None not in by_arm)
        columns, column_sql = self._columns()
        day = "CAST(NULL AS INTEGER)" if first is None else f"{clocks.day('r.time')} - {first}"
        spelled = {text: codes[arm] for text, arm in written.items() if arm in codes}
        wanted = {
            "unit": self._unit,
            "arm": self._arm_code(codes, spelled, crossed),
            "phase": phase_sql,
            "day": day,
            **{f"s{at}": sql for at, sql in enumerate(segment_sql)},
            **column_sql,
        }
        made, as_is = self._make(wanted, codes, crossed, total, all_kept=all_kept)
        units = sum(by_arm[arm]["kept"] for arm in codes)
        if asked.clustered or crossed.table is not None:
            units = engine.one(f"SELECT count({'DISTINCT unit' if asked.clustered else '*'}) FROM {made}")[0]
        counts = Counts(
            exposures=total,
            units=units,
            crossovers=sum(crossed.by_arm.values()),
            # without times nobody knows which arm a unit was in first
            crossovers_by_arm={}
            if asked.time is None
            else {arms[code]: count for code, count in sorted(crossed.by_arm.items())},
            unknown_arm=unknown,
            missing_unit=sum(one["nobody"] for one in by_arm.values()),
            missing_arm=by_arm[None]["n"] if None in by_arm else 0,
            exposures_after_as_of=sum(one["after"] for one in by_arm.values()),
            bad_times=bad,
            not_numbers=self._flaws(total),
        )
        return UnitTable(
            engine=engine,
            table=made,
            arms=arms,
            phases=phases,
            segments=kept_segments,
            columns=columns,
            unit=asked.unit or "row",
            counts=counts,
            sources=(SourceRecord(model="units", name=source.name, sha256=source.sha256, rows=total),),
            first_day=None if first is None else iso_day(first),
            as_of=None if as_of is None else iso(as_of, where),
            days=None if as_of is None or low is None else (as_of - low) / DAY,
            clustered=asked.clustered,
            rows=units if not asked.clustered else None,
            as_is=as_is,
            bounds=bounds_of(engine, self.rows, asked.numbers, column_sql),
            states=None if first is None else _states(engine, made, columns, len(kept_segments)),
            occurrences=_occurrences(made, columns, len(kept_segments)),
        )

    # Counting

    @property
    def _in_time(self) -> str:
        """SQL of whether a row is there as of the time."""
        parts = []
        if self.asked.time is not None:
            parts.append("r.time IS NOT NULL")
            if self.limit is not None:
                parts.append(f"r.time <= {self.limit}")
        if self.asked.arrived is not None and self.limit is not None:
            parts.append(f"r.arrived <= {self.limit}")
        if not self._unit_known:
            parts.append("r.unit IS NOT NULL")
        return " AND ".join(parts) or ALWAYS

    def _by_arm(self) -> tuple[dict[str | None, dict[str, Any]], dict[str, str | None]]:
        """Counts for every value of the arm column, in one pass; and the arm that each text as it is written means."""
        timed = self.asked.time is not None
        after = f"sum(CASE WHEN r.time > {self.limit} THEN 1 ELSE 0 END)" if timed and self.limit is not None else "0"
        inside = self._in_time
        wanted = [
            "count(*) AS n",
            f"{'count(*)' if inside == ALWAYS else f'sum(CASE WHEN {inside} THEN 1 ELSE 0 END)'} AS kept",
            f"{'sum(CASE WHEN r.time IS NULL THEN 1 ELSE 0 END)' if timed else '0'} AS bad",
            f"{after} AS later",
            f"{'0' if self._unit_known else 'sum(CASE WHEN r.unit IS NULL THEN 1 ELSE 0 END)'} AS nobody",
            f"{f'min(CASE WHEN {inside} THEN r.time END)' if timed else 'CAST(NULL AS BIGINT)'} AS low",
            f"{f'max(CASE WHEN {inside} THEN r.time END)' if timed else 'CAST(NULL AS BIGINT)'} AS high",
        ]
        text = "r.arm_text" if self._has_text(self.asked.arm) else "r.arm"
        grouped = f"SELECT {text} AS text, {', '.join(wanted)} FROM {self.rows.table} AS r GROUP BY {text}"
        rows = self.engine.rows(
            f"SELECT {text_sql('g.text', 'VARCHAR')}, sum(n), sum(kept), sum(bad), sum(later), sum(nobody), min(low),"
            f" max(high), list(g.text) FROM ({grouped}) AS g GROUP BY 1"
        )
        rows.sort(key=lambda row: (row[0] is None, row[0]))
        names = ("n", "kept", "bad", "after", "nobody", "low", "high")
        counts = {row[0]: dict(zip(names, (*map(int, row[1:6]), row[6], row[7]), strict=True)) for row in rows}
        return counts, {text: row[0] for row in rows for text in row[8] if text is not None}

    @cached_property
    def _unit_known(self) -> bool:
        return every_unit_known(self.engine, self.rows, self.asked.unit)

    def _has_text(self, column: str) -> bool:
        return has_text(self.rows, column)

    def _flaws(self, total: int) -> dict[str, int]:
        """Values that are no numbers, by column; of a very large table, among its first rows only."""
        source, names = self.rows.source, self.asked.numbers
        possible = [at for at, name in enumerate(names) if source.kinds[source.places[name]] not in INTEGERS]
        if not possible:
            return {}
        some = ""
        if source.numbers_rows and total * len(possible) > COUNTED_CELLS:
            some = f" WHERE r.k < {COUNTED_CELLS // len(possible)}"
        sums = ", ".join(f"sum(r.f{at})" for at in possible)
        found = self.engine.one(f"SELECT {sums} FROM {self.rows.table} AS r{some}")
        return {names[at]: int(count) for at, count in zip(possible, found, strict=True) if count}

    # The table's columns

    @property
    def _unit(self) -> str:
        if self.asked.unit is not None:
            return "CAST(r.unit AS VARCHAR)"
        return f"CAST(r.{'k' if self.rows.source.numbers_rows else 'rowid'} AS VARCHAR)"

    def _arm_code(self, codes: dict[str, int], spelled: dict[str, int], crossed: Crossed) -> str:
        by_text = self._has_text(self.asked.arm) and len(spelled) <= MOST_SPELLINGS
        code = f"CAST({code_sql('r.arm_text', spelled) if by_text else code_sql('r.arm', codes)} AS INTEGER)"
        return code if crossed.table is None or self.crossovers == "exclude" else f"COALESCE(x.arm, {code})"

    def _phases(self, codes: dict[str, int]) -> tuple[tuple[str, ...], str]:
        where = zone(self.zone_name)
        if self.plan is not None and len(self.plan.phases) > 1 and self.asked.time is not None:
            return phase_of_time(self.plan.phases, "r.time", where)
        if self.asked.phase is None:
            return ("all",), "0"
        first = "min(r.time)" if self.asked.time is not None else "0"
        rows = self.engine.rows(
            f"SELECT COALESCE(r.phase, {literal(MISSING)}), {first} FROM {self.rows.table} AS r WHERE {self._in_time}"
            " AND r.arm IS NOT NULL GROUP BY 1"
        )
        names = in_order([row[0] for row in rows])
        start = dict(rows)
        names.sort(key=lambda name: start[name])
        if len(names) > 50:
            raise UsageError(f"The column '{self.asked.phase}' has {len(names)} values, so it is no column of phases.")
        levels = {name: at for at, name in enumerate(names)}
        return tuple(names) or ("all",), code_sql(f"COALESCE(r.phase, {literal(MISSING)})", levels, otherwise=0)

    def _segments(self, *, all_armed: bool) -> tuple[tuple[Segment, ...], list[str]]:
        made: list[Segment] = []
        codes: list[str] = []
        for at, name in enumerate(self.asked.segments):
            column = f"r.s{at}_text" if self._has_text(name) else f"r.s{at}"
            where = "" if all_armed and self._in_time == ALWAYS else f" WHERE r.arm IS NOT NULL AND {self._in_time}"
            grouped = f"SELECT {column} AS text, count(*) AS n FROM {self.rows.table} AS r{where} GROUP BY {column}"
            found = self.engine.rows(
                f"SELECT {text_sql('g.text', 'VARCHAR')}, sum(n), list(g.text) FROM ({grouped}) AS g GROUP BY 1"
                " LIMIT 100000"
            )
            levels = segment_levels({level: int(n) for level, n, _ in found}, name=name)
            made.append(Segment(name=name, levels=levels, planned=name in self.asked.planned))
            coded = [level for level in levels if level != MISSING]
            spelled = {level: texts for level, _, texts in found if level is not None}
            if any(len(spelled[level]) > 1 for level in coded):
                column = f"r.s{at}"  # written in several ways
            elif column != f"r.s{at}":
                coded = [spelled[level][0] for level in coded]
            last = len(coded) if MISSING in levels else None
            codes.append(position_sql(column, coded, otherwise=last, all_known=last is None and where == ""))
        return tuple(made), codes

    def _columns(self) -> tuple[dict[str, str], dict[str, str]]:
        """Name to SQL column, and SQL column to its expression over the staged rows."""
        numbers = {name: f"r.v{at}" for at, name in enumerate(self.asked.numbers)}
        texts = {name: f"r.t{at}" for at, name in enumerate(self.asked.texts)}
        names: dict[str, str] = {}
        made: dict[str, str] = {}

        def column(key: str, sql: str) -> None:
            same = next((name for name, other in made.items() if other == sql), None)
            names[key] = same or f"c{len(made)}"
            made.setdefault(names[key], sql)

        for one in self.asked.reads:
            for name in one.columns:
                sql = texts[name] if name in one.texts else self._value(one, numbers[name], numbers, texts)
                if sql == numbers.get(name):
                    column(name, sql)
                else:
                    column(f"{one.metric.name}/{name}", sql)
            for name in one.covariates:
                column(name, numbers[name])
        return names, made

    def _value(self, one: Reads, sql: str, numbers: dict[str, str], texts: dict[str, str]) -> str:
        metric = one.metric
        if metric.winsorize is not None:
            cap = cap_of(metric)
            sql = f"CASE WHEN {sql} > {cap} THEN {cap} ELSE {sql} END"
        if one.where is not None:
            holds = condition_sql(one.where, lambda name: texts[name] if name in one.where_texts else numbers[name])
            sql = f"CASE WHEN {holds} = 1 THEN {sql} END"
        if metric.missing == "zero":
            sql = f"COALESCE({sql}, 0.0)"
        window = window_of(metric)
        if window is not None and self.limit is not None and self.asked.time is not None:
            closed = self.limit - window
            sql = f"CASE WHEN r.time <= {closed} THEN {sql} END"
        return sql

    def _make(
        self,
        wanted: dict[str, str],
        codes: dict[str, int],
        crossed: Crossed,
        total: int,
        *,
        all_kept: bool,
    ) -> tuple[str, AsIs | None]:
        """Make the table, or a view where the rows are many; of a view also the one with numbers as they are."""
        known = f"{code_sql('r.arm', codes)} IS NOT NULL"
        where = [] if all_kept else [known, self._in_time]
        join = ""
        if crossed.table is not None:
            join = f" LEFT JOIN {crossed.table} AS x ON x.unit = {unit_column(self.rows, self.asked.unit or '')}"
            if self.crossovers == "exclude":
                where.append("x.unit IS NULL")
            elif self.asked.clustered:
                where = ["COALESCE(x.arm, 0) >= 0", self._in_time]
            else:
                where.append(f"(x.unit IS NULL OR x.arm = {code_sql('r.arm', codes)})")
        source = f"FROM {self.rows.table} AS r{join}" + (f" WHERE {' AND '.join(where)}" if where else "")
        table = self.engine.fresh("units")
        as_view = self.rows.source.numbers_rows and total * len(wanted) > KEPT_CELLS
        columns = ", ".join(f"{sql} AS {name}" for name, sql in wanted.items())
        self.engine.execute(f"CREATE {'VIEW' if as_view else 'TABLE'} {table} AS SELECT {columns} {source}")
        return table, as_is_view(self.engine, self.rows, self.asked.numbers, wanted, source) if as_view else None


def _states(engine: DuckDBEngine, table: str, columns: Mapping[str, str], segments: int) -> Callable[[], str]:
    """A unit's values as of its day: before it nothing, after it no change."""

    def make() -> str:
        made = engine.fresh("states")
        names = dict.fromkeys(columns.values())
        coded = "".join(f", s{at}" for at in range(segments))
        values = "".join(f", {name}, CAST(NULL AS DOUBLE) AS p_{name}" for name in names)
        engine.execute(f"CREATE VIEW {made} AS SELECT unit, arm, phase{coded}, day{values} FROM {table}")
        return made

    return make


def _occurrences(table: str, columns: Mapping[str, str], segments: int) -> Callable[[str, str], str]:
    """The rows themselves are what a quantile is taken over."""

    def select(metric: str, column: str) -> str:
        name = columns.get(f"{metric}/{column}") or columns[column]
        coded = "".join(f", s{at}" for at in range(segments))
        return f"SELECT unit, arm, phase{coded}, {name} AS value FROM {table} WHERE {name} IS NOT NULL"

    return select
