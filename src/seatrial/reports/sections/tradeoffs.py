"""Trade-offs: the price at which the candidate pays, where it gains on one side and loses on the other."""

from seatrial.records import Scorecard
from seatrial.reports import numbers
from seatrial.reports.document import Block, Bullets, Limits, Paragraph, Section, rest


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: one sentence a question."""
    if not card.tradeoffs:
        return None
    shown = card.tradeoffs[: limits.rows]
    blocks: list[Block] = [Bullets(items=tuple(item.sentence for item in shown))]
    how = [f"Break-even with its {numbers.level(shown[0].level)} interval."] if any(i.method for i in shown) else []
    cut = rest(len(shown), len(card.tradeoffs), "trade-offs")
    if how or cut:
        blocks.append(Paragraph(text=" ".join([*how, *([cut] if cut else [])]), small=True))
    return Section(
        id="tradeoffs",
        title="Trade-offs",
        lead="What a gain must be worth for the candidate to pay; a bound of the policy goes before any price.",
        blocks=tuple(blocks),
    )
