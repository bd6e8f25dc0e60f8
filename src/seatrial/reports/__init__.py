"""Reports: a scorecard or a readout in, a document for each reader out (HTML, Markdown, terminal text, JUnit, JSON)."""

from typing import Literal

from seatrial.records import Readout, Scorecard
from seatrial.reports.document import Document
from seatrial.reports.dump import to_json

Format = Literal["html", "markdown", "text", "junit", "json"]
Page = Literal["html", "markdown", "text"]

__all__ = ["Format", "Page", "render", "render_document", "to_json"]


def render(card: Scorecard | Readout, format: Format) -> str:
    """Return the report of a scorecard or a readout in one format; all formats show the same digits.

    The same card gives the same bytes. Text has no colour and 80 columns here: `reports.text.to_text` sets both.
    """
    if format == "json":
        return to_json(card)
    if format == "html":
        from seatrial.reports.html import to_html

        return to_html(card)
    if format == "markdown":
        from seatrial.reports.markdown import to_markdown

        return to_markdown(card)
    if format == "junit":
        from seatrial.reports.junit import to_junit

        return to_junit(card)
    from seatrial.reports.text import to_text

    return to_text(card)


def render_document(document: Document, format: Page) -> str:
    """Return a document that is no card's report (a plan, a post-mortem) in one format.

    Text has no colour and 80 columns here: `reports.text.document_to_text` sets both.
    """
    if format == "html":
        from seatrial.reports.html import document_to_html

        return document_to_html(document)
    if format == "markdown":
        from seatrial.reports.markdown import document_to_markdown

        return document_to_markdown(document)
    from seatrial.reports.text import document_to_text

    return document_to_text(document)
