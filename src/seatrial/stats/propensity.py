"""Which of two samples a row came from: cross-fitted logistic regression, its AUC as a test, its odds as weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from seatrial.errors import DataError
from seatrial.stats.contrasts import Floats
from seatrial.stats.distributions import normal_quantile
from seatrial.stats.ranks import auc_influence

FOLDS = 5
PENALTY = 1.0
"""Half of it times the squared slopes is added to the loss: the ridge of scikit-learn's C = 1."""
METHOD = (
    f"classifier two-sample test: ridge logistic regression, {FOLDS} folds, mean AUC of the folds, "
    "variance by Nadeau and Bengio"
)
CLIP = 0.99
"""Weights are cut at this quantile of theirs."""
BLOCK = 2048
"""Rows worked on at a time, so that they stay in the cache."""
FEWEST_COVERED = 0.5
"""Weights average 1 where the reference has rows like all current ones; under this it lacks them."""


def logistic(x: ArrayLike, y: ArrayLike, *, penalty: float = PENALTY, steps: int = 25) -> Floats:
    """Slopes of a ridge logistic regression by Newton's method, (p + 1,), the intercept first and unpenalised.

    Minimises sum log(1 + exp(-(2y-1)(b0 + x b))) + penalty/2 |b|^2 over rows x (n, p), y (n,) of 0 and 1.

    >>> logistic([[0.0], [0.0], [1.0], [1.0]], [0, 1, 0, 1]).round(6).tolist()
    [0.0, 0.0]
    """
    rows = np.asarray(x, dtype=np.float64)
    label = np.asarray(y, dtype=np.float64)
    ridge = np.full(rows.shape[1] + 1, penalty)
    ridge[0] = 1e-9
    share = np.clip(label.mean(), 1e-6, 1 - 1e-6)
    beta = np.zeros(len(ridge))
    beta[0] = special.logit(share)

    def at(beta: Floats) -> tuple[float, Floats]:
        """The loss, and the log odds of all rows."""
        line = np.einsum("ij,j->i", rows, beta[1:]) + beta[0]  # not by BLAS: its threads wait busily after each call
        return float(np.logaddexp(0.0, np.where(label > 0.5, -line, line)).sum() + ridge @ beta**2 / 2), line

    here, line = at(beta)
    scaled = np.empty((len(rows), len(ridge)), dtype=np.float32)
    for _ in range(steps):
        p = special.expit(line)
        off = p - label
        gradient = np.append(off.sum(), np.einsum("i,ij->j", off, rows)) + ridge * beta
        _scale(rows, np.sqrt(np.maximum(p * (1 - p), 1e-9)), scaled)
        curvature = (scaled.T @ scaled).astype(np.float64)  # single precision bends the way, not where it ends
        change = np.linalg.solve(curvature + np.diag(ridge), gradient)
        size = 1.0
        there, line = at(beta - change)
        while there > here and size > 1e-4:
            size /= 2
            there, line = at(beta - size * change)
        beta = beta - size * change
        if here - there < 1e-9 * (1 + abs(here)):
            break
        here = there
    return beta


def _scale(rows: Floats, weight: Floats, scaled: NDArray[np.float32]) -> None:
    """Rows with a 1 before, each times its weight, into `scaled`, a block at a time."""
    scaled[:, 0] = weight
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        scaled[part, 1:] = rows[part] * weight[part, None]


@dataclass(frozen=True, kw_only=True)
class Propensity:
    """Cross-fitted log odds that a row is of the current sample, and how well they tell the samples apart."""

    log_odds: Floats
    """(n + m,): from the model that did not learn from the row."""
    fold: NDArray[np.int64]
    auc: float
    standard_error: float
    slopes: Floats
    """(p,): mean over the folds, by standardised column."""

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Limits of the AUC at 1 - alpha on its own scale, within 0 and 1."""
        half = float(normal_quantile(alpha)) * self.standard_error
        return max(self.auc - half, 0.0), min(self.auc + half, 1.0)

    @property
    def p_value(self) -> float:
        """One-sided: the samples cannot be told apart (AUC at most one half)."""
        if not self.standard_error > 0:
            return 0.0 if self.auc > 0.5 else 1.0
        return float(special.ndtr(-(self.auc - 0.5) / self.standard_error))


def propensity(x: ArrayLike, y: ArrayLike, *, seed: int = 0, folds: int = FOLDS) -> Propensity:
    """Fit which sample (y: 1 current) each row of standardised columns x (n, p) is of, each fold by the others.

    AUC = mean over folds (Lopez-Paz and Oquab 2017); variance = (1/folds + 1/(folds - 1)) times the mean of DeLong's:
    the folds learn from each other's rows, and without the second term a true null is rejected 11 % of the time at 5 %
    (Nadeau and Bengio 2003). Raises `DataError` under two rows a fold of either sample.
    """
    rows, label = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.int64)
    few = min(int(label.sum()), int((1 - label).sum()))
    if few < 2 * folds:
        raise DataError(
            f"{few} rows in the smaller sample are too few to tell two samples apart (at least {2 * folds})."
        )
    rng = np.random.default_rng(seed)
    fold = np.empty(len(label), dtype=np.int64)
    for side in (0, 1):
        members = rng.permutation(np.flatnonzero(label == side))
        fold[members] = np.arange(len(members)) % folds
    odds = np.empty(len(label))
    slopes = np.zeros(rows.shape[1])
    values, variance = [], 0.0
    for k in range(folds):
        out = fold == k
        beta = logistic(rows[~out], label[~out])
        odds[out] = beta[0] + rows[out] @ beta[1:]
        slopes += beta[1:] / folds
        value, psi = auc_influence(odds[out], label[out])
        values.append(value)
        for side in (0, 1):
            part = psi[label[out] == side] / len(psi)
            variance += float((part**2).sum() * len(part) / (len(part) - 1))
    return Propensity(
        log_odds=odds,
        fold=fold,
        auc=float(np.mean(values)),
        standard_error=float(np.sqrt(variance / folds * (1 / folds + 1 / (folds - 1)))),
        slopes=slopes,
    )


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Importance weights of the reference rows, cut at `clip`."""

    weight: Floats
    clip: float
    clipped_share: float
    effective_n: float
    """(sum w)^2/sum w^2 after the cut."""
    unclipped_effective_n: float
    mean_weight: float
    """Before the cut: 1 on average where the reference has rows like all current ones, less where it lacks them."""


def importance_weights(log_odds: ArrayLike, n: int, m: int, *, quantile: float = CLIP) -> Weights:
    """w = odds n/m of reference rows (n,), from the log odds of being current, cut at a quantile of theirs.

    >>> importance_weights([0.0, 0.0], 10, 10).effective_n
    2.0
    """
    line = np.asarray(log_odds, dtype=np.float64) + np.log(n / m)
    weight = np.exp(np.clip(line, -50, 50))
    clip = float(np.quantile(weight, quantile))
    cut = np.minimum(weight, clip)
    return Weights(
        weight=cut,
        clip=clip,
        clipped_share=float((weight > clip).mean()),
        effective_n=float(cut.sum() ** 2 / (cut**2).sum()),
        unclipped_effective_n=float(weight.sum() ** 2 / (weight**2).sum()),
        mean_weight=float(weight.mean()),
    )
