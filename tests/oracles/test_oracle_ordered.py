"""Two samples in order, without merging them: equal to SciPy and to a plain merge, whatever sizes and ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hyp
from scipy import stats

from seatrial.errors import DataError
from seatrial.stats.ordered import BLOCK, CHUNK, ascending, ordered

NUMBERS = hyp.lists(hyp.floats(-8, 8).map(lambda v: round(v, 1)), min_size=1, max_size=5 * BLOCK)


def largest_gap(x: list[float], y: list[float]) -> float:
    """max |F - G| by its definition (ks_2samp divides by 0 for some of these samples)."""
    at = np.concatenate([x, y])[:, None]
    return float(np.abs((np.array(x) <= at).mean(axis=1) - (np.array(y) <= at).mean(axis=1)).max())


@settings(max_examples=150, deadline=None)
@given(NUMBERS, NUMBERS)
def test_every_answer_equals_that_of_the_merged_samples(x: list[float], y: list[float]) -> None:
    both = ordered(x, y)
    merged = np.sort(np.concatenate([x, y]))
    assert both.kolmogorov_smirnov == pytest.approx(largest_gap(x, y), abs=1e-12)
    assert both.wasserstein == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-9, abs=1e-12)
    assert (both.pooled(np.arange(len(merged))) == merged).all()
    different = np.unique(merged)
    for most in (None, len(different)):
        found = both.values(most)
        assert found is not None
        values, a, b = found
        assert (values == different).all()
        assert a.tolist() == [x.count(v) for v in different]
        assert b.tolist() == [y.count(v) for v in different]
    assert both.values(len(different) - 1) is None


@pytest.mark.parametrize(("n", "m"), [(3000, 3000), (2000, 2999), (CHUNK + 17, 4000), (50, 70_000), (1, 9)])
@pytest.mark.parametrize("decimals", [0, 2, 17])
@pytest.mark.parametrize("far", [0.0, 0.3, 9.0])
def test_samples_of_many_blocks(n: int, m: int, decimals: int, far: float) -> None:
    rng = np.random.default_rng([n, m])
    x, y = rng.normal(0, 1, n).round(decimals), rng.normal(far, 1.2, m).round(decimals)
    both = ordered(x, y)
    assert both.kolmogorov_smirnov == pytest.approx(stats.ks_2samp(x, y, method="asymp").statistic, abs=1e-12)
    assert both.wasserstein == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-9)


def test_missing_values_are_left_out_and_nothing_is_refused() -> None:
    assert ascending([2.0, np.nan, -np.inf, 1.0, np.inf]).tolist() == [-np.inf, 1.0, 2.0, np.inf]
    with pytest.raises(DataError, match="at least one value"):
        ordered([np.nan], [1.0])
