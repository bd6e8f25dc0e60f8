"""Snapshots of readouts in words, in `snapshots/`; SEATRIAL_SNAPSHOTS=write makes them anew: read before keeping."""

import os
from pathlib import Path
from types import ModuleType

import pytest

from seatrial.reports import render

FOLDER = Path(__file__).with_name("snapshots")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("passing", "text"), ("passing", "markdown"), ("passing", "junit"), ("failing", "text"),
        ("inconclusive", "text"), ("broken_ratio", "text"), ("broken_ratio", "junit"), ("unplanned", "text"),
        ("unplanned", "markdown"), ("several_arms", "text"), ("bare", "text"),
    ],
)  # fmt: skip
def test_the_words_of_a_readout_are_those_that_were_read(readouts: ModuleType, name: str, form: str) -> None:
    made = render(readouts.EVERY[name](), form)  # type: ignore[arg-type]
    kept = FOLDER / f"readout_{name}.{form}.txt"
    if os.environ.get("SEATRIAL_SNAPSHOTS") == "write":
        kept.write_text(made, encoding="utf-8")
    assert made == kept.read_text(encoding="utf-8")
