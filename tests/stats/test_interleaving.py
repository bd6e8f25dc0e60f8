"""Team-draft lists and preferences per user."""

import numpy as np
import pytest

from seatrial.errors import DataError, UsageError
from seatrial.stats.interleaving import interleaved_preference, team_draft


def test_a_draft_takes_turns_and_repeats_nothing() -> None:
    a, b = list("abcdefgh"), list("hgfedcba")
    for seed in range(20):
        items, teams = team_draft(a, b, length=6, rng=np.random.default_rng(seed))
        assert len(set(items)) == len(items) == 6
        for pair in range(3):
            assert sorted(teams[2 * pair : 2 * pair + 2]) == ["a", "b"]
        assert items[teams.index("a")] == "a"
        assert items[teams.index("b")] == "h"


def test_a_draft_is_fair_to_equal_rankings_and_ends_with_them() -> None:
    rng = np.random.default_rng(0)
    firsts = [team_draft("xyz", "xyz", length=9, rng=rng) for _ in range(400)]
    assert all(items == ["x", "y", "z"] for items, _ in firsts)
    assert 150 < sum(teams[0] == "a" for _, teams in firsts) < 250
    assert team_draft([], ["q"], length=3, rng=rng) == (["q"], ["b"])
    with pytest.raises(UsageError, match="length"):
        team_draft("x", "y", length=0, rng=rng)


def test_a_user_with_many_queries_has_one_vote() -> None:
    # user 0: ten queries all for b; users 1..4: one each for a
    wins_b, wins_a = np.array([1] * 10 + [0] * 4), np.array([0] * 10 + [1] * 4)
    found = interleaved_preference(wins_a, wins_b, units=[0] * 10 + [1, 2, 3, 4])
    assert found.contrast.difference[0] == pytest.approx((1 - 4) / 5)
    assert (found.queries, found.units, found.prefer_a, found.prefer_b, found.undecided) == (14, 5, 4, 1, 0)
    assert found.share_b == 0.2
    assert found.share_low < 0.2 < found.share_high


def test_ties_dilute_a_preference_and_silence_does_not_count() -> None:
    found = interleaved_preference([0, 0, 0], [2, 1, 0], [2, 1, 0])
    assert found.units == 2
    assert found.contrast.difference[0] == 0.5
    assert found.contrast.reasons[0] is not None  # both users alike: no spread
    nobody = interleaved_preference([0], [0])
    assert nobody.contrast.reasons[0] == "no unit gave a preference"
    assert np.isnan(nobody.share_b)


def test_swapping_the_rankings_turns_the_sign() -> None:
    rng = np.random.default_rng(1)
    a, b, ties = rng.integers(0, 5, (3, 40))
    one, two = interleaved_preference(a, b, ties), interleaved_preference(b, a, ties)
    assert one.contrast.difference[0] == -two.contrast.difference[0]
    assert one.share_low == pytest.approx(1 - two.share_high)
    with pytest.raises(DataError, match="counts"):
        interleaved_preference([-1], [0])
