"""From a scorecard to a document: the front, then the sections."""

from seatrial.records import Scorecard
from seatrial.reports.document import Document, Limits
from seatrial.reports.sections import SECTIONS, build
from seatrial.reports.sections.verdict import front


def compose(card: Scorecard, *, limits: Limits, sections: tuple[str, ...] = SECTIONS) -> Document:
    """Build the document of a scorecard with the named sections."""
    return Document(
        title=card.title,
        front=front(card),
        sections=build(card, limits, sections),
        version=card.provenance.seatrial,
        evidence=card.verdict.evidence_digest or "",
        comparison=card.kind == "comparison",
    )
