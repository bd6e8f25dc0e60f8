"""Rows that are equal in every input column, equal but for one, or equal once numbers are rounded."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.evaluation.leakage.columns import Codes, Sides, codes, numbers, row_hashes
from seatrial.evaluation.leakage.images import Looks
from seatrial.evaluation.leakage.matching import Flags, Matches, equal_keys, no_matches
from seatrial.stats.minhash import Hashes

FEWEST_COLUMNS = 4
"""Input columns from which rows that differ in one are called near copies."""
DIGITS = 3
"""Significant digits that numbers are rounded to."""
Keys = tuple[Hashes, Hashes]


def row_keys(sides: Sides, looks: Mapping[str, tuple[Looks, Looks]]) -> tuple[list[str], list[Keys]]:
    """One number a row and input column, for the test set and the training data."""
    names, found = [], []
    for at, name in enumerate(sides.kinds):
        if name in looks:
            coded = tuple(one.digest.view(np.int64) for one in looks[name])
        else:
            coded = codes(*sides.values(name))
        first, second = (row_hashes([one], at=[at])[0] for one in coded)
        names.append(name)
        found.append((first, second))
    return names, found


def total(keys: Sequence[Keys], side: int, *, without: int | None = None) -> Hashes:
    """The sum of a row's numbers, one column left out where asked: equal for equal rows."""
    return np.asarray(sum((one[side] for at, one in enumerate(keys) if at != without), np.uint64(0)), dtype=np.uint64)


def equal_rows(sides: Sides, keys: Sequence[Keys]) -> Matches:
    """Rows equal in every input column."""
    across, within = equal_keys(total(keys, 0), total(keys, 1))
    return Matches(
        train=across,
        train_alike=(across >= 0).astype(float),
        test=within,
        test_alike=(within >= 0).astype(float),
        how="equal inputs",
        method="every input column equal; missing equals missing, 1 equals 1.0",
    )


def near_rows(sides: Sides, names: Sequence[str], keys: Sequence[Keys]) -> tuple[Matches, float | None] | None:
    """Rows of a table without texts and images that are equal but for one column, or once numbers are rounded.

    Also the share of the training rows that are near to another one in the same way.
    """
    if len(names) < FEWEST_COLUMNS or sides.of("text", "image"):
        return None
    method = f"equal in all input columns but one, or in all once numbers are rounded to {DIGITS} significant digits"
    found = no_matches(sides.n_test, how="equal but for one column", method=method)
    rounded = list(keys)
    for at, name in enumerate(names):
        if sides.kinds[name] == "number":
            one, two = (significant(numbers(side)) for side in sides.values(name))
            coded = codes(one, two)
            first, second = (row_hashes([side], at=[at])[0] for side in coded)
            rounded[at] = (first, second)
    found = _with(found, equal_keys(total(rounded, 0), total(rounded, 1)), "rounding", share=1.0)
    part = 1 - 1 / len(names)
    own = _repeated(total(rounded, 1)) & ~_repeated(total(keys, 1))
    for at, name in enumerate(names):
        first, second = total(keys, 0, without=at), total(keys, 1, without=at)
        found = _with(found, equal_keys(first, second), f"'{name}'", share=part)
        own |= _repeated(second) & ~_repeated(total(keys, 1))
    return found, float(own.mean()) if len(own) else None


def _with(found: Matches, matched: tuple[Codes, Codes], what: str, *, share: float) -> Matches:
    across, within = matched
    new_across, new_within = (found.train < 0) & (across >= 0), (found.test < 0) & (within >= 0)
    differs = dict(found.differs)
    for row in np.flatnonzero(new_across):
        differs.setdefault(int(row), what)
    return replace(
        found,
        train=np.where(new_across, across, found.train),
        train_alike=np.where(new_across, share, found.train_alike),
        test=np.where(new_within, within, found.test),
        test_alike=np.where(new_within, share, found.test_alike),
        differs=differs,
    )


def significant(values: NDArray[Any], digits: int = DIGITS) -> NDArray[np.float64]:
    """Numbers rounded to so many significant digits.

    >>> significant(np.array([1234.5, 0.0012345, 0.0])).tolist()
    [1230.0, 0.00123, 0.0]
    """
    known = np.isfinite(values) & (values != 0)
    exponent = np.zeros(len(values))
    exponent[known] = np.floor(np.log10(np.abs(values[known])))
    factor = 10.0 ** (digits - 1 - exponent)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.round(values * factor) / factor
    return np.where(known, found, values)


def own_copies(train: Hashes) -> float | None:
    """Share of the training rows that another training row equals: what chance or the source of the data brings."""
    return float(_repeated(train).mean()) if len(train) > 1 else None


def _repeated(keys: Hashes) -> Flags:
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] > 1)


def contradictions(key: Hashes, target: Codes, known: Flags) -> tuple[Flags, float]:
    """Rows whose inputs another row has with another target, and the most accurate any model of the inputs can be.

    >>> flags, most = contradictions(np.array([1, 1, 1, 2], np.uint64), np.array([0, 0, 1, 1]), np.ones(4, bool))
    >>> flags.tolist(), most
    ([True, True, True, False], 0.75)
    """
    flags = np.zeros(len(key), dtype=bool)
    if not known.any():
        return flags, 1.0
    keys, labels = key[known], target[known]
    _, row = np.unique(keys, return_inverse=True)
    pairs, counts = np.unique(np.stack([row, labels]), axis=1, return_counts=True)
    labels_of = np.bincount(pairs[0])
    most = np.zeros(len(labels_of))
    np.maximum.at(most, pairs[0], counts)
    flags[np.flatnonzero(known)] = labels_of[row] > 1
    return flags, float(most.sum() / len(keys))
