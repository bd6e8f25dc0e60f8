"""An endpoint that takes and gives JSON: what is sent, what is read, what fails and in which words."""

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest

from seatrial.errors import UsageError
from seatrial.models.adapters import open_model
from seatrial.models.base import Answer, Limits, RowFailed, TryAgain
from seatrial.models.calls import Outcome, asked
from seatrial.models.endpoint import excerpt, retry_after
from seatrial.models.http import HttpModel
from seatrial.models.opening import Opening
from seatrial.records.suite import Case

from .servers import answering_server


def model_of(url: str, **options: Any) -> HttpModel:
    return HttpModel(Opening(name="api", location=url, options=options))


def ask(model: HttpModel, *rows: Mapping[str, Any], limits: Limits | None = None) -> list[Outcome]:
    async def go() -> list[Outcome]:
        await model.connect()
        try:
            return [await asked(model, row, limits=limits or model.limits, rng=random.Random(0)) for row in rows]
        finally:
            await model.disconnect()

    return asyncio.run(go())


def test_the_body_is_the_row_unless_told() -> None:
    with answering_server() as server:
        found = ask(model_of(f"{server.url}/p"), {"x": 3, "text": "a"}, {"x": None, "text": "b"})
    assert server.bodies == [{"x": 3, "text": "a"}, {"x": None, "text": "b"}]
    assert found[0].answer.prediction == 3
    assert found[1].answer.reason == "the answer has no prediction, score, scores or text"


def test_a_template_keeps_types_and_renders_texts() -> None:
    body = {"inputs": [["{age}", "{pixels}"]], "said": "aged {age} {{x}}", "row": "{*}", "top_k": 1}
    with answering_server(lambda body: {"outputs": [{"label": body["said"]}]}) as server:
        model = model_of(server.url, body=body, prediction="outputs.0.label")
        (found,) = ask(model, {"age": np.int64(39), "pixels": np.array([1, 2], np.uint8)})
    assert found.answer.prediction == "aged 39 {x}"
    assert server.bodies == [
        {
            "inputs": [[39, [1, 2]]],
            "said": "aged 39 {x}",
            "row": {"age": 39, "pixels": [1, 2]},
            "top_k": 1,
        }
    ]


@pytest.mark.parametrize(
    ("options", "content", "expected"),
    [
        ({}, {"prediction": "cat", "score": 0.5}, Answer(prediction="cat", score=0.5)),
        ({"prediction": "/a~1b/0"}, {"a/b": [7]}, Answer(prediction=7)),
        ({"score": "data.-1.p"}, {"data": [{"p": 0.1}, {"p": "0.25"}]}, Answer(score=0.25)),
        ({"scores": "$.s"}, {"s": {"a": 0.1, "b": 0.9}}, Answer(scores={"a": 0.1, "b": 0.9})),
        ({"scores": "s", "classes": "a, b"}, {"s": [0.1, 0.9]}, Answer(scores={"a": 0.1, "b": 0.9})),
        ({"scores": "0"}, [[{"label": "a", "score": 1.0}]], Answer(scores={"a": 1.0})),
        (
            {"prediction": "y", "values": {"v": "m.v"}},
            {"y": 0, "m": {"v": "3"}},
            Answer(prediction=0, values={"v": "3"}),
        ),
        (
            {"text": "t", "input_tokens": "u.i", "output_tokens": "u.o"},
            {"t": "hi", "u": {"i": 3, "o": 1}},
            Answer(text="hi", input_tokens=3, output_tokens=1),
        ),
        ({"prediction": "spans"}, {"spans": []}, Answer(prediction=[])),
    ],
)
def test_answers_are_found_by_their_paths(options: dict[str, Any], content: Any, expected: Answer) -> None:
    assert model_of("http://h/p", **options).read(content) == expected


@pytest.mark.parametrize(
    ("options", "content", "reason"),
    [
        ({"prediction": "a.b"}, {"a": 1}, "the answer has no prediction at 'a.b'"),
        ({"prediction": "0"}, [], "the answer has no prediction at '0'"),
        ({"prediction": "a"}, {"a": None}, "the answer's prediction is null"),
        ({"score": "s"}, {"s": "high"}, "the answer's score is not a finite number"),
        ({"score": "s"}, {"s": float("nan")}, "the answer's score is not a finite number"),
        ({"score": "s"}, {"s": True}, "the answer's score is not a finite number"),
        ({"prediction": "s"}, {"s": float("inf")}, "the answer's prediction is not a finite number"),
        ({"scores": "s"}, {"s": [1, 2]}, "the answer's scores are a list without names: give the option classes"),
        ({"scores": "s", "classes": ["a"]}, {"s": [1, 2]}, "the answer has 2 scores for 1 classes"),
        ({"text": "t"}, {"t": 5}, "the answer's text is no text"),
        ({}, "cat", "the answer has no prediction, score, scores or text"),
    ],
)
def test_what_is_no_answer_says_why(options: dict[str, Any], content: Any, reason: str) -> None:
    with pytest.raises(RowFailed) as failed:
        model_of("http://h/p", **options).read(content)
    assert failed.value.reason == reason


def test_a_text_is_read_as_the_case_says() -> None:
    case = Case(name="c", dataset="x.csv", choices=("yes", "no"), prompt="Is {x} good?")
    model = model_of("http://h/p", text="t", body={"q": "{prompt}"}).for_case(case)
    assert model.body({"x": 5}) == {"q": "Is 5 good?"}
    assert model.read({"t": "Yes."}).prediction == "yes"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_statuses_that_may_pass_are_tried_again(status: int) -> None:
    with answering_server(plan=[str(status)]) as server:
        (found,) = ask(model_of(server.url, backoff=0.01), {"x": 1})
    assert (found.answer.prediction, found.attempts, server.count) == (1, 2, 2)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
def test_statuses_that_will_not_pass_fail_the_row_at_once(status: int) -> None:
    with answering_server(plan=[f"{status} No such thing as 8f3a9c2d1b77aa01"]) as server:
        (found,) = ask(model_of(server.url), {"x": 1})
    assert found.attempts == 1
    moved = f"HTTP {status}: the endpoint has moved; give its new address"
    assert found.answer.reason == (moved if status == 301 else f"HTTP {status}: No such thing as #")


@pytest.mark.parametrize("form", ["after 0.3", "at 1"])
def test_retry_after_in_seconds_and_as_a_date(form: str) -> None:
    with answering_server(plan=[f"429 {form}"]) as server:
        began = time.perf_counter()
        (found,) = ask(model_of(server.url, backoff=0.001), {"x": 1})
    assert found.attempts == 2
    assert time.perf_counter() - began >= (0.3 if form.startswith("after") else 0.0)
    assert found.queue_ms >= (300 if form.startswith("after") else 0)


def test_retry_after_is_read_by_the_servers_own_clock() -> None:
    server = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {
        "Retry-After": format_datetime(server + timedelta(seconds=7), usegmt=True),
        "Date": format_datetime(server, usegmt=True),
    }
    assert retry_after(headers) == 7.0
    assert retry_after({"Retry-After": headers["Retry-After"]}, now=server.timestamp() + 100) == 0.0
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    assert retry_after({"Retry-After": "-1"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("rubbish", "the answer is no JSON (application/json)"),
        ("html", "the answer is no JSON (text/html)"),
        ("empty", "the answer is empty"),
        ("huge", "the answer is longer than 10 MB"),
    ],
)
def test_rubbish_is_a_missing_row_with_a_reason(what: str, reason: str) -> None:
    with answering_server(plan=[what]) as server:
        found, after = ask(model_of(server.url), {"x": 1}, {"x": 2})
    assert (found.answer.reason, found.attempts) == (reason, 1)
    assert after.answer.prediction == 2, "the connection still serves"


def test_a_body_that_breaks_off_and_a_stall_are_tried_again() -> None:
    with answering_server(plan=["closed", "stall"]) as server:
        (found,) = ask(model_of(server.url, timeout=0.3, backoff=0.01), {"x": 1})
    assert (found.answer.prediction, found.attempts) == (1, 3)


def test_a_server_that_is_not_there() -> None:
    with answering_server() as server:
        url = server.url
    (found,) = ask(model_of(url, retries=1, backoff=0.01), {"x": 1})
    assert (found.answer.reason, found.attempts) == ("the connection was refused", 2)


def test_headers_come_from_the_environment_and_stay_out_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hush-hush")
    headers = {"Authorization": "Bearer ${MY_SECRET}", "X-Price": "$$5"}
    with answering_server(plan=["400 key hush-hush is wrong"]) as server:
        model = model_of(f"{server.url}/p", headers=headers)
        failed, found = ask(model, {"x": 1}, {"x": 2})
    assert server.headers[1]["Authorization"] == "Bearer hush-hush"
    assert server.headers[1]["X-Price"] == "$5"
    assert found.answer.prediction == 2
    assert "hush" not in repr(model.info()) + repr(failed.answer)
    print_before = model.info()
    monkeypatch.setenv("MY_SECRET", "another")
    assert model.info() == print_before
    monkeypatch.delenv("MY_SECRET")
    with pytest.raises(UsageError, match="the environment has no MY_SECRET"):
        model.open()


def test_the_fingerprint_is_of_what_is_asked_and_not_of_secrets_or_pace() -> None:
    def of(url: str = "https://h/p", **options: Any) -> str:
        return model_of(url, **options).info().fingerprint

    assert of() == of(concurrency=3, timeout=1, headers={"A": "b"}) == of("https://me:pw@h/p")
    assert of("https://h/p?api_key=a") == of("https://h/p?api_key=b")
    assert len({of(), of("https://h/q"), of(body={"a": "{x}"}), of(score="s"), of(version="2"), of(method="PUT")}) == 6
    assert model_of("https://me:pw@h/p?api_key=a").info().location == "https://h/p"


def test_get_puts_the_row_into_the_query() -> None:
    with answering_server(lambda body: {"prediction": body["q"]}) as server:
        model = model_of(server.url, method="get", body='{"q": "{text}", "n": "{n}"}')
        (found,) = ask(model, {"text": "a&b=c é", "n": 2})
    assert found.answer.prediction == "a&b=c é"
    assert server.bodies == [{"q": "a&b=c é", "n": "2"}]


def test_as_a_user_writes_it() -> None:
    model = open_model("api=http:http://127.0.0.1:1/p?score=data.score&concurrency=3&per_minute=60")
    assert isinstance(model, HttpModel)
    assert (model.name, model.limits.concurrency, model.limits.per_minute) == ("api", 3, 60.0)


@pytest.mark.parametrize(
    ("location", "options", "message"),
    [
        ("http://h/p", {"scor": "a"}, "Did you mean 'score'"),
        ("ftp://h/p", {}, "no address of an endpoint"),
        ("http://h/p", {"method": "DELETE"}, "one of POST"),
        ("http://h/p", {"body": "not json"}, "no JSON"),
        ("http://h/p", {"body": {"a": "{x"}}, "lone '{'"),
        ("http://h/p", {"concurrency": 0}, "at least 1"),
        ("http://h/p", {"retries": "many"}, "must be a number"),
        ("http://h/p", {"retries": 1.5}, "whole number"),
        ("http://h/p", {"score": "a..b"}, "no path"),
        ("http://h/p", {"headers": "[1]"}, "object of names"),
    ],
)
def test_a_bad_option_is_said_before_anything_is_sent(location: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("{", r"\{")):
        model_of(location, **options)


def test_an_unknown_column_in_a_template_names_the_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean 'text'"):
        model_of("http://h/p", body={"a": "{txet}"}).body({"text": "x", "age": 3})


def test_an_excerpt_is_short_and_groups() -> None:
    assert (
        excerpt("Request 123e4567-e89b-12d3-a456-426614174000 failed after 12345 ms") == "Request # failed after # ms"
    )
    assert excerpt("see https://u:secret@host/path?k=v now") == "see # now"
    assert excerpt("\x1b[31mred\u202e") == "[31mred"
    assert len(excerpt("word " * 200)) <= 121


def test_asking_without_a_connection_is_a_missing_row() -> None:
    model = model_of("http://127.0.0.1:1/p")
    with pytest.raises(RowFailed):
        asyncio.run(model.ask({"x": 1}))


def test_many_at_once_each_row_gets_its_own_answer() -> None:
    with answering_server(latency=lambda number: 0.001 * (number % 7)) as server:
        model = model_of(server.url)

        async def go() -> list[Outcome]:
            await model.connect()
            rng = random.Random(0)
            calls = [asked(model, {"x": at}, limits=model.limits, rng=rng) for at in range(100)]
            found = await asyncio.gather(*calls)
            await model.disconnect()
            return list(found)

        found = asyncio.run(go())
    assert [one.answer.prediction for one in found] == list(range(100))
    assert server.most_at_once > 10
    assert all(count == 1 for count in server.calls.values())


def test_an_unknown_host_may_pass() -> None:
    async def go() -> None:
        model = model_of("http://nowhere.invalid/p")
        await model.connect()
        try:
            await model.ask({"x": 1})
        finally:
            await model.disconnect()

    with pytest.raises(TryAgain):
        asyncio.run(go())
