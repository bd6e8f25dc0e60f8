"""From a measured comparison and a policy to the scorecard: verdict first, then everything it rests on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from seatrial.comparison.health import findings, is_broken
from seatrial.comparison.not_shown import not_shown
from seatrial.comparison.reference import reference
from seatrial.comparison.tradeoff import tradeoffs
from seatrial.comparison.versions import Comparison, Pair
from seatrial.data.engine import DuckDBEngine
from seatrial.data.examples import fetch_examples
from seatrial.decisions.policy import default_policy
from seatrial.decisions.verdict import Decision, decide
from seatrial.effects.confusion import confusion
from seatrial.effects.curves import curves
from seatrial.effects.effect import Reading, reading
from seatrial.effects.families import Deciding, success_family
from seatrial.effects.flips import Changed, changed_rows, flips
from seatrial.effects.large.curves import large_curves
from seatrial.errors import UsageError
from seatrial.records import Curve, Effect, Example, Flips, Policy, Provenance, Rule, Scorecard, Source, Verdict
from seatrial.records.numbers import format_percent, format_value
from seatrial.records.scorecard import MetricInfo
from seatrial.records.versions import installed, library_versions


def decide_policy(comparison: Comparison, policy: Policy | None) -> tuple[Policy, Decision]:
    """Decide a policy (or, without one, a guardrail on the main metric at its default margin) on a comparison."""
    used = policy or assumed_policy(comparison)
    for rule in used.rules:
        if rule.case is not None:
            raise UsageError(
                f"The policy's rule on '{rule.metric}' speaks of the case '{rule.case}': only suites have cases. Take "
                "'case' out of it, or run the suite."
            )
        comparison.metric(rule.metric)
    candidates = comparison.candidates or (comparison.baseline,)
    decision = decide(
        used,
        findings=findings(comparison),
        evidence=comparison.evidence,
        candidates=candidates,
        baseline=comparison.baseline if comparison.candidates else None,
        matched_share=_matched(comparison),
        worst_case_passes=_worst_cases(comparison, used),
    )
    return used, decision


def assumed_policy(comparison: Comparison) -> Policy:
    """No policy given: one guardrail on the lead metric; for one version alone nothing is asked."""
    if not comparison.candidates:
        return Policy(name="none", rules=(), assumed=True)
    return default_policy(comparison.lead_metric())


def scorecard(comparison: Comparison, policy: Policy | None = None) -> Scorecard:
    """Everything a report shows; the record's dump is the public JSON."""
    used, decision = decide_policy(comparison, policy)
    alpha = 1 - comparison.request.level if policy is None else used.alpha
    effects = _effects(comparison, used, decision, alpha)
    estimates = tuple(comparison.estimates(alpha=alpha))
    health = findings(comparison)
    evidence = json.dumps(
        [e.model_dump(mode="json") for e in (*estimates, *effects)], sort_keys=True, separators=(",", ":")
    )
    verdict = decision.verdict.model_copy(
        update={"evidence_digest": hashlib.sha256(evidence.encode()).hexdigest(), "policy_digest": used.digest()}
    )
    frame = comparison.frame
    return Scorecard(
        kind="comparison" if comparison.candidates else "evaluation",
        verdict=_alone(_with_unasked(verdict, effects, used), comparison, used),
        task=frame.task,
        title=" against ".join((listed_names(comparison.candidates), comparison.baseline))
        if comparison.candidates
        else comparison.baseline,
        models=comparison.models,
        lead_metric=comparison.lead_metric(),
        estimates=estimates,
        effects=tuple(effects),
        health=health,
        flips=tuple(_flips(comparison)),
        confusions=tuple(_confusions(comparison)),
        curves=tuple(_curves(comparison)),
        reference=reference(comparison, level=1 - alpha),
        tradeoffs=() if verdict.status == "invalid" else tradeoffs(comparison, level=1 - alpha),
        policy=used,
        metrics=tuple(_infos(comparison)),
        assumptions=_assumptions(comparison, used),
        not_shown=not_shown(comparison),
        provenance=_provenance(comparison, used),
        notes=tuple(n for f in comparison.frames for n in f.notes),
    )


def listed_names(names: tuple[str, ...]) -> str:
    """Names for a title: `a`, `a and b`, `a, b and 3 more`."""
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _with_unasked(verdict: Verdict, effects: list[Effect], policy: Policy) -> Verdict:
    """A pass says what is worse though no rule asks about it: on all rows, for the verdict's version."""
    if verdict.status != "pass":
        return verdict
    ruled = {rule.metric for rule in policy.rules}
    candidate = verdict.candidate or (effects[0].candidate if effects else None)
    worse = [
        e.metric
        for e in effects
        if (e.word, e.candidate, e.slice) == ("worse", candidate, {})
        and e.baseline == effects[0].baseline
        and not e.smaller_than_margin
        and e.metric not in ruled
    ]
    if not worse:
        return verdict
    more = f" and {len(worse) - 1} more" if len(worse) > 1 else ""
    said = f"{verdict.sentence} Worse, and no rule asks about it: {worse[0]}{more}."
    return verdict.model_copy(update={"sentence": said})


def _alone(verdict: Verdict, comparison: Comparison, policy: Policy) -> Verdict:
    if comparison.candidates or policy.rules or verdict.status == "invalid":
        return verdict
    sentence = (
        f"Measured {comparison.baseline} alone: nothing was compared and no bound was given, so there is no verdict. "
        "Add a baseline, or a policy with bounds."
    )
    return verdict.model_copy(update={"sentence": sentence})


def _effects(comparison: Comparison, policy: Policy, decision: Decision, alpha: float) -> list[Effect]:
    found: list[Effect] = []
    named = {(rule.metric, tuple(sorted(rule.slice.items()))): rule for rule in policy.rules}
    for pair in comparison.pairs:
        candidate = comparison.models[pair[1]]
        for metric in comparison.metrics:
            if pair not in comparison.measured(metric.name, {})[0].contrasts:
                continue
            deciding, adjusted = _deciding(comparison, decision, metric.name, pair, alpha, named)
            measured, _ = comparison.measured(metric.name, {})
            found.append(
                comparison.effect(
                    metric.name, {}, pair, reading(measured, deciding, power=policy.power), adjusted=adjusted
                )
            )
        if pair[0] != 0:
            continue
        for rule in dict.fromkeys(
            (r.metric, tuple(sorted(r.slice.items()))) for r in policy.rules if r.slice and not r.is_bound
        ):
            where = dict(rule[1])
            measured, _ = comparison.measured(rule[0], where)
            deciding = decision.deciding(rule[0], where, candidate)
            found.append(
                comparison.effect(
                    rule[0],
                    where,
                    pair,
                    reading(measured, deciding, power=policy.power),
                    adjusted=deciding.adjusted_p_value,
                )
            )
    taken = {(e.metric, tuple(sorted(e.slice.items())), e.baseline, e.candidate) for e in found}
    for pair in comparison.pairs:
        explored = comparison.explored(pair, alpha=alpha)
        found += [
            e for e in explored if (e.metric, tuple(sorted(e.slice.items())), e.baseline, e.candidate) not in taken
        ]
    return found


def _deciding(
    comparison: Comparison,
    decision: Decision,
    metric: str,
    pair: Pair,
    alpha: float,
    named: Mapping[tuple[str, tuple[tuple[str, str], ...]], Rule],
) -> tuple[Deciding, float | None]:
    """At which level an effect on all rows is read: by its rule; where all pairs were asked for, by Holm over them,
    except a success metric against the baseline, which the policy's family corrects."""
    valid = pair[0] == 0 and decision.verdict.status != "invalid"
    own = decision.deciding(metric, {}, comparison.models[pair[1]]) if valid else Deciding(alpha=alpha)
    rule = named.get((metric, ()))
    if comparison.request.all_pairs and not (valid and rule is not None and rule.role == "success"):
        pairs = [p for p in comparison.pairs if p in comparison.measured(metric, {})[0].contrasts]
        p_values = []
        for each in pairs:
            measured, index = comparison.measured(metric, {})
            contrast = measured.contrasts[each].at(index)
            p_values.append(None if contrast.reasons[0] else float(contrast.p_value(0.0)[0]))
        level, adjusted = success_family(p_values, alpha=alpha)[pairs.index(pair)]
        return replace(own, alpha=level), adjusted
    return own, own.adjusted_p_value


def _matched(comparison: Comparison) -> float:
    return 1.0 if comparison.request.unpaired else comparison.frame.matched_share


def _worst_cases(comparison: Comparison, policy: Policy) -> dict[str, bool]:
    """Whether every check also passes if each unmatched row were as bad as it can be: means over all rows within
    bounds only."""
    share = _matched(comparison)
    if share >= 1 or is_broken(comparison):
        return {}
    found = {}
    for position, candidate in enumerate(comparison.models[1:], start=1):
        found[candidate] = all(
            _worst_case(comparison, rule, (0, position), share, policy)
            for rule in policy.rules
            if rule.role != "secondary"
        )
    return found


def _worst_case(comparison: Comparison, rule: Rule, pair: Pair, share: float, policy: Policy) -> bool:
    measured, index = comparison.measured(rule.metric, rule.slice)
    metric, value = measured.metric, measured.values[pair[1]]
    if rule.slice or rule.is_bound or rule.margin_is_relative or metric.lowest is None or metric.highest is None:
        return False
    if value.rows is None or value.rows[index] != measured.n[index]:
        return False
    low, high = measured.contrasts[pair].at(index).interval(policy.alpha)
    reach = (metric.highest - metric.lowest) * (1 - share)
    worst = share * (float(low[0]) if metric.higher_is_better else -float(high[0])) - reach
    margin = metric.margin if rule.margin is None else rule.margin
    return worst > (0.0 if rule.role == "success" else -margin)


def _flips(comparison: Comparison) -> list[Flips]:
    if len(comparison.frames) > 1 or not comparison.candidates:
        return []
    found = []
    for pair in comparison.pairs:
        counted = flips(comparison.frame, pair)
        shown: dict[str, tuple[Example, ...]] = {}
        if pair[0] == 0 and len(comparison.models) <= 3:
            for name, lost in (("lost_examples", True), ("gained_examples", False)):
                rows = changed_rows(comparison.frame, pair, lost=lost, limit=comparison.request.examples)
                columns = _columns_of(comparison, rows)
                shown[name] = tuple(
                    r.example.model_copy(update={"columns": c}) for r, c in zip(rows, columns, strict=True)
                )
        found.append(counted.model_copy(update=shown))
    return found


def _columns_of(comparison: Comparison, rows: list[Changed]) -> list[dict[str, str]]:
    """What the baseline's file says of some rows: read again, since text is never held."""
    if not rows:
        return []
    first, engine = comparison.predictions[0], comparison.frame.engine
    own = engine if isinstance(engine, DuckDBEngine) else None
    if comparison.frame.has_id:
        return fetch_examples(first, ids=[row.example.id for row in rows], engine=own)
    return fetch_examples(first, rows=[row.row for row in rows], engine=own)


def _confusions(comparison: Comparison):  # type: ignore[no-untyped-def]
    for frame in comparison.frames:
        for model in range(len(frame.models)):
            found = confusion(frame, model)
            if found is not None:
                yield found


def _curves(comparison: Comparison) -> list[Curve]:
    found: list[Curve] = []
    for measurer in comparison.measurers:
        if measurer.large:
            found += large_curves(measurer.frame)
        else:
            found += [c for model in range(len(measurer.frame.models)) for c in curves(measurer.ranker, model)]
    return found


def _infos(comparison: Comparison) -> list[MetricInfo]:
    return [
        MetricInfo(
            name=m.name,
            summary=m.summary,
            formula=m.formula,
            higher_is_better=m.higher_is_better,
            scale=m.scale,
            kind=m.kind,
        )
        for m in comparison.metrics
    ]


def _assumptions(comparison: Comparison, policy: Policy) -> tuple[str, ...]:
    said = [guess for p in comparison.predictions for guess in p.guesses]
    frame = comparison.frame
    if frame.task == "binary" and frame.positive is not None:
        said.append(f"positive class = '{frame.labels[frame.positive]}' (--positive)")
    if policy.assumed and policy.rules:
        rule, metric = policy.rules[0], comparison.metric(policy.rules[0].metric)
        size = format_percent(metric.margin) if metric.margin_is_relative else format_value(metric.margin)
        margin = f"{size} of the baseline's value" if metric.margin_is_relative else size
        said.append(f"no policy was given: '{rule.metric}' must not be worse by more than {margin} (--policy)")
    return tuple(dict.fromkeys(said))


def _provenance(comparison: Comparison, policy: Policy) -> Provenance:
    frame, roles = comparison.frame, comparison.predictions[0].roles
    sources = [
        Source(
            model=side.name,
            name=side.source,
            sha256=side.sha256,
            rows=side.rows,
            matched=None if comparison.request.unpaired else side.matched,
        )
        for f in comparison.frames
        for side in f.sides
    ]
    used: dict[str, str | list[str]] = {
        name: value
        for name, value in (
            ("id", roles.id),
            ("target", roles.target),
            ("prediction", roles.prediction),
            ("score", roles.score),
            ("cluster", frame.cluster),
            ("weight", frame.weight),
        )
        if value is not None
    }
    if roles.scores:
        used["scores"] = [column for _, column in roles.scores][:20]
    return Provenance(
        seatrial=installed("seatrial"),
        libraries=library_versions(),
        seed=comparison.request.seed,
        sources=tuple(sources),
        roles=used,
        task=frame.task,
        positive=None if frame.positive is None else frame.labels[frame.positive],
        threshold=frame.threshold if frame.task == "binary" and any(frame.scored) else None,
        slices=tuple(comparison.wanted.slices),
        policy_digest=policy.digest(),
        arguments=comparison.request.arguments,
    )


__all__ = ["Reading", "assumed_policy", "decide_policy", "scorecard"]
