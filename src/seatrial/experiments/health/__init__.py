"""Health of an experiment, before any result: each check says what it found, the number, and where to look."""

from collections.abc import Mapping, Sequence

import numpy as np

from seatrial.experiments.health.allocation import Allocation, allocation
from seatrial.experiments.health.crossovers import crossovers, unknown_arms
from seatrial.experiments.health.logging import event_days, exposure_days, without_events
from seatrial.experiments.health.plan_mismatch import deviations, plan_mismatches
from seatrial.experiments.health.pre_period import pre_period
from seatrial.experiments.health.received import received
from seatrial.experiments.health.sample_ratio import sample_ratio, summaries
from seatrial.experiments.health.sanity import constant, heavy_tails, metric_values
from seatrial.experiments.health.tally import tally
from seatrial.experiments.observed import Observed
from seatrial.experiments.table import UnitTable
from seatrial.records.evidence import Finding
from seatrial.records.plan import ExperimentMetric, Plan

__all__ = ["Allocation", "allocation", "deviations", "health", "health_of_summaries"]


NAMELESS = "row"
"""The unit of a table without a column of units: then nobody can be seen twice."""


def health(
    table: UnitTable,
    observed: Observed,
    *,
    plan: Plan | None,
    metrics: Sequence[ExperimentMetric],
    weights: Mapping[str, float] | None = None,
) -> tuple[Finding, ...]:
    """Every check of an experiment's data, failed ones first, else in the order in which a reader should ask.

    Allocation (empty and unplanned arms, sample ratio over all, by phase and by segment), crossovers, arms alike
    before the experiment, logging by day, units without events, values of the metrics, heavy tails, what was dropped
    while reading, and the plan. A `fail` makes the verdict invalid. Events by day are looked at where a metric was
    followed by day, as the states are then there. `weights` are the shares meant where no plan says them.
    """
    measured = observed.measured
    counted = tally(table, measured)
    due = allocation(counted.units, table.arms, table.phases, plan=plan, weights=weights)
    found = [
        *sample_ratio(counted, arms=table.arms, phases=table.phases, allocation=due),
        *unknown_arms(table.counts, units=counted.units),
        *(crossovers(table.counts, arms=table.arms, units=counted.units) if table.unit != NAMELESS else ()),
    ]
    if (counted.units.sum(axis=1) > 0).sum() > 1:
        found += pre_period(measured, metrics, arms=table.arms, units=counted.units)
        found += exposure_days(counted, table.arms)
        if observed.daily and table.states is not None:
            found += event_days(table, metrics, counted, table.states())
        found += without_events(table, metrics, counted.units, measured)
    found += metric_values(table, measured, metrics)
    found += heavy_tails(measured, metrics)
    found += received(table.counts)
    if plan is not None:
        found += plan_mismatches(plan, deviations(plan, table, metrics))
    return _ordered(found)


def health_of_summaries(
    observed: Observed,
    *,
    plan: Plan | None,
    metrics: Sequence[ExperimentMetric],
    weights: Mapping[str, float] | None = None,
) -> tuple[Finding, ...]:
    """The checks that need no table of units, for published moments.

    Sample ratio, arms alike before the experiment, metrics that do not vary, heavy tails.
    """
    units = np.array(observed.units, dtype=np.float64)
    due = allocation(units, observed.arms, observed.phases, plan=plan, weights=weights)
    return _ordered(
        [
            *sample_ratio(summaries(units), arms=observed.arms, phases=observed.phases, allocation=due),
            *pre_period(observed.measured, metrics, arms=observed.arms, units=units),
            *constant(observed.measured, metrics),
            *heavy_tails(observed.measured, metrics),
        ]
    )


def _ordered(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """What forbids a verdict first, then what to look at."""
    order = {"fail": 0, "warn": 1, "pass": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.status]))
