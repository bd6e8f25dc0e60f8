"""Post-stratified differences: by hand, thin strata merged or dropped by name, what it gains."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import DataError
from seatrial.stats.poststratification import Cells, cells, post_stratified


def arm(n: list[float], mean: list[float], variance: list[float]) -> Cells:
    return Cells(n=np.array(n), mean=np.array(mean), variance=np.array(variance))


def test_two_strata_by_hand() -> None:
    found = post_stratified(arm([30, 10], [2, 5], [4, 9]), arm([10, 30], [1, 3], [4, 9]))
    assert_allclose(found.weights, [0.5, 0.5])
    assert found.contrast.difference[0] == 1.5
    within = 0.25 * (4 / 30 + 4 / 10 + 9 / 10 + 9 / 30)
    # the effects 1 and 2 differ by less than their noise, so the shares add nothing
    assert found.contrast.var_difference[0] == pytest.approx(within)
    assert found.contrast.baseline[0] == 2
    assert (found.merged, found.dropped) == ((), ())


def test_shares_that_are_sampled_add_when_effects_differ() -> None:
    large = post_stratified(arm([3000, 1000], [2, 5], [1, 1]), arm([1000, 3000], [1, 1], [1, 1])).contrast
    within = 0.25 * (1 / 3000 + 1 / 1000) * 2
    between = 0.25 * (4 - 1) ** 2 - 2 * 0.25 * (1 / 3000 + 1 / 1000)
    assert large.var_difference[0] == pytest.approx(within + between / 8000)


def test_realised_counts_bring_cochrans_second_order_term() -> None:
    rng = np.random.default_rng(0)
    share, variance = np.array([0.6, 0.4]), np.array([1.0, 4.0])
    n = 60
    found = []
    for _ in range(4000):
        code = rng.choice(2, 2 * n, p=share)
        counts = [np.bincount(code[:n], minlength=2), np.bincount(code[n:], minlength=2)]
        one, two = (arm(c.tolist(), [0, 0], variance.tolist()) for c in counts)
        contrast = post_stratified(one, two).contrast
        w = (counts[0] + counts[1]) / (2 * n)
        assert contrast.var_difference[0] == pytest.approx((w**2 * variance * (1 / counts[0] + 1 / counts[1])).sum())
        found.append((share**2 * variance / counts[0]).sum())
    first = (share * variance).sum() / n
    second = ((1 - share) * variance).sum() / n**2
    assert np.mean(found) == pytest.approx(first + second, rel=0.005)
    assert np.mean(found) > first + 0.5 * second


def test_thin_strata_are_merged_and_named() -> None:
    t = arm([50, 3, 0, 4], [1, 2, np.nan, 4], [1, 1, np.nan, 1])
    c = arm([50, 1, 5, 0], [1, 6, 3, np.nan], [1, np.nan, 2, np.nan])
    found = post_stratified(t, c, names=["EU", "US", "JP", "BR"])
    assert found.merged == ("US", "JP", "BR")
    assert found.strata == ("EU", "US + JP + BR")
    assert_allclose(found.weights, [100 / 113, 13 / 113])
    pooled = (3 * 2 + 4 * 4) / 7 - (6 + 5 * 3) / 6
    assert found.contrast.difference[0] == pytest.approx(13 / 113 * pooled)


def test_pooled_moments_are_those_of_the_values() -> None:
    rng = np.random.default_rng(1)
    y, code = rng.normal(size=60), np.array([0] * 50 + [1] * 9 + [2])
    other = np.array([0] * 50 + [1] + [2] * 9)
    found = post_stratified(cells(y, code, 3), cells(y[::-1], other, 3))
    whole = post_stratified(cells(y, np.minimum(code, 1), 2), cells(y[::-1], np.minimum(other, 1), 2))
    assert_allclose(found.contrast.standard_error, whole.contrast.standard_error)
    assert_allclose(found.contrast.difference, whole.contrast.difference)


def test_what_cannot_be_merged_is_dropped_and_named() -> None:
    found = post_stratified(
        arm([50, 7], [1, 2], [1, 1]), arm([40, 0], [0, np.nan], [1, np.nan]), names=["EU", "new market"]
    )
    assert found.dropped == ("new market",)
    assert found.dropped_share == pytest.approx(7 / 97)
    assert found.contrast.difference[0] == 1
    with pytest.raises(DataError, match="No stratum"):
        post_stratified(arm([5, 0], [1, 0], [1, 0]), arm([0, 5], [0, 1], [0, 1]))
    with pytest.raises(DataError, match="names"):
        post_stratified(arm([5], [1], [1]), arm([5], [1], [1]), names=["a", "b"])
    with pytest.raises(DataError, match="strata"):
        post_stratified(arm([5], [1], [1]), arm([5, 5], [1, 1], [1, 1]))


def test_an_unlucky_mix_is_put_right() -> None:
    rng = np.random.default_rng(2)
    code = np.concatenate([np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [60, 40])])
    treated = np.arange(200) < 100
    y = 10.0 * code + rng.normal(0, 0.5, 200)
    raw = y[treated].mean() - y[~treated].mean()
    found = post_stratified(cells(y[treated], code[treated], 2), cells(y[~treated], code[~treated], 2)).contrast
    assert raw < -1.5
    assert abs(found.difference[0]) < 4 * found.standard_error[0] < 0.4
