"""What an experiment has shown so far, whatever tables it came from: the input of a readout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import sqlglot.expressions as exp

from seatrial.experiments.since import SinceExposure
from seatrial.experiments.summaries import SummarisedExperiment
from seatrial.experiments.table import Counts, Daily, Grouping, Measured, Segment, UnitTable
from seatrial.records.evidence import Source
from seatrial.records.plan import Plan
from seatrial.stats.arms import ArmMeans
from seatrial.stats.contrasts import Floats


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Arms (the control first), their units, and every metric measured on every grouping."""

    unit: str
    arms: tuple[str, ...]
    phases: tuple[str, ...]
    units: tuple[tuple[int, ...], ...]
    """Units of each arm and phase, (A, P)."""
    measured: Mapping[str, Measured]
    daily: Mapping[str, Daily] = field(default_factory=dict)
    since: Mapping[str, SinceExposure] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    counts: Counts | None = None
    sources: tuple[Source, ...] = ()
    first_day: str | None = None
    as_of: str | None = None
    days: float | None = None

    def arms_means(self, metric: str, grouping: Grouping = ()) -> ArmMeans:
        """A metric on one grouping; KeyError when it was not measured there."""
        return self.measured[metric].by[grouping]

    def candidates(self, plan: Plan | None) -> tuple[int, ...]:
        """Arms that are compared with the control: not one that the plan gives no traffic and that has none."""
        weights: dict[str, float] = {}
        if plan is not None:
            for phase in (*(phase.weights for phase in plan.phases), {arm.name: arm.weight for arm in plan.arms}):
                weights = {name: max(weight, weights.get(name, 0.0)) for name, weight in {**weights, **phase}.items()}
        others = range(1, len(self.arms))
        alive = tuple(arm for arm in others if self.units_of(arm) or weights.get(self.arms[arm], 1.0) > 0)
        return alive or tuple(others)

    def units_of(self, arm: int) -> int:
        """Units of one arm over all phases."""
        return sum(self.units[arm])


def units_by_arm_and_phase(
    table: UnitTable, measured: Mapping[str, Measured] | None = None
) -> tuple[tuple[int, ...], ...]:
    """Count the units of each arm and phase, (A, P): those of a metric that every unit has, else a query."""
    known = counted_by(table, measured or {})
    if known is not None:
        return tuple(tuple(int(n) for n in row) for row in known.tolist())
    unit = exp.column("unit")
    count = exp.Count(this=exp.Distinct(expressions=[unit])) if table.clustered else exp.Count(this=exp.Star())
    query = (
        exp.select(exp.column("arm"), exp.column("phase"), exp.alias_(count, "n"))
        .from_(exp.to_table(table.table))
        .group_by(exp.column("arm"), exp.column("phase"))
    )
    found = table.engine.query(query)
    counts = np.zeros((len(table.arms), len(table.phases)), dtype=np.int64)
    counts[found["arm"].astype(int), found["phase"].astype(int)] = found["n"].astype(np.int64)
    return tuple(tuple(row) for row in counts.tolist())


def counted_by(table: UnitTable, measured: Mapping[str, Measured]) -> Floats | None:
    """Units by arm and phase (A, P) as a metric has counted them that no row of the table lacks; None: none has."""
    if table.rows is None or table.clustered:
        return None
    for one in measured.values():
        if () in one.by and float(np.nansum(one.by[()].n)) == table.rows:
            return np.asarray(one.by[()].n[:, :, 0], dtype=np.float64)
    return None


def observed_of_summaries(found: SummarisedExperiment, *, unit: str) -> Observed:
    """What moments that were aggregated elsewhere show: their last time is the result, the others the sequence."""
    measured, units = {}, np.zeros((len(found.arms), len(found.phases)))
    for name, daily in found.daily.items():
        last = daily.means.at(-1)
        measured[name] = Measured(name=name, arms=found.arms, phases=found.phases, by={(): last}, levels={(): ("",)})
        units = np.maximum(units, last.n[:, :, 0])
    times = max((daily.days for daily in found.daily.values()), key=len, default=())
    return Observed(
        unit=unit,
        arms=found.arms,
        phases=found.phases,
        units=tuple(tuple(int(n) for n in row) for row in units.tolist()),
        measured=measured,
        daily={name: daily for name, daily in found.daily.items() if len(daily.days) > 1},
        days=_last_day(times),
    )


def _last_day(times: tuple[str, ...]) -> float | None:
    """Days from the first time to the last, where the times are dates or numbers of days; else None."""
    if not times:
        return None
    try:
        return (date.fromisoformat(times[-1][:10]) - date.fromisoformat(times[0][:10])).days + 1.0
    except ValueError:
        pass
    try:
        return float(times[-1].removeprefix("day "))
    except ValueError:
        return None
