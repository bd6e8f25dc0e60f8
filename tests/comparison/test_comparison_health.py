"""Health first: each reason that forbids a verdict, and each warning that does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seatrial as st

Rows = Callable[..., dict[str, Any]]


def _findings(result: Any, status: str) -> dict[str, str]:
    return {f.name: f.sentence for f in result.scorecard.health if f.status == status}


def _invalid(result: Any, name: str, *words: str) -> None:
    assert result.verdict.status == "invalid"
    failed = _findings(result, "fail")
    assert name in failed, failed
    for word in words:
        assert word in failed[name]
    assert failed[name].rstrip(".").split(";")[0][:60] in result.verdict.sentence
    assert "cannot carry a verdict" in result.verdict.sentence
    assert result.scorecard.health[0].status == "fail", "what failed comes first"


def test_good_files_have_nothing_against_them(rows: Rows) -> None:
    result = st.compare(rows(), rows(flip=9))
    assert result.verdict.status == "pass"
    assert {f.status for f in result.scorecard.health} == {"pass"}


def test_duplicate_ids(rows: Rows) -> None:
    ids = np.arange(400)
    ids[7] = 6
    _invalid(st.compare(rows(), rows(flip=9, id=ids)), "duplicate ids", "1 row", "--id")


def test_targets_that_do_not_agree(rows: Rows) -> None:
    target = np.arange(400) % 2
    target[[3, 8]] = 1 - target[[3, 8]]
    _invalid(st.compare(rows(), rows(flip=9, target=target)), "targets agree", "2 examples", "3, 8")


@pytest.mark.parametrize("leak", ["equal", "one-to-one"])
def test_the_target_as_a_feature_column(leak: str, rows: Rows) -> None:
    at = np.arange(400)
    column = at % 2 if leak == "equal" else np.where(at % 2 == 1, "rich", "poor")
    result = st.compare(rows(income_copy=column), rows(flip=9, income_copy=column))
    _invalid(result, "target leak", "income_copy")


def test_a_column_that_is_nearly_the_target_is_no_leak(rows: Rows) -> None:
    column = np.arange(400) % 2
    column[:5] = 1 - column[:5]
    assert st.compare(rows(feature=column), rows(flip=9, feature=column)).verdict.status == "pass"


def test_one_side_empty(rows: Rows) -> None:
    empty = {name: values[:0] for name, values in rows().items()}
    with pytest.raises(st.DataError, match=r"no rows|empty"):
        st.compare(rows(), empty)


def test_label_sets_that_differ(rows: Rows) -> None:
    at = np.arange(400)
    words = np.where(at % 2 == 1, "yes", "no")
    result = st.compare(rows(), rows(flip=9, target=words, prediction=words), positive="1")
    assert result.verdict.status == "invalid"
    assert {"label sets", "targets agree"} & set(_findings(result, "fail"))


def test_predictions_in_another_alphabet(rows: Rows) -> None:
    words = np.where(np.arange(400) % 3 == 1, "cat", "dog")
    result = st.compare(rows(), rows(flip=9, prediction=words))
    _invalid(result, "label sets", "cat")


def test_an_unknown_label_here_and_there_is_a_warning() -> None:
    at = np.arange(300)
    first = {"id": at, "target": at % 3, "prediction": at % 3}
    second = {**first, "prediction": np.where(at == 4, 7, at % 3)}
    result = st.compare(first, second)
    assert result.verdict.status != "invalid"
    assert "7" in _findings(result, "warn")["label sets"]


def test_probabilities_outside_0_to_1(rows: Rows) -> None:
    score = np.linspace(0, 1, 400)
    spoilt = score.copy()
    spoilt[:3] = [1.2, -0.1, 2]
    result = st.compare(rows(score=score), rows(flip=9, score=spoilt))
    _invalid(result, "probabilities", "3 scores", "outside 0 to 1")


def test_missing_predictions_leave_all_versions(rows: Rows) -> None:
    answer = [None if at < 6 else int(value) for at, value in enumerate(rows()["prediction"])]
    result = st.compare(rows(), rows(prediction=answer), metrics=["accuracy"])
    effect = result.effects[0]
    assert effect.n == 394
    assert effect.missing == 6
    assert effect.difference == 0
    assert "6 rows" in _findings(result, "warn")["missing predictions"]
    estimate = result.estimates[0]
    assert estimate.bound_low is not None
    assert estimate.bound_high is not None
    assert estimate.value is not None
    assert estimate.bound_low < estimate.value < estimate.bound_high


def test_missing_targets_are_counted(rows: Rows) -> None:
    target = [None if at == 10 else at % 2 for at in range(400)]
    result = st.compare(rows(target=target), rows(flip=9, target=target), metrics=["accuracy"])
    assert "missing targets" in _findings(result, "warn")
    assert result.effects[0].n == 399


def test_health_goes_before_everything(rows: Rows) -> None:
    """An invalid verdict has no checks: nothing was decided on data that cannot carry it."""
    ids = np.arange(400)
    ids[7] = 6
    result = st.compare(rows(), rows(flip=9, id=ids), policy={"success": ["accuracy"]})
    assert result.verdict.status == "invalid"
    assert result.verdict.checks == ()
