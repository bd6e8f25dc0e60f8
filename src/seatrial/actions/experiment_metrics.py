"""The metrics and the policy of an analysis, from options: with a plan it brings them, and more are exploratory."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.data.predictions import open_source
from seatrial.decisions.policy import parse_rule
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.formulas import formula_text
from seatrial.experiments.plan_metrics import parse_metrics
from seatrial.experiments.reading import number_sql
from seatrial.experiments.request import PastEffect
from seatrial.experiments.summaries import SummarisedExperiment
from seatrial.expressions import Node
from seatrial.records import ExperimentMetric, Plan, Policy, Rule

NO_METRICS = (
    "There is no metric: give one as NAME=FORMULA over what each unit did, such as 'revenue_per_user=mean(revenue)', "
    "or a plan."
)


def as_metrics(
    given: Mapping[str, str | Node | ExperimentMetric | Mapping[str, Any]] | Sequence[str | ExperimentMetric],
    *,
    plan: Plan | None,
    covariates: Mapping[str, str | Sequence[str]],
    zero: Sequence[str],
    lower_is_better: Sequence[str],
    winsorize: Mapping[str, float],
    cupac: Sequence[str] = (),
) -> tuple[ExperimentMetric, ...]:
    """The plan's metrics first, then those given; options say more of the given ones (and of all without a plan)."""
    planned = () if plan is None else plan.metrics
    own = _given(given)
    taken = {metric.name for metric in planned}
    for metric in own:
        if metric.name in taken:
            raise UsageError(f"'{metric.name}' is a metric of the plan already; give the other one another name.")
    every = [*planned, *own]
    if not every:
        raise UsageError(NO_METRICS)
    free = {metric.name for metric in own}
    for name, cap in winsorize.items():
        if not math.isfinite(cap):
            raise UsageError(f"--winsorize {name}={cap}: the cap must be a finite number.")
    for option, names in (
        ("--covariate", covariates),
        ("--zero", zero),
        ("--lower-is-better", lower_is_better),
        ("--winsorize", winsorize),
        ("--cupac", cupac),
    ):
        for name in names:
            if name in taken:
                raise UsageError(f"{option} {name}: the plan says what '{name}' is; amend the plan instead.")
            if name not in free:
                raise UsageError(
                    f"{option} names '{name}', no metric.{did_you_mean(name, free)} There are {listed(free)}."
                )
    return tuple(
        metric
        if metric.name in taken
        else metric.model_copy(
            update={
                "covariates": _texts(covariates.get(metric.name, metric.covariates)),
                "missing": "zero" if metric.name in zero else metric.missing,
                "higher_is_better": metric.higher_is_better and metric.name not in lower_is_better,
                "winsorize": winsorize.get(metric.name, metric.winsorize),
                "cupac": metric.cupac or metric.name in cupac,
            }
        )
        for metric in every
    )


def metrics_of(
    found: SummarisedExperiment, plan: Plan | None, given: Mapping[str, Any] | Sequence[str | ExperimentMetric]
) -> list[ExperimentMetric]:
    """The metrics of a table of moments, which were computed before: those named, else all that the plan lacks."""
    planned = set() if plan is None else {metric.name for metric in plan.metrics}
    for name in planned:
        if name not in found.metrics:
            raise UsageError(f"The moments have no metric '{name}' of the plan; there are {listed(found.metrics)}.")
    wanted_names = [given] if isinstance(given, str) else given
    names = [name if isinstance(name, str) else name.name for name in wanted_names]
    for name in names:
        if name not in found.metrics:
            hint = did_you_mean(name, found.metrics)
            raise UsageError(f"The moments have no metric '{name}'.{hint} There are {listed(found.metrics)}.")
    wanted = names or [name for name in found.metrics if name not in planned]
    return [ExperimentMetric(name=name, formula=f"mean(col({name!r}))", summary="as aggregated") for name in wanted]


def assumed_policy(
    metrics: Sequence[ExperimentMetric],
    primary: str | Sequence[str] | None,
    guardrails: Mapping[str, float | str] | Sequence[str],
) -> Policy:
    """The policy of an analysis without a plan: the primary metrics (the first, where none is named) must be better,
    guardrails hold."""
    known = [metric.name for metric in metrics]
    wanted = [primary] if isinstance(primary, str) else list(primary or known[:1])
    rules = [parse_rule(name, "success", "primary") for name in wanted]
    if isinstance(guardrails, Mapping):
        rules += [
            parse_rule({"metric": name, "margin": margin}, "guardrail", "guardrails")
            for name, margin in guardrails.items()
        ]
    else:
        rules += [_guardrail(text) for text in guardrails]
    for rule in rules:
        if rule.metric not in known:
            raise UsageError(
                f"'{rule.metric}' ({rule.role}) is no metric of this analysis.{did_you_mean(rule.metric, known)} There "
                f"are {listed(known)}."
            )
    named = {rule.metric for rule in rules}
    rules += [Rule(metric=name, role="secondary") for name in known if name not in named]
    return Policy(name="assumed", rules=tuple(rules), assumed=primary is None and not guardrails)


def _guardrail(text: str) -> Rule:
    """`latency:5%`, `latency below 300`, or just the name."""
    name, colon, margin = text.partition(":")
    if not colon:
        return parse_rule(text, "guardrail", "guardrails")
    return parse_rule({"metric": name.strip(), "margin": margin.strip()}, "guardrail", "guardrails")


def read_past_effects(given: Any) -> list[PastEffect]:
    """Past lifts from a table with columns `lift` and `standard_error` (or from such records)."""
    if isinstance(given, Sequence) and not isinstance(given, str) and given and isinstance(given[0], PastEffect):
        return list(given)
    source, _ = open_source(given)
    places = [source.place(name, option="past effects") for name in ("lift", "standard_error")]
    engine = source.own_engine
    columns = ", ".join(number_sql(f"c{place}", source.kinds[place])[0] for place in places)
    rows = engine.rows(f"SELECT {columns} FROM {source.scan(engine, places)}")
    if any(None in row or not (math.isfinite(row[0]) and 0 < row[1] < math.inf) for row in rows):
        raise UsageError(f"{source.name}: every row needs a lift and a standard_error above 0, as numbers.")
    return [PastEffect(lift=lift, standard_error=error) for lift, error in rows]


def _given(
    given: Mapping[str, str | Node | ExperimentMetric | Mapping[str, Any]] | Sequence[str | ExperimentMetric],
) -> list[ExperimentMetric]:
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        made = []
        for name, value in given.items():
            if isinstance(value, ExperimentMetric):
                made.append(value.model_copy(update={"name": name}))
            elif isinstance(value, Mapping):
                text = {**value, "formula": formula_text(value.get("formula", ""))}
                made += parse_metrics({name: text}, "The analysis")
            else:
                made += parse_metrics({name: formula_text(value)}, "The analysis")
        return made
    found: list[ExperimentMetric] = []
    for one in given:
        if isinstance(one, ExperimentMetric):
            found.append(one)
            continue
        name, equals, formula = one.partition("=")
        if not equals or not name.strip() or formula.startswith("="):
            raise UsageError(f"--metric {one}: write NAME=FORMULA, such as 'aov=revenue / orders'.")
        found += parse_metrics({name.strip(): formula.strip()}, "The analysis")
    names = [metric.name for metric in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"The metric '{twice}' is given twice; give one of them another name.")
    return found


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
