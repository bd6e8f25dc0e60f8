"""A batch as a pandas data frame."""

from collections.abc import Sequence
from typing import Any

from seatrial.errors import UsageError
from seatrial.models.base import Batch


def as_frame(batch: Batch, columns: Sequence[str] | None = None) -> Any:
    """Return the batch (or some of its columns, in this order) as a data frame; a missing number is NaN.

    Raises `UsageError` where pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise UsageError("A model that takes data frames needs pandas: pip install pandas.") from None
    names = list(batch if columns is None else columns)
    return pandas.DataFrame({name: _numbers(batch[name]) for name in names}, columns=names)


def _numbers(values: Sequence[Any]) -> Any:
    """Return numbers with gaps as reals with NaN, also where a batch holds nothing else."""
    present = [one for one in values if one is not None]
    if len(present) < len(values) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in present
    ):
        return [float("nan") if one is None else float(one) for one in values]
    return list(values)
