"""Align: the predictions of all compared versions joined on the example's id into one `Frame`."""

import re
from collections.abc import Sequence
from dataclasses import replace

from seatrial.data.coding import Coding
from seatrial.data.engine import DuckDBEngine, quoted
from seatrial.data.facts import AlignmentFacts, ColumnFacts
from seatrial.data.frame import Frame, Side, SliceColumn
from seatrial.data.join import join_tables
from seatrial.data.keys import keyed
from seatrial.data.levels import find_levels
from seatrial.data.outputs import find_outputs
from seatrial.data.predictions import Predictions, distinct_names
from seatrial.data.roles import ROW
from seatrial.data.slicing import MISSING, SliceSpec, slice_spec
from seatrial.data.source import Source
from seatrial.data.staging import Stage, Table, Uses, stage
from seatrial.data.values import Value, find_values
from seatrial.errors import DataError, UsageError, did_you_mean


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
    if not predictions:
        raise UsageError("Name at least one file of predictions.")
    if not 1 <= cross <= 2:
        raise UsageError(f"--cross {cross}: slices can be crossed to depth 2 at most.")
    versions = distinct_names(predictions)
    if cluster is not None:
        versions = [_with_cluster(one, cluster, first=at == 0) for at, one in enumerate(versions)]
    engine = engine or next((one.engine for one in versions if one.engine is not None), None) or DuckDBEngine()
    specs = [_spec(text, versions) for text in slices]
    values = find_values(versions, columns)
    home = _homes(versions, texts, option="column")
    tables = _stage_all(engine, versions, specs, values, home)
    tables, has_id = keyed(tables, versions, pair_by_row=pair_by_row)
    by_version = {at: table for table in tables for at in table.versions}
    outputs = find_outputs(versions, by_version, engine)

    coding = Coding(engine)
    parts: dict[str, str] = {}
    if has_id:
        parts["id"] = f"{tables[0].alias}.key"
    parts |= outputs.columns(coding)
    facts = [fact for table in tables for fact in _column_facts(table, versions, values)]
    notes = list(outputs.notes)
    for place, value in enumerate(values):
        for version in range(len(versions)):
            parts[f"value_{version}_{place}"] = value.sql(version, by_version)
    for place, name in enumerate(texts):
        version, column = home[name]
        parts[f"text_{place}"] = f"CAST({by_version[version].alias}.t{column} AS VARCHAR)"
    cut: list[SliceColumn] = []
    for place, (version, spec) in enumerate(specs):
        table = by_version[version]
        found = find_levels(spec, table.stage, table.relation, table.given, table.alias, coding)
        parts[f"slice_{place}"] = found.sql
        cut.append(found.column)
        notes += found.notes
    first = versions[0].roles
    if first.weight is not None:
        parts["weight"] = f"{tables[0].alias}.v{versions[0].source.places[first.weight]}"
    if first.cluster is not None:
        parts["cluster_raw"] = f"{tables[0].alias}.t{versions[0].source.places[first.cluster]}"

    joined, n = join_tables(engine, tables, parts, coding, versions)
    _check_weights(engine, joined, first.weight, versions[0].source_name)
    for staged in {id(one.stage): one.stage for one in tables}.values():
        staged.drop()
    n_clusters = 0
    if first.cluster is not None:
        joined, n_clusters, lonely = _number_clusters(engine, joined)
        if lonely:
            notes.append(f"{lonely:,} rows have no {first.cluster} and count as clusters of their own")
    view = _view(engine, joined, has_id)
    if cut:
        highest = engine.one(f"SELECT {', '.join(f'max(slice_{at})' for at in range(len(cut)))} FROM {quoted(view)}")
        cut = [replace(one, levels=_without_unused(one.levels, most)) for one, most in zip(cut, highest, strict=True)]
    disagreements, examples = outputs.disagreements(engine, joined, has_id=has_id)
    sides = tuple(_side(one, by_version[at], n) for at, one in enumerate(versions))
    return Frame(
        engine=engine,
        table=view,
        task=outputs.task,
        sides=sides,
        n=n,
        labels=outputs.labels,
        positive=outputs.positive,
        scored=outputs.scored,
        values=tuple(value.name for value in values),
        present=tuple(value.present for value in values),
        texts=tuple(texts),
        slices=tuple(cut),
        cluster=first.cluster,
        n_clusters=n_clusters,
        weight=first.weight,
        has_id=has_id,
        threshold=versions[0].threshold,
        unmatched=tuple(side.rows - side.duplicate_ids - side.matched for side in sides),
        notes=tuple(notes),
        weights=versions[0].weights,
        facts=AlignmentFacts(
            columns=tuple(facts),
            target_labels=outputs.target_labels,
            prediction_labels=outputs.prediction_labels,
            target_disagreements=disagreements,
            disagreeing_ids=examples,
        ),
    )


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


def _with_cluster(one: Predictions, cluster: str, *, first: bool) -> Predictions:
    if not first:
        return one
    column = one.source.columns[one.source.place(cluster, option="--cluster")]
    return replace(one, roles=replace(one.roles, cluster=column))


def _spec(text: str, versions: Sequence[Predictions]) -> tuple[int, SliceSpec]:
    """Return the first version whose file has the column of a slice, and the slice."""
    errors: list[UsageError] = []
    for at, one in enumerate(versions):
        try:
            return at, slice_spec(text, one.source)
        except UsageError as error:
            errors.append(error)
    raise errors[0]


def _homes(versions: Sequence[Predictions], names: Sequence[str], *, option: str) -> dict[str, tuple[int, int]]:
    """Return for each column the first version that has it, and its position there."""
    homes: dict[str, tuple[int, int]] = {}
    for name in names:
        found = [(at, place) for at, one in enumerate(versions) if (place := one.source.find(name)) is not None]
        if not found:
            every = [column for one in versions for column in one.source.columns]
            raise UsageError(f"There is no {option} '{name}' in {versions[0].source_name}.{did_you_mean(name, every)}")
        homes[name] = found[0]
    return homes


def _stage_all(
    engine: DuckDBEngine,
    versions: Sequence[Predictions],
    specs: Sequence[tuple[int, SliceSpec]],
    values: Sequence[Value],
    homes: dict[str, tuple[int, int]],
) -> list[Table]:
    """Stage every source once; versions in the same rows of the same source share a table."""
    by_source: dict[object, list[int]] = {}
    for at, one in enumerate(versions):
        by_source.setdefault(one.source.identity, []).append(at)
    staged: dict[object, Stage] = {}
    for identity, members in by_source.items():
        source = versions[members[0]].source
        staged[identity] = stage(engine, source, _uses(source, members, versions, specs, values, homes))
    groups: dict[tuple[object, tuple[str, str] | None], list[int]] = {}
    for at, one in enumerate(versions):
        groups.setdefault((one.source.identity, one.model), []).append(at)
    tables: list[Table] = []
    for number, ((identity, model), members) in enumerate(groups.items()):
        source = versions[members[0]].source
        chosen = None if model is None else (source.places[model[0]], model[1])
        relation, given = staged[identity].relation(chosen, parameter=f"model_{number}")
        tables.append(
            Table(alias=f"g{number}", stage=staged[identity], relation=relation, given=given, versions=tuple(members))
        )
    return tables


def _uses(
    source: Source,
    members: Sequence[int],
    versions: Sequence[Predictions],
    specs: Sequence[tuple[int, SliceSpec]],
    values: Sequence[Value],
    homes: dict[str, tuple[int, int]],
) -> Uses:
    texts: list[str | None] = []
    numbers: list[str | None] = []
    lengths: list[str] = []
    for at in members:
        roles = versions[at].roles
        texts += [roles.target, roles.prediction, roles.cluster, (versions[at].model or (None,))[0]]
        numbers += [roles.score, roles.weight, *(column for _, column in roles.scores)]
        for label in roles.labels:
            texts += [label.target, label.prediction]
            numbers.append(label.score)
        numbers += [value.columns[at] for value in values if at in value.columns]
        if not roles.labels and roles.score is None and not roles.scores:
            numbers += [roles.target, roles.prediction]
    for at, spec in specs:
        if at in members and spec.of == "length":
            lengths.append(spec.column)
        elif at in members:
            numbers.append(spec.column)
            if spec.bins is None and not spec.edges:
                texts.append(spec.column)
    places = source.places
    id_column = next(
        (one.roles.id for one in (versions[at] for at in members) if one.roles.id not in (None, ROW)), None
    )
    return Uses(
        id=None if id_column is None else places[id_column],
        texts=tuple(
            {places[name] for name in texts if name is not None} | {p for at, p in homes.values() if at in members}
        ),
        numbers=tuple({places[name] for name in numbers if name is not None}),
        lengths=tuple({places[name] for name in lengths}),
    )


def _check_weights(engine: DuckDBEngine, table: str, weight: str | None, source: str) -> None:
    if weight is None:
        return
    bad, total = engine.one(
        f"SELECT count(*) FILTER (WHERE weight IS NULL OR weight < 0), COALESCE(sum(weight), 0) FROM {quoted(table)}"
    )
    if bad:
        raise DataError(f"{source}: {bad:,} rows have a missing, negative or unreadable weight in column '{weight}'.")
    if not total > 0:
        raise DataError(f"{source}: all weights in column '{weight}' are 0.")


def _number_clusters(engine: DuckDBEngine, table: str) -> tuple[str, int, int]:
    """Return the table with a column `cluster`, the number of clusters and of rows without one."""
    codes = engine.fresh("clusters")
    engine.execute(
        f"CREATE TABLE {quoted(codes)} AS SELECT cluster_raw AS raw, CAST(row_number() OVER (ORDER BY cluster_raw) - 1"
        f" AS INTEGER) AS code FROM (SELECT DISTINCT cluster_raw FROM {quoted(table)} WHERE cluster_raw IS NOT NULL)"
    )
    (named,) = engine.one(f"SELECT count(*) FROM {quoted(codes)}")
    (absent,) = engine.one(f"SELECT count(*) FROM {quoted(table)} WHERE cluster_raw IS NULL")
    own = f"{named} - 1 + count(*) FILTER (WHERE t.cluster_raw IS NULL) OVER (ORDER BY t.rowid)" if absent else "NULL"
    numbered = engine.fresh("frame")
    engine.execute(
        f"CREATE TABLE {quoted(numbered)} AS SELECT t.* EXCLUDE (cluster_raw), CAST(COALESCE(c.code, {own}) AS INTEGER)"
        f" AS cluster FROM {quoted(table)} t LEFT JOIN {quoted(codes)} c ON c.raw = t.cluster_raw ORDER BY t.rowid"
    )
    engine.execute(f"DROP TABLE {quoted(table)}")
    return numbered, int(named + absent), int(absent)


def _view(engine: DuckDBEngine, table: str, has_id: bool) -> str:
    """Put a view with the columns and types of `Frame` over the joined table."""
    coded = re.compile(r"target(_l\d+)?|prediction_\d+(_l\d+)?|slice_\d+")
    wanted = ["rowid AS row"] if has_id else ["rowid AS row", "CAST(NULL AS VARCHAR) AS id"]
    for name, kind, *_ in engine.rows(f"DESCRIBE SELECT * FROM {quoted(table)}"):
        if name == "id" and kind != "VARCHAR":
            wanted.append("CAST(id AS VARCHAR) AS id")
        elif coded.fullmatch(name) and kind not in {"DOUBLE", "INTEGER"}:
            wanted.append(f"CAST({name} AS INTEGER) AS {name}")
        elif not name.startswith("differs_"):
            wanted.append(name)
    view = engine.fresh("predictions")
    engine.execute(f"CREATE VIEW {quoted(view)} AS SELECT {', '.join(wanted)} FROM {quoted(table)}")
    engine.keep_order(view, "row")
    return view


def _without_unused(levels: tuple[str, ...], largest: int) -> tuple[str, ...]:
    return levels[:-1] if levels[-1] == MISSING and largest < len(levels) - 1 else levels


def _column_facts(table: Table, versions: Sequence[Predictions], values: Sequence[Value]) -> list[ColumnFacts]:
    """Count missing, unreadable and non-finite entries of every column that has a role, in one pass."""
    source = table.stage.source
    wanted: list[tuple[int, str, str, bool]] = []
    for at in table.versions:
        roles = versions[at].roles
        wanted += [(at, name, "target", False) for name in (roles.target,) if name is not None]
        wanted += [(at, name, "prediction", False) for name in (roles.prediction,) if name is not None]
        wanted += [
            (at, name, "score", True) for name in (roles.score, *(c for _, c in roles.scores)) if name is not None
        ]
        for label in roles.labels:
            wanted += [(at, label.target, "target", False)]
            wanted += [(at, name, "prediction", False) for name in (label.prediction,) if name is not None]
            wanted += [(at, name, "score", True) for name in (label.score,) if name is not None]
        wanted += [(at, value.columns[at], "value", True) for value in values if at in value.columns]
        wanted += [(at, name, "weight", True) for name in (roles.weight,) if name is not None]
        wanted += [(at, name, "cluster", False) for name in (roles.cluster,) if name is not None]
    counts: list[str] = []
    for _, name, _, numeric in wanted:
        place = source.places[name]
        if numeric:
            counts += [f"count(*) FILTER (WHERE w{place} = {why})" for why in (1, 2, 3)]
        else:
            counts += [f"count(*) - count(t{place})", "0", "0"]
    if not wanted:
        return []
    found = table.stage.engine.one(f"SELECT {', '.join(counts)} FROM {table.relation}", table.given)
    return [
        ColumnFacts(
            version=at,
            column=name,
            role=role,  # type: ignore[arg-type]
            rows=table.rows,
            missing=found[3 * place],
            unreadable=found[3 * place + 1],
            not_finite=found[3 * place + 2],
        )
        for place, (at, name, role, _) in enumerate(wanted)
    ]
