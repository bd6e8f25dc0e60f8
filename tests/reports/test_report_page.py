"""The page: one small file, whole, offline, in order, readable in both lights."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from seatrial.records import Scorecard, Tradeoff
from seatrial.reports import render
from seatrial.reports.html import MOST_BYTES
from seatrial.reports.sections import SECTIONS

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}


class Reader(HTMLParser):
    """Collects what a test asks of a page, and fails on a tag that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.labelled: list[str] = []
        self.svgs: list[dict[str, str | None]] = []
        self.headers_without_scope = 0
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self.links.append(str(given.get("href")))
        self.loaded += [str(given[name]) for name in ("src", "srcset", "data", "action") if given.get(name)]
        self.labelled += str(given.get("aria-labelledby") or "").split()
        if tag == "svg":
            self.svgs.append(given)
        if tag == "th" and not given.get("scope"):
            self.headers_without_scope += 1
        assert "style" not in given, "the policy of the page forbids style attributes"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_it_is_one_small_file(card: Scorecard) -> None:
    page = render(card, "html")
    assert len(page.encode()) < MOST_BYTES / 4
    reader = read(page)
    assert reader.loaded == []
    assert all(link.startswith("#") for link in reader.links)
    assert "@import" not in page
    assert "url(" not in page


def test_it_is_well_made(card: Scorecard) -> None:
    reader = read(render(card, "html"))
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    assert set(reader.labelled) <= set(reader.ids)
    assert reader.headings[0] == 1
    assert reader.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(reader.headings, reader.headings[1:], strict=False))
    assert reader.headers_without_scope == 0
    for svg in reader.svgs:
        assert svg.get("aria-hidden") == "true" or (svg.get("role") == "img" and svg.get("aria-labelledby"))


def test_sections_come_in_order(adult: Scorecard) -> None:
    priced = Tradeoff(
        baseline="logistic",
        candidate="boosting",
        gain="correct answers",
        price="cost",
        value=0.3,
        low=0.27,
        high=0.35,
        pays="above",
        method="Fieller, paired",
        n=16281,
        sentence="boosting pays only if one more correct answer is worth more than 0.30 [0.27, 0.35].",
    )
    page = render(adult.model_copy(update={"tradeoffs": (priced,)}), "html")
    assert priced.sentence in page
    reader = read(page)
    wanted = ["verdict", *("values" if name == "estimates" else name.replace("_", "-") for name in SECTIONS)]
    assert [one for one in reader.ids if one in wanted] == wanted


def test_the_first_screen_says_it_all(adult: Scorecard) -> None:
    page = render(adult, "html")
    first = page[page.index('id="verdict"') : page.index('id="health"')]
    words = " ".join(re.sub(r"<[^>]+>", " ", first).split())
    assert adult.verdict.sentence in words
    for said in ("Do not ship: mixed results", "✗", "fail", "Candidate boosting", "Baseline logistic", "16,281"):
        assert said in words
    assert first.count('class="tile ') == 3
    assert "-0.037" in words
    assert "data health: 1 warning" in words
    assert all(check.name in words for check in adult.verdict.checks)


def test_same_card_same_bytes(card: Scorecard) -> None:
    assert render(card, "html") == render(card, "html")


def test_a_page_that_would_be_too_big_shows_less(sample, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from seatrial.reports import html

    whole = html.to_html(sample.adult())
    monkeypatch.setattr(html, "MOST_BYTES", len(whole) - 20_000)
    smaller = html.to_html(sample.adult())
    assert len(smaller) < len(whole) - 20_000
    assert "slices shown; the JSON has all of them" in smaller
    read(smaller)


def test_2600_slices_are_counted_and_cut(sample) -> None:  # type: ignore[no-untyped-def]
    words = "".join(read(render(sample.many_slices(), "html")).words)
    assert "on 2,600 slices" in words
    assert re.search(r"25 of [\d,]+ slices shown; the JSON has all of them", words)
    assert "too small to rank" in words


def test_twenty_versions_draw_six_curves_and_say_so(sample) -> None:  # type: ignore[no-untyped-def]
    page = render(sample.twenty_models(), "html")
    assert "6 of 20 curves drawn; the JSON has all of them." in page
    assert "Checks of every candidate" in page


def _variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})\b", block))


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(one * 2 for one in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("light", ["light", "dark"])
def test_colours_have_contrast(light: str) -> None:
    style = files("seatrial.reports").joinpath("templates", "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root\s*{([^}]*)}", style)
    colours = _variables(blocks[0]) | (_variables(blocks[1]) if light == "dark" else {})
    assert contrast("#fff", "#000") == pytest.approx(21.0)
    for ground in ("paper", "page"):
        for ink in ("ink", "muted", "accent", "good", "bad", "unsure", "neutral"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for tone in ("good", "bad", "unsure", "neutral"):
        assert contrast(colours[tone], colours[f"{tone}-soft"]) >= 4.5, tone
        assert contrast(colours["ink"], colours[f"{tone}-soft"]) >= 4.5, tone
        assert contrast(colours["seal-ink"], colours[tone]) >= 4.5, tone
    for line in ("series0", "series1", "series2", "series3", "series4", "series5", "margin", "axis", "focus"):
        least = 2.5 if line in ("margin", "axis") else 3.0
        assert contrast(colours[line], colours["paper"]) >= least, line
