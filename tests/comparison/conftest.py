"""Two versions of one binary model on 400 rows, to be spoilt one way at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def rows() -> Callable[..., dict[str, Any]]:
    """rows(flip=5): every flip-th answer wrong; further columns replace those of the same name."""

    def make(*, flip: int = 5, n: int = 400, **columns: Any) -> dict[str, Any]:
        at = np.arange(n)
        target = at % 2
        answer = np.where(at % flip == 0, 1 - target, target)
        return {"id": at, "target": target, "prediction": answer, **columns}

    return make
