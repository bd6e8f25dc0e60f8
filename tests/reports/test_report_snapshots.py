"""Snapshots of the words, in `snapshots/`; SEATRIAL_SNAPSHOTS=write makes them anew: read them before keeping them."""

import os
import re
from html import unescape
from pathlib import Path
from types import ModuleType

import pytest

from seatrial.reports import render

BLOCKS = "p|li|h1|h2|h3|tr|dt|dl|div|ul|table|thead|tbody|caption|section|summary|details|figure|header|footer|nav|main"
FOLDER = Path(__file__).with_name("snapshots")


def page_words(page: str) -> str:
    """Return what a reader reads of a page, a block a line."""
    body = page[page.index("<body>") : page.index("<script>")]
    body = re.sub(r"<svg\b.*?</svg>", "[chart]", body, flags=re.DOTALL)
    body = re.sub(rf"</?({BLOCKS})\b[^>]*>", "\n", body)
    body = re.sub(r"</(td|th)>", " | ", body)
    text = unescape(re.sub(r"<[^>]+>", "", body))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("adult", "text"), ("adult", "markdown"), ("adult", "junit"), ("adult", "html"), ("inconclusive", "text"),
        ("inconclusive", "junit"), ("invalid", "text"), ("invalid", "markdown"), ("regression", "text"),
        ("evaluation", "text"), ("evaluation", "html"), ("twenty_models", "text"), ("thousand_classes", "text"),
        ("hostile", "text"),
    ],
)  # fmt: skip
def test_the_words_are_those_that_were_read(sample: ModuleType, name: str, form: str) -> None:
    made = render(sample.EVERY[name](), form)  # type: ignore[arg-type]
    made = page_words(made) if form == "html" else made
    kept = FOLDER / f"{name}.{form}.txt"
    if os.environ.get("SEATRIAL_SNAPSHOTS") == "write":
        kept.write_text(made, encoding="utf-8")
    assert made == kept.read_text(encoding="utf-8")
