"""Sections of an experiment's readout; those it shares with a scorecard are one folder up."""

SECTIONS: tuple[str, ...] = (
    "health",
    "experiment.arms",
    "experiment.effects",
    "experiment.sequences",
    "experiment.segments",
    "experiment.explored",
    "experiment.novelty",
    "checks",
    "experiment.beliefs",
    "experiment.costs",
    "experiment.plan",
    "policy",
    "experiment.methods",
    "provenance",
    "not_shown",
)
"""Every section of a readout, in reading order, as `sections.build` takes them."""
