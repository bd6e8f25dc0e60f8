"""Dataset text is hostile: what cannot be seen is made visible, and what is too long is cut and said so."""

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_HIDDEN_OTHERWISE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u180b\u180c\u180d")
_JOINERS = frozenset("\u200c\u200d\ufe0f")
"""Kept after a letter that is not ASCII: emoji and several scripts need them."""
_SPACES = {"\n": "\u23ce", "\t": "\u21e5", "\r": "\u240d"}
_MOST_MARKS = 4


def visible(text: str, *, limit: int = 300) -> str:
    """Return text with every control, bidirectional and invisible character written out, cut at `limit` characters.

    Newlines become a mark; terminal escapes, direction overrides and zero-width characters become their code point in
    brackets; more than four combining marks on one letter are dropped; the length of what was cut is said.

    >>> visible("a\\x1b[31mb")
    'a[U+001B][31mb'
    >>> visible("x" * 20, limit=10)
    'xxxxxxxxxx… (20 characters)'
    """
    shown: list[str] = []
    marks = 0
    for character in text[:limit]:
        if character.isascii() and character >= " " and character != "\x7f":
            marks = 0
            shown.append(character)
            continue
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MOST_MARKS:
            continue
        if character in _JOINERS and shown and not shown[-1].isascii():
            shown.append(character)
            continue
        shown.append(_shown(character, category))
    cut = f"… ({len(text):,} characters)" if len(text) > limit else ""
    return "".join(shown) + cut


def _shown(character: str, category: str) -> str:
    if character in _SPACES:
        return _SPACES[character]
    if (
        category in _HIDDEN_CATEGORIES
        or character in _JOINERS
        or character in _HIDDEN_OTHERWISE
        or _reserved(ord(character))
    ):
        return f"[U+{ord(character):04X}]"
    return character


def _reserved(point: int) -> bool:
    """Tell whether a code point is no character at all, or an invisible tag or variation."""
    return (
        0xE0000 <= point <= 0xE0FFF
        or 0xFDD0 <= point <= 0xFDEF
        or point & 0xFFFE == 0xFFFE
        or 0xFE00 <= point <= 0xFE0E
    )
