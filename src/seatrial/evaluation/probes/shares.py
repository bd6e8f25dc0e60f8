"""A share or a mean over rows that may belong together, as an `Estimate` with its interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import UsageError
from seatrial.records.results import Estimate
from seatrial.stats.clusters import METHOD as CR2
from seatrial.stats.clusters import ClusterVariance, cluster_variance
from seatrial.stats.means import mean_interval
from seatrial.stats.proportions import CLOPPER_PEARSON, clopper_pearson, effective_size, proportion_interval

Floats = NDArray[np.float64]
STUDENT = "t interval"


def share_estimate(
    hits: Sequence[bool | None],
    *,
    model: str,
    metric: str,
    level: float = 0.95,
    cluster: Sequence[Any] | None = None,
    unit: str = "row",
    slice: Mapping[str, str] | None = None,
    exact: bool = False,
    higher_is_better: bool = False,
) -> Estimate:
    """The share of rows that hit; None is missing, counted and bounded.

    Wilson's limits (Clopper-Pearson at 0 and n, and everywhere when `exact`); with `cluster`, one label a row, at the
    effective size by CR2 with Bell and McCaffrey's degrees of freedom (Korn and Graubard 1998).

    >>> found = share_estimate([True, False, False, None], model="m", metric="flip rate")
    >>> found.n, found.missing, round(found.value, 3), found.bound_low, found.bound_high
    (3, 1, 0.333, 0.25, 0.5)
    """
    if not 0.5 <= level < 1:
        raise UsageError(f"The level of intervals lies between 0.5 and 1, not {level:g}.")
    known = np.array([hit is not None for hit in hits], dtype=np.bool_)
    values = np.array([bool(hit) for hit in hits], dtype=np.float64)[known]
    n, missing = len(values), int((~known).sum())
    head: dict[str, Any] = {
        "model": model,
        "metric": metric,
        "slice": dict(slice or {}),
        "n": n,
        "missing": missing,
        "level": level,
        "unit": unit,
        "higher_is_better": higher_is_better,
    }
    if n == 0:
        return Estimate(**head, reason="no rows" if missing == 0 else "no row has an answer on both sides")
    count = float(values.sum())
    if missing:
        head |= {"bound_low": count / (n + missing), "bound_high": (count + missing) / (n + missing)}
    share, alpha = count / n, 1 - level
    effective: float | None = None
    error = math.sqrt(share * (1 - share) / n)
    found = _clustered(values - share, cluster, known)
    if found is not None:
        if found.reasons[0] is not None:
            return Estimate(**head, value=share, notes=(f"no interval: {found.reasons[0]}",))
        effective = float(
            effective_size(found.variance, share, n, df=found.df, independent=found.clusters, alpha=alpha)[0]
        )
        error = math.sqrt(float(found.variance[0]))
    if exact:
        size = n if effective is None else effective
        low, high = (float(x) for x in clopper_pearson(share * size, size, alpha=alpha))
        method = CLOPPER_PEARSON if effective is None else f"{CLOPPER_PEARSON} at the effective size"
    else:
        lows, highs, methods = proportion_interval(count, n, alpha=alpha, effective_n=effective)
        low, high, method = float(lows[0]), float(highs[0]), methods[0]
    return Estimate(**head, value=share, low=low, high=high, method=method, standard_error=error if error > 0 else None)


def mean_estimate(
    values: Sequence[float | None],
    *,
    model: str,
    metric: str,
    level: float = 0.95,
    cluster: Sequence[Any] | None = None,
    unit: str = "row",
    slice: Mapping[str, str] | None = None,
    higher_is_better: bool = False,
) -> Estimate:
    """The mean of rows with Student's interval; with `cluster` by CR2 with Bell and McCaffrey's degrees of freedom.

    >>> found = mean_estimate([0.1, 0.2, 0.3, None], model="m", metric="score change")
    >>> round(found.value, 6), round(found.low, 4), found.missing
    (0.2, -0.0484, 1)
    """
    known = np.array([v is not None and math.isfinite(v) for v in values], dtype=np.bool_)
    numbers = np.array([float(v) for v, there in zip(values, known.tolist(), strict=True) if there and v is not None])
    n, missing = len(numbers), int((~known).sum())
    head: dict[str, Any] = {
        "model": model,
        "metric": metric,
        "slice": dict(slice or {}),
        "n": n,
        "missing": missing,
        "level": level,
        "unit": unit,
        "higher_is_better": higher_is_better,
    }
    if n == 0:
        return Estimate(**head, reason="no rows" if missing == 0 else "no row has a score on both sides")
    mean = float(numbers.mean())
    if n == 1:
        return Estimate(**head, value=mean, notes=("no interval: one row",))
    found = _clustered(numbers - mean, cluster, known)
    if found is not None and found.reasons[0] is not None:
        return Estimate(**head, value=mean, notes=(f"no interval: {found.reasons[0]}",))
    error = float(numbers.std(ddof=1)) / math.sqrt(n) if found is None else math.sqrt(float(found.variance[0]))
    df = n - 1.0 if found is None else float(found.df[0])
    if error <= 1e-12 * max(abs(mean), 1e-300):
        return Estimate(**head, value=mean, notes=("no interval: every row changed by the same amount",))
    low, high = (float(x) for x in mean_interval(mean, error, df, alpha=1 - level))
    method = STUDENT if found is None else f"t, {CR2}"
    return Estimate(**head, value=mean, low=low, high=high, standard_error=error, method=method)


def _clustered(residuals: Floats, cluster: Sequence[Any] | None, known: NDArray[np.bool_]) -> ClusterVariance | None:
    """CR2 of the residuals; None where no two rows belong together."""
    if cluster is None:
        return None
    codes: dict[Any, int] = {}
    index = [codes.setdefault(one, len(codes)) for one, there in zip(cluster, known.tolist(), strict=True) if there]
    if len(codes) == len(index):
        return None
    totals = np.bincount(index, weights=residuals)
    sizes = np.bincount(index)
    return cluster_variance(totals, sizes, np.zeros(len(totals), dtype=np.intp), 1)
