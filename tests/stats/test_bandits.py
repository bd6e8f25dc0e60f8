"""Arm values from bandit logs: scores by hand, what is known of the propensities, refusals, adaptivity."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import DataError, UsageError
from seatrial.stats.bandits import AIPW, EQUAL, arm_contrast, arm_values


def test_row_by_row_scores_by_hand() -> None:
    arm, reward, chance = [0, 1, 0, 1], [1.0, 0.0, 3.0, 2.0], [0.5, 0.5, 0.8, 0.2]
    full = np.array([[0.5, 0.5], [0.5, 0.5], [0.8, 0.2], [0.8, 0.2]])
    found = arm_values(arm, reward, chance, n_arms=2, propensities=full)
    # m: nothing known is 0; arm 1 unseen before row 2 takes the mean of all so far (1)
    scores = np.array([[2.0, 0.0], [1.0, 1 + (0 - 1) / 0.5], [1 + 2 / 0.8, 0.0], [2.0, 0 + 2 / 0.2]])
    assert_allclose(found.scores, scores)
    weight = np.sqrt(full)
    value = (weight * scores).sum(axis=0) / weight.sum(axis=0)
    error = np.sqrt((weight**2 * (scores - value) ** 2).sum(axis=0)) / weight.sum(axis=0)
    assert_allclose(found.aipw.value, value)
    assert_allclose(found.aipw.standard_error, error)
    assert found.aipw.method == AIPW
    assert_allclose(found.ipw.value, [(2 + 3 / 0.8) / 4, (0 + 10) / 4])
    assert_allclose(found.snipw.value, [(2 + 3 / 0.8) / (2 + 1 / 0.8), 10 / 7])
    assert_allclose(found.naive.value, [2, 1])


def test_without_the_other_arms_propensities_rows_get_equal_weights() -> None:
    found = arm_values([0, 1, 0, 1], [1.0, 0.0, 3.0, 2.0], [0.5, 0.5, 0.8, 0.2], n_arms=2)
    assert found.aipw.method == EQUAL
    assert_allclose(found.aipw.value, found.scores.mean(axis=0))


def test_propensities_of_a_batch_are_read_off_its_rows() -> None:
    rng = np.random.default_rng(0)
    batch = np.repeat([0, 1, 2], 200)
    full = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]])[batch]
    arm = (rng.random(600)[:, None] > np.cumsum(full, axis=1)).sum(axis=1)
    reward, chance = rng.normal(arm, 1), full[np.arange(600), arm]
    told = arm_values(arm, reward, chance, n_arms=3, batch=batch, propensities=full)
    read = arm_values(arm, reward, chance, n_arms=3, batch=batch)
    assert told.odds is not None
    assert read.odds is not None
    assert_allclose(read.odds, told.odds)
    assert_allclose(read.aipw.value, told.aipw.value)
    # two arms gone from a batch: their chances cannot be read off, and leaving the batch out would select by luck
    gone = (batch == 2) & (arm < 2)
    assert arm_values(arm[~gone], reward[~gone], chance[~gone], n_arms=3, batch=batch[~gone]).odds is None
    # one arm gone: what the others leave
    gone = (batch == 2) & (arm < 1)
    one = arm_values(arm[~gone], reward[~gone], chance[~gone], n_arms=3, batch=batch[~gone]).odds
    assert one is not None
    assert_allclose(one[-1], [10, 10, 1.25])


def test_one_batch_at_fixed_chances_is_an_ordinary_experiment() -> None:
    rng = np.random.default_rng(0)
    arm = rng.integers(0, 2, 4000)
    reward = 100 + arm + rng.normal(size=4000)  # a large mean must not make the scores noisy
    found = arm_values(arm, reward, np.full(4000, 0.5), n_arms=2, batch=np.zeros(4000))
    assert found.by_batch is not None
    for part in (found.snipw, found.by_batch, found.aipw):
        assert_allclose(part.value, found.naive.value, atol=0.01)
        assert_allclose(part.standard_error, found.naive.standard_error, rtol=0.05)
    contrast = arm_contrast(found)
    assert contrast.difference[0] == pytest.approx(found.aipw.value[1] - found.aipw.value[0])
    assert contrast.standard_error[0] == pytest.approx(np.hypot(*found.naive.standard_error), rel=0.05)
    assert contrast.interval(0.05)[0][0] < 1 < contrast.interval(0.05)[1][0]


def test_a_ramp_over_a_drifting_base_rate() -> None:
    """The second arm gets its traffic late, when everything is better; nothing else differs."""
    rng = np.random.default_rng(0)
    batch = np.repeat(np.arange(4), 2000)
    chance = np.array([0.05, 0.2, 0.5, 0.9])[batch]
    arm = (rng.random(8000) < chance).astype(int)
    reward = 0.5 * batch + rng.normal(size=8000)
    found = arm_values(arm, reward, np.where(arm == 1, chance, 1 - chance), n_arms=2, batch=batch)
    assert found.naive.value[1] - found.naive.value[0] > 0.5
    assert found.by_batch is not None
    assert abs(np.diff(found.by_batch.value)[0]) < 0.15
    assert abs(np.diff(found.aipw_equal.value)[0]) < 0.15
    assert arm_contrast(found).p_value()[0] > 0.01
    assert arm_contrast(found, control=1).difference[0] == -arm_contrast(found).difference[0]
    assert all("drifts" in str(note) for note in found.notes)


def test_arms_that_say_nothing_have_reasons() -> None:
    arm, reward = [0, 0, 0, 1, 2, 2], [1.0, 2.0, 3.0, 1.0, 1.0, 1.0]
    found = arm_values(arm, reward, [0.5] * 6, n_arms=4, batch=[0] * 6)
    assert found.aipw.reasons == (
        None,
        "too few rows to estimate a variance",
        "every row has the same reward",
        "no rows",
    )
    assert np.isnan(found.naive.value[3])
    assert np.isnan(found.aipw.standard_error[1:]).all()
    assert arm_contrast(found).reasons[0] == "too few rows to estimate a variance"
    assert arm_contrast(found).reasons[2] == "no rows"


def test_the_log_is_checked() -> None:
    good = {"arm": [0, 1], "reward": [1.0, 2.0], "propensity": [0.5, 0.5], "n_arms": 2}
    for change, said in (
        ({"batch": [1, 0]}, "order of time"),
        ({"propensity": [0.0, 0.5]}, "propensity"),
        ({"reward": [np.nan, 0.0]}, "reward"),
        ({"arm": [0, 2]}, "arm"),
        ({"arm": [0.5, 1.0]}, "integer"),
        ({"propensities": [[0.5, 0.5], [0.6, 0.4]]}, "disagree"),
        ({"propensities": [[0.5, 0.5]]}, "shape"),
        ({"arm": [], "reward": [], "propensity": []}, "no rows|integer"),
    ):
        with pytest.raises(DataError, match=said):
            arm_values(**(good | change))
    with pytest.raises(UsageError, match="control"):
        arm_contrast(arm_values(**good), control=2)


def test_a_greedy_bandit_biases_the_naive_mean_and_not_ours() -> None:
    """A small cousin of tests/validity: 300 runs, so only a gross error shows."""
    rng = np.random.default_rng(0)
    naive, ours, held = [], [], []
    for _ in range(300):
        totals, counts, parts = np.zeros(2), np.zeros(2), []
        for b in range(50):
            leads = totals[0] / max(counts[0], 1) >= totals[1] / max(counts[1], 1)
            share = np.array([0.5, 0.5] if not b else [0.97, 0.03] if leads else [0.03, 0.97])
            arm = rng.choice(2, 10, p=share)
            reward = rng.normal(size=10)
            np.add.at(totals, arm, reward)
            np.add.at(counts, arm, 1)
            parts.append((arm, reward, share[arm], np.full(10, b), np.tile(share, (10, 1))))
        arm, reward, chance, batch, full = (np.concatenate(x) for x in zip(*parts, strict=True))
        found = arm_values(arm, reward, chance, n_arms=2, batch=batch, propensities=full)
        naive.append(found.naive.value[0])
        ours.append(found.aipw.value[0])
        low, high = found.aipw.interval()
        held.append(low[0] <= 0 <= high[0])
    assert np.mean(np.array(naive) < 0) > 0.58
    assert 0.42 < np.mean(np.array(ours) < 0) < 0.58
    assert np.mean(held) > 0.91


def test_open_bandit_arms_are_too_rare_to_rank(shared_data: Path) -> None:
    log = pd.read_csv(shared_data / "clicks_open_bandit" / "bts_all.csv.gz")
    day = pd.to_datetime(log["timestamp"]).dt.date.astype(str).to_numpy()
    found = arm_values(log["item_id"].to_numpy(), log["click"], log["propensity_score"], n_arms=80, batch=day)
    assert found.n.sum() == 10_000
    assert found.naive.value @ found.n / 10_000 == pytest.approx(0.0042)
    assert not found.reliable.any()
    assert all("rarer reward" in str(note) for note in found.notes)
