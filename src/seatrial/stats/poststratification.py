"""Post-stratification: a difference of arms with the mix of strata held at that of both arms together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError
from seatrial.stats.contrasts import Floats
from seatrial.stats.means import PairedMeans
from seatrial.stats.sorted_scores import column

METHOD = "post-stratified difference"
FEWEST = 2
"""A stratum stands on its own with this many units in each arm."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One arm over K strata, (K,) each: units, mean and sample variance (n - 1); where n is 0 the others are ignored,
    and where n is 1 the variance is."""

    n: Floats
    mean: Floats
    variance: Floats


@dataclass(frozen=True, kw_only=True)
class PostStratified:
    """The contrast (S = 1), the strata it used with their weights, and those merged with others or dropped, by name."""

    contrast: PairedMeans
    strata: tuple[str, ...]
    weights: Floats
    merged: tuple[str, ...]
    dropped: tuple[str, ...]
    dropped_share: float
    """Share of all units that is in dropped strata: the result says nothing about them."""


def cells(values: ArrayLike, strata: ArrayLike, n_strata: int) -> Cells:
    """One arm's `Cells` from its units: `values` (n,), `strata` (n,) codes in 0..n_strata-1.

    >>> cells([1.0, 3.0, 5.0], [0, 0, 1], 2).mean.tolist()
    [2.0, 5.0]
    """
    value = column(values, "values")
    code = np.asarray(strata, dtype=np.intp)
    n = np.bincount(code, minlength=n_strata).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(code, value, n_strata) / n
        variance = np.bincount(code, (value - mean[code]) ** 2, n_strata) / np.where(n > 1, n - 1, np.nan)
    return Cells(n=n, mean=mean, variance=variance)


def post_stratified(treatment: Cells, control: Cells, *, names: Sequence[str] | None = None) -> PostStratified:
    """sum W_k (mean_tk - mean_ck) with W_k the pooled share of stratum k, as a contrast on one slice.

    Given the counts that were realised, var = sum W_k^2 (s2_tk/n_tk + s2_ck/n_ck) (Holt and Smith 1979; Miratrix,
    Sekhon and Yu 2013); averaged over the counts 1/n_tk brings the second-order term sum (1 - W_k) s2_k/n_t^2 of
    Cochran (5A.42) with it. That the shares W_k are themselves of a sample adds sum W_k (tau_k - tau)^2/n, less the
    noise in tau_k. Student's t with Satterthwaite's degrees of freedom over the cells.

    A stratum with fewer than two units in an arm is merged with the others like it; if that does not make two in
    each arm they are dropped. Both are named. Raises `DataError` when no stratum stands on its own.

    >>> arm = Cells(n=np.array([50.0, 50.0]), mean=np.array([1.0, 3.0]), variance=np.array([1.0, 1.0]))
    >>> other = Cells(n=np.array([80.0, 20.0]), mean=np.array([1.0, 3.0]), variance=np.array([1.0, 1.0]))
    >>> float(post_stratified(arm, other).contrast.difference[0])
    0.0
    """
    k = len(treatment.n)
    if len(control.n) != k:
        raise DataError(f"The arms have {k} and {len(control.n)} strata; give both the same ones.")
    labels = [str(i) for i in range(k)] if names is None else [str(name) for name in names]
    if len(labels) != k:
        raise DataError(f"There are {k} strata but {len(labels)} names.")
    there = (treatment.n > 0) | (control.n > 0)
    thin = there & ((treatment.n < FEWEST) | (control.n < FEWEST))
    alone = np.flatnonzero(there & ~thin)
    if not len(alone):
        raise DataError("No stratum has two units in both arms; the difference cannot be post-stratified.")
    used = [labels[i] for i in alone]
    t, c = _select(treatment, alone), _select(control, alone)
    merged: tuple[str, ...] = ()
    dropped: tuple[str, ...] = tuple(labels[i] for i in np.flatnonzero(thin))
    lost = float(treatment.n[thin].sum() + control.n[thin].sum())
    if treatment.n[thin].sum() >= FEWEST and control.n[thin].sum() >= FEWEST:
        t, c = _append(t, treatment, thin), _append(c, control, thin)
        used.append(" + ".join(dropped))
        merged, dropped, lost = dropped, (), 0.0
    size = t.n + c.n
    n = float(size.sum())
    weight = size / n
    return PostStratified(
        contrast=_contrast(t, c, weight, n),
        strata=tuple(used),
        weights=weight,
        merged=merged,
        dropped=dropped,
        dropped_share=lost / (n + lost),
    )


def _contrast(t: Cells, c: Cells, weight: Floats, n: float) -> PairedMeans:
    part_t, part_c = weight**2 * t.variance / t.n, weight**2 * c.variance / c.n
    effect = t.mean - c.mean
    difference, baseline = float(weight @ effect), float(weight @ c.mean)
    var_c, var_effect = c.variance / c.n, t.variance / t.n + c.variance / c.n
    # spread of the strata's own values, less what is only noise in them
    spread = weight @ (effect - difference) ** 2 - weight @ ((1 - weight) * var_effect)
    level = weight @ (c.mean - baseline) ** 2 - weight @ ((1 - weight) * var_c)
    both = weight @ ((c.mean - baseline) * (effect - difference)) + weight @ ((1 - weight) * var_c)
    spread, level = np.maximum(spread, 0.0), np.maximum(level, 0.0)
    both = np.clip(both, -np.sqrt(spread * level), np.sqrt(spread * level))
    within = float(part_t.sum() + part_c.sum())
    shares = np.concatenate([part_t**2 / (t.n - 1), part_c**2 / (c.n - 1)]).sum()
    return PairedMeans(
        baseline=np.array([baseline]),
        difference=np.array([difference]),
        var_difference=np.array([within + spread / n]),
        var_baseline=np.array([float(part_c.sum()) + level / n]),
        cov_baseline_difference=np.array([-float(part_c.sum()) + both / n]),
        df=np.array([within**2 / shares if shares > 0 else np.nan]),
        n=np.array([n]),
        reasons=(None,),
        method=METHOD,
        identical=np.zeros(1, dtype=np.bool_),
    )


def _select(arm: Cells, where: np.ndarray) -> Cells:
    return Cells(n=arm.n[where], mean=arm.mean[where], variance=arm.variance[where])


def _append(chosen: Cells, arm: Cells, thin: np.ndarray) -> Cells:
    """The chosen cells and one more: the thin ones pooled from their moments."""
    n = arm.n[thin]
    mean, variance = np.where(n > 0, arm.mean[thin], 0.0), np.where(n > 1, arm.variance[thin], 0.0)
    whole = n.sum()
    middle = (n * mean).sum() / whole
    squares = (np.maximum(n - 1, 0) * variance).sum() + (n * (mean - middle) ** 2).sum()
    return Cells(
        n=np.append(chosen.n, whole),
        mean=np.append(chosen.mean, middle),
        variance=np.append(chosen.variance, squares / (whole - 1)),
    )
