"""One experiment for every engine: three tables with all that goes wrong in them, a plan, and what is asked of it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

USERS = 3_000
DAYS = 12
START = datetime(2026, 3, 20)
"""Clocks in Paris go forward on the 29th."""
COUNTRIES = ["DE", "FR", "it's", 'a\\b "%s"', "Österreich", ""]

PLAN: dict[str, Any] = {
    "name": "ranker",
    "hypothesis": "more revenue",
    "unit": "user_id",
    "control": "old",
    "arms": {"old": 50, "new": 50},
    "ramp": [
        {"from": "2026-03-20", "weights": {"old": 80, "new": 20}},
        {"from": "2026-03-24", "weights": {"old": 50, "new": 50}},
    ],
    "metrics": {
        "revenue_per_user": {
            "formula": "mean(revenue)",
            "missing": "zero",
            "winsorize": 150,
            "covariates": ["pre_revenue", "age"],
        },
        "conversion": {"formula": "mean(orders > 0)", "missing": "zero"},
        "average_order_value": {"formula": "revenue / orders"},
        "page_ms": {"formula": "mean(page_ms)", "aggregate": "mean", "lower_is_better": True},
        "early_revenue": {"formula": "mean(revenue)", "missing": "zero", "window": "3d"},
        "app_revenue": {"formula": "mean(revenue)", "missing": "zero", "where": "channel == 'app'"},
        "slowest": {"formula": "p90(page_ms)", "lower_is_better": True},
        "log_revenue": {"formula": "mean(log(1 + revenue))", "missing": "zero"},
    },
    "primary": "revenue_per_user",
    "guardrails": [{"metric": "page_ms", "margin": "5%"}],
    "secondary": ["average_order_value"],
    "minimum_effect": "5%",
    "segments": ["country", "tier"],
    "stopping": "hybrid",
    "start": "2026-03-20",
    "days": DAYS,
    "timezone": "Europe/Paris",
}
COLUMNS = {"event_id": "event_id"}
AS_OF = "2026-03-31"

SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "exposures": {
        "user_id": "BIGINT",
        "variant": "VARCHAR",
        "exposed_at": "TIMESTAMP",
        "country": "VARCHAR",
        "age": "INTEGER",
    },
    "events": {
        "event_id": "VARCHAR",
        "user_id": "BIGINT",
        "time": "TIMESTAMP WITH TIME ZONE",
        "arrived": "TIMESTAMP WITH TIME ZONE",
        "channel": "VARCHAR",
        "revenue": "DOUBLE",
        "orders": "INTEGER",
        "page_ms": "DOUBLE",
    },
    "pre": {"user_id": "BIGINT", "pre_revenue": "DOUBLE", "tier": "VARCHAR"},
}

Tables = dict[str, dict[str, list[Any]]]


def make_tables(seed: int = 0) -> Tables:
    """Exposures, events and what was known before: crossovers, repeats, gaps, duplicates, strangers, NaN and NULL."""
    rng = np.random.default_rng(seed)
    taste = rng.gamma(1.0, 1.0, USERS)
    ramped = rng.random(USERS) < 0.35
    first = np.where(ramped, rng.uniform(0, 4, USERS), 4 + (DAYS - 5) * rng.beta(1, 2, USERS))
    new = rng.random(USERS) < np.where(first < 4 - 1 / 24, 0.2, 0.5)
    country = rng.choice(COUNTRIES, USERS, p=[0.4, 0.25, 0.15, 0.1, 0.05, 0.05])
    exposures: dict[str, list[Any]] = {name: [] for name in SCHEMAS["exposures"]}

    def expose(user: int | None, arm: str | None, at: float, where: str | None) -> None:
        age = None if user is None or user % 9 == 0 else int(20 + user % 50)
        row = (user, arm, moment(at), where, age)
        for name, value in zip(exposures, row, strict=True):
            exposures[name].append(value)

    for user in range(USERS):
        where = None if user % 97 == 0 else str(country[user])
        arm = "new" if new[user] else "old"
        expose(user, arm, first[user], where)
        if user % 5 == 0:  # seen again, from somewhere else
            expose(user, arm, first[user] + rng.exponential(2.0), "DE")
        if user % 211 == 0:  # seen in the other arm
            expose(user, "old" if new[user] else "new", first[user] + 0.5, where)
        if user % 61 == 0:  # twice at the same moment: the lower country counts, by bytes "FR" before "a"
            expose(user, arm, first[user], "FR")
    expose(None, "new", 1.0, "DE")
    expose(7, None, 1.0, "DE")
    events: dict[str, list[Any]] = {name: [] for name in SCHEMAS["events"]}
    serial = 0

    def event(user: int | None, at: float, revenue: float | None, orders: int, page: float | None) -> None:
        nonlocal serial
        serial += 1
        channel = ["app", "web", None][serial % 3]
        came = moment(at + rng.exponential(0.02)).replace(tzinfo=UTC)
        row = (f"e{serial}", user, moment(at).replace(tzinfo=UTC), came, channel, revenue, orders, page)
        again = 2 if serial % 131 == 0 else 1
        for name, value in zip(events, row, strict=True):
            events[name] += [value] * again

    for day in range(-2, DAYS + 1):
        for user in np.flatnonzero((rng.random(USERS) < 0.3) & (first < day + 2)).tolist():
            lift = 1.25 if new[user] else 1.0
            orders = int(rng.poisson(0.25 * taste[user] * lift))
            revenue: float | None = round(float(orders * rng.gamma(8.0, 3.0)), 2)
            page: float | None = round(float(rng.lognormal(5.0, 0.4)), 1)
            if serial % 173 == 0:
                revenue = [float("nan"), None, float("inf")][serial % 3]
            if serial % 61 == 0:
                page = None
            event(user, day + rng.random(), revenue, orders, page)
    event(None, 3.0, 5.0, 1, 100.0)
    event(10 * USERS, 3.0, 5.0, 1, 100.0)
    known = np.flatnonzero(rng.random(USERS) < 0.8)
    pre: dict[str, list[Any]] = {
        "user_id": [int(user) for user in known],
        "pre_revenue": [round(float(taste[user] * rng.gamma(5.0, 3.0)), 2) for user in known],
        "tier": [["free", "pro", None][int(user) % 3] for user in known],
    }
    return {"exposures": exposures, "events": events, "pre": pre}


def moment(day: float) -> datetime:
    """So many days after the start, to the microsecond."""
    return START + timedelta(microseconds=round(day * 86_400_000_000))


def rows_of(table: Mapping[str, list[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*table.values(), strict=True))


def write_parquet(tables: Tables, folder: Path) -> dict[str, Path]:
    """The tables as Parquet files with the types of `SCHEMAS`."""
    types = {
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "VARCHAR": pa.string(),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    }
    paths = {name: folder / f"{name}.parquet" for name in SCHEMAS}
    for name, kinds in SCHEMAS.items():
        columns = {column: pa.array(tables[name][column], type=types[kind]) for column, kind in kinds.items()}
        parquet.write_table(pa.table(columns), paths[name])
    return paths
