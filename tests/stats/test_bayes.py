"""Normal posteriors: against integrals done by hand, limits of the prior, and a prior learnt from past effects."""

import numpy as np
import pytest
from scipy import integrate, stats

from seatrial.errors import UsageError
from seatrial.stats.bayes import (
    NormalPrior,
    chance_to_win,
    credible_interval,
    empirical_prior,
    expected_loss,
    posterior,
)
from seatrial.stats.shrinkage import between_variance


def test_the_posterior_is_prior_times_likelihood() -> None:
    prior = NormalPrior(mean=0.01, sd=0.02)
    found = posterior(0.05, 0.03, prior=prior)
    grid = np.linspace(-0.3, 0.3, 200_001)
    density = stats.norm.pdf(grid, 0.01, 0.02) * stats.norm.pdf(0.05, grid, 0.03)
    density /= density.sum()
    mean = float(density @ grid)
    assert found.mean == pytest.approx(mean, rel=1e-9)
    assert found.sd == pytest.approx(np.sqrt(density @ (grid - mean) ** 2), rel=1e-9)


def test_a_flat_prior_is_the_confidence_interval() -> None:
    found = posterior([0.05, -0.01], [0.03, 0.02])
    low, high = credible_interval(found, alpha=0.1)
    np.testing.assert_allclose(low, stats.norm.ppf(0.05, [0.05, -0.01], [0.03, 0.02]))
    np.testing.assert_allclose(high, stats.norm.ppf(0.95, [0.05, -0.01], [0.03, 0.02]))
    np.testing.assert_allclose(posterior(0.05, 0.03, prior=NormalPrior(mean=9.0, sd=1e6)).mean, 0.05)


@pytest.mark.parametrize("mean", [-0.05, 0.0, 0.02, 0.2])
def test_losses_are_the_integrals(mean: float) -> None:
    found = posterior(mean, 0.02)
    ship, keep = expected_loss(found)
    density = stats.norm(mean, 0.02).pdf
    ends = mean - 0.4, mean + 0.4

    def part(low: float, high: float) -> float:
        return 0.0 if low >= high else integrate.quad(lambda x: abs(x) * density(x), low, high, epsabs=0, limit=200)[0]

    assert float(ship) == pytest.approx(part(ends[0], min(0.0, ends[1])), rel=1e-7)
    assert float(keep) == pytest.approx(part(max(0.0, ends[0]), ends[1]), rel=1e-7)
    assert float(keep - ship) == pytest.approx(mean, abs=1e-15)


def test_tiny_losses_keep_their_digits() -> None:
    # phi(z)/z^2 (1 - 3/z^2 + 15/z^4 - 105/z^6), Abramowitz and Stegun 26.2.12
    ship, _ = expected_loss(posterior(30.0, 1.0))
    series = stats.norm.pdf(30) / 900 * (1 - 3 / 900 + 15 / 900**2 - 105 / 900**3)
    assert float(ship) == pytest.approx(series, rel=1e-8)
    assert float(expected_loss(posterior(1e4, 1.0))[0]) == 0.0


def test_chance_to_win() -> None:
    found = posterior([0.0, 0.02, np.nan], [0.01, 0.01, 0.01])
    np.testing.assert_allclose(chance_to_win(found), [0.5, stats.norm.cdf(2), np.nan])
    np.testing.assert_allclose(chance_to_win(found, above=0.01)[:2], [stats.norm.cdf(-1), stats.norm.cdf(1)])


@pytest.mark.parametrize("error", [0.0, np.nan, np.inf, -1.0])
def test_no_standard_error_gives_no_posterior(error: float) -> None:
    found = posterior(0.1, error, prior=NormalPrior(mean=0.0, sd=1.0))
    assert np.isnan([found.mean, found.sd, chance_to_win(found), *expected_loss(found)]).all()


def test_many_past_effects_give_back_their_distribution() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.005, 0.03, 3_000)
    effects = rng.normal(0.004, 0.02, 3_000) + rng.normal(0, errors)
    prior = empirical_prior(effects, errors)
    assert prior.effects == 3_000
    assert prior.mean == pytest.approx(0.004, abs=0.0015)
    assert prior.sd == pytest.approx(0.02, rel=0.05)
    assert prior.sd == pytest.approx(np.sqrt(between_variance(effects, errors)), rel=0.03)


def test_effects_within_their_noise_still_leave_some_width() -> None:
    errors = np.full(10, 0.01)
    effects = np.linspace(-0.005, 0.005, 10)
    assert between_variance(effects, errors) == 0.0
    prior = empirical_prior(effects, errors)
    assert prior.mean == pytest.approx(0.0, abs=1e-12)
    assert 0.001 < prior.sd < 0.01


def test_the_prior_does_not_depend_on_the_unit() -> None:
    rng = np.random.default_rng(1)
    effects, errors = rng.normal(0.02, 0.03, 12), rng.uniform(0.01, 0.02, 12)
    one, thousand = empirical_prior(effects, errors), empirical_prior(1_000 * effects, 1_000 * errors)
    assert thousand.mean == pytest.approx(1_000 * one.mean, rel=1e-9)
    assert thousand.sd == pytest.approx(1_000 * one.sd, rel=1e-9)


def test_the_prior_covers_the_next_effect() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(600):
        errors = rng.uniform(0.5, 1.5, 10)
        prior = empirical_prior(rng.normal(0, 1, 10) + rng.normal(0, errors), errors)
        inside += abs(rng.normal() - prior.mean) < 1.96 * prior.sd
    assert inside / 600 > 0.93


def test_too_few_past_effects_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 8 with standard errors, got 7"):
        empirical_prior([0.1] * 9, [0.1] * 7 + [0.0, np.nan])
    with pytest.raises(UsageError, match="positive sd"):
        NormalPrior(mean=0.0, sd=0.0)
