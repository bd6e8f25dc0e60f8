"""What is asked: the inputs of a row, and the digests that name an input, an answer and a piece of work."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seatrial.data.dataset import LoadedDataset
from seatrial.evaluation.runner.checking import checked
from seatrial.models.base import Answer, RowFailed
from seatrial.models.extraction import extracted
from seatrial.models.prompts import columns_of
from seatrial.records.suite import Case

IDS = "@id"
"""The batch column of row ids, for a model that looks answers up (`needs_ids`)."""
_PLAIN = (str, int, float, bool, type(None))


def _asked_with(case: Case) -> dict[str, Any]:
    """What of a case changes the question; metrics and slices do not."""
    return {
        "inputs": list(case.roles.inputs),
        "prompt": case.prompt,
        "system": case.system,
        "parameters": case.parameters,
        "task": case.task,
        "positive": case.roles.positive,
    }


def work_key(
    dataset_fingerprint: str, model_fingerprint: str, case: Case, variant: str = "clean", *, seed: int = 0
) -> str:
    """Return the name of the row log of one piece of work: the SHA-256 of everything that is asked.

    A case whose metrics, slices or probes changed keeps its key, so its answers are not asked for again; another
    prompt, parameter, answer pattern, data set, model, `variant` (a probe and its severity) or seed has another.
    """
    asked = _asked_with(case) | {"answer": case.answer, "choices": list(case.choices)}
    parts = [dataset_fingerprint, model_fingerprint, asked, variant, seed]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


class Questions:
    """The inputs of rows as the model wants them, and the digest of each (row, repeat) for the cache."""

    def __init__(
        self, dataset: LoadedDataset, case: Case, *, model_fingerprint: str, needs_ids: bool, prompted: bool
    ) -> None:
        self._columns: dict[str, Sequence[Any]] = {name: dataset.columns[name] for name in dataset.inputs}
        if prompted and case.prompt is not None:
            for name in columns_of(case.prompt):
                if name in dataset.columns:
                    self._columns.setdefault(name, dataset.columns[name])
        self._ids = dataset.ids if needs_ids else None
        self._case = case
        asked = json.dumps([model_fingerprint, _asked_with(case)], sort_keys=True, default=str)
        self._base = hashlib.sha256(asked.encode())

    def batch(self, positions: Sequence[int]) -> dict[str, list[Any]]:
        """Input columns of some rows, with `@id` where the model needs it."""
        found = {name: [values[at] for at in positions] for name, values in self._columns.items()}
        if self._ids is not None:
            found[IDS] = [self._ids[at] for at in positions]
        return found

    def row(self, position: int) -> dict[str, Any]:
        """Input columns of one row, with `@id` where the model needs it."""
        found = {name: values[position] for name, values in self._columns.items()}
        if self._ids is not None:
            found[IDS] = self._ids[position]
        return found

    def read(self, answer: object) -> Answer:
        """An answer as it is kept: plain values, and the prediction taken out of a text that stands alone."""
        good = checked(answer)
        only_text = good.text is not None and good.reason is None and good.prediction is None
        return self._extracted(good) if only_text and good.score is None and not good.scores else good

    def reread(self, answer: Answer) -> Answer:
        """A remembered answer; of a text, what this case takes out of it."""
        return self._extracted(answer) if answer.text is not None else answer

    def _extracted(self, answer: Answer) -> Answer:
        try:
            return replace(answer, prediction=extracted(answer.text or "", self._case))
        except RowFailed as failed:
            return replace(answer, prediction=None, reason=failed.reason)

    def digest(self, position: int, repeat: int) -> str:
        """SHA-256 of model, prompt, parameters, the input of a row and which repeat it is."""
        found = self._base.copy()
        found.update(repeat.to_bytes(4, "big"))
        found.update(input_digest(self.row(position)))
        return found.hexdigest()


def input_digest(row: Mapping[str, Any]) -> bytes:
    """SHA-256 of the input columns of one row, images and other arrays by their bytes, type and shape.

    >>> input_digest({"a": 1}) == input_digest({"a": "1"})
    False
    """
    said = [[name, value if type(value) in _PLAIN else _as_json(value)] for name, value in row.items()]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode("utf-8", "surrogatepass")).digest()


def _as_json(value: Any) -> Any:
    """A value as JSON that differs wherever the value does."""
    if isinstance(value, bytes):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    if isinstance(value, Mapping):
        return {"mapping": [[str(name), _as_json(inner)] for name, inner in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_as_json(inner) for inner in value]
    if type(value) in _PLAIN:
        return value
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        content = hashlib.sha256(value.tobytes()).hexdigest()
        return {"array": content, "dtype": str(value.dtype), "shape": list(getattr(value, "shape", ()))}
    return {type(value).__name__: str(value)}
