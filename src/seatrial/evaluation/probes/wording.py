"""Words in a text: where they begin and end, their case carried over, and `a` or `an` before them."""

import re
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A word of any script: letters, with an apostrophe inside."""

_VOWEL_SOUND = ("hour", "honest", "honour", "honor", "heir")
_CONSONANT_SOUND = ("uni", "use", "usu", "euro", "one", "once", "ufo", "ubiq", "utop", "ukr", "ura", "eulog", "ewe")
_NOT_CONSONANT = ("unin", "unim")


def with_case_of(original: str, replacement: str) -> str:
    """The replacement in the case of what it replaces: all capitals, capitalised (each word or the first), or as is.

    >>> with_case_of("GAY", "straight"), with_case_of("Gay", "straight"), with_case_of("gay", "Muslim")
    ('STRAIGHT', 'Straight', 'Muslim')
    >>> with_case_of("Gay Man", "straight man"), with_case_of("I", "we"), with_case_of("Muslim", "straight")
    ('Straight Man', 'We', 'Straight')
    """
    letters = [c for c in original if c.isalpha()]
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return replacement.upper()
    old, new = WORD.findall(original), list(WORD.finditer(replacement))
    if not old or not new or not old[0][0].isupper():
        return replacement
    every = len(old) > 1 and all(word[0].isupper() for word in old)
    chosen = new if every else new[:1]
    at = {match.start() for match in chosen}
    return "".join(c.upper() if place in at else c for place, c in enumerate(replacement))


def word_pattern(terms: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds whole terms in any case, the longest first; blanks inside match any white space.

    >>> word_pattern(["gay", "gay man"]).findall("Gay  man, gaye, gay.")
    ['Gay  man', 'gay']
    """
    ordered = sorted(set(terms), key=lambda term: (-len(term), term))
    inside = "|".join(r"\s+".join(map(re.escape, term.split())) for term in ordered)
    return re.compile(rf"(?<![^\W_])(?:{inside})(?![^\W_])" if inside else r"(?!)", re.IGNORECASE)


def article_for(word: str) -> str:
    """`an` before a vowel sound, else `a`, by spelling and a few exceptions.

    >>> [article_for(word) for word in ("Asian", "European", "hour", "gay", "uninformed", "LGBT")]
    ['an', 'a', 'an', 'a', 'an', 'an']
    """
    low = word.lower()
    if len(word) > 1 and word.isupper() and not any(c in "AEIOUY" for c in word):
        return "an" if word[0] in "FHLMNRSX" else "a"
    if low.startswith(_VOWEL_SOUND):
        return "an"
    if low.startswith(_CONSONANT_SOUND) and not low.startswith(_NOT_CONSONANT):
        return "a"
    return "an" if low[:1] in set("aeiou") else "a"


_BEFORE = re.compile(r"(?<![^\W_])(an?)(\s+[\"'“‘(]?)$", re.IGNORECASE)


def agreeing_article(before: str, old: str, new: str) -> tuple[int, str] | None:
    """Where the text `before` ends in `a` or `an` that agreed with `old` and not with `new`: (its offset, the right
    one in its case).

    >>> agreeing_article("He is a ", "gay", "Asian"), agreeing_article("He is a ", "gay", "black")
    ((6, 'an'), None)
    """
    found = _BEFORE.search(before)
    if found is None or article_for(old) != found[1].lower() or article_for(new) == found[1].lower():
        return None
    right = article_for(new)
    text = found[1]
    if text.isupper() and (len(text) > 1 or (old.isupper() and len(old) > 1)):
        right = right.upper()
    elif text[0].isupper():
        right = right.capitalize()
    return found.start(1), right
