"""Questions a section asks of a scorecard or a readout: who stands against whom, what was explored, what comes first.

Sections that both kinds of card share ask only here where the two differ.
"""

from collections.abc import Iterable, Sequence

from seatrial.records import Check, Effect, Estimate, ExperimentEffect, Readout, Rule, Scorecard, Slice
from seatrial.records.scorecard import MetricInfo

Card = Scorecard | Readout
"""What a verdict rests on: offline a scorecard, online a readout."""


def is_comparison(card: Card) -> bool:
    return card.kind != "evaluation"


def versions(card: Card) -> tuple[str, ...]:
    """Return the models, or the arms; the one that others are compared with first."""
    return card.arms if isinstance(card, Readout) else card.models


def reference_word(card: Card) -> str:
    """Return what the version that others are compared with is called: offline the baseline, online the control."""
    return "control" if isinstance(card, Readout) else "baseline"


def rules(card: Card) -> tuple[Rule, ...]:
    """Return the rules of the policy; none without a policy."""
    return card.policy.rules if card.policy is not None else ()


def assumptions(card: Card) -> tuple[str, ...]:
    """Return what was taken by default (a readout says it in its notes)."""
    return () if isinstance(card, Readout) else card.assumptions


def candidates(card: Card) -> tuple[str, ...]:
    """Return the compared versions, or the one evaluated."""
    return versions(card)[1:] if is_comparison(card) else versions(card)


def leading_candidate(card: Card) -> str:
    """Return the version the first screen speaks of."""
    named = card.verdict.candidate
    every = candidates(card)
    return named if named is not None and named in every else (every[0] if every else versions(card)[0])


def rows(card: Card) -> int:
    """Return how many rows the main results rest on."""
    counts = [one.n for one in card.effects if not one.slice] + [one.n for one in card.estimates if not one.slice]
    return max(counts, default=max((source.rows for source in card.provenance.sources), default=0))


def metric_order(card: Card) -> tuple[str, ...]:
    """Return metric names as a reader wants them: the lead, those of the policy, then the rest as computed."""
    found = [card.lead_metric, *(rule.metric for rule in rules(card)), *(metric.name for metric in card.metrics)]
    found += [effect.metric for effect in card.effects] + [item.metric for item in card.estimates]
    return tuple(dict.fromkeys(found))


def is_of_class(metric: str) -> bool:
    """Tell whether a metric is of one class only: `recall[cancel]`."""
    return metric.endswith("]") and "[" in metric


def in_policy(card: Card, metric: str) -> bool:
    """Tell whether a rule of the policy, or the lead, is about a metric."""
    return metric == card.lead_metric or any(rule.metric == metric for rule in rules(card))


def info(card: Card, metric: str) -> MetricInfo | None:
    return next((known for known in card.metrics if known.name == metric), None)


def slice_key(of: Slice) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(of.items()))


def main_effects(card: Card) -> list[Effect]:
    """Return the effects that are not explored: all rows, then slices a policy names; in metric order."""
    order = {name: place for place, name in enumerate(metric_order(card))}
    found = [effect for effect in card.effects if not effect.exploratory]
    return sorted(found, key=lambda effect: (bool(effect.slice), order.get(effect.metric, len(order))))


def explored(card: Card) -> list[Effect]:
    return [effect for effect in card.effects if effect.exploratory]


def find_effect(card: Card, *, metric: str, candidate: str, of: Slice) -> Effect | None:
    """Return the declared effect of a rule on a slice, else an explored one; of an experiment the one that decides."""
    wanted = slice_key(of)
    found = [
        effect
        for effect in card.effects
        if effect.metric == metric
        and effect.candidate == candidate
        and slice_key(effect.slice) == wanted
        and effect.baseline == versions(card)[0]
    ]
    return min(found, key=_distance, default=None)


def _distance(effect: Effect) -> tuple[bool, ...]:
    """Rank an effect by how far it is from what decides: not explored, of all phases, deciding, unadjusted."""
    if isinstance(effect, ExperimentEffect):
        return effect.phase is not None, not effect.decides, effect.exploratory, effect.adjustment != "none"
    return (effect.exploratory,)


def find_estimate(card: Card, *, metric: str, model: str, of: Slice) -> Estimate | None:
    wanted = slice_key(of)
    return next(
        (
            item
            for item in card.estimates
            if item.metric == metric and item.model == model and slice_key(item.slice) == wanted
        ),
        None,
    )


def find_rule(card: Card, check: Check) -> Rule | None:
    """Return the rule a check decided."""
    wanted = slice_key(check.slice)
    found = [rule for rule in rules(card) if rule.metric == check.metric and slice_key(rule.slice) == wanted]
    same_role = [rule for rule in found if rule.role == check.role]
    bounds = [rule for rule in same_role if rule.is_bound == _speaks_of_bound(check)]
    return next(iter(bounds or same_role or found), None)


def _speaks_of_bound(check: Check) -> bool:
    return check.condition.startswith(("below", "above"))


def overall(items: Iterable[Estimate]) -> list[Estimate]:
    return [item for item in items if not item.slice]


def levels(items: Sequence[Estimate] | Sequence[Effect]) -> tuple[float, ...]:
    """Return the levels of the intervals shown, most frequent first."""
    found = [item.level for item in items if item.low is not None or item.high is not None]
    return tuple(sorted(set(found), key=lambda one: (-found.count(one), one)))
