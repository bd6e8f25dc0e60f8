"""Boundary, e-value and p-value of a confidence sequence are one thing read three ways."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seatrial.errors import UsageError
from seatrial.stats.confidence_sequences import (
    burn_in,
    burn_in_of_rate,
    running_p_value,
    sequence_boundary,
    sequence_e_value,
    sequence_p_value,
    tuning,
)

FRACTIONS = np.array([0.001, 0.05, 0.3, 1.0, 1.7, 40.0])


def test_the_boundary_is_the_formula() -> None:
    alpha = 0.05
    c = -2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))
    k = c * FRACTIONS
    assert_allclose(sequence_boundary(FRACTIONS), np.sqrt(2 * (k + 1) / k * np.log(np.sqrt(k + 1) / alpha)), rtol=1e-13)
    one_sided = np.sqrt(2 * (k + 1) / k * np.log(1 + np.sqrt(k + 1) / (2 * alpha)))
    assert_allclose(sequence_boundary(FRACTIONS, one_sided=True), one_sided, rtol=1e-13)
    assert tuning(alpha) == pytest.approx(c, rel=1e-14)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.0125, 1e-6, 1e-200])
def test_p_is_the_alpha_at_which_z_lies_on_the_boundary(alpha: float, one_sided: bool) -> None:
    z = sequence_boundary(FRACTIONS, alpha=alpha, tuned_for=0.05, one_sided=one_sided)
    p = sequence_p_value(z, FRACTIONS, one_sided=one_sided)
    assert_allclose(p, alpha, rtol=1e-9)
    assert (sequence_p_value(z * (1 + 1e-9), FRACTIONS, one_sided=one_sided) < alpha).all()
    assert (sequence_p_value(z * (1 - 1e-9), FRACTIONS, one_sided=one_sided) > alpha).all()


def test_a_sequence_keeps_its_tuning_when_holm_changes_alpha() -> None:
    kept = sequence_boundary(1.0, alpha=0.01, tuned_for=0.05)
    assert kept != sequence_boundary(1.0, alpha=0.01)
    assert sequence_p_value(kept, 1.0, tuned_for=0.05) == pytest.approx(0.01, rel=1e-12)


def test_the_sequence_is_near_its_narrowest_where_the_plan_ends() -> None:
    """The tuning minimises width: no other constant is much narrower at I = I*."""
    c = np.linspace(0.5, 30, 4000)
    widths = np.sqrt(2 * (c + 1) / c * np.log(np.sqrt(c + 1) / 0.05))
    assert float(sequence_boundary(1.0)) == pytest.approx(widths.min(), rel=1e-3)


def test_the_e_value_has_mean_one_under_the_null() -> None:
    """Integrated against the normal density, at any information."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    for fraction in (0.01, 0.05, 0.1):  # the integrand's tail falls as exp(-z^2/(2(k+1))): quadrature needs k small
        mean = (weights * sequence_e_value(nodes, fraction)).sum() / np.sqrt(2 * np.pi)
        assert mean == pytest.approx(1.0, abs=1e-9)


def test_signs_and_edges() -> None:
    assert sequence_boundary(0.0) == np.inf
    assert sequence_p_value(50.0, 0.0) == 1.0
    assert sequence_p_value([-4.0, 0.0], 1.0, one_sided=True).tolist() == [1.0, 1.0]
    assert sequence_p_value(-4.0, 1.0) == sequence_p_value(4.0, 1.0) < 0.05
    assert sequence_p_value(1e-9, 1.0, one_sided=True) == 1.0
    assert 0 < sequence_p_value(30.0, 1.0, one_sided=True) < 1e-100
    assert sequence_e_value(1e6, 1.0) == np.inf
    assert np.isnan(sequence_p_value([np.nan, 1.0], [1.0, np.nan])).all()
    assert np.isnan(sequence_p_value([np.nan, 1.0], [1.0, np.nan], one_sided=True)).all()
    assert np.isnan(sequence_boundary(np.nan))
    with pytest.raises(UsageError, match="negative"):
        sequence_boundary(-0.1)
    with pytest.raises(UsageError, match="alpha"):
        sequence_boundary(1.0, alpha=0.0)


def test_one_sided_is_narrower_than_two_sided_and_wider_than_two_sided_at_twice_alpha() -> None:
    one = sequence_boundary(FRACTIONS, one_sided=True)
    assert (one < sequence_boundary(FRACTIONS)).all()
    assert (one > sequence_boundary(FRACTIONS, alpha=0.1, tuned_for=0.05)).all()


def test_the_running_p_never_rises_and_skips_what_is_unknown() -> None:
    zs = np.array([[0.1, np.nan, 4.0, 0.2], [np.nan, 1.0, 1.0, 6.0]])
    fractions = np.array([0.1, 0.4, 0.7, 1.0])
    running = running_p_value(zs, fractions)
    assert running.shape == zs.shape
    assert (np.diff(running, axis=1) <= 0).all()
    assert running[0, 2] == running[0, 3] == sequence_p_value(4.0, 0.7)
    assert running[1, 0] == 1.0


def test_burn_in() -> None:
    assert burn_in([0.0, -2.0, 2.1, 60.0]).tolist() == [100, 100, 111, 90_000]
    assert np.isnan(burn_in(np.nan))
    assert burn_in_of_rate([0.5, 0.25, 0.001, 0.999, 0.0]).tolist() == [100, 100, 25_000, 25_000, np.inf]
    assert np.isnan(burn_in_of_rate([-0.1, 1.1])).all()


def test_one_tail_further_out_waits_longer() -> None:
    assert burn_in(10.0, one_sided=True) == 5000
    assert burn_in(10.0, alpha=0.0025) == 10_000  # log(.0025) = 2 log(.05)
    assert burn_in(10.0, alpha=0.2) == burn_in(10.0) == 2500
    assert burn_in_of_rate(0.01, alpha=0.0025, one_sided=True) == 20_000
    assert burn_in(1e200) == np.inf


def test_ten_thousand_sequences_take_well_under_a_second() -> None:
    """1,000 experiments x 10 metrics x 28 looks; the bound leaves room for a slow machine."""
    import time

    rng = np.random.default_rng(0)
    z = rng.normal(size=(10_000, 28))
    fractions = np.linspace(1 / 28, 1, 28)
    start = time.perf_counter()
    boundary = sequence_boundary(np.broadcast_to(fractions, z.shape))
    p = running_p_value(z, fractions)
    assert boundary.shape == p.shape
    assert time.perf_counter() - start < 1.0
