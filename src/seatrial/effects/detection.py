"""Average precision of boxes on every slice: images resampled with the same weights for all versions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.effects.cases import Cases, Floats
from seatrial.effects.grouping import Grouping
from seatrial.effects.measured import Measured, Value
from seatrial.effects.overriding import Overriding
from seatrial.effects.resampled import without_interval
from seatrial.metrics.base import Detected
from seatrial.stats.bootstrap import MOST_FAILED, BootstrapContrast, bootstrap_statistic
from seatrial.stats.contrasts import Contrast
from seatrial.stats.detection import OVERLAPS, ClassMatches, ImageMatches, average_precisions, of_class
from seatrial.stats.means import mean_interval

Pair = tuple[int, ...]
Progress = Callable[[str, int, int], None]
DRAWS = 1_000
HALVES = 50
"""Splits of the images into two halves, which show how far the value is off at their size."""
RATE = 2 / 3
"""The bias of interpolated precision, a maximum over ranks, falls with about this power of the images."""
FEWEST = 2
"""Images (or clusters) below which nothing is resampled."""


@dataclass
class Detector:
    """The matched boxes of a frame, and average precisions already found: one place a metric asks, so that all of them
    share the matching and the resamples."""

    frame: Frame
    rows: NDArray[np.intp]
    """The row of the frame that each row measured is."""
    seed: int = 0
    progress: Progress | None = None
    _found: dict[tuple[Any, ...], Floats] = field(default_factory=dict)
    _weights: dict[tuple[Any, ...], Floats] = field(default_factory=dict)

    def valid(self) -> NDArray[np.bool_]:
        """The rows that every version has boxes for (an empty list is an answer)."""
        there = [np.array([one is not None for one in kept])[self.rows] for kept in self.frame.kept]
        every: NDArray[np.bool_] = np.logical_and.reduce(there)
        return every

    def precisions(
        self, model: int, label: str, key: tuple[Any, ...], picked: NDArray[np.intp], cases: Cases
    ) -> Floats:
        """Average precision of one class, (1 + halves + draws, overlaps): of all rows, of halves, of resamples."""
        wanted = (model, label, key)
        if wanted not in self._found:
            kept = self.frame.kept[model]
            images: list[ImageMatches | None] = [_of_label(kept[self.rows[row]], label) for row in picked]
            matches: ClassMatches = of_class(images)
            self._found[wanted] = average_precisions(matches, self.weights(key, picked, cases), range(len(OVERLAPS)))
        return self._found[wanted]

    def weights(self, key: tuple[Any, ...], picked: NDArray[np.intp], cases: Cases) -> Floats:
        """Weights of the images, (1 + halves + draws, images); halves and resamples are of images, or of clusters."""
        if key not in self._weights:
            own = np.ones(len(picked)) if cases.weight is None else cases.weight[picked]
            cluster = None if cases.cluster is None else cases.cluster[picked]
            units = len(picked) if cluster is None else len(np.unique(cluster))
            drawn = np.zeros((0, len(picked)))
            if units >= FEWEST:
                tell = None if self.progress is None else partial(self.progress, "resample images")
                drawn = bootstrap_statistic(
                    lambda weights: weights,
                    rows=len(picked),
                    cluster=cluster,
                    draws=DRAWS,
                    seed=self.seed + int(key[-1]),
                    progress=tell,
                )
            halves = _halves(len(picked), cluster, units, seed=self.seed + int(key[-1]))
            self._weights = {key: np.concatenate([np.ones((1, len(picked))), halves, drawn]) * own}
        return self._weights[key]


def measure_detected(
    metric: Detected,
    detector: Detector,
    cases: Cases,
    grouping: Grouping,
    rows: Floats,
    pair: Pair,
    *,
    same: bool,
    unit: str,
    most_slices: int,
) -> Measured:
    """Measure average precision of one version or a pair; a class without true boxes in a slice is left out of it."""
    size = grouping.size
    valid = detector.valid()
    n = cases.total(np.where(valid, cases.rows, 0.0))
    classes = detector.frame.facts.target_labels[0] if metric.label is None else (metric.label,)
    levels = [int(np.argmin([abs(overlap - one) for overlap in OVERLAPS])) for one in metric.overlaps]
    value = {model: np.full(size, np.nan) for model in pair}
    draws: dict[int, dict[int, Floats]] = {model: {} for model in pair}
    bias = {model: np.zeros(size) for model in pair}
    units = np.zeros(size)
    reasons: list[str | None] = [f"boxes are resampled on up to {most_slices} slices"] * size
    for s in range(size) if size <= most_slices else ():
        picked = np.flatnonzero(valid & (cases.slice_index == s))
        reasons[s] = "no rows with every input"
        if not len(picked):
            continue
        units[s] = len(picked) if cases.cluster is None else len(np.unique(cases.cluster[picked]))
        for model in pair:
            key = (grouping, s)
            found = [detector.precisions(model, label, key, picked, cases)[:, levels] for label in classes]
            several = _mean(found)
            value[model][s] = several[0]
            halves, draws[model][s] = np.split(several[1:], [min(2 * HALVES, len(several) - 1)])
            bias[model][s] = _bias(several[0], halves)
        named = f" '{metric.label}'" if metric.label is not None else ""
        reasons[s] = None if np.isfinite(value[pair[0]][s]) else f"there is no true box{named} here"
    values = {
        model: Value(
            value=value[model],
            standard_error=np.array([_deviation(draws[model].get(s)) for s in range(size)]),
            df=n - 1,
            reasons=tuple(reasons),
            limits=partial(_limits, value[model], bias[model], _resampled(draws[model], value[model]), units),
        )
        for model in pair
    }
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 2:
        baseline, candidate = pair
        why = tuple(reason or "too few images to resample" for reason in reasons)
        others: dict[int, Contrast] = {
            s: BootstrapContrast(
                baseline=float(value[baseline][s]),
                candidate=float(value[candidate][s]),
                baseline_draws=first,
                candidate_draws=draws[candidate][s],
                identical=same,
                unit=detector.frame.cluster or "image",
            )
            for s, first in draws[baseline].items()
            if reasons[s] is None and (len(first) or same)
        }
        base = without_interval(value[baseline], value[candidate], n, why)
        contrasts[baseline, candidate] = Overriding(base, others)
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def _of_label(kept: object, label: str) -> ImageMatches | None:
    if not isinstance(kept, Mapping):
        return None
    found: ImageMatches | None = kept.get(label)
    return found


def _mean(classes: Sequence[Floats]) -> Floats:
    """The mean over classes and overlaps of each draw, classes that a draw has no true box of left out."""
    stacked = np.concatenate(classes, axis=1)
    known = np.isfinite(stacked)
    count = known.sum(axis=1)
    total = np.where(known, stacked, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(stacked), np.nan), where=count > 0)
    return mean


def _resampled(draws: dict[int, Floats], value: Floats) -> dict[int, Floats]:
    return {s: drawn for s, drawn in draws.items() if len(drawn) and np.isfinite(value[s])}


def _halves(rows: int, cluster: NDArray[np.intp] | None, units: int, *, seed: int) -> Floats:
    """Weights that keep one half of the images (or clusters), then the other, (2 HALVES, rows); none below FEWEST."""
    if units < FEWEST:
        return np.zeros((0, rows))
    rng = np.random.default_rng([seed, 1])
    place = np.arange(rows) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    first = rng.permuted(np.tile(np.arange(units) < units // 2, (HALVES, 1)), axis=1)[:, place]
    return np.concatenate([first, ~first]).astype(np.float64)


def _bias(value: float, halves: Floats) -> float:
    """How far a value is above the truth, from how far the values of halves are above it: bias ~ images^-RATE."""
    kept = halves[np.isfinite(halves)]
    return float(kept.mean() - value) / (2**RATE - 1) if len(kept) else 0.0


def _limits(
    value: Floats, bias: Floats, draws: dict[int, Floats], units: Floats, alpha: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Limits of a t about the value less its bias, within 0 and 1 and with the value among them."""
    low, high = np.full(len(value), np.nan), np.full(len(value), np.nan)
    names = ["none: there are too few images to resample"] * len(value)
    for s, drawn in draws.items():
        kept = drawn[np.isfinite(drawn)]
        if len(kept) < (1 - MOST_FAILED) * len(drawn):
            names[s] = "none: many resamples have no true box"
        elif kept.min() == kept.max():
            names[s] = "none: every resample gave the same value"
        else:
            centre, error, df = value[s : s + 1] - bias[s], np.array([kept.std(ddof=1)]), units[s : s + 1] - 1
            below, above = mean_interval(centre, error, df, alpha=alpha)
            low[s] = max(0.0, min(float(below[0]), float(value[s])))
            high[s] = min(1.0, max(float(above[0]), float(value[s])))
            names[s] = "bootstrap by image, t, less the bias that halves show"
    return low, high, tuple(names)


def _deviation(draws: Floats | None) -> float:
    kept = np.zeros(0) if draws is None else draws[np.isfinite(draws)]
    return float(kept.std(ddof=1)) if len(kept) > 1 else float("nan")
