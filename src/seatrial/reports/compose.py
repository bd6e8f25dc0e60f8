"""From a scorecard or a readout to a document: the front, then the sections."""

from seatrial.records import Readout
from seatrial.reports.document import Document, Limits
from seatrial.reports.lookup import Card, is_comparison
from seatrial.reports.readout_page import readout_document
from seatrial.reports.sections import SECTIONS, build
from seatrial.reports.sections.verdict import front


def compose(card: Card, *, limits: Limits, sections: tuple[str, ...] = ()) -> Document:
    """Build the document of a card with the named sections; without names with all of its kind."""
    if isinstance(card, Readout):
        return readout_document(card, limits=limits, sections=sections)
    compared = is_comparison(card)
    return Document(
        title=card.title,
        front=front(card),
        sections=build(card, limits, sections or SECTIONS),
        version=card.provenance.seatrial,
        evidence=card.verdict.evidence_digest or "",
        about="comparison of two model versions" if compared else "evaluation of a model",
        differences="candidate minus baseline" if compared else "",
    )
