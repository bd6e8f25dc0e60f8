"""The Bayesian view: beside the planned method, by numerical integration, and never instead of it."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from seatrial.errors import UsageError
from seatrial.experiments.request import PastEffect
from seatrial.records.readout import Belief, Readout, WrongCost

from .by_hand import a_plan, arm_means, ask, check, observe, readout, whole

REVENUE = "metrics: {revenue: {formula: mean(revenue), unit: USD}}\nminimum_effect: 5%\n"
CONTROL, BETTER, WORSE = (4000, 10.0, 5.0), (4000, 10.2, 5.0), (4000, 9.7, 5.0)
ERROR = math.sqrt(2 * 25 / 4000)
PAST = tuple(PastEffect(lift=x, standard_error=0.01) for x in (0.01, -0.02, 0.03, 0.0, -0.01, 0.02, -0.03, 0.0))


def flat(found: Readout, metric: str = "revenue") -> Belief:
    return next(one for one in found.beliefs if one.metric == metric and one.prior == "flat")


def cost(found: Readout) -> WrongCost:
    return found.costs[0]


def expected(difference: float, sign: float = 1.0) -> tuple[float, float, float]:
    """(chance to win, expected loss of shipping, of keeping) by integrating over a normal of the difference."""
    posterior = stats.norm(difference, ERROR)
    win = float(posterior.sf(0) if sign > 0 else posterior.cdf(0))

    def over(function: object) -> float:
        points = (difference - 9 * ERROR, difference + 9 * ERROR)
        return float(integrate.quad(lambda d: function(d) * posterior.pdf(d), *points, points=[0.0], epsabs=1e-14)[0])  # type: ignore[operator]

    return win, over(lambda d: max(-sign * d, 0.0)), over(lambda d: max(sign * d, 0.0))


@pytest.mark.parametrize("arm", [BETTER, WORSE])
@pytest.mark.parametrize("lower", [False, True])
def test_a_flat_prior_gives_chance_and_loss_in_the_metrics_own_unit(arm: tuple[float, ...], lower: bool) -> None:
    text = REVENUE.replace("unit: USD", "unit: USD, lower_is_better: true") if lower else REVENUE
    one = flat(readout(observe({"revenue": whole(CONTROL, arm)}), ask(a_plan(text))))
    win, ship, keep = expected(arm[1] - 10.0, -1.0 if lower else 1.0)
    assert one.chance_to_win == pytest.approx(win, rel=1e-9)
    assert one.expected_loss == pytest.approx(ship, rel=1e-6)
    assert one.expected_loss_of_keeping == pytest.approx(keep, rel=1e-6)
    assert (one.mean, one.low, one.high) == pytest.approx(
        (arm[1] - 10.0, arm[1] - 10.0 - 1.959964 * ERROR, arm[1] - 10.0 + 1.959964 * ERROR), rel=1e-6
    )
    assert (one.scale, one.relative) == ("USD", False)


def test_an_informative_prior_is_on_the_lift_and_pulls_towards_the_past() -> None:
    found = readout(observe({"revenue": whole(CONTROL, (4000, 11.0, 5.0))}), ask(a_plan(REVENUE), past=PAST))
    one = next(one for one in found.beliefs if one.prior == "informative")
    assert one.relative
    assert one.prior_deviation is not None
    assert 0.005 < one.prior_deviation < 0.05
    weight = one.prior_deviation**2 / (one.prior_deviation**2 + (ERROR / 10) ** 2)
    assert one.mean == pytest.approx(float(one.prior_mean or 0) * (1 - weight) + weight * 0.1, rel=1e-9)
    assert 0 < one.mean < 0.1


def test_a_metric_of_which_less_is_better_keeps_the_sign_of_past_lifts() -> None:
    """Past lifts are differences as they were: a prior that times fell by 2 % pulls a flat result down."""
    past = [PastEffect(lift=-0.05 + 0.002 * k, standard_error=0.001) for k in range(10)]
    text = REVENUE.replace("unit: USD", "unit: ms, lower_is_better: true")
    found = readout(observe({"revenue": whole(CONTROL, (100, 10.0, 5.0))}), ask(a_plan(text), past=past))
    one = next(one for one in found.beliefs if one.prior == "informative")
    assert one.prior_mean == pytest.approx(-0.041, abs=1e-3)
    assert one.mean < -0.03
    assert one.chance_to_win > 0.95
    assert one.low < one.mean < one.high


def test_too_few_past_effects_are_one_sentence() -> None:
    with pytest.raises(UsageError, match="at least 8"):
        readout(observe({"revenue": whole(CONTROL, BETTER)}), ask(a_plan(REVENUE), past=PAST[:5]))


def test_beliefs_decide_nothing() -> None:
    arms = observe({"revenue": whole(CONTROL, BETTER)})
    with_past, without = (readout(arms, ask(a_plan(REVENUE), past=past)) for past in (PAST, ()))
    assert with_past.verdict == without.verdict  # its evidence too
    assert with_past.effects == without.effects
    early = readout(observe({"revenue": whole(CONTROL, (4000, 14.0, 5.0))}, days=3.0), ask(a_plan(REVENUE)))
    assert flat(early).chance_to_win > 0.999
    assert check(early, "revenue").status == "inconclusive"


def test_what_cannot_be_computed_has_no_belief_and_no_cost() -> None:
    for arms in (whole((1, 1.0, 0.0), (2, 1.0, 1.0)), whole((100, 1.0, 0.0), (100, 1.0, 0.0))):
        found = readout(observe({"revenue": arms}), ask(a_plan(REVENUE)))
        assert found.beliefs == ()
        assert found.costs == ()


def test_the_cost_of_being_wrong_is_said_in_the_metrics_unit() -> None:
    found = readout(observe({"revenue": whole(CONTROL, WORSE)}), ask(a_plan(REVENUE)))
    one = cost(found)
    low = -0.3 - stats.t.isf(0.025, 7998) * ERROR
    assert one.exposed_units == 4000
    assert one.loss_so_far == pytest.approx(0.3 * 4000)
    assert one.loss_so_far_high == pytest.approx(-low * 4000, rel=1e-6)
    assert "USD of revenue" in one.sentence
    assert "4,000 units have lost about 1,200 USD" in one.sentence
    assert one.expected_loss == flat(found).expected_loss
    gained = cost(readout(observe({"revenue": whole(CONTROL, BETTER)}), ask(a_plan(REVENUE))))
    assert (gained.loss_so_far, gained.loss_so_far_high) == (None, None)
    assert "no loss is seen so far" in gained.sentence


def test_every_arm_has_its_own_belief_and_cost() -> None:
    observed = observe({"revenue": arm_means([[CONTROL], [BETTER], [WORSE]])}, arms=("A", "B", "C"))
    found = readout(observed, ask(a_plan(REVENUE + "arms: {A: 1, B: 1, C: 1}\n")))
    assert [one.candidate for one in found.beliefs] == ["B", "C"]
    assert [one.candidate for one in found.costs] == ["B", "C"]
    assert np.isclose(found.beliefs[0].mean, 0.2)
