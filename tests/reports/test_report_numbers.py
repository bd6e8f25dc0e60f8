"""Digits: enough, no more, the same everywhere, and never against the decision."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Effect, Estimate, Scorecard
from seatrial.records.numbers import format_interval
from seatrial.reports import numbers, render


def effect(difference: float, low: float, high: float, **more: object) -> Effect:
    given = {
        "baseline": "a",
        "candidate": "b",
        "metric": "m",
        "n": 100,
        "difference": difference,
        "low": low,
        "high": high,
    }
    return Effect.model_validate({**given, **more})


def test_the_examples_of_the_design() -> None:
    assert numbers.effect(effect(0.0121, 0.0082, 0.0161)) == "+0.012 [+0.008, +0.016]"
    assert numbers.estimate(Estimate(model="a", metric="m", n=9, value=0.8731, low=0.8682, high=0.8779)) == (
        "0.873 [0.868, 0.878]"
    )
    none = Estimate(model="a", metric="m", n=300, value=0.0, low=0.0, high=0.01222, method="Clopper-Pearson")
    assert numbers.estimate(none) == "0 of 300 (at most 1.2 %)"
    every = Estimate(model="a", metric="m", n=300, value=1.0, low=0.98778, high=1.0, method="Clopper-Pearson")
    assert numbers.estimate(every) == "300 of 300 (at least 98.8 %)"


def test_a_clustered_zero_does_not_claim_rows() -> None:
    zero = Estimate(
        model="a", metric="m", n=300, value=0.0, low=0.0, high=0.08, method="Clopper-Pearson", unit="household"
    )
    assert numbers.estimate(zero) == "0 (at most 8.0 %)"


def test_an_error_over_bins_is_no_share_of_rows() -> None:
    ece = Estimate(model="a", metric="ece", n=300, value=0.0, low=0.0, high=0.02, method="Clopper-Pearson bands")
    assert numbers.estimate(ece) == "0.000 [0.000, 0.020]"


def test_f1_is_no_share_of_rows() -> None:
    f1 = Estimate(
        model="a", metric="f1", n=300, value=0.0, low=0.0, high=0.02,
        method="Clopper-Pearson interval on tp/(tp+fp+fn), mapped to F1",
    )  # fmt: skip
    assert numbers.estimate(f1) == "0.000 [0.000, 0.020]"


def test_no_value_is_a_reason_and_never_a_number() -> None:
    assert numbers.estimate(Estimate(model="a", metric="m", n=0, reason="no positive labels")) == "no positive labels"
    bounded = Estimate(
        model="a",
        metric="m",
        n=9,
        reason="every positive above every negative",
        low=0.81,
        high=1.0,
        method="Clopper-Pearson",
    )
    assert numbers.estimate(bounded) == "every positive above every negative (at least 81.0 %)"
    missing = Effect(baseline="a", candidate="b", metric="m", n=0, reason="no positive rows")
    assert numbers.effect(missing) == "no positive rows"
    assert numbers.effect_sides(missing) == ("", "")


def test_units_are_said_once_with_an_interval() -> None:
    shown = effect(1.91, 1.72, 2.1, scale="ms", baseline_value=3.1, candidate_value=5.01)
    assert numbers.effect(shown) == "+1.91 [+1.72, +2.10] ms"
    assert numbers.effect_difference(shown) == "+1.91 ms"
    assert numbers.effect_sides(shown) == ("3.10 ms", "5.01 ms")


@pytest.mark.parametrize("low", [0.0004, 0.00004, -0.0004, -0.00004])
def test_a_limit_beside_zero_keeps_its_side(low: float) -> None:
    text = numbers.effect_interval(effect(0.02, low, 0.04))
    shown = float(text.strip("[]").split(",")[0])
    assert (shown > 0) == (low > 0)
    assert shown != 0


def test_a_limit_beside_the_margin_keeps_its_side() -> None:
    text = numbers.effect_interval(effect(0.001, -0.0098, 0.0119, margin=0.01))
    assert float(text.strip("[]").split(",")[0]) > -0.01


def test_different_sides_look_different() -> None:
    first, second = numbers.effect_sides(effect(0.0004, -0.01, 0.011, baseline_value=0.8121, candidate_value=0.8125))
    assert first != second


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-7, 1e5),
    st.floats(1e-7, 1e5),
    st.sampled_from([None, 0.01, 2.0]),
)
def test_the_table_and_the_sentence_agree(value: float, below: float, above: float, margin: float | None) -> None:
    low, high = value - below, value + above
    marks = (0.0,) if margin is None else (0.0, margin, -margin)
    expected = format_interval(value, low, high, signed=True, thresholds=marks)
    assert numbers.effect(effect(value, low, high, margin=margin)) == expected


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_share_inside_never_reads_as_none_or_all(share: float) -> None:
    assert numbers.percent(share) not in ("0 %", "0.0 %", "100 %", "100.0 %")
    assert float(numbers.score(share)) not in (0.0, 1.0) or share < 1e-12 or share > 1 - 1e-12


def test_four_outputs_show_the_same_digits(adult: Scorecard) -> None:
    page, comment, terminal = (render(adult, name) for name in ("html", "markdown", "text"))
    plain = re.sub(r"<[^>]+>", "", page)
    shown = [numbers.effect(one) for one in adult.effects if not one.exploratory and one.difference is not None]
    assert len(shown) == 11
    for figure in shown:
        assert figure in plain
        assert figure in comment
        assert figure in terminal


def test_the_digits_of_the_sentence_are_those_of_the_table(adult: Scorecard) -> None:
    plain = re.sub(r"<[^>]+>", "", render(adult, "html"))
    for figure in re.findall(r"[+-][\d.]+ \[[^\]]+\]", adult.verdict.sentence):
        assert plain.count(figure) >= 3  # sentence, check, table
