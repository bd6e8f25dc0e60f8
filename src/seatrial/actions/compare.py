"""Compare two or more versions from their predictions, and decide."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.actions.policies import as_policy
from seatrial.actions.result import Result, ask
from seatrial.comparison.request import Request
from seatrial.data.predictions import Predictions, read_models
from seatrial.errors import UsageError
from seatrial.metrics.base import Metric
from seatrial.records import Policy

Progress = Callable[[str, int, int], None]
AnyMetric = str | Metric | Callable[..., float] | Any
Metrics = Sequence[AnyMetric] | Mapping[str, AnyMetric]


def compare(
    baseline: Any,
    *candidates: Any,
    metrics: Metrics = (),
    by: Sequence[str] | str = (),
    cross: int = 1,
    cluster: str | None = None,
    policy: Policy | str | Path | dict[str, Any] | None = None,
    models: Sequence[str] | None = None,
    target: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    id: str | None = None,
    positive: str | None = None,
    weight: str | None = None,
    weights: str = "sampling",
    threshold: float = 0.5,
    task: str | None = None,
    unpaired: bool = False,
    all_pairs: bool = False,
    lower_is_better: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
    examples: int = 10,
    progress: Progress | None = None,
) -> Result:
    """Compare candidates with a baseline on the same examples.

    Each input is what `read` takes, or its result: a file, a data frame, arrays; one file may hold several models.
    `metrics` are catalogue names, `NAME=FORMULA`, trees built with operators, or functions `f(y_true, y_pred)`, or a
    mapping of names to formulas, trees and functions; `by` are columns to slice by (`age:quartiles`), crossed with each
    other to depth `cross`; `cluster` names the column of rows that belong together. `policy` decides; without one a
    guardrail on the task's main metric is assumed, and said.

    Raises `UsageError` for an option that cannot be used, `DataError` for data that cannot carry the question.

    >>> result = compare(
    ...     {"id": range(200), "y": [0, 1] * 100, "prediction": [0, 1] * 90 + [1, 0] * 10},
    ...     {"id": range(200), "y": [0, 1] * 100, "prediction": [0, 1] * 98 + [1, 0] * 2},
    ...     metrics=["accuracy"],
    ... )
    >>> effect = result.effects[0]
    >>> round(effect.difference, 3), effect.word
    (0.08, 'better')
    """
    request = _request(
        metrics,
        by,
        cross,
        cluster,
        level,
        seed,
        all_pairs,
        unpaired,
        lower_is_better,
        examples,
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
    predictions = as_predictions([baseline, *candidates], models=models, options=options)
    if len(predictions) < 2:
        raise UsageError(
            f"'{predictions[0].name}' is one version; compare needs a baseline and at least one candidate. To "
            f"measure one, use evaluate."
        )
    return ask(predictions, request, as_policy(policy), progress=progress)


def as_predictions(
    sources: Sequence[Any], *, models: Sequence[str] | None, options: dict[str, Any]
) -> list[Predictions]:
    """Sources as predictions: what is already read stays as it is."""
    if all(isinstance(source, Predictions) for source in sources):
        return list(sources)
    if any(isinstance(source, Predictions) for source in sources):
        return [p for source in sources for p in as_predictions([source], models=models, options=options)]
    return list(read_models(sources, models=models, **options))


def _chosen(given: Metrics, lower: Sequence[str]) -> tuple[str | Metric, ...]:
    """Metrics as they were given: names and formulas stay text; a mapping names what it holds."""
    from seatrial.metrics.catalogue import from_python

    if isinstance(given, str):
        return (given,)
    if isinstance(given, Mapping):
        named = (
            f"{name} = {metric}" if isinstance(metric, str) else from_python(metric, name=name)
            for name, metric in given.items()
        )
    else:
        named = (m if isinstance(m, (str, Metric)) else from_python(m) for m in given)
    return tuple(m.lower_is_better() if isinstance(m, Metric) and m.name in lower else m for m in named)


def _request(
    metrics: Metrics,
    by: Sequence[str] | str,
    cross: int,
    cluster: str | None,
    level: float,
    seed: int,
    all_pairs: bool,
    unpaired: bool,
    lower_is_better: Sequence[str],
    examples: int,
    others: dict[str, str | None],
) -> Request:
    from seatrial.data.slicing import parse_slices

    if not 0.5 <= level < 1:
        raise UsageError(f"level {level:g}: give the intervals' level as a share such as 0.95.")
    if seed < 0:
        raise UsageError(f"seed {seed}: give a whole number from 0.")
    if cross not in (1, 2):
        raise UsageError(f"cross {cross}: slices are crossed to depth 1 or 2.")
    slices = parse_slices(by) if isinstance(by, str) else tuple(by)
    chosen = _chosen(metrics, lower_is_better)
    arguments: dict[str, str | list[str]] = {name: value for name, value in others.items() if value is not None}
    if chosen:
        arguments["metrics"] = [m if isinstance(m, str) else m.name for m in chosen]
    if slices:
        arguments["by"] = list(slices)
    for name, value, usual in (
        ("cross", cross, 1),
        ("level", level, 0.95),
        ("unpaired", unpaired, False),
        ("all_pairs", all_pairs, False),
    ):
        if value != usual:
            arguments[name] = str(value)
    if cluster:
        arguments["cluster"] = cluster
    return Request(
        metrics=chosen,
        by=slices,
        cross=cross,
        cluster=cluster,
        level=level,
        seed=seed,
        all_pairs=all_pairs,
        unpaired=unpaired,
        lower_is_better=tuple(lower_is_better),
        examples=examples,
        arguments=arguments,
    )
