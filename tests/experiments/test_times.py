"""Times: every way of writing one, days of a zone, and the two hours a year when clocks are changed."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.data.engine import DuckDBEngine
from seatrial.data.predictions import open_source
from seatrial.errors import UsageError
from seatrial.experiments.reading import time_column
from seatrial.experiments.times import DAY, day_of, instant, iso, iso_day, offsets, zone

ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "UTC"]
ENGINE = DuckDBEngine(threads=1)


def micros(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def parsed(values: list[object], zone_name: str = "UTC") -> list[int | None]:
    source, _ = open_source({"t": values, "other": [1] * len(values)})
    column = time_column(ENGINE, source, 0, zone_name)
    return [row[0] for row in ENGINE.rows(f"SELECT {column.sql} FROM {source.scan(ENGINE, [0])}")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        (" 2026-03-01 10:00 ", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00.123456", "2026-03-01T10:00:00.123456+00:00"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01 10:00:00 UTC", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00+00:00"),
        ("2026-03-01 10:00:00 +0200", "2026-03-01T08:00:00+00:00"),
        ("2026-03-01T10:00:00.5-08", "2026-03-01T18:00:00.500000+00:00"),
        ("2026-03-01T10:00:00+05:30", "2026-03-01T04:30:00+00:00"),
        ("2026/03/01 10:00:00", "2026-03-01T10:00:00+00:00"),
        ("1772359200", "2026-03-01T10:00:00+00:00"),
        ("1772359200.25", "2026-03-01T10:00:00.250000+00:00"),
        ("1772359200250", "2026-03-01T10:00:00.250000+00:00"),
        (1772359200, "2026-03-01T10:00:00+00:00"),
        (1772359200250, "2026-03-01T10:00:00.250000+00:00"),
        (1772359200250000, "2026-03-01T10:00:00.250000+00:00"),
        (20260301, "2026-03-01T00:00:00+00:00"),
        ("20260301", "2026-03-01T00:00:00+00:00"),
    ],
)
def test_ways_to_write_a_time(text: object, expected: str) -> None:
    found = parsed([text])[0]
    assert found is not None
    assert iso(found) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "01/02/2026", "2026-02-30", "2026-03-01T25:00:00", "infinity", "12", "20261399", "10:30", "-"]
)
def test_what_is_no_time(text: str) -> None:
    assert parsed([text, "2026-03-01"])[0] is None


def test_times_of_one_column_may_have_different_zones_or_none() -> None:
    found = parsed(["2026-07-01T12:00:00", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00-04:00"], "Europe/Paris")
    assert [iso(one or 0)[11:16] for one in found] == ["10:00", "12:00", "16:00"]


@pytest.mark.parametrize("zone_name", ZONES)
def test_local_times_are_read_as_python_reads_them(zone_name: str) -> None:
    start = datetime(2025, 1, 1)
    # every quarter of an hour of a year: the hours that happen twice and those that never are among them
    local = [start + timedelta(minutes=15 * at) for at in range(366 * 96)]
    expected = [micros(one.replace(tzinfo=ZoneInfo(zone_name))) for one in local]
    assert parsed([one.isoformat() for one in local], zone_name) == expected
    source, _ = open_source(pl.DataFrame({"t": local, "other": local}))
    column = time_column(ENGINE, source, 0, zone_name)
    assert [row[0] for row in ENGINE.rows(f"SELECT {column.sql} FROM {source.scan(ENGINE, [0])}")] == expected


@pytest.mark.parametrize("zone_name", ZONES)
def test_days_are_those_of_the_zone_s_calendar(zone_name: str) -> None:
    where = zone(zone_name)
    start = micros(datetime(2024, 1, 1, tzinfo=UTC))
    times = [start + at * 1_800_000_000 for at in range(2 * 366 * 48)]
    clocks = offsets(where, times[0], times[-1])
    ENGINE.connection.register("moments", {"t": np.array(times)})
    found = [row[0] for row in ENGINE.rows(f"SELECT {clocks.day('t')} FROM moments")]
    python = [datetime.fromtimestamp(one / 1e6, tz=UTC).astimezone(ZoneInfo(zone_name)).date() for one in times]
    assert [iso_day(day) for day in found] == [day.isoformat() for day in python]
    assert found == [day_of(one, where) for one in times]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4 * 10**15), st.sampled_from(ZONES))
def test_a_moment_survives_being_written_and_read(time: int, zone_name: str) -> None:
    where = zone(zone_name)
    assert instant(iso(time, where)) == time
    assert parsed([iso(time, where)], "America/New_York") == [time]


def test_offsets_change_exactly_when_the_clocks_do() -> None:
    found = offsets(zone("Europe/Paris"), instant("2026-01-01"), instant("2026-12-31"))
    assert [iso(one) for one in found.starts[1:]] == ["2026-03-29T01:00:00+00:00", "2026-10-25T01:00:00+00:00"]
    assert [one // 3_600_000_000 for one in found.offsets] == [1, 2, 1]
    assert all(a < b for a, b in itertools.pairwise(found.starts))


def test_a_date_as_the_as_of_time_is_the_whole_day() -> None:
    paris = zone("Europe/Paris")
    assert iso(instant("2026-03-29", paris, end_of_day=True), paris) == "2026-03-29T23:59:59.999999+02:00"
    assert instant("2026-03-30", paris) - instant("2026-03-29", paris) == DAY - 3_600_000_000


def test_what_is_no_time_or_zone_is_said() -> None:
    with pytest.raises(UsageError, match="--as-of: 'soon' is no time; write ISO 8601"):
        instant("soon", option="--as-of")
    with pytest.raises(UsageError, match=r"no time zone 'Europe/Pariss'.*Did you mean 'Europe/Paris'\?"):
        zone("Europe/Pariss")
