"""The sentence of a bandit's log: which arm is better, or that nothing can be told."""

from collections.abc import Sequence

from seatrial.decisions.phrases import said
from seatrial.records.bandit import BanditArm, PolicyEstimate
from seatrial.records.numbers import format_count, format_interval
from seatrial.records.results import Effect


def sentence(
    arms: Sequence[BanditArm],
    contrasts: Sequence[Effect],
    control: str | None,
    reward: str,
    policy: PolicyEstimate | None,
) -> str:
    """What the log says of the arms, in honest values; naive means are never in it."""
    reliable = [one for one in arms if one.reliable]
    parts = [_against(contrasts, control, reward) if control is not None else _best(reliable, arms, reward)]
    if control is not None and not all(one.reliable for one in arms):
        left = len(arms) - len(reliable)
        parts.append(f"{left} of {len(arms)} arms cannot be valued reliably.")
    if policy is not None:
        parts.append(_policy(policy, reward))
    return " ".join(parts)


def _against(contrasts: Sequence[Effect], control: str | None, reward: str) -> str:
    name = said(control or "")
    better = [one for one in contrasts if one.word == "better"]
    worse = [one for one in contrasts if one.word == "worse"]
    tested = [one for one in contrasts if one.reason is None]
    if not tested:
        return f"No arm can be compared with {name} by {reward}: {contrasts[0].reason}."
    if better:
        top = max(better, key=lambda one: one.difference or 0.0)
        more = f"; {len(better)} of {len(contrasts)} arms are better" if len(better) > 1 else ""
        return f"{said(top.candidate)} is better than {name} by {reward} ({_interval(top)}){more}."
    if worse:
        low = min(worse, key=lambda one: one.difference or 0.0)
        more = f", as are {len(worse) - 1} more" if len(worse) > 1 else ""
        return f"No arm is better than {name} by {reward}; {said(low.candidate)} is worse ({_interval(low)}){more}."
    top = max(tested, key=lambda one: one.difference or 0.0)
    return f"No arm is told from {name} by {reward}; the nearest is {said(top.candidate)} ({_interval(top)})."


def _best(reliable: Sequence[BanditArm], arms: Sequence[BanditArm], reward: str) -> str:
    known = [one for one in reliable if one.values[0].value is not None]
    if not known:
        why = next((note for one in arms for note in one.notes), "too few rows")
        return f"None of the {len(arms)} arms can be valued reliably by {reward}: {why}."
    top = max(known, key=lambda one: one.values[0].value or 0.0)
    value = top.values[0]
    return (
        f"{said(top.arm)} has the highest value by {reward} ({format_interval(value.value, value.low, value.high)}) of "
        f"{len(known)} arms that can be valued; --control names the arm to compare the others with."
    )


def _policy(policy: PolicyEstimate, reward: str) -> str:
    value = policy.values[0]
    if not policy.reliable or value.value is None:
        return (
            f"The policy '{said(policy.policy)}' cannot be valued reliably here: "
            f"{format_count(policy.effective_rows)} effective rows of {format_count(value.n)}."
        )
    earned = format_interval(value.value, value.low, value.high)
    if policy.difference.low == 0 == policy.difference.high:
        return f"The policy '{said(policy.policy)}' is the log's own and earns {earned}."
    return (
        f"The policy '{said(policy.policy)}' would earn {earned}, {_interval(policy.difference)} against the log's own."
    )


def _interval(of: Effect) -> str:
    return format_interval(of.difference, of.low, of.high, signed=True, thresholds=(0.0,))
