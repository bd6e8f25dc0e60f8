"""Models and endpoints that misbehave: the rows they spoil are missing with a reason, and no others; nothing hangs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.servers import answering_server, chat

from seatrial.data.dataset import LoadedDataset
from seatrial.errors import DataError, SeatrialError
from seatrial.evaluation.runner import RanRows, run_rows
from seatrial.models.adapters import open_model
from seatrial.records.suite import Budgets, Case
from seatrial.storage.row_log import MemoryRowLog
from seatrial.storage.store import open_store

ROWS = 40
LENIENT = Budgets(failures=0.5)


def _data(**columns: Any) -> LoadedDataset:
    return LoadedDataset(
        name="numbers",
        ids=tuple(str(at) for at in range(ROWS)),
        columns={"x": list(range(ROWS)), "target": [at % 2 for at in range(ROWS)], **columns},
        inputs=("x",),
        fingerprint="f" * 64,
        target="target",
    )


CASE = Case(name="case", dataset="numbers.csv", task="multiclass")


def _run(model: Any, *, case: Case = CASE, log: Any = None, **more: Any) -> RanRows:
    return run_rows(_data(), open_model(model), case=case, log=log or MemoryRowLog(), budgets=LENIENT, **more)


def _spoiled(ran: RanRows) -> dict[int, str]:
    return {one.row: one.answer.reason for one in ran.answers if one.answer.reason is not None}


# models in this process


def _raises(x: list[int]) -> list[int]:
    if 7 in x:
        raise ValueError("seven\nis not for me")
    return [one % 2 for one in x]


def _raises_oddly(x: list[int]) -> list[int]:
    class OddError(Exception):
        def __str__(self) -> str:
            return ""

    if 7 in x:
        raise OddError
    return [one % 2 for one in x]


def _too_few(x: list[int]) -> list[int]:
    return [one % 2 for one in x if one != 7]


def _nan(x: list[int]) -> list[float]:
    return [float("nan") if one == 7 else one % 2 for one in x]


def _infinite(x: list[int]) -> dict[str, list[float]]:
    return {"score": [float("inf") if one == 7 else 0.5 for one in x]}


def _nothing(x: list[int]) -> list[Any]:
    return [None if one == 7 else one % 2 for one in x]


def _wrong_shape(x: list[int]) -> Any:
    found = np.zeros((len(x), 3, 2) if 7 in x else (len(x),))
    return found


def _one_value(x: list[int]) -> Any:
    return 1 if 7 in x else [one % 2 for one in x]


def _not_json(x: list[int]) -> list[Any]:
    return [object() if one == 7 else one % 2 for one in x]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (_raises, "ValueError: seven"),
        (_raises_oddly, "OddError"),
        (_too_few, "0 rows where 1"),
        (_nan, "NaN"),
        (_infinite, "infinite"),
        (_nothing, "nothing"),
        (_wrong_shape, "shape (1, 3, 2)"),
        (_one_value, "one int for 1 rows"),
        (_not_json, "object"),
    ],
)
def test_the_row_a_model_cannot_answer_is_missing_and_no_other(model: Callable[..., Any], said: str) -> None:
    ran = _run(model, batch_size=8)
    assert ran.status == "complete"
    spoiled = _spoiled(ran)
    assert list(spoiled) == [7]
    assert said in spoiled[7]
    assert "\n" not in spoiled[7]


@pytest.mark.parametrize(
    "model",
    [
        lambda x: [1] * (len(x) + 1),
        lambda x: None,
        lambda x: "yes",
        lambda x: np.zeros((2, 2, 2)),
        lambda x: [float("nan")] * len(x),
        lambda x: 1 / 0,
    ],
    ids=["too many", "nothing", "one text", "shape", "NaN", "raises"],
)
def test_a_model_that_answers_nothing_usable_makes_the_run_invalid(model: Callable[..., Any]) -> None:
    ran = run_rows(_data(), open_model(model), case=CASE, log=MemoryRowLog(), batch_size=16)
    assert ran.status == "invalid"
    assert ran.reason is not None
    assert "the model answered none of the first" in ran.reason
    assert all(one.answer.prediction is None for one in ran.answers)


def test_a_failed_row_is_not_wrong_and_not_dropped_in_the_stored_table(tmp_path: Path) -> None:
    import duckdb

    ran = _run(_raises)
    with open_store(tmp_path / "store") as store:
        path = store.table(store.put_table(ran.columns(_data(), case=CASE)))
    rows = duckdb.sql(f"SELECT id, prediction, reason FROM '{path}' WHERE prediction IS NULL").fetchall()
    assert rows == [("7", None, "ValueError: seven")]
    assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(ROWS,)]


# endpoints


def _http(url: str, **options: Any) -> str:
    given = {"concurrency": 4, "timeout": 0.3, "retries": 1, "backoff": 0.01, "longest_wait": 1, **options}
    return f"m=http:{url}?" + "&".join(f"{name}={value}" for name, value in given.items())


@pytest.mark.parametrize("what", ["stall", "429", "429 after 0.05", "500", "rubbish", "closed", "html", "empty"])
def test_one_bad_answer_is_asked_again_or_missing_and_no_other_row_suffers(what: str) -> None:
    with answering_server(lambda body: {"prediction": body["x"] % 2}, plan={5: what}) as server:
        ran = _run(_http(server.url))
        assert ran.status == "complete"
        assert len(ran.answers) == ROWS
        spoiled = _spoiled(ran)
        if what in ("stall", "429", "429 after 0.05", "500", "closed"):
            assert spoiled == {}
            assert (ran.retries, ran.calls, server.count) == (1, ROWS + 1, ROWS + 1)
        else:
            assert len(spoiled) <= 1
        for one in ran.answers:
            if one.answer.reason is None:
                assert one.answer.prediction == one.row % 2


@pytest.mark.parametrize(
    ("what", "said"),
    [("stall", "time"), ("429", "429"), ("500", "500"), ("rubbish", "JSON"), ("closed", "closed"), ("400 no", "400")],
)
def test_rows_an_endpoint_never_answers_are_missing_with_the_reason(what: str, said: str) -> None:
    bad = {3, 11}
    with answering_server(
        lambda body: {"prediction": body["x"] % 2}, plan=lambda _, body: what if body["x"] in bad else None
    ) as server:
        log = MemoryRowLog()
        ran = _run(_http(server.url), log=log)
        spoiled = _spoiled(ran)
        assert set(spoiled) == bad
        assert all(said in reason for reason in spoiled.values())
        assert ran.status == "complete"
        found = ran.latency()
        assert found is not None
        assert found.p50.missing == 2


@pytest.mark.parametrize(("what", "asked_again"), [("500", True), ("400 no", False)])
def test_an_endpoint_that_recovers_is_asked_again_where_that_may_help(what: str, asked_again: bool) -> None:
    down = True
    with answering_server(
        lambda body: {"prediction": body["x"] % 2}, plan=lambda _, body: what if down and body["x"] == 3 else None
    ) as server:
        log = MemoryRowLog()
        assert list(_spoiled(_run(_http(server.url), log=log))) == [3]
        down, before = False, server.count
        ran = _run(_http(server.url), log=log)
        assert (server.count - before, len(_spoiled(ran))) == ((1, 0) if asked_again else (0, 1))


def test_an_endpoint_that_is_not_there_is_said_and_not_asked_for_every_row() -> None:
    data = _data()
    ran = run_rows(data, open_model(_http("http://127.0.0.1:9")), case=CASE, log=MemoryRowLog())
    assert ran.status == "invalid"
    assert ran.reason is not None
    assert "refused" in ran.reason


def test_what_a_hostile_model_writes_is_kept_as_it_came() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m =cmd|' /C calc'!A0\u202e"
    case = Case(name="case", dataset="numbers.csv", task="text", prompt="{x}")
    with answering_server(chat(hostile)) as server:
        ran = run_rows(_data(), open_model(f"m=openai:{server.url}/v1#m"), case=case, log=MemoryRowLog())
        table = ran.columns(_data(), case=case)
    assert set(table["text"]) == {hostile}
    assert set(table["prediction"]) == {hostile.strip()}
    assert table["input_tokens"] == [1] * ROWS


def test_what_a_user_must_mend_is_an_error_and_not_forty_failures() -> None:
    case = Case(name="case", dataset="numbers.csv", task="text", prompt="{nope}")
    with answering_server(chat("yes")) as server, pytest.raises(SeatrialError, match="nope"):
        run_rows(_data(), open_model(f"m=openai:{server.url}/v1#m"), case=case, log=MemoryRowLog())


def test_a_model_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises((SeatrialError, DataError), match=r"gone\.py"):
        _run(f"m=function:{tmp_path}/gone.py:predict")
