"""From contrasts to `Effect` records: the word, what these rows could have shown, how explored slices are corrected."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.estimate import finite
from seatrial.effects.families import EXPLORED_RATE, Deciding
from seatrial.effects.measured import Floats, Measured
from seatrial.effects.words import word
from seatrial.records import Effect
from seatrial.stats.contrasts import Contrast
from seatrial.stats.means import PairedMeans
from seatrial.stats.multiplicity import benjamini_hochberg
from seatrial.stats.paired import PairedProportions
from seatrial.stats.power import rows_needed, smallest_detectable_effect
from seatrial.stats.shrinkage import shrink

UNDIRECTED = "neither more nor less of it is good by itself, so a difference is not called better or worse"
"""The note of an effect of a metric that is not `directed`."""
FEWEST_ROWS = 100
FEWEST_RARE = 10
"""A slice is ranked and corrected for only with so many rows, and so many of its rarer class."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the effects of one contrast are read: error rate, margin, power."""

    alpha: float
    margin: float
    margin_is_relative: bool
    power: float = 0.8
    role: str | None = None
    """`guardrail` where the rows needed are those for a guardrail, with no true difference."""


def reading(measured: Measured, deciding: Deciding, *, power: float = 0.8) -> Reading:
    """The reading a rule gives, with the metric's default margin where the rule names none."""
    if deciding.margin is None:
        return Reading(
            alpha=deciding.alpha,
            margin=measured.metric.margin,
            margin_is_relative=measured.metric.margin_is_relative,
            power=power,
        )
    return Reading(
        alpha=deciding.alpha, margin=deciding.margin, margin_is_relative=deciding.margin_is_relative, power=power
    )


def effect(
    measured: Measured,
    pair: tuple[int, int],
    models: tuple[str, ...],
    index: int,
    read: Reading,
    *,
    adjusted: float | None = None,
) -> Effect:
    """The record of one slice, read at the level its rule gives."""
    contrast = measured.contrasts[pair].at(index)
    return _records(
        measured, contrast, pair, models, [index], read, adjusted=np.array([np.nan if adjusted is None else adjusted])
    )[0]


def explored_effects(
    several: Sequence[Measured],
    pair: tuple[int, int],
    models: tuple[str, ...],
    read: Reading,
    rarer: Sequence[Floats | None],
) -> list[Effect]:
    """Records of every slice of every grouping of one metric, by impact and stamped exploratory.

    Slices with enough rows are corrected together by BH and read at its false-coverage level; the others are shown at
    the
    same level and not ranked. `rarer` holds, per grouping, the rows of the rarer class in each slice (S,).
    """
    contrasts = [measured.contrasts[pair] for measured in several]
    enough = [
        _eligible(measured, contrast, rare) for measured, contrast, rare in zip(several, contrasts, rarer, strict=True)
    ]
    p_values = np.concatenate(
        [
            np.where(eligible, contrast.p_value(0.0), np.nan)
            for contrast, eligible in zip(contrasts, enough, strict=True)
        ]
    )
    adjusted, _, alpha = benjamini_hochberg(p_values, q=EXPLORED_RATE)
    level = Reading(alpha=alpha, margin=read.margin, margin_is_relative=read.margin_is_relative, power=read.power)
    sign = 1.0 if several[0].metric.higher_is_better else -1.0
    records: list[Effect] = []
    start = 0
    for measured, contrast, eligible in zip(several, contrasts, enough, strict=True):
        size = measured.grouping.size
        shrunken = shrink(
            np.where(eligible, contrast.difference, np.nan), np.where(eligible, contrast.standard_error, np.nan)
        )
        impact = np.where(eligible, -sign * contrast.difference * measured.n, np.nan)
        held = [int(s) for s in np.flatnonzero(measured.n + measured.missing > 0)]
        records += _records(
            measured,
            contrast,
            pair,
            models,
            held,
            level,
            adjusted=adjusted[start : start + size],
            small=~eligible,
            shrunken=shrunken,
            impact=impact,
            exploratory=True,
        )
        start += size
    return sorted(records, key=lambda e: (e.small, -(e.impact if e.impact is not None else -np.inf), str(e.slice)))


def _eligible(measured: Measured, contrast: Contrast, rarer: Floats | None) -> NDArray[np.bool_]:
    eligible = (
        (measured.n >= FEWEST_ROWS)
        & np.isfinite(contrast.difference)
        & np.array([reason is None for reason in contrast.reasons])
    )
    return np.asarray(eligible if rarer is None else eligible & (rarer >= FEWEST_RARE))


def _records(
    measured: Measured,
    contrast: Contrast,
    pair: tuple[int, int],
    models: tuple[str, ...],
    slices: list[int],
    read: Reading,
    *,
    adjusted: Floats,
    small: NDArray[np.bool_] | None = None,
    shrunken: Floats | None = None,
    impact: Floats | None = None,
    exploratory: bool = False,
) -> list[Effect]:
    """`contrast` holds every slice of the grouping, or just the one of `slices` (S = 1)."""
    metric = measured.metric
    low, high = contrast.interval(read.alpha)
    p, error, difference = contrast.p_value(0.0), contrast.standard_error, contrast.difference
    words, inside = word(
        contrast,
        alpha=read.alpha,
        margin=read.margin,
        margin_is_relative=read.margin_is_relative,
        higher_is_better=metric.higher_is_better,
    )
    if not metric.directed:
        words, inside = (
            tuple(
                "no meaningful difference" if w == "no meaningful difference" or i else "cannot tell"
                for w, i in zip(words, inside, strict=True)
            ),
            inside & False,
        )
    detectable = smallest_detectable_effect(error, alpha=read.alpha, power=read.power)
    baseline, candidate = measured.values[pair[0]], measured.values[pair[1]]
    said = () if metric.directed else (UNDIRECTED,)
    notes = tuple(dict.fromkeys((*baseline.notes, *candidate.notes, *measured.notes, *said)))
    rows = np.asarray(contrast.n, dtype=float) if isinstance(contrast, (PairedProportions, PairedMeans)) else None
    found = []
    methods, reasons = contrast.methods, contrast.reasons
    for s in slices:
        at = s if len(difference) > 1 else 0
        value = float(baseline.value[s])
        margin = read.margin * abs(value) if read.margin_is_relative else read.margin
        n = measured.n[s] if rows is None else rows[at]
        needed = int(rows_needed(n, detectable[at], margin)) if margin > 0 and np.isfinite(detectable[at]) else -1
        is_small = bool(small is not None and small[s])
        reason = reasons[at] if reasons[at] or np.isfinite(difference[at]) else "it could not be computed"
        found.append(
            Effect(
                baseline=models[pair[0]],
                candidate=models[pair[1]],
                metric=metric.name,
                slice=measured.grouping.key(s),
                n=round(n),
                missing=round(measured.missing[s]),
                baseline_value=finite(value),
                candidate_value=finite(candidate.value[s]),
                difference=finite(difference[at]),
                low=finite(low[at]),
                high=finite(high[at]),
                level=1 - read.alpha,
                p_value=finite(p[at]),
                adjusted_p_value=finite(adjusted[at if len(adjusted) > 1 else 0]),
                word="cannot tell" if reason or is_small else words[at],
                margin=read.margin if metric.gated else None,
                margin_is_relative=read.margin_is_relative and metric.gated,
                smaller_than_margin=bool(inside[at]) and not reason and not is_small,
                standard_error=finite(error[at]),
                smallest_detectable_effect=finite(detectable[at]),
                rows_needed=needed if needed >= 0 else None,
                method=None if reason else methods[at],
                reason=reason,
                unit=measured.unit,
                scale=metric.scale,
                higher_is_better=metric.higher_is_better,
                exploratory=exploratory,
                small=is_small,
                shrunken=None if shrunken is None else finite(shrunken[s]),
                impact=None if impact is None else finite(impact[s]),
                notes=notes,
            )
        )
    return found
