"""Off-policy values: refusals, clipping, what is called unreliable, clusters, contrasts, the Open Bandit logs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import DataError, UsageError
from seatrial.stats.off_policy import effective_rows, off_policy_values, policy_contrast, policy_values


def log(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A log whose propensities are known: arm, reward, propensity, and all arms' propensities."""
    rng = np.random.default_rng(seed)
    full = rng.dirichlet([3, 3, 3], n)
    arm = (rng.random(n)[:, None] > np.cumsum(full, axis=1)).sum(axis=1)
    return arm, rng.normal(arm, 1), full[np.arange(n), arm], full


def test_the_logging_policy_has_the_plain_mean() -> None:
    _, reward, propensity, _ = log()
    zero = np.zeros(len(reward))
    found = off_policy_values(reward, propensity, propensity, logged_prediction=zero, target_prediction=zero)
    for part in (found.ips, found.snips, found.dr):
        assert part.value == pytest.approx(reward.mean())
        assert part.standard_error == pytest.approx(reward.std(ddof=1) / 20)
        assert part.effective_n == pytest.approx(400)
        assert part.reliable
        assert part.notes == ()


def test_a_true_reward_model_leaves_only_its_residual() -> None:
    arm, reward, propensity, _ = log(4000)
    table = np.tile([0.0, 1.0, 2.0], (4000, 1))
    found = policy_values(arm, reward, propensity, [0.0, 0.5, 0.5], predictions=table)
    assert found.dr.standard_error < 0.7 * found.ips.standard_error
    assert abs(found.dr.value - 1.5) < 4 * found.dr.standard_error


def test_a_row_is_not_predicted_from_its_own_fold() -> None:
    arm, reward, propensity, _ = log()
    plain = policy_values(arm, reward, propensity, [0.2, 0.3, 0.5])
    shifted = reward.copy()
    shifted[7] += 1000.0  # its own score moves by w * 1000, and through the means only other folds' scores do
    weight = [0.2, 0.3, 0.5][arm[7]] / propensity[7]
    before = plain.dr.influence[7] + plain.dr.value
    after = policy_values(arm, shifted, propensity, [0.2, 0.3, 0.5]).dr
    assert after.influence[7] + after.value - before == pytest.approx(1000 * weight)


def test_clipping_is_shown_and_cannot_hide_a_poor_overlap() -> None:
    rng = np.random.default_rng(1)
    propensity = np.where(rng.random(5000) < 0.02, 0.001, 0.5)
    kind = {"logged_prediction": np.zeros(5000), "target_prediction": np.zeros(5000)}
    reward = rng.normal(size=5000)
    bare = off_policy_values(reward, propensity, np.full(5000, 0.5), **kind).ips
    cut = off_policy_values(reward, propensity, np.full(5000, 0.5), clip=10.0, **kind).ips
    assert not bare.reliable
    assert not cut.reliable
    assert cut.effective_n > 0.1 * 5000 > cut.unclipped_effective_n == bare.effective_n
    assert cut.clipped_share == pytest.approx((propensity < 0.01).mean())
    assert cut.largest_weight == 500.0
    assert any("cut to 10" in note for note in cut.notes)
    assert any("average" in note for note in bare.notes)


def test_few_events_are_unreliable() -> None:
    reward = np.zeros(1000)
    reward[:9] = 1
    same = {"logged_prediction": np.zeros(1000), "target_prediction": np.zeros(1000)}
    assert not off_policy_values(reward, np.full(1000, 0.5), np.full(1000, 0.5), **same).ips.reliable
    reward[9] = 1
    assert off_policy_values(reward, np.full(1000, 0.5), np.full(1000, 0.5), **same).ips.reliable


def test_no_overlap_and_no_spread_have_reasons() -> None:
    same = {"logged_prediction": np.zeros(50), "target_prediction": np.zeros(50)}
    none = off_policy_values(np.ones(50), np.full(50, 0.5), np.zeros(50), **same)
    assert np.isnan(none.ips.value)
    assert none.dr.reason is not None
    assert not none.dr.reliable
    flat = off_policy_values(np.ones(50), np.full(50, 0.5), np.full(50, 0.5), **same)
    assert flat.snips.value == 1.0
    assert np.isnan(flat.snips.interval()).all()
    assert flat.snips.reason is not None


def test_rows_repeated_within_a_unit_add_no_certainty() -> None:
    arm, reward, propensity, _ = log(100)
    once = policy_values(arm, reward, propensity, [0.2, 0.3, 0.5], predictions=np.zeros((100, 3)))
    four = [np.repeat(x, 4, axis=0) for x in (arm, reward, propensity, np.zeros((100, 3)), np.arange(100))]
    again = policy_values(four[0], four[1], four[2], [0.2, 0.3, 0.5], predictions=four[3], units=four[4])
    assert again.ips.value == pytest.approx(once.ips.value)
    assert again.ips.standard_error == pytest.approx(once.ips.standard_error)
    assert again.ips.df == pytest.approx(99)


def test_a_contrast_of_two_policies_is_that_of_the_difference_of_scores() -> None:
    arm, reward, propensity, full = log()
    new = policy_values(arm, reward, propensity, [0.2, 0.3, 0.5], predictions=np.zeros((400, 3))).ips
    old = policy_values(arm, reward, propensity, full, predictions=np.zeros((400, 3))).ips
    found = policy_contrast(new, old)
    scores = (np.array([0.2, 0.3, 0.5])[arm] / propensity - 1) * reward
    assert found.difference[0] == pytest.approx(scores.mean())
    assert found.standard_error[0] == pytest.approx(scores.std(ddof=1) / 20)
    half = found.against(0.5)
    scores = (np.array([0.2, 0.3, 0.5])[arm] / propensity - 0.5) * reward
    assert half.standard_error[0] == pytest.approx(scores.std(ddof=1) / 20)
    assert policy_contrast(new, new).methods == ("identical",)
    with pytest.raises(UsageError, match="same rows"):
        policy_contrast(new, policy_values(*(x[:50] for x in (arm, reward, propensity)), [0.2, 0.3, 0.5]).ips)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"propensity": [0.0, 0.5]}, "propensity"),
        ({"propensity": [1.5, 0.5]}, "propensity"),
        ({"reward": [np.nan, 1.0]}, "reward"),
        ({"target": [1.2, 0.0]}, "target"),
        ({"reward": [1.0]}, "rows"),
    ],
)
def test_numbers_out_of_range_are_refused(change: dict[str, list[float]], said: str) -> None:
    given = {"reward": [1.0, 0.0], "propensity": [0.5, 0.5], "target": [0.5, 0.5]} | change
    with pytest.raises(DataError, match=said):
        off_policy_values(**given, logged_prediction=[0.0, 0.0], target_prediction=[0.0, 0.0])


def test_policies_and_arms_are_checked() -> None:
    arm, reward, propensity, _ = log(20)
    with pytest.raises(DataError, match="add up to 1"):
        policy_values(arm, reward, propensity, [0.5, 0.5, 0.5])
    with pytest.raises(DataError, match=r"0\.\.1"):
        policy_values(arm, reward, propensity, [0.5, 0.5])
    with pytest.raises(UsageError, match="clip"):
        policy_values(arm, reward, propensity, [0.2, 0.3, 0.5], clip=0)
    assert effective_rows(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)


def test_open_bandit_the_random_policy_from_the_log_of_the_other(shared_data: Path) -> None:
    """Thompson sampling's log says what the random policy's own log measured; its overlap is too thin to rely on."""
    there = shared_data / "clicks_open_bandit"
    thompson, random = (pd.read_csv(there / f"{name}_all.csv.gz") for name in ("bts", "random"))
    found = policy_values(
        thompson["item_id"].to_numpy(), thompson["click"], thompson["propensity_score"], np.full(80, 1 / 80)
    )
    assert_allclose(found.ips.mean_weight, 1, atol=0.05)  # so its propensities are those it was drawn with
    low, high = found.dr.interval()
    assert low < random["click"].mean() < high
    assert not found.dr.reliable
    assert found.dr.effective_n < 500
