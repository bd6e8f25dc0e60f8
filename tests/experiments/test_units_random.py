"""Units, states and days since exposure against a row-by-row oracle, on many small random experiments."""

import itertools
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from seatrial.experiments.table import UnitTable
from seatrial.experiments.units import units_from_events
from seatrial.records.plan import ExperimentMetric

Row = dict[str, Any]


def moment(text: str, zone: str) -> datetime:
    given = datetime.fromisoformat(text)
    return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


@dataclass
class OracleMetric:
    """`aggregate` of `column` over events for which `keep` holds."""

    column: str
    aggregate: str = "sum"
    keep: Any = None
    window: timedelta | None = None
    zero: bool = False
    cap: float | None = None


def first_exposures(exposures: list[Row], zone: str) -> tuple[dict[str, Row], dict[str, int]]:
    """Each unit's first exposure, of units in one arm; and crossovers by first arm."""
    by_unit: dict[str, list[Row]] = {}
    for row in exposures:
        if row["unit"] is not None and row["arm"] is not None:
            by_unit.setdefault(str(row["unit"]), []).append(row)
    kept: dict[str, Row] = {}
    crossed: dict[str, int] = {}
    for unit, rows in by_unit.items():
        rows.sort(key=lambda row: (moment(row["time"], zone), row["arm"], row.get("country") or ""))
        if len({row["arm"] for row in rows}) > 1:
            crossed[rows[0]["arm"]] = crossed.get(rows[0]["arm"], 0) + 1
        else:
            kept[unit] = rows[0]
    return kept, crossed


def unit_value(
    metric: OracleMetric, first: datetime, events: list[tuple[datetime, Row]], as_of: datetime
) -> float | None:
    """One unit's value from its events, those after `as_of` left out."""
    if metric.window is not None and first + metric.window > as_of:
        return None
    values, flawed = [], False
    for at, row in events:
        if at < first or at > as_of or (metric.window is not None and at >= first + metric.window):
            continue
        if metric.keep is not None and not metric.keep(row):
            continue
        value = row.get(metric.column)
        if value is not None and math.isfinite(value):
            values.append(float(value))
        flawed = flawed or (value is not None and not math.isfinite(value))
    if not values:
        return 0.0 if metric.zero and not flawed else None  # what was no number is missing, never 0
    found = {
        "sum": math.fsum(values),
        "count": float(len(values)),
        "mean": math.fsum(values) / len(values),
        "max": max(values),
        "min": min(values),
    }[metric.aggregate]
    return found if metric.cap is None else min(found, metric.cap)


def events_of(events: list[Row], zone: str) -> dict[str, list[tuple[datetime, Row]]]:
    """Each unit's events, duplicates of an id left out."""
    found: dict[str, dict[Any, tuple[datetime, Row]]] = {}
    for number, row in enumerate(events):
        if row["unit"] is None:
            continue
        key = row.get("event_id") if row.get("event_id") is not None else ("row", number)
        found.setdefault(str(row["unit"]), {}).setdefault(key, (moment(row["time"], zone), row))
    return {unit: list(rows.values()) for unit, rows in found.items()}


METRICS = {
    "spent": OracleMetric("value"),
    "spent_or_0": OracleMetric("value", zero=True),
    "purchases": OracleMetric("value", keep=lambda row: row["event"] == "buy", aggregate="count", zero=True),
    "typical": OracleMetric("value", aggregate="mean"),
    "largest": OracleMetric("value", aggregate="max", keep=lambda row: row["kind"] == "x"),
    "smallest": OracleMetric("value", aggregate="min", zero=True),
    "two_days": OracleMetric("value", window=timedelta(days=2), zero=True),
    "short": OracleMetric("value", window=timedelta(hours=30)),
    "capped": OracleMetric("value", cap=12.5),
}
RECORDS = [
    ExperimentMetric(name="spent", formula="mean(value)"),
    ExperimentMetric(name="spent_or_0", formula="mean(value)", missing="zero"),
    ExperimentMetric(name="purchases", formula="value", where="event == 'buy'", aggregate="count", missing="zero"),
    ExperimentMetric(name="typical", formula="value", aggregate="mean"),
    ExperimentMetric(name="largest", formula="value", aggregate="max", where="kind == 'x'"),
    ExperimentMetric(name="smallest", formula="value", aggregate="min", missing="zero"),
    ExperimentMetric(name="two_days", formula="value", window="2d", missing="zero"),
    ExperimentMetric(name="short", formula="value", window="30h"),
    ExperimentMetric(name="capped", formula="value", winsorize=12.5),
]
ZONES = ["UTC", "Europe/Paris", "America/New_York"]


def random_experiment(seed: int, zone: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Exposures and events around a change of the clocks, in local and in zoned times, with every kind of mess."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 3, 5 if zone.startswith("America") else 26, tzinfo=ZoneInfo(zone))

    def written(day: float) -> str:
        at = start.astimezone(UTC) + timedelta(seconds=int(day * 86400))
        match rng.integers(4):
            case 0:
                return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(sep=" ")
            case 1:
                return at.isoformat().replace("+00:00", "Z")
            case 2:
                return at.astimezone(ZoneInfo("Asia/Kolkata")).isoformat()
            case _:
                return at.astimezone(ZoneInfo(zone)).isoformat()

    units = [f"u{at}" for at in range(rng.integers(3, 40))]
    exposures, events = [], []
    for unit in units:
        arm = {"u0": "A", "u1": "B"}.get(unit) or str(rng.choice(["A", "B"]))
        country = rng.choice(["DE", "FR", ""])
        for _ in range(rng.integers(1, 3)):
            other = arm if rng.random() > 0.05 or unit in ("u0", "u1") else "B"
            exposures.append(
                {"unit": unit, "arm": other, "time": written(rng.uniform(0, 6)), "country": str(country) or None}
            )
    for number in range(int(rng.integers(1, 6 * len(units)))):
        unit = str(rng.choice([*units, "stranger"]))
        value = float(np.round(rng.gamma(1.0, 10.0), 2)) if rng.random() > 0.1 else None
        row = {
            "unit": unit,
            "time": written(rng.uniform(-1, 9)),
            "event": str(rng.choice(["buy", "view"])),
            "kind": str(rng.choice(["x", "y"])),
            "value": value if rng.random() > 0.05 else float("inf"),
            "event_id": str(number) if rng.random() > 0.1 else None,
        }
        events.append(row)
        if row["event_id"] is not None and rng.random() < 0.1:
            events.append(dict(row))
    return exposures, events


def same(got: float | None, expected: float | None) -> bool:
    return got is None if expected is None else got == pytest.approx(expected, rel=1e-12, abs=1e-12)


def as_table(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def read(table: UnitTable, sql: str) -> dict[str, list[Any]]:
    found = {}
    for name, column in table.engine.query(sql).items():
        found[name] = [None if value is None or value != value else value for value in column.tolist()]
    return found


def built(seed: int, zone: str, **more: Any) -> tuple[UnitTable, list[dict[str, Any]], list[dict[str, Any]]]:
    exposures, events = random_experiment(seed, zone)
    table = units_from_events(
        as_table(exposures), as_table(events), metrics=RECORDS, segments=["country"], timezone=zone, control="A", **more
    )
    return table, exposures, events


CASES = list(itertools.product(range(12), ZONES))


@pytest.mark.parametrize(("seed", "zone"), CASES)
def test_units_match_the_oracle(seed: int, zone: str) -> None:
    table, exposures, events = built(seed, zone)
    kept, crossed = first_exposures(exposures, zone)
    by_unit = events_of(events, zone)
    times = [moment(row["time"], zone) for row in (*exposures, *events)]
    as_of = max(times)
    found = read(table, f"SELECT * FROM {table.table}")
    assert sorted(found["unit"]) == sorted(kept)
    assert table.counts.units == len(kept)
    assert table.counts.crossovers_by_arm == crossed
    assert table.counts.exposures == len(exposures)
    assert table.counts.events == len(events)
    first_day = min((moment(row["time"], zone) for row in kept.values()), default=as_of).astimezone(ZoneInfo(zone))
    assert table.first_day == first_day.date().isoformat()
    for at, unit in enumerate(found["unit"]):
        row = kept[unit]
        first = moment(row["time"], zone)
        assert table.arms[found["arm"][at]] == row["arm"]
        assert found["day"][at] == (first.astimezone(ZoneInfo(zone)).date() - first_day.date()).days
        assert table.segments[0].levels[found["s0"][at]] == (row["country"] or "(missing)")
        for name, metric in METRICS.items():
            expected = unit_value(metric, first, by_unit.get(unit, []), as_of)
            got = found[table.columns[f"{name}/value"]][at]
            assert same(got, expected), (unit, name)


@pytest.mark.parametrize(("seed", "zone"), CASES)
def test_the_state_of_a_day_is_the_value_as_of_its_end(seed: int, zone: str) -> None:
    table, exposures, events = built(seed, zone)
    kept, _ = first_exposures(exposures, zone)
    by_unit = events_of(events, zone)
    as_of = max(moment(row["time"], zone) for row in (*exposures, *events))
    assert table.states is not None
    found = read(table, f"SELECT * FROM {table.states()} ORDER BY unit, day")
    first_day = datetime.fromisoformat(str(table.first_day)).date()
    states: dict[str, list[int]] = {}
    for at, unit in enumerate(found["unit"]):
        states.setdefault(unit, []).append(at)
    last = (as_of.astimezone(ZoneInfo(zone)).date() - first_day).days
    for unit, row in kept.items():
        first = moment(row["time"], zone)
        rows = states.get(unit, [])
        for name, metric in METRICS.items():
            column = table.columns[f"{name}/value"]
            for before, after in itertools.pairwise(rows):
                assert found[column][before] == found[f"p_{column}"][after]
            for day in range(last + 1):
                after = first_day + timedelta(days=day + 1)
                midnight = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
                cut = min(as_of, midnight - timedelta(microseconds=1))
                if cut < first:
                    assert all(found["day"][at] > day for at in rows)
                    continue
                # a window that ends with the day is closed at its end
                expected = unit_value(metric, first, by_unit.get(unit, []), cut)
                if metric.window is not None and cut < first + metric.window <= min(as_of, midnight):
                    expected = unit_value(metric, first, by_unit.get(unit, []), min(as_of, midnight))
                there = [at for at in rows if found["day"][at] <= day]
                got = found[column][there[-1]] if there else None
                assert same(got, expected), (unit, name, day)


@pytest.mark.parametrize(("seed", "zone"), CASES[:9])
def test_since_holds_the_values_of_each_day_after_exposure(seed: int, zone: str) -> None:
    table, exposures, events = built(seed, zone)
    days = 3
    kept, _ = first_exposures(exposures, zone)
    by_unit = events_of(events, zone)
    as_of = max(moment(row["time"], zone) for row in (*exposures, *events))
    complete = {unit: row for unit, row in kept.items() if moment(row["time"], zone) + timedelta(days=days) <= as_of}
    assert table.since is not None
    found = read(table, f"SELECT * FROM {table.since(days)} ORDER BY unit")
    assert found["unit"] == sorted(complete)
    for at, unit in enumerate(found["unit"]):
        first = moment(complete[unit]["time"], zone)
        for name in ("spent", "spent_or_0", "typical", "largest"):
            metric = METRICS[name]
            for day in range(days):
                start = first + timedelta(days=day)
                stop = start + timedelta(days=1)
                mine = [(when, row) for when, row in by_unit.get(unit, []) if start <= when < stop]
                expected = unit_value(metric, start, mine, as_of)
                got = found[f"{table.columns[f'{name}/value']}_d{day}"][at]
                assert same(got, expected), (unit, name, day)


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_the_rows_gives_the_same_bytes(seed: int) -> None:
    exposures, events = random_experiment(seed, "Europe/Paris")
    rng = np.random.default_rng(seed + 1000)
    outcomes = []
    for _ in range(3):
        table = units_from_events(
            as_table(list(rng.permutation(np.array(exposures, dtype=object)))),
            as_table(list(rng.permutation(np.array(events, dtype=object)))),
            metrics=RECORDS,
            segments=["country"],
            timezone="Europe/Paris",
            control="A",
        )
        assert table.states is not None
        rows = [
            sorted(map(repr, table.engine.query(f"SELECT * FROM {name} ORDER BY 1, 5").items()))
            for name in (table.table, table.states())
        ]
        outcomes.append((rows, table.counts, table.as_of, table.segments))
    assert outcomes[0] == outcomes[1] == outcomes[2]
