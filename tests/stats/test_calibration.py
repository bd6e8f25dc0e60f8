"""ECE and the squared calibration error: bins, ties, slices, influences; KS draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import DataError, UsageError
from seatrial.stats.calibration import (
    default_bins,
    equal_mass_bins,
    grouped_ece,
    squared_calibration_influence,
)
from seatrial.stats.kolmogorov import ks_bootstrap, ks_permutation_p, ks_statistic
from seatrial.stats.sorted_scores import SortedScores


def scored(seed=0, n=4000, slices=5):
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 3, n)
    return score, rng.random(n) < score**1.3, rng.integers(-1, slices, n), rng.uniform(0.2, 2, n)


def test_number_of_bins():
    assert default_bins([0, 49, 50, 749, 750, 10**7]).tolist() == [0, 0, 1, 14, 15, 15]


@pytest.mark.parametrize("decimals", [6, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_slice_is_what_its_rows_alone_give(decimals, weighted):
    score, label, codes, weight = scored()
    score = score.round(decimals)
    codes[(codes == 4) & (np.arange(4000) > 150)] = -1
    w = weight if weighted else None
    table = grouped_ece(SortedScores(score, label, w).by(codes, 6))
    for k in range(4):
        there = codes == k
        alone = grouped_ece(SortedScores(score[there], label[there], None if w is None else w[there]).whole())
        for name in ("ece", "low", "high", "squared", "squared_variance", "bins", "n"):
            assert getattr(table, name)[k] == pytest.approx(getattr(alone, name)[0], rel=1e-9)
    assert table.reasons[4] == f"{(codes == 4).sum()} rows are too few to bin (at least 50 are needed)"
    assert table.reasons[5] is not None
    assert np.isnan(table.ece[4:]).all()
    assert table.reasons[:4] == (None,) * 4


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(1, 12))
def test_equal_scores_share_a_bin_and_every_row_is_in_one(levels, bins):
    score = np.array(levels) / 4
    cut = equal_mass_bins(SortedScores(score, np.arange(len(score)) % 2).whole(), bins)
    assert cut.n.sum() == len(score)
    assert cut.mass.sum() == pytest.approx(1)
    assert len(cut.n) <= min(bins, len(score))
    edges = np.cumsum(cut.n)[:-1]
    ordered = np.sort(score)
    assert (ordered[edges - 1] < ordered[edges]).all()


def test_a_cut_moves_to_the_nearer_end_of_its_run():
    score = np.repeat([0.1, 0.2, 0.3], [45, 30, 25])  # the middle, 50, lies 5 rows into the second run
    cut = equal_mass_bins(SortedScores(score, np.zeros(100, int)).whole(), 2)
    assert cut.n.tolist() == [45, 55]
    score = np.repeat([0.1, 0.2, 0.3], [25, 30, 45])
    assert equal_mass_bins(SortedScores(score, np.zeros(100, int)).whole(), 2).n.tolist() == [55, 45]


def test_the_interval_holds_the_plug_in_value_and_shrinks():
    score, label, _, _ = scored(n=40_000)
    widths = []
    for n in (400, 4000, 40_000):
        table = grouped_ece(SortedScores(score[:n], label[:n]).whole())
        assert table.low[0] <= table.ece[0] <= table.high[0]
        widths.append(table.high[0] - table.low[0])
    assert widths[0] > widths[1] > widths[2]


def test_debiased_squared_error_is_unbiased_where_the_plug_in_is_not():
    rng = np.random.default_rng(0)
    index = np.repeat(np.arange(4000), 200)
    score = rng.uniform(0.2, 0.6, index.size)
    debiased = grouped_ece(SortedScores(score, rng.random(index.size) < score + 0.1).by(index, 4000)).squared
    assert debiased.mean() == pytest.approx(0.01, abs=4 * debiased.std() / np.sqrt(4000))
    calibrated = grouped_ece(SortedScores(score, rng.random(index.size) < score).by(index, 4000)).squared
    assert calibrated.mean() == pytest.approx(0.0, abs=4 * calibrated.std() / np.sqrt(4000))


@pytest.mark.parametrize("weighted", [False, True])
def test_influence_is_the_slope_of_the_plug_in_error_with_bins_held(weighted):
    score, label, _, weight = scored(n=120)
    w = weight if weighted else np.ones(120)
    value, psi = squared_calibration_influence(score, label, w if weighted else None, bins=3)
    bin_of = np.empty(120, int)
    bin_of[np.argsort(score)] = np.repeat([0, 1, 2], 40)

    def plug_in(v):
        mass = np.bincount(bin_of, weights=v)
        gap = np.bincount(bin_of, weights=v * (label - score)) / mass
        return float((mass * gap**2).sum() / v.sum())

    assert value < plug_in(w)
    assert psi.sum() == pytest.approx(0, abs=1e-9)
    for i in range(0, 120, 7):
        up, down = w.copy(), w.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        assert psi[i] == pytest.approx(120 * w[i] * (plug_in(up) - plug_in(down)) / 2e-5, abs=1e-7)


def test_what_is_refused():
    with pytest.raises(DataError, match="probabilities"):
        grouped_ece(SortedScores([-0.1] * 60, [0, 1] * 30).whole())
    with pytest.raises(UsageError, match="alpha"):
        grouped_ece(SortedScores([0.1] * 60, [0, 1] * 30).whole(), alpha=1)
    with pytest.raises(DataError, match="too few"):
        squared_calibration_influence([0.1] * 40, [0, 1] * 20)
    with pytest.raises(DataError, match="no negative"):
        ks_statistic([0.1, 0.2], [1, 1])
    with pytest.raises(DataError, match="lack"):
        ks_statistic([0.1, np.nan], [0, 1])


def test_ks_does_not_care_for_the_scale_and_finds_what_is_there():
    score, label, _, _ = scored(n=500)
    assert ks_statistic(np.exp(score), label) == ks_statistic(score, label) == ks_statistic(-score, label)
    assert ks_statistic([1, 2, 3, 4], [0, 0, 1, 1]) == 1
    assert ks_permutation_p(score, label, draws=199, seed=0) == 1 / 200
    noise = np.random.default_rng(0).random(500)
    assert ks_permutation_p(noise, label, draws=199, seed=0) > 0.01


def test_ks_bootstrap_is_seeded_and_spreads_about_the_value():
    score, label, _, _ = scored(n=2000)
    draws = ks_bootstrap(score, label, draws=300, seed=1)
    assert draws.tolist() == ks_bootstrap(score, label, draws=300, seed=1).tolist()
    assert draws.tolist() != ks_bootstrap(score, label, draws=300, seed=2).tolist()
    assert abs(draws.mean() - ks_statistic(score, label)) < 3 * draws.std()
    tied = ks_bootstrap(score.round(1), label, draws=300, seed=1)
    assert abs(tied.mean() - ks_statistic(score.round(1), label)) < 3 * tied.std()
