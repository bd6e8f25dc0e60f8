"""What gives the target away: a column that tells it alone, a row's name or place, the target's name in the text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.leakage.columns import Codes, Sides, codes, missing, numbers
from seatrial.records.overlap import OverlapColumn
from seatrial.stats.paired import tango_interval
from seatrial.stats.proportions import clopper_pearson, proportion_interval
from seatrial.stats.ranks import grouped_auc, logit_interval, spearman_influence
from seatrial.stats.sorted_scores import SortedScores

Floats = NDArray[np.float64]
MOST_ROWS = 50_000
MOST_LEVELS = 50
MOST_CLASSES = 200
FEWEST_ROWS = 30
BINS = 50
FOLDS = 5
NEARLY, AT_LEAST = 0.98, 0.95
"""AUC or |rho|, and its lower limit, from which a column gives the target away."""
NEARLY_ALL, ALL_AT_LEAST = 0.95, 0.8
"""The same for accuracy: the share of a know-nothing rule's errors that the column does away with."""
ORDERED = 0.9
"""AUC or |rho| from which the rows count as sorted by target."""
Task = Literal["binary", "classes", "number"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """The targets of some rows."""

    task: Task
    rows: Codes
    """Positions of the rows with a target, at most 50,000."""
    codes: Codes
    """Of these rows, 0..size-1."""
    size: int
    values: Floats
    """As numbers, where the task is one of numbers."""
    names: tuple[str, ...]


def target_of(values: Sequence[Any], task: str | None) -> Target | str:
    """The targets as codes or numbers, or why they cannot be used."""
    known = np.array([i for i in range(len(values)) if not missing(values[i])], dtype=np.int64)
    if len(known) < FEWEST_ROWS:
        return f"under {FEWEST_ROWS} rows with a target"
    rows = known[:: max(1, -(-len(known) // MOST_ROWS))]
    picked = [values[i] for i in rows]
    if any(isinstance(value, (list, dict, tuple)) or getattr(value, "ndim", 0) for value in picked[:100]):
        return "the targets are no labels and no numbers"
    coded, _ = codes(picked, [])
    size = int(coded.max()) + 1
    as_numbers = numbers(picked)
    numeric = bool(np.isfinite(as_numbers).all())
    if task == "regression" or (task is None and numeric and size > max(20, len(rows) // 20)):
        return Target(task="number", rows=rows, codes=coded, size=size, values=as_numbers, names=())
    if size < 2:
        return "only one target"
    if size > min(MOST_CLASSES, len(rows) // 3):
        return f"{size:,} different targets"
    names = [""] * size
    for code, value in zip(coded.tolist(), picked, strict=True):
        names[code] = str(value)
    return Target(
        task="binary" if size == 2 else "classes",
        rows=rows,
        codes=coded,
        size=size,
        values=as_numbers,
        names=tuple(names),
    )


def tells(name: str, values: Sequence[Any], target: Target, *, alpha: float, seed: int) -> OverlapColumn | None:
    """How well a column alone tells the target, with limits at 1 - alpha; None where it cannot be tried."""
    picked = [values[i] for i in target.rows]
    known = np.array([not missing(value) for value in picked])
    number = numbers(picked)
    numeric = bool(known.any()) and bool(np.isfinite(number[known]).all())
    coded, _ = codes(picked, [])
    levels = int(coded.max()) + 1
    name_like = levels > 0.95 * len(picked) and (not numeric or _running(number[known]))
    if target.task == "number":
        return None if not numeric else _rho(name, number, target, alpha=alpha, name_like=name_like)
    if name_like and not numeric:
        number = trailing_number(picked)
        if not np.isfinite(number).all():
            return None
        numeric = True
    found: list[OverlapColumn] = []
    if numeric and target.task == "binary" and levels > 2:
        found.append(_auc(name, number, target, alpha=alpha, name_like=name_like))
    if numeric and levels > MOST_LEVELS:
        edges = np.unique(np.nanquantile(number, np.linspace(0, 1, BINS + 1)[1:-1]))
        coded = np.where(np.isnan(number), len(edges) + 1, np.searchsorted(edges, number, side="right")).astype(
            np.int64
        )
        levels = len(edges) + 2
    if levels <= max(MOST_LEVELS + 2, len(picked) // 5):
        found.append(_accuracy(name, coded, levels, target, alpha=alpha, name_like=name_like, seed=seed))
    return max(found, key=lambda one: (one.gives_away, one.measure == "AUC", _excess(one)), default=None)


def _excess(one: OverlapColumn) -> float:
    """How near a column comes to telling everything, 0 to 1."""
    low = one.value if one.low is None else one.low
    return (low - one.base) / max(1 - one.base, 1e-9)


def _auc(name: str, number: Floats, target: Target, *, alpha: float, name_like: bool) -> OverlapColumn:
    score = np.where(np.isnan(number), np.nanmedian(number), number)
    label = target.codes == 1
    table = grouped_auc(SortedScores(score, label).whole())
    value, variance = float(table.value[0]), float(table.variance[0])
    value = max(value, 1 - value)
    if value < 1 and variance > 0:
        lows, highs = logit_interval(value, np.sqrt(variance), alpha=alpha)
        low, high, method = float(lows), float(highs), "AUC of the values, DeLong's variance, limits on the logit scale"
    else:
        fewer = int(min(label.sum(), (~label).sum()))
        low, high = float(clopper_pearson(fewer, fewer, alpha=alpha)[0]), 1.0
        method = f"AUC of the values, exact limit for {fewer:,} of {fewer:,} independent pairs in order"
    return OverlapColumn(
        column=name, measure="AUC", value=value, low=low, high=high, level=1 - alpha, base=0.5, n=len(label),
        method=method, gives_away=value >= NEARLY and low >= AT_LEAST, name_like=name_like,
    )  # fmt: skip


def _accuracy(
    name: str, coded: Codes, levels: int, target: Target, *, alpha: float, name_like: bool, seed: int
) -> OverlapColumn:
    """Share of rows whose target is the most frequent one among the other folds' rows with the same value."""
    n = len(coded)
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    hits = 0
    overall = np.bincount(target.codes, minlength=target.size)
    for f in range(FOLDS):
        learn = fold != f
        counts = np.bincount(coded[learn] * target.size + target.codes[learn], minlength=levels * target.size)
        table = counts.reshape(levels, target.size)
        answer = np.where(table.sum(1) > 0, table.argmax(1), np.bincount(target.codes[learn]).argmax())
        hits += int((answer[coded[~learn]] == target.codes[~learn]).sum())
    base = float(overall.max() / n)
    low, high, methods = proportion_interval(hits, n, alpha=alpha)
    limit = float(low[0])
    return OverlapColumn(
        column=name, measure="accuracy", value=hits / n, low=limit, high=float(high[0]), level=1 - alpha, base=base,
        n=n, method=f"most frequent target per value or bin, learnt on the other folds of {FOLDS}; {methods[0]}",
        gives_away=hits / n - base >= NEARLY_ALL * (1 - base) > 0 and limit - base >= ALL_AT_LEAST * (1 - base),
        name_like=name_like,
    )  # fmt: skip


def _rho(name: str, number: Floats, target: Target, *, alpha: float, name_like: bool) -> OverlapColumn | None:
    known = np.isfinite(number) & np.isfinite(target.values)
    x, y = number[known], target.values[known]
    if len(x) < FEWEST_ROWS or x.min() == x.max() or y.min() == y.max():
        return None
    rho, psi = spearman_influence(x, y)
    error = float(np.sqrt((psi * psi).sum() / (len(x) * (len(x) - 1))))
    value = abs(rho)
    low: float | None = None
    high: float | None = None
    if value < 1 - 1e-12 and error > 1e-12:
        from seatrial.stats.distributions import normal_quantile

        half = normal_quantile(alpha) * error / (1 - value * value)
        low, high = float(np.tanh(np.arctanh(value) - half)), float(np.tanh(np.arctanh(value) + half))
    return OverlapColumn(
        column=name, measure="Spearman's rho", value=value, low=low, high=high, level=1 - alpha, base=0.0, n=len(x),
        method="Spearman's rho (its size), limits from influences on Fisher's scale"
        if low is not None
        else "Spearman's rho (its size), the order is the same in every row: no limits",
        gives_away=value >= NEARLY and (low is None or low >= AT_LEAST), name_like=name_like,
    )  # fmt: skip


def _running(values: Floats) -> bool:
    """Whether numbers are whole and different: a running number."""
    return bool((values == np.floor(values)).all()) and len(np.unique(values)) == len(values)


def trailing_number(values: Sequence[Any]) -> Floats:
    """The last number in a name, NaN where there is none.

    >>> trailing_number(["row_12", "a"]).tolist()
    [12.0, nan]
    """
    found = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        digits = re.findall(r"\d+", str(value)[-40:])
        if digits:
            found[i] = float(digits[-1][-15:])
    return found


def every_column(sides: Sides, target: Target, *, alpha: float, seed: int) -> list[OverlapColumn]:
    """Every number and category column of the inputs, tried alone; limits hold together (Bonferroni)."""
    names = sides.of("number", "category")
    each = alpha / max(1, len(names))
    found = [tells(name, sides.test.columns[name], target, alpha=each, seed=seed) for name in names]
    return sorted((one for one in found if one is not None), key=_excess, reverse=True)


@dataclass(frozen=True, kw_only=True)
class Named:
    """How often a row's text names its own target, and how often another row's."""

    n: int
    own: int
    other: int
    low: float
    """Of the difference of the two shares, paired."""
    high: float
    rows: Codes
    """Test rows whose text names their target."""


def named_targets(sides: Sides, target: Target, *, alpha: float, seed: int) -> Named | None:
    """Rows whose text holds the words of their own target, against the words of a target drawn from the other rows."""
    columns = sides.of("text")
    if not columns or target.task == "number" or all(len(name.strip()) < 3 for name in target.names):
        return None
    patterns = [
        re.compile(rf"(?<!\w){re.escape(name.strip().casefold())}(?!\w)") if len(name.strip()) >= 3 else None
        for name in target.names
    ]
    different = np.random.default_rng(seed).permutation(target.codes)
    own = np.zeros(len(target.rows), dtype=bool)
    other = np.zeros(len(target.rows), dtype=bool)
    usable = np.zeros(len(target.rows), dtype=bool)
    for i, row in enumerate(target.rows):
        mine, drawn = patterns[target.codes[i]], patterns[different[i]]
        if mine is None or drawn is None:
            continue
        usable[i] = True
        text = " ".join(str(sides.test.columns[name][row] or "") for name in columns).casefold()
        own[i] = mine.search(text) is not None
        other[i] = own[i] if mine is drawn else drawn.search(text) is not None
    n = int(usable.sum())
    if n < FEWEST_ROWS:
        return None
    gained, lost = int((own & ~other & usable).sum()), int((other & ~own & usable).sum())
    low, high = tango_interval(gained, lost, n, alpha=alpha)
    return Named(
        n=n,
        own=int(own.sum()),
        other=int(other.sum()),
        low=float(np.ravel(low)[0]),
        high=float(np.ravel(high)[0]),
        rows=target.rows[own],
    )


def order_tells(target: Target, *, alpha: float) -> OverlapColumn | None:
    """How well a row's place in the file tells its target."""
    place = target.rows.astype(np.float64)
    if target.task == "number":
        return _rho("(place of the row)", place, target, alpha=alpha, name_like=True)
    if target.task == "binary":
        return _auc("(place of the row)", place, target, alpha=alpha, name_like=True)
    n = len(place)
    runs = int((target.codes[1:] != target.codes[:-1]).sum()) + 1
    shares = np.bincount(target.codes) / n
    base = float((shares * shares).sum())
    same = n - runs
    low, high, methods = proportion_interval(same, n - 1, alpha=alpha)
    return OverlapColumn(
        column="(place of the row)", measure="accuracy", value=same / (n - 1), low=float(low[0]), high=float(high[0]),
        level=1 - alpha, base=base, n=n - 1, method=f"share of rows with the target of the row before; {methods[0]}",
        name_like=True,
    )  # fmt: skip
