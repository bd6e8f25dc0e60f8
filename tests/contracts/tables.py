"""Generated prediction tables of every task, two versions on the same rows, the second better; and their metrics."""

import json
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


def entities(n: int = 900, seed: int = 0) -> Pair:
    """Sentences with spans of three types; a version misses, shifts, renames and invents some."""
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    kinds = ("PER", "LOC", "ORG")
    gold = [
        [
            (4 * at, 4 * at + int(rng.integers(1, 4)), kinds[rng.integers(3)])
            for at in np.flatnonzero(rng.random(6) < 0.5)
        ]
        for _ in range(n)
    ]

    gold[0] = [(4 * at, 4 * at + 2, kind) for at, kind in enumerate(kinds)]

    def noisy(spans: list[tuple[int, int, str]], share: float) -> list[tuple[int, int, str]]:
        found = []
        for start, end, kind in spans:
            chance = rng.random() / share
            if chance < 0.25:
                continue
            shift = int(0.25 <= chance < 0.55)
            found.append((start, end + shift, kinds[rng.integers(3)] if 0.45 <= chance < 0.75 else kind))
        return found + [(start, start + 2, kinds[rng.integers(3)]) for start in (40, 50) if rng.random() < share / 3]

    def written(rows: list[list[tuple[int, int, str]]]) -> np.ndarray:
        spans = [[{"start": int(a), "end": int(b), "label": kind} for a, b, kind in row] for row in rows]
        return np.array([json.dumps(one) for one in spans], dtype=object)

    made = []
    for share, side in zip((0.7, 0.25), sides, strict=True):
        answers = [noisy(row, share) for row in gold]
        made.append({**common, "target": written(gold), "prediction": written(answers), **side})
    return made[0], made[1]


def fields(n: int = 900, seed: int = 0) -> Pair:
    """Documents with up to four fields; a version leaves some out, gets some wrong or writes them otherwise."""
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    whole = ("total", "date", "name", "tax")
    gold: list[dict[str, str]] = []
    for _ in range(n):
        amount, day = f"{rng.integers(100, 99900) / 100:.2f}", f"2024-{rng.integers(1, 13):02d}-{rng.integers(13, 29)}"
        values = (amount, day, f"ACME {rng.integers(1, 99)} Ltd.", f"{rng.integers(1, 900) / 100:.2f}")
        gold.append({k: v for k, v in zip(whole, values, strict=True) if not gold or rng.random() < 0.85})

    def noisy(values: dict[str, str], share: float) -> dict[str, str]:
        found = {}
        for name, value in values.items():
            chance = rng.random() / share
            if chance >= 0.2:
                found[name] = "wrong" if chance < 0.5 else f" {value.upper()} " if chance < 0.8 else value
                if 0.7 < chance < 0.9:
                    other = {"date": "/".join(reversed(value.split("-"))), "name": value.lower()}
                    found[name] = other.get(name, f"${value}")
        return found | ({"note": "x"} if rng.random() < share / 3 else {})

    made = []
    for share, side in zip((0.7, 0.25), sides, strict=True):
        answers = [json.dumps(noisy(one, share)) for one in gold]
        truth = np.array([json.dumps(one) for one in gold], dtype=object)
        made.append({**common, "target": truth, "prediction": np.array(answers, dtype=object), **side})
    return made[0], made[1]


def boxes(n: int = 900, seed: int = 0) -> Pair:
    """Images with up to four boxes of two classes; a version moves them, misses some and invents some."""
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)

    def place() -> list[float]:
        return [*(rng.random(2) * 80).round(2).tolist(), *(8 + rng.random(2) * 25).round(2).tolist()]

    def one() -> dict[str, Any]:
        return {"box": place(), "label": "cat" if rng.random() < 0.6 else "dog"}

    gold = [[one() for _ in range(rng.integers(0, 5))] for _ in range(n)]
    gold[0] = [{"box": place(), "label": label} for label in ("cat", "dog")]

    def noisy(truth: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
        found = []
        for box in truth:
            if rng.random() < share / 2:
                continue
            moved = np.array(box["box"]) + rng.normal(size=4) * 5 * share
            found.append({**box, "box": np.maximum(moved, 1).round(3).tolist(), "score": rng.beta(5, 2)})
        made_up = rng.poisson(2 * share)
        return found + [{"box": place(), "label": "dog", "score": rng.beta(2, 3)} for _ in range(made_up)]

    made = []
    for share, side in zip((0.6, 0.2), sides, strict=True):
        answers = np.array([json.dumps(noisy(one, share)) for one in gold], dtype=object)
        truth = np.array([json.dumps(one) for one in gold], dtype=object)
        made.append({**common, "target": truth, "prediction": answers, **side})
    return made[0], made[1]


def text(n: int = 900, seed: int = 0) -> Pair:
    """Sentences, some with two references; a version changes and drops words."""
    rng = np.random.default_rng(seed)
    common, sides = shared(n, rng), costs(n, rng)
    words = np.array(["red", "green", "blue", "house", "garden", "river", "walks", "sleeps", "under", "over", "small"])
    gold = [" ".join(rng.choice(words, rng.integers(7, 14))) for _ in range(n)]
    other = [f"{one} today" if rng.random() < 0.3 else None for one in gold]

    def noisy(one: str, share: float) -> str:
        if rng.random() > 2 * share:
            return one
        kept = [str(rng.choice(words)) if rng.random() < share else word for word in one.split()]
        return " ".join(word for word in kept if rng.random() > share / 3) or one

    truth = np.array([json.dumps([a, b]) if b else a for a, b in zip(gold, other, strict=True)], dtype=object)
    made = []
    for share, side in zip((0.45, 0.2), sides, strict=True):
        answers = np.array([noisy(one, share) for one in gold], dtype=object)
        made.append({**common, "target": truth, "prediction": answers, **side})
    return made[0], made[1]


def scored(truth: np.ndarray) -> np.ndarray:
    """True boxes as answers: each with a score."""
    return np.array([json.dumps([{**box, "score": 0.9} for box in json.loads(one)]) for one in truth], dtype=object)


def first_reference(truth: np.ndarray) -> np.ndarray:
    """Of several references, the first as the answer."""
    return np.array([json.loads(one)[0] if one.startswith("[") else one for one in truth], dtype=object)


PERFECT: dict[str, Callable[[np.ndarray], np.ndarray]] = {"boxes": scored, "text": first_reference}
"""How a target is written as an answer, where the two differ."""
MAKERS: dict[str, Callable[..., Pair]] = {
    "binary": binary,
    "multiclass": multiclass,
    "multilabel": multilabel,
    "regression": regression,
    "entities": entities,
    "fields": fields,
    "boxes": boxes,
    "text": text,
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
    "entities": ("entity_f1[PER]", "entity_recall_partial[LOC]", "entity_precision[ORG]"),
    "fields": ("field_accuracy[total]", "field_precision_exact[date]", "field_missing_rate[name]"),
    "boxes": ("box_map[cat]", "box_map_50[dog]", "box_f1[cat]"),
    "text": (),
}


def names(task: str, *, operational: bool = True) -> list[str]:
    """Every metric of the catalogue for a task, and the forms that are made from its names."""
    found = [metric.name for metric in every_metric() if task in metric.tasks]
    return [*found, *DERIVED[task], *(OPERATIONAL if operational else ())]


def take(table: Table, rows: np.ndarray) -> Table:
    """The rows of a table, in the order given."""
    return {name: np.asarray(column)[rows] for name, column in table.items()}
