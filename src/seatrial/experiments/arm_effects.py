"""From arms to `ExperimentEffect` records: raw and adjusted, absolute and relative, on every segment."""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from seatrial.decisions.verdict import Decision
from seatrial.effects.families import Deciding, explored, success_family
from seatrial.effects.words import Bools, word
from seatrial.experiments.observed import Observed
from seatrial.experiments.request import Request
from seatrial.experiments.table import Grouping
from seatrial.records.numbers import format_interval, format_percent
from seatrial.records.plan import ExperimentMetric
from seatrial.records.readout import Adjustment, ExperimentEffect
from seatrial.records.results import Slice, Word
from seatrial.stats.arms import ArmContrast, ArmMeans, contrast, post_stratified_contrast
from seatrial.stats.contrasts import Contrast, Floats
from seatrial.stats.heavy_tails import skew_notes
from seatrial.stats.means import PairedMeans
from seatrial.stats.monitored import GroupSequential
from seatrial.stats.power import rows_needed, smallest_detectable_effect
from seatrial.stats.relative import RelativeInterval, relative_interval
from seatrial.stats.shrinkage import shrink

FEWEST_UNITS = 100
FEWEST_EVENTS = 10
"""An explored segment is corrected for and ranked only with so many units and, of a rate, events of the rarer kind."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One metric of one arm against the control on one grouping, raw or adjusted, read by the stopping rule or not."""

    metric: ExperimentMetric
    candidate: int
    grouping: Grouping
    levels: tuple[str, ...]
    adjustment: Adjustment
    found: ArmContrast
    read: Contrast
    """The contrast as it may be read now: the stopping rule laid over `found.contrast`."""
    means: ArmMeans
    decides: bool
    slices: tuple[Slice, ...]
    """The segment of each slice; `{}` is all units."""

    def slice_of(self, index: int) -> Slice:
        """The segment of one slice; `{}` is all units."""
        return self.slices[index]


def adjustments(
    observed: Observed, metric: ExperimentMetric, grouping: Grouping, request: Request
) -> tuple[Adjustment, ...]:
    """The ways in which a metric is shown on a grouping, raw first; the last of them decides."""
    found: list[Adjustment] = ["none"]
    if request.adjustment == "none":
        return ("none",)
    strata = request.post_stratify
    if strata is not None and not grouping and (strata,) in observed.measured[metric.name].by:
        found.append("post-stratified")
    if observed.arms_means(metric.name, grouping).covariates.shape[-1]:
        found.append("cupac" if metric.cupac else "cuped")
    return tuple(found)


def compared(
    observed: Observed,
    metric: ExperimentMetric,
    candidate: int,
    grouping: Grouping,
    *,
    adjustment: Adjustment,
    strata: str | None = None,
    decides: bool,
) -> Compared:
    """Contrast one arm with the control; the stopping rule is laid over it by the caller."""
    means = observed.arms_means(metric.name, grouping)
    if adjustment == "post-stratified" and strata is not None:
        levels = observed.measured[metric.name].levels[strata,]
        found = post_stratified_contrast(observed.arms_means(metric.name, (strata,)), candidate, names=levels)
    else:
        found = contrast(means, candidate, adjusted=adjustment != "none")
        if adjustment == "cupac" and isinstance(found.contrast, PairedMeans):
            named = found.contrast.method.replace("(CUPED)", "(CUPAC: one cross-fitted prediction)")
            found = replace(found, contrast=replace(found.contrast, method=named))
    return Compared(
        metric=metric,
        candidate=candidate,
        grouping=grouping,
        levels=tuple(observed.measured[metric.name].levels[grouping]),
        adjustment=adjustment,
        found=found,
        read=found.contrast,
        means=means,
        decides=decides,
        slices=_slices(observed, metric.name, grouping),
    )


def _slices(observed: Observed, metric: str, grouping: Grouping) -> tuple[Slice, ...]:
    """The segment of each slice, the first column outermost."""
    if not grouping:
        return ({},)
    if len(grouping) == 1:
        return tuple({grouping[0]: level} for level in observed.measured[metric].levels[grouping])
    levels = {segment.name: segment.levels for segment in observed.segments}
    every = product(*(levels[name] for name in grouping))
    return tuple(dict(zip(grouping, one, strict=True)) for one in every)


def records(one: Compared, observed: Observed, request: Request, decision: Decision) -> list[ExperimentEffect]:
    """The effects of every slice.

    Levels of a registered segment share the policy's alpha (Holm; several columns in equal parts), those of an explored
    one a false discovery rate.

    A level that a rule names is read as its check reads it, and is no member of either family. Of segments by several
    columns together only those are shown.
    """
    registered = all(request.registered(column) for column in one.grouping)
    many = len(one.levels)
    readings = _Readings(one)
    candidate = observed.arms[one.candidate]
    ruled = np.array([_decided(request, one.metric.name, one.slice_of(s)) for s in range(many)])
    shown = [s for s in range(many) if ruled[s] or len(one.grouping) < 2]
    is_explored = bool(one.grouping) and not registered
    large = _eligible(one) if one.grouping else np.ones(many, dtype=bool)
    eligible = large & ~ruled if is_explored else large
    correction = explored(one.read, eligible) if is_explored else None
    shrunken = np.full(many, math.nan)
    if one.grouping:
        shrunken = _shrunken(one, large if is_explored else np.ones(many, dtype=bool))
    family = _registered_family(one, request, ruled, observed) if one.grouping and registered else {}
    made = []
    for s in shown:
        if correction is not None and not ruled[s]:
            made.append(
                _record(
                    one,
                    observed,
                    request,
                    s,
                    readings,
                    alpha=correction.alpha,
                    adjusted_p=_finite(correction.adjusted_p_values[s]),
                    exploratory=True,
                    small=not large[s],
                    shrunken=_finite(shrunken[s]),
                )
            )
            continue
        deciding = family.get(s) or decision.deciding(one.metric.name, one.slice_of(s), candidate)
        made.append(
            _record(
                one,
                observed,
                request,
                s,
                readings,
                alpha=deciding.alpha,
                adjusted_p=deciding.adjusted_p_value if one.decides else None,
                exploratory=not _planned(request, one.metric),
                small=bool(one.grouping) and not large[s],
                shrunken=_finite(shrunken[s]),
            )
        )
    return made


class _Readings:
    """What the contrast says on all slices at once, made once a level and margin: far quicker than slice by slice."""

    def __init__(self, one: Compared) -> None:
        self._one = one
        self._limits: dict[float, tuple[Floats, Floats]] = {}
        self._lifts: dict[float, RelativeInterval] = {}
        self._words: dict[tuple[float, float, bool], tuple[tuple[Word, ...], Bools]] = {}
        self.reasons = one.read.reasons
        self.methods = one.read.methods
        self.p_values = one.read.p_value(0.0)
        self.difference = one.read.difference
        self.standard_error = one.read.standard_error

    def limits(self, alpha: float) -> tuple[Floats, Floats]:
        """Limits at level 1 - alpha, slice by slice."""
        if alpha not in self._limits:
            self._limits[alpha] = self._one.read.interval(alpha)
        return self._limits[alpha]

    def lifts(self, alpha: float) -> RelativeInterval:
        """Lifts at level 1 - alpha, slice by slice."""
        if alpha not in self._lifts:
            self._lifts[alpha] = relative_interval(self._one.read, self._one.found.control, alpha=alpha)
        return self._lifts[alpha]

    def words(self, alpha: float, margin: float, *, is_relative: bool) -> tuple[tuple[Word, ...], Bools]:
        """The word of each slice, and whether a better or worse lies wholly inside the margin."""
        key = alpha, margin, is_relative
        if key not in self._words:
            self._words[key] = word(
                self._one.read,
                alpha=alpha,
                margin=margin,
                margin_is_relative=is_relative,
                higher_is_better=self._one.metric.higher_is_better,
            )
        return self._words[key]


def _registered_family(
    one: Compared, request: Request, ruled: "np.ndarray[tuple[int], np.dtype[np.bool_]]", observed: Observed
) -> dict[int, Deciding]:
    """How each registered level is read: Holm within its column, alpha in equal parts over the registered columns."""
    by = observed.measured[one.metric.name].by
    columns = sum(1 for grouping in by if len(grouping) == 1 and request.registered(grouping[0]))
    members = [s for s in range(len(one.levels)) if not ruled[s]]
    p = one.read.p_value(0.0)
    known = [None if math.isnan(p[s]) else float(p[s]) for s in members]
    family = success_family(known, alpha=request.policy.alpha / columns)
    return {
        s: Deciding(alpha=alpha, adjusted_p_value=None if adjusted is None else min(1.0, adjusted * columns))
        for s, (alpha, adjusted) in zip(members, family, strict=True)
    }


def _decided(request: Request, metric: str, where: Slice) -> bool:
    """Whether a check compares this metric on this segment."""
    rule = request.rule_of(metric, where)
    return rule is not None and rule.role != "secondary"


def _planned(request: Request, metric: ExperimentMetric) -> bool:
    return (
        request.plan is not None
        and request.plan.frozen
        and any(metric.name == known.name for known in request.plan.metrics)
    )


def _record(
    one: Compared,
    observed: Observed,
    request: Request,
    s: int,
    readings: _Readings,
    *,
    alpha: float,
    adjusted_p: float | None,
    exploratory: bool,
    small: bool,
    shrunken: float | None,
) -> ExperimentEffect:
    metric = one.metric
    rule = request.rule_of(metric.name, one.slice_of(s)) or request.rule_of(metric.name)
    margin, is_relative = request.margin_of(metric, rule)
    reason = readings.reasons[s]
    low, high = (float(limit[s]) for limit in readings.limits(alpha))
    said: Word = "cannot tell"
    inside = False
    if not reason:
        words, insides = readings.words(alpha, margin, is_relative=is_relative)
        said, inside = words[s], bool(insides[s])
    units_t, units_c = float(one.found.units_treatment[s]), float(one.found.units_control[s])
    difference = _finite(readings.difference[s])
    error = _finite(readings.standard_error[s])
    detectable = (
        None
        if error is None
        else _finite(float(smallest_detectable_effect(error, alpha=alpha, power=request.policy.power)))
    )
    control = float(one.found.control[s])
    target = abs(margin * control) if is_relative else margin
    needed = None
    if detectable is not None and target > 0 and math.isfinite(target):
        rows = int(rows_needed(units_t + units_c, detectable, target))
        needed = rows if rows > 0 else None
    lift = readings.lifts(alpha)
    where = one.slice_of(s)
    n = int(units_t + units_c)
    return ExperimentEffect(
        baseline=observed.arms[0],
        candidate=observed.arms[one.candidate],
        metric=metric.name,
        slice=where,
        segment=" & ".join(f"{column}={level}" for column, level in where.items()) or None,
        n=n,
        missing=0 if where else max(0, observed.units_of(0) + observed.units_of(one.candidate) - n),
        baseline_value=_finite(control),
        candidate_value=_finite(float(one.found.treatment[s])),
        difference=None if reason else difference,
        low=None if reason else _finite(low),
        high=None if reason else _finite(high),
        level=1 - alpha,
        p_value=None if reason else _finite(readings.p_values[s]),
        adjusted_p_value=adjusted_p,
        word=said,
        margin=margin,
        margin_is_relative=is_relative,
        smaller_than_margin=inside,
        standard_error=error,
        smallest_detectable_effect=detectable,
        rows_needed=needed,
        method=readings.methods[s],
        reason=reason,
        unit=observed.unit,
        scale=metric.scale,
        higher_is_better=metric.higher_is_better,
        exploratory=exploratory,
        small=small,
        shrunken=shrunken,
        notes=_notes(one, s, observed, reason, alpha),
        adjustment=one.adjustment,
        days=observed.days,
        units={observed.arms[0]: int(units_c), observed.arms[one.candidate]: int(units_t)},
        relative_difference=None if reason else _finite(lift.lift[s]),
        relative_low=None if reason else _finite(lift.low[s]),
        relative_high=None if reason else _finite(lift.high[s]),
        relative_reason=reason or lift.reasons[s],
        planned=not exploratory,
        decides=one.decides and _decided(request, metric.name, where),
    )


def _notes(one: Compared, s: int, observed: Observed, reason: str | None, alpha: float) -> tuple[str, ...]:
    notes: list[str] = []
    if reason is None and one.decides and not one.grouping:
        notes += _after_stopping(one, s, alpha)
    for phase in one.found.dropped[s]:
        notes.append(f"phase {observed.phases[phase]} is left out: one of the two arms has no units in it")
    if one.adjustment != "none" and math.isfinite(one.found.variance_factor[s]):
        what = {"post-stratified": "the strata take", "cupac": "the prediction takes"}.get(
            one.adjustment, "the covariates take"
        )
        saved = max(0.0, 1 - float(one.found.variance_factor[s]))
        notes.append(f"{what} {format_percent(round(saved, 2))} of the variance away")
    if reason is None and one.means.count is None and one.means.skewness is not None:
        for arm in (0, one.candidate):
            n, skew = one.means.n[arm, :, s], one.means.skewness[arm, :, s]
            if np.isfinite(skew).any():
                at = int(np.nanargmax(n))
                note = skew_notes([float(n[at])], [float(skew[at])])[0]
                if note is not None:
                    notes.append(note)
                    break
    return tuple(notes)


def _after_stopping(one: Compared, s: int, alpha: float) -> list[str]:
    """The median-unbiased estimate of a group-sequential test that stops here: crossed, or at its last look."""
    read = one.read.at(s)
    if not isinstance(read, GroupSequential) or len(read.fractions) < 2:
        return []
    if not (read.final or float(read.p_value(0.0)[0]) < alpha):
        return []
    value, low, high, _ = (float(x[0]) for x in read.stopped(alpha=alpha))
    if not all(map(math.isfinite, (value, low, high))):
        return []
    said = format_interval(value, low, high, scale=one.metric.scale, signed=True)
    return [f"stopping at a look favours large differences; median-unbiased, by stage-wise ordering: {said}"]


def _eligible(one: Compared) -> Bools:
    units = one.found.units_control + one.found.units_treatment
    enough = units >= FEWEST_UNITS
    if one.means.count is not None:
        both = [0, one.candidate]
        events, n = np.nansum(one.means.count[both], axis=(0, 1)), one.means.n[both].sum(axis=(0, 1))
        enough &= np.minimum(events, n - events) >= FEWEST_EVENTS
    return np.asarray(enough)


def _shrunken(one: Compared, eligible: Bools) -> Floats:
    raw = one.found.contrast
    difference = np.where(eligible, raw.difference, math.nan)
    return shrink(difference, raw.standard_error)


def _finite(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
