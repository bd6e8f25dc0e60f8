"""Skewness, its note, and the share one unit holds."""

import numpy as np
import pytest

from seatrial.stats.heavy_tails import (
    concentration_notes,
    largest_share,
    rows_for_nominal_coverage,
    skew_notes,
    skewness,
)


def test_skewness_does_not_depend_on_the_centre_or_the_scale() -> None:
    x = np.random.default_rng(0).gamma(1, 1, 100)
    found = [
        float(skewness(100, (y - c).mean(), ((y - c) ** 2).mean(), ((y - c) ** 3).mean()))
        for y, c in ((x, 0.0), (x, 5.0), (1000 * x, 900.0))
    ]
    assert found[1] == pytest.approx(found[0])
    assert found[2] == pytest.approx(found[0])


def test_constants_and_two_rows_have_none() -> None:
    assert np.isnan(skewness([9, 2], [1, 0.5], [1, 0.5], [1, 0.5])).all()


def test_the_note_comes_exactly_under_355_squared_skews() -> None:
    assert rows_for_nominal_coverage([-3.0, 0.0]).tolist() == [3195.0, 0.0]
    under, enough, none = skew_notes([3194, 3195, 10], [-3.0, -3.0, np.nan])
    assert "3195 rows are needed and there are 3194" in str(under)
    assert enough is None
    assert none is None


def test_one_unit_with_half_the_revenue_is_named() -> None:
    assert concentration_notes([50.0, 5.0], [100.0, 100.0]) == ("one unit holds 50 % of the total", None)
    assert np.isnan(largest_share(0.0, 0.0))
    assert concentration_notes([0.0], [0.0]) == (None,)
