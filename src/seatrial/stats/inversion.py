"""Inverting a test: the limit of a confidence interval is where the tested value stops being accepted."""

from collections.abc import Callable

import numpy as np

from seatrial.stats.contrasts import Floats

BISECTIONS = 64


def limit(accepted: Callable[[Floats], np.ndarray], inside: Floats, outside: Floats) -> Floats:
    """Bisect, for all slices at once, between a value the test accepts and one it may reject.

    `accepted` maps (S,) tested values to (S,) booleans and is monotone on the way from `inside` to `outside`. When even
    `outside` is accepted the limit is `outside`. The bracket shrinks by 2^64, so the limit is exact to rounding.

    >>> limit(lambda x: x * x <= 2.0, np.array([0.0]), np.array([4.0])).round(12).tolist()
    [1.414213562373]
    """
    near = np.array(inside, dtype=np.float64)
    far = np.array(outside, dtype=np.float64)
    for _ in range(BISECTIONS):
        middle = 0.5 * (near + far)
        keep = accepted(middle)
        near = np.where(keep, middle, near)
        far = np.where(keep, far, middle)
    return near
