"""What is read of a ready unit table: which column plays which part, and how it is staged."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.data.engine import DuckDBEngine
from seatrial.data.source import Source
from seatrial.experiments.column_roles import columns_of, find_column
from seatrial.experiments.columns import Reads, reads
from seatrial.experiments.reading import (
    INTEGERS,
    REALS,
    Read,
    TimeColumn,
    bring,
    number_sql,
    text_sql,
    time_column,
    unit_sql,
)
from seatrial.records.plan import Columns, ExperimentMetric, Plan


@dataclass(frozen=True, kw_only=True)
class RowsWanted:
    """What is read of the table, by the names of its columns."""

    arm: str
    unit: str | None
    time: str | None
    arrived: str | None
    phase: str | None
    segments: tuple[str, ...]
    planned: frozenset[str]
    reads: tuple[Reads, ...]
    clustered: bool

    @property
    def numbers(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for one in self.reads:
            found |= dict.fromkeys(name for name in one.columns if name not in one.texts)
            found |= dict.fromkeys(one.covariates)
            found |= dict.fromkeys(name for name in one.where_columns if name not in one.where_texts)
        return tuple(found)

    @property
    def texts(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for one in self.reads:
            found |= dict.fromkeys(name for name in one.columns if name in one.texts)
            found |= dict.fromkeys(name for name in one.where_columns if name in one.where_texts)
        return tuple(found)


def rows_wanted(
    source: Source,
    metrics: Sequence[ExperimentMetric],
    *,
    plan: Plan | None,
    columns: Columns,
    segments: Sequence[str],
    cluster: str | None,
) -> RowsWanted:
    """Find the columns of a ready table; those that formulas read are no candidates for other parts."""
    given = columns_of(columns, plan)
    known = source.columns
    read = tuple(reads(one, known=known, before=known, rows=known) for one in metrics)
    used = {name for one in read for name in (*one.columns, *one.covariates)}
    arm = find_column(source, "arm", given.arm, taken=used, required=True, arms=() if plan is None else plan.arm_names)
    unit = cluster if cluster is not None else given.unit
    if unit is None and plan is not None and source.find(plan.unit) is not None:
        unit = plan.unit
    if cluster is not None:
        unit = source.columns[source.place(cluster, option="--cluster")]
    taken = {*used, arm or ""}
    unit = find_column(source, "unit", unit, taken=taken)
    time = find_column(source, "time", given.time, taken=taken)
    if time is not None and given.time is None and not _holds_times(source, time):
        time = None
    planned = () if plan is None else plan.segments
    split = tuple(dict.fromkeys([*planned, *segments]))
    return RowsWanted(
        arm=arm or "",
        unit=unit,
        time=time,
        arrived=None if given.arrived is None else find_column(source, "arrived", given.arrived),
        phase=find_column(source, "phase", given.phase, taken=taken) if plan is None or not plan.phases else None,
        segments=tuple(source.columns[source.place(name, option="--segment")] for name in split),
        planned=frozenset(planned),
        reads=read,
        clustered=cluster is not None,
    )


def _holds_times(source: Source, name: str) -> bool:
    """Whether the first values of a column that was only guessed to hold times do."""
    kind = source.kinds[source.places[name]]
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return True
    place = source.places[name]
    sql = TimeColumn(column=f"c{place}", kind=kind).sql
    engine = source.own_engine
    good, seen = engine.one(
        f"SELECT count(t), count(*) FROM (SELECT {sql} AS t FROM {source.scan(engine, [place])} LIMIT 200)"
    )
    return bool(good >= 0.95 * seen and good > 0)


def bring_rows(
    engine: DuckDBEngine, source: Source, asked: RowsWanted, time: TimeColumn | None, *, timezone: str
) -> Read:
    """Stage the table: arm, unit, time, s<i>, v<i> with its flaw f<i>, t<i>; where it is read in place also texts as
    they are written, `arm_text`, `unit_text` and s<i>_text, and numbers as they are, v<i>_as_is."""
    place, kind = source.places, dict(zip(source.columns, source.kinds, strict=True))

    def column(name: str) -> str:
        return f"c{place[name]}"

    wanted = {"arm": text_sql(column(asked.arm), kind[asked.arm])}
    needed = [asked.arm]
    if asked.unit is not None:
        wanted["unit"] = unit_sql(column(asked.unit), kind[asked.unit], integer=kind[asked.unit] in INTEGERS)
        needed.append(asked.unit)
    if asked.time is not None and time is not None:
        wanted["time"] = time.sql
        needed.append(asked.time)
    if asked.arrived is not None:
        at = time_column(engine, source, place[asked.arrived], timezone)
        wanted["arrived"] = at.sql
        needed.append(asked.arrived)
    if asked.phase is not None:
        wanted["phase"] = text_sql(column(asked.phase), kind[asked.phase])
        needed.append(asked.phase)
    for at_segment, name in enumerate(asked.segments):
        wanted[f"s{at_segment}"] = text_sql(column(name), kind[name])
    for at_number, name in enumerate(asked.numbers):
        wanted[f"v{at_number}"], wanted[f"f{at_number}"] = number_sql(column(name), kind[name])
    for at_text, name in enumerate(asked.texts):
        wanted[f"t{at_text}"] = text_sql(column(name), kind[name])
    needed += [*asked.segments, *asked.numbers, *asked.texts]
    if source.numbers_rows:
        texts = {"arm": asked.arm, "unit": asked.unit, **{f"s{at}": name for at, name in enumerate(asked.segments)}}
        wanted |= {f"{at}_text": column(name) for at, name in texts.items() if name and kind[name] == "VARCHAR"}
        plain = {at: name for at, name in enumerate(asked.numbers) if kind[name] in REALS | INTEGERS}
        wanted |= {f"v{at}_as_is": column(name) for at, name in plain.items()}
        wanted = {"k": "k", **wanted}
    return bring(engine, source, wanted, [place[name] for name in needed], stem="unit_rows")
