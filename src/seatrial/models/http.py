"""A model behind an HTTP endpoint that takes and gives JSON, by a template of the request and paths into the answer."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from seatrial.errors import UsageError, listed
from seatrial.models.base import Answer, RemoteModel, Row, RowFailed
from seatrial.models.endpoint import Endpoint, identity, public
from seatrial.models.extraction import compiled, extracted
from seatrial.models.opening import Opening
from seatrial.models.options import LIMITS, limits_of, structure
from seatrial.models.prompts import columns_of, filled, rendered
from seatrial.records.run import ModelInfo
from seatrial.records.suite import Case

_PATHS = ("prediction", "score", "scores", "text", "input_tokens", "output_tokens")
OPTIONS = ("method", "headers", "body", *_PATHS, "values", "classes", "version", *LIMITS)
_METHODS = ("POST", "PUT", "PATCH", "GET")
_MISSING = object()
PROMPT = "prompt"
"""`{prompt}` in a body: the case's prompt with the row's values in it, where no column has that name."""


class HttpModel(RemoteModel):
    """Asks an endpoint one row a call.

    `body` is JSON with `{column}` in it (a text that is `{column}` alone takes the value with its type, `{*}` the
    whole row; by default the body is the row). `prediction`, `score`, `scores`, `text`, `input_tokens` and
    `output_tokens` are paths into the answer (`data.0.label` or `/data/0/label`); where none is given, fields of these
    names are looked for at the top. `values` maps further columns to paths; `classes` names the entries of a list of
    scores. Headers may name environment variables (`Authorization: Bearer $API_KEY`); their values are nowhere shown
    or kept. The limits are those of `Limits`.
    """

    adapter: ClassVar[str] = "http"

    def __init__(self, opening: Opening, *, case: Case | None = None) -> None:
        opening.refuse_unknown(OPTIONS)
        given = opening.options
        self.name, self.location, self._opening, self._options, self._case = (
            opening.name,
            opening.location,
            opening,
            given,
            case,
        )
        self.limits = limits_of(given, adapter="http")
        method = str(given.get("method", "POST")).upper()
        if method not in _METHODS:
            raise UsageError(f"http: the method cannot be {method}; it is one of {listed(_METHODS)}.")
        self._body = structure(given.get("body", {"*": "{*}"}), what="http: body")
        if not isinstance(self._body, (dict, list)):
            raise UsageError("http: body is a JSON object or list with {column} in it.")
        if method == "GET" and not isinstance(self._body, dict):
            raise UsageError("http: with GET the body is an object: its entries become the query.")
        self._columns = columns_of(self._body)
        self._whole = self._body == {"*": "{*}"}
        self._paths = {part: _path(str(given[part]), what=part) for part in _PATHS if given.get(part) is not None}
        self._values = {
            str(column): _path(str(path), what=f"values.{column}")
            for column, path in _mapping(given.get("values"), "values").items()
        }
        classes = given.get("classes") or ()
        self._classes = tuple(str(one).strip() for one in (classes.split(",") if isinstance(classes, str) else classes))
        headers = {str(key): str(text) for key, text in _mapping(given.get("headers"), "headers").items()}
        self._endpoint = Endpoint(self.location, method=method, headers=headers)
        if case is not None and case.answer is not None:
            compiled(case.answer)

    def for_case(self, case: Case) -> "HttpModel":
        """A copy that takes its answers as the case says (prompt, regular expression, choices), of equal `info`."""
        return HttpModel(replace(self._opening, name=self.name), case=case)

    def info(self) -> ModelInfo:
        asked: dict[str, Any] = {
            "adapter": self.adapter,
            "address": identity(self.location),
            "method": self._endpoint.method,
            "body": self._body,
            "answer": {name: str(self._options.get(name)) for name in (*_PATHS, "values", "classes")},
            "version": self._options.get("version"),
        }
        return ModelInfo(
            name=self.name,
            adapter=self.adapter,
            location=public(self.location),
            fingerprint=digest(asked),
            version=None if self._options.get("version") is None else str(self._options["version"]),
            device="remote",
            details={"method": self._endpoint.method},
        )

    def open(self) -> None:
        self._endpoint.check()

    async def connect(self) -> None:
        await self._endpoint.connect(timeout=self.limits.timeout)

    async def disconnect(self) -> None:
        await self._endpoint.disconnect()

    async def ask(self, row: Row) -> Answer:
        return self.read(await self._endpoint.send(self.body(row)))

    def body(self, row: Row) -> Any:
        """What is sent for a row."""
        if self._whole:
            return filled("{*}", row)
        if PROMPT in self._columns and PROMPT not in row and self._case is not None and self._case.prompt is not None:
            row = {**row, PROMPT: rendered(self._case.prompt, row)}
        return filled(self._body, row)

    def read(self, content: Any) -> Answer:
        """The answer in what came back. Raises `RowFailed` where there is none."""
        found: dict[str, Any] = {}
        if self._paths:
            for part, path in self._paths.items():
                value = _at(content, path)
                if value is _MISSING:
                    if part in ("input_tokens", "output_tokens"):
                        continue
                    raise RowFailed(f"the answer has no {part} at '{'.'.join(path)}'")
                found[part] = value
        elif isinstance(content, Mapping):
            found = {part: content[part] for part in _PATHS if content.get(part) is not None}
        if not any(found.get(part) is not None for part in ("prediction", "score", "scores", "text")):
            raise RowFailed(
                "the answer has no prediction, score, scores or text"
                if not self._paths
                else f"the answer's {listed(found)} is null"
            )
        text = found.get("text")
        if text is not None and not isinstance(text, str):
            raise RowFailed("the answer's text is no text")
        prediction = found.get("prediction")
        if isinstance(prediction, float) and not math.isfinite(prediction):
            raise RowFailed("the answer's prediction is not a finite number")
        if prediction is None and text is not None and self._case is not None:
            prediction = extracted(text, self._case)
        values: dict[str, float | str] = {}
        for column, path in self._values.items():
            value = _at(content, path)
            if value is not _MISSING and value is not None:
                values[column] = value if isinstance(value, (int, float, str)) else json.dumps(value)
        return Answer(
            prediction=prediction,
            score=None if found.get("score") is None else _number(found["score"], "score"),
            scores=self._scores(found.get("scores")),
            text=text,
            values=values,
            input_tokens=_tokens(found.get("input_tokens")),
            output_tokens=_tokens(found.get("output_tokens")),
        )

    def _scores(self, given: Any) -> dict[str, float]:
        if given is None:
            return {}
        if isinstance(given, Mapping):
            return {str(label): _number(one, "scores") for label, one in given.items()}
        if not isinstance(given, list):
            raise RowFailed("the answer's scores are neither an object nor a list")
        if given and all(isinstance(one, Mapping) and "label" in one and "score" in one for one in given):
            return {str(one["label"]): _number(one["score"], "scores") for one in given}
        if not self._classes:
            raise RowFailed("the answer's scores are a list without names: give the option classes")
        if len(given) != len(self._classes):
            raise RowFailed(f"the answer has {len(given)} scores for {len(self._classes)} classes")
        return {label: _number(one, "scores") for label, one in zip(self._classes, given, strict=True)}


def digest(of: Any) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(of, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def _mapping(given: Any, what: str) -> Mapping[str, Any]:
    found = structure(given if given is not None else {}, what=f"http: {what}")
    if not isinstance(found, Mapping):
        raise UsageError(f"http: {what} is an object of names and texts.")
    return found


def _path(text: str, *, what: str) -> tuple[str, ...]:
    if text.startswith("/"):
        return tuple(one.replace("~1", "/").replace("~0", "~") for one in text[1:].split("/"))
    found = tuple(text.removeprefix("$.").split("."))
    if not all(found):
        raise UsageError(f"http: {what}: '{text}' is no path; write data.0.label or /data/0/label.")
    return found


def _at(content: Any, path: tuple[str, ...]) -> Any:
    here = content
    for part in path:
        if isinstance(here, Mapping):
            here = here.get(part, _MISSING)
        elif isinstance(here, list) and part.lstrip("-").isdigit() and -len(here) <= int(part) < len(here):
            here = here[int(part)]
        else:
            return _MISSING
        if here is _MISSING:
            return _MISSING
    return here


def _number(given: Any, what: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        try:
            given = float(given) if isinstance(given, str) else math.nan
        except ValueError:
            given = math.nan
    if not math.isfinite(given):
        raise RowFailed(f"the answer's {what} is not a finite number")
    return float(given)


def _tokens(given: Any) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else None
