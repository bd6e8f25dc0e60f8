"""From the source a suite names to a `LoadedDataset`: read by its kind, roles found, ids checked, rows sampled."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.data.dataset import LoadedDataset, rows_of
from seatrial.data.datasets.content import fingerprint
from seatrial.data.datasets.gaps import gaps_of
from seatrial.data.datasets.raw import Asked, RawTable
from seatrial.data.datasets.roles import find_dataset_roles
from seatrial.data.datasets.targets import read_targets
from seatrial.data.labels import label_text
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.records.suite import Case, CaseRoles, DatasetSource

KINDS: tuple[tuple[str, str], ...] = (
    ("images", "seatrial.data.datasets.images"),
    ("arrays", "seatrial.data.datasets.arrays"),
    ("huggingface", "seatrial.data.datasets.huggingface"),
    ("sklearn", "seatrial.data.datasets.bundled"),
    ("sql", "seatrial.data.datasets.sql"),
)
"""Key of the source to the module whose `read(source, asked)` reads it; add a kind here and one file beside these."""

CONLL = (".conll", ".iob", ".iob2", ".bio", ".bioes")


def load_dataset(
    source: DatasetSource | str,
    *,
    case: Case | None = None,
    folder: str | Path = ".",
    seed: int = 0,
    task: str | None = None,
) -> LoadedDataset:
    """Read the rows a model is run on.

    `case` gives roles and task (`task` goes before); relative paths start at `folder`; `seed` draws the rows of
    `limit`. Raises `UsageError` for what the suite says and the data do not have, `DataError` for data that cannot be
    read.
    """
    if isinstance(source, str):
        source = DatasetSource(path=source)
    roles = case.roles if case is not None else CaseRoles()
    task = task or (case.task if case is not None else None)
    asked = Asked(folder=Path(folder), task=task, seed=seed)
    raw = _reader(source, asked)(source, asked)
    if len(raw) == 0:
        raise DataError(f"{raw.name} has no rows.")
    raw = _kept(raw, source.where)
    found = find_dataset_roles(raw, roles, task=task, unused=tuple(source.where))
    columns, decided, positive = read_targets(raw, found, task=task or raw.task, positive=roles.positive)
    ids, has_id, guesses = _ids(raw, found.id, guessed=found.id_guessed)
    said = [line for line in found.guesses if not (guesses and line.startswith("id = "))]
    loaded = LoadedDataset(
        name=source.name or raw.name,
        ids=ids,
        columns=columns,
        inputs=found.inputs,
        fingerprint="",
        task=decided,
        target=found.target,
        targets=dict(found.targets),
        positive=positive,
        cluster=found.cluster,
        weight=found.weight,
        time=found.time,
        group=found.group,
        version=source.version or raw.version,
        has_id=has_id,
        guesses=(*raw.guesses, *said, *guesses),
        about={**raw.about, **source.about},
    )
    if source.limit is not None and source.limit < len(loaded):
        loaded = _sampled(loaded, source.limit, seed)
    loaded = replace(loaded, fingerprint=fingerprint(loaded.columns))
    return replace(loaded, gaps=gaps_of(loaded, chosen=source.where))


def _reader(source: DatasetSource, asked: Asked) -> Callable[[DatasetSource, Asked], RawTable]:
    for key, module in KINDS:
        if getattr(source, key) is not None:
            return _read_in(module)
    path = (source.path or "").lower()
    if path.endswith(CONLL) or (asked.task == "entities" and path.endswith(".txt")):
        return _read_in("seatrial.data.datasets.conll")
    if path.endswith(".json"):
        from seatrial.data.datasets.coco import is_coco

        if is_coco(asked.folder / Path(source.path or "").expanduser(), task=asked.task):
            return _read_in("seatrial.data.datasets.coco")
    if source.labels is not None or source.label_pattern is not None:
        raise UsageError(f"{source.path}: 'labels' and 'label_pattern' are for images and arrays.")
    if path.endswith((".npz", ".npy")):
        raise UsageError(f"{source.path} holds arrays; write 'arrays:' in place of 'path:'.")
    return _read_in("seatrial.data.datasets.files")


def _read_in(module: str) -> Callable[[DatasetSource, Asked], RawTable]:
    read: Callable[[DatasetSource, Asked], RawTable] = importlib.import_module(module).read
    return read


def _kept(raw: RawTable, where: Mapping[str, str]) -> RawTable:
    """The rows whose columns have the values asked for."""
    for column, wanted in where.items():
        if column not in raw.columns:
            hint = did_you_mean(column, raw.columns)
            raise UsageError(f"{raw.name} has no column '{column}' (where).{hint} Its columns: {listed(raw.columns)}.")
        texts = [_level(value) for value in raw.columns[column]]
        rows = [row for row, text in enumerate(texts) if text == wanted]
        if not rows:
            levels = sorted({text for text in texts if text is not None})
            hint = did_you_mean(wanted, levels) or f" It holds: {listed(levels)}."
            raise UsageError(f"{raw.name}: no row has {column} = '{wanted}' (where).{hint}")
        if len(rows) < len(raw):
            raw = replace(raw, columns={name: rows_of(values, rows) for name, values in raw.columns.items()})
    return raw


def _level(value: Any) -> str | None:
    return label_text(value) if isinstance(value, str | bool | int | float) else None


def _ids(raw: RawTable, column: str | None, *, guessed: bool) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """The ids, whether they are of the data, and what was guessed; positions where the data have none."""
    positions = tuple(str(at) for at in range(len(raw)))
    if column is None:
        return positions, False, ()
    values = raw.columns[column]
    texts = [None if value is None else label_text(value).strip() for value in values]
    missing = sum(not text for text in texts)
    seen: dict[str, int] = {}
    twice: tuple[str, int, int] | None = None
    for row, text in enumerate(texts):
        if text and text in seen and twice is None:
            twice = (text, seen[text], row)
        elif text:
            seen.setdefault(text, row)
    if not missing and twice is None:
        return tuple(text or "" for text in texts), True, ()
    if twice is not None:
        why = f"id '{twice[0]:.60}' is in rows {twice[1] + 1:,} and {twice[2] + 1:,}"
    else:
        why = f"{missing:,} rows have no id"
    if guessed:
        return positions, False, (f"id = the row's position, since in column '{column}' {why} (roles.id)",)
    raise DataError(
        f"{raw.name}: {why} (column '{column}'); name a column of distinct ids by roles.id, or write 'id: @row' to "
        "name rows by their position."
    )


def _sampled(loaded: LoadedDataset, limit: int, seed: int) -> LoadedDataset:
    """A seeded random sample of the rows, in their order."""
    rng = np.random.default_rng([seed, len(loaded)])
    chosen: Sequence[int] = sorted(rng.choice(len(loaded), size=limit, replace=False).tolist())
    columns: dict[str, Sequence[Any]] = {name: rows_of(values, chosen) for name, values in loaded.columns.items()}
    return replace(loaded, ids=tuple(loaded.ids[row] for row in chosen), columns=columns)
