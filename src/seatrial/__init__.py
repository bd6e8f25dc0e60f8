"""Seatrial: from the first benchmark to the last percent of live traffic: ship, do not ship, or cannot tell yet.

>>> import seatrial as st
>>> rows = {"id": range(400), "y": [0, 1] * 200, "prediction": [0, 1] * 190 + [1, 0] * 10}
>>> st.compare(rows, rows).verdict.status
'pass'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatrial.actions.compare import compare
    from seatrial.actions.decide import decide
    from seatrial.actions.evaluate import evaluate
    from seatrial.actions.report import report
    from seatrial.actions.result import Result
    from seatrial.data.predictions import read
    from seatrial.errors import DataError, SeatrialError, UsageError
    from seatrial.records import Effect, Estimate, Policy, Scorecard, Verdict

__version__ = "0.1.0"

_PLACES = {
    "read": "seatrial.data.predictions",
    "compare": "seatrial.actions.compare",
    "evaluate": "seatrial.actions.evaluate",
    "decide": "seatrial.actions.decide",
    "report": "seatrial.actions.report",
    "Result": "seatrial.actions.result",
    "Policy": "seatrial.records",
    "Verdict": "seatrial.records",
    "Effect": "seatrial.records",
    "Estimate": "seatrial.records",
    "Scorecard": "seatrial.records",
    "SeatrialError": "seatrial.errors",
    "UsageError": "seatrial.errors",
    "DataError": "seatrial.errors",
}

__all__ = [
    "DataError",
    "Effect",
    "Estimate",
    "Policy",
    "Result",
    "Scorecard",
    "SeatrialError",
    "UsageError",
    "Verdict",
    "compare",
    "decide",
    "evaluate",
    "read",
    "report",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import seatrial` is quick."""
    if name not in _PLACES:
        raise AttributeError(f"module 'seatrial' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
