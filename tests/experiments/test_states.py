"""States over time of units: worked out by hand, and in SQL that other engines can be given."""

from typing import Any

import pytest
import sqlglot

from seatrial.data.engine import DuckDBEngine
from seatrial.errors import UsageError
from seatrial.experiments.table import UnitTable
from seatrial.experiments.units import units_from_events
from seatrial.experiments.warehouse import InDuckDB
from seatrial.records.plan import ExperimentMetric

EXPOSED = {
    "user_id": ["a", "b"], "variant": ["A", "B"], "country": ["DE", "FR"], "score": [1.0, None],
    "ts": ["2026-03-01T12:00:00", "2026-03-02T12:00:00"],
}  # fmt: skip
EVENTS = {
    "user_id": ["a", "a", "a", "b", "a"],
    "ts": ["2026-03-01T13:00", "2026-03-01T14:00", "2026-03-03T11:00", "2026-03-02T13:00", "2026-03-03T13:00"],
    "event_id": ["1", "2", "3", "4", "4"],
    "spent": [1.5, 2.0, 4.0, 8.0, 16.0],
}
METRICS = [
    ExperimentMetric(name="all", formula="mean(spent)", covariates=("score",)),
    ExperimentMetric(name="zero", formula="mean(spent)", missing="zero"),
    ExperimentMetric(name="two_days", formula="mean(spent)", window="2d", missing="zero"),
    ExperimentMetric(name="largest", formula="mean(spent)", aggregate="max", where="spent < 10"),
    ExperimentMetric(name="number", formula="mean(events)"),
    ExperimentMetric(name="typical", formula="spent", aggregate="mean"),
]


def made(**more: Any) -> UnitTable:
    return units_from_events(EXPOSED, EVENTS, metrics=METRICS, segments=["country"], **more)


def steps(table: UnitTable, key: str) -> list[tuple[Any, ...]]:
    assert table.states is not None
    column = table.columns[key]
    found = table.engine.query(
        f"SELECT unit, day, p_{column} AS p, {column} AS c FROM {table.states()} WHERE {column} IS NOT NULL"
        f" AND {column} IS DISTINCT FROM p_{column} ORDER BY unit, day"
    )
    lists = [[None if one is None or one != one else one for one in column.tolist()] for column in found.values()]
    return list(zip(*lists, strict=True))


def test_states_worked_out_by_hand() -> None:
    table = made()
    assert table.first_day == "2026-03-01"
    assert steps(table, "all/spent") == [("a", 0, None, 3.5), ("a", 2, 3.5, 23.5), ("b", 1, None, 8.0)]
    assert steps(table, "zero/spent") == [("a", 0, None, 3.5), ("a", 2, 3.5, 23.5), ("b", 1, None, 8.0)]
    # a's two days end on March 3 at 12:00: 4.0 is in, 16.0 is not; b's have not ended
    assert steps(table, "two_days/spent") == [("a", 2, None, 7.5)]
    assert steps(table, "largest/spent") == [("a", 0, None, 2.0), ("a", 2, 2.0, 4.0), ("b", 1, None, 8.0)]
    assert steps(table, "number/events") == [("a", 0, None, 2.0), ("a", 2, 2.0, 4.0), ("b", 1, None, 1.0)]
    assert steps(table, "typical/spent") == [("a", 0, None, 1.75), ("a", 2, 1.75, 5.875), ("b", 1, None, 8.0)]
    assert steps(table, "score") == [("a", 0, None, 1.0)]


def test_states_carry_arm_phase_and_segment_and_are_made_once() -> None:
    table = made()
    assert table.states is not None
    assert table.states() == table.states()
    found = table.engine.query(f"SELECT arm, phase, s0 FROM {table.states()} WHERE unit = 'b'")
    assert {name: set(column.tolist()) for name, column in found.items()} == {"arm": {1}, "phase": {0}, "s0": {1}}


def test_a_window_that_ends_at_midnight_counts_on_the_day_before() -> None:
    exposed = {"user_id": ["a", "b"], "variant": ["A", "B"], "ts": ["2026-03-01", "2026-03-01T00:00:01"]}
    events = {"user_id": ["a", "b"], "ts": ["2026-03-02", "2026-03-05"], "spent": [1.0, 2.0]}
    metric = [ExperimentMetric(name="day", formula="mean(spent)", window="1d", missing="zero")]
    table = units_from_events(exposed, events, metrics=metric)
    assert steps(table, "day/spent") == [("a", 0, None, 0.0), ("b", 1, None, 0.0)]


def test_days_since_exposure_worked_out_by_hand() -> None:
    table = made()
    assert table.since is not None
    column = table.columns["zero/spent"]
    found = table.engine.query(f"SELECT unit, arm, {column}_d0, {column}_d1 FROM {table.since(2)}")
    assert {name: one.tolist() for name, one in found.items()} == {
        "unit": ["a"], "arm": [0], f"{column}_d0": [3.5], f"{column}_d1": [4.0]
    }  # fmt: skip
    excluded = table.columns["largest/spent"]
    assert table.engine.query(f"SELECT {excluded}_d1 AS d FROM {table.since(2)}")["d"].tolist() == [4.0]
    for days in (0, 401):
        with pytest.raises(UsageError, match="Days since the first exposure are 1 to 400"):
            table.since(days)


@pytest.mark.parametrize("dialect", ["postgres", "spark"])
def test_all_that_is_asked_of_a_warehouse_can_be_written_for_others(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    create, query = InDuckDB.create, InDuckDB.query

    def noted_create(self: InDuckDB, table: str, select: str, *, view: bool = False) -> None:
        said.append(select)
        create(self, table, select, view=view)

    def noted_query(self: InDuckDB, sql: Any) -> Any:
        said.append(sql)
        return query(self, sql)

    monkeypatch.setattr(InDuckDB, "create", noted_create)
    monkeypatch.setattr(InDuckDB, "query", noted_query)
    table = units_from_events(
        EXPOSED | {"user_id": ["a", "b"]},
        EVENTS | {"event_id": ["1", "1", "3", "4", "4"]},
        metrics=METRICS,
        segments=["country"],
        pre={"user_id": ["a"], "ts": ["2026-02-01"], "score": [0.1]},
        timezone="Europe/Paris",
        engine=DuckDBEngine(),
    )
    assert table.states is not None
    assert table.since is not None
    assert table.occurrences is not None
    table.states()
    table.since(2)
    said.append(table.occurrences("all", "spent"))
    assert len(said) > 15
    for one in said:
        assert not {"HUGEINT", "epoch_us", "TRY_CAST", "list_position", "isfinite"} & set(one.replace("(", " ").split())
        text = sqlglot.transpile(one, read="duckdb", write=dialect)[0]
        # what is written reads back as the same statement
        assert sqlglot.parse_one(text, read=dialect) is not None
