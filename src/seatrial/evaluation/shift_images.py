"""What images look like, as columns of numbers: light, colour, sharpness and size; and embeddings by a function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError, UsageError

Floats = NDArray[np.float64]
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in what the eye sees as light (ITU-R BT.601)."""
LOOKS = ("brightness", "contrast", "saturation", "sharpness", "width", "height", "red", "green", "blue")
MOST_EMBEDDED = 1_500
"""Images or texts of each table that are embedded."""
BATCH = 64
Embed = Callable[[list[Any]], Any]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """Embeddings of a sample of both tables: reference (n, d), current (m, d)."""

    name: str
    reference: Floats
    current: Floats
    how: str
    """The function that made them."""


def look(image: NDArray[Any]) -> tuple[float, ...]:
    """Simple statistics of one image (height, width, channels), in the order of `LOOKS`; shares of the full range.

    Brightness and contrast are mean and standard deviation of the luma, saturation the mean of (max - min)/max over
    the channels, sharpness the mean absolute Laplacian of the luma.

    >>> [round(one, 3) for one in look(np.full((2, 3, 3), 255, dtype=np.uint8))]
    [1.0, 0.0, 0.0, 0.0, 3.0, 2.0, 1.0, 1.0, 1.0]
    """
    given = np.asarray(image)
    whole = float(np.iinfo(given.dtype).max) if given.dtype.kind in "iu" else 1.0
    light = (given if given.ndim == 3 else given[:, :, None]).astype(np.float64)[:, :, :3] / whole
    light = np.broadcast_to(light[:, :, :1], (*light.shape[:2], 3)) if light.shape[2] < 3 else light
    luma = light @ LUMA
    high = light.max(axis=2)
    saturation = (high - light.min(axis=2)) / np.where(high > 0, high, 1.0)
    inner = luma[1:-1, 1:-1]
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    sharp = float(np.abs(around - 4 * inner).mean()) if inner.size else 0.0
    height, width = luma.shape
    colours = light.mean(axis=(0, 1)).tolist()
    return (
        float(luma.mean()), float(luma.std()), float(saturation.mean()), sharp, float(width), float(height), *colours,
    )  # fmt: skip


def looks(images: Sequence[Any], *, progress: Progress | None = None) -> dict[str, Floats]:
    """A column (n,) for each of `LOOKS`."""
    found = np.empty((len(images), len(LOOKS)))
    for row, image in enumerate(images):
        if progress is not None and row % BATCH == 0:
            progress("read images", row, len(images))
        found[row] = look(image)
    return {name: found[:, k].copy() for k, name in enumerate(LOOKS)}


def embedded(embed: Embed, items: Sequence[Any], *, how: str, seed: int, progress: Progress | None = None) -> Floats:
    """One vector a row of at most `MOST_EMBEDDED` of the items, drawn at random, (n, d).

    `embed` gets a list of images (uint8 arrays) or texts and gives as many vectors. Raises `UsageError` when it does
    not, and when it raises.
    """
    many = len(items)
    rng = np.random.default_rng(seed)
    rows = range(many) if many <= MOST_EMBEDDED else np.sort(rng.choice(many, MOST_EMBEDDED, replace=False)).tolist()
    found: list[Floats] = []
    for start in range(0, len(rows), BATCH):
        if progress is not None:
            progress("embed", start, len(rows))
        batch = [items[row] for row in rows[start : start + BATCH]]
        try:
            part = np.asarray(embed(batch), dtype=np.float64)
        except Exception as error:
            raise UsageError(f"--embed {how} failed: {type(error).__name__}: {error}.") from None
        if part.ndim != 2 or len(part) != len(batch) or (found and part.shape[1] != found[0].shape[1]):
            raise UsageError(
                f"--embed {how} gave an array of shape {part.shape} for {len(batch)} items; it gives one vector of "
                "the same length for each."
            )
        if not np.isfinite(part).all():
            raise UsageError(f"--embed {how} gave vectors with values that are no finite numbers.")
        found.append(part)
    if not found:
        raise DataError(f"--embed {how}: there is nothing to embed.")
    return np.concatenate(found)
