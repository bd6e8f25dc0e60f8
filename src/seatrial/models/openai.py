"""Language models behind the OpenAI wire format: chat and plain completions of any server that speaks it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from seatrial.errors import UsageError, did_you_mean, listed
from seatrial.models.base import Answer, RemoteModel, Row, RowFailed
from seatrial.models.endpoint import Endpoint, identity, public
from seatrial.models.extraction import compiled, extracted
from seatrial.models.http import digest
from seatrial.models.opening import Opening
from seatrial.models.options import LIMITS, limits_of, structure
from seatrial.models.prompts import as_json, rendered
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case

OPTIONS = ("endpoint", "key_env", "headers", "parameters", "system", "prompt", "version", *LIMITS)
ENDPOINTS = {"chat": "/chat/completions", "completions": "/completions"}
KEY = "OPENAI_API_KEY"
MESSAGES = "messages"
"""An input column of this name that holds a list of messages is sent as it is."""
_TAKEN = ("model", "messages", "prompt", "stream", "n")


class OpenAIModel(RemoteModel):
    """Asks `BASE_URL#model` one row a call: `http://127.0.0.1:8000/v1#smollm2`.

    `endpoint` is `chat` (the default) or `completions`. The key is read from the environment (`OPENAI_API_KEY`, or the
    name in `key_env`) and is nowhere shown or kept; without one none is sent. Prompt, system text, parameters and how
    an answer is read come from the suite's case, by `for_case`; options of the same names stand where the case has
    none. Without a prompt the one input column is sent, or the column `messages`.
    """

    adapter: ClassVar[str] = "openai"

    def __init__(self, opening: Opening, *, case: Case | None = None) -> None:
        opening.refuse_unknown(OPTIONS)
        given = opening.options
        base, _, model = opening.location.partition("#")
        if not model:
            raise UsageError(f"openai: '{public(base)}' names no model; write BASE_URL#MODEL.")
        self.name, self.location, self._opening, self._options, self._case = (
            opening.name,
            opening.location,
            opening,
            given,
            case,
        )
        self.model = model
        self.limits = limits_of(given, adapter="openai")
        self.kind = str(given.get("endpoint", "chat"))
        if self.kind not in ENDPOINTS:
            raise UsageError(
                f"openai: endpoint cannot be '{self.kind}'.{did_you_mean(self.kind, ENDPOINTS)} It is "
                f"{listed(ENDPOINTS)}."
            )
        self._parameters = {**self._mapping("parameters"), **({} if case is None else case.parameters)}
        for taken in _TAKEN:
            if taken in self._parameters:
                instead = " (ask several times by repeats)" if taken == "n" else ""
                raise UsageError(f"openai: '{taken}' is set by Seatrial and is no parameter{instead}; take it out.")
        self._prompt = (case.prompt if case is not None else None) or given.get("prompt")
        self._system = (case.system if case is not None else None) or given.get("system")
        if case is not None and case.answer is not None:
            compiled(case.answer)
        self._key_env = str(given.get("key_env", KEY))
        headers = {str(key): str(text) for key, text in self._mapping("headers").items()}
        if "key_env" in given or self._key_env in os.environ:
            headers.setdefault("Authorization", f"Bearer ${{{self._key_env}}}")
        self._endpoint = Endpoint(base.rstrip("/") + ENDPOINTS[self.kind], headers=headers)

    def _mapping(self, name: str) -> dict[str, Any]:
        found = structure(self._options.get(name) or {}, what=f"openai: {name}")
        if not isinstance(found, Mapping):
            raise UsageError(f"openai: {name} is an object of names and values.")
        return {str(key): value for key, value in found.items()}

    def for_case(self, case: Case) -> "OpenAIModel":
        """A copy that asks and reads as the case says, of equal `info`: the case is kept beside it, not in it."""
        return OpenAIModel(replace(self._opening, name=self.name), case=case)

    def info(self) -> ModelInfo:
        base = self.location.partition("#")[0]
        asked: dict[str, Any] = {
            "adapter": self.adapter,
            "address": identity(base.rstrip("/")),
            "model": self.model,
            "endpoint": self.kind,
            "parameters": self._mapping("parameters"),
            "prompt": self._options.get("prompt"),
            "system": self._options.get("system"),
            "version": self._options.get("version"),
        }
        return ModelInfo(
            name=self.name,
            adapter=self.adapter,
            location=f"{public(base)}#{self.model}",
            fingerprint=digest(asked),
            version=None if self._options.get("version") is None else str(self._options["version"]),
            device="remote",
            details={"model": self.model, "endpoint": self.kind},
        )

    def open(self) -> None:
        self._endpoint.check()

    async def connect(self) -> None:
        await self._endpoint.connect(timeout=self.limits.timeout)

    async def disconnect(self) -> None:
        await self._endpoint.disconnect()

    async def ask(self, row: Row) -> Answer:
        return self.read(await self._endpoint.send(self.body(row)))

    def body(self, row: Row) -> dict[str, Any]:
        """What is sent for a row."""
        if self.kind == "completions":
            text = self._text(row)
            if self._system:
                text = f"{rendered(self._system, row)}\n\n{text}"
            return {"model": self.model, "prompt": text, **self._parameters}
        messages: list[Any] = []
        if self._system:
            messages.append({"role": "system", "content": rendered(self._system, row)})
        given = row.get(MESSAGES)
        if self._prompt is None and isinstance(given, (list, tuple)):
            messages += as_json(given)
        else:
            messages.append({"role": "user", "content": self._text(row)})
        return {"model": self.model, "messages": messages, **self._parameters}

    def _text(self, row: Row) -> str:
        if self._prompt is not None:
            return rendered(str(self._prompt), row)
        if len(row) == 1:
            return rendered("{" + next(iter(row)) + "}", row)
        raise UsageError(
            f"openai: there are {len(row)} input columns ({listed(map(str, row), limit=6)}) and no prompt; give the "
            "case a prompt with {column} in it, or name one column in roles.inputs."
        )

    def read(self, content: Any) -> Answer:
        """The answer in what came back. Raises `RowFailed` where there is none."""
        if not isinstance(content, Mapping):
            raise RowFailed("the answer is no JSON object")
        if content.get("error") and not content.get("choices"):
            raise RowFailed("the answer is an error without a status")
        choices = content.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            raise RowFailed("the answer has no choices")
        first = choices[0]
        message = first if self.kind == "completions" else first.get("message")
        if not isinstance(message, Mapping):
            raise RowFailed("the answer's first choice has no message")
        values: dict[str, float | str] = {}
        if isinstance(first.get("finish_reason"), str):
            values["finish_reason"] = first["finish_reason"]
        text = _written(message.get("text" if self.kind == "completions" else "content"))
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            values["refusal"] = refusal
            text = text or refusal
        usage = content.get("usage")
        usage = usage if isinstance(usage, Mapping) else {}
        prediction, reason = self._read(text)
        return Answer(
            prediction=prediction,
            reason=reason,
            text=text,
            values=values,
            input_tokens=_count(usage.get("prompt_tokens")),
            output_tokens=_count(usage.get("completion_tokens")),
        )

    def _read(self, text: str) -> tuple[Any, str | None]:
        """The prediction in a text, or why there is none: the call was paid for either way, so it is an answer."""
        if self._case is None:
            return text.strip(), None
        try:
            return extracted(text, self._case), None
        except RowFailed as failed:
            return None, failed.reason


def _written(content: Any) -> str:
    """The text of a message; of a list of parts, their texts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    raise RowFailed("the answer's content is no text")


def _count(given: Any) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else None
