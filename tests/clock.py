"""Tests that time a real server: a failure on a busy machine says nothing, and is skipped with that reason."""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec

import pytest

Parameters = ParamSpec("Parameters")


def on_a_quiet_machine(test: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Skip a failure that happens while there are more programs to run than processors to run them."""

    @functools.wraps(test)
    def timed(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            test(*args, **kwargs)
        except AssertionError as error:
            load, processors = os.getloadavg()[0], os.cpu_count() or 1
            if load <= 0.5 * processors:
                raise
            pytest.skip(f"{load:.1f} programs on {processors} processors: too busy to time a server ({error!s:.60})")

    return timed
