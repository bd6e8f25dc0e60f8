"""Rows that match: for a test row, the row of the training data or of the test set that it is most like."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.leakage.columns import Codes

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Matches:
    """For every test row, the row it matches best on each side: its position, or -1, and how alike they are."""

    train: Codes
    train_alike: Floats
    test: Codes
    test_alike: Floats
    how: str
    method: str
    notes: tuple[str, ...] = ()
    differs: dict[int, str] = field(default_factory=dict)
    """Of a test row that is equal but for one column: the column."""

    @property
    def in_train(self) -> Flags:
        return np.asarray(self.train >= 0)

    @property
    def in_test(self) -> Flags:
        return np.asarray(self.test >= 0)


def no_matches(n: int, *, how: str, method: str) -> Matches:
    """Nothing found yet."""
    return Matches(
        train=np.full(n, -1, dtype=np.int64),
        train_alike=np.zeros(n),
        test=np.full(n, -1, dtype=np.int64),
        test_alike=np.zeros(n),
        how=how,
        method=method,
    )


def equal_keys(test: NDArray[np.uint64], train: NDArray[np.uint64]) -> tuple[Codes, Codes]:
    """Position of an equal key in `train`, and of another equal key in `test`, for every key of `test`; -1: none.

    >>> found = equal_keys(np.array([5, 7, 5], np.uint64), np.array([9, 7], np.uint64))
    >>> [one.tolist() for one in found]
    [[-1, 1, -1], [2, -1, 0]]
    """
    keys, first, inverse, counts = np.unique(test, return_index=True, return_inverse=True, return_counts=True)
    across = np.full(len(test), -1, dtype=np.int64)
    if len(train):
        order = np.argsort(train, kind="stable")
        ordered = train[order]
        place = np.searchsorted(ordered, keys)
        hit = (place < len(ordered)) & (ordered[np.minimum(place, len(ordered) - 1)] == keys)
        across = np.where(hit, order[np.minimum(place, len(ordered) - 1)], -1)[inverse]
    rows = np.arange(len(test))
    within = np.where(counts[inverse] > 1, first[inverse], -1)
    own = within == rows
    if own.any():
        order = np.argsort(inverse, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        second = order[np.minimum(starts + 1, len(order) - 1)]
        within = np.where(own, second[inverse], within)
    return across.astype(np.int64), within.astype(np.int64)


def best(rows: Codes, others: Codes, alike: Floats, n: int) -> tuple[Codes, Floats]:
    """Of pairs (row, other), the most alike for every row 0..n-1; of equal ones the first other."""
    place, value = np.full(n, -1, dtype=np.int64), np.zeros(n)
    order = np.lexsort((-others, alike))
    place[rows[order]] = others[order]
    value[rows[order]] = alike[order]
    return place, value
