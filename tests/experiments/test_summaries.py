"""Moments that somebody else took: both shapes, disjoint and cumulative, and the way back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seatrial.errors import DataError, UsageError
from seatrial.experiments.daily import daily
from seatrial.experiments.measure import measure
from seatrial.experiments.moment_rows import moment_rows, write_summaries
from seatrial.experiments.summaries import read_summaries
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import contrast

from .test_daily import METRICS, history, with_states
from .unit_tables import unit_table


def long(**changes: Any) -> dict[str, Any]:
    table: dict[str, Any] = {
        "arm": ["A", "B", "A", "B"],
        "day": ["day 2", "day 2", "day 10", "day 10"],
        "metric": ["m"] * 4,
        "n": [10.0, 12.0, 30.0, 31.0],
        "mean": [1.0, 2.0, 3.0, 4.0],
        "variance": [1.0, 4.0, 0.0, 9.0],
    }
    return table | changes


def test_long_rows_are_what_they_say() -> None:
    (found,) = read_summaries(long())
    assert found.arms == ("A", "B")
    assert found.metrics == ("m",)
    one = found.daily["m"]
    assert one.days == ("day 2", "day 10")
    assert one.means.n[:, 0].tolist() == [[10, 30], [12, 31]]
    np.testing.assert_allclose(one.means.variance[:, 0], [[0.1, 0.0], [4 / 12, 9 / 31]])
    assert one.means.count is None
    side = [contrast(one.means.at(0), 1).contrast.p_value()[0]]
    expected = stats.ttest_ind_from_stats(2, 2, 12, 1, 1, 10, equal_var=False).pvalue
    np.testing.assert_allclose(side, expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 6), level=st.sampled_from([0.0, 1e7]))
def test_new_units_of_each_day_add_up(seed: int, days: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    parts = {(a, d): level + rng.normal(size=rng.integers(0, 9)) for a in "AB" for d in range(days)}
    parts["A", 0] = level + rng.normal(size=3)
    parts["B", 0] = level + rng.normal(size=3)
    rows = [(a, d, x) for (a, d), x in parts.items() if len(x) or d % 2]
    table = {
        "arm": [a for a, _, _ in rows],
        "day": [d for _, d, _ in rows],
        "n": [len(x) for _, _, x in rows],
        "mean": [x.mean() if len(x) else np.nan for _, _, x in rows],
        "variance": [x.var(ddof=1) if len(x) > 1 else np.nan for _, _, x in rows],
    }
    means = read_summaries(table, cumulative=False)[0].daily["metric"].means
    seen = sorted({d for _, d, _ in rows})
    for i, arm in enumerate("AB"):
        for j, day in enumerate(seen):
            x = np.concatenate([parts[arm, d] for d in range(day + 1)])
            assert means.n[i, 0, j] == len(x)
            np.testing.assert_allclose(means.value[i, 0, j], x.mean(), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(means.variance[i, 0, j], x.var(ddof=1) / len(x), rtol=1e-7)


def test_an_arm_without_a_row_keeps_what_it_had() -> None:
    table = {k: v[:3] for k, v in long().items()}
    means = read_summaries(table)[0].daily["m"].means
    assert means.n[:, 0].tolist() == [[10, 30], [12, 12]]
    added = read_summaries(table, cumulative=False)[0].daily["m"].means
    assert added.n[:, 0].tolist() == [[10, 40], [12, 12]]


def test_counts_are_taken_or_found_and_never_invented() -> None:
    given_counts = read_summaries(long(count=[3, 4, 9, 10]))[0].daily["m"].means
    assert given_counts.count is not None
    assert given_counts.count[:, 0].tolist() == [[3, 9], [4, 10]]
    p = np.array([0.2, 0.25, 0.3, 10 / 31])
    n = np.array([10, 12, 30, 31])
    implied = read_summaries(long(mean=p, variance=p * (1 - p) * n / (n - 1)))[0].daily["m"].means
    assert implied.count is not None
    assert implied.count[:, 0].tolist() == [[2, 9], [3, 10]]
    assert "Miettinen" in contrast(implied, 1).contrast.methods[0]
    halves = read_summaries(long(mean=p, variance=p * (1 - p) * 0.9))[0].daily["m"].means
    assert halves.count is None


def test_phases_are_kept_apart() -> None:
    table = {k: [*v, *v] for k, v in long().items()} | {"phase": ["5 %"] * 4 + ["50 %"] * 4}
    (found,) = read_summaries(table)
    assert found.phases == ("5 %", "50 %")
    assert found.daily["m"].means.shape == (2, 2, 2)


def test_a_variance_that_is_missing_is_a_reason_for_its_time() -> None:
    means = read_summaries(long(variance=[1.0, None, 2.0, 3.0]))[0].daily["m"].means
    assert means.reasons == ("the table has no variance here", None)
    assert contrast(means, 1).contrast.reasons[0] == "the table has no variance here"


def test_no_variance_at_all_is_no_certainty() -> None:
    means = read_summaries(long(variance=[0.0] * 4))[0].daily["m"].means
    assert contrast(means, 1).contrast.reasons[0] is not None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n": [-1, 12, 30, 31]}, "arm A, metric m, time day 2: the number of units is negative"),
        ({"n": [10.5, 12, 30, 31]}, "not a whole number"),
        ({"n": [np.nan, 12, 30, 31]}, "units is missing"),
        ({"n": ["ten", "12", "30", "31"]}, "row 1: n is not a number"),
        ({"mean": [1.0, np.nan, 3.0, 4.0]}, "arm B, metric m, time day 2: the mean is missing"),
        ({"mean": [1.0, np.inf, 3.0, 4.0]}, "the mean is missing"),
        ({"variance": [1.0, -1e-3, 3.0, 4.0]}, "the variance is negative"),
        ({"day": ["day 2"] * 4}, "there are 2 such rows"),
        ({"count": [11, 1, 1, 1]}, "between 0 and the number of units"),
        ({"arm": ["A", None, "A", "B"]}, "row 2: no arm"),
        ({"arm": ["A"] * 4, "day": [1, 2, 3, 4]}, "only one arm"),
    ],
)
def test_rows_that_cannot_be_moments_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_summaries(long(**changes))


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match="no column for 'mean'"):
        read_summaries({k: v for k, v in long().items() if k != "mean"})
    with pytest.raises(UsageError, match="Which arm is the control"):
        read_summaries(long(arm=["x", "y", "x", "y"]))
    with pytest.raises(UsageError, match="no arm 'C'"):
        read_summaries(long(), control="C")
    with pytest.raises(UsageError, match="no metric 'k'"):
        read_summaries(long(), metrics=["k"])
    with pytest.raises(UsageError, match="Did you mean 'mean'"):
        read_summaries(long(), columns={"meen": "mean"})
    assert read_summaries(long(), control="B")[0].arms == ("B", "A")
    named = {("avg_spend" if k == "mean" else k): v for k, v in long().items()}
    assert read_summaries(named, columns={"mean": "avg_spend"})[0].daily["m"].means.value[0, 0, 0] == 1.0


def test_daily_moments_go_out_and_come_back(tmp_path: Path) -> None:
    found = daily(with_states(history()), METRICS)
    rows = moment_rows(*found.values(), arms=("A", "B"), phases=("one", "two"))
    write_summaries(rows, tmp_path / "moments.csv")
    (back,) = read_summaries(tmp_path / "moments.csv")
    assert back.phases == ("one", "two")
    for name, one in found.items():
        again = back.daily[name]
        assert again.days == one.days
        np.testing.assert_array_equal(again.means.n, one.means.n)
        np.testing.assert_allclose(again.means.value, one.means.value, rtol=1e-15)
        np.testing.assert_allclose(again.means.variance, one.means.variance, rtol=1e-12)
        assert (again.means.count is None) == (one.means.count is None)


def test_segments_go_out() -> None:
    table = unit_table({"x": [1.0, 2, 3, 4]}, arm=[0, 0, 1, 1], segments={"s": ([0, 1, 0, 1], "uv")})
    rows = moment_rows(*measure(table, [ExperimentMetric(name="m", formula="x")], [("s",)]).values())
    assert rows[0] == {"arm": "A", "phase": "start", "segment": "s", "level": "u", "metric": "m", "n": 1, "mean": 1.0, "variance": None}  # fmt: skip  # noqa: E501
    with pytest.raises(UsageError, match="no moments"):
        write_summaries([], "nothing.csv")


def test_published_experiments_are_read_and_compared(shared_data: Path) -> None:
    import pandas as pd

    path = shared_data / "experiments_asos" / "asos_digital_experiments.csv.gz"
    found = {one.name: one for one in read_summaries(path)}
    assert len(found) == 99
    table = pd.read_csv(path)
    assert len({name.split("/")[0] for name in found}) == 78
    assert sum(len(d.days) for one in found.values() for d in one.daily.values()) == len(table)
    for (experiment, variant, metric), rows in list(table.groupby(["experiment_id", "variant_id", "metric_id"]))[::40]:
        means = found[f"{experiment}/{variant}"].daily[str(metric)].means
        last = rows.sort_values("time_since_start").iloc[-1]
        assert means.n[:, 0, -1].tolist() == [last.count_c, last.count_t]
        assert (means.count is not None) == (metric == 1)
        if metric == 1 or np.isnan(last.variance_c):
            continue
        expected = stats.ttest_ind_from_stats(
            last.mean_t, last.variance_t**0.5, last.count_t, last.mean_c, last.variance_c**0.5, last.count_c, False
        )
        got = contrast(means, 1).contrast
        np.testing.assert_allclose(got.p_value()[-1], expected.pvalue, rtol=1e-9)
    one = read_summaries(path, experiments=["036afc"], variants=["2"], metrics=["1"])
    assert [(e.name, e.metrics) for e in one] == [("036afc/2", ("1",))]
