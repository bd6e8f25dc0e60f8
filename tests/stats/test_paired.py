"""Tango's interval, McNemar's mid-p and the paired contrast of proportions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from seatrial.stats.contrasts import Contrast
from seatrial.stats.paired import PairedProportions, mcnemar_midp, tango_interval, tango_p_value

Z2 = 1.959963984540054**2
flips = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 400)).filter(lambda x: sum(x) > 0)


def paired(gained: int, lost: int, both: int, neither: int, *, identical: bool = False) -> PairedProportions:
    n = gained + lost + both + neither
    return PairedProportions(
        gained=np.array([gained]),
        lost=np.array([lost]),
        n=np.array([n]),
        baseline_value=np.array([(both + lost) / n]),
        identical=np.array([identical]),
    )


def test_no_flips_gives_the_closed_form() -> None:
    n = np.array([1, 30, 1000, 10**7])
    low, high = tango_interval(0, 0, n)
    assert_allclose(high, Z2 / (n + Z2), rtol=1e-12)
    assert_allclose(low, -high, rtol=0)


def test_every_row_flipped_one_way_stays_within_one() -> None:
    low, high = tango_interval([30, 0], [0, 30], [30, 30])
    assert high[0] == 1.0
    assert low[1] == -1.0
    assert 0.5 < low[0] < 1.0
    assert -low[0] == high[1]


def test_no_rows_is_unknown() -> None:
    assert np.isnan(tango_interval(0, 0, 0)).all()
    assert np.isnan(tango_p_value(0, 0, 0))


@settings(deadline=None)
@given(flips)
def test_swapping_the_sides_turns_the_interval_exactly(counts: tuple[int, int, int]) -> None:
    b, c, rest = counts
    low, high = tango_interval(b, c, b + c + rest)
    other_low, other_high = tango_interval(c, b, b + c + rest)
    assert (low, high) == (-other_high, -other_low)
    assert tango_p_value(b, c, b + c + rest) == tango_p_value(c, b, b + c + rest)


@settings(deadline=None)
@given(flips)
def test_limits_solve_the_score_equation(counts: tuple[int, int, int]) -> None:
    b, c, rest = counts
    n = b + c + rest
    for limit in np.array(tango_interval(b, c, n)):
        if abs(limit) < 1:
            assert tango_p_value(b, c, n, float(limit)) == pytest.approx(0.05, abs=1e-8)


def test_p_at_zero_is_mcnemars_z() -> None:
    p = tango_p_value([10, 0, 3], [4, 5, 3], [100, 100, 7])
    assert_allclose(p[:2], [0.108809, 0.025347], atol=1e-6)  # 2(1 - Phi(6/sqrt 14)), 2(1 - Phi(sqrt 5)), from tables
    assert p[2] == 1.0


def test_impossible_nulls_are_rejected() -> None:
    assert tango_p_value(3, 4, 20, 1.5) == 0.0
    assert tango_p_value(3, 4, 20, 1.0) == 0.0


def test_midp_edges() -> None:
    assert mcnemar_midp(0, 0) == 1.0
    assert mcnemar_midp(0, 5) == pytest.approx(2 * 0.5**5 - 0.5**5)
    assert mcnemar_midp(2, 2) == pytest.approx(1 - 6 / 16 / 2)
    assert 0 < mcnemar_midp(100, 1000) < 1e-100
    assert mcnemar_midp(10**7, 10**7) > 0.99


def test_identical_columns_differ_by_exactly_nothing() -> None:
    contrast = paired(0, 0, 20, 10, identical=True)
    assert contrast.interval(0.05) == (0.0, 0.0)
    assert contrast.p_value(0.0) == 1.0
    assert contrast.p_value(-0.01) == 0.0
    assert contrast.methods == ("identical",)
    assert contrast.standard_error > 0


def test_the_same_decisions_by_different_columns_are_not_identical() -> None:
    contrast = paired(0, 0, 20, 10)
    low, high = contrast.interval(0.05)
    assert low < -0.02 < 0.02 < high
    assert contrast.methods[0].startswith("Tango")


def test_standard_error_is_the_paired_one_and_never_zero() -> None:
    assert paired(7, 3, 60, 30).standard_error == pytest.approx(np.sqrt(10 - 16 / 100) / 100)
    assert paired(0, 0, 20, 10).standard_error == pytest.approx(np.sqrt(Z2) / (30 + Z2))
    assert paired(5, 0, 0, 0).standard_error > 0


def test_share_of_the_baseline_uses_the_ratio_score_test() -> None:
    contrast = paired(4, 9, 80, 7)
    relative = contrast.against(0.98)
    assert relative.difference == pytest.approx(0.84 - 0.98 * 0.89)
    assert "x baseline" in relative.methods[0]
    values = np.repeat([1 - 0.98, 1.0, -0.98, 0.0], [80, 4, 9, 7])
    assert relative.standard_error == pytest.approx(values.std() / 10)
    assert contrast.against(1.0) is contrast


def test_no_flips_cannot_pass_a_relative_margin_on_few_rows() -> None:
    low, _ = paired(0, 0, 27, 3).against(0.98).interval(0.05)
    assert low < 0  # a paired t would give [0.015, 0.020] and pass


def test_identical_columns_pass_any_relative_margin() -> None:
    relative = paired(0, 0, 27, 3, identical=True).against(0.98)
    low, high = relative.interval(0.05)
    assert low == high == pytest.approx(0.02 * 0.9)
    assert relative.p_value(0.0) == 0.0


def test_no_baseline_events_has_no_relative_margin() -> None:
    relative = paired(2, 0, 0, 28).against(0.98)
    assert relative.reasons[0] == "the baseline has no events, so no share of it can be a margin"
    assert np.isnan(relative.interval(0.05)).all()
    assert np.isnan(relative.p_value(0.0)).all()


def test_contrast_is_vectorised_and_picks_slices() -> None:
    whole: Contrast = PairedProportions(
        gained=np.array([7, 0, 0]),
        lost=np.array([3, 0, 0]),
        n=np.array([100, 30, 0]),
        baseline_value=np.array([0.7, 0.5, np.nan]),
        identical=np.array([False, False, False]),
    )
    assert whole.reasons == (None, None, "no rows")
    low, high = whole.interval(0.05)
    for index in range(3):
        one = whole.at(index)
        assert_allclose(one.interval(0.05), ([low[index]], [high[index]]))
        assert_allclose(one.p_value(), whole.p_value()[[index]])
    assert_allclose(whole.at(-1).n, [0])
