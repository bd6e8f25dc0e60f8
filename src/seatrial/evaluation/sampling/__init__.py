"""Sampling: rows worth labelling, drawn by strata and sized from a precision; annotators' agreement; a datasheet."""

from seatrial.evaluation.sampling.drawing import Drawn, Wanted, draw_sample
from seatrial.evaluation.sampling.labelled import label_agreement

__all__ = ["Drawn", "Wanted", "draw_sample", "label_agreement"]
