"""Words: JSON, terminal, comment; what is said, and how much of it."""

import json
import re

import pytest

from seatrial.records import Scorecard
from seatrial.reports import render, to_json
from seatrial.reports.markdown import MOST_CHARACTERS
from seatrial.reports.sections.methods import METHODS, describe
from seatrial.reports.text import to_text

NAMED = (
    "Wilson", "Clopper-Pearson", "Wilson on tp/(tp+fp+fn), mapped to F1", "delta method, t", "Tango score", "paired t",
    "paired t on influences", "Miettinen-Nurminen score", "Welch t", "DeLong, logit scale", "DeLong, paired",
    "stratified bootstrap", "order statistics", "Poisson bootstrap", "CR2 cluster-robust variance",
    "Clopper-Pearson bands",
    "permutation", "identical", "multinomial bootstrap", "t", "influences, logit scale", "by definition",
)  # fmt: skip


def test_json_is_the_dump_and_ends_with_a_newline(card: Scorecard) -> None:
    text = to_json(card)
    assert json.loads(text) == card.model_dump(mode="json")
    assert text.endswith("}\n")
    assert list(json.loads(text))[:2] == ["schema_version", "kind"]
    assert text == to_json(card)


def test_the_verdict_comes_first_in_the_terminal(card: Scorecard) -> None:
    lines = to_text(card).splitlines()
    assert card.verdict.status in lines[0] or lines[0].endswith(": exploratory")
    assert lines[1].startswith(card.verdict.sentence[:20])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_keeps_its_width(card: Scorecard, width: int) -> None:
    assert max(len(line) for line in to_text(card, width=width).splitlines()) <= width


def test_the_terminal_says_what_was_assumed_and_written(adult: Scorecard) -> None:
    text = to_text(adult, written=("card.html", "out.json"))
    assert "target = column 'target' (--target)" in text
    assert text.index("Written") < text.index("card.html") < text.index("out.json")


def test_order_of_the_terminal(adult: Scorecard) -> None:
    text = to_text(adult)
    heads = ["Checks", "What changed", "Health of the data", "Assumed", "What this does not show"]
    places = [text.index(f"\n{head}") for head in heads]
    assert places == sorted(places)


def test_colour_adds_nothing_but_colour(adult: Scorecard) -> None:
    assert re.sub(r"\x1b\[[0-9;]*m", "", to_text(adult, colour=True)) == to_text(adult)


def test_a_terminal_without_unicode(card: Scorecard) -> None:
    assert to_text(card, unicode=False).isascii()


def test_a_comment_fits(card: Scorecard) -> None:
    comment = render(card, "markdown")
    assert len(comment) < MOST_CHARACTERS
    assert comment.startswith("## ")
    assert comment.count("<details>") == comment.count("</details>")


def test_a_usual_comment_is_short(adult: Scorecard) -> None:
    comment = re.sub(r"<details>.*?</details>", "", render(adult, "markdown"), flags=re.DOTALL)
    assert len([line for line in comment.splitlines() if line]) < 45


@pytest.mark.parametrize("name", NAMED)
def test_every_method_is_in_plain_words(name: str) -> None:
    text = describe(name)
    assert text is METHODS[name]
    if len(name) > 1:
        assert describe(f"{name}, df 12") is text
    assert text.words.endswith(".")


@pytest.mark.parametrize(
    ("method", "known"),
    [
        ("Wilson score interval", "Wilson"),
        ("Clopper-Pearson interval on tp/(tp+fp+fn), mapped to F1", "Wilson on tp/(tp+fp+fn), mapped to F1"),
        ("paired t on influences, by class", "paired t on influences"),
        ("delta method, CR2 cluster-robust variance, Bell-McCaffrey", "CR2 cluster-robust variance"),
        ("exact bound: every positive scores above every negative", "exact bound"),
        ("Miettinen-Nurminen score interval, unpaired", "Miettinen-Nurminen score"),
    ],
)
def test_a_method_is_known_however_its_name_goes_on(method: str, known: str) -> None:
    assert describe(method) is METHODS[known]


def test_an_unknown_method_is_named(adult: Scorecard) -> None:
    first, *rest = adult.effects
    page = render(
        adult.model_copy(update={"effects": (first.model_copy(update={"method": "a brand-new test"}), *rest)}), "html"
    )
    assert "<b>a brand-new test</b> (for roc_auc)." in page


def test_what_is_not_shown_is_always_there(card: Scorecard) -> None:
    for name in ("html", "markdown", "text"):
        assert "What this does not show" in render(card, name)


def test_an_empty_list_of_gaps_is_not_praise(adult: Scorecard) -> None:
    assert "not the same as nothing missing" in render(adult.model_copy(update={"not_shown": ()}), "html")
