"""Runs of one suite laid side by side: the report card, from the rows in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.actions.compare import compare
from seatrial.actions.result import Result
from seatrial.actions.suites.case import case_predictions, in_a_suite, measured
from seatrial.actions.suites.fronts import front_points
from seatrial.actions.suites.histories import histories
from seatrial.actions.suites.tables import cluster_of, metrics_of, slices_of
from seatrial.decisions.cases import over_cases, rules_of
from seatrial.errors import DataError, SeatrialError, UsageError, did_you_mean, listed
from seatrial.records import Finding, Policy, Verdict
from seatrial.records.audit import Audit
from seatrial.records.card import CaseCard, FairnessSummary, ReportCard
from seatrial.records.run import CaseRun, Run
from seatrial.records.versions import installed
from seatrial.storage.store import Store

EXAMPLES = 5
"""Changed answers that a card shows, each way."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One case, and what may be said of it."""

    card: CaseCard
    verdict: Verdict | None = None
    invalid: str | None = None
    asked: frozenset[str] = frozenset()
    """Metrics of the policy that this case has."""


def report_card(
    runs: Sequence[Run],
    *,
    store: Store,
    policy: Policy | None = None,
    folder: Path = Path(),
    level: float = 0.95,
) -> ReportCard:
    """Compare the runs on every case they share, the first as the baseline; decide by the policy.

    Raises `DataError` when they share no case, `UsageError` when no case has a metric that the policy names.
    """
    digests = tuple(run.digest() for run in runs)
    asked, runs = runs, distinct_models(runs)
    first = runs[0]
    shared, not_shared = shared_cases(runs)
    if not shared:
        raise DataError(
            f"{first.model.name} and {runs[1].model.name} share no case: {listed(not_shared, limit=3)}"
            if len(runs) > 1
            else "The run has no cases."
        )
    judged = [_judge(name, runs, store=store, policy=policy, folder=folder, level=level) for name in shared]
    if policy is not None:
        known = frozenset().union(*(one.asked for one in judged))
        for rule in policy.rules:
            if rule.case is not None and rule.case not in shared:
                raise UsageError(
                    f"The policy names the case '{rule.case}', which is not among the compared ones."
                    f"{did_you_mean(rule.case, shared)} Cases: {listed(shared)}."
                )
            if rule.metric not in known and not any(one.invalid for one in judged):
                raise UsageError(f"The policy asks for '{rule.metric}', which no case of the suite has.")
    verdict = over_cases(
        {one.card.case: one.verdict for one in judged if one.verdict is not None},
        unfinished={one.card.case: one.invalid for one in judged if one.invalid is not None},
    )
    if verdict is not None and policy is not None:
        verdict = verdict.model_copy(update={"policy_digest": policy.digest()})
    cards = tuple(one.card for one in judged)
    names = [run.model.name for run in runs]
    card = ReportCard(
        seatrial=installed("seatrial"),
        title=f"{listed(names[1:], limit=3)} against {names[0]} on {first.suite}"
        if len(runs) > 1
        else f"{names[0]} on {first.suite}",
        sentence=verdict.sentence if verdict is not None else _sentence(cards, names[0], asked=policy is not None),
        suite=first.suite,
        suite_version=first.suite_version,
        suite_digest=first.suite_digest,
        models=tuple(run.model for run in runs),
        runs=digests,
        baseline=names[0] if len(runs) > 1 else None,
        verdict=verdict,
        policy=policy,
        level=level,
        cases=cards,
        not_shared=not_shared,
        history=histories(
            first.suite,
            [card.case for card in cards],
            models=[run.model.name for run in asked],
            store=store,
            alpha=1 - level,
        ),
        not_tested=tuple(dict.fromkeys(said for run in runs for said in run.not_tested)),
        environment=first.environment,
        seed=first.seed,
    )
    return with_fronts(card)


def distinct_models(runs: Sequence[Run]) -> list[Run]:
    """Runs of models that share a name, with the start of their digest behind it."""
    names = [run.model.name for run in runs]
    found: list[Run] = []
    taken: set[str] = set()
    for run in runs:
        name = run.model.name
        if names.count(name) > 1:
            name = f"{name} ({run.digest()[:8]})"
        while name in taken:  # a run against itself
            name = f"{name} again"
        taken.add(name)
        renamed = run.model.model_copy(update={"name": name})
        found.append(run if name == run.model.name else run.model_copy(update={"model": renamed}))
    return found


def shared_cases(runs: Sequence[Run]) -> tuple[list[str], tuple[str, ...]]:
    """Names of the cases that every run holds in the same form and on the same rows, and a sentence for each other."""
    by_name = [{case.case: case for case in run.cases} for run in runs]
    shared: list[str] = []
    said: list[str] = []
    for name in dict.fromkeys(name for cases in by_name for name in cases):
        holders = [cases[name] for cases in by_name if name in cases]
        if len(holders) < len(runs):
            lacking = [run.model.name for run, cases in zip(runs, by_name, strict=True) if name not in cases]
            said.append(f"Case '{name}' was not run on {listed(lacking, limit=4)}: it is not compared.")
        elif len({case.dataset.fingerprint for case in holders}) > 1:
            said.append(f"Case '{name}' has other rows in one of the runs: it is not compared.")
        else:
            shared.append(name)
            if len({_asked_of(case) for case in holders}) > 1:
                said.append(f"Case '{name}' was changed between the runs: its metrics are those of the first.")
    return shared, tuple(said)


def _asked_of(case: CaseRun) -> str:
    return case.spec.digest()


def _judge(
    name: str, runs: Sequence[Run], *, store: Store, policy: Policy | None, folder: Path, level: float
) -> _Judged:
    """One case of every run: rows compared, policy applied where it speaks of this case."""
    cases = [next(case for case in run.cases if case.case == name) for run in runs]
    names = [run.model.name for run in runs]
    broken = next(
        (f"{n}: {c.reason or c.status}" for n, c in zip(names, cases, strict=True) if c.status != "complete"), None
    )
    sound = [(c, n) for c, n in zip(cases, names, strict=True) if c.status != "invalid" and c.main_metric is not None]
    if not sound or (len(runs) > 1 and (len(sound) == 1 or sound[0][1] != names[0])):
        return _Judged(card=_card(cases, names, None, level), invalid=broken)
    spec = cases[0].spec
    try:
        result = _compared([c for c, _ in sound], [n for _, n in sound], store=store, folder=folder, level=level)
    except DataError as error:
        reason = str(error)
        card = _card(cases, names, None, level)
        health = (*card.health, Finding(name="Comparison", status="fail", sentence=reason))
        return _Judged(card=card.model_copy(update={"health": health}), invalid=broken or reason)
    asked: frozenset[str] = frozenset()
    decided, verdict = result, None
    if policy is not None:
        rules = tuple(rule for rule in rules_of(policy, spec.name) if _has(result, rule.metric))
        rules = tuple(rule for rule in rules if rule.is_bound or len(runs) > 1)
        asked = frozenset(rule.metric for rule in rules_of(policy, spec.name) if _has(result, rule.metric))
        if rules:
            plain = tuple(rule.model_copy(update={"case": None}) for rule in rules)
            decided = result.under(policy.model_copy(update={"rules": plain}))
            verdict = decided.verdict
    elif len(runs) > 1:
        verdict = result.verdict
    if verdict is not None:
        verdict = verdict.model_copy(update={"sentence": in_a_suite(verdict.sentence)})
    return _Judged(
        card=_card(cases, names, decided, level, verdict=verdict), verdict=verdict, invalid=broken, asked=asked
    )


def _compared(cases: Sequence[CaseRun], names: Sequence[str], *, store: Store, folder: Path, level: float) -> Result:
    spec = cases[0].spec
    predictions = [case_predictions(case, store, model=name) for case, name in zip(cases, names, strict=True)]
    if len(predictions) == 1:
        return measured(predictions[0], cases[0], folder=folder, level=level, seed=0)
    return compare(
        *predictions,
        metrics=metrics_of(spec, folder),
        by=slices_of(spec, cases[0].dataset, predictions[0].columns),
        cross=spec.cross,
        cluster=cluster_of(spec, cases[0].dataset, predictions[0].columns),
        lower_is_better=spec.lower_is_better,
        level=level,
        examples=EXAMPLES,
    )


def _has(result: Result, metric: str) -> bool:
    try:
        result.comparison.metric(metric)
    except SeatrialError:
        return False
    return True


def _card(
    cases: Sequence[CaseRun],
    names: Sequence[str],
    result: Result | None,
    level: float,
    *,
    verdict: Verdict | None = None,
) -> CaseCard:
    main = next((case for case in cases if case.main_metric is not None), cases[0])
    pairs = list(zip(names, cases, strict=True))
    found = None if result is None else result.scorecard
    estimates = tuple(e for case in cases for e in case.estimates) if found is None else found.estimates
    card = CaseCard(
        case=main.case,
        task=main.task,
        dataset=main.dataset,
        rows=main.rows,
        main_metric=main.main_metric or "none",
        metrics=() if found is None else found.metrics,
        estimates=estimates,
        effects=() if found is None else found.effects,
        verdict=verdict,
        latency=tuple(e for _, c in pairs if c.latency for e in (c.latency.p50, c.latency.p95, c.latency.p99)),
        timing={n: c.latency for n, c in pairs if c.latency is not None},
        cost=tuple(c.cost.per_row for _, c in pairs if c.cost is not None and c.cost.per_row is not None),
        flips=() if found is None else found.flips,
        confusions=() if found is None else found.confusions,
        fairness=tuple(_fairness(n, c.audit) for n, c in pairs if c.audit is not None),
        probes={n: c.probes for n, c in pairs if c.probes},
        counterfactuals={n: c.counterfactuals for n, c in pairs if c.counterfactuals},
        failed={n: c.failed for n, c in pairs if c.failed},
        health=_health(pairs),
    )
    return card


def with_fronts(card: ReportCard) -> ReportCard:
    """The same card with the place of every model between quality and each expense."""
    infos = {model.name: model for model in card.models}
    return card.model_copy(
        update={"cases": tuple(c.model_copy(update={"front": front_points(c, infos)}) for c in card.cases)}
    )


def _health(pairs: Sequence[tuple[str, CaseRun]]) -> tuple[Finding, ...]:
    """Findings once each; those of one model alone carry its name."""
    seen: dict[tuple[str, str, str], list[str]] = {}
    for name, case in pairs:
        for one in case.health:
            seen.setdefault((one.name, one.status, one.sentence), []).append(name)
    found: list[Finding] = []
    for (what, status, sentence), whose in seen.items():
        told = sentence if len(whose) == len(pairs) else f"{listed(whose, limit=3)}: {sentence}"
        found.append(Finding.model_validate({"name": what, "status": status, "sentence": told}))
    return tuple(found)


def _fairness(model: str, audit: Audit) -> FairnessSummary:
    ranked = [g for cut in audit.cuts for g in cut.groups if g.ranked and g.impact is not None]
    worst = min(
        (g for g in ranked if g.impact is not None and g.impact.value is not None),
        key=lambda g: g.impact.value if g.impact is not None and g.impact.value is not None else 1.0,
        default=None,
    )
    impact = None if worst is None else worst.impact
    return FairnessSummary(
        model=model,
        protected=tuple(audit.protected),
        sentence=audit.sentence,
        tone=audit.tone,
        impact_ratio=None if impact is None else impact.value,
        low=None if impact is None else impact.low,
        high=None if impact is None else impact.high,
        group={} if worst is None else dict(worst.slice),
    )


def _sentence(cards: Sequence[CaseCard], model: str, *, asked: bool) -> str:
    """What is said where nothing was asked: the main metric of every case."""
    from seatrial.records.numbers import format_interval

    parts: list[str] = []
    for card in cards:
        one = next((e for e in card.estimates if e.metric == card.main_metric and not e.slice), None)
        if one is None or one.value is None:
            parts.append(f"{card.case}: {one.reason if one is not None and one.reason else 'no metric'}")
        else:
            parts.append(f"{card.case}: {one.metric} {format_interval(one.value, one.low, one.high, scale=one.scale)}")
    why = "every rule of the policy compares with a baseline" if asked else "no policy was given"
    return f"{model}: {'; '.join(parts[:4])}. No verdict: {why}."
