"""The base of every record: frozen, no unknown fields, no NaN, named by the digest of its canonical JSON."""

import hashlib
import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from seatrial.errors import UsageError, did_you_mean


class Record(BaseModel):
    """A frozen value object; its JSON is its own dump."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="null")

    def canonical_json(self) -> str:
        """Return JSON with sorted keys and no spaces: the same record gives the same bytes."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @classmethod
    def parse(cls, given: Any, *, what: str) -> Self:
        """Validate untrusted input; a bad one raises `UsageError` in one sentence that names the place and the fix."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise UsageError(f"{what}: {_sentence(cls, error)}") from None


def _sentence(cls: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        known = fields_at(cls, first["loc"][:-1])
        return f"unknown key '{place}'.{did_you_mean(key, known)} Known keys: {', '.join(sorted(known))}."
    if first["type"] == "missing":
        return f"'{place}' is missing; add it."
    message = first["msg"].removeprefix("Value error, ")
    return f"'{place}' cannot be {first['input']!r:.80}: {message}."


def fields_at(cls: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the field names of the model found by walking `path` through annotations."""
    here: type[BaseModel] = cls
    for part in path:
        if isinstance(part, int) or part not in here.model_fields:
            continue
        found = _model_in(here.model_fields[part].annotation)
        if found is None:
            return []
        here = found
    return list(here.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
