"""The Bayesian view of an effect, beside the planned method: chance to win, expected loss, what being wrong costs."""

import math

from seatrial.experiments.arm_effects import Compared
from seatrial.experiments.observed import Observed
from seatrial.experiments.request import Request
from seatrial.records.numbers import format_count
from seatrial.records.readout import Belief, WrongCost
from seatrial.stats.bayes import (
    NormalPrior,
    chance_to_win,
    credible_interval,
    empirical_prior,
    expected_loss,
    posterior,
)


def beliefs(one: Compared, observed: Observed, request: Request) -> list[Belief]:
    """A flat prior on the difference, and one learned from past effects on the lift where there are enough."""
    raw = one.found.contrast
    difference, error = float(raw.difference[0]), float(raw.standard_error[0])
    if raw.reasons[0] is not None or not (math.isfinite(difference) and error > 0):
        return []
    alpha = request.policy.alpha
    found = [_belief(one, observed, difference, error, alpha=alpha, prior=None, relative=False)]
    control = abs(float(one.found.control[0]))
    if request.past_effects and control > 0:
        prior = empirical_prior(
            [past.lift for past in request.past_effects], [past.standard_error for past in request.past_effects]
        )
        found.append(
            _belief(one, observed, difference / control, error / control, alpha=alpha, prior=prior, relative=True)
        )
    return found


def _belief(
    one: Compared,
    observed: Observed,
    estimate: float,
    error: float,
    *,
    alpha: float,
    prior: NormalPrior | None,
    relative: bool,
) -> Belief:
    sign = 1.0 if one.metric.higher_is_better else -1.0
    oriented_prior = None if prior is None else NormalPrior(mean=sign * prior.mean, sd=prior.sd, effects=prior.effects)
    after = posterior(sign * estimate, error, prior=oriented_prior)
    ship, keep = expected_loss(after)
    low, high = sorted(sign * float(limit) for limit in credible_interval(after, alpha=alpha))
    return Belief(
        metric=one.metric.name,
        candidate=observed.arms[one.candidate],
        prior="flat" if prior is None else "informative",
        prior_mean=None if prior is None else prior.mean,
        prior_deviation=None if prior is None else prior.sd,
        mean=sign * float(after.mean),
        low=low,
        high=high,
        level=1 - alpha,
        chance_to_win=float(chance_to_win(after)),
        expected_loss=float(ship),
        expected_loss_of_keeping=float(keep),
        scale=one.metric.scale,
        relative=relative,
    )


def wrong_cost(one: Compared, flat: Belief, observed: Observed) -> WrongCost:
    """What shipping would cost on average if it is wrong, and what the exposed units have lost so far."""
    raw = one.found.contrast
    sign = 1.0 if one.metric.higher_is_better else -1.0
    exposed = observed.units_of(one.candidate)
    low, high = (float(limit[0]) for limit in raw.interval(1 - flat.level))
    harm = -sign * float(raw.difference[0])
    worst = -low if sign > 0 else high
    scale = f" {one.metric.scale}" if one.metric.scale else ""
    so_far = harm * exposed if harm > 0 else None
    name = one.metric.name
    sentence = (
        f"Shipping {flat.candidate} risks {flat.expected_loss:.3g}{scale} of {name} a unit on average (expected loss "
        f"under a flat prior)"
    )
    if so_far is not None:
        sentence += (
            f"; its {format_count(exposed)} units have lost about {so_far:,.4g}{scale} so far, at most "
            f"{worst * exposed:,.4g}{scale}."
        )
    else:
        sentence += f"; {format_count(exposed)} units were exposed, and no loss is seen so far."
    return WrongCost(
        metric=name,
        candidate=flat.candidate,
        expected_loss=flat.expected_loss,
        exposed_units=exposed,
        loss_so_far=so_far,
        loss_so_far_high=worst * exposed if so_far is not None and math.isfinite(worst) else None,
        scale=one.metric.scale,
        sentence=sentence,
    )
