"""What the report does not show: the gaps a reader must know before acting."""

from seatrial.reports.document import Block, Bullets, Limits, Paragraph, Section, rest
from seatrial.reports.lookup import Card

NOTHING = "Nothing was listed; that is not the same as nothing missing."


def build(card: Card, limits: Limits) -> Section | None:
    """Build the section; it is never left out."""
    blocks: list[Block] = []
    if card.not_shown:
        blocks.append(Bullets(items=card.not_shown[: limits.rows]))
        cut = rest(len(card.not_shown[: limits.rows]), len(card.not_shown), "points")
        blocks += [Paragraph(text=cut, small=True)] if cut else []
    else:
        blocks.append(Paragraph(text=NOTHING))
    if card.notes:
        blocks.append(Bullets(items=card.notes[: limits.rows]))
    return Section(
        id="not-shown",
        title="What this does not show",
        lead="Read this before acting on the verdict.",
        blocks=tuple(blocks),
    )
