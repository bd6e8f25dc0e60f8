"""Moments as rows to keep: they can be analysed again without the events."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.experiments.table import Daily, Measured
from seatrial.stats.arms import ArmMeans


def moment_rows(*found: Daily | Measured, arms: Sequence[str] = (), phases: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Moments in the long shape, one row an arm, phase, metric and time (or segment): what `read_summaries` reads.

    `variance` is that of one unit (n times the variance of the mean). Names of arms and phases of a `Daily`, which
    does not know them, are given. Covariates are not part of the shape.
    """
    rows: list[dict[str, Any]] = []
    for one in found:
        if isinstance(one, Daily):
            named = tuple(arms) or tuple(f"arm {i}" for i in range(one.means.shape[0]))
            spans = tuple(phases) or tuple(f"phase {i}" for i in range(one.means.shape[1]))
            rows += _moment_rows(one.name, one.means, named, spans, [{"day": day} for day in one.days])
            continue
        for grouping, means in one.by.items():
            labels = [{"segment": ",".join(grouping), "level": level} for level in one.levels[grouping]]
            rows += _moment_rows(one.name, means, one.arms, one.phases, labels)
    return rows


def _moment_rows(
    name: str, means: ArmMeans, arms: Sequence[str], phases: Sequence[str], labels: Sequence[Mapping[str, str]]
) -> list[dict[str, Any]]:
    rows = []
    for s, label in enumerate(labels):
        for p, phase in enumerate(phases):
            for a, arm in enumerate(arms):
                n = float(means.n[a, p, s])
                row: dict[str, Any] = {"arm": arm, "phase": phase, **label, "metric": name, "n": int(n)}
                row["mean"] = _finite(means.value[a, p, s])
                row["variance"] = _finite(means.variance[a, p, s] * n)
                if means.count is not None:
                    row["count"] = int(means.count[a, p, s])
                rows.append(row)
    return rows


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def write_summaries(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write moment rows as CSV: numbers to the last digit, nothing where there is none.

    Raises `UsageError` for no rows.
    """
    if not rows:
        raise UsageError("There are no moments to write.")
    names = list(dict.fromkeys(key for row in rows for key in row))
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: "" if value is None else value for key, value in row.items()})
