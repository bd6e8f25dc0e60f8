"""Does it matter to the model: the change of its metric seen, expected, and by slice."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.effect import Reading, effect
from seatrial.effects.estimate import estimates, finite
from seatrial.effects.grouping import Grouping, grouping
from seatrial.effects.measured import Measured
from seatrial.effects.terms import formula_terms, linearised, validity
from seatrial.effects.unpaired import unpaired
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.shift_joint import Joint
from seatrial.evaluation.shift_rows import ModelRows
from seatrial.expressions import Mean as MeanAtom
from seatrial.expressions import Share, Size, atoms, evaluate, linearise
from seatrial.metrics.base import Averaged, Formula, Marginal, PerClass
from seatrial.records import Effect
from seatrial.records.shift import Decomposition, ExpectedMetric, SlicePart
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.mix_and_within import METHOD as KITAGAWA
from seatrial.stats.mix_and_within import Part, mix_and_within
from seatrial.stats.off_policy import RELIABLE_SHARE
from seatrial.stats.propensity import FEWEST_COVERED, importance_weights

Floats = NDArray[np.float64]
NAMES = ("reference", "current")
WEIGHTED, SCORED = "importance-weighted reference", "the model's own scores"
ADDS_UP = "arithmetic over means of rows"


def seen_change(rows: ModelRows, *, alpha: float) -> Effect:
    """The metric's change between two labelled tables, as two independent samples."""
    whole = grouping(rows.frames[0], ())
    measured = unpaired(rows.measurers, [rows.metric], [whole])[rows.metric.name, whole]
    return effect(measured, (0, 1), NAMES, 0, _reading(rows, alpha))


def _reading(rows: ModelRows, alpha: float) -> Reading:
    metric = rows.metric
    return Reading(alpha=alpha, margin=metric.margin, margin_is_relative=metric.margin_is_relative)


def weighted_change(rows: ModelRows, joint: Joint, *, alpha: float) -> ExpectedMetric:
    """The metric of the labelled reference rows, weighted to look like the current ones, against unweighted."""
    metric = rows.metric
    method = "reference rows weighted by the odds of being current, cross-fitted and clipped; delta method"

    def refused(reason: str) -> ExpectedMetric:
        return ExpectedMetric(how="importance-weighted reference", metric=metric.name, reason=reason, method=method)

    if not isinstance(metric, (Formula, PerClass, Averaged, Marginal)) or not _only_rows(rows):
        return refused(f"{metric.name} is not {ADDS_UP}, so rows cannot be weighted in it")
    if joint.fitted is None:
        return refused(joint.record.reason or "the classifier could not be fitted")
    n, m = len(joint.rows[0]), len(joint.rows[1])
    if rows.frames[0].n <= int(joint.rows[0].max()):
        return refused("rows of the reference were dropped, so weights cannot be matched to them")
    weights = importance_weights(joint.fitted.log_odds[:n], n, m)
    weight = np.zeros(rows.frames[0].n)
    weight[joint.rows[0]] = weights.weight
    plain = np.zeros(rows.frames[0].n)
    plain[joint.rows[0]] = 1.0
    cases = rows.cases(0, weight=weight)
    valid = validity(metric, cases, 0) & (plain > 0)
    if valid.sum() < 2:
        return refused("no reference row has every input of the metric")
    moved, usual = (linearised(metric, one, 0, valid) for one in (cases, rows.cases(0, weight=plain)))
    value, reference = float(moved.value[0]), float(usual.value[0])
    if not (math.isfinite(value) and math.isfinite(reference)):
        return refused(next((r for r in (*moved.reasons, *usual.reasons) if r), "it has no value"))
    own = weight[valid]
    psi = own * moved.influence[valid] / own.mean() - usual.influence[valid]
    k = len(psi)
    error = math.sqrt(float((psi**2).sum()) / (k * (k - 1)))
    half = float(normal_quantile(alpha)) * error
    effective = weights.unclipped_effective_n * k / n
    mean = weights.mean_weight
    reliable = effective >= RELIABLE_SHARE * k and mean >= FEWEST_COVERED
    notes = ["the weights are taken as known: their own error is not in the interval",
             "assumes covariate shift: for the same inputs the target is as before"]  # fmt: skip
    if not reliable:
        notes.append(
            f"not reliable: {k:,} reference rows count as {effective:,.0f} (weights average {mean:.2g}, not 1)"
        )
    return ExpectedMetric(
        how="importance-weighted reference",
        metric=metric.name,
        reference=reference,
        expected=value,
        change=value - reference,
        low=finite(value - reference - half) if error > 0 else None,
        high=finite(value - reference + half) if error > 0 else None,
        n=k,
        effective_n=effective,
        mean_weight=mean,
        clip=weights.clip,
        clipped_share=weights.clipped_share,
        reliable=reliable,
        notes=tuple(notes),
        method=method,
    )


def _only_rows(rows: ModelRows) -> bool:
    return rows.tree is None or all(isinstance(atom, (MeanAtom, Share, Size)) for atom in atoms(rows.tree))


def scored_change(rows: ModelRows, *, alpha: float) -> ExpectedMetric:
    """What the scores themselves say of the metric, if a score of .7 means 70 %: current - reference."""
    metric, tree = rows.metric, rows.tree
    method = "each row as positive with its score's chance; delta method"

    def refused(reason: str) -> ExpectedMetric:
        return ExpectedMetric(how="the model's own scores", metric=metric.name, reason=reason, method=method)

    if not rows.scored:
        return refused("it needs the score of the positive class in both tables")
    if tree is None or not _only_rows(rows) or any(isinstance(atom, Size) for atom in atoms(tree)):
        return refused(f"{metric.name} is not {ADDS_UP}")
    found = []
    for at in (0, 1):
        score = np.asarray(rows.read(at, "score_0"), dtype=np.float64)
        if np.nanmin(score) < 0 or np.nanmax(score) > 1:
            return refused("scores outside 0 to 1 are no probabilities")
        found.append(_from_scores(rows, at, score))
    (reference, psi_a), (expected, psi_b) = found
    if not (math.isfinite(reference) and math.isfinite(expected)):
        return refused("it has no value from the scores")
    error = math.sqrt(sum(float((psi**2).sum()) / (len(psi) * max(len(psi) - 1, 1)) for psi in (psi_a, psi_b)))
    half = float(normal_quantile(alpha)) * error
    change = expected - reference
    notes = ["an estimate without labels: it holds only where the scores are calibrated, in both tables"]
    observed, off = _calibrated(rows)
    if observed is not None and off is not None:
        notes.append(
            f"on the labelled reference the scores would have said {reference:.4g} where {observed:.4g} was seen"
            + (": do not trust it" if abs(off) > max(2 * error, 0.02) else "")
        )
    return ExpectedMetric(
        how="the model's own scores",
        metric=metric.name,
        reference=reference,
        expected=expected,
        change=change,
        low=finite(change - half) if error > 0 else None,
        high=finite(change + half) if error > 0 else None,
        n=len(psi_a) + len(psi_b),
        reliable=off is not None and abs(off) <= max(2 * error, 0.02),
        notes=tuple(notes),
        method=method,
    )


def _from_scores(rows: ModelRows, at: int, score: Floats) -> tuple[float, Floats]:
    """The metric's expected terms as a value, and the influence of each row."""
    metric, tree = rows.metric, rows.tree
    if tree is None:
        raise UsageError(f"'{metric.name}' is not {ADDS_UP}.")
    positive = rows.frames[at].positive or 0
    sides = []
    for code in (positive, 1 - positive):
        target = np.full(len(score), code, dtype=np.int64)
        terms, valid = formula_terms(metric, tree, rows.cases(at, target=target), 0)
        sides.append((terms, valid))
    known = sides[0][1] & sides[1][1] & np.isfinite(score)
    if not known.any():
        return math.nan, np.zeros(0)
    expected = {key: (score * sides[0][0][key] + (1 - score) * sides[1][0][key])[known] for key in sides[0][0]}
    means = {key: np.array([term.mean()]) for key, term in expected.items()}
    linear = linearise(tree, means)
    psi = np.zeros(int(known.sum()))
    for key, slope in linear.gradient.items():
        psi += float(np.ravel(slope)[0]) * (expected[key] - means[key])
    return float(np.ravel(linear.value)[0]), np.nan_to_num(psi)


def _calibrated(rows: ModelRows) -> tuple[float | None, float | None]:
    """The reference's metric as seen, and how far the scores' own estimate of it is off."""
    metric = rows.metric
    cases = rows.cases(0)
    valid = validity(metric, cases, 0)
    if not valid.any():
        return None, None
    seen = float(linearised(metric, cases, 0, valid).value[0])
    said, _ = _from_scores(rows, 0, np.asarray(rows.read(0, "score_0"), dtype=np.float64))
    return (seen, said - seen) if math.isfinite(seen) else (None, None)


def decompositions(rows: ModelRows, *, alpha: float) -> tuple[Decomposition, ...]:
    """The change of the metric by each slice column: mix and within, and each slice's part."""
    return tuple(_decomposition(rows, one, alpha) for one in rows.groupings)


def _decomposition(rows: ModelRows, where: Grouping, alpha: float) -> Decomposition:
    by, metric, tree = where.names[0], rows.metric, rows.tree
    measured = unpaired(rows.measurers, [metric], [where])[metric.name, where]
    if tree is None or not _only_rows(rows) or any(isinstance(atom, Size) for atom in atoms(tree)):
        reason = f"{metric.name} is not {ADDS_UP}: its slices do not add up"
        return Decomposition(by=by, metric=metric.name, reason=reason)
    sides = []
    for at in (0, 1):
        terms, valid = formula_terms(metric, tree, rows.cases(at), 0)
        codes = np.asarray(rows.read(at, f"slice_{where.columns[0]}"), dtype=np.int64)
        sides.append((codes[valid], np.column_stack([terms[key] for key in terms])[valid]))
    keys = [atom.key() for atom in atoms(tree) if not isinstance(atom, Size)]

    def value(means: Floats) -> Floats:
        return evaluate(tree, {key: means[..., k] for k, key in enumerate(keys)})[0]

    try:
        found = mix_and_within(sides[0], sides[1], where.size, _scalar(value))
    except DataError as error:
        return Decomposition(by=by, metric=metric.name, reason=str(error))
    parts = [found.total, found.mix, found.within]
    if not all(math.isfinite(part.value) for part in parts):
        return Decomposition(by=by, metric=metric.name, reason=f"{metric.name} has no value in one of the tables")
    slices = tuple(
        _slice(rows, measured, where, s, sides, found.mix_by_slice[s], found.within_by_slice[s], alpha)
        for s in range(where.size)
        if found.reference_share[s] or found.current_share[s]
    )
    notes = []
    if any(found.one_sided):
        names = [where.levels[0][s] for s in np.flatnonzero(found.one_sided)]
        notes.append(f"only in one table, so all of theirs is mix: {', '.join(names[:8])}")
    sign = -1.0 if metric.higher_is_better else 1.0
    ranked = sorted(slices, key=lambda s: (s.impact is None, -sign * (s.impact or 0.0)))
    total, mix, within = (_limits(part, alpha) for part in parts)
    return Decomposition(
        by=by,
        metric=metric.name,
        total=found.total.value,
        total_low=total[0],
        total_high=total[1],
        mix=found.mix.value,
        mix_low=mix[0],
        mix_high=mix[1],
        within=found.within.value,
        within_low=within[0],
        within_high=within[1],
        slices=tuple(ranked),
        notes=tuple(notes),
        method=KITAGAWA,
    )


def _scalar(value: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    return lambda means: np.asarray(value(means[None, :])[0])


def _limits(part: Part, alpha: float) -> tuple[float | None, float | None]:
    low, high = part.interval(alpha)
    return finite(low), finite(high)


def _slice(
    rows: ModelRows,
    measured: Measured,
    where: Grouping,
    s: int,
    sides: list[tuple[NDArray[np.int64], Floats]],
    mix: float,
    within: float,
    alpha: float,
) -> SlicePart:
    n, m = (int((codes == s).sum()) for codes, _ in sides)
    contrast = measured.contrasts[0, 1].at(s)
    low, high = contrast.interval(alpha)
    reason = contrast.reasons[0]
    values = {e.model: e.value for e in estimates(measured, NAMES, alpha=alpha, only=s)}
    before, after = values.get("reference"), values.get("current")
    change = None if before is None or after is None else after - before
    if change is None and reason is None:
        reason = "rows in one of the tables only" if not (n and m) else "no value in one of the tables"
    return SlicePart(
        slice=where.key(s),
        n_reference=n,
        n_current=m,
        share_reference=n / len(sides[0][0]),
        share_current=m / len(sides[1][0]),
        reference=before,
        current=after,
        change=change,
        low=None if change is None else finite(float(low[0])),
        high=None if change is None else finite(float(high[0])),
        mix=float(mix),
        within=float(within),
        impact=None if change is None else m * change,
        reason=reason,
    )
