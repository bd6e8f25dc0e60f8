"""NumPy arrays: an .npz of arrays of one length, by name, or one .npy; labels may lie in a table beside them."""

import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.data.datasets.raw import Asked, RawTable, place_of, short_name
from seatrial.data.datasets.typed import plain
from seatrial.errors import DataError, UsageError
from seatrial.records.suite import DatasetSource


def read(source: DatasetSource, asked: Asked) -> RawTable:
    """Read arrays: one dimension is a column of values, more are a column of arrays, one a row.

    Raises `UsageError` when there is no such file, `DataError` for arrays of different lengths or of Python objects.
    """
    path = place_of(source.arrays or "", asked)
    try:
        with path.open("rb") as file:
            opened = np.load(file, allow_pickle=False)
            arrays = {"x": opened} if isinstance(opened, np.ndarray) else {name: opened[name] for name in opened.files}
    except FileNotFoundError:
        raise UsageError(f"There is no file of arrays '{path}'.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is not an .npz or .npy file that can be read: {_short(error)}.") from None
    if not arrays:
        raise DataError(f"{path.name} holds no arrays.")
    flat = next((name for name, array in arrays.items() if array.ndim == 0), None)
    if flat is not None:
        raise DataError(f"{path.name}: '{flat}' is a single number; every array needs one entry a row.")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise DataError(f"{path.name}: the arrays have different lengths: {shown}.")
    columns: dict[str, Sequence[Any]] = {name: column_of(array) for name, array in arrays.items()}
    target: str | None = None
    if source.labels is not None:
        from seatrial.data.datasets.files import read_columns

        table = place_of(source.labels, asked)
        beside = read_columns(table)
        rows = len(next(iter(beside.values())))
        if rows != len(next(iter(arrays.values()))):
            raise DataError(
                f"{table.name} has {rows:,} rows, and those of {path.name} {next(iter(lengths.values())):,}."
            )
        columns |= beside
        target = next(iter(beside)) if len(beside) == 1 else None
    return RawTable(name=short_name(source, path.name), columns=columns, target=target)


def column_of(array: "np.ndarray[Any, Any]") -> Sequence[Any]:
    """An array as a column: values of one dimension as Python values, else the list of its rows.

    >>> column_of(np.array([1.0, np.nan]))
    [1.0, None]
    """
    if array.ndim > 1:
        return list(array)
    return [plain(value) for value in array.tolist()]


def _short(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "it holds Python objects, which are not loaded" if "pickle" in said else said[:80].rstrip(".")
