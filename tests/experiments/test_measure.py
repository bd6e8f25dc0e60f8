"""`measure` against NumPy on random tables: means, ratios, covariates with gaps, phases, segments."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seatrial.errors import DataError, UsageError
from seatrial.experiments import cell_query, sums
from seatrial.experiments.measure import measure
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import ArmMeans, contrast

from .unit_tables import unit_table

ARRAYS = ("n", "value", "variance", "df", "covariates", "with_covariates", "between_covariates")


def metric(name: str, formula: str, *covariates: str) -> ExperimentMetric:
    return ExperimentMetric(name=name, formula=formula, covariates=covariates)


def example(n: int = 3_000, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    pre = np.exp(rng.normal(1, 1, n))
    revenue = pre * np.exp(rng.normal(0.2, 0.7, n)) + 0.01
    views = rng.poisson(6, n) + 1.0
    clicks = rng.binomial(views.astype(int), 0.3).astype(float)
    revenue[rng.random(n) < 0.1] = np.nan
    clicks[rng.random(n) < 0.05] = np.nan
    return {
        "arm": rng.integers(0, 3, n),
        "phase": rng.integers(0, 2, n),
        "country": rng.integers(0, 4, n),
        "device": rng.integers(0, 3, n),
        "revenue": revenue,
        "pre": pre,
        "holes": np.where(rng.random(n) < 0.3, np.nan, pre),
        "clicks": clicks,
        "views": views,
        "retained": (rng.random(n) < 0.2).astype(float),
    }


COLUMNS = ("revenue", "pre", "holes", "clicks", "views", "retained")
METRICS = (
    metric("rpu", "mean(revenue)", "pre", "holes"),
    metric("ctr", "clicks / views", "views", "revenue / views"),
    metric("rate", "retained"),
    metric("big", "mean(revenue > 5)", "pre"),
    metric("log_rpu", "log(mean(revenue)) - 0.5 * mean(clicks)"),
)
GROUPINGS = ((), ("country",), ("device",), ("country", "device"))


def table_of(data: dict[str, Any], *, threads: int = 2, order: Any = slice(None)) -> Any:
    return unit_table(
        {name: data[name][order] for name in COLUMNS},
        arm=data["arm"][order],
        phase=data["phase"][order],
        segments={"country": (data["country"][order], "abcd"), "device": (data["device"][order], "xyz")},
        unit=np.arange(len(data["arm"]))[order],
        arms=("A", "B", "C"),
        phases=("first", "second"),
        threads=threads,
    )


def brute(name: str, d: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Influences of value and covariates of the units of one cell that have the metric, with their values."""

    def mean(x: Any) -> tuple[Any, Any]:
        return x.mean(), x - x.mean()

    def ratio(a: Any, b: Any) -> tuple[Any, Any]:
        r = a.mean() / b.mean()
        return r, (a - r * b) / b.mean()

    if name == "rpu":
        ok = ~np.isnan(d["revenue"])
        hole = np.isnan(d["holes"])[ok].astype(float)
        filled = np.where(np.isnan(d["holes"]), d["fill:holes"], d["holes"])[ok]
        return mean(d["revenue"][ok]), [mean(d["pre"][ok]), mean(filled), mean(hole)], ok
    if name == "ctr":
        ok = ~np.isnan(d["clicks"])
        gap = np.isnan(d["revenue"])
        above = np.where(gap, d["fill:revenue"], d["revenue"])[ok]
        second = ratio(above, d["views"][ok])
        return ratio(d["clicks"][ok], d["views"][ok]), [mean(d["views"][ok]), second, mean(gap[ok].astype(float))], ok
    if name == "rate":
        return mean(d["retained"]), [], np.ones(len(d["views"]), bool)
    if name == "big":
        ok = ~np.isnan(d["revenue"])
        return mean((d["revenue"][ok] > 5).astype(float)), [mean(d["pre"][ok])], ok
    ok = ~np.isnan(d["revenue"]) & ~np.isnan(d["clicks"])
    r, c = d["revenue"][ok], d["clicks"][ok]
    return (np.log(r.mean()) - c.mean() / 2, (r - r.mean()) / r.mean() - (c - c.mean()) / 2), [], ok


def test_every_cell_is_what_numpy_says() -> None:
    data = example()
    data |= {f"fill:{k}": np.nanmean(data[k]) for k in ("holes", "revenue")}
    found = measure(table_of(data), METRICS, GROUPINGS)
    for one in METRICS:
        for grouping in GROUPINGS:
            means = found[one.name].by[grouping]
            slices = np.zeros(len(data["arm"]), int)
            for column, size in (("country", 4), ("device", 3)):
                if column in grouping:
                    slices = slices * size + data[column]
            assert means.shape == (3, 2, max(slices) + 1)
            assert len(found[one.name].levels[grouping]) == max(slices) + 1
            for a in range(3):
                for p in range(2):
                    for s in range(max(slices) + 1):
                        here = (data["arm"] == a) & (data["phase"] == p) & (slices == s)
                        cell = {k: v[here] if not k.startswith("fill") else v for k, v in data.items()}
                        (value, psi), others, ok = brute(one.name, cell)
                        n = int(ok.sum())
                        assert means.n[a, p, s] == n
                        assert means.df[a, p, s] == n - 1
                        np.testing.assert_allclose(means.value[a, p, s], value, rtol=1e-12)
                        spread = np.atleast_2d(np.cov([psi, *(q for _, q in others)])) / n
                        np.testing.assert_allclose(means.variance[a, p, s], spread[0, 0], rtol=1e-10)
                        np.testing.assert_allclose(means.covariates[a, p, s], [v for v, _ in others], rtol=1e-7)
                        size = np.sqrt(np.diag(spread))
                        off = np.abs(means.with_covariates[a, p, s] - spread[0, 1:])
                        assert (off <= 1e-9 * size[0] * size[1:]).all()
                        off = np.abs(means.between_covariates[a, p, s] - spread[1:, 1:])
                        assert (off <= 1e-9 * np.outer(size[1:], size[1:])).all()


def test_shares_of_units_are_counted_and_others_are_not() -> None:
    data = example()
    found = measure(table_of(data), METRICS)
    counted = {name for name, one in found.items() if one.by[()].count is not None}
    assert counted == {"rate", "big"}
    count = found["rate"].by[()].count
    assert count is not None
    assert count[1, 0, 0] == data["retained"][(data["arm"] == 1) & (data["phase"] == 0)].sum()


def test_two_is_no_share() -> None:
    table = unit_table({"x": [0.0, 1.0, 0.0, 2.0], "y": [0.5, 0.5, 0.0, 1.0]}, arm=[0, 0, 1, 1])
    found = measure(table, [metric("x", "x"), metric("y", "y")])
    assert found["x"].by[()].count is None
    assert found["y"].by[()].count is None


def test_skewness_of_a_mean_is_scipys_and_a_falling_formula_turns_it() -> None:
    data = example()
    found = measure(table_of(data), [metric("up", "mean(revenue)"), metric("down", "10 - 2 * mean(revenue)")])
    here = (data["arm"] == 2) & (data["phase"] == 1)
    expected = stats.skew(data["revenue"][here], nan_policy="omit")
    up, down = (found[name].by[()].skewness for name in ("up", "down"))
    assert up is not None
    assert down is not None
    np.testing.assert_allclose(up[2, 1, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(down[2, 1, 0], -expected, rtol=1e-6)
    assert measure(table_of(data), [metric("up", "mean(revenue)")], skewness=False)["up"].by[()].skewness is None


def same_bytes(first: ArmMeans, second: ArmMeans) -> None:
    for name in ARRAYS:
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name
    for name in ("count", "skewness"):
        a, b = getattr(first, name), getattr(second, name)
        assert (a is None) == (b is None)
        assert a is None or a.tobytes() == b.tobytes()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), threads=st.integers(1, 4))
def test_any_order_of_the_rows_and_any_threads_give_the_same_bytes(seed: int, threads: int) -> None:
    data = example(1_500)
    order = np.random.default_rng(seed).permutation(1_500)
    first = measure(table_of(data, threads=1), METRICS, GROUPINGS)
    second = measure(table_of(data, threads=threads, order=order), METRICS, GROUPINGS)
    for name, one in first.items():
        for grouping, means in one.by.items():
            same_bytes(means, second[name].by[grouping])


def test_many_rows_on_several_threads_give_the_same_bytes() -> None:
    data = example(300_000)
    order = np.random.default_rng(5).permutation(300_000)
    wanted = METRICS[:2]
    first, second = (measure(table_of(data, threads=t, order=o), wanted) for t, o in ((1, slice(None)), (4, order)))
    for name, one in first.items():
        same_bytes(one.by[()], second[name].by[()])


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(50, 950), seed=st.integers(0, 1_000))
def test_parts_of_the_units_add_up_to_the_whole(cut: int, seed: int) -> None:
    data = example(1_000, seed)
    order = np.random.default_rng(seed).permutation(1_000)
    wanted = [metric("rpu", "mean(revenue)", "pre")]
    whole, first, second = (
        measure(table_of(data, order=part), wanted)["rpu"].by[()] for part in (order, order[:cut], order[cut:])
    )
    np.testing.assert_array_equal(whole.n, first.n + second.n)
    with np.errstate(invalid="ignore"):
        parts = np.nan_to_num(first.n * first.value) + np.nan_to_num(second.n * second.value)
    np.testing.assert_allclose(whole.value, parts / whole.n, rtol=1e-13)


def test_a_small_cube_and_grouping_sets_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = example()
    first = measure(table_of(data), METRICS, GROUPINGS[:3])
    monkeypatch.setattr(cell_query, "MAX_CUBE", 0)
    second = measure(table_of(data), METRICS, GROUPINGS[:3])
    for name, one in first.items():
        for grouping, means in one.by.items():
            same_bytes(means, second[name].by[grouping])


@pytest.mark.parametrize("first_rows", [1, 40, 700])
def test_first_rows_that_mislead_change_nothing(monkeypatch: pytest.MonkeyPatch, first_rows: int) -> None:
    """A long table is judged by its first rows: here they lack NULLs, fractions, the tail and the level of the rest."""
    data = example()
    n = len(data["arm"])
    late = np.arange(n) >= 1_000
    data["revenue"] = np.where(late, data["revenue"], 3.0)
    data["holes"] = np.where(late, data["holes"], 2.0)
    data["clicks"] = np.where(late, data["clicks"], 1.0)
    data["pre"] = np.where(late, data["pre"] + 1e6, 1.0)
    whole = measure(table_of(data), METRICS, GROUPINGS)
    monkeypatch.setattr(sums, "LOOK_WHOLE", 10)
    monkeypatch.setattr(sums, "LOOK_FIRST", first_rows)
    looked = measure(table_of(data, threads=1), METRICS, GROUPINGS)
    for name, one in whole.items():
        for grouping, means in one.by.items():
            same_bytes(means, looked[name].by[grouping])


def test_a_level_far_above_its_spread_comes_out_right() -> None:
    rng = np.random.default_rng(1)
    x = 1e9 + rng.normal(size=4_000)
    arm = rng.integers(0, 2, 4_000)
    means = measure(unit_table({"x": x}, arm=arm), [metric("x", "x")])["x"].by[()]
    for a in range(2):
        here = x[arm == a]
        np.testing.assert_allclose(means.variance[a, 0, 0], np.var(here - 1e9, ddof=1) / len(here), rtol=1e-9)


@pytest.mark.parametrize("level", [0.0, 1e9])
def test_one_huge_unit_leaves_the_other_arm_right(level: float) -> None:
    rng = np.random.default_rng(2)
    x = level + rng.normal(size=4_000)
    arm = rng.integers(0, 2, 4_000)
    x[np.flatnonzero(arm == 0)[0]] = 1e12
    means = measure(unit_table({"x": x}, arm=arm), [metric("x", "x")])["x"].by[()]
    here = x[arm == 1] - level
    np.testing.assert_allclose(means.value[1, 0, 0] - level, here.mean(), atol=1e-6)
    np.testing.assert_allclose(means.variance[1, 0, 0], np.var(here, ddof=1) / len(here), rtol=1e-8)


def test_numbers_whose_squares_are_none_are_refused() -> None:
    table = unit_table({"x": [1e200, 1.0, 2.0, 3.0]}, arm=[0, 0, 1, 1])
    with pytest.raises(DataError, match="`x`"):
        measure(table, [metric("x", "x")])


def test_constant_columns_have_no_variance() -> None:
    table = unit_table({"x": [0.1] * 6, "one": [1.0] * 6}, arm=[0, 0, 0, 1, 1, 1])
    found = measure(table, [metric("x", "x"), metric("one", "one"), metric("both", "x / one")])
    for name in found:
        assert found[name].by[()].variance[0, 0, 0] == 0.0
        np.testing.assert_allclose(found[name].by[()].value[0, 0, 0], 1.0 if name == "one" else 0.1, rtol=1e-15)


def test_few_units() -> None:
    table = unit_table({"x": [1.0, 2.0, np.nan]}, arm=[0, 1, 1], arms=("A", "B", "C"))
    means = measure(table, [metric("x", "x")])["x"].by[()]
    assert means.n[:, 0, 0].tolist() == [1, 1, 0]
    assert means.value[:2, 0, 0].tolist() == [1.0, 2.0]
    assert np.isnan(means.value[2, 0, 0])
    assert np.isnan(means.variance).all()
    assert contrast(means, 1).contrast.reasons[0] is not None


def test_a_denominator_of_zero_is_a_reason_for_its_slice_only() -> None:
    table = unit_table(
        {"a": [1.0, 2, 3, 4, 1, 2, 3, 5], "b": [0.0, 0, 0, 0, 1, 2, 3, 4]},
        arm=[0, 0, 1, 1] * 2,
        segments={"s": ([0] * 4 + [1] * 4, "xy")},
    )
    means = measure(table, [metric("r", "a / b")], [("s",)])["r"].by[("s",)]
    assert means.reasons[0] is not None
    assert "is 0" in means.reasons[0]
    assert means.reasons[1] is None
    assert np.isnan(means.value[:, :, 0]).all()


def test_sums_per_unit_and_counts_of_units() -> None:
    table = unit_table({"a": [1.0, 2, 3, 4], "b": [2.0, 2, 2, 4]}, arm=[0, 0, 1, 1])
    found = measure(table, [metric("r", "sum(a) / sum(b)"), metric("n", "count()")])
    np.testing.assert_allclose(found["r"].by[()].value[:, 0, 0], [0.75, 7 / 6])
    assert found["n"].by[()].value[:, 0, 0].tolist() == [2, 2]


def test_a_metrics_own_column_goes_before_the_shared_one() -> None:
    from dataclasses import replace

    table = unit_table({"x": [1.0, 2, 3, 4], "other": [5.0, 6, 7, 8]}, arm=[0, 0, 1, 1])
    table = replace(table, columns={"x": "c0", "m/x": "c1"})
    found = measure(table, [metric("m", "x"), metric("k", "x")])
    assert found["m"].by[()].value[:, 0, 0].tolist() == [5.5, 7.5]
    assert found["k"].by[()].value[:, 0, 0].tolist() == [1.5, 3.5]


def test_wrong_names_are_said_in_one_sentence() -> None:
    table = unit_table({"revenue": [1.0, 2]}, arm=[0, 1], segments={"country": ([0, 0], "x")})
    with pytest.raises(UsageError, match="Did you mean 'revenue'"):
        measure(table, [metric("m", "mean(revenu)")])
    with pytest.raises(UsageError, match="Did you mean 'country'"):
        measure(table, [metric("m", "mean(revenue)")], [("county",)])
    with pytest.raises(UsageError, match="stands alone"):
        measure(table, [metric("m", "p95(revenue) / mean(revenue)")])
    with pytest.raises(UsageError, match="Two metrics"):
        measure(table, [metric("m", "revenue"), metric("m", "mean(revenue)")])
