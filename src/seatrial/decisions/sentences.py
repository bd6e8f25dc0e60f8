"""The sentence of a verdict: what to do, the number, its interval, the reason; two sentences, about 300 characters."""

from collections.abc import Mapping, Sequence

from seatrial.decisions.checks import Decided
from seatrial.decisions.phrases import said
from seatrial.records.decision import Status
from seatrial.records.numbers import format_share

LONGEST = 300
NAME = 40
ASSUMED = "No policy was given: this one was assumed."


def invalid(faults: Sequence[str]) -> str:
    """Return the sentence of data that cannot carry a verdict; the first fault is named.

    >>> invalid(["14 ids occur twice in new.csv."])
    'These data cannot carry a verdict: 14 ids occur twice in new.csv.'
    """
    first = said(faults[0], LONGEST - 80).rstrip(".")
    more = len(faults) - 1
    return f"These data cannot carry a verdict: {first}." + (
        f" {_others(more, 'fault')} {'was' if more == 1 else 'were'} found." if more else ""
    )


def nothing_asked() -> str:
    """Return the sentence of a policy without a deciding rule."""
    return "No verdict: nothing was asked. A policy with a success metric, a guardrail or a bound would give one."


def of_candidate(
    candidate: str,
    decided: Sequence[Decided],
    status: Status,
    *,
    mixed: bool,
    assumed: bool,
    matched_share: float | None,
    rescued: bool,
) -> str:
    """Return the sentence of one candidate; `matched_share` is given only when it is too small."""
    name = said(candidate, NAME)
    last = [ASSUMED] if assumed else []
    if matched_share is not None and rescued and status == "pass":
        share = format_share(matched_share)
        last.insert(0, f"Only {share} of the ids match, but the worst case over the rest passes too.")
    if status == "pass":
        return _fit(f"Ship {name}: {_why_ship(decided)}.", *last)
    if status == "fail":
        return _fit(*_why_not(name, decided, mixed), *last)
    if matched_share is not None and _all_hold(decided):
        share = format_share(matched_share)
        return _fit(
            f"Cannot tell yet whether to ship {name}: only {share} of ids match, and the rest could turn the verdict.",
            f"On the matched rows {_why_ship(decided)}.",
            *last,
        )
    if matched_share is not None:
        last.insert(0, f"Besides, only {format_share(matched_share)} of the ids match.")
    return _fit(*_open(name, decided), *last)


def of_several(
    best: str,
    told: str,
    status: Status,
    *,
    standing: Sequence[str],
    everyone: Sequence[str],
    lead: str | None,
    clauses: Mapping[str, str],
) -> str:
    """Return the sentence over several candidates; `told` is the sentence of `best` alone."""
    name, all_of_them = said(best, NAME), len(everyone)
    if status == "pass":
        if len(standing) == 1:
            return _fit(told, f"Of {all_of_them} candidates no other passes.")
        stands = f"has the best {said(lead, NAME)} of them" if lead else "comes first in the list"
        pass_too = f"{len(standing)} of {all_of_them} candidates pass"
        return _fit(told, f"{pass_too}; {name} {stands}, untested against the others.")
    if status == "inconclusive":
        failed = all_of_them - len(standing)
        return _fit(told, f"No candidate of {all_of_them} passes yet{_failing(failed)}.")
    first = f"Do not ship any of the {all_of_them} candidates"
    parts = [f"{said(other, NAME)}: {clause}" for other, clause in clauses.items()]
    shown = [parts[0]]
    for part in parts[1:]:
        if len(f"{first}. {'; '.join([*shown, part])}; and so on.") > LONGEST:
            break
        shown.append(part)
    left = len(parts) - len(shown)
    return _cut(f"{first}. {'; '.join(shown)}{_failing(left, 'more ')}.")


def first_failure(decided: Sequence[Decided]) -> str:
    """Return the clause of the most important failed check: a worse success metric, then guardrails, then the rest."""
    return _failures(decided)[0].clause


def _why_ship(decided: Sequence[Decided]) -> str:
    success = [one for one in decided if one.check.role == "success"]
    guardrails = [one for one in decided if one.check.role == "guardrail"]
    if all(one.derived for one in guardrails):
        guardrails = []  # nobody asked for one, and a better success metric holds its own
    passed = [one for one in success if one.check.status == "pass"]
    lead = (passed or guardrails)[0]
    parts = [lead.clause]
    if len(success) > 1:
        parts.append(f"{len(passed)} of {len(success)} success metrics are better")
    others = len(guardrails) - (not passed)
    if others:
        parts.append(f"{_counted(others, 'guardrail', passed=bool(passed))}")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _counted(count: int, noun: str, *, passed: bool) -> str:
    other = "" if passed else "other "
    if count == 1:
        return f"the {other}{noun} holds"
    return f"both {other}{noun}s hold" if count == 2 else f"all {count} {other}{noun}s hold"


def _why_not(name: str, decided: Sequence[Decided], mixed: bool) -> list[str]:
    failed = _failures(decided)
    first = failed[0]
    start = f"Do not ship {name}"
    if mixed:
        better = next(one for one in decided if one.check.role == "success" and one.check.status == "pass")
        text = f"{start} (mixed): {better.clause}, but {first.clause}."
        if len(text) > LONGEST:
            text = f"{start} (mixed): {first.clause}."
    else:
        text = f"{start}: {first.clause}."
    more = len({(one.check.metric, tuple(one.check.slice.items())) for one in failed} - {_place(first)})
    return [text, f"{_others(more, 'check')} failed."] if more else [text]


def _failures(decided: Sequence[Decided]) -> list[Decided]:
    """Failed checks, the most important first; where nothing is worse, the success checks that all failed."""
    worse = [one for one in decided if one.check.worse]
    guardrails = [one for one in decided if one.check.role == "guardrail" and one.check.status == "fail"]
    rest = [one for one in decided if one.check.role == "success" and one.check.status == "fail"]
    return worse + guardrails or rest


def _open(name: str, decided: Sequence[Decided]) -> list[str]:
    unsure = [one for one in decided if one.check.role == "guardrail" and one.check.status == "inconclusive"]
    unsure = sorted(unsure, key=lambda one: one.derived)
    unsure = unsure or [one for one in decided if one.check.status == "inconclusive"]
    first = unsure[0]
    better = next((one for one in decided if one.check.role == "success" and one.check.status == "pass"), None)
    start = f"Cannot tell yet whether to ship {name}"
    need = f"{first.need[0].upper()}{first.need[1:]}." if first.need else ""
    text = f"{start}: {better.clause}, but {first.clause}." if better is not None else f"{start}: {first.clause}."
    if len(text) + len(need) + 1 > LONGEST:
        text = f"{start}: {first.clause}."
    more = len({_place(one) for one in unsure} - {_place(first)})
    return [text, need, f"{_others(more, 'check')} {'is' if more == 1 else 'are'} open." if more else ""]


def _all_hold(decided: Sequence[Decided]) -> bool:
    """True when nothing but the matching stands in the way."""
    success = [one for one in decided if one.check.role == "success"]
    guardrails = all(one.check.status == "pass" for one in decided if one.check.role == "guardrail")
    return guardrails and (not success or any(one.check.status == "pass" for one in success))


def _place(one: Decided) -> tuple[str, tuple[tuple[str, str], ...]]:
    return one.check.metric, tuple(one.check.slice.items())


def _failing(count: int, more: str = "") -> str:
    return "" if not count else f"; {count} {more}{'fails' if count == 1 else 'fail'}"


def _others(count: int, noun: str) -> str:
    return f"{count} more {noun}" + ("" if count == 1 else "s")


def _fit(first: str, *more: str) -> str:
    """Join sentences while they fit; the first is always there."""
    text = first
    for sentence in more:
        if sentence and len(text) + 1 + len(sentence) <= LONGEST:
            text = f"{text} {sentence}"
    return _cut(text)


def _cut(text: str) -> str:
    """Cut a text that is too long after a whole word."""
    if len(text) <= LONGEST:
        return text
    kept = text[: LONGEST - 1]
    words, _, _ = kept.rpartition(" ")
    return (words or kept).rstrip(" ,;:") + "…"
