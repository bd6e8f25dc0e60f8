"""Robustness probes: seeded perturbations of text, tables and images, and how a model's answers moved under them."""

from seatrial.evaluation.probes.base import CellProbe, Column, Probe
from seatrial.evaluation.probes.catalogue import NAMES, open_probe, severities
from seatrial.evaluation.probes.perturbed import Perturbed, perturbed, sampled_rows

__all__ = [
    "NAMES",
    "CellProbe",
    "Column",
    "Perturbed",
    "Probe",
    "open_probe",
    "perturbed",
    "sampled_rows",
    "severities",
]
