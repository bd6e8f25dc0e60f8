"""The report card's page in every format: the same digits, hostile text made harmless, slides and model card."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from seatrial.actions.run import SuiteResult, run
from seatrial.models.adapters import open_model
from seatrial.records.suite import Suite

HOSTILE = "<script>alert(1)</script>\x1b[31m=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> SuiteResult:
    folder = tmp_path_factory.mktemp("card")
    rng = np.random.default_rng(0)
    rows = [f'{i},{rng.normal():.3f},{rng.integers(2)},"{HOSTILE}{i % 2}"' for i in range(200)]
    (folder / "data.csv").write_text("\n".join(["id,x,y,g", *rows]) + "\n")
    (folder / "m.py").write_text(
        "def a(batch):\n    return [int(v > 0) for v in batch['x']]\n"
        "def b(batch):\n    if any(v > 2 for v in batch['x']):\n"
        f"        raise ValueError({HOSTILE!r})\n    return [int(v > 0.5) for v in batch['x']]\n"
    )
    case = {
        "name": f"case {HOSTILE}",
        "dataset": "data.csv",
        "task": "binary",
        "roles": {"target": "y", "inputs": ["x"], "positive": "1"},
        "metrics": ["accuracy"],
        "slices": ["g"],
        "protected": ["g"],
        "probes": [{"probe": "noise", "severity": [0.1, 1.0]}],
    }
    suite = Suite.parse({"name": f"suite {HOSTILE}", "cases": [case]}, what="suite")
    models = [open_model("function:m.py:a", name="a", folder=folder)]
    models.append(open_model("function:m.py:b", name=HOSTILE, folder=folder))
    return run(suite, *models, folder=folder, store=folder / ".seatrial")


def test_hostile_text_is_only_text(result: SuiteResult) -> None:
    page = result.render("html")
    assert "<script>alert" not in page
    for kind in ("html", "markdown", "text"):
        assert "\x1b" not in result.render(kind)  # type: ignore[arg-type]
    outside_code = re.sub(r"`[^`]*`", "", result.render("markdown"))
    assert not re.search(r"(?<!\\)<script>", outside_code)


def test_every_format_shows_the_digits_of_the_effect(result: SuiteResult) -> None:
    effect = next(e for e in result.record.cases[0].effects if not e.slice)
    assert effect.difference is not None
    shown = {
        kind: re.search(r"[-+]0\.\d+ \[[-+]0\.\d+, [-+]0\.\d+\]", result.render(kind))  # type: ignore[arg-type]
        for kind in ("html", "markdown", "text")
    }
    found = {match.group(0) for match in shown.values() if match is not None}
    assert len(found) == 1
    assert float(found.pop().split()[0]) == pytest.approx(effect.difference, abs=0.006)


def test_failed_rows_and_what_is_not_tested_are_on_the_page(result: SuiteResult) -> None:
    text = result.render("text")
    assert "Rows without an answer" in text
    assert "What this suite does not test" in text
    assert "Counterfactuals" in text


def test_recorded_answers_cannot_be_probed_and_the_page_says_so(tmp_path: Path) -> None:
    rows = [f"{i},{i % 7},{i % 2},{i % 3 % 2}" for i in range(200)]
    (tmp_path / "data.csv").write_text("\n".join(["id,x,y,prediction", *rows]) + "\n")
    case = {
        "name": "c",
        "dataset": "data.csv",
        "task": "binary",
        "roles": {"id": "id", "target": "y", "inputs": ["x"], "positive": "1"},
        "metrics": ["accuracy"],
        "probes": ["noise"],
    }
    suite = Suite.parse({"name": "s", "cases": [case]}, what="suite")
    found = run(suite, "log=predictions:data.csv", folder=tmp_path, store=tmp_path / ".seatrial")
    assert found.record.cases[0].latency == ()
    assert found.runs[0].cases[0].latency is None
    for kind in ("html", "markdown", "text"):
        assert "The answers were recorded" in found.render(kind)  # type: ignore[arg-type]


def test_the_model_card_has_a_model_index_that_parses(result: SuiteResult, tmp_path: Path) -> None:
    page = result.model_card(tmp_path / "card.md", model="a").read_text()
    matter = yaml.safe_load(page.split("---")[1])
    (index,) = matter["model-index"]
    assert index["name"] == "a"
    value = next(e for e in result.record.cases[0].estimates if e.model == "a" and not e.slice)
    (metric,) = [m for m in index["results"][0]["metrics"] if m["type"] == "accuracy"]
    assert metric["value"] == value.value
    assert "<script>" not in page.split("---", 2)[2]


def test_the_slides_open_and_say_the_sentence(result: SuiteResult, tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    path = result.slides(tmp_path / "card.pptx")
    deck = pptx.Presentation(io.BytesIO(path.read_bytes()))
    words = " ".join(
        shape.text_frame.text for slide in deck.slides for shape in slide.shapes if shape.has_text_frame
    )
    assert result.record.sentence.split(":")[0][:20] in words
    assert "What this suite does not test" in words
