"""What a model is by its bytes: digests of its files, the fingerprint over them and its options, its size."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.models.base import ModelError


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder: its files' names and digests, sorted by name.

    Of a folder hidden files and compiled Python are left out. Raises `ModelError` when it cannot be read.
    """
    try:
        if path.is_dir():
            parts = [[one.relative_to(path).as_posix(), _file_digest(one)] for one in files_in(path)]
            return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
        return _file_digest(path)
    except OSError as error:
        raise ModelError(f"'{path.name}' cannot be read: {error.strerror or error}.") from None


def size_of(paths: Iterable[Path]) -> int:
    """Return the bytes of some files and folders together."""
    return sum(one.stat().st_size for path in paths for one in (files_in(path) if path.is_dir() else [path]))


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted by name; hidden ones and compiled Python are left out."""
    found = [
        one
        for one in folder.rglob("*")
        if one.is_file()
        and not any(part.startswith(".") or part == "__pycache__" for part in one.relative_to(folder).parts)
    ]
    return sorted(found, key=lambda one: one.relative_to(folder).as_posix())


def fingerprint_of(paths: Sequence[Path], options: Mapping[str, Any] | None = None, *, what: str = "") -> str:
    """Return the SHA-256 of one file as it is, or over several files and all that changes what the model answers.

    An option that names one of the files counts by the file's content (it is in `paths`), not by its name.
    """
    digests = [digest_of(path) for path in paths]
    names = {path.name for path in paths}
    told = {key: "file" if Path(str(value)).name in names else value for key, value in sorted((options or {}).items())}
    if len(digests) == 1 and not told and not what:
        return digests[0]
    said = [digests, told, what]
    return hashlib.sha256(json.dumps(said, separators=(",", ":"), default=str).encode()).hexdigest()


def library_version(package: str) -> str:
    """Return `name version` of an installed library."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


def _file_digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
