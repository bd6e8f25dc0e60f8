"""How far one column moved: its measures, each with what chance shows, before the correction over columns."""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special

from seatrial.data.slicing import level_number
from seatrial.records.numbers import format_percent, format_value
from seatrial.records.shift import ColumnKind, ColumnPart, MeasureName, ShiftBar, ShiftMeasure
from seatrial.stats import divergence
from seatrial.stats.ordered import CHUNK, Ordered, ascending
from seatrial.stats.two_samples import Bridges, Permutations, shares

Floats = NDArray[np.float64]
MOST_LEVELS = 100
"""Levels of a category counted apart; rarer ones together are `(other)`."""
MOST_BARS = 16
OTHER, MISSING = "(other)", "(missing)"
BY_PERMUTATION = "permutation of the rows"
BY_LAW = {
    "KS": "Kolmogorov's law, Stephens' correction",
    "PSI": "chi-square law",
    "chi-square": "chi-square law",
    "Wasserstein": "law of a Brownian bridge",
}


@dataclass(kw_only=True)
class Draft:
    """A column measured, its p-values not yet corrected."""

    column: str
    kind: ColumnKind
    part: ColumnPart = "input"
    n_reference: int = 0
    n_current: int = 0
    missing_reference: float = 0.0
    missing_current: float = 0.0
    measures: list[ShiftMeasure] = field(default_factory=list)
    size: float | None = None
    bars: list[ShiftBar] = field(default_factory=list)
    said: str = ""
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        name: MeasureName,
        value: float | None,
        *,
        method: str,
        by_chance: float | None = None,
        p: float | None = None,
        unit: str = "",
        reason: str | None = None,
    ) -> None:
        self.measures.append(
            ShiftMeasure(
                name=name,
                value=value,
                by_chance=None if by_chance is None or not math.isfinite(by_chance) else by_chance,
                unit=unit,
                p_value=p,
                reason=reason,
                method=method,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What two samples of these sizes show: permutations where the tables are small, else limit laws."""

    permutations: Permutations | None
    bridges: Bridges
    draws: int = 999
    """Of the counts of levels."""
    seed: int = 0


def number_column(draft: Draft, x: Floats, y: Floats, chance: Chance) -> Draft:
    """Measure a column of numbers, x (n,) and y (m,), NaN where missing."""
    a, b = ascending(x), ascending(y)
    count_missing(draft, len(x), len(y), len(a), len(b))
    if not len(a) or not len(b):
        return nothing(draft)
    both = Ordered(a, b)
    few = both.values(None if draft.kind == "category" else 2)
    if few is not None:
        draft.kind = "category"
        values, *times = few
        names = [level_number(float(value)) for value in values]
        names = names if len(set(names)) == len(names) else [repr(float(value)) for value in values]
        return level_counts(draft, names, times[0].astype(np.float64), times[1].astype(np.float64), chance)
    edges = divergence.reference_edges(a, ascending=True)
    counts = [divergence.binned(side, edges, ascending=True) for side in (a, b)]
    psi = divergence.population_stability_index(counts[0], counts[1])
    before, after = Moments.of(a), Moments.of(b)
    spread = before.spread
    scale = spread or before.with_(after) or 1.0
    moved = both.wasserstein / scale
    ks, levels = both.kolmogorov_smirnov, len(edges) + 1
    if chance.permutations is not None:
        rows = np.concatenate([x, y])
        drawn = _number_draws(rows, ~np.isnan(rows), edges, min(len(a), len(b)), chance.permutations)
        p = chance.permutations.p_value(drawn["KS"], ks)
        band = {name: float(np.quantile(values, 0.95)) for name, values in drawn.items()}
        band["Wasserstein"] /= scale
        usual = float(drawn["PSI"].mean())
        how = dict.fromkeys(band, BY_PERMUTATION)
    else:
        n, m = both.n, both.m
        p = divergence.kolmogorov_p(ks, n, m)
        band = {
            "KS": divergence.kolmogorov_by_chance(n, m),
            "PSI": divergence.psi_by_chance(n, m, levels),
            "Wasserstein": float(np.quantile(chance.bridges.wasserstein(both), 0.95)) / scale,
        }
        usual = (1 / n + 1 / m) * (levels - 1)
        how = BY_LAW
    psi_method = f"{levels} bins of the reference's equal mass, open ends; {how['PSI']}"
    unit = "standard deviations of the reference" if spread else "standard deviations"
    draft.add("PSI", psi, by_chance=band["PSI"], method=psi_method)
    draft.add("KS", ks, by_chance=band["KS"], p=p, method=how["KS"])
    draft.add("Wasserstein", moved, by_chance=band["Wasserstein"], unit=unit, method=how["Wasserstein"])
    draft.add("KL", divergence.kullback_leibler(counts[0], counts[1]), unit="nats", method="the bins of PSI")
    draft.size = max(psi - usual, 0.0)
    draft.bars = histogram(both)
    draft.said = _number_words(before, after, moved)
    return draft


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Number of values, their mean and their sum of squared deviations."""

    n: int
    mean: float
    squares: float

    @classmethod
    def of(cls, values: Floats) -> "Moments":
        mean = float(values.mean())
        if float(values[0]) == float(values[-1]):  # ascending: all the same, whatever rounding says
            return cls(n=len(values), mean=mean, squares=0.0)
        squares = 0.0
        for start in range(0, len(values), CHUNK):
            apart = values[start : start + CHUNK] - mean
            squares += float(np.square(apart, out=apart).sum())
        return cls(n=len(values), mean=mean, squares=squares)

    @property
    def spread(self) -> float:
        """Standard deviation, n - 1."""
        return math.sqrt(self.squares / (self.n - 1)) if self.n > 1 else 0.0

    @property
    def variance(self) -> float:
        """With n."""
        return self.squares / self.n

    def with_(self, other: "Moments") -> float:
        """Standard deviation, n, of both together."""
        n, m = self.n, other.n
        between = (self.mean - other.mean) ** 2 * n * m / (n + m)
        return math.sqrt((self.squares + other.squares + between) / (n + m))


def _number_draws(
    rows: Floats, known: NDArray[np.bool_], edges: Floats, smaller: int, permutations: Permutations
) -> dict[str, Floats]:
    values, codes = np.unique(rows[known], return_inverse=True)
    every = np.full(len(rows), -1, dtype=np.int64)
    every[known] = codes
    mine, others = permutations.counts(every, len(values))
    f, g = np.cumsum(shares(mine), axis=1), np.cumsum(shares(others), axis=1)
    gap = np.abs(f - g)
    bins = np.searchsorted(edges, values, side="left")
    at = np.searchsorted(bins, np.arange(len(edges) + 1), side="right")
    padded_f, padded_g = (np.concatenate([np.zeros((len(part), 1)), part], axis=1) for part in (f, g))
    p, q = (np.diff(part[:, at], axis=1, prepend=0.0) for part in (padded_f, padded_g))
    return {
        "KS": gap.max(axis=1),
        "Wasserstein": gap[:, :-1] @ np.diff(values),
        "PSI": divergence.psi_of_shares(np.maximum(p, 0), np.maximum(q, 0), smaller),
    }


def category_column(
    draft: Draft, reference: dict[str | None, int], current: dict[str | None, int], chance: Chance
) -> Draft:
    """Measure a column of levels from their counts; None counts the missing."""
    names = sorted({*reference, *current} - {None}, key=str)
    n = [sum(side.values()) for side in (reference, current)]
    counts = [np.array([side.get(name, 0) for name in names], dtype=np.float64) for side in (reference, current)]
    count_missing(draft, n[0], n[1], int(counts[0].sum()), int(counts[1].sum()))
    if not counts[0].sum() or not counts[1].sum():
        return nothing(draft)
    return level_counts(draft, [str(name) for name in names], counts[0], counts[1], chance)


def level_counts(draft: Draft, names: list[str], a: Floats, b: Floats, chance: Chance) -> Draft:
    """Measure a column of levels from counts (K,) of either table.

    What chance shows is drawn from the exact law of the counts under permutation of the rows (multivariate
    hypergeometric), at any size.
    """
    n, m = float(a.sum()), float(b.sum())
    unseen = a == 0
    new, many_unseen, new_by_chance = float(b[unseen].sum() / m), int(unseen.sum()), _new_by_chance(a, b)
    new_how = "normal limit"
    if len(names) > MOST_LEVELS:
        place = np.full(len(names), MOST_LEVELS - 1)
        keep = np.sort(np.argsort(-(a + b), kind="stable")[: MOST_LEVELS - 1])
        place[keep] = np.arange(len(keep))
        draft.notes.append(f"its {len(names):,} levels are counted as the {len(keep)} most frequent and {OTHER}")
        names = [*(names[k] for k in keep), OTHER]
        a, b = (np.bincount(place, side, len(names)).astype(np.float64) for side in (a, b))
    psi, js = divergence.population_stability_index(a, b), divergence.jensen_shannon(a, b)
    rng = np.random.default_rng(chance.seed)
    pooled = (a + b).astype(np.int64)
    mine = rng.multivariate_hypergeometric(pooled, int(n), size=chance.draws, method="marginals").astype(np.float64)
    others = pooled - mine
    p, q = mine / n, others / m
    drawn_psi = divergence.psi_of_shares(p, q, min(n, m))
    drawn_js = divergence.jensen_shannon_of_shares(p, q)
    drawn = _chi_square_draws(mine, others)
    if names[-1] != OTHER:
        new_by_chance, new_how = float(np.quantile(np.where(mine == 0, q, 0.0).sum(axis=1), 0.95)), BY_PERMUTATION
    if chance.permutations is not None:
        statistic, df = divergence.chi_square(a, b)
        as_large = int((drawn >= statistic * (1 - 1e-12)).sum())
        p_value = (as_large + 1) / (len(drawn) + 1) if df else 1.0
        how, band = BY_PERMUTATION, float(np.quantile(drawn, 0.95))
    else:
        statistic, df = divergence.chi_square(*_common(a, b))
        p_value = divergence.chi_square_p(statistic, df)
        how, band = BY_LAW["chi-square"], float(special.chdtri(df, 0.05)) if df else 0.0
        if df < int((pooled > 0).sum()) - 1:
            how += "; levels with under 5 expected rows together"
    levels = f"{len(names)} level{'s' if len(names) > 1 else ''}"
    draft.add("PSI", psi, by_chance=float(np.quantile(drawn_psi, 0.95)), method=f"{levels}; {BY_PERMUTATION}")
    draft.add("chi-square", statistic, by_chance=band, p=p_value, method=how)
    draft.add("Jensen-Shannon", js, by_chance=float(np.quantile(drawn_js, 0.95)), unit="bits", method=BY_PERMUTATION)
    draft.add("KL", divergence.kullback_leibler(a, b), unit="nats", method="the levels of PSI")
    draft.add(
        "share in new levels",
        new,
        by_chance=new_by_chance,
        method=f"levels the reference has none of; {new_how}",
    )
    draft.size = max(psi - float(drawn_psi.mean()), 0.0)
    draft.bars = _bars(names, a / n, b / m)
    draft.said = _category_words(names, a / n, b / m, new, many_unseen)
    return draft


def _common(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Levels with under five expected rows on a side put together, so that the chi-square law holds."""
    pooled = a + b
    smaller = min(a.sum(), b.sum()) / pooled.sum()
    rare = pooled * smaller < 5
    if rare.sum() < 2:
        return a, b
    return np.append(a[~rare], a[rare].sum()), np.append(b[~rare], b[rare].sum())


def _chi_square_draws(mine: Floats, others: Floats) -> Floats:
    n, m = mine.sum(axis=1, keepdims=True), others.sum(axis=1, keepdims=True)
    pooled = mine + others
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = pooled * n / (n + m)
        part = np.where(pooled > 0, (mine - expected) ** 2 / expected, 0.0).sum(axis=1)
        return np.asarray(np.nan_to_num(part * ((n + m) / m)[:, 0]))


def _new_by_chance(a: Floats, b: Floats) -> float:
    """What share of the current rows lies in levels without a reference row, by chance: mean and 1.645 deviations."""
    pooled, n, m = a + b, a.sum(), b.sum()
    none = np.exp(pooled * np.log(m / (n + m)))
    return float((pooled @ none + 1.645 * math.sqrt(float(pooled**2 @ (none * (1 - none))))) / m)


def count_missing(draft: Draft, n: int, m: int, known_n: int, known_m: int) -> None:
    draft.n_reference, draft.n_current = known_n, known_m
    draft.missing_reference, draft.missing_current = 1 - known_n / n, 1 - known_m / m
    gone = n - known_n, m - known_m
    if not any(gone):
        return
    p, method = _two_shares(gone[0], n, gone[1], m)
    draft.add("missing share", gone[1] / m - gone[0] / n, unit="difference", p=p, method=method)


def _two_shares(x: int, n: int, y: int, m: int) -> tuple[float, str]:
    """p of equal shares: chi-square with the N - 1 correction, or Fisher's exact test with few expected."""
    total, gone = n + m, x + y
    if gone == total or gone == 0:
        return 1.0, "chi-square, N - 1"
    if min(gone, total - gone) * min(n, m) / total < 5:
        from scipy.stats import fisher_exact

        return float(min(fisher_exact([[x, n - x], [y, m - y]])[1], 1.0)), "Fisher's exact test"
    share = gone / total
    z2 = (x / n - y / m) ** 2 / (share * (1 - share) * (1 / n + 1 / m)) * (total - 1) / total
    return divergence.chi_square_p(z2, 1), "chi-square, N - 1"


def nothing(draft: Draft) -> Draft:
    where = [
        name for name, count in (("the reference", draft.n_reference), ("the current", draft.n_current)) if not count
    ]
    said = f"it has no values in {' and '.join(where)} table{'s' if len(where) == 2 else ''}"
    draft.add("PSI", None, reason=said, method="none")
    draft.said = said
    return draft


def histogram(both: Ordered) -> list[ShiftBar]:
    """Shares of both in bins of equal width over the middle 98 % of the pooled values, with open ends."""
    few = both.values(MOST_BARS)
    if few is not None:
        values, *times = few
        return _as_bars([level_number(float(v)) for v in values], times[0] / both.n, times[1] / both.m)
    total = both.n + both.m
    low, high = both.pooled([int(at * (total - 1)) for at in (0.01, 0.99)]).tolist()
    if not high > low:
        low, high = both.pooled([0, total - 1]).tolist()
    step = _nice((high - low) / MOST_BARS)
    first = math.floor(low / step) * step
    edges: Floats = first + step * np.arange(1, max(math.ceil((high - first) / step), 2), dtype=np.float64)
    p, q = (divergence.binned(side, edges, ascending=True) / len(side) for side in (both.x, both.y))
    ends = [level_number(round(float(edge), 12)) for edge in edges]
    names = [f"to {ends[0]}", *(f"{low} to {high}" for low, high in itertools.pairwise(ends)), f"over {ends[-1]}"]
    return _as_bars(names, p, q)


def _as_bars(names: list[str], p: Floats, q: Floats) -> list[ShiftBar]:
    return [ShiftBar(label=name, reference=float(x), current=float(y)) for name, x, y in zip(names, p, q, strict=True)]


def _nice(step: float) -> float:
    """A step of 1, 2 or 5 times a power of ten, at least as large."""
    power = 10.0 ** math.floor(math.log10(step))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= step * (1 - 1e-9)))


def _bars(names: list[str], p: Floats, q: Floats) -> list[ShiftBar]:
    order = np.argsort(-(p + q), kind="stable")
    kept = order[:MOST_BARS] if len(order) <= MOST_BARS else order[: MOST_BARS - 1]
    bars = [ShiftBar(label=names[k], reference=float(p[k]), current=float(q[k])) for k in kept]
    if len(kept) < len(order):
        rest = order[len(kept) :]
        bars.append(ShiftBar(label="(rest)", reference=float(p[rest].sum()), current=float(q[rest].sum())))
    return bars


def _number_words(a: Moments, b: Moments, moved: float) -> str:
    before, after, spread = a.mean, b.mean, a.spread
    error = math.sqrt(a.variance / a.n + b.variance / b.n) or None
    shift = (after - before) / spread if spread else 0.0
    if abs(shift) >= 0.5 * moved and before != after:
        verb = "rose" if after > before else "fell"
        far = f" ({format_value(abs(shift), 0.02)} standard deviations)" if spread else ""
        return f"its mean {verb} from {format_value(before, error)} to {format_value(after, error)}{far}"
    wide = math.sqrt(b.variance / a.variance) if a.variance > 0 else 1.0
    form = "its shape differs" if 0.9 < wide < 1.1 else f"it spreads {'wider' if wide > 1 else 'less'}"
    mean = "with the mean" if before == after else f"with the mean at {format_value(after, error)} after"
    return f"{form}, {mean} {format_value(before, error)}"


def _category_words(names: list[str], p: Floats, q: Floats, new: float, unseen: int) -> str:
    if len(names) == 1:
        return f"every row is '{_short(names[0])}' in both"
    k = int(np.argmax(np.abs(q - p)))
    words = f"'{_short(names[k])}' went from {_percent(p[k])} to {_percent(q[k])} of the rows"
    if unseen and new > 0:
        words += f"; {unseen:,} level{'s' if unseen > 1 else ''} the reference lacks ({_percent(new)} of the rows)"
    return words


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:59] + "…"


def _percent(share: float) -> str:
    return format_percent(round(float(share), 3)) if share >= 0.0005 or share == 0 else "under 0.1 %"
