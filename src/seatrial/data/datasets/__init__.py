"""Data sets of a suite: one file a kind of source; each hands back rows in a fixed order with the roles of columns."""

from seatrial.data.datasets.loading import load_dataset

__all__ = ["load_dataset"]
