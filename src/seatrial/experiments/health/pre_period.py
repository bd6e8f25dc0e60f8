"""Before the experiment: what was known of the units must not differ between the arms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from seatrial.experiments.health.findings import PRE_PERIOD, both, failed, many, passed, warned
from seatrial.experiments.table import Measured
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_p, format_value
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans, contrast
from seatrial.stats.contrasts import Floats
from seatrial.stats.multiplicity import holm

LEVEL = 0.001


def pre_period(
    measured: Mapping[str, Measured], metrics: Sequence[ExperimentMetric], *, arms: tuple[str, ...], units: Floats
) -> list[Finding]:
    """Test every covariate in every arm against the control, stratified by phase: Welch, Holm, p < .001.

    A covariate is taken from the metric that the most units have. Where not all of `units` (A, P) have that metric, a
    difference may come from who has it, so it is only a warning.
    """
    tests = []
    for name, (means, whole) in _covariates(measured, metrics, units).items():
        for treatment in range(1, len(arms)):
            found = contrast(means, treatment)
            p = float(found.contrast.p_value()[0])
            tests.append((name, treatment, p, float(found.contrast.difference[0]), float(found.control[0]), whole))
    done = [test for test in tests if not math.isnan(test[2])]
    if not done:
        return []
    adjusted, _ = holm([test[2] for test in done], alpha=LEVEL)
    findings = []
    for (name, treatment, _, difference, control, whole), p in zip(done, adjusted.tolist(), strict=True):
        if p >= LEVEL:
            continue
        numbers = (
            f"'{name}' of arm {arms[treatment]} is {format_value(difference, signed=True)} from "
            f"{format_value(control)} in "
            f"{arms[0]} ({format_p(p)} over {many(len(done), 'test')})"
        )
        if whole:
            findings.append(
                failed(
                    PRE_PERIOD,
                    f"The arms differed before the experiment: {numbers}. Units were not assigned at random, or the "
                    f"column "
                    "was filled after the exposure; look at the assignment and at when the column was written.",
                )
            )
        else:
            findings.append(
                warned(
                    PRE_PERIOD,
                    f"Among the units that have the metric, the arms differed before the experiment: {numbers}; the "
                    "experiment may have changed who has it.",
                )
            )
    if findings:
        return findings
    names = both([f"'{name}'" for name in dict.fromkeys(test[0] for test in done)][:5])
    lowest = format_p(float(np.min(adjusted)))
    return [passed(PRE_PERIOD, f"The arms were alike before the experiment in {names} (smallest {lowest}).")]


def _covariates(
    measured: Mapping[str, Measured], metrics: Sequence[ExperimentMetric], units: Floats
) -> dict[str, tuple[ArmMeans, bool]]:
    """Each covariate as a metric of its own, and whether every unit has the metric it came with."""
    best: dict[str, tuple[float, ArmMeans]] = {}
    for metric in metrics:
        one = measured.get(metric.name)
        means = None if one is None else one.by.get(())
        if means is None:
            continue
        for index, name in enumerate(metric.covariates[: means.covariates.shape[-1]]):
            n = float(means.n.sum())
            if name not in best or n > best[name][0]:
                best[name] = (n, _alone(means, index))
    return {name: (means, np.array_equal(means.n[:, :, 0], units)) for name, (_, means) in best.items()}


def _alone(means: ArmMeans, index: int) -> ArmMeans:
    """One covariate in the place of the metric."""
    cells = means.n.shape
    return replace(
        means,
        value=means.covariates[..., index],
        variance=means.between_covariates[..., index, index],
        covariates=np.empty((*cells, 0)),
        with_covariates=np.empty((*cells, 0)),
        between_covariates=np.empty((*cells, 0, 0)),
        count=None,
        skewness=None,
        reasons=(),
        method="Welch t",
    )
