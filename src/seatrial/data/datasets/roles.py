"""Roles of a data set's columns: as the suite says, else guessed by name as in `compare`, and said aloud."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.data.datasets.content import Digested
from seatrial.data.datasets.raw import RawTable
from seatrial.data.labels import label_text
from seatrial.data.roles import ROW, guess_role, is_prediction_name, is_score_name, target_prefix
from seatrial.data.source import SAMPLE_ROWS, Source
from seatrial.data.tables import open_table
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.records.suite import CaseRoles


@dataclass(frozen=True, kw_only=True)
class DatasetRoles:
    """Which column is what."""

    id: str | None = None
    id_guessed: bool = False
    target: str | None = None
    targets: tuple[tuple[str, str], ...] = ()
    """Multilabel: (label, column)."""
    inputs: tuple[str, ...] = ()
    cluster: str | None = None
    weight: str | None = None
    time: str | None = None
    group: str | None = None
    guesses: tuple[str, ...] = ()


def find_dataset_roles(
    raw: RawTable, given: CaseRoles, *, task: str | None, unused: Sequence[str] = ()
) -> DatasetRoles:
    """Return the roles of the columns; one of `unused` is no input unless named.

    Raises `UsageError` for a column that is not there or a target in doubt.
    """
    named = {role: _named(raw, getattr(given, role), role) for role in ("id", "target", "cluster", "weight")}
    named |= {role: _named(raw, getattr(given, role), role) for role in ("time", "group")}
    inputs = tuple(_named(raw, name, "inputs") or name for name in given.inputs)
    for role in ("id", "target", "cluster"):
        known = getattr(raw, role)
        if named[role] is None and known is not None and known not in named.values() and known not in inputs:
            named[role] = known
    used = {name for name in (*named.values(), *inputs) if name is not None and name != ROW}
    guesses: list[str] = []
    targets: tuple[tuple[str, str], ...] = ()
    look = as_source(raw.columns, name=raw.name) if named["target"] is None or named["id"] is None else None
    if task == "multilabel" or (named["target"] is None and task is None):
        targets = _label_columns(raw, used, needed=task == "multilabel")
        if targets:
            guesses.append(f"labels = {listed(label for label, _ in targets)} (columns target_<label>)")
            used |= {column for _, column in targets}
    if look is not None and named["target"] is None and not targets:
        named["target"] = _guessed(look, "target", used, guesses)
    id_guessed = named["id"] is None and raw.id is None
    if look is not None and named["id"] is None:
        named["id"] = _guessed(look, "id", used | {named["target"] or ""}, guesses)
    if not inputs:
        inputs = raw.inputs if raw.inputs and not set(raw.inputs) & used else ()
    if not inputs:
        taken = {name for name in named.values() if name} | used | set(unused)
        inputs = _inputs(raw, taken, guesses, row=named["id"] if named["id"] != ROW else None)
    twice = named["target"] if named["target"] in inputs else None
    if twice is not None:
        raise UsageError(f"{raw.name}: '{twice}' is the target and an input of the model; name it once.")
    return DatasetRoles(
        id=None if named["id"] == ROW else named["id"],
        id_guessed=id_guessed,
        target=named["target"],
        targets=targets,
        inputs=inputs,
        cluster=named["cluster"],
        weight=named["weight"],
        time=named["time"],
        group=named["group"],
        guesses=tuple(guesses),
    )


def _named(raw: RawTable, name: str | None, role: str) -> str | None:
    if name is None or name in raw.columns or (role == "id" and name == ROW):
        return name
    near = [column for column in raw.columns if column.casefold() == name.casefold()]
    if len(near) == 1:
        return near[0]
    raise UsageError(
        f"{raw.name} has no column '{name}' (roles.{role}).{did_you_mean(name, raw.columns)} Its columns: "
        f"{listed(raw.columns)}."
    )


def _guessed(source: Source, role: str, used: set[str], guesses: list[str]) -> str | None:
    try:
        found, said = guess_role(source, role, used=used)
    except UsageError as error:
        raise UsageError(str(error).replace(f"--{role}", f"roles.{role}")) from None
    guesses += [line.replace(f"(--{role})", f"(roles.{role})") for line in said]
    return found


def as_source(columns: Mapping[str, Sequence[Any]], *, name: str) -> Source:
    """The first rows as a table of texts, for guessing by name and value; columns of images are left out."""
    texts: dict[str, list[str | None]] = {}
    for column, values in columns.items():
        if not isinstance(values, Digested):
            texts[column] = [_text(values[row]) for row in range(min(len(values), SAMPLE_ROWS))]
    return open_table(texts or {"image": [""]}, name=name)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool | int | float):
        return label_text(value)
    return json.dumps(value, default=lambda _: "...")[:200]


def _label_columns(raw: RawTable, used: set[str], *, needed: bool) -> tuple[tuple[str, str], ...]:
    """(label, column) of columns `target_<label>` that hold only yes and no."""
    found: list[tuple[str, str]] = []
    for name, values in raw.columns.items():
        prefix = target_prefix(name)
        if prefix is None or name in used or isinstance(values, Digested):
            continue
        seen = {_text(value) for value in values} - {None}
        if seen and {str(text).casefold() for text in seen} <= {"0", "1", "true", "false"}:
            found.append((name[len(prefix) :], name))
    if needed and not found:
        raise UsageError(
            f"{raw.name}: a multilabel task needs a column target_<label> of 0 and 1 for each label. Its columns: "
            f"{listed(raw.columns)}."
        )
    return tuple(found) if needed or len(found) >= 2 else ()


def _inputs(raw: RawTable, used: set[str], guesses: list[str], *, row: str | None) -> tuple[str, ...]:
    """Every column without a role, but none that is called like a prediction, nor like a score beside one; where there
    is none the column `row` that names a row, which is all that a file of predictions is asked by."""
    free = [name for name in raw.columns if name not in used]
    answers = [name for name in free if is_prediction_name(name)]
    answers += [name for name in free if answers and is_score_name(name)]
    if answers and len(answers) < len(free):
        free = [name for name in free if name not in answers]
        guesses.append(f"not an input: {_columns(answers)}, called like what a model answers (roles.inputs)")
    if not free and row is not None:
        guesses.append(f"input = {row}: there is no other column (roles.inputs)")
        return (row,)
    if not free:
        raise UsageError(f"{raw.name} has no column left for the model's input; name its inputs by roles.inputs.")
    return tuple(free)


def _columns(names: Sequence[str]) -> str:
    return f"{'column' if len(names) == 1 else 'columns'} {listed(repr(name) for name in names)}"
