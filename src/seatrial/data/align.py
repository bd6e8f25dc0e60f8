"""Align: the predictions of all compared versions joined on the example's id into one `Frame`, or each in its own."""

import re
from collections.abc import Sequence
from dataclasses import replace

from seatrial.data.answers.cells import counted_table
from seatrial.data.answers.counting import COUNTED, Counts
from seatrial.data.coding import Coding
from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.facts import AlignmentFacts, ColumnFacts
from seatrial.data.frame import Frame, Side
from seatrial.data.join import join_tables
from seatrial.data.keys import keyed
from seatrial.data.levels import Levels, find_levels
from seatrial.data.needs import Needs, column_facts, find_needs, stage_all
from seatrial.data.outputs import Outputs, find_outputs
from seatrial.data.predictions import Predictions, distinct_names
from seatrial.data.slicing import MISSING
from seatrial.data.staging import Table
from seatrial.errors import DataError, UsageError


def align(
    predictions: Sequence[Predictions],
    *,
    slices: Sequence[str] = (),
    cross: int = 1,
    columns: Sequence[str] = (),
    texts: Sequence[str] = (),
    cluster: str | None = None,
    pair_by_row: bool = False,
    engine: DuckDBEngine | None = None,
) -> Frame:
    """Join versions on the example's id (inner), in the order of the first one's rows, typed by role and coded.

    `slices` as `--by` gives them; `columns` and `texts` are what formulas name (operational columns are found by
    themselves); `pair_by_row` pairs the rows of several files by their position. `cross` makes no columns: crosses are
    grouping sets later. Raises `DataError` when fewer than half of the examples are in all files, `UsageError` when
    there is nothing to join on or an option does not fit.
    """
    versions = _checked(predictions, cross=cross, cluster=cluster, apart=False)
    engine = engine or _engine_of(versions)
    needs = find_needs(versions, slices=slices, columns=columns, texts=texts, apart=False)
    tables, has_id = keyed(stage_all(engine, versions, needs), versions, pair_by_row=pair_by_row)
    by_version = {at: table for table in tables for at in table.versions}
    outputs = find_outputs(versions, by_version, engine)
    levels = [find_levels(next(iter(one.values())), [by_version[at] for at in one]) for one in needs.slices]
    facts = [fact for table in tables for fact in column_facts(table, versions, needs)]
    members = tuple(range(len(versions)))
    frame = _frame(engine, versions, members, tables, needs, outputs, levels, facts, texts, has_id=has_id)
    _drop(tables)
    return frame


def align_apart(
    predictions: Sequence[Predictions],
    *,
    slices: Sequence[str] = (),
    cross: int = 1,
    columns: Sequence[str] = (),
    texts: Sequence[str] = (),
    cluster: str | None = None,
    engine: DuckDBEngine | None = None,
) -> tuple[Frame, ...]:
    """Return one frame per version for a comparison without pairs; labels, levels and bins are the same in all.

    Arguments as in `align`; every file must have the columns that are named. Bins are of equal mass over all files.
    """
    versions = _checked(predictions, cross=cross, cluster=cluster, apart=True)
    engine = engine or _engine_of(versions)
    needs = find_needs(versions, slices=slices, columns=columns, texts=texts, apart=True)
    own = [keyed([table], versions, pair_by_row=False) for table in stage_all(engine, versions, needs)]
    tables = [table for (table,), _ in own]
    has_id = {at: known for (table,), known in own for at in table.versions}
    by_version = {at: table for table in tables for at in table.versions}
    outputs = find_outputs(versions, by_version, engine)
    levels = [find_levels(one[0], tables) for one in needs.slices]
    frames: list[Frame] = []
    for at in range(len(versions)):
        table = by_version[at]
        facts = [replace(one, version=0) for one in column_facts(table, versions, needs) if one.version == at]
        frames.append(_frame(engine, versions, (at,), [table], needs, outputs, levels, facts, texts, has_id=has_id[at]))
    _drop(tables)
    return tuple(frames)


def _frame(
    engine: DuckDBEngine,
    versions: Sequence[Predictions],
    members: tuple[int, ...],
    tables: Sequence[Table],
    needs: Needs,
    outputs: Outputs,
    levels: Sequence[Levels],
    facts: Sequence[ColumnFacts],
    texts: Sequence[str],
    *,
    has_id: bool,
) -> Frame:
    """Write the frame of some of the versions; its version i is `members[i]`."""
    by_version = {at: table for table in tables for at in table.versions}
    first = versions[members[0]]
    home = by_version[members[0]]
    coding = Coding(engine)
    parts: dict[str, str] = {}
    if has_id:
        parts["id"] = f"{home.alias}.key"
    parts |= outputs.columns(coding, members)
    for place, value in enumerate(needs.values):
        for version, at in enumerate(members):
            parts[f"value_{version}_{place}"] = value.sql(at, by_version)
    for place, names in enumerate(needs.texts):
        at = next(one for one in names if one in by_version)
        column = f"{by_version[at].alias}.t{versions[at].source.places[names[at]]}"
        parts[f"text_{place}"] = f"CAST({column} AS VARCHAR)"
    for place, (level, specs) in enumerate(zip(levels, needs.slices, strict=True)):
        at = next(one for one in specs if one in by_version)
        parts[f"slice_{place}"] = level.sql(by_version[at], coding)
    if first.roles.weight is not None:
        parts["weight"] = f"{home.alias}.v{first.source.places[first.roles.weight]}"
    if first.roles.cluster is not None:
        parts["cluster_raw"] = f"{home.alias}.t{first.source.places[first.roles.cluster]}"

    joined, n = join_tables(engine, tables, parts, coding, versions)
    _check_weights(engine, joined, first.roles.weight, first.source_name)
    notes = [*outputs.notes, *(note for level in levels for note in level.notes)]
    n_clusters = 0
    if first.roles.cluster is not None:
        joined, n_clusters, lonely = _number_clusters(engine, joined)
        if lonely:
            notes.append(f"{lonely:,} rows have no {first.roles.cluster} and count as clusters of their own")
    counts = Counts(names=(), values=())
    if outputs.task in COUNTED:
        joined, counts = counted_table(
            engine,
            joined,
            [versions[at] for at in members],
            task=outputs.task,
            labels=outputs.labels,
            has_id=has_id,
            first=len(needs.values),
        )
        notes += counts.notes
    view = _view(engine, joined, has_id)
    cut = [level.column for level in levels]
    if cut and len(members) == len(versions):
        highest = engine.one(f"SELECT {', '.join(f'max(slice_{at})' for at in range(len(cut)))} FROM {quoted(view)}")
        cut = [replace(one, levels=_without_unused(one.levels, most)) for one, most in zip(cut, highest, strict=True)]
    disagreements, examples = outputs.disagreements(engine, joined, len(members), has_id=has_id)
    sides = tuple(_side(versions[at], by_version[at], n) for at in members)
    return Frame(
        engine=engine,
        table=view,
        task=outputs.task,
        sides=sides,
        n=n,
        labels=outputs.labels,
        positive=outputs.positive,
        scored=tuple(outputs.scored[at] for at in members),
        values=(*(value.name for value in needs.values), *counts.names),
        present=(
            *(frozenset(i for i, at in enumerate(members) if at in value.present) for value in needs.values),
            *(frozenset(range(len(members))) for _ in counts.names),
        ),
        counted=counts.names,
        kept=counts.kept,
        texts=tuple(texts),
        slices=tuple(cut),
        cluster=first.roles.cluster,
        n_clusters=n_clusters,
        weight=first.roles.weight,
        has_id=has_id,
        threshold=first.threshold,
        unmatched=tuple(side.rows - side.duplicate_ids - side.matched for side in sides),
        notes=tuple(notes),
        weights=first.weights,
        facts=AlignmentFacts(
            columns=tuple(facts),
            target_labels=tuple(outputs.target_labels[at] for at in members),
            prediction_labels=tuple(outputs.prediction_labels[at] for at in members),
            target_disagreements=disagreements,
            disagreeing_ids=examples,
        ),
    )


def _checked(predictions: Sequence[Predictions], *, cross: int, cluster: str | None, apart: bool) -> list[Predictions]:
    if not predictions:
        raise UsageError("Name at least one file of predictions.")
    if not 1 <= cross <= 2:
        raise UsageError(f"--cross {cross}: slices can be crossed to depth 2 at most.")
    versions = distinct_names(predictions)
    if cluster is None:
        return versions
    return [_with_cluster(one, cluster) if apart or at == 0 else one for at, one in enumerate(versions)]


def _with_cluster(one: Predictions, cluster: str) -> Predictions:
    column = one.source.columns[one.source.place(cluster, option="--cluster")]
    return replace(one, roles=replace(one.roles, cluster=column))


def _engine_of(versions: Sequence[Predictions]) -> DuckDBEngine:
    return next((one.engine for one in versions if one.engine is not None), None) or DuckDBEngine()


def _drop(tables: Sequence[Table]) -> None:
    for staged in {id(one.stage): one.stage for one in tables}.values():
        staged.drop()


def _side(one: Predictions, table: Table, n: int) -> Side:
    return Side(
        name=one.name,
        source=one.source_name,
        sha256=one.sha256,
        rows=table.rows,
        matched=n,
        duplicate_ids=table.duplicate_ids,
        missing_ids=table.missing_ids,
    )


def _check_weights(engine: DuckDBEngine, table: str, weight: str | None, source: str) -> None:
    if weight is None:
        return
    bad, total = engine.one(
        f"SELECT count(*) FILTER (WHERE weight IS NULL OR weight < 0), COALESCE(sum(weight), 0) FROM {table}"
    )
    if bad:
        raise DataError(f"{source}: {bad:,} rows have a missing, negative or unreadable weight in column '{weight}'.")
    if not total > 0:
        raise DataError(f"{source}: all weights in column '{weight}' are 0.")


def _number_clusters(engine: DuckDBEngine, table: str) -> tuple[str, int, int]:
    """Return the table with a column `cluster`, the number of clusters and of rows without one."""
    codes = engine.fresh("clusters")
    engine.execute(
        f"CREATE TABLE {codes} AS SELECT cluster_raw AS raw, CAST(row_number() OVER (ORDER BY cluster_raw) - 1"
        f" AS INTEGER) AS code FROM (SELECT DISTINCT cluster_raw FROM {table} WHERE cluster_raw IS NOT NULL)"
    )
    (named,) = engine.one(f"SELECT count(*) FROM {codes}")
    (absent,) = engine.one(f"SELECT count(*) FROM {table} WHERE cluster_raw IS NULL")
    own = f"{named} - 1 + count(*) FILTER (WHERE t.cluster_raw IS NULL) OVER (ORDER BY t.rowid)" if absent else "NULL"
    numbered = engine.fresh("frame", large=engine.is_large(table))
    engine.execute(
        f"CREATE TABLE {numbered} AS SELECT t.* EXCLUDE (cluster_raw), CAST(COALESCE(c.code, {own}) AS INTEGER)"
        f" AS cluster FROM {table} t LEFT JOIN {codes} c ON c.raw = t.cluster_raw ORDER BY t.rowid"
    )
    engine.execute(f"DROP TABLE {table}")
    return numbered, int(named + absent), int(absent)


def _view(engine: DuckDBEngine, table: str, has_id: bool) -> str:
    """Put a view with the columns and types of `Frame` over the joined table."""
    coded = re.compile(r"target(_l\d+)?|prediction_\d+(_l\d+)?|slice_\d+")
    wanted = ["rowid AS row"] if has_id else ["rowid AS row", "CAST(NULL AS VARCHAR) AS id"]
    for name, kind, *_ in engine.rows(f"DESCRIBE SELECT * FROM {table}"):
        if name == "id" and kind != "VARCHAR":
            wanted.append("CAST(id AS VARCHAR) AS id")
        elif coded.fullmatch(name) and kind not in {"DOUBLE", "INTEGER", "VARCHAR"}:
            wanted.append(f"CAST({name} AS INTEGER) AS {name}")
        elif not name.startswith("differs_"):
            wanted.append(name)
    view = engine.fresh("predictions")
    engine.execute(f"CREATE VIEW {quoted(view)} AS SELECT {', '.join(wanted)} FROM {table}")
    engine.keep_order(view, "row")
    return view


def _without_unused(levels: tuple[str, ...], largest: int) -> tuple[str, ...]:
    return levels[:-1] if levels[-1] == MISSING and largest < len(levels) - 1 else levels
