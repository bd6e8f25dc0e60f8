"""A text about another identity: every term exchanged at once, its case, plural and article carried over."""

import re
from dataclasses import dataclass

from seatrial.evaluation.counterfactual.terms import Replacement, Swap, normal
from seatrial.evaluation.probes.wording import agreeing_article, with_case_of

_STARTS = re.compile(r"(?:^|[.!?:]\s*[\"'”’)\]]*\s|\n)\s*[\"'“‘(\[]*$")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One place of a text: offsets in the original, what stood there, what stands there now."""

    start: int
    end: int
    before: str
    after: str
    ambiguous: bool = False


@dataclass(frozen=True, kw_only=True)
class Edited:
    """A text with one swap made."""

    text: str
    edits: tuple[Edit, ...]
    swap: str
    """`gay->straight`; `gay<->straight` where the text mentions both."""

    @property
    def status(self) -> str:
        """`review` where a word could stand for several."""
        return "review" if any(edit.ambiguous for edit in self.edits) else "edited"


def swapped(text: str, swap: Swap) -> Edited | None:
    """The text with the two identities exchanged; None where it mentions neither.

    All terms are exchanged in one pass, the longest match first, so that nothing is replaced twice.

    >>> from seatrial.evaluation.counterfactual.terms import parse_terms
    >>> terms = parse_terms({"groups": {"g": {"man": ["man", "men", "he"], "woman": ["woman", "women", "she"]}}})
    >>> found = swapped("HE met a woman; men talk. She's a mane.", terms.swaps[0])
    >>> found.text, found.swap
    ("SHE met a man; women talk. He's a mane.", 'man<->woman')
    """
    edits: list[Edit] = []
    mentioned: set[str] = set()
    out = ""
    done = 0
    for match in swap.pattern.finditer(text):
        found = swap.table.get(normal(match[0]))
        if found is None:
            continue
        new = _written(match[0], found, text[: match.start()])
        out += text[done : match.start()]
        article = agreeing_article(out, match[0], new)
        if article is not None and len(out) - article[0] <= match.start() - done:
            at, right = article
            length = len(out) - at
            start = match.start() - length
            old = re.match(r"[Aa][Nn]?", text[start:])
            if old is not None:
                edits.append(Edit(start=start, end=start + len(old[0]), before=old[0], after=right))
                out = out[:at] + right + out[at + len(old[0]) :]
        out += new
        edits.append(Edit(start=match.start(), end=match.end(), before=match[0], after=new, ambiguous=found.ambiguous))
        mentioned.add(found.identity)
        done = match.end()
    if not mentioned:
        return None
    return Edited(text=out + text[done:], edits=tuple(edits), swap=swap.label(frozenset(mentioned)))


def _written(original: str, found: Replacement, before: str) -> str:
    """The replacement in the case the original had, beyond the case its list writes it in."""
    new = found.choices[0]
    letters = [c for c in original if c.isalpha()]
    shouted = len(letters) > 1 and all(c.isupper() for c in letters)
    listed_shouted = found.term.isupper() and len(found.term) > 1
    if shouted and not listed_shouted:
        return new.upper()
    if original == original.lower() and found.term != found.term.lower():
        return new.lower()
    if original == found.term:
        begins = original[:1].isupper() and _STARTS.search(before) is not None
        return new[:1].upper() + new[1:] if begins else new
    return with_case_of(original, new)
