"""Needs: which columns of which source a comparison reads, so that nothing else is ever loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.data.answers.counting import COUNTED
from seatrial.data.engine import DuckDBEngine
from seatrial.data.facts import ColumnFacts, ColumnRole
from seatrial.data.predictions import Predictions
from seatrial.data.roles import ROW
from seatrial.data.slicing import SliceSpec, slice_spec
from seatrial.data.source import Source
from seatrial.data.staging import Stage, Table, Uses, stage
from seatrial.data.values import Value, find_values
from seatrial.errors import UsageError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What is read beside the columns that have a role."""

    slices: tuple[Mapping[int, SliceSpec], ...]
    """Per slice, the versions it is read from (one when versions are joined, each when they are apart)."""
    values: tuple[Value, ...]
    texts: tuple[Mapping[int, str], ...]
    """Per text column, the versions it is read from and its name there."""


def find_needs(
    versions: Sequence[Predictions], *, slices: Sequence[str], columns: Sequence[str], texts: Sequence[str], apart: bool
) -> Needs:
    """Find every slice, value and text column; raises `UsageError` with what was probably meant when one is missing."""
    return Needs(
        slices=tuple(_slice(text, versions, apart=apart) for text in slices),
        values=tuple(find_values(versions, columns)),
        texts=tuple(_text(name, versions, apart=apart) for name in texts),
    )


def stage_all(engine: DuckDBEngine, versions: Sequence[Predictions], needs: Needs) -> list[Table]:
    """Stage every source once; versions in the same rows of the same source share a table."""
    by_source: dict[object, list[int]] = {}
    for at, one in enumerate(versions):
        by_source.setdefault(one.source.identity, []).append(at)
    staged: dict[object, Stage] = {}
    for identity, members in by_source.items():
        source = versions[members[0]].source
        staged[identity] = stage(engine, source, _uses(source, members, versions, needs))
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


def column_facts(table: Table, versions: Sequence[Predictions], needs: Needs) -> list[ColumnFacts]:
    """Count missing, unreadable and non-finite entries of every column that has a role, in one pass."""
    places = table.stage.source.places
    wanted = [use for at in table.versions for use in _roles_of(at, versions[at], needs)]
    counts: list[str] = []
    for _, name, _, numeric in wanted:
        kinds = [f"count(*) FILTER (WHERE w{places[name]} = {why})" for why in (1, 2, 3)]
        counts += kinds if numeric else [f"count(*) - count(t{places[name]})", "0", "0"]
    if not wanted:
        return []
    found = table.stage.engine.one(f"SELECT {', '.join(counts)} FROM {table.relation}", table.given)
    return [
        ColumnFacts(
            version=at,
            column=name,
            role=role,
            rows=table.rows,
            missing=found[3 * place],
            unreadable=found[3 * place + 1],
            not_finite=found[3 * place + 2],
        )
        for place, (at, name, role, _) in enumerate(wanted)
    ]


def _roles_of(at: int, one: Predictions, needs: Needs) -> list[tuple[int, str, ColumnRole, bool]]:
    """Return (version, column, role, whether it holds numbers) of a version's columns."""
    roles = one.roles
    texts: list[tuple[str | None, ColumnRole]] = [(roles.target, "target"), (roles.prediction, "prediction")]
    numbers: list[tuple[str | None, ColumnRole]] = [(roles.score, "score")]
    numbers += [(column, "score") for _, column in roles.scores]
    for label in roles.labels:
        texts += [(label.target, "target"), (label.prediction, "prediction")]
        numbers.append((label.score, "score"))
    numbers += [(value.read_from(at), "value") for value in needs.values]
    numbers.append((roles.weight, "weight"))
    texts.append((roles.cluster, "cluster"))
    return [
        (at, name, role, numeric)
        for uses, numeric in ((texts, False), (numbers, True))
        for name, role in uses
        if name is not None
    ]


def _uses(source: Source, members: Sequence[int], versions: Sequence[Predictions], needs: Needs) -> Uses:
    texts: set[str | None] = set()
    numbers: set[str | None] = set()
    lengths: set[str] = set()
    for at in members:
        roles = versions[at].roles
        for _, name, _, numeric in _roles_of(at, versions[at], needs):
            (numbers if numeric else texts).add(name)
        texts.add((versions[at].model or (None,))[0])
        if not roles.labels and roles.score is None and not roles.scores and versions[at].task not in COUNTED:
            numbers |= {roles.target, roles.prediction}
        for by_version in needs.slices:
            spec = by_version.get(at)
            if spec is None:
                continue
            if spec.of == "length":
                lengths.add(spec.column)
                continue
            numbers.add(spec.column)
            if spec.bins is None and not spec.edges:
                texts.add(spec.column)
        texts |= {names[at] for names in needs.texts if at in names}
    places = source.places
    ids = [versions[at].roles.id for at in members if versions[at].roles.id not in (None, ROW)]
    return Uses(
        id=places[ids[0]] if ids and ids[0] is not None else None,
        texts=tuple(places[name] for name in texts if name is not None),
        numbers=tuple(places[name] for name in numbers if name is not None),
        lengths=tuple(places[name] for name in lengths),
    )


def _slice(text: str, versions: Sequence[Predictions], *, apart: bool) -> dict[int, SliceSpec]:
    """Return the first version whose source has the column of a slice, or every version when they are apart."""
    found: dict[int, SliceSpec] = {}
    errors: list[UsageError] = []
    for at, one in enumerate(versions):
        try:
            found[at] = slice_spec(text, one.source)
        except UsageError as error:
            errors.append(error)
        if found and not apart:
            break
    if not found or (apart and errors):
        raise errors[0]
    return found


def _text(name: str, versions: Sequence[Predictions], *, apart: bool) -> dict[int, str]:
    found = {
        at: one.source.columns[place] for at, one in enumerate(versions) if (place := one.source.find(name)) is not None
    }
    if not found or (apart and len(found) < len(versions)):
        lacking = next(one for at, one in enumerate(versions) if at not in found)
        raise UsageError(f"{lacking.source_name} has no column '{name}'.{did_you_mean(name, lacking.source.columns)}")
    return found if apart else {min(found): found[min(found)]}
