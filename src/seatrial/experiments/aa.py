"""A/A tests on one's own history: is each metric's test honest on these data, and if not, what is the matter?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import DataError, UsageError
from seatrial.experiments import aa_splits
from seatrial.experiments.aa_splits import PValues, Rows
from seatrial.experiments.aa_words import Seen, all_metrics, named
from seatrial.experiments.history import History
from seatrial.expressions import Column, Mean, Quantile, Size, atoms, evaluate_rows, row_columns
from seatrial.records.aa import AaTest, MetricSplits, SplitBy, SplitSize
from seatrial.records.evidence import Source
from seatrial.records.numbers import format_count
from seatrial.records.plan import ExperimentMetric
from seatrial.records.versions import installed
from seatrial.stats.heavy_tails import largest_share, rows_for_nominal_coverage
from seatrial.stats.proportions import wilson
from seatrial.stats.uniformity import histogram, ks_uniform

Floats = NDArray[np.float64]
FEWEST = 30
"""Units below which random splits say nothing of a test."""
LEVEL = 0.99
"""Of the limits of a size: with 95 % one of twenty honest metrics would be called off."""
LARGEST = 1e100
CAP_AT = 0.99
"""The cap that is tried on a heavy tail: this quantile of the values other than 0."""
NOT_SHOWN = (
    "Whether the split of a real test is fair: the splits here are fair coins, the assignment of your platform is not "
    "tested (its sample ratio is).",
    "Effects between units (shared markets, friends): a unit's values here are what they are, whoever is in which arm.",
    "Bias: A/A splits test how often nothing is called something, not whether the metric measures what matters.",
    "Times and seasons that the history does not cover.",
)


@dataclass(frozen=True, kw_only=True)
class _Setting:
    simulations: int
    seed: int
    alpha: float
    split_by: SplitBy


def aa(
    history: History,
    metrics: Sequence[ExperimentMetric],
    *,
    unit: str,
    split_by: SplitBy,
    source: Source,
    simulations: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
) -> AaTest:
    """Split the units (or the rows) at random in two, again and again, and test each time: a difference that is called
    is a false one.

    An honest test calls alpha of them, and its p-values are uniform. Where it does not, the rows that repeat, the
    largest unit and the number of distinct values say why. Raises `UsageError` and `DataError` for metrics and data
    that cannot be read; a metric without a value says so in its record.
    """
    for one in metrics:
        if one.name in history.refused:
            raise UsageError(f"{history.name}: {history.refused[one.name]}")
    size = len(next(iter((*history.numbers.values(), *history.texts.values())), ()))
    codes = np.arange(size) if history.units is None else history.units
    units = int(codes.max(initial=-1)) + 1
    if units < FEWEST:
        raise DataError(f"{history.name} has {units} units; A/A splits need {FEWEST} at least.")
    setting = _Setting(simulations=simulations, seed=seed, alpha=alpha, split_by=split_by)
    found = tuple(_metric(history, one, codes, units, unit, setting) for one in metrics)
    repeat = units < size
    return AaTest(
        title=f"A/A tests on {history.name}",
        sentence=all_metrics(found, simulations, alpha),
        unit=unit,
        split_by=split_by,
        units=units,
        rows=size,
        rows_repeat=repeat,
        shared_units=_shared(codes, units) if split_by == "row" and repeat else None,
        alpha=alpha,
        level=LEVEL,
        simulations=simulations,
        metrics=found,
        not_shown=NOT_SHOWN,
        source=source,
        seatrial=installed("seatrial"),
        seed=seed,
    )


def _shared(codes: NDArray[np.intp], units: int) -> float:
    """The expected share of units in both arms when each row is a fair coin: mean of 1 - 2^(1 - rows)."""
    rows = np.bincount(codes, minlength=units)
    return float((1 - np.exp2(1.0 - rows)).mean())


def _metric(
    history: History, metric: ExperimentMetric, codes: NDArray[np.intp], units: int, unit: str, setting: _Setting
) -> MetricSplits:
    what = f"{history.name}: metric '{metric.name}'"
    rows, missing = _rows(history, metric, codes, units, what)
    value, influence, reason = aa_splits.influences(rows)
    many = len(np.unique(rows.unit))
    tied = 0.0
    if isinstance(rows.tree, Quantile) and value is not None:
        tied = float((rows.values[:, 0] == value).mean())
    if reason is None and not (influence**2).sum() > 0:
        reason = f"every {'unit' if not rows.repeats else 'row'} has the same value: nothing can differ"
    seen = Seen(
        metric=metric.name,
        unit=unit,
        units=many,
        rows=len(rows.unit),
        split_by=setting.split_by,
        alpha=setting.alpha,
        skewness=0.0,
        largest=0.0,
        distinct=0,
        uncommon=0,
        tied=tied,
        shared=_shared(codes, units) if rows.repeats else 0.0,
    )
    if reason is not None:
        name, sentence = named(replace(seen, reason=reason), [])
        return MetricSplits(
            metric=metric.name,
            formula=metric.formula,
            failure=name,
            sentence=sentence,
            units=many,
            rows=len(rows.unit),
            missing_rows=missing,
            reason=reason,
        )
    by_tail = not isinstance(rows.tree, Quantile)
    skew = float((influence**3).mean() / (influence**2).mean() ** 1.5) if by_tail else 0.0
    held = np.abs(np.bincount(rows.unit, rows.values[:, 0], rows.units))
    values, counts = np.unique(rows.values[:, 0], return_counts=True)
    seen = replace(
        seen,
        skewness=skew,
        largest=float(np.nan_to_num(largest_share(held.max(), held.sum()))) if by_tail else 0.0,
        distinct=len(values),
        uncommon=len(rows.unit) - int(counts.max()),
    )
    analyses = _analyses(rows, setting)
    off = analyses[0]
    if seen.is_heavy and seen.suspects(off) and (cap := _cap(rows, metric)) is not None:
        capped = replace(rows, values=np.minimum(rows.values, cap))
        if (capped.values != capped.values[0]).any():
            analyses.append(_size("capped", _analysis(capped, setting), setting, cap=cap))
    name, sentence = named(seen, analyses)
    return MetricSplits(
        metric=metric.name,
        formula=metric.formula,
        failure=name,
        sentence=sentence,
        analyses=tuple(analyses),
        value=value,
        units=many,
        rows=len(rows.unit),
        missing_rows=missing,
        skewness=skew if by_tail else None,
        units_for_skew=int(np.ceil(min(float(rows_for_nominal_coverage(skew)), 1e15))) if by_tail else None,
        largest_share=seen.largest if by_tail else None,
        distinct_values=seen.distinct,
    )


def _rows(
    history: History, metric: ExperimentMetric, codes: NDArray[np.intp], units: int, what: str
) -> tuple[Rows, int]:
    """The rows that have the metric, and how many have not."""
    known = history.reads[metric.name]
    found: dict[str, Floats] = {}
    for atom in atoms(known.formula):
        if isinstance(atom, Mean | Quantile):
            columns = {name: _column(history, name, known.texts, metric, what) for name in row_columns(atom.row)}
            found[atom.key()] = evaluate_rows(atom.row, columns, size=len(codes))
        elif not isinstance(atom, Size):
            raise UsageError(f"{what}: `{atom}` cannot be measured on units.")
    quantiles = any(isinstance(atom, Quantile) for atom in atoms(known.formula))
    if quantiles and not isinstance(known.formula, Quantile):
        raise UsageError(f"{what}: a quantile stands alone, as in p95(latency_ms).")
    table = np.stack(list(found.values()), axis=1)
    valid = np.isfinite(table).all(axis=1)
    if len(np.unique(codes[valid])) < FEWEST:
        having = format_count(len(np.unique(codes[valid])))
        raise DataError(f"{what}: only {having} units have it; {FEWEST} are needed.")
    values = table[valid]
    if float(np.abs(values).max()) > LARGEST:
        raise DataError(f"{what}: a value of {np.abs(values).max():g} is beyond what can be computed with; clean it.")
    single = isinstance(known.formula, Mean)
    rows = Rows(
        tree=known.formula,
        keys=tuple(found),
        values=values,
        unit=codes[valid],
        units=units,
        share=single and bool(np.isin(values, (0.0, 1.0)).all()),
    )
    return rows, int((~valid).sum())


def _column(
    history: History, name: str, texts: frozenset[str], metric: ExperimentMetric, what: str
) -> NDArray[np.generic]:
    if name in texts:
        return history.texts[name]
    if name in history.unreadable:
        raise DataError(
            f"{what}: the column '{name}' holds '{history.unreadable[name]:.40}', which is no number; clean it, or "
            "compare it with a text in quotes."
        )
    values = history.numbers[name]
    if metric.winsorize is not None:
        values = np.where(values > metric.winsorize, metric.winsorize, values)
    return np.where(np.isnan(values), 0.0, values) if metric.missing == "zero" else values


def _analyses(rows: Rows, setting: _Setting) -> list[SplitSize]:
    """The analysis that `analyze` does, and beside it the naive one where units have several rows."""
    analyses = [_size("analysis", _analysis(rows, setting), setting)]
    if rows.repeats and setting.split_by == "unit" and not isinstance(rows.tree, Quantile):
        naive = aa_splits.independent_rows(rows, True, setting.simulations, setting.seed)
        analyses.append(_size("rows as independent", naive, setting))
    return analyses


def _analysis(rows: Rows, setting: _Setting) -> PValues:
    if setting.split_by == "row" and rows.repeats:
        rows = replace(rows, unit=np.arange(len(rows.unit)), units=len(rows.unit))
    if isinstance(rows.tree, Quantile):
        return aa_splits.quantile(rows, rows.tree.probability, setting.simulations, setting.seed)
    if rows.repeats:
        return aa_splits.by_unit(rows, setting.simulations, setting.seed)
    return aa_splits.independent_rows(rows, True, setting.simulations, setting.seed)


def _size(name: str, tested: PValues, setting: _Setting, *, cap: float | None = None) -> SplitSize:
    p = tested.p_values
    known = p[~np.isnan(p)]
    rejected = int((known < setting.alpha).sum())
    low, high = wilson([rejected], [len(p)], alpha=1 - LEVEL)
    fit = ks_uniform(known) if len(known) else (None, None)
    return SplitSize.model_validate(
        {
            "name": name,
            "method": tested.method or "none",
            "rejected": rejected,
            "simulations": len(p),
            "undecided": len(p) - len(known),
            "size": rejected / len(p),
            "low": float(low[0]),
            "high": float(high[0]),
            "distance": fit[0],
            "uniformity_p": fit[1],
            "histogram": tuple(histogram(known).tolist()) if len(known) else (),
            "cap": cap,
        }
    )


def _cap(rows: Rows, metric: ExperimentMetric) -> float | None:
    """A cap to try, at two digits: for a mean of one column that has none yet."""
    tree = rows.tree
    if not isinstance(tree, Mean) or not isinstance(tree.row, Column) or metric.winsorize is not None:
        return None
    positive = rows.values[rows.values > 0]
    if not len(positive):
        return None
    cap = float(f"{np.quantile(positive, CAP_AT):.2g}")
    return cap if 0 < cap < float(positive.max()) else None
