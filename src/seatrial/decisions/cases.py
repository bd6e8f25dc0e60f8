"""One verdict over the cases of a suite: every case has to pass, so no correction is needed (intersection-union)."""

from collections.abc import Mapping

from seatrial.decisions.phrases import said
from seatrial.records import Policy, Rule, Status, Verdict

_ORDER: tuple[Status, ...] = ("invalid", "fail", "inconclusive", "pass")


def rules_of(policy: Policy, case: str) -> tuple[Rule, ...]:
    """The rules that speak of one case: those that name it, and those that name none."""
    return tuple(rule for rule in policy.rules if rule.case in (None, case))


def over_cases(verdicts: Mapping[str, Verdict], *, unfinished: Mapping[str, str]) -> Verdict | None:
    """The verdict over cases, worst first: invalid, fail, inconclusive, pass; None where no case was asked anything.

    Every case must pass on its own. A version that is bad in any case passes all of them with probability at most
    alpha (Berger 1982, intersection-union), so alpha is not shared among cases. `unfinished` names cases whose run
    cannot carry a verdict, with the reason.

    >>> ship = Verdict(status="pass", sentence="Ship b: all 2 guardrails hold.")
    >>> stop = Verdict(status="fail", sentence="Do not ship b: accuracy is worse.")
    >>> over_cases({"easy": ship, "hard": stop}, unfinished={}).sentence
    'In hard: Do not ship b: accuracy is worse.'
    """
    every = {
        **{
            name: Verdict(status="invalid", sentence=f"These data cannot carry a verdict: {reason}")
            for name, reason in unfinished.items()
        },
        **{name: verdict for name, verdict in verdicts.items() if name not in unfinished},
    }
    if not every:
        return None
    status = min((verdict.status for verdict in every.values()), key=_ORDER.index)
    those = [name for name, verdict in every.items() if verdict.status == status]
    first = every[those[0]]
    if len(every) == 1:
        sentence = first.sentence
    elif status == "pass":
        sentence = f"All {len(every)} cases pass. In {said(those[0])}: {first.sentence}"
    else:
        words = {"invalid": "cannot carry a verdict", "fail": "fail", "inconclusive": "cannot tell"}[status]
        more = f" {len(those)} of {len(every)} cases {words}." if len(those) > 1 else ""
        sentence = f"In {said(those[0])}: {first.sentence}{more}"
    candidates = {verdict.candidate for verdict in every.values()}
    return Verdict(
        status=status,
        sentence=sentence,
        checks=tuple(
            check.model_copy(update={"name": f"{name}: {check.name}"}) if len(every) > 1 else check
            for name, verdict in every.items()
            for check in verdict.checks
        ),
        mixed=status == "fail" and any(verdict.mixed for verdict in every.values()),
        candidate=candidates.pop() if len(candidates) == 1 else None,
        policy_digest=next((v.policy_digest for v in every.values() if v.policy_digest), None),
    )
