"""Regression adjustment of an experiment: Lin's fully interacted least squares with HC2, the check beside CUPED."""

import numpy as np
from numpy.typing import ArrayLike

from seatrial.errors import DataError
from seatrial.stats.contrasts import Floats
from seatrial.stats.means import PairedMeans
from seatrial.stats.sorted_scores import column

METHOD = "Lin's interacted regression, HC2"


def lin_adjusted(outcome: ArrayLike, treated: ArrayLike, covariates: ArrayLike) -> PairedMeans:
    """Treatment - control adjusted for covariates, as a contrast on one slice (S = 1).

    Least squares of y on 1, T, X - mean(X) and T (X - mean(X)); the coefficient of T, its HC2 variance and t at
    n - 2 - 2p degrees of freedom (Lin, Annals of Applied Statistics 7, 2013). `outcome` (n,), `treated` (n,) booleans
    or 0/1, `covariates` (n, p) measured before exposure, NaN filled by the column's mean with an indicator. Raises
    `DataError` for collinear covariates, for missing outcomes and when an arm has too few rows for them.

    >>> rng = np.random.default_rng(0)
    >>> x, arm = rng.normal(size=400), np.arange(400) % 2
    >>> found = lin_adjusted(2 * x + 0.5 * arm + rng.normal(0, 0.1, 400), arm, x[:, None])
    >>> bool(abs(found.difference[0] - 0.5) < 0.03)
    True
    """
    y = column(outcome, "outcome")
    arm = column(treated, "treated", length=len(y))
    if not np.isin(arm, (0.0, 1.0)).all():
        raise DataError("treated must be 0 or 1 in every row.")
    if not np.isfinite(y).all():
        raise DataError("outcome must be a finite number in every row; leave out the others first.")
    x = filled(covariates, length=len(y))
    sides = (("treatment", arm == 1), ("control", arm == 0))
    for _, rows in sides:  # a column that does not vary in an arm explains nothing there
        x = x[:, np.ptp(x[rows], axis=0) > 0] if rows.any() else x
    n, p = x.shape
    for name, rows in sides:
        if rows.sum() < p + 2:
            raise DataError(f"The {name} has {rows.sum()} rows; {p} covariates need at least {p + 2} in each arm.")
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    # one regression per arm is the same fit, and better conditioned than the interacted one
    value, variance = np.empty(2), np.empty(2)
    for side in (0, 1):
        value[side], variance[side] = _intercept(y[arm == side], x[arm == side])
    return PairedMeans(
        baseline=value[:1],
        difference=value[1:] - value[:1],
        var_difference=variance[1:] + variance[:1],
        var_baseline=variance[:1],
        cov_baseline_difference=-variance[:1],
        df=np.array([n - 2.0 - 2 * p]),
        n=np.array([n]),
        reasons=(None,),
        method=METHOD,
        identical=np.zeros(1, dtype=np.bool_),
    )


def filled(covariates: ArrayLike, *, length: int) -> Floats:
    """Covariates as (n, p) numbers: a missing one is its column's mean, beside an indicator column of who lacked it.

    Raises `DataError` when they are not numbers with one row per unit.

    >>> filled([1.0, np.nan, 3.0], length=3).tolist()
    [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]
    """
    try:
        x = np.array(covariates, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"covariates must be numbers: {error}.") from error
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or len(x) != length:
        raise DataError(f"covariates have shape {x.shape} but there are {length} rows; give one row per unit.")
    if np.isinf(x).any():
        raise DataError("covariates must be finite; an infinite value has no mean.")
    lacking = np.isnan(x)
    some = lacking.any(axis=0) & ~lacking.all(axis=0)
    x = x[:, ~lacking.all(axis=0)]
    gone = np.isnan(x)
    means = np.where(gone, 0.0, x).sum(axis=0) / np.maximum((~gone).sum(axis=0), 1)
    return np.column_stack([np.where(gone, means, x), lacking[:, some].astype(np.float64)])


def _intercept(y: Floats, x: Floats) -> tuple[float, float]:
    """The fitted value at x = 0 and its HC2 variance."""
    design = np.column_stack([np.ones(len(y)), x])
    basis, upper = np.linalg.qr(design)
    size = np.abs(np.diag(upper))
    if size.min() <= 1e-9 * size.max():
        raise DataError("The covariates are collinear within an arm; leave out the ones that repeat another.")
    fitted = basis @ (basis.T @ y)
    leverage = (basis * basis).sum(axis=1)
    # a row of leverage 1 is fitted exactly and says nothing about the spread
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(leverage < 1 - 1e-12, (y - fitted) / np.sqrt(1 - leverage), 0.0)
    first = np.linalg.solve(upper, basis.T)[0]
    return float(first @ y), float((first * scaled) @ (first * scaled))
