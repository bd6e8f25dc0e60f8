"""Health, then checks, then one of pass, fail, inconclusive, invalid (STATISTICS section 1, in its order)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from seatrial.decisions import sentences
from seatrial.decisions.checks import Decided, Evidence, Question, decide_rule
from seatrial.decisions.policy import resolve_margin
from seatrial.effects.families import Deciding, success_family
from seatrial.records.decision import Check, Policy, Rule, Status, Verdict
from seatrial.records.evidence import Finding
from seatrial.records.results import Slice

ENOUGH_MATCHED = 0.99
"""Under this share of matched ids a pass is at best inconclusive."""

Key = tuple[str, tuple[tuple[str, str], ...], str]


def effect_key(metric: str, where: Slice, candidate: str) -> Key:
    """Return the key of an effect in `Decision.levels`: (metric, slice as sorted pairs, candidate)."""
    return metric, tuple(sorted(where.items())), candidate


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The verdict, one verdict per candidate, and how each effect that a rule names is read."""

    verdict: Verdict
    by_candidate: tuple[Verdict, ...] = ()
    levels: Mapping[Key, Deciding] = field(default_factory=dict)
    alpha: float = 0.05

    def deciding(self, metric: str, where: Slice, candidate: str) -> Deciding:
        """Return how this effect is read: by its rule, else at the policy's alpha and the metric's default margin."""
        return self.levels.get(effect_key(metric, where, candidate), Deciding(alpha=self.alpha))


def status_of(checks: Iterable[Check]) -> tuple[Status, bool]:
    """Return (status, mixed) of one candidate's checks.

    In this order: fail when a guardrail fails or a success metric is worse (mixed when a success check passed);
    inconclusive when a guardrail is; pass when a success check passed or none is declared; fail when every success
    check failed; else inconclusive. Secondary checks never decide. No check at all decides nothing: inconclusive.
    """
    every = [check for check in checks if check.role != "secondary"]
    success = [check for check in every if check.role == "success"]
    guardrails = {check.status for check in every if check.role == "guardrail"}
    passed = any(check.status == "pass" for check in success)
    if "fail" in guardrails or any(check.worse for check in success):
        return "fail", passed
    if not every or "inconclusive" in guardrails:
        return "inconclusive", False
    if passed or not success:
        return "pass", False
    return ("fail" if all(check.status == "fail" for check in success) else "inconclusive"), False


def decide(
    policy: Policy,
    *,
    findings: Sequence[Finding],
    evidence: Callable[[Rule, str], Evidence],
    candidates: Sequence[str],
    baseline: str | None = None,
    matched_share: float = 1.0,
    worst_case_passes: Mapping[str, bool] | None = None,
) -> Decision:
    """Decide a policy for every candidate, and for all of them together.

    `evidence` gives what was measured for a success or guardrail rule and a candidate (not asked when health fails).
    `matched_share` is the share of ids that every version has; `worst_case_passes[candidate]` says that the policy also
    passes in the worst case over the unmatched. With several candidates: pass when one passes, and the verdict
    recommends the passing one that stands best on the lead success metric; else inconclusive when one still may pass;
    fail when each fails, since only then "ship none of them" is known. Without a deciding rule: inconclusive.
    """
    digest = policy.digest()
    broken = [finding for finding in findings if finding.status == "fail"]
    if broken:
        sentence = sentences.invalid([finding.sentence for finding in broken])
        return Decision(verdict=Verdict(status="invalid", sentence=sentence, policy_digest=digest), alpha=policy.alpha)
    asked = [rule for rule in policy.rules if rule.role != "secondary"]
    if not asked:
        verdict = Verdict(status="inconclusive", sentence=sentences.nothing_asked(), policy_digest=digest)
        return Decision(verdict=verdict, levels=_levels(policy, {}, candidates), alpha=policy.alpha)

    known = {(index, name): evidence(rule, name) for name in candidates for index, rule in enumerate(asked)}
    family = _success_levels(policy, asked, known)
    worst = worst_case_passes or {}
    verdicts: list[Verdict] = []
    decided: dict[str, list[Decided]] = {}
    for candidate in candidates:
        found = _decide_candidate(policy, asked, known, family, candidate, baseline, several=len(candidates) > 1)
        decided[candidate] = found
        status, mixed = status_of(one.check for one in found)
        unmatched = matched_share if matched_share < ENOUGH_MATCHED else None
        rescued = worst.get(candidate, False)
        if status == "pass" and unmatched is not None and not rescued:
            status = "inconclusive"
        verdicts.append(
            Verdict(
                status=status,
                mixed=mixed,
                candidate=candidate,
                policy_digest=digest,
                checks=tuple(one.check for one in found),
                sentence=sentences.of_candidate(
                    candidate,
                    found,
                    status,
                    mixed=mixed,
                    assumed=policy.assumed,
                    matched_share=unmatched,
                    rescued=rescued,
                ),
            )
        )
    by_rule = {
        (asked[index].metric, tuple(sorted(asked[index].slice.items())), candidate): level
        for (index, candidate), level in family.items()
    }
    return Decision(
        verdict=verdicts[0] if len(verdicts) == 1 else _overall(asked, verdicts, decided),
        by_candidate=tuple(verdicts),
        levels=_levels(policy, by_rule, candidates),
        alpha=policy.alpha,
    )


def _success_levels(
    policy: Policy, asked: Sequence[Rule], known: Mapping[tuple[int, str], Evidence]
) -> dict[tuple[int, str], tuple[float, float | None]]:
    """Holm over success metrics x candidates."""
    members = [key for key in known if asked[key[0]].role == "success"]
    levels = success_family([_p_value(known[key]) for key in members], alpha=policy.alpha)
    return dict(zip(members, levels, strict=True))


def _p_value(evidence: Evidence) -> float | None:
    if evidence.contrast is None or evidence.contrast.reasons[0] is not None:
        return None
    p = float(evidence.contrast.p_value(0.0)[0])
    return p if math.isfinite(p) else None


def _decide_candidate(
    policy: Policy,
    asked: Sequence[Rule],
    known: Mapping[tuple[int, str], Evidence],
    family: Mapping[tuple[int, str], tuple[float, float | None]],
    candidate: str,
    baseline: str | None,
    *,
    several: bool,
) -> list[Decided]:
    """Every rule in the policy's order, then the guardrail that each success metric also is, at its own margin."""
    guarded = {
        (rule.metric, tuple(sorted(rule.slice.items())))
        for rule in asked
        if rule.role == "guardrail" and not rule.is_bound
    }

    def question(index: int, deciding: Deciding) -> Question:
        return Question(
            rule=asked[index],
            candidate=candidate,
            baseline=baseline,
            evidence=known[index, candidate],
            deciding=deciding,
            power=policy.power,
            several=several,
        )

    found: list[Decided] = []
    for index, rule in enumerate(asked):
        if rule.role == "success":
            alpha, adjusted = family[index, candidate]
            found.append(decide_rule(question(index, Deciding(alpha=alpha, adjusted_p_value=adjusted))))
        else:
            found.append(decide_rule(question(index, Deciding(alpha=rule.alpha or policy.alpha))))
    for index, rule in enumerate(asked):
        if rule.role == "success" and (rule.metric, tuple(sorted(rule.slice.items()))) not in guarded:
            found.append(decide_rule(question(index, Deciding(alpha=policy.alpha)), derived=True))
    return found


def _levels(
    policy: Policy, success: Mapping[Key, tuple[float, float | None]], candidates: Sequence[str]
) -> dict[Key, Deciding]:
    """How each effect a rule names is read; a success rule goes before a guardrail, that before a secondary one."""
    levels: dict[Key, Deciding] = {}
    order = {"secondary": 0, "guardrail": 1, "success": 2}
    for rule in sorted((r for r in policy.rules if not r.is_bound), key=lambda r: order[r.role]):
        margin, is_relative = resolve_margin(rule, (math.nan, False))
        for candidate in candidates:
            key = effect_key(rule.metric, rule.slice, candidate)
            alpha, adjusted = rule.alpha or policy.alpha, None
            if rule.role == "success" and key in success:
                alpha, adjusted = success[key]
            levels[key] = Deciding(
                alpha=alpha,
                adjusted_p_value=adjusted,
                margin=None if math.isnan(margin) else margin,
                margin_is_relative=is_relative,
            )
    return levels


def _overall(asked: Sequence[Rule], verdicts: Sequence[Verdict], decided: Mapping[str, list[Decided]]) -> Verdict:
    """One verdict over several candidates."""
    lead = next((i for i, rule in enumerate(asked) if rule.role == "success"), None)
    if lead is None:
        lead = next((i for i, rule in enumerate(asked) if not rule.is_bound), None)
    names = [verdict.candidate or "" for verdict in verdicts]
    statuses: dict[str, Status] = dict(zip(names, (verdict.status for verdict in verdicts), strict=True))
    status: Status = next(s for s in ("pass", "inconclusive", "fail") if s in statuses.values())
    standing = [name for name in names if statuses[name] == status]

    def rank(name: str) -> tuple[bool, float]:
        one = None if lead is None else decided[name][lead]
        return (False, 0.0) if one is None else (one.check.role == "success" and one.check.status == "pass", one.gain)

    best = max(standing, key=rank)  # the first of equals
    told = next(verdict.sentence for verdict in verdicts if verdict.candidate == best)
    return Verdict(
        status=status,
        mixed=status == "fail" and any(verdict.mixed for verdict in verdicts),
        candidate=best if status == "pass" else None,
        checks=tuple(check for verdict in verdicts for check in verdict.checks),
        policy_digest=verdicts[0].policy_digest,
        sentence=sentences.of_several(
            best,
            told,
            status,
            standing=standing,
            everyone=names,
            lead=None if lead is None else asked[lead].metric,
            clauses={name: sentences.first_failure(decided[name]) for name in names} if status == "fail" else {},
        ),
    )
