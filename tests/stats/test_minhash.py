"""MinHash: signatures estimate Jaccard similarities, buckets miss as often as the formula says."""

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.stats.minhash import Sets, agreement, as_sets, candidates, jaccard, miss_probability, mixed, signatures


def pairs_of(similarity: float, *, pairs: int, size: int, seed: int) -> Sets:
    """Pairs of sets (2i, 2i + 1) of `size` members with this Jaccard similarity."""
    rng = np.random.default_rng(seed)
    shared = round(similarity * 2 * size / (1 + similarity))
    owner, members = [], []
    for pair in range(pairs):
        values = mixed(rng.integers(0, 1 << 60, 2 * size)) >> np.uint64(16)
        owner += [2 * pair] * size + [2 * pair + 1] * size
        members += [*values[:size], *values[size - shared : 2 * size - shared]]
    return as_sets(owner, np.array(members, dtype=np.uint64), n=2 * pairs)


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8, 0.95])
def test_signatures_agree_as_often_as_the_sets_are_similar(similarity: float) -> None:
    sets = pairs_of(similarity, pairs=300, size=200, seed=1)
    first, second = np.arange(0, 600, 2), np.arange(1, 600, 2)
    true = jaccard(sets, first, second)
    assert true == pytest.approx(similarity, abs=0.005)
    estimate = agreement(signatures(sets, seed=3), first, second)
    # 300 pairs x 100 entries: five standard errors of the mean share
    assert estimate.mean() == pytest.approx(true.mean(), abs=5 * np.sqrt(0.25 / 30_000))
    assert estimate.std() == pytest.approx(np.sqrt(similarity * (1 - similarity) / 100), rel=0.25)


def test_buckets_miss_pairs_as_often_as_the_formula_says() -> None:
    sets = pairs_of(0.5, pairs=2000, size=60, seed=2)
    found = candidates(signatures(sets, seed=5), wanted=np.ones(4000, dtype=bool), seed=0)
    hit = {(a, b) for a, b in zip(found.first.tolist(), found.second.tolist(), strict=True)}
    missed = np.mean([(2 * i, 2 * i + 1) not in hit for i in range(2000)])
    true = float(jaccard(sets, [0], [1])[0])
    assert missed == pytest.approx(miss_probability(true), abs=5 * np.sqrt(0.25 / 2000))
    assert not found.cut


def test_jaccard_is_that_of_python_sets() -> None:
    rng = np.random.default_rng(0)
    plain = [set(rng.integers(0, 30, rng.integers(0, 20)).tolist()) for _ in range(200)]
    owner = [i for i, one in enumerate(plain) for _ in one]
    sets = as_sets(owner, [member for one in plain for member in one], n=200)
    first, second = rng.integers(0, 200, 500), rng.integers(0, 200, 500)
    by_hand = [
        len(plain[a] & plain[b]) / len(plain[a] | plain[b]) if plain[a] | plain[b] else 1.0
        for a, b in zip(first, second, strict=True)
    ]
    assert jaccard(sets, first, second) == pytest.approx(by_hand, abs=1e-12)


def test_a_crowded_bucket_is_cut_and_says_so() -> None:
    same = as_sets(np.arange(500), np.full(500, 7 << 30), n=500)
    found = candidates(signatures(same), wanted=np.ones(500, dtype=bool), neighbours=4)
    assert found.cut
    assert len(found.first) < 500 * 499 / 2


def test_pairs_without_a_wanted_side_are_left_out() -> None:
    same = as_sets(np.arange(6), np.full(6, 7 << 30), n=6)
    wanted = np.array([True, False, False, False, False, False])
    found = candidates(signatures(same), wanted=wanted)
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(0, i) for i in range(1, 6)]


def test_too_many_sets_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="65536"):
        as_sets([], [], n=70_000)
