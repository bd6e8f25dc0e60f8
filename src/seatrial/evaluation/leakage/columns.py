"""Columns of both sides: what kind each is, and its values as codes that are equal where the values are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seatrial.data.dataset import LoadedDataset
from seatrial.stats.minhash import Hashes, mixed

Kind = Literal["text", "image", "number", "category"]
Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
LOOKED_AT = 500
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The rows of the test set and of the training data, and the input columns that both have."""

    test: LoadedDataset
    train: LoadedDataset | None
    kinds: Mapping[str, Kind]

    @property
    def n_test(self) -> int:
        return len(self.test)

    @property
    def n_train(self) -> int:
        return 0 if self.train is None else len(self.train)

    def of(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(name for name, kind in self.kinds.items() if kind in kinds)

    def values(self, column: str) -> tuple[Sequence[Any], Sequence[Any]]:
        """A column of the test set and of the training data (none: empty)."""
        return self.test.columns[column], () if self.train is None else self.train.columns[column]


def sides(test: LoadedDataset, train: LoadedDataset | None, *, text: Sequence[str] = ()) -> tuple[Sides, list[str]]:
    """Both sides with the kinds of their common inputs, and notes on what could not be compared."""
    notes = []
    kinds: dict[str, Kind] = {}
    lacking = []
    for name in test.inputs:
        if train is not None and name not in train.columns:
            lacking.append(name)
            continue
        some = [*present(test.columns[name]), *(present(train.columns[name]) if train is not None else ())]
        kinds[name] = "text" if name in text else kind_of(some)
    if lacking:
        notes.append(f"The training data lack {', '.join(lacking)}: rows are compared without.")
    return Sides(test=test, train=train, kinds=kinds), notes


def present(values: Sequence[Any]) -> list[Any]:
    """Some values that are not missing, evenly spaced."""
    step = max(1, len(values) // LOOKED_AT)
    return [value for value in (values[i] for i in range(0, len(values), step)) if not missing(value)]


def missing(value: Any) -> bool:
    """Whether a value is none.

    >>> missing(None), missing(float("nan")), missing(""), missing(0)
    (True, True, True, False)
    """
    return value is None or (isinstance(value, float) and math.isnan(value)) or (isinstance(value, str) and not value)


def kind_of(some: Sequence[Any]) -> Kind:
    """What a column holds, from some of its values.

    >>> kind_of(["a long text of words"] * 3 + ["another text of some words"] * 3), kind_of([1, 2.5]), kind_of(["a"])
    ('text', 'number', 'category')
    """
    if not some:
        return "category"
    if all(hasattr(value, "ndim") and value.ndim in (2, 3) for value in some[:5]):
        return "image"
    if all(isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)) for value in some):
        return "number"
    texts = [value for value in some if isinstance(value, str)]
    if len(texts) < len(some) or not texts:
        return "category"
    words = sum(len(text.split()) for text in texts) / len(texts)
    length = sum(len(text) for text in texts) / len(texts)
    different = len(set(texts)) / len(texts)
    return "text" if (words >= 3 or length > 40) and (different > 0.3 or len(set(texts)) > 100) else "category"


def codes(first: Sequence[Any] | NDArray[Any], second: Sequence[Any] | NDArray[Any]) -> tuple[Codes, Codes]:
    """Codes of two columns, equal where the values are; missing equals missing, 1 equals 1.0.

    >>> [found.tolist() for found in codes(["a", None, "b"], ["b", "a"])]
    [[0, 1, 2], [2, 0]]
    """
    if all(isinstance(one, np.ndarray) and one.dtype.kind in "biuf" for one in (first, second)):
        both = np.concatenate([np.asarray(first), np.asarray(second)])
        found = np.unique(both, return_inverse=True)[1].astype(np.int64)
        return found[: len(first)], found[len(first) :]
    known: dict[Any, int] = {}
    sides_found = []
    for side in (first, second):
        out = np.empty(len(side), dtype=np.int64)
        for i, value in enumerate(side):
            out[i] = known.setdefault(plain(value), len(known))
        sides_found.append(out)
    return sides_found[0], sides_found[1]


def plain(value: Any) -> Any:
    """A value as a key: missing ones alike, what cannot be a key as its text."""
    if isinstance(value, str):
        return value or _MISSING
    if missing(value):
        return _MISSING
    if hasattr(value, "tobytes") and np.ndim(value):
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def row_hashes(coded: Sequence[Codes], *, at: Sequence[int]) -> list[Hashes]:
    """One 64-bit number a row and column: the sum of a row's numbers is the same for equal rows."""
    salts = mixed(np.asarray(at) + 1)
    return [mixed(column.astype(np.uint64) + salt) for salt, column in zip(salts[:, None], coded, strict=True)]


def numbers(values: Sequence[Any]) -> Floats:
    """A column as numbers, NaN where there is none."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values.astype(np.float64)
    found = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if isinstance(value, (int, float, np.number)):
            found[i] = float(value)
        elif isinstance(value, str):
            try:
                found[i] = float(value)
            except ValueError:
                continue
    found[~np.isfinite(found)] = np.nan
    return found


def said(value: Any, *, limit: int = 400) -> str:
    """A value for an example, cut."""
    if missing(value):
        return ""
    if hasattr(value, "shape") and np.ndim(value):
        return f"image {' x '.join(str(side) for side in value.shape)}"
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
