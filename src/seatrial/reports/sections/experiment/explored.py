"""Segments nobody registered: the same reading, stamped exploratory."""

from seatrial.records import Readout
from seatrial.reports.document import Limits, Section
from seatrial.reports.sections.experiment.segments import of_segments


def build(readout: Readout, limits: Limits) -> Section | None:
    """Build the section of what was only explored; without a plan that is every segment."""
    return of_segments(readout, limits, planned=False)
