"""Means metrics on every slice: from cells of the confusion matrix, from moments of real terms, or row by row."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.cases import Cases, Floats, spread
from seatrial.effects.grouping import Grouping
from seatrial.effects.measured import Limits, Measured, Value
from seatrial.effects.scan import Scanned
from seatrial.effects.terms import Influences, Linearised, linearised, validity
from seatrial.expressions import Mean, Node, as_proportion, as_row_proportion, atoms, linearise
from seatrial.metrics.base import Averaged, Formula, Metric, PerClass
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import PairedMeans, mean_interval
from seatrial.stats.moments import Moments, quadratic
from seatrial.stats.paired import PairedProportions
from seatrial.stats.proportions import effective_size, f1_interval, proportion_interval

Pair = tuple[int, ...]
Same = Callable[[Metric, Pair], bool]
"""Whether every column the metric reads is equal byte for byte between two versions."""
Reasons = tuple[str | None, ...]
ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""A standard error below this share of the value is rounding, not variation."""


def either(*several: Sequence[str | None]) -> Reasons:
    """The first reason of each slice."""
    return tuple(next((r for r in reasons if r), None) for reasons in zip(*several, strict=True))


def from_cases(
    metric: Metric,
    cases: Cases,
    grouping: Grouping,
    rows: Floats,
    pair: Pair,
    *,
    same: bool,
    unit: str,
    models: Sequence[int],
    ranked: dict[int, Influences] | None = None,
    extra_valid: NDArray[np.bool_] | None = None,
) -> Measured:
    """Measure a means metric of one version or a pair on cases; `models` are all versions whose missing rows count."""
    valid = np.logical_and.reduce([validity(metric, cases, model) for model in models])
    if extra_valid is not None:
        valid = valid & extra_valid
    lines = {model: linearised(metric, cases, model, valid, (ranked or {}).get(model)) for model in pair}
    n = cases.total(np.where(valid, cases.rows, 0.0))
    alike = cases.weight is None or cases.frequency
    values = {
        model: replace(_value(line, cases, valid), is_mean=alike and _is_mean(metric, line))
        for model, line in lines.items()
    }
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 2:
        contrasts[pair[0], pair[1]] = _contrast(lines[pair[0]], lines[pair[1]], cases, valid, n, same=same)
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def _is_mean(metric: Metric, line: Linearised | None = None) -> bool:
    """Whether a metric is the mean of one term over all rows: `mean(...)`, `tp + fp`, precision pooled over classes."""
    if not isinstance(metric, (Formula, PerClass)):
        return isinstance(metric, Averaged) and line is not None and line.proportion is not None
    found = as_proportion(metric.tree)
    return isinstance(metric.tree, Mean) or (found is not None and len(found[1]) == 4)


def _value(line: Linearised, cases: Cases, valid: NDArray[np.bool_]) -> Value:
    scattered = spread(cases, [line.influence], valid)
    error, df = np.sqrt(np.maximum(scattered.covariance[:, 0, 0], 0.0)), scattered.df
    error = np.where([reason is None for reason in _no_slope(line)], error, np.nan)
    if line.proportion is not None:
        return _proportion_value(line, cases, valid)
    if line.f1 is not None:
        hit, false = (np.where(valid, part, 0.0) for part in line.f1)
        hits, misses, size, refused = _jaccard(line, hit > 0, (hit > 0) | (false > 0), cases)
        return Value(
            value=line.value,
            standard_error=error,
            df=df,
            reasons=line.reasons,
            limits=partial(_refusing, partial(_f1_limits, hits, misses, size), refused),
            notes=line.notes,
        )
    interval = either(line.reasons, _no_slope(line), scattered.reasons, _degenerate(error, line.value))
    return Value(
        value=line.value,
        standard_error=error,
        df=df,
        reasons=line.reasons,
        notes=line.notes,
        limits=partial(_student_limits, line.value, error, df, scattered.method, interval),
    )


def _jaccard(
    line: Linearised, hit: NDArray[np.bool_], within: NDArray[np.bool_], cases: Cases
) -> tuple[Floats, Floats, Floats | None, Reasons]:
    """Of F1's tp/(tp + fp + fn): hits, misses, the effective size of both (None when it is their sum), why refused."""
    mass = np.where(within, cases.mass, 0.0)
    total, hits = cases.total(mass), cases.total(np.where(hit, mass, 0.0))
    if cases.plain or cases.frequency:
        return hits, total - hits, None, line.reasons
    rows = cases.total(np.where(within, cases.rows, 0.0))
    share = np.divide(hits, total, out=np.full(len(total), np.nan), where=total > 0)
    size, refused = _effective(share, hit, within, rows, cases)
    return share * rows, (1 - share) * rows, size, either(line.reasons, refused)


def _effective(
    share: Floats, outcome: NDArray[np.bool_], within: NDArray[np.bool_], rows: Floats, cases: Cases
) -> tuple[Floats, Reasons]:
    """How many independent rows of equal weight a share is worth, and why it cannot be said."""
    influence = np.where(within, outcome - np.nan_to_num(share)[cases.slice_index], 0.0)
    scattered = spread(cases, [influence], within)
    variance = scattered.covariance[:, 0, 0]
    if cases.cluster is None:
        # Kish's size covers 88 % where weights go with the outcome; the design-based one keeps its level
        mass = np.where(within, cases.mass, 0.0)
        total = cases.total(mass)
        kish = np.divide(total**2, cases.total(mass**2), out=np.full(len(total), np.nan), where=total > 0)
        return effective_size(variance, share, rows, independent=kish), (None,) * len(total)
    return (
        effective_size(variance, share, rows, df=scattered.df, independent=scattered.clusters),
        scattered.reasons,
    )


def _no_slope(line: Linearised) -> Reasons:
    return line.no_slope or (None,) * len(line.reasons)


def _proportion_value(line: Linearised, cases: Cases, valid: NDArray[np.bool_]) -> Value:
    proportion = line.proportion
    if proportion is None:
        raise ValueError("not a proportion")
    within = proportion.within & valid
    mass = np.where(within, cases.mass, 0.0)
    total, count = cases.total(mass), cases.total(np.where(proportion.outcome, mass, 0.0))
    influence = np.where(within, proportion.outcome - line.value[cases.slice_index], 0.0)
    scattered = spread(cases, [influence], within)
    error, df = np.sqrt(np.maximum(scattered.covariance[:, 0, 0], 0.0)), scattered.df
    rows = cases.total(np.where(within, cases.rows, 0.0))
    if cases.plain or cases.frequency:
        limits: Limits = partial(_proportion_limits, count, total, None)
        return Value(
            value=line.value,
            standard_error=error,
            df=df,
            reasons=line.reasons,
            limits=limits,
            count=count,
            total=total,
            rows=rows,
        )
    share = np.divide(count, total, out=np.full(len(total), np.nan), where=total > 0)
    size, few = _effective(share, proportion.outcome, within, rows, cases)
    refused = either(line.reasons, scattered.reasons, few)
    limits = partial(_refusing, partial(_proportion_limits, share * rows, rows, size), refused)
    return Value(value=line.value, standard_error=error, df=df, reasons=line.reasons, limits=limits, rows=rows)


def _contrast(
    baseline: Linearised, candidate: Linearised, cases: Cases, valid: NDArray[np.bool_], n: Floats, *, same: bool
) -> Contrast:
    identical = np.full(cases.size, same)
    first, second = baseline.proportion, candidate.proportion
    if first is not None and second is not None and first.same_rows:
        within = first.within & valid
        mass = np.where(within, cases.mass, 0.0)
        if cases.plain or cases.frequency:
            gained = cases.total(np.where(second.outcome & ~first.outcome, mass, 0.0))
            lost = cases.total(np.where(first.outcome & ~second.outcome, mass, 0.0))
            return PairedProportions(
                gained=gained, lost=lost, n=cases.total(mass), baseline_value=baseline.value, identical=identical
            )
        where = cases.slice_index
        psi_b = np.where(within, first.outcome - baseline.value[where], 0.0)
        psi_c = np.where(within, second.outcome - candidate.value[where], 0.0)
        return _paired(
            baseline,
            candidate,
            cases,
            within,
            cases.total(np.where(within, cases.rows, 0.0)),
            identical,
            psi_b,
            psi_c - psi_b,
        )
    return _paired(
        baseline, candidate, cases, valid, n, identical, baseline.influence, candidate.influence - baseline.influence
    )


def _paired(
    baseline: Linearised,
    candidate: Linearised,
    cases: Cases,
    valid: NDArray[np.bool_],
    n: Floats,
    identical: NDArray[np.bool_],
    psi_baseline: Floats,
    psi_difference: Floats,
) -> PairedMeans:
    scattered = spread(cases, [psi_difference, psi_baseline], valid)
    method = "paired t on influences" if cases.cluster is None else f"paired differences, {scattered.method}"
    slopes = zip(either(_no_slope(baseline), _no_slope(candidate)), identical.tolist(), strict=True)
    no_slope = tuple(None if same else reason for reason, same in slopes)  # equal columns differ by 0 all the same
    return PairedMeans(
        baseline=baseline.value,
        difference=candidate.value - baseline.value,
        var_difference=scattered.covariance[:, 0, 0],
        var_baseline=scattered.covariance[:, 1, 1],
        cov_baseline_difference=scattered.covariance[:, 0, 1],
        df=scattered.df,
        n=n,
        reasons=either(baseline.reasons, candidate.reasons, no_slope, scattered.reasons),
        method=method,
        identical=identical,
    )


def paired_by_influence(
    value_b: Floats,
    value_c: Floats,
    psi_b: Floats,
    psi_c: Floats,
    cases: Cases,
    valid: NDArray[np.bool_],
    reasons: Reasons,
    *,
    same: bool,
    method: str,
    df: Floats | None = None,
) -> PairedMeans:
    """Contrast of two estimates from the influences of the same rows (ranks, quantiles)."""
    n = cases.total(np.where(valid, cases.rows, 0.0))
    scattered = spread(cases, [psi_c - psi_b, psi_b], valid)
    return PairedMeans(
        baseline=value_b,
        difference=value_c - value_b,
        var_difference=scattered.covariance[:, 0, 0],
        n=n,
        df=scattered.df if df is None else df,
        var_baseline=scattered.covariance[:, 1, 1],
        cov_baseline_difference=scattered.covariance[:, 0, 1],
        reasons=either(reasons, scattered.reasons),
        method=method if cases.cluster is None else f"{method}, {scattered.method}",
        identical=np.full(cases.size, same),
    )


def from_moments(
    metric: Formula, tree: Node, scanned: Scanned, grouping: Grouping, pair: Pair, *, same: bool, unit: str
) -> Measured:
    """Measure a formula over real columns from the moments of its terms."""
    moments = scanned.moments[metric.name]
    covariance = moments.covariance
    known = atoms(tree)
    gradients: dict[int, Floats] = {}
    flat: dict[int, Reasons] = {}
    values: dict[int, Value] = {}
    size = grouping.size
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for position, model in enumerate(pair):
            own = moments if position == 0 else scanned.candidates[metric.name]
            here, spread_of = own.means, own.covariance[:, : len(known), : len(known)]
            linear = linearise(tree, {atom.key(): here[:, k] for k, atom in enumerate(known)})
            slope = np.stack([np.broadcast_to(linear.gradient.get(atom.key(), 0.0), (size,)) for atom in known], axis=1)
            gradients[position] = slope
            value = np.broadcast_to(linear.value, (size,)).astype(float)
            error = np.sqrt(np.maximum(quadratic(slope, spread_of), 0.0) / moments.n)
            reasons = tuple(
                "no rows with every input" if n == 0 else r for n, r in zip(moments.n, linear.reason, strict=True)
            )
            measured = _moment_value(tree, value, error, moments, reasons, linear.no_slope)
            values[model] = replace(measured, is_mean=_is_mean(metric))
            flat[position] = linear.no_slope
        contrasts: dict[tuple[int, int], Contrast] = {}
        if len(pair) == 2:
            contrasts[pair[0], pair[1]] = _moment_contrast(
                tree, values, gradients, moments, covariance, pair, either(*flat.values()), same=same
            )
    return Measured(
        metric=metric,
        grouping=grouping,
        n=moments.n,
        missing=scanned.rows - moments.n,
        values=values,
        contrasts=contrasts,
        unit=unit,
    )


def _moment_value(
    tree: Node, value: Floats, error: Floats, moments: Moments, reasons: Reasons, no_slope: Reasons
) -> Value:
    if isinstance(tree, Mean) and as_row_proportion(tree) is not None:
        count = np.rint(np.nan_to_num(value * moments.n))
        return Value(
            value=value,
            standard_error=error,
            df=moments.n - 1,
            reasons=reasons,
            count=count,
            total=moments.n,
            limits=partial(_proportion_limits, count, moments.n, None),
        )
    few = [None if n > 1 else "one row has no variance" for n in moments.n]
    interval = either(reasons, no_slope, few, _degenerate(error, value))
    method = "t" if isinstance(tree, Mean) else "delta method, t"
    return Value(
        value=value,
        standard_error=error,
        df=moments.n - 1,
        reasons=reasons,
        limits=partial(_student_limits, value, error, moments.n - 1, method, interval),
    )


def _moment_contrast(
    tree: Node,
    values: dict[int, Value],
    gradients: dict[int, Floats],
    moments: Moments,
    covariance: Floats,
    pair: Pair,
    no_slope: Reasons,
    *,
    same: bool,
) -> Contrast:
    baseline, candidate = values[pair[0]], values[pair[1]]
    identical = np.full(len(moments.n), same)
    if isinstance(tree, Mean) and as_row_proportion(tree) is not None:
        net, flips = moments.sums[:, 1] + moments.n * moments.centres[1], moments.products[:, 1, 1]
        gained, lost = np.rint((flips + net) / 2), np.rint((flips - net) / 2)
        return PairedProportions(
            gained=gained, lost=lost, n=moments.n, baseline_value=baseline.value, identical=identical
        )
    of_baseline = np.concatenate([gradients[0], np.zeros_like(gradients[0])], axis=1)
    of_difference = np.concatenate([gradients[1] - gradients[0], gradients[1]], axis=1)
    simple = isinstance(tree, Mean)
    return PairedMeans(
        baseline=baseline.value,
        difference=moments.means[:, 1] if simple else candidate.value - baseline.value,
        var_difference=quadratic(of_difference, covariance) / moments.n,
        var_baseline=quadratic(of_baseline, covariance) / moments.n,
        cov_baseline_difference=quadratic(of_baseline, covariance, of_difference) / moments.n,
        df=moments.n - 1,
        n=moments.n,
        reasons=either(baseline.reasons, candidate.reasons, no_slope),
        method="paired t" if simple else "paired t on influences",
        identical=identical,
    )


def _degenerate(error: Floats, value: Floats) -> Reasons:
    """Why an error is none: 0 (or the rounding of 0), or beyond the numbers there are."""
    alike = np.isfinite(value) & (error <= ROUNDING * np.abs(value))
    beyond = np.isfinite(value) & ~np.isfinite(error)
    return tuple(
        "every row is alike, so no interval can be formed"
        if a
        else "the numbers are too large (or too few) for a variance"
        if b
        else None
        for a, b in zip(alike.tolist(), beyond.tolist(), strict=True)
    )


def _proportion_limits(
    count: Floats, total: Floats, effective: Floats | None, alpha: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    return proportion_interval(count, total, alpha=alpha, effective_n=effective)


def _f1_limits(
    hit: Floats, false: Floats, effective: Floats | None, alpha: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    return f1_interval(hit, false, alpha=alpha, effective_n=effective)


def _student_limits(
    value: Floats, error: Floats, df: Floats, method: str, reasons: Reasons, alpha: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    with np.errstate(invalid="ignore"):
        low, high = mean_interval(value, error, df, alpha=alpha)
    refused = np.array([r is not None for r in reasons])
    names = tuple(method if r is None else f"none: {r}" for r in reasons)
    return np.where(refused, np.nan, low), np.where(refused, np.nan, high), names


def _refusing(limits: Limits, reasons: Reasons, alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
    low, high, methods = limits(alpha)
    refused = np.array([r is not None for r in reasons])
    return (
        np.where(refused, np.nan, low),
        np.where(refused, np.nan, high),
        tuple(m if r is None else f"none: {r}" for m, r in zip(methods, reasons, strict=True)),
    )
