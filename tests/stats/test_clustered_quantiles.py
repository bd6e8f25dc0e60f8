"""Quantiles of events in users: refusals, invariances, ties, contrasts."""

import numpy as np
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.stats.clustered_quantiles import TIED, clustered_quantile, clustered_quantile_contrast


def events(users: int, each: int, between: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), each)
    return np.exp(rng.normal(0, between, users)[user] + rng.normal(size=users * each)), user


def test_users_who_differ_widen_it_and_events_on_their_own_do_not() -> None:
    value, user = events(200, 10, 1.0)
    alone = clustered_quantile(value, np.arange(2000), 0.5)
    together = clustered_quantile(value, user, 0.5)
    assert alone.value == together.value == np.median(value)
    assert alone.design_effect == pytest.approx(2000 / 1999, rel=1e-6)
    assert together.design_effect > 3
    assert together.low < alone.low < alone.value < alone.high < together.high
    ratio = together.design_effect / alone.design_effect
    assert together.standard_error == pytest.approx(alone.standard_error * np.sqrt(ratio))
    assert (together.n, together.units) == (2000, 200)


def test_the_order_and_the_names_of_users_do_not_matter() -> None:
    value, user = events(60, 20, 0.5)
    order = np.random.default_rng(1).permutation(1200)
    named = np.array([f"user {99 - u}" for u in user])
    assert clustered_quantile(value[order], named[order], 0.9) == clustered_quantile(value, user, 0.9)


def test_missing_events_are_left_out_and_counted() -> None:
    value, user = events(60, 20, 0.5)
    gaps = np.append(value, [np.nan, np.nan])
    found = clustered_quantile(gaps, np.append(user, [0, 77]), 0.5)
    assert (found.n, found.missing, found.units) == (1200, 2, 60)
    assert found.value == np.median(value)


def test_too_little_is_refused() -> None:
    value, user = events(40, 10, 0.5)
    few = clustered_quantile(value[:380], user[:380], 0.99)
    assert np.isnan(few.value)
    assert few.reason == "380 rows are too few for the 0.99 quantile (at least 381 are needed)"
    # 400 events of users who are all alike within are worth 40
    alike = clustered_quantile(np.repeat(value[::10], 10), user, 0.95)
    assert "400 events of 40 units are worth 39 independent ones" in str(alike.reason)
    assert np.isnan(alike.low)
    assert alike.value > 0
    assert "effective clusters" in str(clustered_quantile(value, user % 3, 0.5).reason)
    tied = clustered_quantile(np.ones(400), user, 0.5)
    assert tied.reason is not None
    assert clustered_quantile([], [], 0.5).n == 0


def test_ties_that_hide_the_density_are_said() -> None:
    value, user = events(100, 50, 1.0)
    rounded = np.rint(3 * value) / 3
    found = clustered_quantile(rounded, user, 0.5)
    assert found.note == TIED
    assert found.standard_error > 0


def test_the_contrast_is_welch_on_both_arms() -> None:
    one, two = (clustered_quantile(*events(300, 5, 0.5, seed), 0.9) for seed in (0, 1))
    found = clustered_quantile_contrast(two, one)
    assert found.difference[0] == two.value - one.value
    assert found.standard_error[0] == pytest.approx(np.hypot(one.standard_error, two.standard_error))
    assert found.against(1.05).difference[0] == pytest.approx(two.value - 1.05 * one.value)
    refused = clustered_quantile([1.0, 2.0], [0, 1], 0.9)
    both = clustered_quantile_contrast([two, refused], [one, one])
    assert both.reasons[0] is None
    assert both.reasons[1] == refused.reason
    assert np.isnan(both.interval(0.05)[0][1])
    with pytest.raises(UsageError, match="same quantile"):
        clustered_quantile_contrast(two, clustered_quantile(*events(300, 5, 0.5), 0.5))


def test_input_is_checked() -> None:
    with pytest.raises(DataError, match="one unit per event"):
        clustered_quantile([1.0, 2.0], [1], 0.5)
    with pytest.raises(DataError, match="finite"):
        clustered_quantile([1.0, np.inf], [1, 2], 0.5)
    with pytest.raises(UsageError, match="probability"):
        clustered_quantile([1.0, 2.0], [1, 2], 1.0)
