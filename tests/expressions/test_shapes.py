"""Formulas recognised by their form."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.expressions import as_f1, as_proportion, as_row_proportion, evaluate, parse, share, to_text

ALL = {"tp", "fp", "fn", "tn"}


@pytest.mark.parametrize(
    ("text", "numerator", "denominator"),
    [
        ("tp / (tp + fp)", {"tp"}, {"tp", "fp"}),
        ("tp / (fn + tp)", {"tp"}, {"tp", "fn"}),
        ("tn / (tn + fp)", {"tn"}, {"tn", "fp"}),
        ("tp + tn", {"tp", "tn"}, ALL),
        ("tp", {"tp"}, ALL),
        ("(tp + tn) / 1", {"tp", "tn"}, ALL),
        ("(tp + tn) / (tp + fp + fn + tn)", {"tp", "tn"}, ALL),
        ("1 - tp - tn", {"fp", "fn"}, ALL),
        ("1 - tp / (tp + fn)", {"fn"}, {"tp", "fn"}),
        ("tp / (tp + fp + fn)", {"tp"}, {"tp", "fp", "fn"}),
        ("3*tp / (3*tp + fp*3)", {"tp"}, {"tp", "fp"}),
        ("tp['a'] / (tp['a'] + fp['a'])", {"tp"}, {"tp", "fp"}),
        ("tp / (1 - tn)", {"tp"}, {"tp", "fp", "fn"}),
        ("0.5*(tp + tn) / 0.5", {"tp", "tn"}, ALL),
    ],
)
def test_proportions(text: str, numerator: set[str], denominator: set[str]) -> None:
    assert as_proportion(parse(text)) == (frozenset(numerator), frozenset(denominator))


@pytest.mark.parametrize(
    "text",
    [
        "2*tp / (2*tp + fp + fn)", "tp / fp", "tp - fp", "tp / (tp + 2*fp)", "tp*fp", "1 + tp", "tp / (tp+fp)**2",
        "mean(x)", "tp + mean(x)", "(tp+fp) / (fp+tp)", "tp['a'] / (tp['b'] + fp['b'])", "tp['a'] / (tp + fp)", "-tp",
        "2*tp", "tp / (tp + count())", "tp + tp", "2*(tp / (tp+fp))", "5 / 5", "tp - tp",
    ],
)  # fmt: skip
def test_what_is_no_proportion(text: str) -> None:
    assert as_proportion(parse(text)) is None


@given(st.integers(0, 2**32 - 1), st.sampled_from(["1 - fp / (fp + tn)", "tp / (1 - tn)", "1 - tp - tn", "fn/(fn+tp)"]))
def test_a_proportion_is_the_formulas_value(seed: int, text: str) -> None:
    counts = np.random.default_rng(seed).integers(1, 50, 4)
    shares = dict(zip(("tp", "fp", "fn", "tn"), counts / counts.sum(), strict=True))
    found = as_proportion(parse(text))
    assert found is not None
    proportion = sum(shares[s] for s in found[0]) / sum(shares[s] for s in found[1])
    value, _ = evaluate(parse(text), {name: np.array([value]) for name, value in shares.items()})
    assert value[0] == pytest.approx(proportion, rel=1e-12)


def test_every_ratio_of_sums_of_shares() -> None:
    names = ("tp", "fp", "fn", "tn")
    subsets = [frozenset(c) for size in (1, 2, 3) for c in itertools.combinations(names, size)]
    for top, bottom in itertools.product(subsets, subsets):
        above, below = (
            sum((share(n) for n in sorted(side)), start=share(min(side))) - share(min(side)) for side in (top, bottom)
        )
        found = as_proportion(above / below)
        assert found == ((top, bottom) if top < bottom else None), to_text(above / below)


@pytest.mark.parametrize(
    ("text", "is_f1"),
    [
        ("2*tp / (2*tp + fp + fn)", True),
        ("tp / (tp + 0.5*(fp + fn))", True),
        ("4*tp['a'] / (4*tp['a'] + 2*fp['a'] + 2*fn['a'])", True),
        ("tp / (tp + fp + fn)", False),
        ("5*tp / (5*tp + 4*fn + fp)", False),
        ("tp / (tp + fp)", False),
        ("2*tp / (2*tp + fp + tn)", False),
        ("2*tp['a'] / (2*tp['b'] + fp['b'] + fn['b'])", False),
        ("mean(x)", False),
        ("tp", False),
    ],
)
def test_f1(text: str, is_f1: bool) -> None:
    assert as_f1(parse(text)) is is_f1


def test_proportions_of_rows() -> None:
    for text in ("target == prediction", "x > 1 and y < 2", "not x > 1"):
        row = as_row_proportion(parse(f"mean({text})"))
        assert row is not None
        assert to_text(row, rows=True) == text
    for text in ("mean(x)", "1 - mean(x > 1)", "mean((x > 1) * y)", "tp"):
        assert as_row_proportion(parse(text)) is None
