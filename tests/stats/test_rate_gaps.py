"""Gaps between the rates of groups: limits by hand from pairs, the order of groups, what cannot be asked."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from seatrial.errors import UsageError
from seatrial.stats.miettinen_nurminen import miettinen_nurminen_interval, miettinen_nurminen_ratio_interval
from seatrial.stats.rate_gaps import (
    equal_rates_p_value,
    rate_differences,
    rate_ratios,
    ratios_to,
    ratios_to_best,
    worst_of,
)

COUNTS, SIZES = np.array([12, 40, 25, 3]), np.array([60, 90, 130, 7])


def test_the_difference_is_the_widest_pair_and_its_limits_are_those_of_all_pairs() -> None:
    gap = rate_differences(COUNTS, SIZES, alpha=0.05)
    lows, highs = [], []
    for i, j in combinations(range(4), 2):
        low, high = miettinen_nurminen_interval(COUNTS[i], SIZES[i], COUNTS[j], SIZES[j], alpha=0.05 / 6)
        lows += [float(low), -float(high)]
        highs += [float(high), -float(low)]
    rates = COUNTS / SIZES
    assert float(gap.value) == pytest.approx(rates.max() - rates.min(), abs=1e-15)
    assert float(gap.low) == pytest.approx(max(0.0, *lows), abs=1e-12)
    assert float(gap.high) == pytest.approx(max(highs), abs=1e-12)


def test_the_ratio_is_the_smallest_over_the_largest_with_limits_of_all_pairs() -> None:
    gap = rate_ratios(COUNTS, SIZES, alpha=0.05)
    lows, highs = [], []
    for i in range(4):
        for j in range(4):
            if i != j:
                low, high = miettinen_nurminen_ratio_interval(COUNTS[i], SIZES[i], COUNTS[j], SIZES[j], alpha=0.05 / 6)
                lows.append(float(low))
                highs.append(float(high))
    rates = COUNTS / SIZES
    assert float(gap.value) == pytest.approx(rates.min() / rates.max(), abs=1e-15)
    assert float(gap.low) == pytest.approx(min(lows), rel=1e-9)
    assert float(gap.high) == pytest.approx(min(1.0, *highs), rel=1e-9)


@pytest.mark.parametrize("find", [rate_differences, rate_ratios])
def test_the_order_of_groups_does_not_matter(find: object) -> None:
    one, other = (find(COUNTS[order], SIZES[order]) for order in ([0, 1, 2, 3], [2, 0, 3, 1]))  # type: ignore[operator]
    for part in ("value", "low", "high", "p_value"):
        assert float(getattr(one, part)) == pytest.approx(float(getattr(other, part)), rel=1e-9)


def test_many_data_sets_at_once_are_each_alone() -> None:
    counts = np.array([[5, 9, 2], [0, 4, 8]])
    both = rate_differences(counts, np.array([20, 30, 10]))
    for k in range(2):
        alone = rate_differences(counts[k], [20, 30, 10])
        assert float(alone.low) == both.low[k]
        assert float(alone.high) == both.high[k]


def test_the_p_is_pearsons() -> None:
    table = np.array([COUNTS, SIZES - COUNTS])
    assert float(equal_rates_p_value(COUNTS, SIZES)) == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert float(equal_rates_p_value([0, 0], [5, 9])) == 1.0


def test_ratios_to_the_best_agree_with_the_smallest_over_the_largest() -> None:
    each, whole = ratios_to_best(COUNTS, SIZES), rate_ratios(COUNTS, SIZES)
    assert each.value.min() == pytest.approx(float(whole.value), abs=1e-15)
    assert each.low.min() == pytest.approx(float(whole.low))
    assert each.high.min() == pytest.approx(float(whole.high))
    assert (each.low <= each.value).all()
    assert (each.value <= each.high).all()


def test_a_named_reference_is_one_exactly_and_others_may_exceed_it() -> None:
    found = ratios_to(0, COUNTS, SIZES)
    assert found.value[0] == found.low[0] == found.high[0] == 1.0
    assert found.value[1] == pytest.approx((40 / 90) / (12 / 60))
    assert found.low[1] > 1


def test_nobody_selected_has_a_difference_and_no_ratio() -> None:
    assert float(rate_differences([0, 0], [10, 20]).value) == 0.0
    assert np.isnan(rate_ratios([0, 0], [10, 20]).value)
    assert np.isnan(ratios_to(0, [0, 3], [10, 20]).value).all()
    nobody_in_one = rate_ratios([0, 5], [10, 20])
    assert float(nobody_in_one.value) == 0.0
    assert float(nobody_in_one.low) == 0.0
    assert 0 < float(nobody_in_one.high) <= 1


def test_the_worst_of_two_rates() -> None:
    first, second = rate_differences([5, 9], [20, 20], alpha=0.025), rate_differences([2, 19], [20, 20], alpha=0.025)
    worst = worst_of([first, second])
    assert float(worst.value) == pytest.approx(0.85)
    assert float(worst.low) == max(float(first.low), float(second.low))
    assert float(worst.p_value) == pytest.approx(2 * float(second.p_value))


@pytest.mark.parametrize(("counts", "sizes"), [([1], [2]), (3, 4), ([1, 2], [3, 0])])
def test_what_cannot_be_asked(counts: object, sizes: object) -> None:
    with pytest.raises(UsageError):
        rate_differences(counts, sizes)  # type: ignore[arg-type]
