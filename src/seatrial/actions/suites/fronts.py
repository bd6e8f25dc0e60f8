"""Quality against each expense: which models nobody beats on both, with the uncertainty of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seatrial.records import Estimate
from seatrial.records.card import Axis, CaseCard, FrontPoint
from seatrial.records.run import ModelInfo

ALIKE = 1.01


@dataclass(frozen=True, kw_only=True)
class _Standing:
    model: str
    quality: Estimate
    expense: float
    low: float
    high: float
    scale: str | None


def front_points(card: CaseCard, models: Mapping[str, ModelInfo]) -> tuple[FrontPoint, ...]:
    """Every model's place between the case's main metric and latency, cost, parameters and size, where known of all.

    A model is *beaten* when another is surely as good (the lower limit of its quality is above the upper limit here,
    or the same holds of the paired difference) and surely costs less; it is *on the front* when for every other one
    of the two is surely the other way; else nobody can tell.
    """
    quality = {e.model: e for e in card.estimates if e.metric == card.main_metric and not e.slice}
    if len(quality) < 2 or any(e.value is None for e in quality.values()):
        return ()
    points: list[FrontPoint] = []
    for axis in ("latency", "cost", "parameters", "size"):
        standing = [one for one in (_standing(axis, name, quality[name], card, models) for name in quality) if one]
        if len(standing) < 2 or _alike(standing) or len({one.scale for one in standing}) > 1:
            continue
        points += [_placed(one, standing, axis, card) for one in standing]
    return tuple(points)


def _alike(standing: Sequence[_Standing]) -> bool:
    """Whether no choice turns on this expense: all sizes within 1 %."""
    return max(one.high for one in standing) <= ALIKE * min(one.low for one in standing)


def _standing(
    axis: Axis, name: str, quality: Estimate, card: CaseCard, models: Mapping[str, ModelInfo]
) -> _Standing | None:
    if axis in ("latency", "cost"):
        rows = card.latency if axis == "latency" else card.cost
        found = next((e for e in rows if e.model == name and (axis == "cost" or e.metric.endswith("p95"))), None)
        if found is None or found.value is None:
            return None
        low = found.value if found.low is None else found.low
        high = found.value if found.high is None else found.high
        return _Standing(model=name, quality=quality, expense=found.value, low=low, high=high, scale=found.scale)
    info = models.get(name)
    exact = None if info is None else info.parameters if axis == "parameters" else info.size_bytes
    if exact is None:
        return None
    value = float(exact)
    scale = "bytes" if axis == "size" else None
    return _Standing(model=name, quality=quality, expense=value, low=value, high=value, scale=scale)


def _placed(one: _Standing, everyone: Sequence[_Standing], axis: Axis, card: CaseCard) -> FrontPoint:
    place, by = "on the front", None
    for other in everyone:
        if other.model == one.model:
            continue
        better, worse = _better(other, one, card), _better(one, other, card)
        cheaper, dearer = other.high < one.low, other.low > one.high
        alike = other.low == other.high == one.low == one.high
        if (better and (cheaper or alike)) or (cheaper and _no_worse(other, one, card)):
            place, by = "beaten", other.model
            break
        if not (worse or dearer) and not (alike and worse):
            place, by = "cannot tell", other.model
    value = one.quality.value if one.quality.value is not None else float("nan")
    return FrontPoint.model_validate(
        {
            "model": one.model,
            "axis": axis,
            "quality": value,
            "quality_low": value if one.quality.low is None else one.quality.low,
            "quality_high": value if one.quality.high is None else one.quality.high,
            "expense": one.expense,
            "expense_low": one.low,
            "expense_high": one.high,
            "scale": one.scale,
            "place": place,
            "by": by,
        }
    )


def _better(a: _Standing, b: _Standing, card: CaseCard) -> bool:
    """Whether `a` is surely better: by the paired difference where there is one, else by limits that do not meet."""
    for effect in card.effects:
        if (
            effect.metric == card.main_metric
            and not effect.slice
            and {effect.baseline, effect.candidate} == {a.model, b.model}
        ):
            return effect.word == ("better" if effect.candidate == a.model else "worse")
    up = a.quality.higher_is_better
    ahead, behind = (a.quality.low, b.quality.high) if up else (b.quality.low, a.quality.high)
    return ahead is not None and behind is not None and ahead > behind


def _no_worse(a: _Standing, b: _Standing, card: CaseCard) -> bool:
    """Whether `a` is surely not meaningfully worse than `b`."""
    for effect in card.effects:
        if (
            effect.metric == card.main_metric
            and not effect.slice
            and {effect.baseline, effect.candidate} == {a.model, b.model}
        ):
            return effect.word == "no meaningful difference"
    return False
