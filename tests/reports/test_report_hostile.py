"""Hostile text: seen, not obeyed, in every output."""

import json
import re
import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Scorecard
from seatrial.reports import render
from seatrial.reports.hostile import visible
from seatrial.reports.markdown import _text as markdown_text
from seatrial.reports.markdown import to_markdown
from seatrial.reports.text import to_text

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(max_size=200))
def test_nothing_hidden_is_left(text: str) -> None:
    shown = visible(text)
    bad = [one for one in shown if unicodedata.category(one) in HIDDEN and one not in "\u200c\u200d"]
    assert bad == []
    assert "\n" not in shown


def test_what_is_plain_stays() -> None:
    for text in ("roc_auc", "naïve café", "数据", "a < b & c", "👩‍🔬"):
        assert visible(text) == text


@pytest.mark.parametrize(
    "sign", ["\x1b", "\x00", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\ue000", "\U000e0041", "\x9b"]
)
def test_what_is_hidden_is_named(sign: str) -> None:
    assert visible(f"a{sign}b") == f"a[U+{ord(sign):04X}]b"


def test_long_text_is_cut_and_said() -> None:
    assert visible("x" * 1234, limit=10) == "xxxxxxxxxx… (1,234 characters)"


def test_stacked_marks_are_thinned() -> None:
    assert len(visible("Z" + "\u0301" * 50)) == 5


def test_the_page_runs_nothing_of_the_data(hostile: Scorecard) -> None:
    page = render(hostile, "html")
    assert len(re.findall(r"<script\b", page)) == 1
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert not re.search(r"(?i)\bon\w+\s*=\s*[\"']", page)
    assert not re.search(r"(?i)(href|src)\s*=\s*\"(?!#)", page)
    for sign in ("\x1b", "\x00", "\u202e"):
        assert sign not in page


@pytest.mark.parametrize("colour", [False, True])
def test_no_terminal_escape_of_the_data_reaches_the_terminal(hostile: Scorecard, colour: bool) -> None:
    text = to_text(hostile, colour=colour)
    without = re.sub(r"\x1b\[[0-9;]*m", "", text) if colour else text
    assert "\x1b" not in without
    assert all(one == "\n" or unicodedata.category(one) not in HIDDEN for one in without)
    if colour:
        assert set(re.findall(r"\x1b\[([0-9;]*)m", text)) <= {
            "0",
            "1",
            "2",
            "31",
            "32",
            "33",
            "36",
            "1;31",
            "1;32",
            "1;33",
        }


def test_the_comment_mentions_links_and_embeds_nothing(hostile: Scorecard) -> None:
    comment = to_markdown(hostile)
    outside = re.sub(r"`[^`\n]*`", "", comment.replace("\\`", ""))
    assert not re.search(r"@\w", outside)
    assert not re.search(r"(?<!\\)\]\(", outside)
    assert not re.search(r"https?:", outside)
    tags = {tag.lower() for tag in re.findall(r"(?<!\\)<(/?\w+)", outside)}
    assert tags == {"details", "/details", "summary", "/summary", "sub", "/sub"}


def test_every_row_of_a_comment_has_the_columns_of_its_head(card: Scorecard) -> None:
    lines = to_markdown(card).splitlines()
    heads = [place for place, line in enumerate(lines) if re.fullmatch(r"\|(-+:?\|)+", line)]
    assert heads or card.verdict.status == "invalid"
    for place in heads:
        width = lines[place].count("|")
        for line in (lines[place - 1], *lines[place + 1 :]):
            if not line.startswith("|"):
                break
            assert len(re.findall(r"(?<!\\)\|", line)) == width, line


@given(st.text(alphabet="ab1 `*_[]()<>|~#@&\\!-+=:$./\n", max_size=40))
def test_escaped_markdown_reads_as_itself(text: str) -> None:
    """Undoing the backslashes and the breaks gives back what is visible."""
    from seatrial.reports.markdown import _LIMITS

    shown = markdown_text(text, _LIMITS)
    assert re.sub(r"\\([\\`*|$_<&~\]\[#>=+.)-])", r"\1", shown).replace("\u200b", "") == visible(text.strip())


def test_junit_is_xml_whatever_the_data(hostile: Scorecard) -> None:
    root = ElementTree.fromstring(render(hostile, "junit"))
    assert root.find("testsuite") is not None


def test_json_keeps_the_data_as_they_are(hostile: Scorecard) -> None:
    assert json.loads(render(hostile, "json")) == hostile.model_dump(mode="json")
