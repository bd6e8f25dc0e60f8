"""What a model returned, as answers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from seatrial.models.answers import as_answers, sigmoid, softmax
from seatrial.models.base import Answer, ModelError


def predictions(raw: Any, rows: int, **options: Any) -> list[Any]:
    return [one.prediction for one in as_answers(raw, rows, model="m", **options)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (("a", "b"), ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (np.array([1, 2]), [1, 2]),
        (np.array([[1.5], [2.5]]), [1.5, 2.5]),
        (np.array([True, False]), [True, False]),
        ([np.int64(3), np.float32(0.5)], [3, 0.5]),
        ({"prediction": ["a", "b"]}, ["a", "b"]),
        ({"label": np.array([1, 0])}, [1, 0]),
        ([{"prediction": "a"}, {"label": "b"}], ["a", "b"]),
        ([Answer(prediction="a"), Answer(prediction="b")], ["a", "b"]),
        ([[{"label": "PER", "start": 0, "end": 3}], []], [[{"label": "PER", "start": 0, "end": 3}], []]),
        ([["B-PER", "O"], ["O", "O"]], [["B-PER", "O"], ["O", "O"]]),
        ([[1, 3], [2, 5]], [[1, 3], [2, 5]]),
        ([{"total": "9.00", "company": "X"}, {}], [{"total": "9.00", "company": "X"}, {}]),
    ],
)
def test_labels_and_numbers_come_through(raw: Any, expected: list[Any]) -> None:
    found = predictions(raw, 2)
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]


def test_frames_series_and_tensors_come_through() -> None:
    pandas, polars, torch = (pytest.importorskip(one) for one in ("pandas", "polars", "torch"))
    for library in (pandas, polars):
        assert predictions(library.Series(["a", "b"]), 2) == ["a", "b"]
        frame = library.DataFrame({"prediction": ["a", "b"], "score": [0.25, 0.5], "rank": [1.0, 2.0]})
        answers = as_answers(frame, 2, model="m")
        assert [one.score for one in answers] == [0.25, 0.5]
        assert answers[1].values == {"rank": 2.0}
    assert predictions(torch.tensor([1, 2], requires_grad=False), 2) == [1, 2]
    assert predictions(torch.tensor([[0.1, 0.9], [0.8, 0.2]], requires_grad=True), 2, classes=["n", "y"]) == ["y", "n"]
    assert predictions([torch.tensor([0.1, 0.9]), torch.tensor([0.8, 0.2])], 2) == [1, 0]
    assert predictions(torch.tensor([0.5], dtype=torch.bfloat16), 1) == [0.5]
    assert as_answers(pandas.array([1, None], dtype="Int64"), 2, model="m")[1].reason == "the model answered nothing"


def test_probabilities_take_the_names_of_the_classes() -> None:
    raw = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    answers = as_answers(raw, 2, model="m", classes=["x", "y", "z"])
    assert [one.prediction for one in answers] == ["y", "x"]
    assert answers[0].scores == {"x": 0.2, "y": 0.5, "z": 0.3}
    unnamed = as_answers(raw.tolist(), 2, model="m")
    assert unnamed[0].prediction == 1
    assert list(unnamed[0].scores) == ["0", "1", "2"]
    with pytest.raises(ModelError, match="answers 3 classes, and 2 are named"):
        as_answers(raw, 2, model="m", classes=["x", "y"])


def test_logits_scores_and_single_scores() -> None:
    raw = np.array([[1.0, 3.0], [900.0, -900.0]])
    answers = as_answers(raw, 2, model="m", output="logits")
    np.testing.assert_allclose([list(one.scores.values()) for one in answers], special.softmax(raw, axis=1))
    assert [one.score for one in as_answers([0.25, 0.5], 2, model="m", output="score")] == [0.25, 0.5]
    single = as_answers(np.array([[0.0], [800.0]]), 2, model="m", output="logits")
    assert [one.score for one in single] == [0.5, 1.0]
    assert [one.score for one in as_answers([[0.2, 0.8]], 1, model="m", output="score")] == [0.8]
    several = as_answers(np.array([[0.9, 0.9]]), 1, model="m", output="scores", classes=["toxic", "threat"])
    assert several[0].prediction is None
    assert several[0].scores == {"toxic": 0.9, "threat": 0.9}
    assert predictions(np.array([[4.0, 9.0]]), 1, output="numbers") == [[4.0, 9.0]]
    with pytest.raises(ModelError, match="3 columns where output=score is one"):
        as_answers(np.ones((2, 3)), 2, model="m", output="score")
    with pytest.raises(ModelError, match=r"1.5 as a probability"):
        as_answers([1.5], 1, model="m", output="score")
    with pytest.raises(ModelError, match="output is one of"):
        as_answers([1.5], 1, model="m", output="softmaxx")


def test_columns_of_scores_name_the_class() -> None:
    answers = as_answers({"score_a": [0.3, 0.9], "score_b": [0.7, 0.1]}, 2, model="m")
    assert [one.prediction for one in answers] == ["b", "a"]
    assert answers[0].scores == {"a": 0.3, "b": 0.7}
    by_class = as_answers([{"a": 0.3, "b": 0.7}], 1, model="m", classes=["a", "b"])
    assert by_class[0].prediction == "b"
    told = as_answers({"prediction": ["a"], "score_a": [0.3], "score_b": [0.7]}, 1, model="m")
    assert told[0].prediction == "a"  # a threshold of the model's own


def test_texts_counts_and_reasons_are_kept() -> None:
    answers = as_answers(
        {"text": ["hello", None], "input_tokens": [3, None], "output_tokens": [np.int64(4), 0], "reason": ["", "busy"]},
        2,
        model="m",
    )
    assert (answers[0].text, answers[0].input_tokens, answers[0].output_tokens, answers[0].reason) == (
        "hello",
        3,
        4,
        None,
    )
    assert answers[1].reason == "busy"


def test_missing_and_infinite_values_are_missing_answers() -> None:
    assert [one.reason for one in as_answers([None, float("inf"), "x"], 3, model="m")] == [
        "the model answered nothing",
        "the model answered an infinite number",
        None,
    ]
    assert as_answers([Answer()], 1, model="m")[0].reason == "the model answered nothing"
    assert as_answers([Answer(prediction=float("nan"))], 1, model="m")[0].reason == "the model answered NaN"
    logits = as_answers(np.array([[np.nan, 1.0], [0.0, 1.0]]), 2, model="m", output="logits")
    assert [one.reason for one in logits] == ["the model answered NaN", None]
    with pytest.raises(ModelError, match="no number"):
        as_answers([{"score": "high"}], 1, model="m")


def test_what_an_array_is_does_not_depend_on_the_batch() -> None:
    """A label set of two in every row is no matrix of scores: another batch has sets of other sizes."""
    together = predictions([[1, 2], [3, 4], [5]], 3)
    assert together[:2] == predictions([[1, 2], [3, 4]], 2)


@given(st.lists(st.floats(-700, 700), min_size=2, max_size=6))
def test_softmax_and_sigmoid_agree_with_scipy(values: list[float]) -> None:
    row = np.array([values])
    np.testing.assert_allclose(softmax(row), special.softmax(row, axis=1), atol=1e-15)
    np.testing.assert_allclose(sigmoid(row), special.expit(row), atol=1e-15)
