"""The first screen: the verdict, who stands against whom, and the three numbers that carry it."""

from seatrial.records import Check, Effect, Estimate, ExperimentEffect, Scorecard
from seatrial.reports import lookup, numbers, words
from seatrial.reports.document import Front, Glance, KeyNumber
from seatrial.reports.lookup import Card
from seatrial.reports.reading import reading, undirected
from seatrial.reports.sections.checks import ranked

_NUMBERS = 3
_GLANCES = 6


def front(card: Scorecard) -> Front:
    """Build the first screen of a report."""
    status = card.verdict.status
    headlines = words.STATUS_WORDS if lookup.is_comparison(card) else words.EVALUATION_WORDS
    headline = headlines[status]
    if status == "fail" and card.verdict.mixed:
        headline = f"{headline}: mixed results"
    asked = status != "inconclusive" or bool(card.verdict.checks)
    shown, level = key_numbers(card)
    return Front(
        symbol=words.STATUS_SYMBOLS[status] if asked else words.NOT_ASKED_SYMBOL,
        tone=words.STATUS_TONES[status] if asked else "neutral",
        headline=headline if asked else words.NOT_ASKED,
        code=status if asked else "",
        sentence=card.verdict.sentence,
        facts=_facts(card),
        numbers=shown,
        level=level,
        glances=(*health_glance(card), *check_glances(card)),
    )


def health_glance(card: Card) -> tuple[Glance, ...]:
    """Return the health of the data in one chip."""
    if not card.health:
        return ()
    counts = {status: sum(finding.status == status for finding in card.health) for status in ("fail", "warn", "pass")}
    if counts["fail"]:
        status, text = "fail", f"{counts['fail']} of {len(card.health)} health checks failed"
    elif counts["warn"]:
        status, text = "warn", f"data health: {counts['warn']} {words.plural(counts['warn'], 'warning')}"
    else:
        status, text = "pass", f"data health: {len(card.health)} of {len(card.health)} checks passed"
    return (
        Glance(
            symbol=words.STATUS_SYMBOLS[status], tone=words.STATUS_TONES[status], word="", text=text, section="health"
        ),
    )


def check_glances(card: Card) -> tuple[Glance, ...]:
    """Return the checks of the leading candidate, the troubled first; what does not fit is counted."""
    candidate = lookup.leading_candidate(card)
    own = ranked(tuple(check for check in card.verdict.checks if check.candidate == candidate))
    shown = own if len(own) <= _GLANCES else own[: _GLANCES - 1]
    chips = [
        Glance(
            symbol=words.STATUS_SYMBOLS[check.status],
            tone=words.STATUS_TONES[check.status],
            word=check.status,
            text=check.name,
            section="checks",
        )
        for check in shown
    ]
    left = len(card.verdict.checks) - len(shown)
    if left:
        chips.append(
            Glance(
                symbol="+", tone="neutral", word="", text=f"{left} more {words.plural(left, 'check')}", section="checks"
            )
        )
    return tuple(chips)


def _facts(card: Scorecard) -> tuple[tuple[str, str], ...]:
    facts: list[tuple[str, str]] = []
    if lookup.is_comparison(card):
        every = lookup.candidates(card)
        candidate = lookup.leading_candidate(card)
        more = f" (and {len(every) - 1} more)" if len(every) > 1 else ""
        facts += [("Candidate", f"{candidate}{more}"), ("Baseline", card.models[0])]
    else:
        facts.append(("Model", card.models[0]))
    facts.append(("Rows", numbers.integer(lookup.rows(card))))
    facts.append(("Task", card.task))
    return tuple(facts)


def key_numbers(card: Card) -> tuple[tuple[KeyNumber, ...], str]:
    """Return up to three numbers (the lead metric, what failed or is open, the rest of the policy) and their levels.

    Data that cannot carry a verdict show none.
    """
    shown = [] if card.verdict.status == "invalid" else _key_numbers(card)
    return tuple(number for number, _ in shown), " or ".join(dict.fromkeys(numbers.level(level) for _, level in shown))


def _key_numbers(card: Card) -> list[tuple[KeyNumber, float]]:
    candidate = lookup.leading_candidate(card)
    checks = [check for check in card.verdict.checks if check.candidate == candidate]
    troubled = [check for check in checks if check.status != "pass" and check.role != "secondary"]
    wanted: list[tuple[str, dict[str, str], Check | None]] = [(card.lead_metric, {}, None)]
    wanted += [(check.metric, check.slice, check) for check in (*troubled, *checks)]
    wanted += [(metric, {}, None) for metric in lookup.metric_order(card) if not lookup.is_of_class(metric)]
    shown: list[tuple[KeyNumber, float]] = []
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for metric, of, check in wanted:
        key = (metric, lookup.slice_key(of))
        if key in seen or len(shown) == _NUMBERS:
            continue
        number = _key_number(card, metric, of, candidate, check)
        if number is not None:
            seen.add(key)
            shown.append(number)
    return shown


def _key_number(
    card: Card, metric: str, of: dict[str, str], candidate: str, check: Check | None
) -> tuple[KeyNumber, float] | None:
    rule = lookup.find_rule(card, check) if check is not None else None
    estimate = lookup.find_estimate(card, metric=metric, model=candidate, of=of)
    is_bound = rule is not None and rule.is_bound
    if lookup.is_comparison(card) and not is_bound:
        effect = lookup.find_effect(card, metric=metric, candidate=candidate, of=of)
        return None if effect is None or effect.difference is None else (_of_effect(card, effect), effect.level)
    if estimate is None or estimate.value is None:
        return None
    return _of_estimate(card, estimate, check), estimate.level


def _of_effect(card: Card, effect: Effect) -> KeyNumber:
    read = reading(effect)
    sides = tuple(
        (model, shown)
        for model, shown in zip((effect.baseline, effect.candidate), numbers.effect_sides(effect), strict=True)
        if shown
    )
    return KeyNumber(
        name=words.on_slice(effect.metric, effect.slice),
        value=numbers.effect_difference(effect),
        interval=numbers.effect_interval(effect),
        symbol=read.symbol,
        word=read.word,
        tone=read.tone,
        sides=sides,
        about="; ".join(filter(None, (_lift(effect), _about(card, effect.metric)))),
    )


def _lift(effect: Effect) -> str:
    """Say an effect of an experiment as a share of the control, and on how many units it rests."""
    if not isinstance(effect, ExperimentEffect):
        return ""
    lift = numbers.lift(effect)
    adjusted = words.ADJUSTMENTS[effect.adjustment]
    units = numbers.per_arm(effect)
    return "; ".join(filter(None, (f"lift {lift}" if lift else "", adjusted, f"n {units}" if units else "")))


def _of_estimate(card: Card, estimate: Estimate, check: Check | None) -> KeyNumber:
    status = None if check is None else check.status
    interval = numbers.estimate_interval(estimate)
    return KeyNumber(
        name=words.on_slice(estimate.metric, estimate.slice),
        value=numbers.estimate_value(estimate),
        interval=interval,
        symbol=words.STATUS_SYMBOLS[status] if status else "",
        word=status or "",
        tone=words.STATUS_TONES[status] if status else "neutral",
        about=f"must be {check.condition}" if check is not None else _about(card, estimate.metric),
    )


def _about(card: Card, metric: str) -> str:
    known = lookup.info(card, metric)
    if known is None:
        return ""
    direction = "higher is better" if known.higher_is_better else "lower is better"
    if metric in undirected(card.effects):
        direction = "neither more nor less is better by itself"
    return f"{known.summary.rstrip('.')}; {direction}"
