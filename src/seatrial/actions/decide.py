"""Decide a comparison by a policy."""

from pathlib import Path
from typing import Any

from seatrial.actions.policies import as_policy
from seatrial.actions.result import Result
from seatrial.records import Policy, Verdict


def decide(result: Result, policy: Policy | str | Path | dict[str, Any] | None = None) -> Verdict:
    """Return the verdict of a policy (a record, a mapping, YAML text or a file); without one, that of the result
    itself.

    >>> from seatrial.actions.compare import compare
    >>> rows = {"id": range(400), "y": [0, 1] * 200, "prediction": [0, 1] * 180 + [1, 0] * 20}
    >>> decide(compare(rows, rows), {"guardrails": ["accuracy"]}).status
    'pass'
    """
    given = as_policy(policy)
    return result.verdict if given is None else result.under(given).verdict
