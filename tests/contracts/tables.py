"""Generated prediction tables of every task, two versions on the same rows, the second better; and their metrics."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seatrial.metrics.catalogue import every_metric

Table = dict[str, Any]
Pair = tuple[Table, Table]

CLASSES = ("ant", "bee", "cat", "dog")
LABELS = ("red", "green", "blue")
NOISE = (1.6, 0.6)
"""Noise of the baseline's and of the candidate's scores."""


def shared(n: int, rng: np.random.Generator) -> Table:
    """What both files say of the rows: slices, a cluster, integer weights."""
    return {
        "id": np.arange(n),
        "sex": rng.choice(["F", "M"], n),
        "region": rng.choice(["north", "south", "west"], n, p=[0.5, 0.3, 0.2]),
        "household": rng.integers(0, max(n // 3, 2), n),
        "copies": rng.integers(1, 4, n),
    }


def costs(n: int, rng: np.random.Generator) -> Pair:
    """Operational columns; the candidate's are cheaper and faster."""
    latency, cost, tokens = rng.lognormal(4, 0.5, n), rng.gamma(2, 0.01, n), rng.integers(20, 500, n)
    quick = latency * 0.9 * rng.lognormal(0, 0.1, n)
    first = {"latency_ms": latency.round(3), "cost_usd": cost.round(5), "tokens": tokens}
    second = {"latency_ms": quick.round(3), "cost_usd": (cost * 0.8).round(5), "tokens": tokens + rng.integers(0, 9, n)}
    return first, second


def binary(n: int = 900, seed: int = 0) -> Pair:
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    target = rng.random(n) < 0.4
    latent = rng.normal(size=n) + 2.0 * target
    made = []
    for noise, side in zip(NOISE, sides, strict=True):
        chance = 1 / (1 + np.exp(-1.5 * (latent - 1.2 + noise * rng.normal(size=n))))
        score = chance.round(3)
        made.append(
            {**common, "target": target.astype(int), "prediction": (score >= 0.5).astype(int), "score": score, **side}
        )
    return made[0], made[1]


def multiclass(n: int = 900, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Pair:
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    k = len(classes)
    shares = np.arange(k, 0, -1) / np.arange(k, 0, -1).sum()
    target = rng.choice(k, n, p=shares)
    truth = 2.0 * (np.arange(k) == target[:, None]) + rng.normal(size=(n, k))
    made = []
    for noise, side in zip(NOISE, sides, strict=True):
        raw = np.exp(truth + noise * rng.normal(size=(n, k)))
        chance = raw / raw.sum(axis=1, keepdims=True)
        scores = {f"score_{label}": chance[:, c] for c, label in enumerate(classes)}
        made.append(
            {
                **common,
                "target": np.array(classes)[target],
                "prediction": np.array(classes)[chance.argmax(axis=1)],
                **scores,
                **side,
            }
        )
    return made[0], made[1]


def multilabel(n: int = 900, seed: int = 0) -> Pair:
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    made: list[Table] = [{**common, **side} for side in sides]
    for at, label in enumerate(LABELS):
        target = rng.random(n) < 0.25 + 0.1 * at
        latent = rng.normal(size=n) + 2.0 * target
        for noise, table in zip(NOISE, made, strict=True):
            score = 1 / (1 + np.exp(-1.5 * (latent - 1.2 + noise * rng.normal(size=n))))
            table[f"target_{label}"] = target.astype(int)
            table[f"prediction_{label}"] = (score >= 0.5).astype(int)
            table[f"score_{label}"] = score.round(3)
    return made[0], made[1]


def regression(n: int = 900, seed: int = 0) -> Pair:
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    target = rng.gamma(4, 5, n) + 1
    made = []
    for noise, side in zip(NOISE, sides, strict=True):
        made.append({**common, "target": target, "prediction": target + 2 * noise * rng.normal(size=n), **side})
    return made[0], made[1]


MAKERS: dict[str, Callable[..., Pair]] = {
    "binary": binary,
    "multiclass": multiclass,
    "multilabel": multilabel,
    "regression": regression,
}
OPERATIONAL = (
    "latency_ms.mean",
    "latency_ms.p50",
    "latency_ms.p90",
    "latency_ms.p95",
    "cost_usd.mean",
    "cost_per_1000",
    "throughput",
    "tokens_per_cost",
)
DERIVED = {
    "binary": ("f2", "f0.5", "f2_macro", "recall[0]", "precision[1]", "roc_auc[0]", "average_precision[0]"),
    "multiclass": (
        "f2_macro",
        "f0.5_weighted",
        "f3_micro",
        "recall[ant]",
        "precision[dog]",
        "specificity[bee]",
        "f1[cat]",
        "jaccard[cat]",
        "false_positive_rate[bee]",
        "false_negative_rate[bee]",
        "negative_predictive_value[ant]",
        "roc_auc[bee]",
        "average_precision[dog]",
    ),
    "multilabel": (
        "f2_macro",
        "f0.5_micro",
        "recall[red]",
        "precision[blue]",
        "f1[green]",
        "jaccard[blue]",
        "roc_auc[red]",
        "average_precision[green]",
    ),
    "regression": ("mean_pinball_loss[0.9]", "mean_pinball_loss[0.123456789]"),
}


def names(task: str, *, operational: bool = True) -> list[str]:
    """Every metric of the catalogue for a task, and the forms that are made from its names."""
    found = [metric.name for metric in every_metric() if task in metric.tasks]
    return [*found, *DERIVED[task], *(OPERATIONAL if operational else ())]


def take(table: Table, rows: np.ndarray) -> Table:
    """The rows of a table, in the order given."""
    return {name: np.asarray(column)[rows] for name, column in table.items()}
