"""Flip rates, directions, worst slices: against hand counts and independent intervals."""

import numpy as np
import pytest
from scipy import stats

from seatrial.errors import UsageError
from seatrial.evaluation.probes.outcomes import direction_held, flip_rate, same_answer, worst_slice
from seatrial.evaluation.probes.shares import mean_estimate, share_estimate
from seatrial.records import Effect


def test_flip_rate_counts_touched_rows_only_and_bounds_missing_ones():
    clean = ["a", "b", "a", "b", "a", None]
    hit = ["a", "a", "b", "b", None, "a"]
    found = flip_rate(clean, hit, [True, True, False, True, True, True], model="m")
    assert (found.n, found.missing, found.value) == (3, 2, pytest.approx(1 / 3))
    assert (found.bound_low, found.bound_high) == (pytest.approx(1 / 5), pytest.approx(3 / 5))
    wilson = stats.binomtest(1, 3).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(wilson.low), pytest.approx(wilson.high))
    assert not found.higher_is_better


def test_no_touched_row_is_a_reason_and_no_flip_is_bounded():
    assert flip_rate(["a"], ["b"], [False], model="m").reason == "no rows"
    never = flip_rate(["a"] * 300, ["a"] * 300, [True] * 300, model="m")
    assert never.value == 0
    assert never.high == pytest.approx(stats.binomtest(0, 300).proportion_ci().high)


def test_answers_agree_as_values_not_as_types():
    assert same_answer("1", 1)
    assert same_answer(True, "True")
    assert same_answer(1.0, np.int64(1))
    assert same_answer("01", "1")  # numbers are compared as numbers
    assert same_answer([["PER", 0, 2]], [["PER", 0, 2]])
    assert not same_answer([1], [2])
    assert same_answer(float("nan"), 1.0) is None
    assert same_answer(0.5, 0.52, tolerance=0.05)
    assert not same_answer(0.5, 0.56, tolerance=0.05)


def test_exact_limits_equal_scipys():
    found = share_estimate([True] * 7 + [False] * 93, model="m", metric="x", exact=True)
    exact = stats.binomtest(7, 100).proportion_ci(method="exact")
    assert (found.low, found.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_clusters_of_one_are_no_clusters_and_equal_copies_add_nothing():
    rng = np.random.default_rng(3)
    hits = (rng.random(80) < 0.3).tolist()
    plain = share_estimate(hits, model="m", metric="x")
    assert share_estimate(hits, model="m", metric="x", cluster=list(range(80))).low == plain.low
    copied = share_estimate(
        [hit for hit in hits for _ in range(5)], model="m", metric="x", cluster=[k for k in range(80) for _ in range(5)]
    )
    assert copied.value == pytest.approx(plain.value)
    # five equal copies of a row carry no more than the row itself: Wilson at 80, less what 79 degrees of freedom cost
    size = 80 * (stats.t.ppf(0.975, 399) / stats.t.ppf(0.975, 79)) ** 2
    z2, p = stats.norm.ppf(0.975) ** 2, plain.value
    middle, half = p + z2 / (2 * size), np.sqrt(z2 * (p * (1 - p) / size + z2 / (4 * size * size)))
    assert copied.low == pytest.approx((middle - half) / (1 + z2 / size))
    assert copied.high == pytest.approx((middle + half) / (1 + z2 / size))
    few = share_estimate([True, False] * 4, model="m", metric="x", cluster=[0, 0, 0, 0, 1, 1, 1, 1])
    assert few.low is None
    assert "effective clusters" in few.notes[0]


def test_mean_is_the_t_interval():
    values = [0.1, -0.2, 0.4, 0.3, 0.0]
    found = mean_estimate([*values, None, float("nan")], model="m", metric="x")
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.low, found.high, found.missing) == (pytest.approx(low), pytest.approx(high), 2)
    assert mean_estimate([0.5] * 4, model="m", metric="x").notes
    assert mean_estimate([], model="m", metric="x").reason


def test_direction_up_down_same_with_tolerance():
    clean, hit, touched = [0.2, 0.5, 0.5, 0.4], [0.4, 0.4, 0.5, None], [True] * 4
    assert direction_held(clean, hit, touched, direction="up", model="m").value == pytest.approx(2 / 3)
    assert direction_held(clean, hit, touched, direction="down", model="m").value == pytest.approx(2 / 3)
    assert direction_held(clean, hit, touched, direction="up", model="m", tolerance=0.1001).value == 1
    assert direction_held(clean, hit, touched, direction="same", model="m", tolerance=0.1001).value == pytest.approx(
        2 / 3
    )
    with pytest.raises(UsageError, match="takes scores or numbers"):
        direction_held(["a"], ["b"], [True], direction="up", model="m")
    with pytest.raises(UsageError, match="not of one length"):
        flip_rate(["a"], ["b"], [True, False], model="m")


def test_worst_slice_is_the_one_that_lost_most_in_the_metrics_own_direction():
    def one(level: str, difference: float | None, **more: object) -> Effect:
        return Effect(
            baseline="clean",
            candidate="p",
            metric="x",
            n=200,
            slice={"s": level} if level else {},
            difference=difference,
            **more,
        )

    found = [one("", -0.5), one("a", -0.1), one("b", -0.3, small=True), one("c", None, reason="none"), one("d", 0.2)]
    assert worst_slice(found).slice == {"s": "a"}
    assert worst_slice([one("a", -0.1, higher_is_better=False), one("d", 0.2, higher_is_better=False)]).slice == {
        "s": "d"
    }
    assert worst_slice([one("a", -0.9, shrunken=-0.1), one("b", -0.3, shrunken=-0.2)]).slice == {"s": "b"}
    assert worst_slice([one("d", 0.2)]) is None
