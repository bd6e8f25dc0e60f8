"""Logging: days on which exposures or events are missing, units without events, what was dropped while reading."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from seatrial.data.engine import quoted
from seatrial.experiments.formulas import formula_columns
from seatrial.experiments.health.findings import (
    EVENT_DAYS,
    EXPOSURE_DAYS,
    MISSING_VALUES,
    NO_EVENTS,
    both,
    failed,
    many,
    passed,
    percent,
    warned,
)
from seatrial.experiments.health.tally import Tally, day_names, numeric, query
from seatrial.experiments.table import Measured, UnitTable
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_p
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans, contrast
from seatrial.stats.contrasts import Floats

LEVEL = 0.001
REACH = 7
"""Days on either side that a day is held against."""
SHARE = 0.01
"""Of rows dropped, from which on it is worth a look."""
_SHOWN = 3


def exposure_days(counted: Tally, arms: Sequence[str]) -> list[Finding]:
    """Look for days without new units, or with far fewer than around: in one arm it breaks the comparison."""
    if not counted.days:
        return []
    lopsided: list[tuple[int, int, float, float]] = []
    for phase in range(counted.by_day.shape[1]):
        lopsided += lopsided_days(counted.by_day[:, phase], np.ones_like(counted.by_day[:, phase]))
    quiet = quiet_days(counted.by_day.sum(axis=(0, 1)))
    return _days(EXPOSURE_DAYS, "new units", counted.days, arms, lopsided, quiet)


def event_days(table: UnitTable, metrics: Sequence[ExperimentMetric], units: Tally, states: str) -> list[Finding]:
    """The same for events: units whose values changed on a day, against all units exposed by then.

    `states` is the name of the table of states: one row a unit and day on which any of its values changed.
    """
    columns = _columns(table, metrics, words=False)
    if not columns or not units.days or table.counts.events is None:
        return []
    changed = " OR ".join(f"({c} IS NOT NULL AND {c} <> COALESCE({quoted('p_' + n)}, 0))" for n, c in columns)
    found = query(
        table,
        f"SELECT arm, phase, day, SUM(CASE WHEN {changed} THEN 1 ELSE 0 END) AS n FROM units GROUP BY arm, phase, day",
        source=states,
    )
    if not found["day"].size:
        return []
    days = max(int(found["day"].max()) + 1, len(units.days))
    active = np.zeros((len(table.arms), len(table.phases), days))
    at = tuple(found[name].astype(int) for name in ("arm", "phase", "day"))
    np.add.at(active, at, found["n"].astype(float))
    exposed = np.zeros_like(active)
    exposed[:, :, : len(units.days)] = units.by_day
    exposed = exposed.cumsum(axis=2)
    names = day_names(table.first_day, days)
    lopsided: list[tuple[int, int, float, float]] = []
    for phase in range(len(table.phases)):  # within one, units of all arms are equally old
        lopsided += lopsided_days(active[:, phase], exposed[:, phase])
    quiet = quiet_days(active.sum(axis=(0, 1)))
    return _days(EVENT_DAYS, "units with events", names, table.arms, lopsided, quiet)


def quiet_days(counts: Floats) -> list[tuple[int, float, float]]:
    """Days (D,) far below the days around them, as (day, count, usual): the first and the last are taken as partial.

    A day counts when it lies under half of both the median of the `REACH` days on either side and that of the same
    weekdays there (a fifth of the former where there are no same weekdays), more than 6 robust deviations (1.4826 MAD,
    at
    least Poisson's root) under the former, and no chance of a Poisson count (p < .001 over all days).

    >>> quiet_days(np.array([90.0, 100, 104, 96, 2, 99, 101, 40]))
    [(4, 2.0, 99.0)]
    """
    found = []
    size = counts.size
    for day in range(1, size - 1):
        around = [d for d in range(max(0, day - REACH), min(size - 1, day + REACH) + 1) if d != day]
        near = counts[around]
        usual = float(np.median(near))
        same = [counts[d] for d in around if (d - day) % REACH == 0]
        limit = 0.5 * min(usual, float(np.median(same))) if same else 0.2 * usual
        spread = max(1.4826 * float(np.median(np.abs(near - usual))), usual**0.5)
        rare = float(special.pdtr(counts[day], usual)) < LEVEL / size
        if counts[day] < limit and rare and (counts[day] < usual - 6 * spread or counts[day] == 0):
            found.append((day, float(counts[day]), usual))
    return found


def lopsided_days(counts: Floats, exposed: Floats) -> list[tuple[int, int, float, float]]:
    """Days on which one arm (A, D) has under half of what the others let expect: (arm, day, count, expected).

    Expected: what the other arms have on the day, times this arm's rate over theirs on all other days, by `exposed`;
    binomial p < .001 over arms and days. The clearest day is taken first and left out of the rates of the rest.

    >>> lopsided_days(np.array([[100.0, 98, 105], [101, 3, 99]]), np.ones((2, 3)))
    [(1, 1, 3.0, 95.6)]
    """
    days = list(range(counts.shape[1]))
    found = []
    while len(days) > 1:
        worst = _most_lopsided(counts[:, days], exposed[:, days], level=LEVEL / counts.size)
        if worst is None:
            break
        arm, at, expected = worst
        found.append((arm, days[at], float(counts[arm, days[at]]), round(expected, 1)))
        del days[at]
    return sorted(found, key=lambda one: (one[1], one[0]))


def _most_lopsided(counts: Floats, exposed: Floats, *, level: float) -> tuple[int, int, float] | None:
    """The arm and day with the smallest p below `level`, and what was expected."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (counts.sum(axis=1, keepdims=True) - counts) / (exposed.sum(axis=1, keepdims=True) - exposed)
        due = np.nan_to_num(exposed * rate)
        q = due / due.sum(axis=0)
        whole = counts.sum(axis=0)
        expected = (whole - counts) * q / (1 - q)
        below = special.betaincc(counts + 1, np.maximum(whole - counts, 1e-300), q)
    low = (q > 0) & (q < 1) & (whole > counts) & (counts < 0.5 * expected) & (below < level)
    if not low.any():
        return None
    arm, day = np.unravel_index(int(np.argmin(np.where(low, below, 2.0))), counts.shape)
    return int(arm), int(day), float(expected[arm, day])


def _days(
    name: str,
    what: str,
    days: Sequence[str],
    arms: Sequence[str],
    lopsided: list[tuple[int, int, float, float]],
    quiet: list[tuple[int, float, float]],
) -> list[Finding]:
    found = []
    if lopsided:
        shown = [
            f"{days[day]} arm {arms[arm]} has {x:,.0f} where the other arms let expect {e:,.0f}"
            for arm, day, x, e in lopsided[:_SHOWN]
        ]
        more = f", and {len(lopsided) - _SHOWN} more" if len(lopsided) > _SHOWN else ""
        found.append(
            failed(
                name,
                f"Logging gap in one arm ({what}): on {both(shown)}{more}. The arms cannot be compared over such "
                f"days; look "
                "at the logging and the deployments of that arm there, or leave the days out for all arms.",
                len(lopsided),
            )
        )
    if quiet:
        shown = [f"{days[day]} ({x:,.0f} against {usual:,.0f} around it)" for day, x, usual in quiet[:_SHOWN]]
        more = f" and {len(quiet) - _SHOWN} more" if len(quiet) > _SHOWN else ""
        found.append(
            warned(
                name,
                f"Few or no {what} on {both(shown)}{more}, in all arms: look for an outage, or for a file that was "
                f"not read.",
                len(quiet),
            )
        )
    return found or [passed(name, f"No gaps in {what} over {many(len(days), 'day')}.")]


def without_events(
    table: UnitTable,
    metrics: Sequence[ExperimentMetric],
    units: Floats,
    measured: Mapping[str, Measured] | None = None,
) -> list[Finding]:
    """Compare the arms' share of units without any event (tables of events), or without a value (unit tables).

    `units` (A, P) are all of them; columns of which `measured` tells that no unit lacks them are not looked at.
    """
    columns = _columns(table, metrics)
    if not columns:
        return []
    if table.counts.events is None:
        whole = _without_gaps(table, measured or {})
        return _without_values(table, [(name, column) for name, column in columns if name not in whole])
    if table.counts.events == 0 or table.counts.events == table.counts.events_without_unit:
        return [
            failed(
                NO_EVENTS,
                "No event belongs to any unit of the exposures: the unit columns of the two tables do not hold the "
                "same "
                "identifiers.",
                table.counts.events_without_unit,
            )
        ]
    by_arm = table.counts.units_without_events_by_arm
    if by_arm and len(table.phases) == 1 and not table.clustered:
        n = units
        x = np.array([[float(by_arm.get(arm, 0))] for arm in table.arms])
        said = "no event at all"
    else:
        numbers = _columns(table, metrics, words=False)
        if not numbers:
            return []
        n, x = _counted(table, " AND ".join(f"COALESCE({c}, 0) = 0" for _, c in numbers))
        said = "no event of any metric"
    share = float(x.sum() / n.sum()) if n.sum() else 0.0
    said = f"{percent(share)} of the units have {said}"
    p, shares = _differs(n, x, table.arms)
    if p < LEVEL:
        return [
            warned(
                NO_EVENTS,
                f"The share of units without any event differs between the arms ({shares}, {format_p(p)}): an "
                f"effect on who "
                "acts at all, or events lost in one arm; check the arm's logging before you read the results.",
                int(x.sum()),
            )
        ]
    return [passed(NO_EVENTS, f"{said}, alike in the arms.", int(x.sum()))]


def _without_gaps(table: UnitTable, measured: Mapping[str, Measured]) -> set[str]:
    """SQL columns that every unit has: all units are in a metric that takes the plain mean of them."""
    if table.rows is None or table.clustered:
        return set()
    counted = [one for one in measured.values() if () in one.by and np.nansum(one.by[()].n) == table.rows]
    return {name for one in counted for name in one.sums}


def _without_values(table: UnitTable, columns: list[tuple[str, str]]) -> list[Finding]:
    found = []
    for name, column in columns:
        n, x = _counted(table, f"{column} IS NULL")
        if x.sum() == 0:
            continue
        p, shares = _differs(n, x, table.arms)
        if p < LEVEL:
            found.append(
                warned(
                    MISSING_VALUES,
                    f"'{_shown(table, name)}' is missing for different shares of the arms ({shares}, "
                    f"{format_p(p)}): the "
                    "units that have it no longer compare; look at why it is missing.",
                    int(x.sum()),
                )
            )
        elif x.sum() > SHARE * n.sum():
            found.append(
                warned(
                    MISSING_VALUES,
                    f"'{_shown(table, name)}' is missing for {many(int(x.sum()), 'unit')} "
                    f"({percent(x.sum() / n.sum())}), "
                    "alike in the arms; they are out of its metrics.",
                    int(x.sum()),
                )
            )
    return found


def _counted(table: UnitTable, condition: str) -> tuple[Floats, Floats]:
    """Rows and rows for which a condition holds, (A, P)."""
    found = query(
        table,
        f"SELECT arm, phase, COUNT(*) AS n, SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS x FROM units "
        "GROUP BY arm, phase",
    )
    n, x = np.zeros((len(table.arms), len(table.phases))), np.zeros((len(table.arms), len(table.phases)))
    at = found["arm"].astype(int), found["phase"].astype(int)
    n[at], x[at] = found["n"].astype(float), found["x"].astype(float)
    return n, x


def _differs(n: Floats, x: Floats, arms: Sequence[str]) -> tuple[float, str]:
    """Smallest p (times the number of treatments) of a share against the control, stratified by phase; shares in
    words."""
    cells = (*n.shape, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (x / n).reshape(cells)
        variance = share * (1 - share) / np.maximum(n - 1, 1).reshape(cells)
    means = ArmMeans(
        n=n.reshape(cells),
        value=share,
        variance=variance,
        df=np.maximum(n - 1, 1).reshape(cells),
        covariates=np.empty((*cells, 0)),
        with_covariates=np.empty((*cells, 0)),
        between_covariates=np.empty((*cells, 0, 0)),
        count=x.reshape(cells),
    )
    p = [float(contrast(means, arm).contrast.p_value()[0]) for arm in range(1, len(arms))]
    said = [f"{arm} {percent(float(a / b))}" for arm, a, b in zip(arms, x.sum(axis=1), n.sum(axis=1), strict=True) if b]
    known = [one for one in p if np.isfinite(one)]
    return (min(1.0, len(known) * min(known)) if known else 1.0), both(said) if said else ""


def _columns(table: UnitTable, metrics: Sequence[ExperimentMetric], *, words: bool = True) -> list[tuple[str, str]]:
    """(SQL column, quoted) of what units did: every metric's columns, without those still waiting for a window."""
    found: dict[str, str] = {}
    for metric in metrics:
        if metric.window is not None:
            continue
        for name in formula_columns(metric.formula):
            column = table.columns.get(f"{metric.name}/{name}", table.columns.get(name))
            if column is not None and (words or numeric(metrics, metric.name, name)):
                found[column] = quoted(column)
    return list(found.items())


def _shown(table: UnitTable, column: str) -> str:
    key = next((key for key, sql in table.columns.items() if sql == column), column)
    return key.partition("/")[2] or key
