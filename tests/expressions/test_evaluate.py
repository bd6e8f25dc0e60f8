"""Formulas over means: values, gradients against numerical differentiation, reasons in words."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.expressions import (
    Node,
    Number,
    atoms,
    col,
    count,
    evaluate,
    exp,
    linearise,
    log,
    maximum,
    mean,
    metric,
    minimum,
    parse,
    resolve,
    share,
    sqrt,
    to_text,
    total,
    tp,
)

LEAVES = [
    tp,
    share("fp"),
    share("fn", "a b"),
    mean(col("x")),
    mean(col("x") > 1),
    col("y").p95(),
    metric("roc_auc"),
    count(),
]
COMPOUND = [total(col("x")), total(col("y") == "a"), mean(col("x"), where=col("y") == "b")]

numbers = st.one_of(
    st.integers(-20, 20).map(float), st.floats(-1e3, 1e3, allow_nan=False), st.sampled_from([1e-9, 2.5e20, -0.0])
)


def _grown(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.tuples(st.sampled_from("+-*/"), parts, parts).map(
            lambda t: {"+": t[1] + t[2], "-": t[1] - t[2], "*": t[1] * t[2], "/": t[1] / t[2]}[t[0]]
        ),
        parts.map(lambda p: -p),
        parts.map(abs),
        parts.map(sqrt),
        parts.map(log),
        parts.map(exp),
        st.tuples(parts, st.sampled_from([2.0, 3.0, 0.5, -1.0, 1.5, -2.5, 0.0])).map(lambda t: t[0] ** t[1]),
        st.tuples(parts, parts).map(lambda t: minimum(*t)),
        st.tuples(parts, parts).map(lambda t: maximum(*t)),
    )


formulas = st.recursive(st.one_of(st.sampled_from(LEAVES + COMPOUND), numbers.map(Number)), _grown, max_leaves=10)


@given(formulas)
def test_text_and_back(tree: Node) -> None:
    again = parse(to_text(tree))
    assert again.same(tree)
    assert to_text(again) == to_text(tree)


def _values(tree: Node, slices: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {atom.key(): rng.uniform(0.05, 1.5, slices) for atom in atoms(tree)}


@settings(max_examples=300)
@given(formulas, st.integers(0, 2**32 - 1))
def test_gradients_agree_with_numerical_differentiation(tree: Node, seed: int) -> None:
    values = _values(tree, 4, seed)
    assume(values)
    linear = linearise(tree, values)
    for key in values:
        x = values[key]
        differences = []
        for step in (1e-4, 1e-5):
            above, _ = evaluate(tree, {**values, key: x + step * x})
            below, _ = evaluate(tree, {**values, key: x - step * x})
            differences.append((above - below) / (2 * step * x))
        coarse, fine = differences
        slope = linear.gradient[key]
        # where the two steps agree, the function is smooth and well enough conditioned to be differentiated in numbers
        noise = 1e-16 / 1e-5 * np.abs(linear.value) / x
        smooth = np.isfinite(coarse) & np.isfinite(fine) & np.isfinite(slope)
        smooth &= np.abs(coarse - fine) <= 1e-5 * np.abs(fine) + 1e-9
        smooth &= (np.abs(linear.value) < 1e8) & (100 * noise <= 1e-5 * np.abs(fine) + 1e-9)
        np.testing.assert_allclose(slope[smooth], fine[smooth], rtol=1e-4, atol=1e-7)


@given(formulas, st.integers(0, 2**32 - 1))
def test_a_value_is_a_number_or_a_reason(tree: Node, seed: int) -> None:
    values = _values(tree, 5, seed)
    assume(values)
    for array in values.values():
        array[np.random.default_rng(seed).random(5) < 0.5] = 0.0
    linear = linearise(tree, values)
    for value, reason, kink, *slopes in zip(
        linear.value, linear.reason, linear.no_slope, *linear.gradient.values(), strict=True
    ):
        assert math.isnan(value) == (reason is not None)
        if reason is None and kink is None:
            assert np.isfinite(slopes).all()
        else:
            assert np.isnan(slopes).all()
        assert kink is None or reason is None


# Known derivatives, by hand


def _at(text: str, columns: tuple[str, ...] = ("x", "y"), **values: list[float]) -> tuple[Node, dict[str, np.ndarray]]:
    tree = resolve(parse(text), columns=columns, metrics={"roc_auc": object()})
    named = {f"mean(col({name!r}))": np.array(value) for name, value in values.items()}
    named |= {name: np.array(value) for name, value in values.items()}
    return tree, named


def test_f1_by_hand() -> None:
    tree, values = _at("2*tp / (2*tp + fp + fn)", tp=[0.3], fp=[0.1], fn=[0.2])
    linear = linearise(tree, values)
    assert linear.value[0] == pytest.approx(0.6 / 0.9, rel=1e-15)
    # d/dtp 2t/(2t+p+n) = 2(p+n)/(2t+p+n)^2, d/dfp = -2t/(2t+p+n)^2
    assert linear.gradient["tp"][0] == pytest.approx(0.6 / 0.81, rel=1e-14)
    assert linear.gradient["fp"][0] == pytest.approx(-0.6 / 0.81, rel=1e-14)
    assert linear.gradient["fn"][0] == pytest.approx(-0.6 / 0.81, rel=1e-14)


def test_totals_count_rows() -> None:
    tree = parse("sum(x) / count(y > 1) + count()")
    assert [atom.key() for atom in atoms(tree)] == ["count()", "mean(col('x'))", "mean((col('y') > 1.0))"]
    value, problems = evaluate(
        tree,
        {"count()": np.array([100.0]), "mean(col('x'))": np.array([3.0]), "mean((col('y') > 1.0))": np.array([0.5])},
    )
    assert value.tolist() == [106.0]
    assert problems == []


def test_a_filtered_mean_is_a_ratio_of_two_means() -> None:
    tree = parse("mean(x, where=y == 'a')")
    top, bottom = atoms(tree)
    assert to_text(top) == "mean(x if y == 'a' else 0)"
    assert to_text(bottom) == "mean(y == 'a')"
    linear = linearise(tree, {top.key(): np.array([1.0, 0.0]), bottom.key(): np.array([0.25, 0.0])})
    assert linear.value[0] == 4.0
    assert linear.reason == (None, "`mean(y == 'a')` is 0: no row has it")


@pytest.mark.parametrize(
    ("text", "values", "reason"),
    [
        ("tp / (tp + fp)", {"tp": 0, "fp": 0}, "`tp + fp` is 0: nothing was predicted positive"),
        ("tp / (fn + tp)", {"tp": 0, "fn": 0}, "`fn + tp` is 0: there are no positive labels"),
        ("fp / (fp + tn)", {"fp": 0, "tn": 0}, "`fp + tn` is 0: there are no negative labels"),
        ("tn / (fn + tn)", {"fn": 0, "tn": 0}, "`fn + tn` is 0: nothing was predicted negative"),
        (
            "2*tp / (2*tp + fp + fn)",
            {"tp": 0, "fp": 0, "fn": 0},
            "`2 * tp + fp + fn` is 0: there are no positive labels, and nothing was predicted positive",
        ),
        ("1 / tp", {"tp": 0}, "`tp` is 0"),
        ("1 / (tp - fp)", {"tp": 0.2, "fp": 0.2}, "`tp - fp` is 0"),
        ("x / y", {"x": 1, "y": 0}, "`mean(y)` is 0"),
        ("y ** -2", {"y": 0}, "`mean(y)` is 0"),
        ("y ** 0.5", {"y": -1}, "`mean(y)` is negative, and has no power of 0.5"),
        ("sqrt(x - y)", {"x": 1, "y": 2}, "`mean(x) - mean(y)` is negative, and has no square root"),
        ("log(x)", {"x": 0}, "`mean(x)` is 0, and has no logarithm"),
        ("log(x)", {"x": -1}, "`mean(x)` is negative, and has no logarithm"),
        ("exp(x)", {"x": 1e4}, "`exp(mean(x))` is too large a number"),
        ("x * y", {"x": 1e300, "y": 1e300}, "`mean(x) * mean(y)` is not a finite number here"),
        ("x + y", {"x": math.nan, "y": 1}, "no row has a value of `x`"),
        ("roc_auc + x", {"roc_auc": math.nan, "x": 1}, "`roc_auc` has no value here"),
        ("tp", {"tp": math.nan}, "`tp` has no value here: there are no rows"),
    ],
)
def test_reasons_in_words(text: str, values: dict[str, float], reason: str) -> None:
    tree, named = _at(text, **{name: [value, 0.5] for name, value in values.items()})  # type: ignore[arg-type]
    linear = linearise(tree, named)
    assert math.isnan(linear.value[0])
    assert linear.reason[0] == reason
    if text != "1 / (tp - fp)":  # there both slices are 0
        assert linear.reason[1] is None or text == "sqrt(x - y)"


def test_reasons_name_the_class() -> None:
    tree = resolve(parse("precision['cat']"), columns=[], metrics={"precision": parse("tp / (tp + fp)")})
    linear = linearise(tree, {"tp['cat']": np.zeros(1), "fp['cat']": np.zeros(1)})
    assert linear.reason == ("`tp['cat'] + fp['cat']` is 0: nothing was predicted 'cat'",)


def test_the_first_reason_is_kept() -> None:
    tree, values = _at("log(tp / (tp + fp)) / x", tp=[0.0], fp=[0.0], x=[0.0])
    assert linearise(tree, values).reason == ("`tp + fp` is 0: nothing was predicted positive",)


def test_a_denominator_that_is_rounding_noise_counts_as_zero() -> None:
    # variance of a constant 0.1 over rows: mean(x^2) - mean(x)^2 is not exactly 0 in floats
    tree = parse("1 / (mean(x**2) - mean(x)**2)")
    square, plain = (atom.key() for atom in atoms(tree))
    noisy = 0.1 * 0.1 + 2e-18
    linear = linearise(tree, {square: np.array([noisy, 0.5]), plain: np.array([0.1, 0.1])})
    assert noisy - 0.1**2 != 0
    assert linear.reason[0] == "`mean(x ** 2) - mean(x) ** 2` is 0"
    assert linear.value[1] == pytest.approx(1 / 0.49)


def test_a_root_of_rounding_noise_is_zero() -> None:
    tree = parse("sqrt(mean(x**2) - mean(x)**2)")
    square, plain = (atom.key() for atom in atoms(tree))
    linear = linearise(tree, {square: np.array([0.1 * 0.1 - 2e-18]), plain: np.array([0.1])})
    assert linear.value.tolist() == [0.0]


def test_small_denominators_that_are_real_are_kept() -> None:
    tree, values = _at("1 / (1 - tp)", tp=[1 - 1e-9])
    assert linearise(tree, values).value[0] == pytest.approx(1e9, rel=1e-6)
    tree, values = _at("tp / (tp + fp)", tp=[1e-12], fp=[3e-12])
    assert linearise(tree, values).value[0] == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "x"), [("sqrt(x)", 0.0), ("abs(x)", 0.0), ("x ** 0.5", 0.0), ("max(x, 2)", 2.0), ("min(x, 2)", 2.0)]
)
def test_a_kink_has_a_value_and_no_slope(text: str, x: float) -> None:
    tree, values = _at(text, x=[x, 3.0])
    linear = linearise(tree, values)
    assert linear.value[0] == x
    assert linear.reason == (None, None)
    assert linear.no_slope[0] is not None
    assert linear.no_slope[1] is None
    assert np.isnan(linear.gradient["mean(col('x'))"][0])


def test_arrays_of_classes_go_elementwise() -> None:
    tree = parse("tp / (tp + fp)")
    tps, fps = np.array([[0.1, 0.0, 0.2], [0.3, 0.1, 0.1]]), np.array([[0.1, 0.0, 0.2], [0.1, 0.1, 0.3]])
    linear = linearise(tree, {"tp": tps, "fp": fps})
    assert linear.value.shape == (2, 3)
    assert np.isnan(linear.value[0, 1])
    assert linear.value[1].tolist() == pytest.approx([0.75, 0.5, 0.25])
    assert linear.gradient["tp"].shape == (2, 3)
    assert linear.reason == ("`tp + fp` is 0: nothing was predicted positive", None)
    ((mask, _),) = linear.problems
    assert mask.tolist() == [[False, True, False], [False, False, False]]


def test_one_number_for_all_slices_is_spread() -> None:
    linear = linearise(parse("count() * tp"), {"count()": np.array(10.0), "tp": np.array([0.1, 0.2])})
    assert linear.value.tolist() == [1.0, 2.0]
    assert linear.gradient["count()"].tolist() == [0.1, 0.2]


def test_values_are_not_changed_in_place() -> None:
    values = {"tp": np.array([0.0, 1.0]), "fp": np.array([0.0, 1.0])}
    linearise(parse("sqrt(tp) / (tp + fp)"), values)
    assert values["tp"].tolist() == [0.0, 1.0]


def test_atoms_are_distinct_and_in_order() -> None:
    tree = parse("mean(x) + tp*mean(x) - p95(x) + metric('roc_auc')")
    assert [to_text(atom) for atom in atoms(tree)] == ["mean(x)", "tp", "p95(x)", "roc_auc"]


def test_a_missing_atom_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        evaluate(parse("tp + fp"), {"tp": np.zeros(1)})


def test_an_unresolved_name_is_an_error_of_the_caller() -> None:
    with pytest.raises(TypeError, match="resolved"):
        evaluate(parse("tp + revenue"), {"tp": np.zeros(1)})
