"""What a user hands in as a data set to check: a table with its columns' roles, a folder of images, arrays."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets import load_dataset
from seatrial.data.datasets.files import columns_of
from seatrial.data.labels import label_text
from seatrial.data.predictions import open_source
from seatrial.data.roles import ROW, Given, find_roles
from seatrial.data.source import Source
from seatrial.errors import DataError, UsageError
from seatrial.records.suite import DatasetSource


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user said of the columns."""

    target: str | None = None
    id: str | None = None
    inputs: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None
    task: str | None = None


def dataset_of(given: Any, wanted: Wanted, *, name: str, first: LoadedDataset | None = None) -> LoadedDataset:
    """Read a whole data set: a table file or a table in memory, a folder or zip of images, an .npz of arrays.

    `first` is the test set where `given` is its training data: these have the same columns, but may lack some.
    Raises `UsageError` for a column that is not there, `DataError` for a table without rows.
    """
    if isinstance(given, LoadedDataset):
        return given
    if isinstance(given, str | os.PathLike):
        other = _not_a_table(Path(os.fspath(given)))
        if other is not None:
            return load_dataset(other)
    source, inner = open_source(given, name=name)
    if inner is not None:
        raise UsageError(f"overlap looks at whole tables; leave out '#{inner}'.")
    return _table(source, wanted, first)


def _not_a_table(path: Path) -> DatasetSource | None:
    ending = path.suffix.lower()
    if path.is_dir() or ending == ".zip":
        return DatasetSource(images=str(path))
    if ending in (".npz", ".npy"):
        return DatasetSource(arrays=str(path))
    return None


def _table(source: Source, wanted: Wanted, first: LoadedDataset | None) -> LoadedDataset:
    lenient = first is not None
    named = {key: _named(source, getattr(wanted, key), key, lenient) for key in ("target", "id", "group", "time")}
    chosen = [_named(source, one, "inputs", lenient) for one in wanted.inputs]
    for one in wanted.text:
        _named(source, one, "text", lenient)
    guesses: tuple[str, ...] = ()
    taken: set[str] = set()
    if first is not None:
        for key in named:
            name = getattr(first, key, None) if key != "id" else None
            named[key] = named[key] or (_named(source, name, key, True) if name is not None else None)
    try:
        roles, said = find_roles(source, Given(target=named["target"], id=named["id"], task="binary"))
    except UsageError:
        pass
    else:
        guesses = tuple(line for line in said if line.startswith(("target", "id")))
        named["target"] = named["target"] or (roles.target if first is None else None)
        named["id"] = named["id"] or (None if roles.id == ROW else roles.id)
        taken = {one for one in (roles.prediction, roles.score, roles.weight, *dict(roles.scores).values()) if one}
    taken |= {one for one in named.values() if one is not None}
    inputs = tuple(one for one in chosen if one is not None) or tuple(one for one in source.columns if one not in taken)
    columns = columns_of(source)
    n = len(next(iter(columns.values()), ()))
    if not inputs:
        raise DataError(f"{source.name} has no input column left; name them by --inputs.")
    ids, has_id = _ids(columns.get(named["id"] or ""), n)
    return LoadedDataset(
        name=source.name,
        ids=ids,
        columns=columns,
        inputs=inputs,
        fingerprint=source.sha256,
        task=wanted.task,
        target=named["target"],
        group=named["group"],
        time=named["time"],
        has_id=has_id,
        guesses=() if lenient else tuple(f"Guessed: {line}." for line in guesses),
    )


def _named(source: Source, name: str | None, role: str, lenient: bool) -> str | None:
    if name is None:
        return None
    place = source.find(name) if lenient else source.place(name, option=f"--{role}")
    return None if place is None else source.columns[place]


def _ids(values: Sequence[Any] | None, n: int) -> tuple[tuple[str, ...], bool]:
    """The ids where they are distinct and there, else the number of the row, from 1."""
    if values is not None and all(value is not None for value in values):
        texts = tuple(label_text(value) for value in values)
        if len(set(texts)) == n:
            return texts, True
    return tuple(f"row {i}" for i in range(1, n + 1)), False
