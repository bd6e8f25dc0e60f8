"""A column of images that are decoded when asked for: files of a folder, members of a zip, bytes in memory."""

import hashlib
import io
import zipfile
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError, UsageError

_KEPT = 64
_MOST_PIXELS = 100_000_000

Image = NDArray[np.uint8]


class Pictures(ABC, Sequence[Any]):
    """Images as uint8 arrays (height, width, 3), RGB; a few are kept after decoding."""

    def __init__(self, rows: Sequence[int] | None = None) -> None:
        self._rows = range(self._all()) if rows is None else rows
        self._kept: OrderedDict[int, Image] = OrderedDict()

    @abstractmethod
    def _all(self) -> int:
        """How many there are before some are taken."""

    @abstractmethod
    def _bytes(self, position: int) -> bytes:
        """The encoded image."""

    @abstractmethod
    def _name(self, position: int) -> str:
        """What an error calls it."""

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> Image: ...
    @overload
    def __getitem__(self, row: slice) -> list[Image]: ...
    def __getitem__(self, row: int | slice) -> Image | list[Image]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        position = self._rows[row]
        if position not in self._kept:
            self._kept[position] = decoded(self._bytes(position), name=self._name(position))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[position]

    def __iter__(self) -> Iterator[Image]:
        return (self[row] for row in range(len(self)))

    def digest_of(self, row: int) -> str:
        """SHA-256 of the encoded bytes of one image."""
        return hashlib.sha256(self._bytes(self._rows[row])).hexdigest()

    def bytes_of(self, row: int) -> bytes:
        """The encoded bytes of one image, as they lie in its file."""
        return self._bytes(self._rows[row])

    def taken(self, rows: Sequence[int]) -> "Pictures":
        """Some of them, in this order, not decoded for it."""
        import copy

        some = copy.copy(self)
        some._rows = [self._rows[row] for row in rows]
        some._kept = OrderedDict()
        return some


class FolderPictures(Pictures):
    """Image files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        super().__init__()

    def _all(self) -> int:
        return len(self._paths)

    def _bytes(self, position: int) -> bytes:
        try:
            return self._paths[position].read_bytes()
        except OSError as error:
            raise DataError(f"Image '{self._paths[position].name}' cannot be read: {error.strerror}.") from None

    def _name(self, position: int) -> str:
        return self._paths[position].name


class ZipPictures(Pictures):
    """Members of a zip archive, read one at a time."""

    def __init__(self, archive: Path, members: Sequence[str]) -> None:
        self._archive = archive
        self._members = tuple(members)
        self._opened: zipfile.ZipFile | None = None
        super().__init__()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    def _all(self) -> int:
        return len(self._members)

    def _bytes(self, position: int) -> bytes:
        if self._opened is None:
            self._opened = zipfile.ZipFile(self._archive)
        try:
            return self._opened.read(self._members[position])
        except (zipfile.BadZipFile, OSError, RuntimeError, KeyError) as error:
            raise DataError(f"{self._archive.name}: '{self._members[position]}' cannot be unpacked: {error}.") from None

    def _name(self, position: int) -> str:
        return f"{self._archive.name}/{self._members[position]}"


class BytesPictures(Pictures):
    """Encoded images in memory."""

    def __init__(self, encoded: Sequence[bytes], *, name: str) -> None:
        self._encoded = encoded
        self._of = name
        super().__init__()

    def _all(self) -> int:
        return len(self._encoded)

    def _bytes(self, position: int) -> bytes:
        return self._encoded[position]

    def _name(self, position: int) -> str:
        return f"{self._of}, row {position + 1:,}"


def decoded(data: bytes, *, name: str) -> Image:
    """Return an encoded image as a uint8 array (height, width, 3), turned as its EXIF data say.

    Raises `DataError` for bytes that are no image, `UsageError` where Pillow is not installed.
    """
    pillow = require_pillow(name)
    from PIL import ImageOps

    try:
        with pillow.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise DataError(
                    f"Image '{name}' has {opened.width:,} x {opened.height:,} pixels, more than {_MOST_PIXELS:,}."
                )
            turned = ImageOps.exif_transpose(opened)
            return np.asarray(turned.convert("RGB"), dtype=np.uint8)
    except DataError:
        raise
    except Exception as error:
        why = str(error).split(" <", 1)[0].split(": ")[-1][:80]
        raise DataError(f"Image '{name}' cannot be decoded ({why}); is the file damaged?") from None


def require_pillow(name: str) -> Any:
    """Return Pillow's `Image` module; raises `UsageError` naming the extra where it is missing."""
    try:
        from PIL import Image as pillow  # noqa: N813
    except ImportError:
        raise UsageError(f"{name}: images need Pillow: pip install 'seatrial[images]'.") from None
    return pillow
