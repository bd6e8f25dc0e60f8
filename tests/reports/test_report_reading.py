"""How differences that are not judged read, and reports that give no verdict."""

import re
from types import ModuleType

import pytest

from seatrial.effects.effect import UNDIRECTED
from seatrial.records import Effect, Flips, Scorecard, Verdict
from seatrial.reports import numbers, render
from seatrial.reports.reading import counts, reading
from seatrial.reports.text import to_text


def share(low: float, high: float, **more: object) -> Effect:
    middle = (low + high) / 2
    return Effect.model_validate(
        {"baseline": "a", "candidate": "b", "metric": "selection_rate", "n": 900, "difference": middle, "low": low,
         "high": high, "notes": (UNDIRECTED,), **more}
    )  # fmt: skip


def uncompared() -> Effect:
    return Effect(
        baseline="a", candidate="b", metric="ece", n=900, baseline_value=0.012344, candidate_value=0.0098761,
        difference=-0.0024679, reason="no sound interval",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.03, "changed"),
        (-0.03, -0.01, "changed"),
        (-0.01, 0.02, "not changed measurably"),
        (0, 0, "not changed measurably"),
    ],
)
def test_a_metric_without_a_good_side_changed_or_not(low: float, high: float, word: str) -> None:
    read = reading(share(low, high))
    assert (read.word, read.tone, read.judged) == (word, "neutral", False)


def test_what_has_no_interval_is_not_compared_and_not_counted() -> None:
    read = reading(uncompared())
    assert (read.word, read.note) == ("not compared", "no sound interval")
    judged = share(0.01, 0.03, metric="recall", notes=(), word="better")
    assert counts([uncompared(), share(0.01, 0.03), judged]) == {"better": 1}


def test_values_without_an_interval_have_common_digits() -> None:
    assert numbers.effect_sides(uncompared()) == ("0.01234", "0.00988")
    assert numbers.effect_difference(uncompared()) == "-0.00247"


@pytest.mark.parametrize("form", ["html", "markdown", "text"])
def test_every_format_says_changed(adult: Scorecard, form: str) -> None:
    made = re.sub(r"<[^>]+>", "", render(adult, form))  # type: ignore[arg-type]
    assert "≠ changed" in made
    assert "not compared" in made
    assert "7 better, 2 worse." in made


def test_a_forest_leaves_out_what_has_no_good_side(adult: Scorecard) -> None:
    charts = "".join(re.findall(r"<svg xmlns.*?</svg>", render(adult, "html"), flags=re.DOTALL))
    assert "accuracy" in charts
    assert "selection_rate" not in charts


def test_no_verdict_asked_for(sample: ModuleType) -> None:
    card = sample.EVERY["evaluation"]().model_copy(
        update={"verdict": Verdict(status="inconclusive", sentence="Measured alone.")}
    )
    for form in ("html", "markdown", "text"):
        made = render(card, form)
        assert "Measured, no verdict asked for" in made
        assert "Cannot tell yet" not in made
    assert "(inconclusive)" not in render(card, "text")
    assert '"status": "inconclusive"' in render(card, "json")


def test_numbers_flip_nearer_or_farther(sample: ModuleType) -> None:
    flips = Flips(baseline="ridge", candidate="forest", n=1460, gained=900, lost=560, changed=1460, churn=1.0)
    card = sample.EVERY["regression"]().model_copy(update={"flips": (flips,)})
    made = " ".join(to_text(card).split())
    assert "900 nearer to the target, 560 farther from it" in made
    assert "newly right" not in render(card, "html").lower()


@pytest.mark.parametrize("width", [60, 72, 80, 100])
def test_no_name_is_broken_inside_a_word(adult: Scorecard, width: int) -> None:
    text = to_text(adult, width=width)
    assert max(map(len, text.splitlines())) <= width
    whole = ("latency_ms.p95", "brier_score")
    pieces = whole if width >= 80 else ("precision", "accuracy", "selection_", "calibration_")
    for name in pieces:
        assert re.search(rf"^(expected_)?{re.escape(name)}", text, flags=re.MULTILINE), name
