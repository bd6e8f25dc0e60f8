"""Proportions: edges, effective sizes and F1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seatrial.errors import UsageError
from seatrial.stats.proportions import clopper_pearson, effective_size, f1_interval, proportion_interval, wilson

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_zero_failures_of_300_is_at_most_1_2_percent() -> None:
    low, high, methods = proportion_interval(0, 300)
    assert low[0] == 0.0
    assert high[0] == pytest.approx(1 - 0.025 ** (1 / 300), abs=1e-12)  # closed form of the exact limit at 0 events
    assert round(high[0] * 100, 1) == 1.2
    assert methods == ("Clopper-Pearson interval",)


def test_all_events_mirrors_no_events() -> None:
    low, high, _ = proportion_interval([300, 0], [300, 300])
    assert high[0] == 1.0
    assert low[0] == pytest.approx(1 - high[1], abs=1e-12)


def test_no_rows_is_unknown_and_never_a_number() -> None:
    low, high, methods = proportion_interval([0, 3], [0, 6])
    assert np.isnan([low[0], high[0]]).all()
    assert methods[0] == "none: no rows"
    assert np.isfinite([low[1], high[1]]).all()


@settings(deadline=None)
@given(counts, st.floats(0.001, 0.5))
def test_interval_holds_the_share_and_mirrors(pair: tuple[int, int], alpha: float) -> None:
    count, n = pair
    low, high, _ = proportion_interval(count, n, alpha=alpha)
    other_low, other_high, _ = proportion_interval(n - count, n, alpha=alpha)
    assert 0 <= low[0] <= count / n <= high[0] <= 1
    assert_allclose([1 - other_high[0], 1 - other_low[0]], [low[0], high[0]], atol=1e-9)


@settings(deadline=None)
@given(counts)
def test_exact_limits_contain_wilsons_share_of_the_tails(pair: tuple[int, int]) -> None:
    count, n = pair
    wide = clopper_pearson(count, n, alpha=0.01)
    narrow = clopper_pearson(count, n, alpha=0.2)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


def test_wilson_solves_its_equation() -> None:
    z2 = 1.959963984540054**2
    for limit in wilson(13, 57):
        assert (13 / 57 - limit) ** 2 == pytest.approx(z2 * limit * (1 - limit) / 57, rel=1e-12)


def test_effective_size_shrinks_the_sample() -> None:
    plain = proportion_interval(40, 100)
    halved = proportion_interval(40, 100, effective_n=50)
    direct = wilson(20, 50)
    assert (halved[0][0], halved[1][0]) == (float(direct[0]), float(direct[1]))
    assert halved[1][0] - halved[0][0] > plain[1][0] - plain[0][0]
    assert halved[2] == ("Wilson score interval at the effective size",)


def test_effective_size_of_independent_rows_is_their_number() -> None:
    n, share = np.array([10.0, 400.0]), np.array([0.3, 0.99])
    variance = share * (1 - share) / (n - 1)
    assert_allclose(effective_size(variance, share, n), n, rtol=1e-12)
    assert_allclose(effective_size(variance, share, n, df=n - 1), n, rtol=1e-12)
    assert effective_size(2 * variance, share, n)[1] == pytest.approx(1 + 399 / 2)


def test_effective_size_never_passes_the_rows_and_falls_back_to_clusters() -> None:
    assert effective_size(1e-9, 0.5, 100) == 100
    assert effective_size(0.0, 0.0, 1000, independent=20) == 20
    assert effective_size(0.0, 0.0, 1000) == 1000


def test_few_degrees_of_freedom_widen_the_interval() -> None:
    size = effective_size(0.25 / 99, 0.5, 100, df=4)
    assert size == pytest.approx(100 * (1.9842169515864 / 2.7764451051978) ** 2)  # t quantiles at 99 and 4 df


def test_f1_is_the_mapped_jaccard_share() -> None:
    low, high, methods = f1_interval([30, 0, 0], [20, 12, 0])
    jaccard = wilson(30, 50)
    assert low[0] == pytest.approx(2 * jaccard[0] / (1 + jaccard[0]))
    assert high[0] == pytest.approx(2 * jaccard[1] / (1 + jaccard[1]))
    exact = 1 - 0.025 ** (1 / 12)
    assert (low[1], high[1]) == (0.0, pytest.approx(2 * exact / (1 + exact)))
    assert np.isnan(low[2])
    assert [name.split()[0] for name in methods] == ["Wilson", "Clopper-Pearson", "none:"]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 5.0, float("nan")])
def test_alpha_outside_0_1_is_refused(alpha: float) -> None:
    with pytest.raises(UsageError, match="alpha must lie strictly between 0 and 1"):
        wilson(1, 2, alpha=alpha)
