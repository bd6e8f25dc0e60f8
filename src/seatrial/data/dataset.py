"""A loaded data set: ids, columns and roles of the rows a model is run on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seatrial.records.run import Dataset


@dataclass(frozen=True, kw_only=True)
class LoadedDataset:
    """Rows in a fixed order. A column is any sequence: a list, an array, or one that decodes when asked (images)."""

    name: str
    ids: tuple[str, ...]
    """Distinct; positions as text where the data have no id."""
    columns: Mapping[str, Sequence[Any]]
    """Every column, the target included; texts are `str`, numbers `int` or `float`, missing values None, an image a
    uint8 array (height, width, channels)."""
    inputs: tuple[str, ...]
    """Columns handed to the model."""
    fingerprint: str
    """SHA-256 of the content in the order of the rows."""
    task: str | None = None
    target: str | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    """Multilabel: label to its column of 0 and 1; `target` is None then."""
    positive: str | None = None
    cluster: str | None = None
    weight: str | None = None
    time: str | None = None
    group: str | None = None
    version: str | None = None
    has_id: bool = True
    guesses: tuple[str, ...] = ()
    """What was guessed of the roles, each with the key that overrides it."""
    gaps: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, positions: Sequence[int]) -> dict[str, list[Any]]:
        """Input columns of some rows."""
        return {name: [self.columns[name][i] for i in positions] for name in self.inputs}

    def row(self, position: int) -> dict[str, Any]:
        """Every column of one row."""
        return {name: values[position] for name, values in self.columns.items()}

    def with_columns(self, columns: Mapping[str, Sequence[Any]], *, fingerprint: str) -> "LoadedDataset":
        """The same rows with some columns replaced (a perturbed copy)."""
        return replace(self, columns={**self.columns, **columns}, fingerprint=fingerprint)

    def taken(self, positions: Sequence[int], *, fingerprint: str) -> "LoadedDataset":
        """Some of the rows, in this order."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in positions),
            columns={name: rows_of(values, positions) for name, values in self.columns.items()},
            fingerprint=fingerprint,
        )

    def record(self) -> Dataset:
        """The public record of it."""
        roles: dict[str, str | list[str]] = {
            role: value
            for role in ("target", "positive", "cluster", "weight", "time", "group")
            if (value := getattr(self, role)) is not None
        }
        roles["inputs"] = list(self.inputs)
        if self.targets:
            roles["targets"] = list(self.targets.values())
        return Dataset(
            name=self.name,
            version=self.version,
            fingerprint=self.fingerprint,
            task=self.task,
            roles=roles,
            rows=len(self),
            columns=tuple(self.columns),
            gaps=self.gaps,
            about=dict(self.about),
        )


def rows_of(values: Sequence[Any], positions: Sequence[int]) -> Sequence[Any]:
    """Some rows of a column; one that decodes when asked (`taken`) is not decoded for it.

    >>> rows_of(["a", "b", "c"], [2, 0])
    ['c', 'a']
    """
    taken = getattr(values, "taken", None)
    if taken is not None:
        lazily: Sequence[Any] = taken(positions)
        return lazily
    return [values[i] for i in positions]
