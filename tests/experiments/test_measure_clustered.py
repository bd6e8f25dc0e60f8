"""Rows finer than the unit, and quantiles: against sums by unit in NumPy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.experiments import rows_in_units
from seatrial.experiments.measure import measure
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import contrast
from seatrial.stats.clustered_quantiles import clustered_quantile
from seatrial.stats.clusters import cluster_variance

from .unit_tables import unit_table


def metric(name: str, formula: str, *covariates: str) -> ExperimentMetric:
    return ExperimentMetric(name=name, formula=formula, covariates=covariates)


def sessions(seed: int = 0, units: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, units)
    user = np.repeat(np.arange(units), sizes)
    taste = np.repeat(rng.normal(size=units), sizes)
    n = len(user)
    x = taste + rng.normal(size=n)
    return {
        "user": user,
        "arm": (user % 2).astype(int),
        "phase": (user // 2) % 2,
        "browser": rng.integers(0, 2, n),
        "country": user % 3,
        "x": np.where(rng.random(n) < 0.1, np.nan, x),
        "y": rng.poisson(3, n).astype(float),
        "pre": np.round(taste, 2),
    }


def table_of(data: dict[str, Any], order: Any = slice(None), threads: int = 2, *, clustered: bool = True) -> Any:
    return unit_table(
        {name: data[name][order] for name in ("x", "y", "pre")},
        arm=data["arm"][order],
        phase=data["phase"][order],
        unit=data["user"][order],
        segments={"browser": (data["browser"][order], "ab"), "country": (data["country"][order], "uvw")},
        phases=("one", "two"),
        clustered=clustered,
        threads=threads,
    )


WANTED = (metric("m", "mean(x)", "pre"), metric("r", "mean(y) / mean(x**2)"))
GROUPINGS: tuple[tuple[str, ...], ...] = ((), ("browser",), ("country",))


def cells(data: dict[str, Any], grouping: tuple[str, ...]) -> Any:
    sizes = {"browser": 2, "country": 3}
    for a in range(2):
        for p in range(2):
            for s in range(sizes[grouping[0]] if grouping else 1):
                here = (data["arm"] == a) & (data["phase"] == p)
                if grouping:
                    here &= data[grouping[0]] == s
                yield a, p, s, here


def test_few_units_have_the_variance_for_few_clusters() -> None:
    data = sessions()
    found = measure(table_of(data), WANTED, GROUPINGS)
    for grouping in GROUPINGS:
        m = found["m"].by[grouping]
        assert "CR2" in m.method
        for a, p, s, here in cells(data, grouping):
            ok = here & ~np.isnan(data["x"])
            x, user = data["x"][ok], data["user"][ok]
            codes = np.unique(user, return_inverse=True)[1]
            value = x.mean()
            expected = cluster_variance(
                np.bincount(codes, x - value), np.bincount(codes), np.zeros(codes.max() + 1, int), 1
            )
            np.testing.assert_allclose(m.value[a, p, s], value, rtol=1e-12)
            np.testing.assert_allclose(m.variance[a, p, s], expected.variance[0], rtol=1e-10)
            np.testing.assert_allclose(m.df[a, p, s], expected.df[0], rtol=1e-10)
            assert m.n[a, p, s] == codes.max() + 1


def test_ratio_of_two_means_over_rows_is_one_over_units() -> None:
    data = sessions()
    r = measure(table_of(data), WANTED)["r"].by[()]
    for a, p, s, here in cells(data, ()):
        y, x2 = data["y"][here], data["x"][here] ** 2
        got = ~np.isnan(x2)
        value = y.mean() / x2[got].mean()
        np.testing.assert_allclose(r.value[a, p, s], value, rtol=1e-12)
        codes = np.unique(data["user"][here], return_inverse=True)[1]
        psi_y = np.bincount(codes, y - y.mean()) / len(y)
        psi_x = np.bincount(codes, np.where(got, x2 - x2[got].mean(), 0.0)) / got.sum()
        influence = (psi_y - value * psi_x) / x2[got].mean()
        plain = (influence**2).sum()
        np.testing.assert_allclose(r.variance[a, p, s], plain, rtol=0.05)  # CR2 differs by the units' leverage


@pytest.mark.parametrize("name", ["m", "r"])
def test_many_units_go_by_the_delta_method(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    data = sessions(units=3_000)
    few = measure(table_of(data), WANTED, GROUPINGS)[name]
    monkeypatch.setattr(rows_in_units, "FEW", 10)
    many = measure(table_of(data), WANTED, GROUPINGS)[name]
    for grouping in GROUPINGS:
        a, b = few.by[grouping], many.by[grouping]
        assert "delta" in b.method
        np.testing.assert_array_equal(a.n, b.n)
        np.testing.assert_allclose(a.value, b.value, rtol=1e-11)
        np.testing.assert_allclose(a.variance, b.variance, rtol=0.02)
        if name == "m":
            np.testing.assert_allclose(a.covariates, b.covariates, rtol=1e-9)
            np.testing.assert_allclose(a.with_covariates, b.with_covariates, rtol=0.03)
            factor = contrast(b, 1, adjusted=True).variance_factor
            assert (factor < 0.9).all()


def test_delta_method_over_units_is_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_in_units, "FEW", 0)
    data = sessions()
    m = measure(table_of(data), WANTED)["m"].by[()]
    for a, p, s, here in cells(data, ()):
        ok = here & ~np.isnan(data["x"])
        codes = np.unique(data["user"][ok], return_inverse=True)[1]
        total, count = np.bincount(codes, data["x"][ok]), np.bincount(codes)
        psi = (total - total.sum() / count.sum() * count) / count.mean()
        np.testing.assert_allclose(m.variance[a, p, s], psi.var(ddof=1) / len(psi), rtol=1e-9)


def test_any_order_of_the_rows_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sessions()
    order = np.random.default_rng(3).permutation(len(data["x"]))
    for few in (20_000, 0):
        monkeypatch.setattr(rows_in_units, "FEW", few)
        first = measure(table_of(data, threads=1), WANTED, GROUPINGS)
        second = measure(table_of(data, order, threads=4), WANTED, GROUPINGS)
        for name, one in first.items():
            for grouping, means in one.by.items():
                other = second[name].by[grouping]
                for field in ("n", "value", "variance", "df", "covariates", "with_covariates"):
                    assert getattr(means, field).tobytes() == getattr(other, field).tobytes()


def test_too_few_clusters_are_a_reason() -> None:
    data = sessions(units=8)
    m = measure(table_of(data), WANTED)["m"].by[()]
    assert m.reasons[0] is not None
    assert "effective clusters" in m.reasons[0]


def test_quantiles_are_those_of_the_clustered_method() -> None:
    data = sessions(units=600)
    p90 = metric("tail", "p90(x)")
    found = measure(table_of(data), [p90], GROUPINGS)["tail"]
    plain = table_of(data, clustered=False)
    over_events = replace(
        plain,
        occurrences=lambda name, column: f"SELECT *, {plain.columns[column]} AS value FROM {plain.table}",
    )
    again = measure(over_events, [p90], GROUPINGS)["tail"]
    for grouping in GROUPINGS:
        m = found.by[grouping]
        for a, p, s, here in cells(data, grouping):
            expected = clustered_quantile(data["x"][here], data["user"][here], 0.9)
            np.testing.assert_allclose(m.value[a, p, s], expected.value)
            np.testing.assert_allclose(m.variance[a, p, s], expected.standard_error**2)
            np.testing.assert_allclose(m.df[a, p, s], expected.df)
            assert m.n[a, p, s] == expected.units
        assert again.by[grouping].value.tobytes() == m.value.tobytes()
        assert m.covariates.shape[-1] == 0


def test_a_quantile_of_too_few_is_a_reason() -> None:
    table = unit_table({"x": np.arange(40.0)}, arm=[0, 1] * 20)
    m = measure(table, [metric("tail", "p99(x)")])["tail"].by[()]
    assert m.reasons[0] is not None
    assert "too few" in m.reasons[0]


def test_a_quantile_over_events_reads_one_column() -> None:
    table = replace(unit_table({"x": [1.0, 2], "y": [1.0, 2]}, arm=[0, 1]), occurrences=lambda m, c: "SELECT 1")
    with pytest.raises(UsageError, match="one column"):
        measure(table, [metric("tail", "p90(x + y)")])
