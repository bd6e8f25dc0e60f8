"""Language models by the OpenAI wire format, and what is read out of their texts."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest

from seatrial.errors import UsageError
from seatrial.models.adapters import open_model
from seatrial.models.base import Answer, RowFailed, TryAgain
from seatrial.models.calls import Outcome, asked
from seatrial.models.endpoint import Endpoint
from seatrial.models.extraction import NO_LABEL, extracted
from seatrial.models.openai import OpenAIModel
from seatrial.models.opening import Opening
from seatrial.models.prompts import filled, rendered
from seatrial.records.suite import Case

from .servers import answering_server, chat


def model_of(url: str = "http://127.0.0.1:1/v1", **options: Any) -> OpenAIModel:
    return OpenAIModel(Opening(name="bot", location=f"{url}#tiny", options=options))


def case_of(**given: Any) -> Case:
    return Case(**{"name": "c", "dataset": "x.csv", **given})


def ask(model: OpenAIModel, *rows: Mapping[str, Any]) -> list[Outcome]:
    async def go() -> list[Outcome]:
        await model.connect()
        try:
            return [await asked(model, row, limits=model.limits, rng=random.Random(0)) for row in rows]
        finally:
            await model.disconnect()

    return asyncio.run(go())


def test_a_case_says_what_is_asked_and_how_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-1")
    case = case_of(
        prompt="Which intent has '{text}'?",
        system="Answer with one label.",
        choices=("card lost", "pin"),
        parameters={"temperature": 0, "max_tokens": 8},
    )
    with answering_server(chat("The intent is Card_Lost.")) as server:
        (found,) = ask(model_of(f"{server.url}/v1").for_case(case), {"text": "my card is gone"})
    assert server.bodies == [
        {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Answer with one label."},
                {"role": "user", "content": "Which intent has 'my card is gone'?"},
            ],
            "temperature": 0,
            "max_tokens": 8,
        }
    ]
    assert server.headers[0]["Authorization"] == "Bearer sk-test-1"
    assert found.answer == Answer(
        prediction="card lost",
        text="The intent is Card_Lost.",
        values={"finish_reason": "stop"},
        input_tokens=7,
        output_tokens=4,
    )


def test_completions_send_one_text() -> None:
    case = case_of(prompt="{text} ->", system="Say yes or no.", choices=("yes", "no"))
    with answering_server(chat(" no\n")) as server:
        (found,) = ask(model_of(server.url, endpoint="completions").for_case(case), {"text": "ship"})
    assert server.bodies == [{"model": "tiny", "prompt": "Say yes or no.\n\nship ->"}]
    assert (found.answer.prediction, found.answer.text) == ("no", " no\n")


def test_without_a_prompt_one_column_or_messages_are_sent() -> None:
    model = model_of()
    assert model.body({"text": "hi {x}"})["messages"] == [{"role": "user", "content": "hi {x}"}]
    given = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert model.body({"messages": given})["messages"] == given
    with pytest.raises(UsageError, match="2 input columns"):
        model.body({"a": 1, "b": 2})


def test_no_key_is_sent_where_there_is_none_and_a_named_one_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with answering_server(chat()) as server:
        ask(model_of(server.url), {"text": "a"})
    assert "Authorization" not in server.headers[0]
    with pytest.raises(UsageError, match="the environment has no OTHER_KEY"):
        model_of(key_env="OTHER_KEY").open()
    monkeypatch.setenv("OTHER_KEY", "very-secret-9")
    model = model_of(key_env="OTHER_KEY")
    model.open()
    assert "very-secret" not in repr(model.info())


def reply(message: Any, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish}], **more}


def test_refusals_filters_and_cut_answers_are_recorded() -> None:
    case = case_of(choices=("yes", "no"))
    model = model_of().for_case(case)
    refused = model.read(reply({"content": None, "refusal": "I cannot."}))
    assert (refused.prediction, refused.text) == (NO_LABEL, "I cannot.")
    assert refused.values == {"finish_reason": "stop", "refusal": "I cannot."}
    cut = model.read(reply({"content": "Well, the answer is y"}, "length"))
    assert (cut.prediction, cut.values) == (NO_LABEL, {"finish_reason": "length"})
    filtered = model.read(reply({"content": None}, "content_filter"))
    assert (filtered.prediction, filtered.text) == (NO_LABEL, "")
    assert filtered.values == {"finish_reason": "content_filter"}
    parts = model.read(reply({"content": [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]}))
    assert parts.prediction == "yes"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"choices": []}, "the answer has no choices"),
        ({"choices": None}, "the answer has no choices"),
        ({}, "the answer has no choices"),
        ([], "the answer is no JSON object"),
        ({"error": {"message": "x"}}, "the answer is an error without a status"),
        ({"choices": [{"finish_reason": "stop"}]}, "the answer's first choice has no message"),
        ({"choices": [{"message": {"content": 5}}]}, "the answer's content is no text"),
    ],
)
def test_what_is_no_answer_says_why(content: Any, reason: str) -> None:
    with pytest.raises(RowFailed) as failed:
        model_of().read(content)
    assert failed.value.reason == reason


def test_usage_that_is_missing_or_odd_is_no_count() -> None:
    assert model_of().read(reply({"content": "a"})).input_tokens is None
    odd = model_of().read(reply({"content": "a"}, usage={"prompt_tokens": -1, "completion_tokens": "3"}))
    assert (odd.input_tokens, odd.output_tokens) == (None, None)


def test_an_unknown_model_fails_the_row_in_the_servers_words() -> None:
    with answering_server(chat(), plan=["404 model 'tiny' does not exist"]) as server:
        (found,) = ask(model_of(server.url), {"text": "a"})
    assert (found.answer.reason, found.attempts) == ("HTTP 404: model 'tiny' does not exist", 1)


def test_no_credit_left_is_not_tried_again() -> None:
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    refused = Endpoint("http://h/v1")._refused(429, {}, body)
    assert isinstance(refused, RowFailed)
    assert refused.reason == "HTTP 429: You exceeded your quota"
    assert isinstance(Endpoint("http://h/v1")._refused(429, {}, b"{}"), TryAgain)


def test_the_case_stays_out_of_the_fingerprint_and_options_are_in_it() -> None:
    model = model_of()
    assert model.for_case(case_of(prompt="{x}")).info() == model.info()
    prints = {
        one.info().fingerprint
        for one in (
            model,
            model_of(parameters={"temperature": 1}),
            model_of(endpoint="completions"),
            model_of(version="2"),
            model_of("http://other/v1"),
        )
    }
    assert len(prints) == 5
    assert model_of(concurrency=2).info().fingerprint == model.info().fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": "chats"}, "Did you mean 'chat'"),
        ({"parameters": {"stream": True}}, "'stream' is set by Seatrial"),
        ({"parameters": '{"n": 3}'}, "by repeats"),
        ({"promt": "x"}, "Did you mean 'prompt'"),
    ],
)
def test_a_bad_option_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model_of(**options)


def test_as_a_user_writes_it() -> None:
    model = open_model("bot=openai:http://127.0.0.1:8000/v1#smollm2?endpoint=completions")
    assert isinstance(model, OpenAIModel)
    assert (model.name, model.model, model.kind) == ("bot", "smollm2", "completions")
    with pytest.raises(UsageError, match="names no model"):
        open_model("bot=openai:http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card lost", "card lost"),
        (" 'Card_Lost'. ", "card lost"),
        ("I think it is card-lost!", "card lost"),
        ("card", "card"),
        ("lost card", "card"),
        ("a card lost, not a card", NO_LABEL),
        ("discard lost", NO_LABEL),
        ("", NO_LABEL),
        ("pin and card", NO_LABEL),
        ("pin, pin and PIN", "pin"),
    ],
)
def test_choices_are_whole_words_the_longest_first_and_only_one(text: str, expected: str) -> None:
    assert extracted(text, case_of(choices=("card lost", "card", "pin"))) == expected


def test_labels_that_look_alike_are_kept_apart() -> None:
    case = case_of(choices=("-1", "1", "A", "a"))
    assert [extracted(text, case) for text in ("-1", " 1 ", "A", "a", "it is -1")] == ["-1", "1", "A", "a", "-1"]


def test_a_regular_expression_takes_the_answer_out() -> None:
    case = case_of(answer=r"ANSWER:\s*(?P<answer>\w+)", choices=("yes", "no"))
    assert extracted("yes? hm. ANSWER: no", case) == "no"
    assert extracted("no answer", case) == NO_LABEL
    assert extracted("x=[7]", case_of(answer=r"\[(\d)\]")) == "7"
    assert extracted("ab12", case_of(answer=r"\d+")) == "12"
    with pytest.raises(UsageError, match="no regular expression"):
        extracted("a", case_of(answer="("))
    with pytest.raises(UsageError, match="no regular expression"):
        model_of().for_case(case_of(answer="("))


def test_other_tasks_read_numbers_lists_and_json() -> None:
    assert extracted("about 1,234.5 euros", case_of(task="regression")) == 1234.5
    with pytest.raises(RowFailed, match="no number"):
        extracted("none", case_of(task="regression"))
    assert extracted("b and a", case_of(task="multilabel", choices=("a", "b", "c"))) == ["b", "a"]
    spans = 'Sure:\n```json\n[{"type": "PER", "start": 0, "end": 4}]\n```'
    assert extracted(spans, case_of(task="entities")) == [{"type": "PER", "start": 0, "end": 4}]
    assert extracted("I found nothing", case_of(task="entities")) == []
    assert extracted('total {"sum": 3}', case_of(task="fields")) == {"sum": 3}
    assert extracted("[" * 5000, case_of(task="boxes")) == []
    assert extracted("  free text ", case_of(task="text")) == "free text"


def test_templates_render_and_refuse() -> None:
    assert rendered("{{{a}}} {b}|{c}", {"a": "{x}", "b": None, "c": 2.0}) == "{{x}} |2.0"
    assert filled(["{a}"], {"a": float("nan")}) == [None]
    with pytest.raises(UsageError, match="Did you mean 'text'"):
        rendered("{txt}", {"text": "a"})
    with pytest.raises(UsageError, match="lone '}'"):
        rendered("a } b", {})
