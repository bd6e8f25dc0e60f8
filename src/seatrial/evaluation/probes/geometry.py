"""Images cropped and turned; the size stays."""

from typing import Any, ClassVar

import numpy as np

from seatrial.evaluation.probes.base import CellProbe, Kind
from seatrial.evaluation.probes.pixels import as_image, to_uint8


class Crop(CellProbe):
    """A window of the image, anywhere in it, enlarged to the size it had."""

    name: ClassVar[str] = "crop"
    works_on: ClassVar[tuple[Kind, ...]] = ("image",)
    ladder: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.2)
    top: ClassVar[float] = 0.95
    means: ClassVar[str] = "share of each side cut off"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        from scipy import ndimage

        image = as_image(value, self.name)
        if min(image.shape[:2]) < 2:
            return value
        places = []
        for size, at in zip(image.shape[:2], rng.random(2).tolist(), strict=True):
            cut = severity * (size - 1)
            places.append(np.linspace(at * cut, at * cut + (size - 1 - cut), size))
        grid = np.meshgrid(*places, indexing="ij")
        layers = image[:, :, None] if image.ndim == 2 else image
        found = np.stack(
            [
                ndimage.map_coordinates(layers[:, :, k].astype(np.float64), grid, order=1, mode="nearest")
                for k in range(layers.shape[2])
            ],
            axis=2,
        )
        return to_uint8(found).reshape(image.shape)


class Rotation(CellProbe):
    """Turned about the middle, to either side; corners take the nearest pixel."""

    name: ClassVar[str] = "rotation"
    works_on: ClassVar[tuple[Kind, ...]] = ("image",)
    ladder: ClassVar[tuple[float, ...]] = (5.0, 10.0, 20.0)
    top: ClassVar[float] = 180.0
    means: ClassVar[str] = "degrees"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        from scipy import ndimage

        image = as_image(value, self.name)
        degrees = severity if rng.random() < 0.5 else -severity
        turned = ndimage.rotate(image.astype(np.float64), degrees, axes=(1, 0), reshape=False, order=1, mode="nearest")
        return to_uint8(turned)
