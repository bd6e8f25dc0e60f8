"""What was seen of the files while they were aligned; the health checks are made of it."""

from dataclasses import dataclass
from typing import Literal

ColumnRole = Literal["target", "prediction", "score", "value", "weight", "cluster"]


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """One column of one version's file, over all its rows."""

    version: int
    column: str
    role: ColumnRole
    rows: int
    missing: int
    unreadable: int = 0
    """Entries that should be numbers and are none."""
    not_finite: int = 0
    """NaN and infinite entries."""


@dataclass(frozen=True, kw_only=True)
class AlignmentFacts:
    """What alignment saw; tuples have one entry per version."""

    columns: tuple[ColumnFacts, ...] = ()
    target_labels: tuple[tuple[str, ...], ...] = ()
    """Labels in the target column of each version's file; empty for regression and multilabel, the labels that
    structured answers name for the other tasks."""
    prediction_labels: tuple[tuple[str, ...], ...] = ()
    target_disagreements: tuple[int, ...] = ()
    """Matched rows whose target differs from the baseline's, both present."""
    disagreeing_ids: tuple[tuple[str, ...], ...] = ()
    """Three of their ids."""
