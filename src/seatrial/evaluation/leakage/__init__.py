"""Leakage: copies and near copies, groups and times on both sides of a split, what gives the target away."""

from seatrial.evaluation.leakage.overlap import find_overlap, overlap_findings
from seatrial.evaluation.leakage.reading import dataset_of

__all__ = ["dataset_of", "find_overlap", "overlap_findings"]
