"""Whether an effect differs between segments: the interaction is tested before any one segment is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.experiments.arm_effects import Compared
from seatrial.experiments.observed import Observed
from seatrial.experiments.request import Request
from seatrial.records.readout import SegmentTest
from seatrial.stats.heterogeneity import interaction_test, simpson_check
from seatrial.stats.multiplicity import holm

FEWEST = 30
"""Units a level needs in either arm to enter the interaction test."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    one: Compared
    planned: bool
    p_value: float
    df: int | None
    reason: str | None
    simpson: bool
    largest: tuple[str, str]
    """The levels with the highest and the lowest effect."""


def segment_tests(
    whole: Compared, by_segment: Sequence[Compared], observed: Observed, request: Request
) -> list[SegmentTest]:
    """One interaction test a segment column, corrected (Holm) among the registered and among the explored ones."""
    asked = [_ask(whole, one, request) for one in by_segment]
    made: list[SegmentTest] = []
    for planned in (True, False):
        family = [one for one in asked if one.planned == planned]
        adjusted, _ = holm([one.p_value for one in family], alpha=request.policy.alpha)
        for one, p in zip(family, adjusted.tolist(), strict=True):
            made.append(_test(one, None if math.isnan(p) else p, observed, request.policy.alpha))
    return made


def _ask(whole: Compared, one: Compared, request: Request) -> _Asked:
    raw = one.found.contrast
    enough = (np.minimum(one.found.units_control, one.found.units_treatment) >= FEWEST) & np.array(
        [reason is None for reason in raw.reasons]
    )
    difference = np.where(enough, raw.difference, math.nan)
    error = np.where(enough, raw.standard_error, math.nan)
    degrees = np.maximum(one.found.units_control + one.found.units_treatment - 2, 1)
    tested = interaction_test(difference, error, degrees=degrees)
    pooled = whole.found.contrast
    simpson = False
    levels = np.flatnonzero(enough)
    if len(levels) >= 2 and pooled.reasons[0] is None:
        units = (one.found.units_control + one.found.units_treatment)[levels]
        simpson = simpson_check(
            float(pooled.difference[0]),
            float(pooled.standard_error[0]),
            difference[levels],
            error[levels],
            shares=units / units.sum(),
            alpha=request.policy.alpha,
        ).reversed
    order = levels[np.argsort(difference[levels])] if len(levels) else levels
    ends = (one.levels[order[-1]], one.levels[order[0]]) if len(order) else ("", "")
    return _Asked(
        one=one,
        planned=request.registered(one.grouping[0]),
        p_value=float(tested.p_value),
        df=tested.df if tested.reason is None else None,
        reason=tested.reason,
        simpson=simpson,
        largest=ends,
    )


def _test(asked: _Asked, adjusted: float | None, observed: Observed, alpha: float) -> SegmentTest:
    one = asked.one
    column, metric = one.grouping[0], one.metric.name
    if asked.reason is not None or adjusted is None:
        sentence = f"Whether the effect on {metric} differs by {column} cannot be tested: {asked.reason}."
    elif adjusted < alpha:
        kind = "registered" if asked.planned else "explored"
        sentence = (
            f"The effect on {metric} differs by {column} ({kind}; adjusted p = {adjusted:.2g}): highest in "
            f"{asked.largest[0]}, lowest in {asked.largest[1]}."
        )
    else:
        sentence = (
            f"No sign that the effect on {metric} differs by {column} (adjusted p = {adjusted:.2g}): read the whole, "
            f"not single segments."
        )
    if asked.simpson:
        sentence += f" The pooled effect points the other way than those within {column}: the mix of arms differs."
    return SegmentTest(
        metric=metric,
        candidate=observed.arms[one.candidate],
        segment=column,
        planned=asked.planned,
        p_value=None if math.isnan(asked.p_value) else asked.p_value,
        adjusted_p_value=adjusted,
        df=asked.df,
        reason=asked.reason,
        simpson=asked.simpson,
        sentence=sentence,
    )
