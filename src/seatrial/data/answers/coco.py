"""COCO files: annotations and a list of results as one table for the task `boxes`, a row an image."""

import json
import os
from pathlib import Path
from typing import Any

from seatrial.errors import DataError, UsageError


def coco_table(annotations: str | os.PathLike[str], results: str | os.PathLike[str]) -> dict[str, list[str]]:
    """An annotation file and a file of results (`image_id`, `category_id`, `bbox`, `score`) as id, target, prediction.

    Images are in the order of their ids; classes have the names that the annotations give them; an image without
    results has an empty list. Raises `UsageError` for a file that is not there, `DataError` for one of another form.
    """
    truth, found = _json(annotations), _json(results)
    name = Path(annotations).name
    if not isinstance(truth, dict) or not all(isinstance(truth.get(key), list) for key in ("images", "annotations")):
        raise DataError(f"{name} is no COCO annotation file: it has no 'images' and 'annotations'.")
    if not isinstance(found, list):
        raise DataError(f"{Path(results).name} is no list of COCO results.")
    names = {one["id"]: str(one["name"]) for one in truth.get("categories", [])}
    ids = sorted(image["id"] for image in truth["images"])
    target: dict[Any, list[dict[str, Any]]] = {image: [] for image in ids}
    prediction: dict[Any, list[dict[str, Any]]] = {image: [] for image in ids}
    for role, boxes, of_image in (("annotation", truth["annotations"], target), ("result", found, prediction)):
        for at, box in enumerate(boxes, start=1):
            try:
                image, place = box["image_id"], [float(side) for side in box["bbox"]]
                kept = {"box": place, "label": names.get(box["category_id"], str(box["category_id"]))}
                extra = {"score": float(box["score"])} if role == "result" else {"iscrowd": int(box.get("iscrowd", 0))}
            except (KeyError, TypeError, ValueError):
                raise DataError(f"{role} {at} has not the keys image_id, category_id and bbox of COCO.") from None
            if image not in of_image:
                raise DataError(f"{role} {at} is of image {image}, which {name} does not have.")
            of_image[image].append(kept | extra)
    return {
        "id": [str(image) for image in ids],
        "target": [json.dumps(target[image]) for image in ids],
        "prediction": [json.dumps(prediction[image]) for image in ids],
    }


def _json(path: str | os.PathLike[str]) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.") from None
    except ValueError:
        raise DataError(f"{Path(path).name} is not JSON that can be read.") from None
