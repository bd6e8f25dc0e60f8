"""Statistics that are not smooth (ECE, KS) by their own bands, and users' functions by a seeded bootstrap."""

import re
import warnings
from collections.abc import Callable
from functools import cache, partial
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.data.answers.counting import COUNTED
from seatrial.effects.cases import Cases, Floats
from seatrial.effects.grouping import Grouping
from seatrial.effects.measured import Limits, Measured, Value
from seatrial.effects.ranks import Ranker
from seatrial.errors import DataError, UsageError
from seatrial.metrics.base import Banded, Resampled
from seatrial.records.numbers import format_percent
from seatrial.stats.bootstrap import MOST_FAILED, BootstrapContrast, bootstrap_statistic, percentile_interval
from seatrial.stats.calibration import binned_ece, equal_mass_bins
from seatrial.stats.contrasts import Contrast
from seatrial.stats.kolmogorov import ks_bootstrap, ks_permutation_p, ks_statistic
from seatrial.stats.means import PairedMeans

Pair = tuple[int, ...]
Progress = Callable[[str, int, int], None]
DRAWS = 2_000
PERMUTATIONS = 999
AS_INDEPENDENT = "the interval counts rows as independent, not clusters"
NOT_GATED = {
    "expected_calibration_error": "the difference of two calibration errors has no sound interval: compare "
    "log_loss or brier_score",
    "ks": "the difference of two KS distances has no sound interval: compare roc_auc",
}


def measure_banded(
    metric: Banded, ranker: Ranker, cases: Cases, grouping: Grouping, rows: Floats, pair: Pair, *, seed: int, unit: str
) -> Measured:
    """Measure ECE or KS with an interval of its own; the difference is shown without one."""
    code = ranker.frame.positive or 0
    valid = ranker.valid([code])
    n = rows if valid.all() else cases.total(np.where(valid, cases.rows, 0.0))
    measure = _ece if metric.statistic == "expected_calibration_error" else partial(_ks, seed=seed)
    values = {model: measure(ranker, cases, grouping, model, code, valid) for model in pair}
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 2:
        contrasts[pair[0], pair[1]] = without_interval(
            values[pair[0]].value, values[pair[1]].value, n, NOT_GATED[metric.statistic]
        )
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def without_interval(baseline: Floats, candidate: Floats, n: Floats, reason: str | tuple[str, ...]) -> PairedMeans:
    """A difference shown with the reason why it has no interval, one for all slices or one each."""
    nothing = np.full(len(n), np.nan)
    return PairedMeans(
        baseline=baseline,
        difference=candidate - baseline,
        var_difference=nothing,
        var_baseline=nothing,
        cov_baseline_difference=nothing,
        df=nothing,
        n=n,
        reasons=(reason,) * len(n) if isinstance(reason, str) else reason,
        method="none",
        identical=np.zeros(len(n), dtype=bool),
    )


def _ece(ranker: Ranker, cases: Cases, grouping: Grouping, model: int, code: int, valid: NDArray[np.bool_]) -> Value:
    order = ranker.order(model, code, grouping, cases.slice_index, valid)
    held = order.n_pos + order.n_neg
    unknown = np.full(grouping.size, np.nan)
    try:
        cut = equal_mass_bins(order)  # small: the order itself is not kept for the limits
        table = binned_ece(cut, held)
    except DataError as error:  # scores outside 0..1: health says so too, and the verdict is invalid
        reasons = (str(error).rstrip("."),) * grouping.size
        return Value(value=unknown, standard_error=unknown, df=unknown, reasons=reasons, limits=_nothing(grouping.size))

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        found = binned_ece(cut, held, alpha=alpha)
        return (
            found.low,
            found.high,
            tuple("Clopper-Pearson bands" if r is None else f"none: {r}" for r in found.reasons),
        )

    notes = () if cases.cluster is None else (AS_INDEPENDENT,)
    return Value(value=table.ece, standard_error=unknown, df=unknown, reasons=table.reasons, limits=limits, notes=notes)


def _ks(
    ranker: Ranker, cases: Cases, grouping: Grouping, model: int, code: int, valid: NDArray[np.bool_], *, seed: int
) -> Value:
    score, label = ranker.score(model, code), np.asarray(ranker.label(code))
    weight = cases.weight
    valid = valid if weight is None else valid & (weight > 0)
    where, size = np.where(valid, cases.slice_index, -1), grouping.size
    picked = [np.flatnonzero(where == s) for s in range(size)] if size <= 100 else None
    if picked is None:
        nothing = np.full(size, np.nan)
        reasons = ("KS is computed on up to 100 slices",) * size
        return Value(value=nothing, standard_error=nothing, df=nothing, reasons=reasons, limits=_nothing(size))
    both = [bool((label[rows] == 1).any() and (label[rows] == 0).any()) for rows in picked]
    weights = [None if weight is None else weight[rows] for rows in picked]
    value = np.array(
        [
            ks_statistic(score[rows], label[rows], w) if there else np.nan
            for rows, w, there in zip(picked, weights, both, strict=True)
        ]
    )

    def limits(alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
        low, high = np.full(size, np.nan), np.full(size, np.nan)
        names = ["basic bootstrap"] * size
        for s in np.flatnonzero(both).tolist():
            drawn = draws(s)
            if drawn.min() == drawn.max():
                names[s] = "none: every resample gave the same value"
                continue
            # a maximum grows under resampling, so the draws' excess over the value is turned round (basic bootstrap),
            # and where all of them exceed it the value itself is the upper limit
            above, below = np.quantile(drawn, [1 - alpha / 2, alpha / 2])
            low[s] = min(value[s], max(0.0, 2 * value[s] - above))
            high[s] = max(value[s], min(1.0, 2 * value[s] - below))
        return low, high, tuple(names)

    @cache
    def draws(s: int) -> Floats:
        rows = picked[s]
        many = DRAWS // 4 if len(rows) > 20_000 else DRAWS
        return ks_bootstrap(score[rows], label[rows], weights[s], draws=many, seed=seed + s)

    notes: tuple[str, ...] = () if cases.cluster is None else (AS_INDEPENDENT,)
    if size == 1 and both[0] and cases.plain:
        p = ks_permutation_p(score[picked[0]], label[picked[0]], draws=PERMUTATIONS, seed=seed)
        notes = (f"permutation p that the scores say nothing of the classes: {p:.2g}",)
    unknown = np.full(size, np.nan)
    return Value(
        value=value,
        standard_error=unknown,
        df=unknown,
        limits=limits,
        notes=notes,
        reasons=tuple(None if b else "needs rows of both classes" for b in both),
    )


def _nothing(size: int) -> Limits:
    return lambda alpha: (np.full(size, np.nan), np.full(size, np.nan), ("none",) * size)


def measure_function(
    metric: Resampled,
    ranker: Ranker,
    cases: Cases,
    grouping: Grouping,
    rows: Floats,
    pair: Pair,
    *,
    seed: int,
    unit: str,
    progress: Progress | None,
    most_slices: int,
) -> Measured:
    """Measure a user's function by a bootstrap of rows (or clusters); both versions share each resample."""
    frame, size = ranker.frame, grouping.size
    truth, answers, valid = _inputs(metric, ranker, cases, pair)
    n = cases.total(np.where(valid, cases.rows, 0.0))
    members = [np.flatnonzero(valid & (cases.slice_index == s)) for s in range(size)] if size <= most_slices else []
    value = {model: np.full(size, np.nan) for model in pair}
    reasons: dict[int, list[str | None]] = {
        model: [f"functions are resampled on up to {most_slices} slices"] * size for model in pair
    }
    draws: dict[int, Floats] = {}
    said: dict[int, list[str]] = {model: [] for model in pair}
    unweighted = cases.weight is not None and not takes_weights(metric)
    for s, picked in enumerate(members):
        weight = None if cases.weight is None else cases.weight[picked]
        for model in pair:
            if unweighted:
                reasons[model][s] = "the function takes no sample_weight, and the rows have weights"
                continue
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                value[model][s], reasons[model][s] = _call(metric, truth[picked], answers[model][picked], weight)
            said[model] += [f"the function warned: {str(w.message).splitlines()[0]}" for w in caught]
        able = [model for model in pair if reasons[model][s] is None]
        if not able:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = bootstrap_statistic(
                partial(_of_each, metric, truth[picked], [answers[m][picked] for m in able], weight),
                rows=len(picked),
                cluster=None if cases.cluster is None else cases.cluster[picked],
                draws=DRAWS,
                seed=seed + s,
                progress=None if progress is None else lambda done, of: progress(f"resample {metric.name}", done, of),
            )
        draws[s] = np.full((len(found), len(pair)), np.nan)
        draws[s][:, [pair.index(model) for model in able]] = found
    values = {}
    for position, model in enumerate(pair):
        error = np.array([_deviation(draws[s][:, position]) if s in draws else np.nan for s in range(size)])
        values[model] = Value(
            value=value[model],
            standard_error=error,
            df=n - 1,
            reasons=tuple(reasons[model]),
            limits=partial(_percentiles, {s: d[:, position] for s, d in draws.items()}, size),
            notes=tuple(dict.fromkeys(said[model])),
        )
    contrasts: dict[tuple[int, int], Contrast] = {}
    if len(pair) == 2:
        from seatrial.effects.overriding import Overriding

        first, second = reasons[pair[0]], reasons[pair[1]]
        why = tuple(b or a or "no rows with every input" for a, b in zip(first, second, strict=True))
        base = without_interval(value[pair[0]], value[pair[1]], n, why)
        others: dict[int, Contrast] = {
            s: BootstrapContrast(
                baseline=float(value[pair[0]][s]),
                candidate=float(value[pair[1]][s]),
                baseline_draws=d[:, 0],
                candidate_draws=d[:, 1],
                identical=bool(np.array_equal(answers[pair[0]][members[s]], answers[pair[1]][members[s]])),
                unit=frame.cluster or "row",
            )
            for s, d in draws.items()
            if first[s] is None and second[s] is None
        }
        contrasts[pair[0], pair[1]] = Overriding(base, others)
    return Measured(
        metric=metric, grouping=grouping, n=n, missing=rows - n, values=values, contrasts=contrasts, unit=unit
    )


def _inputs(
    metric: Resampled, ranker: Ranker, cases: Cases, pair: Pair
) -> tuple[NDArray[Any], dict[int, NDArray[Any]], NDArray[np.bool_]]:
    """y_true, y_pred per version, and the rows that have both; labels as the user wrote them (numbers when all are)."""
    frame, read = ranker.frame, ranker.read
    every = range(len(frame.models))
    if frame.task == "multilabel":
        raise UsageError(
            f"'{metric.name}': a function of your own takes one target a row; use per-label metrics in a multilabel "
            f"table."
        )
    raw = read("target")
    if frame.task in COUNTED:
        return _texts(metric, raw, {m: read(f"prediction_{m}") for m in every}, pair)
    known = np.isfinite(raw.astype(float)) if frame.task == "regression" else raw >= 0
    if metric.input == "score" and frame.task == "multiclass":
        scores = {m: np.stack([ranker.score(m, c) for c in range(len(frame.labels))], axis=1) for m in every}
        valid = known & np.logical_and.reduce([np.isfinite(s).all(axis=1) for s in scores.values()])
        return _labels(frame.labels, raw), {m: scores[m] for m in pair}, valid
    if metric.input == "score":
        one = {m: ranker.score(m, frame.positive or 0) for m in every}
        valid = known & np.logical_and.reduce([np.isfinite(s) for s in one.values()])
        return (raw == frame.positive).astype(int), {m: one[m] for m in pair}, valid
    guesses = {m: read(f"prediction_{m}") for m in every}
    if frame.task == "regression":
        valid = known & np.logical_and.reduce([np.isfinite(g.astype(float)) for g in guesses.values()])
        return raw, {m: guesses[m] for m in pair}, valid
    valid = known & np.logical_and.reduce([g >= 0 for g in guesses.values()])
    if frame.task == "binary":
        return (raw == frame.positive).astype(int), {m: (guesses[m] == frame.positive).astype(int) for m in pair}, valid
    return _labels(frame.labels, raw), {m: _labels(frame.labels, guesses[m]) for m in pair}, valid


def _texts(
    metric: Resampled, raw: NDArray[Any], guesses: dict[int, NDArray[Any]], pair: Pair
) -> tuple[NDArray[Any], dict[int, NDArray[Any]], NDArray[np.bool_]]:
    """Structured answers as the text of their cells."""
    if metric.input == "score":
        raise UsageError(f"'{metric.name}' takes scores, and these answers have none of the row.")
    valid = np.logical_and.reduce([np.array([text is not None for text in one]) for one in (raw, *guesses.values())])
    return raw, {m: guesses[m] for m in pair}, valid


def _labels(labels: tuple[str, ...], codes: NDArray[Any]) -> NDArray[Any]:
    """Classes as the file says them: whole numbers when all are, so that their order is the numbers'."""
    whole = all(re.fullmatch(r"-?\d{1,15}", label) for label in labels)
    known = np.array([*(int(label) for label in labels), 0]) if whole else np.array([*labels, ""])
    return np.asarray(known[codes.astype(int)])


def _call(
    metric: Resampled,
    truth: NDArray[Any],
    answer: NDArray[Any],
    weight: Floats | NDArray[np.int64] | None,
    *,
    quiet: bool = False,
) -> tuple[float, str | None]:
    """The function's value, or NaN and the reason in words; its own errors become reasons."""
    if len(truth) == 0:
        return np.nan, "no rows with every input"
    try:
        if weight is None:
            found = metric.function(truth, answer)
        elif takes_weights(metric):
            found = metric.function(truth, answer, sample_weight=np.asarray(weight, dtype=float))
        else:
            drawn = np.repeat(np.arange(len(truth)), np.asarray(weight, dtype=int))
            found = metric.function(truth[drawn], answer[drawn])
        number = float(found)
    except Exception as error:
        return np.nan, None if quiet else f"the function raised {type(error).__name__}: {error}"
    return (number, None) if np.isfinite(number) else (np.nan, f"the function returned {number}")


def _of_each(
    metric: Resampled,
    truth: NDArray[Any],
    answers: list[NDArray[Any]],
    weight: Floats | None,
    drawn: NDArray[np.int64],
) -> list[float]:
    """The function's value of each version on one resample; NaN where it fails."""
    given = drawn if weight is None else drawn * weight
    return [_call(metric, truth, answer, given, quiet=True)[0] for answer in answers]


def takes_weights(metric: Resampled) -> bool:
    """Whether a metric's function takes `sample_weight`, as far as can be seen."""
    try:
        return metric.weighted and "sample_weight" in signature(metric.function).parameters
    except (TypeError, ValueError):
        return metric.weighted


def _deviation(draws: Floats) -> float:
    kept = draws[np.isfinite(draws)]
    return float(kept.std(ddof=1)) if len(kept) > 1 else np.nan


def _percentiles(draws: dict[int, Floats], size: int, alpha: float) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Percentile limits of each slice's draws, or why there are none."""
    low, high = np.full(size, np.nan), np.full(size, np.nan)
    names = ["none: it was not resampled"] * size
    for s, drawn in draws.items():
        kept = drawn[np.isfinite(drawn)]
        failed = 1 - len(kept) / len(drawn)
        if failed > MOST_FAILED:
            names[s] = f"none: the function had no value on {format_percent(failed)} of the resamples"
        elif kept.min() == kept.max():
            names[s] = "none: every resample gave the same value"
        else:
            low[s], high[s] = percentile_interval(kept, alpha=alpha)
            names[s] = "Poisson bootstrap"
    return low, high, tuple(names)
