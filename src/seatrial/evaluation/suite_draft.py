"""A first suite for a data set: what its columns suggest of metrics, slices, protected columns and probes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.data.datasets.content import Digested
from seatrial.data.roles import is_prediction_name, is_score_name, plain
from seatrial.metrics.catalogue import rare_below

MOST_SLICES = 8
MOST_LEVELS = 12
FEWEST_ROWS = 30
"""Rows that a level of a proposed slice has at least, the missing one and rare ones aside."""
_TEXT_LENGTH = 20
"""Characters of a text on average from which it is words to be typed, not a category."""
_PROTECTED = re.compile(
    r"(^|_)(sex|gender|race|ethnicity|ethnic|religion|disability|disabled|nationality|native_country|citizenship|"
    r"foreign_worker|marital_status|sexual_orientation|pregnant|age|age_group|identity|target_ident)$"
)
_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("accuracy", "balanced_accuracy", "f1", "precision", "recall", "matthews_corrcoef"),
    "multiclass": ("accuracy", "balanced_accuracy", "f1_macro"),
    "multilabel": ("f1_micro", "f1_macro", "subset_accuracy", "hamming_loss"),
    "regression": ("root_mean_squared_error", "mean_absolute_error", "r2", "mean_error"),
    "entities": ("entity_f1", "entity_precision", "entity_recall", "entity_f1_partial"),
    "fields": ("field_accuracy", "document_accuracy", "field_missing_rate"),
    "boxes": ("box_map", "box_map_50", "box_recall"),
    "text": ("exact_match", "token_f1", "chrf"),
}
_SCORED: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier_score"),
    "multiclass": ("roc_auc_ovr", "log_loss", "brier_score"),
}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is proposed; each list in the order it is written."""

    metrics: tuple[str, ...]
    scored_metrics: tuple[str, ...]
    """Metrics for models that also give scores."""
    slices: tuple[str, ...]
    protected: tuple[str, ...]
    """Candidates; whether a column is protected is for a person to say."""
    probes: tuple[tuple[str, str], ...]
    """(name, what it does)."""


def draft_of(data: LoadedDataset) -> Draft:
    """Return what the columns of a data set suggest; nothing in it needs scores of the model."""
    protected = _protected(data)
    return Draft(
        metrics=_metrics(data),
        scored_metrics=_SCORED.get(data.task or "", ()),
        slices=_slices(data, protected),
        protected=protected,
        probes=_probes(data),
    )


def _metrics(data: LoadedDataset) -> tuple[str, ...]:
    """The task's usual ones; the first leads, and is not accuracy where a class is rare."""
    usual = _METRICS.get(data.task or "", ())
    if data.task not in ("binary", "multiclass") or data.target is None:
        return usual
    values = [value for value in data.columns[data.target] if value is not None]
    counts = Counter(values)
    rare = min(counts.values()) / len(values) < rare_below(len(counts))
    lead = "f1" if data.task == "binary" else "f1_macro"
    return (lead, *(name for name in usual if name != lead)) if rare else usual


def _slices(data: LoadedDataset, protected: Sequence[str]) -> tuple[str, ...]:
    named = {data.target, data.cluster, data.weight, data.group, data.time, *data.targets.values()}
    found: list[str] = list(protected)
    for name, values in data.columns.items():
        if is_prediction_name(name) or is_score_name(name):
            continue
        if name in named or isinstance(values, Digested) or name in protected or f"{name}:quartiles" in protected:
            continue
        if _renames(values, data.columns.get(data.target or "", ())):
            continue
        if _is_category(values):
            found.append(name)
        elif is_words(values):
            found.append(f"length({name})")
    return tuple(found[:MOST_SLICES])


def _renames(values: Sequence[Any], target: Sequence[Any]) -> bool:
    """Whether a column is the target under other names."""
    if len(values) != len(target) or not all(isinstance(value, str | bool | int | float | None) for value in values):
        return False
    pairs = set(zip(values, map(str, target), strict=True))
    return len(pairs) == len({value for value, _ in pairs}) == len({label for _, label in pairs})


def _is_category(values: Sequence[Any]) -> bool:
    """Few levels, the most common two with enough rows each to say something."""
    present = [value for value in values if value is not None]
    if not present or not all(isinstance(value, str | bool | int) for value in present):
        return False
    levels = set(present)
    if not 2 <= len(levels) <= MOST_LEVELS:
        return False
    counts = sorted((present.count(level) for level in levels), reverse=True)
    return counts[1] >= FEWEST_ROWS


def is_words(values: Sequence[Any]) -> bool:
    """Whether a column holds texts of several words."""
    present = [value for value in values if value is not None][:2000]
    if not present or not all(isinstance(value, str) for value in present):
        return False
    length = sum(map(len, present)) / len(present)
    return length >= _TEXT_LENGTH and sum(" " in value for value in present) > len(present) / 2 and _varied(present)


def _varied(texts: Sequence[str]) -> bool:
    return len(set(texts)) > min(len(texts) / 4, 50)


def _protected(data: LoadedDataset) -> tuple[str, ...]:
    found: list[str] = []
    for name, values in data.columns.items():
        if name == data.target or isinstance(values, Digested) or not _PROTECTED.search(plain(name)):
            continue
        present = {value for value in values if value is not None}
        numbers = bool(present) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in present)
        if numbers and len(present) > MOST_LEVELS:
            found.append(f"{name}:quartiles")
        elif 2 <= len(present) <= 200:
            found.append(name)
    return tuple(found)


def _probes(data: LoadedDataset) -> tuple[tuple[str, str], ...]:
    inputs = [data.columns[name] for name in data.inputs]
    found: list[tuple[str, str]] = []
    if any(is_words(values) for values in inputs):
        found += [("typos", "slips of neighbouring keys"), ("case", "upper and lower case changed")]
    if any(_are_numbers(values) for values in inputs):
        found.append(("noise", "numbers moved by a share of their standard deviation"))
    if any(_are_numbers(values) or _is_category(values) for values in inputs) and not any(map(is_words, inputs)):
        found.append(("missing", "values left out"))
    if any(isinstance(values, Digested) for values in inputs):
        found += [("image_noise", "grain"), ("jpeg", "compressed harder"), ("brightness", "darker or lighter")]
    return tuple(found)


def _are_numbers(values: Sequence[Any]) -> bool:
    if isinstance(values, Digested):
        return False
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in present)
