"""A perturbed copy of a data set: the same rows, some columns changed, and which rows were touched."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.evaluation.probes.base import Column, Draw, Probe, is_missing
from seatrial.evaluation.probes.catalogue import check_severity, open_probe
from seatrial.records.suite import ProbeSpec

Direction = Literal["same", "up", "down"]


@dataclass(frozen=True, kw_only=True)
class Perturbed:
    """One probe at one severity on a data set."""

    dataset: LoadedDataset
    """The same ids, target and other columns; its fingerprint is of what was done to which rows."""
    probe: str
    severity: float
    touched: tuple[bool, ...]
    """Rows with a changed cell; of images, rows with an image. The others are the clean rows once more."""
    columns: tuple[str, ...]
    """Those the probe worked on."""
    label_preserving: bool
    direction: Direction | None
    """What must hold of the answers: as the suite says, else `same` where the label is preserved, else nothing."""


def perturbed(
    dataset: LoadedDataset, spec: ProbeSpec, severity: float, *, seed: int, folder: str | Path | None = None
) -> Perturbed:
    """Return the data set under one probe at one severity; the target is never touched, missing cells stay missing.

    A row's randomness depends on `seed`, the probe, the column and the row's id, so the order of rows and which others
    are there do not matter; at a higher severity the same places change, and more. Images are changed when they are
    read. Raises `UsageError` for a column, option or severity that does not fit, `DataError` where no column fits.

    >>> rows = LoadedDataset(
    ...     name="d", ids=("1", "2"), columns={"text": ["a fine day", "so it was"]}, inputs=("text",), fingerprint="0"
    ... )
    >>> perturbed(rows, ProbeSpec(probe="truncation"), 0.5, seed=0).dataset.columns["text"]
    ['a fine', 'so it']
    """
    probe = open_probe(spec.probe, spec.options, folder=folder)
    check_severity(probe, severity)
    direction: Direction | None = spec.direction or ("same" if probe.label_preserving else None)
    columns = _columns(dataset, spec, probe)
    fingerprint = _fingerprint(dataset, probe, severity, columns, seed)
    changed: dict[str, Sequence[Any]] = {}
    touched = np.zeros(len(dataset), dtype=np.bool_)
    for column in columns.values():
        if severity == 0:
            continue
        draw = Draw(seed=seed, probe=probe.name, column=column.name)
        if column.kind == "image":
            changed[column.name] = _Images(probe, column, severity, draw)
            known = column.values if isinstance(column.values, (list, tuple)) else ()
            touched |= np.array([value is not None for value in known] or [True] * len(dataset), dtype=np.bool_)
            continue
        after = _checked(probe, column, list(probe.apply(column, severity, draw)))
        changed[column.name] = after
        touched |= np.array(
            [not _same(old, new) for old, new in zip(column.values, after, strict=True)], dtype=np.bool_
        )
    return Perturbed(
        dataset=dataset.with_columns(changed, fingerprint=fingerprint),
        probe=probe.name,
        severity=severity,
        touched=tuple(touched.tolist()),
        columns=tuple(columns),
        label_preserving=probe.label_preserving,
        direction=direction,
    )


def sampled_rows(dataset: LoadedDataset, spec: ProbeSpec, *, seed: int) -> tuple[int, ...]:
    """Positions of the rows a probe is tried on: all, or `spec.rows` of them, chosen by seed and id, in their order.

    >>> ids = tuple(map(str, range(9)))
    >>> rows = LoadedDataset(name="d", ids=ids, columns={}, inputs=(), fingerprint="0")
    >>> len(sampled_rows(rows, ProbeSpec(probe="typos", rows=3), seed=1))
    3
    """
    if spec.rows is None or spec.rows >= len(dataset):
        return tuple(range(len(dataset)))
    draw = Draw(seed=seed, probe="rows", column="")
    ranked = sorted(range(len(dataset)), key=lambda at: (draw.number(dataset.ids[at]), dataset.ids[at]))
    return tuple(sorted(ranked[: spec.rows]))


def _columns(dataset: LoadedDataset, spec: ProbeSpec, probe: Probe) -> dict[str, Column]:
    order = _order(dataset)
    groups = None if dataset.group is None else dataset.columns[dataset.group]

    def column(name: str) -> Column:
        return Column(name=name, values=dataset.columns[name], ids=dataset.ids, order=order, groups=groups)

    for name in spec.columns:
        if name == dataset.target:
            raise UsageError(f"Probe {probe.name}: '{name}' is the target, which no probe may touch; name an input.")
        if name not in dataset.columns:
            hint = did_you_mean(name, dataset.columns)
            raise UsageError(
                f"Probe {probe.name}: {dataset.name} has no column '{name}'.{hint} Inputs: {listed(dataset.inputs)}."
            )
    names = spec.columns or tuple(name for name in dataset.inputs if name != dataset.target)
    found = {name: column(name) for name in dict.fromkeys(names)}
    if spec.columns:
        takes = probe.takes or probe.works_on
        for one in found.values():
            if one.kind not in takes and not (one.kind == "category" and "text" in takes) and one.kind != "other":
                raise UsageError(
                    f"Probe {probe.name} works on {' and '.join(takes)}; column '{one.name}' holds {one.kind}."
                )
        return found
    fitting = {name: one for name, one in found.items() if one.kind in probe.works_on}
    if not fitting and "text" in probe.works_on:
        fitting = {name: one for name, one in found.items() if one.kind == "category"} if len(found) == 1 else {}
    if not fitting:
        holds = ", ".join(f"{name} ({one.kind})" for name, one in list(found.items())[:6]) or "none"
        raise DataError(
            f"Probe {probe.name} works on {' and '.join(probe.works_on)}, and no input of {dataset.name} is that "
            f"(inputs: {holds}); name its columns."
        )
    return fitting


def _order(dataset: LoadedDataset) -> tuple[int, ...] | None:
    if dataset.time is None:
        return None
    times = dataset.columns[dataset.time]
    present = [at for at in range(len(dataset)) if not is_missing(times[at])]
    try:
        return tuple(sorted(present, key=lambda at: (times[at], dataset.ids[at])))
    except TypeError:
        return tuple(sorted(present, key=lambda at: (str(times[at]), dataset.ids[at])))


def _fingerprint(dataset: LoadedDataset, probe: Probe, severity: float, columns: dict[str, Column], seed: int) -> str:
    said = json.dumps([dataset.fingerprint, probe.identity, severity, list(columns), seed])
    return hashlib.sha256(said.encode()).hexdigest()


def _checked(probe: Probe, column: Column, after: list[Any]) -> list[Any]:
    """One value a row, of the type the row had; a stranger's probe may return anything."""
    if len(after) != len(column.ids):
        raise DataError(f"Probe {probe.name} gave {len(after)} values for {len(column.ids)} rows of '{column.name}'.")
    for at, (old, new) in enumerate(zip(column.values, after, strict=True)):
        if new is None or old is None or isinstance(old, str) == isinstance(new, str):
            continue
        raise DataError(
            f"Probe {probe.name} made {type(new).__name__} of {type(old).__name__} in row '{column.ids[at]}', column "
            f"'{column.name}'; it must keep the type."
        )
    return after


def _same(old: Any, new: Any) -> bool:
    if old is new or (is_missing(old) and is_missing(new)):
        return True
    if isinstance(old, np.ndarray) or isinstance(new, np.ndarray):
        return np.array_equal(old, new)
    return type(old) is type(new) and bool(old == new)


class _Images(Sequence[Any]):
    """Images perturbed when they are read, so that a large folder is never held at once."""

    def __init__(self, probe: Probe, column: Column, severity: float, draw: Draw) -> None:
        self._probe = probe
        self._column = column
        self._severity = severity
        self._draw = draw

    def __len__(self) -> int:
        return len(self._column.ids)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        one = Column(name=self._column.name, values=[self._column.values[at]], ids=(self._column.ids[at],))
        return _checked(self._probe, one, list(self._probe.apply(one, self._severity, self._draw)))[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[at] for at in range(len(self)))
