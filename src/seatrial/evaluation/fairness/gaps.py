"""Gaps between groups by each notion of fairness, and impact ratios against four fifths."""

import math
from collections.abc import Sequence

import numpy as np

from seatrial.evaluation.fairness.groups import Cut
from seatrial.records import Slice
from seatrial.records.audit import AuditCut, AuditGroup, FourFifths, Gap, Impact, Notion
from seatrial.stats.rate_gaps import (
    DIFFERENCE,
    RATIO,
    TO_REFERENCE,
    RateGap,
    rate_differences,
    rate_ratios,
    ratios_to,
    ratios_to_best,
    worst_of,
)

FOUR_FIFTHS = 0.8
NOTIONS: tuple[tuple[Notion, tuple[str, ...]], ...] = (
    ("base rate", ("prevalence",)),
    ("demographic parity", ("selection_rate",)),
    ("equal opportunity", ("recall",)),
    ("false positive rate parity", ("false_positive_rate",)),
    ("equalised odds", ("recall", "false_positive_rate")),
    ("predictive parity", ("precision",)),
)
BIASED = "the largest of several differences is biased upwards by noise: read the limits"
INDEPENDENT = "groups are taken as independent; clusters that hold people of several groups make the limits too wide"


def named(of: Slice) -> str:
    """A group as a sentence says it.

    >>> named({"sex": "Female", "race": "Black"})
    'sex = Female, race = Black'
    """
    return ", ".join(f"{column} = {value}" for column, value in of.items()) or "all rows"


def audit_cut(cut: Cut, model: str, *, level: float, reference: Slice, smallest: float) -> AuditCut:
    """The groups of one cut with their impact ratios, and the gaps between those that are ranked."""
    alpha = 1 - level
    place, was_named = _reference(cut, reference)
    impacts = _impacts(cut, place, was_named, alpha)
    groups = tuple(
        AuditGroup(
            slice=cut.grouping.key(index),
            n=round(float(cut.rows[index])),
            share=float(cut.shares[index]),
            ranked=bool(cut.ranked[index]),
            why_not_ranked=_why_not(cut, index, smallest),
            estimates=cut.estimates(model, index, alpha=alpha),
            impact=impacts.get(index),
        )
        for index in np.flatnonzero(cut.rows > 0).tolist()
    )
    gaps = tuple(
        gap
        for notion, names in NOTIONS
        for gap in _gaps(cut, notion, names, alpha, measures=("difference",) if notion == "base rate" else None)
    )
    states = [one.impact.four_fifths for one in groups if one.impact is not None]
    few = int(cut.ranked.sum()) < 2
    return AuditCut(
        by=cut.grouping.names,
        groups=groups,
        empty=sum(1 for index in np.flatnonzero(cut.rows == 0).tolist() if not cut.is_missing(index)),
        reference=None if place is None else cut.grouping.key(place),
        reference_named=was_named,
        gaps=() if few else gaps,
        four_fifths=None if few else _worst(states),
        labels_differ=any(gap.told for gap in gaps if gap.notion == "base rate"),
        reason="fewer than two groups are large enough to compare" if few else None,
    )


def _reference(cut: Cut, wanted: Slice) -> tuple[int | None, bool]:
    """The group others are held against: the named one where the cut has it, else the best among the ranked."""
    if wanted and set(cut.grouping.names) <= set(wanted):
        found = cut.grouping.index({name: wanted[name] for name in cut.grouping.names})
        if found is not None and cut.rows[found] > 0:
            return found, True
    rates = np.where(cut.ranked, cut.values("selection_rate"), np.nan)
    if np.isfinite(rates).sum() < 2:
        return None, False
    return int(np.nanargmax(rates)), False


def _impacts(cut: Cut, place: int | None, was_named: bool, alpha: float) -> dict[int, Impact]:
    counts, sizes = cut.rates("selection_rate")
    usable = cut.ranked & (sizes > 0) & np.isfinite(cut.values("selection_rate"))
    if place is not None and was_named:
        usable[place] = sizes[place] > 0
    at = np.flatnonzero(usable)
    if place is None or len(at) < 2 or place not in at:
        return {}
    if was_named:
        found = ratios_to(int(np.searchsorted(at, place)), counts[at], sizes[at], alpha=alpha)
        method = TO_REFERENCE
    else:
        found, method = ratios_to_best(counts[at], sizes[at], alpha=alpha), RATIO
    return {
        int(index): _impact(found, k, method, 1 - alpha, is_reference=int(index) == place) for k, index in enumerate(at)
    }


def _impact(found: RateGap, k: int, method: str, level: float, *, is_reference: bool) -> Impact:
    value, low, high = (_finite(part[k]) for part in (found.value, found.low, found.high))
    if value is None:
        return Impact(level=level, reason="nobody is selected in the group it is held against")
    if is_reference:
        return Impact(value=value, level=level, reason="others are held against this group")
    state: FourFifths = "inconclusive"
    if low is not None and low >= FOUR_FIFTHS:
        state = "pass"
    elif high is not None and high < FOUR_FIFTHS:
        state = "fail"
    return Impact(value=value, low=low, high=high, level=level, four_fifths=state, method=method)


def _worst(states: Sequence[FourFifths | None]) -> FourFifths | None:
    order: tuple[FourFifths, ...] = ("fail", "inconclusive", "pass")
    return next((state for state in order if state in states), None)


def _why_not(cut: Cut, index: int, smallest: float) -> str | None:
    if cut.ranked[index]:
        return None
    if cut.is_missing(index):
        return "the protected value is missing"
    return f"under {100 * smallest:g} % of all rows"


def _gaps(
    cut: Cut, notion: Notion, names: tuple[str, ...], alpha: float, *, measures: tuple[str, ...] | None
) -> list[Gap]:
    """Difference and ratio of one notion."""
    values = np.array([cut.values(name) for name in names])
    rates = [cut.rates(name) for name in names]
    known = np.isfinite(values).all(axis=0) & np.logical_and.reduce([sizes > 0 for _, sizes in rates])
    usable = np.flatnonzero(cut.ranked & known)
    left_out = tuple(
        named(cut.grouping.key(index)) for index in np.flatnonzero((cut.rows > 0) & ~(cut.ranked & known)).tolist()
    )
    everyone = values[:, np.isfinite(values).all(axis=0)]
    found: list[Gap] = []
    for measure in ("difference", "ratio"):
        if measures is not None and measure not in measures:
            continue
        of_all = _plain(everyone, measure)
        base = {
            "notion": notion,
            "measure": measure,
            "level": 1 - alpha,
            "groups": len(usable),
            "left_out": left_out,
            "value_of_all_groups": of_all,
        }
        if len(usable) < 2:
            reason = "fewer than two ranked groups have a rate to compare"
            found.append(Gap(**base, reason=reason))  # type: ignore[arg-type]
            continue
        measured = rate_differences if measure == "difference" else rate_ratios
        each = [measured(x[usable], n[usable], alpha=alpha / len(names)) for x, n in rates]
        gap = each[0] if len(each) == 1 else worst_of(each, largest=measure == "difference")
        value, low, high = (_finite(part) for part in (gap.value, gap.low, gap.high))
        if value is None:
            found.append(Gap(**base, reason="the rate is 0 in every group, so there is no ratio"))  # type: ignore[arg-type]
            continue
        worst = _widest(values[:, usable], measure)
        found.append(
            Gap(
                **base,  # type: ignore[arg-type]
                value=value,
                low=low,
                high=high,
                p_value=_finite(gap.p_value),
                told=(low is not None and low > 0) if measure == "difference" else (high is not None and high < 1),
                highest=cut.grouping.key(int(usable[int(values[worst, usable].argmax())])),
                lowest=cut.grouping.key(int(usable[int(values[worst, usable].argmin())])),
                method=DIFFERENCE if measure == "difference" else RATIO,
                notes=_notes(cut, len(usable)),
            )
        )
    return found


def _notes(cut: Cut, many: int) -> tuple[str, ...]:
    found = [BIASED] if many > 1 else []
    return tuple([*found, INDEPENDENT] if cut.clustered else found)


def _widest(values: np.ndarray, measure: str) -> int:
    """Which of the rates has the worst gap."""
    spreads = [_plain(row[None], measure) for row in values]
    known = [(-1.0 if s is None else s) if measure == "difference" else (-(2.0 if s is None else s)) for s in spreads]
    return int(np.argmax(known))


def _plain(values: np.ndarray, measure: str) -> float | None:
    """The worst gap over the rates (R, K) as plain numbers; None without two groups or with only zeros."""
    if values.shape[1] < 2:
        return None
    highest, lowest = values.max(axis=1), values.min(axis=1)
    if measure == "difference":
        return float((highest - lowest).max())
    if (highest <= 0).any():
        return None
    return float((lowest / highest).min())


def _finite(number: object) -> float | None:
    value = float(number)  # type: ignore[arg-type]
    return value if math.isfinite(value) else None
