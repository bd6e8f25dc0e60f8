"""The model that learnt nothing: always the most frequent class, or always the mean, for scale."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seatrial.comparison.versions import Comparison
from seatrial.data.answers.counting import COUNTED
from seatrial.records import Estimate
from seatrial.stats.means import mean_interval
from seatrial.stats.proportions import proportion_interval


def reference(comparison: Comparison, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Accuracy of always answering the most frequent class; RMSE of always answering the mean."""
    frame, alpha = comparison.frame, 1 - level
    if frame.task == "regression":
        return _mean_answer(comparison, alpha)
    if frame.task == "multilabel" or frame.task in COUNTED:
        return ()
    counts = np.array([rows for _, rows in comparison.facts[0].class_counts])
    if not counts.sum():
        return ()
    most, n = int(counts.argmax()), int(counts.sum())
    name = f"always {frame.labels[most]}"
    low, high, methods = proportion_interval([counts[most]], [n], alpha=alpha)
    make = partial(Estimate, model=name, n=n, level=level, notes=("a model that learnt nothing, for scale",))
    found = [
        make(
            metric="accuracy", value=float(counts[most] / n), low=float(low[0]), high=float(high[0]), method=methods[0]
        )
    ]
    if frame.task == "binary" and frame.positive is not None:
        prevalence = float(counts[frame.positive] / n)
        if most != frame.positive:
            found.append(make(metric="recall", n=int(counts[frame.positive]), value=0.0, method="by definition"))
        if any(frame.scored):
            low, high, methods = proportion_interval([counts[frame.positive]], [n], alpha=alpha)
            found.append(
                make(
                    metric="average_precision",
                    value=prevalence,
                    low=float(low[0]),
                    high=float(high[0]),
                    method=methods[0],
                )
            )
    return tuple(found)


def _mean_answer(comparison: Comparison, alpha: float) -> tuple[Estimate, ...]:
    n, mean = _sum_over(comparison, lambda target: target)
    if n < 3:
        return ()
    mean /= n
    square = _sum_over(comparison, lambda target: (target - mean) ** 2)[1] / n
    if square == 0:
        return ()
    value = float(np.sqrt(square))
    about = _sum_over(comparison, lambda target: ((target - mean) ** 2 - square) ** 2)[1]
    error = float(np.sqrt(about / (n - 1)) / np.sqrt(n) / (2 * value))
    low, high = mean_interval([value], [error], [n - 1], alpha=alpha)
    return (
        Estimate(
            model="always the mean",
            metric="root_mean_squared_error",
            n=n,
            value=value,
            standard_error=error,
            low=float(low[0]),
            high=float(high[0]),
            level=1 - alpha,
            method="delta method, t",
            higher_is_better=False,
            notes=("a model that learnt nothing, for scale",),
        ),
    )


def _sum_over(comparison: Comparison, of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> tuple[int, float]:
    """The rows with a target, and the sum of a function of it, a stretch of rows after the other."""
    n, total = 0, 0.0
    for read in comparison.frame.stretches(["target"]):
        target = np.asarray(read["target"], dtype=float)
        target = target[np.isfinite(target)]
        n += len(target)
        total += float(of(target).sum())
    return n, total
