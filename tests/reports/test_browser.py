"""The page in a browser: no network, no script needed, both lights, phone and paper, and axe finds nothing."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seatrial.reports import render

pytestmark = pytest.mark.browser

NAMES = ("adult", "inconclusive", "invalid", "twenty_models", "thousand_classes", "evaluation", "regression", "hostile")


def opened(browser: Any, sample: ModuleType, folder: Path, name: str, **context: Any) -> tuple[Any, list[str]]:
    """Open the page of a card; the list collects whatever the browser complains of or asks the network for."""
    file = folder / f"{name}.html"
    file.write_text(render(sample.EVERY[name](), "html"), encoding="utf-8")
    page = browser.new_context(**context).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: None if request.url == file.as_uri() else complaints.append(request.url))
    page.goto(file.as_uri())
    return page, complaints


@pytest.mark.parametrize(
    ("name", "light"),
    [
        ("adult", "light"), ("adult", "dark"), ("inconclusive", "light"), ("invalid", "light"), ("evaluation", "light"),
        ("hostile", "light"),
    ],
)  # fmt: skip
def test_axe_finds_nothing(browser: Any, axe: Any, sample: ModuleType, tmp_path: Path, name: str, light: str) -> None:
    page, complaints = opened(
        browser, sample, tmp_path, name, color_scheme=light, viewport={"width": 1280, "height": 900}
    )
    assert violations(axe, page) == []
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "light"), [("passing", "light"), ("failing", "dark"), ("several_arms", "light"), ("hostile", "light")]
)
def test_axe_finds_nothing_in_a_readout(
    browser: Any, axe: Any, readouts: ModuleType, tmp_path: Path, name: str, light: str
) -> None:
    page, complaints = opened(browser, readouts, tmp_path, name, color_scheme=light)
    assert violations(axe, page) == []
    assert complaints == []


def violations(axe: Any, page: Any) -> list[Any]:
    """Open every fold, and return what axe finds wrong."""
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        (one["id"], one["help"], [node["target"] for node in one["nodes"]][:3]) for one in found.response["violations"]
    ]


def test_axe_sees_what_is_wrong(browser: Any, axe: Any, sample: ModuleType, tmp_path: Path) -> None:
    page, _ = opened(browser, sample, tmp_path, "invalid")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert {one["id"] for one in axe.Axe().run(page).response["violations"]} == {"html-has-lang"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_sticks_out(browser: Any, sample: ModuleType, tmp_path: Path, name: str) -> None:
    page, _ = opened(browser, sample, tmp_path, name)
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


@pytest.mark.parametrize("name", ["passing", "several_arms", "hostile", "long_running", "bare"])
def test_nothing_of_a_readout_sticks_out(browser: Any, readouts: ModuleType, tmp_path: Path, name: str) -> None:
    page, _ = opened(browser, readouts, tmp_path, name)
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_the_first_screen_of_a_readout_holds_verdict_and_numbers(
    browser: Any, readouts: ModuleType, tmp_path: Path
) -> None:
    page, _ = opened(browser, readouts, tmp_path, "passing", viewport={"width": 1280, "height": 800})
    for part in (".seal", "h1", ".who", ".glances", ".tiles"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= 800, part


def test_it_reads_without_scripts(browser: Any, sample: ModuleType, tmp_path: Path) -> None:
    page, complaints = opened(browser, sample, tmp_path, "adult", java_script_enabled=False)
    sentence = sample.adult().verdict.sentence
    assert sentence in page.inner_text("h1")
    page.click("summary >> nth=0")
    assert page.is_visible("text=No id occurs twice.")
    assert complaints == []


def test_the_first_screen_holds_verdict_numbers_and_checks(browser: Any, sample: ModuleType, tmp_path: Path) -> None:
    page, _ = opened(browser, sample, tmp_path, "adult", viewport={"width": 1280, "height": 800})
    for part in (".seal", "h1", ".who", ".glances", ".tiles"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= 800, part


def test_dark_follows_the_reader_and_paper_is_light(browser: Any, sample: ModuleType, tmp_path: Path) -> None:
    page, _ = opened(browser, sample, tmp_path, "adult", color_scheme="dark")
    ground = "getComputedStyle(document.querySelector('.verdict')).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.chart text')).fill"
    assert page.evaluate(ground) == "rgb(24, 31, 39)"
    assert page.evaluate(ink) in ("rgb(232, 237, 242)", "rgb(167, 179, 191)")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.evaluate(ink) in ("rgb(29, 39, 51)", "rgb(86, 98, 112)")


def test_folds_are_open_on_paper_and_closed_again(browser: Any, sample: ModuleType, tmp_path: Path) -> None:
    page, _ = opened(browser, sample, tmp_path, "adult")
    shut = "document.querySelectorAll('details:not([open])').length"
    before = page.evaluate(shut)
    assert before > 5
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(shut) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(shut) == before


def test_a_keyboard_reaches_the_verdict_first(browser: Any, sample: ModuleType, tmp_path: Path) -> None:
    page, _ = opened(browser, sample, tmp_path, "adult")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
