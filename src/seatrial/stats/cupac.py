"""CUPAC: a covariate that is a cross-fitted prediction of the outcome from what was known before exposure."""

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.errors import DataError, UsageError
from seatrial.stats.contrasts import Floats
from seatrial.stats.regression_adjustment import filled
from seatrial.stats.sorted_scores import column

Integers = NDArray[np.int64]


def assign_folds(units: ArrayLike, folds: int, *, seed: int = 0) -> Integers:
    """Fold 0..folds-1 of each unit (n,), from a hash of the unit itself, so that order and company do not matter.

    Whole numbers are mixed by SplitMix64, anything else by BLAKE2b of its text; `seed` salts both. Raises `UsageError`
    for fewer than two folds.

    >>> assign_folds([7, 8, 7], 5).tolist() == assign_folds([8, 7, 7], 5)[[1, 0, 2]].tolist()
    True
    """
    if folds < 2:
        raise UsageError(f"Cross-fitting needs at least two folds, got {folds}.")
    given = np.asarray(units)
    if given.ndim != 1:
        raise DataError(f"units must be one column, got an array of shape {given.shape}.")
    salt = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "little"))
    if given.dtype.kind in "iub":
        mixed = _splitmix(given.astype(np.int64).astype(np.uint64) ^ salt)
    else:
        unique, back = np.unique(given.astype(str), return_inverse=True)
        digests = (hashlib.blake2b(f"{seed}:{unit}".encode(), digest_size=8).digest() for unit in unique.tolist())
        mixed = np.fromiter((int.from_bytes(d, "little") for d in digests), np.uint64, len(unique))[back]
    return np.asarray((mixed >> np.uint64(32)) * np.uint64(folds) >> np.uint64(32), np.int64)


def cupac_covariate(
    outcome: ArrayLike,
    covariates: ArrayLike,
    *,
    units: ArrayLike | None = None,
    folds: int = 5,
    ridge: float = 1.0,
    fit_on: ArrayLike | None = None,
    seed: int = 0,
) -> Floats:
    """The outcome of each row predicted from its pre-exposure covariates by a model that never saw its fold, (n,).

    Ridge regression on standardised columns, K folds by unit, for use as one CUPED covariate (Tang et al., Control
    Using Predictions as Covariates, 2020). `outcome` (n,), NaN where it is not known (such rows are predicted, not
    learnt from); `covariates` (n, p), NaN filled by the column's mean with an indicator. `units` keeps all rows of a
    unit in one fold (default: each row by itself); `fit_on` (n,) limits what is learnt from, say to the control.
    Raises `DataError` when a fold has fewer than two rows to learn from.

    >>> x = np.arange(40.0)
    >>> found = cupac_covariate(3 * x + 1, x[:, None], ridge=0.0)
    >>> bool(np.allclose(found, 3 * x + 1))
    True
    """
    y = column(outcome, "outcome")
    x = filled(covariates, length=len(y))
    if ridge < 0:
        raise UsageError(f"ridge must not be negative, got {ridge!r}.")
    named = np.arange(len(y)) if units is None else np.asarray(units)
    if named.shape != y.shape:
        raise DataError(f"units has shape {named.shape} but there are {len(y)} rows; give one unit per row.")
    fold = assign_folds(named, folds, seed=seed)
    learn = np.isfinite(y)
    if fit_on is not None:
        allowed = np.asarray(fit_on, dtype=np.bool_)
        if allowed.shape != y.shape:
            raise DataError(f"fit_on has shape {allowed.shape} but there are {len(y)} rows.")
        learn &= allowed
    found = np.full(len(y), np.nan)
    for k in np.unique(fold).tolist():
        inside, training = fold == k, learn & (fold != k)
        if training.sum() < 2:
            raise DataError(f"A fold leaves {int(training.sum())} rows to learn from; use fewer folds or more units.")
        found[inside] = _ridge(x[training], y[training], x[inside], ridge)
    return found


def _ridge(x: Floats, y: Floats, new: Floats, penalty: float) -> Floats:
    """Predictions at `new`: columns standardised by the training rows, the intercept not penalised."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    use = scale > 1e-12 * np.maximum(1.0, np.abs(centre))
    inputs, wanted = (x[:, use] - centre[use]) / scale[use], (new[:, use] - centre[use]) / scale[use]
    middle = y.mean()
    square = inputs.T @ inputs + penalty * np.eye(inputs.shape[1])
    slopes = np.linalg.lstsq(square, inputs.T @ (y - middle), rcond=None)[0]
    return np.asarray(middle + wanted @ slopes)


def _splitmix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014), modulo 2^64."""
    mixed = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
