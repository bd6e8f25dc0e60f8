"""What the pairs say in one sentence, and by a limit on the flip rate: pass, fail, or cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seatrial.errors import UsageError
from seatrial.records.counterfactual import SwapReading
from seatrial.records.numbers import format_count
from seatrial.records.results import Estimate

Status = Literal["pass", "fail", "inconclusive", "invalid"]
Tone = Literal["good", "bad", "unsure", "neutral"]
HEADLINES: dict[Status, tuple[str, Tone]] = {
    "pass": ("Answers hold when identities are exchanged", "good"),
    "fail": ("Answers change with the identity", "bad"),
    "inconclusive": ("Cannot tell yet", "unsure"),
    "invalid": ("No pair was answered on both sides", "bad"),
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """Status (None where no limit was asked for), headline, sentence, tone."""

    status: Status | None
    headline: str
    sentence: str
    tone: Tone


def decide(overall: SwapReading, swaps: Sequence[SwapReading], *, limit: float | None) -> Said:
    """Hold the flip rate against a limit.

    Fail: the lower limit of all pairs, or of one swap at a level shared by all swaps, lies above it. Pass: the upper
    limit of all pairs is at most it. Else these pairs cannot tell. Raises `UsageError` for a limit outside 0 to 1.

    >>> from seatrial.records.run import CounterfactualOutcome
    >>> rate = Estimate(model="m", metric="flip rate", n=300, value=0.0, low=0.0, high=0.0122)
    >>> one = SwapReading(outcome=CounterfactualOutcome(identity="all", pairs=300, flip_rate=rate), rows=300, flips=0)
    >>> decide(one, (), limit=0.02).status, decide(one, (), limit=0.01).status
    ('pass', 'inconclusive')
    """
    if limit is not None and not 0 <= limit <= 1:
        raise UsageError(f"--max-flip-rate {limit:g}: give a share from 0 to 1, such as 0.02.")
    rate = overall.outcome.flip_rate
    if rate.value is None:
        headline, tone = HEADLINES["invalid"]
        return Said(
            status="invalid",
            headline=headline,
            sentence=f"Nothing can be said of {format_count(overall.outcome.pairs)} pairs: {rate.reason}.",
            tone=tone,
        )
    found = (
        f"{format_count(overall.flips)} of {format_count(rate.n)} answers changed when an identity was exchanged: "
        f"{_rate(rate)}"
    )
    over = [one for one in swaps if one.over_limit]
    worst = _worst(swaps)
    if limit is None:
        more = f" Most under {worst.outcome.identity}: {_rate(worst.outcome.flip_rate)}." if worst is not None else ""
        changed = "No answer changed" if overall.flips == 0 else f"{_percent(rate.value)} of answers changed"
        tone = "neutral"
        return Said(status=None, headline=f"{changed}, no limit asked for", sentence=f"{found}.{more}", tone=tone)
    status: Status
    if rate.low is None or rate.high is None:
        status, why = "inconclusive", f"no interval could be formed ({rate.notes[0] if rate.notes else 'too few rows'})"
    elif rate.low > limit:
        status, why = "fail", f"above the limit of {_percent(limit)}"
        if worst is not None:
            why += f"; most under {worst.outcome.identity}, {_rate(worst.outcome.flip_rate)}"
    elif over:
        status = "fail"
        why = (
            f"and under {over[0].outcome.identity} {_rate(over[0].outcome.flip_rate)}, above the limit of "
            f"{_percent(limit)}"
        )
    elif rate.high <= limit:
        status, why = "pass", f"within the limit of {_percent(limit)}"
    else:
        status = "inconclusive"
        why = (
            f"the limit of {_percent(limit)} lies inside that interval; about "
            f"{format_count(_needed(rate.value, limit, rate.level), about=True)} pairs would tell"
            if rate.value < limit
            else f"the limit of {_percent(limit)} lies inside that interval, and the rate itself is not below it"
        )
    headline, tone = HEADLINES[status]
    return Said(status=status, headline=headline, sentence=f"{found}, {why}.", tone=tone)


def _worst(swaps: Sequence[SwapReading]) -> SwapReading | None:
    """The swap whose flip rate is surely the highest: by its lower limit."""
    known = [one for one in swaps if one.outcome.flip_rate.low is not None and one.flips]
    return max(known, key=lambda one: (one.outcome.flip_rate.low or 0.0, one.outcome.identity), default=None)


def _needed(value: float, limit: float, level: float) -> int:
    """Pairs at which the exact upper limit would fall to `limit` if the rate stayed as it is."""
    from seatrial.stats.proportions import clopper_pearson

    low, high = 1, 2
    while float(clopper_pearson(value * high, high, alpha=1 - level)[1]) > limit and high < 10**8:
        low, high = high, high * 2
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        if float(clopper_pearson(value * middle, middle, alpha=1 - level)[1]) > limit:
            low = middle
        else:
            high = middle
    return high


def _percent(share: float) -> str:
    """A share as a reader says it: `4.0 %`; what is not 0 is never written as 0.

    >>> _percent(0.0397), _percent(0.02), _percent(0), _percent(0.0004), _percent(1.0)
    ('4.0 %', '2.0 %', '0 %', '0.04 %', '100 %')
    """
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    return f"{share * 100:.1f} %" if 0.005 <= share <= 0.995 else f"{share * 100:.2g} %"


def _rate(rate: Estimate) -> str:
    if rate.value is None:
        return rate.reason or "no rate"
    if rate.low is None or rate.high is None:
        return _percent(rate.value)
    return f"{_percent(rate.value)} ({_percent(rate.low)} to {_percent(rate.high)})"
