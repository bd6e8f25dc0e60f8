"""Ready unit tables: real experiments against published numbers, and everything that may be wrong with a table."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.experiments.table import UnitTable
from seatrial.experiments.unit_rows import units_from_rows
from seatrial.records.decision import Policy, Rule
from seatrial.records.plan import Arm, Columns, ExperimentMetric, Phase, Plan

SPENT = [ExperimentMetric(name="spending", formula="mean(spent)")]


def read(table: UnitTable, what: str = "*", more: str = "") -> list[tuple[Any, ...]]:
    columns = table.engine.query(f"SELECT {what} FROM {table.table} {more}")
    lists = [[None if v is None or v != v else v for v in column.tolist()] for column in columns.values()]
    return list(zip(*lists, strict=True))


def plan(**more: Any) -> Plan:
    return Plan(
        name="test",
        control="A",
        arms=(Arm(name="A"), Arm(name="B")),
        metrics=tuple(SPENT),
        policy=Policy(rules=(Rule(metric="spending", role="success"),)),
        **more,
    )


def test_cookie_cats(shared_data: Path) -> None:
    table = units_from_rows(
        shared_data / "experiments_cookie_cats" / "cookie_cats.csv.gz",
        metrics=[
            ExperimentMetric(name="kept", formula="mean(retention_7 == 1)"),
            ExperimentMetric(name="rounds", formula="mean(sum_gamerounds)", winsorize=500),
        ],
        control="gate_30",
    )
    assert table.arms == ("gate_30", "gate_40")
    assert table.unit == "userid"
    assert table.counts.units == table.counts.exposures == 90_189
    assert table.states is None
    assert table.columns.keys() == {"retention_7", "rounds/sum_gamerounds"}
    found = read(table, f"arm, COUNT(*), AVG({table.columns['retention_7']})", "GROUP BY arm ORDER BY arm")
    assert [row[:2] for row in found] == [(0, 44_700), (1, 45_489)]
    assert [row[2] for row in found] == pytest.approx([0.1902, 0.1820], abs=5e-5)
    assert read(table, f"MAX({table.columns['rounds/sum_gamerounds']})") == [(500.0,)]


def test_a_table_without_units_has_a_unit_a_row(shared_data: Path) -> None:
    table = units_from_rows(
        shared_data / "experiments_rct" / "nsw_lalonde.csv",
        metrics=[ExperimentMetric(name="earned", formula="mean(re78)", covariates=("re75", "re74"))],
        segments=["black"],
    )
    assert table.arms == ("0", "1")
    assert table.unit == "row"
    assert table.segments[0].levels == ("0", "1")
    assert read(table, "COUNT(DISTINCT unit)") == [(445,)]
    earned = read(table, f"AVG({table.columns['re78']})", "GROUP BY arm ORDER BY arm")
    assert earned[1][0] - earned[0][0] == pytest.approx(1794.34, abs=0.01)  # LaLonde's experimental benchmark


def test_words_are_compared_as_words(shared_data: Path) -> None:
    table = units_from_rows(
        shared_data / "experiments_rct" / "resume_names_audit.csv",
        metrics=[ExperimentMetric(name="called", formula="mean(call == 'yes')")],
        columns=Columns(arm="ethnicity"),
        control="cauc",
        segments=["gender", "city"],
    )
    column = table.columns["called/call"]
    calls = read(table, f"arm, SUM(CASE WHEN {column} = 'yes' THEN 1 ELSE 0 END)", "GROUP BY arm ORDER BY arm")
    assert calls == [(0, 235), (1, 157)]  # Bertrand and Mullainathan, table 1
    assert [one.levels for one in table.segments] == [("female", "male"), ("boston", "chicago")]


def test_what_is_no_number_is_missing_and_counted() -> None:
    table = units_from_rows(
        {
            "arm": ["A"] * 4 + ["B"] * 4,
            "spent": ["1.5", "NaN", "inf", "", "lots", "True", "false", "-3"],
        },
        metrics=SPENT,
    )
    assert table.counts.not_numbers == {"spent": 3}
    assert read(table, "SUM(c0)") == [(-0.5,)]
    assert read(table, "arm, c0") == [
        (0, 1.5), (0, None), (0, None), (0, None), (1, None), (1, 1.0), (1, 0.0), (1, -3.0)
    ]  # fmt: skip


def test_nan_of_a_data_frame_and_booleans(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"arm": [True, False, True, False], "spent": [1.0, float("nan"), None, 2.0], "kept": [True, None, False, True]}
    )
    frame.write_parquet(tmp_path / "units.parquet")
    for given in (frame, tmp_path / "units.parquet"):
        table = units_from_rows(
            given,
            metrics=[*SPENT, ExperimentMetric(name="kept", formula="mean(kept == 1)")],
            columns=Columns(arm="arm"),
        )
        assert table.arms == ("false", "true")
        assert table.counts.not_numbers == {"spent": 1}
        present = f"COUNT({table.columns['spent']}), SUM({table.columns['spent']})"
        assert read(table, present) == [(2, 3.0)]  # NULL, for a NaN would spoil the sum
        found = read(table, f"arm, {table.columns['spent']}, {table.columns['kept']}")
        assert sorted(found, key=str) == [(0, 2.0, 1.0), (0, None, None), (1, 1.0, 1.0), (1, None, 0.0)]


@pytest.mark.parametrize("control", ["control", "A", "baseline", "off", "0", "False"])
def test_the_control_is_told_by_its_name(control: str) -> None:
    table = units_from_rows({"variant": ["zz", control], "spent": [1.0, 2.0]}, metrics=SPENT)
    assert table.arms == (control, "zz")


def test_the_control_has_to_be_said_where_names_do_not_tell() -> None:
    rows = {"variant": ["red", "blue", "A", "control"], "spent": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(UsageError, match=r"say which is the control: --control"):
        units_from_rows(rows, metrics=SPENT)
    assert units_from_rows(rows, metrics=SPENT, control="Red").arms[0] == "red"
    with pytest.raises(UsageError, match=r"no arm 'rad' \(--control\). Did you mean 'red'\?"):
        units_from_rows(rows, metrics=SPENT, control="rad")


def test_arms_written_as_numbers_are_one_arm() -> None:
    table = units_from_rows({"treat": ["0", "0.0", "1", "1.0"], "spent": [1.0, 2.0, 3.0, 4.0]}, metrics=SPENT)
    assert table.arms == ("0", "1")
    assert read(table, "arm, COUNT(*)", "GROUP BY arm ORDER BY arm") == [(0, 2), (1, 2)]


def test_units_in_two_arms_are_left_out_and_counted() -> None:
    rows = {
        "user_id": ["a", "b", "b", "c", "d"],
        "variant": ["A", "A", "B", "B", "B"],
        "spent": [1.0, 2.0, 3.0, 4.0, 5.0],
        "exposed_at": ["2026-03-01", "2026-03-03", "2026-03-02", "2026-03-01", "2026-03-04"],
    }
    table = units_from_rows(rows, metrics=SPENT)
    assert table.counts.crossovers == 1
    assert table.counts.crossovers_by_arm == {"B": 1}
    assert table.counts.units == 3
    assert sorted(row[0] for row in read(table, "unit")) == ["a", "c", "d"]
    kept = units_from_rows(rows, metrics=SPENT, crossovers="first")
    assert sorted(read(kept, "unit, arm, c0")) == [("a", 0, 1.0), ("b", 1, 3.0), ("c", 1, 4.0), ("d", 1, 5.0)]
    with pytest.raises(UsageError, match="--time"):
        units_from_rows({k: v for k, v in rows.items() if k != "exposed_at"}, metrics=SPENT, crossovers="first")


def test_units_that_repeat_need_a_cluster() -> None:
    rows = {"user_id": [1, 1, 2, 3], "variant": ["A", "A", "A", "B"], "spent": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(UsageError, match=r"1 values of 'user_id' stand in several rows of one arm \(one is '1'\)"):
        units_from_rows(rows, metrics=SPENT)
    table = units_from_rows(rows, metrics=SPENT, cluster="user_id")
    assert table.clustered
    assert table.counts.units == 3
    assert read(table, "COUNT(*)") == [(4,)]


def test_arms_outside_the_plan_are_counted_and_left_out() -> None:
    rows = {"arm": ["A", "B", "C", "C", None, " "], "spent": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    table = units_from_rows(rows, metrics=SPENT, plan=plan())
    assert table.arms == ("A", "B")
    assert table.counts.unknown_arm == {"C": 2}
    assert table.counts.missing_arm == 2
    assert table.counts.units == 2
    with pytest.raises(DataError, match=r"none of the plan's arms A, B; it holds X, Y"):
        units_from_rows({"arm": ["X", "Y"], "spent": [1.0, 2.0]}, metrics=SPENT, plan=plan())


def test_an_arm_of_the_plan_may_be_empty() -> None:
    table = units_from_rows({"arm": ["A", "A", "a"], "spent": [1.0, 2.0, 3.0]}, metrics=SPENT, plan=plan())
    assert table.arms == ("A", "B")
    assert read(table, "arm, COUNT(*)", "GROUP BY arm") == [(0, 3)]


def test_one_arm_without_a_plan_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="only the arm 'A'; two arms are needed"):
        units_from_rows({"arm": ["A", "A"], "spent": [1.0, 2.0]}, metrics=SPENT)


@pytest.mark.parametrize(
    ("names", "columns", "message"),
    [
        (["colour", "spent"], Columns(), r"no column has a usual name for the arm; name it with --arm"),
        (["arm", "variant", "spent"], Columns(), r"columns could be the arm: arm, variant. Say which with --arm arm"),
        (["arm", "spent"], Columns(arm="arms"), r"no column 'arms' \(--arm\). Did you mean 'arm'\?"),
        (["arm", "spend"], Columns(), r"Metric 'spending': there is no column 'spent'. Did you mean 'spend'\?"),
    ],
)  # fmt: skip
def test_a_column_that_is_not_there(names: list[str], columns: Columns, message: str) -> None:
    rows = {name: [1, 2] if name.startswith("sp") else ["A", "B"] for name in names}
    with pytest.raises(UsageError, match=message):
        units_from_rows(rows, metrics=SPENT, columns=columns)


def test_a_plan_tells_two_columns_of_groups_apart() -> None:
    rows = {"arm": ["A", "B"], "variant": ["red", "blue"], "spent": [1.0, 2.0]}
    assert units_from_rows(rows, metrics=SPENT, plan=plan()).arms == ("A", "B")


def test_days_and_phases_are_in_the_plan_s_zone() -> None:
    rows = {
        "arm": ["A", "B", "A", "B"],
        "spent": [1.0, 2.0, 3.0, 4.0],
        "exposed_at": [
            "2026-03-28T23:30:00Z",
            "2026-03-29 01:30:00",
            "2026-03-29 23:59:59",
            "2026-03-30T00:00:00+02:00",
        ],
    }
    phases = (Phase(start="2026-03-28", weights={}), Phase(start="2026-03-30", weights={}))
    table = units_from_rows(rows, metrics=SPENT, plan=plan(phases=phases, timezone="Europe/Paris"))
    # 23:30 UTC is 00:30 in Paris on the 29th, when clocks go forward at 2; +02:00 on the 30th is Paris summer time
    assert table.first_day == "2026-03-29"
    assert read(table, "day, phase") == [(0, 0), (0, 0), (0, 0), (1, 1)]
    assert table.phases == ("2026-03-28", "2026-03-30")
    assert table.as_of == "2026-03-30T00:00:00+02:00"
    assert table.days == pytest.approx(22.5 / 24)
    assert table.states is not None
    states = table.engine.query(f"SELECT day, c0, p_c0 FROM {table.states()} ORDER BY c0")
    assert states["day"].tolist() == [0, 0, 0, 1]
    assert states["c0"].tolist() == [1, 2, 3, 4]
    assert np.isnan(states["p_c0"].astype(float)).all()


def test_phases_from_a_column_stand_in_the_order_of_their_first_exposure() -> None:
    rows = {
        "arm": ["A", "B", "A", "B"],
        "phase": ["ramp", "full", None, "ramp"],
        "ts": ["2026-03-01", "2026-02-01", "2026-03-02", "2026-03-02"],
        "spent": [1.0, 2.0, 3.0, 4.0],
    }
    table = units_from_rows(rows, metrics=SPENT)
    assert table.phases == ("full", "ramp", "(missing)")
    assert [row[0] for row in read(table, "phase", "ORDER BY c0")] == [1, 0, 2, 1]


def test_rows_after_the_as_of_time_are_not_there_yet() -> None:
    rows = {
        "arm": ["A", "B", "A", "B"],
        "ts": ["2026-03-01", "2026-03-02", "2026-03-03", "soon"],
        "spent": [1, 2, 3, 4],
    }
    table = units_from_rows({k: v * 10 for k, v in rows.items()} | {"ts": [*rows["ts"][:3], "2026-03-01"] * 10},
                            metrics=SPENT, as_of="2026-03-02")  # fmt: skip
    assert table.counts.exposures_after_as_of == 10
    assert table.counts.units == 30
    assert table.as_of == "2026-03-02T23:59:59.999999+00:00"
    with pytest.raises(DataError, match=r"1 of 4 values of 'ts' cannot be read as times \(one is 'soon'\)"):
        units_from_rows(rows, metrics=SPENT, columns=Columns(time="ts"))


def test_windows_close_as_of_the_time() -> None:
    metric = ExperimentMetric(name="week", formula="mean(spent)", window="7d", missing="zero")
    rows = {"arm": ["A", "B", "A"], "ts": ["2026-03-01", "2026-03-02", "2026-03-09"], "spent": [1.0, None, 3.0]}
    table = units_from_rows(rows, metrics=[metric], as_of="2026-03-10")
    assert read(table, table.columns["week/spent"], "ORDER BY day") == [(1.0,), (0.0,), (None,)]


def test_a_condition_leaves_rows_out_of_its_metric() -> None:
    metrics = [
        ExperimentMetric(name="german", formula="mean(spent)", where="country == 'DE'"),
        ExperimentMetric(name="all", formula="mean(spent)"),
    ]
    rows = {"arm": ["A", "B", "A"], "country": ["DE", "FR", None], "spent": [1.0, 2.0, 3.0]}
    table = units_from_rows(rows, metrics=metrics)
    assert read(table, f"{table.columns['german/spent']}, {table.columns['spent']}") == [
        (1.0, 1.0),
        (None, 2.0),
        (None, 3.0),
    ]


def test_segments_keep_missing_as_a_level_and_refuse_too_many() -> None:
    rows = {"arm": ["A", "B"] * 150, "country": [None, *(f"c{at}" for at in range(299))], "spent": [1.0] * 300}
    with pytest.raises(UsageError, match="--segment country: the column has 299 different values"):
        units_from_rows(rows, metrics=SPENT, segments=["country"])
    few = {"arm": ["A", "B", "A"], "country": ["b", "", "a"], "spent": [1.0, 2.0, 3.0]}
    table = units_from_rows(few, metrics=SPENT, segments=["country"], plan=plan(segments=("country",)))
    assert table.segments[0].levels == ("a", "b", "(missing)")
    assert table.segments[0].planned
    assert read(table, "s0") == [(1,), (2,), (0,)]
    with pytest.raises(UsageError, match=r"no column 'county' \(--segment\). Did you mean 'country'\?"):
        units_from_rows(few, metrics=SPENT, segments=["county"])


@pytest.mark.parametrize("cap", [0.0, -5.0])
def test_a_cap_is_above_0(cap: float) -> None:
    metric = ExperimentMetric(name="spending", formula="mean(spent)", winsorize=cap)
    with pytest.raises(UsageError, match="winsorize is a cap above 0"):
        units_from_rows({"arm": ["A", "B"], "spent": [1.0, 2.0]}, metrics=[metric])


def test_a_parquet_table_too_large_to_copy_is_read_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.experiments.unit_rows.KEPT_CELLS", 10)
    rows = {"user_id": [*range(40), 0], "arm": ["A", "B"] * 20 + ["B"], "spent": [float(at) for at in range(41)]}
    pl.DataFrame(rows).write_parquet(tmp_path / "units.parquet")
    for given in (tmp_path / "units.parquet", pl.DataFrame(rows)):
        table = units_from_rows(given, metrics=SPENT)
        assert table.counts.crossovers == 1
        assert read(table, "COUNT(*), SUM(c0)") == [(39, sum(range(1, 40)))]


def test_quantiles_of_a_ready_table_are_taken_over_its_rows() -> None:
    table = units_from_rows({"arm": ["A", "B", "B"], "spent": [1.0, None, 3.0]}, metrics=SPENT)
    assert table.occurrences is not None
    found = table.engine.query(table.occurrences("spending", "spent"))
    assert found["value"].tolist() == [1.0, 3.0]
    assert found["arm"].tolist() == [0, 1]
