"""Trade-offs: what one more correct answer must be worth, or a missed positive cost, for a candidate to pay."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seatrial.comparison.versions import Comparison, Pair
from seatrial.effects.measure import bind
from seatrial.metrics.catalogue import formula_metric
from seatrial.records import Tradeoff
from seatrial.records.numbers import format_interval, format_value
from seatrial.stats.contrasts import Contrast
from seatrial.stats.distributions import student_quantile
from seatrial.stats.fieller import fieller_interval

COST_WORDS = ("cost", "price", "usd", "eur")
METHOD = "Fieller, paired"
Pays = Literal["above", "below", "always", "never", "unknown"]


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """Candidate minus baseline in what is gained and in what is paid, a row, with their covariance."""

    gain: float
    price: float
    var_gain: float
    var_price: float
    covariance: float
    critical: float
    n: int

    @property
    def gain_is_settled(self) -> bool:
        return self.gain * self.gain > self.critical**2 * self.var_gain

    @property
    def price_is_settled(self) -> bool:
        return self.price * self.price > self.critical**2 * self.var_price


def tradeoffs(comparison: Comparison, *, level: float) -> tuple[Tradeoff, ...]:
    """Break-even prices of every candidate against the baseline, where rows are paired.

    With a cost column: cost difference / accuracy difference, the worth of one more correct answer at which both
    versions pay alike. Binary: false alarms added / misses avoided, the cost of a miss in false alarms at which the
    choice flips. Limits by Fieller.
    """
    if len(comparison.frames) > 1 or comparison.frame.task not in ("binary", "multiclass"):
        return ()
    right = "mean(target == prediction)"
    found: list[Tradeoff] = []
    for pair in [(0, j) for j in range(1, len(comparison.models))]:
        for column in comparison.wanted.operational:
            if column not in comparison.frame.values or "'" in column:
                continue
            if any(word in column.lower() for word in COST_WORDS):
                difference = _difference(comparison, pair, right, f"mean(col('{column}'))", level)
                if difference is not None:
                    found.append(_worth(comparison, pair, column, difference, level))
        if comparison.frame.task == "binary":
            difference = _difference(comparison, pair, "share('fn')", "share('fp')", level)
            if difference is not None:
                found.append(_miss(comparison, pair, difference, level))
    return tuple(found)


def _worth(comparison: Comparison, pair: Pair, column: str, d: _Difference, level: float) -> Tradeoff:
    """The candidate pays when worth x accuracy difference exceeds the cost difference."""
    candidate, baseline = comparison.models[pair[1]], comparison.models[pair[0]]
    make = _Maker(candidate=candidate, baseline=baseline, gain="correct answers", price=column, level=level, d=d)
    if not d.gain_is_settled:
        if d.price_is_settled and d.price < 0:
            text = f"{candidate} is cheaper ({column}); whether it is less accurate is not settled"
        else:
            text = f"Whether {candidate} is more accurate is not settled, so no worth of a correct answer makes it pay"
        return make.without("unknown", "the difference in accuracy is not told from 0", text)
    if d.gain > 0 and d.price < 0 and d.price_is_settled:
        text = f"{candidate} is more accurate and cheaper ({column}), so it pays at any worth of a correct answer"
        return make.without("always", "better on both sides", text)
    if d.gain < 0 and d.price > 0 and d.price_is_settled:
        text = f"{candidate} is less accurate and dearer ({column}), so it pays at no worth of a correct answer"
        return make.without("never", "worse on both sides", text)
    side = "more" if d.gain > 0 else "less"
    return make.at(
        d.price / d.gain,
        fieller_interval(
            d.price,
            d.gain,
            var_top=d.var_price,
            var_bottom=d.var_gain,
            covariance=d.covariance,
            critical=d.critical,
        ),
        "above" if d.gain > 0 else "below",
        f"{candidate} pays only if one more correct answer is worth {side} than",
        f", in units of '{column}'",
        (
            f"{candidate} pays whenever one more correct answer is worth more than"
            if d.gain > 0
            else f"{candidate} can pay only if one more correct answer is worth less than"
        ),
    )


def _miss(comparison: Comparison, pair: Pair, d: _Difference, level: float) -> Tradeoff:
    """The candidate is the cheaper choice when ratio x misses added + false alarms added is below 0."""
    candidate, baseline = comparison.models[pair[1]], comparison.models[pair[0]]
    make = _Maker(
        candidate=candidate, baseline=baseline, gain="missed positives", price="false alarms", level=level, d=d
    )
    if not d.gain_is_settled:
        text = f"Whether {candidate} misses fewer or more positives is not settled, so costs decide nothing"
        return make.without("unknown", "the difference in misses is not told from 0", text)
    if d.gain < 0 and d.price < 0 and d.price_is_settled:
        text = f"{candidate} misses fewer positives and raises fewer false alarms: the cheaper choice at any costs"
        return make.without("always", "better on both sides", text)
    if d.gain > 0 and d.price > 0 and d.price_is_settled:
        text = f"{candidate} misses more positives and raises more false alarms: the dearer choice at any costs"
        return make.without("never", "worse on both sides", text)
    side = "more" if d.gain < 0 else "less"
    return make.at(
        d.price / -d.gain,
        fieller_interval(
            d.price,
            -d.gain,
            var_top=d.var_price,
            var_bottom=d.var_gain,
            covariance=-d.covariance,
            critical=d.critical,
        ),
        "above" if d.gain < 0 else "below",
        f"{candidate} is the cheaper choice if a missed positive costs {side} than",
        " times a false alarm",
        (
            f"{candidate} is the cheaper choice whenever a missed positive costs more than"
            if d.gain < 0
            else f"{candidate} can be the cheaper choice only if a missed positive costs less than"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Maker:
    """Makes the records of one question."""

    candidate: str
    baseline: str
    gain: str
    price: str
    level: float
    d: _Difference

    def without(self, pays: Pays, reason: str, sentence: str) -> Tradeoff:
        return self._made(pays, f"{sentence}.", reason=reason)

    def at(
        self, value: float, limits: tuple[float, float], pays: Pays, before: str, after: str, unsettled: str
    ) -> Tradeoff:
        """With a break-even; `unsettled` is said instead of `before` where the best guess is that nothing is paid."""
        low, high = max(limits[0], 0.0), limits[1]  # a worth or a cost is not negative
        said = f"{before} {format_interval(value, low, high)}" if value > 0 else f"{unsettled} {format_value(high)}"
        return self._made(pays, f"{said}{after}.", value=max(value, 0.0), limits=(low, high))

    def _made(
        self,
        pays: Pays,
        sentence: str,
        *,
        reason: str | None = None,
        value: float | None = None,
        limits: tuple[float, float] | None = None,
    ) -> Tradeoff:
        return Tradeoff(
            baseline=self.baseline,
            candidate=self.candidate,
            gain=self.gain,
            price=self.price,
            level=self.level,
            n=self.d.n,
            pays=pays,
            sentence=sentence,
            reason=reason,
            value=value,
            low=None if limits is None else limits[0],
            high=None if limits is None else limits[1],
            method=None if limits is None else METHOD,
        )


def _difference(comparison: Comparison, pair: Pair, gain: str, price: str, level: float) -> _Difference | None:
    """Both differences from their sum and their difference in one unit, whose variances give the covariance."""
    first = _contrast(comparison, pair, price)
    second = _contrast(comparison, pair, gain)
    if first is None or second is None:
        return None
    scale = float(second.standard_error[0]) / float(first.standard_error[0])
    if not (math.isfinite(scale) and scale > 0):
        return None
    together = _contrast(comparison, pair, f"{gain} + {scale!r}*{price}")
    apart = _contrast(comparison, pair, f"{gain} - {scale!r}*{price}")
    if together is None or apart is None:
        return None
    plus, minus = float(together.standard_error[0]) ** 2, float(apart.standard_error[0]) ** 2
    if not (math.isfinite(plus) and math.isfinite(minus)):
        return None
    var_price = float(first.standard_error[0]) ** 2
    df = float(getattr(together, "df", [math.inf])[0])
    return _Difference(
        gain=(float(together.difference[0]) + float(apart.difference[0])) / 2,
        price=(float(together.difference[0]) - float(apart.difference[0])) / (2 * scale),
        var_gain=max((plus + minus) / 2 - scale * scale * var_price, 0.0),
        var_price=var_price,
        covariance=(plus - minus) / (4 * scale),
        critical=float(student_quantile(df, 1 - level)),
        n=round(float(getattr(together, "n", [0])[0])),
    )


def _contrast(comparison: Comparison, pair: Pair, text: str) -> Contrast | None:
    """Candidate minus baseline of a formula on all rows; None where it has no error of its own."""
    measurer, where = comparison.measurers[0], comparison.groupings[0]
    metric = bind(formula_metric(f"trade-off: {text}", text), comparison.frame, measurer.catalogue)
    contrast = measurer.measure([metric], [where], [pair])[metric.name, where].contrasts.get(pair)
    if contrast is None or contrast.reasons[0] is not None or not np.isfinite(contrast.standard_error[0]):
        return None
    return contrast
