"""Measure one version from its predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial.actions.compare import Metrics, Progress, _request, as_predictions
from seatrial.actions.policies import as_policy
from seatrial.actions.result import Result, ask
from seatrial.errors import UsageError
from seatrial.records import Policy


def evaluate(
    predictions: Any,
    *,
    metrics: Metrics = (),
    by: Sequence[str] | str = (),
    cross: int = 1,
    cluster: str | None = None,
    policy: Policy | str | Path | dict[str, Any] | None = None,
    target: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    id: str | None = None,
    positive: str | None = None,
    weight: str | None = None,
    weights: str = "sampling",
    threshold: float = 0.5,
    task: str | None = None,
    lower_is_better: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Measure one version: every metric with its interval, on all rows and on slices. Arguments as in `compare`.

    A policy's absolute bounds give a verdict; without any, there is none to give.

    >>> result = evaluate({"y": [0, 1] * 50, "prediction": [0, 1] * 45 + [1, 0] * 5}, metrics=["accuracy"])
    >>> estimate = result.estimates[0]
    >>> estimate.value, estimate.method
    (0.9, 'Wilson score interval')
    """
    request = _request(
        metrics,
        by,
        cross,
        cluster,
        level,
        seed,
        False,
        False,
        lower_is_better,
        0,
        {"task": task, "threshold": None if threshold == 0.5 else str(threshold)},
    )
    options: dict[str, Any] = {
        "target": target,
        "prediction": prediction,
        "score": score,
        "id": id,
        "positive": positive,
        "weight": weight,
        "weights": weights,
        "threshold": threshold,
        "task": task,
    }
    found = as_predictions([predictions], models=None, options=options)
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} versions were found ({', '.join(p.name for p in found[:6])}); evaluate measures one: "
            f"name it as FILE#COLUMN, or use compare."
        )
    return ask(found, request, as_policy(policy), progress=progress)
