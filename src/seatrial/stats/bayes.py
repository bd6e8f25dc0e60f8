"""The Bayesian view of one estimate: a normal prior, a normal posterior, and what each decision would cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from seatrial.errors import UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile

FEWEST_EFFECTS = 8
"""Fewer past effects than this say too little about the next one."""
GRID = 2_000


@dataclass(frozen=True, kw_only=True)
class NormalPrior:
    """What is believed about an effect before the data; `effects` is the number of past ones it was estimated from."""

    mean: float
    sd: float
    effects: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and np.isfinite(self.sd) and self.sd > 0):
            raise UsageError(f"A normal prior needs a mean and a positive sd, got {self.mean!r} and {self.sd!r}.")


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Normal posteriors of S effects, (S,) each, in the metric's own unit; NaN where there was no estimate."""

    mean: Floats
    sd: Floats


def posterior(estimate: ArrayLike, standard_error: ArrayLike, *, prior: NormalPrior | None = None) -> Posterior:
    """Posterior of an effect from its estimate and standard error: precisions add, means weigh by them.

    1/sd^2 = 1/se^2 + 1/tau^2, mean = sd^2 (estimate/se^2 + mu/tau^2); `prior` None is flat: the estimate itself. A
    standard error that is 0 or NaN gives NaN.

    >>> found = posterior(0.04, 0.02, prior=NormalPrior(mean=0.0, sd=0.02))
    >>> round(float(found.mean), 6), round(float(found.sd), 6)
    (0.02, 0.014142)
    """
    value, error = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (estimate, standard_error)))
    error = np.where((error > 0) & np.isfinite(error) & np.isfinite(value), error, np.nan)
    if prior is None:
        return Posterior(mean=np.where(np.isnan(error), np.nan, value), sd=error)
    kept = prior.sd**2 / (prior.sd**2 + error**2)
    return Posterior(mean=prior.mean + kept * (value - prior.mean), sd=error * np.sqrt(kept))


def chance_to_win(effects: Posterior, *, above: float = 0.0) -> Floats:
    """Posterior probability (S,) that the effect is larger than `above` (+ is good).

    >>> round(float(chance_to_win(posterior(0.02, 0.01))), 5)
    0.97725
    """
    return np.asarray(special.ndtr((effects.mean - above) / effects.sd), dtype=np.float64)


def expected_loss(effects: Posterior) -> tuple[Floats, Floats]:
    """Expected loss (S,) of shipping, E max(-effect, 0), and of not shipping, E max(effect, 0), in the metric's unit.

    sd (phi(z) - z Phi(-z)) with z = mean/sd, and the same at -z; their difference is the posterior mean.

    >>> ship, keep = expected_loss(posterior(0.02, 0.01))
    >>> round(float(ship), 7), round(float(keep), 7)
    (8.49e-05, 0.0200849)
    """
    z = effects.mean / effects.sd
    return effects.sd * _unit_loss(z), effects.sd * _unit_loss(-z)


def credible_interval(effects: Posterior, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Central posterior interval at level 1 - alpha, (S,) each.

    >>> [round(float(x), 4) for x in credible_interval(posterior(0.02, 0.01))]
    [0.0004, 0.0396]
    """
    half = normal_quantile(alpha) * effects.sd
    return effects.mean - half, effects.mean + half


def empirical_prior(effects: ArrayLike, standard_errors: ArrayLike) -> NormalPrior:
    """Normal prior for the next effect from past effects (k,) and their standard errors (k,), by marginal likelihood.

    Effects are normal around mu with sd tau, each seen with its own error; mu and tau have flat priors (Gelman 2006)
    and the prior has the mean and variance of the predictive distribution E[tau^2 + var(mu | tau)] + var(E[mu | tau]).
    It is never narrower than what so few effects can tell, also when they differ by less than their noise. Entries
    that are NaN or have no positive error are left out; under 8 left is a UsageError.

    >>> prior = empirical_prior([0.01, -0.02, 0.03, 0.0, -0.01, 0.02, -0.03, 0.0], [0.005] * 8)
    >>> round(prior.mean, 6), round(prior.sd, 3), prior.effects
    (0.0, 0.027, 8)
    """
    value, error = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (effects, standard_errors)))
    usable = np.isfinite(value) & np.isfinite(error) & (error > 0)
    value, variance = value[usable], error[usable] ** 2
    if value.size < FEWEST_EFFECTS:
        raise UsageError(
            f"A prior from past effects needs at least {FEWEST_EFFECTS} with standard errors, got {value.size}: "
            "use the flat prior, or state a mean and sd."
        )
    centre = float(value.mean())
    scale = float(np.sqrt(np.mean((value - centre) ** 2) + 1 / (1 / variance).mean()))
    step = (np.arange(GRID) + 0.5) / GRID
    tau = scale * step / (1 - step)
    weight = 1 / (variance + tau[:, None] ** 2)
    precision = weight.sum(axis=1)
    mu = (weight * (value - centre)).sum(axis=1) / precision
    squares = (weight * (value - centre - mu[:, None]) ** 2).sum(axis=1)
    log = 0.5 * (np.log(weight).sum(axis=1) - np.log(precision) - squares) - 2 * np.log1p(-step)
    share = np.exp(log - log.max())
    share /= share.sum()
    mean = float(share @ mu)
    spread = float(share @ (tau**2 + 1 / precision + (mu - mean) ** 2))
    return NormalPrior(mean=centre + mean, sd=float(np.sqrt(spread)), effects=int(value.size))


def _unit_loss(z: Floats) -> Floats:
    """phi(z) - z Phi(-z); on the far side by Mills' ratio, so that small losses keep their digits."""
    density: Floats = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    far = np.maximum(z, 0.0)
    tail = density * (1 - far * np.sqrt(np.pi / 2) * special.erfcx(far / np.sqrt(2)))
    loss: Floats = np.where(z > 0, np.maximum(tail, 0.0), density - z * special.ndtr(-z))
    return loss
