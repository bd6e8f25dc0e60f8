"""Interleaving: two rankings in one list, credit by clicks, a preference per user."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError, UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.means import PairedMeans
from seatrial.stats.proportions import proportion_interval
from seatrial.stats.sorted_scores import column

METHOD = "team-draft interleaving, preference per unit, paired t"


def team_draft(
    ranking_a: Sequence[Hashable], ranking_b: Sequence[Hashable], *, length: int, rng: np.random.Generator
) -> tuple[list[Hashable], list[str]]:
    """One list of at most `length` items drafted in turns, and the team ("a" or "b") of each.

    In each round a fair coin says who picks first; each team adds its best item that is not in the list yet
    (Radlinski, Kurup and Joachims, CIKM 2008). Ends when neither ranking has one left. Raises `UsageError` for a
    length below 1.

    >>> items, teams = team_draft(["x", "y"], ["y", "z"], length=3, rng=np.random.default_rng(0))
    >>> sorted(items), sorted(teams)[0]
    (['x', 'y', 'z'], 'a')
    """
    if length < 1:
        raise UsageError(f"length must be at least 1, got {length}.")
    items: list[Hashable] = []
    teams: list[str] = []
    seen: set[Hashable] = set()
    left = {"a": iter(ranking_a), "b": iter(ranking_b)}
    while len(items) < length:
        before = len(items)
        for team in "ab" if rng.random() < 0.5 else "ba":
            pick = next((item for item in left[team] if item not in seen), None)
            if pick is not None and len(items) < length:
                items.append(pick)
                teams.append(team)
                seen.add(pick)
        if len(items) == before:
            break
    return items, teams


@dataclass(frozen=True, kw_only=True)
class Preference:
    """Which of two rankings users prefer; `contrast` is b - a in -1..1 (S = 1)."""

    contrast: PairedMeans
    queries: int
    units: int
    prefer_a: int
    """Units whose credit is more for a."""
    prefer_b: int
    undecided: int
    share_b: float
    """prefer_b/(prefer_a + prefer_b), NaN when nobody is decided."""
    share_low: float
    share_high: float
    share_method: str


def interleaved_preference(
    wins_a: ArrayLike,
    wins_b: ArrayLike,
    ties: ArrayLike | None = None,
    *,
    units: ArrayLike | None = None,
    alpha: float = 0.05,
) -> Preference:
    """Mean over units of (wins b - wins a)/(wins a + wins b + ties) with Student's t, and the share of units for b.

    Each row is a query, or a unit with its counts: `wins_a`, `wins_b`, `ties` (n,) not negative (a query is won by the
    team whose items got more clicks, and tied when they got as many); `units` (n,) puts queries of a user together,
    so that a user with many has one vote. Rows without wins or ties are left out. The share's interval is Wilson's, or
    exact at its ends. Raises `DataError` for counts that are negative or not numbers.

    >>> found = interleaved_preference([1, 0, 0, 0], [0, 1, 1, 1])
    >>> float(found.contrast.difference[0]), found.share_b
    (0.5, 0.75)
    """
    a = column(wins_a, "wins_a")
    b = column(wins_b, "wins_b", length=len(a))
    tied = np.zeros(len(a)) if ties is None else column(ties, "ties", length=len(a))
    if not all(np.isfinite(x).all() and (x >= 0).all() for x in (a, b, tied)):
        raise DataError("wins and ties are counts: finite numbers, not negative.")
    queries = len(a)
    if units is not None:
        named = np.asarray(units)
        if named.shape != a.shape:
            raise DataError(f"units has shape {named.shape} but there are {queries} rows; give one unit per row.")
        code = np.unique(named, return_inverse=True)[1]
        a, b, tied = (np.bincount(code, x).astype(np.float64) for x in (a, b, tied))
    heard = a + b + tied > 0
    a, b, tied = a[heard], b[heard], tied[heard]
    preference: Floats = (b - a) / (a + b + tied)
    for_a, for_b = int((a > b).sum()), int((b > a).sum())
    low, high, methods = proportion_interval([for_b], [for_a + for_b], alpha=alpha)
    n = len(preference)
    zero = np.zeros(1)
    return Preference(
        contrast=PairedMeans(
            baseline=zero,
            difference=np.array([preference.mean() if n else np.nan]),
            var_difference=np.array([preference.var(ddof=1) / n if n > 1 else np.nan]),
            var_baseline=zero,
            cov_baseline_difference=zero,
            df=np.array([n - 1.0]),
            n=np.array([n]),
            reasons=("no unit gave a preference" if not n else None,),
            method=METHOD,
            identical=np.zeros(1, dtype=np.bool_),
        ),
        queries=queries,
        units=n,
        prefer_a=for_a,
        prefer_b=for_b,
        undecided=n - for_a - for_b,
        share_b=for_b / (for_a + for_b) if for_a + for_b else float("nan"),
        share_low=float(low[0]),
        share_high=float(high[0]),
        share_method=methods[0],
    )
