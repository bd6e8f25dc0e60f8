"""Stand-ins: which other columns tell a protected group, and how well, alone and all together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.data.frame import Frame
from seatrial.data.slicing import MISSING
from seatrial.records.audit import Proxy
from seatrial.stats.ranks import grouped_auc, logit_interval
from seatrial.stats.sorted_scores import SortedScores

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MOST_ROWS = 20_000
MOST_COLUMNS = 100
MOST_CATEGORIES = 30
MOST_WORK = 4e7
"""Rows times squared columns of the joint model."""
BINS = 10
FOLDS = 5
FEWEST = 50
"""Rows of a group, and of the rest, below which it is not searched for."""
STRONG, MODERATE = 0.8, 0.65
ALONE = f"AUC of cross-fitted shares of the group per value or bin, mean over {FOLDS} folds"
TOGETHER = f"AUC of a cross-fitted logistic regression on the log odds of all columns, mean over {FOLDS} folds"


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What was found, and what was not looked at."""

    proxies: tuple[Proxy, ...]
    columns: tuple[str, ...]
    skipped: dict[str, str]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A column as codes 0..size-1, missing being one of them."""

    name: str
    kind: Literal["numbers", "categories"]
    codes: Codes
    size: int


def search_proxies(frame: Frame, *, smallest: float, level: float, seed: int) -> Searched:
    """Try every text column of the frame against every protected group of at least `smallest` of the rows.

    A column's values (numbers in ten bins) are scored by the share of the group among the other folds' rows; the AUC
    of that score is measured within each fold, so chance gives 1/2 exactly, and averaged (LeDell, Petersen and van der
    Laan, EJS 9, 2015). Limits are on the logit scale at (1 - level)/(columns x groups): all hold together.
    """
    names = [f"text_{k}" for k in range(len(frame.texts))]
    cuts = [f"slice_{k}" for k in range(len(frame.slices))]
    clusters = ["cluster"] if frame.cluster is not None else []
    read = frame.sample([*cuts, *names, *clusters], most=MOST_ROWS)
    rows = len(read[cuts[0]])
    columns: list[Coded] = []
    skipped: dict[str, str] = {}
    for column, name in zip(frame.texts, names, strict=True):
        found = code_column(column, read[name])
        if isinstance(found, str):
            skipped[column] = found
        elif len(columns) == MOST_COLUMNS:
            skipped[column] = f"only the first {MOST_COLUMNS} columns are searched"
        else:
            columns.append(found)
    fold = _folds(read.get("cluster"), rows, seed)
    tasks = [
        (cut.name, level_name, np.asarray(read[f"slice_{k}"]) == code)
        for k, cut in enumerate(frame.slices)
        for code, level_name in _groups(np.asarray(read[f"slice_{k}"]), cut.levels, smallest)
    ]
    found_proxies: list[Proxy] = []
    alpha = (1 - level) / max(1, len(tasks) * (len(columns) + 1))
    protected_codes = {cut.name: np.asarray(read[f"slice_{k}"], np.intp) for k, cut in enumerate(frame.slices)}
    for protected in dict.fromkeys(name for name, _, _ in tasks):
        own = [(group, label) for name, group, label in tasks if name == protected]
        for one in columns:
            found_proxies.append(_alone(protected, own, one, protected_codes[protected], fold, alpha))
        if len(columns) > 1:
            found_proxies.append(_together(protected, own, columns, fold, alpha))
    found_proxies.sort(key=lambda proxy: (cuts_order(frame, proxy.protected), -(proxy.auc or 0.0)))
    return Searched(
        proxies=tuple(found_proxies), columns=tuple(column.name for column in columns), skipped=skipped, rows=rows
    )


def cuts_order(frame: Frame, name: str) -> int:
    """The position of a protected column, in the order it was named."""
    return [cut.name for cut in frame.slices].index(name)


def code_column(name: str, values: NDArray[Any]) -> Coded | str:
    """Codes of a column's values: numbers with many values in bins, texts by frequency; or why it is not searched."""
    present = np.array([value is not None for value in values])
    if not present.any():
        return "no values"
    kept = values[present]
    numbers = _numbers(kept)
    codes = np.zeros(len(values), dtype=np.intp)
    if numbers is not None and len(np.unique(numbers)) > BINS:
        edges = _edges(numbers)
        codes[present] = 1 + np.searchsorted(edges, numbers, side="right")
        return Coded(name=name, kind="numbers", codes=codes, size=len(edges) + 2)
    distinct, where, counts = np.unique(kept.astype(str), return_inverse=True, return_counts=True)
    if len(distinct) < 2 and present.all():
        return "one value only"
    if len(distinct) > max(MOST_CATEGORIES, len(kept) // 5):
        return "most values differ: a name, an id or free text"
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(distinct), dtype=np.intp)
    rank[order] = np.arange(len(distinct))
    codes[present] = 1 + np.minimum(rank, MOST_CATEGORIES)[where]
    return Coded(name=name, kind="categories", codes=codes, size=int(min(len(distinct), MOST_CATEGORIES + 1)) + 1)


def _edges(numbers: Floats) -> Floats:
    """Bins of equally many rows; where one value is most of them (no capital gain), the rest is cut as well."""
    distinct, counts = np.unique(numbers, return_counts=True)
    steps = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.quantile(numbers, steps)
    often = distinct[counts.argmax()]
    if counts.max() > len(numbers) / BINS:
        rest = numbers[numbers != often]
        above = distinct[distinct > often][:1]
        edges = np.concatenate([edges, np.quantile(rest, steps[::2]), [often], above])
    return np.unique(edges)


def cramers_v(first: Codes, second: Codes) -> float | None:
    """Bias-corrected Cramer's V (Bergsma, Journal of the Korean Statistical Society 42, 2013); None with one value.

    >>> cramers_v(np.array([0, 1] * 500), np.array([0, 1] * 500))
    1.0
    """
    table = np.zeros((int(first.max()) + 1, int(second.max()) + 1))
    np.add.at(table, (first, second), 1.0)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    n, (r, k) = table.sum(), table.shape
    if min(r, k) < 2:
        return None
    expected = table.sum(1, keepdims=True) * table.sum(0) / n
    square = max(0.0, float(((table - expected) ** 2 / expected).sum() / n) - (r - 1) * (k - 1) / (n - 1))
    room = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(square / room))) if room > 0 else None


def cross_fitted_auc(score: Floats, label: NDArray[np.bool_], fold: Codes) -> tuple[float, float, float]:
    """Mean over folds of the AUC within each, its variance, and degrees of freedom; NaN without both classes.

    The variance is twice that of independent folds: under no relation the AUC of fold k moves with sum over l of the
    products d_k d_l of the folds' chance deviations, and every such product stands in the AUC of k and in that of l.
    Where there is a relation this is too wide, never too narrow.
    """
    table = grouped_auc(SortedScores(score, label).by(fold, int(fold.max()) + 1))
    known = np.isfinite(table.value) & np.isfinite(table.variance)
    if not known.any():
        return float("nan"), float("nan"), float("nan")
    many = int(known.sum())
    return (
        float(table.value[known].mean()),
        float(2 * table.variance[known].sum() / many**2),
        float(table.df[known].sum()),
    )


def _alone(
    protected: str,
    groups: Sequence[tuple[str, NDArray[np.bool_]]],
    column: Coded,
    codes: Codes,
    fold: Codes,
    alpha: float,
) -> Proxy:
    best: tuple[float, float, float, str] | None = None
    for group, label in groups:
        score = _shares(column, label, fold)
        auc, variance, df = cross_fitted_auc(score, label, fold)
        if np.isfinite(auc) and (best is None or auc > best[0]):
            best = (auc, variance, df, group)
    return _proxy(protected, column.name, column.kind, best, len(fold), alpha, ALONE, cramers_v(column.codes, codes))


def _shares(column: Coded, label: NDArray[np.bool_], fold: Codes) -> Floats:
    """The share of the group among the rows of the other folds that have the same value, drawn to the mean."""
    score = np.empty(len(fold))
    folds = int(fold.max()) + 1
    counts = np.zeros((folds, column.size))
    members = np.zeros((folds, column.size))
    np.add.at(counts, (fold, column.codes), 1.0)
    np.add.at(members, (fold, column.codes), label.astype(float))
    for f in range(folds):
        n, m = counts.sum(0) - counts[f], members.sum(0) - members[f]
        mean = m.sum() / max(n.sum(), 1.0)
        share = (m + 2 * mean) / (n + 2)
        mine = fold == f
        score[mine] = share[column.codes[mine]]
    return score


def _together(
    protected: str,
    groups: Sequence[tuple[str, NDArray[np.bool_]]],
    columns: Sequence[Coded],
    fold: Codes,
    alpha: float,
) -> Proxy:
    some = np.arange(0, len(fold), max(1, round(len(fold) * (len(columns) + 1) ** 2 / MOST_WORK)))
    parts, fold = [column.codes[some] for column in columns], fold[some]
    best: tuple[float, float, float, str] | None = None
    for group, every in groups:
        label = every[some]
        score = np.zeros(len(some))
        for f in range(int(fold.max()) + 1):
            test = fold == f
            if label[~test].any() and not label[~test].all():
                evidence = _evidence(columns, parts, label, fold, f)
                score[test] = evidence[test] @ _logistic(evidence[~test], label[~test].astype(float))
        auc, variance, df = cross_fitted_auc(score, label, fold)
        if np.isfinite(auc) and (best is None or auc > best[0]):
            best = (auc, variance, df, group)
    return _proxy(protected, None, "all columns", best, len(some), alpha, TOGETHER, None)


def _evidence(
    columns: Sequence[Coded], parts: Sequence[Codes], label: NDArray[np.bool_], fold: Codes, test: int
) -> Floats:
    """A constant, and for every column the log odds of the group at a row's value, from rows of other folds only: for
    the fold under test all the others, for the others all but it and their own."""
    folds = int(fold.max()) + 1
    features = [np.ones(len(fold))]
    for column, codes in zip(columns, parts, strict=True):
        counts, members = np.zeros((folds, column.size)), np.zeros((folds, column.size))
        np.add.at(counts, (fold, codes), 1.0)
        np.add.at(members, (fold, codes), label.astype(float))
        odds = np.empty(len(fold))
        for f in range(folds):
            out = [f] if f == test else [f, test]
            n = counts.sum(0) - counts[out].sum(0)
            m = members.sum(0) - members[out].sum(0)
            mean = np.clip(m.sum() / max(n.sum(), 1.0), 1e-6, 1 - 1e-6)
            share = (m + 2 * mean) / (n + 2)
            mine = fold == f
            odds[mine] = np.log(share / (1 - share))[codes[mine]] - np.log(mean / (1 - mean))
        features.append(odds)
    return np.column_stack(features)


def _logistic(features: Floats, label: Floats, *, ridge: float = 1.0, steps: int = 8) -> Floats:
    """Coefficients of a logistic regression with a small ridge (not on the constant), by Newton's method."""
    penalty = np.full(features.shape[1], ridge)
    penalty[0] = 1e-6
    beta = np.zeros(features.shape[1])
    mean = label.mean()
    beta[0] = np.log(mean / (1 - mean))
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(features @ beta, -30, 30)))
        spread = np.maximum(p * (1 - p), 1e-9)
        gradient = features.T @ (label - p) - penalty * beta
        move = np.linalg.solve((features * spread[:, None]).T @ features + np.diag(penalty), gradient)
        beta = beta + move
        if np.abs(move).max() < 1e-3:
            break
    return beta


def _proxy(
    protected: str,
    column: str | None,
    kind: Literal["numbers", "categories", "all columns"],
    best: tuple[float, float, float, str] | None,
    n: int,
    alpha: float,
    method: str,
    association: float | None,
) -> Proxy:
    base: dict[str, Any] = {
        "protected": protected,
        "column": column,
        "kind": kind,
        "level": 1 - alpha,
        "n": n,
        "method": method,
        "cramers_v": association,
    }
    if best is None:
        return Proxy(**base, group="", reason="no fold holds both the group and others")
    auc, variance, df, group = best
    low, high = (float(end[0]) for end in logit_interval([auc], [variance], alpha, df=[df]))
    told = auc >= 1 or (np.isfinite(low) and low > 0.5)
    strength: Literal["strong", "moderate", "weak", "none told"] = "none told"
    if told:
        strength = "strong" if auc >= STRONG else "moderate" if auc >= MODERATE else "weak"
    return Proxy(
        **base,
        group=group,
        auc=auc,
        low=low if np.isfinite(low) else None,
        high=high if np.isfinite(high) else None,
        strength=strength,
        reason="the group is told from the rest without error"
        if auc >= 1
        else None
        if np.isfinite(low)
        else "its values say nothing of the group",
    )


def _groups(codes: NDArray[Any], levels: Sequence[str], smallest: float) -> list[tuple[int, str]]:
    """The groups searched for: large enough, and with two of them only the rarer (the other is its complement)."""
    counts = np.bincount(codes, minlength=len(levels))
    n = len(codes)
    kept = [
        (code, name)
        for code, name in enumerate(levels)
        if name != MISSING and counts[code] >= max(FEWEST, smallest * n) and n - counts[code] >= FEWEST
    ]
    if len(kept) == 2 and counts[[code for code, _ in kept]].sum() == n:
        return [min(kept, key=lambda one: int(counts[one[0]]))]
    return kept


def _folds(cluster: NDArray[Any] | None, rows: int, seed: int) -> Codes:
    """Folds of the rows, or of whole clusters."""
    rng = np.random.default_rng(seed)
    if cluster is None:
        return np.asarray(rng.permutation(rows) % FOLDS, dtype=np.intp)
    distinct, where = np.unique(cluster, return_inverse=True)
    return np.asarray((rng.permutation(len(distinct)) % FOLDS)[where], dtype=np.intp)


def _numbers(values: NDArray[Any]) -> Floats | None:
    try:
        found = values.astype(np.float64)
    except (ValueError, TypeError):
        return None
    return found if np.isfinite(found).all() else None
