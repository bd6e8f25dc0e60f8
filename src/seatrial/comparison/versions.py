"""`Comparison`: versions aligned and measured, ready to answer any rule of a policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from seatrial.comparison.request import Request
from seatrial.comparison.wanted import Wanted, metrics_of, wanted
from seatrial.data.align import align, align_apart
from seatrial.data.frame import Frame
from seatrial.data.health import DataFacts, data_facts
from seatrial.data.predictions import Predictions
from seatrial.decisions.checks import Evidence
from seatrial.effects.effect import Reading, effect, explored_effects
from seatrial.effects.estimate import estimates
from seatrial.effects.grouping import Grouping, grouping, groupings
from seatrial.effects.measure import Measurer, bind, catalogue_of
from seatrial.effects.measured import Measured
from seatrial.effects.unpaired import unpaired
from seatrial.errors import DataError, UsageError, did_you_mean, listed
from seatrial.metrics.base import Metric, PerClass
from seatrial.metrics.catalogue import main_metric
from seatrial.records import Effect, Estimate, Policy, Rule, Slice
from seatrial.stats.paired import PairedProportions

Progress = Callable[[str, int, int], None]
Pair = tuple[int, int]


class _Asked(TypedDict):
    """What both ways of aligning are asked for."""

    slices: tuple[str, ...]
    cross: int
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    cluster: str | None


@dataclass(kw_only=True)
class Comparison:
    """One or more versions (the baseline first), measured; what was not measured yet is measured when a rule asks."""

    predictions: tuple[Predictions, ...]
    request: Request
    wanted: Wanted
    frames: tuple[Frame, ...]
    """One frame of all versions, or one a version when they are not paired."""
    measurers: tuple[Measurer, ...]
    facts: tuple[DataFacts, ...]
    """Of each frame."""
    policy: Policy | None = None
    _held: dict[tuple[str, Grouping], Measured] = field(default_factory=dict)
    _metrics: dict[str, Metric] = field(default_factory=dict)

    @property
    def frame(self) -> Frame:
        return self.frames[0]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(side.name for frame in self.frames for side in frame.sides)

    @property
    def baseline(self) -> str:
        return self.models[0]

    @property
    def candidates(self) -> tuple[str, ...]:
        return self.models[1:]

    @property
    def pairs(self) -> list[Pair]:
        """(baseline, candidate) positions: each against the baseline, or every pair when asked."""
        many = len(self.models)
        if self.request.all_pairs:
            return [(i, j) for i in range(many) for j in range(i + 1, many)]
        return [(0, j) for j in range(1, many)]

    @property
    def metrics(self) -> list[Metric]:
        return list(self._metrics.values())

    @property
    def groupings(self) -> list[Grouping]:
        """All rows, explored slices, and their crosses."""
        return groupings(self.frame, explored=tuple(range(self.wanted.explored)), cross=self.request.cross)

    def measure(self) -> None:
        """Measure every metric on every grouping; later questions are answered from it."""
        new = [m for m in self.metrics if any((m.name, where) not in self._held for where in self.groupings)]
        if new:
            self._measure(new, self.groupings)

    def metric(self, name: str) -> Metric:
        """The metric of a name, bound to these data; raises `UsageError` for an unknown one."""
        if name not in self._metrics:
            catalogue = self.measurers[0].catalogue
            self._metrics[name] = bind(catalogue.get(name), self.frame, catalogue)
        return self._metrics[name]

    def measured(self, name: str, where: Slice) -> tuple[Measured, int]:
        """One metric on the grouping of a slice, and the slice's position in it."""
        found = self._grouping_of(where)
        if (name, found) not in self._held:
            self._measure([self.metric(name)], [found])
        index = found.index(where)
        if index is None:
            column = next(n for n, levels in zip(found.names, found.levels, strict=True) if where[n] not in levels)
            levels = found.levels[found.names.index(column)]
            raise UsageError(
                f"Slice {column}={where[column]}: '{column}' has no such "
                f"value.{did_you_mean(where[column], levels)} It has {listed(levels)}."
            )
        return self._held[name, found], index

    def evidence(self, rule: Rule, candidate: str) -> Evidence:
        """What a rule needs: the contrast with the baseline, or the candidate's own estimate for a bound."""
        metric = self.metric(rule.metric)
        measured, index = self.measured(rule.metric, rule.slice)
        position = self.models.index(candidate)
        common = {
            "margin": metric.margin,
            "margin_is_relative": metric.margin_is_relative,
            "higher_is_better": metric.higher_is_better,
            "scale": metric.scale,
        }
        if rule.is_bound:
            own = next(
                e for e in estimates(measured, self.models, alpha=self._alpha(rule), only=index) if e.model == candidate
            )
            return Evidence(n=own.n, estimate=own, **common)  # type: ignore[arg-type]
        if position == 0 or (0, position) not in measured.contrasts:
            return Evidence(reason="there is no baseline to compare with", **common)  # type: ignore[arg-type]
        contrast = measured.contrasts[0, position].at(index)
        n = round(float(contrast.n[0])) if isinstance(contrast, PairedProportions) else round(measured.n[index])
        counted = {
            "recall": "positives",
            "false_negative_rate": "positives",
            "specificity": "negatives",
            "false_positive_rate": "negatives",
        }
        noun = counted.get(rule.metric, "rows")
        if isinstance(metric, PerClass) and counted.get(metric.name.partition("[")[0]) == "positives":
            noun = f"rows of {metric.label}"
        return Evidence(n=n, contrast=contrast, counted=noun, **common)  # type: ignore[arg-type]

    def estimates(self, *, alpha: float) -> list[Estimate]:
        """Every measured estimate: all rows first, in the metrics' order, then the slices."""
        found: list[Estimate] = []
        for where in [
            *self.groupings,
            *[g for g in dict.fromkeys(g for _, g in self._held) if g not in self.groupings],
        ]:
            for name in self._metrics:
                if (name, where) in self._held:
                    found += estimates(self._held[name, where], self.models, alpha=alpha)
        return found

    def effect(self, name: str, where: Slice, pair: Pair, read: Reading, *, adjusted: float | None = None) -> Effect:
        """One effect, read at a level and margin."""
        measured, index = self.measured(name, where)
        return effect(measured, pair, self.models, index, read, adjusted=adjusted)

    def explored(self, pair: Pair, *, alpha: float) -> list[Effect]:
        """Effects on every explored slice, corrected a metric at a time over all slices of all groupings."""
        found: list[Effect] = []
        cuts = self.groupings[1:]
        rarer = {where: self._rarer(where) for where in cuts}
        for name in self._metrics:
            several = [
                self._held[name, where]
                for where in cuts
                if (name, where) in self._held and pair in self._held[name, where].contrasts
            ]
            if several:
                metric = several[0].metric
                read = Reading(alpha=alpha, margin=metric.margin, margin_is_relative=metric.margin_is_relative)
                found += explored_effects(
                    several, pair, self.models, read, [rarer[measured.grouping] for measured in several]
                )
        return found

    @property
    def rarest_share(self) -> float | None:
        """Share of the rarest class; None for a numeric or multilabel target."""
        return _rarest_share(self.facts[0], self.frame)

    def lead_metric(self) -> str:
        """The metric a summary leads with: the policy's, else the first asked for, else the task's main one; never
        accuracy where a class is rare."""
        usual = main_metric(self.measurers[0].catalogue, rarest_share=self.rarest_share)
        if self.policy is not None and not self.policy.assumed:
            ruled = [
                rule.metric
                for rule in sorted(self.policy.rules, key=lambda r: r.role != "success")
                if not rule.is_bound
            ]
            if ruled and not (ruled[0] == "accuracy" and usual != "accuracy"):
                return ruled[0]
        asked = [name for name in self.wanted.names if name in self._metrics and self._metrics[name].gated]
        if asked and not (asked[0] == "accuracy" and usual in self._metrics):
            return asked[0]
        names = list(self._metrics)
        return usual if usual in names or not names else names[0]

    def _alpha(self, rule: Rule) -> float:
        if rule.alpha is not None:
            return rule.alpha
        return self.policy.alpha if self.policy is not None else 1 - self.request.level

    def _rarer(self, where: Grouping) -> np.ndarray | None:
        found = [
            measurer.rarer(where)
            for measurer in self.measurers
            if where in groupings(measurer.frame, explored=tuple(range(self.wanted.explored)), cross=2)
        ]
        present = [f for f in found if f is not None]
        return np.minimum.reduce(present) if present else None

    def _grouping_of(self, where: Slice) -> Grouping:
        names = [column.name for column in self.frame.slices]
        for column in where:
            if column not in names:
                raise UsageError(
                    f"Slice column '{column}' was not read.{did_you_mean(column, names)} Name it with --by."
                )
        return grouping(self.frame, tuple(sorted(names.index(column) for column in where)))

    def _measure(self, metrics: Sequence[Metric], where: Sequence[Grouping]) -> None:
        if len(self.frames) == 1:
            pairs: list[tuple[int, ...]] = [*self.pairs] or [(0,)]
            self._held.update(self.measurers[0].measure(metrics, where, pairs))
            return
        self._held.update(unpaired(self.measurers, metrics, where))


def compare_versions(
    predictions: Sequence[Predictions],
    request: Request,
    *,
    policy: Policy | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Align and measure; raises `DataError` for data that cannot carry the question, `UsageError` for a bad option."""
    if not 1 <= len(predictions) <= 20:
        raise UsageError(f"{len(predictions)} versions were given; compare two to twenty.")
    want = wanted(predictions, request, policy)
    together = [list(predictions)] if not request.unpaired else [[p] for p in predictions]
    asked: _Asked = {
        "slices": want.slices,
        "cross": request.cross,
        "columns": want.columns,
        "texts": want.texts,
        "cluster": request.cluster,
    }
    frames = align_apart(predictions, **asked) if request.unpaired else (align(predictions, **asked),)
    if any(frame.n == 0 for frame in frames):
        raise DataError("No rows are left to compare: every file needs at least one row that the others have.")
    _same_kind(frames)
    facts = tuple(data_facts(frame, group) for frame, group in zip(frames, together, strict=True))
    return _measured(tuple(predictions), request, policy, want, frames, facts, progress=progress)


def decided_by(comparison: Comparison, policy: Policy) -> Comparison:
    """The same question under a policy; files are read again only when it names columns or slices not read yet."""
    want = wanted(comparison.predictions, comparison.request, policy)
    read = comparison.frame
    known = set(want.columns) <= set(read.values) and set(want.texts) <= set(read.texts)
    if not known or want.slices != comparison.wanted.slices:
        return compare_versions(comparison.predictions, comparison.request, policy=policy)
    held = {
        key: measured
        for key, measured in comparison._held.items()
        if want.formulas.get(key[0]) is comparison.wanted.formulas.get(key[0])
    }
    return _measured(
        comparison.predictions, comparison.request, policy, want, comparison.frames, comparison.facts, held=held
    )


def _measured(
    predictions: tuple[Predictions, ...],
    request: Request,
    policy: Policy | None,
    want: Wanted,
    frames: tuple[Frame, ...],
    facts: tuple[DataFacts, ...],
    *,
    progress: Progress | None = None,
    held: dict[tuple[str, Grouping], Measured] | None = None,
) -> Comparison:
    """Choose the metrics, and measure what is not held yet."""
    operational = tuple(c for c in want.operational if c in frames[0].values)
    catalogue = catalogue_of(frames[0], operational=operational, formulas=want.formulas)
    same = _identical(facts[0]) if len(frames) == 1 else {}
    measurers = tuple(
        Measurer(
            frame=frame,
            catalogue=catalogue,
            seed=request.seed,
            frequency=frame.weights == "counts",
            same_columns=same,
            progress=progress,
        )
        for frame in frames
    )
    comparison = Comparison(
        predictions=predictions,
        request=request,
        wanted=want,
        frames=frames,
        measurers=measurers,
        facts=facts,
        policy=policy,
    )
    comparison._held.update(held or {})
    chosen = metrics_of(want, catalogue, policy, rarest_share=_rarest_share(facts[0], frames[0]))
    comparison._metrics.update({metric.name: bind(metric, frames[0], catalogue) for metric in chosen})
    comparison.measure()
    return comparison


def _identical(facts: DataFacts) -> dict[Pair, frozenset[str]]:
    """Per pair with the baseline, the columns that equal the baseline's byte for byte."""
    outputs = {"prediction", "score"}
    return {
        (0, j): frozenset({*(outputs if side.identical else ()), *side.identical_values})
        for j, side in enumerate(facts.sides[1:], start=1)
    }


def _rarest_share(facts: DataFacts, frame: Frame) -> float | None:
    if frame.task not in ("binary", "multiclass") or facts.rarest_class is None:
        return None
    return facts.rarest_class[1]


def _same_kind(frames: Sequence[Frame]) -> None:
    first = frames[0]
    for frame in frames[1:]:
        if frame.task != first.task or frame.labels != first.labels:
            raise DataError(
                f"{first.models[0]} and {frame.models[0]} cannot be compared: one is {first.task} with labels "
                f"{listed(first.labels) or '(numbers)'}, "
                f"the other {frame.task} with {listed(frame.labels) or '(numbers)'}."
            )
