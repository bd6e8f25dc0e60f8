"""The fingerprint of a data set: SHA-256 of its columns and values in the order of the rows, whatever file held them.

A value counts by what a model is given: a number (1 and 1.0 are the same), a truth value, a text, a missing value, a
nested value (as JSON with sorted keys), an array (type, shape and bytes), a file (its bytes). So a CSV and a Parquet
file of the same table have the same fingerprint when numbers are numbers in both; a change of one value, of the order
of rows or columns, or of a column's name gives another one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from seatrial.data.labels import label_text


@runtime_checkable
class Digested(Protocol):
    """A column that knows the digests of its values without decoding them."""

    def digest_of(self, row: int) -> str:
        """SHA-256 of one value."""
        ...


def fingerprint(columns: Mapping[str, Sequence[Any]], ids: Sequence[str] = ()) -> str:
    """Return the SHA-256 of columns, in hex.

    >>> fingerprint({"a": [1, 2.0]}) == fingerprint({"a": [1.0, 2]}) != fingerprint({"a": ["1", "2"]})
    True
    """
    sha = hashlib.sha256()
    for name, values in columns.items():
        _add(sha, "c" + name)
        if isinstance(values, Digested):
            for row in range(len(values)):
                _add(sha, "f" + values.digest_of(row))
            continue
        block: list[bytes] = []
        for value in values:
            data = content_of(value).encode(errors="surrogatepass")
            block.append(b"%d:" % len(data))
            block.append(data)
            if len(block) >= 8192:
                sha.update(b"".join(block))
                block = []
        sha.update(b"".join(block))
    return sha.hexdigest()


def content_of(value: Any) -> str:
    """Return a text that is equal for equal values and differs for different ones: a letter for the kind, the value."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return "t" + value
    if isinstance(value, bool):
        return "b" + label_text(value)
    if isinstance(value, int | float):
        return "n" + label_text(value)
    if isinstance(value, np.ndarray):
        kind = f"{value.dtype.str}{value.shape}"
        return "a" + hashlib.sha256(kind.encode() + np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, bytes):
        return "f" + hashlib.sha256(value).hexdigest()
    return "j" + json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _add(sha: "hashlib._Hash", text: str) -> None:
    data = text.encode(errors="surrogatepass")
    sha.update(b"%d:" % len(data) + data)
