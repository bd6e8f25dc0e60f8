"""Offline against online over past launches, from a table of their differences."""

import math
from dataclasses import dataclass
from typing import Any

from seatrial.actions.page import PageResult
from seatrial.data.predictions import open_source
from seatrial.data.source import Source as Table
from seatrial.errors import DataError, UsageError
from seatrial.experiments.launches import PastLaunch
from seatrial.experiments.launches import launches as calibrate
from seatrial.experiments.reading import number_sql, text_sql
from seatrial.records.evidence import Source
from seatrial.records.launches import Launches
from seatrial.reports.document import Document

NAMES: dict[str, tuple[str, ...]] = {
    "launch": ("launch", "name", "experiment", "version", "release"),
    "metric": ("metric", "offline_metric"),
    "offline": ("offline", "offline_delta", "offline_difference", "delta_offline"),
    "offline_error": ("offline_error", "offline_se", "offline_standard_error", "se_offline"),
    "online": ("online", "online_delta", "online_difference", "delta_online"),
    "online_error": ("online_error", "online_se", "online_standard_error", "se_online"),
}


@dataclass(frozen=True)
class LaunchesResult(PageResult):
    """What `launches` hands back."""

    record: Launches

    @property
    def sentence(self) -> str:
        return self.record.sentence

    def document(self) -> Document:
        from seatrial.reports.launches_page import launches_document

        return launches_document(self.record)


def launches(
    table: Any,
    *,
    online: str = "the online metric",
    next_offline: float | None = None,
    next_offline_error: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> LaunchesResult:
    """Say what an offline gain has been worth online, and which offline metric deserves to be the gate.

    `table` has one row a launch (and offline metric, in a column `metric`): `launch`, `offline`, `offline_se`,
    `online`, `online_se`, all differences of candidate against baseline, + good. Under 8 launches nothing is foretold.

    >>> import seatrial as st
    >>> rows = [{"launch": f"v{i}", "offline": x, "online": 0.2 * x} for i, x in enumerate([1.0, -0.5, 0.8])]
    >>> st.launches(rows).record.calibrated
    False

    Raises `UsageError` for missing columns, `DataError` for rows that are no finite numbers or appear twice.
    """
    if not 0.5 <= level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {level:g}.")
    source, _ = open_source(table)
    rows = _rows(source)
    return LaunchesResult(
        calibrate(
            rows,
            online=online,
            source=Source(model="launches", name=source.name, sha256=source.sha256, rows=len(rows)),
            upcoming=next_offline,
            upcoming_error=next_offline_error,
            alpha=1 - level,
            seed=seed,
        )
    )


def _rows(source: Table) -> list[PastLaunch]:
    places = {part: _place(source, part) for part in NAMES}
    for part in ("offline", "online"):
        if places[part] is None:
            raise UsageError(
                f"{source.name} has no column '{part}': a table of launches has launch, offline, offline_se, online, "
                f"online_se. Its columns: {', '.join(source.columns[:12])}."
            )
    engine = source.own_engine
    known = {part: place for part, place in places.items() if place is not None}
    select = ", ".join(
        text_sql(f"c{place}", source.kinds[place])
        if part in {"launch", "metric"}
        else number_sql(f"c{place}", source.kinds[place])[0]
        for part, place in known.items()
    )
    found = engine.rows(f"SELECT {select} FROM {source.scan(engine, sorted(known.values()))}")
    rows = []
    for at, values in enumerate(found, 1):
        row = dict(zip(known, values, strict=True))
        for part in ("offline", "offline_error", "online", "online_error"):
            value = row.get(part, 0.0)
            if value is None or not math.isfinite(value) or (part.endswith("error") and value < 0):
                raise DataError(
                    f"{source.name}, row {at}: '{source.columns[known[part]]}' must be a finite number"
                    f"{' of at least 0' if part.endswith('error') else ''}; mend the row or leave it out."
                )
        rows.append(
            PastLaunch(
                name=str(row.get("launch") or f"launch {at}"),
                metric=str(row.get("metric") or "offline"),
                offline=row["offline"],
                offline_error=row.get("offline_error", 0.0),
                online=row["online"],
                online_error=row.get("online_error", 0.0),
            )
        )
    seen: set[tuple[str, str]] = set()
    for one in rows:
        if (one.name, one.metric) in seen:
            raise DataError(
                f"{source.name}: launch '{one.name}' appears twice for '{one.metric}'; keep one of the rows."
            )
        seen.add((one.name, one.metric))
    return rows


def _place(source: Table, part: str) -> int | None:
    found = [place for name in NAMES[part] if (place := source.find(name)) is not None]
    return found[0] if found else None
