"""Experiments built by hand: arms from a few numbers, plans from a line of text, the readout they give."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.experiments.freeze import freeze
from seatrial.experiments.observed import Observed
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.readout import read_out
from seatrial.experiments.request import PastEffect, Request
from seatrial.experiments.table import Daily, Grouping, Measured, Segment
from seatrial.records import ExperimentMetric, Finding, Plan, Policy, Provenance, Readout, Rule
from seatrial.records.readout import ExperimentEffect
from seatrial.stats.arms import ArmMeans

Cells = Sequence[Sequence[tuple[float, ...]]]
"""(A)(S) of (n, mean, sd of one unit), or (n, events) of a rate; one phase."""


def arm_means(cells: Cells, *, phases: bool = False, skewness: float | None = None) -> ArmMeans:
    """Arms by slices, or with `phases` arms by phases (one slice)."""
    given = np.array([[list(cell) for cell in arm] for arm in cells], dtype=float)
    rate = given.shape[-1] == 2
    n = given[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        value = given[..., 1] / n if rate else np.where(n > 0, given[..., 1], np.nan)
        spread = value * (1 - value) * n / (n - 1) if rate else given[..., 2] ** 2
        variance = np.where(n > 1, spread / n, np.nan)

    def shaped(x: Any) -> Any:
        return x[:, :, None] if phases else x[:, None, :]

    shape = shaped(n).shape
    return ArmMeans(
        n=shaped(n),
        value=shaped(value),
        variance=shaped(variance),
        df=shaped(np.maximum(n - 1, 0.0)),
        covariates=np.zeros((*shape, 0)),
        with_covariates=np.zeros((*shape, 0)),
        between_covariates=np.zeros((*shape, 0, 0)),
        count=shaped(given[..., 1]) if rate else None,
        skewness=None if skewness is None else np.full(shape, skewness),
    )


def whole(*arms: tuple[float, ...]) -> ArmMeans:
    """All units of each arm, the control first."""
    return arm_means([[arm] for arm in arms])


def observe(
    measured: Mapping[str, ArmMeans | Mapping[Grouping, ArmMeans]],
    *,
    arms: Sequence[str] = ("A", "B"),
    phases: Sequence[str] = ("",),
    levels: Mapping[str, Sequence[str]] | None = None,
    daily: Mapping[str, Daily] | None = None,
    days: float | None = 14.0,
    as_of: str | None = None,
) -> Observed:
    """What an experiment has shown: each metric over all units, or by grouping."""
    segments = tuple(Segment(name=name, levels=tuple(of)) for name, of in (levels or {}).items())
    known = {segment.name: segment.levels for segment in segments}
    made = {}
    for name, given in measured.items():
        by: Mapping[Grouping, ArmMeans] = {(): given} if isinstance(given, ArmMeans) else given
        texts: dict[Grouping, tuple[str, ...]] = {}
        for grouping in by:
            joined = [""]
            for k, column in enumerate(grouping):
                joined = [f"{old}, {level}" if k else level for old in joined for level in known[column]]
            texts[grouping] = tuple(joined)
        made[name] = Measured(name=name, arms=tuple(arms), phases=tuple(phases), by=by, levels=texts)
    first = next(iter(made.values())).by[()]
    units = tuple(tuple(int(x) for x in row) for row in np.nan_to_num(first.n[:, :, 0]).tolist())
    return Observed(
        unit="user_id",
        arms=tuple(arms),
        phases=tuple(phases),
        units=units,
        measured=made,
        daily=dict(daily or {}),
        segments=segments,
        days=days,
        as_of=as_of,
    )


def a_plan(text: str, **changes: Any) -> Plan:
    """A frozen plan of two equal arms and 14 days, unless the text says otherwise."""
    missing = {"arms": "arms: {A: 50, B: 50}", "days": "days: 14", "stopping": "stopping: fixed"}
    lines = [line for key, line in missing.items() if not any(one.startswith(f"{key}:") for one in text.splitlines())]
    plan = parse_plan("\n".join([text, *lines]))
    return freeze(plan.model_copy(update=changes) if changes else plan)


def ask(
    plan: Plan | None = None,
    *,
    metrics: Sequence[ExperimentMetric | str] = (),
    rules: Sequence[Rule] = (),
    segments: Sequence[str] = (),
    past: Sequence[PastEffect] = (),
    **more: Any,
) -> Request:
    """A plan's question, with further metrics; or one without a plan."""
    own = tuple(
        m if isinstance(m, ExperimentMetric) else ExperimentMetric(name=m, formula=f"mean({m})") for m in metrics
    )
    if plan is not None:
        columns = tuple(dict.fromkeys((*plan.segments, *segments)))
        return Request(
            metrics=(*plan.metrics, *own),
            policy=plan.policy,
            plan=plan,
            segments=columns,
            past_effects=tuple(past),
            **more,
        )
    return Request(
        metrics=own, policy=Policy(rules=tuple(rules)), segments=tuple(segments), past_effects=tuple(past), **more
    )


def readout(observed: Observed, request: Request, *, findings: Sequence[Finding] = ()) -> Readout:
    return read_out(
        observed,
        request,
        title="B against A",
        findings=tuple(findings),
        deviations=(),
        provenance=Provenance(seatrial="0", libraries={}, seed=0, sources=(), roles={}, task="experiment"),
    )


def effect(found: Readout, metric: str, where: Mapping[str, str] | None = None, arm: str = "B") -> ExperimentEffect:
    """The deciding effect of a metric."""
    return next(
        one for one in found.effects if one.metric == metric and one.slice == (where or {}) and one.candidate == arm
    )


def check(found: Readout, metric: str, role: str = "success", arm: str = "B", where: Any = None) -> Any:
    return next(
        one
        for one in found.verdict.checks
        if (one.metric, one.role, one.candidate, one.slice) == (metric, role, arm, where or {})
    )
