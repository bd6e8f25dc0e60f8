"""Image folders and zips: the class is the folder's name, a part of the file's name, or in a table of labels."""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.data.datasets.pictures import FolderPictures, Pictures, ZipPictures, require_pillow
from seatrial.data.datasets.raw import Asked, RawTable, place_of, short_name
from seatrial.data.roles import plain
from seatrial.errors import DataError, UsageError, listed
from seatrial.records.suite import DatasetSource

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
FILE_COLUMNS = ("file", "image", "filename", "file_name", "path")


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read images in the order of their names; ids are their paths within the folder.

    Raises `UsageError` for a folder without images, or labels that do not fit; a damaged image is found when decoded.
    """
    place = place_of(source.images or "", asked)
    require_pillow(place.name)
    names, pictures = _found(place)
    columns: dict[str, Sequence[Any]] = {"file": names, "image": pictures}
    target: str | None = None
    inputs = ("image",)
    task: str | None = None
    guesses: tuple[str, ...] = ()
    if source.labels is not None:
        keep, beside, target, task = _labelled(place_of(source.labels, asked), names, place.name)
        if len(keep) < len(names):
            guesses = (
                f"{len(names) - len(keep):,} of {len(names):,} images are not in {Path(source.labels).name} (labels)",
            )
        columns = {"file": [names[row] for row in keep], "image": pictures.taken(keep), **beside}
    elif source.label_pattern is not None:
        columns["label"] = _by_pattern(names, source.label_pattern, place.name)
        target = "label"
    else:
        folders = [PurePosixPath(name).parent.name for name in names]
        if all(folders) and len(set(folders)) > 1:
            columns["label"] = folders
            target = "label"
            guesses = ("target = the folder's name (label_pattern, labels)",)
    return RawTable(
        name=short_name(source, place.name),
        columns=columns,
        id="file",
        target=target,
        inputs=inputs,
        task=task,
        guesses=guesses,
    )


def _found(place: Path) -> tuple[list[str], Pictures]:
    if place.is_dir():
        paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
        paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(place).parts)]
        if not paths:
            raise UsageError(f"The folder '{place.name}' holds no images ({', '.join(ENDINGS[:6])}, ...).")
        names = [path.relative_to(place).as_posix() for path in paths]
        return names, FolderPictures(paths)
    if not place.exists():
        raise UsageError(f"There is no folder or zip of images '{place}'.")
    if not zipfile.is_zipfile(place):
        raise UsageError(f"'{place.name}' is neither a folder nor a zip of images.")
    with zipfile.ZipFile(place) as archive:
        members = sorted(
            name
            for name in archive.namelist()
            if PurePosixPath(name).suffix.lower() in ENDINGS and "__MACOSX" not in name
        )
    if not members:
        raise UsageError(f"The zip '{place.name}' holds no images ({', '.join(ENDINGS[:6])}, ...).")
    return members, ZipPictures(place, members)


def _is_image(file: str) -> bool:
    return PurePosixPath(file).suffix.lower() in ENDINGS


def _by_pattern(names: Sequence[str], pattern: str, source: str) -> list[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{source}: label_pattern is no regular expression: {error.msg}.") from None
    labels: list[str] = []
    for name in names:
        match = compiled.search(name)
        found = None
        if match is not None:
            found = match["label"] if "label" in compiled.groupindex else match[min(1, compiled.groups)]
        if not found:
            raise UsageError(f"{source}: label_pattern '{pattern}' finds no label in '{name}'.")
        labels.append(found)
    return labels


def _labelled(
    table: Path, names: Sequence[str], source: str
) -> tuple[list[int], dict[str, Sequence[Any]], str | None, str | None]:
    """(positions of images that the table names, its columns for them, its target, the task it tells)."""
    from seatrial.data.datasets.coco import is_coco, read_coco
    from seatrial.data.datasets.files import read_columns

    target: str | None
    task: str | None
    if table.suffix.lower() == ".json" and is_coco(table, task="boxes"):
        columns: dict[str, Sequence[Any]] = dict(read_coco(table))
        key, target, task = "file_name", "target", "boxes"
    else:
        columns = dict(read_columns(table))
        key = next((name for name in columns if plain(name) in FILE_COLUMNS), next(iter(columns)))
        rest = [name for name in columns if name != key]
        if not rest:
            raise UsageError(f"{table.name} names files and nothing of them; add a column of labels.")
        target = rest[0] if len(rest) == 1 else None
        task = None
    rows: dict[str, int] = {}
    for row, value in enumerate(columns[key]):
        file = str(value)
        if file in rows:
            raise DataError(
                f"{table.name}: '{file}' is in rows {rows[file] + 1:,} and {row + 1:,}; name each image once."
            )
        rows[file] = row
    bare = {file: row for file, row in rows.items() if "/" not in file}
    bare |= {f"{file}{ending}": row for file, row in bare.items() for ending in ENDINGS if not _is_image(file)}
    keep: list[int] = []
    taken: list[int] = []
    for position, name in enumerate(names):
        at = rows.get(name, bare.get(PurePosixPath(name).name))
        if at is not None:
            keep.append(position)
            taken.append(at)
    if not keep:
        raise UsageError(
            f"{table.name}: column '{key}' names none of the images of {source} (images: {listed(names, limit=3)}; "
            f"{key}: {listed(list(rows), limit=3)})."
        )
    lost = sorted(set(rows.values()) - set(taken))
    if lost:
        missing = [file for file, row in rows.items() if row in set(lost[:3])]
        raise DataError(
            f"{table.name} names {len(lost):,} images that {source} does not hold: {listed(missing, limit=3)}."
        )
    kept = [name for name in columns if name not in (key, "file", "image")]
    beside: dict[str, Sequence[Any]] = {name: [columns[name][row] for row in taken] for name in kept}
    return keep, beside, target, task
