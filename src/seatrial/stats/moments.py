"""Moments: how many, how large on average, how they vary together. They add over disjoint sets of units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDING = 8 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """First and second moments of T terms on S slices, each term shifted by its centre so that nothing cancels.

    n (S,) counts; centres (T,); sums (S, T) of x - centre; products (S, T, T) of (x_i - centre_i)(x_j - centre_j).
    """

    n: Floats
    centres: Floats
    sums: Floats
    products: Floats

    @property
    def means(self) -> Floats:
        """Mean of each term, (S, T); NaN where n is 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            shifted: Floats = self.sums / self.n[:, None]
        return self.centres + shifted

    @property
    def covariance(self) -> Floats:
        """Sample covariance (n - 1) of the terms, (S, T, T); NaN where n < 2, 0 where only rounding is left."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            n = self.n[:, None, None]
            shifted = self.sums / self.n[:, None]
            square = self.products / n
            left = square - shifted[:, :, None] * shifted[:, None, :]
            size = np.sqrt(np.einsum("stt->st", square))
            left = np.where(np.abs(left) <= ROUNDING * size[:, :, None] * size[:, None, :], 0.0, left)
            covariance: Floats = left * np.where(n > 1, n / (n - 1), np.nan)
        return covariance

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both sets of units together; both must share their centres. Raises `ValueError` otherwise."""
        if not np.array_equal(self.centres, other.centres):
            raise ValueError("moments add only when they were taken around the same centres")
        return Moments(
            n=self.n + other.n,
            centres=self.centres,
            sums=self.sums + other.sums,
            products=self.products + other.products,
        )


def moments(
    values: Floats, *, centres: Floats | None = None, codes: NDArray[np.integer] | None = None, n_slices: int = 1
) -> Moments:
    """Moments of an array (n, T), whole or by slice codes in 0..n_slices-1.

    >>> float(moments(np.array([[1.0], [3.0]])).means[0, 0])
    2.0
    """
    values = np.asarray(values, dtype=float)
    where = np.zeros(len(values), dtype=np.intp) if codes is None else np.asarray(codes)
    middle = values.mean(axis=0) if centres is None else np.asarray(centres, dtype=float)
    shifted = values - middle
    terms = values.shape[1]
    sums = np.empty((n_slices, terms))
    products = np.empty((n_slices, terms, terms))
    for i in range(terms):
        sums[:, i] = np.bincount(where, shifted[:, i], n_slices)
        for j in range(i, terms):
            products[:, i, j] = products[:, j, i] = np.bincount(where, shifted[:, i] * shifted[:, j], n_slices)
    return Moments(n=np.bincount(where, minlength=n_slices).astype(float), centres=middle, sums=sums, products=products)


def quadratic(gradient: Floats, covariance: Floats, other: Floats | None = None) -> Floats:
    """gradient' S other per slice: the delta method's variance of one row's influence; shapes (S, T), (S, T, T) ->
    (S,)."""
    result: Floats = np.einsum("st,stu,su->s", gradient, covariance, gradient if other is None else other)
    return result
