"""Images that are nearly the same: perceptual hashes by cosine transform, verified on thumbnails."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.leakage.columns import Sides, missing
from seatrial.evaluation.leakage.matching import Matches, best

Progress = Callable[[str, int, int], None]
Floats = NDArray[np.float64]
SIDE, LOW = 32, 8
MOST_BITS = 10
"""Of 64 bits that may differ."""
LEAST_ALIKE = 0.95
"""Correlation of the thumbnails' grey values."""
MOST_PAIRS = 2e10
"""Above, test rows are sampled."""
FLAT = 2.0
"""Standard deviation of grey values (of 255) under which an image has no features to compare."""
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What is kept of the images of one side."""

    digest: NDArray[np.uint64]
    """Of the bytes: equal for equal images."""
    hash: NDArray[np.uint64]
    thumbnail: NDArray[np.float32]
    """(n, 1024), mean 0 and length 1."""
    usable: NDArray[np.bool_]


def looks(images: Sequence[Any], *, progress: Progress | None = None) -> Looks:
    """Hashes and thumbnails of images (height, width) or (height, width, channels) of values 0..255."""
    n = len(images)
    digest, marks = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.uint64)
    small = np.zeros((n, SIDE * SIDE), dtype=np.float32)
    usable = np.zeros(n, dtype=bool)
    for i in range(n):
        if progress is not None and i % 500 == 0:
            progress("images", i, n)
        image = images[i]
        if missing(image):
            digest[i] = i
            continue
        array = np.ascontiguousarray(image)
        sha = hashlib.blake2b(str(array.shape).encode() + array.tobytes(), digest_size=8)
        digest[i] = int.from_bytes(sha.digest(), "little")
        grey = thumbnail(array)
        if grey.std() < FLAT:
            continue
        usable[i] = True
        marks[i] = perceptual_hash(grey)
        centred = (grey - grey.mean()).ravel()
        small[i] = centred / np.sqrt((centred * centred).sum())
    return Looks(digest=digest, hash=marks, thumbnail=small, usable=usable)


def thumbnail(image: NDArray[Any]) -> Floats:
    """Grey values of an image on a grid of 32 x 32: means over areas.

    >>> float(thumbnail(np.full((64, 40, 3), 7, dtype=np.uint8))[3, 3])
    7.0
    """
    grey = np.asarray(image, dtype=np.float64)
    if grey.ndim == 3:
        channels = grey.shape[2]
        grey = grey[..., :3] @ np.array([0.299, 0.587, 0.114]) if channels >= 3 else grey[..., 0]
    if np.issubdtype(np.asarray(image).dtype, np.floating) and np.nanmax(grey, initial=0.0) <= 1.0:
        grey = grey * 255
    return np.asarray(_areas(grey.shape[0]) @ grey @ _areas(grey.shape[1]).T)


@lru_cache(maxsize=64)
def _areas(size: int) -> Floats:
    """Weights (32, size) that average `size` pixels over 32 equal stretches."""
    edges = np.linspace(0, size, SIDE + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)
    return np.asarray(np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None) * (SIDE / size))


def perceptual_hash(grey: Floats) -> int:
    """64 bits: whether each of the 8 x 8 lowest frequencies of a 32 x 32 thumbnail lies above the others' median.

    The frequencies are of the cosine transform (Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions"); brightness, the first one, does not count.

    >>> grey = np.random.default_rng(0).normal(size=(32, 32))
    >>> perceptual_hash(grey) == perceptual_hash(grey * 0.9 + 5)
    True
    """
    from scipy.fft import dctn

    low = dctn(grey, type=2)[:LOW, :LOW].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_images(
    sides: Sides, column: str, found: tuple[Looks, Looks], *, seed: int
) -> tuple[Matches, NDArray[np.int64] | None, tuple[str, ...]]:
    """Best near copy of every test image; the rows sampled, where not all could be looked at."""
    test, train = found
    rows, notes = np.flatnonzero(test.usable), []
    sampled = None
    whole = len(rows) * (len(train.hash) + len(test.hash))
    if whole > MOST_PAIRS:
        many = max(100, int(len(rows) * MOST_PAIRS / whole))
        rows = np.sort(np.random.default_rng(seed).choice(rows, many, replace=False))
        sampled = rows
        notes.append(f"{many:,} of {sides.n_test:,} test images were sampled for near copies.")
    if flat := int((~test.usable).sum()):
        notes.append(f"{flat:,} test images of one colour are compared by equality alone.")
    train_place, train_alike = _nearest(test, train, rows, own=False)
    test_place, test_alike = _nearest(test, test, rows, own=True)
    return (
        Matches(
            train=train_place,
            train_alike=train_alike,
            test=test_place,
            test_alike=test_alike,
            how=f"perceptual hash of '{column}', verified by the correlation of thumbnails",
            method=f"perceptual hash of 64 bits, at most {MOST_BITS} different, and thumbnails of {SIDE} x {SIDE} that "
            f"correlate to at least {LEAST_ALIKE:g}; every pair compared",
        ),
        sampled,
        tuple(notes),
    )


def _nearest(test: Looks, other: Looks, rows: NDArray[np.int64], *, own: bool) -> tuple[Any, Any]:
    n = len(test.hash)
    usable = np.flatnonzero(other.usable)
    hashes = other.hash[usable]
    one: list[Any] = []
    two: list[Any] = []
    alike: list[Any] = []
    if len(hashes):
        step = max(1, _BLOCK // len(hashes))
        for start in range(0, len(rows), step):
            here = rows[start : start + step]
            apart = np.bitwise_count(test.hash[here][:, None] ^ hashes[None, :])
            left, right = np.nonzero(apart <= MOST_BITS)
            first, second = here[left], usable[right]
            if own:
                keep = first != second
                first, second = first[keep], second[keep]
            for at in range(0, len(first), 1 << 15):
                a, b = first[at : at + (1 << 15)], second[at : at + (1 << 15)]
                same = np.einsum("ij,ij->i", test.thumbnail[a], other.thumbnail[b], dtype=np.float64)
                good = same >= LEAST_ALIKE
                one.append(a[good])
                two.append(b[good])
                alike.append(np.minimum(same[good], 1.0))
    if not one:
        return np.full(n, -1, dtype=np.int64), np.zeros(n)
    return best(np.concatenate(one), np.concatenate(two), np.concatenate(alike), n)
