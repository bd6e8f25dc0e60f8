"""What an adapter is opened with: the location, the options, the folder that relative paths start from."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.models.base import ModelError

YES = {"true", "yes", "on", "1", ""}
NO = {"false", "no", "off", "0"}


@dataclass(frozen=True, kw_only=True)
class Opening:
    """`NAME=ADAPTER:LOCATION?option=value`, taken apart. An option's value is text, or what the suite file holds."""

    name: str
    location: str
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)
    """What relative locations are relative to."""
    trust_pickle: bool = False
    """True where the user said that files which can run code may be loaded."""

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raise `UsageError` for an option the adapter does not have."""
        every = sorted(known)
        for option in self.options:
            if option not in every:
                raise UsageError(
                    f"Model '{self.name}' has no option '{option}'.{did_you_mean(option, every)} Its options: "
                    f"{listed(every, limit=30)}."
                )

    def path(self, location: str | None = None) -> Path:
        """Return the location (or another one) as a path that exists; raises `ModelError` when it does not."""
        given = self.location if location is None else location
        path = resolved(given, self.folder)
        if not path.exists():
            raise ModelError(f"Model '{self.name}': there is no file or folder '{given}'.{_sibling(path)}")
        return path

    def file(self, location: str | None = None) -> Path:
        """Return the location as a file that exists; raises `ModelError` for a folder."""
        path = self.path(location)
        if path.is_dir():
            raise ModelError(f"Model '{self.name}': '{path.name}' is a folder; name a file in it.")
        return path

    def text(self, option: str, default: str | None = None) -> str | None:
        """Return an option as text."""
        value = self.options.get(option, default)
        return None if value is None else str(value)

    def one_of(self, option: str, choices: Sequence[str], default: str | None = None) -> str | None:
        """Return an option that must be one of some words."""
        value = self.text(option, default)
        if value is not None and value not in choices:
            raise UsageError(
                f"Model '{self.name}': {option} cannot be '{value}'.{did_you_mean(value, choices)} Choose one of "
                f"{listed(choices)}."
            )
        return value

    def switch(self, option: str, default: bool = False) -> bool:
        """Return an option that is on or off."""
        value = self.options.get(option, default)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word not in YES | NO:
            raise UsageError(f"Model '{self.name}': {option} is true or false, not '{value}'.")
        return word in YES

    def whole(self, option: str, default: int | None = None) -> int | None:
        """Return an option as a whole number of at least 0."""
        value = self.options.get(option, default)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        if not re.fullmatch(r"\d+", str(value).strip()):
            raise UsageError(f"Model '{self.name}': {option} is a whole number of at least 0, not '{value}'.")
        return int(str(value))

    def numbers(self, option: str) -> tuple[float, ...] | None:
        """Return an option as numbers: `0.5`, `1/255`, `0.485,0.456,0.406`, or a list."""
        value = self.options.get(option)
        if value is None:
            return None
        parts = value if isinstance(value, list | tuple) else str(value).split(",")
        try:
            return tuple(_fraction(str(part)) for part in parts)
        except ValueError:
            raise UsageError(
                f"Model '{self.name}': {option} is a number or several with commas between (0.5 or 1/255), not "
                f"'{value}'."
            ) from None

    def files(self, option: str) -> list[Path]:
        """Return an option as files or folders that exist: `a.txt,b.bin`, or a list."""
        value = self.options.get(option)
        if value is None:
            return []
        parts = value if isinstance(value, list | tuple) else str(value).split(",")
        return [self.path(str(part).strip()) for part in parts]

    def names(self, option: str, *, from_file: bool = False) -> tuple[str, ...] | None:
        """Return an option as names: `cat,dog`, a list, or (`from_file`) a file of one name a line or a JSON list."""
        value = self.options.get(option)
        if value is None:
            return None
        if isinstance(value, list | tuple):
            return tuple(str(one) for one in value)
        text = str(value)
        is_named = Path(text).suffix.lower() in {".txt", ".json", ".csv"}
        if from_file and "," not in text and (is_named or resolved(text, self.folder).is_file()):
            return _names_in(self.file(text), self.name, option)
        return tuple(one.strip() for one in text.split(","))


def resolved(location: str, folder: Path) -> Path:
    """Return a location as a path; a relative one starts from `folder`."""
    path = Path(location).expanduser()
    return path if path.is_absolute() else folder / path


def file_name(location: str) -> str:
    """Return the last part of a path, whichever way its slashes lean.

    >>> file_name("C:/models/new.onnx"), file_name("old/")
    ('new.onnx', 'old')
    """
    return re.split(r"[/\\]", location.rstrip("/\\"))[-1] or location


def _sibling(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return ""
    return did_you_mean(path.name, names)


def _fraction(text: str) -> float:
    above, _, below = text.partition("/")
    try:
        value = float(above) / float(below) if below else float(above)
    except ZeroDivisionError:
        raise ValueError(text) from None
    if not abs(value) < float("inf"):
        raise ValueError(text)
    return value


def _names_in(file: Path, model: str, option: str) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".json":
            found = json.loads(text)
            if not isinstance(found, list):
                raise ValueError
            return tuple(str(one) for one in found)
    except (OSError, ValueError):
        raise ModelError(
            f"Model '{model}': {option}: '{file.name}' is not a text of one name a line, nor a JSON list."
        ) from None
    return tuple(line.strip() for line in text.splitlines() if line.strip())
