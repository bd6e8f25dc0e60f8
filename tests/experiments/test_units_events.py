"""Units of exposures and events: small cases worked out by hand, and everything that may be wrong with the tables."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.experiments.table import UnitTable
from seatrial.experiments.units import units_from_events
from seatrial.records.decision import Policy, Rule
from seatrial.records.plan import Arm, Columns, ExperimentMetric, Phase, Plan

EXPOSED = {
    "user_id": ["a", "b", "c", "d"],
    "variant": ["A", "B", "A", "B"],
    "country": ["DE", "FR", None, "DE"],
    "exposed_at": ["2026-03-01T10:00:00", "2026-03-01T12:00:00", "2026-03-02T00:00:00", "2026-03-03T00:00:00"],
}
NONE = {"user_id": [], "ts": [], "spent": []}
SPENT = [ExperimentMetric(name="spending", formula="mean(spent)")]
ZERO = [ExperimentMetric(name="spending", formula="mean(spent)", missing="zero")]


def happened(*rows: tuple[Any, ...], names: str = "user_id ts spent") -> dict[str, list[Any]]:
    return {name: [row[at] for row in rows] for at, name in enumerate(names.split())}


def values(table: UnitTable, key: str) -> dict[str, Any]:
    found = table.engine.query(f"SELECT unit, {table.columns[key]} AS value FROM {table.table} ORDER BY unit")
    return {
        unit: None if value is None or value != value else value
        for unit, value in zip(found["unit"].tolist(), found["value"].tolist(), strict=True)
    }


def plan(**more: Any) -> Plan:
    more = {"arms": (Arm(name="A"), Arm(name="B")), "metrics": tuple(SPENT)} | more
    return Plan(name="test", control="A", policy=Policy(rules=(Rule(metric="spending", role="success"),)), **more)


def test_events_count_from_the_first_exposure_on() -> None:
    events = happened(
        ("a", "2026-03-01T09:59:59", 1.0),
        ("a", "2026-03-01T10:00:00", 2.0),
        ("a", "2026-03-05", 4.0),
        ("b", "2026-03-01T11:00:00Z", 8.0),
        ("b", "2026-03-01T11:30:00-01:00", 16.0),
        ("stranger", "2026-03-05", 32.0),
        (None, "2026-03-05", 64.0),
    )
    table = units_from_events(EXPOSED, events, metrics=SPENT)
    assert values(table, "spending/spent") == {"a": 6.0, "b": 16.0, "c": None, "d": None}
    counts = table.counts
    assert (counts.events, counts.events_before_exposure, counts.events_without_unit) == (7, 2, 2)
    assert (counts.units_without_events, counts.units_without_events_by_arm) == (2, {"A": 1, "B": 1})
    assert table.as_of == "2026-03-05T00:00:00+00:00"
    assert table.first_day == "2026-03-01"
    assert values(units_from_events(EXPOSED, events, metrics=ZERO), "spending/spent")["c"] == 0.0


def test_no_events_at_all(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,ts,spent\n")
    for events in (NONE, pl.DataFrame(NONE), tmp_path / "events.csv"):
        table = units_from_events(EXPOSED, events, metrics=[*SPENT, ExperimentMetric(name="n", formula="mean(events)")])
        assert values(table, "spending/spent") == {"a": None, "b": None, "c": None, "d": None}
        assert values(table, "n/events") == {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0}
        assert table.counts.events == 0
        assert table.counts.units_without_events == 4
        assert table.states is not None
        assert table.engine.query(f"SELECT COUNT(*) AS n FROM {table.states()}")["n"].tolist() == [4]


def test_three_units_and_an_empty_arm() -> None:
    exposed = {name: column[:3] for name, column in EXPOSED.items()} | {"variant": ["A", "A", "A"]}
    table = units_from_events(exposed, happened(("a", "2026-03-04", 1.0)), metrics=ZERO, plan=plan())
    assert table.arms == ("A", "B")
    assert table.counts.units == 3
    assert table.since is not None
    assert table.engine.query(f"SELECT COUNT(*) AS n FROM {table.since(1)}")["n"].tolist() == [3]


def test_no_exposures_is_said() -> None:
    with pytest.raises(DataError, match="has no exposures"):
        units_from_events({"user_id": [], "variant": [], "ts": []}, NONE, metrics=SPENT)
    with pytest.raises(DataError, match="the column 'variant' is empty"):
        units_from_events({"user_id": ["a"], "variant": [None], "ts": ["2026-03-01"]}, NONE, metrics=SPENT)


def test_windows_begin_with_the_exposure_and_count_once_closed() -> None:
    metric = [ExperimentMetric(name="day", formula="mean(spent)", window="1d", missing="zero")]
    events = happened(
        ("a", "2026-03-02T09:59:59.999999", 1.0), ("a", "2026-03-02T10:00:00", 2.0), ("d", "2026-03-03T12:00:00", 4.0)
    )
    table = units_from_events(EXPOSED, events, metrics=metric)
    assert values(table, "day/spent") == {"a": 1.0, "b": 0.0, "c": 0.0, "d": None}
    later = units_from_events(EXPOSED, events, metrics=metric, as_of="2026-03-04T00:00:00")
    assert values(later, "day/spent")["d"] == 4.0
    assert later.counts.events_after_as_of == 0


def test_what_is_late_or_in_the_future_is_not_there_yet() -> None:
    exposed = EXPOSED | {"arrived": ["2026-03-01", "2026-03-01", "2026-03-02", "2026-03-09"]}
    events = happened(
        ("a", "2026-03-02", 1.0, "2026-03-02"),
        ("a", "2026-03-02", 2.0, "2026-03-08"),
        ("a", "2026-03-07", 4.0, "2026-03-07"),
        names="user_id ts spent arrived",
    )
    table = units_from_events(exposed, events, metrics=SPENT, as_of="2026-03-05")
    assert values(table, "spending/spent") == {"a": 1.0, "b": None, "c": None}
    assert (table.counts.late_events, table.counts.events_after_as_of) == (1, 1)
    everything = units_from_events(exposed, events, metrics=SPENT)
    assert values(everything, "spending/spent")["a"] == 7.0


def test_an_event_that_was_sent_twice_counts_once() -> None:
    events = happened(
        ("a", "2026-03-04", 1.0, "e1"),
        ("a", "2026-03-02", 2.0, "e1"),
        ("a", "2026-03-02", 4.0, "e2"),
        ("b", "2026-03-02", 8.0, "e1"),
        ("b", "2026-03-02", 16.0, None),
        ("b", "2026-03-02", 16.0, None),
        names="user_id ts spent event_id",
    )
    table = units_from_events(EXPOSED, events, metrics=SPENT)
    assert values(table, "spending/spent") == {"a": 6.0, "b": 40.0, "c": None, "d": None}
    assert table.counts.duplicate_events == 1


LONG = happened(
    ("a", "2026-03-04", "view", None),
    ("a", "2026-03-04", "view", None),
    ("a", "2026-03-04", "purchase", 19.99),
    ("a", "2026-03-04", "purchase", 5.01),
    ("b", "2026-03-04", "view", None),
    ("c", "2026-03-04", "purchase", 3.0),
    names="user_id ts event value",
)


def test_names_of_events_are_columns_of_a_long_table() -> None:
    metrics = [
        ExperimentMetric(name="ratio", formula="purchase / view"),
        ExperimentMetric(name="revenue", formula="mean(purchase)", missing="zero"),
        ExperimentMetric(name="paid", formula="mean(value)", where="event == 'purchase'"),
        ExperimentMetric(name="orders", formula="mean(events)", where="event == 'purchase'"),
        ExperimentMetric(name="largest", formula="mean(purchase)", aggregate="max"),
        ExperimentMetric(name="bought", formula="mean(purchase > 0)", missing="zero", aggregate="count"),
    ]
    table = units_from_events(EXPOSED, LONG, metrics=metrics)
    assert values(table, "ratio/purchase") == {"a": 25.0, "b": 0.0, "c": 3.0, "d": None}
    assert values(table, "ratio/view") == {"a": 2.0, "b": 1.0, "c": 0.0, "d": None}
    assert values(table, "revenue/purchase") == {"a": 25.0, "b": 0.0, "c": 3.0, "d": 0.0}
    assert values(table, "paid/value") == {"a": 25.0, "b": None, "c": 3.0, "d": None}
    assert values(table, "orders/events") == {"a": 2.0, "b": 0.0, "c": 1.0, "d": 0.0}
    assert values(table, "largest/purchase") == {"a": 19.99, "b": None, "c": 3.0, "d": None}
    assert values(table, "bought/purchase") == {"a": 2.0, "b": 0.0, "c": 1.0, "d": 0.0}
    message = (
        r"'purchas' is neither a column nor, in 'event' of events, an event. Did you mean 'purchase'\? Events: pur"
    )
    with pytest.raises(UsageError, match=message):
        units_from_events(EXPOSED, LONG, metrics=[ExperimentMetric(name="x", formula="mean(purchas)")])


def test_a_cell_that_is_empty_is_none_of_it_for_a_unit_with_other_values() -> None:
    events = happened(
        ("a", "2026-03-04", 1, None), ("a", "2026-03-04", None, 5), ("b", "2026-03-04", None, 3),
        names="user_id ts clicks views",
    )  # fmt: skip
    table = units_from_events(EXPOSED, events, metrics=[ExperimentMetric(name="ctr", formula="clicks / views")])
    assert values(table, "ctr/clicks") == {"a": 1.0, "b": 0.0, "c": None, "d": None}


def test_what_is_no_number_is_missing_never_zero() -> None:
    events = happened(("a", "2026-03-04", "inf"), ("b", "2026-03-04", "5"), ("b", "2026-03-04", "NaN"),
                      ("c", "2026-03-04", "many"), ("c", "2026-03-04", "-2"), ("d", "2026-03-04", ""))  # fmt: skip
    for metrics, nothing in ((SPENT, None), (ZERO, 0.0)):
        table = units_from_events(EXPOSED, events, metrics=metrics)
        assert values(table, "spending/spent") == {"a": None, "b": 5.0, "c": -2.0, "d": nothing}
        assert table.counts.not_numbers == {"spent": 3}


def test_the_cap_is_of_a_unit_s_total() -> None:
    events = happened(("a", "2026-03-04", 30.0), ("a", "2026-03-04", 30.0), ("b", "2026-03-04", 40.0))
    metric = ExperimentMetric(name="spending", formula="mean(spent)", winsorize=50)
    table = units_from_events(EXPOSED, events, metrics=[metric])
    assert values(table, "spending/spent") == {"a": 50.0, "b": 40.0, "c": None, "d": None}


def test_sums_do_not_depend_on_the_order_of_large_and_small() -> None:
    amounts = [1e16, 1.0, -1e16, 0.1, 0.2]
    rng = np.random.default_rng(0)
    for _ in range(3):
        rows = [("a", "2026-03-04", float(one)) for one in rng.permutation(amounts)]
        table = units_from_events(EXPOSED, happened(*rows), metrics=SPENT)
        assert values(table, "spending/spent")["a"] == 1.3


def test_the_first_exposure_decides_arm_segment_and_phase() -> None:
    exposed = happened(
        ("a", "B", "2026-03-05", "DE"), ("a", "B", "2026-03-01", "FR"), ("a", "B", "2026-03-03", "IT"),
        ("b", "A", "2026-03-04", "DE"), ("c", "A", "2026-03-02", "FR"), ("c", "B", "2026-03-01", "DE"),
        names="user_id variant ts country",
    )  # fmt: skip
    phases = (Phase(start="2026-03-01", weights={}), Phase(start="2026-03-04", weights={}))
    table = units_from_events(exposed, NONE, metrics=SPENT, segments=["country"], plan=plan(phases=phases))
    found = table.engine.query(f"SELECT unit, arm, phase, day, s0 FROM {table.table} ORDER BY unit")
    assert table.segments[0].levels == ("DE", "FR")
    assert {name: column.tolist() for name, column in found.items()} == {
        "unit": ["a", "b"], "arm": [1, 0], "phase": [0, 1], "day": [0, 3], "s0": [1, 0]
    }  # fmt: skip
    assert table.counts.crossovers_by_arm == {"B": 1}
    kept = units_from_events(exposed, NONE, metrics=SPENT, plan=plan(), crossovers="first")
    assert kept.engine.query(f"SELECT arm FROM {kept.table} WHERE unit = 'c'")["arm"].tolist() == [1]
    assert (kept.counts.units, kept.counts.crossovers) == (3, 1)


def test_exposures_at_the_same_moment_are_told_apart_by_the_arm() -> None:
    exposed = happened(("a", "B", "2026-03-01"), ("a", "A", "2026-03-01"), ("b", "B", "2026-03-01"),
                       names="user_id variant ts")  # fmt: skip
    table = units_from_events(exposed, NONE, metrics=SPENT, crossovers="first")
    assert table.counts.crossovers_by_arm == {"A": 1}


def test_units_in_unknown_arms_are_counted_with_their_events_left_out() -> None:
    exposed = EXPOSED | {"variant": ["A", "B", "Z", "Z"]}
    table = units_from_events(exposed, happened(("c", "2026-03-09", 1.0)), metrics=ZERO, plan=plan())
    assert table.counts.unknown_arm == {"Z": 2}
    assert table.counts.units == 2
    assert values(table, "spending/spent") == {"a": 0.0, "b": 0.0}
    assert table.counts.events_without_unit == 0


def test_covariates_come_from_the_time_before() -> None:
    metric = [ExperimentMetric(name="spending", formula="mean(spent)", covariates=("spent", "log(age)"))]
    before = happened(
        ("a", "2026-02-01", 1.5, 40), ("a", "2026-02-02", 2.5, None), ("a", "2026-03-01T10:00:00", 100.0, None),
        ("b", "2026-02-01", "inf", 30), ("stranger", "2026-02-01", 7.0, 1),
        names="user_id ts spent age",
    )  # fmt: skip
    table = units_from_events(EXPOSED, happened(("a", "2026-03-04", 9.0)), metrics=metric, pre=before)
    assert values(table, "spent") == {"a": 4.0, "b": None, "c": None, "d": None}
    assert values(table, "age") == {"a": 40.0, "b": 30.0, "c": None, "d": None}
    assert values(table, "spending/spent")["a"] == 9.0
    assert table.counts.pre_after_exposure == 1
    assert table.counts.not_numbers == {"spent": 1}
    assert [one.model for one in table.sources] == ["exposures", "events", "pre"]
    with pytest.raises(
        UsageError, match=r"Covariate 'agee' of 'spending': there is no column 'agee'. Did you mean 'age'\?"
    ):
        units_from_events(
            EXPOSED,
            NONE,
            pre=before,
            metrics=[ExperimentMetric(name="spending", formula="spent", covariates=("agee",))],
        )


def test_segments_and_covariates_may_stand_in_the_exposures() -> None:
    exposed = EXPOSED | {"score": [1.0, 2.0, float("nan"), 4.0]}
    before = {"user_id": ["a", "d"], "tier": ["gold", "tin"]}
    metric = [
        ExperimentMetric(name="spending", formula="mean(spent)", covariates=("score",)),
        ExperimentMetric(name="german", formula="mean(country == 'DE')"),
    ]
    table = units_from_events(exposed, NONE, metrics=metric, pre=before, segments=["tier", "country"])
    assert values(table, "score") == {"a": 1.0, "b": 2.0, "c": None, "d": 4.0}
    assert values(table, "german/country") == {"a": "DE", "b": "FR", "c": None, "d": "DE"}
    assert [(one.name, one.levels) for one in table.segments] == [
        ("tier", ("gold", "tin", "(missing)")), ("country", ("DE", "FR", "(missing)"))
    ]  # fmt: skip
    found = table.engine.query(f"SELECT s0, s1 FROM {table.table} ORDER BY unit")
    assert found["s0"].tolist() == [0, 2, 2, 1]
    assert found["s1"].tolist() == [0, 1, 2, 0]


def test_one_event_s_words_cannot_be_a_unit_s_value() -> None:
    events = happened(("a", "2026-03-04", "mobile"), names="user_id ts device")
    with pytest.raises(UsageError, match="compares 'device' of single events with words"):
        units_from_events(EXPOSED, events, metrics=[ExperimentMetric(name="x", formula="mean(device == 'mobile')")])


def test_quantiles_are_taken_over_single_events() -> None:
    events = happened(
        ("a", "2026-03-01T09:00:00", 1.0), ("a", "2026-03-01T11:00:00", 2.0), ("b", "2026-03-04", 3.0),
        ("b", "2026-03-01T12:00:00", 4.0), ("stranger", "2026-03-04", 5.0),
    )  # fmt: skip
    metrics = [
        ExperimentMetric(name="all", formula="p95(spent)"),
        ExperimentMetric(name="day", formula="p95(spent)", window="1d"),
        ExperimentMetric(name="number", formula="p95(events)"),
    ]
    table = units_from_events(EXPOSED, events, metrics=metrics, segments=["country"])
    assert table.occurrences is not None
    every = table.engine.query(table.occurrences("all", "spent") + " ORDER BY value")
    assert every["value"].tolist() == [2.0, 3.0, 4.0]
    assert every["unit"].tolist() == ["a", "b", "b"]
    assert every["arm"].tolist() == [0, 1, 1]
    assert every["s0"].tolist() == [0, 1, 1]
    assert table.engine.query(table.occurrences("day", "spent") + " ORDER BY value")["value"].tolist() == [2.0, 4.0]
    assert sorted(table.engine.query(table.occurrences("number", "events"))["value"].tolist()) == [0, 0, 1, 2]
    early = units_from_events(EXPOSED, events, metrics=metrics, as_of="2026-03-02T11:00:00")
    assert early.occurrences is not None  # the day of b is not over
    assert early.engine.query(early.occurrences("day", "spent"))["value"].tolist() == [2.0]


def test_tables_without_times_use_every_event() -> None:
    exposed = {name: EXPOSED[name] for name in ("user_id", "variant")}
    table = units_from_events(exposed, happened(("a", 1.0), ("a", 2.0), names="user_id spent"), metrics=ZERO)
    assert values(table, "spending/spent") == {"a": 3.0, "b": 0.0, "c": 0.0, "d": 0.0}
    assert (table.first_day, table.as_of, table.days, table.states, table.since) == (None, None, None, None, None)
    with pytest.raises(UsageError, match="has a window, so exposures and events need times"):
        units_from_events(
            exposed, happened(("a", 1.0), names="user_id spent"),
            metrics=[ExperimentMetric(name="x", formula="spent", window="7d")],
        )  # fmt: skip


def test_files_and_frames_give_the_same_units(tmp_path: Path) -> None:
    exposed, events = pl.DataFrame(EXPOSED), pl.DataFrame(LONG)
    exposed.write_csv(tmp_path / "exposures.csv")
    events.write_csv(tmp_path / "events.csv")
    typed = exposed.with_columns(pl.col("exposed_at").str.to_datetime())
    typed.write_parquet(tmp_path / "exposures.parquet")
    events.with_columns(pl.col("ts").str.to_date()).write_parquet(tmp_path / "events.parquet")
    epoch = events.with_columns(pl.col("ts").str.to_datetime().dt.epoch("ms"))
    metrics = [ExperimentMetric(name="ratio", formula="purchase / view")]
    pairs: list[tuple[Any, Any]] = [
        (EXPOSED, LONG),
        (exposed, epoch),
        (tmp_path / "exposures.csv", tmp_path / "events.csv"),
        (tmp_path / "exposures.parquet", tmp_path / "events.parquet"),
        (
            typed.with_columns(pl.col("exposed_at").dt.replace_time_zone("Asia/Tokyo").dt.convert_time_zone("UTC")),
            epoch,
        ),
    ]
    found = []
    for one, other in pairs:
        table = units_from_events(one, other, metrics=metrics, segments=["country"])
        found.append((values(table, "ratio/purchase"), values(table, "ratio/view"), table.segments, table.counts))
    assert found[0] == found[1] == found[2] == found[3] == found[4]


def test_whole_numbers_name_the_same_units_as_their_text(tmp_path: Path) -> None:
    exposed = pl.DataFrame({"user_id": [1, 2], "variant": ["A", "B"], "ts": ["2026-03-01"] * 2})
    events = pl.DataFrame({"user_id": [1, 2, 2], "ts": ["2026-03-02"] * 3, "spent": [1.0, 2.0, 3.0]})
    as_text = events.with_columns(pl.col("user_id").cast(pl.String))
    for other in (events, as_text, events.with_columns(pl.col("user_id").cast(pl.Float64))):
        table = units_from_events(exposed, other, metrics=SPENT)
        assert values(table, "spending/spent") == {"1": 1.0, "2": 5.0}


ONE = ("a", "2026-03-01", 1.0)


@pytest.mark.parametrize(
    ("events", "columns", "message"),
    [
        (happened(("a", "soon", 1.0)), Columns(), r"1 of 1 values of 'ts' cannot be read as times \(one is 'soon'\)"),
        (happened(("a", "01/02/2026", 1.0)), Columns(), r"cannot be read as times \(one is '01/02/2026'\)"),
        (
            happened(ONE, names="who ts spent"),
            Columns(),
            "no column has a usual name for the unit; name it with --unit",
        ),
        (happened(ONE), Columns(event_time="tss"), r"'tss' \(--event-time\). Did you mean 'ts'"),
        (happened(ONE, names="user_id ts spend"), Columns(), r"there is no column 'spent'. Did you mean 'spend'\?"),
    ],
)
def test_events_that_cannot_be_used(events: dict[str, list[Any]], columns: Columns, message: str) -> None:
    with pytest.raises((UsageError, DataError), match=message):
        units_from_events(EXPOSED, events, metrics=SPENT, columns=columns)


def test_a_few_unreadable_times_are_counted() -> None:
    rows = [("a", f"2026-03-04T00:00:{second:02}", 1.0) for second in range(59)]
    table = units_from_events(EXPOSED, happened(*rows, ("a", "soon", 1.0)), metrics=SPENT)
    assert table.counts.bad_times == 1
    assert values(table, "spending/spent")["a"] == 59.0


def test_the_plan_says_unit_columns_and_zone() -> None:
    exposed = happened(("a", "x", "A", "2026-03-29T01:00:00"), ("b", "y", "B", "2026-03-29T03:30:00"),
                       names="user_id shopper variant ts")  # fmt: skip
    events = happened(
        ("x", "2026-03-29T01:30:00Z", 1.0), ("x", "2026-03-28T23:59:59Z", 2.0), ("y", "2026-03-29T01:29:00Z", 4.0),
        names="shopper when spent",
    )  # fmt: skip
    table = units_from_events(
        exposed, events, metrics=SPENT,
        plan=plan(unit="shopper", timezone="Europe/Berlin", columns=Columns(event_time="when")),
    )  # fmt: skip
    # Berlin's 01:00 is 00:00 UTC, its 03:30 (after the clocks went forward) is 01:30 UTC
    assert values(table, "spending/spent") == {"x": 1.0, "y": None}
    assert table.unit == "shopper"
    assert table.counts.events_before_exposure == 2


def test_a_column_of_dates_under_an_unusual_name_is_not_overlooked() -> None:
    events = happened(("a", "2026-02-01", 1.0), names="user_id bought_on spent")
    with pytest.raises(
        UsageError, match="'bought_on' holds dates; name the column of times with --event-time bought_on"
    ):
        units_from_events(EXPOSED, events, metrics=SPENT)
    table = units_from_events(EXPOSED, events, metrics=SPENT, columns=Columns(event_time="bought_on"))
    assert table.counts.events_before_exposure == 1
    exposed = {"user_id": ["a", "b"], "variant": ["A", "B"], "seen": ["2026-03-01", "2026-03-01"]}
    with pytest.raises(UsageError, match="'seen' holds dates; name the column of times with --time seen"):
        units_from_events(exposed, happened(ONE), metrics=SPENT)
