"""Metric sanity: values that cannot be, values of one unit that carry an arm, metrics that do not vary, heavy tails."""

from collections.abc import Mapping, Sequence

import numpy as np

from seatrial.data.engine import quoted
from seatrial.experiments.formulas import formula_columns
from seatrial.experiments.health.findings import (
    DOMINATED,
    HEAVY_TAILS,
    METRIC_VALUES,
    NEGATIVE,
    both,
    many,
    passed,
    percent,
    warned,
)
from seatrial.experiments.health.tally import numeric, query
from seatrial.experiments.table import Measured, UnitTable
from seatrial.records.evidence import Finding
from seatrial.records.numbers import format_count, format_value
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.contrasts import Floats
from seatrial.stats.heavy_tails import rows_for_nominal_coverage

DOMINATES = 0.1
"""Share of an arm's total from which one unit carries it (in small arms, five times an equal share)."""
SURELY = 1.001
"""For the rounding of sums."""
FEW_NEGATIVE = 0.05
"""Negative values up to this share of the units look like mistakes or refunds rather than like the metric."""


def metric_values(
    table: UnitTable, measured: Mapping[str, Measured], metrics: Sequence[ExperimentMetric]
) -> list[Finding]:
    """Check each metric's values in each arm; one query of minimum, maximum and sum for all columns but those of which
    bounds and sums say already that nothing can be found."""
    found: list[Finding] = []
    columns = _doubtful(table, measured, _columns(table, metrics))
    extremes = _extremes(table, [column for column, _ in columns])
    for index, (column, name) in enumerate(columns):
        found += _column(table, name, column, extremes[index])
    found += constant(measured, metrics)
    if not found:
        found.append(
            passed(METRIC_VALUES, "No impossible values, and no metric that one unit carries or that does not vary.")
        )
    return found


def constant(measured: Mapping[str, Measured], metrics: Sequence[ExperimentMetric]) -> list[Finding]:
    """Name the metrics that do not vary: over all arms, or in one."""
    found = []
    for metric in metrics:
        one = measured.get(metric.name)
        means = None if one is None else one.by.get(())
        if one is None or means is None:
            continue
        n = means.n[:, :, 0]
        with np.errstate(invalid="ignore"):
            flat = np.where(n > 0, np.nan_to_num(means.variance[:, :, 0]) <= 0, True).all(axis=1) & (n.sum(axis=1) > 1)
            zero = np.atleast_1d(np.where(n > 0, np.nan_to_num(means.value[:, :, 0]) == 0, True).all(axis=1))
        if not (n.sum(axis=1) > 0).any():
            found.append(warned(METRIC_VALUES, f"No unit has '{metric.name}': look at its columns and its condition."))
        elif flat.all():
            what = "0 for every unit" if zero.all() else "the same for every unit of an arm"
            found.append(
                warned(
                    METRIC_VALUES, f"'{metric.name}' is {what}: it cannot show a difference; look at how it is logged."
                )
            )
        elif flat.any():
            arms = [f"{one.arms[arm]} ({many(int(n[arm].sum()), 'unit')})" for arm in np.flatnonzero(flat)]
            what = "0 for every unit" if zero[flat].all() else "the same for every unit"
            found.append(
                warned(
                    METRIC_VALUES,
                    f"'{metric.name}' is {what} in {both(arms)} and not in the others: look at the logging of that "
                    f"arm, or "
                    "wait for more units.",
                )
            )
    return found


def heavy_tails(measured: Mapping[str, Measured], metrics: Sequence[ExperimentMetric]) -> list[Finding]:
    """Name the metrics whose arms have fewer than 355 skew^2 units; shares of units have exact tests and need no
    such."""
    found, seen = [], []
    for metric in metrics:
        one = measured.get(metric.name)
        means = None if one is None else one.by.get(())
        if one is None or means is None or means.skewness is None or means.count is not None:
            continue
        n, skew = means.n[:, :, 0], np.nan_to_num(means.skewness[:, :, 0])
        units = n.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.nan_to_num((n * np.abs(skew)).sum(axis=1) / units)
        seen.append(metric.name)
        need = rows_for_nominal_coverage(size)
        worst = int(np.argmax(need - units))
        if units[worst] < need[worst] and units[worst] > 0:
            capped = "raise no cap" if metric.winsorize is not None else "winsorise at a cap fixed in the plan"
            found.append(
                warned(
                    HEAVY_TAILS,
                    f"'{metric.name}' is skewed ({size[worst]:.1f} in arm {one.arms[worst]}): may under-cover. The "
                    f"interval of "
                    f"an arm's own mean holds from about {format_count(need[worst], about=True)} units on, and "
                    f"there are "
                    f"{int(units[worst]):,}; in the difference much of the skew cancels; {capped}, or collect more.",
                )
            )
    if not found and seen:
        found.append(passed(HEAVY_TAILS, f"Tails are light enough for the number of units in {both(seen[:5])}."))
    return found


def _column(table: UnitTable, name: str, column: str, extremes: Floats) -> list[Finding]:
    """Judge one column; `extremes` (A, 4) holds n, minimum, maximum and sum."""
    found = []
    lowest, top, total = extremes[:, 1], extremes[:, 2], extremes[:, 3].copy()
    if (lowest < 0).any():
        negative, total, top = _negative(table, column)
        few = 0 < negative.sum() <= FEW_NEGATIVE * extremes[:, 0].sum()
        if few:
            said = f"{many(int(negative.sum()), 'unit')} ({percent(negative.sum() / extremes[:, 0].sum())})"
            found.append(
                warned(
                    NEGATIVE,
                    f"'{name}' is below 0 for {said}, as low as {format_value(float(np.nanmin(lowest)))}: if these "
                    f"are refunds "
                    "they may be meant, if not look at what wrote them.",
                    int(negative.sum()),
                )
            )
    for arm, units in enumerate(extremes[:, 0]):
        if not total[arm] > 0 or units < 3:
            continue
        share = top[arm] / total[arm]
        if share > max(DOMINATES, 5 / units):
            found.append(
                warned(
                    DOMINATED,
                    f"One unit holds {percent(round(float(share), 3))} of all '{name}' of arm {table.arms[arm]} "
                    f"({format_value(float(top[arm]))}): the mean is that unit's; look whether it is a person, and "
                    f"winsorise at "
                    "a cap fixed in the plan.",
                    1,
                )
            )
    return found


def _doubtful(
    table: UnitTable, measured: Mapping[str, Measured], columns: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Columns that may hold values below 0 or one that carries an arm, as far as bounds of the values tell."""
    if table.bounds is None or table.clustered:
        return columns
    sums: dict[str, Floats] = {}  # of some of the units: what carries an arm carries these all the more
    for one in measured.values():
        for name, by_phase in one.sums.items():
            sums[name] = np.fmax(sums.get(name, 0.0), by_phase.sum(axis=1))
    bounds = table.bounds([name for name, _ in columns if name in sums])
    harmless = {
        name for name, (low, high) in bounds.items() if low >= 0 and (high * SURELY <= DOMINATES * sums[name]).all()
    }
    return [one for one in columns if one[0] not in harmless]


def _extremes(table: UnitTable, columns: Sequence[str]) -> Floats:
    """(columns, A, 4): units with a value, minimum, maximum, sum; NaN where an arm has none."""
    found = np.full((len(columns), len(table.arms), 4), np.nan)
    found[:, :, 0] = 0
    if not columns:
        return found
    parts = ", ".join(
        f"COUNT({c}) AS n{i}, MIN({c}) AS a{i}, MAX({c}) AS b{i}, SUM({c}) AS t{i}"
        for i, c in enumerate(quoted(column) for column in columns)
    )
    got = query(table, f"SELECT arm, {parts} FROM {_per_unit(table, columns)} GROUP BY arm")
    at = got["arm"].astype(int)
    for index in range(len(columns)):
        for place, letter in enumerate("nabt"):
            found[index, at, place] = np.ma.filled(np.ma.asarray(got[f"{letter}{index}"], dtype=float), np.nan)
    return found


def _negative(table: UnitTable, column: str) -> tuple[Floats, Floats, Floats]:
    """Units below 0, sum and maximum of |x|, of each arm."""
    c = quoted(column)
    got = query(
        table,
        f"SELECT arm, SUM(CASE WHEN {c} < 0 THEN 1 ELSE 0 END) AS k, SUM(ABS({c})) AS t, MAX(ABS({c})) AS b "
        f"FROM {_per_unit(table, [column])} GROUP BY arm",
    )
    found = np.zeros((3, len(table.arms)))
    for place, letter in enumerate("ktb"):
        found[place, got["arm"].astype(int)] = np.ma.filled(np.ma.asarray(got[letter], dtype=float), 0.0)
    return found[0], found[1], found[2]


def _per_unit(table: UnitTable, columns: Sequence[str]) -> str:
    """One row a unit: rows finer than the unit are added up first."""
    if not table.clustered:
        return "units"
    summed = ", ".join(f"SUM({quoted(c)}) AS {quoted(c)}" for c in columns)
    return f"(SELECT arm, unit, {summed} FROM units GROUP BY arm, unit) AS summed"


def _columns(table: UnitTable, metrics: Sequence[ExperimentMetric]) -> list[tuple[str, str]]:
    """(SQL column, name) of every column a metric reads, once."""
    found: dict[str, str] = {}
    for metric in metrics:
        for name in formula_columns(metric.formula):
            column = table.columns.get(f"{metric.name}/{name}", table.columns.get(name))
            if column is not None and column not in found and numeric(metrics, metric.name, name):
                found[column] = name if name == metric.name or len(metrics) == 1 else f"{name} ({metric.name})"
    return list(found.items())
