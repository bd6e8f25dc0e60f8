"""Moments somebody else took: n, mean and variance per arm and time, as experiments over time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.predictions import open_source
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.experiments.moment_table import Coded, Floats, Integers, MomentTable, read_table
from seatrial.experiments.table import Daily
from seatrial.experiments.terms import slice_reasons
from seatrial.stats.arms import ArmMeans

CONTROLS = ("control", "baseline", "a", "0", "c")
METHOD = "Welch t"
NO_VARIANCE = "the table has no variance here"


@dataclass(frozen=True, kw_only=True)
class SummarisedExperiment:
    """One experiment of a table of moments: its arms (the control first), phases, and every metric over time."""

    name: str
    arms: tuple[str, ...]
    phases: tuple[str, ...]
    metrics: tuple[str, ...]
    daily: dict[str, Daily]
    notes: tuple[str, ...] = ()


def read_summaries(
    source: Any,
    *,
    control: str | None = None,
    cumulative: bool = True,
    columns: Mapping[str, str] | None = None,
    experiments: Sequence[str] | None = None,
    variants: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
) -> tuple[SummarisedExperiment, ...]:
    """Read moments per arm and time, in one of two shapes.

    Long: `arm`, `day`, `metric`, `n`, `mean`, `variance` (of one unit, n - 1), and where there are any `count` (units
    that say yes), `phase`, `experiment`. Wide: `count_c`, `count_t`, `mean_c`, `mean_t`, `variance_c`, `variance_t`
    with a time, where each variant of an experiment is one of its own against its control. `columns` maps a part to
    the column that plays it, where its name does not say.

    `cumulative`: each row holds all units up to its time; else only the units *new* in it, which are added up (Chan,
    Golub, LeVeque 1979): rows that hold what the same units did on that day cannot be added. A time an arm lacks is the
    one before it. The last three options keep only some.

    A missing variance is a reason for its time. Raises `DataError` for negative or fractional numbers of units,
    negative variances, missing means, and rows that repeat; `UsageError` for columns and names that are not there, and
    a control that has to be said.

    >>> found = read_summaries({"arm": ["A", "B"], "n": [10, 12], "mean": [1.0, 2.0], "variance": [4.0, 6.0]})
    >>> found[0].arms, found[0].daily["metric"].means.variance[:, 0, 0].tolist()
    (('A', 'B'), [0.4, 0.5])
    """
    table = open_source(source, name="summaries")[0]
    rows, wide = read_table(table, dict(columns or {}), metrics=metrics, experiments=experiments, variants=variants)
    order = np.lexsort([rows.metric.codes, rows.experiment.codes])
    ends = np.searchsorted(rows.experiment.codes[order], np.arange(len(rows.experiment.names) + 1)).tolist()
    return tuple(
        _experiment(name, rows, order[a:b], control="control" if wide else control, cumulative=cumulative)
        for name, (a, b) in zip(rows.experiment.names, pairwise(ends), strict=True)
    )


def _experiment(
    name: str, rows: MomentTable, here: Integers, *, control: str | None, cumulative: bool
) -> SummarisedExperiment:
    arms = _arms(_of(rows.arm, here), control, name)
    phases = tuple(sorted(_of(rows.phase, here), key=_day_key))
    codes = rows.metric.codes[here]  # sorted
    starts = [*np.flatnonzero(np.r_[True, np.diff(codes) != 0]).tolist(), len(codes)]
    made = {}
    for a, b in pairwise(starts):
        metric = rows.metric.names[codes[a]]
        made[metric] = _daily(metric, rows, here[a:b], arms, phases, cumulative=cumulative)
    return SummarisedExperiment(
        name=name or "experiment",
        arms=arms,
        phases=phases if phases != ("",) else ("all",),
        metrics=tuple(made),
        daily=made,
    )


def _of(coded: Coded, here: Integers) -> list[str]:
    """The distinct texts of some rows."""
    return [coded.names[code] for code in np.unique(coded.codes[here]).tolist()]


def _arms(found: list[str], control: str | None, name: str) -> tuple[str, ...]:
    where = f" of experiment {name}" if name else ""
    if len(found) < 2:
        raise DataError(f"There is only one arm{where}, '{found[0]}': nothing to compare.")
    ordered = sorted(found, key=_day_key)
    if control is None:
        known = [arm for word in CONTROLS for arm in ordered if arm.casefold() == word]
        if not known:
            raise UsageError(f"Which arm{where} is the control? Name one of {listed(ordered)} (control=...).")
        control = known[0]
    if control not in found:
        raise UsageError(f"There is no arm '{control}'{where}.{did_you_mean(control, found)} Arms: {listed(ordered)}.")
    return (control, *(arm for arm in ordered if arm != control))


def _daily(
    metric: str,
    rows: MomentTable,
    mine: NDArray[np.intp],
    arms: tuple[str, ...],
    phases: tuple[str, ...],
    *,
    cumulative: bool,
) -> Daily:
    days = sorted(_of(rows.day, mine), key=_day_key)
    at = tuple(_placed(c, mine, texts) for c, texts in ((rows.arm, arms), (rows.phase, phases), (rows.day, days)))
    shape = (len(arms), len(phases), len(days))
    there = np.zeros(shape, dtype=bool)
    there[at] = True
    units = np.round(rows.n[mine])
    counted = _counts(rows, mine)
    n, mean, squares, count = (np.zeros(shape) for _ in range(4))
    n[at] = units
    mean[at] = np.where(units > 0, rows.mean[mine], 0.0)
    squares[at] = np.where(units > 1, rows.variance[mine] * (units - 1), 0.0)
    count[at] = 0.0 if counted is None else counted
    if cumulative:
        n, mean, squares, count = (_carried(values, there) for values in (n, mean, squares, count))
    else:
        n, mean, squares, count = _added(n, mean, squares, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(n > 1, squares / (n - 1) / n, np.nan)
        value = np.where(n > 0, mean, np.nan)
    empty = np.empty((*shape, 0))
    means = ArmMeans(
        n=n,
        value=value,
        variance=variance,
        df=np.maximum(n - 1, 0.0),
        covariates=empty,
        with_covariates=empty,
        between_covariates=np.empty((*shape, 0, 0)),
        count=count if counted is not None else None,
        reasons=slice_reasons(n, value, variance, [NO_VARIANCE if v else None for v in np.isnan(variance).flat]),
        method=METHOD,
    )
    return Daily(name=metric, days=tuple(days), means=means)


def _placed(coded: Coded, mine: Integers, texts: Sequence[str]) -> Integers:
    """For every row the place of its text among `texts`."""
    place = {text: i for i, text in enumerate(texts)}
    known = np.unique(coded.codes[mine])
    lookup = np.zeros(int(known.max()) + 1, dtype=np.intp)
    lookup[known] = [place[coded.names[code]] for code in known.tolist()]
    return np.asarray(lookup[coded.codes[mine]], dtype=np.intp)


def _counts(rows: MomentTable, mine: NDArray[np.intp]) -> Floats | None:
    """Units that say yes: given, or implied where every mean and variance is that of zeros and ones."""
    if rows.count is not None:
        given = rows.count[mine]
        return None if np.isnan(given).any() else given
    n, mean, variance = np.round(rows.n[mine]), np.nan_to_num(rows.mean[mine]), np.nan_to_num(rows.variance[mine])
    hits = n * mean
    some = n > 1
    if not some.any() or (mean < 0).any() or (mean > 1).any():
        return None
    whole = np.abs(hits - np.round(hits)) <= np.minimum(1e-6 * np.sqrt(n) + 1e-7 * hits, 0.1)  # of 32-bit means
    spread = mean * (1 - mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.minimum(np.abs(variance - spread), np.abs(variance - spread * n / (n - 1)))
    right = off[some] <= 1e-6 * spread[some]
    return np.asarray(np.round(hits), dtype=np.float64) if whole.all() and right.all() else None


def _carried(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """A time an arm lacks is the one before it; before the first there is nothing."""
    last = np.maximum.accumulate(np.where(there, np.arange(values.shape[-1]), -1), axis=-1)
    held = np.take_along_axis(values, np.maximum(last, 0), axis=-1)
    return np.where(last < 0, 0.0, held)


def _added(n: Floats, mean: Floats, squares: Floats, count: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Running totals over disjoint units: n, mean, and sum of squares around the mean (Chan et al. 1979)."""
    total = np.cumsum(n, axis=-1)
    means, spread = np.zeros_like(total), np.zeros_like(total)
    at, around = np.zeros(n.shape[:2]), np.zeros(n.shape[:2])
    before = np.zeros(n.shape[:2])
    for t in range(n.shape[2]):
        m = n[:, :, t]
        both = before + m
        share = np.divide(m, both, out=np.zeros_like(both), where=both > 0)
        step = np.where(m > 0, mean[:, :, t] - at, 0.0)
        around = around + squares[:, :, t] + step * step * before * share
        at = at + step * share
        means[:, :, t], spread[:, :, t] = at, around
        before = both
    return total, means, spread, np.cumsum(count, axis=-1)


_DIGITS = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def _day_key(text: str) -> tuple[int, float, tuple[tuple[int, float, str], ...]]:
    """Numbers by size, everything else with the numbers in it by size: `day 2` before `day 10`, dates by date."""
    try:
        return 0, float(text), ()
    except ValueError:
        parts = _DIGITS.split(text)
        return 1, 0.0, tuple((1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts))
