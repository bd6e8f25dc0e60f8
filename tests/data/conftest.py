"""Small tables that the tests of the data room share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Arrays = dict[str, np.ndarray]


@pytest.fixture
def binary() -> Arrays:
    """Sixty rows of a binary task with everything a file can have."""
    rng = np.random.default_rng(0)
    n = 60
    target = rng.integers(0, 2, n)
    return {
        "id": np.arange(n),
        "target": target,
        "prediction": np.where(rng.random(n) < 0.8, target, 1 - target),
        "score": np.round(np.clip(target * 0.4 + rng.random(n) * 0.6, 0, 1), 6),
        "latency_ms": np.round(rng.gamma(3, 5, n), 3),
        "sex": np.array(["F", "M"], dtype=object)[rng.integers(0, 2, n)],
        "age": rng.integers(17, 90, n),
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """Write a small file and return its path."""

    def written(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return written
