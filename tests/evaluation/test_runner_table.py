"""The table of rows: what reading a predictions table finds in it, names that collide, hostile text unchanged."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.runner_models import Local, case_of, numbers, parity

from seatrial.actions.evaluate import evaluate
from seatrial.data.dataset import LoadedDataset
from seatrial.evaluation.runner import RanRows, run_rows
from seatrial.models.base import Answer
from seatrial.records.suite import Budgets, Price
from seatrial.storage.row_log import MemoryRowLog
from seatrial.storage.store import open_store

HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m \x07",
    "=HYPERLINK(1)+cmd|' /C calc'!A0",
    "'; DROP TABLE rows; --",
    "line\nbreak\r\nand\ttab",
    "nul\x00 and \ud800 half a surrogate",
    "{{ 7 * 7 }} ${x} %s",
    "\u202egnal\u202c 🚢 é",
    "",
)


def _ran(data: LoadedDataset, answer: Any, **more: Any) -> tuple[RanRows, dict[str, Any]]:
    case = case_of(**more)
    ran = run_rows(data, Local(answer), case=case, log=MemoryRowLog(), budgets=Budgets(failures=1))
    return ran, ran.columns(data, case=case)


def test_names_and_order_of_the_columns() -> None:
    _, table = _ran(numbers(3, colour=["red", "green", "blue"]), parity)
    assert list(table) == ["id", "target", "prediction", "score", "reason", "x", "colour"], "one batch, all warm-up"
    assert table["id"] == ["r0", "r1", "r2"]
    assert table["prediction"] == [0, 1, 0]
    assert table["score"] == [0.2, 0.9, 0.2]
    assert table["colour"] == ["red", "green", "blue"]
    assert table["reason"] == [None, None, None]


def test_times_stand_where_they_were_counted() -> None:
    _, table = _ran(numbers(12), parity)
    assert table["latency_ms"][:10] == [None] * 10, "the first batch is warm-up"
    assert all(0 <= one < 1000 for one in table["latency_ms"][10:])


def test_a_failed_row_has_its_reason_and_neither_prediction_nor_score() -> None:
    _, table = _ran(numbers(3), lambda x: Answer(reason="too long", score=0.3) if x == 1 else parity(x))
    assert table["prediction"] == [0, None, 0]
    assert table["score"] == [0.2, None, 0.2]
    assert table["reason"] == [None, "too long", None]
    assert table["target"] == [0, 1, 0]


def test_rows_that_were_never_asked_are_in_the_table_with_that_reason() -> None:
    data, case = numbers(40), case_of()
    ran = run_rows(
        data, Local(parity), case=case, log=MemoryRowLog(), price=Price(per_call=1.0), budgets=Budgets(cost=5)
    )
    table = ran.columns(data, case=case)
    assert len(table["id"]) == 40
    assert table["reason"][:10] == [None] * 10
    assert set(table["reason"][10:]) == {f"not asked: {ran.reason}"}
    assert ran.failures() == ()


def test_the_data_sets_own_columns_keep_their_names() -> None:
    data = numbers(2, text=["a", "b"], reason=["r", "s"], prediction=[5, 6], score=[7, 8])
    _, table = _ran(data, lambda x: Answer(text="yes", prediction="yes", score=0.5))
    assert table["text"] == ["a", "b"]
    assert table["model_text"] == ["yes", "yes"]
    assert table["reason"] == ["r", "s"]
    assert table["model_reason"] == [None, None]
    assert table["prediction"] == ["yes", "yes"]
    assert table["data_prediction"] == [5, 6]
    assert table["data_score"] == [7, 8]


def test_columns_that_are_no_text_or_number_are_left_out_and_the_others_made_plain() -> None:
    data = numbers(
        2,
        image=[np.zeros((2, 2, 3), np.uint8)] * 2,
        listed=[[1], [2]],
        raw=[b"1", b"2"],
        late=[None, [1]],
        day=[date(2024, 1, 2), None],
        price=[Decimal("1.5"), None],
        array=np.array([1.5, 2.5]),
        flag=[True, None],
        mixed=[1, "one"],
    )
    _, table = _ran(data, parity)
    assert not {"image", "listed", "raw", "late"} & set(table)
    assert table["day"] == ["2024-01-02", None]
    assert table["price"] == ["1.5", None]
    assert table["array"] == [1.5, 2.5]
    assert type(table["array"][0]) is float
    assert table["flag"] == [True, None]
    assert table["mixed"] == ["1", "one"]


def test_scores_of_several_classes_and_the_likeliest_one_as_prediction() -> None:
    _, table = _ran(numbers(2), lambda x: Answer(scores={"a": 0.2, "b": 0.7, "c": 0.1}), task="multiclass")
    assert table["prediction"] == ["b", "b"]
    assert (table["score_a"], table["score_b"], table["score_c"]) == ([0.2] * 2, [0.7] * 2, [0.1] * 2)
    assert "score" not in table


def test_two_classes_become_one_score_of_the_positive_one() -> None:
    _, table = _ran(numbers(2), lambda x: Answer(prediction=1, scores={"0": 0.3, "1": 0.7}), task="binary")
    assert table["score"] == [0.7, 0.7]
    assert "score_1" not in table


def test_labels_of_a_multilabel_answer_are_a_column_each() -> None:
    said = {0: ["cat", "dog"], 1: []}
    _, table = _ran(
        numbers(2), lambda x: Answer(prediction=said[x], scores={"cat": 0.5, "dog": 0.25}), task="multilabel"
    )
    assert (table["prediction_cat"], table["prediction_dog"]) == ([1, 0], [1, 0])
    assert (table["score_cat"], table["score_dog"]) == ([0.5, 0.5], [0.25, 0.25])


def test_structures_are_json_text() -> None:
    spans = [{"start": 0, "end": 2, "label": "PER"}]
    data = numbers(2, target=[spans, json.dumps(spans)])
    _, table = _ran(data, lambda x: Answer(prediction=spans), task="entities")
    assert [json.loads(one) for one in table["target"]] == [spans, spans]
    assert [json.loads(one) for one in table["prediction"]] == [spans, spans]


def test_repeats_have_ids_of_their_own_and_the_rows_id_to_cluster_by() -> None:
    _, table = _ran(numbers(2), parity, repeats=2)
    assert table["id"] == ["r0", "r1", "r0#2", "r1#2"]
    assert table["example"] == ["r0", "r1", "r0", "r1"]
    assert table["repeat"] == [1, 1, 2, 2]
    assert table["x"] == [0, 1, 0, 1]


def test_further_columns_of_the_model_are_kept_beside() -> None:
    _, table = _ran(numbers(2), lambda x: Answer(prediction=1, values={"finish": "stop", "x": 9.0}))
    assert table["finish"] == ["stop", "stop"]
    assert table["x"] == [0, 1]
    assert table["model_x"] == [9.0, 9.0]


def test_hostile_text_comes_into_the_table_unchanged() -> None:
    data = numbers(len(HOSTILE), note=list(HOSTILE))
    _, table = _ran(data, lambda x: Answer(prediction=HOSTILE[x], text=HOSTILE[x]))
    assert table["note"] == list(HOSTILE)
    assert table["text"] == list(HOSTILE)
    assert table["prediction"] == list(HOSTILE)


def test_hostile_text_survives_the_store(tmp_path: Path) -> None:
    data, case = numbers(len(HOSTILE)), case_of()
    with open_store(tmp_path / "store") as store:
        for _ in range(2):
            ran = run_rows(
                data, Local(lambda x: Answer(prediction=1, text=HOSTILE[x])), case=case, log=store.row_log("work")
            )
            assert [one.answer.text for one in ran.answers] == list(HOSTILE)
    assert ran.resumed == len(HOSTILE)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_stored_table_is_read_as_a_predictions_table(tmp_path: Path, task: str) -> None:
    data = numbers(400, group=["a", "b"] * 200)

    def answer(x: int) -> Answer:
        if x % 50 == 7:
            return Answer(reason="timed out")
        return parity(x) if task == "binary" else Answer(scores={"0": 0.6, "1": 0.4})

    case = case_of(task=task)
    ran = run_rows(data, Local(answer), case=case, log=MemoryRowLog())
    with open_store(tmp_path / "store") as store:
        path = store.table(store.put_table(ran.columns(data, case=case)))
        found = evaluate(path, metrics=["accuracy"], task=task)
    estimate = found.estimates[0]
    assert (estimate.n, estimate.missing) == (392, 8)
    assert estimate.value == pytest.approx(1.0 if task == "binary" else 200 / 392)
