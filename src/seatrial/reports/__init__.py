"""Reports: a scorecard in, a document for each reader out (HTML, Markdown, terminal text, JUnit, JSON)."""

from typing import Literal

from seatrial.records import Scorecard
from seatrial.reports.dump import to_json

Format = Literal["html", "markdown", "text", "junit", "json"]

__all__ = ["Format", "render", "to_json"]


def render(scorecard: Scorecard, format: Format) -> str:
    """Return the report of a scorecard in one format; all formats show the same digits.

    The same scorecard gives the same bytes. Text has no colour and 80 columns here: `reports.text.to_text` sets both.
    """
    if format == "json":
        return to_json(scorecard)
    if format == "html":
        from seatrial.reports.html import to_html

        return to_html(scorecard)
    if format == "markdown":
        from seatrial.reports.markdown import to_markdown

        return to_markdown(scorecard)
    if format == "junit":
        from seatrial.reports.junit import to_junit

        return to_junit(scorecard)
    from seatrial.reports.text import to_text

    return to_text(scorecard)
