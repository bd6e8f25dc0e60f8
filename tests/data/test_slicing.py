"""Slices: what is asked for, how numbers are binned, what levels are called."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.data.align import align
from seatrial.data.predictions import read
from seatrial.data.slicing import bin_names, edge_names, parse_slice, parse_slices
from seatrial.errors import UsageError


def _frame(column: object, *slices: str, name: str = "x"):  # type: ignore[no-untyped-def]
    values = list(column)  # type: ignore[call-overload]
    n = len(values)
    table = {"id": list(range(n)), "target": [0, 1] * (n // 2) + [0] * (n % 2), "prediction": [1] * n, name: values}
    return align([read(table, positive="1")], slices=slices or [name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sex", ("sex",)),
        ("sex,age:quartiles", ("sex", "age:quartiles")),
        ("age:0,18,65,sex", ("age:0,18,65", "sex")),
        ("length(text),length(a,b):deciles", ("length(text)", "length(a,b):deciles")),
        (" sex , ,age:4 ", ("sex", "age:4")),
        ("", ()),
    ],
)
def test_the_argument_of_by_is_cut_at_its_commas(text: str, expected: tuple[str, ...]) -> None:
    assert parse_slices(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("intent=cancel", {"intent": "cancel"}),
        ("sex=Female & age=17 to 28", {"sex": "Female", "age": "17 to 28"}),
        ("f=a=b", {"f": "a=b"}),
        ('"a=b"="x & y"', {"a=b": "x & y"}),
        ("city=Paris, Texas", {"city": "Paris, Texas"}),
        ("name=O'Brien & sex=M", {"name": "O'Brien", "sex": "M"}),
        ("x=", {"x": ""}),
        ("dept=R&D & sex=M", {"dept": "R&D", "sex": "M"}),
    ],
)
def test_a_slice_is_a_list_of_conditions(text: str, expected: dict[str, str]) -> None:
    assert parse_slice(text) == expected


@pytest.mark.parametrize("text", ["intent", "=x", "a=1 & a=2", "a=1 & b", ""])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_slice(text)


def test_quartiles_hold_equally_many_rows() -> None:
    frame = _frame(range(100), "x:quartiles")
    counts = np.bincount(frame.arrays(["slice_0"])["slice_0"])
    assert counts.tolist() == [25, 25, 25, 25]
    assert frame.slices[0].levels == ("0 to 24", "25 to 49", "50 to 74", "75 to 99")


def test_edges_belong_to_the_bin_above_them() -> None:
    frame = _frame([-1, 0, 17, 18, 64, 65, 99, None], "x:0,18,65")
    assert frame.slices[0].levels == ("under 0", "0 to under 18", "18 to under 65", "65 and over", "(missing)")
    assert frame.arrays(["slice_0"])["slice_0"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4]


def test_only_bins_that_occur_are_levels() -> None:
    frame = _frame([20, 30, 70, 80], "x:0,18,65")
    assert frame.slices[0].levels == ("18 to under 65", "65 and over")
    assert frame.arrays(["slice_0"])["slice_0"].tolist() == [0, 0, 1, 1]


def test_a_number_with_many_values_is_cut_into_quartiles_and_this_is_said() -> None:
    frame = _frame(range(40))
    assert len(frame.slices[0].levels) == 4
    assert any("quartiles" in note for note in frame.notes)
    assert _frame([1, 2, 3, 4] * 5).slices[0].levels == ("1", "2", "3", "4")


def test_missing_is_a_level_and_stands_last() -> None:
    frame = _frame(["b", None, "a", "b"])
    assert frame.slices[0].levels == ("a", "b", "(missing)")
    assert frame.arrays(["slice_0"])["slice_0"].tolist() == [1, 2, 0, 1]


def test_length_of_a_text() -> None:
    frame = _frame(["a", "bb", "ccc", "dddd"], "length(x):2")
    assert frame.slices[0].name == "length(x)"
    assert frame.slices[0].levels == ("1 to 2", "3 to 4")


def test_entries_that_are_no_numbers_are_missing_from_bins_and_counted() -> None:
    frame = _frame(["1", "2", "x", "4"], "x:2")
    assert frame.slices[0].levels == ("1 to 2", "4", "(missing)")
    assert any("1 entries are not numbers" in note for note in frame.notes)


def test_many_texts_are_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"300 different values.*length\(x\)"):
        _frame([f"text {at}" for at in range(300)])


@pytest.mark.parametrize(
    ("spec", "says"),
    [("y", "Did you mean 'x'|no column 'y'"), ("x:quartile", "quartiles"), ("x:1", "no way to bin"), ("x:5,1", "bin")],
)
def test_a_slice_that_cannot_be_is_refused(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        _frame(range(30), spec)


def test_text_cannot_be_binned() -> None:
    with pytest.raises(UsageError, match="no numbers to bin"):
        _frame(["a", "b", "c", "d"], "x:quartiles")


def test_a_column_whose_name_holds_a_colon_is_found() -> None:
    assert _frame(["a", "b"], "x:quartiles", name="x:quartiles").slices[0].levels == ("a", "b")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-5, 5) | st.floats(-1e6, 1e6, width=32), min_size=4, max_size=60), st.integers(2, 10))
def test_bins_never_split_equal_values_and_are_in_order(values: list[float], bins: int) -> None:
    frame = _frame([float(value) for value in values], f"x:{bins}")
    codes = frame.arrays(["slice_0"])["slice_0"]
    data = np.array(values, dtype=float)
    assert len(frame.slices[0].levels) <= bins
    for low in range(len(frame.slices[0].levels) - 1):
        assert data[codes == low].max() < data[codes == low + 1].min()
    heaviest = max(np.unique(data, return_counts=True)[1])
    assert np.bincount(codes).max() <= -(-len(values) // bins) + heaviest - 1 + (heaviest > 1)


def test_names_of_bins_stay_apart() -> None:
    assert bin_names([(0.1, 0.2), (0.3, 0.3)]) == ("0.1 to 0.2", "0.3")
    assert len(set(bin_names([(1.0000001, 1.0000002), (1.0000003, 1.0000004)]))) == 2
    assert edge_names((1.5,)) == ("under 1.5", "1.5 and over")
