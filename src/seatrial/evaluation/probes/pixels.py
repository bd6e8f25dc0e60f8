"""Images noisier, softer, compressed, brighter or darker; uint8 in, uint8 of the same shape out."""

import io
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError, UsageError
from seatrial.evaluation.probes.base import CellProbe, Kind, is_image

Image = NDArray[np.uint8]


def as_image(value: Any, probe: str) -> Image:
    """The image itself; raises `DataError` for anything but a uint8 array with two or three axes."""
    if not is_image(value):
        what = f"{value.dtype} array of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise DataError(f"Probe {probe} works on uint8 images (height, width, channels); a {what} was given.")
    image: Image = np.asarray(value, dtype=np.uint8)
    return image


def to_uint8(values: NDArray[np.floating[Any]]) -> Image:
    """Rounded and kept within 0 and 255."""
    image: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return image


class ImageNoise(CellProbe):
    """Normal noise on every pixel and channel."""

    name: ClassVar[str] = "image_noise"
    works_on: ClassVar[tuple[Kind, ...]] = ("image",)
    ladder: ClassVar[tuple[float, ...]] = (0.02, 0.05, 0.1, 0.2)
    means: ClassVar[str] = "standard deviation as a share of white"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        image = as_image(value, self.name)
        return to_uint8(image + rng.standard_normal(image.shape) * (255.0 * severity))


class Blur(CellProbe):
    """Out of focus: a Gaussian blur."""

    name: ClassVar[str] = "blur"
    works_on: ClassVar[tuple[Kind, ...]] = ("image",)
    ladder: ClassVar[tuple[float, ...]] = (0.5, 1.0, 2.0)
    top: ClassVar[float] = 100.0
    means: ClassVar[str] = "standard deviation in pixels"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        from scipy import ndimage

        image = as_image(value, self.name)
        spread = (severity, severity, 0.0)[: image.ndim]
        return to_uint8(ndimage.gaussian_filter(image.astype(np.float64), spread, mode="nearest"))


class Jpeg(CellProbe):
    """Saved as JPEG and read back; severity 0.9 is quality 10."""

    name: ClassVar[str] = "jpeg"
    works_on: ClassVar[tuple[Kind, ...]] = ("image",)
    ladder: ClassVar[tuple[float, ...]] = (0.3, 0.6, 0.8, 0.9)
    means: ClassVar[str] = "quality lost, 1 - quality/100"

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        try:
            from PIL import Image as Pillow
        except ImportError:
            raise UsageError("Probe jpeg needs Pillow: pip install pillow.") from None
        image = as_image(value, self.name)
        quality = max(1, round(100 * (1 - severity)))
        flat = image.reshape(image.shape[:2]) if image.ndim == 2 or image.shape[2] == 1 else image
        colours = flat if flat.ndim == 2 else flat[:, :, :3] if flat.shape[2] >= 3 else flat[:, :, 0]
        buffer = io.BytesIO()
        Pillow.fromarray(colours).save(buffer, format="JPEG", quality=quality)
        buffer.seek(0)
        with Pillow.open(buffer) as read:
            back = np.asarray(read, dtype=np.uint8)
        if flat.ndim == 3 and back.ndim == 3 and flat.shape[2] > 3:  # transparency is not part of a JPEG
            back = np.concatenate([back, flat[:, :, 3:]], axis=2)
        elif flat.ndim == 3 and back.ndim == 2:
            back = np.concatenate([back[:, :, None], flat[:, :, 1:]], axis=2)
        return back.reshape(image.shape)


class Brightness(CellProbe):
    """Brighter or darker by a factor."""

    name: ClassVar[str] = "brightness"
    works_on: ClassVar[tuple[Kind, ...]] = ("image",)
    ladder: ClassVar[tuple[float, ...]] = (0.1, 0.25, 0.5)
    means: ClassVar[str] = "share of the light added or taken"

    how: Literal["both", "brighter", "darker"] = "both"
    """`both` draws one for each image."""

    def change(self, value: Any, severity: float, rng: np.random.Generator) -> Any:
        image = as_image(value, self.name)
        up = self.how == "brighter" or (self.how == "both" and rng.random() < 0.5)
        return to_uint8(image * (1.0 + severity if up else 1.0 - severity))
