"""Average precision of boxes: each image matched once at every overlap, then weighed as often as it is resampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OVERLAPS: tuple[float, ...] = tuple(float(overlap) for overlap in np.linspace(0.5, 0.95, 10))
"""COCO's intersections over union, from .5 to .95."""
RECALLS = np.linspace(0.0, 1.0, 101)
MOST_BOXES = 100
"""Boxes of one class in one image that count, those with the highest scores."""
_AT_ONCE = 4_000_000
"""Resampled weights of boxes held at once."""


@dataclass(frozen=True, kw_only=True)
class ImageMatches:
    """The boxes given for one class in one image, highest score first, against its true boxes."""

    score: Floats
    """(D,)."""
    hit: Bools
    """(T, D): matched to a true box that counts."""
    ignored: Bools
    """(T, D): counts neither for nor against."""
    truths: int
    """True boxes that count."""


def overlaps_of(given: Floats, truth: Floats, crowd: Bools) -> Floats:
    """Intersection over union of boxes (D, 4) and (G, 4) as x, y, width, height; over the given box's area for a crowd.

    >>> overlaps_of(np.array([[0, 0, 2, 2.0]]), np.array([[1, 0, 2, 2.0]]), np.array([False])).round(3).tolist()
    [[0.333]]
    """
    low = np.maximum(given[:, None, :2], truth[None, :, :2])
    high = np.minimum(given[:, None, :2] + given[:, None, 2:], truth[None, :, :2] + truth[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    both = sides[..., 0] * sides[..., 1]
    mine, theirs = given[:, 2] * given[:, 3], truth[:, 2] * truth[:, 3]
    below = np.where(crowd[None, :], mine[:, None], mine[:, None] + theirs[None, :] - both)
    share: Floats = np.divide(both, below, out=np.zeros_like(both), where=below > 0)
    return share


def match_boxes(*, truth: Floats, crowd: Bools, ignored: Bools, given: Floats, score: Floats) -> ImageMatches:
    """Match boxes (D, 4) of one class to true ones (G, 4) as COCO's evaluation does (Lin et al. 2014).

    The highest score chooses first, the true box it overlaps most among those not taken yet; only where none counts it
    may fall on an ignored one, and then it is ignored itself. A crowd can be chosen again and again.
    """
    order = np.argsort(-score, kind="stable")[:MOST_BOXES]
    given, score = given[order], score[order]
    last = np.argsort(ignored, kind="stable")
    truth, crowd, ignored = truth[last], crowd[last], ignored[last]
    overlap = overlaps_of(given, truth, crowd)
    hit = np.zeros((len(OVERLAPS), len(given)), dtype=bool)
    aside = np.zeros_like(hit)
    for level, least in enumerate(OVERLAPS):
        taken = np.zeros(len(truth), dtype=bool)
        for box in range(len(given)):
            chosen = _choose(overlap[box], min(least, 1 - 1e-10), taken, crowd, ignored)
            if chosen is None:
                continue
            taken[chosen] = True
            hit[level, box], aside[level, box] = not ignored[chosen], ignored[chosen]
    return ImageMatches(score=score, hit=hit, ignored=aside, truths=int((~ignored).sum()))


def _choose(overlap: Floats, least: float, taken: Bools, crowd: Bools, ignored: Bools) -> int | None:
    """The true box of the largest overlap, the last of equal ones, those that count before the ignored."""
    able = (overlap >= least) & (~taken | crowd)
    for kind in (able & ~ignored, able & ignored):
        if kind.any():
            places = np.flatnonzero(kind)
            return int(places[overlap[places] == overlap[places].max()][-1])
    return None


@dataclass(frozen=True, kw_only=True)
class ClassMatches:
    """Every box of one class in all images, highest score first."""

    image: NDArray[np.intp]
    """(D,), places of images."""
    hit: Bools
    ignored: Bools
    truths: Floats
    """(images,), true boxes that count."""


def of_class(images: Sequence[ImageMatches | None]) -> ClassMatches:
    """Join one class's matches of all images (None: neither true nor given boxes), equal scores in their order."""
    there = [(place, one) for place, one in enumerate(images) if one is not None]
    truths = np.zeros(len(images))
    truths[[place for place, _ in there]] = [one.truths for _, one in there]
    nothing = np.zeros((len(OVERLAPS), 0), dtype=bool)
    score = np.concatenate([np.zeros(0), *(one.score for _, one in there)])
    image = np.repeat([place for place, _ in there], [len(one.score) for _, one in there]).astype(np.intp)
    order = np.argsort(-score, kind="stable")
    return ClassMatches(
        image=image[order],
        hit=np.concatenate([nothing, *(one.hit for _, one in there)], axis=1)[:, order],
        ignored=np.concatenate([nothing, *(one.ignored for _, one in there)], axis=1)[:, order],
        truths=truths,
    )


def average_precisions(matches: ClassMatches, weights: Floats, levels: Sequence[int]) -> Floats:
    """Interpolated average precision at 101 recalls, (B, len(levels)), for weights of the images (B, images).

    NaN where a resample has no true box of the class. With weights of 1 it is COCO's own value.

    >>> one = ImageMatches(score=np.array([0.9]), hit=np.ones((10, 1), bool), ignored=np.zeros((10, 1), bool), truths=1)
    >>> average_precisions(of_class([one]), np.ones((1, 1)), [0]).tolist()
    [[1.0]]
    """
    found = np.empty((len(weights), len(levels)))
    step = max(1, _AT_ONCE // max(1, len(matches.image)))
    for first in range(0, len(weights), step):
        drawn = weights[first : first + step]
        truths = drawn @ matches.truths
        held = drawn[:, matches.image]
        running: dict[bytes, Floats] = {}
        for at, level in enumerate(levels):
            aside = matches.ignored[level]
            key = aside.tobytes()
            if key not in running:
                running[key] = np.cumsum(np.where(aside, 0.0, held), axis=1) if aside.any() else np.cumsum(held, axis=1)
            hits = np.flatnonzero(matches.hit[level])
            found[first : first + step, at] = _interpolated(
                np.cumsum(held[:, hits], axis=1), running[key][:, hits], truths
            )
    return found


def _interpolated(hits: Floats, boxes: Floats, truths: Floats) -> Floats:
    """The mean over recalls of the best precision at that recall or a higher one, (B,).

    `hits` and `boxes` (B, H) count up to and with each hit.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(boxes > 0, hits / boxes, 0.0)
        recall = hits / truths[:, None]
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALLS, np.nan_to_num(recall), side="right")
    before = np.concatenate([np.zeros((len(hits), 1), dtype=reached.dtype), reached[:, :-1]], axis=1)
    value: Floats = (best * (reached - before)).sum(axis=1) / len(RECALLS)
    return np.where(truths > 0, value, np.nan)
