"""Durations: units over days are a saturating curve; what is extrapolated never promises too many units."""

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.stats.duration import cumulative_units, days_needed, mde_by_duration, new_units_from_active
from seatrial.stats.sample_size import minimum_detectable_effect, units_per_arm


def test_independent_days_saturate_at_the_population() -> None:
    total = cumulative_units(new_units_from_active(2_000, 10_000, 28), 28)
    np.testing.assert_allclose(total, 10_000 * (1 - 0.8 ** np.arange(1, 29)))


def test_first_visits_are_those_of_a_simulated_population() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(0.5, 4.5, 200_000)
    seen = np.zeros(200_000, dtype=bool)
    new = []
    for _ in range(28):
        come = rng.random(200_000) < chance
        new.append((come & ~seen).sum())
        seen |= come
    curve = new_units_from_active(20_000, 200_000, 28, weekly_active=float(np.sum(new[:7])))
    np.testing.assert_allclose(np.cumsum(curve), np.cumsum(new), rtol=0.02)


@pytest.mark.parametrize("weekly", [1_001.0, 2_000.0, 5_000.0])
def test_the_weekly_units_are_met(weekly: float) -> None:
    new = new_units_from_active(1_000, 10_000, 40, weekly_active=weekly)
    assert new[0] == pytest.approx(1_000)
    assert new[:7].sum() == pytest.approx(weekly, rel=1e-6)
    assert (np.diff(new) <= 1e-9).all()


def test_more_weekly_units_than_independent_days_could_bring_are_read_as_independent_days() -> None:
    np.testing.assert_allclose(
        new_units_from_active(1_000, 10_000, 7, weekly_active=9_999), new_units_from_active(1_000, 10_000, 7), rtol=1e-9
    )


def test_a_geometric_history_goes_on_geometrically() -> None:
    curve = 1_000 * 0.93 ** np.arange(60)
    np.testing.assert_allclose(cumulative_units(curve[:14], 60), np.cumsum(curve))
    np.testing.assert_allclose(cumulative_units(curve, 20), np.cumsum(curve)[:20])


def test_weekdays_are_kept() -> None:
    week = np.array([5, 5, 5, 5, 4, 1, 1]) * 100.0
    history = np.concatenate([week, 0.5 * week])
    new = np.diff(cumulative_units(history, 28), prepend=0.0)
    np.testing.assert_allclose(new[14:21], 0.25 * week)
    np.testing.assert_allclose(new[21:], 0.125 * week)


@pytest.mark.parametrize("shape", [(0.3, 2.0), (1.0, 10.0), (0.2, 5.0)])
def test_a_mixed_population_is_never_promised_too_much(shape: tuple[float, float]) -> None:
    a, b = shape
    unseen = np.cumprod((b + np.arange(120)) / (a + b + np.arange(120)))
    truth = 1e6 * (1 - unseen)
    told = cumulative_units(np.diff(truth, prepend=0.0)[:14], 120)
    assert (told <= truth * (1 + 1e-9)).all()
    assert told[27] > 0.9 * truth[27]


def test_a_growing_history_is_not_taken_to_grow_on() -> None:
    new = np.diff(cumulative_units(np.arange(1, 15) * 10.0, 21), prepend=0.0)
    np.testing.assert_allclose(new[14:], np.arange(8, 15) * 10.0)


def test_days_needed_is_the_first_day_that_has_them() -> None:
    new = new_units_from_active(1_000, 10_000, 28)
    day = days_needed(5_000, new)
    assert day is not None
    assert cumulative_units(new, day)[-1] >= 5_000 > cumulative_units(new, day - 1)[-1]
    assert days_needed(5_000, new, window=7) == day + 7
    assert days_needed(500, new, share=0.1) == days_needed(5_000, new)


def test_a_level_that_is_never_reached() -> None:
    new = new_units_from_active(1_000, 10_000, 28)
    assert days_needed(10_001, new) is None
    assert days_needed(9_999, new, longest=30) is None
    assert days_needed(100, [50.0]) is None
    assert days_needed(40, [50.0]) == 1
    assert days_needed(1, [0.0, 0.0, 0.0, 0.0]) is None


def test_rows_agree_with_the_size_formula() -> None:
    new = [1_000.0] * 28
    (row,) = mde_by_duration(new, 100.0, days=(10,), baseline=-20.0, weights=(0.5, 0.25, 0.25), share=0.5, window=2)
    assert row.units == (2_000, 1_000, 1_000)
    assert row.absolute == pytest.approx(float(minimum_detectable_effect(100.0, row.units).max()))
    assert row.relative == pytest.approx(row.absolute / 20.0)
    assert units_per_arm(100.0, row.absolute, weights=(0.5, 0.25, 0.25)).tolist() == [2_000, 1_000, 1_000]


def test_a_window_that_has_not_closed_leaves_no_units() -> None:
    (row,) = mde_by_duration([1_000.0] * 14, 1.0, days=(7,), window=7)
    assert row.units == (0, 0)
    assert row.absolute == float("inf")
    assert row.relative is None
    assert mde_by_duration([1_000.0] * 14, 1.0, days=()) == ()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cumulative_units([], 3), "new units of each day"),
        (lambda: cumulative_units([1.0, -1.0], 3), "new units of each day"),
        (lambda: cumulative_units([1.0, float("nan")], 3), "new units of each day"),
        (lambda: cumulative_units([5.0], 3), "One day of history"),
        (lambda: cumulative_units([5.0, 4.0], 0), "at least one day"),
        (lambda: days_needed(5, [5.0, 4.0], share=0.0), "share of units"),
        (lambda: days_needed(5, [5.0, 4.0], window=-1), "cannot be negative"),
        (lambda: new_units_from_active(20, 10, 5), "at most the population"),
        (lambda: new_units_from_active(5, 10, 5, weekly_active=5), "must exceed the daily"),
    ],
)
def test_durations_that_cannot_be(call: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()  # type: ignore[operator]
