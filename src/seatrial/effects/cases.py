"""Cases: distinct rows with their counts. A case is a cell of (slice, target, predictions) or, where rows differ more,
one row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.stats.clusters import METHOD as CLUSTER_METHOD
from seatrial.stats.clusters import cluster_covariance, cluster_variance

Floats = NDArray[np.float64]
Codes = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, kw_only=True)
class Cases:
    """R cases on S slices.

    slice_index (R,) in 0..size-1; count (R,) rows each case stands for; `column(name, model)` gives a row value for
    every case, NaN (or None in text) where missing; weight and cluster (R,) when there are.
    """

    size: int
    slice_index: Codes
    count: Floats
    target: Codes | None
    """Class codes, -1 where missing; None for regression and multilabel."""
    predictions: dict[int, Codes]
    column: Callable[[str, int], NDArray[Any]]
    weight: Floats | None = None
    cluster: Codes | None = None
    n_clusters: int = 0
    positive: int | None = None
    labels: tuple[str, ...] = ()
    multilabel: bool = False
    frequency: bool = False
    """Whether weights are counts of rows, not sampling weights."""
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Row names whose values are class codes, with their labels."""

    @property
    def plain(self) -> bool:
        """Whether rows are independent and count alike."""
        return self.weight is None and self.cluster is None

    @property
    def mass(self) -> Floats:
        """What each case weighs in a mean."""
        return self.count if self.weight is None else self.count * self.weight

    @property
    def rows(self) -> Floats:
        """How many rows each case counts for."""
        return self.mass if self.frequency else self.count

    def total(self, amounts: Floats) -> Floats:
        """Sum an amount a case over each slice, (S,)."""
        return np.bincount(self.slice_index, amounts, self.size).astype(np.float64, copy=False)

    def mean(self, values: Floats, valid: NDArray[np.bool_]) -> Floats:
        """Weighted mean of a value over each slice's valid cases, (S,); NaN where there are none."""
        mass = np.where(valid, self.mass, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = self.total(mass * np.where(valid, values, 0.0)) / self.total(mass)
        return mean


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variances and covariances of P estimates on S slices, from the influences of their rows."""

    covariance: Floats
    """(S, P, P), of the estimates."""
    df: Floats
    reasons: tuple[str | None, ...]
    method: str
    clusters: Floats | None = None


def spread(cases: Cases, influences: list[Floats], valid: NDArray[np.bool_]) -> Spread:
    """Covariances of estimates whose row influences (R,) are given, mean zero within each slice.

    Plain rows: sum psi_a psi_b / (n (n - 1)). Sampling weights: n/(n-1) sum w^2 psi_a psi_b / (sum w)^2. Clusters: CR2
    with
    Bell-McCaffrey degrees of freedom from cluster totals (covariances by polarisation).
    """
    if cases.cluster is not None:
        return _clustered(cases, influences, valid)
    count = np.where(valid, cases.count, 0.0)
    weight = np.ones_like(count) if cases.weight is None else cases.weight
    n, mass = cases.total(count), cases.total(count * weight)
    if cases.frequency:
        n, count, weight = mass, count * weight, np.ones_like(count)
    many = len(influences)
    covariance = np.empty((cases.size, many, many))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        factor = np.where(n > 1, n / (n - 1), np.nan) / mass**2
        for a in range(many):
            for b in range(a, many):
                product = np.where(valid, influences[a] * influences[b], 0.0)
                covariance[:, a, b] = covariance[:, b, a] = factor * cases.total(count * weight**2 * product)
    reasons = tuple(None if size > 1 else f"{size:.0f} rows: an interval needs at least 2" for size in n)
    return Spread(covariance=covariance, df=n - 1, reasons=reasons, method="delta method, t")


def _clustered(cases: Cases, influences: list[Floats], valid: NDArray[np.bool_]) -> Spread:
    cluster = np.zeros(0, dtype=np.intp) if cases.cluster is None else cases.cluster
    mass = np.where(valid, cases.mass, 0.0)
    many = np.intp(max(cases.n_clusters, 1))
    held, position = np.unique((cases.slice_index * many + cluster)[valid], return_inverse=True)
    where = (held // many).astype(np.intp)
    sizes = np.bincount(position, mass[valid], len(held))
    totals = [np.bincount(position, (mass * psi)[valid], len(held)) for psi in influences]
    covariance = np.empty((cases.size, len(totals), len(totals)))
    for a, mine in enumerate(totals):
        for b in range(a, len(totals)):
            covariance[:, a, b] = covariance[:, b, a] = cluster_covariance(mine, totals[b], sizes, where, cases.size)
    found = cluster_variance(totals[0], sizes, where, cases.size)
    return Spread(
        covariance=covariance, df=found.df, reasons=found.reasons, method=CLUSTER_METHOD, clusters=found.clusters
    )
