"""Edits: word boundaries, case, plural, articles, both directions at once, the longest term first."""

import pytest

from seatrial.errors import UsageError
from seatrial.evaluation.counterfactual.edits import swapped
from seatrial.evaluation.counterfactual.terms import parse_terms

TERMS = parse_terms(
    """
name: people
version: 3
groups:
  sexuality:
    gay: [gay, gay man, homosexual]
    straight: [straight, straight man, heterosexual]
  religion:
    christian: [Christian]
    muslim: [Muslim]
  origin:
    identities:
      asian: [Asian]
      european: [European]
    plurals: false
  gender:
    man: [man, men, he, his, him, himself]
    woman: [woman, women, she, her, her, herself]
"""
)
SWAPS = {f"{swap.first} {swap.second}": swap for swap in TERMS.swaps}


def edit(text: str, swap: str = "gay straight") -> str:
    found = swapped(text, SWAPS[swap])
    return text if found is None else found.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Gay", "Straight"),
        ("GAY PRIDE", "STRAIGHT PRIDE"),
        ("two gays and a gay man", "two straights and a straight man"),
        ("a Gay Man spoke", "a Straight Man spoke"),
        ("homosexuals' rights, gay's", "heterosexuals' rights, straight's"),
        ("gay and straight", "straight and gay"),
        ("gayest gaye megagay gay_x", "gayest gaye megagay straight_x"),
        ("gay-friendly (gay) 'gay' gay.", "straight-friendly (straight) 'straight' straight."),
        ("gay\n man", "straight man"),
        ("nothing here", "nothing here"),
        ("gay👩‍👩‍👧gay שלום gay", "straight👩‍👩‍👧straight שלום straight"),
    ],
)
def test_terms_at_word_boundaries_with_case_and_plural(before, after):
    assert edit(before) == after


def test_case_follows_the_text_and_the_list():
    swap = "christian muslim"
    assert edit("a Christian, a christian, CHRISTIANS", swap) == "a Muslim, a muslim, MUSLIMS"
    mixed = parse_terms({"groups": {"g": {"gay": ["gay"], "muslim": ["Muslim"]}}}).swaps[0]
    assert swapped("Gay. the gay one", mixed).text == "Muslim. the Muslim one"
    assert swapped("Muslims came. Muslim men, not muslim", mixed).text == "Gays came. Gay men, not gay"
    assert swapped("the Muslim men", mixed).text == "the gay men"


def test_a_and_an_agree_and_are_edits_of_their_own():
    found = swapped("He is an Asian. AN ASIAN. Not a European; an old Asian", SWAPS["asian european"])
    assert found.text == "He is a European. A EUROPEAN. Not an Asian; an old European"
    assert [(e.before, e.after) for e in found.edits][:2] == [("an", "a"), ("Asian", "European")]


def test_offsets_point_into_the_original():
    text = "He is an Asian and an Asian."
    found = swapped(text, SWAPS["asian european"])
    assert all(text[e.start : e.end] == e.before for e in found.edits)
    rebuilt, done = "", 0
    for e in found.edits:
        rebuilt, done = rebuilt + text[done : e.start] + e.after, e.end
    assert rebuilt + text[done:] == found.text


def test_he_and_she_change_places_without_a_second_change():
    found = swapped("She said he saw himself; he said she saw herself.", SWAPS["man woman"])
    assert found.text == "He said she saw herself; she said he saw himself."
    assert found.swap == "man<->woman"
    assert found.status == "edited"
    assert swapped("the man", SWAPS["man woman"]).swap == "man->woman"
    assert swapped("the woman", SWAPS["man woman"]).swap == "woman->man"


def test_a_word_that_could_become_several_waits_for_a_review():
    found = swapped("I saw her dog.", SWAPS["man woman"])
    assert found.text == "I saw his dog."
    assert found.status == "review"
    assert swapped("I saw his dog and him.", SWAPS["man woman"]).status == "edited"


def test_back_again_gives_the_text_as_it_was():
    for text in ("The gay man and a heterosexual woman. GAYS!", "Straight men, gay men"):
        assert edit(edit(text)) == text


def test_mentions():
    assert TERMS.mentioned("Gays and a Muslim's friend; womanly") == ("gay", "muslim")
    assert TERMS.mentioned("") == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("grups: {}", "Did you mean 'groups'"),
        ("groups: []", "needs 'groups:'"),
        ("groups: {g: {a: [x]}}", "one identity only"),
        ("groups: {g: {a: [x, y], b: [z]}}", "as many terms .a 2, b 1."),
        ("groups: {g: {a: [], b: [z]}}", "'a' has no terms"),
        ("groups: {g: {a: [x], b: [y]}, h: {a: [x], c: [y]}}", "'a' is in groups 'g' and 'h'"),
        ("groups: {g: {identities: {a: [x], b: [y]}, pars: []}}", "Did you mean 'pairs'"),
        ("groups: {g: {identities: {a: [x], b: [y]}, pairs: [[a, c]]}}", "no identity of it"),
        ("groups: {g: {identities: {a: [x], b: [y]}, pairs: [[a, a]]}}", "a pair is two identities"),
        ("groups: {g: {a: [x], b: [y]}}\nplurals: perhaps", "true or false"),
        ("a: [", "no YAML"),
        ("groups: {g: {a: [x], b: [{c: d}]}}", "must be a name"),
    ],
)
def test_a_wrong_term_list_is_one_sentence(given, says):
    with pytest.raises(UsageError, match=says):
        parse_terms(given)


def test_pairs_restrict_the_swaps_and_the_digest_tells_lists_apart():
    body = {"identities": {"a": ["x"], "b": ["y"], "c": ["z"]}}
    every = parse_terms({"groups": {"g": body}})
    some = parse_terms({"groups": {"g": {**body, "pairs": [["a", "c"]]}}})
    assert [(s.first, s.second) for s in every.swaps] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [(s.first, s.second) for s in some.swaps] == [("a", "c")]
    assert every.digest() != some.digest()
