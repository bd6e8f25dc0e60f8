"""How far annotators agree: percent, Cohen, Fleiss, Krippendorff, Gwet, per class; bootstrap over the items."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError, UsageError
from seatrial.stats.bootstrap import bca_interval, multinomial_draws
from seatrial.stats.proportions import f1_interval, proportion_interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
MOST_ORDERED = 60
"""Classes up to which the ordinal and ratio alphas are computed (they need every pair of classes in every draw)."""
FEWEST = 10
"""Items with two labels below which no interval is given."""
BOOTSTRAP = "BCa bootstrap over items"
_CHUNK = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """One coefficient: a value with limits, or the reason there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Items that it rests on."""
    method: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far annotators agree, by every coefficient that fits."""

    percent: Agreed
    alpha: Agreed
    gwet: Agreed
    cohen: Agreed | None
    """With two annotators."""
    fleiss: Agreed | None
    """With a fixed number of labels an item, three or more."""
    per_class: tuple[Agreed, ...]
    """Specific agreement: of the pairs of labels that have the class at all, weighted, the share that both have it."""
    items: int
    """With two labels or more."""
    single: int
    """With fewer."""


def agreement(
    codes: ArrayLike,
    *,
    size: int,
    level: Level = "nominal",
    values: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Agreement of annotators on items, from codes (n, k) in 0..size-1, -1 for no label.

    With r_ic the labels c of item i and k_i their number: percent agreement is the mean of
    sum_c r_ic (r_ic - 1)/(k_i (k_i - 1)); Cohen's kappa (1960), Fleiss' kappa (1971) and Gwet's AC1 (2008) are
    (p_a - p_e)/(1 - p_e) with p_e = sum p_c q_c, sum p_c^2 and sum p_c (1 - p_c)/(size - 1); Krippendorff's alpha is
    1 - D_o/D_e with the squared distance of its `level` (Krippendorff 2004, chapter 11). `values` (size,) are the
    classes as numbers for the levels interval and ratio. `weight` (n,) are sampling weights of the items.

    Raises `UsageError` for shapes that do not fit, `DataError` without an item with two labels.

    >>> found = agreement([[0, 0]] * 20 + [[0, 1]] * 5 + [[1, 0]] * 10 + [[1, 1]] * 15, size=2)
    >>> round(found.cohen.value, 9), found.percent.value
    (0.4, 0.7)
    """
    given = np.asarray(codes, dtype=np.int64)
    if given.ndim != 2 or given.shape[1] < 2:
        raise UsageError(f"Agreement needs the labels of two annotators or more, not an array of shape {given.shape}.")
    if size < 1 or given.max(initial=-1) >= size:
        raise UsageError(f"Codes lie in 0..{size - 1}.")
    points = None if values is None else np.asarray(values, dtype=np.float64)
    if level in ("interval", "ratio") and (points is None or points.shape != (size,) or not np.isfinite(points).all()):
        raise UsageError(f"The level '{level}' needs every class as a number.")
    items = _items(given, size, weight)
    enough = (items.counts.sum(1) >= 2) @ items.times
    if not enough:
        raise DataError("No item has two labels: agreement cannot be measured.")
    measured = _Measures(items, size=size, level=level, points=points)
    total = items.share @ measured.features
    value = measured.of(total[None, :])[0]
    apart = _resampled(items, measured, draws=draws, seed=seed)
    left_out = _left_out(items, measured, total)

    def found(place: int, n: int) -> Agreed:
        return _agreed(float(value[place]), apart[:, place], left_out[:, place], items.times, n=n, alpha=alpha)

    pairs = given.shape[1] == 2
    plain = weight is None
    both = int((given >= 0).all(1).sum())
    n = int(enough)
    percent = found(0, n)
    if pairs and plain:
        same = int(((given[:, 0] == given[:, 1]) & (given[:, 0] >= 0)).sum())
        low, high, methods = proportion_interval(same, n, alpha=alpha)
        percent = Agreed(value=same / n, low=float(low[0]), high=float(high[0]), n=n, method=methods[0])
    fixed = int(items.times[items.full].sum())
    per_class = [found(5 + c, n) for c in range(size)]
    if pairs and plain:
        per_class = [_specific(given, c, alpha) for c in range(size)]
    return Agreement(
        percent=percent,
        alpha=_no_alpha(n, size, level) or found(1, n),
        gwet=found(2, n),
        cohen=found(3, both) if pairs else None,
        fleiss=found(4, fixed) if not pairs and fixed else None,
        per_class=tuple(per_class),
        items=n,
        single=int(items.times.sum()) - n,
    )


def best_accuracy(agreed: float, *, size: int) -> float | None:
    """Accuracy that a perfect model has against single labels, if annotators agree on the share `agreed` of items.

    Annotators who err independently, each with accuracy a, and equally often towards every other class agree with
    P = a^2 + (1 - a)^2/(size - 1), so a = (1 + sqrt((size - 1)(size P - 1)))/size; None where P is below chance.

    >>> round(best_accuracy(0.82, size=2), 9), best_accuracy(0.4, size=2)
    (0.9, None)
    """
    if size < 2 or size * agreed < 1:
        return None
    return float((1 + np.sqrt((size - 1) * (size * agreed - 1))) / size)


@dataclass(frozen=True, kw_only=True)
class _Items:
    """Different rows of codes, and how often, or with which weight, each is there."""

    codes: Integers
    counts: Integers
    """(patterns, size): labels of each class."""
    times: Integers
    share: Floats
    """Times the weight; sums to the number of items."""
    full: NDArray[np.bool_]
    """With as many labels as there are at most."""


def _items(given: Integers, size: int, weight: ArrayLike | None) -> _Items:
    if weight is None:
        rows, times = np.unique(given, axis=0, return_counts=True)
        share = times.astype(np.float64)
    else:
        own = np.asarray(weight, dtype=np.float64)
        if own.shape != (len(given),) or not (own >= 0).all() or not own.sum() > 0:
            raise UsageError("Weights are one number an item, none below 0 and not all 0.")
        rows, times, share = given, np.ones(len(given), dtype=np.int64), own * (len(own) / own.sum())
    counts = np.zeros((len(rows), size), dtype=np.int64)
    for rater in range(rows.shape[1]):
        there = np.flatnonzero(rows[:, rater] >= 0)
        np.add.at(counts, (there, rows[there, rater]), 1)
    many = counts.sum(1)
    return _Items(codes=rows, counts=counts, times=times, share=share, full=np.asarray(many == many.max(initial=0)))


class _Measures:
    """Sums over items from which every coefficient follows: `features` (patterns, sums), `of` sums to values."""

    def __init__(self, items: _Items, *, size: int, level: Level, points: Floats | None) -> None:
        self._size, self._level, self._points = size, level, points
        counts = items.counts.astype(np.float64)
        many = counts.sum(1)
        two = many >= 2
        safe = np.where(two, many, 2.0)
        pairs = np.where(two[:, None], counts * (counts - 1) / (safe - 1)[:, None], 0.0)
        same = pairs.sum(1) / safe
        self._parts: dict[str, slice] = {}
        blocks: list[Floats] = []

        def add(name: str, block: Floats) -> None:
            start = sum(one.shape[1] for one in blocks)
            blocks.append(block)
            self._parts[name] = slice(start, start + block.shape[1])

        add("two", two[:, None].astype(np.float64))
        add("same", same[:, None])
        add("any", (many >= 1)[:, None].astype(np.float64))
        add("shares", counts / np.maximum(many, 1)[:, None])
        add("pairs", pairs)
        add("labels", np.where(two[:, None], counts, 0.0))
        add("full", items.full[:, None].astype(np.float64))
        add("full same", np.where(items.full, same, 0.0)[:, None])
        add("full labels", np.where(items.full[:, None], counts / np.maximum(many, 1)[:, None], 0.0))
        if items.codes.shape[1] == 2:
            both = np.asarray((items.codes >= 0).all(1), dtype=bool)
            add("both", both[:, None].astype(np.float64))
            add("both same", (both & (items.codes[:, 0] == items.codes[:, 1]))[:, None].astype(np.float64))
            for rater in (0, 1):
                one = np.zeros((len(many), size))
                there = np.flatnonzero(both)
                one[there, items.codes[there, rater]] = 1.0
                add(f"rater {rater}", one)
        if level == "interval" and points is not None:
            distance = (points[:, None] - points) ** 2
            add("apart", np.where(two, np.einsum("ic,cd,id->i", counts, distance, counts) / (safe - 1), 0.0)[:, None])
        elif level in ("ordinal", "ratio") and size <= MOST_ORDERED:
            joint = np.einsum("ic,id->icd", counts, counts)
            joint[:, np.arange(size), np.arange(size)] -= counts
            joint = np.where(two[:, None, None], joint / (safe - 1)[:, None, None], 0.0)
            add("joint", joint.reshape(len(many), size * size))
        self.features = np.concatenate(blocks, axis=1)

    def of(self, sums: Floats) -> Floats:
        """Values (B, 5 + size) of sums (B, sums): percent, alpha, AC1, Cohen, Fleiss, every class; NaN for none."""

        def part(name: str) -> Floats:
            return sums[:, self._parts[name]]

        with np.errstate(invalid="ignore", divide="ignore"):
            percent = part("same")[:, 0] / part("two")[:, 0]
            share = part("shares") / part("any")
            chance = (share * (1 - share)).sum(1) / max(self._size - 1, 1)
            gwet = (percent - chance) / (1 - chance)
            cohen = np.full(len(sums), np.nan)
            if "both" in self._parts:
                n = part("both")[:, 0]
                expected = (part("rater 0") * part("rater 1")).sum(1) / n**2
                cohen = (part("both same")[:, 0] / n - expected) / (1 - expected)
            full = part("full")
            expected = ((part("full labels") / full) ** 2).sum(1)
            fleiss = (part("full same")[:, 0] / full[:, 0] - expected) / (1 - expected)
            specific = part("pairs") / part("labels")
            first = np.stack([percent, self._alpha(part), gwet, cohen, fleiss], axis=1)
        found = np.concatenate([first, specific], axis=1)
        return np.where(np.isfinite(found), found, np.nan)

    def _alpha(self, part: Callable[[str], Floats]) -> Floats:
        labels = part("labels")
        n = labels.sum(1)
        if self._level == "nominal":
            observed = n - part("pairs").sum(1)
            expected = n * n - (labels * labels).sum(1)
        elif self._level == "interval" and self._points is not None:
            observed = part("apart")[:, 0]
            centre = labels @ self._points / n
            squares = labels @ (self._points**2)
            expected = 2 * (n * squares - (n * centre) ** 2)
        elif "joint" in self._parts:
            distance = self._distances(labels)
            observed = (part("joint").reshape(len(n), self._size, self._size) * distance).sum((1, 2))
            expected = np.einsum("bc,bd,bcd->b", labels, labels, distance)
        else:
            return np.full(len(n), np.nan)
        return np.asarray(1 - (n - 1) * observed / expected)

    def _distances(self, labels: Floats) -> Floats:
        if self._level == "ratio" and self._points is not None:
            total = self._points[:, None] + self._points
            apart = (self._points[:, None] - self._points) / np.where(total == 0, 1, total)
            same = np.where(total == 0, 0.0, apart**2)
            return np.broadcast_to(same, (len(labels), *same.shape))
        middle = np.cumsum(labels, axis=1) - labels / 2
        return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2)


def _resampled(items: _Items, measured: _Measures, *, draws: int, seed: int) -> Floats:
    """Values of every coefficient on items drawn again with replacement, (draws, coefficients)."""
    found = []
    step = max(1, min(draws, _CHUNK // max(len(items.times), measured.features.shape[1])))
    each = items.share / items.times
    for at, start in enumerate(range(0, draws, step)):
        many = min(step, draws - start)
        weights = multinomial_draws(items.times, draws=many, seed=_seed(seed, at)) * each
        found.append(measured.of(weights @ measured.features))
    return np.concatenate(found)


def _seed(seed: int, at: int) -> int:
    return int(np.random.SeedSequence([seed, at]).generate_state(1)[0])


def _left_out(items: _Items, measured: _Measures, total: Floats) -> Floats:
    """Values without one item of each pattern, (patterns, coefficients)."""
    each = (items.share / items.times)[:, None]
    step = max(1, _CHUNK // measured.features.shape[1])
    return np.concatenate(
        [
            measured.of(total - each[at : at + step] * measured.features[at : at + step])
            for at in range(0, len(each), step)
        ]
    )


def _agreed(value: float, draws: Floats, left_out: Floats, times: Integers, *, n: int, alpha: float) -> Agreed:
    if not np.isfinite(value):
        return Agreed(value=None, n=n, reason="every label is the same: nothing to agree beyond chance")
    if n < FEWEST:
        return Agreed(value=value, n=n, reason=f"under {FEWEST} items with two labels: no limits")
    kept = draws[np.isfinite(draws)]
    if len(kept) < 0.95 * len(draws):
        return Agreed(value=value, n=n, reason="many resamples have one class only: no limits")
    if kept.min() == kept.max() or np.ptp(left_out[np.isfinite(left_out)]) <= 1e-12:
        return Agreed(value=value, n=n, reason="every item agrees alike: resampling gives no limits")
    each = np.repeat(left_out, times)
    each = np.where(np.isfinite(each), each, value)
    low, high = bca_interval(kept, value, each, alpha=alpha)
    return Agreed(value=value, low=float(max(low, -1.0)), high=float(min(high, 1.0)), n=n, method=BOOTSTRAP)


def _specific(given: Integers, code: int, alpha: float) -> Agreed:
    """Specific agreement of two annotators on a class: the F1 of one held against the other."""
    both = given[(given >= 0).all(1)]
    first, second = both[:, 0] == code, both[:, 1] == code
    same, apart = int((first & second).sum()), int((first ^ second).sum())
    if not same + apart:
        return Agreed(value=None, n=0, reason="no label of this class")
    low, high, methods = f1_interval(same, apart, alpha=alpha)
    value = 2 * same / (2 * same + apart)
    return Agreed(value=value, low=float(low[0]), high=float(high[0]), n=same + apart, method=methods[0])


def _no_alpha(n: int, size: int, level: Level) -> Agreed | None:
    if level in ("ordinal", "ratio") and size > MOST_ORDERED:
        return Agreed(value=None, n=n, reason=f"more than {MOST_ORDERED} classes: use the level nominal or interval")
    return None
