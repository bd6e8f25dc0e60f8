"""Parquet read in place against the same rows copied: every shortcut gives the same bytes, or is not taken."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from seatrial.actions.analyze import ReadoutResult, analyze
from seatrial.errors import UsageError
from seatrial.experiments import repeats, sums, unit_rows
from seatrial.experiments.measure import measure
from seatrial.experiments.table import UnitTable
from seatrial.experiments.unit_rows import units_from_rows
from seatrial.records.plan import Columns, ExperimentMetric

N = 3_000
METRICS = {"spending": "mean(spent)", "value": "spent / orders", "bought": "mean(orders > 0)", "few": "mean(orders)"}
COVARIATES = {"spending": "mean(before)"}
COLUMNS = {"unit": "user", "arm": "arm"}


def rows(seed: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    orders = rng.poisson(1.5, N)
    return {
        "user": rng.permutation(N) + 50,
        "arm": np.array(["A", "B", "C"])[rng.integers(0, 3, N)].tolist(),
        "place": np.array(["n", "s", "e", "w", "m"])[rng.integers(0, 5, N)].tolist(),
        "spent": np.round(orders * rng.gamma(3.0, 4.0, N), 2),
        "orders": orders,
        "before": np.round(rng.gamma(3.0, 4.0, N), 2),
    }


def clean(_data: dict[str, Any]) -> None: ...


def not_a_number(data: dict[str, Any]) -> None:
    data["spent"][[5, 1_700]] = np.nan


def infinite(data: dict[str, Any]) -> None:
    data["spent"][2_900] = np.inf
    data["before"][[7, 8]] = [np.inf, -np.inf]


def both_missing(data: dict[str, Any]) -> None:
    """What is no number stands where another column of the formula is missing."""
    data["spent"][2_950] = np.nan
    orders = data["orders"].tolist()
    orders[2_950] = orders[3] = None
    data["orders"] = orders


def written_differently(data: dict[str, Any]) -> None:
    data["arm"] = [f" {arm}" if at % 7 == 0 else arm for at, arm in enumerate(data["arm"])]
    data["place"] = [f"{place} " if at % 5 == 0 else place for at, place in enumerate(data["place"])]


def missing_units(data: dict[str, Any]) -> None:
    data["user"] = [None if at % 50 == 0 else f"visitor {n:09d}" for at, n in enumerate(data["user"].tolist())]


def missing_texts(data: dict[str, Any]) -> None:
    data["arm"][10:20] = [None, "", "  ", "A", None, "B", "", "C", None, None]
    data["place"][100:104] = ["", " ", None, "n"]


def negative(data: dict[str, Any]) -> None:
    data["spent"][::40] = -3.0


def one_carries_an_arm(data: dict[str, Any]) -> None:
    data["spent"][17] = 1e7


def in_two_arms(data: dict[str, Any]) -> None:
    data["user"][1], data["user"][2_000] = data["user"][0], data["user"][1_999]
    for at, arm in ((0, "A"), (1, "B"), (1_999, "C"), (2_000, "A")):
        data["arm"][at] = arm


def texts_as_units(data: dict[str, Any]) -> None:
    in_two_arms(data)
    data["user"] = [f"visitor {number:09d}" for number in data["user"].tolist()]


def short_texts_as_units(data: dict[str, Any]) -> None:
    in_two_arms(data)
    data["user"] = [f"u{number}" for number in data["user"].tolist()]
    data["user"][50:52] = ["na", "None"]


CASES = (
    clean,
    not_a_number,
    infinite,
    both_missing,
    written_differently,
    missing_units,
    missing_texts,
    negative,
    one_carries_an_arm,
    in_two_arms,
    texts_as_units,
    short_texts_as_units,
)


def asked(units: Any) -> ReadoutResult:
    return analyze(
        units=units,
        metrics=METRICS,
        covariates=COVARIATES,
        primary=list(METRICS),
        segments=["place"],
        control="A",
        columns=COLUMNS,
    )


def as_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_rows, "KEPT_CELLS", 0)
    monkeypatch.setattr(sums, "LOOK_WHOLE", 100)
    monkeypatch.setattr(sums, "LOOK_FIRST", 500)
    monkeypatch.setattr(repeats, "HASHED_FROM", 10)
    monkeypatch.setattr(repeats, "HASHES_AT_ONCE", 700)
    monkeypatch.setattr(repeats, "MARKS", 0)


@pytest.mark.parametrize("spoil", CASES, ids=lambda spoil: spoil.__name__)
def test_in_place_and_copied_give_the_same_bytes(spoil: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows()
    spoil(data)
    path = tmp_path / "units.parquet"
    pl.DataFrame(data).write_parquet(path, row_group_size=800)
    copied = asked(path)
    as_a_large_file(monkeypatch)
    read = asked(path)
    assert read.to_json() == copied.to_json()
    given = asked(pl.DataFrame(data)).readout  # a frame has no statistics, and its texts are coded as they are read
    assert read.readout.effects == given.effects
    assert read.readout.estimates == given.estimates
    assert read.readout.units == given.units
    assert read.readout.health == given.health


@pytest.mark.parametrize("marks", [0, 10**6])
def test_a_unit_twice_in_one_arm_is_refused_in_place_too(
    marks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rows()
    data["user"][7], data["arm"][7] = data["user"][2_500], data["arm"][2_500]
    path = tmp_path / "units.parquet"
    pl.DataFrame(data).write_parquet(path)
    as_a_large_file(monkeypatch)
    monkeypatch.setattr(repeats, "MARKS", marks)
    with pytest.raises(UsageError, match="1 values of 'user' stand in several rows of one arm"):
        asked(path)


@pytest.mark.parametrize(
    ("spoil", "said"), [(negative, "'spent' is below 0 for 75 units"), (one_carries_an_arm, "of all 'spent' of arm")]
)
def test_bounds_hide_nothing(spoil: Any, said: str, tmp_path: Path) -> None:
    data = rows()
    spoil(data)
    path = tmp_path / "units.parquet"
    pl.DataFrame(data).write_parquet(path)
    found = analyze(units=path, metrics={"spent": "mean(spent)"}, control="A", columns=COLUMNS).readout.health
    assert any(said in finding.sentence for finding in found)


def test_units_are_counted_whether_or_not_they_have_the_metric(tmp_path: Path) -> None:
    data = rows()
    both_missing(data)
    path = tmp_path / "units.parquet"
    pl.DataFrame(data).write_parquet(path)
    found = analyze(units=path, metrics={"few": "mean(orders)"}, control="A", columns=COLUMNS).readout.units
    assert [one.units for one in found] == [data["arm"].count(name) for name in "ABC"]


def in_place(data: dict[str, Any], folder: Path, formula: str) -> tuple[UnitTable, list[ExperimentMetric]]:
    path = folder / "units.parquet"
    pl.DataFrame(data).write_parquet(path, row_group_size=800)
    metrics = [ExperimentMetric(name="it", formula=formula)]
    return units_from_rows(path, metrics=metrics, columns=Columns(**COLUMNS), control="A"), metrics


@pytest.mark.parametrize("spoil", [not_a_number, infinite])
def test_what_is_not_finite_is_found_without_looking(
    spoil: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_a_large_file(monkeypatch)
    data = rows()
    spoil(data)
    table, metrics = in_place(data, tmp_path, "mean(spent)")
    assert table.as_is is not None
    means = measure(table, metrics)["it"].by[()]
    spent = np.where(np.isfinite(data["spent"]), data["spent"], np.nan)
    arm = np.array(data["arm"])
    assert means.n[:, 0, 0].tolist() == [np.isfinite(spent[arm == name]).sum() for name in "ABC"]
    assert means.value[:, 0, 0] == pytest.approx([np.nanmean(spent[arm == name]) for name in "ABC"], rel=1e-12)


def test_a_formula_that_may_hide_what_is_not_finite_is_not_scanned_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_a_large_file(monkeypatch)
    data = rows()
    infinite(data)
    table, metrics = in_place(data, tmp_path, "mean(spent > 10)")
    means = measure(table, metrics)["it"].by[()]
    assert means.n.sum() == N - 1  # infinity is no number, not one above 10


def test_bounds_hold_all_values_and_are_of_plain_columns_only(tmp_path: Path) -> None:
    data = rows()
    negative(data)
    path = tmp_path / "units.parquet"
    pl.DataFrame(data).write_parquet(path, row_group_size=800)
    metrics = [
        ExperimentMetric(name="plain", formula="spent / orders"),
        ExperimentMetric(name="capped", formula="mean(spent)", winsorize=20.0),
    ]
    table = units_from_rows(path, metrics=metrics, columns=Columns(**COLUMNS), control="A")
    assert table.bounds is not None
    found = table.bounds(sorted(set(table.columns.values())))
    spent, orders, capped = (table.columns[name] for name in ("spent", "orders", "capped/spent"))
    assert found == {spent: (-3.0, data["spent"].max()), orders: (0.0, float(data["orders"].max()))}
    assert capped not in found
