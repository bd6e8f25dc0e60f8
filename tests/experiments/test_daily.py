"""Daily values from states, and values by days since exposure, against NumPy day by day."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.experiments.daily import daily
from seatrial.experiments.measure import measure
from seatrial.experiments.since import since_exposure
from seatrial.records.plan import ExperimentMetric

from .unit_tables import unit_table

DAYS, UNITS = 9, 800
METRICS = (
    ExperimentMetric(name="rpu", formula="mean(revenue)", covariates=("pre", "holes")),
    ExperimentMetric(name="aov", formula="revenue / orders"),
    ExperimentMetric(name="buyers", formula="mean(orders > 0)"),
    ExperimentMetric(name="late", formula="mean(rating)"),
)


def history(seed: int = 0) -> dict[str, Any]:
    """Values of every unit at the end of every day: (units, days), NaN before the first exposure."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, DAYS, UNITS)
    day = np.arange(DAYS)
    there = day >= start[:, None]
    bought = (rng.random((UNITS, DAYS)) < 0.15) & there
    spent = np.where(bought, np.exp(rng.normal(2, 1, (UNITS, DAYS))), 0.0)
    rated = (rng.random((UNITS, DAYS)) < 0.2) & there
    last = np.maximum.accumulate(np.where(rated, day, -1), axis=1)
    stars = rng.integers(1, 6, (UNITS, DAYS)).astype(float)
    rating = np.where(last >= 0, np.take_along_axis(stars, np.maximum(last, 0), axis=1), np.nan)
    pre = rng.gamma(2.0, 3.0, UNITS)
    holes = np.where(rng.random(UNITS) < 0.25, np.nan, pre)
    nowhere = np.where(there, 0.0, np.nan)
    return {
        "start": start,
        "arm": rng.integers(0, 2, UNITS),
        "phase": (start >= 4).astype(int),
        "revenue": spent.cumsum(axis=1) + nowhere,
        "orders": bought.cumsum(axis=1) + nowhere,
        "rating": rating + nowhere,
        "pre": pre[:, None] + nowhere,
        "holes": holes[:, None] + nowhere,
    }


NAMES = ("revenue", "orders", "rating", "pre", "holes")


def at_day(data: dict[str, Any], day: int) -> Any:
    """The unit table as it would have been made at the end of a day."""
    seen = data["start"] <= day
    return unit_table(
        {name: data[name][seen, day] for name in NAMES},
        arm=data["arm"][seen],
        phase=data["phase"][seen],
        phases=("one", "two"),
    )


def with_states(data: dict[str, Any], *, shuffled: int | None = None, first_day: str | None = "2024-03-29") -> Any:
    rows: dict[str, list[Any]] = {k: [] for k in ("unit", "arm", "phase", "day")}
    rows |= {f"{p}c{i}": [] for i in range(len(NAMES)) for p in ("", "p_")}
    for u in range(UNITS):
        before = [np.nan] * len(NAMES)
        for day in range(data["start"][u], DAYS):
            now = [float(data[name][u, day]) for name in NAMES]
            if day == data["start"][u] or not np.array_equal(now, before, equal_nan=True):
                for key, value in (
                    ("unit", f"u{u}"),
                    ("arm", data["arm"][u]),
                    ("phase", data["phase"][u]),
                    ("day", day),
                ):
                    rows[key].append(value)
                for i in range(len(NAMES)):
                    rows[f"c{i}"].append(now[i])
                    rows[f"p_c{i}"].append(before[i])
                before = now
    held = {k: np.array(v) for k, v in rows.items()}
    if shuffled is not None:
        order = np.random.default_rng(shuffled).permutation(len(held["day"]))
        held = {k: v[order] for k, v in held.items()}
    table = at_day(data, DAYS - 1)
    table.engine.connection.register("given", held)
    numbers = [k for k in held if k.startswith(("c", "p_"))]
    wanted = ", ".join(
        [*(k for k in held if k not in numbers), *(f"nullif({k}, 'nan'::DOUBLE) AS {k}" for k in numbers)]
    )
    table.engine.execute(f"CREATE TABLE states AS SELECT {wanted} FROM given")
    return replace(table, states=lambda: "states", first_day=first_day)


def test_every_day_is_what_measuring_that_day_says() -> None:
    data = history()
    found = daily(with_states(data), METRICS)
    for one in METRICS:
        assert len(found[one.name].days) == DAYS
        for day in range(DAYS):
            means = found[one.name].means.at(day)
            expected = measure(at_day(data, day), [replace_covariates(one)])[one.name].by[()]
            np.testing.assert_array_equal(means.n, expected.n)
            np.testing.assert_allclose(means.value, expected.value, rtol=1e-9)
            np.testing.assert_allclose(means.variance, expected.variance, rtol=1e-9, atol=1e-18)
            np.testing.assert_allclose(means.skewness, expected.skewness, rtol=1e-6)
            assert (means.count is None) == (expected.count is None)
            if means.count is not None and expected.count is not None:
                np.testing.assert_array_equal(means.count, expected.count)


def replace_covariates(metric: ExperimentMetric) -> ExperimentMetric:
    """Early tables may lack no covariate, and then have no indicator: compared on the last day only."""
    return metric.model_copy(update={"covariates": ()})


def test_the_last_day_is_the_whole_with_covariates() -> None:
    data = history()
    table = with_states(data)
    means = daily(table, METRICS)["rpu"].means.at(-1)
    expected = measure(table, METRICS)["rpu"].by[()]
    assert means.covariates.shape[-1] == 3
    for name in ("value", "variance", "covariates", "with_covariates", "between_covariates"):
        np.testing.assert_allclose(getattr(means, name), getattr(expected, name), rtol=1e-9, atol=1e-13)


def test_any_order_of_the_states_gives_the_same_bytes() -> None:
    data = history(1)
    first, second = (daily(with_states(data, shuffled=s), METRICS) for s in (None, 7))
    for name, one in first.items():
        for field in ("n", "value", "variance", "covariates", "between_covariates"):
            assert getattr(one.means, field).tobytes() == getattr(second[name].means, field).tobytes()


def test_days_have_dates_where_the_first_is_known() -> None:
    data = history()
    assert daily(with_states(data), METRICS[:1])["rpu"].days[:4] == (
        "2024-03-29",
        "2024-03-30",
        "2024-03-31",
        "2024-04-01",
    )
    assert daily(with_states(data, first_day=None), METRICS[:1])["rpu"].days[2] == "day 3"


def test_no_times_and_quantiles_have_no_days() -> None:
    data = history()
    assert daily(at_day(data, 5), METRICS) == {}
    tail = ExperimentMetric(name="tail", formula="p90(revenue)")
    assert list(daily(with_states(data), [tail, METRICS[0]])) == ["rpu"]


def with_since(days: int) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(4)
    arm, phase = rng.integers(0, 2, UNITS), rng.integers(0, 2, UNITS)
    taste = rng.gamma(2.0, 1.0, UNITS)[:, None]
    views = rng.poisson(3 * taste, (UNITS, days)) + 1.0
    clicks = rng.binomial(views.astype(int), 0.3).astype(float)
    rating = np.where(rng.random((UNITS, days)) < 0.5, rng.normal(3, 1, (UNITS, days)) + taste, np.nan)
    rating[:20] = np.nan
    table = unit_table({"clicks": [1.0, 2], "views": [1.0, 2], "rating": [1.0, 2]}, arm=[0, 1], phases=("one", "two"))
    held: dict[str, Any] = {"unit": np.arange(UNITS), "arm": arm, "phase": phase}
    for i, values in enumerate((clicks, views, rating)):
        held |= {f"c{i}_d{d}": values[:, d] for d in range(days)}
    table.engine.connection.register("given", held)
    numbers = ", ".join(f"nullif({k}, 'nan'::DOUBLE) AS {k}" for k in held if k.startswith("c"))
    table.engine.execute(f"CREATE TABLE since AS SELECT unit, arm, phase, {numbers} FROM given")
    data = {"arm": arm, "phase": phase, "clicks": clicks, "views": views, "rating": rating}
    return replace(table, since=lambda d: "since"), data


def test_days_since_exposure_have_the_covariance_of_units() -> None:
    days = 5
    table, data = with_since(days)
    wanted = [
        ExperimentMetric(name="ctr", formula="clicks / views"),
        ExperimentMetric(name="clicks", formula="clicks"),
        ExperimentMetric(name="stars", formula="mean(rating)"),
    ]
    found = since_exposure(table, wanted, days)
    for a in range(2):
        for p in range(2):
            here = (data["arm"] == a) & (data["phase"] == p)
            c, v, r = (data[k][here] for k in ("clicks", "views", "rating"))
            ratio = c.mean(axis=0) / v.mean(axis=0)
            rated = ~np.isnan(r)
            some = rated.any(axis=1)
            stars = np.nanmean(r, axis=0)
            psi = {
                "clicks": c - c.mean(axis=0),
                "ctr": (c - ratio * v) / v.mean(axis=0),
                "stars": (np.where(rated, r - stars, 0.0) / rated[some].mean(axis=0))[some],
            }
            value = {"clicks": c.mean(axis=0), "ctr": ratio, "stars": stars}
            for name, one in found.items():
                n = len(psi[name])
                assert one.n[a, p] == n
                np.testing.assert_allclose(one.values[a, p], value[name], rtol=1e-10)
                expected = np.cov(psi[name].T) / n
                np.testing.assert_allclose(one.covariance[a, p], expected, rtol=1e-8, atol=1e-9 * expected.max())


def test_days_since_exposure_need_times_and_a_day() -> None:
    table, _ = with_since(2)
    assert since_exposure(replace(table, since=None), METRICS, 3) == {}
    with pytest.raises(UsageError, match="1 or more"):
        since_exposure(table, METRICS, 0)
