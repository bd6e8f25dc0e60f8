"""Roles are found by name, checked by value, and every guess is said; what is ambiguous is asked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seatrial.data.predictions import read, read_models
from seatrial.errors import SeatrialError, UsageError


def _table(**columns: object) -> dict[str, object]:
    return columns


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("id", "target", "prediction", "score"), ("id", "target", "prediction", "score")),
        (("example_id", "y_true", "y_pred", "y_score"), ("example_id", "y_true", "y_pred", "y_score")),
        (("uuid", "label", "predicted", "probability"), ("uuid", "label", "predicted", "probability")),
        (("ID", "Actual", "Predicted", "Confidence"), ("ID", "Actual", "Predicted", "Confidence")),
        (("index", "y", "yhat", "p"), ("index", "y", "yhat", "p")),
        (("ticket_id", "gold", "pred", "prob"), ("ticket_id", "gold", "pred", "prob")),
        (("row-id", "Ground Truth", "model.output", "s"), ("row-id", "Ground Truth", "model.output", "s")),
        (("key", "class", "output", "logit"), ("key", "class", "output", None)),
    ],
)
def test_usual_names_are_recognised(columns: tuple[str, ...], expected: tuple[str | None, ...]) -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(50) * (10 if "logit" in columns else 1) + (0 if "logit" not in columns else 2)
    data = dict(zip(columns, (range(50), [0, 1] * 25, [1, 1] * 25, scores), strict=True))
    roles = read({name: list(values) for name, values in data.items()}).roles
    assert (roles.id, roles.target, roles.prediction, roles.score) == expected


def test_every_guess_is_said_with_its_option() -> None:
    found = read(_table(id=[1, 2], y=[0, 1], pred=[0, 1]))
    assert set(found.guesses) == {
        "id = column 'id' (--id)",
        "target = column 'y' (--target)",
        "prediction = column 'pred' (--prediction)",
    }
    assert read(_table(id=[1, 2], y=[0, 1], pred=[0, 1]), id="id", target="y", prediction="pred").guesses == ()


def test_several_candidates_are_asked_for() -> None:
    with pytest.raises(UsageError, match=r"'target' or 'y_true'.*--target"):
        read(_table(id=[1, 2], target=[0, 1], y_true=[1, 0], prediction=[0, 1]))
    assert read(_table(id=[1, 2], target=[0, 1], y_true=[0, 1], prediction=[0, 1])).roles.target == "target"


def test_a_named_column_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"no column 'targt'.*Did you mean 'target'"):
        read(_table(id=[1, 2], target=[0, 1], prediction=[0, 1]), target="targt")


def test_fractions_named_prediction_are_scores() -> None:
    roles = read(_table(id=[1, 2, 3], target=[0, 1, 1], prediction=[0.2, 0.9, 0.4])).roles
    assert (roles.prediction, roles.score) == (None, "prediction")


def test_p_is_a_prediction_or_a_score_by_its_values() -> None:
    assert read(_table(id=[1, 2], y=["a", "b"], p=["a", "b"])).roles.prediction == "p"
    assert read(_table(id=[1, 2], y=["a", "b"], p=[0.3, 0.8])).roles.score == "p"


def test_confidence_of_the_answer_is_no_score_of_the_positive_class() -> None:
    rows = {
        "id": list(range(6)),
        "y": [0, 1] * 3,
        "pred": [0, 1, 1, 0, 1, 0],
        "confidence": [0.9, 0.8, 0.6, 0.7, 0.99, 0.51],
    }
    assert read(rows).roles.score is None


def test_a_column_that_repeats_is_no_id_unless_it_is_called_so() -> None:
    rows = {"image": [1, 1, 2, 2] * 10, "y": [0, 1] * 20, "pred": [0, 1] * 20}
    assert read(rows).roles.id is None
    assert read({"id": rows.pop("image"), **rows}).roles.id == "id"


def test_scores_per_class_are_found() -> None:
    rows = {"id": [1, 2], "label": ["cat", "dog"], "score_cat": [0.9, 0.2], "score_dog": [0.1, 0.8]}
    assert read(rows).roles.scores == (("cat", "score_cat"), ("dog", "score_dog"))


def test_multilabel_columns_are_found() -> None:
    rows = {
        "id": [1, 2],
        "target_news": [0, 1],
        "score_news": [0.1, 0.7],
        "target_a_b": [1, 1],
        "prediction_a_b": [1, 0],
    }
    labels = read(rows).roles.labels
    assert [(one.label, one.target, one.prediction, one.score) for one in labels] == [
        ("news", "target_news", None, "score_news"),
        ("a_b", "target_a_b", "prediction_a_b", None),
    ]


def _two(**change: object) -> tuple[dict[str, object], dict[str, object]]:
    rng = np.random.default_rng(2)
    truth = np.array(["no", "yes"], dtype=object)[rng.integers(0, 2, 80)]
    first = {
        "number": list(range(80)),
        "was": truth,
        "said": np.where(rng.random(80) < 0.7, truth, "no"),
        "u": rng.random(80),
    }
    second = {**first, "said": np.where(rng.random(80) < 0.9, truth, "yes"), "u": rng.random(80)}
    return {**first, **change}, {**second, **change}


def test_two_files_tell_roles_that_no_name_tells() -> None:
    first, second = (found.roles for found in read_models(_two(), id="number"))
    assert first == second
    assert (first.target, first.prediction, first.score) == ("was", "said", "u")


def test_two_files_that_leave_it_open_are_asked_about() -> None:
    other = np.array(["no", "yes"] * 40, dtype=object)
    with pytest.raises(UsageError, match=r"'was', 'also'.*--target|'also', 'was'.*--target"):
        read_models(_two(also=other), id="number")


def test_real_files(shared_data: Path) -> None:
    wide = str(shared_data / "predictions_cifar10" / "cifar10_test.csv")
    first, second = read_models([wide], models=["darc", "nas"])
    assert (first.roles.id, first.roles.target, first.roles.prediction) == ("image", "label", "darc")
    assert (second.name, second.roles.prediction) == ("nas", "nas")
    assert read(f"{wide}#shake_drop").roles.prediction == "shake_drop"
    with pytest.raises(UsageError, match=r"several hold the labels of 'label'.*--models"):
        read(wide)
    with pytest.raises(UsageError, match=r"has no prediction or score column.*--prediction") as caught:
        read(str(shared_data / "adult_census" / "adult.csv.gz"))
    assert "\n" not in str(caught.value)
    with pytest.raises(SeatrialError, match="line 1 names one column only"):
        read(str(shared_data / "predictions_mt_mqm" / "mqm_newstest2020_ende.avg_seg_scores.tsv"))


def test_models_side_by_side() -> None:
    n = 30
    rng = np.random.default_rng(3)
    rows = {
        "id": list(range(n)),
        "y": [0, 1] * 15,
        "a_prediction": [1] * n,
        "a_score": rng.random(n),
        "prediction_b": [0] * n,
        "score_b": rng.random(n),
        "c": rng.random(n),
    }
    found = read_models([pd.DataFrame(rows)], models=["a", "b", "c"])
    assert [(one.name, one.roles.prediction, one.roles.score) for one in found] == [
        ("a", "a_prediction", "a_score"),
        ("b", "prediction_b", "score_b"),
        ("c", None, "c"),
    ]


def test_models_one_below_the_other_are_all_read_the_first_seen_first() -> None:
    rows = pd.DataFrame(
        {"model": ["new", "new", "old", "old"], "id": [1, 2, 1, 2], "y": [0, 1, 0, 1], "pred": [0, 1, 1, 1]}
    )
    found = read_models([rows])
    assert [(one.name, one.model) for one in found] == [("new", ("model", "new")), ("old", ("model", "old"))]
    assert [one.name for one in read_models([rows], models=["old", "new"])] == ["old", "new"]


@pytest.mark.parametrize(
    ("models", "says"),
    [(["a", "a"], "twice"), (["x"], "no model or column 'x'"), ([f"m{i}" for i in range(21)], "at most 20")],
)
def test_models_that_cannot_be_are_refused(models: list[str], says: str) -> None:
    rows = {"id": [1, 2], "y": [0, 1], "a": [0, 1], "b": [1, 1]}
    with pytest.raises(UsageError, match=says):
        read_models([rows], models=models)


def test_same_names_are_numbered() -> None:
    rows = {"id": [1, 2], "y": [0, 1], "pred": [0, 1]}
    assert [one.name for one in read_models([rows, dict(rows)])] == ["table", "table (2)"]


@pytest.mark.parametrize(
    ("option", "says"),
    [({"task": "clustering"}, "no task"), ({"threshold": float("nan")}, "finite"), ({"weights": "x"}, "sampling")],
)
def test_options_that_cannot_be_are_refused(option: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read({"id": [1, 2], "y": [0, 1], "pred": [0, 1]}, **option)  # type: ignore[arg-type]
