"""What a reader of one kind of source hands back, before roles are found: columns of equal length and what it knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.records.suite import DatasetSource


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a reader is told beside the source."""

    folder: Path
    """Relative paths start here: the folder of the suite file."""
    task: str | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """Columns as read: `str`, `int`, `float`, `bool`, None, nested Python values or arrays."""

    name: str
    columns: Mapping[str, Sequence[Any]]
    id: str | None = None
    """Known by the kind of source, as are those below; what the suite says goes before."""
    target: str | None = None
    cluster: str | None = None
    inputs: tuple[str, ...] = ()
    task: str | None = None
    version: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    guesses: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def place_of(given: str, asked: Asked) -> Path:
    """A path of the suite, from the suite's folder."""
    return asked.folder / Path(given).expanduser()


def short_name(source: DatasetSource, file_name: str) -> str:
    """What the data set is called: as the suite says, else the file without folders and endings.

    >>> short_name(DatasetSource(path="data/rows.csv.gz"), "rows.csv.gz")
    'rows'
    """
    return source.name or file_name.split(".", 1)[0] or file_name
