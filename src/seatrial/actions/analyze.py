"""Analyse an experiment from tables: exposures and events, a unit table, or moments already aggregated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from seatrial.actions.experiment_metrics import as_metrics, assumed_policy, metrics_of, read_past_effects
from seatrial.actions.policies import as_policy
from seatrial.actions.report import check_writable
from seatrial.data.predictions import open_source
from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.experiments.daily import daily
from seatrial.experiments.health import deviations, health, health_of_summaries
from seatrial.experiments.measure import measure
from seatrial.experiments.moment_rows import moment_rows, write_summaries
from seatrial.experiments.observed import Observed, observed_of_summaries, units_by_arm_and_phase
from seatrial.experiments.plan_file import load_plan, parse_plan
from seatrial.experiments.predictions import with_predictions
from seatrial.experiments.readout import read_out
from seatrial.experiments.request import Request
from seatrial.experiments.since import since_exposure
from seatrial.experiments.summaries import SummarisedExperiment, read_summaries
from seatrial.experiments.table import Daily, Grouping, UnitTable
from seatrial.experiments.unit_rows import units_from_rows
from seatrial.experiments.units import units_from_events
from seatrial.expressions import Node
from seatrial.records import Columns, ExperimentMetric, Plan, Policy, Provenance, Readout, Source, Verdict
from seatrial.records.readout import ExperimentEffect
from seatrial.records.versions import installed, library_versions

Progress = Callable[[str, int, int], None]
MetricGiven = str | Node | ExperimentMetric | Mapping[str, Any]

NOVELTY_DAYS = 28
"""Most days since exposure that a trend looks at."""
FEWEST_NOVELTY_DAYS = 4


@dataclass(frozen=True)
class ReadoutResult:
    """What `analyze` hands back: a text, a notebook page, a data frame, the public JSON."""

    readout: Readout
    observed: Observed
    """What was measured: with it the readout can be made again without the units."""

    @property
    def verdict(self) -> Verdict:
        return self.readout.verdict

    @property
    def effects(self) -> tuple[ExperimentEffect, ...]:
        return self.readout.effects

    @property
    def scorecard(self) -> Readout:
        """The record that is rendered."""
        return self.readout

    def to_json(self) -> str:
        """The public JSON: the same input gives the same bytes."""
        from seatrial.reports import to_json

        return to_json(self.readout)

    def write_moments(self, path: str | Path) -> Path:
        """Write n, mean and variance of every metric by arm, phase and day: `analyze(moments=...)` reads them without
        the events (all units; no segments, no covariates)."""
        check_writable(Path(path))
        observed = self.observed
        days = next((one.days for one in observed.daily.values()), ())
        rows = []
        for name, measured in observed.measured.items():
            daily = observed.daily.get(name)
            if daily is None:
                daily = Daily(name=name, days=days[-1:] or (observed.as_of or "end",), means=measured.by[()])
            rows += moment_rows(daily, arms=observed.arms, phases=observed.phases)
        write_summaries(rows, path)
        return Path(path)

    def to_frame(
        self,
        of: Literal["effects", "estimates", "checks", "health"] = "effects",
        *,
        library: Literal["pandas", "polars", "pyarrow"] | None = None,
    ) -> Any:
        """Records as a data frame of the library the user has (pandas, else polars, else pyarrow)."""
        from seatrial.actions.frames import to_frame

        records: dict[str, tuple[Any, ...]] = {
            "effects": self.readout.effects,
            "estimates": self.readout.estimates,
            "checks": self.readout.verdict.checks,
            "health": self.readout.health,
        }
        if of not in records:
            raise UsageError(f"to_frame('{of}'): there are {listed(records)}.{did_you_mean(of, records)}")
        return to_frame(records[of], library=library)

    def __str__(self) -> str:
        from seatrial.reports import render

        return render(self.readout, "text")

    def _repr_html_(self) -> str:
        from seatrial.reports import render

        page = render(self.readout, "html").replace("&", "&amp;").replace('"', "&quot;")
        style = "width:100%;height:40rem;border:0"
        return f'<iframe srcdoc="{page}" title="Seatrial report" style="{style}" sandbox="allow-popups"></iframe>'


def analyze(
    exposures: Any = None,
    events: Any = None,
    *,
    units: Any = None,
    moments: Any = None,
    experiment: str | None = None,
    cumulative: bool = True,
    pre: Any = None,
    plan: Plan | str | Path | Mapping[str, Any] | None = None,
    metrics: Mapping[str, MetricGiven] | Sequence[str | ExperimentMetric] = (),
    primary: str | Sequence[str] | None = None,
    guardrails: Mapping[str, float | str] | Sequence[str] = (),
    policy: Policy | str | Path | dict[str, Any] | None = None,
    covariates: Mapping[str, str | Sequence[str]] | None = None,
    segments: Sequence[str] = (),
    control: str | None = None,
    columns: Columns | Mapping[str, str] | None = None,
    cluster: str | None = None,
    weights: Mapping[str, float] | None = None,
    as_of: str | None = None,
    crossovers: Literal["exclude", "first"] = "exclude",
    timezone: str | None = None,
    zero: Sequence[str] = (),
    lower_is_better: Sequence[str] = (),
    winsorize: Mapping[str, float] | None = None,
    adjust: bool = True,
    cupac: Sequence[str] = (),
    post_stratify: str | None = None,
    past_effects: Any = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> ReadoutResult:
    """Analyse an experiment: health first, then effects, then the verdict by the plan's policy.

    Give `exposures` and `events` (one row each; `pre` for covariates known before), or `units` (one row a unit, arm and
    values), or `moments` (n, mean and variance per arm and time; `cumulative` says that each row holds all units so
    far). A `plan` brings arms, metrics and policy; without one `metrics` are needed and everything is exploratory.
    `metrics` maps names to formulas over what each unit did: `{"aov": "revenue / orders"}`.

    >>> import seatrial as st
    >>> rows = [{"user": i, "arm": "AB"[i % 2], "paid": int(i % 20 < 6 + 4 * (i % 2))} for i in range(4000)]
    >>> st.analyze(units=rows, metrics={"conversion": "mean(paid)"}, control="A").readout.effects[0].word
    'better'

    Raises `UsageError` for options, names and formulas, `DataError` for tables that cannot be read.
    """
    say = progress or (lambda _what, _done, _of: None)
    given = _plan(plan)
    found = (
        None
        if moments is None
        else _summarised(
            moments, experiment, control or (None if given is None else given.control), cumulative=cumulative
        )
    )
    if found is not None:
        if exposures is not None or units is not None:
            raise UsageError("Give either moments, or units, or exposures and events.")
        _refuse_for_moments(
            {
                "events": events,
                "pre": pre,
                "covariates": covariates,
                "segments": segments,
                "cluster": cluster,
                "as-of": as_of,
                "zero": zero,
                "winsorize": winsorize,
                "cupac": cupac,
                "post-stratify": post_stratify,
            }
        )
        metrics = metrics_of(found, given, metrics)
    wanted = as_metrics(
        metrics,
        plan=given,
        covariates=covariates or {},
        zero=zero,
        lower_is_better=lower_is_better,
        winsorize=winsorize or {},
        cupac=cupac,
    )
    rules = _policy(given, as_policy(policy), wanted, primary, guardrails)
    asked = Request(
        metrics=wanted,
        policy=rules,
        plan=given,
        segments=tuple(dict.fromkeys((*(() if given is None else given.segments), *segments))),
        adjustment="auto" if adjust else "none",
        post_stratify=post_stratify or (None if given is None else given.post_stratify),
        past_effects=() if past_effects is None else tuple(read_past_effects(past_effects)),
    )
    roles = _columns(columns, given)
    zone = timezone or ("UTC" if given is None else given.timezone)
    say("reading", 0, 4)
    if found is not None:
        return _of_moments(found, asked, source=moments, weights=weights, seed=seed)
    if units is not None:
        if exposures is not None or events is not None:
            raise UsageError("Give either units, or exposures and events, not both.")
        if pre is not None:
            raise UsageError("A table of units has its covariates as columns: name them (covariates), leave out pre.")
        table = units_from_rows(
            units,
            metrics=wanted,
            plan=given,
            columns=roles,
            control=control,
            segments=asked.splits,
            cluster=cluster,
            as_of=as_of,
            crossovers=crossovers,
            timezone=zone,
        )
    elif exposures is not None and events is None:
        raise UsageError(
            "Exposures say who was in which arm, not what they did: give events as well (--events), or one table of "
            "units (--units)."
        )
    elif exposures is not None:
        table = units_from_events(
            exposures,
            events,
            metrics=wanted,
            plan=given,
            columns=roles,
            pre=pre,
            control=control,
            segments=asked.splits,
            as_of=as_of,
            crossovers=crossovers,
            timezone=zone,
        )
    else:
        raise UsageError("There is nothing to analyse: give exposures and events, or units (one row a unit).")
    say("measuring", 1, 4)
    observed = observe(table, asked, say, seed=seed)
    findings = health(table, observed, plan=given, metrics=wanted, weights=weights)
    return ReadoutResult(
        read_out(
            observed,
            asked,
            title=_title(given, observed),
            findings=findings,
            deviations=() if given is None else deviations(given, table, wanted),
            provenance=_provenance(observed, asked, seed, {"crossovers": crossovers}),
        ),
        observed,
    )


def _refuse_for_moments(given: Mapping[str, Any]) -> None:
    """Nothing that works on units or events can be done to moments; asked for in silence it would be forgotten."""
    lost = [name for name, value in given.items() if value is not None and value != () and value != {} and value != []]
    if lost:
        raise UsageError(f"Moments are aggregated already, so {listed(lost)} cannot be applied to them: leave it out.")


def _summarised(moments: Any, experiment: str | None, control: str | None, *, cumulative: bool) -> SummarisedExperiment:
    """The one experiment of a table of moments that is asked for."""
    wanted = None if experiment is None else [experiment]
    every = read_summaries(moments, control=control, cumulative=cumulative)
    names = [one.name for one in every]
    if wanted is None and len(every) == 1:
        return every[0]
    if experiment is None:
        raise UsageError(f"The table holds {len(every)} experiments: name one with --experiment ({listed(names)}).")
    if experiment not in names:
        raise UsageError(
            f"There is no experiment '{experiment}'.{did_you_mean(experiment, names)} There are {listed(names)}."
        )
    return every[names.index(experiment)]


def _of_moments(
    found: SummarisedExperiment, asked: Request, *, source: Any, weights: Mapping[str, float] | None, seed: int
) -> ReadoutResult:
    observed = observed_of_summaries(found, unit=asked.plan.unit if asked.plan is not None else "unit")
    if asked.plan is not None and asked.plan.control != observed.arms[0]:
        raise UsageError(f"The plan's control is '{asked.plan.control}', and that of the moments '{observed.arms[0]}'.")
    opened, _ = open_source(source)
    name = Source(model="moments", name=opened.name, sha256=opened.sha256, rows=0)
    observed = replace(observed, sources=(name,))
    return ReadoutResult(
        read_out(
            observed,
            asked,
            title=_title(asked.plan, observed),
            findings=health_of_summaries(observed, plan=asked.plan, metrics=asked.metrics, weights=weights),
            deviations=(),
            provenance=_provenance(observed, asked, seed, {"moments of": found.name}),
            notes=found.notes,
        ),
        observed,
    )


def observe(table: UnitTable, asked: Request, say: Progress, *, seed: int = 0) -> Observed:
    """Measure every metric on all units and on each segment; the deciding ones by day and by days since exposure."""
    by_segment = set(asked.splits)
    sliced = {tuple(rule.slice) for rule in asked.policy.rules if rule.slice}
    groupings: list[Grouping] = [(), *((segment.name,) for segment in table.segments if segment.name in by_segment)]
    groupings += [grouping for grouping in sorted(sliced) if grouping not in groupings]
    predicted, metrics = with_predictions(table, asked.metrics, seed=seed)
    measured = measure(predicted, metrics, groupings)
    say("by day", 2, 4)
    deciding = [_without_prediction(asked.metric(name)) for name in (asked.deciding or (asked.lead,))]
    by_day = daily(table, deciding) if table.states is not None else {}
    say("by days since exposure", 3, 4)
    follow_up = int(min(NOVELTY_DAYS, (table.days or 0) // 2))
    since = (
        since_exposure(table, deciding, follow_up)
        if table.since is not None and follow_up >= FEWEST_NOVELTY_DAYS
        else {}
    )
    return Observed(
        unit=table.unit,
        arms=table.arms,
        phases=table.phases,
        units=units_by_arm_and_phase(table, measured),
        measured=measured,
        daily=by_day,
        since=since,
        segments=table.segments,
        counts=table.counts,
        sources=table.sources,
        first_day=table.first_day,
        as_of=table.as_of,
        days=table.days,
    )


def _without_prediction(metric: ExperimentMetric) -> ExperimentMetric:
    """The metric as it is followed by day: a prediction is made once, of what is known at the end."""
    return metric.model_copy(update={"covariates": ()}) if metric.cupac else metric


def _plan(given: Plan | str | Path | Mapping[str, Any] | None) -> Plan | None:
    if given is None or isinstance(given, Plan):
        return given
    if isinstance(given, Mapping):
        return parse_plan(given)
    return load_plan(given)


def _columns(given: Columns | Mapping[str, str] | None, plan: Plan | None) -> Columns:
    """Options before the plan's columns."""
    own = given if isinstance(given, Columns) else Columns.parse(dict(given or {}), what="columns")
    if plan is None:
        return own
    planned = plan.columns.model_copy(update={"unit": plan.columns.unit})
    return planned.model_copy(update={k: v for k, v in own.model_dump().items() if v is not None})


def _policy(
    plan: Plan | None,
    policy: Policy | None,
    wanted: Sequence[ExperimentMetric],
    primary: str | Sequence[str] | None,
    guardrails: Mapping[str, float | str] | Sequence[str],
) -> Policy:
    """The plan's policy; a plan's rules are not replaced by options."""
    if plan is not None:
        if policy is not None or primary is not None or guardrails:
            raise UsageError(
                "The plan says how it is decided: leave out policy, primary and guardrails, or amend the plan "
                "(seatrial plan --amends)."
            )
        return plan.policy
    if policy is not None:
        known = [metric.name for metric in wanted]
        for rule in policy.rules:
            if rule.metric not in known:
                raise UsageError(
                    f"Policy '{policy.name}' names '{rule.metric}', which is no metric of this analysis."
                    f"{did_you_mean(rule.metric, known)} There are {listed(known)}."
                )
        return policy
    return assumed_policy(wanted, primary, guardrails)


def _title(plan: Plan | None, observed: Observed) -> str:
    others = ", ".join(observed.arms[1:3]) + (" and more" if len(observed.arms) > 3 else "")
    what = f"{others} against {observed.arms[0]}"
    return what if plan is None else f"{plan.name}: {what}"


def _provenance(observed: Observed, asked: Request, seed: int, arguments: Mapping[str, str]) -> Provenance:
    return Provenance(
        seatrial=installed("seatrial"),
        libraries=library_versions(),
        seed=seed,
        sources=observed.sources,
        roles={"unit": observed.unit, "arms": list(observed.arms)},
        task="experiment",
        slices=tuple(segment.name for segment in observed.segments),
        policy_digest=asked.policy.digest(),
        arguments={**arguments, "metrics": [f"{m.name}={m.formula}" for m in asked.metrics]},
    )
