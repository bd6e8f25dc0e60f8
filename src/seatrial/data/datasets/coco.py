"""COCO JSON: images and their annotated boxes, one row an image; the images are decoded when asked for."""

import json
from pathlib import Path
from typing import Any

from seatrial.data.datasets.pictures import FolderPictures, Pictures
from seatrial.data.datasets.raw import Asked, RawTable, place_of, short_name
from seatrial.errors import DataError, UsageError
from seatrial.records.suite import DatasetSource

_LARGEST = 1_000_000_000


def is_coco(path: Path, *, task: str | None) -> bool:
    """Whether a JSON file is an object with `images` and `annotations`, as the COCO tools write it."""
    if task is not None and task != "boxes":
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
            if not head.startswith(b"{") or path.stat().st_size > _LARGEST:
                return False
    except OSError:
        return False
    try:
        given = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(given, dict) and "images" in given and "annotations" in given


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read the images of a COCO file; files are looked for beside it and in a folder `images` there.

    A row's target is a list of {label, bbox: [x, y, width, height], iscrowd, area}, in pixels.
    """
    path = place_of(source.path or "", asked)
    columns = read_coco(path)
    pictures = _pictures(path, columns["file_name"])
    if pictures is not None:
        columns = {"id": columns["id"], "image": pictures} | {k: v for k, v in columns.items() if k != "id"}
    return RawTable(
        name=short_name(source, path.name),
        columns=columns,
        id="id",
        target="target",
        inputs=("image",) if pictures is not None else ("file_name",),
        task="boxes",
    )


def read_coco(path: Path) -> dict[str, Any]:
    """Columns `id`, `file_name`, `width`, `height`, `target` of a COCO file, in the order of its images."""
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not JSON that can be read: {str(error)[:80]}.") from None
    try:
        names = {one["id"]: str(one["name"]) for one in given.get("categories", ())}
        boxes: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in given["images"]}
        for at, one in enumerate(given["annotations"]):
            if one["image_id"] not in boxes:
                raise DataError(f"{path.name}: annotation {at} is of image {one['image_id']}, which is not listed.")
            if names and one["category_id"] not in names:
                raise DataError(f"{path.name}: annotation {at} is of category {one['category_id']}, which has no name.")
            bbox = [float(number) for number in one["bbox"]]
            if len(bbox) != 4 or bbox[2] < 0 or bbox[3] < 0:
                raise DataError(
                    f"{path.name}: annotation {at} has the box {one['bbox']!s:.60}, not x, y, width, height."
                )
            boxes[one["image_id"]].append(
                {
                    "label": names.get(one["category_id"], str(one["category_id"])),
                    "bbox": bbox,
                    "iscrowd": int(one.get("iscrowd", 0)),
                    "area": float(one.get("area", bbox[2] * bbox[3])),
                }
            )
        images = given["images"]
        return {
            "id": [str(image["id"]) for image in images],
            "file_name": [str(image.get("file_name", image["id"])) for image in images],
            "width": [image.get("width") for image in images],
            "height": [image.get("height") for image in images],
            "target": [boxes[image["id"]] for image in images],
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)[:80]
        raise DataError(
            f"{path.name} is no COCO file: {said}; it needs images (id, file_name), annotations (image_id, "
            "category_id, bbox) and categories (id, name)."
        ) from None


def _pictures(path: Path, names: list[str]) -> Pictures | None:
    """The images where all are found beside the file, else None."""
    for folder in (path.parent, path.parent / "images"):
        if names and all((folder / name).is_file() for name in names):
            return FolderPictures([folder / name for name in names])
    return None
