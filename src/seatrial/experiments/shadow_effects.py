"""What two models catch at one review capacity: recall, precision, amounts and latencies, with paired differences."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seatrial.effects.estimate import finite
from seatrial.effects.words import word
from seatrial.experiments.logs import Log
from seatrial.records.decision import Policy
from seatrial.records.results import Effect, Estimate
from seatrial.stats.contrasts import Contrast
from seatrial.stats.heavy_tails import LARGE_SHARE, largest_share
from seatrial.stats.means import PairedMeans, mean_interval
from seatrial.stats.paired import PairedProportions
from seatrial.stats.power import rows_needed, smallest_detectable_effect
from seatrial.stats.proportions import proportion_interval
from seatrial.stats.quantiles import grouped_quantiles

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
RECALL, PRECISION, AMOUNT = "recall", "precision", "recall by amount"
QUANTILES = (0.5, 0.95, 0.99)
LATENCIES = tuple(f"p{round(q * 100)} latency" for q in QUANTILES)
DEFAULT_MARGIN = 0.01
RATIO = "paired ratio of sums over positives, delta method, Student's t"
BY_RECALL = "that of recall: with equal alerts precision is recall x positives/alerts"
ORDER = "order statistics"
FEWEST = 10
"""Positives below which a ratio of amounts gets no interval."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The evaluated requests: their rows in the log, which are positive, and which each model alerts on."""

    rows: NDArray[np.intp]
    positive: Mask
    champion: Mask
    challenger: Mask
    tied: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything measured; `recall` is the contrast that the policy reads, None without positives."""

    recall: Contrast | None
    estimates: tuple[Estimate, ...]
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]


def measure(log: Log, sides: Sides, policy: Policy, models: tuple[str, str]) -> Found:
    """Measure both models and their paired differences.

    Recall: Tango's score interval over the positives. Precision is recall x positives/alerts, both fixed by the design,
    so its interval is that of recall, rescaled. Amounts: ratio of the caught to all of it, d_i = amount_i (caught by
    the challenger - by the champion), by the delta method. Latency quantiles: order statistics, of all scored
    requests.
    """
    n = int(sides.positive.sum())
    caught = [side[sides.positive] for side in (sides.champion, sides.challenger)]
    alerts = int(sides.champion.sum())
    estimates: list[Estimate] = []
    effects: list[Effect] = []
    notes: list[str] = []
    alpha = policy.alpha
    for model, own in zip(models, caught, strict=True):
        estimates += [
            _share(RECALL, model, int(own.sum()), n, alpha, "positive"),
            _share(PRECISION, model, int(own.sum()), alerts, alpha, "alert"),
        ]
    recall = None
    if n:
        only = [int((caught[1] & ~caught[0]).sum()), int((caught[0] & ~caught[1]).sum())]
        recall = PairedProportions(
            gained=np.array([only[0]]),
            lost=np.array([only[1]]),
            n=np.array([n]),
            baseline_value=np.array([caught[0].mean()]),
            identical=np.array([np.array_equal(sides.champion, sides.challenger)]),
        )
        rule = next(rule for rule in policy.rules if rule.metric == RECALL)
        margin = DEFAULT_MARGIN if rule.margin is None else rule.margin
        effects.append(_effect(RECALL, recall, models, n, policy, margin, rule.margin_is_relative))
        effects.append(_precision(effects[0], n / alerts, alerts))
    if "amount" in log.numbers:
        found, effect, said = _amounts(log.numbers["amount"][sides.rows[sides.positive]], caught, models, policy)
        estimates += found
        effects += [] if effect is None else [effect]
        notes += said
    estimates += _latencies(log, models, alpha)
    return Found(recall=recall, estimates=tuple(estimates), effects=tuple(effects), notes=tuple(notes))


def _share(metric: str, model: str, count: int, n: int, alpha: float, unit: str) -> Estimate:
    if not n:
        return Estimate(model=model, metric=metric, n=0, reason="there are no positives", level=1 - alpha, unit=unit)
    low, high, methods = proportion_interval([count], [n], alpha=alpha)
    return Estimate(
        model=model,
        metric=metric,
        n=n,
        value=count / n,
        low=float(low[0]),
        high=float(high[0]),
        level=1 - alpha,
        method=methods[0],
        unit=unit,
    )


def _effect(
    metric: str, contrast: Contrast, models: tuple[str, str], n: int, policy: Policy, margin: float, relative: bool
) -> Effect:
    alpha = policy.alpha
    low, high = contrast.interval(alpha)
    reason = contrast.reasons[0]
    words, inside = word(contrast, alpha=alpha, margin=margin, margin_is_relative=relative, higher_is_better=True)
    baseline = float(getattr(contrast, "baseline_value", getattr(contrast, "baseline", np.array([np.nan])))[0])
    difference, error = float(contrast.difference[0]), contrast.standard_error
    detectable = smallest_detectable_effect(error, alpha=alpha, power=policy.power)
    target = margin * abs(baseline) if relative else margin
    needed = int(rows_needed(n, detectable, target)[0]) if target > 0 and np.isfinite(detectable[0]) else -1
    return Effect(
        baseline=models[0],
        candidate=models[1],
        metric=metric,
        n=n,
        baseline_value=finite(baseline),
        candidate_value=finite(baseline + difference),
        difference=finite(difference),
        low=finite(low[0]),
        high=finite(high[0]),
        level=1 - alpha,
        p_value=finite(contrast.p_value(0.0)[0]),
        word="cannot tell" if reason else words[0],
        margin=margin,
        margin_is_relative=relative,
        smaller_than_margin=bool(inside[0]) and not reason,
        standard_error=finite(error[0]),
        smallest_detectable_effect=finite(detectable[0]),
        rows_needed=needed if needed >= 0 else None,
        method=None if reason else contrast.methods[0],
        reason=reason,
        unit="positive",
    )


def _precision(recall: Effect, factor: float, alerts: int) -> Effect:
    """With as many alerts the caught positives are the same: precision moves with recall."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    return recall.model_copy(
        update={
            "metric": PRECISION,
            "n": alerts,
            "baseline_value": scaled(recall.baseline_value),
            "candidate_value": scaled(recall.candidate_value),
            "difference": scaled(recall.difference),
            "low": scaled(recall.low),
            "high": scaled(recall.high),
            "margin": recall.margin if recall.margin_is_relative else scaled(recall.margin),
            "standard_error": scaled(recall.standard_error),
            "smallest_detectable_effect": scaled(recall.smallest_detectable_effect),
            "rows_needed": None,
            "method": BY_RECALL,
            "unit": "alert",
        }
    )


def _amounts(
    amount: Floats, caught: list[Mask], models: tuple[str, str], policy: Policy
) -> tuple[list[Estimate], Effect | None, list[str]]:
    known = ~np.isnan(amount)
    missing = int((~known).sum())
    size = amount[known]
    n, whole = len(size), float(size.sum())
    reason = None
    if n < FEWEST:
        reason = f"{n} positives with an amount are too few (at least {FEWEST} are needed)"
    elif (size < 0).any():
        reason = "an amount is negative"
    elif not whole > 0:
        reason = "all amounts are 0"
    if reason is not None:
        return (
            [Estimate(model=model, metric=AMOUNT, n=n, missing=missing, reason=reason) for model in models],
            None,
            [],
        )
    estimates, values, offs = [], [], []
    for model, own in zip(models, caught, strict=True):
        part = size * own[known]
        value = float(part.sum()) / whole
        off = (part - value * size) * n / whole
        error = float(np.sqrt((off @ off) / (n * (n - 1))))
        low, high = mean_interval(value, error, n - 1, alpha=policy.alpha)
        values.append(value)
        offs.append(off)
        flat = not error > 0
        estimates.append(
            Estimate(
                model=model,
                metric=AMOUNT,
                n=n,
                missing=missing,
                value=value,
                standard_error=None if flat else error,
                low=None if flat else max(0.0, float(low)),
                high=None if flat else min(1.0, float(high)),
                level=1 - policy.alpha,
                method=RATIO,
                unit="positive",
                notes=("all or none of the positives are caught: no interval",) if flat else (),
            )
        )
    change = offs[1] - offs[0]
    scale = n * (n - 1)
    contrast = PairedMeans(
        baseline=np.array([values[0]]),
        difference=np.array([values[1] - values[0]]),
        var_difference=np.array([(change @ change) / scale]),
        var_baseline=np.array([(offs[0] @ offs[0]) / scale]),
        cov_baseline_difference=np.array([(offs[0] @ change) / scale]),
        df=np.array([n - 1.0]),
        n=np.array([n]),
        reasons=(
            None if change.any() or np.array_equal(caught[0], caught[1]) else "both catch the same amount everywhere",
        ),
        method=RATIO,
        identical=np.array([np.array_equal(caught[0], caught[1])]),
    )
    top = float(largest_share(size.max(), whole))
    notes = []
    if top > LARGE_SHARE:
        notes.append(
            f"One positive holds {100 * top:.0f} % of the amount: recall by amount turns on it, read it with care."
        )
    return estimates, _effect(AMOUNT, contrast, models, n, policy, DEFAULT_MARGIN, False), notes


def _latencies(log: Log, models: tuple[str, str], alpha: float) -> list[Estimate]:
    found: list[Estimate] = []
    for model, part in zip(models, ("latency_champion", "latency_challenger"), strict=True):
        if part not in log.numbers:
            continue
        values = log.numbers[part][~np.isnan(log.numbers[part])]
        if not len(values):
            continue
        table = grouped_quantiles(values, np.zeros(len(values), np.int8), 1, QUANTILES, alpha=alpha)
        for q, name in enumerate(LATENCIES):
            value, reason = finite(table.value[0, q]), table.reasons[0][q]
            found.append(
                Estimate(
                    model=model,
                    metric=name,
                    n=len(values),
                    missing=log.rows - len(values),
                    value=value,
                    reason=reason if value is None else None,
                    low=finite(table.low[0, q]),
                    high=finite(table.high[0, q]),
                    level=1 - alpha,
                    method=ORDER,
                    unit="request",
                    scale="ms",
                    higher_is_better=False,
                    notes=(reason,) if reason is not None and value is not None else (),
                )
            )
    return found
