"""Images to tensors: size, order of channels, scale, mean, deviation, layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seatrial.errors import UsageError
from seatrial.models.base import ModelError
from seatrial.models.opening import Opening

Array = np.ndarray[Any, Any]


def is_image(value: Any) -> bool:
    """Return whether a value is an image: an array (height, width) or (height, width, channels), or a PIL image."""
    if type(value).__module__.startswith("PIL."):
        return True
    if not isinstance(value, np.ndarray):
        return False
    return value.ndim == 2 or (value.ndim == 3 and value.shape[2] in (1, 3, 4))


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """What is done to every image: resized (bilinear), (x * scale - mean) / std, channels first or last."""

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: str | None = None
    size: tuple[int, int] | None = None
    """Height, width."""
    channels: str = "rgb"

    @classmethod
    def of(cls, opening: Opening) -> Self:
        """Read the options `scale, mean, std, layout, size, channels`."""
        scale = opening.numbers("scale") or (1.0,)
        size = opening.numbers("size")
        std = opening.numbers("std") or (1.0,)
        if len(scale) != 1:
            raise UsageError(f"Model '{opening.name}': scale is one number, as in 1/255.")
        if size is not None and (len(size) > 2 or any(one < 1 or one != int(one) for one in size)):
            raise UsageError(f"Model '{opening.name}': size is pixels, or height,width.")
        if any(one == 0 for one in std):
            raise UsageError(f"Model '{opening.name}': std divides, so it cannot be 0.")
        return cls(
            scale=scale[0],
            mean=opening.numbers("mean") or (0.0,),
            std=std,
            layout=opening.one_of("layout", ("nchw", "nhwc")),
            size=None if size is None else (int(size[0]), int(size[-1])),
            channels=opening.one_of("channels", ("rgb", "bgr")) or "rgb",
        )

    @property
    def changes(self) -> bool:
        """Whether values are scaled at all."""
        return (self.scale, self.mean, self.std) != (1.0, (0.0,), (1.0,))

    def scaled(self, values: Array) -> Array:
        """Return (x * scale - mean) / std in 32-bit reals; mean and std go along the last axis."""
        made = values.astype(np.float32)
        if self.changes:
            mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
            made = (made * np.float32(self.scale) - mean) / std
        return made

    def tensor(
        self, values: Sequence[Any], *, name: str, model: str, shape: Sequence[int | None] | None, dtype: str
    ) -> Array:
        """Return images (n, channels, height, width) or (n, height, width, channels) as a model wants them."""
        last = self._channels_last(shape)
        wanted = None if shape is None or len(shape) != 4 else (shape[3] if last else shape[1])
        images = [self._image(one, wanted, name, model) for one in values]
        if len({one.shape for one in images}) > 1:
            raise ModelError(
                f"Model '{model}': column '{name}' holds images of several sizes; size=HEIGHT,WIDTH makes them one."
            )
        made = np.stack(images)
        for what, given in (("mean", self.mean), ("std", self.std)):
            if len(given) not in (1, made.shape[3]):
                raise ModelError(f"Model '{model}': {what} has {len(given)} numbers for {made.shape[3]} channels.")
        made = self.scaled(made)
        if dtype in ("int8", "uint8"):
            limits = np.iinfo(dtype)
            made = np.clip(np.rint(made), limits.min, limits.max)
        if shape is not None and len(shape) == 2:
            last = self.layout != "nchw"
        return np.ascontiguousarray(made if last else made.transpose(0, 3, 1, 2)).astype(dtype)

    def _channels_last(self, shape: Sequence[int | None] | None) -> bool:
        if self.layout is not None or shape is None or len(shape) != 4:
            return self.layout == "nhwc"
        likely = {1: 2, 3: 2, 4: 1}  # as a number of channels, rather than of pixels
        return likely.get(shape[3] or 0, 0) > likely.get(shape[1] or 0, 0)

    def _image(self, value: Any, channels: int | None, name: str, model: str) -> Array:
        image = np.asarray(value)
        if image.ndim == 2:
            image = image[:, :, None]
        if image.ndim != 3:
            raise ModelError(f"Model '{model}': column '{name}' holds something that is no image: {image.shape}.")
        if image.shape[2] == 4 and channels != 4:
            image = image[:, :, :3]
        if image.shape[2] == 1 and channels == 3:
            image = np.repeat(image, 3, axis=2)
        if self.size is not None and image.shape[:2] != self.size:
            image = _resized(image, self.size)
        return image[:, :, ::-1] if self.channels == "bgr" and image.shape[2] == 3 else image


def _resized(image: Array, size: tuple[int, int]) -> Array:
    try:
        from PIL import Image
    except ImportError:
        raise UsageError("Resizing images needs Pillow: pip install 'seatrial[images]'.") from None
    kind = image.dtype
    planes = [
        np.asarray(
            Image.fromarray(image[:, :, at] if kind == np.uint8 else image[:, :, at].astype(np.float32)).resize(
                (size[1], size[0]), Image.Resampling.BILINEAR
            )
        )
        for at in range(image.shape[2])
    ]
    return np.stack(planes, axis=2).astype(kind)
